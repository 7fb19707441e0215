//! A length of time in eight bytes, also where there may be none: a `Duration` takes sixteen. For
//! what a connection keeps; whoever reckons takes the [`Duration`] out.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

const NANOS_IN_SECOND: u64 = 1_000_000_000;

/// At most 584 years, to the nanosecond; kept plus one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(NonZeroU64);

const _: () = assert!(size_of::<Option<Span>>() == 8, "absence costs nothing");

impl Span {
    /// No time at all.
    pub(crate) const ZERO: Self = Self(NonZeroU64::MIN);

    /// The length.
    pub(crate) const fn get(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}

impl From<Duration> for Span {
    /// What is longer than 584 years counts as that.
    fn from(length: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos(length)))
    }
}

/// The length in nanoseconds, for those who reckon in them; what is longer than 584 years counts as
/// that.
pub(crate) const fn nanos(length: Duration) -> u64 {
    let nanos = length.as_secs().saturating_mul(NANOS_IN_SECOND);
    nanos.saturating_add(length.subsec_nanos() as u64)
}

impl Default for Span {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_survives_to_the_nanosecond_and_saturates() {
        for (secs, nanos) in [(0, 0), (0, 1), (1, 999_999_999), (18_446_744_072, 5)] {
            let length = Duration::new(secs, nanos);
            assert_eq!(Span::from(length).get(), length);
        }
        let longest = Duration::from_nanos(u64::MAX - 1);
        assert_eq!(Span::from(Duration::MAX).get(), longest);
        assert!(Span::from(Duration::from_secs(1)) < Span::from(Duration::new(1, 1)));
    }
}
