//! The bytes that the application has written and the peer has not acknowledged.
//!
//! Each byte is copied once, into a block that is shared by reference count as soon as it is
//! sent. What is sent when is not decided here.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;

use handfast_packet::buf::{BlockMut, Chunk, MEDIUM, PAYLOAD_MAX, Payload};

use crate::lent::{Lend, Lent};
use crate::pool::{Pool, Spare, Spares};
use crate::seq::Offset;
use crate::text_queue::{block_for, concatenate, is_wasteful};

/// Send buffer of one connection.
pub(crate) struct SendBuffer {
    /// Behind the last byte written.
    end: Offset,
    capacity: usize,
    /// There while a byte is kept.
    written: Lent<Written>,
}

/// The bytes of a buffer that is not empty.
///
/// The chunks are ascending and gapless. Small neighbours are merged before they are first
/// shared, so that two neighbours together hold more than [`MEDIUM`] bytes: the number of chunks
/// is bounded by the capacity.
#[derive(Debug, Default)]
pub(crate) struct Written {
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
}

impl SendBuffer {
    /// An empty buffer for at most `capacity` bytes, of which the first will be at `first`.
    pub(crate) fn new(first: Offset, capacity: usize) -> Self {
        Self {
            end: first,
            capacity,
            written: Lent::default(),
        }
    }

    /// Copies as many of `bytes` as there is room for; returns how many.
    pub(crate) fn write(&mut self, bytes: &[u8], pool: &mut Pool) -> usize {
        let taken = bytes.len().min(self.room());
        if taken > 0 {
            self.written(pool).write(&bytes[..taken], pool);
            self.end += taken as u64;
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
        let len = chunk.len();
        self.written(pool).push_chunk(chunk, pool);
        self.end += len as u64;
        len
    }

    /// Up to `max` bytes from `from` on: fewer at the end of the buffer and at the limits of a
    /// payload.
    ///
    /// # Panics
    /// When `from` is released already.
    pub(crate) fn view(&mut self, from: Offset, max: usize, pool: &mut Pool) -> Payload {
        assert!(self.start() <= from, "released bytes are never sent again");
        match self.written.get_mut() {
            Some(written) => written.view(from, max.min(PAYLOAD_MAX), pool),
            None => Payload::new(),
        }
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
        if let Some(written) = self.written.get_mut() {
            written.release_until(offset);
        }
    }

    /// Something may have been released: what is empty is for others.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        self.written.settle(pool);
    }

    /// Behind the last byte written.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Bytes kept.
    pub(crate) fn len(&self) -> usize {
        let written = self.written.get();
        count(written.start, written.end)
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

    /// The first byte kept.
    fn start(&self) -> Offset {
        match self.written.get().start {
            Offset::ZERO => self.end,
            start => start,
        }
    }

    /// Where to put what is written.
    fn written(&mut self, pool: &mut Pool) -> &mut Written {
        let end = self.end;
        let written = self.written.put_from(pool);
        if written.end != end {
            written.begin(end);
        }
        written
    }
}

impl Written {
    /// Nothing is kept, and the first byte will be at `first`.
    fn begin(&mut self, first: Offset) {
        (self.start, self.shared) = (first, first);
        (self.end, self.viewed) = (first, first);
    }

    fn write(&mut self, bytes: &[u8], pool: &mut Pool) {
        let mut rest = bytes;
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
    }

    fn push_chunk(&mut self, chunk: Chunk, pool: &mut Pool) {
        if is_wasteful(&chunk) {
            return self.write(&chunk, pool);
        }
        self.share_tail(pool);
        self.end += chunk.len() as u64;
        self.share(chunk, pool);
    }

    fn view(&mut self, from: Offset, wanted: usize, pool: &mut Pool) -> Payload {
        let mut payload = Payload::new();
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

    fn release_until(&mut self, offset: Offset) {
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
            _ => self.chunks.push_back((at, chunk)),
        }
    }
}

impl Spare for Written {
    fn bytes(&self) -> usize {
        self.chunks.bytes()
    }
}

impl Lend for Written {
    const NOTHING: &'static Self = &Self {
        chunks: VecDeque::new(),
        tail: None,
        start: Offset::ZERO,
        shared: Offset::ZERO,
        end: Offset::ZERO,
        viewed: Offset::ZERO,
    };

    fn is_nothing(&self) -> bool {
        self.start == self.end
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.tail = None;
        (self.start, self.end) = (Offset::ZERO, Offset::ZERO);
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.writings
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start().get(), self.end.get());
        let chunks = self.written.get().chunks.len();
        write!(f, "SendBuffer({start}..{end} in {chunks} chunks)")
    }
}

/// The distance of two offsets of which both lie in one buffer.
fn count(from: Offset, to: Offset) -> usize {
    usize::try_from(to - from).expect("a buffer is smaller than the address space")
}

#[cfg(test)]
mod tests;
