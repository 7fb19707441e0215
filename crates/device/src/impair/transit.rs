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
