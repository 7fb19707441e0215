//! Slow start and congestion avoidance by RFC 5681, with byte counting and the initial window of
//! RFC 6928.

use super::WINDOW_MAX;

/// The initial window in segments (RFC 6928 section 2).
const INITIAL_SEGMENTS: u64 = 10;
/// The bytes that bound the initial window when segments are large (RFC 6928 section 2).
const INITIAL_BYTES: u64 = 14_600;

/// Reno's two numbers, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reno {
    mss: u64,
    window: u64,
    slow_start_threshold: u64,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    acked: u64,
}

impl Reno {
    pub(crate) fn new(mss: u16) -> Self {
        let mss = u64::from(mss);
        let window = (INITIAL_SEGMENTS * mss).min((2 * mss).max(INITIAL_BYTES));
        Self {
            mss,
            window,
            slow_start_threshold: u64::MAX,
            acked: 0,
        }
    }

    /// `bytes` were acknowledged while `in_flight` bytes were out before this ACK.
    ///
    /// A window that the application does not use must not grow (RFC 7661 in spirit): nothing
    /// was learnt about the network.
    pub(crate) fn on_ack(&mut self, bytes: u64, in_flight: u64) {
        if self.window < self.slow_start_threshold {
            if in_flight >= self.window / 2 {
                let room = self.slow_start_threshold - self.window;
                self.window += bytes.min(room);
            }
        } else if in_flight + self.mss >= self.window {
            self.acked += bytes;
            while self.acked >= self.window {
                self.acked -= self.window;
                self.window += self.mss;
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }

    /// A loss was found by duplicate ACKs (RFC 5681 3.2 steps 2 and 3; the inflation by departed
    /// segments is `Recovery`'s).
    pub(crate) fn on_loss(&mut self, in_flight: u64) {
        self.slow_start_threshold = (in_flight / 2).max(2 * self.mss);
        self.window = self.slow_start_threshold;
        self.acked = 0;
    }

    /// Fast recovery is over (RFC 6582 3.2 step 3, option 1): avoid a burst.
    pub(crate) fn on_recovered(&mut self, in_flight: u64) {
        self.window = self
            .slow_start_threshold
            .min(in_flight.max(self.mss) + self.mss);
        self.acked = 0;
    }

    /// The retransmission timer ran out (RFC 5681 3.1, equation 4). `repeated` says that this is
    /// not the first time for the same segment: then the threshold stays.
    pub(crate) fn on_timeout(&mut self, in_flight: u64, repeated: bool) {
        if !repeated {
            self.slow_start_threshold = (in_flight / 2).max(2 * self.mss);
        }
        self.window = self.mss;
        self.acked = 0;
    }

    /// A SYN or SYN-ACK was lost: start with one segment (RFC 5681 3.1).
    pub(crate) fn on_handshake_loss(&mut self) {
        self.window = self.mss;
    }

    /// The segment size changed (path MTU).
    pub(crate) fn set_mss(&mut self, mss: u16) {
        self.mss = u64::from(mss);
        self.window = self.window.max(self.mss);
    }

    /// cwnd in bytes; at least one segment.
    pub(crate) fn window(&self) -> u64 {
        // The threshold may stem from a time when segments were smaller. With less than a segment
        // and nothing in flight the sender would wait for ever.
        self.window.max(self.mss)
    }

    /// ssthresh in bytes.
    pub(crate) fn slow_start_threshold(&self) -> u64 {
        self.slow_start_threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_window_follows_rfc_6928() {
        for (mss, window) in [
            (536, 5_360),
            (1_460, 14_600),
            (2_000, 14_600),
            (8_960, 17_920),
        ] {
            assert_eq!(Reno::new(mss).window(), window, "mss {mss}");
        }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_round() {
        let mut reno = Reno::new(1_000);
        reno.on_ack(10_000, 10_000);
        assert_eq!(reno.window(), 20_000);
        reno.on_loss(20_000);
        assert_eq!(
            (reno.window(), reno.slow_start_threshold()),
            (10_000, 10_000)
        );
        for _ in 0..10 {
            reno.on_ack(1_000, 10_000);
        }
        assert_eq!(reno.window(), 11_000);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = Reno::new(1_000);
        for _ in 0..100 {
            reno.on_ack(1_000, 1_000);
        }
        assert_eq!(reno.window(), 10_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_halves_once() {
        let mut reno = Reno::new(1_000);
        reno.on_timeout(10_000, false);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1_000, 5_000));
        reno.on_timeout(1_000, true);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1_000, 5_000));
    }

    #[test]
    fn slow_start_stops_exactly_at_the_threshold() {
        let mut reno = Reno::new(1_000);
        reno.on_timeout(10_000, false);
        reno.on_ack(1_000_000, 1_000);
        assert_eq!(reno.window(), 5_000);
    }
}
