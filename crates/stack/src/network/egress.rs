//! The way out: IP and link headers in front of a packet, and the route that it takes.

use core::net::{IpAddr, Ipv6Addr};

use handfast_packet::Instant;
use handfast_packet::buf::{Chunk, Medium, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::ip::{Ecn, Protocol};
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;

use super::{Heading, Network, OUTBOX_MAX};
use crate::link::neighbor::{Lookup, Solicit, Waiting};
use crate::rng::keyed_hash;

/// TTL and hop limit of ordinary packets (RFC 1122 3.2.1.7, the value of RFC 1700).
const HOP_LIMIT: u8 = 64;

impl Network {
    /// Sends a message of our own on the ordinary way, by the outbox. A message that would need
    /// fragmenting is dropped: we never fragment.
    pub(super) fn send_message(&mut self, now: Instant, message: Message) -> bool {
        let header_len = if message.source.is_ipv4() {
            Ipv4Header::LEN
        } else {
            Ipv6Header::LEN
        };
        if header_len + message.bytes.len() > usize::from(self.mtu_for(message.destination)) {
            self.counters.too_large += 1;
            return false;
        }
        let (heading, mut frame) = message.into_packet();
        match self.route(now, &heading, &mut frame) {
            Ok(()) => self.enqueue(frame),
            Err(unsent) => unsent == Unsent::Waits,
        }
    }

    /// Sends a message that shall not leave the link straight to `link`, by the outbox.
    pub(super) fn send_on_link(&mut self, link: EthernetAddress, hop_limit: u8, message: Message) {
        let destination = message.destination;
        let (mut heading, mut frame) = message.into_packet();
        heading.hop_limit = hop_limit;
        self.encapsulate(&heading, &mut frame);
        self.send_frame(link, ether_type(destination), frame);
    }

    /// Sends what needs no route straight to `link`, by the outbox.
    pub(super) fn send_frame(
        &mut self,
        link: EthernetAddress,
        ether_type: EtherType,
        mut frame: TxFrame,
    ) {
        self.put_link_header(&mut frame, link, ether_type);
        self.enqueue(frame);
    }

    /// Puts a question about a neighbour into the outbox.
    pub(super) fn solicit(&mut self, solicit: Solicit) {
        match (solicit.source, solicit.target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                self.solicit_arp(source, target, solicit.to);
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                self.solicit_ndp(source, target, solicit.to);
            }
            _ => unreachable!("a question and who asks it are of one family"),
        }
    }

    /// A link address has become known: what waited for it may leave. It does not count against
    /// the limit of the outbox, as the table of neighbours has limited it already.
    pub(super) fn release_waiting(
        &mut self,
        link: EthernetAddress,
        waiting: impl IntoIterator<Item = Waiting>,
    ) {
        for Waiting {
            mut packet,
            destination,
        } in waiting
        {
            self.put_link_header(&mut packet, link, ether_type(destination));
            self.outbox.push_back(packet);
        }
    }

    /// The neighbour to which a packet goes first; `None` without a route.
    ///
    /// An address of ours implies that its prefix is on our link; a route with a longer prefix
    /// wins against it. Where the medium has no neighbours, everything goes the only way there is.
    pub(super) fn next_hop(&self, destination: IpAddr) -> Option<IpAddr> {
        if self.medium == Medium::Ip || is_link_local(destination) {
            return Some(destination);
        }
        let on_link = self.addresses.on_link(destination);
        match self.routes.lookup(destination) {
            Some(route) if on_link.is_none_or(|len| len < route.destination.prefix_len) => {
                Some(route.gateway.unwrap_or(destination))
            }
            _ => on_link.map(|_| destination),
        }
    }

    /// Adds the headers of IP and of the link to a frame that may leave then. One that waits for its
    /// neighbour is taken out of `frame`.
    ///
    /// # Errors
    /// When it cannot leave now.
    pub(crate) fn route(
        &mut self,
        now: Instant,
        heading: &Heading,
        frame: &mut TxFrame,
    ) -> Result<(), Unsent> {
        let (source, destination) = (heading.source, heading.destination);
        let Some(next_hop) = self.next_hop(destination) else {
            self.counters.no_route += 1;
            self.report_unreachable(destination);
            return Err(Unsent::Dropped);
        };
        if self.medium == Medium::Ip {
            self.encapsulate(heading, frame);
            return Ok(());
        }
        match self.neighbors.lookup(now, next_hop, source) {
            Lookup::Known(link) => {
                self.encapsulate(heading, frame);
                self.put_link_header(frame, link, ether_type(destination));
                Ok(())
            }
            Lookup::Unknown => {
                self.encapsulate(heading, frame);
                let waiting = Waiting {
                    packet: core::mem::take(frame),
                    destination,
                };
                if let Some(solicit) = self.neighbors.hold(now, next_hop, source, waiting) {
                    self.solicit(solicit);
                }
                Err(Unsent::Waits)
            }
            Lookup::Silent => {
                self.report_unreachable(destination);
                Err(Unsent::Dropped)
            }
        }
    }

    /// Puts an IP header in front.
    fn encapsulate(&self, heading: &Heading, frame: &mut TxFrame) {
        let &Heading {
            protocol,
            dscp,
            ecn,
            hop_limit,
            ..
        } = heading;
        let len = u16::try_from(frame.len())
            .expect("a transport header and PAYLOAD_MAX bytes fit into 16 bits");
        let head = &mut frame.head;
        let header_len = match (heading.source, heading.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = Ipv4Header {
                    source,
                    destination,
                    protocol,
                    ttl: hop_limit,
                    dscp,
                    ecn,
                    // With DF the identification means nothing and may be zero (RFC 6864 4.1).
                    dont_fragment: true,
                    payload_len: len,
                    ..Ipv4Header::default()
                };
                header.write(head.prepend(Ipv4Header::LEN));
                Ipv4Header::LEN
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = Ipv6Header {
                    source,
                    destination,
                    next_header: protocol,
                    hop_limit,
                    dscp,
                    ecn,
                    flow_label: self.flow_label((source, destination), protocol, head.bytes()),
                    payload_len: len,
                };
                header.write(head.prepend(Ipv6Header::LEN));
                Ipv6Header::LEN
            }
            _ => unreachable!("both ends of a packet are of one family"),
        };
        move_checksum(frame, header_len);
    }

    /// Puts a link header in front, where the medium has one.
    fn put_link_header(
        &self,
        frame: &mut TxFrame,
        destination: EthernetAddress,
        ether_type: EtherType,
    ) {
        if self.medium == Medium::Ip {
            return;
        }
        let header = EthernetHeader {
            destination,
            source: self.hardware,
            ether_type,
        };
        header.write(frame.head.prepend(EthernetHeader::LEN));
        move_checksum(frame, EthernetHeader::LEN);
    }

    /// A label that is the same for all packets of a flow and tells nothing else (RFC 6437).
    fn flow_label(
        &self,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        protocol: Protocol,
        transport: &[u8],
    ) -> u32 {
        // Ports exist in TCP only, as far as we send anything; other messages are no flows.
        let ports = match protocol {
            Protocol::TCP => transport.first_chunk().copied().unwrap_or_default(),
            _ => [0; 4],
        };
        let mut flow = [0; 37];
        flow[..16].copy_from_slice(&source.octets());
        flow[16..32].copy_from_slice(&destination.octets());
        flow[32..36].copy_from_slice(&ports);
        flow[36] = protocol.0;
        let [.., a, b, c] = keyed_hash(&self.flow_label_key, &flow).to_be_bytes();
        u32::from_be_bytes([0, a & 0x0f, b, c])
    }

    /// Adds a frame to the outbox; false when there is no room for it.
    fn enqueue(&mut self, frame: TxFrame) -> bool {
        let room = self.outbox.len() < OUTBOX_MAX;
        if room {
            self.outbox.push_back(frame);
        } else {
            self.counters.replies_dropped += 1;
        }
        room
    }
}

/// A message of our own making, complete with its checksum.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) bytes: Chunk,
    pub(super) cause: Cause,
}

impl Message {
    fn into_packet(self) -> (Heading, TxFrame) {
        let heading = Heading {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            ecn: Ecn::NotEct,
            dscp: 0,
            hop_limit: HOP_LIMIT,
        };
        (heading, TxFrame::raw(self.bytes, self.cause))
    }
}

/// What became of a packet that did not get ready to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It waits for its neighbour's link address.
    Waits,
    /// Nobody can take it.
    Dropped,
}

/// Headers were put in front: the transport header has moved.
fn move_checksum(frame: &mut TxFrame, by: usize) {
    if let Some(field) = &mut frame.checksum_at {
        field.start += u16::try_from(by).expect("headers are far shorter than 64 KiB");
    }
}

/// What a frame says about the IP packet in it.
const fn ether_type(destination: IpAddr) -> EtherType {
    match destination {
        IpAddr::V4(_) => EtherType::IPV4,
        IpAddr::V6(_) => EtherType::IPV6,
    }
}

/// Whether an address exists on links only and needs no route (RFC 4291 2.5.6).
const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
