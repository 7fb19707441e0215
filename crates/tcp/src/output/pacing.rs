//! When the next segment may leave: a rate instead of a burst, and the quantum that becomes the
//! size of a super-segment.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::PAYLOAD_MAX;

use crate::config::Pacing;
use crate::connection::Connection;
use crate::timer::Timer;

/// The time that one quantum covers: short beside a round trip, long beside a system call.
pub(super) const QUANTUM_TIME: Duration = Duration::from_millis(1);
/// Without a wish of the controller, so much more than window / SRTT, in percent: enough to
/// double the window in each round of slow start, and to grow it later (Linux has the same).
const SLOW_START_PERCENT: u64 = 200;
const AVOIDANCE_PERCENT: u64 = 120;
/// A departure that is late by up to this does not put off those behind it: timers come up to a
/// tick of a millisecond late, and the rate must be kept all the same.
const LATE_MAX: Duration = Duration::from_millis(2);
/// Slower makes no sense: a segment in a second.
const RATE_MIN: u64 = 1_000;

/// When the next segment may leave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    next: Option<Instant>,
}

impl Pacer {
    /// `bytes` left at `rate` bytes per second.
    fn on_sent(&mut self, now: Instant, bytes: u64, rate: u64) {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(RATE_MIN));
        let gap = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let next = self.next.unwrap_or(now);
        let late = now - next;
        self.next = Some(next + late.saturating_sub(LATE_MAX) + gap);
    }

    /// Until when nothing may leave, if that is in the future.
    fn holds_until(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|&next| next > now)
    }
}

impl Connection {
    /// Whether a data segment may leave now; else the pacing timer runs.
    pub(crate) fn may_leave(&mut self, now: Instant) -> bool {
        if self.pacing_rate().is_none() {
            return true;
        }
        match self.snd.pacer.holds_until(now) {
            None => true,
            Some(at) => {
                self.timers.set(Timer::Pacing, at);
                false
            }
        }
    }

    /// Bytes per second to keep to; `None` without pacing.
    pub(crate) fn pacing_rate(&self) -> Option<u64> {
        let wish = self.congestion.pacing_rate();
        match self.config.pacing {
            Pacing::Off => None,
            Pacing::Auto => wish,
            Pacing::On => wish.or_else(|| self.window_rate()),
        }
    }

    /// The rate that the window and the round trip amount to, and a little more.
    pub(crate) fn window_rate(&self) -> Option<u64> {
        let srtt = self.rtt.srtt()?.as_nanos().max(1);
        let window = self.congestion_window();
        let percent = if window < self.congestion.slow_start_threshold() / 2 {
            SLOW_START_PERCENT
        } else {
            AVOIDANCE_PERCENT
        };
        let rate = u128::from(window) * u128::from(percent) * 10_000_000 / srtt;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Most text of one departure: a millisecond's worth at the present rate, at least two
    /// segments, at most a super-segment.
    pub(super) fn quantum(&self) -> u64 {
        let mss = u64::from(self.snd.mss);
        let Some(rate) = self.pacing_rate() else {
            return PAYLOAD_MAX as u64;
        };
        let bytes = in_quantum_time(rate).min(PAYLOAD_MAX as u64);
        (bytes / mss * mss).max(2 * mss)
    }

    /// Data left: the controller hears of it, and the next departure is put off.
    pub(super) fn tell_congestion_of_sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        self.congestion.on_sent(&crate::congestion::Sent {
            now,
            bytes,
            in_flight,
            app_limited: self.recovery.is_app_limited(),
        });
        if let Some(rate) = self.pacing_rate() {
            self.snd.pacer.on_sent(now, bytes, rate);
        }
    }
}

/// Bytes that leave in [`QUANTUM_TIME`] at `rate` bytes per second.
pub(super) fn in_quantum_time(rate: u64) -> u64 {
    let bytes = u128::from(rate) * QUANTUM_TIME.as_nanos() / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_keep_to_the_rate_and_idle_time_saves_nothing() {
        let mut pacer = Pacer::default();
        let ms = Instant::from_millis;
        assert_eq!(pacer.holds_until(ms(0)), None);
        pacer.on_sent(ms(0), 10_000, 1_000_000);
        assert_eq!(pacer.holds_until(ms(9)), Some(ms(10)));
        assert_eq!(pacer.holds_until(ms(10)), None);
        // A tick late: the next one is not.
        pacer.on_sent(ms(11), 10_000, 1_000_000);
        assert_eq!(pacer.holds_until(ms(11)), Some(ms(20)));
        // A second late: no burst makes up for it.
        pacer.on_sent(ms(1_020), 10_000, 1_000_000);
        assert_eq!(pacer.holds_until(ms(1_020)), Some(ms(1_028)));
    }
}
