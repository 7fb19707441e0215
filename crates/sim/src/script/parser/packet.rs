//! Packets: direction, what is said of IP, and a TCP segment, a UDP datagram or an ICMP error.

use super::{option, unsupported};
use crate::script::ast::{Action, Body, Direction, Ecn, Flags, Icmp, IpInfo, Packet, Segment};
use crate::script::lexer::{Lexer, ParseError};

const WHAT: &str = "a packet";

pub(super) fn packet(lexer: &mut Lexer<'_>) -> Result<Action, ParseError> {
    let direction = if lexer.eat("<") {
        Direction::In
    } else {
        lexer.expect(">", WHAT)?;
        Direction::Out
    };
    let ip = match ip_info(lexer)? {
        Ok(ip) => ip,
        Err(what) => return Ok(unsupported(lexer, what)),
    };
    let ports = ports(lexer)?;
    let mut ahead = lexer.clone();
    let protocol = ahead
        .word()
        .filter(|word| word.len() > 2 || *word == "sctp");
    let body = match protocol {
        Some("udp") => {
            *lexer = ahead;
            udp(lexer)?
        }
        Some("icmp" | "icmpv4" | "icmpv6") => {
            *lexer = ahead;
            match icmp(lexer)? {
                Ok(icmp) => Body::Icmp(icmp),
                Err(what) => return Ok(unsupported(lexer, what)),
            }
        }
        Some(word) if !word.bytes().all(is_flag) => {
            return Ok(unsupported(lexer, format!("a packet of `{word}`")));
        }
        _ => match segment(lexer)? {
            Ok(segment) => Body::Tcp(segment),
            Err(what) => return Ok(unsupported(lexer, what)),
        },
    };
    if lexer.sees("/") {
        let what = "TCP inside of UDP".to_owned();
        return Ok(unsupported(lexer, what));
    }
    Ok(Action::Packet(Packet {
        direction,
        ip,
        ports,
        body,
    }))
}

/// `Err` inside says what of it is not known.
type Known<T> = Result<Result<T, String>, ParseError>;

fn ip_info(lexer: &mut Lexer<'_>) -> Known<IpInfo> {
    let mut ip = IpInfo::default();
    loop {
        let close = if lexer.eat("[") {
            "]"
        } else if lexer.eat("(") {
            ")"
        } else {
            return Ok(Ok(ip));
        };
        loop {
            match lexer.word() {
                Some("noecn" | "nonect") => ip.ecn = Some(Ecn::Not),
                Some("ect0") => ip.ecn = Some(Ecn::Ect0),
                Some("ect1") => ip.ecn = Some(Ecn::Ect1),
                Some("ect01") => ip.ecn = Some(Ecn::Ect01),
                Some("ce") => ip.ecn = Some(Ecn::Ce),
                Some("tos" | "class") => ip.traffic_class = Some(lexer.number(WHAT)?),
                Some("ttl" | "hlim") => ip.hop_limit = Some(lexer.number(WHAT)?),
                Some(word) => return Ok(Err(format!("`{word}` of an IP header"))),
                None => return Err(lexer.error(WHAT, "a field of the IP header")),
            }
            if !lexer.eat(",") {
                break;
            }
        }
        lexer.expect(close, WHAT)?;
    }
}

/// `source > destination`, if it is there.
fn ports(lexer: &mut Lexer<'_>) -> Result<Option<(u16, u16)>, ParseError> {
    let mut ahead = lexer.clone();
    if ahead.integer().is_none() || !ahead.eat(">") {
        return Ok(None);
    }
    let source = lexer.number("a port")?;
    lexer.expect(">", "ports")?;
    Ok(Some((source, lexer.number("a port")?)))
}

fn udp(lexer: &mut Lexer<'_>) -> Result<Body, ParseError> {
    lexer.expect("(", "a UDP datagram")?;
    let len = lexer.number("a UDP datagram")?;
    lexer.expect(")", "a UDP datagram")?;
    Ok(Body::Udp { len })
}

fn icmp(lexer: &mut Lexer<'_>) -> Known<Icmp> {
    const WHAT: &str = "an ICMP error";
    let Some(kind) = lexer.word() else {
        return Err(lexer.error(WHAT, "its type"));
    };
    let mut icmp = Icmp {
        kind: kind.to_owned(),
        code: None,
        mtu: None,
        quoted: None,
    };
    let mut ahead = lexer.clone();
    let word = ahead.word().filter(|word| *word != "mtu");
    // Digits with a dot or a sign behind them are the time of the next step.
    if let Some(word) = word {
        icmp.code = Some(word.to_owned());
        *lexer = ahead;
    }
    if lexer.eat_word("mtu") {
        icmp.mtu = Some(lexer.number(WHAT)?);
    }
    if lexer.eat("[") {
        if lexer.sees("udp") {
            return Ok(Err("an ICMP error about UDP".to_owned()));
        }
        let (seq, len) = range(lexer)?;
        lexer.expect("]", WHAT)?;
        icmp.quoted = Some((seq, len));
    }
    Ok(Ok(icmp))
}

fn segment(lexer: &mut Lexer<'_>) -> Known<Segment> {
    let flags = flags(lexer)?;
    let mut segment = Segment {
        flags,
        seq: None,
        len: 0,
        absolute: false,
        ack: None,
        ack_absolute: false,
        window: None,
        urgent: None,
        options: Some(Vec::new()),
    };
    if lexer.eat("...") {
        segment.len = in_parentheses(lexer)?;
    } else {
        let (seq, len) = range(lexer)?;
        (segment.seq, segment.len) = (Some(seq), len);
    }
    segment.absolute = lexer.eat("!");
    if lexer.eat_word("ack") {
        segment.ack = Some(lexer.number("an acknowledgment number")?);
        segment.ack_absolute = lexer.eat("!");
    }
    if lexer.eat_word("win") {
        segment.window = Some(lexer.number("a window")?);
    }
    if lexer.eat_word("urg") {
        segment.urgent = Some(lexer.number("an urgent pointer")?);
    }
    if lexer.eat("<") {
        match option::options(lexer)? {
            Ok(options) => segment.options = options,
            Err(what) => return Ok(Err(what)),
        }
    }
    Ok(Ok(segment))
}

/// `first:behind(length)`; both must agree.
fn range(lexer: &mut Lexer<'_>) -> Result<(u32, u32), ParseError> {
    let first: u32 = lexer.number("a sequence number")?;
    lexer.expect(":", "a range of sequence numbers")?;
    let behind: u32 = lexer.number("a sequence number")?;
    let len = in_parentheses(lexer)?;
    if first.wrapping_add(len) != behind {
        return Err(lexer.error("a range of sequence numbers", "a length that fits it"));
    }
    Ok((first, len))
}

fn in_parentheses(lexer: &mut Lexer<'_>) -> Result<u32, ParseError> {
    lexer.expect("(", "a length")?;
    let len = lexer.number("a length")?;
    lexer.expect(")", "a length")?;
    Ok(len)
}

fn is_flag(byte: u8) -> bool {
    b"FSRPUEWCA.-0123456789".contains(&byte)
}

/// Letters, `.` for ACK, a digit for the three ECN flags together, `-` for none at all.
fn flags(lexer: &mut Lexer<'_>) -> Result<Flags, ParseError> {
    let mut flags = Flags::default();
    if lexer.sees("...") {
        return Err(lexer.error("a segment", "its flags"));
    }
    let text = lexer.take(is_flag);
    if text.is_empty() {
        return Err(lexer.error("a segment", "its flags"));
    }
    for byte in text.bytes() {
        flags.bits |= match byte {
            b'F' => Flags::FIN,
            b'S' => Flags::SYN,
            b'R' => Flags::RST,
            b'P' => Flags::PSH,
            b'.' => Flags::ACK,
            b'U' => Flags::URG,
            b'E' => Flags::ECE,
            b'W' | b'C' => Flags::CWR,
            b'A' => Flags::AE,
            b'0'..=b'7' if flags.ace.is_none() => {
                let count = byte - b'0';
                flags.ace = Some(count);
                u16::from(count) << 6
            }
            b'-' if text.len() == 1 => 0,
            _ => return Err(lexer.error("a segment", "an end of its flags")),
        };
    }
    Ok(flags)
}
