//! Slow start and congestion avoidance by RFC 5681, with byte counting and the initial window of
//! RFC 6928.

use core::time::Duration;

use handfast_packet::Instant;

use super::{Ack, Cause, Congestion, CongestionController, Start, WINDOW_MAX};

/// Reno's two numbers, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reno {
    mss: u64,
    initial: u64,
    window: u64,
    slow_start_threshold: u64,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    acked: u64,
    /// Window and threshold before the last reduction.
    undo: Option<(u64, u64)>,
}

impl Reno {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            mss: u64::from(start.mss),
            initial: start.window(),
            window: start.window(),
            slow_start_threshold: u64::MAX,
            acked: 0,
            undo: None,
        }
    }
}

impl CongestionController for Reno {
    /// A window that the application does not use must not grow (RFC 7661 in spirit): nothing
    /// was learnt about the network.
    fn on_ack(&mut self, ack: &Ack) {
        if ack.recovering {
            return;
        }
        if self.window < self.slow_start_threshold {
            if ack.window_limited || 2 * ack.prior_in_flight > self.window {
                let room = self.slow_start_threshold - self.window;
                self.window += ack.acked.min(room);
            }
        } else if ack.window_limited {
            self.acked += ack.acked;
            while self.acked >= self.window {
                self.acked -= self.window;
                self.window += self.mss;
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }

    /// RFC 5681 3.1 (equation 4) and 3.2 steps 2 and 3. After repeated timeouts for the same
    /// segment the threshold stays.
    fn on_congestion(&mut self, congestion: &Congestion) {
        let repeated = congestion.cause == Cause::Timeout { repeated: true };
        if !repeated {
            self.undo = Some((self.window, self.slow_start_threshold));
            let used = congestion.in_flight.min(self.window);
            self.slow_start_threshold = (used / 2).max(2 * self.mss);
        }
        self.window = match congestion.cause {
            Cause::Loss | Cause::EcnEcho => self.slow_start_threshold,
            Cause::Timeout { .. } => self.mss,
        };
        self.acked = 0;
    }

    /// Fast recovery is over (RFC 6582 3.2 step 3, option 1): avoid a burst.
    fn on_recovered(&mut self, _now: Instant, in_flight: u64) {
        self.window = self
            .slow_start_threshold
            .min(in_flight.max(self.mss) + self.mss);
        self.acked = 0;
    }

    fn on_spurious(&mut self, _now: Instant) {
        if let Some((window, threshold)) = self.undo.take() {
            self.window = self.window.max(window);
            self.slow_start_threshold = self.slow_start_threshold.max(threshold);
        }
    }

    fn on_idle_restart(&mut self, _now: Instant, _idle: Duration, _rto: Duration) {
        self.window = self.window.min(self.initial);
    }

    fn on_handshake_loss(&mut self) {
        self.window = self.mss;
    }

    fn on_mss(&mut self, mss: u16) {
        self.mss = u64::from(mss);
        self.window = self.window.max(self.mss);
    }

    fn window(&self) -> u64 {
        // The threshold may stem from a time when segments were smaller. With less than a segment
        // and nothing in flight the sender would wait for ever.
        self.window.max(self.mss)
    }

    fn slow_start_threshold(&self) -> u64 {
        self.slow_start_threshold
    }

    fn name(&self) -> &'static str {
        "reno"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ZERO;

    fn reno(mss: u16) -> Reno {
        Reno::new(Start { mss, segments: 10 })
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
        reno.on_spurious(NOW);
        assert_eq!(
            (reno.window(), reno.slow_start_threshold()),
            (10_000, u64::MAX)
        );
        reno.on_ack(&full(10_000, 10_000));
        reno.on_spurious(NOW);
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
