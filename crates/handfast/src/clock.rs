//! The only place that reads a clock.
//!
//! Everything below gets the time as an argument. A `Clock` is either the system's monotonic
//! clock or a hand that somebody else moves (a simulator).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handfast_packet::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Tells the present time to a host and its driver.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(ManualClock),
    /// A runtime's clock, and what both clocks showed when they were compared.
    #[cfg(feature = "tokio")]
    Tokio(tokio::time::Instant, Instant),
}

impl Clock {
    /// The system's `CLOCK_MONOTONIC`, in nanoseconds since boot.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The clock of the tokio runtime that this is called in. It counts as [`Clock::system`] does
    /// until a test pauses it.
    #[cfg(feature = "tokio")]
    pub(crate) fn tokio() -> Self {
        Self(Source::Tokio(tokio::time::Instant::now(), monotonic()))
    }

    /// What the time is now.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => monotonic(),
            Source::Manual(hand) => hand.now(),
            #[cfg(feature = "tokio")]
            Source::Tokio(start, at_start) => *at_start + start.elapsed(),
        }
    }

    /// The same point on the runtime's clock.
    #[cfg(feature = "tokio")]
    pub(crate) fn to_tokio(&self, at: Instant) -> tokio::time::Instant {
        match &self.0 {
            Source::Tokio(start, at_start) => *start + at.duration_since(*at_start),
            Source::System | Source::Manual(_) => {
                tokio::time::Instant::now() + at.duration_since(self.now())
            }
        }
    }
}

/// A clock that stands still until somebody moves it on; clones move together.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock at [`Instant::ZERO`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the hand to `now`; a time in the past is ignored, so the clock is monotonic.
    pub fn advance_to(&self, now: Instant) {
        self.0.fetch_max(now.as_nanos(), Ordering::Relaxed);
    }

    /// Where the hand stands.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// The clock to give to hosts.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.clone()))
    }
}

/// The system's monotonic clock; the same that timer descriptors and `ppoll` count by.
pub(crate) fn monotonic() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    let part = |value: i64| u64::try_from(value).expect("CLOCK_MONOTONIC starts at boot");
    Instant::from_nanos(part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(first > Instant::ZERO);
        assert!(clock.now() >= first);
    }

    #[test]
    fn a_manual_clock_moves_only_forward() {
        let hand = ManualClock::new();
        let clock = hand.clock();
        assert_eq!(clock.now(), Instant::ZERO);
        hand.advance_to(Instant::from_secs(2));
        hand.advance_to(Instant::from_secs(1));
        assert_eq!(clock.now(), Instant::from_secs(2));
    }
}
