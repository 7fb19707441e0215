//! The segments under way in one direction, in the order in which they arrive.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use handfast_packet::time::Instant;

/// Everything under way: who keeps the order in a queue, where nothing is ever moved, and who was
/// held back in a heap. Segments are large, and nearly all of them keep the order.
#[derive(Debug)]
pub(crate) struct Transit<F> {
    in_order: VecDeque<Entry<F>>,
    held: BinaryHeap<Entry<F>>,
    next_order: u64,
}

impl<F> Transit<F> {
    pub(crate) fn new() -> Self {
        Self {
            in_order: VecDeque::new(),
            held: BinaryHeap::new(),
            next_order: 0,
        }
    }

    /// Adds a segment that arrives at `release`, no earlier than those added so before it; of
    /// those that arrive together the one that was added first comes first.
    pub(crate) fn push(&mut self, release: Instant, segment: F) {
        let entry = self.entry(release, segment);
        let last = self.in_order.back();
        debug_assert!(last.is_none_or(|last| last.release <= release));
        self.in_order.push_back(entry);
    }

    /// Adds a segment that those behind it may overtake.
    pub(crate) fn push_held(&mut self, release: Instant, segment: F) {
        let entry = self.entry(release, segment);
        self.held.push(entry);
    }

    /// Takes the segment that arrives next.
    pub(crate) fn pop(&mut self) -> Option<(Instant, F)> {
        let entry = match (self.in_order.front(), self.held.peek()) {
            // The greater entry is the earlier one.
            (Some(front), Some(held)) if held > front => self.held.pop(),
            (None, _) => self.held.pop(),
            _ => self.in_order.pop_front(),
        }?;
        Some((entry.release, entry.segment))
    }

    /// When the next segment arrives.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        let front = self.in_order.front().map(|entry| entry.release);
        let held = self.held.peek().map(|entry| entry.release);
        crate::offload::earliest(front, held)
    }

    pub(crate) fn len(&self) -> usize {
        self.in_order.len() + self.held.len()
    }

    fn entry(&mut self, release: Instant, segment: F) -> Entry<F> {
        let order = self.next_order;
        self.next_order += 1;
        Entry {
            release,
            order,
            segment,
        }
    }
}

/// A segment on its way. Ordered so that the heap gives out the earliest first, and of those that
/// arrive together the one that entered first.
#[derive(Debug)]
struct Entry<F> {
    release: Instant,
    order: u64,
    segment: F,
}

impl<F> Ord for Entry<F> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.release, other.order).cmp(&(self.release, self.order))
    }
}

impl<F> PartialOrd for Entry<F> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> PartialEq for Entry<F> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<F> Eq for Entry<F> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Out they come as one sorted by time, and by entry where times are equal.
        #[test]
        fn the_earliest_comes_first_and_of_equals_the_first(
            steps in proptest::collection::vec((0..3_u64, proptest::option::of(0..6_u64)), 0..60)
        ) {
            let mut transit = Transit::new();
            let (mut wanted, mut now) = (Vec::new(), 0);
            for (number, (step, held)) in steps.into_iter().enumerate() {
                now += step;
                let at = now + held.unwrap_or(0);
                let release = Instant::from_millis(at);
                match held {
                    Some(_) => transit.push_held(release, number),
                    None => transit.push(release, number),
                }
                wanted.push((release, number));
                prop_assert_eq!(transit.len(), wanted.len());
            }
            wanted.sort_unstable();
            let mut got = Vec::new();
            while let Some(next) = transit.next_release() {
                got.push(transit.pop().expect("one is due"));
                prop_assert_eq!(got.last().map(|(at, _)| *at), Some(next));
            }
            prop_assert_eq!(got, wanted);
        }
    }
}
