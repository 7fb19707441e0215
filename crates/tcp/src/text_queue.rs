//! A queue of views of received text, and what memory they keep alive.
//!
//! Where in the stream the text lies is not known here.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use handfast_packet::buf::{BlockMut, Chunk, LARGE, MEDIUM, SMALL};

use crate::pool::{Pool, Spare};

/// A view must use at least one part in this many of the memory that it keeps alive.
pub(crate) const WASTE_MAX: usize = 4;
/// What [`TextQueue::collapse`] leaves as it is uses at least one part in this many.
const WASTE_COLLAPSED_MAX: usize = 2;

/// Consecutive text as views, none of which wastes much memory.
#[derive(Debug, Default)]
pub(crate) struct TextQueue {
    chunks: VecDeque<Chunk>,
    /// The true sizes of all views. Blocks that several views share count for each.
    memory: usize,
}

impl TextQueue {
    pub(crate) const EMPTY: Self = Self {
        chunks: VecDeque::new(),
        memory: 0,
    };

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.memory = 0;
    }

    /// Bytes of the list itself.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.bytes()
    }

    /// Adds a view at the end.
    ///
    /// A view that wastes memory is copied: together with the view before it when both are small,
    /// or into blocks that fit. So a flood of tiny segments costs a few times its bytes, and never
    /// a block for each segment.
    pub(crate) fn push(&mut self, chunk: Chunk, pool: &mut Pool) {
        if !is_wasteful(&chunk) {
            return self.append(chunk, pool);
        }
        let small = |last: &Chunk| last.len() + chunk.len() <= MEDIUM;
        if self.chunks.back().is_some_and(small) {
            let last = self.pop_back().expect("there is a last one");
            let both = concatenate(&last, &chunk, pool);
            return self.append(both, pool);
        }
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(block_for(rest.len())));
            let copy = pool.copy_from(head);
            self.append(copy, pool);
            rest = tail;
        }
    }

    /// Adds a view at the front, as [`Self::push`] does at the end.
    pub(crate) fn push_front(&mut self, chunk: Chunk, pool: &mut Pool) {
        if !is_wasteful(&chunk) {
            return self.prepend(chunk, pool);
        }
        let small = |first: &Chunk| first.len() + chunk.len() <= MEDIUM;
        if self.chunks.front().is_some_and(small) {
            let first = self.pop_front().expect("there is a first one");
            let both = concatenate(&chunk, &first, pool);
            return self.prepend(both, pool);
        }
        let mut copies = Self::default();
        copies.push(chunk, pool);
        while let Some(last) = copies.pop_back() {
            self.prepend(last, pool);
        }
        copies.give_to(pool);
    }

    /// Puts `right` behind; the shorter of the two is moved.
    pub(crate) fn join(&mut self, mut right: Self, pool: &mut Pool) {
        if let Some(first) = right.pop_front() {
            self.push(first, pool);
        }
        self.memory += right.memory;
        if self.chunks.len() >= right.chunks.len() {
            self.chunks.append(&mut right.chunks);
        } else {
            while let Some(last) = self.chunks.pop_back() {
                right.chunks.push_front(last);
            }
            core::mem::swap(&mut self.chunks, &mut right.chunks);
        }
        pool.texts.give(right.chunks);
    }

    /// Moves bytes from the front into `out`; returns how many.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(front), true) = (self.chunks.front_mut(), filled < out.len()) {
            let count = front.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&front[..count]);
            filled += count;
            if count == front.len() {
                self.pop_front();
            } else {
                front.advance(count);
            }
        }
        filled
    }

    /// Copies bytes from the front into `out` and leaves them; returns how many.
    pub(crate) fn peek(&self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        for chunk in &self.chunks {
            let count = chunk.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&chunk[..count]);
            filled += count;
        }
        filled
    }

    /// Takes up to `max` bytes from the front, without a copy; `None` when there are none.
    pub(crate) fn take(&mut self, max: usize) -> Option<Chunk> {
        let front = self.chunks.front_mut().filter(|_| max > 0)?;
        if front.len() > max {
            let head = front.slice(0..max);
            front.advance(max);
            Some(head)
        } else {
            self.pop_front()
        }
    }

    /// The byte `index` bytes behind the first.
    pub(crate) fn byte(&self, index: usize) -> Option<u8> {
        let mut left = index;
        for chunk in &self.chunks {
            match chunk.get(left) {
                Some(&byte) => return Some(byte),
                None => left -= chunk.len(),
            }
        }
        None
    }

    /// Bytes of memory that the views keep alive.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Copies neighbours that use less than half of their memory into common blocks.
    pub(crate) fn collapse(&mut self, pool: &mut Pool) {
        if let Some(only) = self.chunks.front()
            && self.chunks.len() == 1
            && only.true_size() <= dense_block_for(only.len())
        {
            // A few bytes in the smallest block there is: a copy would be no smaller.
            return;
        }
        let mut loose = Vec::new();
        for chunk in core::mem::take(self).chunks {
            if chunk.len() * WASTE_COLLAPSED_MAX < chunk.true_size() {
                loose.push(chunk);
            } else {
                self.append_copies(&loose, pool);
                loose.clear();
                self.append(chunk, pool);
            }
        }
        self.append_copies(&loose, pool);
    }

    /// Adds copies of `loose` in as few blocks as waste no more than half of them.
    fn append_copies(&mut self, loose: &[Chunk], pool: &mut Pool) {
        let mut left: usize = loose.iter().map(|chunk| chunk.len()).sum();
        let mut open: Option<(BlockMut, usize)> = None;
        for chunk in loose {
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let (block, filled) =
                    open.get_or_insert_with(|| (pool.take(dense_block_for(left)), 0));
                let (head, tail) = rest.split_at(rest.len().min(block.capacity() - *filled));
                block.bytes_mut()[*filled..*filled + head.len()].copy_from_slice(head);
                *filled += head.len();
                left -= head.len();
                rest = tail;
                if *filled == block.capacity() || left == 0 {
                    let (block, filled) = open.take().expect("opened above");
                    let copy = pool.freeze(block, 0..filled);
                    self.append(copy, pool);
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn front(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// Gives the list, which has to be empty, to others.
    pub(crate) fn give_to(&mut self, pool: &mut Pool) {
        assert!(self.chunks.is_empty(), "text is not given away");
        pool.texts.give(core::mem::take(&mut self.chunks));
    }

    fn take_from(&mut self, pool: &mut Pool) {
        if self.chunks.capacity() == 0 {
            self.chunks = pool.texts.take().unwrap_or_default();
        }
    }

    fn append(&mut self, chunk: Chunk, pool: &mut Pool) {
        self.take_from(pool);
        self.memory += chunk.true_size();
        self.chunks.push_back(chunk);
    }

    fn prepend(&mut self, chunk: Chunk, pool: &mut Pool) {
        self.take_from(pool);
        self.memory += chunk.true_size();
        self.chunks.push_front(chunk);
    }

    fn pop_front(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.memory -= chunk.true_size();
        Some(chunk)
    }

    fn pop_back(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_back()?;
        self.memory -= chunk.true_size();
        Some(chunk)
    }
}

/// Whether a view keeps much more memory alive than it shows.
pub(crate) fn is_wasteful(chunk: &Chunk) -> bool {
    chunk.len() * WASTE_MAX < chunk.true_size().max(SMALL)
}

/// The block size in which `len` bytes, or the first of them, waste little.
pub(crate) fn block_for(len: usize) -> usize {
    block_with(len, WASTE_MAX)
}

/// A copy of two views in one block; together they have at most [`LARGE`] bytes.
pub(crate) fn concatenate(left: &Chunk, right: &Chunk, pool: &mut Pool) -> Chunk {
    let (middle, len) = (left.len(), left.len() + right.len());
    let mut block = pool.take(len);
    let bytes = block.bytes_mut();
    bytes[..middle].copy_from_slice(left);
    bytes[middle..len].copy_from_slice(right);
    pool.freeze(block, 0..len)
}

fn dense_block_for(len: usize) -> usize {
    block_with(len, WASTE_COLLAPSED_MAX)
}

/// The largest block of which `len` bytes use at least one part in `waste`.
fn block_with(len: usize, waste: usize) -> usize {
    [LARGE, MEDIUM]
        .into_iter()
        .find(|&size| len >= size / waste)
        .unwrap_or(SMALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Views of `len` bytes, each of which keeps a block of `block` bytes alive.
    fn loose(count: usize, len: usize, block: usize, pool: &mut Pool) -> TextQueue {
        let mut queue = TextQueue::default();
        for index in 0..count {
            let mut space = pool.take(block);
            let byte = u8::try_from(index % 251).expect("below 251");
            space.bytes_mut()[..len].fill(byte);
            let chunk = pool.freeze(space, 0..len);
            queue.append(chunk, pool);
        }
        queue
    }

    #[test]
    fn collapsing_halves_the_memory_and_keeps_every_byte() {
        for (count, len, block) in [
            (100, 513, MEDIUM),
            (1, 513, MEDIUM),
            (3, 65, SMALL),
            (1_000, 65, SMALL),
            (9, LARGE / 3, LARGE),
            (50, 1_500, MEDIUM),
        ] {
            let mut pool = Pool::default();
            let mut queue = loose(count, len, block, &mut pool);
            let before = queue.memory();
            queue.collapse(&mut pool);
            let bytes = count * len;
            assert!(queue.memory() <= before.min(2 * bytes + MEDIUM));
            let sizes = queue.chunks.iter().map(Chunk::true_size);
            assert_eq!(queue.memory(), sizes.sum::<usize>());
            let mut read = alloc::vec![0; bytes + 1];
            assert_eq!(queue.read(&mut read), bytes);
            let in_order = |(at, &byte): (usize, &u8)| usize::from(byte) == at / len % 251;
            assert!(read[..bytes].iter().enumerate().all(in_order));
            assert_eq!(queue.memory(), 0);
        }
    }

    #[test]
    fn memory_is_counted_through_every_verb() {
        let mut pool = Pool::default();
        let mut queue = TextQueue::default();
        for len in [1, 200, 2_000, 3, 60_000] {
            queue.push(pool.copy_from(&alloc::vec![7; len]), &mut pool);
            queue.push_front(pool.copy_from(&alloc::vec![7; len]), &mut pool);
        }
        let mut other = TextQueue::default();
        other.push(pool.copy_from(&[7; 50]), &mut pool);
        queue.join(other, &mut pool);
        let counted = |queue: &TextQueue| -> usize {
            let sizes = queue.chunks.iter().map(Chunk::true_size);
            sizes.sum()
        };
        assert_eq!(queue.memory(), counted(&queue));
        while queue.take(1_000).is_some() {
            assert_eq!(queue.memory(), counted(&queue));
        }
        assert_eq!(queue.memory(), 0);
    }
}
