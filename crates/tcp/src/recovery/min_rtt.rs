//! The least round trip of the last five minutes, in constant space: the best of the window and
//! the best of its two younger parts, which take over when the older ones expire.

use core::time::Duration;

use handfast_packet::Instant;

use crate::span::Span;

/// How long a minimum counts, as in Linux (`tcp_min_rtt_wlen`): routes change.
const WINDOW: Duration = Duration::from_secs(300);

/// A running minimum.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MinRtt {
    /// When and what, from the least to the youngest; times ascend.
    best: [Option<(Instant, Span)>; 3],
}

impl MinRtt {
    /// Takes a sample.
    pub(crate) fn sample(&mut self, now: Instant, rtt: Duration) {
        let rtt = Span::from(rtt);
        let new = Some((now, rtt));
        if self.best[0].is_none_or(|(_, least)| rtt <= least) {
            self.best = [new; 3];
        } else if self.best[1].is_none_or(|(_, least)| rtt <= least) {
            self.best = [self.best[0], new, new];
        } else if self.best[2].is_none_or(|(_, least)| rtt <= least) {
            self.best[2] = new;
        }
        // What has become too old gives way to the next; a long silence can age two at once.
        for _ in 0..2 {
            if self.best[0].is_some_and(|(at, _)| now - at > WINDOW) {
                self.best = [self.best[1], self.best[2], new];
            }
        }
        // A part of the window without a better sample still needs a candidate of its own.
        let age = |best: Option<(Instant, Span)>| best.map_or(WINDOW, |(at, _)| now - at);
        if self.best[1].map(|(at, _)| at) == self.best[0].map(|(at, _)| at)
            && age(self.best[1]) > WINDOW / 4
        {
            self.best = [self.best[0], new, new];
        } else if self.best[2].map(|(at, _)| at) == self.best[1].map(|(at, _)| at)
            && age(self.best[2]) > WINDOW / 2
        {
            self.best[2] = new;
        }
    }

    /// The minimum; `None` before the first sample.
    pub(crate) fn get(&self) -> Option<Duration> {
        self.best[0].map(|(_, least)| least.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_counts_until_it_is_five_minutes_old() {
        let mut least = MinRtt::default();
        assert_eq!(least.get(), None);
        for second in 0..=300 {
            let millis = if second == 0 { 10 } else { 50 };
            least.sample(Instant::from_secs(second), Duration::from_millis(millis));
            assert_eq!(least.get(), Some(Duration::from_millis(10)), "{second}");
        }
        least.sample(Instant::from_secs(301), Duration::from_millis(60));
        assert_eq!(least.get(), Some(Duration::from_millis(50)));
    }

    #[test]
    fn a_smaller_sample_counts_at_once() {
        let mut least = MinRtt::default();
        least.sample(Instant::ZERO, Duration::from_millis(10));
        least.sample(Instant::from_secs(1), Duration::from_millis(7));
        assert_eq!(least.get(), Some(Duration::from_millis(7)));
    }
}
