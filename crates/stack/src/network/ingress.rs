//! The way in: a frame is taken apart until it is clear what it carries and whether it is for us.

use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::buf::{Chunk, Gso, Medium, RxChecksum, RxFrame};
use handfast_packet::error::ParseError;
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::ip::{Ecn, Protocol};
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext::{self, WalkError};
use handfast_packet::tcp::TcpHeader;
use handfast_packet::udp::{self, UdpHeader};

use super::icmp::Complaint;
use super::{Datagram, Inbound, Network};
use crate::ip::is_host;
use crate::ip::reassembly::{Fault, Fragment, Key, Outcome, Whole};

/// Where an IPv4 header names the protocol of its payload.
const PROTOCOL_AT: usize = 9;
/// Where an IPv6 header names what follows it.
const NEXT_HEADER_AT: usize = 6;
/// Where it says how much that is.
const PAYLOAD_LENGTH_AT: usize = 4;
/// Where a fragment header says where the fragment belongs.
const FRAGMENT_OFFSET_AT: usize = 2;

/// An IP packet for us.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// What the payload is; in IPv6 possibly an extension header that was not walked yet.
    pub(super) protocol: Protocol,
    /// TTL or hop limit.
    pub(super) hop_limit: u8,
    pub(super) ecn: Ecn,
    /// It came in fragments, or as a fragment that is all there is (RFC 6946).
    pub(super) fragmented: bool,
    /// From the IP header to the end of the payload.
    pub(super) packet: Chunk,
    /// Where in `packet` the payload begins.
    pub(super) payload_at: usize,
    /// Where in `packet` the byte stands that names `protocol`.
    pub(super) named_at: usize,
    pub(super) frame: FrameInfo,
}

/// What is known of the frame that brought a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameInfo {
    received_at: Instant,
    checksum: RxChecksum,
    gso: Option<Gso>,
    /// Who sent it on our link; zero where the link has no addresses.
    pub(super) link_source: EthernetAddress,
    /// It was sent to more stations than ours.
    to_many: bool,
}

impl Network {
    /// Takes a frame in. Changes state only: answers wait for `poll_transmit`.
    pub(crate) fn receive(&mut self, now: Instant, frame: RxFrame) -> Option<Inbound> {
        let RxFrame {
            data: mut packet,
            received_at,
            checksum,
            gso,
        } = frame;
        let mut info = FrameInfo {
            received_at,
            checksum,
            gso,
            link_source: EthernetAddress::ZERO,
            to_many: false,
        };
        if self.medium == Medium::Ip {
            return match packet.first().map(|byte| byte >> 4) {
                Some(4) => self.receive_v4(now, packet, info),
                Some(6) => self.receive_v6(now, packet, info),
                _ => self.malformed(),
            };
        }
        let Ok((header, _)) = EthernetHeader::parse(&packet) else {
            return self.malformed();
        };
        info.link_source = header.source;
        info.to_many = header.destination.is_multicast();
        if header.destination != self.hardware && !info.to_many {
            self.counters.not_for_us += 1;
            return None;
        }
        packet.advance(EthernetHeader::LEN);
        match header.ether_type {
            EtherType::IPV4 => self.receive_v4(now, packet, info),
            EtherType::IPV6 => self.receive_v6(now, packet, info),
            EtherType::ARP => {
                self.on_arp(now, &packet);
                None
            }
            _ => {
                self.counters.unknown_protocols += 1;
                None
            }
        }
    }

    fn receive_v4(&mut self, now: Instant, mut packet: Chunk, frame: FrameInfo) -> Option<Inbound> {
        let (header, len) = match Ipv4Header::parse(&packet) {
            Ok((header, payload)) => (header, payload.len()),
            Err(error) => return self.unreadable(error),
        };
        let (source, destination) = (IpAddr::V4(header.source), IpAddr::V4(header.destination));
        if !self.admits(source, destination) {
            return None;
        }
        // RFC 1122 3.3.6: a packet for one host in a frame for all of them is not to be believed.
        if !self.is_local(destination) || frame.to_many {
            self.counters.not_for_us += 1;
            return None;
        }
        let payload_at = usize::from(packet[0] & 0x0f) * 4;
        packet.truncate(payload_at + len);
        let arrived = Arrived {
            source,
            destination,
            protocol: header.protocol,
            hop_limit: header.ttl,
            ecn: header.ecn,
            fragmented: false,
            packet,
            payload_at,
            named_at: PROTOCOL_AT,
            frame,
        };
        if !header.is_fragment() {
            return self.deliver(now, arrived);
        }
        let piece = Piece {
            identification: header.identification.into(),
            offset: header.fragment_offset,
            more: header.more_fragments,
        };
        let whole = self.reassemble(now, &arrived, &piece)?;
        self.deliver(now, whole)
    }

    fn receive_v6(&mut self, now: Instant, mut packet: Chunk, frame: FrameInfo) -> Option<Inbound> {
        let (header, len) = match Ipv6Header::parse(&packet) {
            Ok((header, payload)) => (header, payload.len()),
            Err(error) => return self.unreadable(error),
        };
        let (source, destination) = (IpAddr::V6(header.source), IpAddr::V6(header.destination));
        if !self.admits(source, destination) {
            return None;
        }
        let for_us = match destination.is_multicast() {
            true => self.addresses.listens_to(header.destination),
            false => self.is_local(destination) && !frame.to_many,
        };
        if !for_us {
            self.counters.not_for_us += 1;
            return None;
        }
        packet.truncate(Ipv6Header::LEN + len);
        let arrived = Arrived {
            source,
            destination,
            protocol: header.next_header,
            hop_limit: header.hop_limit,
            ecn: header.ecn,
            fragmented: false,
            packet,
            payload_at: Ipv6Header::LEN,
            named_at: NEXT_HEADER_AT,
            frame,
        };
        self.walk(now, arrived)
    }

    /// Goes behind the extension headers.
    fn walk(&mut self, now: Instant, mut arrived: Arrived) -> Option<Inbound> {
        let payload = &arrived.packet[arrived.payload_at..];
        let (fragment, protocol, offset, named_at) = match ipv6_ext::walk(arrived.protocol, payload)
        {
            Ok(walk) => (walk.fragment, walk.protocol, walk.offset, walk.named_at),
            Err(error) => {
                self.on_walk_error(now, &arrived, error);
                return None;
            }
        };
        if offset > 0 {
            arrived.protocol = protocol;
            arrived.payload_at += offset;
            arrived.named_at = named_at;
        }
        match fragment {
            None => self.deliver(now, arrived),
            // A fragment in a fragment: nobody needs that, and it would never end.
            Some(_) if arrived.fragmented => self.malformed(),
            Some(fragment) if fragment.offset == 0 && !fragment.more => {
                // An atomic fragment has nothing to do with others (RFC 6946).
                arrived.fragmented = true;
                self.walk(now, arrived)
            }
            Some(fragment) if fragment.offset == 0 && !has_whole_chain(&arrived) => {
                self.counters.fragments_received += 1;
                self.counters.fragments_dropped += 1;
                None
            }
            Some(fragment) => {
                let piece = Piece {
                    identification: fragment.identification,
                    offset: fragment.offset,
                    more: fragment.more,
                };
                let whole = self.reassemble(now, &arrived, &piece)?;
                self.walk(now, whole)
            }
        }
    }

    /// Keeps a fragment; returns the whole when nothing is missing any more.
    fn reassemble(&mut self, now: Instant, arrived: &Arrived, piece: &Piece) -> Option<Arrived> {
        self.counters.fragments_received += 1;
        let is_v4 = arrived.source.is_ipv4();
        let key = Key {
            source: arrived.source,
            destination: arrived.destination,
            protocol: if is_v4 { arrived.protocol.0 } else { 0 },
            identification: piece.identification,
        };
        let fragment = Fragment {
            offset: piece.offset,
            more: piece.more,
            protocol: arrived.protocol,
            header: arrived.packet.slice(0..arrived.payload_at),
            payload: arrived.payload(),
            ecn: arrived.ecn,
        };
        match self.reassembly.add(now, key, &fragment) {
            Outcome::Kept => None,
            Outcome::Dropped => {
                self.counters.fragments_dropped += 1;
                None
            }
            Outcome::Impossible(fault) => {
                self.counters.fragments_dropped += 1;
                let at = match fault {
                    Fault::Length => PAYLOAD_LENGTH_AT,
                    Fault::Offset => arrived.named_at + FRAGMENT_OFFSET_AT,
                };
                let pointer = u32::try_from(at).expect("IP packets are below 64 KiB");
                self.complain(now, arrived, Complaint::BadField { pointer });
                None
            }
            Outcome::Complete(Whole {
                protocol,
                packet,
                payload_at,
                ecn,
            }) => {
                self.counters.reassembled += 1;
                // What the device said about a checksum was about a single frame.
                let frame = FrameInfo {
                    checksum: RxChecksum::Unknown,
                    gso: None,
                    ..arrived.frame
                };
                Some(Arrived {
                    source: arrived.source,
                    destination: arrived.destination,
                    protocol,
                    hop_limit: arrived.hop_limit,
                    ecn,
                    fragmented: true,
                    packet,
                    payload_at,
                    named_at: arrived.named_at,
                    frame,
                })
            }
        }
    }

    /// Hands the payload to whom it is for.
    fn deliver(&mut self, now: Instant, arrived: Arrived) -> Option<Inbound> {
        let to_one = !arrived.destination.is_multicast();
        match (arrived.protocol, arrived.source) {
            (Protocol::TCP, _) if to_one => Some(Inbound::Tcp(arrived.into_datagram())),
            (Protocol::UDP, _) if to_one => {
                self.on_udp(now, &arrived);
                None
            }
            (Protocol::ICMP, IpAddr::V4(_)) => self.on_icmpv4(now, &arrived),
            (Protocol::ICMPV6, IpAddr::V6(source)) => self.on_icmpv6(now, &arrived, source),
            (Protocol::NO_NEXT, IpAddr::V6(_)) => None,
            _ => {
                self.counters.unknown_protocols += 1;
                self.complain(now, &arrived, Complaint::ProtocolUnreachable);
                None
            }
        }
    }

    /// There are no UDP sockets, so nobody has the port (RFC 1122 4.1.3.1). What is damaged is
    /// dropped in silence: the port may be.
    fn on_udp(&mut self, now: Instant, arrived: &Arrived) {
        let payload = &arrived.packet[arrived.payload_at..];
        let Ok((header, _)) = UdpHeader::parse(payload) else {
            self.counters.malformed += 1;
            return;
        };
        let datagram = &payload[..usize::from(header.length)];
        if arrived.frame.checksum == RxChecksum::Unknown
            && !udp::verify_checksum(arrived.source, arrived.destination, datagram)
        {
            self.counters.bad_checksums += 1;
            return;
        }
        self.complain(now, arrived, Complaint::PortUnreachable);
    }

    /// Tells the sender of extension headers that cannot be obeyed, where it wants to know.
    fn on_walk_error(&mut self, now: Instant, arrived: &Arrived, error: WalkError) {
        self.counters.malformed += 1;
        // The offsets are those of a packet that came in one piece.
        if arrived.fragmented {
            return;
        }
        let complaint = match error {
            WalkError::Misplaced { pointer } => Complaint::UnknownNextHeader { pointer },
            WalkError::UnknownOption {
                pointer,
                even_multicast,
            } => Complaint::UnknownOption {
                pointer,
                even_multicast,
            },
            WalkError::Routing { pointer } => Complaint::BadField { pointer },
            _ => return,
        };
        self.complain(now, arrived, complaint);
    }

    /// Whether a packet can be what it says: from one host that is not us.
    ///
    /// In IPv6, a host without an address and one that uses ours are heard in groups: there,
    /// only neighbour discovery listens, which must know of both (RFC 4862 5.4).
    #[inline]
    fn admits(&mut self, source: IpAddr, destination: IpAddr) -> bool {
        let ours = self.addresses.contains(source);
        let stranger = is_host(source) && !ours && !self.is_broadcast(source);
        let rival = source.is_ipv6() && (ours || source.is_unspecified());
        let admitted = stranger || rival && destination.is_multicast();
        self.counters.martian_sources += u64::from(!admitted);
        admitted
    }

    fn unreadable<T>(&mut self, error: ParseError) -> Option<T> {
        match error {
            ParseError::Checksum => {
                self.counters.bad_checksums += 1;
                None
            }
            _ => self.malformed(),
        }
    }

    pub(super) fn malformed<T>(&mut self) -> Option<T> {
        self.counters.malformed += 1;
        None
    }
}

/// Where a fragment belongs.
struct Piece {
    identification: u32,
    offset: u16,
    more: bool,
}

impl Arrived {
    /// Everything behind the headers that were walked.
    pub(super) fn payload(&self) -> Chunk {
        self.packet.slice(self.payload_at..self.packet.len())
    }

    /// As much as came of a datagram whose other fragments did not.
    pub(super) fn partial(key: &Key, part: Whole) -> Self {
        Self {
            source: key.source,
            destination: key.destination,
            protocol: part.protocol,
            hop_limit: 0,
            ecn: part.ecn,
            fragmented: true,
            packet: part.packet,
            payload_at: part.payload_at,
            named_at: 0,
            frame: FrameInfo {
                received_at: Instant::ZERO,
                checksum: RxChecksum::Unknown,
                gso: None,
                link_source: EthernetAddress::ZERO,
                to_many: false,
            },
        }
    }

    fn into_datagram(self) -> Datagram {
        Datagram {
            payload: self.payload(),
            source: self.source,
            destination: self.destination,
            ecn: self.ecn,
            received_at: self.frame.received_at,
            checksum: self.frame.checksum,
            gso: self.frame.gso,
        }
    }
}

/// Whether a first fragment has all headers, that of the protocol for which they stand included
/// (RFC 7112 section 5): who looks at it on the way must be able to say what the datagram is.
fn has_whole_chain(first: &Arrived) -> bool {
    let payload = &first.packet[first.payload_at..];
    let walk = match ipv6_ext::walk(first.protocol, payload) {
        Ok(walk) => walk,
        // What is wrong in another way is told of the whole datagram.
        Err(error) => return error != WalkError::Truncated,
    };
    let header_len = match walk.protocol {
        Protocol::TCP => TcpHeader::LEN,
        Protocol::UDP => UdpHeader::LEN,
        _ => 0,
    };
    payload.len() - walk.offset >= header_len
}
