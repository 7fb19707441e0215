//! Received text: what is in order and unread, and what came too early.
//!
//! The first bytes to arrive win where segments overlap. How far text may reach (the window) is
//! decided by the caller. Memory follows the bytes held, not the segments that brought them: see
//! [`TextQueue`].

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use handfast_packet::buf::{Chunk, LARGE};

use crate::lent::{Lend, Lent};
use crate::pool::{Pool, Spare, Spares};
use crate::seq::Offset;
use crate::text::Text;
use crate::text_queue::{TextQueue, WASTE_MAX};

/// Most separate ranges beyond a hole. Real losses make a few; more is an attack on our memory,
/// and what would create another range is dropped, as RFC 2018 section 8 permits.
pub(crate) const OUT_OF_ORDER_RANGES_MAX: usize = 1_024;

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

impl Inserted {
    /// What the insertion of text directly behind did: whether that began out of order does not
    /// count.
    fn add(&mut self, next: &Self) {
        self.new_bytes += next.new_bytes;
        self.filled_hole |= next.filled_hole;
        self.duplicate = match (self.duplicate, next.duplicate) {
            (Some((start, end)), Some(more)) if end == more.0 => Some((start, more.1)),
            (first, more) => first.or(more),
        };
    }
}

/// Reassembly of one direction of one connection.
#[derive(Debug)]
pub(crate) struct Reassembler {
    readable: usize,
    /// Behind the last byte in order.
    next: Offset,
    held: Lent<Held>,
}

/// Text that waits.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// In order and unread.
    ready: TextQueue,
    /// What lies beyond holes: ascending, and neither touching each other nor what is in order.
    early: VecDeque<Run>,
    /// The memory that was left when it was last collapsed.
    collapsed: usize,
}

impl Spare for Held {
    fn bytes(&self) -> usize {
        self.ready.bytes() + self.early.bytes()
    }
}

impl Lend for Held {
    const NOTHING: &'static Self = &Self {
        ready: TextQueue::EMPTY,
        early: VecDeque::new(),
        collapsed: 0,
    };

    fn is_nothing(&self) -> bool {
        self.ready.is_empty() && self.early.is_empty()
    }

    fn clear(&mut self) {
        self.ready.clear();
        self.early.clear();
        self.collapsed = 0;
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.held
    }
}

/// Contiguous text beyond a hole.
#[derive(Debug)]
struct Run {
    start: Offset,
    end: Offset,
    text: TextQueue,
}

impl Reassembler {
    /// Nothing received yet; the first byte expected is `next`.
    pub(crate) fn new(next: Offset) -> Self {
        Self {
            readable: 0,
            next,
            held: Lent::default(),
        }
    }

    /// Takes the text of a segment that begins at `at`.
    pub(crate) fn insert_text(&mut self, mut at: Offset, text: Text, pool: &mut Pool) -> Inserted {
        let mut whole: Option<Inserted> = None;
        text.drain(pool, |chunk, pool| {
            let end = at + chunk.len() as u64;
            let inserted = self.insert(at, chunk, pool);
            match &mut whole {
                Some(whole) => whole.add(&inserted),
                None => whole = Some(inserted),
            }
            at = end;
        });
        whole.unwrap_or_default()
    }

    /// Takes text that begins at `at`.
    fn insert(&mut self, at: Offset, text: Chunk, pool: &mut Pool) -> Inserted {
        let end = at + text.len() as u64;
        if at == self.next && self.early().is_empty() {
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
            let index = self.early().partition_point(|run| run.end <= from);
            let covered = self
                .early()
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
        let Some(held) = self.held.get_mut() else {
            return 0;
        };
        let count = held.ready.read(out);
        self.readable -= count;
        count
    }

    /// Copies unread bytes in order into `out` and leaves them unread; returns how many.
    pub(crate) fn peek(&self, out: &mut [u8]) -> usize {
        self.held.get().ready.peek(out)
    }

    /// Takes up to `max` unread bytes in order, without a copy; `None` when there are none.
    pub(crate) fn read_chunk(&mut self, max: usize) -> Option<Chunk> {
        let chunk = self.held.get_mut()?.ready.take(max)?;
        self.readable -= chunk.len();
        Some(chunk)
    }

    /// Text may have been read: an empty list is for others.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        self.held.settle(pool);
    }

    /// Makes room when views keep more than `limit` bytes of memory alive, or a few blocks: what
    /// is held loosely is copied closer together. No byte of text is given up.
    ///
    /// Afterwards the memory is at most about twice the text, or a small block for each range, so
    /// with a limit of twice the window each byte is copied a few times at most, whatever pieces
    /// the peer cuts. What could not be made smaller is not tried again with each segment, but when
    /// half the limit has come on top.
    pub(crate) fn collapse(&mut self, limit: usize, pool: &mut Pool) {
        let limit = limit.max(2 * LARGE);
        let limit = limit.max(self.held.get().collapsed + limit / 2);
        let beyond = self
            .early()
            .back()
            .map_or(0, |run| length(self.next, run.end));
        // What lies beyond holes wastes no more than this, so counting it can often be spared.
        let ready = self.held.get().ready.memory();
        if ready + beyond * WASTE_MAX <= limit || self.memory() <= limit {
            return;
        }
        let held = self.held.put();
        held.ready.collapse(pool);
        for run in &mut held.early {
            run.text.collapse(pool);
        }
        let memory = self.memory();
        self.held.put().collapsed = memory;
    }

    /// Bytes of memory that the text keeps alive: whole blocks.
    pub(crate) fn memory(&self) -> usize {
        let early = self.early().iter().map(|run| run.text.memory());
        self.held.get().ready.memory() + early.sum::<usize>()
    }

    /// The byte at `at`, if it is here and unread.
    pub(crate) fn byte_at(&self, at: Offset) -> Option<u8> {
        let first = self.next.get() - self.readable as u64;
        if at < self.next {
            let index = at.get().checked_sub(first)?;
            return self.held.get().ready.byte(usize::try_from(index).ok()?);
        }
        let index = self.early().partition_point(|run| run.end <= at);
        let run = self.early().get(index).filter(|run| run.start <= at)?;
        run.text.byte(length(run.start, at))
    }

    /// Forgets all text: nobody will read it.
    pub(crate) fn discard(&mut self) {
        self.readable = 0;
        self.held = Lent::default();
    }

    /// The first byte in order that is not here yet.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// Behind the last byte that is here, in order or not.
    pub(crate) fn end(&self) -> Offset {
        self.early().back().map_or(self.next, |run| run.end)
    }

    /// Bytes in order and unread.
    pub(crate) fn readable(&self) -> usize {
        self.readable
    }

    /// Whether anything lies beyond a hole.
    pub(crate) fn has_holes(&self) -> bool {
        !self.early().is_empty()
    }

    /// From the first hole to the last byte beyond it: bytes that reading cannot free.
    pub(crate) fn beyond_gaps(&self) -> u64 {
        self.end() - self.next
    }

    /// The ranges beyond holes, ascending; none touches another.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (Offset, Offset)> {
        self.early().iter().map(|run| (run.start, run.end))
    }

    /// The range beyond a hole in which `offset` lies.
    pub(crate) fn range_at(&self, offset: Offset) -> Option<(Offset, Offset)> {
        let index = self.early().partition_point(|run| run.end <= offset);
        let run = self.early().get(index).filter(|run| run.start <= offset)?;
        Some((run.start, run.end))
    }

    fn append(&mut self, text: Chunk, pool: &mut Pool) {
        self.next += text.len() as u64;
        self.readable += text.len();
        self.held.put_from(pool).ready.push(text, pool);
    }

    fn early(&self) -> &VecDeque<Run> {
        &self.held.get().early
    }

    /// Puts a piece where nothing is yet: behind the text in order, at either end of a run, or as
    /// a run of its own. Returns how many bytes were taken.
    fn insert_piece(&mut self, at: Offset, piece: Chunk, pool: &mut Pool) -> u64 {
        let len = piece.len() as u64;
        if at == self.next {
            self.append(piece, pool);
            return len;
        }
        let index = self.early().partition_point(|run| run.end < at);
        let early = &mut self.held.put_from(pool).early;
        let touches_left = early.get(index).is_some_and(|run| run.end == at);
        if touches_left {
            let left = &mut early[index];
            left.end += len;
            left.text.push(piece, pool);
            join_with_next(early, index, pool);
            return len;
        }
        let full = early.len() == OUT_OF_ORDER_RANGES_MAX;
        match early.get_mut(index).filter(|run| run.start == at + len) {
            Some(right) => {
                right.start = at;
                right.text.push_front(piece, pool);
            }
            None if full => return 0,
            None => {
                let mut text = TextQueue::default();
                text.push(piece, pool);
                early.insert(
                    index,
                    Run {
                        start: at,
                        end: at + len,
                        text,
                    },
                );
            }
        }
        len
    }

    /// Makes one of the run at `index` and the one behind it, if they touch.
    /// Moves the first run to the text in order if the hole before it is filled.
    fn take_first_run(&mut self, pool: &mut Pool) -> bool {
        if self.early().front().is_none_or(|run| run.start > self.next) {
            return false;
        }
        let held = self.held.put();
        let run = held.early.pop_front().expect("there is a front");
        assert_eq!(run.start, self.next, "runs never overlap what is in order");
        self.readable += length(run.start, run.end);
        self.next = run.end;
        held.ready.join(run.text, pool);
        true
    }
}

/// The distance of two offsets of which both lie in one segment or in one window.
/// The run at `index` has grown to its right.
fn join_with_next(early: &mut VecDeque<Run>, index: usize, pool: &mut Pool) {
    let end = early[index].end;
    if early.get(index + 1).is_some_and(|run| run.start == end) {
        let right = early.remove(index + 1).expect("the run was found above");
        let left = &mut early[index];
        left.end = right.end;
        left.text.join(right.text, pool);
    }
}

fn length(from: Offset, to: Offset) -> usize {
    usize::try_from(to - from).expect("windows are below 2^30 bytes")
}

#[cfg(test)]
mod tests;
