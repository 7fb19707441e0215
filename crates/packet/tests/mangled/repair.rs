//! Puts the checksums of damaged frames right; the fuzz targets use it too.

use std::net::IpAddr;

use handfast_packet::checksum::{checksum, pseudo_header};
use handfast_packet::ip::Protocol;

/// Puts the checksums of a damaged frame right as far as it still looks like what it was.
pub(crate) fn repair(bytes: &mut [u8]) {
    let Some((ethernet, ip)) = bytes.split_at_mut_checked(14) else {
        return;
    };
    match (
        ethernet[12],
        ethernet[13],
        ip.first().map_or(0, |first| first >> 4),
    ) {
        (8, 0, 4) => {
            let header_len = usize::from(ip[0] & 0xf) * 4;
            if header_len < 20 || ip.len() < header_len + 4 {
                return;
            }
            ip[10..12].fill(0);
            let sum = checksum(&ip[..header_len]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
            if ip[9] == Protocol::ICMP.0 && (header_len + 4..=ip.len()).contains(&total) {
                let message = &mut ip[header_len..total];
                message[2..4].fill(0);
                let sum = checksum(message);
                message[2..4].copy_from_slice(&sum.to_be_bytes());
            }
        }
        (0x86, 0xdd, 6) if ip.len() >= 44 && ip[6] == Protocol::ICMPV6.0 => {
            let len = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
            if !(4..=ip.len() - 40).contains(&len) {
                return;
            }
            let address = |at: usize| {
                IpAddr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).expect("sixteen bytes"))
            };
            let len_field = u32::try_from(len).expect("16 bits");
            let pseudo = pseudo_header(address(8), address(24), Protocol::ICMPV6, len_field);
            let message = &mut ip[40..40 + len];
            message[2..4].fill(0);
            let sum = pseudo.add(message).finish();
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        _ => {}
    }
}
