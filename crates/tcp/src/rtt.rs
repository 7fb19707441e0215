//! Round-trip time and the retransmission timeout (RFC 6298). Which segments may give a sample is
//! not decided here.

use core::time::Duration;

/// RTO before the first sample (RFC 6298 2.1).
const RTO_INITIAL: Duration = Duration::from_secs(1);
/// RTO before the first sample when a SYN had to be sent again (RFC 6298 5.7).
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);
/// Largest RTO, backed off or not; RFC 6298 2.5 wants at least 60 s.
pub(crate) const RTO_MAX: Duration = Duration::from_secs(60);
/// G of RFC 6298: no timer of ours is finer than this.
const CLOCK_GRANULARITY: Duration = Duration::from_millis(1);
/// More doublings than this cannot change an RTO that is bounded by [`RTO_MAX`].
const BACKOFF_MAX: u32 = 16;

/// SRTT, RTTVAR and the RTO that follows from them, in whole nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RttEstimator {
    /// SRTT; `None` before the first sample.
    smoothed: Option<Duration>,
    /// RTTVAR.
    variation: Duration,
    minimum: Duration,
    /// RTO without sample.
    initial: Duration,
    /// Doublings since the last sample.
    backoff: u32,
    /// SRTT and RTTVAR of an earlier connection to the same host, until the first sample.
    seed: Option<(Duration, Duration)>,
}

impl RttEstimator {
    /// No samples yet; no RTO computed from samples will be below `rto_min`.
    pub(crate) fn new(rto_min: Duration) -> Self {
        Self {
            smoothed: None,
            variation: Duration::ZERO,
            minimum: rto_min.min(RTO_MAX),
            initial: RTO_INITIAL,
            backoff: 0,
            seed: None,
        }
    }

    /// Takes a measurement (RFC 6298 2.2, 2.3) and undoes the back-off.
    pub(crate) fn sample(&mut self, rtt: Duration) {
        if let Some((smoothed, variation)) = self.seed.take()
            && rtt < smoothed
        {
            (self.smoothed, self.variation) = (Some(smoothed), variation);
        }
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(rtt)) / 4;
                self.smoothed = Some((smoothed * 7 + rtt) / 8);
            }
        }
        self.backoff = 0;
    }

    /// Averages of an earlier connection (RFC 9040). A first sample below them moves them instead
    /// of replacing them, as the path is known to be slower at times; a larger one shows that it
    /// has changed, and counts alone. Until then nothing changes.
    pub(crate) fn seed(&mut self, smoothed: Duration, variation: Duration) {
        if self.smoothed.is_none() {
            self.seed = Some((smoothed, variation));
        }
    }

    /// The timer ran out: doubles the RTO (RFC 6298 5.5).
    pub(crate) fn backoff(&mut self) {
        self.backoff = (self.backoff + 1).min(BACKOFF_MAX);
    }

    /// Undoes the back-off without a sample: the peer answers again, only we cannot tell to what.
    /// When there has never been a sample, the SYN itself was lost, and RFC 6298 5.7 rules.
    pub(crate) fn reset_backoff(&mut self) {
        if self.smoothed.is_none() && self.backoff > 0 {
            self.initial = RTO_AFTER_LOST_SYN;
        }
        self.backoff = 0;
    }

    /// The retransmission timeout, backed off; at most [`RTO_MAX`].
    pub(crate) fn rto(&self) -> Duration {
        let base = match self.smoothed {
            None => self.initial,
            Some(smoothed) => {
                // The minimum bounds the spread, not the sum, as in Linux: a path with a steady
                // round trip of a second would otherwise have a margin of G alone.
                let spread = (self.variation * 4).max(CLOCK_GRANULARITY);
                smoothed + spread.max(self.minimum)
            }
        };
        base.saturating_mul(1 << self.backoff).min(RTO_MAX)
    }

    /// Doublings since the last sample.
    pub(crate) fn backoffs(&self) -> u8 {
        u8::try_from(self.backoff).expect("at most BACKOFF_MAX")
    }

    /// SRTT; `None` before the first sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.smoothed
    }

    /// RTTVAR.
    pub(crate) fn variation(&self) -> Duration {
        self.variation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn samples_follow_rfc_6298() {
        // Each row: the samples so far, then SRTT, RTTVAR and RTO in milliseconds.
        for (samples, srtt, variation, rto) in [
            (&[100][..], 100, 50, 300),
            (&[100, 100], 100, 37, 300),
            (&[100, 180], 110, 57, 340),
            (&[100, 20], 90, 57, 320),
            (&[10], 10, 5, 210),
            (&[0], 0, 0, 200),
            (&[30_000], 30_000, 15_000, 60_000),
        ] {
            let mut rtt = RttEstimator::new(ms(200));
            for &sample in samples {
                rtt.sample(ms(sample));
            }
            assert_eq!(rtt.srtt().map(|d| d.as_millis()), Some(srtt), "{samples:?}");
            assert_eq!(rtt.variation().as_millis(), variation, "{samples:?}");
            assert_eq!(rtt.rto().as_millis(), rto, "{samples:?}");
        }
    }

    #[test]
    fn the_spread_is_never_below_the_granularity() {
        let mut rtt = RttEstimator::new(Duration::ZERO);
        for _ in 0..200 {
            rtt.sample(ms(40));
        }
        assert_eq!(rtt.rto(), ms(41));
    }

    #[test]
    fn without_samples_the_rto_is_a_second_and_doubles_to_a_minute() {
        let mut rtt = RttEstimator::new(ms(200));
        assert_eq!(rtt.srtt(), None);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(rtt.rto(), Duration::from_secs(seconds));
            rtt.backoff();
        }
        for _ in 0..1_000 {
            rtt.backoff();
        }
        assert_eq!(rtt.rto(), RTO_MAX);
    }

    #[test]
    fn a_sample_ends_the_back_off() {
        let mut rtt = RttEstimator::new(ms(200));
        rtt.sample(ms(100));
        rtt.backoff();
        rtt.backoff();
        assert_eq!(rtt.rto(), ms(1_200));
        rtt.sample(ms(100));
        assert_eq!(rtt.rto(), ms(300));
        rtt.backoff();
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), ms(300));
    }

    /// RFC 9040: averages are shared, yet the RTO of a SYN is the initial one.
    #[test]
    fn a_seed_counts_from_the_first_sample_on() {
        let mut rtt = RttEstimator::new(ms(200));
        rtt.seed(ms(100), ms(40));
        assert_eq!((rtt.srtt(), rtt.rto()), (None, ms(1_000)));
        rtt.sample(ms(20));
        assert_eq!((rtt.srtt(), rtt.variation()), (Some(ms(90)), ms(50)));
        rtt.seed(ms(900), ms(900));
        rtt.sample(ms(90));
        assert_eq!(rtt.srtt(), Some(ms(90)), "a seed that comes too late");
        let mut slower = RttEstimator::new(ms(200));
        slower.seed(ms(100), ms(40));
        slower.sample(ms(180));
        assert_eq!((slower.srtt(), slower.variation()), (Some(ms(180)), ms(90)));
    }

    #[test]
    fn after_a_lost_syn_the_rto_starts_with_three_seconds() {
        let mut rtt = RttEstimator::new(ms(200));
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), Duration::from_secs(1));
        rtt.backoff();
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), Duration::from_secs(3));
        rtt.sample(ms(100));
        rtt.backoff();
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), ms(300));
    }
}
