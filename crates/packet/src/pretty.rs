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

/// Bytes of an IEEE 802.1Q tag behind its ether type.
const VLAN_TAG_LEN: usize = 4;

fn ethernet(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> Line {
    let (mut header, mut payload) = EthernetHeader::parse(bytes)?;
    // One tag is common; a tag inside it is shown as what it is.
    if header.ether_type == EtherType::VLAN {
        let truncated = ParseError::Truncated {
            needed: EthernetHeader::LEN + VLAN_TAG_LEN,
            have: bytes.len(),
        };
        let (tag, rest) = payload
            .split_first_chunk::<VLAN_TAG_LEN>()
            .ok_or(truncated)?;
        let [c0, c1, t0, t1] = *tag;
        write!(f, "vlan {}, ", u16::from_be_bytes([c0 & 0xf, c1]))?;
        header.ether_type = EtherType(u16::from_be_bytes([t0, t1]));
        payload = rest;
    }
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
    let part = header
        .is_fragment()
        .then_some((header.fragment_offset, header.more_fragments));
    part_or_whole(f, ends, header.protocol, payload, part)
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
    // An atomic fragment (RFC 6946) is the whole packet.
    let part = walk
        .fragment
        .map(|fragment| (fragment.offset, fragment.more))
        .filter(|&part| part != (0, false));
    part_or_whole(f, ends, walk.protocol, walk.payload, part)
}

/// What IP carries; `part` is the offset of a fragment and whether more follow. Only TCP can be
/// read in a first fragment: the lengths and checksums of the others are about the whole.
fn part_or_whole(
    f: &mut fmt::Formatter<'_>,
    ends: (IpAddr, IpAddr),
    protocol: Protocol,
    bytes: &[u8],
    part: Option<(u16, bool)>,
) -> Line {
    match part {
        None => transport(f, ends, protocol, bytes),
        Some((0, _)) if protocol == Protocol::TCP => {
            transport(f, ends, protocol, bytes)?;
            f.write_str(", first fragment")?;
            Ok(())
        }
        Some((offset, more)) => {
            let (from, to) = ends;
            let end = usize::from(offset) + bytes.len();
            let plus = if more { "+" } else { "" };
            write!(f, "{from} > {to}: {protocol} fragment {offset}:{end}{plus}")?;
            Ok(())
        }
    }
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
        // Sequence numbers wrap, and no text is longer than 64 KiB.
        let text = u32::try_from(len).unwrap_or(u32::MAX);
        write!(f, ":{}", header.seq.0.wrapping_add(text))?;
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
mod tests;
