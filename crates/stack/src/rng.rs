//! `SeedRng`: everything that looks random in a stack comes from its seed through here.
//!
//! SipHash in counter mode: small, without state beyond a counter, and not to be predicted by
//! somebody who sees its output but not the seed. Not for cryptographic keys that protect data.

use siphasher::sip::SipHasher24;

/// A deterministic generator: the same seed gives the same numbers on every machine.
#[derive(Debug)]
pub(crate) struct SeedRng {
    key: [u8; 16],
    counter: u64,
}

impl SeedRng {
    pub(crate) fn new(seed: u64) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(&seed.rotate_left(32).wrapping_mul(GOLDEN).to_le_bytes());
        Self { key, counter: 0 }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        keyed_hash(&self.key, &self.counter.to_le_bytes())
    }

    /// An even choice among `0..n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(n);
        u64::try_from(product >> 64).expect("the high half of a product of two u64")
    }

    /// A fresh key for a keyed hash.
    pub(crate) fn key(&mut self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        key[8..].copy_from_slice(&self.next_u64().to_le_bytes());
        key
    }
}

/// SipHash-2-4 of `bytes`: nobody without the key can predict or collide it.
pub(crate) fn keyed_hash(key: &[u8; 16], bytes: &[u8]) -> u64 {
    SipHasher24::new_with_key(key).hash(bytes)
}

/// The odd fraction of the golden ratio: spreads a small seed over the second half of the key.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_sequence() {
        let draw = |seed| {
            let mut rng = SeedRng::new(seed);
            [rng.next_u64(), rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[0], draw(1)[1]);
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut rng = SeedRng::new(7);
        let mut seen = [false; 6];
        for _ in 0..1_000 {
            let n = usize::try_from(rng.below(6)).unwrap();
            seen[n] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn keys_differ() {
        let mut rng = SeedRng::new(0);
        assert_ne!(rng.key(), rng.key());
    }
}
