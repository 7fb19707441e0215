//! TCP of one host: the table of connections and everything that files them.
//!
//! ```text
//! ingress ─► demux ─► connection ─┐
//!                 ├─► TIME-WAIT   ├─► file: demux, TIME-WAIT table, timer wheel,
//!                 ├─► listener    │         list of senders, list of tellers
//!                 └─► reply       │
//! TcpSocket, wheel ───────────────┘
//! egress ◄─ senders, replies
//! ```
//! A connection knows neither addresses nor tables. Whoever calls a verb of one calls
//! [`Tcp::refile`] afterwards, which reads what the connection wants and files it anew.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{BATCH_MAX, Capabilities, PoolLimits};
use handfast_packet::steer::Share;
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{self as tcp, Connection, Cx, Pool, State};

use crate::config::Config;
use crate::counters::TcpCounters;
use crate::rng::SeedRng;

mod demux;
mod egress;
mod fast_open;
mod fetch;
mod index_queue;
mod ingress;
mod isn;
mod journal;
mod listener;
mod open;
mod passive;
mod peer_cache;
mod ports;
mod reset_limit;
mod slab;
mod socket;
mod socket_options;
mod survey;
mod syn_cookie;
mod syn_fin;
mod time_wait;

use demux::{Demux, Flow};
use egress::Replies;
use fast_open::{CookieBaker, CookieCache};
use index_queue::IndexQueue;
use isn::Secrets;
use journal::page;
use listener::Listeners;
use peer_cache::{Peer, PeerCache};
use ports::Ports;
use reset_limit::ResetLimit;
use slab::{Key, Slab};
use syn_cookie::CookieJar;
use time_wait::TimeWaits;

use crate::wheel::Wheel;

pub use egress::{REPLIES_MAX, TURNS_MAX};
pub use fast_open::{FastOpenConnect, FastOpenKeys, FastOpenListen};
pub use listener::{BACKLOG, BACKLOG_MAX, LISTENERS_MAX, Listen, Overflow, SynCookies};
pub use open::Connect;
pub use peer_cache::PEERS_MAX;
pub use reset_limit::RESETS_MAX;
pub use socket::TcpSocket;
pub use survey::Tables;
pub use syn_cookie::COOKIE_AGE_MAX;

/// The name of a connection in its stack. Names are not used again: the name of a connection that
/// was released finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpId(Key);

/// The name of a listener in its stack; like [`TcpId`], never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(Key);

/// Most remote ends that one round of timeouts can cast doubt on. They share few next hops, and
/// what is left out is told at the next timeout.
const SUSPECTS_MAX: usize = 64;

/// How long the figures of a connection serve those after it; paths change.
const METRICS_LIFE: Duration = Duration::from_secs(3_600);
/// How long an early connection that was reset counts as pending: as long as a SYN-ACK would have
/// been sent again.
const EARLY_RESET_LIFE: Duration = Duration::from_secs(60);

/// All of TCP but the layers below.
#[derive(Debug)]
pub(crate) struct Tcp {
    config: tcp::Config,
    connections_max: usize,
    /// Which flows are ours; `None` when all are.
    share: Option<Share>,
    capabilities: Capabilities,
    slots: Slab<Slot>,
    demux: Demux,
    /// Text that the next segment may continue, within a batch.
    run: Option<(Flow, tcp::Segment)>,
    /// The connection that the latest segment was for, while it waits to be filed anew.
    latest: Option<(Flow, Key)>,
    /// The connection that sent last, while it waits to be filed anew.
    sender: Option<Key>,
    time_waits: TimeWaits,
    listeners: Listeners,
    ports: Ports,
    secrets: Secrets,
    cookies: CookieJar,
    baker: CookieBaker,
    cookie_cache: CookieCache,
    /// What connections have learnt, for those after them; `None` when nobody wants it.
    metrics: Option<PeerCache<tcp::Metrics>>,
    /// The time of the latest verb.
    now: Instant,
    wheel: Wheel,
    /// Connections that may have something to send, in the order of their turns.
    senders: IndexQueue,
    /// Connections with an event for the application.
    tellers: IndexQueue,
    replies: Replies,
    reset_limit: ResetLimit,
    /// Remote ends to which paths have proved narrower, and how much they carry; at most
    /// [`SUSPECTS_MAX`].
    narrowed: Vec<(IpAddr, u16)>,
    /// Remote ends that do not answer; at most [`SUSPECTS_MAX`].
    suspects: Vec<IpAddr>,
    pool: Pool,
    /// What connections did and why, when somebody wants to know.
    journal: Option<Box<tcp::Journal>>,
    counters: TcpCounters,
}

/// One connection and where it is filed.
#[derive(Debug)]
struct Slot {
    connection: Connection,
    flow: Flow,
    owner: Owner,
    /// The 4-tuple no longer leads here: the connection is over, or TIME-WAIT has its own entry.
    unlisted: bool,
    /// The next event for the application.
    event: Option<tcp::Event>,
    /// The number of the segment that was sent last among those that take sequence space: while
    /// anything of it is in flight, errors about the whole connection can be told by it.
    last_sent: SeqNumber,
    /// There was one.
    sent: bool,
    /// What is unusual about its opening.
    opening: Option<Box<Opening>>,
}

/// How a listener wants a connection to open.
#[derive(Debug, Default)]
struct Opening {
    /// Until then only text completes the handshake.
    deferred_until: Option<Instant>,
    /// The listener for which it counts as early.
    early: Option<ListenerId>,
}

/// A connection that is opening has nothing allocated behind it, so this is what it costs; times
/// [`BACKLOG_MAX`] that makes 4 MiB for each listener at the very most.
const _: () = assert!(
    size_of::<Slot>() <= 952,
    "what a half-open connection may cost"
);

/// Who holds a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The listener that it is opening for.
    Opening(ListenerId),
    /// The listener that waits for somebody to accept it.
    Waiting(ListenerId),
    /// The application.
    Application,
    /// Nobody any more: the slot goes when the connection is over.
    Nobody,
}

impl Tcp {
    pub(crate) fn new(config: &Config, capabilities: Capabilities, random: &mut SeedRng) -> Self {
        Self {
            config: config.tcp,
            connections_max: config.connections_max,
            share: config.share,
            capabilities,
            slots: Slab::new(),
            demux: Demux::new(random.key()),
            run: None,
            latest: None,
            sender: None,
            time_waits: TimeWaits::new(config.time_wait_max, random.key()),
            listeners: Listeners::new(),
            ports: Ports::new(config.ephemeral_ports.clone(), random),
            secrets: Secrets::new(random, config.known_initial),
            cookies: CookieJar::new(random),
            baker: CookieBaker::new(config.fast_open_keys, random),
            cookie_cache: CookieCache::new(random),
            metrics: config
                .share_metrics
                .then(|| PeerCache::new(random.key(), METRICS_LIFE)),
            now: Instant::ZERO,
            wheel: Wheel::new(),
            senders: IndexQueue::new(),
            tellers: IndexQueue::new(),
            replies: Replies::new(),
            reset_limit: ResetLimit::new(random.key()),
            narrowed: Vec::new(),
            suspects: Vec::new(),
            pool: Pool::new(PoolLimits::default()),
            journal: (config.journal > 0).then(|| Box::new(tcp::Journal::new(config.journal))),
            counters: TcpCounters::default(),
        }
    }

    /// Lets the connections and TIME-WAIT entries act whose time has come.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.time_waits.on_timeout(now);
        let mut due = [0; BATCH_MAX];
        loop {
            let mut count = 0;
            while let Some(place) = due.get_mut(count)
                && let Some(index) = self.wheel.expire(now)
            {
                *place = index;
                count += 1;
            }
            if count == 0 {
                return;
            }
            self.fetch(due[..count].iter());
            for &index in &due[..count] {
                let key = self
                    .slots
                    .key_at(index)
                    .expect("a slot leaves the wheel when it goes");
                // It may be early, when the deadline has moved to later: that does no harm.
                self.with(now, key, Connection::on_timeout);
                self.note_advice(key);
            }
        }
    }

    /// The remote ends to which paths may be bad, as connections found since this was last asked.
    pub(crate) fn take_suspects(&mut self) -> Vec<IpAddr> {
        core::mem::take(&mut self.suspects)
    }

    /// The remote ends to which paths have proved narrower since this was last asked, with the MTU
    /// that a router gave and a timeout has confirmed.
    pub(crate) fn take_narrowed(&mut self) -> Vec<(IpAddr, u16)> {
        core::mem::take(&mut self.narrowed)
    }

    fn note_advice(&mut self, key: Key) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let remote = slot.flow.remote.address;
        if self.narrowed.len() < SUSPECTS_MAX
            && let Some(mtu) = slot.connection.take_narrowed_path()
        {
            self.narrowed.push((remote, mtu));
        }
        if slot.connection.take_advice_against_path()
            && self.suspects.len() < SUSPECTS_MAX
            && !self.suspects.contains(&remote)
        {
            self.suspects.push(remote);
        }
    }

    /// When [`Tcp::on_timeout`] is due; sometimes earlier than needed, never later.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.wheel.next(), self.time_waits.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Accepted connections first, then what happened to connections, in turns.
    pub(crate) fn poll_event(&mut self) -> Option<crate::Event> {
        if let Some(listener) = self.listeners.poll_event() {
            return Some(crate::Event::Accept(listener));
        }
        let index = self.tellers.pop()?;
        let key = self
            .slots
            .key_at(index)
            .expect("a slot leaves the lists when it goes");
        let slot = self.slots.get_mut(key).expect("the key was found just now");
        let event = slot.event.take();
        slot.file_event(index, &mut self.tellers);
        event.map(|event| crate::Event::Tcp(TcpId(key), event))
    }

    /// The application lets go of a connection: what is queued is still sent and the connection
    /// closed in an orderly way; then the slot goes.
    pub(crate) fn release(&mut self, now: Instant, id: TcpId) {
        let held = |slot: &Slot| slot.owner == Owner::Application;
        if self.slots.get(id.0).is_some_and(held) {
            self.let_go(now, id.0, Connection::close);
        }
    }

    /// The connections of a lost address end at once; nothing can be sent from it any more.
    pub(crate) fn address_lost(&mut self, now: Instant, address: IpAddr) {
        for key in self.keys_where(|slot| slot.flow.local.address == address) {
            self.with(now, key, Connection::abort);
        }
    }

    /// A neighbour does not answer, so `destination` cannot be reached at the moment. Connections
    /// that are opening end; open ones are told and go on trying.
    pub(crate) fn unreachable(&mut self, now: Instant, destination: IpAddr) {
        for key in self.keys_where(|slot| slot.flow.remote.address == destination) {
            let slot = self.slots.get(key).filter(|slot| slot.sent);
            let Some(seq) = slot.map(|slot| slot.last_sent) else {
                continue;
            };
            self.with(now, key, |connection, cx| {
                let error = match connection.state() {
                    State::SynSent | State::SynReceived => tcp::IcmpError::Hard,
                    _ => tcp::IcmpError::Soft,
                };
                connection.on_icmp(cx, error, seq);
            });
        }
    }

    pub(crate) fn counters(&self) -> TcpCounters {
        self.counters
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn time_wait_len(&self) -> usize {
        self.time_waits.len()
    }

    pub(crate) fn count_in(&self, state: State) -> usize {
        match state {
            State::TimeWait => self.time_waits.len(),
            _ => {
                let is_in = |slot: &Slot| slot.connection.state() == state;
                self.keys_where(is_in).len()
            }
        }
    }

    /// Makes room for a connection; the caller has checked the limit.
    fn insert(&mut self, flow: Flow, connection: Connection, owner: Owner) -> Key {
        let slot = Slot {
            connection,
            flow,
            owner,
            unlisted: false,
            event: None,
            last_sent: SeqNumber(0),
            sent: false,
            opening: None,
        };
        let key = self.slots.insert(slot);
        self.demux.insert(&flow, key.index, &self.slots);
        self.note_opened(key);
        self.refile(key);
        key
    }

    /// Calls a verb of a connection and files the connection anew; nothing when it is gone.
    fn with(&mut self, now: Instant, key: Key, verb: impl FnOnce(&mut Connection, &mut Cx<'_>)) {
        self.now = now;
        if let Some(slot) = self.slots.get_mut(key) {
            let pool = &mut self.pool;
            let journal = page(&mut self.journal, key);
            verb(&mut slot.connection, &mut Cx { now, pool, journal });
            self.refile(key);
        }
    }

    /// Files a connection after anything that may have changed it; it may also have something to
    /// send now.
    fn refile(&mut self, key: Key) {
        self.file(key);
        self.senders.push(key.index);
    }

    /// Reads what a connection has become and wants, and files it accordingly.
    fn file(&mut self, key: Key) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.file_owner(key, &mut self.listeners);
        slot.file_fast_open(self.now, &mut self.cookie_cache, &mut self.listeners);
        if !slot.unlisted && slot.connection.is_over() {
            slot.unlisted = true;
            self.demux.remove(&slot.flow, key.index);
            if let (Some(cache), Some(metrics)) = (&mut self.metrics, slot.connection.metrics()) {
                cache.set(self.now, Peer::from(&slot.flow), metrics);
            }
            if let Some(entry) = slot.connection.time_wait() {
                let evicted = self.time_waits.insert(slot.flow, entry);
                self.counters.time_waits_evicted += u64::from(evicted);
            }
        }
        match slot.connection.next_timeout() {
            Some(deadline) => self.wheel.set(key.index, deadline),
            None => self.wheel.cancel(key.index),
        }
        slot.file_event(key.index, &mut self.tellers);
    }

    /// Ends the hold on a connection by `verb`: nobody hears of it any more.
    fn let_go(&mut self, now: Instant, key: Key, verb: impl FnOnce(&mut Connection, &mut Cx<'_>)) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.owner = Owner::Nobody;
        self.with(now, key, verb);
    }

    /// Drops a connection that is over, held by nobody, and has nothing left to send.
    fn free_if_done(&mut self, key: Key) {
        let done = |slot: &Slot| slot.owner == Owner::Nobody && slot.unlisted;
        if self.slots.get(key).is_some_and(done) {
            self.wheel.cancel(key.index);
            self.senders.remove(key.index);
            self.tellers.remove(key.index);
            if let Some(slot) = self.slots.get_mut(key) {
                slot.connection.recycle(&mut self.pool);
            }
            self.slots.discard(key);
        }
    }

    /// The connections that satisfy `test`, in the order of their places. Looks at all of them:
    /// for rare events only.
    fn keys_where(&self, test: impl Fn(&Slot) -> bool) -> Vec<Key> {
        let chosen = |key: &Key| self.slots.get(*key).is_some_and(&test);
        self.slots.keys().filter(chosen).collect()
    }
}

impl Slot {
    /// A connection of a listener that has opened can be accepted; one that has failed is nobody's.
    fn file_owner(&mut self, key: Key, listeners: &mut Listeners) {
        let Owner::Opening(listener) = self.owner else {
            return;
        };
        match self.connection.state() {
            State::SynReceived => {}
            State::Closed => {
                self.owner = Owner::Nobody;
                listeners.give_up(listener);
            }
            _ => {
                self.owner = Owner::Waiting(listener);
                listeners.complete(listener, key);
            }
        }
    }

    /// What Fast Open taught a client goes into the cache; an early connection that has opened or
    /// failed counts no more, but one that was reset does for a while.
    fn file_fast_open(&mut self, now: Instant, cache: &mut CookieCache, listeners: &mut Listeners) {
        if let Some(news) = self.connection.take_fast_open_news() {
            cache.learn(&self.flow, news);
        }
        if self.connection.is_early() {
            return;
        }
        if let Some(opening) = &mut self.opening
            && let Some(listener) = opening.early.take()
        {
            let reset = self.connection.close_reason() == Some(tcp::CloseReason::Reset);
            let until = reset.then(|| now + EARLY_RESET_LIFE);
            listeners.end_early(listener, until);
        }
    }

    /// A connection stands in the list of tellers while an application holds it and there is an
    /// event to tell.
    fn file_event(&mut self, index: u32, tellers: &mut IndexQueue) {
        if self.owner != Owner::Application {
            tellers.remove(index);
            return;
        }
        if self.event.is_none() {
            self.event = self.connection.poll_event();
        }
        if self.event.is_some() {
            tellers.push(index);
        }
    }

    fn local(&self) -> SocketAddr {
        self.flow.local.into()
    }

    fn remote(&self) -> SocketAddr {
        self.flow.remote.into()
    }
}
