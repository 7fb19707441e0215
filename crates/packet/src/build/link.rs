//! Layers of the link: Ethernet and ARP.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Around, Layer};
use crate::arp::{ArpOperation, ArpPacket};
use crate::ethernet::{EtherType, EthernetAddress, EthernetHeader};

/// An Ethernet II header.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet {
    source: EthernetAddress,
    destination: EthernetAddress,
    ether_type: Option<EtherType>,
}

impl Ethernet {
    /// A frame from `source` to `destination`.
    pub const fn new(source: EthernetAddress, destination: EthernetAddress) -> Self {
        Self {
            source,
            destination,
            ether_type: None,
        }
    }

    /// A frame to all stations.
    pub const fn broadcast(source: EthernetAddress) -> Self {
        Self::new(source, EthernetAddress::BROADCAST)
    }

    /// Says what follows, instead of what does.
    #[must_use]
    pub const fn ether_type(mut self, ether_type: EtherType) -> Self {
        self.ether_type = Some(ether_type);
        self
    }

    pub(super) fn header(&self, around: &Around<'_>) -> Vec<u8> {
        let follows = match around.inner {
            Some(Layer::Arp(_)) => EtherType::ARP,
            Some(Layer::Ipv4(_)) => EtherType::IPV4,
            Some(Layer::Ipv6(_)) => EtherType::IPV6,
            _ => EtherType(0),
        };
        let mut bytes = vec![0; EthernetHeader::LEN];
        EthernetHeader {
            destination: self.destination,
            source: self.source,
            ether_type: self.ether_type.unwrap_or(follows),
        }
        .write(&mut bytes);
        bytes
    }
}

/// An ARP packet.
#[derive(Clone, Copy, Debug)]
pub struct Arp(ArpPacket);

impl Arp {
    /// Who has `target`? Tell `sender`.
    pub fn request(
        (hardware, sender): (EthernetAddress, impl Into<Ipv4Addr>),
        target: impl Into<Ipv4Addr>,
    ) -> Self {
        Self(ArpPacket {
            operation: ArpOperation::REQUEST,
            sender_hardware: hardware,
            sender_protocol: sender.into(),
            target_hardware: EthernetAddress::ZERO,
            target_protocol: target.into(),
        })
    }

    /// Does anybody use `target`? (RFC 5227 2.1.1)
    pub fn probe(hardware: EthernetAddress, target: impl Into<Ipv4Addr>) -> Self {
        Self::request((hardware, Ipv4Addr::UNSPECIFIED), target)
    }

    /// `address` is ours (RFC 5227 2.3).
    pub fn announcement(hardware: EthernetAddress, address: impl Into<Ipv4Addr>) -> Self {
        let address = address.into();
        Self::request((hardware, address), address)
    }

    /// `sender` is at `hardware`, in answer to `target`.
    pub fn reply(
        (hardware, sender): (EthernetAddress, impl Into<Ipv4Addr>),
        (target_hardware, target): (EthernetAddress, impl Into<Ipv4Addr>),
    ) -> Self {
        Self(ArpPacket {
            operation: ArpOperation::REPLY,
            sender_hardware: hardware,
            sender_protocol: sender.into(),
            target_hardware,
            target_protocol: target.into(),
        })
    }

    /// Any operation.
    #[must_use]
    pub const fn operation(mut self, operation: ArpOperation) -> Self {
        self.0.operation = operation;
        self
    }

    pub(super) fn packet(&self) -> Vec<u8> {
        let mut bytes = vec![0; ArpPacket::LEN];
        self.0.write(&mut bytes);
        bytes
    }
}
