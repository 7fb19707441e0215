//! ProbeRTT: now and then so little in flight that no queue hides the round trip (draft sections
//! 5.3.4 and 5.4).

use core::time::Duration;

use handfast_packet::Instant;

use super::{AckPhase, Bbr, State};
use crate::congestion::{Ack, RateSample};

/// How long a round trip is believed before it is measured again (BBR.ProbeRTTInterval).
const INTERVAL: Duration = Duration::from_secs(5);
/// How long so little stays in flight, at least (BBR.ProbeRTTDuration).
const DURATION: Duration = Duration::from_millis(200);

/// When to look at the round trip again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProbeRtt {
    /// BBR.probe_rtt_min_delay and when it was seen.
    pub(super) min_delay: Option<Duration>,
    pub(super) min_at: Instant,
    expired: bool,
    /// When it may end; `None` until so little is in flight.
    done_at: Option<Instant>,
    round_done: bool,
    /// Samples of segments that were sent before so much was delivered are low on purpose.
    pub(super) limited_until: u64,
}

impl ProbeRtt {
    pub(super) fn update(&mut self, ack: &Ack) {
        self.expired = ack.now > self.min_at + INTERVAL;
        let Some(rtt) = ack.rtt else {
            return;
        };
        if self.expired || self.min_delay.is_none_or(|min| rtt < min) {
            self.min_delay = Some(rtt);
            self.min_at = ack.now;
        }
    }
}

impl Bbr {
    pub(super) fn check_probe_rtt(&mut self, now: Instant, sample: &RateSample) {
        if self.state != State::ProbeRtt && self.probe_rtt.expired && !self.idle_restart {
            self.save_window();
            self.state = State::ProbeRtt;
            self.probe_rtt.done_at = None;
            self.cycle.ack_phase = AckPhase::ProbeStopping;
            self.start_round();
        }
        if self.state == State::ProbeRtt {
            self.handle_probe_rtt(now);
        }
        if sample.delivered > 0 {
            self.idle_restart = false;
        }
    }

    fn handle_probe_rtt(&mut self, now: Instant) {
        self.probe_rtt.limited_until = self.delivered.saturating_add(self.in_flight);
        match self.probe_rtt.done_at {
            None if self.in_flight <= self.probe_rtt_window() => {
                self.probe_rtt.done_at = Some(now + DURATION);
                self.probe_rtt.round_done = false;
                self.start_round();
            }
            None => {}
            Some(_) => {
                self.probe_rtt.round_done |= self.round_start;
                if self.probe_rtt.round_done {
                    self.check_probe_rtt_done(now);
                }
            }
        }
    }

    fn check_probe_rtt_done(&mut self, now: Instant) {
        if self.probe_rtt.done_at.is_some_and(|done_at| now > done_at) {
            self.probe_rtt.min_at = now;
            self.restore_window();
            self.exit_probe_rtt(now);
        }
    }

    fn exit_probe_rtt(&mut self, now: Instant) {
        self.reset_short_term();
        if self.full_pipe.reached {
            self.start_down(now);
            self.start_cruise();
        } else {
            self.enter_startup();
        }
    }

    /// What may be in flight in ProbeRTT (ProbeRTTCwnd).
    pub(super) fn probe_rtt_window(&self) -> u64 {
        let (_, gain) = State::ProbeRtt.gains();
        self.bdp(self.bandwidth, gain).max(self.pipe_min())
    }

    /// HandleRestartFromIdle of 5.4.1: neither a burst nor slow start, but the known rate.
    pub(super) fn restart_from_idle(&mut self, now: Instant) {
        self.idle_restart = true;
        self.aggregation.began = now;
        if self.state.is_probe_bw() {
            self.set_pacing_rate(100);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(now);
        }
    }
}
