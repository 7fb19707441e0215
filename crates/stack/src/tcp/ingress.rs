//! The way in: from the payload of an IP packet to the connection, TIME-WAIT entry or listener
//! that it is for.

use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::buf::RxChecksum;
use handfast_packet::tcp::{SeqNumber, TcpFlags, TcpHeader, verify_checksum};
use handfast_tcp::stateless::{self, ListenVerdict};
use handfast_tcp::{Control, IcmpError, Segment, TimeWaitVerdict, Transmit};

use super::Tcp;
use super::demux::{Endpoint, Flow};
use super::open::is_one_host;
use crate::network::{Datagram, Network};

/// What an ICMP error is about: the first bytes of a TCP header of ours (RFC 792, RFC 4443).
struct Quoted {
    flow: Flow,
    seq: SeqNumber,
}

impl Tcp {
    /// An IP packet for TCP arrived. Changes state only; answers wait for `poll_transmit`.
    pub(crate) fn receive(&mut self, now: Instant, network: &Network, datagram: Datagram) {
        // RFC 9293 MUST-57, MUST-63: what cannot come from one host, or is not for this one
        // alone, gets no answer.
        let (source, destination) = (datagram.source, datagram.destination);
        let from_host = is_one_host(source) && !network.is_broadcast(source);
        if !from_host || network.is_local(source) || !network.is_local(destination) {
            self.counters.bad_addresses += 1;
            return;
        }
        if datagram.checksum == RxChecksum::Unknown
            && !verify_checksum(source, destination, &datagram.payload)
        {
            self.counters.bad_checksums += 1;
            return;
        }
        let Some((flow, segment)) = parse(datagram) else {
            self.counters.malformed += 1;
            return;
        };
        self.counters.segments_received += u64::from(segment.wire_segments);
        self.dispatch(now, network, flow, segment);
    }

    /// Hands a segment to whom it is for.
    fn dispatch(&mut self, now: Instant, network: &Network, flow: Flow, segment: Segment) {
        if let Some(key) = self.demux.get(&flow) {
            self.with(now, key, |connection, cx| connection.on_segment(cx, segment));
            return;
        }
        let listener = self.listeners.find(flow.local);
        match self.time_waits.on_segment(now, &flow, &segment) {
            None => {}
            Some(TimeWaitVerdict::Ignore) => return,
            Some(TimeWaitVerdict::Reply(reply)) => return self.reply(flow, reply),
            Some(TimeWaitVerdict::Forget) => {
                self.time_waits.remove(&flow);
                return;
            }
            // RFC 6191: a SYN may end TIME-WAIT early, when there is somebody to take it.
            Some(TimeWaitVerdict::Reopen) => {}
        }
        let Some(listener) = listener else {
            if let Some(reply) = stateless::on_closed(&segment) {
                self.reply(flow, reply);
            }
            return;
        };
        match stateless::on_listen(&segment) {
            ListenVerdict::Ignore => {}
            ListenVerdict::Reply(reply) => self.reply(flow, reply),
            ListenVerdict::Accept => {
                self.accept_syn(now, network, (listener, flow), &segment);
            }
        }
    }

    /// An ICMP error quotes a segment of ours; `quoted` begins with its TCP header.
    pub(crate) fn on_icmp(
        &mut self,
        now: Instant,
        (local, remote): (IpAddr, IpAddr),
        error: IcmpError,
        quoted: &[u8],
    ) {
        let Some(quoted) = Quoted::parse(local, remote, quoted) else { return };
        if let Some(key) = self.demux.get(&quoted.flow) {
            self.with(now, key, |connection, cx| connection.on_icmp(cx, error, quoted.seq));
        }
    }

    /// Whether a quoted segment is in flight, so that the error about it was provoked by us
    /// (RFC 5927 section 7).
    pub(crate) fn is_in_flight(&self, (local, remote): (IpAddr, IpAddr), quoted: &[u8]) -> bool {
        let in_flight = |quoted: Quoted| {
            let slot = self.slots.get(self.demux.get(&quoted.flow)?)?;
            Some(slot.connection.covers(quoted.seq))
        };
        Quoted::parse(local, remote, quoted).and_then(in_flight).unwrap_or(false)
    }

    /// The way to `remote` has become narrower.
    pub(crate) fn on_path(&mut self, now: Instant, network: &Network, remote: IpAddr) {
        let path = self.path(network, remote);
        for key in self.keys_where(|slot| slot.flow.remote.address == remote) {
            self.with(now, key, |connection, cx| connection.on_path(cx, path));
        }
    }

    fn reply(&mut self, flow: Flow, reply: Transmit) {
        if !self.replies.push(flow, reply) {
            self.counters.replies_dropped += 1;
        }
    }
}

impl Quoted {
    /// `None` when fewer bytes were quoted than every ICMP error must quote.
    fn parse(local: IpAddr, remote: IpAddr, bytes: &[u8]) -> Option<Self> {
        let &[s0, s1, d0, d1, n0, n1, n2, n3] = bytes.first_chunk::<8>()?;
        let source = Endpoint { address: local, port: u16::from_be_bytes([s0, s1]) };
        let destination = Endpoint { address: remote, port: u16::from_be_bytes([d0, d1]) };
        Some(Self {
            flow: Flow { local: source, remote: destination },
            seq: SeqNumber(u32::from_be_bytes([n0, n1, n2, n3])),
        })
    }
}

/// The values of a segment, and between which ends it went; `None` when its header is cut short
/// or claims SYN and FIN at once.
fn parse(datagram: Datagram) -> Option<(Flow, Segment)> {
    let (header, header_len) = TcpHeader::parse(&datagram.payload).ok()?;
    let control = Control::from_flags(header.flags)?;
    let mut payload = datagram.payload;
    payload.advance(header_len);
    let flow = Flow {
        local: Endpoint { address: datagram.destination, port: header.destination },
        remote: Endpoint { address: datagram.source, port: header.source },
    };
    let segment = Segment {
        seq: header.seq,
        ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
        control,
        push: header.flags.contains(TcpFlags::PSH),
        window: header.window,
        urgent: header.flags.contains(TcpFlags::URG).then_some(header.urgent),
        options: header.options,
        payload,
        received_at: datagram.received_at,
        wire_segments: datagram.gso.map_or(1, |gso| gso.segments.get()),
        ce: datagram.ecn_ce,
    };
    Some((flow, segment))
}
