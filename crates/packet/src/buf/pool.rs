//! The pool: blocks of three sizes, reused without `unsafe`.
//!
//! The pool keeps one reference to each block that it has handed out. A block is free again when
//! that reference is the only one, which `Arc::get_mut` proves. Blocks come back in about the
//! order in which they left, so looking at the oldest few finds a free one almost always, and who
//! finds one at once saves looks for the time when blocks come that somebody keeps for long. When
//! there is none, a new block is allocated, and memory is bounded by the limits of those who hold
//! chunks (send and receive buffers, batches), not by the pool.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use core::ops::Range;

use super::chunk::{BlockMut, Chunk};

/// Size of the smallest class: headers and short messages.
pub const SMALL: usize = 256;
/// Size of the middle class: one MTU-sized frame.
pub const MEDIUM: usize = 2_048;
/// Size of the largest class: one super-frame of 64 KiB payload with all its headers.
pub const LARGE: usize = 68 * 1_024;

/// How many blocks are looked at for each that is taken, on average at most.
const LOOK_MAX: usize = 4;
/// Most looks that are saved: so many blocks in a row may be kept by somebody without costing others
/// a new one.
const LOOKS_SAVED_MAX: usize = 128;

/// How many blocks of each class the pool remembers for reuse; more are freed when dropped.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Blocks of [`SMALL`] bytes.
    pub small: usize,
    /// Blocks of [`MEDIUM`] bytes.
    pub medium: usize,
    /// Blocks of [`LARGE`] bytes.
    pub large: usize,
}

impl Default for PoolLimits {
    /// About 34 MiB when every block is in use.
    fn default() -> Self {
        Self {
            small: 1_024,
            medium: 4_096,
            large: 384,
        }
    }
}

/// A pool of byte blocks. Not shared: each device and each stack has its own.
#[derive(Debug)]
pub struct Pool {
    classes: [Class; 3],
}

#[derive(Debug)]
struct Class {
    size: usize,
    limit: usize,
    known: VecDeque<Arc<[u8]>>,
    /// How many may be looked at for the next that is taken, besides [`LOOK_MAX`].
    saved: usize,
}

impl Pool {
    /// An empty pool that will remember at most `limits` blocks.
    pub fn new(limits: PoolLimits) -> Self {
        let class = |size, limit| Class {
            size,
            limit,
            known: VecDeque::new(),
            saved: 0,
        };
        Self {
            classes: [
                class(SMALL, limits.small),
                class(MEDIUM, limits.medium),
                class(LARGE, limits.large),
            ],
        }
    }

    /// A block of at least `len` bytes, from the smallest class that fits.
    ///
    /// Its content is unspecified (zero or an old packet of the same owner): the taker must
    /// freeze only what it wrote.
    ///
    /// # Panics
    /// When `len` is more than [`LARGE`].
    pub fn take(&mut self, len: usize) -> BlockMut {
        assert!(
            len <= LARGE,
            "a block of {len} bytes is larger than any class"
        );
        let class = self.classes.iter_mut().find(|class| len <= class.size);
        class.expect("the largest class was checked above").take()
    }

    /// Turns the filled part of a block into a view; the block returns to the pool when the last
    /// view of it is dropped.
    pub fn freeze(&mut self, block: BlockMut, filled: Range<usize>) -> Chunk {
        let size = block.capacity();
        let class = self.classes.iter_mut().find(|class| class.size == size);
        if let Some(class) = class.filter(|class| class.known.len() < class.limit) {
            class.known.push_back(Arc::clone(&block.block));
        }
        Chunk::new(block.block, filled)
    }

    /// A view of a copy of `bytes`, in a block of the smallest class that fits.
    ///
    /// # Panics
    /// When there are more than [`LARGE`] bytes.
    pub fn copy_from(&mut self, bytes: &[u8]) -> Chunk {
        let mut block = self.take(bytes.len());
        block.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        self.freeze(block, 0..bytes.len())
    }

    /// Blocks that are out now, over all classes. Zero when everything came home.
    pub fn in_use(&self) -> usize {
        let out = |class: &Class| {
            class
                .known
                .iter()
                .filter(|b| Arc::strong_count(b) > 1)
                .count()
        };
        self.classes.iter().map(out).sum()
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(PoolLimits::default())
    }
}

impl Class {
    fn take(&mut self) -> BlockMut {
        let looks = LOOK_MAX + self.saved;
        for look in 0..looks.min(self.known.len()) {
            let mut block = self
                .known
                .pop_front()
                .expect("the loop is bounded by the length");
            if Arc::get_mut(&mut block).is_some() {
                self.saved = (looks - look - 1).min(LOOKS_SAVED_MAX);
                return BlockMut { block };
            }
            self.known.push_back(block);
        }
        self.saved = looks.saturating_sub(self.known.len());
        self.saved = self.saved.min(LOOKS_SAVED_MAX);
        BlockMut {
            block: Arc::from(vec![0; self.size]),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_dropped_block_is_used_again() {
        let mut pool = Pool::default();
        let chunk = pool.copy_from(b"hello");
        let address = chunk.as_ptr();
        drop(chunk);
        assert_eq!(pool.copy_from(b"again").as_ptr(), address);
        assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn a_block_with_a_living_view_is_never_handed_out() {
        let mut pool = Pool::default();
        let first = pool.copy_from(b"first");
        let view = first.slice(1..3);
        drop(first);
        for _ in 0..100 {
            let other = pool.copy_from(b"other");
            assert_ne!(other.as_ptr(), view.as_ptr().wrapping_sub(1));
        }
        assert_eq!(&view[..], b"ir");
        assert_eq!(pool.in_use(), 1);
    }

    #[test]
    fn blocks_that_somebody_keeps_cost_others_no_new_ones() {
        let mut pool = Pool::default();
        let kept: Vec<_> = (0..100).map(|_| pool.copy_from(b"kept")).collect();
        let mut last = pool.copy_from(b"used");
        for _ in 0..10_000 {
            let next = pool.copy_from(b"used");
            drop(core::mem::replace(&mut last, next));
        }
        // Those that were made before the first looks were saved.
        assert!(
            pool.classes[0].known.len() < 150,
            "{}",
            pool.classes[0].known.len()
        );
        assert_eq!(pool.in_use(), kept.len() + 1);
    }

    #[test]
    fn while_all_blocks_are_out_few_are_looked_at() {
        let mut pool = Pool::default();
        let kept: Vec<_> = (0..1_000).map(|_| pool.copy_from(b"kept")).collect();
        assert!(pool.classes[0].saved <= LOOK_MAX);
        drop(kept);
        for _ in 0..1_000 {
            pool.copy_from(b"used");
        }
        assert_eq!(pool.classes[0].saved, LOOKS_SAVED_MAX);
    }

    #[test]
    fn the_smallest_class_that_fits_is_chosen() {
        let mut pool = Pool::default();
        for (len, size) in [
            (0, SMALL),
            (SMALL, SMALL),
            (SMALL + 1, MEDIUM),
            (MEDIUM + 1, LARGE),
        ] {
            assert_eq!(pool.take(len).capacity(), size);
        }
    }

    #[test]
    fn more_blocks_than_the_limit_are_not_remembered() {
        let mut pool = Pool::new(PoolLimits {
            small: 2,
            medium: 0,
            large: 0,
        });
        let chunks: Vec<_> = (0..5).map(|_| pool.copy_from(b"x")).collect();
        assert_eq!(pool.in_use(), 2);
        drop(chunks);
        assert_eq!(pool.in_use(), 0);
    }
}
