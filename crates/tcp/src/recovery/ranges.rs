//! A set of offsets as disjoint ascending ranges: what the peer holds out of order, and what has
//! to be sent again.

#[cfg(test)]
use alloc::vec::Vec;
use core::ops::Range;

use super::row::{Placed, Row, Spot};
use crate::seq::Offset;

/// Disjoint, ascending, never touching ranges. Its size is bounded by its user: each range covers
/// at least one entry of the ledger. A peer chooses what it SACKs, so that nothing here may cost
/// more than a logarithm of the size for each range that comes or goes.
#[derive(Debug, Default)]
pub(crate) struct RangeSet {
    ranges: Row<Part>,
}

/// One of the ranges.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: Offset,
    end: Offset,
}

impl Placed for Part {
    fn place(&self) -> Offset {
        self.start
    }
}

impl From<&Part> for Range<Offset> {
    fn from(part: &Part) -> Self {
        part.start..part.end
    }
}

impl RangeSet {
    /// Without a range, and without memory.
    pub(crate) const fn new() -> Self {
        Self { ranges: Row::new() }
    }

    /// Bytes of memory that it keeps, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.ranges.bytes()
    }

    /// Adds a range and merges it with what it touches.
    pub(crate) fn insert(&mut self, range: Range<Offset>) {
        if range.is_empty() {
            return;
        }
        let spot = self.ranges.behind(range.end);
        let Some((mut at, mut whole)) = self.touching(spot, range.start) else {
            let Range { start, end } = range;
            return self.ranges.insert(spot, Part { start, end });
        };
        whole.start = whole.start.min(range.start);
        whole.end = whole.end.max(range.end);
        // What lies below and touches too becomes one with it.
        while let Some((_, below)) = self.touching(at, range.start) {
            whole.start = whole.start.min(below.start);
            self.ranges.remove(at);
            at = self.ranges.from(below.start);
        }
        *self.ranges.get_mut(at).expect("found above") = whole;
    }

    /// Takes a range out, all of it or what of it is there.
    pub(crate) fn remove(&mut self, range: &Range<Offset>) {
        if range.is_empty() || self.ranges.is_empty() {
            return;
        }
        while let Some(at) = self.ranges.before(self.ranges.from(range.end)) {
            let old = self.ranges.get_mut(at).expect("found just now");
            let end = old.end;
            if end <= range.start {
                return;
            }
            match (old.start < range.start, range.end < end) {
                (false, false) => {
                    self.ranges.remove(at);
                }
                (false, true) => old.start = range.end,
                (true, false) => return old.end = range.start,
                (true, true) => {
                    old.end = range.start;
                    let behind = self.ranges.behind(range.end);
                    let start = range.end;
                    return self.ranges.insert(behind, Part { start, end });
                }
            }
        }
    }

    /// The lowest range.
    pub(crate) fn first(&self) -> Option<Range<Offset>> {
        self.ranges.first().map(Range::from)
    }

    /// All ranges from the highest to the lowest.
    pub(crate) fn descending(&self) -> impl Iterator<Item = Range<Offset>> {
        self.ranges.iter().rev().map(Range::from)
    }

    /// Behind the highest range.
    pub(crate) fn end(&self) -> Option<Offset> {
        self.ranges.last().map(|last| last.end)
    }

    /// Whether all of `range` is in the set.
    #[cfg(test)]
    pub(crate) fn covers(&self, range: &Range<Offset>) -> bool {
        let last = self.last_end_from(range.start);
        last.is_some_and(|end| range.end <= end)
    }

    /// The lowest part of `range` that is not in the set.
    pub(crate) fn first_gap(&self, range: Range<Offset>) -> Option<Range<Offset>> {
        let before = self.last_end_from(range.start);
        let start = range.start.max(before.unwrap_or(range.start));
        let next = self.ranges.get(self.ranges.from(start));
        let end = next.map_or(range.end, |next| next.start.min(range.end));
        (start < end).then_some(start..end)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Behind the last range that begins at `at` or before it.
    pub(crate) fn last_end_from(&self, at: Offset) -> Option<Offset> {
        let last = self.ranges.before(self.ranges.behind(at))?;
        self.ranges.get(last).map(|last| last.end)
    }

    /// The range before `spot`, and where it is, if it ends at `start` or behind it.
    fn touching(&self, spot: Spot, start: Offset) -> Option<(Spot, Part)> {
        let before = self.ranges.before(spot)?;
        let part = self.ranges.get(before).filter(|part| part.end >= start)?;
        Some((before, *part))
    }

    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<Range<Offset>> {
        self.ranges.iter().map(Range::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(n: u64) -> Offset {
        Offset::ZERO + n
    }

    fn members(set: &RangeSet) -> BTreeSet<u64> {
        set.to_vec()
            .iter()
            .flat_map(|range| range.start.get()..range.end.get())
            .collect()
    }

    proptest! {
        /// Against a set of single numbers.
        #[test]
        fn behaves_like_a_set_of_numbers(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..40, 0_u64..12), 1..60),
            probe in (0_u64..40, 1_u64..12),
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (adds, start, len) in steps {
                let range = at(start)..at(start + len);
                if adds {
                    set.insert(range);
                    model.extend(start..start + len);
                } else {
                    set.remove(&range);
                    model.retain(|n| !(start..start + len).contains(n));
                }
                prop_assert_eq!(&members(&set), &model);
                for pair in set.to_vec().windows(2) {
                    prop_assert!(pair[0].end < pair[1].start, "neighbours are merged");
                }
                prop_assert_eq!(set.first().map(|r| r.start.get()), model.first().copied());
                prop_assert_eq!(set.end().map(|end| end.get() - 1), model.last().copied());
            }
            let (start, len) = probe;
            let range = start..start + len;
            let inside = range.clone().all(|n| model.contains(&n));
            prop_assert_eq!(set.covers(&(at(range.start)..at(range.end))), inside);
            let (mut gaps, mut rest) = (Vec::new(), at(range.start)..at(range.end));
            while let Some(gap) = set.first_gap(rest.clone()) {
                gaps.extend(gap.start.get()..gap.end.get());
                rest.start = gap.end;
            }
            let missing: Vec<u64> = range.filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(gaps, missing);
        }
    }
}
