//! Received text: what is in order and unread, and what came too early.
//!
//! The first bytes to arrive win where segments overlap. How far text may reach (the window) is
//! decided by the caller. Memory follows the bytes held, not the segments that brought them: see
//! [`store`].

use alloc::collections::VecDeque;

use handfast_packet::buf::{Chunk, LARGE, MEDIUM, Pool, SMALL};

use crate::seq::Offset;

/// Most separate ranges beyond a hole. Real losses make a few; more is an attack on our memory,
/// and what would create another range is dropped, as RFC 2018 section 8 permits.
pub(crate) const OUT_OF_ORDER_RANGES_MAX: usize = 1_024;

/// A view must use at least one part in this many of the memory that it keeps alive.
pub(crate) const WASTE_MAX: usize = 4;

/// What one insertion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inserted {
    /// Bytes that had not been here before.
    pub(crate) new_bytes: u64,
    /// The hole in front of something buffered earlier was filled.
    pub(crate) filled_hole: bool,
    /// The text began behind the next expected byte.
    pub(crate) out_of_order: bool,
    /// The first range of the text that had been received already (for D-SACK).
    pub(crate) duplicate: Option<(Offset, Offset)>,
}

/// Reassembly of one direction of one connection.
#[derive(Debug)]
pub(crate) struct Reassembler {
    /// In order and unread.
    ready: VecDeque<Chunk>,
    readable: usize,
    /// Behind the last byte in order.
    next: Offset,
    /// What lies beyond holes: ascending, and neither touching each other nor `next`.
    early: VecDeque<Run>,
}

/// Contiguous text beyond a hole.
#[derive(Debug)]
struct Run {
    start: Offset,
    end: Offset,
    chunks: VecDeque<Chunk>,
}

impl Reassembler {
    /// Nothing received yet; the first byte expected is `next`.
    pub(crate) fn new(next: Offset) -> Self {
        Self {
            ready: VecDeque::new(),
            readable: 0,
            next,
            early: VecDeque::new(),
        }
    }

    /// Takes the text of a segment that begins at `at`.
    pub(crate) fn insert(&mut self, at: Offset, text: Chunk, pool: &mut Pool) -> Inserted {
        let end = at + text.len() as u64;
        if at == self.next && self.early.is_empty() {
            self.append(text, pool);
            return Inserted {
                new_bytes: end - at,
                ..Inserted::default()
            };
        }
        let mut inserted = Inserted {
            out_of_order: at > self.next,
            ..Inserted::default()
        };
        if at < self.next && at < end {
            inserted.duplicate = Some((at, end.min(self.next)));
        }
        let mut from = at.max(self.next);
        while from < end {
            let index = self.early.partition_point(|run| run.end <= from);
            let covered = self
                .early
                .get(index)
                .map_or((end, end), |run| (run.start, run.end));
            let until = covered.0.min(end);
            if from < until {
                let piece = text.slice(length(at, from)..length(at, until));
                inserted.new_bytes += self.insert_piece(from, piece, pool);
                from = until;
            } else {
                let until = covered.1.min(end);
                inserted.duplicate = inserted.duplicate.or(Some((from, until)));
                from = until;
            }
        }
        inserted.filled_hole = self.take_first_run(pool);
        inserted
    }

    /// Copies unread bytes in order into `out`; returns how many.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(front), true) = (self.ready.front_mut(), filled < out.len()) {
            let count = front.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&front[..count]);
            filled += count;
            if count == front.len() {
                self.ready.pop_front();
            } else {
                front.advance(count);
            }
        }
        self.readable -= filled;
        filled
    }

    /// Copies unread bytes in order into `out` and leaves them unread; returns how many.
    pub(crate) fn peek(&self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        for chunk in &self.ready {
            let count = chunk.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&chunk[..count]);
            filled += count;
        }
        filled
    }

    /// Takes up to `max` unread bytes in order, without a copy; `None` when there are none.
    pub(crate) fn read_chunk(&mut self, max: usize) -> Option<Chunk> {
        let front = self.ready.front_mut().filter(|_| max > 0)?;
        let chunk = if front.len() > max {
            let head = front.slice(0..max);
            front.advance(max);
            head
        } else {
            self.ready.pop_front().expect("there is a front")
        };
        self.readable -= chunk.len();
        Some(chunk)
    }

    /// Forgets all text: nobody will read it.
    pub(crate) fn discard(&mut self) {
        self.ready = VecDeque::new();
        self.readable = 0;
        self.early = VecDeque::new();
    }

    /// The first byte in order that is not here yet.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// Bytes in order and unread.
    pub(crate) fn readable(&self) -> usize {
        self.readable
    }

    /// Whether anything lies beyond a hole.
    pub(crate) fn has_holes(&self) -> bool {
        !self.early.is_empty()
    }

    /// The ranges beyond holes, ascending; none touches another.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (Offset, Offset)> {
        self.early.iter().map(|run| (run.start, run.end))
    }

    /// The range beyond a hole in which `offset` lies.
    pub(crate) fn range_at(&self, offset: Offset) -> Option<(Offset, Offset)> {
        let index = self.early.partition_point(|run| run.end <= offset);
        let run = self.early.get(index).filter(|run| run.start <= offset)?;
        Some((run.start, run.end))
    }

    fn append(&mut self, text: Chunk, pool: &mut Pool) {
        self.next += text.len() as u64;
        self.readable += text.len();
        store(&mut self.ready, text, pool);
    }

    /// Puts a piece where nothing is yet: behind the text in order, at either end of a run, or as
    /// a run of its own. Returns how many bytes were taken.
    fn insert_piece(&mut self, at: Offset, piece: Chunk, pool: &mut Pool) -> u64 {
        let len = piece.len() as u64;
        if at == self.next {
            self.append(piece, pool);
            return len;
        }
        let index = self.early.partition_point(|run| run.end < at);
        let touches_left = self.early.get(index).is_some_and(|run| run.end == at);
        if touches_left {
            let left = &mut self.early[index];
            left.end += len;
            store(&mut left.chunks, piece, pool);
            self.join_with_next(index, pool);
            return len;
        }
        let full = self.early.len() == OUT_OF_ORDER_RANGES_MAX;
        match self
            .early
            .get_mut(index)
            .filter(|run| run.start == at + len)
        {
            Some(right) => {
                right.start = at;
                store_front(&mut right.chunks, piece, pool);
            }
            None if full => return 0,
            None => {
                let mut chunks = VecDeque::new();
                store(&mut chunks, piece, pool);
                self.early.insert(
                    index,
                    Run {
                        start: at,
                        end: at + len,
                        chunks,
                    },
                );
            }
        }
        len
    }

    /// Makes one of the run at `index` and the one behind it, if they touch.
    fn join_with_next(&mut self, index: usize, pool: &mut Pool) {
        let end = self.early[index].end;
        if self
            .early
            .get(index + 1)
            .is_some_and(|run| run.start == end)
        {
            let right = self
                .early
                .remove(index + 1)
                .expect("the run was found above");
            let left = &mut self.early[index];
            left.end = right.end;
            join(&mut left.chunks, right.chunks, pool);
        }
    }

    /// Moves the first run to the text in order if the hole before it is filled.
    fn take_first_run(&mut self, pool: &mut Pool) -> bool {
        if self.early.front().is_none_or(|run| run.start > self.next) {
            return false;
        }
        let run = self.early.pop_front().expect("there is a front");
        assert_eq!(run.start, self.next, "runs never overlap what is in order");
        self.readable += length(run.start, run.end);
        self.next = run.end;
        join(&mut self.ready, run.chunks, pool);
        true
    }
}

/// The distance of two offsets of which both lie in one segment or in one window.
fn length(from: Offset, to: Offset) -> usize {
    usize::try_from(to - from).expect("windows are below 2^30 bytes")
}

/// Whether a view keeps much more memory alive than it shows.
pub(crate) fn is_wasteful(chunk: &Chunk) -> bool {
    chunk.len() * WASTE_MAX < chunk.true_size().max(SMALL)
}

/// The block size in which `len` bytes, or the first of them, waste little.
pub(crate) fn block_for(len: usize) -> usize {
    [LARGE, MEDIUM]
        .into_iter()
        .find(|&size| len >= size / WASTE_MAX)
        .unwrap_or(SMALL)
}

/// Adds a view at the end of a queue.
///
/// A view that wastes memory is copied: together with the view before it when both are small, or
/// into blocks that fit. So a flood of tiny segments costs a few times its bytes, and never a
/// block for each segment.
fn store(queue: &mut VecDeque<Chunk>, chunk: Chunk, pool: &mut Pool) {
    if !is_wasteful(&chunk) {
        queue.push_back(chunk);
    } else if let Some(last) = queue
        .back_mut()
        .filter(|last| last.len() + chunk.len() <= MEDIUM)
    {
        *last = concatenate(last, &chunk, pool);
    } else {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(block_for(rest.len())));
            queue.push_back(pool.copy_from(head));
            rest = tail;
        }
    }
}

/// Adds a view at the front of a queue, as [`store`] does at its end.
fn store_front(queue: &mut VecDeque<Chunk>, chunk: Chunk, pool: &mut Pool) {
    if !is_wasteful(&chunk) {
        queue.push_front(chunk);
    } else if let Some(first) = queue
        .front_mut()
        .filter(|next| next.len() + chunk.len() <= MEDIUM)
    {
        *first = concatenate(&chunk, first, pool);
    } else {
        let mut copies = VecDeque::new();
        store(&mut copies, chunk, pool);
        copies.append(queue);
        *queue = copies;
    }
}

/// Puts `right` behind `left`; the shorter of the two is moved.
fn join(left: &mut VecDeque<Chunk>, mut right: VecDeque<Chunk>, pool: &mut Pool) {
    if let Some(first) = right.pop_front() {
        store(left, first, pool);
    }
    if left.len() >= right.len() {
        left.append(&mut right);
    } else {
        while let Some(last) = left.pop_back() {
            right.push_front(last);
        }
        core::mem::swap(left, &mut right);
    }
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

#[cfg(test)]
mod tests;
