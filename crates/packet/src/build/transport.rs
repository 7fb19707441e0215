//! Layers inside IP: TCP, UDP, ICMP.

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::Around;
use crate::checksum::pseudo_header;
use crate::icmpv4::Icmpv4;
use crate::icmpv6::Icmpv6;
use crate::ip::Protocol;
use crate::tcp::{
    CHECKSUM_OFFSET, SackBlock, SeqNumber, TcpFlags, TcpHeader, TcpOption, Timestamps,
};
use crate::udp::{self, UdpHeader};

/// The longest header that a data offset can tell, in words of 4 bytes.
const LONGEST_WORDS: u8 = 15;

/// The checksum over pseudo-header, header and payload; 0 without an IP layer around.
fn transport_checksum(
    around: &Around<'_>,
    protocol: Protocol,
    header: &[u8],
    payload: &[u8],
) -> u16 {
    let Some((source, destination)) = around.addresses else {
        return 0;
    };
    let len = u32::try_from(header.len() + payload.len()).unwrap_or(u32::MAX);
    pseudo_header(source, destination, protocol, len)
        .add(header)
        .add(payload)
        .finish()
}

/// A TCP header.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    header: TcpHeader,
    more_options: Vec<u8>,
    raw_options: Option<Vec<u8>>,
    data_offset: Option<u8>,
    checksum: Option<u16>,
}

impl Tcp {
    /// A segment without flags, with a window of 65,535.
    pub fn new(source: u16, destination: u16) -> Self {
        let header = TcpHeader {
            source,
            destination,
            window: u16::MAX,
            ..TcpHeader::default()
        };
        Self {
            header,
            ..Self::default()
        }
    }

    /// SEG.SEQ.
    #[must_use]
    pub fn seq(mut self, seq: u32) -> Self {
        self.header.seq = SeqNumber(seq);
        self
    }

    /// SEG.ACK, with the ACK flag.
    #[must_use]
    pub fn ack(mut self, ack: u32) -> Self {
        self.header.ack = SeqNumber(ack);
        self.flags(TcpFlags::ACK)
    }

    /// Sets SYN.
    #[must_use]
    pub fn syn(self) -> Self {
        self.flags(TcpFlags::SYN)
    }

    /// Sets FIN.
    #[must_use]
    pub fn fin(self) -> Self {
        self.flags(TcpFlags::FIN)
    }

    /// Sets RST.
    #[must_use]
    pub fn rst(self) -> Self {
        self.flags(TcpFlags::RST)
    }

    /// Sets PSH.
    #[must_use]
    pub fn push(self) -> Self {
        self.flags(TcpFlags::PSH)
    }

    /// Sets URG with its pointer.
    #[must_use]
    pub fn urgent(mut self, pointer: u16) -> Self {
        self.header.urgent = pointer;
        self.flags(TcpFlags::URG)
    }

    /// Adds any flags, be it SYN with FIN.
    #[must_use]
    pub fn flags(mut self, flags: TcpFlags) -> Self {
        self.header.flags = self.header.flags | flags;
        self
    }

    /// SEG.WND as on the wire.
    #[must_use]
    pub fn window(mut self, window: u16) -> Self {
        self.header.window = window;
        self
    }

    /// Adds the MSS option.
    #[must_use]
    pub fn mss(mut self, mss: u16) -> Self {
        self.header.options.mss = Some(mss);
        self
    }

    /// Adds the window scale option.
    #[must_use]
    pub fn window_scale(mut self, shift: u8) -> Self {
        self.header.options.window_scale = Some(shift);
        self
    }

    /// Adds SACK-permitted.
    #[must_use]
    pub fn sack_permitted(mut self) -> Self {
        self.header.options.sack_permitted = true;
        self
    }

    /// Adds timestamps.
    #[must_use]
    pub fn timestamps(mut self, value: u32, echo: u32) -> Self {
        self.header.options.timestamps = Some(Timestamps { value, echo });
        self
    }

    /// Adds a SACK block from `left` to in front of `right`. Four fit, three beside timestamps;
    /// what does not fit is left out.
    #[must_use]
    pub fn sack(mut self, left: u32, right: u32) -> Self {
        let (left, right) = (SeqNumber(left), SeqNumber(right));
        self.header.options.sack.push(SackBlock { left, right });
        self
    }

    /// Adds any option behind those above, in the order of the calls, be it a second MSS. The
    /// field is padded with zeros to a multiple of 4.
    #[must_use]
    pub fn option(mut self, option: &TcpOption<'_>) -> Self {
        option.write(&mut self.more_options);
        self
    }

    /// The option field as it is, instead of all options above; padded with zeros to a multiple
    /// of 4. More than 40 bytes do not fit into any header: the rest looks like text.
    #[must_use]
    pub fn raw_options(mut self, options: &[u8]) -> Self {
        self.raw_options = Some(options.to_vec());
        self
    }

    /// Says a header length in words of 4 bytes, be it wrong: options that overlap the text, or a
    /// header shorter than a header.
    #[must_use]
    pub fn data_offset(mut self, words: u8) -> Self {
        self.data_offset = Some(words);
        self
    }

    /// Says a checksum, be it wrong.
    #[must_use]
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    pub(super) fn header(&self, around: &Around<'_>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; self.header.header_len()];
        self.header.write(&mut bytes);
        bytes.extend_from_slice(&self.more_options);
        if let Some(options) = &self.raw_options {
            bytes.truncate(TcpHeader::LEN);
            bytes.extend_from_slice(options);
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let words =
            u8::try_from(bytes.len() / 4).map_or(LONGEST_WORDS, |words| words.min(LONGEST_WORDS));
        bytes[12] = self.data_offset.unwrap_or(words) << 4 | bytes[12] & 0xf;
        let sum = transport_checksum(around, Protocol::TCP, &bytes, payload);
        let sum = self.checksum.unwrap_or(sum);
        bytes[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// A UDP header.
#[derive(Clone, Copy, Debug)]
pub struct Udp {
    source: u16,
    destination: u16,
    length: Option<u16>,
    checksum: Option<u16>,
}

impl Udp {
    /// A datagram.
    pub const fn new(source: u16, destination: u16) -> Self {
        Self {
            source,
            destination,
            length: None,
            checksum: None,
        }
    }

    /// Says a length, be it wrong.
    #[must_use]
    pub const fn length(mut self, length: u16) -> Self {
        self.length = Some(length);
        self
    }

    /// Says a checksum, be it wrong; 0 is none.
    #[must_use]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    pub(super) fn header(&self, around: &Around<'_>, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(UdpHeader::LEN + payload.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![0; UdpHeader::LEN];
        UdpHeader {
            source: self.source,
            destination: self.destination,
            length: self.length.unwrap_or(len),
            checksum: 0,
        }
        .write(&mut bytes);
        let sum = self.checksum.unwrap_or_else(|| {
            // A sum of 0 would mean "no checksum" (RFC 768).
            match transport_checksum(around, Protocol::UDP, &bytes, payload) {
                0 => u16::MAX,
                sum => sum,
            }
        });
        bytes[udp::CHECKSUM_OFFSET..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// An ICMP header of the family of the IP layer around it.
#[derive(Clone, Copy, Debug)]
pub struct Icmp {
    message: Message,
    checksum: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Message {
    V4(Icmpv4),
    V6(Icmpv6),
    EchoRequest { identifier: u16, sequence: u16 },
}

impl Icmp {
    /// An echo request of either family.
    pub const fn echo_request(identifier: u16, sequence: u16) -> Self {
        Self {
            message: Message::EchoRequest {
                identifier,
                sequence,
            },
            checksum: None,
        }
    }

    /// Any message for IPv4.
    pub const fn v4(message: Icmpv4) -> Self {
        Self {
            message: Message::V4(message),
            checksum: None,
        }
    }

    /// Any message for IPv6.
    pub const fn v6(message: Icmpv6) -> Self {
        Self {
            message: Message::V6(message),
            checksum: None,
        }
    }

    /// Says a checksum, be it wrong.
    #[must_use]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    pub(super) fn header(&self, around: &Around<'_>, payload: &[u8]) -> Vec<u8> {
        let v6 = match around.addresses {
            Some((IpAddr::V6(source), IpAddr::V6(destination))) => Some((source, destination)),
            _ => None,
        };
        let mut bytes = match (self.message, v6) {
            (
                Message::EchoRequest {
                    identifier,
                    sequence,
                },
                Some((source, destination)),
            ) => {
                let request = Icmpv6::EchoRequest {
                    identifier,
                    sequence,
                };
                request.to_vec(payload, source, destination)
            }
            (
                Message::EchoRequest {
                    identifier,
                    sequence,
                },
                None,
            ) => Icmpv4::EchoRequest {
                identifier,
                sequence,
            }
            .to_vec(payload),
            (Message::V4(message), _) => message.to_vec(payload),
            (Message::V6(message), Some((source, destination))) => {
                message.to_vec(payload, source, destination)
            }
            (Message::V6(message), None) => {
                let nobody = core::net::Ipv6Addr::UNSPECIFIED;
                message.to_vec(payload, nobody, nobody)
            }
        };
        bytes.truncate(bytes.len() - payload.len());
        if let Some(sum) = self.checksum {
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }
}

/// Checks of the checksums that this file fills in.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::checksum;

    #[test]
    fn a_checksum_without_addresses_is_zero() {
        let around = Around {
            inner: None,
            addresses: None,
        };
        assert_eq!(Tcp::new(1, 2).header(&around, b"x")[16..18], [0, 0]);
        assert_eq!(checksum(&Icmp::echo_request(1, 2).header(&around, b"")), 0);
    }
}
