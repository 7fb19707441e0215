//! Numbers that look random and are the same for the same seed (Marsaglia's xorshift).

/// Steps before the first number: small seeds need some to spread.
const WARM_UP: u32 = 8;

/// The state of the generator; never 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(if seed == 0 { 1 } else { seed });
        for _ in 0..WARM_UP {
            random.step();
        }
        random
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.step();
        // The low bits are the worst.
        (self.0 >> 16) % end
    }

    fn step(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
    }
}
