//! The timestamps option (RFC 7323): our clock, and TS.Recent of the peer.
//!
//! Timestamps wrap on a circle of their own, so their two comparisons live here, beside `seq`.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::Timestamps;

/// TS.Recent older than this proves nothing any more (RFC 7323 5.5).
const RECENT_LIFE: Duration = Duration::from_secs(24 * 86_400);

/// Both sides' timestamps of a connection that negotiated them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampState {
    offset: u32,
    recent: u32,
    recent_at: Instant,
    /// TSval of what was last sent again.
    again: u32,
    /// By how many milliseconds that was behind the clock.
    lag: u32,
}

/// Our timestamp clock: milliseconds plus a secret offset.
pub(crate) fn clock(now: Instant, offset: u32) -> u32 {
    let millis = u32::try_from(now.as_millis() & u64::from(u32::MAX)).expect("masked to 32 bits");
    millis.wrapping_add(offset)
}

/// Whether timestamp `a` is older than `b` on the circle.
pub(crate) fn is_older(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) <= u32::MAX / 2
}

/// The later of two on the circle.
fn later(a: u32, b: u32) -> u32 {
    if is_older(a, b) { b } else { a }
}

impl TimestampState {
    pub(crate) fn new(offset: u32, first: Timestamps, now: Instant) -> Self {
        Self {
            offset,
            recent: first.value,
            recent_at: now,
            again: clock(now, offset),
            lag: 0,
        }
    }

    /// PAWS (RFC 7323 5.3 R1): whether a segment with this timestamp is an old duplicate.
    pub(crate) fn is_stale(&self, value: u32, now: Instant) -> bool {
        is_older(value, self.recent) && now - self.recent_at < RECENT_LIFE
    }

    /// RFC 7323 4.3 (2): remember the timestamp of a segment that covers the last ACK sent.
    pub(crate) fn update(&mut self, value: u32, now: Instant) {
        if !self.is_stale(value, now) {
            self.recent = value;
            self.recent_at = now;
        }
    }

    /// The option for an outgoing segment.
    pub(crate) fn option(&self, now: Instant) -> Timestamps {
        Timestamps {
            value: clock(now, self.offset),
            echo: self.recent,
        }
    }

    /// The option for text that left at `sent_at` and leaves again `now`, on a path where a segment
    /// may be `lateness` behind its time.
    ///
    /// The copy that fills a hole becomes the peer's TS.Recent, and PAWS (RFC 7323 5.3 R1) has it
    /// drop whatever left before that copy and arrives after it. So the copy stays that much behind
    /// the clock. It is never older than a copy before it, which may be TS.Recent already, and younger
    /// than its original, from which Eifel (RFC 3522) has to tell it.
    pub(crate) fn option_again(
        &mut self,
        now: Instant,
        sent_at: Instant,
        lateness: Duration,
    ) -> Timestamps {
        let present = self.option(now);
        let behind = u32::try_from(lateness.as_nanos().div_ceil(1_000_000)).unwrap_or(0);
        let late = present.value.wrapping_sub(behind);
        let original = clock(sent_at, self.offset);
        let value = later(later(late, original.wrapping_add(1)), self.again);
        // In the millisecond of its original it has no other time than that.
        let value = if is_older(value, present.value) {
            value
        } else {
            present.value
        };
        self.again = value;
        self.lag = present.value.wrapping_sub(value);
        Timestamps { value, ..present }
    }

    /// How far the timestamp of what was last sent again was behind the clock: an echo of it counts
    /// so much too long.
    pub(crate) fn lag(&self) -> Duration {
        Duration::from_millis(u64::from(self.lag))
    }

    /// The time since we sent the timestamp that is echoed here; `None` when the echo cannot be
    /// one of ours.
    pub(crate) fn elapsed(&self, echo: u32, now: Instant) -> Option<Duration> {
        let present = clock(now, self.offset);
        let age = present.wrapping_sub(echo);
        (age <= u32::MAX / 2).then(|| Duration::from_millis(u64::from(age.max(1))))
    }

    /// TS.Recent and our offset, for TIME-WAIT.
    pub(crate) fn parts(&self) -> (u32, u32) {
        (self.recent, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_wraps() {
        for (a, b, older) in [
            (1, 2, true),
            (2, 1, false),
            (7, 7, false),
            (u32::MAX, 0, true),
            (0, u32::MAX, false),
            (0, u32::MAX / 2, true),
            (0, u32::MAX / 2 + 1, false),
        ] {
            assert_eq!(is_older(a, b), older, "{a} {b}");
        }
    }

    #[test]
    fn recent_expires_after_24_days() {
        let first = Timestamps {
            value: 100,
            echo: 0,
        };
        let state = TimestampState::new(0, first, Instant::ZERO);
        assert!(state.is_stale(99, Instant::from_secs(10)));
        assert!(!state.is_stale(100, Instant::from_secs(10)));
        assert!(!state.is_stale(99, Instant::from_secs(24 * 86_400)));
    }

    /// What leaves again at 1,000 ms, but for the last row: at 1,010.
    #[test]
    fn a_copy_is_dated_back_by_what_a_segment_may_be_late() {
        let mut state = TimestampState::new(0, Timestamps::default(), Instant::ZERO);
        for (what, now, sent_at, lateness, value, lag) in [
            ("never younger than the clock", 1_000, 1_000, 25, 1_000, 0),
            ("order is kept on this path", 1_000, 900, 0, 1_000, 0),
        ] {
            let mut state = state;
            let dated = copy(&mut state, now, sent_at, lateness);
            assert_eq!(dated, (value, lag), "{what}");
        }
        for (what, now, sent_at, lateness, value, lag) in [
            ("younger than its original", 1_000, 900, 200, 901, 99),
            ("as late as a segment may be", 1_000, 900, 25, 975, 25),
            ("not older than the copy before", 1_010, 900, 80, 975, 35),
        ] {
            let dated = copy(&mut state, now, sent_at, lateness);
            assert_eq!(dated, (value, lag), "{what}");
        }
    }

    fn copy(state: &mut TimestampState, now: u64, sent_at: u64, lateness: u64) -> (u32, u64) {
        let [now, sent_at] = [now, sent_at].map(Instant::from_millis);
        let dated = state.option_again(now, sent_at, Duration::from_millis(lateness));
        let lag = u64::try_from(state.lag().as_millis()).expect("a few milliseconds");
        (dated.value, lag)
    }

    #[test]
    fn an_echo_from_the_future_gives_no_sample() {
        let state = TimestampState::new(5, Timestamps::default(), Instant::ZERO);
        let now = Instant::from_millis(50);
        assert_eq!(state.elapsed(15, now), Some(Duration::from_millis(40)));
        assert_eq!(state.elapsed(60, now), None);
    }
}
