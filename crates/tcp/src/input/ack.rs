//! Fifth step: the acknowledgment and the window (RFC 9293 3.10.7.4; RFC 5961 5; RFC 5681 3.2).

use handfast_packet::cause::Cause;
use handfast_packet::tcp::SeqNumber;

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::event::State;
use crate::segment::{Control, Segment, Transmit};
use crate::seq::Offset;
use crate::timer::Timer;

impl Connection {
    /// Handles SEG.ACK. Returns whether the rest of the segment counts.
    pub(super) fn ack_arrives(&mut self, cx: &mut Cx<'_>, seq: Offset, segment: &Segment) -> bool {
        let Some(wire) = segment.ack else {
            return false;
        };
        let ack = self.snd.space.offset(wire, self.snd.una);
        let opening = matches!(self.phase, Phase::SynReceived { .. });
        if opening && !self.ack_opens(cx, (wire, ack), seq, segment) {
            return false;
        }
        // RFC 5961 5.2: neither for data we never sent nor older than any window could explain.
        let oldest = self.snd.una.get().saturating_sub(self.snd.window_max());
        let Some(ack) = ack.filter(|ack| oldest <= ack.get() && *ack <= self.snd.nxt) else {
            self.acks.challenge(cx.now);
            return false;
        };
        self.remember_timestamp(seq, segment);
        if ack < self.snd.una {
            // It was overtaken, but its SACK blocks may still be news.
            if self.sack && !segment.options.sack.as_slice().is_empty() {
                self.acknowledge(cx, ack, (segment, false));
            }
            return true;
        }
        let duplicate = !opening && self.is_duplicate(ack, segment);
        self.update_window(cx, seq, ack, segment);
        self.acknowledge(cx, ack, (segment, duplicate));
        self.finish_close(cx);
        true
    }

    /// SYN-RECEIVED: an ACK of our SYN opens the connection, any other gets a RST.
    fn ack_opens(
        &mut self,
        cx: &mut Cx<'_>,
        ack: (SeqNumber, Option<Offset>),
        seq: Offset,
        segment: &Segment,
    ) -> bool {
        let (wire, ack) = ack;
        let Some(ack) = ack.filter(|&ack| self.snd.una < ack && ack <= self.snd.nxt) else {
            self.answer(cx.pool, Transmit::reset(wire, None, Cause::ProtocolError));
            return false;
        };
        let early = self.is_early();
        self.sample_handshake(cx, segment);
        self.establish(cx);
        if !early && ack < self.snd.nxt {
            // A simultaneous open: the text of our SYN was not taken.
            self.recovery.resend_all(self.snd.nxt);
        }
        let window = u64::from(segment.window) << self.snd.window_shift;
        self.snd.set_window(window, seq, ack);
        true
    }

    /// RFC 5681 section 2: what counts as a duplicate ACK. A SACK block is proof enough that
    /// something arrived, even when the window moved too.
    fn is_duplicate(&self, ack: Offset, segment: &Segment) -> bool {
        let window = u64::from(segment.window) << self.snd.window_shift;
        ack == self.snd.una
            && self.snd.una < self.snd.nxt
            && segment.payload.is_empty()
            && segment.control == Control::None
            && self.snd.probes == 0
            && (window == self.snd.window() || !segment.options.sack.as_slice().is_empty())
    }

    /// SND.WND, unless the segment is older than the one that set it (RFC 9293 3.10.7.4).
    fn update_window(&mut self, cx: &Cx<'_>, seq: Offset, ack: Offset, segment: &Segment) {
        let (last_seq, last_ack) = self.snd.window_at;
        // A segment that acknowledges more than any before is the newest, whatever its number: a
        // retransmission, say. Without it SND.UNA would carry the old window to the right.
        let newest = ack > self.snd.una;
        if !newest && (last_seq > seq || (last_seq == seq && last_ack > ack)) {
            return;
        }
        let window = u64::from(segment.window) << self.snd.window_shift;
        self.snd.set_window(window, seq, ack);
        if window == 0 {
            // The peer lives and answers; RFC 9293 3.8.6.1 forbids to give up on it.
            if self.timers.waiting_since().is_some() {
                self.watch_peer(cx.now);
            }
        } else if self.snd.probes > 0 {
            self.end_probing(cx);
        }
    }

    /// The window opened: what the peer refused is sent again at once.
    fn end_probing(&mut self, cx: &Cx<'_>) {
        self.snd.probes = 0;
        self.snd.probe_due = false;
        self.timers.stop(Timer::WindowProbe);
        if self.snd.outstanding() > 0 {
            self.recovery.resend_all(self.snd.nxt);
            self.watch_retransmission(cx.now);
        }
    }

    /// Nobody reads any more: do not wait for ever for the peer's FIN.
    pub(crate) fn watch_fin_wait_2(&mut self, now: handfast_packet::Instant) {
        if self.detached && self.close.name() == State::FinWait2 {
            self.timers
                .set(Timer::FinWait2, now + self.config.fin_wait_2);
        }
    }
}
