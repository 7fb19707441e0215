//! The picture of the path: bandwidth, round trips, aggregation of ACKs (draft section 5.5).

use core::time::Duration;

use handfast_packet::Instant;

use super::control::PACING_SHARE;
use super::stray::WHOLE;
use super::{BETA, Bbr, HEADROOM, PIPE_SEGMENTS_MIN, UNBOUNDED};
use crate::congestion::arithmetic::{mul_div, percent};
use crate::congestion::{Ack, RateSample};

/// How long the smallest round trip is believed (BBR.MinRTTFilterLen).
const MIN_RTT_AGE: Duration = Duration::from_secs(10);
/// Rounds for each of the two parts of the aggregation filter (half of BBR.ExtraAckedFilterLen).
const AGGREGATION_ROUNDS: u64 = 5;
const SECOND: u64 = 1_000_000_000;

/// BBR.max_bw: the largest rate of this ProbeBW cycle and of the one before, in bytes per second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBandwidth {
    before: u64,
    current: u64,
}

impl MaxBandwidth {
    pub(super) fn get(self) -> u64 {
        self.before.max(self.current)
    }

    fn add(&mut self, rate: u64) {
        self.current = self.current.max(rate);
    }

    /// A cycle is over (AdvanceMaxBwFilter). One without samples does not count.
    pub(super) fn advance(&mut self) {
        if self.current > 0 {
            self.before = self.current;
            self.current = 0;
        }
    }
}

/// What the last round trip delivered (5.5.10.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latest {
    bandwidth: u64,
    pub(super) inflight: u64,
    pub(super) loss_in_round: bool,
    /// ACKs of this round that told of losses (for Startup).
    pub(super) loss_events: u32,
    pub(super) round_delivered: u64,
    pub(super) round_start: bool,
}

/// BBR.extra_acked: how much more is acknowledged at once than the bandwidth explains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aggregation {
    pub(super) began: Instant,
    delivered: u64,
    before: u64,
    current: u64,
    part_began: u64,
}

impl Bbr {
    /// gain (in percent) * bandwidth * min_rtt (BDPMultiple).
    pub(super) fn bdp(&self, bandwidth: u64, gain: u64) -> u64 {
        let Some(min_rtt) = self.min_rtt else {
            return self.initial;
        };
        percent(over(bandwidth, min_rtt), gain)
    }

    /// The least that must be in flight whatever the model says (BBR.MinPipeCwnd).
    pub(super) fn pipe_min(&self) -> u64 {
        PIPE_SEGMENTS_MIN * self.mss
    }

    /// The estimated product, unless congestion cut the window (TargetInflight).
    pub(super) fn target(&self) -> u64 {
        self.bdp(self.bandwidth, 100).min(self.window)
    }

    /// The long-term bound less what is left to others (InflightWithHeadroom).
    pub(super) fn with_headroom(&self) -> u64 {
        if self.inflight_long == UNBOUNDED {
            return UNBOUNDED;
        }
        let headroom = percent(self.inflight_long, HEADROOM).max(self.mss);
        self.inflight_long
            .saturating_sub(headroom)
            .max(self.pipe_min())
    }

    /// A round begins that ends when what is sent from now on is acknowledged.
    pub(super) fn start_round(&mut self) {
        self.next_round_delivered = self.delivered;
    }

    pub(super) fn update_latest(&mut self, sample: &RateSample) {
        let latest = &mut self.latest;
        latest.bandwidth = latest.bandwidth.max(sample.rate);
        latest.inflight = latest.inflight.max(sample.delivered);
        latest.round_start = sample.prior_delivered >= latest.round_delivered;
        if latest.round_start {
            latest.round_delivered = self.delivered;
        }
    }

    pub(super) fn advance_latest(&mut self, sample: &RateSample) {
        if self.latest.round_start {
            self.latest.bandwidth = sample.rate;
            self.latest.inflight = sample.delivered;
        }
    }

    pub(super) fn reset_congestion(&mut self) {
        self.latest.loss_in_round = false;
        self.latest.bandwidth = 0;
        self.latest.inflight = 0;
    }

    /// UpdateCongestionSignals: rounds, bandwidth, and once in a round what losses say.
    pub(super) fn update_congestion(&mut self, now: Instant, sample: &RateSample) {
        self.round_start = sample.prior_delivered >= self.next_round_delivered;
        if self.round_start {
            self.start_round();
            self.round_count += 1;
            self.cycle.rounds_since_up += 1;
        }
        if sample.rate > 0 && (sample.rate >= self.max_bandwidth.get() || !sample.app_limited) {
            self.max_bandwidth.add(sample.rate);
        }
        if !self.latest.round_start {
            return;
        }
        let steady = !self.state.accelerates();
        self.stray.end_round(now, steady);
        if self.latest.loss_in_round && steady {
            self.lower_short_term();
        }
        self.latest.loss_in_round = false;
    }

    /// Losses outside of probing: adapt to what the last round delivered, step by step.
    ///
    /// What was delivered was paced below the model by the margin. That is no loss: without it
    /// here, each round with one lost segment would cost the margin too, and the draft wants a
    /// round with X percent lost to cost X percent (5.3.3.8.3).
    ///
    /// Losses without a queue are given up once in a cycle, as if they had been too much, but not
    /// again and again: if a lower rate loses as large a share, the rate is not the reason. Nor is
    /// what is in flight, since none of it waits. Bounds that say more, because a queue of ours hid
    /// this, are lifted.
    fn lower_short_term(&mut self) {
        if self.bandwidth_short == UNBOUNDED {
            self.bandwidth_short = self.max_bandwidth.get();
        }
        if self.inflight_short == UNBOUNDED {
            self.inflight_short = self.window;
        }
        let (bandwidth, inflight) = (self.bandwidth_short, self.inflight_short);
        // Without SACK a round of repairs measures no rate.
        if self.latest.bandwidth > 0 {
            self.bandwidth_short = unpaced(self.latest.bandwidth).max(percent(bandwidth, BETA));
        }
        self.inflight_short = self.latest.inflight.max(percent(inflight, BETA));
        if self.stray.quiet {
            let known = self.max_bandwidth.get();
            let kept = mul_div(known, WHOLE - self.stray.of_cycle(), WHOLE);
            self.bandwidth_short = self.bandwidth_short.max(kept);
            self.inflight_short = UNBOUNDED;
        }
    }

    pub(super) fn reset_short_term(&mut self) {
        self.bandwidth_short = UNBOUNDED;
        self.inflight_short = UNBOUNDED;
    }

    /// UpdateACKAggregation of 5.5.9.
    pub(super) fn update_aggregation(&mut self, ack: &Ack) {
        let expected = over(self.bandwidth, ack.now - self.aggregation.began);
        let reached_full_pipe = self.full_pipe.reached;
        let window = self.window;
        let part = if reached_full_pipe {
            AGGREGATION_ROUNDS
        } else {
            1
        };
        let round_count = self.round_count;
        let this = &mut self.aggregation;
        let expected = if this.delivered <= expected {
            this.delivered = 0;
            this.began = ack.now;
            0
        } else {
            expected
        };
        this.delivered = this.delivered.saturating_add(ack.acked);
        let extra = this.delivered.saturating_sub(expected).min(window);
        if round_count - this.part_began >= part {
            this.part_began = round_count;
            this.before = if reached_full_pipe { this.current } else { 0 };
            this.current = 0;
        }
        this.current = this.current.max(extra);
    }

    /// BBR.extra_acked.
    pub(super) fn extra_acked(&self) -> u64 {
        self.aggregation.before.max(self.aggregation.current)
    }

    /// UpdateMinRTT of 5.3.4.3: the round trip of ProbeRTT and, for longer, that of the model.
    pub(super) fn update_min_rtt(&mut self, ack: &Ack) {
        self.probe_rtt.update(ack);
        let expired = ack.now > self.min_rtt_at + MIN_RTT_AGE;
        let Some(min_delay) = self.probe_rtt.min_delay else {
            return;
        };
        if expired || self.min_rtt.is_none_or(|min_rtt| min_delay < min_rtt) {
            self.min_rtt = Some(min_delay);
            self.min_rtt_at = self.probe_rtt.min_at;
        }
    }
}

/// The bandwidth of a model that is paced to deliver `rate`.
fn unpaced(rate: u64) -> u64 {
    mul_div(rate, 100, PACING_SHARE)
}

/// What `rate` bytes per second make in `time`.
fn over(rate: u64, time: Duration) -> u64 {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    mul_div(rate, nanos, SECOND)
}
