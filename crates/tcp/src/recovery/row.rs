//! A row of things in the order of the stream, that comes and goes at its ends most of the time and
//! is cut in the middle when a peer wants it. It reuses its memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::seq::Offset;

/// Most items in a block. Few enough that moving half of them is cheap, and so many that a cut seldom
/// makes another block, for which those behind it move.
const BLOCK: usize = 64;

/// What has a place in the stream.
pub(super) trait Placed: Copy {
    /// By this the row is ascending; no two items have the same.
    fn place(&self) -> Offset;
}

/// Where an item of a row is, or where one would be. Holds until the row grows or shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    block: usize,
    index: usize,
}

impl Spot {
    pub(super) const FIRST: Self = Self { block: 0, index: 0 };
}

/// Items in ascending order, in blocks of at most [`BLOCK`]. Both ends take constant time, and what
/// is found or cut elsewhere a logarithm and a block: the peer chooses where that is.
#[derive(Debug)]
pub(super) struct Row<T> {
    /// None of them is empty.
    blocks: VecDeque<Block<T>>,
    /// Blocks that were emptied.
    spare: Vec<Block<T>>,
}

/// A part of a row.
#[derive(Debug)]
struct Block<T> {
    /// At most [`BLOCK`].
    items: Vec<T>,
    /// So many of them are no longer there.
    gone: usize,
}

impl<T> Block<T> {
    const NEW: Self = Self {
        items: Vec::new(),
        gone: 0,
    };

    fn items(&self) -> &[T] {
        &self.items[self.gone..]
    }

    fn items_mut(&mut self) -> &mut [T] {
        &mut self.items[self.gone..]
    }

    fn len(&self) -> usize {
        self.items.len() - self.gone
    }

    /// Fills the place of what is gone.
    fn close_up(&mut self) {
        self.items.drain(..self.gone);
        self.gone = 0;
    }
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Row<T> {
    /// Without an item, and without memory.
    pub(super) const fn new() -> Self {
        Self {
            blocks: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// About so many bytes of memory it keeps while it is empty.
    pub(super) fn bytes(&self) -> usize {
        let last = self.spare.last().map_or(0, |block| block.items.capacity());
        self.spare.len() * (last * size_of::<T>() + size_of::<Block<T>>())
    }
}

impl<T: Placed> Row<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.blocks.front()?.items().first()
    }

    pub(super) fn last(&self) -> Option<&T> {
        self.blocks.back()?.items.last()
    }

    /// The first item whose place is behind `at`, or where one would be.
    pub(super) fn behind(&self, at: Offset) -> Spot {
        self.first_that(|place| place > at)
    }

    /// The first item whose place is `at` or behind it, or where one would be.
    pub(super) fn from(&self, at: Offset) -> Spot {
        self.first_that(|place| place >= at)
    }

    pub(super) fn get(&self, spot: Spot) -> Option<&T> {
        self.blocks.get(spot.block)?.items().get(spot.index)
    }

    pub(super) fn get_mut(&mut self, spot: Spot) -> Option<&mut T> {
        let block = self.blocks.get_mut(spot.block)?;
        block.items_mut().get_mut(spot.index)
    }

    /// Where the item before `spot` is.
    pub(super) fn before(&self, spot: Spot) -> Option<Spot> {
        if let Some(index) = spot.index.checked_sub(1) {
            return Some(Spot { index, ..spot });
        }
        let block = spot.block.checked_sub(1)?;
        let index = self.blocks[block].len() - 1;
        Some(Spot { block, index })
    }

    /// Adds an item behind all others.
    pub(super) fn push(&mut self, item: T) {
        match self.blocks.back_mut() {
            Some(last) if last.items.len() < BLOCK => last.items.push(item),
            _ => {
                let mut block = self.spare.pop().unwrap_or(Block::NEW);
                block.items.push(item);
                self.blocks.push_back(block);
            }
        }
    }

    /// Takes the first item out.
    pub(super) fn pop(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let item = block.items().first().copied();
        block.gone += 1;
        if block.gone == block.items.len() {
            self.retire(0);
        }
        item
    }

    /// Adds an item between that at `spot` and the one before it.
    pub(super) fn insert(&mut self, spot: Spot, item: T) {
        let Some(block) = self.blocks.get_mut(spot.block) else {
            return self.push(item);
        };
        block.close_up();
        if block.len() < BLOCK {
            return block.items.insert(spot.index, item);
        }
        let mut upper = self.spare.pop().unwrap_or(Block::NEW);
        upper.items.extend(block.items.drain(BLOCK / 2..));
        match spot.index.checked_sub(BLOCK / 2) {
            None | Some(0) => block.items.insert(spot.index, item),
            Some(index) => upper.items.insert(index, item),
        }
        self.blocks.insert(spot.block + 1, upper);
    }

    /// Takes the item at `spot` out.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn remove(&mut self, spot: Spot) {
        let block = &mut self.blocks[spot.block];
        block.items.remove(block.gone + spot.index);
        if block.len() == 0 {
            self.retire(spot.block);
        } else if !self.join(spot.block) && spot.block > 0 {
            self.join(spot.block - 1);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.blocks.iter().flat_map(Block::items)
    }

    /// The items from `spot` on.
    pub(super) fn iter_mut_from(&mut self, spot: Spot) -> impl Iterator<Item = &mut T> {
        let first = spot.block.min(self.blocks.len());
        let blocks = self.blocks.range_mut(first..);
        blocks.flat_map(Block::items_mut).skip(spot.index)
    }

    pub(super) fn clear(&mut self) {
        while !self.blocks.is_empty() {
            self.retire(self.blocks.len() - 1);
        }
    }

    /// The first item of which `test` holds; it holds of all behind it.
    fn first_that(&self, test: impl Fn(Offset) -> bool) -> Spot {
        // Most of what is looked for is at the front.
        if self.first().is_none_or(|first| test(first.place())) {
            return Spot::FIRST;
        }
        let before = |item: &T| !test(item.place());
        let block = match self.blocks.len() {
            1 => 0,
            _ => self
                .blocks
                .partition_point(|block| block.items.last().is_none_or(before)),
        };
        let found = self.blocks.get(block).map(Block::items);
        Spot {
            block,
            index: found.map_or(0, |items| items.partition_point(before)),
        }
    }

    /// Makes one of the block at `index` and the next when both are almost empty, as they would cost
    /// more than what they hold. Returns whether it did.
    fn join(&mut self, index: usize) -> bool {
        let len = |index: usize| self.blocks.get(index).map(Block::len);
        let joins = len(index)
            .zip(len(index + 1))
            .is_some_and(|(here, next)| here + next <= BLOCK / 2);
        if joins {
            let next = self.blocks.remove(index + 1).expect("it has a length");
            let here = &mut self.blocks[index];
            here.close_up();
            here.items.extend_from_slice(next.items());
            self.keep(next);
        }
        joins
    }

    /// Nothing in the block at `index` is needed any more.
    fn retire(&mut self, index: usize) {
        if let Some(block) = self.blocks.remove(index) {
            self.keep(block);
        }
    }

    fn keep(&mut self, mut block: Block<T>) {
        block.items.clear();
        block.gone = 0;
        self.spare.push(block);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Item(u64, usize);

    impl Placed for Item {
        fn place(&self) -> Offset {
            Offset::ZERO + self.0
        }
    }

    /// The same verbs on a tree.
    fn step(row: &mut Row<Item>, model: &mut BTreeMap<u64, Item>, what: u8, item: Item) {
        let (at, place) = (item.place(), item.0);
        let spot = row.from(at);
        let here = row.get(spot).copied();
        assert_eq!(
            here.as_ref(),
            model.range(place..).next().map(|(_, item)| item)
        );
        match what {
            0..=4 if here.is_none_or(|here| here.0 != place) => {
                row.insert(spot, item);
                model.insert(place, item);
            }
            0..=5 => {
                if let Some(here) = here {
                    row.remove(spot);
                    model.remove(&here.0);
                }
            }
            6 => assert_eq!(row.pop(), model.pop_first().map(|(_, item)| item)),
            7 if item.1 == 0 => {
                row.clear();
                model.clear();
            }
            7 => {
                let behind = model.last_key_value().map_or(0, |(last, _)| last + 1);
                let item = Item(behind + place % 3, item.1);
                row.push(item);
                model.insert(item.0, item);
            }
            _ => {
                for item in row.iter_mut_from(spot) {
                    item.1 += 1;
                }
                for (_, item) in model.range_mut(place..) {
                    item.1 += 1;
                }
            }
        }
    }

    proptest! {
            /// Against a tree, with so many items that blocks fill, are cut, and are joined.
            #[test]
            fn it_is_an_ordered_map(
                steps in proptest::collection::vec((0_u8..9, 0_u64..400, 0_usize..200), 0..600),
            ) {
                let (mut row, mut model) = (Row::default(), BTreeMap::new());
                for (what, place, value) in steps {
                    step(&mut row, &mut model, what, Item(place, value));
                    prop_assert!(row.blocks.iter().all(|block| (1..=BLOCK).contains(&block.len())));
                    let at = Offset::ZERO + place;
                    let (behind, from) = (row.behind(at), row.from(at));
                    let from_there = row.iter_mut_from(behind).map(|item| *item);
    prop_assert!(from_there.eq(model.range(place + 1..).map(|(_, item)| *item)));
                    let before = row.before(from).and_then(|spot| row.get(spot));
                    prop_assert_eq!(before, model.range(..place).next_back().map(|(_, item)| item));
                    prop_assert!(row.iter().rev().eq(model.values().rev()));
                    prop_assert_eq!(row.first(), model.values().next());
                    prop_assert_eq!(row.last(), model.values().next_back());
                    prop_assert_eq!(row.is_empty(), model.is_empty());
                }
            }
        }

    /// Removing from everywhere leaves no more blocks than the items fill by a quarter.
    #[test]
    fn blocks_that_are_almost_empty_are_joined() {
        let mut row = Row::default();
        for place in 0..10_000 {
            row.push(Item(place, 0));
        }
        for place in 0..10_000 {
            let spot = row.from(Offset::ZERO + place);
            if place % 32 > 0 {
                row.remove(spot);
            }
        }
        assert_eq!(row.iter().count(), 313);
        assert!(
            row.blocks.len() <= 313 / (BLOCK / 4) + 1,
            "{}",
            row.blocks.len()
        );
    }

    /// However full it was, it asks for no more memory than that.
    #[test]
    fn blocks_are_used_again() {
        let mut row = Row::default();
        for round in 0..100 {
            for place in 0..200 {
                row.push(Item(200 * round + place, 0));
            }
            while row.pop().is_some() {}
            assert_eq!((row.blocks.len(), row.spare.len()), (0, 4));
        }
    }
}
