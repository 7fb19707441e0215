//! The IPv4 header (RFC 791). Options are skipped by their length, never looked at.

use core::net::Ipv4Addr;

use crate::checksum;
use crate::error::ParseError;
use crate::ip::{Ecn, Protocol};

/// An IPv4 header as values, without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Header {
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// What follows.
    pub protocol: Protocol,
    /// Time to live.
    pub ttl: u8,
    /// Differentiated services codepoint, 0 to 63 (RFC 2474).
    pub dscp: u8,
    /// ECN bits.
    pub ecn: Ecn,
    /// Identification, for reassembly.
    pub identification: u16,
    /// Routers must not fragment.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where this fragment belongs, in bytes; a multiple of 8 below 65,536.
    pub fragment_offset: u16,
    /// Bytes behind the header, by the header.
    pub payload_len: u16,
}

impl Default for Ipv4Header {
    /// TTL 64, everything else zero.
    fn default() -> Self {
        Self {
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::UNSPECIFIED,
            protocol: Protocol(0),
            ttl: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            payload_len: 0,
        }
    }
}

impl Ipv4Header {
    /// Bytes of a header without options.
    pub const LEN: usize = 20;

    /// The header and its payload; padding of the link layer is cut off.
    ///
    /// # Errors
    /// When the bytes are not IPv4, are cut short, or the header's checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let fixed = ParseError::first::<{ Self::LEN }>(bytes)?;
        if fixed[0] >> 4 != 4 {
            return Err(ParseError::Version(fixed[0] >> 4));
        }
        let header_len = usize::from(fixed[0] & 0xf) * 4;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let total_len = usize::from(word(2));
        if header_len < Self::LEN || total_len < header_len {
            return Err(ParseError::Length);
        }
        ParseError::check_len(bytes, total_len)?;
        let checksum = match header_len {
            Self::LEN => checksum::of_ipv4_header(fixed),
            _ => checksum::checksum(&bytes[..header_len]),
        };
        if checksum != 0 {
            return Err(ParseError::Checksum);
        }
        let address =
            |at: usize| Ipv4Addr::from([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let fragment = word(6);
        let header = Self {
            source: address(12),
            destination: address(16),
            protocol: Protocol(fixed[9]),
            ttl: fixed[8],
            dscp: fixed[1] >> 2,
            ecn: Ecn::from_bits(fixed[1]),
            identification: word(4),
            dont_fragment: fragment & 0x4000 != 0,
            more_fragments: fragment & 0x2000 != 0,
            fragment_offset: (fragment & 0x1fff) << 3,
            payload_len: word(2) - u16::from(fixed[0] & 0xf) * 4,
        };
        Ok((header, &bytes[header_len..total_len]))
    }

    /// Writes the header with its checksum at the start of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        let out = out
            .first_chunk_mut::<{ Self::LEN }>()
            .expect("there is room for a header");
        let total_len = self.payload_len.saturating_add(20);
        let mut fragment = self.fragment_offset >> 3;
        fragment |= u16::from(self.dont_fragment) << 14 | u16::from(self.more_fragments) << 13;
        out[0] = 0x45;
        out[1] = self.dscp << 2 | self.ecn as u8;
        out[2..4].copy_from_slice(&total_len.to_be_bytes());
        out[4..6].copy_from_slice(&self.identification.to_be_bytes());
        out[6..8].copy_from_slice(&fragment.to_be_bytes());
        out[8] = self.ttl;
        out[9] = self.protocol.0;
        out[10..12].fill(0);
        out[12..16].copy_from_slice(&self.source.octets());
        out[16..20].copy_from_slice(&self.destination.octets());
        let sum = checksum::of_ipv4_header(out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
    }

    /// Whether this is a part of a larger datagram.
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }
}
