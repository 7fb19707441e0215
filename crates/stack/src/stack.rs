//! `Stack`: one host, fed with frames and asked for frames.
//!
//! The order of work for a driver is: `receive` a batch, `on_timeout` when it is due, then
//! `poll_transmit` and `poll_event` until they are empty, then wait for frames or until
//! `next_timeout`. The network is in `network`, TCP in `tcp`; here they meet.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, RxBatch, TxBatch};
use handfast_packet::ip::Cidr;
use handfast_packet::tcp::FastOpen;
use handfast_tcp::{Entry, IcmpError, State, Vitals};

use crate::config::Config;
use crate::counters::Counters;
use crate::error::{ConnectError, ListenError};
use crate::event::Event;
use crate::ip::ReassemblyUse;
use crate::link::AddressEvent;
use crate::network::{
    AddressError, IcmpKind, IcmpReport, Inbound, Network, NetworkEvent, RouteError,
};
use crate::rng::SeedRng;
use crate::tcp::{Connect, Listen, ListenerId, Tables, Tcp, TcpId, TcpRow, TcpSocket, TcpTable};

/// Most events about addresses that wait for the application; the oldest gives way. There are few
/// addresses, and each tells little in its life.
pub const ADDRESS_EVENTS_MAX: usize = 64;

/// One host with its addresses, neighbours, routes and connections.
///
/// It owns no device and reads no clock: frames, time and the seed of all its choices come from
/// outside, so the same inputs give the same outputs, bit for bit. `now` must never go back.
#[derive(Debug)]
pub struct Stack {
    network: Network,
    tcp: Tcp,
    address_events: VecDeque<AddressEvent>,
    /// The latest time that anybody told us, for the verbs without a time of their own.
    now: Instant,
    frames_received: u64,
    frames_sent: u64,
}

// A stack moves between threads, it is never shared (design, part 3.5).
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Stack>();
};

impl Stack {
    /// A host without addresses on a device with these capabilities.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a stack keeps its configuration's choices"
    )]
    pub fn new(config: Config, capabilities: Capabilities) -> Self {
        let mut random = SeedRng::new(config.seed);
        Self {
            network: Network::new(&config, capabilities, &mut random),
            tcp: Tcp::new(&config, capabilities, &mut random),
            address_events: VecDeque::new(),
            now: Instant::ZERO,
            frames_received: 0,
            frames_sent: 0,
        }
    }

    /// Takes in all frames of a batch. Changes state only: answers leave by
    /// [`Stack::poll_transmit`], after the whole batch was taken in.
    pub fn receive(&mut self, now: Instant, batch: &mut RxBatch) {
        self.now = now;
        self.tcp.fetch_receivers(batch);
        while let Some(frame) = batch.pop() {
            self.frames_received += 1;
            match self.network.receive(now, frame) {
                None => {}
                Some(Inbound::Tcp(datagram)) => {
                    let last = batch.is_empty();
                    self.tcp.receive(now, &self.network, (datagram, last));
                }
                Some(Inbound::IcmpError(report)) => {
                    self.tcp.end_batch(now, &self.network);
                    self.on_icmp(now, &report);
                }
            }
        }
        self.tcp.end_batch(now, &self.network);
        self.take_network_events(now);
    }

    /// Does what has become due. Harmless when nothing has.
    pub fn on_timeout(&mut self, now: Instant) {
        self.now = now;
        self.network.on_timeout(now);
        self.tcp.on_timeout(now);
        for remote in self.tcp.take_suspects() {
            self.network.suspect(now, remote);
        }
        for (remote, mtu) in self.tcp.take_narrowed() {
            self.narrow_path(now, remote, mtu);
        }
        self.take_network_events(now);
    }

    /// When [`Stack::on_timeout`] is due; `None` when nothing is waited for. It may be somewhat
    /// early, and timers of connections are at most a millisecond late.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.network.next_timeout(), self.tcp.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Adds what is to be sent to `batch` until it is full; returns whether more waits.
    pub fn poll_transmit(&mut self, now: Instant, batch: &mut TxBatch) -> bool {
        self.now = now;
        let before = batch.len();
        let mut more = self.network.poll_transmit(now, batch);
        more |= self.tcp.poll_transmit(now, &mut self.network, batch);
        // A segment for a new neighbour has made a question, which should leave now.
        more |= self.network.poll_transmit(now, batch);
        self.frames_sent += (batch.len() - before) as u64;
        self.take_network_events(now);
        more
    }

    /// Whether facts are written down at all ([`Config::journal`]).
    pub fn keeps_journal(&mut self) -> bool {
        self.tcp.journal().is_some()
    }

    /// From now on so many facts are kept until they are taken, as [`Config::journal`] has it; with
    /// 0 nothing is written down any more, and what was not taken is forgotten. For those who come
    /// to look and go again.
    pub fn keep_journal(&mut self, facts: usize) {
        self.tcp.keep_journal(facts);
    }

    /// The ends of the connection with this number ([`Entry::connection`]), ours first, as long as
    /// the stack knows it.
    pub fn tcp_ends(&self, connection: u64) -> Option<(SocketAddr, SocketAddr)> {
        self.tcp.ends(connection)
    }

    /// The oldest fact about what a connection did and why that was not taken yet; none without
    /// [`Config::journal`]. When nobody takes them, the oldest give way.
    pub fn take_fact(&mut self) -> Option<Entry> {
        self.tcp.journal()?.take()
    }

    /// How many facts have given way so far without having been taken.
    pub fn facts_lost(&mut self) -> u64 {
        self.tcp.journal().map_or(0, |journal| journal.lost())
    }

    /// What happened, one event at a time. Events are kept once per kind and connection, so they
    /// cannot pile up however seldom somebody asks.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        let address = self.address_events.pop_front().map(Event::Address);
        address.or_else(|| self.tcp.poll_event())
    }

    /// Makes an address ours at once, without asking the network.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn add_address(&mut self, cidr: Cidr) -> Result<(), AddressError> {
        self.network.add_address(cidr)
    }

    /// Begins to claim an address: asks the network whether somebody has it (RFC 5227, RFC 4862).
    /// An [`AddressEvent`] tells the outcome.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn claim(&mut self, now: Instant, cidr: Cidr) -> Result<(), AddressError> {
        self.now = now;
        self.network.claim(now, cidr)
    }

    /// Gives an address up. Its connections end at once, without a word to their peers: shut them
    /// down first to part in good order.
    pub fn release(&mut self, address: IpAddr) {
        self.network.release(address);
        self.tcp.address_lost(self.now, address);
    }

    /// Adds a route; without a gateway, the destinations are on our link.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn add_route(
        &mut self,
        destination: Cidr,
        gateway: Option<IpAddr>,
    ) -> Result<(), RouteError> {
        self.network.add_route(destination, gateway)
    }

    /// Begins a connection. [`handfast_tcp::Event::Connected`] or `Closed` tells how it went.
    ///
    /// A stack does not connect to its own addresses yet ([`ConnectError::Loopback`]).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        options: Connect,
    ) -> Result<TcpId, ConnectError> {
        self.now = now;
        self.tcp.connect(now, &self.network, remote, &options)
    }

    /// Accepts connections to `local` from now on. The unspecified address stands for all
    /// addresses of its family, port 0 for a free one ([`Stack::listener_local`] tells which).
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn listen(
        &mut self,
        local: SocketAddr,
        options: Listen,
    ) -> Result<ListenerId, ListenError> {
        self.tcp.listen(&self.network, local, &options)
    }

    /// Takes the oldest connection that a listener has opened; `None` when there is none.
    /// [`Event::Accept`] comes once for each.
    pub fn accept(&mut self, listener: ListenerId) -> Option<TcpId> {
        self.tcp.accept(listener)
    }

    /// How many connections a listener has for [`Stack::accept`].
    pub fn acceptable(&self, listener: ListenerId) -> usize {
        self.tcp.acceptable(listener)
    }

    /// Ends a listener. Connections that were not accepted yet are reset.
    pub fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        self.now = now;
        self.tcp.close_listener(now, listener);
    }

    /// The Fast Open cookie that we give to `remote` when it talks to `local` of ours (RFC 7413
    /// 4.1.2).
    pub fn fast_open_cookie(&self, now: Instant, local: IpAddr, remote: IpAddr) -> FastOpen {
        self.tcp.fast_open_cookie(now, local, remote)
    }

    /// The address and port of a listener; `None` when it was closed.
    pub fn listener_local(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.tcp.listener_local(listener)
    }

    /// Borrows a connection; `None` when it was released.
    pub fn tcp(&mut self, now: Instant, id: TcpId) -> Option<TcpSocket<'_>> {
        self.now = now;
        self.tcp.socket(now, id)
    }

    /// The application lets a connection go: what was written is still sent and the connection
    /// closed in good order (with RST when something received was not read, RFC 2525 2.17).
    ///
    /// `id` finds nothing from now on; the stack forgets the connection when it is over.
    pub fn release_tcp(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.release(now, id);
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        Counters {
            frames_received: self.frames_received,
            frames_sent: self.frames_sent,
            tcp: self.tcp.counters(),
            network: self.network.counters(),
        }
    }

    /// Connections that exist: opening, open, closing, or over and not released. Entries in
    /// TIME-WAIT are counted by [`Stack::time_wait_count`].
    pub fn tcp_count(&self) -> usize {
        self.tcp.len()
    }

    /// Connections in TIME-WAIT.
    pub fn time_wait_count(&self) -> usize {
        self.tcp.time_wait_len()
    }

    /// Connections in a state. Looks at all of them: for displays and tests.
    pub fn tcp_count_in(&self, state: State) -> usize {
        self.tcp.count_in(state)
    }

    /// What waits for missing fragments. Looks at all of it: for displays and tests.
    pub fn reassembly_use(&self) -> ReassemblyUse {
        self.network.reassembly_use()
    }

    /// How full the tables of TCP are. Looks at all connections: for referees and tests.
    pub fn tcp_tables(&self) -> Tables {
        self.tcp.tables()
    }

    /// How many places a table of sockets has, the empty ones included: those of
    /// [`Stack::tcp_row`] begin at 0.
    pub fn tcp_places(&self, table: TcpTable) -> u32 {
        self.tcp.places(table)
    }

    /// How many sockets all places of all tables have.
    pub fn tcp_sockets(&self) -> usize {
        self.tcp.sockets()
    }

    /// The socket at one place of a table, as of `now`; `None` when the place is empty. Whoever
    /// walks through large tables can do so piece by piece: what comes and goes meanwhile may be
    /// missed, what stays is seen once.
    pub fn tcp_row(&self, now: Instant, table: TcpTable, place: u32) -> Option<TcpRow> {
        self.tcp.row(now, table, place)
    }

    /// Blocks of memory that hold text of connections, or did a moment ago and are still looked at.
    /// Looks at all blocks: for referees and tests.
    pub fn tcp_blocks(&self) -> usize {
        self.tcp.blocks_in_use()
    }

    /// The vital figures of all connections, in a fixed order: for referees and tests.
    pub fn tcp_vitals(&self) -> impl Iterator<Item = (TcpId, Vitals)> {
        self.tcp.vitals()
    }

    /// Whether `address` is ours and may be used.
    pub fn is_local(&self, address: IpAddr) -> bool {
        self.network.is_local(address)
    }

    /// An ICMP error about a packet of ours goes to the connection whose segment it quotes.
    fn on_icmp(&mut self, now: Instant, report: &IcmpReport) {
        let error = match report.kind {
            IcmpKind::Soft => IcmpError::Soft,
            IcmpKind::Hard => IcmpError::Hard,
            IcmpKind::TooBig { mtu } => {
                if self.tcp.believes(now, report, mtu) {
                    self.narrow_path(now, report.remote, mtu);
                }
                return;
            }
        };
        self.tcp.on_icmp(now, report, error);
    }

    fn narrow_path(&mut self, now: Instant, remote: IpAddr, mtu: u16) {
        self.network.confirm_too_big(now, remote, mtu);
        self.tcp.on_path(now, &self.network, remote);
    }

    fn take_network_events(&mut self, now: Instant) {
        while let Some(event) = self.network.poll_event() {
            match event {
                NetworkEvent::Unreachable { destination } => self.tcp.unreachable(now, destination),
                NetworkEvent::PathForgotten { destination } => {
                    self.tcp.on_path(now, &self.network, destination);
                }
                NetworkEvent::Address(event) => {
                    if let AddressEvent::Lost { address, .. } = event {
                        self.tcp.address_lost(now, address);
                    }
                    if self.address_events.len() == ADDRESS_EVENTS_MAX {
                        self.address_events.pop_front();
                    }
                    self.address_events.push_back(event);
                }
            }
        }
    }
}
