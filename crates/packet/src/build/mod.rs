//! Crafting packets layer by layer, in the spirit of scapy:
//!
//! ```
//! use handfast_packet::build::{Ethernet, Ipv4, Tcp};
//! use handfast_packet::ethernet::EthernetAddress;
//!
//! let (us, router) = (EthernetAddress([2, 0, 0, 0, 0, 1]), EthernetAddress([2, 0, 0, 0, 0, 2]));
//! let frame = Ethernet::new(us, router)
//!     / Ipv4::new([192, 168, 0, 129], [203, 0, 113, 29])
//!     / Tcp::new(40_000, 80).seq(0).ack(1).push()
//!     / "GET / HTTP/1.0\r\n\r\n";
//! assert_eq!(frame.to_vec().len(), 14 + 20 + 20 + 18);
//! ```
//!
//! What is left out is filled in from the neighbouring layers: lengths, checksums, protocol
//! numbers, ether types. What is said is taken as said, be it a lie: a wrong checksum, a length
//! that does not fit, options that overlap. That is what crafting is for. The stack itself never
//! builds its packets this way.

mod ip;
mod link;
mod transport;

use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Div;

use crate::buf::{Chunk, TxFrame};
use crate::cause::Cause;

pub use ip::{Ipv4, Ipv6};
pub use link::{Arp, Ethernet};
pub use transport::{Icmp, Tcp, Udp};

/// One layer of a packet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// Ethernet II.
    Ethernet(Ethernet),
    /// ARP.
    Arp(Arp),
    /// IPv4.
    Ipv4(Ipv4),
    /// IPv6.
    Ipv6(Ipv6),
    /// ICMP for either family.
    Icmp(Icmp),
    /// UDP.
    Udp(Udp),
    /// TCP.
    Tcp(Tcp),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// Layers, outermost first.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    layers: Vec<Layer>,
}

impl Packet {
    /// All bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for index in (0..self.layers.len()).rev() {
            let around = Around {
                inner: self.layers.get(index + 1),
                addresses: self.layers[..index].iter().rev().find_map(addresses),
            };
            bytes = self.layers[index].wrap(&around, &bytes);
        }
        bytes
    }

    /// All bytes as a chunk outside any pool.
    pub fn to_chunk(&self) -> Chunk {
        Chunk::from(self.to_vec())
    }

    /// All bytes as a frame that a device can send.
    pub fn to_frame(&self) -> TxFrame {
        TxFrame::raw(self.to_chunk(), Cause::Unstated)
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

/// What a layer may look at when it fills in what was left out.
struct Around<'a> {
    /// The next layer inwards.
    inner: Option<&'a Layer>,
    /// Source and destination of the nearest IP layer outwards.
    addresses: Option<(IpAddr, IpAddr)>,
}

impl Layer {
    /// The bytes of this layer with `payload` behind it.
    fn wrap(&self, around: &Around<'_>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = match self {
            Self::Ethernet(layer) => layer.header(around),
            Self::Arp(layer) => layer.packet(),
            Self::Ipv4(layer) => layer.header(around, payload.len()),
            Self::Ipv6(layer) => layer.header(around, payload.len()),
            Self::Icmp(layer) => layer.header(around, payload),
            Self::Udp(layer) => layer.header(around, payload),
            Self::Tcp(layer) => layer.header(around, payload),
            Self::Raw(bytes) => bytes.clone(),
        };
        bytes.extend_from_slice(payload);
        bytes
    }
}

fn addresses(layer: &Layer) -> Option<(IpAddr, IpAddr)> {
    match layer {
        Layer::Ipv4(ip) => Some(ip.addresses()),
        Layer::Ipv6(ip) => Some(ip.addresses()),
        _ => None,
    }
}

macro_rules! layer {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Layer {
            fn from(layer: $kind) -> Self {
                Self::$kind(layer)
            }
        }

        impl<L: Into<Layer>> Div<L> for $kind {
            type Output = Packet;

            /// Puts a layer inside this one.
            fn div(self, inner: L) -> Packet {
                Packet::from(Layer::from(self)) / inner
            }
        }

        impl From<$kind> for Packet {
            fn from(layer: $kind) -> Self {
                Self::from(Layer::from(layer))
            }
        }
    )*};
}

layer!(Ethernet, Arp, Ipv4, Ipv6, Icmp, Udp, Tcp);

impl<L: Into<Layer>> Div<L> for Packet {
    type Output = Self;

    /// Puts a layer inside the innermost one.
    fn div(mut self, inner: L) -> Self {
        self.layers.push(inner.into());
        self
    }
}

impl From<Layer> for Packet {
    fn from(layer: Layer) -> Self {
        Self {
            layers: Vec::from([layer]),
        }
    }
}

impl From<&[u8]> for Layer {
    fn from(bytes: &[u8]) -> Self {
        Self::Raw(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Layer {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Raw(bytes.to_vec())
    }
}

impl From<&str> for Layer {
    fn from(text: &str) -> Self {
        Self::Raw(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Layer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Raw(bytes)
    }
}

#[cfg(test)]
mod tests;
