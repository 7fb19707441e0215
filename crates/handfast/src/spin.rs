//! `Spin`: whether to ask once more rather than sleep ([`crate::Config::busy_poll`]).

use std::time::Duration;

use handfast_packet::Instant;

use crate::clock::monotonic;

/// A window that begins anew with everything that there was to do.
///
/// It counts by the system's clock, whatever clock the host has: a clock that stands still until
/// nobody works any more, as that of a test does, would never let it end.
#[derive(Debug)]
pub(crate) struct Spin {
    window: Duration,
    until: Instant,
}

impl Spin {
    /// Begins now.
    pub(crate) fn new(window: Duration) -> Self {
        let mut spin = Self {
            window,
            until: Instant::ZERO,
        };
        spin.goes_on(true);
        spin
    }

    /// Whether the window is open; something to do (`worked`) opens it anew.
    pub(crate) fn goes_on(&mut self, worked: bool) -> bool {
        if self.window.is_zero() {
            return false;
        }
        let now = monotonic();
        if worked {
            self.until = now + self.window;
        }
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_window_nobody_spins() {
        let mut spin = Spin::new(Duration::ZERO);
        assert!(!spin.goes_on(true) && !spin.goes_on(false));
    }

    #[test]
    fn the_window_ends_and_work_opens_it_again() {
        let mut spin = Spin::new(Duration::from_millis(2));
        while spin.goes_on(false) {}
        assert!(!spin.goes_on(false));
        let mut long = Spin::new(Duration::from_secs(3_600));
        assert!(long.goes_on(false) && long.goes_on(true));
    }
}
