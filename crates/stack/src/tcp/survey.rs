//! Looking into the tables of TCP without touching them: for referees and tests.

use handfast_packet::Instant;
use handfast_tcp::Vitals;

use super::{Tcp, TcpId};

/// How full the tables of one stack's TCP are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Connections that exist, entries in TIME-WAIT not among them.
    pub connections: usize,
    /// Those of them to which a 4-tuple leads.
    pub listed: usize,
    /// Those of them to which none leads any more, since they are over.
    pub unlisted: usize,
    /// Entries in the table of 4-tuples.
    pub tuples: usize,
    /// Entries in TIME-WAIT.
    pub time_waits: usize,
    /// Whether a connection or an answer waits for its turn to send.
    pub senders: bool,
    /// When the first timer of all connections runs out, as far as the wheel knows; it may be
    /// early, and a millisecond late.
    pub next_timeout: Option<Instant>,
}

impl Tcp {
    /// Looks at everything: for referees.
    pub(crate) fn tables(&self) -> Tables {
        let over = |key: &_| self.slots.get(*key).is_some_and(|slot| slot.unlisted);
        let unlisted = self.slots.keys().filter(over).count();
        Tables {
            connections: self.slots.len(),
            listed: self.slots.len() - unlisted,
            unlisted,
            tuples: self.demux.len(),
            time_waits: self.time_waits.len(),
            senders: !self.senders.is_empty() || !self.replies.is_empty(),
            next_timeout: self.next_timeout(),
        }
    }

    /// Blocks of the pool that are out. Looks at all blocks.
    pub(crate) fn blocks_in_use(&self) -> usize {
        self.pool.in_use()
    }

    /// The vital figures of all connections, in the order of their places.
    pub(crate) fn vitals(&self) -> impl Iterator<Item = (TcpId, Vitals)> {
        self.slots.keys().filter_map(|key| {
            let slot = self.slots.get(key)?;
            Some((TcpId(key), slot.connection.vitals()))
        })
    }
}
