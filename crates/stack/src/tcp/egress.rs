//! The way out: whose turn it is, and a TCP header in front of what is sent.

use alloc::collections::VecDeque;

use handfast_packet::Instant;
use handfast_packet::buf::{BATCH_MAX, ChecksumField, Gso, Head, TxBatch, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ip::Protocol;
use handfast_packet::tcp::{CHECKSUM_OFFSET, SeqNumber, TcpHeader};
use handfast_tcp::{Control, Cx, Transmit};

use super::Tcp;
use super::demux::Flow;
use super::slab::Key;
use crate::network::{Network, OutPacket};

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
        for _ in 0..TURNS_MAX {
            if batch.room() == 0 {
                break;
            }
            let Some((flow, transmit)) = self.next_transmit(now) else {
                break;
            };
            self.send(now, network, (flow, transmit), batch);
        }
        self.file_sender(None);
        !self.replies.is_empty() || !self.senders.is_empty()
    }

    /// The next thing to send, and between which ends.
    fn next_transmit(&mut self, now: Instant) -> Option<(Flow, Transmit)> {
        // Nothing but what is sent decides whose turn it is, not how often somebody asked.
        if core::mem::replace(&mut self.replies.turn, true)
            && let Some(reply) = self.replies.queue.pop_front()
        {
            self.replies.turn = false;
            return Some(reply);
        }
        self.next_of_senders(now)
            .or_else(|| self.replies.queue.pop_front())
    }

    /// The next thing that a connection sends; connections that have nothing leave the list.
    fn next_of_senders(&mut self, now: Instant) -> Option<(Flow, Transmit)> {
        self.now = now;
        while let Some(index) = self.senders.pop() {
            let key = self
                .slots
                .key_at(index)
                .expect("a slot leaves the lists when it goes");
            self.file_sender(Some(key));
            let slot = self.slots.get_mut(key).expect("the key was found just now");
            let transmit = slot.connection.poll_transmit(&mut Cx {
                now,
                pool: &mut self.pool,
            });
            let Some(transmit) = transmit else {
                self.file(key);
                self.free_if_done(key);
                continue;
            };
            if takes_sequence_space(&transmit) {
                (slot.last_sent, slot.sent) = (transmit.seq, true);
            }
            let flow = slot.flow;
            self.senders.push(index);
            self.sender = Some(key);
            return Some((flow, transmit));
        }
        None
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
        (flow, transmit): (Flow, Transmit),
        batch: &mut TxBatch,
    ) {
        // The address may have been lost or released since the segment was decided upon.
        if !network.is_local(flow.local.address) {
            self.counters.address_gone += 1;
            return;
        }
        let gso = Gso::for_payload(transmit.payload.len(), transmit.segment_len);
        self.count(&transmit, gso);
        // Only a device that completes checksums is offered super-segments, since each piece
        // needs a checksum of its own.
        let partial = self.capabilities.tx_checksum || gso.is_some();
        let head = head(&flow, &transmit, partial);
        let packet = OutPacket {
            source: flow.local.address,
            destination: flow.remote.address,
            protocol: Protocol::TCP,
            ecn: transmit.ecn,
            dscp: transmit.dscp,
            hop_limit: transmit.hop_limit,
            frame: TxFrame {
                head,
                body: transmit.payload,
                checksum_at: partial.then_some(CHECKSUM_FIELD),
                gso,
                depart_at: None,
                cause: transmit.cause,
            },
        };
        network.send(now, packet, batch);
    }

    fn count(&mut self, transmit: &Transmit, gso: Option<Gso>) {
        let counters = &mut self.counters;
        counters.segments_sent += gso.map_or(1, |gso| u64::from(gso.segments.get()));
        counters.resets_sent += u64::from(transmit.control == Control::Rst);
        counters.challenge_acks += u64::from(transmit.cause == Cause::ChallengeAck);
    }
}

/// The TCP header of a segment, with its checksum: complete, or the part of the pseudo-header.
fn head(flow: &Flow, transmit: &Transmit, partial: bool) -> Head {
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
    let mut head = Head::new();
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
    head
}

/// Whether errors about this segment can be matched to the connection's sequence space.
fn takes_sequence_space(transmit: &Transmit) -> bool {
    transmit.control.len() > 0 || !transmit.payload.is_empty()
}
