//! A queue of small indexes in which each index stands at most once.
//!
//! The lists of a stack (who may send, who has something to tell) are such queues over the places
//! of a slab: they can never hold more than the slab does, and any entry leaves in constant time.

use crate::pieces::Pieces;

/// The end of the list.
const NONE: u32 = u32::MAX;
/// Stands where the neighbours of an index would, that is not in the list.
const OUT: u32 = u32::MAX - 1;

/// First in, first out; adding what is in already changes nothing.
#[derive(Debug)]
pub(crate) struct IndexQueue {
    links: Pieces<Link>,
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
}

impl IndexQueue {
    pub(crate) const fn new() -> Self {
        Self {
            links: Pieces::new(),
            head: NONE,
            tail: NONE,
        }
    }

    /// Adds `index` at the end unless it is in the queue.
    pub(crate) fn push(&mut self, index: u32) {
        assert!(index < OUT, "the largest two have a meaning of their own");
        let link = self.links.reach(index, Link::OUT);
        if link.previous != OUT {
            return;
        }
        *link = Link {
            previous: self.tail,
            next: NONE,
        };
        match self.tail {
            NONE => self.head = index,
            tail => self.link_mut(tail).next = index,
        }
        self.tail = index;
    }

    /// Takes the first index out.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let index = self.head;
        self.remove(index).then_some(index)
    }

    /// Takes `index` out wherever it stands; false when it was not in the queue.
    pub(crate) fn remove(&mut self, index: u32) -> bool {
        let Some(link) = self.links.get_mut(index) else {
            return false;
        };
        let link = core::mem::replace(link, Link::OUT);
        if link.previous == OUT {
            return false;
        }
        match link.previous {
            NONE => self.head = link.next,
            previous => self.link_mut(previous).next = link.next,
        }
        match link.next {
            NONE => self.tail = link.previous,
            next => self.link_mut(next).previous = link.previous,
        }
        true
    }

    /// All that are in the queue, first in first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut next = self.head;
        core::iter::from_fn(move || {
            let index = next;
            next = self.links.get(index)?.next;
            Some(index)
        })
    }

    /// Reads where `index` stands, so that it is in the processor's caches; it means nothing.
    pub(crate) fn look(&self, index: u32) -> u32 {
        self.links.get(index).map_or(0, |link| link.next)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.head == NONE
    }

    fn link_mut(&mut self, index: u32) -> &mut Link {
        self.links
            .get_mut(index)
            .expect("neighbours in the list are in the list")
    }
}

impl Link {
    const OUT: Self = Self {
        previous: OUT,
        next: OUT,
    };
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue_without_repetition(steps in prop::collection::vec((0u8..5, 0u32..8), 0..200)) {
            let (mut queue, mut model) = (IndexQueue::new(), VecDeque::new());
            for (what, index) in steps {
                match what {
                    0..=2 => {
                        queue.push(index);
                        if !model.contains(&index) {
                            model.push_back(index);
                        }
                    }
                    3 => prop_assert_eq!(queue.pop(), model.pop_front()),
                    _ => {
                        let place = model.iter().position(|&other| other == index);
                        prop_assert_eq!(queue.remove(index), place.is_some());
                        place.map(|place| model.remove(place));
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert!(queue.iter().eq(model.iter().copied()));
            }
            while let Some(index) = model.pop_front() {
                prop_assert_eq!(queue.pop(), Some(index));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
