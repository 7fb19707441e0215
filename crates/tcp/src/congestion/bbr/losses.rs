//! What losses say about the path, and taking it back (draft sections 5.5.10 and 5.5.11).

use handfast_packet::Instant;

use super::stray::WHOLE;
use super::{BETA, Bbr, LOSS_THRESHOLD, State};
use crate::congestion::arithmetic::{mul_div, percent};
use crate::congestion::{Ack, Congestion, Lost, RateSample};

/// What was before losses were found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undo {
    /// The state that they ended.
    pub(super) state: Option<State>,
    bandwidth_short: u64,
    inflight_short: u64,
    inflight_long: u64,
}

impl Bbr {
    /// Whether so many bytes lost out of so many in flight mean that it was too much.
    pub(super) fn is_too_high(&self, lost: u64, sent_in_flight: u64) -> bool {
        let expected = mul_div(sent_in_flight, self.loss_threshold(), WHOLE);
        lost > expected.saturating_add(self.chance(expected))
    }

    /// How many more bytes than `expected` may be lost by chance, where the losses of late were none of
    /// a queue: twice the standard deviation of a number of segments.
    fn chance(&self, expected: u64) -> u64 {
        if self.stray.quiet {
            2 * expected.saturating_mul(self.mss).isqrt()
        } else {
            0
        }
    }

    /// Losses that are not of our making come on top of the draft's threshold. In parts of
    /// [`WHOLE`].
    fn loss_threshold(&self) -> u64 {
        LOSS_THRESHOLD + self.stray.tolerated(self.state == State::Startup)
    }

    /// HandleLostPacket of 5.5.10.2.
    pub(super) fn handle_lost(&mut self, lost: &Lost) {
        self.note_loss();
        self.stray.on_lost(lost.bytes);
        let too_high = self.is_too_high(lost.lost_since, lost.sent_in_flight);
        if self.cycle.probing_sample && too_high {
            let in_flight = inflight_at_loss(lost, self.loss_threshold());
            self.handle_too_high(lost.now, in_flight, lost.app_limited);
        }
    }

    /// Losses that an ACK tells of and nobody told one by one.
    pub(super) fn lost_untold(&mut self, ack: &Ack, sample: &RateSample) {
        if ack.lost == 0 {
            return;
        }
        self.latest.loss_events += 1;
        if self.latest.loss_in_round {
            return;
        }
        self.note_loss();
        if self.cycle.probing_sample && self.is_too_high(sample.lost, sample.sent_in_flight) {
            self.handle_too_high(ack.now, sample.sent_in_flight, sample.app_limited);
        }
    }

    /// A mark is taken as a round trip with too many losses (RFC 3168 5: the answer must be that
    /// to a lost segment).
    pub(super) fn handle_echo(&mut self, congestion: &Congestion) {
        self.note_loss();
        self.stray.marked = true;
        if self.state == State::Startup {
            self.leave_startup();
        } else if self.cycle.probing_sample {
            self.handle_too_high(congestion.now, congestion.in_flight, false);
        }
    }

    fn note_loss(&mut self) {
        self.save_state();
        if !self.latest.loss_in_round {
            self.latest.round_delivered = self.delivered;
        }
        self.latest.loss_in_round = true;
    }

    /// HandleInflightTooHigh.
    fn handle_too_high(&mut self, now: Instant, in_flight: u64, app_limited: bool) {
        self.cycle.was_too_high = true;
        self.cycle.probing_sample = false;
        if !app_limited {
            self.inflight_long = in_flight.max(percent(self.target(), BETA));
        }
        if self.state == State::Up {
            self.undo.state = Some(State::Up);
            self.start_down(now);
        }
    }

    /// SaveStateUponLoss; the first loss of a round counts.
    pub(super) fn save_state(&mut self) {
        if self.latest.loss_in_round {
            return;
        }
        self.save_window();
        self.undo = Undo {
            state: None,
            bandwidth_short: self.bandwidth_short,
            inflight_short: self.inflight_short,
            inflight_long: self.inflight_long,
        };
    }

    /// SaveCwnd.
    pub(super) fn save_window(&mut self) {
        self.prior_window = if self.recovering || self.state == State::ProbeRtt {
            self.prior_window.max(self.window)
        } else {
            self.window
        };
    }

    /// RestoreCwnd.
    pub(super) fn restore_window(&mut self) {
        self.window = self.window.max(self.prior_window);
    }

    /// HandleSpuriousLossDetection of 5.5.11.2.
    pub(super) fn handle_spurious(&mut self) {
        self.restore_window();
        self.latest.loss_in_round = false;
        self.full_pipe.reset(0);
        self.bandwidth_short = self.bandwidth_short.max(self.undo.bandwidth_short);
        self.inflight_short = self.inflight_short.max(self.undo.inflight_short);
        self.inflight_long = self.inflight_long.max(self.undo.inflight_long);
        let probes_rtt = self.state == State::ProbeRtt;
        match self.undo.state.take() {
            Some(State::Startup) if self.state != State::Startup => {
                self.full_pipe.reached = false;
                if !probes_rtt {
                    self.enter_startup();
                }
            }
            Some(State::Up) if self.state != State::Up && !probes_rtt => self.start_refill(),
            _ => {}
        }
    }
}

/// How much was in flight when the losses before and in this segment, which may be a whole burst,
/// crossed the threshold, in parts of [`WHOLE`] (InflightAtLoss).
fn inflight_at_loss(lost: &Lost, threshold: u64) -> u64 {
    let before = lost.sent_in_flight.saturating_sub(lost.bytes);
    let lost_before = lost.lost_since.saturating_sub(lost.bytes);
    let tolerated = mul_div(before, threshold, WHOLE).saturating_sub(lost_before);
    before + mul_div(tolerated, WHOLE, WHOLE - threshold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::Start;

    /// Of twenty segments one is five percent. Where no queue is the reason it may be chance; in large
    /// flights chance is a small part.
    #[test]
    fn a_probe_on_a_bad_link_may_lose_more_by_chance() {
        let mut bbr = Bbr::new(Start::plain(1_000));
        for (quiet, segments, most) in [
            (false, 20, 0),
            (true, 20, 1),
            (false, 10_000, 200),
            (true, 10_000, 228),
        ] {
            bbr.stray.quiet = quiet;
            let too_high = |lost: u64| bbr.is_too_high(1_000 * lost, 1_000 * segments);
            assert!(!too_high(most) && too_high(most + 1), "{quiet} {segments}");
        }
    }
}
