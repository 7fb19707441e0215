//! `Net`: a host with its driver on a thread.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use handfast_device::Device;
use handfast_packet::ip::Cidr;
use handfast_stack::{Config, Connect, Listen};

use super::wait::{wait, wait_until};
use super::{TcpListener, TcpStream};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::host::{Host, SHUTDOWN_MAX};

/// A network of your own: a host on a device. Clones are the same network.
///
/// When the last clone is dropped, the driver's thread ends as soon as no connection is left.
#[derive(Clone, Debug)]
pub struct Net {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
}

impl Net {
    /// Starts a host on `device`, with the hardware address of the device, and a thread that
    /// drives it. Give [`Config::seed`] a value that nobody can guess ([`crate::random_seed`]),
    /// unless runs are to be repeated.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<D>(device: D, config: Config) -> io::Result<Self>
    where
        D: Device + Send + 'static,
    {
        let config = Config {
            hardware: device.hardware_address(),
            ..config
        };
        let host = Host::new(config, device.capabilities(), Clock::system());
        let mut driver = Driver::new(host.clone(), device);
        let name = "handfast-driver".to_owned();
        thread::Builder::new().name(name).spawn(move || {
            let outcome = super::driver::drive(&mut driver);
            driver.host().fail(outcome.err().as_ref());
        })?;
        Ok(Self {
            inner: Arc::new(Inner { host }),
        })
    }

    /// Makes an address ours at once, without asking whether somebody has it.
    ///
    /// # Errors
    /// When it is no address of a host, or there are too many.
    pub fn add_address(&self, address: Cidr) -> io::Result<()> {
        self.host().add_address(address)
    }

    /// Claims an address by RFC 5227 (IPv4, some seconds) or RFC 4862 (IPv6, about one second).
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when somebody has it.
    pub fn claim(&self, address: Cidr) -> io::Result<()> {
        self.host().start_claim(address)?;
        wait(|cx| self.host().poll_claim(cx, address.address))
    }

    /// Gives an address up.
    pub fn release(&self, address: IpAddr) {
        self.host().release(address);
    }

    /// Adds a route; without a gateway, the destinations are on our link.
    ///
    /// # Errors
    /// When the gateway is of the other family or no host, or there are too many routes.
    pub fn add_route(&self, destination: Cidr, gateway: Option<IpAddr>) -> io::Result<()> {
        self.host().add_route(destination, gateway)
    }

    /// Connects to `remote`.
    ///
    /// # Errors
    /// As `std::net::TcpStream::connect`: refused, timed out, unreachable.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        self.connect_with(remote, Connect::default(), None)
    }

    /// Connects to `remote` within `timeout`.
    ///
    /// # Errors
    /// As [`Self::connect`], and [`io::ErrorKind::TimedOut`].
    pub fn connect_timeout(&self, remote: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        self.connect_with(remote, Connect::default(), Some(timeout))
    }

    /// Connects with choices of our own: local address and port, TCP options.
    ///
    /// # Errors
    /// As [`Self::connect_timeout`].
    pub fn connect_with(
        &self,
        remote: SocketAddr,
        options: Connect,
        timeout: Option<Duration>,
    ) -> io::Result<TcpStream> {
        let deadline = timeout.map(|timeout| self.host().now() + timeout);
        let stream = self.host().connect(remote, options)?;
        wait_until(deadline, |cx| stream.poll_connected(cx))?;
        Ok(TcpStream::from(stream))
    }

    /// Listens on `local`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not ours or the port has a listener.
    pub fn bind(&self, local: SocketAddr) -> io::Result<TcpListener> {
        self.host()
            .listen(local, Listen::default())
            .map(TcpListener::from)
    }

    /// Waits until the connections are closed in good order, at most [`SHUTDOWN_MAX`], and ends
    /// the driver. Drop streams and listeners first: what is still held after that time fails.
    pub fn shutdown(&self) {
        let deadline = self.host().now() + SHUTDOWN_MAX;
        // Whether it was in time or not: that was all the time there is.
        let _ = wait_until(Some(deadline), |cx| self.host().poll_idle(cx).map(Ok));
        self.host().stop();
    }

    /// The host, without blocking.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.host.abandon();
    }
}
