//! Listeners: who waits on which port, how many connections they are opening, and which ones the
//! application can accept.
//!
//! Connections live in the table of all connections; a listener only counts and names them. It
//! bounds two queues: that of connections which are opening, which a flood of forged SYNs can fill
//! and behind which SYN cookies (RFC 4987 3.6) stand, and that of connections which wait to be
//! accepted.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_tcp as tcp;

use super::ListenerId;
use super::demux::Endpoint;
use super::fast_open::FastOpenListen;
use super::index_queue::IndexQueue;
use super::slab::{Key, Slab};

/// Most listeners of one stack: far more than a program has services, and few enough that a
/// program that forgets to close them is told.
pub const LISTENERS_MAX: usize = 1_024;
/// Most connections of one listener that wait to be accepted, and most that are opening; larger
/// wishes are cut down to it. Linux has the same default (`net.core.somaxconn`).
pub const BACKLOG_MAX: usize = 4_096;
/// Default of [`Listen::backlog`] and [`Listen::half_open`].
pub const BACKLOG: usize = 1_024;

/// Choices for one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Most connections that wait to be accepted, 1 to [`BACKLOG_MAX`]; while there are so many,
    /// SYNs are dropped, so that the peers try again. Default [`BACKLOG`].
    pub backlog: usize,
    /// Most connections that are opening, 1 to [`BACKLOG_MAX`]; `cookies` says what happens to
    /// SYNs beyond that. Default [`BACKLOG`].
    pub half_open: usize,
    /// What happens to a handshake that completes while `backlog` connections wait.
    pub overflow: Overflow,
    /// When SYNs are answered without keeping anything.
    pub cookies: SynCookies,
    /// How long a handshake may be held open until the first text comes, so that nobody is woken
    /// for a peer that says nothing (`TCP_DEFER_ACCEPT` in Linux); afterwards its next ACK counts.
    /// `None` (default) waits for nothing.
    pub defer: Option<Duration>,
    /// Let peers with a cookie in before the handshake is complete, with the text of their SYN
    /// (RFC 7413). The text of a SYN that is duplicated in the network may then be delivered once
    /// more to another connection, so that only what may be done twice shall be asked for so
    /// early. `None` (default) does not.
    pub fast_open: Option<FastOpenListen>,
    /// For the accepted connections; `None` takes [`crate::Config::tcp`].
    pub tcp: Option<tcp::Config>,
}

/// What happens to a handshake that completes while no more connections may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The ACK is ignored and the SYN-ACK sent again later; the peer, which believes that it is
    /// connected, tries again too.
    #[default]
    Drop,
    /// The peer gets a RST (`tcp_abort_on_overflow` in Linux).
    Reset,
}

/// When SYNs are answered with a cookie (RFC 4987 3.6) and without keeping anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SynCookies {
    /// Never: SYNs beyond [`Listen::half_open`] are dropped.
    Off,
    /// When [`Listen::half_open`] connections are opening.
    #[default]
    OnOverflow,
    /// Always, for tests and for hosts that are under attack all the time.
    Always,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            half_open: BACKLOG,
            overflow: Overflow::default(),
            cookies: SynCookies::default(),
            defer: None,
            fast_open: None,
            tcp: None,
        }
    }
}

/// What a SYN gets.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// A connection with these choices.
    Connection(&'a tcp::Config),
    /// A cookie.
    Cookie(&'a tcp::Config),
    /// Nothing: the peer shall try again.
    Nothing,
}

/// All listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Slab<Listener>,
    /// A tree, since nobody outside chooses what is in it, and few servers have more than a few.
    by_local: BTreeMap<Endpoint, Key>,
    /// Listeners with connections that the application was not told about.
    telling: IndexQueue,
}

#[derive(Debug)]
struct Listener {
    local: Endpoint,
    /// With both queues cut to size.
    options: Listen,
    config: tcp::Config,
    /// Connections in SYN-RECEIVED.
    opening: usize,
    /// Until when an ACK may bring a cookie back.
    cookies_until: Option<Instant>,
    /// Connections that can be accepted, oldest first.
    waiting: VecDeque<Key>,
    /// How many of the waiting ones the application was not told about.
    untold: usize,
    /// Early connections, waiting or accepted, whose handshake is not complete.
    early: usize,
    /// Until when early connections that were reset still count (RFC 7413 5.1): otherwise
    /// somebody with one good cookie could forge the source of any number.
    early_resets: VecDeque<Instant>,
}

impl Listeners {
    pub(crate) fn new() -> Self {
        Self {
            listeners: Slab::new(),
            by_local: BTreeMap::new(),
            telling: IndexQueue::new(),
        }
    }

    /// Adds a listener; `None` when `local` has one. The caller has checked [`LISTENERS_MAX`].
    pub(crate) fn insert(
        &mut self,
        local: Endpoint,
        options: &Listen,
        config: tcp::Config,
    ) -> Option<ListenerId> {
        if self.is_taken(local) {
            return None;
        }
        let key = self.listeners.insert(Listener {
            local,
            options: Listen {
                backlog: options.backlog.clamp(1, BACKLOG_MAX),
                half_open: options.half_open.clamp(1, BACKLOG_MAX),
                ..*options
            },
            config,
            opening: 0,
            cookies_until: None,
            waiting: VecDeque::new(),
            untold: 0,
            early: 0,
            early_resets: VecDeque::new(),
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

    /// What a SYN gets. A cookie can be no answer unless `cookie_fits`.
    pub(crate) fn admit(&self, id: ListenerId, cookie_fits: bool) -> Admission<'_> {
        let Some(listener) = self.listeners.get(id.0) else {
            return Admission::Nothing;
        };
        let options = &listener.options;
        let crowded = listener.opening >= options.half_open;
        match options.cookies {
            _ if listener.waiting.len() >= options.backlog => Admission::Nothing,
            SynCookies::Always if cookie_fits => Admission::Cookie(&listener.config),
            _ if !crowded => Admission::Connection(&listener.config),
            SynCookies::OnOverflow if cookie_fits => Admission::Cookie(&listener.config),
            _ => Admission::Nothing,
        }
    }

    /// One more connection is opening.
    pub(crate) fn begin(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.opening += 1;
        }
    }

    /// A cookie was given away that may come back until `until`.
    pub(crate) fn note_cookie(&mut self, id: ListenerId, until: Instant) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.cookies_until = Some(until);
        }
    }

    /// Whether a cookie may come back: nobody shall guess at them when there are none.
    pub(crate) fn expects_cookie(&self, id: ListenerId, now: Instant) -> bool {
        let listener = self.listeners.get(id.0);
        listener
            .and_then(|listener| listener.cookies_until)
            .is_some_and(|until| now < until)
    }

    /// Whether as many connections wait as may.
    pub(crate) fn is_full(&self, id: ListenerId) -> bool {
        let listener = self.listeners.get(id.0);
        listener.is_some_and(|listener| listener.waiting.len() >= listener.options.backlog)
    }

    /// What happens to handshakes that complete then.
    pub(crate) fn overflow(&self, id: ListenerId) -> Overflow {
        let listener = self.listeners.get(id.0);
        listener.map_or(Overflow::Reset, |listener| listener.options.overflow)
    }

    /// How long to wait for text before an empty ACK completes a handshake.
    pub(crate) fn defer(&self, id: ListenerId) -> Option<Duration> {
        self.listeners.get(id.0)?.options.defer
    }

    /// What connections of the listener are configured with.
    pub(crate) fn config(&self, id: ListenerId) -> Option<tcp::Config> {
        self.listeners.get(id.0).map(|listener| listener.config)
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

    /// The choices of Fast Open, if there is room for one more early connection.
    pub(crate) fn early_room(&mut self, id: ListenerId, now: Instant) -> Option<FastOpenListen> {
        let listener = self.listeners.get_mut(id.0)?;
        let options = listener.options.fast_open?;
        while listener.early_resets.front().is_some_and(|&end| end <= now) {
            listener.early_resets.pop_front();
        }
        let count = listener.early + listener.early_resets.len();
        (count < options.pending).then_some(options)
    }

    /// A connection was opened early and can be accepted.
    pub(crate) fn add_early(&mut self, id: ListenerId, connection: Key) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.early += 1;
            // `complete` takes it out of the opening ones, where it never was.
            listener.opening += 1;
        }
        self.complete(id, connection);
    }

    /// An early connection is early no more; one that was reset counts until the given time.
    pub(crate) fn end_early(&mut self, id: ListenerId, reset_until: Option<Instant>) {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.early -= 1;
            listener.early_resets.extend(reset_until);
        }
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

    /// How many connections can be accepted.
    pub(crate) fn waiting(&self, id: ListenerId) -> usize {
        self.listeners
            .get(id.0)
            .map_or(0, |listener| listener.waiting.len())
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

    /// How many places the table has, the empty ones included.
    pub(crate) fn places(&self) -> u32 {
        self.listeners.places()
    }

    /// The end of whoever is at `index` now, how many connections wait there to be accepted, and how
    /// many may.
    pub(crate) fn at(&self, index: u32) -> Option<(Endpoint, usize, usize)> {
        let listener = self.listeners.at(index)?;
        let (waiting, backlog) = (listener.waiting.len(), listener.options.backlog);
        Some((listener.local, waiting, backlog))
    }
}

/// The unspecified address of the same family.
pub(super) const fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests;
