//! The connections in TIME-WAIT: compact entries without buffers, and when they end. Everything
//! takes constant time, so that a server with many short connections pays for none of them twice.

use hashbrown::HashTable;

use handfast_packet::Instant;
use handfast_tcp::{Segment, TimeWait, TimeWaitVerdict};

use super::demux::{Flow, Keyed};
use super::index_queue::IndexQueue;
use super::slab::{Key, Slab};
use crate::wheel::Wheel;

/// TIME-WAIT entries by 4-tuple.
#[derive(Debug)]
pub(crate) struct TimeWaits {
    max: usize,
    hasher: Keyed,
    /// Places in `entries` by 4-tuple, which is not kept twice.
    places: HashTable<u32>,
    entries: Slab<Entry>,
    wheel: Wheel,
    /// Those that began, or were begun anew by a late FIN, longest ago first.
    order: IndexQueue,
}

#[derive(Debug)]
struct Entry {
    flow: Flow,
    state: TimeWait,
}

/// Beside it stand 16 bytes in the wheel, 8 in the order and about 6 in the table.
const _: () = assert!(size_of::<Entry>() <= 104, "an entry is small");

impl TimeWaits {
    pub(crate) fn new(max: usize, key: [u8; 16]) -> Self {
        Self {
            max,
            hasher: Keyed(key),
            places: HashTable::new(),
            entries: Slab::new(),
            wheel: Wheel::new(),
            order: IndexQueue::new(),
        }
    }

    /// Adds an entry; returns whether another one, the oldest, made room.
    pub(crate) fn insert(&mut self, flow: Flow, state: TimeWait) -> bool {
        self.remove(&flow);
        let key = self.entries.insert(Entry { flow, state });
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash = |&index: &u32| hash_at(entries, hasher, index);
        self.places
            .insert_unique(self.hasher.hash(&flow), key.index, hash);
        self.wheel.set(key.index, state.expires_at);
        self.order.push(key.index);
        let crowded = self.entries.len() > self.max;
        if crowded && let Some(oldest) = self.order.pop() {
            self.take(oldest);
        }
        crowded
    }

    /// Lets the entry of `flow` handle a segment; `None` when there is no entry.
    pub(crate) fn on_segment(
        &mut self,
        now: Instant,
        flow: &Flow,
        segment: &Segment,
    ) -> Option<TimeWaitVerdict> {
        let key = self.find(flow)?;
        let entry = self.entries.get_mut(key)?;
        let before = entry.state.expires_at;
        let verdict = entry.state.on_segment(now, segment);
        if entry.state.expires_at != before {
            // The wheel asks again at the old time and learns of the new one.
            self.order.remove(key.index);
            self.order.push(key.index);
        }
        Some(verdict)
    }

    pub(crate) fn remove(&mut self, flow: &Flow) -> Option<TimeWait> {
        let key = self.find(flow)?;
        self.take(key.index)
    }

    /// Drops the entries whose time is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        while let Some(index) = self.wheel.expire(now) {
            let end = self.entries.at(index).map(|entry| entry.state.expires_at);
            match end.filter(|&end| now < end) {
                Some(end) => self.wheel.set(index, end),
                None => {
                    self.take(index);
                }
            }
        }
    }

    /// When [`TimeWaits::on_timeout`] is due; sometimes earlier than needed, never later than a
    /// millisecond behind the first end.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.wheel.next()
    }

    pub(crate) fn contains(&self, flow: &Flow) -> bool {
        self.find(flow).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many places the table has, the empty ones included.
    pub(crate) fn places(&self) -> u32 {
        self.entries.places()
    }

    /// The 4-tuple of whoever is at `index` now.
    pub(crate) fn flow_at(&self, index: u32) -> Option<&Flow> {
        self.entries.at(index).map(|entry| &entry.flow)
    }

    fn find(&self, flow: &Flow) -> Option<Key> {
        if self.places.is_empty() {
            return None;
        }
        let is_it = |&index: &u32| {
            let entry = self.entries.at(index);
            entry.is_some_and(|entry| entry.flow == *flow)
        };
        let index = *self.places.find(self.hasher.hash(flow), is_it)?;
        self.entries.key_at(index)
    }

    /// Takes the entry at `index` out of everything.
    fn take(&mut self, index: u32) -> Option<TimeWait> {
        let hash = hash_at(&self.entries, &self.hasher, index);
        if let Ok(place) = self.places.find_entry(hash, |&other| other == index) {
            place.remove();
        }
        self.order.remove(index);
        self.wheel.cancel(index);
        let key = self.entries.key_at(index)?;
        self.entries.remove(key).map(|entry| entry.state)
    }
}

/// The hash of the 4-tuple at a place that is in use.
fn hash_at(entries: &Slab<Entry>, hasher: &Keyed, index: u32) -> u64 {
    let entry = entries.at(index);
    hasher.hash(&entry.expect("the table names places in use").flow)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use handfast_packet::tcp::SeqNumber;
    use proptest::prelude::*;

    use super::super::demux::Endpoint;
    use super::*;

    const MAX: usize = 6;

    fn flow(port: u16) -> Flow {
        let address = [192, 0, 2, 1].into();
        let end = |port| Endpoint { address, port };
        Flow {
            local: end(80),
            remote: end(port),
        }
    }

    fn state(now: Instant, millis: u64) -> TimeWait {
        let number = SeqNumber(1);
        TimeWait::new(
            number,
            number,
            0,
            None,
            (now, Duration::from_millis(millis)),
        )
    }

    proptest! {
        /// Against a list: who is in, who gives way, and who ends when.
        #[test]
        fn it_is_a_bounded_list_of_ends(
            steps in prop::collection::vec((0_u16..10, 0_u8..4, 1_u64..500), 0..300),
        ) {
            let mut table = TimeWaits::new(MAX, [7; 16]);
            let mut model: Vec<(u16, Instant)> = Vec::new();
            let mut now = Instant::from_secs(1);
            for (port, what, millis) in steps {
                match what {
                    0 | 1 => {
                        let crowded = table.insert(flow(port), state(now, millis));
                        model.retain(|&(other, _)| other != port);
                        model.push((port, now + Duration::from_millis(millis)));
                        prop_assert_eq!(crowded, model.len() > MAX);
                        if crowded {
                            model.remove(0);
                        }
                    }
                    2 => {
                        let known = model.iter().any(|&(other, _)| other == port);
                        prop_assert_eq!(table.remove(&flow(port)).is_some(), known);
                        model.retain(|&(other, _)| other != port);
                    }
                    _ => {
                        now += Duration::from_millis(millis);
                        table.on_timeout(now);
                        model.retain(|&(_, end)| now < end);
                    }
                }
                let first = model.iter().map(|&(_, end)| end).min();
                let due = table.next_timeout();
                prop_assert_eq!(due.is_some(), first.is_some());
                prop_assert!(due <= first);
                prop_assert_eq!(table.len(), model.len());
                for port in 0..10 {
                    let known = model.iter().any(|&(other, _)| other == port);
                    prop_assert_eq!(table.contains(&flow(port)), known);
                }
            }
        }
    }
}
