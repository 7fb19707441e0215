//! One line for any frame, in tcpdump's manner.
//!
//! Whatever the bytes are, there is a line: what cannot be parsed is said to be so.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use crate::arp::{ArpOperation, ArpPacket};
use crate::buf::Medium;
use crate::error::ParseError;
use crate::ethernet::{EtherType, EthernetHeader};
use crate::icmpv4::{Icmpv4, unreachable};
use crate::icmpv6::Icmpv6;
use crate::ip::Protocol;
use crate::ipv4::Ipv4Header;
use crate::ipv6::Ipv6Header;
use crate::ipv6_ext;
use crate::ndp::Ndp;
use crate::tcp::{self, TcpFlags, TcpHeader};
use crate::udp::UdpHeader;

/// A frame that prints itself on one line.
pub fn frame(bytes: &[u8], medium: Medium) -> impl fmt::Display + '_ {
    Pretty { bytes, medium }
}

struct Pretty<'a> {
    bytes: &'a [u8],
    medium: Medium,
}

impl fmt::Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.medium {
            Medium::Ethernet => ethernet(f, self.bytes),
            Medium::Ip => ip(f, self.bytes),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Format(error)) => Err(error),
            Err(Stop::Parse(error)) => write!(f, "[{} bytes: {error}]", self.bytes.len()),
        }
    }
}

/// Why a line ends early.
enum Stop {
    Format(fmt::Error),
    Parse(ParseError),
}

impl From<fmt::Error> for Stop {
    fn from(error: fmt::Error) -> Self {
        Self::Format(error)
    }
}

impl From<ParseError> for Stop {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

type Line = Result<(), Stop>;

fn ethernet(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> Line {
    let (header, payload) = EthernetHeader::parse(bytes)?;
    match header.ether_type {
        EtherType::ARP => arp(f, payload),
        EtherType::IPV4 | EtherType::IPV6 => ip(f, payload),
        EtherType(other) => {
            let (from, to) = (header.source, header.destination);
            write!(
                f,
                "{from} > {to}, ethertype 0x{other:04x}, length {}",
                payload.len()
            )?;
            Ok(())
        }
    }
}

fn arp(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> Line {
    let arp = ArpPacket::parse(bytes)?;
    let (target, sender) = (arp.target_protocol, arp.sender_protocol);
    match arp.operation {
        ArpOperation::REQUEST if sender.is_unspecified() => {
            write!(f, "ARP, Probe who-has {target}")?;
        }
        ArpOperation::REQUEST if sender == target => {
            write!(
                f,
                "ARP, Announcement {sender} is-at {}",
                arp.sender_hardware
            )?;
        }
        ArpOperation::REQUEST => write!(f, "ARP, Request who-has {target} tell {sender}")?,
        ArpOperation::REPLY => write!(f, "ARP, Reply {sender} is-at {}", arp.sender_hardware)?,
        ArpOperation(other) => write!(f, "ARP, operation {other}")?,
    }
    Ok(())
}

fn ip(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> Line {
    if bytes.first().is_some_and(|first| first >> 4 == 6) {
        return ipv6(f, bytes);
    }
    let (header, payload) = Ipv4Header::parse(bytes)?;
    let ends = (IpAddr::V4(header.source), IpAddr::V4(header.destination));
    f.write_str("IP ")?;
    if header.fragment_offset > 0 {
        let (from, to) = ends;
        let (offset, more) = (header.fragment_offset, header.more_fragments);
        write!(f, "{from} > {to}: {} fragment", header.protocol)?;
        write!(
            f,
            " {offset}:{}{}",
            usize::from(offset) + payload.len(),
            plus(more)
        )?;
        return Ok(());
    }
    transport(f, ends, header.protocol, payload)?;
    if header.more_fragments {
        f.write_str(", first fragment")?;
    }
    Ok(())
}

fn ipv6(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> Line {
    let (header, payload) = Ipv6Header::parse(bytes)?;
    let ends = (IpAddr::V6(header.source), IpAddr::V6(header.destination));
    f.write_str("IP6 ")?;
    let walk = match ipv6_ext::walk(header.next_header, payload) {
        Ok(walk) => walk,
        Err(error) => {
            write!(f, "{} > {}: {error}", ends.0, ends.1)?;
            return Ok(());
        }
    };
    match walk.fragment {
        Some(fragment) if fragment.offset > 0 => {
            let end = usize::from(fragment.offset) + walk.payload.len();
            write!(f, "{} > {}: {} fragment", ends.0, ends.1, walk.protocol)?;
            write!(f, " {}:{end}{}", fragment.offset, plus(fragment.more))?;
            Ok(())
        }
        _ => transport(f, ends, walk.protocol, walk.payload),
    }
}

fn plus(more: bool) -> &'static str {
    if more { "+" } else { "" }
}

fn transport(
    f: &mut fmt::Formatter<'_>,
    ends: (IpAddr, IpAddr),
    protocol: Protocol,
    bytes: &[u8],
) -> Line {
    let (from, to) = ends;
    let parsed = match (protocol, from, to) {
        (Protocol::TCP, ..) => tcp(f, ends, bytes),
        (Protocol::UDP, ..) => udp(f, ends, bytes),
        (Protocol::ICMP, IpAddr::V4(_), _) => icmpv4(f, ends, bytes),
        (Protocol::ICMPV6, IpAddr::V6(from), IpAddr::V6(to)) => icmpv6(f, (from, to), bytes),
        _ => {
            write!(f, "{from} > {to}: {protocol}, length {}", bytes.len())?;
            Ok(())
        }
    };
    match parsed {
        Err(Stop::Parse(error)) => {
            write!(f, "{from} > {to}: {protocol} [{error}]")?;
            Ok(())
        }
        other => other,
    }
}

/// Letters for flags as tcpdump writes them.
fn flags(f: &mut fmt::Formatter<'_>, flags: TcpFlags) -> fmt::Result {
    let letters = [
        (TcpFlags::FIN, 'F'),
        (TcpFlags::SYN, 'S'),
        (TcpFlags::RST, 'R'),
        (TcpFlags::PSH, 'P'),
        (TcpFlags::URG, 'U'),
        (TcpFlags::ECE, 'E'),
        (TcpFlags::CWR, 'W'),
        (TcpFlags::AE, 'e'),
        (TcpFlags::ACK, '.'),
    ];
    if flags.0 == 0 {
        return f.write_str("none");
    }
    for (flag, letter) in letters {
        if flags.contains(flag) {
            write!(f, "{letter}")?;
        }
    }
    Ok(())
}

fn tcp(f: &mut fmt::Formatter<'_>, (from, to): (IpAddr, IpAddr), bytes: &[u8]) -> Line {
    let (header, header_len) = TcpHeader::parse(bytes)?;
    let len = bytes.len() - header_len;
    write!(
        f,
        "{from}.{} > {to}.{}: Flags [",
        header.source, header.destination
    )?;
    flags(f, header.flags)?;
    write!(f, "], seq {}", header.seq)?;
    if len > 0 {
        let end = u64::from(header.seq.0) + len as u64;
        write!(f, ":{end}")?;
    }
    if header.flags.contains(TcpFlags::ACK) {
        write!(f, ", ack {}", header.ack)?;
    }
    write!(f, ", win {}", header.window)?;
    if header.flags.contains(TcpFlags::URG) {
        write!(f, ", urg {}", header.urgent)?;
    }
    let mut separator = ", options [";
    for option in tcp::options(&bytes[TcpHeader::LEN..header_len]) {
        f.write_str(separator)?;
        separator = ",";
        match option {
            Ok(option) => write!(f, "{option}")?,
            Err(error) => write!(f, "bad: {error}")?,
        }
    }
    if separator == "," {
        f.write_str("]")?;
    }
    write!(f, ", length {len}")?;
    Ok(())
}

fn udp(f: &mut fmt::Formatter<'_>, (from, to): (IpAddr, IpAddr), bytes: &[u8]) -> Line {
    let (header, payload) = UdpHeader::parse(bytes)?;
    let (source, destination) = (header.source, header.destination);
    write!(
        f,
        "{from}.{source} > {to}.{destination}: UDP, length {}",
        payload.len()
    )?;
    Ok(())
}

fn icmpv4(f: &mut fmt::Formatter<'_>, (from, to): (IpAddr, IpAddr), bytes: &[u8]) -> Line {
    let (message, body) = Icmpv4::parse(bytes)?;
    write!(f, "{from} > {to}: ICMP ")?;
    match message {
        Icmpv4::EchoRequest {
            identifier,
            sequence,
        } => {
            write!(f, "echo request, id {identifier}, seq {sequence}")?;
        }
        Icmpv4::EchoReply {
            identifier,
            sequence,
        } => {
            write!(f, "echo reply, id {identifier}, seq {sequence}")?;
        }
        Icmpv4::Unreachable {
            code: unreachable::FRAGMENTATION_NEEDED,
            next_hop_mtu,
        } => {
            write!(f, "unreachable - need to frag (mtu {next_hop_mtu})")?;
        }
        Icmpv4::Unreachable { code, .. } => {
            f.write_str(match code {
                unreachable::NETWORK => "net unreachable",
                unreachable::HOST => "host unreachable",
                unreachable::PROTOCOL => "protocol unreachable",
                unreachable::PORT => "port unreachable",
                unreachable::PROHIBITED => "unreachable - prohibited by a filter",
                _ => "unreachable",
            })?;
        }
        Icmpv4::TimeExceeded { code: 0 } => f.write_str("time exceeded in transit")?,
        Icmpv4::TimeExceeded { .. } => f.write_str("reassembly time exceeded")?,
        Icmpv4::ParameterProblem { pointer, .. } => {
            write!(f, "parameter problem at byte {pointer}")?;
        }
        Icmpv4::Other { kind, code, .. } => write!(f, "type {kind}, code {code}")?,
    }
    write!(f, ", length {}", body.len())?;
    Ok(())
}

fn icmpv6(f: &mut fmt::Formatter<'_>, (from, to): (Ipv6Addr, Ipv6Addr), bytes: &[u8]) -> Line {
    let (message, body) = Icmpv6::parse(bytes, from, to)?;
    write!(f, "{from} > {to}: ICMP6, ")?;
    if let Some(message) = Ndp::parse(&message, body) {
        ndp(f, &message?)?;
        return Ok(());
    }
    match message {
        Icmpv6::EchoRequest {
            identifier,
            sequence,
        } => {
            write!(f, "echo request, id {identifier}, seq {sequence}")?;
        }
        Icmpv6::EchoReply {
            identifier,
            sequence,
        } => {
            write!(f, "echo reply, id {identifier}, seq {sequence}")?;
        }
        Icmpv6::Unreachable { code } => write!(f, "unreachable, code {code}")?,
        Icmpv6::PacketTooBig { mtu } => write!(f, "packet too big, mtu {mtu}")?,
        Icmpv6::TimeExceeded { code: 0 } => f.write_str("time exceeded in transit")?,
        Icmpv6::TimeExceeded { .. } => f.write_str("reassembly time exceeded")?,
        Icmpv6::ParameterProblem { pointer, .. } => {
            write!(f, "parameter problem at byte {pointer}")?;
        }
        Icmpv6::Other { kind, code, .. } => write!(f, "type {kind}, code {code}")?,
    }
    write!(f, ", length {}", body.len())?;
    Ok(())
}

fn ndp(f: &mut fmt::Formatter<'_>, message: &Ndp) -> fmt::Result {
    match message {
        Ndp::RouterSolicitation { .. } => f.write_str("router solicitation"),
        Ndp::RouterAdvertisement(router) => {
            write!(f, "router advertisement, lifetime {} s", router.lifetime)?;
            for prefix in &router.prefixes {
                write!(f, ", prefix {}/{}", prefix.prefix, prefix.prefix_len)?;
            }
            Ok(())
        }
        Ndp::NeighborSolicitation {
            target,
            source_link: None,
            ..
        } => {
            write!(
                f,
                "neighbor solicitation, who has {target}? (no sender: a probe)"
            )
        }
        Ndp::NeighborSolicitation { target, .. } => {
            write!(f, "neighbor solicitation, who has {target}?")
        }
        Ndp::NeighborAdvertisement {
            target,
            target_link,
            ..
        } => {
            write!(f, "neighbor advertisement, tgt is {target}")?;
            if let Some(link) = target_link {
                write!(f, " at {link}")?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;
    use crate::build::{Arp, Ethernet, Icmp, Ipv4, Ipv6, Packet, Tcp, Udp};
    use crate::ethernet::EthernetAddress;

    const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

    fn line(packet: &Packet) -> String {
        frame(&packet.to_vec(), Medium::Ethernet).to_string()
    }

    #[test]
    fn lines_read_as_tcpdump_prints_them() {
        let ethernet = || Ethernet::broadcast(A);
        let ip = || Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]);
        let ip6 = || Ipv6::new([0xff; 16], [0; 16]);
        let syn = Tcp::new(40_000, 80)
            .seq(100)
            .syn()
            .mss(1_460)
            .sack_permitted();
        for (packet, expected) in [
            (
                ethernet() / ip() / syn,
                "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 100, win 65535, \
                 options [mss 1460,nop,nop,sackOK], length 0",
            ),
            (
                ethernet() / ip() / Tcp::new(1, 2).seq(5).ack(9).push().window(7) / "abc",
                "IP 192.0.2.1.1 > 192.0.2.2.2: Flags [P.], seq 5:8, ack 9, win 7, length 3",
            ),
            (
                ethernet() / Arp::request((A, [192, 0, 2, 1]), [192, 0, 2, 9]),
                "ARP, Request who-has 192.0.2.9 tell 192.0.2.1",
            ),
            (
                ethernet() / Arp::probe(A, [192, 0, 2, 9]),
                "ARP, Probe who-has 192.0.2.9",
            ),
            (
                ethernet() / ip() / Icmp::echo_request(1, 2) / "ping",
                "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 1, seq 2, length 4",
            ),
            (
                ethernet() / ip6() / Udp::new(53, 54) / "question",
                "IP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff.53 > ::.54: UDP, length 8",
            ),
            (
                ethernet() / ip().fragment(1_480, true) / "rest",
                "IP 192.0.2.1 > 192.0.2.2: protocol 59 fragment 1480:1484+",
            ),
        ] {
            assert_eq!(line(&packet), expected);
        }
    }

    #[test]
    fn what_is_no_packet_is_said_to_be_none() {
        assert_eq!(
            frame(&[1, 2, 3], Medium::Ethernet).to_string(),
            "[3 bytes: cut short: 3 bytes where 14 are needed]"
        );
        let short = (Ipv4::new([1, 1, 1, 1], [2, 2, 2, 2]).protocol(Protocol::TCP) / "x").to_vec();
        let line = format!("{}", frame(&short, Medium::Ip));
        assert_eq!(
            line,
            "IP 1.1.1.1 > 2.2.2.2: TCP [cut short: 1 bytes where 20 are needed]"
        );
    }
}
