//! The TCP header (RFC 9293 3.1).

use core::fmt;
use core::net::IpAddr;

use super::options::TcpOptions;
use crate::checksum::pseudo_header;
use crate::error::ParseError;
use crate::ip::Protocol;

/// Where the checksum stands in the header.
pub const CHECKSUM_OFFSET: usize = 16;

/// A sequence number as it stands on the wire.
///
/// It wraps, so it has neither an order nor arithmetic; `tcp::seq` turns it into an `Offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The nine flag bits; `AE` is the AccECN bit (RFC 9768), formerly NS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768).
    pub const AE: Self = Self(0x100);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        self.union(rhs)
    }
}

/// A TCP header as values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; meaningful only with [`TcpFlags::ACK`].
    pub ack: SeqNumber,
    /// Flag bits.
    pub flags: TcpFlags,
    /// SEG.WND as on the wire, not scaled.
    pub window: u16,
    /// Urgent pointer; meaningful only with [`TcpFlags::URG`].
    pub urgent: u16,
    /// The options that a connection acts upon.
    pub options: TcpOptions,
}

impl TcpHeader {
    /// Bytes of a header without options.
    pub const LEN: usize = 20;

    /// The header and its length in bytes, options included. Of malformed options, those in front
    /// of the first bad one count; the rest are ignored.
    ///
    /// # Errors
    /// When the bytes are cut short or the data offset is impossible.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
        let fixed = ParseError::first::<{ Self::LEN }>(bytes)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let header_len = usize::from(fixed[12] >> 4) * 4;
        if header_len < Self::LEN {
            return Err(ParseError::Length);
        }
        ParseError::check_len(bytes, header_len)?;
        let header = Self {
            source: word(0),
            destination: word(2),
            seq: SeqNumber(long(4)),
            ack: SeqNumber(long(8)),
            flags: TcpFlags(word(12) & 0x1ff),
            window: word(14),
            urgent: word(18),
            options: TcpOptions::parse(&bytes[Self::LEN..header_len]),
        };
        Ok((header, header_len))
    }

    /// Length of the header with its options, padded to a multiple of 4.
    pub fn header_len(&self) -> usize {
        Self::LEN + self.options.len()
    }

    /// Writes the header into `out`, which is as long as it, with a checksum of 0.
    ///
    /// # Panics
    /// When `out` does not have [`Self::header_len`] bytes.
    pub fn write(&self, out: &mut [u8]) {
        let words = u16::try_from(out.len() / 4).expect("at most 15 words");
        let (fixed, options) = out
            .split_first_chunk_mut::<{ Self::LEN }>()
            .expect("there is room for a header");
        fixed[..2].copy_from_slice(&self.source.to_be_bytes());
        fixed[2..4].copy_from_slice(&self.destination.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        fixed[12..14].copy_from_slice(&(words << 12 | self.flags.0 & 0x1ff).to_be_bytes());
        fixed[14..16].copy_from_slice(&self.window.to_be_bytes());
        fixed[16..18].fill(0);
        fixed[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        self.options.write(options);
    }
}

/// Whether a segment (header and text) between these addresses has a right checksum.
pub fn verify_checksum(source: IpAddr, destination: IpAddr, segment: &[u8]) -> bool {
    let len = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    pseudo_header(source, destination, Protocol::TCP, len)
        .add(segment)
        .finish()
        == 0
}
