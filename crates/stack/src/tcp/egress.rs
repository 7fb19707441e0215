//! The way out: whose turn it is, and a TCP header in front of what is sent.

use alloc::collections::VecDeque;

use handfast_packet::Instant;
use handfast_packet::buf::{BATCH_MAX, ChecksumField, Gso, Head, TxBatch};
use handfast_packet::cause::Cause;
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ip::Protocol;
use handfast_packet::tcp::{CHECKSUM_OFFSET, SeqNumber, TcpHeader};
use handfast_tcp::{Control, Cx, Transmit};

use super::Tcp;
use super::demux::Flow;
use super::journal::page;
use super::slab::Key;
use crate::network::{Heading, Network};

/// Most answers to segments without a connection that wait to be sent; more are dropped. One
/// batch of strangers' segments fits four times over, and a flood costs no more than this.
pub const REPLIES_MAX: usize = 256;
/// Most turns in one `poll_transmit`. A batch that fills needs no more; segments that wait in the
/// layers below for a neighbour take no room in the batch, so something else must end the call.
pub const TURNS_MAX: usize = 4 * BATCH_MAX;

/// Where the checksum field lies, for devices that complete it.
const CHECKSUM_FIELD: ChecksumField = ChecksumField {
    start: 0,
    offset: 16,
};

/// Segments that no connection sends: resets, and answers from TIME-WAIT.
#[derive(Debug)]
pub(super) struct Replies {
    queue: VecDeque<(Flow, Transmit)>,
    /// The next turn is theirs; every other one belongs to the connections, so that neither side
    /// can keep the other from sending when the device is slow.
    turn: bool,
}

impl Replies {
    pub(super) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            turn: true,
        }
    }

    /// Whether no answer waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds an answer; false when there is no room for it.
    pub(super) fn push(&mut self, flow: Flow, transmit: Transmit) -> bool {
        let room = self.queue.len() < REPLIES_MAX;
        if room {
            self.queue.push_back((flow, transmit));
        }
        room
    }
}

impl Tcp {
    /// Fills `batch`, connection after connection, one segment or super-segment each; answers to
    /// strangers go in between. Returns whether more waits.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        network: &mut Network,
        batch: &mut TxBatch,
    ) -> bool {
        self.fetch_senders();
        for _ in 0..TURNS_MAX {
            if batch.room() == 0 || !self.take_turn(now, network, batch) {
                break;
            }
        }
        self.file_sender(None);
        !self.replies.is_empty() || !self.senders.is_empty()
    }

    /// Sends the next thing; false when there is nothing.
    fn take_turn(&mut self, now: Instant, network: &mut Network, batch: &mut TxBatch) -> bool {
        // Nothing but what is sent decides whose turn it is, not how often somebody asked.
        if core::mem::replace(&mut self.replies.turn, true) && self.send_reply(now, network, batch)
        {
            self.replies.turn = false;
            return true;
        }
        self.send_of_senders(now, network, batch) || self.send_reply(now, network, batch)
    }

    fn send_reply(&mut self, now: Instant, network: &mut Network, batch: &mut TxBatch) -> bool {
        let mut next = self.replies.queue.pop_front();
        if let Some((flow, reply)) = &mut next {
            self.send(now, network, (flow, reply), batch);
        }
        next.is_some()
    }

    /// Sends the next thing that a connection has; connections that have nothing leave the list.
    fn send_of_senders(
        &mut self,
        now: Instant,
        network: &mut Network,
        batch: &mut TxBatch,
    ) -> bool {
        self.now = now;
        while let Some(index) = self.senders.pop() {
            let key = self
                .slots
                .key_at(index)
                .expect("a slot leaves the lists when it goes");
            self.file_sender(Some(key));
            let slot = self.slots.get_mut(key).expect("the key was found just now");
            let mut next = slot.connection.poll_transmit(&mut Cx {
                now,
                pool: &mut self.pool,
                journal: page(&mut self.journal, key),
            });
            // A segment is some hundred bytes large, so it stays where it is.
            let Some(transmit) = &mut next else {
                self.file(key);
                self.free_if_done(key);
                continue;
            };
            if takes_sequence_space(transmit) {
                (slot.last_sent, slot.sent) = (transmit.seq, true);
            }
            let flow = slot.flow;
            self.senders.push(index);
            self.sender = Some(key);
            self.send(now, network, (&flow, transmit), batch);
            return true;
        }
        false
    }

    /// Files the connection that sent last, unless `next`, whose turn is now, is the same: it often
    /// has nothing more to send, and is filed then.
    fn file_sender(&mut self, next: Option<Key>) {
        if let Some(key) = self.sender.take()
            && next != Some(key)
        {
            self.file(key);
        }
    }

    fn send(
        &mut self,
        now: Instant,
        network: &mut Network,
        (flow, transmit): (&Flow, &mut Transmit),
        batch: &mut TxBatch,
    ) {
        // The address may have been lost or released since the segment was decided upon.
        if !network.is_local(flow.local.address) {
            self.counters.address_gone += 1;
            return;
        }
        let gso = Gso::for_payload(transmit.payload.len(), transmit.segment_len);
        self.count(transmit, gso);
        // Only a device that completes checksums is offered super-segments, since each piece
        // needs a checksum of its own.
        let partial = self.capabilities.tx_checksum || gso.is_some();
        let frame = batch.push_empty();
        write_header(&mut frame.head, flow, transmit, partial);
        frame.body = core::mem::take(&mut transmit.payload);
        frame.checksum_at = partial.then_some(CHECKSUM_FIELD);
        frame.gso = gso;
        frame.cause = transmit.cause;
        let heading = Heading {
            source: flow.local.address,
            destination: flow.remote.address,
            protocol: Protocol::TCP,
            ecn: transmit.ecn,
            dscp: transmit.dscp,
            hop_limit: transmit.hop_limit,
        };
        if network.route(now, &heading, frame).is_err() {
            batch.pop_back();
        }
    }

    fn count(&mut self, transmit: &Transmit, gso: Option<Gso>) {
        let counters = &mut self.counters;
        counters.segments_sent += gso.map_or(1, |gso| u64::from(gso.segments.get()));
        counters.resets_sent += u64::from(transmit.control == Control::Rst);
        counters.challenge_acks += u64::from(transmit.cause == Cause::ChallengeAck);
    }
}

/// Writes the TCP header of a segment, with its checksum: complete, or the part of the
/// pseudo-header.
fn write_header(head: &mut Head, flow: &Flow, transmit: &Transmit, partial: bool) {
    let header = TcpHeader {
        source: flow.local.port,
        destination: flow.remote.port,
        seq: transmit.seq,
        ack: transmit.ack.unwrap_or(SeqNumber(0)),
        flags: transmit.flags(),
        window: transmit.window,
        urgent: transmit.urgent.unwrap_or(0),
        options: transmit.options,
    };
    let bytes = head.prepend(header.header_len());
    header.write(bytes);
    let len = bytes.len() + transmit.payload.len();
    let len = u32::try_from(len).expect("a header and PAYLOAD_MAX bytes are below 2^32");
    let (source, destination) = (flow.local.address, flow.remote.address);
    let pseudo = pseudo_header(source, destination, Protocol::TCP, len);
    let checksum = if partial {
        pseudo.folded()
    } else {
        let chunks = transmit.payload.chunks().iter();
        chunks
            .fold(pseudo.add(bytes), |sum, chunk| sum.add(chunk))
            .finish()
    };
    bytes[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Whether errors about this segment can be matched to the connection's sequence space.
fn takes_sequence_space(transmit: &Transmit) -> bool {
    transmit.control.len() > 0 || !transmit.payload.is_empty()
}
