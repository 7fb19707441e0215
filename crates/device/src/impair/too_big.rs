//! What a router answers when a packet is too large for the next link: ICMP for IPv4
//! "fragmentation needed" (RFC 1191 section 4) and ICMPv6 "packet too big" (RFC 4443 section 3.2).
//!
//! The answer comes from the address that the packet was sent to, at both layers, as if its
//! receiver stood behind a tunnel and spoke for it: every host can take that address for a
//! router's, and none has to be made up. Their number is not limited; the queue of the way back is.

use std::net::{Ipv4Addr, Ipv6Addr};

use handfast_packet::buf::Medium;
use handfast_packet::build::{Icmp, Ipv4, Ipv6};
use handfast_packet::icmpv4::{HEADER_LEN, Icmpv4, unreachable};
use handfast_packet::icmpv6::Icmpv6;

use crate::layout::{IpVersion, find_ip, link_len, read_u16};

/// Most bytes of an answer over IPv4 (RFC 1812 section 4.3.2.3): every host takes so many.
const ANSWER_V4_MAX: usize = 576;
/// Most bytes of an answer over IPv6 (RFC 4443 section 2.4 (c)): the smallest MTU.
const ANSWER_V6_MAX: usize = 1_280;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_ICMPV6: u8 = 58;

/// The answer to `frame`, which holds a whole packet, when `mtu` is all that the next link takes.
/// `None` for what must not be answered: IPv4 without DF, later fragments, errors, IPv4 to groups
/// and from no one (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)). IPv6 to groups could be
/// (RFC 4443 section 3.2), but not from the address of a group.
pub(crate) fn answer(frame: &[u8], medium: Medium, mtu: u16) -> Option<Vec<u8>> {
    let (version, ip) = find_ip(frame, medium)?;
    let packet = &frame[ip..];
    let inner = match version {
        IpVersion::V4 => answer_v4(packet, mtu)?,
        IpVersion::V6 => answer_v6(packet, mtu)?,
    };
    if medium == Medium::Ip {
        return Some(inner);
    }
    let (destination, source) = (&frame[..6], &frame[6..12]);
    let is_group = destination[0] & 1 == 1;
    let ether_type = &frame[12..link_len(medium)];
    (!is_group).then(|| [source, destination, ether_type, &inner].concat())
}

fn answer_v4(packet: &[u8], mtu: u16) -> Option<Vec<u8>> {
    const DONT_FRAGMENT: u16 = 0x4000;
    const OFFSET: u16 = 0x1FFF;
    let header = packet.get(..20)?;
    let flags = read_u16(header, 6)?;
    if flags & DONT_FRAGMENT == 0 || flags & OFFSET != 0 {
        return None;
    }
    let address = |at: usize| {
        let bytes: [u8; 4] = header[at..at + 4].try_into().expect("four bytes");
        Ipv4Addr::from(bytes)
    };
    let (source, destination) = (address(12), address(16));
    let is_one = |a: Ipv4Addr| !(a.is_multicast() || a.is_broadcast() || a.is_unspecified());
    // Unreachable, source quench, redirect, time exceeded, parameter problem.
    let kind = packet.get(usize::from(header[0] & 0x0F) * 4);
    let is_error = header[9] == PROTOCOL_ICMP && matches!(kind, Some(3 | 4 | 5 | 11 | 12));
    if is_error || !is_one(source) || !is_one(destination) {
        return None;
    }
    let message = Icmpv4::Unreachable {
        code: unreachable::FRAGMENTATION_NEEDED,
        next_hop_mtu: mtu,
    };
    let end = usize::from(read_u16(header, 2)?).clamp(20, packet.len());
    let quote = &packet[..end.min(ANSWER_V4_MAX - 20 - HEADER_LEN)];
    let answer = Ipv4::new(destination, source) / Icmp::v4(message) / quote;
    Some(answer.to_vec())
}

fn answer_v6(packet: &[u8], mtu: u16) -> Option<Vec<u8>> {
    let header = packet.get(..40)?;
    let address = |at: usize| {
        let bytes: [u8; 16] = header[at..at + 16].try_into().expect("sixteen bytes");
        Ipv6Addr::from(bytes)
    };
    let (source, destination) = (address(8), address(24));
    let is_one = |a: Ipv6Addr| !(a.is_multicast() || a.is_unspecified());
    // The types of errors have no high bit. Errors behind extension headers are not recognised.
    let is_error = header[6] == PROTOCOL_ICMPV6 && packet.get(40).is_some_and(|kind| *kind < 128);
    if is_error || !is_one(source) || !is_one(destination) {
        return None;
    }
    let message = Icmpv6::PacketTooBig { mtu: mtu.into() };
    let end = (40 + usize::from(read_u16(header, 4)?)).min(packet.len());
    let quote = &packet[..end.min(ANSWER_V6_MAX - 40 - HEADER_LEN)];
    let answer = Ipv6::new(destination, source) / Icmp::v6(message) / quote;
    Some(answer.to_vec())
}

#[cfg(test)]
mod tests;
