//! Listeners: who waits on which port, how many connections they are opening, and which ones the
//! application can accept.
//!
//! Connections live in the table of all connections; a listener only counts and names them. Its
//! backlog bounds both queues together, those that are still opening and those that wait to be
//! accepted, so whatever completes its handshake finds room. A flood of forged SYNs can fill it
//! until they time out; SYN cookies (RFC 4987 3.6) are not there yet.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;

use handfast_tcp as tcp;

use super::ListenerId;
use super::demux::{Endpoint, Keyed};
use super::index_queue::IndexQueue;
use super::slab::{Key, Slab};

/// Most listeners of one stack: far more than a program has services, and few enough that a
/// program that forgets to close them is told.
pub const LISTENERS_MAX: usize = 1_024;
/// Most connections of one listener that are opening or wait to be accepted; larger wishes are
/// cut down to it. Linux has the same default (`net.core.somaxconn`).
pub const BACKLOG_MAX: usize = 4_096;

/// All listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Slab<Listener>,
    by_local: HashMap<Endpoint, Key, Keyed>,
    /// Listeners with connections that the application was not told about.
    telling: IndexQueue,
}

#[derive(Debug)]
struct Listener {
    local: Endpoint,
    backlog: usize,
    config: tcp::Config,
    /// Connections in SYN-RECEIVED.
    opening: usize,
    /// Connections that can be accepted, oldest first.
    waiting: VecDeque<Key>,
    /// How many of the waiting ones the application was not told about.
    untold: usize,
}

impl Listeners {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            listeners: Slab::new(),
            by_local: HashMap::with_hasher(Keyed(key)),
            telling: IndexQueue::new(),
        }
    }

    /// Adds a listener; `None` when `local` has one. The caller has checked [`LISTENERS_MAX`].
    pub(crate) fn insert(
        &mut self,
        local: Endpoint,
        backlog: usize,
        config: tcp::Config,
    ) -> Option<ListenerId> {
        if self.is_taken(local) {
            return None;
        }
        let key = self.listeners.insert(Listener {
            local,
            backlog: backlog.clamp(1, BACKLOG_MAX),
            config,
            opening: 0,
            waiting: VecDeque::new(),
            untold: 0,
        });
        self.by_local.insert(local, key);
        Some(ListenerId(key))
    }

    /// Takes a listener out; false when there is none. Its connections are the caller's.
    pub(crate) fn remove(&mut self, id: ListenerId) -> bool {
        let Some(listener) = self.listeners.remove(id.0) else {
            return false;
        };
        self.by_local.remove(&listener.local);
        self.telling.remove(id.0.index);
        true
    }

    /// The listener for segments to `local`: the one of this very address, or that of all
    /// addresses of the family.
    pub(crate) fn find(&self, local: Endpoint) -> Option<ListenerId> {
        let any = Endpoint {
            address: unspecified(local.address),
            ..local
        };
        self.by_local
            .get(&local)
            .or_else(|| self.by_local.get(&any))
            .copied()
            .map(ListenerId)
    }

    /// Whether exactly this address and port has a listener.
    pub(crate) fn is_taken(&self, local: Endpoint) -> bool {
        self.by_local.contains_key(&local)
    }

    /// Begins an opening connection: what it is configured with; `None` when the backlog is full.
    pub(crate) fn open(&mut self, id: ListenerId) -> Option<tcp::Config> {
        let listener = self.listeners.get_mut(id.0)?;
        if listener.opening + listener.waiting.len() >= listener.backlog {
            return None;
        }
        listener.opening += 1;
        Some(listener.config)
    }

    /// An opening connection came to nothing.
    pub(crate) fn give_up(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.opening -= 1;
        }
    }

    /// An opening connection is open and can be accepted.
    pub(crate) fn complete(&mut self, id: ListenerId, connection: Key) {
        let Some(listener) = self.listeners.get_mut(id.0) else {
            return;
        };
        listener.opening -= 1;
        listener.waiting.push_back(connection);
        listener.untold += 1;
        self.telling.push(id.0.index);
    }

    /// Takes the oldest connection that can be accepted.
    pub(crate) fn accept(&mut self, id: ListenerId) -> Option<Key> {
        let listener = self.listeners.get_mut(id.0)?;
        let connection = listener.waiting.pop_front()?;
        listener.untold = listener.untold.min(listener.waiting.len());
        if listener.untold == 0 {
            self.telling.remove(id.0.index);
        }
        Some(connection)
    }

    /// A listener with one more connection to accept; each connection is told at most once.
    pub(crate) fn poll_event(&mut self) -> Option<ListenerId> {
        let index = self.telling.pop()?;
        let key = self
            .listeners
            .key_at(index)
            .expect("listeners leave the list when they go");
        let listener = self
            .listeners
            .get_mut(key)
            .expect("the key was found just now");
        listener.untold -= 1;
        if listener.untold > 0 {
            self.telling.push(index);
        }
        Some(ListenerId(key))
    }

    /// The address and port of a listener.
    pub(crate) fn local(&self, id: ListenerId) -> Option<Endpoint> {
        self.listeners.get(id.0).map(|listener| listener.local)
    }

    pub(crate) fn len(&self) -> usize {
        self.listeners.len()
    }
}

/// The unspecified address of the same family.
const fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(backlog: usize) -> (Listeners, ListenerId) {
        let mut listeners = Listeners::new([0; 16]);
        let local = Endpoint {
            address: [192, 0, 2, 1].into(),
            port: 80,
        };
        let id = listeners
            .insert(local, backlog, tcp::Config::default())
            .unwrap();
        (listeners, id)
    }

    fn connection(index: u32) -> Key {
        Key {
            index,
            generation: 0,
        }
    }

    #[test]
    fn the_backlog_bounds_both_queues_together() {
        let (mut listeners, id) = listeners(2);
        assert!(listeners.open(id).is_some());
        assert!(listeners.open(id).is_some());
        listeners.complete(id, connection(1));
        assert!(listeners.open(id).is_none(), "one is opening, one waits");
        listeners.give_up(id);
        assert!(listeners.open(id).is_some());
        assert_eq!(listeners.accept(id), Some(connection(1)));
        assert!(listeners.open(id).is_some());
    }

    #[test]
    fn a_backlog_of_0_still_lets_one_in_and_a_huge_one_is_cut() {
        for (wanted, most) in [(0, 1), (usize::MAX, BACKLOG_MAX)] {
            let (mut listeners, id) = listeners(wanted);
            let opened = (0..BACKLOG_MAX + 10)
                .filter(|_| listeners.open(id).is_some())
                .count();
            assert_eq!(opened, most);
        }
    }

    #[test]
    fn who_accepts_before_being_told_is_not_told() {
        let (mut listeners, id) = listeners(10);
        for index in 0..3 {
            assert!(listeners.open(id).is_some());
            listeners.complete(id, connection(index));
        }
        assert_eq!(listeners.poll_event(), Some(id));
        assert_eq!(listeners.accept(id), Some(connection(0)));
        assert_eq!(listeners.accept(id), Some(connection(1)));
        assert_eq!(listeners.poll_event(), Some(id));
        assert_eq!(listeners.poll_event(), None);
        assert_eq!(listeners.accept(id), Some(connection(2)));
        assert_eq!(listeners.accept(id), None);
    }

    #[test]
    fn a_removed_listener_says_nothing_more() {
        let (mut listeners, id) = listeners(10);
        assert!(listeners.open(id).is_some());
        listeners.complete(id, connection(0));
        assert!(listeners.remove(id));
        assert!(!listeners.remove(id));
        assert_eq!(listeners.poll_event(), None);
        assert_eq!((listeners.accept(id), listeners.local(id)), (None, None));
        assert!(listeners.open(id).is_none());
        listeners.complete(id, connection(1));
        listeners.give_up(id);
    }
}
