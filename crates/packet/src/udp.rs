//! The UDP header (RFC 768).

use core::net::IpAddr;

use crate::checksum::pseudo_header;
use crate::error::ParseError;
use crate::ip::Protocol;

/// Where the checksum stands in the header.
pub const CHECKSUM_OFFSET: usize = 6;

/// A UDP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UdpHeader {
    /// Source port; 0 when no answer is wanted.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Bytes of header and payload.
    pub length: u16,
    /// The checksum as it stands; 0 in IPv4 means that there is none.
    pub checksum: u16,
}

impl UdpHeader {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// The header and its payload.
    ///
    /// # Errors
    /// When the datagram is cut short or its length is impossible.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        ParseError::check_len(bytes, Self::LEN)?;
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let header = Self {
            source: word(0),
            destination: word(2),
            length: word(4),
            checksum: word(6),
        };
        let length = usize::from(header.length);
        if length < Self::LEN {
            return Err(ParseError::Length);
        }
        ParseError::check_len(bytes, length)?;
        Ok((header, &bytes[Self::LEN..length]))
    }

    /// Writes the header at the start of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        out[..2].copy_from_slice(&self.source.to_be_bytes());
        out[2..4].copy_from_slice(&self.destination.to_be_bytes());
        out[4..6].copy_from_slice(&self.length.to_be_bytes());
        out[6..8].copy_from_slice(&self.checksum.to_be_bytes());
    }
}

/// Whether a datagram (header and payload, cut to its length) has a right checksum, or rightly
/// none: IPv6 requires one (RFC 8200 8.1).
pub fn verify_checksum(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> bool {
    let none = datagram.get(CHECKSUM_OFFSET..UdpHeader::LEN) == Some(&[0, 0]);
    if none {
        return source.is_ipv4();
    }
    let len = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
    pseudo_header(source, destination, Protocol::UDP, len)
        .add(datagram)
        .finish()
        == 0
}
