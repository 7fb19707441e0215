//! A set of offsets as disjoint ascending ranges: what the peer holds out of order, and what has
//! to be sent again.

use alloc::vec::Vec;
use core::ops::Range;

use crate::seq::Offset;

/// Disjoint, ascending, never touching ranges. Its size is bounded by its user: each range covers
/// at least one entry of the ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeSet {
    ranges: Vec<Range<Offset>>,
}

impl RangeSet {
    /// Adds a range and merges it with what it touches.
    pub(crate) fn insert(&mut self, range: Range<Offset>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|old| old.end < range.start);
        let behind = self.ranges.partition_point(|old| old.start <= range.end);
        if first == behind {
            self.ranges.insert(first, range);
            return;
        }
        let start = self.ranges[first].start.min(range.start);
        let end = self.ranges[behind - 1].end.max(range.end);
        self.ranges[first] = start..end;
        self.ranges.drain(first + 1..behind);
    }

    /// Takes a range out, all of it or what of it is there.
    pub(crate) fn remove(&mut self, range: &Range<Offset>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|old| old.end <= range.start);
        let behind = self.ranges.partition_point(|old| old.start < range.end);
        if first >= behind {
            return;
        }
        let left = self.ranges[first].start..range.start;
        let right = range.end..self.ranges[behind - 1].end;
        let rest = [left, right].into_iter().filter(|rest| !rest.is_empty());
        self.ranges.splice(first..behind, rest);
    }

    /// The lowest range.
    pub(crate) fn first(&self) -> Option<Range<Offset>> {
        self.ranges.first().cloned()
    }

    /// All ranges from the highest to the lowest.
    pub(crate) fn descending(&self) -> impl Iterator<Item = &Range<Offset>> {
        self.ranges.iter().rev()
    }

    /// Behind the highest range.
    pub(crate) fn end(&self) -> Option<Offset> {
        self.ranges.last().map(|range| range.end)
    }

    /// Whether all of `range` is in the set.
    #[cfg(test)]
    pub(crate) fn covers(&self, range: &Range<Offset>) -> bool {
        let at = self.ranges.partition_point(|old| old.end <= range.start);
        self.ranges
            .get(at)
            .is_some_and(|old| old.start <= range.start && range.end <= old.end)
    }

    /// The parts of `range` that are not in the set, ascending.
    pub(crate) fn gaps(&self, range: Range<Offset>) -> Vec<Range<Offset>> {
        let first = self.ranges.partition_point(|old| old.end <= range.start);
        let mut gaps = Vec::new();
        let mut at = range.start;
        for old in &self.ranges[first..] {
            if old.start >= range.end {
                break;
            }
            if at < old.start {
                gaps.push(at..old.start);
            }
            at = at.max(old.end);
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    #[cfg(test)]
    pub(crate) fn as_slice(&self) -> &[Range<Offset>] {
        &self.ranges
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
        set.as_slice()
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
                for pair in set.as_slice().windows(2) {
                    prop_assert!(pair[0].end < pair[1].start, "neighbours are merged");
                }
                prop_assert_eq!(set.first().map(|r| r.start.get()), model.first().copied());
                prop_assert_eq!(set.end().map(|end| end.get() - 1), model.last().copied());
            }
            let (start, len) = probe;
            let range = start..start + len;
            let inside = range.clone().all(|n| model.contains(&n));
            prop_assert_eq!(set.covers(&(at(range.start)..at(range.end))), inside);
            let gaps: Vec<u64> = set
                .gaps(at(range.start)..at(range.end))
                .into_iter()
                .flat_map(|gap| gap.start.get()..gap.end.get())
                .collect();
            let missing: Vec<u64> = range.filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(gaps, missing);
        }
    }
}
