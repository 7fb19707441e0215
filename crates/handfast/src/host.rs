//! `Host`: one stack behind a lock, and the handle that applications clone.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use handfast_device::Device;
use handfast_packet::Instant;
use handfast_packet::buf::Capabilities;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use handfast_stack::{AddressEvent, Config, Connect, Counters, Listen, Stack};

use crate::clock::Clock;
use crate::error::{self, Down};
use crate::listener::TcpListener;
use crate::observer::{Observer, Watch};
use crate::random_seed;
use crate::shard::{LINGER_MAX, SHUTDOWN_MAX, Shard};
use crate::shards::Family;
use crate::strays::StrayCounters;
use crate::stream::TcpStream;

/// One host: its stack and everybody who waits for it. Clones are the same host.
///
/// It does nothing by itself: a [`crate::Driver`] joins it to a device. When the last handle goes
/// (hosts, streams and listeners all count), the driver delivers what was written, for at most
/// [`LINGER_MAX`], and ends.
#[derive(Clone)]
pub struct Host(Arc<Handles>);

/// Lives as long as there is any handle; the driver has none.
struct Handles {
    shared: Arc<Shared>,
    /// All shards, where the host has several.
    family: Option<Arc<Family>>,
}

/// What handles and driver share; shards share no line of a cache.
#[repr(align(128))]
pub(crate) struct Shared {
    clock: Clock,
    /// How long those who wait for this host spin before they sleep.
    pub(crate) busy_poll: Duration,
    shard: Mutex<Shard>,
}

impl Host {
    /// A host without addresses, for a device with these capabilities, that reads `clock` when it
    /// is called.
    pub fn new(config: Config, capabilities: Capabilities, clock: Clock) -> Self {
        Self::of(Arc::new(Shared::new(config, capabilities, clock)), None)
    }

    /// The handle of one shard.
    pub(crate) fn of(shared: Arc<Shared>, family: Option<Arc<Family>>) -> Self {
        Self(Arc::new(Handles { shared, family }))
    }

    /// Makes an address ours at once, without asking the network.
    ///
    /// # Errors
    /// `InvalidInput` when no single host can have it, `AddrInUse` when it is ours already,
    /// `QuotaExceeded` when there are too many.
    pub fn add_address(&self, address: Cidr) -> io::Result<()> {
        self.everywhere(|shard, _| shard.stack.add_address(address).map_err(error::address))
    }

    /// Begins to claim an address (RFC 5227, RFC 4862 5.4); [`Host::poll_claim`] tells the
    /// outcome.
    ///
    /// # Errors
    /// Those of [`Host::add_address`], and `QuotaExceeded` when the outcomes of
    /// [`crate::CLAIMS_MAX`] claims wait to be asked for.
    pub fn start_claim(&self, address: Cidr) -> io::Result<()> {
        self.first().call(|shard, now| {
            shard.check_open()?;
            shard.claims.check_room()?;
            shard.stack.claim(now, address).map_err(error::address)?;
            shard.claims.begin(address.address);
            shard.called = true;
            Ok::<_, io::Error>(())
        })?;
        if let Some(family) = &self.0.family {
            family.begin_claim(address);
        }
        Ok(())
    }

    /// The outcome of a claim, told once: the address is ours, or the error says who has it.
    ///
    /// # Errors
    /// `AddrInUse` when somebody has it; `AddrNotAvailable` when nobody claims it, or it was
    /// released.
    pub fn poll_claim(&self, cx: &Context<'_>, address: IpAddr) -> Poll<io::Result<()>> {
        let outcome = self.first().call(|shard, _| {
            shard.check_up()?;
            let Shard { claims, due, .. } = shard;
            match claims.poll_claim(address, cx.waker(), due) {
                Some(outcome) => outcome,
                None if shard.stack.is_local(address) => Poll::Ready(Ok(())),
                None => Poll::Ready(Err(error::not_claimed(address))),
            }
        });
        let claimed = match (&outcome, &self.0.family) {
            (Poll::Ready(_), Some(family)) => family.take_claim(address),
            _ => None,
        };
        match (claimed, &outcome) {
            // What the first has asked the network for is for all.
            (Some(claimed), Poll::Ready(Ok(()))) => Poll::Ready(self.add_address(claimed)),
            _ => outcome,
        }
    }

    /// The next thing that happened to one of our addresses. At most
    /// [`handfast_stack::ADDRESS_EVENTS_MAX`] are kept; the oldest give way.
    pub fn poll_address_event(&self, cx: &Context<'_>) -> Poll<AddressEvent> {
        self.first()
            .call(|shard, _| shard.claims.poll_event(cx.waker(), &mut shard.due))
    }

    /// Gives an address up, claimed or still being claimed. Its connections end at once, without a
    /// word to their peers.
    pub fn release(&self, address: IpAddr) {
        let released: io::Result<()> = self.everywhere(|shard, _| {
            shard.stack.release(address);
            shard.claims.forget(address, &mut shard.due);
            shard.called = true;
            Ok(())
        });
        released.expect("giving up cannot fail");
        if let Some(family) = &self.0.family {
            family.take_claim(address);
        }
    }

    /// From its driver's next turn on, `observer` is told what connections did and why, what is
    /// still in the journal first; it replaces the one before. Of several shards each has a journal
    /// of its own, and this is that of the shard whose handle this is.
    ///
    /// # Errors
    /// `InvalidInput` when no journal is kept ([`Config::journal`]).
    pub fn observe(&self, observer: Box<dyn Observer>) -> io::Result<()> {
        self.shared().call(|shard, _| {
            if !shard.has_journal() {
                return Err(error::no_journal());
            }
            shard.watch = Some(Watch::new(observer, &mut shard.stack));
            shard.called = true;
            Ok(())
        })
    }

    /// Adds a route; without a gateway the destinations are on our link.
    ///
    /// # Errors
    /// `InvalidInput` when the gateway does not fit, `QuotaExceeded` when there are too many
    /// routes.
    pub fn add_route(&self, destination: Cidr, gateway: Option<IpAddr>) -> io::Result<()> {
        self.everywhere(|shard, _| {
            let added = shard.stack.add_route(destination, gateway);
            added.map_err(error::route)
        })
    }

    /// Begins a connection: the SYN leaves with the driver's next turn.
    /// [`TcpStream::poll_connected`] tells how it went.
    ///
    /// # Errors
    /// `NetworkUnreachable` without an address or a route, `AddrNotAvailable` without a free port,
    /// `AddrInUse` when the 4-tuple exists, `InvalidInput` for what is not one host's address.
    pub fn connect(&self, remote: SocketAddr, options: Connect) -> io::Result<TcpStream> {
        let (stream, _) = self.connect_with_text(remote, options, b"")?;
        Ok(stream)
    }

    /// Begins a connection that has something to say at once: how much of `text` was taken. With
    /// [`Connect::fast_open`] the SYN carries as much of it as it can; without, it follows the
    /// handshake.
    ///
    /// # Errors
    /// Those of [`Host::connect`].
    pub fn connect_with_text(
        &self,
        remote: SocketAddr,
        options: Connect,
        text: &[u8],
    ) -> io::Result<(TcpStream, usize)> {
        let (id, local, taken) = self.call(|shard, now| {
            shard.check_open()?;
            let id = shard
                .stack
                .connect(now, remote, options)
                .map_err(error::connect)?;
            shard.called = true;
            shard.streams.insert(id, Default::default());
            let mut socket = shard.stack.tcp(now, id).expect("made just now");
            let taken = match text {
                [] => 0,
                // The buffer of a new connection has room.
                text => socket.write(text).unwrap_or(0),
            };
            Ok::<_, io::Error>((id, socket.local(), taken))
        })?;
        let stream = TcpStream::new(self.clone(), id, local, remote);
        Ok((stream, taken))
    }

    /// Accepts connections to `local` from now on. The unspecified address stands for all
    /// addresses of its family, port 0 for a free one.
    ///
    /// # Errors
    /// `AddrInUse` when there is such a listener, `AddrNotAvailable` when the address is not ours.
    pub fn listen(&self, local: SocketAddr, options: Listen) -> io::Result<TcpListener> {
        let (id, local) = self.call(|shard, _| {
            shard.check_open()?;
            let id = shard.stack.listen(local, options).map_err(error::listen)?;
            shard.listeners.insert(id, Default::default());
            let local = shard.stack.listener_local(id).expect("made just now");
            Ok::<_, io::Error>((id, local))
        })?;
        Ok(TcpListener::new(self.clone(), id, local))
    }

    /// Begins the end of this host, and is ready when the driver has ended: listeners are closed,
    /// the closing handshakes of connections are waited for ([`SHUTDOWN_MAX`] at most), and
    /// connections that are open even then are reset. Shards of one host end together, as what is
    /// for one may come by the queue of another.
    pub fn poll_shutdown(&self, cx: &Context<'_>) -> Poll<()> {
        let begun: io::Result<()> = self.everywhere(|shard, now| {
            if shard.driven && !shard.is_down() {
                shard.begin_ending(now, SHUTDOWN_MAX);
            }
            Ok(())
        });
        begun.expect("ending cannot fail");
        self.call(|shard, _| {
            if shard.is_down() || !shard.driven {
                shard.go_down(Down::OnRequest);
                return Poll::Ready(());
            }
            shard.wait_for_end(cx.waker());
            Poll::Pending
        })
    }

    /// What the stack has counted.
    pub fn counters(&self) -> Counters {
        self.0.shared.lock().stack.counters()
    }

    /// Looks at the stack, which stays as it is: for displays and referees. `look` must not call
    /// this host, whose lock is held meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Stack) -> T) -> T {
        look(&self.0.shared.lock().stack)
    }

    /// How many times the host was called, by applications and its driver: who sees the same number
    /// again sees the same with [`Host::look`] again.
    pub fn calls(&self) -> u64 {
        self.0.shared.lock().calls
    }

    /// What was handed on between the shards of this host, by this one and to it; all zero on a
    /// host of one stack.
    pub fn stray_counters(&self) -> StrayCounters {
        self.0.shared.lock().strays
    }

    /// Connections that exist, those in TIME-WAIT excepted.
    pub fn tcp_count(&self) -> usize {
        self.0.shared.lock().stack.tcp_count()
    }

    /// Connections in TIME-WAIT.
    pub fn time_wait_count(&self) -> usize {
        self.0.shared.lock().stack.time_wait_count()
    }

    /// Whether `address` is ours and may be used.
    pub fn is_local(&self, address: IpAddr) -> bool {
        self.0.shared.lock().stack.is_local(address)
    }

    /// What the clock of this host shows.
    pub fn now(&self) -> Instant {
        self.0.shared.clock.now()
    }

    /// Runs `verb` under the lock; wakes afterwards.
    pub(crate) fn call<T>(&self, verb: impl FnOnce(&mut Shard, Instant) -> T) -> T {
        self.0.shared.call(verb)
    }

    /// Runs `verb` for each shard of the host, or its one; until it fails somewhere.
    fn everywhere(&self, verb: impl Fn(&mut Shard, Instant) -> io::Result<()>) -> io::Result<()> {
        match &self.0.family {
            None => self.call(verb),
            Some(family) => family
                .shards
                .iter()
                .try_for_each(|shared| shared.call(&verb)),
        }
    }

    /// The shard that speaks for the host.
    fn first(&self) -> &Shared {
        match &self.0.family {
            None => &self.0.shared,
            Some(family) => &family.shards[0],
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.shared.clock
    }

    /// How long those who wait for it spin before they sleep.
    pub(crate) fn busy_poll(&self) -> Duration {
        self.0.shared.busy_poll
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        self.shared
            .call(|shard, now| shard.begin_ending(now, LINGER_MAX));
    }
}

impl Shared {
    pub(crate) fn new(config: Config, capabilities: Capabilities, clock: Clock) -> Self {
        let busy_poll = config.busy_poll;
        let shard = Mutex::new(Shard::new(Stack::new(config, capabilities)));
        Self {
            clock,
            busy_poll,
            shard,
        }
    }

    /// Runs `verb` with the time; then, without the lock, wakes who is due, and the driver if
    /// there is something new for it to do.
    pub(crate) fn call<T>(&self, verb: impl FnOnce(&mut Shard, Instant) -> T) -> T {
        let mut shard = self.lock();
        let now = shard.advance(self.clock.now());
        let result = verb(&mut shard, now);
        let driver = if shard.called {
            shard.driver.take()
        } else {
            None
        };
        // The list is the driver's, which uses it again; few calls put something into it.
        let due = if shard.due.is_empty() {
            Vec::new()
        } else {
            std::mem::take(&mut shard.due)
        };
        drop(shard);
        driver.into_iter().chain(due).for_each(Waker::wake);
        result
    }

    /// What its clock shows.
    #[cfg(feature = "control")]
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Ready when it has come to its end, whoever asked for that.
    #[cfg(feature = "control")]
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        self.call(|shard, _| {
            if shard.is_down() {
                return Poll::Ready(());
            }
            shard.wait_for_end(cx.waker());
            Poll::Pending
        })
    }

    /// A panic under the lock is followed by the driver's end, after which nobody asks the stack;
    /// so there is no need to spread it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration of a host on a real device: its hardware address is that of the device, and a
/// seed of 0, which everybody could guess, becomes a random one.
pub(crate) fn configure(config: Config, device: &impl Device) -> io::Result<Config> {
    let hardware = match device.hardware_address() {
        EthernetAddress::ZERO => config.hardware,
        address => address,
    };
    let seed = match config.seed {
        0 => random_seed()?,
        seed => seed,
    };
    Ok(Config {
        seed,
        hardware,
        ..config
    })
}
