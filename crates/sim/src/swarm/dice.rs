//! The dice of a plan: one seed, one sequence of numbers, the same on every machine.

use std::time::Duration;

/// SplitMix64, with the few kinds of throw that a plan needs. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own for each `stream` of one seed.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ mix(stream)))
    }

    /// The next evenly distributed number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// An even choice among `0..n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(n);
        u64::try_from(product >> 64).expect("the high half of a product of two u64")
    }

    /// An even choice from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of a hundred throws.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the values, each as likely.
    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        let index = usize::try_from(self.below(values.len() as u64));
        values[index.expect("below a length")]
    }

    /// A size from `low` to `high` whose order of magnitude is evenly distributed, so that small
    /// ones are as frequent as large ones. Neither may be 0.
    pub(crate) fn size(&mut self, low: u64, high: u64) -> u64 {
        let bits = self.between(u64::from(low.ilog2()), u64::from(high.ilog2()));
        let floor = 1_u64 << bits;
        self.between(floor.max(low), (floor * 2 - 1).clamp(low, high))
    }

    /// [`Dice::size`] for times, in microseconds.
    pub(crate) fn time(&mut self, low: u64, high: u64) -> Duration {
        let micros = self.size(low, high);
        // What people read is shorter without the last digits, and nothing depends on them.
        Duration::from_micros(match micros {
            10_000.. => micros / 1_000 * 1_000,
            micros => micros,
        })
    }
}

/// Spreads every bit of a number over all others.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_stay_in_their_bounds_and_reach_both() {
        let mut dice = Dice::new(3, 0);
        let mut seen = [false; 6];
        for _ in 0..500 {
            seen[usize::try_from(dice.between(0, 5)).unwrap()] = true;
            let size = dice.size(3, 1_000);
            assert!((3..=1_000).contains(&size), "{size}");
            assert_eq!(dice.size(7, 7), 7);
        }
        assert_eq!(seen, [true; 6]);
    }

    #[test]
    fn small_sizes_are_as_frequent_as_large_ones() {
        let mut dice = Dice::new(4, 0);
        let small = (0..1_000)
            .filter(|_| dice.size(1, 1 << 20) < 1 << 10)
            .count();
        assert!((400..600).contains(&small), "{small}");
    }

    #[test]
    fn seeds_and_streams_differ() {
        let draw = |seed, stream| Dice::new(seed, stream).next();
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }
}
