//! Fifth step: the acknowledgment and the window (RFC 9293 3.10.7.4; RFC 5961 5; RFC 5681 3.2).

use handfast_packet::cause::Cause;
use handfast_packet::tcp::SeqNumber;

use crate::config::Cx;
use crate::congestion::{self, Ack, Congestion};
use crate::connection::{Connection, Phase};
use crate::event::State;
use crate::recovery::AckOutcome;
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
        let oldest = self.snd.una.get().saturating_sub(self.snd.window_max);
        let Some(ack) = ack.filter(|ack| oldest <= ack.get() && *ack <= self.snd.nxt) else {
            self.acks.challenge(cx.now);
            return false;
        };
        if ack < self.snd.una {
            return true;
        }
        let before = self.snd.una;
        let duplicate = !opening && self.is_duplicate(ack, segment);
        self.update_window(cx, seq, ack, segment);
        if ack > self.snd.una {
            self.new_ack_arrives(cx, ack, segment);
        } else if duplicate {
            self.duplicate_ack_arrives(cx);
        }
        let sacked = !segment.options.sack.as_slice().is_empty();
        let news = self.echoes(self.snd.una - before, sacked);
        self.answer_echoes(cx.now, news);
        self.finish_close(cx.now);
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
            self.reply = Some(Transmit::reset(wire, None, Cause::ProtocolError));
            return false;
        };
        let early = self.is_early();
        self.sample_handshake(segment);
        self.establish(cx);
        if !early && ack < self.snd.nxt {
            // A simultaneous open: the text of our SYN was not taken.
            self.recovery.resend_all(ack, self.snd.nxt);
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
            && (window == self.snd.window || !segment.options.sack.as_slice().is_empty())
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
            if self.snd.waiting_since.is_some() {
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
            self.recovery.resend_all(self.snd.una, self.snd.nxt);
            self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
        }
    }

    pub(crate) fn new_ack_arrives(&mut self, cx: &Cx<'_>, ack: Offset, segment: &Segment) {
        let (before, nxt) = (self.snd.una, self.snd.nxt);
        let in_flight = self.recovery.in_flight(before, nxt);
        self.sample_rtt(ack, segment);
        let end = self.snd.buffer.end();
        let bytes = ack.min(end).saturating_sub(before.max(Offset::FIRST));
        let fin_acknowledged = self.snd.fin_sent() && ack > end;
        self.snd.una = ack;
        self.snd.buffer.release_until(ack.min(end));
        self.info.bytes_acked += bytes;
        match self.recovery.on_new_ack(before, ack, nxt, self.snd.mss) {
            AckOutcome::Normal => self.window_may_grow(cx, (ack, bytes), in_flight),
            AckOutcome::Recovered => {
                self.congestion
                    .on_recovered(cx.now, self.recovery.in_flight(ack, nxt));
            }
            AckOutcome::Entered | AckOutcome::Repairing => {}
        }
        if ack == nxt {
            self.timers.stop(Timer::Retransmit);
            self.unwatch_peer();
        } else {
            self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
            self.watch_peer(cx.now);
        }
        if fin_acknowledged && self.close.is_local_shut() {
            self.close.acknowledge_local();
            self.watch_fin_wait_2(cx.now);
        }
        self.tell_writer();
    }

    /// Tells the congestion controller of `acked.1` bytes up to `acked.0`.
    fn window_may_grow(&mut self, cx: &Cx<'_>, acked: (Offset, u64), prior_in_flight: u64) {
        let nxt = self.snd.nxt;
        let used = prior_in_flight + u64::from(self.snd.mss);
        let ack = Ack {
            now: cx.now,
            acked: acked.1,
            prior_in_flight,
            in_flight: self.recovery.in_flight(acked.0, nxt),
            srtt: self.rtt.srtt(),
            window_limited: used >= self.congestion.window(),
            una: acked.0.get(),
            nxt: nxt.get(),
            ..Ack::default()
        };
        self.congestion.on_ack(&ack);
    }

    /// Fast retransmit begins with the third duplicate (RFC 5681 3.2).
    fn duplicate_ack_arrives(&mut self, cx: &Cx<'_>) {
        self.info.duplicate_acks += 1;
        let (una, nxt, mss) = (self.snd.una, self.snd.nxt, self.snd.mss);
        if self.recovery.on_duplicate_ack(una, nxt, mss) == AckOutcome::Entered {
            self.congestion.on_congestion(&Congestion {
                now: cx.now,
                cause: congestion::Cause::Loss,
                in_flight: nxt - una,
                nxt: nxt.get(),
            });
            self.ecn.on_reduction(nxt);
        }
    }

    /// One RTT sample, if this ACK allows one. A segment that we timed is the finer measure;
    /// timestamps serve when Karn's rule forbids it (RFC 6298 section 3, RFC 7323 4.1).
    fn sample_rtt(&mut self, ack: Offset, segment: &Segment) {
        let at = segment.received_at;
        let sample = match (self.snd.timed, &self.timestamps, segment.options.timestamps) {
            (Some((end, sent_at)), _, _) => {
                if ack < end {
                    return;
                }
                self.snd.timed = None;
                Some(at - sent_at)
            }
            // A D-SACK says that this ACK answers a second copy: its echo is that of the first,
            // whose own ACK was lost, and would count our timeout as travelling time.
            (None, Some(_), Some(_)) if self.repeats_news(ack, segment) => {
                return self.rtt.reset_backoff();
            }
            (None, Some(state), Some(theirs)) => state.elapsed(theirs.echo, at),
            (None, _, _) => None,
        };
        if let Some(sample) = sample {
            self.rtt.sample(sample);
        }
    }

    /// Whether the first SACK block is a D-SACK for something below `ack` (RFC 2883 section 4).
    fn repeats_news(&self, ack: Offset, segment: &Segment) -> bool {
        let first = segment.options.sack.as_slice().first();
        let right = first.and_then(|block| self.snd.space.offset(block.right, ack));
        right.is_some_and(|right| right <= ack)
    }

    /// Nobody reads any more: do not wait for ever for the peer's FIN.
    pub(crate) fn watch_fin_wait_2(&mut self, now: handfast_packet::Instant) {
        if self.detached && self.close.name() == State::FinWait2 {
            self.timers
                .set(Timer::FinWait2, now + self.config.fin_wait_2);
        }
    }
}
