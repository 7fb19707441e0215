//! `Text`: what one segment carries, or what several do that were merged on their way in.
//!
//! Where in the stream it lies is the segment's to know; what was received is kept in `text_queue`.

use alloc::vec::Vec;
use core::mem;

use handfast_packet::buf::Chunk;

use crate::pool::Pool;

/// Consecutive text as views of received frames, in order. One view costs no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    first: Chunk,
    /// What follows the first. None of them is empty.
    more: Vec<Chunk>,
    len: usize,
}

impl Text {
    /// Adds text behind what is there; the list comes from `pool`.
    pub(crate) fn append(&mut self, other: &mut Self, pool: &mut Pool) {
        let other = mem::take(other);
        self.len += other.len;
        if self.more.capacity() == 0 {
            self.more = pool.runs.take().unwrap_or_default();
        }
        self.more.push(other.first);
        self.more.extend(other.more);
    }

    /// Keeps only the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.len > len {
            let last = self.more.last_mut().unwrap_or(&mut self.first);
            let excess = (self.len - len).min(last.len());
            last.truncate(last.len() - excess);
            self.len -= excess;
            if last.is_empty() {
                self.more.pop();
            }
        }
    }

    /// Hands over each view in turn; the list goes back to `pool` for the next run.
    pub(crate) fn drain(mut self, pool: &mut Pool, mut each: impl FnMut(Chunk, &mut Pool)) {
        each(self.first, pool);
        for chunk in self.more.drain(..) {
            each(chunk, pool);
        }
        pool.runs.give(self.more);
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it, where it is one view; `None` for what was merged.
    pub fn whole(&self) -> Option<&[u8]> {
        self.more.is_empty().then_some(&self.first[..])
    }
}

impl From<Chunk> for Text {
    fn from(first: Chunk) -> Self {
        Self {
            len: first.len(),
            first,
            more: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[&[u8]], pool: &mut Pool) -> Text {
        let mut pieces = pieces
            .iter()
            .map(|piece| Text::from(Chunk::copy_from(piece)));
        let mut text = pieces.next().unwrap_or_default();
        for mut piece in pieces {
            text.append(&mut piece, pool);
        }
        text
    }

    fn bytes(text: Text) -> Vec<u8> {
        let mut bytes = Vec::new();
        text.drain(&mut Pool::default(), |chunk, _| {
            bytes.extend_from_slice(&chunk);
        });
        bytes
    }

    #[test]
    fn pieces_are_kept_in_order_and_cut_from_the_end() {
        let pool = &mut Pool::default();
        for (len, left) in [
            (9, "abcdef"),
            (6, "abcdef"),
            (4, "abcd"),
            (3, "abc"),
            (0, ""),
        ] {
            let mut text = text(&[b"abc", b"de", b"f"], pool);
            text.truncate(len);
            assert_eq!(text.len(), left.len());
            assert_eq!(text.is_empty(), left.is_empty());
            assert_eq!(bytes(text), left.as_bytes());
        }
    }

    #[test]
    fn the_list_of_a_run_is_used_again() {
        let pool = &mut Pool::default();
        let first = text(&[b"a", b"b"], pool);
        let list = first.more.as_ptr();
        first.drain(pool, |_, _| {});
        assert_eq!(text(&[b"c", b"d"], pool).more.as_ptr(), list);
    }
}
