//! The cycle of ProbeBW: leave room, cruise, refill the pipe, try more (draft section 5.3.3).

use core::time::Duration;

use handfast_packet::Instant;

use super::{AckPhase, Bbr, State, UNBOUNDED};
use crate::congestion::{Ack, RateSample};

/// Time between two probes: this and a random part of a second more (T_bbr).
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// The random part in nanoseconds.
const PROBE_WAIT_MORE: u64 = 1_000_000_000;
/// Rounds after which Reno would have probed on a short path (T_reno).
const RENO_ROUNDS_MAX: u64 = 63;
/// The steps double with each round, but not more often.
const UP_ROUNDS_MAX: u32 = 30;

/// Where the cycle stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    pub(super) ack_phase: AckPhase,
    pub(super) began: Instant,
    /// When it is time to probe again, from `began` on.
    wait: Duration,
    pub(super) rounds_since_up: u64,
    up_rounds: u32,
    up_acked: u64,
    up_acked_per_step: u64,
    /// BBR.is_bw_probe_sample: the ACKs at hand tell of probing.
    pub(super) probing_sample: bool,
    /// BBR.prev_probe_too_high: the last probe lost too much.
    pub(super) was_too_high: bool,
    /// BBR.prev_probe_precautionary: it ended before it could.
    was_cautious: bool,
}

impl Default for Cycle {
    fn default() -> Self {
        Self {
            ack_phase: AckPhase::Init,
            began: Instant::ZERO,
            wait: Duration::ZERO,
            rounds_since_up: 0,
            up_rounds: 0,
            up_acked: 0,
            up_acked_per_step: UNBOUNDED,
            probing_sample: false,
            was_too_high: false,
            was_cautious: false,
        }
    }
}

impl Bbr {
    pub(super) fn start_down(&mut self, now: Instant) {
        self.reset_congestion();
        self.cycle.up_acked_per_step = UNBOUNDED;
        self.cycle.rounds_since_up = self.random.below(2);
        let more = self.random.below(PROBE_WAIT_MORE);
        self.cycle.wait = PROBE_WAIT + Duration::from_nanos(more);
        self.cycle.began = now;
        self.cycle.ack_phase = AckPhase::ProbeStopping;
        self.start_round();
        self.state = State::Down;
    }

    pub(super) fn start_cruise(&mut self) {
        self.state = State::Cruise;
    }

    pub(super) fn start_refill(&mut self) {
        self.reset_short_term();
        self.stray.end_cycle();
        self.cycle.up_rounds = 0;
        self.cycle.up_acked = 0;
        self.cycle.was_cautious = false;
        self.cycle.ack_phase = AckPhase::Refilling;
        self.start_round();
        self.state = State::Refill;
    }

    fn start_up(&mut self, sample: &RateSample) {
        self.cycle.probing_sample = true;
        self.cycle.ack_phase = AckPhase::ProbeStarting;
        self.start_round();
        self.full_pipe.reset(sample.rate);
        self.state = State::Up;
        self.raise_slope();
    }

    /// UpdateProbeBWCyclePhase of 5.3.3.9.
    pub(super) fn update_cycle(&mut self, ack: &Ack, sample: &RateSample) {
        if !self.full_pipe.reached {
            return;
        }
        if self.adapt_long_term(ack, sample) {
            return;
        }
        match self.state {
            State::Down if self.is_time_to_probe(ack.now) => self.start_refill(),
            State::Down if self.is_time_to_cruise() => self.start_cruise(),
            State::Cruise if self.is_time_to_probe(ack.now) => self.start_refill(),
            State::Refill if self.round_start => self.start_up(sample),
            State::Up => self.end_up(ack, sample),
            _ => {}
        }
    }

    fn end_up(&mut self, ack: &Ack, sample: &RateSample) {
        if self.is_time_to_go_down(ack, sample) {
            self.cycle.was_too_high = false;
            self.start_down(ack.now);
        }
    }

    fn is_time_to_probe(&self, now: Instant) -> bool {
        let reno_rounds = (self.target() / self.mss).min(RENO_ROUNDS_MAX);
        now > self.cycle.began + self.cycle.wait || self.cycle.rounds_since_up >= reno_rounds
    }

    fn is_time_to_cruise(&self) -> bool {
        let bdp = self.inflight(self.max_bandwidth.get(), 100);
        self.in_flight <= self.with_headroom().min(bdp)
    }

    fn is_time_to_go_down(&mut self, ack: &Ack, sample: &RateSample) -> bool {
        if self.cycle.was_too_high && self.in_flight >= self.inflight_long {
            self.cycle.was_cautious = true;
            return true;
        }
        if ack.window_limited && self.window >= self.inflight_long {
            // The bound, not the path, limits the rate.
            self.full_pipe.reset(sample.rate);
            return false;
        }
        self.full_pipe.now
    }

    /// AdaptLongTermModel: what the ACKs of a probe say. Returns whether the state was changed.
    fn adapt_long_term(&mut self, ack: &Ack, sample: &RateSample) -> bool {
        match self.cycle.ack_phase {
            AckPhase::ProbeStarting if self.round_start => {
                self.cycle.ack_phase = AckPhase::ProbeFeedback;
            }
            AckPhase::ProbeStopping if self.round_start => {
                self.cycle.probing_sample = false;
                self.cycle.ack_phase = AckPhase::Init;
                if self.state.is_probe_bw() && !sample.app_limited {
                    self.max_bandwidth.advance();
                }
                let succeeded = self.cycle.was_cautious && !self.cycle.was_too_high;
                if self.state.is_probe_bw() && succeeded {
                    self.start_refill();
                    return true;
                }
            }
            _ => {}
        }
        let bounded = self.inflight_long != UNBOUNDED;
        if bounded && !self.is_too_high(sample.lost, sample.sent_in_flight) {
            self.inflight_long = self.inflight_long.max(sample.sent_in_flight);
            if self.state == State::Up {
                self.raise_long_term(ack);
            }
        }
        false
    }

    /// ProbeInflightLongtermUpward: a segment more for so many acknowledged bytes.
    fn raise_long_term(&mut self, ack: &Ack) {
        if !ack.window_limited || self.window < self.inflight_long {
            return;
        }
        self.cycle.up_acked = self.cycle.up_acked.saturating_add(ack.acked);
        let steps = self.cycle.up_acked / self.cycle.up_acked_per_step;
        self.cycle.up_acked %= self.cycle.up_acked_per_step;
        let rise = steps.saturating_mul(self.mss);
        self.inflight_long = self.inflight_long.saturating_add(rise).min(UNBOUNDED - 1);
        if self.round_start {
            self.raise_slope();
        }
    }

    fn raise_slope(&mut self) {
        let growth = 1 << self.cycle.up_rounds;
        self.cycle.up_rounds = (self.cycle.up_rounds + 1).min(UP_ROUNDS_MAX);
        self.cycle.up_acked_per_step = (self.window / growth).max(self.mss);
    }
}
