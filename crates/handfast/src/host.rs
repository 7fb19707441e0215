//! `Host`: one IP host, shared by everybody who holds a clone.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Capabilities;
use handfast_packet::ip::Cidr;
use handfast_stack::{AddressEvent, Config, Connect, Counters, Listen, Stack};

use crate::clock::Clock;
use crate::listener::TcpListener;
use crate::shard::{CLAIMS_MAX, Claim, Failure, Shard};
use crate::stream::TcpStream;
use crate::wakers::replace;

/// Longest time that a shutdown waits for connections to close in good order.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// A host: addresses, routes, connections. Clones are the same host.
///
/// Something must turn a [`crate::Driver`] for it, or nothing moves.
#[derive(Clone, Debug)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shard: Mutex<Shard>,
    clock: Clock,
}

impl Host {
    /// A host without addresses on a device with these capabilities.
    pub fn new(config: Config, capabilities: Capabilities, clock: Clock) -> Self {
        let shard = Mutex::new(Shard::new(Stack::new(config, capabilities)));
        Self {
            inner: Arc::new(Inner { shard, clock }),
        }
    }

    /// Makes an address ours at once, without asking the network whether somebody has it.
    ///
    /// # Errors
    /// When it is no address of a host, or there are too many.
    pub fn add_address(&self, address: Cidr) -> io::Result<()> {
        self.act(|shard, _| shard.stack.add_address(address).map_err(invalid))
    }

    /// Starts to claim an address (RFC 5227, RFC 4862); [`Self::poll_claim`] tells the outcome.
    ///
    /// # Errors
    /// When it is no address of a host, is ours or being claimed already, or there are too many.
    pub fn start_claim(&self, address: Cidr) -> io::Result<()> {
        self.act(|shard, now| {
            shard.stack.claim(now, address).map_err(invalid)?;
            if shard.claims.len() == CLAIMS_MAX {
                shard.claims.pop_first();
            }
            shard.claims.insert(address.address, Claim::default());
            Ok(())
        })
    }

    /// Waits until a claimed address is ours.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when somebody has it; the message says who.
    pub fn poll_claim(&self, cx: &mut Context<'_>, address: IpAddr) -> Poll<io::Result<()>> {
        let mut shard = self.lock();
        if shard.stack.is_local(address) {
            return Poll::Ready(Ok(()));
        }
        shard.check()?;
        let Some(claim) = shard.claims.get_mut(&address) else {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("nobody claims {address} here; start the claim first"),
            )));
        };
        if let Some(by) = claim.taken_by {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("the address {address} is in use by {by}; choose another one"),
            )));
        }
        let old = replace(&mut claim.waiter, cx.waker());
        drop(shard);
        drop(old);
        Poll::Pending
    }

    /// Waits for the next thing that happens to an address of ours.
    ///
    /// # Errors
    /// When the driver has failed.
    pub fn poll_address_event(&self, cx: &mut Context<'_>) -> Poll<io::Result<AddressEvent>> {
        let mut shard = self.lock();
        if let Some(event) = shard.address_events.pop_front() {
            return Poll::Ready(Ok(event));
        }
        shard.check()?;
        let old = replace(&mut shard.address_waiter, cx.waker());
        drop(shard);
        drop(old);
        Poll::Pending
    }

    /// Gives an address up: from now on somebody else may have it.
    pub fn release(&self, address: IpAddr) {
        self.act(|shard, _| {
            shard.stack.release(address);
            shard.claims.remove(&address);
        });
    }

    /// Adds a route; without a gateway, the destinations are on our link.
    ///
    /// # Errors
    /// When the gateway is of the other family or no host, or there are too many routes.
    pub fn add_route(&self, destination: Cidr, gateway: Option<IpAddr>) -> io::Result<()> {
        self.act(|shard, _| shard.stack.add_route(destination, gateway).map_err(invalid))
    }

    /// Starts a connection; [`TcpStream::poll_connected`] tells when it is open.
    ///
    /// # Errors
    /// When it cannot begin: no address, no route, no port. The message says what to do.
    pub fn connect(&self, remote: SocketAddr, options: Connect) -> io::Result<TcpStream> {
        self.act(|shard, now| {
            shard.check()?;
            let id = shard.stack.connect(now, remote, options);
            let id = id.map_err(|error| io::Error::new(connect_kind(&error), error))?;
            Ok(TcpStream::new(self, shard, now, id))
        })
    }

    /// Accepts connections to `local` from now on. The unspecified address stands for all of its
    /// family, port 0 for a free one.
    ///
    /// # Errors
    /// When the address is not ours or the port has a listener.
    pub fn listen(&self, local: SocketAddr, options: Listen) -> io::Result<TcpListener> {
        self.act(|shard, _| {
            shard.check()?;
            let id = shard.stack.listen(local, options);
            let id = id.map_err(|error| io::Error::new(listen_kind(&error), error))?;
            Ok(TcpListener::new(self, shard, id))
        })
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.lock().stack.counters()
    }

    /// Connections that exist: opening, open, closing, or over and not dropped.
    pub fn tcp_count(&self) -> usize {
        self.lock().stack.tcp_count()
    }

    /// Connections in TIME-WAIT.
    pub fn time_wait_count(&self) -> usize {
        self.lock().stack.time_wait_count()
    }

    /// The time by this host's clock.
    pub fn now(&self) -> Instant {
        self.inner.clock.now()
    }

    /// Waits until no connection is left; those in TIME-WAIT do not count.
    pub fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shard = self.lock();
        if shard.stack.tcp_count() == 0 || shard.failure.is_some() {
            return Poll::Ready(());
        }
        let old = replace(&mut shard.idle_waiter, cx.waker());
        drop(shard);
        drop(old);
        Poll::Pending
    }

    /// Nobody holds the network: the driver ends with the last connection.
    pub(crate) fn abandon(&self) {
        self.act(|shard, _| shard.abandoned = true);
    }

    /// The driver is to end now.
    pub(crate) fn stop(&self) {
        self.act(|shard, _| shard.stopped = true);
    }

    /// Who is to be woken when there is something to drive.
    pub(crate) fn register_driver(&self, waker: &Waker) {
        let mut shard = self.lock();
        let old = replace(&mut shard.driver, waker);
        drop(shard);
        drop(old);
    }

    /// The driver is over.
    pub(crate) fn fail(&self, error: Option<&io::Error>) {
        let failure = error.map_or_else(Failure::stopped, Failure::new);
        let mut due = Vec::new();
        self.lock().fail(failure, &mut due);
        wake(due);
    }

    /// Does something that may leave frames to send: the driver hears of it afterwards.
    pub(crate) fn act<T>(&self, verb: impl FnOnce(&mut Shard, Instant) -> T) -> T {
        let now = self.now();
        let mut due = Vec::new();
        let mut shard = self.lock();
        let outcome = verb(&mut shard, now);
        shard.tell(&mut due);
        due.extend(shard.driver.take());
        drop(shard);
        wake(due);
        outcome
    }

    /// The lock. A panic of another thread under it does not make the tables wrong: every verb of
    /// the stack leaves them whole or panics before it changes them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.inner
            .shard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock, since a waker may run foreign code.
pub(crate) fn wake(due: Vec<Waker>) {
    for waker in due {
        waker.wake();
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// The kinds that the kernel's sockets give for the same refusals.
fn connect_kind(error: &handfast_stack::ConnectError) -> io::ErrorKind {
    use handfast_stack::ConnectError as E;
    match error {
        E::InvalidRemote(_) | E::MixedFamilies { .. } => io::ErrorKind::InvalidInput,
        E::Loopback(_) => io::ErrorKind::Unsupported,
        E::NotLocal(_) | E::NoPort(_) => io::ErrorKind::AddrNotAvailable,
        E::NoSource(_) => io::ErrorKind::NetworkUnreachable,
        E::InUse { .. } => io::ErrorKind::AddrInUse,
        E::TooMany(_) => io::ErrorKind::QuotaExceeded,
    }
}

fn listen_kind(error: &handfast_stack::ListenError) -> io::ErrorKind {
    use handfast_stack::ListenError as E;
    match error {
        E::NotLocal(_) | E::NoPort(_) => io::ErrorKind::AddrNotAvailable,
        E::InUse(_) => io::ErrorKind::AddrInUse,
        E::TooMany(_) => io::ErrorKind::QuotaExceeded,
    }
}
