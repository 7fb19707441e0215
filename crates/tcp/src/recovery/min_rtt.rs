//! The least round trip of the last five minutes, in constant space: the best of the window and
//! the best of its two younger parts, which take over when the older ones expire.

use alloc::boxed::Box;
use core::time::Duration;

use handfast_packet::Instant;

use crate::span::Span;

/// How long a minimum counts, as in Linux (`tcp_min_rtt_wlen`): routes change.
const WINDOW: Duration = Duration::from_secs(300);

/// A running minimum.
#[derive(Debug, Default)]
pub(crate) struct MinRtt {
    /// When and what; `None` before the first sample.
    best: Option<Sample>,
    /// Those of the younger parts, which are the same for the first minute of a minimum.
    younger: Option<Box<[Sample; 2]>>,
}

type Sample = (Instant, Span);

impl MinRtt {
    /// Takes a sample.
    pub(crate) fn sample(&mut self, now: Instant, rtt: Duration) {
        let rtt = Span::from(rtt);
        let new = (now, rtt);
        let Some(best) = self.best.filter(|&(_, least)| rtt > least) else {
            return self.set([new; 3]);
        };
        let [second, third] = self.younger.as_deref().copied().unwrap_or([best; 2]);
        let mut best = [best, second, third];
        if rtt <= best[1].1 {
            best = [best[0], new, new];
        } else if rtt <= best[2].1 {
            best[2] = new;
        }
        // What has become too old gives way to the next; a long silence can age two at once.
        for _ in 0..2 {
            if now - best[0].0 > WINDOW {
                best = [best[1], best[2], new];
            }
        }
        // A part of the window without a better sample still needs a candidate of its own.
        if best[1].0 == best[0].0 && now - best[1].0 > WINDOW / 4 {
            best = [best[0], new, new];
        } else if best[2].0 == best[1].0 && now - best[2].0 > WINDOW / 2 {
            best[2] = new;
        }
        self.set(best);
    }

    /// From the least to the youngest; times ascend.
    fn set(&mut self, [best, second, third]: [Sample; 3]) {
        self.best = Some(best);
        match &mut self.younger {
            Some(younger) => **younger = [second, third],
            None if [second, third] == [best; 2] => {}
            None => self.younger = Some(Box::new([second, third])),
        }
    }

    /// The minimum; `None` before the first sample.
    pub(crate) fn get(&self) -> Option<Duration> {
        self.best.map(|(_, least)| least.get())
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
