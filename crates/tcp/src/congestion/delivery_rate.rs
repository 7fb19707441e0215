//! How fast the peer gets our data: one rate sample for each ACK (the delivery rate estimation of
//! draft-ietf-ccwg-bbr section 4.1, first in draft-cheng-iccrg-delivery-rate-estimation).
//!
//! A sample reaches from the time when the last thing known to have arrived had arrived, as it
//! was when a segment left, to the ACK for that segment. It lasts as long as the slower of two
//! clocks says: that of our sending and that of the ACKs. So neither a burst of ours nor a bunch of
//! ACKs makes the path look faster than it is.

use core::time::Duration;

use handfast_packet::Instant;

use super::arithmetic::mul_div;
use super::message::{Lost, RateSample};

const SECOND: u64 = 1_000_000_000;
/// No sample counts as shorter.
const SHORTEST: Duration = Duration::from_micros(1);

/// What is remembered of one segment from the time when it left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When it left (P.send_time).
    pub(crate) sent_at: Instant,
    /// Bytes delivered until then, and when that was known (P.delivered, P.delivered_time).
    delivered: u64,
    delivered_at: Instant,
    /// When the first segment of its flight left (P.first_send_time).
    first_sent_at: Instant,
    /// Bytes lost until then (P.lost).
    lost: u64,
    /// Bytes in flight, itself included (P.tx_in_flight).
    in_flight: u64,
    app_limited: bool,
}

/// [`DeliveryRate::app_limited_until`] of who always had something to send.
const NOT_LIMITED: u64 = u64::MAX;

/// The counters of one connection.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRate {
    /// Bytes known to be delivered.
    delivered: u64,
    /// Bytes found lost; a byte may be lost more than once.
    lost: u64,
    /// Samples count as limited by the application until more than so much is delivered.
    app_limited_until: u64,
}

/// The times of a flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlightTimes {
    /// When the last of the delivered bytes became known.
    delivered_at: Instant,
    /// When the segment that was acknowledged last had left.
    first_sent_at: Instant,
}

impl FlightTimes {
    /// Of no flight.
    pub(crate) const NONE: Self = Self {
        delivered_at: Instant::ZERO,
        first_sent_at: Instant::ZERO,
    };
}

/// What the ACK at hand delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    /// As they are with it.
    pub(crate) times: FlightTimes,
    /// The newest segment of it.
    newest: Option<Stamp>,
    /// That is a copy, which measures nothing.
    copied: bool,
}

impl Default for DeliveryRate {
    fn default() -> Self {
        Self {
            delivered: 0,
            lost: 0,
            app_limited_until: NOT_LIMITED,
        }
    }
}

impl Arrived {
    /// An ACK that delivers nothing yet.
    pub(crate) fn begin(times: FlightTimes) -> Self {
        Self {
            times,
            ..Self::default()
        }
    }
}

impl DeliveryRate {
    /// A segment of `bytes` leaves, new or again, with `in_flight` bytes out before it.
    pub(crate) fn stamp(
        &self,
        times: &mut FlightTimes,
        now: Instant,
        in_flight: u64,
        bytes: u64,
    ) -> Stamp {
        if in_flight == 0 {
            // A new flight: idle time is not sending time.
            times.first_sent_at = now;
            times.delivered_at = now;
        }
        Stamp {
            sent_at: now,
            delivered: self.delivered,
            delivered_at: times.delivered_at,
            first_sent_at: times.first_sent_at,
            lost: self.lost,
            in_flight: in_flight + bytes,
            app_limited: self.is_app_limited(),
        }
    }

    /// The application has nothing more to send while `in_flight` bytes are out and the window
    /// has room: what is sent from now on until these are delivered tells little about the path.
    pub(crate) fn mark_app_limited(&mut self, in_flight: u64) {
        self.app_limited_until = self.delivered + in_flight;
    }

    /// Whether a segment that left now would count as limited by the application.
    pub(crate) fn is_app_limited(&self) -> bool {
        self.app_limited_until != NOT_LIMITED
    }

    /// An ACK or SACK says that `bytes` of the segment with this stamp arrived. Segments of one
    /// ACK come in the order of the stream.
    pub(crate) fn on_delivered(
        &mut self,
        arrived: &mut Arrived,
        stamp: &Stamp,
        bytes: u64,
        now: Instant,
    ) {
        self.delivered += bytes;
        arrived.times.delivered_at = now;
        let newer = |newest: Stamp| newest.sent_at <= stamp.sent_at;
        if arrived.copied || arrived.newest.is_none_or(newer) {
            arrived.newest = Some(*stamp);
            arrived.copied = false;
            arrived.times.first_sent_at = stamp.sent_at;
        }
    }

    /// `bytes` of a copy with this stamp arrived, and whatever lies behind them may have arrived long
    /// ago (a peer without SACK). It gives no measure, and what it has uncovered is measured from the
    /// time when it was sent: the departure of the copy is not the beginning of a flight.
    pub(crate) fn on_copy(
        &mut self,
        arrived: &mut Arrived,
        stamp: &Stamp,
        bytes: u64,
        now: Instant,
    ) {
        self.delivered += bytes;
        arrived.times.delivered_at = now;
        let newer = |newest: Stamp| arrived.copied && newest.sent_at <= stamp.sent_at;
        if arrived.newest.is_none_or(newer) {
            arrived.newest = Some(*stamp);
            arrived.copied = true;
        }
    }

    /// `bytes` arrived by an original whose copy had left: they were not lost. The stamp is that of
    /// the copy, which measures nothing.
    pub(crate) fn on_late_original(&mut self, arrived: &mut Arrived, bytes: u64, now: Instant) {
        self.delivered += bytes;
        arrived.times.delivered_at = now;
        self.lost = self.lost.saturating_sub(bytes);
    }

    /// `bytes` of the segment with this stamp are lost.
    pub(crate) fn on_lost(&mut self, stamp: Stamp, bytes: u64, now: Instant) -> Lost {
        self.lost += bytes;
        Lost {
            now,
            bytes,
            sent_in_flight: stamp.in_flight,
            lost_since: self.lost.saturating_sub(stamp.lost),
            app_limited: stamp.app_limited,
        }
    }

    /// The sample of the ACK that delivered what has `arrived`; `None` when that is nothing. An interval shorter than the smallest round trip cannot be trusted, nor one
    /// that a copy ends: its rate is 0.
    pub(crate) fn sample(
        &mut self,
        arrived: &Arrived,
        min_rtt: Option<Duration>,
    ) -> Option<RateSample> {
        if self.delivered > self.app_limited_until {
            self.app_limited_until = NOT_LIMITED;
        }
        let measures = !arrived.copied;
        let newest = arrived.newest?;
        let sending = newest.sent_at - newest.first_sent_at;
        let acknowledging = arrived.times.delivered_at - newest.delivered_at;
        let interval = sending.max(acknowledging);
        let delivered = self.delivered - newest.delivered;
        // Where the clock stood still all the while the path is faster than it can tell; without this
        // only what waited for a timer would be measured there.
        let interval = interval.max(SHORTEST);
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let long = min_rtt.is_none_or(|min_rtt| interval >= min_rtt);
        Some(RateSample {
            rate: if measures && long {
                mul_div(delivered, SECOND, nanos)
            } else {
                0
            },
            interval,
            delivered,
            prior_delivered: newest.delivered,
            total_delivered: self.delivered,
            lost: self.lost.saturating_sub(newest.lost),
            sent_in_flight: newest.in_flight,
            app_limited: newest.app_limited || !measures,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// The counters, and the ACK at hand.
    #[derive(Default)]
    struct Measured {
        rate: DeliveryRate,
        arrived: Arrived,
    }

    impl Measured {
        fn stamp(&mut self, now: Instant, in_flight: u64, bytes: u64) -> Stamp {
            let times = &mut self.arrived.times;
            self.rate.stamp(times, now, in_flight, bytes)
        }

        fn on_delivered(&mut self, stamp: Stamp, bytes: u64, now: Instant) {
            let arrived = &mut self.arrived;
            self.rate.on_delivered(arrived, &stamp, bytes, now);
        }

        fn on_copy(&mut self, stamp: Stamp, bytes: u64, now: Instant) {
            self.rate.on_copy(&mut self.arrived, &stamp, bytes, now);
        }

        fn on_late_original(&mut self, bytes: u64, now: Instant) {
            self.rate.on_late_original(&mut self.arrived, bytes, now);
        }

        fn sample(&mut self, min_rtt: Option<Duration>) -> Option<RateSample> {
            let sample = self.rate.sample(&self.arrived, min_rtt);
            self.arrived = Arrived::begin(self.arrived.times);
            sample
        }
    }

    /// (interval in ms, delivered, bytes per second, limited by the application)
    fn figures(sample: RateSample) -> (u128, u64, u64, bool) {
        (
            sample.interval.as_millis(),
            sample.delivered,
            sample.rate,
            sample.app_limited,
        )
    }

    #[test]
    fn one_segment_a_round_trip() {
        let mut rate = Measured::default();
        let stamp = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(stamp, 1_000, ms(100));
        let sample = rate.sample(None).unwrap();
        assert_eq!(figures(sample), (100, 1_000, 10_000, false));
        assert_eq!(rate.sample(None), None);
    }

    #[test]
    fn a_clock_that_stands_still_measures_a_fast_path() {
        let mut rate = Measured::default();
        let stamp = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(stamp, 1_000, ms(0));
        let sample = rate.sample(Some(Duration::ZERO)).unwrap();
        assert_eq!(figures(sample), (0, 1_000, 1_000_000_000, false));
    }

    /// Four segments leave at once; the path passes one each 10 ms.
    #[test]
    fn a_burst_is_measured_by_the_clock_of_the_acks() {
        let mut rate = Measured::default();
        let first: [Stamp; 4] =
            core::array::from_fn(|index| rate.stamp(ms(0), 1_000 * index as u64, 1_000));
        let mut second = Vec::new();
        for (index, stamp) in (0..).zip(first) {
            let now = ms(100 + 10 * index);
            rate.on_delivered(stamp, 1_000, now);
            let sample = rate.sample(None).unwrap();
            let delivered = 1_000 * (index + 1);
            let interval = 100 + 10 * index;
            let expected = (
                u128::from(interval),
                delivered,
                delivered * 1_000 / interval,
                false,
            );
            assert_eq!(figures(sample), expected);
            second.push(rate.stamp(now, 3_000, 1_000));
        }
        // The second flight: at its first ACK the whole of the first one has passed within one
        // round trip. Later ones still reach back to the burst.
        for (index, stamp) in (0..).zip(second) {
            rate.on_delivered(stamp, 1_000, ms(200 + 10 * index));
            let sample = rate.sample(None).unwrap();
            let interval = 100 + 10 * index;
            let expected = (u128::from(interval), 4_000, 4_000_000 / interval, false);
            assert_eq!(figures(sample), expected, "segment {index}");
        }
    }

    /// Segments leave each 10 ms and all ACKs come in one bunch.
    #[test]
    fn a_bunch_of_acks_is_measured_by_the_clock_of_sending() {
        let mut rate = Measured::default();
        let warm = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(warm, 1_000, ms(50));
        let _ = rate.sample(None);
        let stamps: [Stamp; 10] = core::array::from_fn(|index| {
            rate.stamp(ms(1_000 + 10 * index as u64), 1_000 * index as u64, 1_000)
        });
        rate.on_delivered(stamps[0], 1_000, ms(1_095));
        let _ = rate.sample(None);
        for stamp in &stamps[1..] {
            rate.on_delivered(*stamp, 1_000, ms(1_096));
        }
        // 90 ms of sending against 96 ms of acknowledging.
        let sample = rate.sample(None).unwrap();
        assert_eq!(figures(sample), (96, 10_000, 104_166, false));
    }

    /// A copy that left shortly before its original was known to have arrived measures nothing, and
    /// nothing was lost.
    #[test]
    fn a_late_original_is_delivered_and_not_lost() {
        let mut rate = Measured::default();
        let late = rate.stamp(ms(0), 0, 1_000);
        let next = rate.stamp(ms(1), 1_000, 1_000);
        rate.rate.on_lost(late, 1_000, ms(100));
        let _copy = rate.stamp(ms(100), 1_000, 1_000);
        rate.on_late_original(1_000, ms(105));
        assert_eq!(rate.sample(None), None);
        rate.on_delivered(next, 1_000, ms(106));
        let sample = rate.sample(None).unwrap();
        assert_eq!((sample.lost, sample.prior_delivered), (0, 0));
        assert_eq!(figures(sample), (106, 2_000, 18_867, false));
    }

    /// Without SACK. The first of three segments is lost; two rounds later its copy is acknowledged,
    /// then what lay behind it, and what was sent after that ACK.
    #[test]
    fn a_copy_that_uncovers_what_had_arrived_measures_nothing() {
        let mut rate = Measured::default();
        let before = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(before, 1_000, ms(100));
        let _ = rate.sample(None);
        let lost = rate.stamp(ms(100), 0, 1_000);
        let behind = [110, 120].map(|at| rate.stamp(ms(at), 1_000, 1_000));
        rate.rate.on_lost(lost, 1_000, ms(220));
        let copy = rate.stamp(ms(220), 2_000, 1_000);
        rate.on_copy(copy, 1_000, ms(320));
        let after = rate.stamp(ms(325), 2_000, 1_000);
        let sample = rate.sample(None).unwrap();
        assert_eq!((sample.rate, sample.app_limited), (0, true));
        for stamp in behind {
            rate.on_delivered(stamp, 1_000, ms(330));
        }
        let sample = rate.sample(None).unwrap();
        assert_eq!(figures(sample), (230, 3_000, 13_043, false));
        // Its flight began with what was last known to have arrived, not with the copy.
        rate.on_delivered(after, 1_000, ms(430));
        let sample = rate.sample(None).unwrap();
        assert_eq!(figures(sample), (225, 3_000, 13_333, false));
    }

    #[test]
    fn an_interval_below_the_smallest_round_trip_is_not_trusted() {
        let mut rate = Measured::default();
        let stamp = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(stamp, 1_000, ms(10));
        let sample = rate.sample(Some(Duration::from_millis(20))).unwrap();
        assert_eq!(figures(sample), (10, 1_000, 0, false));
    }

    #[test]
    fn idle_time_is_not_sending_time() {
        let mut rate = Measured::default();
        let stamp = rate.stamp(ms(0), 0, 1_000);
        rate.on_delivered(stamp, 1_000, ms(100));
        let _ = rate.sample(None);
        let stamp = rate.stamp(ms(10_000), 0, 1_000);
        rate.on_delivered(stamp, 1_000, ms(10_100));
        let sample = rate.sample(None).unwrap();
        assert_eq!(figures(sample), (100, 1_000, 10_000, false));
    }

    #[test]
    fn the_mark_of_the_application_ends_with_what_was_out() {
        let mut rate = Measured::default();
        let before = rate.stamp(ms(0), 0, 1_000);
        rate.rate.mark_app_limited(1_000);
        let after = rate.stamp(ms(10), 1_000, 1_000);
        rate.on_delivered(before, 1_000, ms(100));
        assert!(!rate.sample(None).unwrap().app_limited);
        assert!(rate.rate.is_app_limited());
        rate.on_delivered(after, 1_000, ms(110));
        assert!(rate.sample(None).unwrap().app_limited);
        assert!(!rate.rate.is_app_limited());
    }

    /// The newest segment of an ACK gives the sample, be it a retransmission from further ahead.
    #[test]
    fn the_newest_segment_counts_and_losses_since_it_left() {
        let mut rate = Measured::default();
        let old = rate.stamp(ms(0), 0, 1_000);
        let next = rate.stamp(ms(1), 1_000, 1_000);
        let lost = rate.rate.on_lost(old, 1_000, ms(100));
        assert_eq!((lost.sent_in_flight, lost.lost_since), (1_000, 1_000));
        let again = rate.stamp(ms(100), 1_000, 1_000);
        rate.on_delivered(again, 1_000, ms(200));
        rate.on_delivered(next, 1_000, ms(200));
        let sample = rate.sample(None).unwrap();
        assert_eq!(
            (sample.lost, sample.sent_in_flight, sample.prior_delivered),
            (0, 2_000, 0)
        );
        assert_eq!(figures(sample), (200, 2_000, 10_000, false));
    }
}
