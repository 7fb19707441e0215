//! Packets in the words of scripts, for messages.

use std::fmt::Write as _;

use super::flow::Flow;
use super::wire::{LiveSegment, Sent, SentBody};
use crate::script::ast::{Body, Cookie, Direction, EcnCounter, Flags, Packet, TcpOption};

/// What a stranger's file says, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\n' => char,
            _ if char.is_control() => char::REPLACEMENT_CHARACTER,
            _ => char,
        })
        .collect()
}

/// A packet of the script.
pub(super) fn packet(packet: &Packet) -> String {
    let arrow = match packet.direction {
        Direction::In => '<',
        Direction::Out => '>',
    };
    let mut text = arrow.to_string();
    if let Some(ecn) = packet.ip.ecn {
        let _ = write!(text, " [{}]", format!("{ecn:?}").to_lowercase());
    }
    if let Some(class) = packet.ip.traffic_class {
        let _ = write!(text, " (tos {class:#04x})");
    }
    match &packet.body {
        Body::Udp { len } => {
            let _ = write!(text, " udp ({len})");
        }
        Body::Icmp(icmp) => {
            let code = icmp.code.as_deref().unwrap_or_default();
            let _ = write!(text, " icmp {} {code}", icmp.kind);
        }
        Body::Tcp(segment) => {
            let _ = write!(text, " {}", flags(segment.flags));
            let _ = match segment.seq {
                Some(seq) => write!(
                    text,
                    " {seq}:{}({})",
                    seq.wrapping_add(segment.len),
                    segment.len
                ),
                None => write!(text, " ...({})", segment.len),
            };
            for (name, value) in [
                ("ack", segment.ack),
                ("win", segment.window.map(u32::from)),
                ("urg", segment.urgent.map(u32::from)),
            ] {
                if let Some(value) = value {
                    let _ = write!(text, " {name} {value}");
                }
            }
            match &segment.options {
                None => text.push_str(" <...>"),
                Some(list) => text.push_str(&options(list)),
            }
        }
    }
    text
}

/// A packet of the stack, with its numbers as the script calls them.
pub(super) fn sent(sent: &Sent, flow: Option<&Flow>) -> String {
    match &sent.body {
        SentBody::Other(protocol) => format!("> a packet of IP protocol {protocol}"),
        SentBody::Broken(why) => format!("> {why}"),
        SentBody::Tcp { segment, .. } => {
            let ecn = ["", "[ect1] ", "[ect0] ", "[ce] "][usize::from(sent.traffic_class & 3)];
            format!("> {ecn}{} [{}]", live(segment, flow), sent.cause)
        }
    }
}

fn live(segment: &LiveSegment, flow: Option<&Flow>) -> String {
    let named = flow.map_or_else(|| segment.clone(), |flow| flow.outgoing(segment));
    let (seq, len) = (named.seq, named.len);
    let mut text = format!(
        "{} {seq}:{}({len})",
        flags(named.flags),
        seq.wrapping_add(len)
    );
    if named.flags.has(Flags::ACK) {
        let _ = write!(text, " ack {}", named.ack);
    }
    let _ = write!(text, " win {}", named.window);
    if named.flags.has(Flags::URG) {
        let _ = write!(text, " urg {}", named.urgent);
    }
    let mut list = named.options;
    for option in &mut list {
        if let (TcpOption::Timestamps { value, .. }, Some(flow)) = (option, flow) {
            *value = flow.script_stamp(*value).unwrap_or(*value);
        }
    }
    text.push_str(&options(&list));
    text
}

/// Flags by their letters.
pub(super) fn flags(flags: Flags) -> String {
    let letters = [
        (Flags::FIN, 'F'),
        (Flags::SYN, 'S'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::URG, 'U'),
        (Flags::ECE, 'E'),
        (Flags::CWR, 'W'),
        (Flags::AE, 'A'),
        (Flags::ACK, '.'),
    ];
    let text: String = letters
        .iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, letter)| letter)
        .collect();
    if text.is_empty() {
        return "-".to_owned();
    }
    text
}

/// Options between brackets; nothing when there are none.
pub(super) fn options(options: &[TcpOption]) -> String {
    if options.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = options.iter().map(option).collect();
    format!(" <{}>", texts.join(","))
}

fn option(option: &TcpOption) -> String {
    match option {
        TcpOption::Eol => "eol".to_owned(),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(l, r)| format!("{l}:{r}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamps { value, echo } => format!("TS val {value} ecr {echo}"),
        TcpOption::FastOpen(value) => format!("FO {}", cookie(value)).trim_end().to_owned(),
        TcpOption::FastOpenExperimental(value) => {
            format!("FOEXP {}", cookie(value)).trim_end().to_owned()
        }
        TcpOption::AccEcn(counters) => {
            let counters: Vec<String> = counters
                .iter()
                .map(|(counter, count)| {
                    let name = match counter {
                        EcnCounter::Ect0 => "e0b",
                        EcnCounter::Ce => "ceb",
                        EcnCounter::Ect1 => "e1b",
                    };
                    format!("{name} {count}")
                })
                .collect();
            format!("ECN {}", counters.join(" "))
        }
        TcpOption::Md5 => "md5".to_owned(),
        TcpOption::Unknown { kind, content } => format!("kind {kind} {}", hex(content)),
    }
}

fn cookie(cookie: &Cookie) -> String {
    match cookie {
        Cookie::Bytes(bytes) => hex(bytes),
        Cookie::Named(name) => name.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
