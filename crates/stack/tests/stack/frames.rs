//! Frames by hand: taking apart what a stack sent, and making what a stack shall receive.

use core::net::{IpAddr, SocketAddr};

use handfast_packet::checksum::pseudo_header;
use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::tcp::{CHECKSUM_OFFSET, SeqNumber, TcpFlags, TcpHeader};

use crate::wire::{Wire, hardware};

/// A TCP segment as it stood in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) header: TcpHeader,
    pub(crate) payload: Vec<u8>,
    /// The IP packet, without what the link put in front.
    pub(crate) packet: Vec<u8>,
}

/// The TCP segments that stack `host` sent, oldest first.
pub(crate) fn segments(wire: &Wire, host: usize) -> Vec<Sent> {
    let frames = wire.log.iter().filter(|(sender, _)| *sender == host);
    frames.filter_map(|(_, bytes)| segment(bytes)).collect()
}

/// The segment in a frame; `None` when it carries something else.
pub(crate) fn segment(frame: &[u8]) -> Option<Sent> {
    let (ethernet, packet) = EthernetHeader::parse(frame).unwrap();
    let (source, destination, protocol, payload): (IpAddr, IpAddr, _, _) = match ethernet.ether_type
    {
        EtherType::IPV4 => {
            let (header, payload) = Ipv4Header::parse(packet).unwrap();
            (
                header.source.into(),
                header.destination.into(),
                header.protocol,
                payload,
            )
        }
        EtherType::IPV6 => {
            let (header, payload) = Ipv6Header::parse(packet).unwrap();
            (
                header.source.into(),
                header.destination.into(),
                header.next_header,
                payload,
            )
        }
        _ => return None,
    };
    if protocol != Protocol::TCP {
        return None;
    }
    let (header, len) = TcpHeader::parse(payload).unwrap();
    Some(Sent {
        source: SocketAddr::new(source, header.source),
        destination: SocketAddr::new(destination, header.destination),
        header,
        payload: payload[len..].to_vec(),
        packet: packet.to_vec(),
    })
}

/// A header with these flags and numbers, and a window that hinders nobody.
pub(crate) fn header(
    source: u16,
    destination: u16,
    flags: TcpFlags,
    (seq, ack): (u32, u32),
) -> TcpHeader {
    TcpHeader {
        source,
        destination,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags,
        window: 60_000,
        ..TcpHeader::default()
    }
}

/// A frame from host `from` to host `to` with a TCP segment and a good checksum.
pub(crate) fn tcp(
    (from, source): (usize, IpAddr),
    (to, destination): (usize, IpAddr),
    header: &TcpHeader,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; header.header_len()];
    header.write(&mut bytes);
    bytes.extend_from_slice(payload);
    let len = u32::try_from(bytes.len()).unwrap();
    let sum = pseudo_header(source, destination, Protocol::TCP, len)
        .add(&bytes)
        .finish();
    bytes[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&sum.to_be_bytes());
    frame((from, source), (to, destination), Protocol::TCP, &bytes)
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Complaint {
    HostUnreachable,
    PortUnreachable,
    TooBig(u16),
}

/// A frame to host `to` with an ICMP error of `router` about `packet`, which `to` has sent.
pub(crate) fn icmp(to: usize, router: IpAddr, complaint: Complaint, packet: &[u8]) -> Vec<u8> {
    let quoted = &packet[..packet.len().min(128)];
    let (destination, protocol, message) = match router {
        IpAddr::V4(_) => {
            let (code, next_hop_mtu) = match complaint {
                Complaint::HostUnreachable => (1, 0),
                Complaint::PortUnreachable => (3, 0),
                Complaint::TooBig(mtu) => (4, mtu),
            };
            let quoted_header = Ipv4Header::parse(packet).unwrap().0;
            let message = Icmpv4::Unreachable { code, next_hop_mtu }.to_vec(quoted);
            (IpAddr::V4(quoted_header.source), Protocol::ICMP, message)
        }
        IpAddr::V6(router) => {
            let source = Ipv6Header::parse(packet).unwrap().0.source;
            let message = match complaint {
                Complaint::HostUnreachable => Icmpv6::Unreachable { code: 3 },
                Complaint::PortUnreachable => Icmpv6::Unreachable { code: 4 },
                Complaint::TooBig(mtu) => Icmpv6::PacketTooBig { mtu: mtu.into() },
            };
            (
                IpAddr::V6(source),
                Protocol::ICMPV6,
                message.to_vec(quoted, router, source),
            )
        }
    };
    frame((1 - to, router), (to, destination), protocol, &message)
}

/// A frame with an IP packet.
fn frame(
    (from, source): (usize, IpAddr),
    (to, destination): (usize, IpAddr),
    protocol: Protocol,
    payload: &[u8],
) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    let (ether_type, head) = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                source,
                destination,
                protocol,
                ttl: 64,
                payload_len: len,
                ..Ipv4Header::default()
            };
            let mut head = vec![0; Ipv4Header::LEN];
            header.write(&mut head);
            (EtherType::IPV4, head)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                source,
                destination,
                next_header: protocol,
                hop_limit: 64,
                payload_len: len,
                ..Ipv6Header::default()
            };
            let mut head = vec![0; Ipv6Header::LEN];
            header.write(&mut head);
            (EtherType::IPV6, head)
        }
        _ => panic!("one packet has one family"),
    };
    let ethernet = EthernetHeader {
        destination: hardware(to),
        source: hardware(from),
        ether_type,
    };
    let mut bytes = vec![0; EthernetHeader::LEN];
    ethernet.write(&mut bytes);
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(payload);
    bytes
}
