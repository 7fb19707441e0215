//! `Net`: a host on the runtime, and the verbs that open sockets.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};

use handfast_device::{Device, SoftwareOffload};
use handfast_packet::ip::Cidr;
use handfast_stack::{Config, Connect, Listen};
use tokio::io::AsyncWriteExt;
use tokio::io::unix::AsyncFd;

use super::{TcpListener, TcpStream, task};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::host::{Host, configure};

/// A host whose driver is a task of the runtime. Clones are the same host.
///
/// When the last clone and the last stream and listener are dropped, the task goes on until what
/// was written is delivered, at most [`crate::LINGER_MAX`]; a runtime that ends earlier cuts it
/// off. [`Net::shutdown`] waits for it.
#[derive(Clone, Debug)]
pub struct Net {
    host: Host,
}

impl Net {
    /// Makes a host for `device` and starts its driver on the runtime of the caller.
    ///
    /// The hardware address is taken from the device, and a seed of 0 becomes a random one. A device
    /// that cannot cut super-segments or complete checksums has that done for it.
    ///
    /// # Errors
    /// When the device has no descriptor to wait on, or the system gives no random seed.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O or time enabled.
    pub fn start<D: Device + Send + 'static>(device: D, config: Config) -> io::Result<Self> {
        let device = SoftwareOffload::new(device);
        let config = configure(config, &device)?;
        let host = Host::new(config, device.capabilities(), Clock::tokio());
        let driver = Driver::new(&host, device);
        Self::drive(host, driver)
    }

    /// Starts the driver of a host, one of several shards say, on the runtime of the caller.
    ///
    /// # Errors
    /// When the device has no descriptor to wait on.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O or time enabled.
    pub fn drive<D: Device + Send + 'static>(host: Host, driver: Driver<D>) -> io::Result<Self> {
        let fd = driver.device().fd().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the device has no descriptor to wait on; such devices are for virtual time \
                 (crate sim), take one with a descriptor",
            )
        })?;
        // The reactor gets a descriptor of its own, so that it need not own the device.
        #[expect(
            deprecated,
            reason = "the new way is unsafe because of types that lie about their descriptor; an \
                      OwnedFd does not"
        )]
        let fd = AsyncFd::new(fd.try_clone_to_owned()?)?;
        tokio::spawn(task::run(driver, fd, host.clock().clone()));
        Ok(Self { host })
    }

    /// The host, for everything that needs no runtime.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Claims an address: asks the network, waits, and has it (RFC 5227, RFC 4862 5.4). When this
    /// future is dropped before it is ready, the claim is given up.
    ///
    /// # Errors
    /// `AddrInUse` when somebody has the address, and those of [`Host::start_claim`].
    pub async fn claim(&self, address: Cidr) -> io::Result<()> {
        self.host.start_claim(address)?;
        let mut undecided = Undecided {
            host: &self.host,
            address: Some(address.address),
        };
        let outcome = poll_fn(|cx| self.host.poll_claim(cx, address.address)).await;
        undecided.address = None;
        outcome
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable`, ... as the kernel's `connect`, and
    /// those of [`Host::connect`].
    pub async fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        self.connect_with(remote, Connect::default()).await
    }

    /// Opens a connection with choices: our end, and the parameters of TCP.
    ///
    /// # Errors
    /// Those of [`Net::connect`].
    pub async fn connect_with(
        &self,
        remote: SocketAddr,
        options: Connect,
    ) -> io::Result<TcpStream> {
        let stream = self.host.connect(remote, options)?;
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(stream.into())
    }

    /// Opens a connection and sends `text`. With [`Connect::fast_open`] the SYN carries what it
    /// can, which saves a round trip (RFC 7413); see there for what may happen to it.
    ///
    /// # Errors
    /// Those of [`Net::connect`] and of writing.
    pub async fn connect_with_text(
        &self,
        remote: SocketAddr,
        options: Connect,
        text: &[u8],
    ) -> io::Result<TcpStream> {
        let (stream, taken) = self.host.connect_with_text(remote, options, text)?;
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        let mut stream = TcpStream::from(stream);
        stream.write_all(&text[taken..]).await?;
        Ok(stream)
    }

    /// Accepts connections to `local`; see [`Host::listen`].
    ///
    /// # Errors
    /// Those of [`Host::listen`].
    #[expect(
        clippy::unused_async,
        reason = "the signature of tokio::net::TcpListener::bind"
    )]
    pub async fn bind(&self, local: SocketAddr) -> io::Result<TcpListener> {
        Ok(self.host.listen(local, Listen::default())?.into())
    }

    /// Accepts connections to `local` with choices: queues, cookies, Fast Open, and the parameters
    /// of TCP.
    ///
    /// # Errors
    /// Those of [`Host::listen`].
    #[expect(clippy::unused_async, reason = "like `bind`")]
    pub async fn bind_with(&self, local: SocketAddr, options: Listen) -> io::Result<TcpListener> {
        Ok(self.host.listen(local, options)?.into())
    }

    /// Ends this host and its driver's task: waits, at most [`crate::SHUTDOWN_MAX`], until what was
    /// written is delivered and the connections that were dropped or shut down are closed; what
    /// is open even then is reset. Everything else that uses the host gets `NetworkDown`.
    pub async fn shutdown(&self) {
        poll_fn(|cx| self.host.poll_shutdown(cx)).await;
    }
}

/// A claim whose outcome is not known: it is given up when nobody waits for it any more.
struct Undecided<'a> {
    host: &'a Host,
    address: Option<IpAddr>,
}

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            self.host.release(address);
        }
    }
}
