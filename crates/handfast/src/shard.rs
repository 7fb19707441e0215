//! What one lock protects: the stack, and who waits for what.
//!
//! Nothing is woken under the lock: every verb hands out the wakers that are due.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::task::Waker;

use handfast_packet::Instant;
use handfast_packet::buf::{RxBatch, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_stack::{AddressEvent, Event, ListenerId, Stack, TcpId};
use handfast_tcp as tcp;

use crate::wakers::{AcceptWakers, StreamWakers};

/// Most events about addresses that wait for [`crate::Host::poll_address_event`]; the oldest
/// gives way. An address tells little in its life.
const ADDRESS_EVENTS_MAX: usize = 64;
/// Most claims whose outcome is remembered for whoever asked; the stack holds fewer addresses.
pub const CLAIMS_MAX: usize = 64;

/// The stack and its waiting tasks.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) stack: Stack,
    pub(crate) streams: BTreeMap<TcpId, StreamWakers>,
    pub(crate) listeners: BTreeMap<ListenerId, AcceptWakers>,
    /// Claims that were started here, and what became of them.
    pub(crate) claims: BTreeMap<IpAddr, Claim>,
    pub(crate) address_events: VecDeque<AddressEvent>,
    pub(crate) address_waiter: Option<Waker>,
    /// Who turns the driver.
    pub(crate) driver: Option<Waker>,
    /// Waits for the last connection to end.
    pub(crate) idle_waiter: Option<Waker>,
    /// Nobody holds the network any more: the driver ends with the last connection.
    pub(crate) abandoned: bool,
    /// The driver is to end now.
    pub(crate) stopped: bool,
    /// The device failed; nothing moves any more.
    pub(crate) failure: Option<Failure>,
}

/// A claim that somebody may wait for.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// Who has the address, once we know that we do not get it.
    pub(crate) taken_by: Option<EthernetAddress>,
    pub(crate) waiter: Option<Waker>,
}

/// Why the driver ended; `io::Error` cannot be cloned for each who asks.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: io::ErrorKind,
    message: String,
}

impl Shard {
    pub(crate) fn new(stack: Stack) -> Self {
        Self {
            stack,
            streams: BTreeMap::new(),
            listeners: BTreeMap::new(),
            claims: BTreeMap::new(),
            address_events: VecDeque::new(),
            address_waiter: None,
            driver: None,
            idle_waiter: None,
            abandoned: false,
            stopped: false,
            failure: None,
        }
    }

    /// One turn of the stack: takes frames in, lets time pass, gives frames out. Returns whether
    /// more frames wait.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        rx: &mut RxBatch,
        tx: &mut TxBatch,
        due: &mut Vec<Waker>,
    ) -> bool {
        if !rx.is_empty() {
            self.stack.receive(now, rx);
        }
        if self.stack.next_timeout().is_some_and(|at| at <= now) {
            self.stack.on_timeout(now);
        }
        let more = self.stack.poll_transmit(now, tx);
        self.tell(due);
        if self.stack.tcp_count() == 0 {
            due.extend(self.idle_waiter.take());
        }
        more
    }

    /// Collects the wakers of everybody for whom something happened.
    pub(crate) fn tell(&mut self, due: &mut Vec<Waker>) {
        while let Some(event) = self.stack.poll_event() {
            match event {
                Event::Tcp(id, event) => self.tell_stream(id, event, due),
                Event::Accept(id) => {
                    if let Some(wakers) = self.listeners.get_mut(&id) {
                        due.extend(wakers.take());
                    }
                }
                Event::Address(event) => self.tell_address(event, due),
            }
        }
    }

    /// The driver is over: everybody must hear of it.
    pub(crate) fn fail(&mut self, failure: Failure, due: &mut Vec<Waker>) {
        self.failure = Some(failure);
        for wakers in self.streams.values_mut() {
            due.extend(wakers.read.take());
            due.extend(wakers.write.take());
        }
        for wakers in self.listeners.values_mut() {
            due.extend(wakers.take());
        }
        due.extend(
            self.claims
                .values_mut()
                .filter_map(|claim| claim.waiter.take()),
        );
        due.extend(self.address_waiter.take());
        due.extend(self.idle_waiter.take());
    }

    /// Whether the driver still works.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.failure
            .as_ref()
            .map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    fn tell_stream(&mut self, id: TcpId, event: tcp::Event, due: &mut Vec<Waker>) {
        let Some(wakers) = self.streams.get_mut(&id) else {
            return;
        };
        let (read, write) = match event {
            tcp::Event::Connected | tcp::Event::Writable => (false, true),
            tcp::Event::Readable => (true, false),
            tcp::Event::Closed | tcp::Event::TimeWait => (true, true),
            tcp::Event::Urgent | tcp::Event::SoftError => (false, false),
        };
        if read {
            due.extend(wakers.read.take());
        }
        if write {
            due.extend(wakers.write.take());
        }
    }

    fn tell_address(&mut self, event: AddressEvent, due: &mut Vec<Waker>) {
        let (address, taken_by) = match event {
            AddressEvent::Claimed(address) | AddressEvent::Defended { address, .. } => {
                (address, None)
            }
            AddressEvent::Taken { address, by } | AddressEvent::Lost { address, by } => {
                (address, Some(by))
            }
        };
        if let Some(claim) = self.claims.get_mut(&address) {
            claim.taken_by = taken_by.or(claim.taken_by);
            due.extend(claim.waiter.take());
        }
        if self.address_events.len() == ADDRESS_EVENTS_MAX {
            self.address_events.pop_front();
        }
        self.address_events.push_back(event);
        due.extend(self.address_waiter.take());
    }
}

impl Failure {
    pub(crate) fn new(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }

    /// The driver ended because it was told to.
    pub(crate) fn stopped() -> Self {
        Self {
            kind: io::ErrorKind::NotConnected,
            message: "the network was shut down: its driver has ended; start a new one".to_owned(),
        }
    }

    pub(crate) fn to_error(&self) -> io::Error {
        io::Error::new(self.kind, self.message.clone())
    }
}
