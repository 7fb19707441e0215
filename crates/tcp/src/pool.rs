//! Where connections get their memory from: blocks for text, and lists that other connections, or the
//! same one a moment ago, no longer need.
//!
//! A connection that has nothing to send and nothing to read holds no list, so that idle ones cost
//! little; and lists that come back serve again, so that busy ones ask for no memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use handfast_packet::buf::{self, BlockMut, Chunk, PoolLimits};

use crate::aside::Aside;
use crate::config::Config;
use crate::output::Disorder;
use crate::reassembler::Held;
use crate::recovery::{Repair, Rooms};
use crate::send_buffer::Written;
use crate::timer::Deadlines;

/// Most bytes of lists of one kind that wait for somebody who needs one; more are freed.
pub const SPARE_BYTES_MAX: usize = 4 << 20;

/// Most sets of choices that connections share; those of few listeners are at work at a time, and who
/// has others has them alone.
pub const CONFIGS_MAX: usize = 8;

/// Memory for the connections of one stack. Not shared with others.
#[derive(Debug, Default)]
pub struct Pool {
    blocks: buf::Pool,
    /// Of received text that was read.
    pub(crate) texts: Spares<VecDeque<Chunk>>,
    /// Of those who have read what they had.
    pub(crate) held: Spares<Box<Held>>,
    /// Of segments that were merged.
    pub(crate) runs: Spares<Vec<Chunk>>,
    /// Of written text that was acknowledged.
    pub(crate) writings: Spares<Box<Written>>,
    /// Of ledgers without an entry.
    pub(crate) rooms: Spares<Box<Rooms>>,
    /// What connections have chosen of late, latest last.
    configs: Vec<Arc<Config>>,
    pub(crate) deadlines: Spares<Box<Deadlines>>,
    pub(crate) disorders: Spares<Box<Disorder>>,
    pub(crate) repairs: Spares<Box<Repair>>,
    pub(crate) asides: Spares<Box<Aside>>,
}

impl Pool {
    /// An empty pool that will remember at most `limits` blocks.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            blocks: buf::Pool::new(limits),
            ..Self::default()
        }
    }

    /// These choices, shared with other connections that have the same.
    pub(crate) fn share(&mut self, config: &Config) -> Arc<Config> {
        if let Some(known) = self.configs.iter().rfind(|known| ***known == *config) {
            return known.clone();
        }
        if self.configs.len() == CONFIGS_MAX {
            self.configs.remove(0);
        }
        let config = Arc::new(*config);
        self.configs.push(config.clone());
        config
    }

    /// As [`buf::Pool::take`].
    ///
    /// # Panics
    /// When `len` is more than a block can have.
    pub fn take(&mut self, len: usize) -> BlockMut {
        self.blocks.take(len)
    }

    /// As [`buf::Pool::freeze`].
    pub fn freeze(&mut self, block: BlockMut, filled: Range<usize>) -> Chunk {
        self.blocks.freeze(block, filled)
    }

    /// As [`buf::Pool::copy_from`].
    ///
    /// # Panics
    /// When there are more bytes than a block can have.
    pub fn copy_from(&mut self, bytes: &[u8]) -> Chunk {
        self.blocks.copy_from(bytes)
    }

    /// Blocks that are out now. Zero when everything came home.
    pub fn in_use(&self) -> usize {
        self.blocks.in_use()
    }
}

/// Something empty that keeps memory for what will be put into it.
pub(crate) trait Spare {
    /// Bytes of that memory.
    fn bytes(&self) -> usize;
}

impl<T> Spare for VecDeque<T> {
    fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<T> Spare for Vec<T> {
    fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<T: Spare> Spare for Box<T> {
    fn bytes(&self) -> usize {
        size_of::<T>() + (**self).bytes()
    }
}

/// Lists of one kind that wait, [`SPARE_BYTES_MAX`] bytes of them at most.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    lists: Vec<T>,
    bytes: usize,
}

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self {
            lists: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T: Spare> Spares<T> {
    /// The list that came last.
    pub(crate) fn take(&mut self) -> Option<T> {
        let list = self.lists.pop()?;
        self.bytes -= list.bytes();
        Some(list)
    }

    /// Keeps an empty list for somebody else.
    pub(crate) fn give(&mut self, list: T) {
        let bytes = self.bytes + list.bytes();
        if bytes > self.bytes && bytes <= SPARE_BYTES_MAX {
            self.bytes = bytes;
            self.lists.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_serves_again_with_its_memory() {
        let mut spares = Spares::default();
        assert!(spares.take().is_none());
        spares.give(VecDeque::<u64>::with_capacity(10));
        spares.give(VecDeque::new());
        assert_eq!(spares.take().map(|list| list.capacity()), Some(10));
        assert_eq!((spares.take(), spares.bytes), (None, 0));
    }

    #[test]
    fn connections_with_equal_choices_share_them() {
        let mut pool = Pool::default();
        let config = |quick_acks| Config {
            quick_acks,
            ..Config::default()
        };
        let first = pool.share(&config(0));
        assert!(Arc::ptr_eq(&first, &pool.share(&config(0))));
        for quick_acks in 1..=8 {
            assert_eq!(*pool.share(&config(quick_acks)), config(quick_acks));
        }
        assert!(!Arc::ptr_eq(&first, &pool.share(&config(0))), "forgotten");
        assert_eq!(pool.configs.len(), CONFIGS_MAX);
    }

    #[test]
    fn no_more_lists_are_kept_than_the_limit() {
        let mut spares = Spares::default();
        for _ in 0..10 {
            spares.give(VecDeque::<u8>::with_capacity(SPARE_BYTES_MAX / 4));
        }
        assert_eq!((spares.lists.len(), spares.bytes), (4, SPARE_BYTES_MAX));
    }
}
