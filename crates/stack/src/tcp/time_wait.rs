//! The connections in TIME-WAIT: compact entries without buffers, and when they end.

use alloc::collections::BTreeSet;

use hashbrown::HashMap;

use handfast_packet::Instant;
use handfast_tcp::{Segment, TimeWait, TimeWaitVerdict};

use super::demux::{Flow, Keyed};

/// TIME-WAIT entries by 4-tuple, in the order of their ends.
#[derive(Debug)]
pub(crate) struct TimeWaits {
    max: usize,
    entries: HashMap<Flow, TimeWait, Keyed>,
    ends: BTreeSet<(Instant, Flow)>,
}

impl TimeWaits {
    pub(crate) fn new(max: usize, key: [u8; 16]) -> Self {
        Self {
            max,
            entries: HashMap::with_hasher(Keyed(key)),
            ends: BTreeSet::new(),
        }
    }

    /// Adds an entry; returns whether another one, that would have ended first, made room.
    pub(crate) fn insert(&mut self, flow: Flow, entry: TimeWait) -> bool {
        self.remove(&flow);
        self.entries.insert(flow, entry);
        self.ends.insert((entry.expires_at, flow));
        let crowded = self.entries.len() > self.max;
        if crowded && let Some((_, first)) = self.ends.pop_first() {
            self.entries.remove(&first);
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
        let entry = self.entries.get_mut(flow)?;
        let before = entry.expires_at;
        let verdict = entry.on_segment(now, segment);
        let after = entry.expires_at;
        if after != before {
            self.ends.remove(&(before, *flow));
            self.ends.insert((after, *flow));
        }
        Some(verdict)
    }

    pub(crate) fn remove(&mut self, flow: &Flow) -> Option<TimeWait> {
        let entry = self.entries.remove(flow)?;
        self.ends.remove(&(entry.expires_at, *flow));
        Some(entry)
    }

    /// Drops the entries whose time is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        while let Some(&(end, flow)) = self.ends.first().filter(|(end, _)| *end <= now) {
            self.ends.remove(&(end, flow));
            self.entries.remove(&flow);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|&(end, _)| end)
    }

    pub(crate) fn contains(&self, flow: &Flow) -> bool {
        self.entries.contains_key(flow)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
