//! Addresses on their way: who waits for the outcome of a claim, and what happened to addresses.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::task::{Poll, Waker};

use handfast_packet::ethernet::EthernetAddress;
use handfast_stack::{ADDRESS_EVENTS_MAX, AddressEvent};

use crate::error;
use crate::wakers::Waiters;

/// Most claims that are going on or whose outcome nobody has asked for.
pub const CLAIMS_MAX: usize = 256;

/// All claims and events of one host.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    claims: BTreeMap<IpAddr, Claim>,
    /// What happened and was not asked for, oldest first; at most [`ADDRESS_EVENTS_MAX`].
    events: VecDeque<AddressEvent>,
    listeners: Waiters,
}

#[derive(Debug, Default)]
struct Claim {
    /// Who has the address instead of us, once the claim is decided.
    outcome: Option<Result<(), EthernetAddress>>,
    waiters: Waiters,
}

impl Claims {
    /// Whether one more claim may begin.
    pub(crate) fn check_room(&self) -> io::Result<()> {
        if self.claims.len() >= CLAIMS_MAX {
            return Err(error::too_many_claims(CLAIMS_MAX));
        }
        Ok(())
    }

    /// A claim has begun.
    pub(crate) fn begin(&mut self, address: IpAddr) {
        self.claims.insert(address, Claim::default());
    }

    /// Something happened to an address; those who wait for it go to `due`.
    pub(crate) fn on_event(&mut self, event: AddressEvent, due: &mut Vec<Waker>) {
        let decided = match event {
            AddressEvent::Claimed(address) => Some((address, Ok(()))),
            AddressEvent::Taken { address, by } => Some((address, Err(by))),
            AddressEvent::Defended { .. } | AddressEvent::Lost { .. } => None,
        };
        if let Some((address, outcome)) = decided
            && let Some(claim) = self.claims.get_mut(&address)
        {
            claim.outcome = Some(outcome);
            claim.waiters.wake_all(due);
        }
        if self.events.len() == ADDRESS_EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.listeners.wake_all(due);
    }

    /// The address was given up: a claim of it has no outcome any more.
    pub(crate) fn forget(&mut self, address: IpAddr, due: &mut Vec<Waker>) {
        if let Some(mut claim) = self.claims.remove(&address) {
            claim.waiters.wake_all(due);
        }
    }

    /// The outcome of a claim, told once; `None` when no claim of `address` is known.
    pub(crate) fn poll_claim(
        &mut self,
        address: IpAddr,
        waker: &Waker,
        due: &mut Vec<Waker>,
    ) -> Option<Poll<io::Result<()>>> {
        let claim = self.claims.get_mut(&address)?;
        let Some(outcome) = claim.outcome else {
            claim.waiters.add(waker, due);
            return Some(Poll::Pending);
        };
        self.claims.remove(&address);
        let outcome = outcome.map_err(|by| error::taken(address, by));
        Some(Poll::Ready(outcome))
    }

    /// The oldest event that was not told.
    pub(crate) fn poll_event(&mut self, waker: &Waker, due: &mut Vec<Waker>) -> Poll<AddressEvent> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                self.listeners.add(waker, due);
                Poll::Pending
            }
        }
    }

    /// Everybody who waits for anything goes to `due`.
    pub(crate) fn wake_all(&mut self, due: &mut Vec<Waker>) {
        self.listeners.wake_all(due);
        for claim in self.claims.values_mut() {
            claim.waiters.wake_all(due);
        }
    }
}
