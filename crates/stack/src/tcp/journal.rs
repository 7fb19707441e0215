//! Whose facts they are: connections write what happens to them into the journal of the stack, and
//! do not know their own names.

use alloc::boxed::Box;
use core::net::SocketAddr;

use handfast_tcp::{Cx, Ends, Fact, Journal};

use super::slab::Key;
use super::{Tcp, TcpId};

impl TcpId {
    /// The same as a number, as [`handfast_tcp::Entry::connection`] has it.
    pub const fn number(self) -> u64 {
        (self.0.generation as u64) << 32 | self.0.index as u64
    }

    /// The one that has this number.
    const fn of(number: u64) -> Self {
        Self(Key {
            index: number as u32,
            generation: (number >> 32) as u32,
        })
    }
}

/// The journal, for facts of the connection `key`.
#[inline]
pub(super) fn page(journal: &mut Option<Box<Journal>>, key: Key) -> Option<&mut Journal> {
    let journal = journal.as_deref_mut()?;
    journal.turn_to(TcpId(key).number());
    Some(journal)
}

impl Tcp {
    /// Keeps a journal of so many facts from now on, or none.
    pub(crate) fn keep_journal(&mut self, facts: usize) {
        self.journal = (facts > 0).then(|| Box::new(Journal::new(facts)));
    }

    /// Our end and the peer's of the connection with this number.
    pub(crate) fn ends(&self, connection: u64) -> Option<(SocketAddr, SocketAddr)> {
        let slot = self.slots.get(TcpId::of(connection).0)?;
        Some((slot.local(), slot.remote()))
    }

    /// What was written and not taken yet.
    pub(crate) fn journal(&mut self) -> Option<&mut Journal> {
        self.journal.as_deref_mut()
    }

    /// Writes down that a connection began, when its place is known.
    pub(super) fn note_opened(&mut self, key: Key) {
        let now = self.now;
        let (Some(journal), Some(slot)) = (page(&mut self.journal, key), self.slots.get_mut(key))
        else {
            return;
        };
        let ends = Ends {
            local: slot.flow.local.address,
            remote: slot.flow.remote.address,
            local_port: slot.flow.local.port,
            remote_port: slot.flow.remote.port,
            state: slot.connection.state(),
        };
        journal.write(now, Fact::Opened(ends));
        slot.connection.tell_first_timers(&mut Cx {
            now,
            pool: &mut self.pool,
            journal: Some(journal),
        });
    }
}
