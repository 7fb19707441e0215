//! What an acknowledgment means for the data that is out: from the ledger through the round-trip
//! estimate to the congestion controller, and back to the timers.

use core::time::Duration;

use handfast_packet::Instant;

use super::sack;
use crate::config::Cx;
use crate::congestion::{self, Ack, Congestion};
use crate::connection::Connection;
use crate::journal::{Fact, WindowCause};
use crate::recovery::{AckInfo, Delivered, Delivery, Judgement, Reduction, Verdict};
use crate::segment::Segment;
use crate::seq::Offset;
use crate::timer::Timer;

/// The least wait before the timer looks whether a peer has dropped what it had SACKed.
const RENEGING_DELAY: Duration = Duration::from_millis(10);

impl Connection {
    /// Takes an ACK with its SACK blocks. `segment.1` says that it is a duplicate ACK (RFC 5681
    /// section 2). One that is older than SND.UNA was overtaken, and its blocks are measured by it: a
    /// block above it, which has been acknowledged since, is no D-SACK.
    pub(crate) fn acknowledge(&mut self, cx: &mut Cx<'_>, ack: Offset, segment: (&Segment, bool)) {
        let (segment, duplicate) = segment;
        let tells = self.sack && !segment.options.sack.as_slice().is_empty();
        if self.snd.outstanding() == 0 && !tells {
            let _nothing_to_answer = self.echoes(0, false, segment);
            return;
        }
        let blocks = if self.sack {
            sack::blocks(&self.snd, ack, segment)
        } else {
            sack::Blocks::default()
        };
        let ack = ack.max(self.snd.una);
        let (flight_size, nxt) = (self.snd.outstanding(), self.snd.nxt);
        let info = AckInfo {
            at: segment.received_at,
            ack,
            blocks: &blocks.above,
            duplicate: blocks.duplicate.clone(),
            mss: u64::from(self.snd.mss),
        };
        let mut delivery = self.recovery.on_ack(&info, nxt);
        self.tally.on_duplicate(duplicate, delivery.duplicate);
        self.tally.delivered += delivery.segments;
        if delivery.advanced() {
            self.tally.on_progress(cx.now);
        }
        let rtt = self.sample_rtt(cx, &delivery, segment);
        if ack > self.snd.una {
            self.release(cx, ack);
        }
        let news = self.echoes(delivery.bytes, delivery.advanced(), segment);
        let judgement = Judgement {
            ecn_echo: news.congestion,
            ..self.judgement(cx.now, u32::from(duplicate), segment)
        };
        let mut verdict = self.recovery.judge(&judgement, &mut delivery);
        self.excuse_probe(cx.now, &mut verdict);
        delivery.lost = self.recovery.newly_lost();
        self.obey(cx, &verdict, (flight_size, delivery.prior_in_flight));
        self.tell_congestion(cx.now, &delivery, (rtt, news.ce_bytes));
        if verdict.recovered {
            // ACKs of one batch arrive as one: what left in the recovery was still out when the
            // first of them ended it.
            let behind = nxt.saturating_sub(self.recovery.recovery_point());
            let in_flight = self.in_flight().max(behind);
            cx.note_window_cause(WindowCause::Recovered);
            self.congestion.on_recovered(cx.now, in_flight);
        }
        self.watch_what_is_out(cx.now, &delivery, &verdict);
    }

    /// The reordering timer fired (RFC 8985 6.2 step 5).
    pub(crate) fn reorder_expires(&mut self, cx: &mut Cx<'_>) {
        let flight = (self.snd.outstanding(), self.in_flight());
        let judgement = Judgement {
            echo: self.timestamps.as_ref().map(|_| 0),
            ..self.judgement_at(cx.now)
        };
        let mut verdict = self.recovery.on_reorder_timeout(&judgement, self.snd.una);
        self.excuse_probe(cx.now, &mut verdict);
        self.obey(cx, &verdict, flight);
        if self.recovery.reduced_window().is_some() {
            self.pace(&Delivery::default());
        }
        self.watch_reordering();
    }

    /// SND.UNA moves to `ack`.
    fn release(&mut self, cx: &Cx<'_>, ack: Offset) {
        let end = self.snd.buffer.end();
        let fin_acknowledged = self.snd.fin_sent() && ack > end;
        self.snd.una = ack;
        self.rtt.on_acknowledged(cx.now, ack);
        self.snd.buffer.release_until(ack.min(end));
        if ack == self.snd.nxt {
            self.unwatch_peer();
        } else {
            self.watch_peer(cx.now);
        }
        if fin_acknowledged && self.close.is_local_shut() {
            self.close.acknowledge_local();
            self.watch_fin_wait_2(cx.now);
        }
        self.tell_writer();
        self.probe_acknowledged(cx.now);
    }

    fn judgement(&self, now: Instant, duplicates: u32, segment: &Segment) -> Judgement {
        let theirs = segment
            .options
            .timestamps
            .filter(|_| self.timestamps.is_some());
        Judgement {
            duplicates,
            echo: theirs.map(|theirs| theirs.echo),
            ..self.judgement_at(now)
        }
    }

    fn judgement_at(&self, now: Instant) -> Judgement {
        Judgement {
            now,
            nxt: self.snd.nxt,
            srtt: self.rtt.srtt(),
            patience: self.rtt.patience(),
            mss: u64::from(self.snd.mss),
            duplicates: 0,
            echo: None,
            may_send_new: self.has_sendable_text(),
            ecn_echo: false,
        }
    }

    /// Carries a verdict to the congestion controller. `flight` is FlightSize and the bytes in
    /// the network, both from before.
    fn obey(&mut self, cx: &mut Cx<'_>, verdict: &Verdict, flight: (u64, u64)) {
        let (now, in_flight, nxt) = (cx.now, flight.0, self.snd.nxt.get());
        self.tell_losses(cx);
        if verdict.spurious {
            cx.note(|| Fact::Spurious);
            cx.note_window_cause(WindowCause::Undone);
            let in_flight = self.in_flight();
            self.congestion.on_spurious(now, in_flight);
            self.ecn.on_undo();
            self.rtt.reset_backoff();
        }
        let Some(reduction) = verdict.reduction else {
            return;
        };
        let (cause, told) = match reduction {
            Reduction::Loss => (congestion::Cause::Loss, WindowCause::Loss),
            Reduction::Probe => (congestion::Cause::Loss, WindowCause::Probe),
            Reduction::EcnEcho => (congestion::Cause::EcnEcho, WindowCause::EcnEcho),
        };
        cx.note_window_cause(told);
        self.congestion.on_congestion(&Congestion {
            now,
            cause,
            in_flight,
            nxt,
        });
        self.ecn.on_reduction(self.snd.nxt);
        if reduction == Reduction::Probe {
            let in_flight = self.in_flight();
            self.congestion.on_recovered(now, in_flight);
        } else if self.congestion.uses_prr() {
            let target = self.congestion.slow_start_threshold();
            self.recovery.pace(target, flight.1);
        }
    }

    /// Tells the controller what was found lost.
    pub(crate) fn tell_losses(&mut self, cx: &mut Cx<'_>) {
        let (mut bytes, mut pieces) = (0, 0);
        for lost in self.recovery.drain_losses() {
            bytes += lost.bytes;
            pieces += 1;
            self.congestion.on_lost(&lost);
        }
        if pieces > 0 {
            let proof = self.recovery.last_proof();
            cx.note(|| Fact::Lost {
                bytes,
                pieces,
                proof,
            });
        }
    }

    /// Tells the controller what arrived, and the pace of a reduction that goes on.
    fn tell_congestion(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        (rtt, ce): (Option<Duration>, u64),
    ) {
        let recovering = self.recovery.reduced_window().is_some();
        if recovering {
            self.pace(delivery);
        }
        let slow_start = self.congestion.slow_start();
        let window = self.congestion.window();
        let disordered = !delivery.advanced() && !self.recovery.reordering_is_usual();
        let rate = self.recovery.rate_sample(delivery);
        let ack = Ack {
            now,
            acked: delivery.bytes,
            prior_in_flight: delivery.prior_in_flight,
            in_flight: self.in_flight(),
            lost: delivery.lost,
            ce,
            rtt,
            srtt: self.rtt.srtt(),
            min_rtt: self.recovery.min_rtt(),
            disordered,
            window_limited: self.timers.out().usage.is_limited(window, slow_start),
            recovering,
            una: self.snd.una.get(),
            nxt: self.snd.nxt.get(),
            rate,
        };
        self.congestion.on_ack(&ack);
    }

    fn pace(&mut self, delivery: &Delivery) {
        let delivered = Delivered {
            bytes: delivery.bytes,
            in_flight: self.in_flight(),
            safe: delivery.advanced() && delivery.lost == 0,
        };
        self.recovery.pace_on(&delivered, u64::from(self.snd.mss));
    }

    /// One RTT sample, if this ACK allows one: by the departure of what was sent once (Karn), else
    /// by timestamps (RFC 6298 section 3, RFC 7323 4.1). Returns the freshest measure.
    fn sample_rtt(
        &mut self,
        cx: &mut Cx<'_>,
        delivery: &Delivery,
        segment: &Segment,
    ) -> Option<Duration> {
        let at = segment.received_at;
        let latest = delivery.latest.max(delivery.latest_sacked);
        if let Some(left) = delivery.oldest.or(delivery.latest_sacked) {
            self.take_sample(cx, at - left);
            return latest.map(|left| at - left);
        }
        let theirs = segment.options.timestamps?;
        let state = self.timestamps.as_ref()?;
        if !delivery.advanced() {
            return None;
        }
        // A D-SACK says that this ACK answers a second copy: its echo is that of the first,
        // whose own ACK was lost, and would count our timeout as travelling time.
        if delivery.duplicate {
            self.rtt.reset_backoff();
            return None;
        }
        // The echo is that of a copy, which was dated back.
        let least = self.recovery.min_rtt().unwrap_or_default();
        let sample = state.elapsed(theirs.echo, at)?;
        let sample = sample.saturating_sub(state.lag()).max(least);
        self.take_sample(cx, sample);
        Some(sample)
    }

    /// A round trip was measured.
    pub(crate) fn take_sample(&mut self, cx: &mut Cx<'_>, sample: Duration) {
        self.rtt.sample(sample);
        cx.note(|| Fact::RoundTrip {
            sample: sample.into(),
            smoothed: self.rtt.srtt().unwrap_or_default().into(),
            variation: self.rtt.variation().into(),
            timeout: self.rtt.rto().into(),
        });
    }

    /// Sets the timers after an ACK.
    fn watch_what_is_out(&mut self, now: Instant, delivery: &Delivery, verdict: &Verdict) {
        if self.snd.outstanding() == 0 {
            return self.unwatch_retransmission();
        }
        self.watch_reordering();
        if verdict.reneged {
            // Soon, but not at once: the ACKs that explain it may be on their way.
            let wait = self.rtt.srtt().unwrap_or_default() / 2;
            let wait = wait.max(RENEGING_DELAY);
            self.timers.stop(Timer::TailLossProbe);
            return self.timers.set(Timer::Retransmit, now + wait);
        }
        // SACKed data that left before the head was last sent says nothing against the head.
        let sacked_before_head = self
            .recovery
            .sent_at(self.snd.una)
            .zip(delivery.latest_sacked)
            .is_some_and(|(head, sacked)| sacked < head);
        if delivery.advanced() || sacked_before_head {
            self.watch_tail(now, true);
        } else if self.timers.at(Timer::TailLossProbe).is_some() {
            // A loss is being repaired: the probe gives way to the retransmission timer.
            if self
                .recovery
                .probe_is_useful(u64::from(self.snd.mss))
                .is_none()
                && self.recovery.next_lost().is_some()
            {
                self.timers.stop(Timer::TailLossProbe);
                self.watch_retransmission(now);
            }
        }
    }

    fn watch_reordering(&mut self) {
        match self.recovery.reorder_deadline() {
            Some(at) => self.timers.set(Timer::Reorder, at),
            None => self.timers.stop(Timer::Reorder),
        }
    }
}
