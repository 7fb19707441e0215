//! Congestion avoidance by RFC 5681 with byte counting: one segment more for each window that is
//! acknowledged.

use super::WINDOW_MAX;
use super::classic::{Adjustment, Classic, Growth};

/// Reno behind slow start.
pub(crate) type Reno = Classic<Additive>;

/// Additive increase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Additive {
    /// Bytes acknowledged since the window last grew.
    acked: u64,
}

impl Adjustment for Additive {
    const NAME: &'static str = "reno";
    const AFTER_LOSS: u64 = 50;
    const AFTER_ECN: u64 = 80;

    /// FlightSize, not the window (RFC 5681 3.1): the window may be larger than the peer's. What
    /// limited transmit sent beyond the window does not count (RFC 5681 3.2 step 2).
    fn in_use(window: u64, flight_size: u64) -> u64 {
        window.min(flight_size)
    }

    fn grow(&mut self, growth: &Growth) -> u64 {
        let mut window = growth.window;
        self.acked += growth.acked.min(WINDOW_MAX);
        while self.acked >= window {
            self.acked -= window;
            window += growth.mss;
        }
        window
    }

    fn on_reduction(&mut self, _window: u64, _timeout: bool) {
        self.acked = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use handfast_packet::Instant;

    use super::*;
    use crate::congestion::{Ack, Cause, Congestion, CongestionController, Start};

    const NOW: Instant = Instant::ZERO;

    fn reno(mss: u16) -> Reno {
        Reno::new(Start::plain(mss))
    }

    /// `acked` bytes of `in_flight` that filled the window.
    fn full(acked: u64, in_flight: u64) -> Ack {
        Ack {
            acked,
            prior_in_flight: in_flight,
            window_limited: true,
            ..Ack::default()
        }
    }

    fn congestion(cause: Cause, in_flight: u64) -> Congestion {
        Congestion {
            now: NOW,
            cause,
            in_flight,
            nxt: 0,
        }
    }

    #[test]
    fn initial_window_follows_rfc_6928() {
        for (mss, window) in [
            (536, 5_360),
            (1_460, 14_600),
            (2_000, 14_600),
            (8_960, 17_920),
        ] {
            assert_eq!(reno(mss).window(), window, "mss {mss}");
        }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_round() {
        let mut reno = reno(1_000);
        reno.on_ack(&full(10_000, 10_000));
        assert_eq!(reno.window(), 20_000);
        reno.on_congestion(&congestion(Cause::Loss, 20_000));
        assert_eq!(
            (reno.window(), reno.slow_start_threshold()),
            (10_000, 10_000)
        );
        for _ in 0..10 {
            reno.on_ack(&full(1_000, 10_000));
        }
        assert_eq!(reno.window(), 11_000);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = reno(1_000);
        for _ in 0..100 {
            reno.on_ack(&Ack {
                window_limited: false,
                ..full(1_000, 1_000)
            });
        }
        assert_eq!(reno.window(), 10_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_halves_once() {
        let mut reno = reno(1_000);
        reno.on_congestion(&congestion(Cause::Timeout { repeated: false }, 10_000));
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1_000, 5_000));
        reno.on_congestion(&congestion(Cause::Timeout { repeated: true }, 1_000));
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1_000, 5_000));
    }

    #[test]
    fn slow_start_stops_exactly_at_the_threshold() {
        let mut reno = reno(1_000);
        reno.on_congestion(&congestion(Cause::Timeout { repeated: false }, 10_000));
        reno.on_ack(&full(4_000, 1_000));
        assert_eq!(reno.window(), 5_000);
    }

    #[test]
    fn a_mistaken_reduction_is_taken_back_once() {
        let mut reno = reno(1_000);
        reno.on_congestion(&congestion(Cause::Loss, 10_000));
        reno.on_spurious(NOW, u64::MAX);
        assert_eq!(
            (reno.window(), reno.slow_start_threshold()),
            (10_000, u64::MAX)
        );
        reno.on_ack(&full(10_000, 10_000));
        reno.on_spurious(NOW, u64::MAX);
        assert_eq!(reno.window(), 20_000);
    }

    #[test]
    fn idle_time_takes_the_window_back_to_the_initial_one() {
        let mut reno = reno(1_000);
        reno.on_ack(&full(10_000, 10_000));
        reno.on_idle_restart(NOW, Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(reno.window(), 10_000);
    }
}
