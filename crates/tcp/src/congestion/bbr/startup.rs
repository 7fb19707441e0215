//! Startup and Drain: doubling until the rate no longer follows (draft sections 5.3.1, 5.3.2).

use handfast_packet::Instant;

use super::{Bbr, State};
use crate::congestion::RateSample;
use crate::congestion::arithmetic::percent;

/// Rounds without growth that prove a full pipe.
const FLAT_ROUNDS: u32 = 3;
/// What counts as growth, in percent of the rate before.
const GROWTH: u64 = 125;
/// ACKs with losses in one round that end Startup (BBRStartupFullLossCnt).
const LOSS_EVENTS: u32 = 6;
/// No growth excuses a round that loses more than one part in this many.
const LOST_PART: u64 = 4;
/// Nor do so few segments more say much.
const LOST_FEW: u64 = 2;
/// Rounds after which Drain ends even if the queue did not.
const DRAIN_ROUNDS: u64 = 3;

/// Whether sending faster still delivers faster.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    pub(super) bandwidth: u64,
    count: u32,
    /// The last round delivered so much more that the pipe cannot have been full.
    grew: bool,
    /// BBR.full_bw_now.
    pub(super) now: bool,
    /// BBR.full_bw_reached: it once was so.
    pub(super) reached: bool,
}

impl FullPipe {
    /// ResetFullBW: the question is asked anew, from `bandwidth` on.
    pub(super) fn reset(&mut self, bandwidth: u64) {
        self.bandwidth = bandwidth;
        self.count = 0;
        self.now = false;
    }
}

impl Bbr {
    pub(super) fn check_full_pipe(&mut self, sample: &RateSample) {
        if self.round_start {
            self.full_pipe.grew = false;
        }
        if self.full_pipe.now || !self.round_start || sample.app_limited {
            return;
        }
        if sample.rate >= percent(self.full_pipe.bandwidth, GROWTH) {
            self.full_pipe.grew = true;
            return self.full_pipe.reset(sample.rate);
        }
        self.full_pipe.count += 1;
        self.full_pipe.now = self.full_pipe.count >= FLAT_ROUNDS;
        self.full_pipe.reached |= self.full_pipe.now;
    }

    pub(super) fn check_startup_done(&mut self, sample: &RateSample) {
        self.check_startup_losses(sample);
        if self.state == State::Startup && self.full_pipe.reached {
            self.enter_drain();
        }
    }

    /// CheckStartupHighLoss of 5.3.1.3.
    fn check_startup_losses(&mut self, sample: &RateSample) {
        let events = self.latest.loss_events;
        if !self.latest.round_start {
            return;
        }
        self.latest.loss_events = 0;
        if self.full_pipe.reached {
            return;
        }
        // A pipe without a queue that delivers a quarter more than a round before is not full,
        // whatever is lost on the way; nor was it when what was sent beside the losses did not wait.
        // Unless much is lost: then this round may have been the first that overflowed.
        let grew = self.full_pipe.grew && self.stray.empty;
        let most = sample.sent_in_flight / LOST_PART + LOST_FEW * self.mss;
        if (grew || self.stray.quiet) && sample.lost <= most {
            return self.stray.on_growth(sample.lost, sample.delivered);
        }
        let too_high =
            events >= LOSS_EVENTS && self.is_too_high(sample.lost, sample.sent_in_flight);
        // Without SACK a round trip tells of one loss, however many there are.
        if self.recovering && (too_high || !self.sack) {
            self.leave_startup();
        }
    }

    /// Losses say that the pipe is full.
    pub(super) fn leave_startup(&mut self) {
        self.undo.state = Some(State::Startup);
        self.full_pipe.reached = true;
        let bdp = self.bdp(self.bandwidth, 100);
        self.inflight_long = bdp.max(self.latest.inflight);
    }

    pub(super) fn enter_startup(&mut self) {
        self.state = State::Startup;
    }

    fn enter_drain(&mut self) {
        self.state = State::Drain;
        self.drain_began = self.round_count;
    }

    pub(super) fn check_drain_done(&mut self, now: Instant) {
        let drained = self.in_flight <= self.inflight(self.bandwidth, 100);
        let too_long = self.round_count > self.drain_began + DRAIN_ROUNDS;
        if self.state == State::Drain && (drained || too_long) {
            self.start_down(now);
        }
    }
}
