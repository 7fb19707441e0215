//! A table that grows piece by piece: what is in it never moves, nothing is copied when it grows, and
//! no more than a piece of it is in vain.

use alloc::vec::Vec;

/// Values in one piece.
const PIECE_LEN: usize = 64;

/// Values by index, from 0 on without gaps.
#[derive(Debug)]
pub(crate) struct Pieces<T> {
    /// All are full but the last.
    pieces: Vec<Vec<T>>,
    len: usize,
}

impl<T> Pieces<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pieces: Vec::new(),
            len: 0,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds one more, and returns its index.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let index = u32::try_from(self.len).expect("tables are limited far below 2^32");
        self.len += 1;
        let full = |piece: &Vec<T>| piece.len() == PIECE_LEN;
        if self.pieces.last().is_none_or(full) {
            self.pieces.push(Vec::with_capacity(PIECE_LEN));
        }
        let last = self.pieces.last_mut().expect("one was added above");
        last.push(value);
        index
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let index = position(index);
        self.pieces.get(index / PIECE_LEN)?.get(index % PIECE_LEN)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = position(index);
        let piece = self.pieces.get_mut(index / PIECE_LEN)?;
        piece.get_mut(index % PIECE_LEN)
    }

    /// The value at `index`; when there is none yet, all up to it become `fill`.
    pub(crate) fn reach(&mut self, index: u32, fill: T) -> &mut T
    where
        T: Copy,
    {
        if self.len <= position(index) {
            self.grow(index, fill);
        }
        self.get_mut(index).expect("it was added above")
    }

    #[cold]
    fn grow(&mut self, index: u32, fill: T)
    where
        T: Copy,
    {
        while self.len <= position(index) {
            self.push(fill);
        }
    }
}

fn position(index: u32) -> usize {
    usize::try_from(index).expect("pointers have at least 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_where_they_are() {
        let mut pieces = Pieces::new();
        assert_eq!((pieces.len(), pieces.get(0)), (0, None));
        let first: *const u32 = pieces.reach(0, 7);
        for index in 1..1_000 {
            assert_eq!(pieces.push(index), index);
        }
        assert_eq!(first, core::ptr::from_ref(pieces.get(0).unwrap()));
        *pieces.get_mut(64).unwrap() = 9;
        let found = [0, 63, 64, 999, 1_000].map(|index| pieces.get(index).copied());
        assert_eq!(found, [Some(7), Some(63), Some(9), Some(999), None]);
        assert_eq!((*pieces.reach(1_200, 5), pieces.len()), (5, 1_201));
        assert_eq!(pieces.get(1_000), Some(&5));
    }
}
