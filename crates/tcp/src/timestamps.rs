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

impl TimestampState {
    pub(crate) fn new(offset: u32, first: Timestamps, now: Instant) -> Self {
        Self {
            offset,
            recent: first.value,
            recent_at: now,
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

    #[test]
    fn an_echo_from_the_future_gives_no_sample() {
        let state = TimestampState::new(5, Timestamps::default(), Instant::ZERO);
        let now = Instant::from_millis(50);
        assert_eq!(state.elapsed(15, now), Some(Duration::from_millis(40)));
        assert_eq!(state.elapsed(60, now), None);
    }
}
