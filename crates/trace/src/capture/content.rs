//! The TCP segment in a frame of a capture file. More lenient than what our stack takes from the
//! network: frames are cut to snap lengths, and what a device was to complete (checksums, lengths of
//! super-segments) was not complete yet when the frame was captured.

use std::net::{IpAddr, SocketAddr};

use handfast_packet::checksum::pseudo_header;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext;
use handfast_packet::tcp::{CHECKSUM_OFFSET, TcpHeader, verify_checksum};

use super::{Frame, link};

/// Longest TCP header in bytes: fifteen words.
const TCP_HEADER_MAX: usize = 60;
/// Longest segment whose checksum is looked at, in bytes. What is longer is a super-segment more
/// often than not, and has no checksum of its own.
const CHECKED_MAX: usize = 1_500;

/// What a frame is to the analysis.
#[derive(Debug)]
pub(crate) enum Content {
    Tcp(TcpFrame),
    /// A fragment of an IP packet.
    Fragment,
    /// Something else, or nothing that could be read.
    Other,
}

/// What there is to know about one segment by itself.
#[derive(Debug)]
pub(crate) struct TcpFrame {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// With those options that the snap length left whole.
    pub(crate) header: TcpHeader,
    /// Bytes of text on the wire, however many of them the file has.
    pub(crate) text_len: u32,
    /// The identification of an IPv4 packet.
    pub(crate) identification: Option<u16>,
    /// The receiver will drop it. Only said of what is whole in the file.
    pub(crate) bad_checksum: bool,
}

/// An IP packet as far as it goes.
struct Packet<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    is_fragment: bool,
    identification: Option<u16>,
    /// What the file has of the payload, without link padding.
    payload: &'a [u8],
    /// Bytes of the payload on the wire.
    wire_len: usize,
}

impl Content {
    /// Takes a frame apart.
    pub(crate) fn of(frame: &Frame<'_>) -> Self {
        Self::parse(frame).unwrap_or(Self::Other)
    }

    fn parse(frame: &Frame<'_>) -> Option<Self> {
        let at = link::packet_at(frame.link, frame.bytes)?;
        let bytes = frame.bytes.get(at..)?;
        let wire_len = usize::try_from(frame.wire_len).ok()?;
        let wire_len = wire_len.max(frame.bytes.len()) - at;
        let packet = match bytes.first()? >> 4 {
            4 => Packet::v4(bytes, wire_len)?,
            6 => Packet::v6(bytes, wire_len)?,
            _ => return None,
        };
        if packet.protocol != Protocol::TCP {
            return None;
        }
        if packet.is_fragment {
            return Some(Self::Fragment);
        }
        packet.tcp().map(Self::Tcp)
    }
}

impl<'a> Packet<'a> {
    fn v4(bytes: &'a [u8], wire_len: usize) -> Option<Self> {
        let fixed: &[u8; Ipv4Header::LEN] = bytes.first_chunk()?;
        let header_len = usize::from(fixed[0] & 0xf) * 4;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let address =
            |at: usize| IpAddr::from([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let total_len = match usize::from(word(2)) {
            // A super-segment on its way to the device that fills it in.
            0 => wire_len,
            len => len,
        };
        if header_len < Ipv4Header::LEN || total_len < header_len {
            return None;
        }
        Some(Self {
            source: address(12),
            destination: address(16),
            protocol: Protocol(fixed[9]),
            // More fragments, or an offset.
            is_fragment: word(6) & 0x3fff != 0,
            identification: Some(word(4)),
            payload: bytes.get(header_len..total_len.min(bytes.len()))?,
            wire_len: total_len - header_len,
        })
    }

    fn v6(bytes: &'a [u8], wire_len: usize) -> Option<Self> {
        let fixed: &[u8; Ipv6Header::LEN] = bytes.first_chunk()?;
        let address = |at: usize| {
            let octets: Option<&[u8; 16]> = fixed[at..].first_chunk();
            octets.map(|octets| IpAddr::from(*octets))
        };
        let payload_len = match usize::from(u16::from_be_bytes([fixed[4], fixed[5]])) {
            // A jumbogram, or a super-segment on its way to the device.
            0 => wire_len.checked_sub(Ipv6Header::LEN)?,
            len => len,
        };
        let end = (Ipv6Header::LEN + payload_len).min(bytes.len());
        let walk = ipv6_ext::walk(Protocol(fixed[6]), &bytes[Ipv6Header::LEN..end]).ok()?;
        let is_fragment = walk
            .fragment
            .is_some_and(|fragment| fragment.more || fragment.offset > 0);
        Some(Self {
            source: address(8)?,
            destination: address(24)?,
            protocol: walk.protocol,
            is_fragment,
            identification: None,
            payload: walk.payload,
            wire_len: payload_len.checked_sub(walk.offset)?,
        })
    }

    fn tcp(&self) -> Option<TcpFrame> {
        let fixed = self.payload.get(..TcpHeader::LEN)?;
        let header_len = usize::from(fixed[12] >> 4) * 4;
        let whole = self.payload.len() >= header_len;
        let (header, _) = if whole {
            TcpHeader::parse(self.payload).ok()?
        } else {
            // Options that were cut off are as if they had ended before.
            let mut padded = [0; TCP_HEADER_MAX];
            padded[..self.payload.len()].copy_from_slice(self.payload);
            TcpHeader::parse(&padded).ok()?
        };
        let text_len = self.wire_len.checked_sub(header_len)?;
        Some(TcpFrame {
            source: SocketAddr::new(self.source, header.source),
            destination: SocketAddr::new(self.destination, header.destination),
            text_len: u32::try_from(text_len).ok()?,
            identification: self.identification,
            bad_checksum: self.is_damaged(),
            header,
        })
    }

    /// Whether the checksum is neither right nor left for a device to complete.
    fn is_damaged(&self) -> bool {
        let len = self.payload.len();
        if len < self.wire_len || len > CHECKED_MAX {
            return false;
        }
        let len = u32::try_from(len).expect("it is below a limit of a few thousand");
        let partial = pseudo_header(self.source, self.destination, Protocol::TCP, len).folded();
        let field = self.payload.get(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2);
        // Zero is what some systems leave where a device is to fill it in.
        field.is_some_and(|field| field != partial.to_be_bytes() && field != [0, 0])
            && !verify_checksum(self.source, self.destination, self.payload)
    }
}
