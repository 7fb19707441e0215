//! One network under crafted frames in virtual time: the fixture. The tests are in the files
//! named below, by subject.

mod claim;
mod icmp;
mod mld;
mod ndp;
mod nonsense;
mod reassembly;
mod resolution;

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::{
    Capabilities, Chunk, Medium, Payload, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::{Ecn, Protocol};
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ndp::Ndp;

use super::egress::Unsent;
use super::*;

const MTU: u16 = 1_500;
const OUR_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const PEER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const GATEWAY_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 0xfe]);

const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const PEER: [&str; 2] = ["192.0.2.2", "2001:db8::2"];
const GATEWAY: [&str; 2] = ["192.0.2.254", "fe80::fe"];
const FAR: [&str; 2] = ["203.0.113.29", "2001:db8:ffff::29"];

/// A network, its clock, and whoever looks at what it sends.
struct Host {
    network: Network,
    now: Instant,
}

/// A frame that was sent.
#[derive(Debug)]
struct Sent {
    at: Instant,
    ethernet: EthernetHeader,
    /// Behind the Ethernet header.
    bytes: Vec<u8>,
    cause: Cause,
}

impl Host {
    /// Without addresses.
    fn bare() -> Self {
        Self::with(Medium::Ethernet, 1)
    }

    fn with(medium: Medium, seed: u64) -> Self {
        let capabilities = Capabilities {
            medium,
            mtu: MTU,
            max_gso: 0,
            tx_checksum: false,
        };
        let config = Config {
            hardware: OUR_MAC,
            ..Config::default()
        };
        let network = Network::new(&config, capabilities, &mut SeedRng::new(seed));
        Self {
            network,
            now: Instant::from_secs(1_000),
        }
    }

    /// With one address and one gateway of each family.
    fn new() -> Self {
        let mut host = Self::bare();
        host.equip();
        host
    }

    fn equip(&mut self) {
        for (address, len) in OURS.into_iter().zip([24, 64]) {
            let cidr = Cidr::new(ip(address), len).unwrap();
            self.network.add_address(cidr).unwrap();
        }
        for (gateway, all) in GATEWAY.into_iter().zip(["0.0.0.0/0", "::/0"]) {
            self.network
                .add_route(all.parse().unwrap(), Some(ip(gateway)))
                .unwrap();
        }
    }

    /// Knows the neighbours already.
    fn acquainted() -> Self {
        let mut host = Self::new();
        for (address, mac) in PEER
            .map(|peer| (peer, PEER_MAC))
            .into_iter()
            .chain(GATEWAY.map(|gateway| (gateway, GATEWAY_MAC)))
        {
            let ours = OURS[usize::from(ip(address).is_ipv6())];
            let evidence = crate::link::neighbor::Evidence::Question(ip(ours));
            host.network
                .neighbors
                .learn(host.now, ip(address), mac, evidence);
        }
        host
    }

    fn claim(&mut self, cidr: &str) {
        self.network.claim(self.now, cidr.parse().unwrap()).unwrap();
    }

    fn receive(&mut self, bytes: Vec<u8>) -> Option<Inbound> {
        let frame = RxFrame {
            data: Chunk::from(bytes),
            received_at: self.now,
            checksum: RxChecksum::Unknown,
            gso: None,
        };
        self.network.receive(self.now, frame)
    }

    /// Sends a packet with a small payload; true unless it was dropped.
    fn send(&mut self, to: &str) -> bool {
        let destination = ip(to);
        let source = ip(OURS[usize::from(destination.is_ipv6())]);
        let (heading, mut frame) = packet(source, destination, &[7; 100]);
        let sent = self.network.route(self.now, &heading, &mut frame);
        if sent.is_ok() {
            self.network.outbox.push_back(frame);
        }
        sent != Err(Unsent::Dropped)
    }

    /// Sends a packet that need not wait, as it leaves.
    fn send_at_once(&mut self, heading: &Heading, mut frame: TxFrame) -> TxFrame {
        let sent = self.network.route(self.now, heading, &mut frame);
        assert_eq!(sent, Ok(()));
        frame
    }

    /// Everything that wants to leave now.
    fn sent(&mut self) -> Vec<Sent> {
        let mut batch = TxBatch::new();
        let mut sent = Vec::new();
        loop {
            let more = self.network.poll_transmit(self.now, &mut batch);
            sent.extend(
                core::iter::from_fn(|| batch.pop()).map(|frame| Sent::new(self.now, &frame)),
            );
            if !more {
                return sent;
            }
        }
    }

    /// The one frame that wants to leave now.
    #[track_caller]
    fn sent_one(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one frame leaves, not {sent:?}");
        sent.remove(0)
    }

    #[track_caller]
    fn assert_silent(&mut self) {
        let sent = self.sent();
        assert!(sent.is_empty(), "nothing leaves, not {sent:?}");
    }

    fn events(&mut self) -> Vec<NetworkEvent> {
        core::iter::from_fn(|| self.network.poll_event()).collect()
    }

    /// Lets time pass; returns what was sent, each frame at the time at which it was due.
    fn pass(&mut self, time: Duration) -> Vec<Sent> {
        let end = self.now + time;
        let mut sent = self.sent();
        while let Some(due) = self.network.next_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.network.on_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    fn counters(&self) -> NetworkCounters {
        self.network.counters()
    }
}

impl Sent {
    fn new(at: Instant, frame: &TxFrame) -> Self {
        let bytes = frame.to_vec();
        let (ethernet, rest) = EthernetHeader::parse(&bytes).unwrap();
        assert_eq!(ethernet.source, OUR_MAC);
        Self {
            at,
            ethernet,
            bytes: rest.to_vec(),
            cause: frame.cause,
        }
    }

    #[track_caller]
    fn arp(&self) -> ArpPacket {
        assert_eq!(self.ethernet.ether_type, EtherType::ARP, "{self:?}");
        ArpPacket::parse(&self.bytes).unwrap()
    }

    #[track_caller]
    fn v4(&self) -> (Ipv4Header, Vec<u8>) {
        assert_eq!(self.ethernet.ether_type, EtherType::IPV4, "{self:?}");
        let (header, payload) = Ipv4Header::parse(&self.bytes).unwrap();
        (header, payload.to_vec())
    }

    #[track_caller]
    fn v6(&self) -> (Ipv6Header, Vec<u8>) {
        assert_eq!(self.ethernet.ether_type, EtherType::IPV6, "{self:?}");
        let (header, payload) = Ipv6Header::parse(&self.bytes).unwrap();
        (header, payload.to_vec())
    }

    #[track_caller]
    fn icmpv6(&self) -> (Ipv6Header, Icmpv6, Vec<u8>) {
        let (header, payload) = self.v6();
        let (message, body) = Icmpv6::parse(&payload, header.source, header.destination).unwrap();
        (header, message, body.to_vec())
    }

    #[track_caller]
    fn ndp(&self) -> (Ipv6Header, Ndp) {
        let (header, message, body) = self.icmpv6();
        assert_eq!(header.hop_limit, 255);
        (header, Ndp::parse(&message, &body).unwrap().unwrap())
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn packet(source: IpAddr, destination: IpAddr, payload: &[u8]) -> (Heading, TxFrame) {
    let heading = Heading {
        source,
        destination,
        protocol: Protocol::TCP,
        ecn: Ecn::NotEct,
        dscp: 0,
        hop_limit: 64,
    };
    let frame = TxFrame::raw(Chunk::copy_from(payload), Cause::NewData);
    (heading, frame)
}

fn ethernet(
    (source, destination): (EthernetAddress, EthernetAddress),
    ether_type: EtherType,
    bytes: &[u8],
) -> Vec<u8> {
    let mut frame = vec![0; EthernetHeader::LEN];
    EthernetHeader {
        destination,
        source,
        ether_type,
    }
    .write(&mut frame);
    frame.extend_from_slice(bytes);
    frame
}

/// An ARP packet from `by`, to everybody.
fn arp(operation: ArpOperation, by: EthernetAddress, sender: &str, target: &str) -> Vec<u8> {
    let packet = ArpPacket {
        operation,
        sender_hardware: by,
        sender_protocol: sender.parse().unwrap(),
        target_hardware: EthernetAddress::ZERO,
        target_protocol: target.parse().unwrap(),
    };
    let mut bytes = [0; ArpPacket::LEN];
    packet.write(&mut bytes);
    ethernet((by, EthernetAddress::BROADCAST), EtherType::ARP, &bytes)
}

/// An IP packet without its link header.
fn bare_packet(source: &str, destination: &str, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let payload_len = u16::try_from(payload.len()).unwrap();
    let mut bytes = match (ip(source), ip(destination)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                source,
                destination,
                protocol,
                payload_len,
                ..Ipv4Header::default()
            };
            let mut bytes = vec![0; Ipv4Header::LEN];
            header.write(&mut bytes);
            bytes
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                source,
                destination,
                next_header: protocol,
                payload_len,
                ..Ipv6Header::default()
            };
            let mut bytes = vec![0; Ipv6Header::LEN];
            header.write(&mut bytes);
            bytes
        }
        _ => panic!("one packet has one family"),
    };
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame from the peer's hardware to ours with an IP packet.
fn framed(packet: &[u8]) -> Vec<u8> {
    let ether_type = if packet[0] >> 4 == 4 {
        EtherType::IPV4
    } else {
        EtherType::IPV6
    };
    ethernet((PEER_MAC, OUR_MAC), ether_type, packet)
}

/// The same from its parts.
fn frame(source: &str, destination: &str, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    framed(&bare_packet(source, destination, protocol, payload))
}

/// A message of neighbour discovery.
fn ndp(by: EthernetAddress, source: &str, destination: &str, message: &Ndp) -> Vec<u8> {
    let (IpAddr::V6(from), IpAddr::V6(to)) = (ip(source), ip(destination)) else {
        panic!("neighbour discovery is of IPv6");
    };
    let mut packet = bare_packet(
        source,
        destination,
        Protocol::ICMPV6,
        &message.to_vec(from, to),
    );
    packet[7] = 255;
    let link = if to.is_multicast() {
        EthernetAddress::multicast(to.into())
    } else {
        OUR_MAC
    };
    ethernet((by, link), EtherType::IPV6, &packet)
}
