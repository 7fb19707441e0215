//! BBR, version 3 (draft-ietf-ccwg-bbr-06): a model of the path, made of the rate at which data is
//! delivered, the round trip without queues and what losses say, decides how fast to send and how
//! much may be in flight.
//!
//! `model` keeps the picture of the path, `startup` finds its capacity, `probe_bw` and `probe_rtt`
//! look whether it has changed, `losses` answers losses, `stray` tells
//! those that are not of our making, `control` turns the picture into a rate and
//! a window. The names of the draft stand beside ours where they differ. ECN echoes count as losses.

mod control;
mod losses;
mod model;
mod probe_bw;
mod probe_rtt;
mod random;
mod startup;
mod state;
mod stray;

use core::time::Duration;

use handfast_packet::Instant;

use super::{
    Ack, Cause, Congestion, CongestionController, Lost, RateSample, Sent, Start, WINDOW_MAX,
};
use losses::Undo;
use model::{Aggregation, Latest, MaxBandwidth};
use probe_bw::Cycle;
use probe_rtt::ProbeRtt;
use random::Random;
use startup::FullPipe;
use state::{AckPhase, State};
use stray::Stray;

/// No bound: the draft's Infinity.
const UNBOUNDED: u64 = u64::MAX;
/// What BBR lets the window or the short-term bounds keep after losses, in percent (BBR.Beta).
const BETA: u64 = 70;
/// A round trip with more losses than this, in parts of [`stray::WHOLE`], has too much in flight
/// (BBR.LossThresh): two percent.
const LOSS_THRESHOLD: u64 = 200;
/// The part of the long-term bound that is left to others, in percent (BBR.Headroom).
const HEADROOM: u64 = 15;
/// Segments that keep the pipe going with delayed ACKs (BBR.MinPipeCwnd).
const PIPE_SEGMENTS_MIN: u64 = 4;

/// A BBR sender.
#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    mss: u64,
    initial: u64,
    /// The peer tells of gaps.
    sack: bool,
    random: Random,
    state: State,
    /// Whether the clocks below were started.
    started: bool,

    // The outputs.
    window: u64,
    pacing_rate: u64,
    /// The last good window (BBR.prior_cwnd).
    prior_window: u64,

    // The model.
    max_bandwidth: MaxBandwidth,
    /// What is sent by: the smaller of `max_bandwidth` and `bandwidth_short`.
    bandwidth: u64,
    /// BBR.bw_shortterm and BBR.inflight_shortterm: what losses of this cycle say.
    bandwidth_short: u64,
    inflight_short: u64,
    /// BBR.inflight_longterm: what was in flight when probing lost too much.
    inflight_long: u64,
    latest: Latest,
    aggregation: Aggregation,
    min_rtt: Option<Duration>,
    min_rtt_at: Instant,
    has_srtt: bool,

    // Rounds, counted by what was delivered.
    delivered: u64,
    in_flight: u64,
    next_round_delivered: u64,
    round_start: bool,
    round_count: u64,
    /// Losses are being repaired.
    recovering: bool,

    full_pipe: FullPipe,
    drain_began: u64,
    probe_rtt: ProbeRtt,
    idle_restart: bool,

    cycle: Cycle,
    stray: Stray,
    undo: Undo,
}

impl Bbr {
    pub(crate) fn new(start: Start) -> Self {
        let mut bbr = Self {
            mss: u64::from(start.first.mss),
            initial: start.first.bytes(),
            sack: start.sack,
            random: Random::new(start.seed),
            state: State::Startup,
            started: false,
            window: start.first.bytes(),
            pacing_rate: 0,
            prior_window: 0,
            max_bandwidth: MaxBandwidth::default(),
            bandwidth: 0,
            bandwidth_short: UNBOUNDED,
            inflight_short: UNBOUNDED,
            inflight_long: UNBOUNDED,
            latest: Latest::default(),
            aggregation: Aggregation::default(),
            min_rtt: None,
            min_rtt_at: Instant::ZERO,
            has_srtt: false,
            delivered: 0,
            in_flight: 0,
            next_round_delivered: 0,
            round_start: false,
            round_count: 0,
            recovering: false,
            full_pipe: FullPipe::default(),
            drain_began: 0,
            probe_rtt: ProbeRtt::default(),
            idle_restart: false,
            cycle: Cycle::default(),
            stray: Stray::default(),
            undo: Undo::default(),
        };
        bbr.init_pacing_rate(None);
        bbr
    }

    /// The clocks begin with the first thing that happens.
    fn start(&mut self, now: Instant) {
        if !self.started {
            self.started = true;
            self.min_rtt_at = now;
            self.probe_rtt.min_at = now;
            self.aggregation.began = now;
            self.cycle.began = now;
        }
    }

    /// UpdateModelAndState of 5.2.3.
    fn update_model(&mut self, ack: &Ack, sample: &RateSample) {
        self.update_latest(sample);
        self.stray.on_ack(ack.acked, ack.rtt, ack.lost > 0);
        self.update_congestion(ack.now, sample);
        self.update_aggregation(ack);
        self.check_full_pipe(sample);
        self.check_startup_done(sample);
        self.check_drain_done(ack.now);
        self.update_cycle(ack, sample);
        self.update_min_rtt(ack);
        self.check_probe_rtt(ack.now, sample);
        self.advance_latest(sample);
        self.bandwidth = self.max_bandwidth.get().min(self.bandwidth_short);
    }
}

impl CongestionController for Bbr {
    fn on_sent(&mut self, sent: &Sent) {
        self.start(sent.now);
        if sent.in_flight == 0 && sent.app_limited {
            self.restart_from_idle(sent.now);
        }
    }

    fn on_ack(&mut self, ack: &Ack) {
        self.start(ack.now);
        self.in_flight = ack.in_flight;
        let Some(mut sample) = ack.rate else {
            return;
        };
        self.delivered = sample.total_delivered;
        sample.app_limited |= sample.prior_delivered < self.probe_rtt.limited_until;
        self.lost_untold(ack, &sample);
        self.update_model(ack, &sample);
        self.update_control(ack);
    }

    fn on_lost(&mut self, lost: &Lost) {
        self.start(lost.now);
        self.handle_lost(lost);
    }

    /// Losses were told one by one; here is only what a timeout and an ECN echo add.
    fn on_congestion(&mut self, congestion: &Congestion) {
        self.start(congestion.now);
        self.save_state();
        match congestion.cause {
            Cause::Loss => {}
            Cause::EcnEcho => self.handle_echo(congestion),
            Cause::Timeout { .. } => self.window = self.mss,
        }
        self.recovering = congestion.cause == Cause::Loss;
    }

    fn on_recovered(&mut self, _now: Instant, _in_flight: u64) {
        self.recovering = false;
        self.restore_window();
        self.bound_window();
    }

    fn on_spurious(&mut self, _now: Instant, _in_flight: u64) {
        self.handle_spurious();
    }

    /// BBR paces after idle time by what it knows (5.4).
    fn on_idle_restart(&mut self, _now: Instant, _idle: Duration, _rto: Duration) {}

    fn on_handshake_loss(&mut self) {
        self.window = self.mss;
    }

    fn on_mss(&mut self, mss: u16) {
        self.mss = u64::from(mss);
        self.window = self.window.max(self.mss);
    }

    fn window(&self) -> u64 {
        self.window.clamp(self.mss, WINDOW_MAX)
    }

    fn slow_start_threshold(&self) -> u64 {
        u64::MAX
    }

    fn slow_start(&self) -> bool {
        self.state == State::Startup
    }

    fn pacing_rate(&self) -> Option<u64> {
        Some(self.pacing_rate)
    }

    fn uses_prr(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        "bbr"
    }
}
