//! All connections that pass a device: the table that finds each segment its connection. What a
//! segment means there is in `connection`; one direction's bookkeeping in `half`.

mod connection;
mod half;
mod note;
mod rtt;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use handfast_packet::buf::Medium;
use handfast_packet::record::{FrameRecord, Recorder};

pub(crate) use self::connection::Step;
use self::connection::{Flow, ends};
pub use self::half::HOLES_MAX;
pub(crate) use self::note::Note;
pub use self::rtt::SAMPLES_MAX;
use crate::summary::{Summary, Totals};
use crate::view::{TcpView, View};

/// Most connections remembered one by one; the figures of older ones go into the totals.
pub const FLOWS_MAX: usize = 4_096;

/// Follows every connection and keeps its figures.
#[derive(Debug)]
pub struct Flows {
    medium: Medium,
    /// In the order of their first segments; the first one has number `forgotten.connections`.
    flows: VecDeque<Flow>,
    newest: BTreeMap<(SocketAddr, SocketAddr), u64>,
    /// The figures of those that were dropped from `flows`.
    forgotten: Totals,
}

impl Flows {
    /// Nothing seen yet on a device of this medium.
    pub fn new(medium: Medium) -> Self {
        Self {
            medium,
            flows: VecDeque::new(),
            newest: BTreeMap::new(),
            forgotten: Totals::default(),
        }
    }

    /// The latest [`FLOWS_MAX`] connections in the order of their first segments.
    pub fn summaries(&self) -> impl Iterator<Item = Summary> {
        self.flows.iter().map(Flow::summary)
    }

    /// The figures of all connections, also of those that are not remembered one by one.
    pub fn totals(&self) -> Totals {
        let mut totals = self.forgotten;
        for summary in self.summaries() {
            totals.add(&summary);
        }
        totals
    }

    /// Takes note of one segment; gives the number of its connection and what it was there.
    pub(crate) fn observe(&mut self, frame: &FrameRecord<'_>, tcp: &TcpView) -> (u64, Step) {
        let key = ends(frame.direction, tcp);
        let known = self.newest.get(&key).copied().filter(|&number| {
            self.position(number)
                .is_some_and(|position| !self.flows[position].is_succeeded_by(frame.direction, tcp))
        });
        let number = known.unwrap_or_else(|| self.add(Flow::new(frame, tcp)));
        let position = self
            .position(number)
            .expect("it was found or added just now");
        (number, self.flows[position].observe(frame, tcp))
    }

    fn add(&mut self, flow: Flow) -> u64 {
        if self.flows.len() == FLOWS_MAX
            && let Some(oldest) = self.flows.pop_front()
        {
            let key = (oldest.local, oldest.remote);
            if self.newest.get(&key) == Some(&self.forgotten.connections) {
                self.newest.remove(&key);
            }
            self.forgotten.add(&oldest.summary());
        }
        let len = u64::try_from(self.flows.len()).expect("bounded by FLOWS_MAX");
        let number = self.forgotten.connections + len;
        self.newest.insert((flow.local, flow.remote), number);
        self.flows.push_back(flow);
        number
    }

    fn position(&self, number: u64) -> Option<usize> {
        let position = number.checked_sub(self.forgotten.connections)?;
        usize::try_from(position)
            .ok()
            .filter(|&position| position < self.flows.len())
    }
}

impl Recorder for Flows {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        if let View::Tcp(tcp) = View::of(frame, self.medium) {
            self.observe(frame, &tcp);
        }
    }
}
