//! A set of offsets as disjoint ascending ranges: what the peer holds out of order, and what has
//! to be sent again.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use crate::seq::Offset;

/// Disjoint, ascending, never touching ranges. Its size is bounded by its user: each range covers
/// at least one entry of the ledger. A peer chooses what it SACKs, so that nothing here may cost
/// more than a logarithm of the size for each range that comes or goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeSet {
    /// Ends by starts.
    ranges: BTreeMap<Offset, Offset>,
}

impl RangeSet {
    /// Adds a range and merges it with what it touches.
    pub(crate) fn insert(&mut self, range: Range<Offset>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        while let Some((old_start, old_end)) = self.last_from(end) {
            if old_end < start {
                break;
            }
            self.ranges.remove(&old_start);
            start = start.min(old_start);
            end = end.max(old_end);
        }
        self.ranges.insert(start, end);
    }

    /// Takes a range out, all of it or what of it is there.
    pub(crate) fn remove(&mut self, range: &Range<Offset>) {
        if range.is_empty() {
            return;
        }
        while let Some((start, end)) = self.ranges.range(..range.end).next_back() {
            let (start, end) = (*start, *end);
            if end <= range.start {
                break;
            }
            self.ranges.remove(&start);
            if range.end < end {
                self.ranges.insert(range.end, end);
            }
            if start < range.start {
                self.ranges.insert(start, range.start);
            }
        }
    }

    /// The lowest range.
    pub(crate) fn first(&self) -> Option<Range<Offset>> {
        self.ranges.iter().next().map(|(start, end)| *start..*end)
    }

    /// All ranges from the highest to the lowest.
    pub(crate) fn descending(&self) -> impl Iterator<Item = Range<Offset>> {
        self.ranges.iter().rev().map(|(start, end)| *start..*end)
    }

    /// Behind the highest range.
    pub(crate) fn end(&self) -> Option<Offset> {
        self.ranges.values().next_back().copied()
    }

    /// Whether all of `range` is in the set.
    #[cfg(test)]
    pub(crate) fn covers(&self, range: &Range<Offset>) -> bool {
        let last = self.last_from(range.start);
        last.is_some_and(|(_, end)| range.end <= end)
    }

    /// The parts of `range` that are not in the set, ascending.
    pub(crate) fn gaps(&self, range: Range<Offset>) -> Vec<Range<Offset>> {
        let mut gaps = Vec::new();
        let before = self.last_from(range.start).map(|(_, end)| end);
        let mut at = range.start.max(before.unwrap_or(range.start));
        if at >= range.end {
            return gaps;
        }
        for (start, end) in self.ranges.range(at..range.end) {
            if at < *start {
                gaps.push(at..*start);
            }
            at = *end;
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

    /// The last range that begins at `at` or before it.
    pub(crate) fn last_from(&self, at: Offset) -> Option<(Offset, Offset)> {
        let last = self.ranges.range(..=at).next_back();
        last.map(|(start, end)| (*start, *end))
    }

    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<Range<Offset>> {
        let ranges = self.ranges.iter();
        ranges.map(|(start, end)| *start..*end).collect()
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
