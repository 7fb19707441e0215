//! What to send next, in order of urgency: an answer, a SYN, duplicate ACKs, what is lost, a
//! window probe, new data and FIN, an ACK alone, a keep-alive.

mod ack_policy;
mod nagle;
mod probe;
mod segment;

use handfast_packet::buf::PAYLOAD_MAX;
use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::segment::Transmit;
use crate::seq::Offset;
use crate::timer::Timer;
pub(crate) use ack_policy::{AckPolicy, Arrival};
use nagle::{Offer, sendable};
use segment::Piece;

/// No segment is cut smaller, whatever the peer announces: an MSS of a few bytes is an attack on
/// our processor (Linux' `TCP_MIN_SND_MSS`).
pub(crate) const SEGMENT_LEN_MIN: u16 = 48;

impl Connection {
    /// The next segment to send; `None` when there is nothing to send now.
    #[must_use]
    pub fn poll_transmit(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let transmit = match self.reply.take() {
            Some(reply) => Some(reply),
            None => match self.phase {
                Phase::Closed(_) | Phase::TimeWait(_) => None,
                Phase::SynSent | Phase::SynReceived { .. } => self.poll_handshake(cx),
                Phase::Synchronized => self.poll_synchronized(cx),
            },
        }?;
        self.info.segments_sent += wire_segments(&transmit);
        self.note_size(&transmit);
        self.tell_writer();
        Some(transmit)
    }

    fn poll_handshake(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let first = self.snd.nxt == Offset::ZERO;
        if first && self.syn_waits() {
            return None;
        }
        if first || self.recovery.next_lost().is_some() {
            return Some(self.syn(cx));
        }
        if self.is_early() {
            return self.poll_synchronized(cx);
        }
        let cause = self.acks.owed()?;
        Some(self.pure_ack(cx.now, cause))
    }

    fn poll_synchronized(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let owed = self.acks.owed().filter(|_| self.handshake_ack_is_due());
        if let Some(cause) = self.acks.pure_ack_owed().or(owed) {
            return Some(self.pure_ack(cx.now, cause));
        }
        if let Some(transmit) = self.lost_data(cx) {
            return Some(transmit);
        }
        if let Some(transmit) = self.window_probe(cx) {
            return Some(transmit);
        }
        if let Some(transmit) = self.new_data(cx) {
            return Some(transmit);
        }
        self.watch_window(cx);
        if self.acks.owed().is_none() && self.window_update_is_due() {
            self.acks.owe(Cause::WindowUpdate);
        }
        if let Some(cause) = self.acks.owed() {
            return Some(self.pure_ack(cx.now, cause));
        }
        self.keep_alive(cx.now)
    }

    /// The head of what is lost. The first segment always goes; more must fit into the
    /// congestion window.
    fn lost_data(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let lost = self.recovery.next_lost()?;
        let mss = u64::from(self.snd.mss);
        let in_flight = self.recovery.in_flight(self.snd.una, self.snd.nxt);
        let mut room = self.congestion.window().saturating_sub(in_flight) / mss * mss;
        if lost.start == self.snd.una {
            room = room.max(mss);
        }
        let window = (self.snd.una + self.snd.window).saturating_sub(lost.start);
        let text_end = self.snd.buffer.end().min(lost.end);
        let text = text_end.saturating_sub(lost.start).min(room).min(window);
        let text = text.min(self.super_segment());
        let fin = self.snd.fin_sent() && lost.start + text == self.snd.buffer.end();
        if window == 0 || room == 0 || (text == 0 && !fin) {
            return None;
        }
        let cause = match (
            self.recovery.after_timeout(),
            self.recovery.in_fast_recovery(),
        ) {
            (true, _) => Cause::TimeoutRetransmit(self.recovery.timeouts().max(1)),
            (false, true) => Cause::FastRetransmit,
            (false, false) => Cause::Resend,
        };
        let transmit = self.segment(
            cx,
            Piece {
                at: lost.start,
                text,
                fin,
            },
            cause,
        );
        let until = lost.start + transmit.payload.len() as u64 + transmit.control.len();
        self.recovery.on_resent(until);
        // Karn: whatever is acknowledged next may belong to either copy.
        self.snd.timed = None;
        self.info.retransmissions += wire_segments(&transmit);
        self.info.bytes_retransmitted += transmit.payload.len() as u64;
        if lost.start == self.snd.una || !self.timers.is_set(Timer::Retransmit) {
            self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
        }
        Some(transmit)
    }

    /// New text, with the FIN on its last segment.
    fn new_data(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        if self.snd.fin_sent() {
            return None;
        }
        let queued = self.snd.queued();
        let closing = self.close.is_local_shut();
        if queued == 0 && !closing {
            return None;
        }
        let window = self.snd.usable_window();
        let in_flight = self.recovery.in_flight(self.snd.una, self.snd.nxt);
        let small_is_out = self.snd.small_until > self.snd.una;
        let text = sendable(&Offer {
            queued,
            window,
            congestion: self.congestion.window().saturating_sub(in_flight),
            mss: u64::from(self.snd.mss),
            window_max: self.snd.window_max,
            hold_small: self.config.nagle && !closing && small_is_out,
            overdue: self.snd.probe_due,
        });
        let text = text.min(self.super_segment());
        let fin = closing && text == queued && text < window;
        if text == 0 && !fin {
            return None;
        }
        let cause = if text == 0 {
            Cause::Close
        } else {
            Cause::NewData
        };
        let transmit = self.segment(
            cx,
            Piece {
                at: self.snd.nxt,
                text,
                fin,
            },
            cause,
        );
        self.on_new_data_sent(cx, &transmit);
        Some(transmit)
    }

    /// Books what was sent for the first time.
    fn on_new_data_sent(&mut self, cx: &Cx<'_>, transmit: &Transmit) {
        let text = transmit.payload.len() as u64;
        self.snd.nxt += text + transmit.control.len();
        if !text.is_multiple_of(u64::from(self.snd.mss)) {
            self.snd.small_until = self.snd.nxt;
        }
        self.snd.timed.get_or_insert((self.snd.nxt, cx.now));
        if self.snd.probe_due {
            self.snd.probe_due = false;
            self.snd.probes = 0;
        }
        self.timers.stop(Timer::WindowProbe);
        if !self.timers.is_set(Timer::Retransmit) {
            self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
        }
        if self.snd.waiting_since.is_none() {
            self.watch_peer(cx.now);
        }
    }

    /// Largest text of one `Transmit`: whole segments, as far as the device can cut.
    fn super_segment(&self) -> u64 {
        let limit = u64::from(self.path.max_gso).min(PAYLOAD_MAX as u64);
        let mss = u64::from(self.snd.mss);
        (limit / mss * mss).max(mss)
    }

    /// Whether the application read so much that the peer should hear of it. Before any text came
    /// the first ACK of it tells soon enough that the window is larger than a SYN can say.
    fn window_update_is_due(&self) -> bool {
        let started = self.rcv.data.next() > Offset::FIRST;
        started && !self.rcv.fin_taken && !self.detached && self.rcv.update_is_due()
    }
}

/// How many segments the device will make of it.
fn wire_segments(transmit: &Transmit) -> u64 {
    let text = transmit.payload.len() as u64;
    text.div_ceil(u64::from(transmit.segment_len.max(1))).max(1)
}
