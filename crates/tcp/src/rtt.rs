//! Round-trip time and the retransmission timeout (RFC 6298). Which segments may give a sample is
//! not decided here.

use alloc::boxed::Box;
use core::time::Duration;

use handfast_packet::Instant;

use crate::seq::Offset;
use crate::span::nanos;

/// RTO before the first sample (RFC 6298 2.1).
const RTO_INITIAL: u64 = nanos(Duration::from_secs(1));
/// RTO before the first sample when a SYN had to be sent again (RFC 6298 5.7).
const RTO_AFTER_LOST_SYN: u64 = nanos(Duration::from_secs(3));
/// Largest RTO, backed off or not; RFC 6298 2.5 wants at least 60 s.
pub(crate) const RTO_MAX: Duration = Duration::from_secs(60);
/// G of RFC 6298: no timer of ours is finer than this.
const CLOCK_GRANULARITY: u64 = nanos(Duration::from_millis(1));
/// More doublings than this cannot change an RTO that is bounded by [`RTO_MAX`].
const BACKOFF_MAX: u8 = 16;

/// SRTT, RTTVAR and the RTO that follows from them, in whole nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    /// Where SRTT and RTTVAR come from.
    source: Source,
    /// SRTT.
    smoothed: u64,
    /// RTTVAR.
    variation: u64,
    minimum: u64,
    /// Whether the SYN was lost, so that the RTO without sample is longer.
    syn_lost: bool,
    /// Doublings since the last sample.
    backoff: u8,
    /// When that was last doubled, and SND.NXT then; there once it was.
    doubled: Option<Box<Option<(Instant, Offset)>>>,
}

/// Where averages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// There are none.
    Nowhere,
    /// An earlier connection to the same host, until the first sample.
    Earlier,
    /// Samples.
    Samples,
}

impl RttEstimator {
    /// No samples yet; no RTO computed from samples will be below `rto_min`.
    pub(crate) fn new(rto_min: Duration) -> Self {
        Self {
            source: Source::Nowhere,
            smoothed: 0,
            variation: 0,
            minimum: nanos(rto_min.min(RTO_MAX)),
            syn_lost: false,
            backoff: 0,
            doubled: None,
        }
    }

    /// Takes a measurement (RFC 6298 2.2, 2.3) and undoes the back-off.
    pub(crate) fn sample(&mut self, rtt: Duration) {
        let rtt = nanos(rtt);
        let counts_alone = match self.source {
            Source::Nowhere => true,
            Source::Earlier => rtt >= self.smoothed,
            Source::Samples => false,
        };
        self.source = Source::Samples;
        if counts_alone {
            self.smoothed = rtt;
            self.variation = rtt / 2;
        } else {
            let off = self.smoothed.abs_diff(rtt);
            self.variation = self.variation.saturating_mul(3).saturating_add(off) / 4;
            self.smoothed = self.smoothed.saturating_mul(7).saturating_add(rtt) / 8;
        }
        self.backoff = 0;
    }

    /// Averages of an earlier connection (RFC 9040). A first sample below them moves them instead
    /// of replacing them, as the path is known to be slower at times; a larger one shows that it
    /// has changed, and counts alone. Until then nothing changes.
    pub(crate) fn seed(&mut self, smoothed: Duration, variation: Duration) {
        if self.source != Source::Samples {
            self.source = Source::Earlier;
            (self.smoothed, self.variation) = (nanos(smoothed), nanos(variation));
        }
    }

    /// The timer ran out with SND.NXT at `nxt`: doubles the RTO (RFC 6298 5.5).
    pub(crate) fn backoff(&mut self, now: Instant, nxt: Offset) {
        self.backoff = (self.backoff + 1).min(BACKOFF_MAX);
        **self.doubled.get_or_insert_default() = Some((now, nxt));
    }

    /// All below `una` is acknowledged. What was sent for the first time after the timer ran out came
    /// back within the time since, so if that is less than the RTO without the back-off, there is no
    /// reason to wait longer. Without timestamps, and with something sent again in each round trip,
    /// no single segment would tell (Karn), and the RTO would double until it is a minute.
    pub(crate) fn on_acknowledged(&mut self, now: Instant, una: Offset) {
        if let Some(doubled) = &mut self.doubled
            && let Some((at, nxt)) = **doubled
            && una > nxt
        {
            **doubled = None;
            if self.source == Source::Samples && nanos(now - at) < self.base() {
                self.backoff = 0;
            }
        }
    }

    /// Undoes the back-off without a sample: the peer answers again, only we cannot tell to what.
    /// When there has never been a sample, the SYN itself was lost, and RFC 6298 5.7 rules.
    pub(crate) fn reset_backoff(&mut self) {
        if self.source != Source::Samples && self.backoff > 0 {
            self.syn_lost = true;
        }
        self.backoff = 0;
    }

    /// The retransmission timeout, backed off; at most [`RTO_MAX`].
    pub(crate) fn rto(&self) -> Duration {
        let backed_off = self.base().saturating_mul(1 << self.backoff);
        Duration::from_nanos(backed_off.min(nanos(RTO_MAX)))
    }

    /// The RTO without the back-off.
    fn base(&self) -> u64 {
        match self.source {
            Source::Samples => {
                // The minimum bounds the spread, not the sum, as in Linux: a path with a steady
                // round trip of a second would otherwise have a margin of G alone.
                let spread = self.variation.saturating_mul(4).max(CLOCK_GRANULARITY);
                self.smoothed.saturating_add(spread.max(self.minimum))
            }
            Source::Nowhere | Source::Earlier if self.syn_lost => RTO_AFTER_LOST_SYN,
            Source::Nowhere | Source::Earlier => RTO_INITIAL,
        }
    }

    /// The RTO without its least value and without the back-off: what is not acknowledged by then,
    /// while what left later is, was lost.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_nanos(match self.source {
            Source::Samples => {
                let spread = self.variation.saturating_mul(4).max(self.smoothed / 4);
                self.smoothed.saturating_add(spread.max(CLOCK_GRANULARITY))
            }
            Source::Nowhere | Source::Earlier => self.base(),
        })
    }

    /// Doublings since the last sample.
    pub(crate) fn backoffs(&self) -> u8 {
        self.backoff
    }

    /// SRTT; `None` before the first sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        (self.source == Source::Samples).then(|| Duration::from_nanos(self.smoothed))
    }

    /// RTTVAR; zero before the first sample.
    pub(crate) fn variation(&self) -> Duration {
        match self.source {
            Source::Samples => Duration::from_nanos(self.variation),
            Source::Nowhere | Source::Earlier => Duration::ZERO,
        }
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

    /// What was sent after the timeout and acknowledged within an RTO proves that the RTO is long
    /// enough; what was out before, or comes late, proves nothing.
    #[test]
    fn what_was_sent_after_a_timeout_bounds_the_round_trip() {
        let (at, nxt) = (Instant::from_secs(1), Offset::ZERO + 500);
        for (una, after, backoffs) in [(501, 299, 0), (500, 299, 1), (501, 300, 1)] {
            let mut rtt = RttEstimator::new(ms(200));
            rtt.sample(ms(100));
            rtt.backoff(at, nxt);
            rtt.on_acknowledged(at + ms(after), Offset::ZERO + una);
            assert_eq!(rtt.backoffs(), backoffs, "{una} after {after} ms");
            // The first ACK above decides.
            rtt.on_acknowledged(at + ms(10), Offset::ZERO + 502);
            assert_eq!(rtt.backoffs(), if una > 500 { backoffs } else { 0 });
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
            rtt.backoff(Instant::ZERO, Offset::ZERO);
        }
        for _ in 0..1_000 {
            rtt.backoff(Instant::ZERO, Offset::ZERO);
        }
        assert_eq!(rtt.rto(), RTO_MAX);
    }

    #[test]
    fn a_sample_ends_the_back_off() {
        let mut rtt = RttEstimator::new(ms(200));
        rtt.sample(ms(100));
        rtt.backoff(Instant::ZERO, Offset::ZERO);
        rtt.backoff(Instant::ZERO, Offset::ZERO);
        assert_eq!(rtt.rto(), ms(1_200));
        rtt.sample(ms(100));
        assert_eq!(rtt.rto(), ms(300));
        rtt.backoff(Instant::ZERO, Offset::ZERO);
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
        rtt.backoff(Instant::ZERO, Offset::ZERO);
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), Duration::from_secs(3));
        rtt.sample(ms(100));
        rtt.backoff(Instant::ZERO, Offset::ZERO);
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), ms(300));
    }
}
