//! What goes out a second time: lost data, and the probe at the tail (RFC 8985 7.3); and the two
//! timers that watch what is out.

use handfast_packet::Instant;
use handfast_packet::cause::Cause;

use super::segment::Piece;
use super::wire_segments;
use crate::config::Cx;
use crate::connection::{self, Connection};
use crate::recovery::{self, Phase};
use crate::segment::Transmit;
use crate::timer::Timer;

impl Connection {
    /// The head of what is lost. The first segment always goes; more must fit into the
    /// congestion window.
    pub(super) fn lost_data(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let lost = self.recovery.next_lost()?;
        let mss = u64::from(self.snd.mss);
        let mut room = self.congestion_room() / mss * mss;
        // Nor does the next hole wait that a partial ACK told of (RFC 6582 3.2 step 3).
        let at_once = self.recovery.phase() == Phase::Loss || !self.sack;
        if lost.start == self.snd.una && at_once {
            room = room.max(mss);
        }
        let window = (self.snd.una + self.snd.window()).saturating_sub(lost.start);
        let text_end = self.snd.buffer.end().min(lost.end);
        let text = text_end.saturating_sub(lost.start).min(room).min(window);
        let text = text.min(self.super_segment());
        let fin = self.snd.fin_sent()
            && lost.end > self.snd.buffer.end()
            && lost.start + text == self.snd.buffer.end();
        if window == 0 || room == 0 || (text == 0 && !fin) || !self.may_leave(cx.now) {
            return None;
        }
        let cause = match self.recovery.phase() {
            _ if self.recovery.was_refused() => Cause::Resend,
            Phase::Loss => Cause::TimeoutRetransmit(self.recovery.timeouts().max(1)),
            Phase::Recovery => Cause::FastRetransmit(self.recovery.proof(lost.start)),
            Phase::Open | Phase::Disorder | Phase::Cwr => Cause::Resend,
        };
        let piece = Piece {
            at: lost.start,
            text,
            fin,
        };
        let transmit = self.segment(cx, piece, cause);
        self.on_resent(cx.now, &piece, &transmit);
        let head = lost.start == self.snd.una;
        if head || !self.timers.is_set(Timer::Retransmit) {
            self.watch_retransmission(cx.now);
        }
        Some(transmit)
    }

    /// A tail loss probe, when one is due: a new segment if there is one that the peer's window
    /// lets go, else the last one again. The congestion window does not hold it.
    pub(super) fn loss_probe(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        if !core::mem::take(&mut self.snd.loss_probe_due) {
            return None;
        }
        let mss = u64::from(self.snd.mss);
        let new = self.snd.queued().min(mss);
        let transmit = if new > 0 && new <= self.snd.usable_window() {
            let at = self.snd.nxt;
            let fin = self.close.is_local_shut() && new == self.snd.queued();
            let piece = Piece { at, text: new, fin };
            let transmit = self.segment(cx, piece, Cause::LossProbe);
            self.on_new_data_sent(cx, &transmit);
            self.recovery.on_probe_sent(self.snd.nxt, false);
            transmit
        } else {
            let last = self.recovery.last_segment(mss)?;
            let text = self.snd.buffer.end().min(last.end);
            let piece = Piece {
                at: last.start,
                text: text.saturating_sub(last.start),
                fin: last.end > self.snd.buffer.end(),
            };
            let transmit = self.segment(cx, piece, Cause::LossProbe);
            self.on_resent(cx.now, &piece, &transmit);
            self.recovery.on_probe_sent(self.snd.nxt, true);
            transmit
        };
        self.timers.stop(Timer::TailLossProbe);
        self.watch_retransmission(cx.now);
        Some(transmit)
    }

    /// Books what was sent again.
    fn on_resent(&mut self, now: Instant, piece: &Piece, transmit: &Transmit) {
        let in_flight = self.in_flight();
        let bytes = transmit.payload.len() as u64 + transmit.control.len();
        let timestamp = transmit.options.timestamps.map(|ours| ours.value);
        let range = piece.at..piece.at + bytes;
        self.mtu_probe.on_resent(&range);
        self.recovery.on_resent(&range, now, in_flight, timestamp);
        self.tell_congestion_of_sent(now, bytes, in_flight);
        self.snd.sent_at = Some(now);
        let text = transmit.payload.len() as u64;
        self.tally.on_resent(text, wire_segments(transmit));
    }

    /// Starts the retransmission timer anew (RFC 6298 5.1, 5.3).
    pub(crate) fn watch_retransmission(&mut self, now: Instant) {
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    /// After new data, or an ACK that moved SND.UNA: the probe timer where a probe is useful, else
    /// the retransmission timer (RFC 8985 7.2). Only one of them runs.
    pub(crate) fn watch_tail(&mut self, now: Instant, advanced: bool) {
        let useful = self.recovery.probe_is_useful(u64::from(self.snd.mss));
        // Of two probes the second would never leave, and the retransmission timer would wait for it.
        let one_segment = useful.filter(|_| !self.recovery.probe_is_out());
        // Before the handshake is over the SYN-ACK is what may be lost (RFC 7413).
        let open = matches!(self.phase, connection::Phase::Synchronized);
        let (Some(one_segment), true) = (one_segment, self.config.tail_loss_probe && open) else {
            self.timers.stop(Timer::TailLossProbe);
            if advanced || !self.timers.is_set(Timer::Retransmit) {
                self.watch_retransmission(now);
            }
            return;
        };
        let rto = self.rtt.rto();
        // No later than the retransmission timer would fire, which may have been started anew
        // since the head was sent.
        let running = [Timer::Retransmit, Timer::TailLossProbe].map(|timer| self.timers.at(timer));
        let latest = match self.recovery.sent_at(self.snd.una) {
            Some(sent_at) if !advanced => running
                .into_iter()
                .flatten()
                .fold(sent_at + rto, Instant::max),
            _ => now + rto,
        };
        let at = now + recovery::probe_timeout(self.rtt.srtt(), one_segment);
        self.timers
            .set(Timer::TailLossProbe, at.min(latest).max(now));
        self.timers.stop(Timer::Retransmit);
    }

    /// Nothing is out: nothing is watched.
    pub(crate) fn unwatch_retransmission(&mut self) {
        for timer in [Timer::Retransmit, Timer::TailLossProbe, Timer::Reorder] {
            self.timers.stop(timer);
        }
        self.snd.loss_probe_due = false;
    }

    /// No ACK for two round trips: a probe is due, unless one is out already.
    pub(crate) fn loss_probe_expires(&mut self, cx: &Cx<'_>) {
        if self.snd.outstanding() == 0 {
            return;
        }
        // Meanwhile the reordering timer may have found out what the probe was to find.
        let repairs = self.recovery.phase() >= Phase::Recovery;
        if repairs || self.recovery.probe_is_out() || self.snd.window() == 0 {
            return self.watch_retransmission(cx.now);
        }
        self.snd.loss_probe_due = true;
    }
}
