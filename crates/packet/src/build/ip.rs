//! Layers of the network: IPv4 and IPv6.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Around, Layer};
use crate::checksum;
use crate::ip::{Ecn, Protocol};
use crate::ipv4::Ipv4Header;
use crate::ipv6::Ipv6Header;

/// What a layer inside IP is called in the header.
fn protocol_of(inner: Option<&Layer>, v6: bool) -> Protocol {
    match inner {
        Some(Layer::Tcp(_)) => Protocol::TCP,
        Some(Layer::Udp(_)) => Protocol::UDP,
        Some(Layer::Icmp(_)) if v6 => Protocol::ICMPV6,
        Some(Layer::Icmp(_)) => Protocol::ICMP,
        Some(Layer::Ipv4(_)) => Protocol(4),
        Some(Layer::Ipv6(_)) => Protocol(41),
        _ => Protocol::NO_NEXT,
    }
}

fn clamp(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// An IPv4 header.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    header: Ipv4Header,
    protocol: Option<Protocol>,
    total_len: Option<u16>,
    header_words: Option<u8>,
    checksum: Option<u16>,
    options: Vec<u8>,
}

impl Ipv4 {
    /// A packet from `source` to `destination`, TTL 64.
    pub fn new(source: impl Into<Ipv4Addr>, destination: impl Into<Ipv4Addr>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        Self {
            header: Ipv4Header {
                source,
                destination,
                ..Ipv4Header::default()
            },
            protocol: None,
            total_len: None,
            header_words: None,
            checksum: None,
            options: Vec::new(),
        }
    }

    /// Time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.header.ttl = ttl;
        self
    }

    /// Identification.
    #[must_use]
    pub fn identification(mut self, identification: u16) -> Self {
        self.header.identification = identification;
        self
    }

    /// Routers must not fragment.
    #[must_use]
    pub fn dont_fragment(mut self) -> Self {
        self.header.dont_fragment = true;
        self
    }

    /// A fragment at `offset` bytes (a multiple of 8).
    #[must_use]
    pub fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.header.fragment_offset = offset;
        self.header.more_fragments = more;
        self
    }

    /// ECN bits.
    #[must_use]
    pub fn ecn(mut self, ecn: Ecn) -> Self {
        self.header.ecn = ecn;
        self
    }

    /// Options as they are, padded with zeros to a multiple of 4; at most 40 bytes make sense.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self.options.resize(options.len().next_multiple_of(4), 0);
        self
    }

    /// Says what follows, instead of what does.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Says a total length, be it wrong.
    #[must_use]
    pub fn total_length(mut self, total_len: u16) -> Self {
        self.total_len = Some(total_len);
        self
    }

    /// Says a header length in words of 4 bytes, be it wrong.
    #[must_use]
    pub fn header_words(mut self, words: u8) -> Self {
        self.header_words = Some(words);
        self
    }

    /// Says a header checksum, be it wrong.
    #[must_use]
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    pub(super) fn addresses(&self) -> (IpAddr, IpAddr) {
        (
            IpAddr::V4(self.header.source),
            IpAddr::V4(self.header.destination),
        )
    }

    pub(super) fn header(&self, around: &Around<'_>, payload_len: usize) -> Vec<u8> {
        let header_len = Ipv4Header::LEN + self.options.len();
        let mut header = self.header;
        header.protocol = self
            .protocol
            .unwrap_or_else(|| protocol_of(around.inner, false));
        let mut bytes = vec![0; Ipv4Header::LEN];
        header.write(&mut bytes);
        bytes.extend_from_slice(&self.options);
        let words = u8::try_from(header_len / 4).unwrap_or(u8::MAX);
        bytes[0] = 0x40 | self.header_words.unwrap_or(words) & 0xf;
        let total_len = self
            .total_len
            .unwrap_or_else(|| clamp(header_len + payload_len));
        bytes[2..4].copy_from_slice(&total_len.to_be_bytes());
        bytes[10..12].fill(0);
        let sum = self.checksum.unwrap_or_else(|| checksum::checksum(&bytes));
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// An IPv6 header. Extension headers can follow as raw bytes, with `next_header` said.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6 {
    header: Ipv6Header,
    next_header: Option<Protocol>,
    payload_len: Option<u16>,
}

impl Ipv6 {
    /// A packet from `source` to `destination`, hop limit 64.
    pub fn new(source: impl Into<Ipv6Addr>, destination: impl Into<Ipv6Addr>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        let header = Ipv6Header {
            source,
            destination,
            ..Ipv6Header::default()
        };
        Self {
            header,
            next_header: None,
            payload_len: None,
        }
    }

    /// Hop limit.
    #[must_use]
    pub fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.header.hop_limit = hop_limit;
        self
    }

    /// Flow label, 20 bits.
    #[must_use]
    pub fn flow_label(mut self, flow_label: u32) -> Self {
        self.header.flow_label = flow_label;
        self
    }

    /// ECN bits.
    #[must_use]
    pub fn ecn(mut self, ecn: Ecn) -> Self {
        self.header.ecn = ecn;
        self
    }

    /// Says what follows, instead of what does.
    #[must_use]
    pub fn next_header(mut self, next_header: Protocol) -> Self {
        self.next_header = Some(next_header);
        self
    }

    /// Says a payload length, be it wrong.
    #[must_use]
    pub fn payload_length(mut self, payload_len: u16) -> Self {
        self.payload_len = Some(payload_len);
        self
    }

    pub(super) fn addresses(&self) -> (IpAddr, IpAddr) {
        (
            IpAddr::V6(self.header.source),
            IpAddr::V6(self.header.destination),
        )
    }

    pub(super) fn header(&self, around: &Around<'_>, payload_len: usize) -> Vec<u8> {
        let mut header = self.header;
        header.next_header = self
            .next_header
            .unwrap_or_else(|| protocol_of(around.inner, true));
        header.payload_len = self.payload_len.unwrap_or_else(|| clamp(payload_len));
        let mut bytes = vec![0; Ipv6Header::LEN];
        header.write(&mut bytes);
        bytes
    }
}
