//! The far end: it sees what the host sends, answers the questions for its hardware address, and
//! makes segments near those that the host expects.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use handfast_packet::Instant;
use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::{Medium, TxFrame};
use handfast_packet::build::{Ethernet, Icmp, Ipv4, Ipv6, Packet};
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ndp::Ndp;
use handfast_packet::tcp::{
    SackBlock, SeqNumber, TcpFlags, TcpHeader, TcpOptions, Timestamps, verify_checksum,
};

use super::world::is_host;
use crate::bytes::Bytes;

/// Of the host and of all others.
pub(super) const HARDWARE: [EthernetAddress; 2] = [
    EthernetAddress([2, 0, 0, 0, 0, 1]),
    EthernetAddress([2, 0, 0, 0, 0, 2]),
];
/// Flows that are remembered; the oldest makes room.
const FLOWS_MAX: usize = 12;
/// Packets of the host that are remembered, to be quoted.
const SENT_MAX: usize = 8;

/// Address of the host (0) or of somebody else, of IPv4 (family 0) or IPv6.
pub(super) fn address(family: u8, host: u8) -> IpAddr {
    if family == 0 {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, host + 1))
    } else {
        IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xdb8,
            0,
            0,
            0,
            0,
            0,
            u16::from(host) + 1,
        ))
    }
}

/// A connection as its segments show it.
struct Flow {
    host: SocketAddr,
    peer: SocketAddr,
    /// What the host acknowledged last, and the number behind what it sent last.
    wanted: u32,
    sent: u32,
    /// The timestamp that the host sent last.
    stamp: u32,
}

/// The far end.
pub(super) struct Peer {
    medium: Medium,
    flows: VecDeque<Flow>,
    sent: VecDeque<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    /// Nobody answers when the host asks for hardware addresses.
    silent: bool,
}

impl Peer {
    pub(super) const fn new(medium: Medium, silent: bool) -> Self {
        Self {
            medium,
            flows: VecDeque::new(),
            sent: VecDeque::new(),
            answers: Vec::new(),
            silent,
        }
    }

    /// What the neighbours answered, once.
    pub(super) fn take_answers(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.answers)
    }

    /// Looks at a frame of the host: it must be one that everybody can read.
    pub(super) fn see(&mut self, frame: &TxFrame) {
        let bytes = frame.to_vec();
        let packet = match self.medium {
            Medium::Ip => &bytes[..],
            Medium::Ethernet => {
                let (header, packet) = EthernetHeader::parse(&bytes).expect("a frame");
                if header.ether_type == EtherType::ARP {
                    return self.answer_arp(packet);
                }
                packet
            }
        };
        let whole = frame.gso.is_none();
        assert!(!whole || packet.len() <= 1_500, "larger than the MTU");
        let (source, destination, protocol, payload) = read(packet);
        assert!(is_host(source), "from another address: {source}");
        if protocol == Protocol::TCP {
            if frame.checksum_at.is_none() {
                assert!(
                    verify_checksum(source, destination, payload),
                    "a checksum is wrong"
                );
            }
            let (header, len) = TcpHeader::parse(payload).expect("a segment");
            let text = u32::try_from(payload.len() - len).expect("short");
            let ends = [(source, header.source), (destination, header.destination)];
            self.follow(ends.map(SocketAddr::from), &header, text);
        } else if let (IpAddr::V6(host), IpAddr::V6(group)) = (source, destination) {
            self.answer_solicitation(host, group, payload);
        }
        self.sent.push_back(packet.to_vec());
        if self.sent.len() > SENT_MAX {
            self.sent.pop_front();
        }
    }

    fn answer_arp(&mut self, packet: &[u8]) {
        let asked = ArpPacket::parse(packet).expect("an ARP packet");
        if asked.operation != ArpOperation::REQUEST || self.silent {
            return;
        }
        let mut answer = [0; ArpPacket::LEN];
        let reply = ArpPacket {
            operation: ArpOperation::REPLY,
            sender_hardware: HARDWARE[1],
            sender_protocol: asked.target_protocol,
            target_hardware: asked.sender_hardware,
            target_protocol: asked.sender_protocol,
        };
        reply.write(&mut answer);
        self.answers.push(self.on_link(EtherType::ARP, &answer));
    }

    fn answer_solicitation(&mut self, host: Ipv6Addr, group: Ipv6Addr, message: &[u8]) {
        let Ok((message, body)) = Icmpv6::parse(message, host, group) else {
            return;
        };
        let parsed = Ndp::parse(&message, body);
        let Some(Ok(Ndp::NeighborSolicitation { target, .. })) = parsed else {
            return;
        };
        if self.silent || host.is_unspecified() {
            return;
        }
        let answer = Ndp::NeighborAdvertisement {
            target,
            target_link: Some(HARDWARE[1]),
            router: false,
            solicited: true,
            override_flag: true,
        };
        let packet = Ipv6::new(target, host)
            .next_header(Protocol::ICMPV6)
            .hop_limit(255);
        let packet = packet / answer.to_vec(target, host);
        self.answers
            .push(self.on_link(EtherType::IPV6, &packet.to_vec()));
    }

    fn follow(&mut self, [host, peer]: [SocketAddr; 2], header: &TcpHeader, text: u32) {
        let control = |flag| u32::from(header.flags.contains(flag));
        let len = text + control(TcpFlags::SYN) + control(TcpFlags::FIN);
        let sent = header.seq.0.wrapping_add(len);
        let stamped = header.options.timestamps.map(|ours| ours.value);
        let known = self
            .flows
            .iter_mut()
            .find(|flow| (flow.host, flow.peer) == (host, peer));
        if let Some(flow) = known {
            flow.sent = sent;
            flow.stamp = stamped.unwrap_or(flow.stamp);
            if header.flags.contains(TcpFlags::ACK) {
                flow.wanted = header.ack.0;
            }
        } else if !header.flags.contains(TcpFlags::RST) {
            let wanted = header.ack.0;
            let stamp = stamped.unwrap_or_default();
            let flow = Flow {
                host,
                peer,
                wanted,
                sent,
                stamp,
            };
            self.flows.push_back(flow);
            if self.flows.len() > FLOWS_MAX {
                self.flows.pop_front();
            }
        }
    }

    /// A peer opens a connection.
    pub(super) fn syn(&self, now: Instant, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (choice, shape) = (bytes.u8(), bytes.u8());
        let family = choice & 1;
        let from = SocketAddr::new(address(family, 1 + (choice >> 1 & 1)), u16::from(shape) + 1);
        let to = SocketAddr::new(address(family, 0), 80 + u16::from(choice >> 2) % 4);
        let set = |number: u8| shape >> number & 1 == 1;
        let options = TcpOptions {
            mss: set(0).then(|| bytes.u16()),
            window_scale: set(1).then_some(7),
            sack_permitted: set(2),
            timestamps: set(3).then(|| stamp(now, 0)),
            ..TcpOptions::default()
        };
        let ecn = TcpFlags::ECE | TcpFlags::CWR | TcpFlags::AE;
        let header = TcpHeader {
            source: from.port(),
            destination: to.port(),
            seq: SeqNumber(u32::MAX - u32::from(shape)),
            flags: if set(4) {
                TcpFlags::SYN | ecn
            } else {
                TcpFlags::SYN
            },
            window: 60_000,
            options,
            ..TcpHeader::default()
        };
        self.frame(
            from.ip(),
            to.ip(),
            Protocol::TCP,
            &written(&header, bytes, set(5)),
        )
    }

    /// A segment near those that the host expects on one of its connections.
    pub(super) fn segment(&self, now: Instant, bytes: &mut Bytes<'_>) -> Option<Vec<u8>> {
        let (which, shape, flags) = (bytes.u8(), bytes.u8(), bytes.u8());
        let index = usize::from(which).checked_rem(self.flows.len())?;
        let flow = &self.flows[index];
        let set = |number: u8| shape >> number & 1 == 1;
        let seq = if set(0) { near(bytes) } else { 0 };
        let ack = if set(1) { near(bytes) } else { 0 };
        // The usual is what RFC 7323 3.2 wants: timestamps on all segments or on none.
        let stamped = flow.stamp != 0;
        let mut options = TcpOptions {
            timestamps: (set(2) != stamped).then(|| stamp(now, flow.stamp)),
            ..TcpOptions::default()
        };
        if set(3) {
            let left = flow.sent.wrapping_sub(u32::from(bytes.u16()));
            let right = SeqNumber(left.wrapping_add(u32::from(bytes.u16() % 3_000)));
            let left = SeqNumber(left);
            options.sack.push(SackBlock { left, right });
        }
        let header = TcpHeader {
            source: flow.peer.port(),
            destination: flow.host.port(),
            seq: SeqNumber(flow.wanted.wrapping_add_signed(seq)),
            ack: SeqNumber(flow.sent.wrapping_add_signed(ack)),
            flags: match flags {
                0..=159 => TcpFlags::ACK,
                160..=191 => TcpFlags::ACK | TcpFlags::FIN,
                192..=207 => TcpFlags::ACK | TcpFlags::SYN,
                208..=215 => TcpFlags::RST,
                other => TcpFlags(u16::from(other) << 1 | u16::from(which >> 7)),
            },
            window: if set(4) { bytes.u16() } else { 60_000 },
            urgent: if set(5) { bytes.u16() } else { 0 },
            options,
        };
        let segment = written(&header, bytes, set(6));
        Some(self.frame(flow.peer.ip(), flow.host.ip(), Protocol::TCP, &segment))
    }

    /// An ICMP error about one of the last packets of the host.
    pub(super) fn error(&self, bytes: &mut Bytes<'_>) -> Option<Vec<u8>> {
        let (which, kind, code, value) = (bytes.u8(), bytes.u8(), bytes.u8(), bytes.u16());
        let index = usize::from(which).checked_rem(self.sent.len())?;
        let sent = &self.sent[index];
        let mut quoted = sent[..sent.len().min(usize::from(kind >> 2) * 8 + 28)].to_vec();
        if code & 0x80 != 0 {
            let place = usize::from(bytes.u8()) % quoted.len();
            quoted[place] = bytes.u8();
        }
        let code = code & 0x1f;
        let [host, ..] = [read(sent).0];
        let packet = match host {
            IpAddr::V4(host) => {
                let message = match kind & 3 {
                    0 => Icmpv4::Unreachable {
                        code: 4,
                        next_hop_mtu: value,
                    },
                    1 => Icmpv4::Unreachable {
                        code,
                        next_hop_mtu: 0,
                    },
                    2 => Icmpv4::TimeExceeded { code },
                    _ => Icmpv4::ParameterProblem {
                        code,
                        pointer: code,
                    },
                };
                Ipv4::new(Ipv4Addr::new(192, 0, 2, 2), host) / Icmp::v4(message) / quoted
            }
            IpAddr::V6(host) => {
                let IpAddr::V6(router) = address(1, 1) else {
                    return None;
                };
                let message = match kind & 3 {
                    0 => Icmpv6::PacketTooBig { mtu: value.into() },
                    1 => Icmpv6::Unreachable { code },
                    2 => Icmpv6::TimeExceeded { code },
                    _ => Icmpv6::ParameterProblem {
                        code,
                        pointer: value.into(),
                    },
                };
                Ipv6::new(router, host) / Icmp::v6(message) / quoted
            }
        };
        let kind = if host.is_ipv4() {
            EtherType::IPV4
        } else {
            EtherType::IPV6
        };
        Some(self.on_link(kind, &packet.to_vec()))
    }

    /// One of the last packets of the host comes back with its addresses exchanged and a byte
    /// changed: what answers questions for hardware addresses among others.
    pub(super) fn echo_of_sent(&self, bytes: &mut Bytes<'_>) -> Option<Vec<u8>> {
        let (which, at, value) = (bytes.u8(), bytes.u8(), bytes.u8());
        let index = usize::from(which).checked_rem(self.sent.len())?;
        let mut packet = self.sent[index].clone();
        let (kind, first, len) = match packet[0] >> 4 {
            4 => (EtherType::IPV4, 12, 4),
            _ => (EtherType::IPV6, 8, 16),
        };
        let (sources, destinations) = packet[first..first + 2 * len].split_at_mut(len);
        sources.swap_with_slice(destinations);
        if let Some(byte) = packet.get_mut(usize::from(at)) {
            *byte = value;
        }
        Some(self.on_link(kind, &packet))
    }

    fn frame(&self, from: IpAddr, to: IpAddr, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
        let (kind, packet): (_, Packet) = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => (
                EtherType::IPV4,
                Ipv4::new(from, to).protocol(protocol) / payload,
            ),
            (IpAddr::V6(from), IpAddr::V6(to)) => (
                EtherType::IPV6,
                Ipv6::new(from, to).next_header(protocol) / payload,
            ),
            _ => unreachable!("both ends have one family"),
        };
        self.on_link(kind, &packet.to_vec())
    }

    fn on_link(&self, kind: EtherType, packet: &[u8]) -> Vec<u8> {
        match self.medium {
            Medium::Ip => packet.to_vec(),
            Medium::Ethernet => {
                let link = Ethernet::new(HARDWARE[1], HARDWARE[0]).ether_type(kind);
                (link / packet).to_vec()
            }
        }
    }
}

/// Addresses, protocol and payload of a packet of the host.
fn read(packet: &[u8]) -> (IpAddr, IpAddr, Protocol, &[u8]) {
    if packet[0] >> 4 == 4 {
        let (header, payload) = Ipv4Header::parse(packet).expect("an IPv4 packet");
        assert_eq!(Ipv4Header::LEN + payload.len(), packet.len());
        (
            header.source.into(),
            header.destination.into(),
            header.protocol,
            payload,
        )
    } else {
        let (header, payload) = Ipv6Header::parse(packet).expect("an IPv6 packet");
        assert_eq!(Ipv6Header::LEN + payload.len(), packet.len());
        (
            header.source.into(),
            header.destination.into(),
            header.next_header,
            payload,
        )
    }
}

/// A segment with text or without. Its checksum is left to the device.
fn written(header: &TcpHeader, bytes: &mut Bytes<'_>, has_text: bool) -> Vec<u8> {
    let mut segment = vec![0; header.header_len()];
    header.write(&mut segment);
    if has_text {
        let len = usize::from(bytes.u8()) * 6;
        segment.resize(segment.len() + len, b'y');
    }
    segment
}

/// The peer's clock, in milliseconds.
fn stamp(now: Instant, echo: u32) -> Timestamps {
    let millis = now.as_nanos() / 1_000_000 % (1 << 32);
    let value = u32::try_from(millis).expect("32 bits");
    Timestamps { value, echo }
}

/// A distance that is small more often than not.
fn near(bytes: &mut Bytes<'_>) -> i32 {
    match bytes.u8() {
        class @ 0..=127 => i32::from(class) - 64,
        128..=191 => -i32::from(bytes.u16()),
        192..=239 => i32::from(bytes.u16()),
        _ => bytes.u32().cast_signed(),
    }
}
