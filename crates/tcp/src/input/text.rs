//! Seventh step: the text of a segment goes into the reassembler, and an ACK becomes due.

use core::mem;

use handfast_packet::Instant;
use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::Connection;
use crate::event::{CloseReason, Event};
use crate::output::Arrival;
use crate::reassembler::Inserted;
use crate::segment::{Segment, Transmit};
use crate::seq::Offset;
use crate::timer::Timer;

impl Connection {
    /// Takes the part of the text that lies in the window and before the peer's FIN, then the FIN.
    pub(crate) fn text_arrives(&mut self, cx: &mut Cx<'_>, seq: Offset, segment: &mut Segment) {
        if self.rcv.fin_taken {
            return;
        }
        let (fin, wire_segments) = (segment.control, segment.wire_segments.max(1));
        let text_end = seq + segment.payload.len() as u64;
        if !segment.payload.is_empty() {
            if self.detached && text_end > self.rcv.nxt() {
                return self.refuse_text(cx);
            }
            self.store_text(cx, seq, segment, wire_segments);
        }
        self.fin_arrives(cx.now, fin, text_end);
        self.finish_close(cx);
    }

    fn store_text(
        &mut self,
        cx: &mut Cx<'_>,
        seq: Offset,
        segment: &mut Segment,
        wire_segments: u16,
    ) {
        let limit = self
            .rcv
            .fin
            .map_or(self.rcv.right_edge, |fin| fin.min(self.rcv.right_edge));
        let len = segment.payload.len() as u64;
        let echo = segment.options.timestamps.map(|theirs| theirs.echo);
        let mut text = mem::take(&mut segment.payload);
        let share = len.div_ceil(u64::from(wire_segments));
        let share = u16::try_from(share).unwrap_or(u16::MAX);
        self.rcv.largest_segment = self.rcv.largest_segment.max(share);
        let kept = limit.saturating_sub(seq).min(len);
        text.truncate(usize::try_from(kept).expect("at most the length of the text"));
        if text.is_empty() {
            // All of it lies behind the window.
            return self.acks.owe(Cause::Ack);
        }
        let before = self.rcv.data.next();
        let inserted = self.rcv.data.insert_text(seq, text, cx.pool);
        if inserted.new_bytes > 0 {
            self.rcv.collapse(cx.pool);
        }
        self.measure_round_trip(cx.now, (share, echo));
        if inserted.out_of_order {
            self.rcv.on_gap();
        }
        if self.rcv.data.next() > before {
            self.events.add(Event::Readable);
        }
        self.acknowledge_text(cx, (seq, wire_segments, share), (before, &inserted));
    }

    /// Notes which ACK the text asks for (RFC 5681 4.2) and starts the timer when it may wait.
    /// `text` is where it began, how many wire segments it stands for, and the bytes of each; before
    /// it RCV.NXT was `before`.
    fn acknowledge_text(
        &mut self,
        cx: &Cx<'_>,
        text: (Offset, u16, u16),
        (before, inserted): (Offset, &Inserted),
    ) {
        let (seq, wire_segments, share) = text;
        if inserted.out_of_order {
            self.tally.mishaps_mut().out_of_order += u64::from(wire_segments);
        }
        let quick = self.acks_at_once(cx.now);
        let waits = self.acks.on_text(&Arrival {
            seq,
            wire_segments,
            share,
            before,
            next: self.rcv.nxt(),
            new_bytes: inserted.new_bytes,
            out_of_order: inserted.out_of_order,
            closes_hole: inserted.filled_hole || self.rcv.data.has_holes(),
            duplicate: inserted.duplicate,
            largest_segment: self.rcv.largest_segment,
            sack: self.sack,
            quick,
        });
        if waits {
            self.watch_delayed_ack(cx.now);
        }
    }

    /// An ACK may wait, until the timer fires at the latest (RFC 9293 MUST-40).
    pub(super) fn watch_delayed_ack(&mut self, now: Instant) {
        if !self.timers.is_set(Timer::DelayedAck) {
            self.timers
                .set(Timer::DelayedAck, now + self.config.delayed_ack);
        }
    }

    /// Text arrives for an application that is gone: it can never be read, and the peer must know
    /// (RFC 9293 3.6.1; RFC 2525 2.17).
    fn refuse_text(&mut self, cx: &mut Cx<'_>) {
        let seq = self.snd.space.wire(self.snd.next_within_window());
        self.answer(cx.pool, Transmit::reset(seq, None, Cause::DataAfterClose));
        self.end(CloseReason::Aborted);
    }
}
