//! The fixed IPv6 header (RFC 8200 section 3). What may follow it is in `ipv6_ext`.

use core::net::Ipv6Addr;

use crate::error::ParseError;
use crate::ip::{Ecn, Protocol};

/// An IPv6 header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Header {
    /// From whom.
    pub source: Ipv6Addr,
    /// To whom.
    pub destination: Ipv6Addr,
    /// What follows: a transport protocol or an extension header.
    pub next_header: Protocol,
    /// Hop limit.
    pub hop_limit: u8,
    /// Differentiated services codepoint, 0 to 63.
    pub dscp: u8,
    /// ECN bits.
    pub ecn: Ecn,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Bytes behind the header, by the header.
    pub payload_len: u16,
}

impl Default for Ipv6Header {
    /// Hop limit 64, everything else zero.
    fn default() -> Self {
        Self {
            source: Ipv6Addr::UNSPECIFIED,
            destination: Ipv6Addr::UNSPECIFIED,
            next_header: Protocol::NO_NEXT,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            flow_label: 0,
            payload_len: 0,
        }
    }
}

impl Ipv6Header {
    /// Bytes of the header.
    pub const LEN: usize = 40;

    /// The header and its payload; padding of the link layer is cut off.
    ///
    /// # Errors
    /// When the bytes are not IPv6 or are cut short.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        ParseError::check_len(bytes, Self::LEN)?;
        if bytes[0] >> 4 != 6 {
            return Err(ParseError::Version(bytes[0] >> 4));
        }
        let payload_len = u16::from_be_bytes([bytes[4], bytes[5]]);
        let end = Self::LEN + usize::from(payload_len);
        ParseError::check_len(bytes, end)?;
        let address = |at: usize| {
            let octets: [u8; 16] = bytes[at..at + 16]
                .try_into()
                .expect("the length was checked");
            Ipv6Addr::from(octets)
        };
        let traffic_class = bytes[0] << 4 | bytes[1] >> 4;
        let header = Self {
            source: address(8),
            destination: address(24),
            next_header: Protocol(bytes[6]),
            hop_limit: bytes[7],
            dscp: traffic_class >> 2,
            ecn: Ecn::from_bits(traffic_class),
            flow_label: u32::from_be_bytes([0, bytes[1] & 0xf, bytes[2], bytes[3]]),
            payload_len,
        };
        Ok((header, &bytes[Self::LEN..end]))
    }

    /// Writes the header at the start of `out`; of the flow label, the low 20 bits.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        let traffic_class = self.dscp << 2 | self.ecn as u8;
        let [_, f1, f2, f3] = self.flow_label.to_be_bytes();
        out[0] = 0x60 | traffic_class >> 4;
        out[1] = traffic_class << 4 | f1 & 0xf;
        out[2] = f2;
        out[3] = f3;
        out[4..6].copy_from_slice(&self.payload_len.to_be_bytes());
        out[6] = self.next_header.0;
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&self.source.octets());
        out[24..40].copy_from_slice(&self.destination.octets());
    }
}
