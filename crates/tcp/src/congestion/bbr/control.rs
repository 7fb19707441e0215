//! The pacing rate and the window (draft section 5.6).

use core::time::Duration;

use super::{Bbr, State, UNBOUNDED};
use crate::congestion::arithmetic::{mul_div, percent};
use crate::congestion::{Ack, WINDOW_MAX};

/// Send a little slower than the model says (100 - BBR.PacingMarginPercent).
pub(super) const PACING_SHARE: u64 = 99;
/// The round trip to assume before one was measured.
const RTT_UNKNOWN: Duration = Duration::from_millis(1);
/// Largest burst (BBR.send_quantum).
const QUANTUM_MAX: u64 = 64 << 10;
/// Bursts on the way that keep devices on both sides busy (5.5.8.1).
const QUANTA: u64 = 3;

impl Bbr {
    /// UpdateControlParameters of 5.2.3.
    pub(super) fn update_control(&mut self, ack: &Ack) {
        if let (false, Some(srtt)) = (self.has_srtt, ack.srtt) {
            self.has_srtt = true;
            self.init_pacing_rate(Some(srtt));
        }
        let (gain, _) = self.state.gains();
        self.set_pacing_rate(gain);
        self.set_window(ack.acked);
    }

    /// The first rate: the initial window in a round trip.
    pub(super) fn init_pacing_rate(&mut self, srtt: Option<Duration>) {
        let rtt = srtt.unwrap_or(RTT_UNKNOWN).as_nanos().max(1);
        let rtt = u64::try_from(rtt).unwrap_or(u64::MAX);
        let nominal = mul_div(self.initial, 1_000_000_000, rtt);
        self.pacing_rate = percent(nominal, State::Startup.gains().0).max(1);
    }

    /// The rate follows the model, upwards only until the pipe was full once. `gain` in percent.
    pub(super) fn set_pacing_rate(&mut self, gain: u64) {
        let rate = percent(percent(self.bandwidth, gain), PACING_SHARE);
        if rate > 0 && (self.full_pipe.reached || rate > self.pacing_rate) {
            self.pacing_rate = rate;
        }
    }

    /// What must be in flight for `gain` percent of `bandwidth` (Inflight).
    pub(super) fn inflight(&self, bandwidth: u64, gain: u64) -> u64 {
        self.quantized(self.bdp(bandwidth, gain))
    }

    /// QuantizationBudget: bursts need room on both sides.
    fn quantized(&self, inflight: u64) -> u64 {
        let quantum = (self.pacing_rate / 1_000)
            .min(QUANTUM_MAX)
            .max(2 * self.mss);
        let inflight = inflight.max(QUANTA * quantum).max(self.pipe_min());
        if self.state == State::Up {
            inflight.saturating_add(2 * self.mss)
        } else {
            inflight
        }
    }

    /// SetCwnd of 5.6.4.6.
    fn set_window(&mut self, acked: u64) {
        let (_, gain) = self.state.gains();
        let bdp = self.bdp(self.bandwidth, gain);
        let max_inflight = self.quantized(bdp.saturating_add(self.extra_acked()));
        let grown = self.window.saturating_add(acked);
        if self.full_pipe.reached {
            self.window = grown.min(max_inflight);
        } else if self.window < max_inflight || self.delivered < self.initial {
            self.window = grown;
        }
        self.window = self.window.max(self.pipe_min());
        self.bound_window();
    }

    /// BoundCwndForProbeRTT and BoundCwndForModel of 5.6.4.
    pub(super) fn bound_window(&mut self) {
        if self.state == State::ProbeRtt {
            self.window = self.window.min(self.probe_rtt_window());
        }
        let cap = match self.state {
            State::Down | State::Refill | State::Up => self.inflight_long,
            State::Cruise | State::ProbeRtt => self.with_headroom(),
            State::Startup | State::Drain => UNBOUNDED,
        };
        let cap = cap.min(self.inflight_short).max(self.pipe_min());
        self.window = self.window.min(cap).min(WINDOW_MAX);
    }
}
