//! `Net`: a host with a thread of its own, and the verbs that open sockets.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use handfast_device::{Device, SoftwareOffload};
use handfast_packet::ip::Cidr;
use handfast_stack::{Config, Connect, Listen};

use super::thread::{Bell, run};
use super::wait::{wait, wait_forever};
use super::{TcpListener, TcpStream};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::host::{Host, configure};

/// A host whose driver has a thread of its own. Clones are the same host.
///
/// When the last clone and the last stream and listener are dropped, the thread goes on until what
/// was written is delivered, at most [`crate::LINGER_MAX`]; a process that ends earlier cuts it
/// off. [`Net::shutdown`] waits for it.
#[derive(Clone, Debug)]
pub struct Net {
    host: Host,
}

impl Net {
    /// Makes a host for `device` and starts its driver.
    ///
    /// The hardware address is taken from the device, and a seed of 0 becomes a random one. A device
    /// that cannot cut super-segments or complete checksums has that done for it.
    ///
    /// # Errors
    /// When the device has no descriptor to wait on, or the system gives no thread, no descriptor
    /// or no random seed.
    pub fn start<D: Device + Send + 'static>(device: D, config: Config) -> io::Result<Self> {
        let device = SoftwareOffload::new(device);
        let config = configure(config, &device)?;
        let host = Host::new(config, device.capabilities(), Clock::system());
        let driver = Driver::new(&host, device);
        Self::drive(host, driver)
    }

    /// Starts the driver of a host, one of several shards say.
    ///
    /// # Errors
    /// When the device has no descriptor to wait on, or the system gives no thread or no
    /// descriptor.
    pub fn drive<D: Device + Send + 'static>(host: Host, driver: Driver<D>) -> io::Result<Self> {
        if driver.device().fd().is_none() {
            return Err(no_descriptor());
        }
        let bell = Bell::new()?;
        thread::Builder::new()
            .name("handfast".into())
            .spawn(move || run(driver, &bell))?;
        Ok(Self { host })
    }

    /// The host, for everything that needs no waiting.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Claims an address: asks the network, waits, and has it (RFC 5227, RFC 4862 5.4).
    ///
    /// # Errors
    /// `AddrInUse` when somebody has the address, and those of [`Host::start_claim`].
    pub fn claim(&self, address: Cidr) -> io::Result<()> {
        self.host.start_claim(address)?;
        let address: IpAddr = address.address;
        wait_forever(&self.host, |cx| self.host.poll_claim(cx, address))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable`, ... as the kernel's `connect`, and
    /// those of [`Host::connect`].
    pub fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        self.connect_with(remote, Connect::default(), None)
    }

    /// Opens a connection within `timeout`.
    ///
    /// # Errors
    /// `TimedOut` when it takes longer, `InvalidInput` for a timeout of 0, and those of
    /// [`Net::connect`].
    pub fn connect_timeout(&self, remote: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        self.connect_with(remote, Connect::default(), Some(timeout))
    }

    /// Opens a connection with choices: our end, and the parameters of TCP.
    ///
    /// # Errors
    /// Those of [`Net::connect`] and [`Net::connect_timeout`].
    pub fn connect_with(
        &self,
        remote: SocketAddr,
        options: Connect,
        timeout: Option<Duration>,
    ) -> io::Result<TcpStream> {
        let stream = self.host.connect(remote, options)?;
        wait(&self.host, timeout, |cx| stream.poll_connected(cx))
            .unwrap_or_else(|| Err(no_answer(remote)))?;
        Ok(stream.into())
    }

    /// Opens a connection and sends `text`. With [`Connect::fast_open`] the SYN carries what it
    /// can, which saves a round trip (RFC 7413); see there for what may happen to it.
    ///
    /// # Errors
    /// Those of [`Net::connect`] and of writing.
    pub fn connect_with_text(
        &self,
        remote: SocketAddr,
        options: Connect,
        text: &[u8],
    ) -> io::Result<TcpStream> {
        let (stream, taken) = self.host.connect_with_text(remote, options, text)?;
        wait_forever(&self.host, |cx| stream.poll_connected(cx))?;
        let mut stream = TcpStream::from(stream);
        stream.write_all(&text[taken..])?;
        Ok(stream)
    }

    /// Accepts connections to `local`; see [`Host::listen`].
    ///
    /// # Errors
    /// Those of [`Host::listen`].
    pub fn bind(&self, local: SocketAddr) -> io::Result<TcpListener> {
        self.bind_with(local, Listen::default())
    }

    /// Accepts connections to `local` with choices: queues, cookies, Fast Open, and the parameters
    /// of TCP.
    ///
    /// # Errors
    /// Those of [`Host::listen`].
    pub fn bind_with(&self, local: SocketAddr, options: Listen) -> io::Result<TcpListener> {
        Ok(self.host.listen(local, options)?.into())
    }

    /// Ends this host and its thread: waits, at most [`crate::SHUTDOWN_MAX`], until what was
    /// written is delivered and the connections that were dropped or shut down are closed; what
    /// is open even then is reset. Everything else that uses the host gets `NetworkDown`.
    pub fn shutdown(&self) {
        wait_forever(&self.host, |cx| self.host.poll_shutdown(cx));
    }
}

fn no_answer(remote: SocketAddr) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!(
            "{remote} did not answer in time; check that the host is up and that no filter \
             swallows the packets, or allow more time"
        ),
    )
}

/// What `std::net` says too.
pub(super) fn zero_timeout() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a timeout of 0 cannot be kept; give a longer one, or None for none",
    )
}

fn no_descriptor() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the device has no descriptor to wait on; such devices are for virtual time (crate sim), \
         take one with a descriptor",
    )
}
