//! RACK (RFC 8985): what left well before something that has arrived is lost. The newest delivery
//! by time of departure, the reordering window, and one pure verdict.

use core::time::Duration;

use handfast_packet::Instant;

use super::ledger::Sent;
use crate::seq::Offset;
use crate::span::Span;

/// The reordering window is a quarter of the least round trip, times a factor.
const WINDOW_DIVISOR: u32 = 4;
/// Largest factor: with it the window exceeds every bound that SRTT sets (Linux has the same).
const FACTOR_MAX: u32 = 255;
/// Recoveries without a sign of reordering after which the factor is 1 again (RFC 8985 6.2 step 4).
const FACTOR_PERSISTS: u8 = 16;

/// A departure: RACK orders segments by when they left, and those that left together by offset
/// (`RACK_sent_after`). The RFC compares times; departures are counted here, since a clock can
/// stand still between a segment and the retransmission of one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Departure {
    pub(crate) number: u64,
    pub(crate) end: Offset,
}

impl Departure {
    pub(crate) fn of(segment: &Sent) -> Self {
        Self {
            number: segment.number,
            end: segment.end,
        }
    }
}

/// The state of RACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    /// RACK.rtt: how long what the last ACK delivered was under way, by what of it left last.
    rtt: Span,
    /// RACK.reordering_seen.
    pub(crate) reordering_seen: bool,
    /// RACK.reo_wnd_mult.
    factor: u32,
    /// RACK.reo_wnd_persist.
    persists: u8,
}

impl Rack {
    pub(crate) const fn new() -> Self {
        Self {
            rtt: Span::ZERO,
            reordering_seen: false,
            factor: 1,
            persists: 0,
        }
    }

    /// RACK.rtt.
    pub(crate) fn rtt(&self) -> Duration {
        self.rtt.get()
    }

    /// `segment` was delivered (RFC 8985 6.2 step 2), and not by a copy that [`is_original`] tells
    /// of. What one ACK delivers comes in any order; `at_hand` is what of it left last, so far.
    pub(crate) fn on_delivered(
        &mut self,
        at_hand: &mut Option<Departure>,
        segment: &Sent,
        now: Instant,
    ) {
        let departure = Departure::of(segment);
        if at_hand.is_none_or(|latest| latest < departure) {
            *at_hand = Some(departure);
            self.rtt = (now - segment.sent_at()).into();
        }
    }

    /// RFC 8985 6.2 step 4: how late a segment may be. `eager` says that enough segments behind
    /// it have arrived, or that losses are being repaired already.
    pub(crate) fn window(&self, eager: bool, least: Duration, srtt: Duration) -> Duration {
        if !self.reordering_seen && eager {
            return Duration::ZERO;
        }
        (least / WINDOW_DIVISOR)
            .saturating_mul(self.factor)
            .min(srtt)
    }

    /// A D-SACK says that something was resent for nothing: wait longer. At most once a round.
    /// `round_end` is RACK.dsack_round: a further D-SACK below that is no news.
    pub(crate) fn on_duplicate(
        &mut self,
        round_end: &mut Option<Offset>,
        una: Offset,
        nxt: Offset,
    ) {
        if round_end.is_some_and(|end| una < end) {
            return;
        }
        *round_end = Some(nxt);
        self.factor = (self.factor + 1).min(FACTOR_MAX);
        self.persists = FACTOR_PERSISTS;
    }

    /// A recovery ended, by itself or by a timeout.
    pub(crate) fn on_recovery_end(&mut self) {
        self.persists = self.persists.saturating_sub(1);
        if self.persists == 0 {
            self.factor = 1;
        }
    }
}

/// Whether what was delivered at `now` is the original of a segment that was sent again: sooner
/// than in the `least` round trip nothing arrives (RFC 8985 6.2 step 2). When that had left is
/// forgotten.
pub(crate) fn is_original(segment: &Sent, now: Instant, least: Option<Duration>) -> bool {
    segment.resent && least.is_some_and(|least| now - segment.sent_at() < least)
}

/// What RACK says of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It left after the newest delivery: nothing can be said.
    Unknown,
    /// It may still come, until then.
    Late(Instant),
    /// It is lost.
    Lost,
}

/// RFC 8985 6.2 step 5 for one segment that is neither acknowledged nor known as lost. `newest` is
/// RACK.xmit_ts and RACK.end_seq: of all that was delivered of this flight, what left last.
pub(crate) fn detect(
    rack: &Rack,
    newest: Option<Departure>,
    window: Duration,
    segment: &Sent,
    now: Instant,
) -> Verdict {
    if newest.is_none_or(|newest| newest <= Departure::of(segment)) {
        return Verdict::Unknown;
    }
    let deadline = segment.sent_at() + rack.rtt() + window;
    if deadline <= now {
        Verdict::Lost
    } else {
        Verdict::Late(deadline)
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::cause::Proof;

    use super::*;
    use crate::congestion::{DeliveryRate, FlightTimes};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sent(at: u64, end: u64, resent: bool) -> Sent {
        Sent {
            start: Offset::FIRST,
            end: Offset::ZERO + end,
            number: at,
            stamp: DeliveryRate::default().stamp(
                &mut FlightTimes::NONE.clone(),
                Instant::from_millis(at),
                0,
                1,
            ),
            sacked: false,
            lost: false,
            proof: Proof::default(),
            again: false,
            resent,
        }
    }

    #[test]
    fn a_segment_is_lost_when_a_later_one_came_and_the_window_has_passed() {
        let mut rack = Rack::new();
        assert_eq!(
            detect(
                &rack,
                None,
                ms(0),
                &sent(0, 10, false),
                Instant::from_secs(9)
            ),
            Verdict::Unknown
        );
        // The segment that left at 10 ms and ends at 100 arrived at 50 ms: RACK.rtt is 40 ms.
        let mut newest = None;
        rack.on_delivered(&mut newest, &sent(10, 100, false), Instant::from_millis(50));
        for (left, end, window, now, verdict) in [
            (11, 50, 0, 99, Verdict::Unknown),
            (10, 101, 0, 99, Verdict::Unknown),
            (10, 100, 0, 99, Verdict::Unknown),
            (10, 99, 0, 50, Verdict::Lost),
            (10, 99, 0, 49, Verdict::Late(Instant::from_millis(50))),
            (10, 99, 10, 59, Verdict::Late(Instant::from_millis(60))),
            (10, 99, 10, 60, Verdict::Lost),
            (5, 500, 10, 55, Verdict::Lost),
        ] {
            let segment = sent(left, end, false);
            let seen = detect(
                &rack,
                newest,
                ms(window),
                &segment,
                Instant::from_millis(now),
            );
            assert_eq!(seen, verdict, "left {left}, ends {end}, {window}, at {now}");
        }
    }

    #[test]
    fn a_second_copy_that_arrives_too_soon_was_the_first() {
        let now = Instant::from_millis(50);
        for (left, resent, least, original) in [
            (20, true, Some(40), true),
            (10, true, Some(40), false),
            (20, false, Some(40), false),
            (20, true, None, false),
        ] {
            let seen = is_original(&sent(left, 100, resent), now, least.map(ms));
            assert_eq!(seen, original, "left {left}, {least:?}");
        }
    }

    /// RFC 8985 6.2 step 2: RACK.rtt is that of the last delivery, even of an older segment; within
    /// one ACK the order is that of departures.
    #[test]
    fn the_round_trip_is_that_of_the_last_delivery() {
        let mut rack = Rack::new();
        for (at, segments, rtt) in [
            (50, &[sent(20, 100, false), sent(10, 50, false)][..], 30),
            (60, &[sent(10, 60, false)], 50),
        ] {
            let mut at_hand = None;
            for segment in segments {
                rack.on_delivered(&mut at_hand, segment, Instant::from_millis(at));
            }
            assert_eq!(rack.rtt(), ms(rtt));
        }
    }

    #[test]
    fn the_reordering_window_starts_at_a_quarter_and_grows_by_d_sacks() {
        let mut rack = Rack::new();
        let (least, srtt) = (ms(40), ms(50));
        let mut round_end = None;
        assert_eq!(rack.window(true, least, srtt), ms(0));
        assert_eq!(rack.window(false, least, srtt), ms(10));
        rack.reordering_seen = true;
        assert_eq!(rack.window(true, least, srtt), ms(10));
        let at = |n| Offset::ZERO + n;
        rack.on_duplicate(&mut round_end, at(1), at(100));
        rack.on_duplicate(&mut round_end, at(99), at(200));
        assert_eq!(rack.window(true, least, srtt), ms(20), "once a round");
        rack.on_duplicate(&mut round_end, at(100), at(200));
        assert_eq!(rack.window(true, least, srtt), ms(30));
        for _ in 0..8 {
            rack.on_duplicate(&mut round_end, at(1_000), at(1_000));
        }
        assert_eq!(rack.window(true, least, srtt), srtt, "SRTT bounds it");
        for left in (0..FACTOR_PERSISTS).rev() {
            rack.on_recovery_end();
            let expected = if left == 0 { ms(10) } else { srtt };
            assert_eq!(rack.window(true, least, srtt), expected);
        }
    }
}
