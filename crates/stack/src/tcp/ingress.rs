//! The way in: from the payload of an IP packet to the connection, TIME-WAIT entry or listener
//! that it is for.

use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::buf::RxChecksum;
use handfast_packet::tcp::{Ace, SeqNumber, TcpFlags, TcpHeader, verify_checksum};
use handfast_tcp::stateless::{self, ListenVerdict};
use handfast_tcp::{Control, Cx, IcmpError, Segment, TimeWaitVerdict, TooBig, Transmit};

use super::demux::{Endpoint, Flow};
use super::journal::page;
use super::open::headers;
use super::slab::Key;
use super::{Owner, Tcp};
use crate::network::{Datagram, IcmpReport, Network};

impl Tcp {
    /// An IP packet for TCP arrived, and whether it is the last of its batch. Changes state only;
    /// answers wait for `poll_transmit`.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        network: &Network,
        (datagram, last): (Datagram, bool),
    ) {
        // RFC 9293 MUST-57 and MUST-63 are obeyed by the network: what it hands on comes from one
        // host that is not us, and is for one address of ours.
        let (source, destination) = (datagram.source, datagram.destination);
        if datagram.checksum == RxChecksum::Unknown
            && !verify_checksum(source, destination, &datagram.payload)
        {
            self.counters.bad_checksums += 1;
            return;
        }
        let Some((flow, mut segment, fin)) = parse(datagram) else {
            self.counters.malformed += 1;
            return;
        };
        self.counters.segments_received += u64::from(segment.wire_segments);
        if let Some((waiting, run)) = &mut self.run
            && *waiting == flow
            && run.absorb(&mut segment, &mut self.pool)
        {
            return;
        }
        self.end_run(now, network);
        if fin && segment.control == Control::Syn {
            self.dispatch_syn_fin(now, flow, &segment);
        } else if !last && segment.may_be_followed() {
            self.run = Some((flow, segment));
        } else {
            self.dispatch(now, network, flow, &mut segment);
        }
    }

    /// No more segments for now.
    pub(crate) fn end_batch(&mut self, now: Instant, network: &Network) {
        self.end_run(now, network);
        self.file_latest();
    }

    fn end_run(&mut self, now: Instant, network: &Network) {
        if let Some((flow, mut segment)) = self.run.take() {
            self.dispatch(now, network, flow, &mut segment);
        }
    }

    /// Hands a segment to whom it is for.
    fn dispatch(&mut self, now: Instant, network: &Network, flow: Flow, segment: &mut Segment) {
        if let Some((_, key)) = self.latest.filter(|(latest, _)| *latest == flow) {
            return self.segment_arrives(now, (flow, key), segment);
        }
        self.file_latest();
        if let Some(key) = self.demux.get(&flow, &self.slots) {
            if !self.is_held_back(now, key, segment) {
                self.segment_arrives(now, (flow, key), segment);
            }
            return;
        }
        if self.share.is_some_and(|share| !flow.is_of(&share)) {
            // It came in pieces, which all stacks of a host put together (ADR 0031).
            return;
        }
        let listener = self.listeners.find(flow.local);
        match self.time_waits.on_segment(now, &flow, segment) {
            None => {}
            Some(TimeWaitVerdict::Ignore) => return,
            Some(TimeWaitVerdict::Reply(reply)) => return self.reply(flow, reply),
            // RFC 6191: a SYN may end TIME-WAIT early, when there is somebody to take it.
            Some(TimeWaitVerdict::Reopen) => {}
        }
        let Some(listener) = listener else {
            if let Some(reset) = stateless::on_closed(segment) {
                self.reset(now, flow, reset);
            }
            return;
        };
        match stateless::on_listen(segment) {
            ListenVerdict::Ignore => {}
            ListenVerdict::Reply(reset) => {
                if !self.accept_cookie(now, network, (listener, flow), segment) {
                    self.reset(now, flow, reset);
                }
            }
            ListenVerdict::Accept => {
                self.accept_syn(now, network, (listener, flow), segment);
            }
        }
    }

    /// A segment for a connection, which is filed anew when the next segment is for another one, or
    /// the batch ends: most segments follow one of the same connection.
    fn segment_arrives(&mut self, now: Instant, (flow, key): (Flow, Key), segment: &mut Segment) {
        self.now = now;
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let pool = &mut self.pool;
        let journal = page(&mut self.journal, key);
        slot.connection
            .on_segment(&mut Cx { now, pool, journal }, segment);
        // What opens or ends changes whom the next segment is for.
        let goes_on = slot.connection.is_synchronized();
        if goes_on && !matches!(slot.owner, Owner::Opening(_)) {
            self.latest = Some((flow, key));
        } else {
            self.latest = None;
            self.refile(key);
        }
    }

    fn file_latest(&mut self) {
        if let Some((_, key)) = self.latest.take() {
            self.refile(key);
        }
    }

    /// An ICMP error that means `error` quotes a segment that may be ours.
    pub(crate) fn on_icmp(&mut self, now: Instant, report: &IcmpReport, error: IcmpError) {
        let (flow, seq) = quoted(report);
        if let Some(key) = self.demux.get(&flow, &self.slots) {
            let slot = self.slots.get(key);
            if slot.is_some_and(|slot| !slot.connection.covers(seq)) {
                self.counters.icmp_out_of_window += 1;
            }
            self.with(now, key, |connection, cx| {
                connection.on_icmp(cx, error, seq);
            });
        }
    }

    /// A router dropped the segment that is quoted because it was larger than `mtu`. Whether that
    /// is to be acted upon now: we provoked it, and the path never carried so much (RFC 5927
    /// section 7). What is only plausible waits for a timeout and [`Tcp::take_narrowed`].
    pub(crate) fn believes(&mut self, now: Instant, report: &IcmpReport, mtu: u16) -> bool {
        let (flow, seq) = quoted(report);
        let Some(key) = self.demux.get(&flow, &self.slots) else {
            return false;
        };
        let text = mtu.saturating_sub(headers(report.remote));
        let mut verdict = TooBig::Ignore;
        self.with(now, key, |connection, _| {
            verdict = connection.on_too_big(seq, mtu, text);
        });
        verdict == TooBig::Believe
    }

    /// What is known about the way to `remote` has changed.
    pub(crate) fn on_path(&mut self, now: Instant, network: &Network, remote: IpAddr) {
        if let Some(metrics) = &mut self.metrics {
            metrics.forget(remote);
        }
        let path = self.path(network, remote);
        for key in self.keys_where(|slot| slot.flow.remote.address == remote) {
            self.with(now, key, |connection, cx| connection.on_path(cx, path));
        }
    }

    /// A RST for a segment that belongs to no connection, unless its destination had enough.
    pub(super) fn reset(&mut self, now: Instant, flow: Flow, reset: Transmit) {
        if self.reset_limit.take(now, flow.remote.address) {
            self.reply(flow, reset);
        } else {
            self.counters.resets_limited += 1;
        }
    }

    pub(super) fn reply(&mut self, flow: Flow, reply: Transmit) {
        if !self.replies.push(flow, reply) {
            self.counters.replies_dropped += 1;
        }
    }
}

/// What an ICMP error is about: ports and sequence number of the quoted header.
fn quoted(report: &IcmpReport) -> (Flow, SeqNumber) {
    let [s0, s1, d0, d1, n0, n1, n2, n3] = report.quoted;
    let end = |address, port| Endpoint {
        address,
        port: u16::from_be_bytes(port),
    };
    let flow = Flow {
        local: end(report.local, [s0, s1]),
        remote: end(report.remote, [d0, d1]),
    };
    (flow, SeqNumber(u32::from_be_bytes([n0, n1, n2, n3])))
}

/// The values of a segment, between which ends it went, and whether it has a FIN, which may stand
/// beside a SYN; `None` when its header is cut short.
#[inline]
fn parse(datagram: Datagram) -> Option<(Flow, Segment, bool)> {
    let (header, header_len) = TcpHeader::parse(&datagram.payload).ok()?;
    let control = Control::from_flags(header.flags).unwrap_or(Control::Syn);
    let fin = header.flags.contains(TcpFlags::FIN);
    let mut payload = datagram.payload;
    payload.advance(header_len);
    let flow = Flow {
        local: Endpoint {
            address: datagram.destination,
            port: header.destination,
        },
        remote: Endpoint {
            address: datagram.source,
            port: header.source,
        },
    };
    let segment = Segment {
        seq: header.seq,
        ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
        control,
        push: header.flags.contains(TcpFlags::PSH),
        window: header.window,
        urgent: header
            .flags
            .contains(TcpFlags::URG)
            .then_some(header.urgent),
        options: header.options,
        payload: payload.into(),
        received_at: datagram.received_at,
        wire_segments: datagram.gso.map_or(1, |gso| gso.segments.get()),
        ecn: datagram.ecn,
        ace: Ace::from_flags(header.flags),
    };
    Some((flow, segment, fin))
}
