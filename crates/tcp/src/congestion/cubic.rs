//! CUBIC (RFC 9438): the window grows as a cubic function of the time since the last reduction,
//! flat around the size at which segments were lost, and never slower than Reno would.
//!
//! Windows are bytes, times are microseconds; the real numbers of the RFC become exact fractions
//! of whole numbers.

use core::time::Duration;

use handfast_packet::Instant;

use super::WINDOW_MAX;
use super::arithmetic::{cube_root, mul_div, narrow, percent};
use super::classic::{Adjustment, Classic, Growth};

/// CUBIC behind slow start.
pub(crate) type Cubic = Classic<Curve>;

/// C of the RFC is 0.4 segments per second cubed: `C_NUMERATOR / C_DENOMINATOR` per µs cubed.
const C_NUMERATOR: u128 = 4;
const C_DENOMINATOR: u128 = 10 * MICROS_CUBED;
const MICROS_CUBED: u128 = 1_000_000_000_000_000_000;
/// The share of the window that fast convergence remembers: (1 + beta) / 2 (RFC 9438 4.7).
const FAST_CONVERGENCE: u64 = 85;
/// alpha of Reno that takes as much as CUBIC: 3 (1 - beta) / (1 + beta) = 9 / 17 (RFC 9438 4.3).
const ALPHA: (u64, u64) = (9, 17);
/// Parts of a byte.
const FRACTION: u64 = 1 << 16;
/// Beyond this distance from the plateau the target is always the largest that is allowed.
const DISTANCE_MAX: u64 = 1 << 32;

/// The curve of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Curve {
    /// W_max in bytes: the plateau; 0 while unknown.
    w_max: u64,
    /// cwnd_prior: the window before the last reduction.
    prior: u64,
    epoch: Option<Epoch>,
    /// Growth that does not make a byte yet, in `1 / FRACTION` bytes.
    credit: u64,
    /// Until when time counts: the last ACK, or the end of a pause.
    now: Instant,
}

/// A congestion avoidance stage.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// t_epoch, moved on by the time that did not count.
    began: Instant,
    /// K in microseconds: when the curve reaches `plateau`.
    k: u64,
    plateau: u64,
    /// W_est in `1 / FRACTION` bytes.
    estimate: u64,
}

impl Curve {
    /// A stage begins with `window` (RFC 9438 4.2). After slow start without loss, and after a
    /// timeout, it begins on the plateau (4.8, 4.10).
    fn begin(&self, growth: &Growth) -> Epoch {
        let plateau = self.w_max.max(growth.window);
        let rise = u128::from(plateau - growth.window);
        let k_cubed = rise * C_DENOMINATOR / (C_NUMERATOR * u128::from(growth.mss));
        Epoch {
            began: growth.now,
            // Rounded up: the curve must not begin above the window.
            k: cube_root(k_cubed) + u64::from(rise > 0),
            plateau,
            estimate: growth.window * FRACTION,
        }
    }

    /// The Reno-friendly window in bytes (RFC 9438 4.3, equation 4).
    fn estimate(&mut self, growth: &Growth) -> u64 {
        let Some(epoch) = &mut self.epoch else {
            return 0;
        };
        // Once it is back where it was, it grows as Reno does.
        let (alpha, of) = if epoch.estimate >= self.prior * FRACTION {
            (1, 1)
        } else {
            ALPHA
        };
        let bytes = growth.acked.min(WINDOW_MAX) * growth.mss;
        let step = mul_div(bytes, alpha * FRACTION, of * growth.window);
        epoch.estimate = (epoch.estimate + step).min(WINDOW_MAX * FRACTION);
        epoch.estimate / FRACTION
    }
}

impl Epoch {
    /// W_cubic at `after` the beginning, in bytes (RFC 9438 4.2, equation 1).
    fn window(&self, after: Duration, mss: u64) -> u64 {
        let t = narrow(after.as_micros());
        let distance = u128::from(t.abs_diff(self.k).min(DISTANCE_MAX));
        let difference = narrow(distance.pow(3) * C_NUMERATOR * u128::from(mss) / C_DENOMINATOR);
        if t < self.k {
            self.plateau.saturating_sub(difference)
        } else {
            self.plateau.saturating_add(difference)
        }
    }
}

impl Adjustment for Curve {
    const NAME: &'static str = "cubic";
    const AFTER_LOSS: u64 = 70;
    const AFTER_ECN: u64 = 85;

    /// RFC 9438 4.6 allows the window itself to those who do not let it grow unused.
    fn in_use(window: u64, _flight_size: u64) -> u64 {
        window
    }

    fn grow(&mut self, growth: &Growth) -> u64 {
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => *self.epoch.insert(self.begin(growth)),
        };
        self.now = growth.now;
        let elapsed = growth.now - epoch.began;
        let (window, mss) = (growth.window, growth.mss);
        let estimate = self.estimate(growth);
        if epoch.window(elapsed, mss) < estimate {
            // The Reno-friendly region.
            return window.max(estimate);
        }
        // RFC 9438 4.4 and 4.5: a step of (target - cwnd) / cwnd for each segment, where the
        // target is at most one and a half windows.
        let target = epoch.window(elapsed + growth.srtt, mss);
        let rise = target.clamp(window, window + window / 2) - window;
        self.credit += mul_div(growth.acked.min(WINDOW_MAX), rise * FRACTION, window);
        let bytes = self.credit / FRACTION;
        self.credit %= FRACTION;
        window + bytes
    }

    /// The epoch does not age while the window is not full (RFC 9438 5.8).
    fn pause(&mut self, now: Instant) {
        if let Some(epoch) = &mut self.epoch {
            epoch.began += now - self.now;
            self.now = self.now.max(now);
        }
    }

    /// RFC 9438 4.6 and 4.7.
    fn on_reduction(&mut self, window: u64, timeout: bool) {
        self.w_max = if timeout {
            0
        } else if window < self.w_max {
            percent(window, FAST_CONVERGENCE)
        } else {
            window
        };
        self.prior = window;
        self.epoch = None;
        self.credit = 0;
    }
}

#[cfg(test)]
mod tests;
