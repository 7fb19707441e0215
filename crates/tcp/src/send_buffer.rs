//! The bytes that the application has written and the peer has not acknowledged.
//!
//! Each byte is copied once, into a block that is shared by reference count as soon as it is
//! sent. What is sent when is not decided here.

use alloc::collections::VecDeque;
use core::fmt;

use handfast_packet::buf::{BlockMut, Chunk, MEDIUM, PAYLOAD_MAX, Payload};

use crate::pool::Pool;
use crate::seq::Offset;
use crate::text_queue::{block_for, concatenate, is_wasteful};

/// Send buffer of one connection.
///
/// The chunks are ascending and gapless. Small neighbours are merged before they are first
/// shared, so that two neighbours together hold more than [`MEDIUM`] bytes: the number of chunks
/// is bounded by the capacity.
pub(crate) struct SendBuffer {
    /// Shared bytes, each chunk with the offset of its first byte.
    chunks: VecDeque<(Offset, Chunk)>,
    /// The newest bytes, not shared yet: a block and how much of it is filled.
    tail: Option<(BlockMut, usize)>,
    /// The first byte kept. It may lie inside the first chunk.
    start: Offset,
    /// Behind the last byte in `chunks`; the tail begins here.
    shared: Offset,
    /// Behind the last byte written.
    end: Offset,
    /// Behind the last byte that was ever looked at.
    viewed: Offset,
    capacity: usize,
}

impl SendBuffer {
    /// An empty buffer for at most `capacity` bytes, of which the first will be at `first`.
    pub(crate) fn new(first: Offset, capacity: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            tail: None,
            start: first,
            shared: first,
            end: first,
            viewed: first,
            capacity,
        }
    }

    /// Copies as many of `bytes` as there is room for; returns how many.
    pub(crate) fn write(&mut self, bytes: &[u8], pool: &mut Pool) -> usize {
        let taken = bytes.len().min(self.room());
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let unseen = count(self.viewed.max(self.start), self.end);
            let (block, filled) = self
                .tail
                .get_or_insert_with(|| (pool.take(block_for(rest.len() + unseen)), 0));
            let (head, others) = rest.split_at(rest.len().min(block.capacity() - *filled));
            block.bytes_mut()[*filled..*filled + head.len()].copy_from_slice(head);
            *filled += head.len();
            self.end += head.len() as u64;
            rest = others;
            if *filled == block.capacity() {
                self.share_tail(pool);
            }
        }
        taken
    }

    /// Takes as much of `chunk` as there is room for, without a copy unless the chunk keeps far
    /// more memory alive than it shows; returns how many bytes were taken.
    pub(crate) fn push_chunk(&mut self, mut chunk: Chunk, pool: &mut Pool) -> usize {
        chunk.truncate(self.room());
        if chunk.is_empty() {
            return 0;
        }
        if is_wasteful(&chunk) {
            return self.write(&chunk, pool);
        }
        self.share_tail(pool);
        let len = chunk.len();
        self.end += len as u64;
        self.share(chunk, pool);
        len
    }

    /// Up to `max` bytes from `from` on: fewer at the end of the buffer and at the limits of a
    /// payload.
    ///
    /// # Panics
    /// When `from` is released already.
    pub(crate) fn view(&mut self, from: Offset, max: usize, pool: &mut Pool) -> Payload {
        assert!(self.start <= from, "released bytes are never sent again");
        let mut payload = Payload::new();
        let wanted = max.min(PAYLOAD_MAX);
        if from + wanted as u64 > self.shared {
            self.share_tail(pool);
        }
        let mut at = from;
        let index = self
            .chunks
            .partition_point(|(start, chunk)| *start + chunk.len() as u64 <= at);
        for (start, chunk) in self.chunks.range(index..) {
            let skip = count(*start, at);
            let until = chunk.len().min(skip + wanted - payload.len());
            let added = payload.push(chunk.slice(skip..until));
            at += added as u64;
            if added < chunk.len() - skip {
                break;
            }
        }
        self.viewed = self.viewed.max(at);
        payload
    }

    /// Lets go of everything before `offset`: the peer has it.
    ///
    /// # Panics
    /// When nothing was written there yet.
    pub(crate) fn release_until(&mut self, offset: Offset) {
        assert!(
            offset <= self.end,
            "only what was written can be acknowledged"
        );
        self.start = self.start.max(offset);
        let gone = |(start, chunk): &(Offset, Chunk)| *start + chunk.len() as u64 <= offset;
        while self.chunks.front().is_some_and(gone) {
            self.chunks.pop_front();
        }
        if offset == self.end {
            self.tail = None;
            self.shared = self.end;
        }
    }

    /// Something may have been released: an empty list is for others.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        if self.chunks.is_empty() && self.chunks.capacity() > 0 {
            pool.writings.give(core::mem::take(&mut self.chunks));
        }
    }

    /// Behind the last byte written.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Bytes kept.
    pub(crate) fn len(&self) -> usize {
        count(self.start, self.end)
    }

    /// Bytes that it may keep.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// From now on at most `capacity` bytes may be kept; what is too much already stays.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Bytes that can still be written.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len())
    }

    fn share_tail(&mut self, pool: &mut Pool) {
        if let Some((block, filled)) = self.tail.take() {
            let chunk = pool.freeze(block, 0..filled);
            self.share(chunk, pool);
        }
    }

    /// Adds to the shared chunks, merging small neighbours. Whoever holds a view of the old ones
    /// keeps it.
    fn share(&mut self, chunk: Chunk, pool: &mut Pool) {
        let at = self.shared;
        self.shared += chunk.len() as u64;
        match self.chunks.back_mut() {
            Some((_, last)) if last.len() + chunk.len() <= MEDIUM => {
                *last = concatenate(last, &chunk, pool);
            }
            _ => {
                if self.chunks.capacity() == 0 {
                    self.chunks = pool.writings.take().unwrap_or_default();
                }
                self.chunks.push_back((at, chunk));
            }
        }
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start.get(), self.end.get());
        write!(
            f,
            "SendBuffer({start}..{end} in {} chunks)",
            self.chunks.len()
        )
    }
}

/// The distance of two offsets of which both lie in one buffer.
fn count(from: Offset, to: Offset) -> usize {
    usize::try_from(to - from).expect("a buffer is smaller than the address space")
}

#[cfg(test)]
mod tests;
