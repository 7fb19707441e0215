//! Whether a packet is damaged so that its receiver sees it. What damages it is in `segment`.

use std::net::IpAddr;

use handfast_packet::buf::Medium;
use handfast_packet::checksum::{checksum, pseudo_header};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::{ipv6_ext, tcp, udp};

use crate::layout::{IpVersion, find_ip};

/// Whether a checksum or a length of the packet in `bytes` is wrong, so that nobody takes it. A
/// fragment is judged by its IP header alone, and so is a protocol that is not known here.
pub(crate) fn is_damaged(bytes: &[u8], medium: Medium) -> bool {
    let Some((version, ip)) = find_ip(bytes, medium) else {
        return false;
    };
    let packet = &bytes[ip..];
    match version {
        IpVersion::V4 => match Ipv4Header::parse(packet) {
            Ok((header, _)) if header.is_fragment() => false,
            Ok((header, payload)) => {
                let ends = (header.source.into(), header.destination.into());
                !is_intact(header.protocol, ends, payload)
            }
            Err(_) => true,
        },
        IpVersion::V6 => {
            let Ok((header, payload)) = Ipv6Header::parse(packet) else {
                return true;
            };
            match ipv6_ext::walk(header.next_header, payload) {
                Ok(walk) if walk.fragment.is_some() => false,
                Ok(walk) => {
                    let ends = (header.source.into(), header.destination.into());
                    !is_intact(walk.protocol, ends, walk.payload)
                }
                Err(_) => true,
            }
        }
    }
}

/// Whether the checksum of a transport protocol is right, as far as it is known here.
fn is_intact(protocol: Protocol, (from, to): (IpAddr, IpAddr), payload: &[u8]) -> bool {
    match protocol {
        Protocol::TCP => tcp::verify_checksum(from, to, payload),
        Protocol::UDP => udp::verify_checksum(from, to, payload),
        Protocol::ICMP => checksum(payload) == 0,
        Protocol::ICMPV6 => {
            let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let sum = pseudo_header(from, to, protocol, len).add(payload);
            sum.finish() == 0
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::build::{Ipv4, Ipv6, Udp};

    use super::*;
    use crate::testing::{TcpFrame, data};

    /// In IPv6 a packet may change where no sum looks: class, flow label and hop limit, and what
    /// becomes a protocol that is not known.
    #[test]
    fn every_flipped_bit_that_a_sum_covers_is_seen() {
        for v6 in [false, true] {
            let mut tx = TcpFrame {
                medium: Medium::Ip,
                v6,
                payload: data(31),
                ..TcpFrame::default()
            }
            .tx();
            crate::complete_checksum(&mut tx);
            let good = tx.to_vec();
            assert!(!is_damaged(&good, Medium::Ip));
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let covered = !v6 || !matches!(bit / 8, 0..4 | 6 | 7);
                let is_ip = find_ip(&bad, Medium::Ip).is_some();
                let seen = is_damaged(&bad, Medium::Ip);
                assert!(seen || !covered || !is_ip, "IPv6: {v6}, bit {bit}");
            }
        }
    }

    #[test]
    fn other_protocols_have_sums_too() {
        let ends = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let udp = (Ipv4::new(ends.0, ends.1) / Udp::new(1, 2) / "text").to_frame();
        let udp6 = (Ipv6::new([1_u16; 8], [2_u16; 8]) / Udp::new(1, 2) / "text").to_frame();
        for frame in [udp, udp6] {
            let mut bytes = frame.to_vec();
            assert!(!is_damaged(&bytes, Medium::Ip));
            *bytes.last_mut().unwrap() ^= 4;
            assert!(is_damaged(&bytes, Medium::Ip));
        }
    }
}
