//! `BlockMut`, a block that one owner fills, and `Chunk`, a shared read-only view of such a block.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

/// A block of bytes with exactly one owner, ready to be filled.
///
/// Comes from [`super::Pool::take`]; becomes one or more [`Chunk`]s by [`super::Pool::freeze`].
pub struct BlockMut {
    pub(super) block: Arc<[u8]>,
}

impl BlockMut {
    /// All bytes of the block, for reading into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::get_mut(&mut self.block).expect("a BlockMut is the only owner of its block")
    }

    /// Size of the block in bytes.
    pub fn capacity(&self) -> usize {
        self.block.len()
    }
}

impl fmt::Debug for BlockMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockMut({} bytes)", self.capacity())
    }
}

/// A refcounted, read-only view of a part of a block.
///
/// Cloning and slicing cost one atomic increment. The block goes back to its pool when the last
/// view is dropped.
#[derive(Clone)]
pub struct Chunk {
    block: Option<Arc<[u8]>>,
    start: u32,
    end: u32,
}

impl Chunk {
    /// A view of nothing. Does not allocate.
    pub const EMPTY: Self = Self {
        block: None,
        start: 0,
        end: 0,
    };

    pub(super) fn new(block: Arc<[u8]>, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= block.len(),
            "view lies in its block"
        );
        let narrow = |n: usize| u32::try_from(n).expect("blocks are far smaller than 4 GiB");
        Self {
            start: narrow(range.start),
            end: narrow(range.end),
            block: Some(block),
        }
    }

    /// A copy of `bytes` outside any pool. For tests, crafting and slow paths.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self::new(Arc::from(bytes), 0..bytes.len())
    }

    /// The part `range` of this view.
    ///
    /// # Panics
    /// When `range` does not lie in this view.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "slice lies in its chunk"
        );
        let narrow = |n: usize| u32::try_from(n).expect("bounded by the length of the chunk");
        Self {
            block: self.block.clone(),
            start: self.start + narrow(range.start),
            end: self.start + narrow(range.end),
        }
    }

    /// Moves the start of the view `count` bytes forward.
    ///
    /// # Panics
    /// When the view is shorter than `count`.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "the new start lies in the chunk");
        self.start += u32::try_from(count).expect("bounded by the length of the chunk");
    }

    /// Cuts the view down to its first `len` bytes; no effect when it is shorter already.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.end = self.start + u32::try_from(len).expect("less than the length");
        }
    }

    /// Length of the view in bytes.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the view holds nothing.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes of memory this view keeps alive: the size of the whole block.
    pub fn true_size(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.len())
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.block {
            Some(block) => &block[self.start as usize..self.end as usize],
            None => &[],
        }
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Self::new(Arc::from(bytes), 0..len)
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} of {} bytes)", self.len(), self.true_size())
    }
}

impl PartialEq for Chunk {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Chunk {}
