//! `Net`: a host with its driver on a tokio runtime.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use handfast_device::Device;
use handfast_packet::ip::Cidr;
use handfast_stack::{AddressEvent, Config, Connect, Listen};

use super::driver::Drive;
use super::{TcpListener, TcpStream};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::host::{Host, SHUTDOWN_MAX};

/// A network of your own: a host on a device. Clones are the same network.
///
/// When the last clone is dropped, the driver ends as soon as no connection is left.
#[derive(Clone, Debug)]
pub struct Net {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
}

impl Net {
    /// Starts a host on `device`, with the hardware address of the device. Give
    /// [`Config::seed`] a value that nobody can guess ([`crate::random_seed`]), unless runs are
    /// to be repeated.
    ///
    /// Must be called on a tokio runtime with I/O and time enabled; the driver runs there.
    ///
    /// # Errors
    /// When the device has no descriptor, or the runtime cannot wait on it.
    pub fn start<D>(device: D, config: Config) -> io::Result<Self>
    where
        D: Device + Send + Unpin + 'static,
    {
        let config = Config {
            hardware: device.hardware_address(),
            ..config
        };
        let host = Host::new(config, device.capabilities(), Clock::system());
        let drive = Drive::new(Driver::new(host.clone(), device))?;
        let watched = host.clone();
        tokio::spawn(async move {
            if drive.await.is_ok() {
                watched.fail(None);
            }
        });
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
    pub async fn claim(&self, address: Cidr) -> io::Result<()> {
        self.host().start_claim(address)?;
        poll_fn(|cx| self.host().poll_claim(cx, address.address)).await
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

    /// The next thing that happens to an address of ours: claimed, taken, defended, lost.
    ///
    /// # Errors
    /// When the driver has failed.
    pub async fn address_event(&self) -> io::Result<AddressEvent> {
        poll_fn(|cx| self.host().poll_address_event(cx)).await
    }

    /// Connects to `remote`.
    ///
    /// # Errors
    /// As `tokio::net::TcpStream::connect`: refused, timed out, unreachable.
    pub async fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        self.connect_with(remote, Connect::default()).await
    }

    /// Connects with choices of our own: local address and port, TCP options.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_with(
        &self,
        remote: SocketAddr,
        options: Connect,
    ) -> io::Result<TcpStream> {
        let stream = self.host().connect(remote, options)?;
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(TcpStream::from(stream))
    }

    /// Listens on `local`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not ours or the port has a listener.
    #[expect(
        clippy::unused_async,
        reason = "the signature of tokio::net::TcpListener::bind"
    )]
    pub async fn bind(&self, local: SocketAddr) -> io::Result<TcpListener> {
        self.host()
            .listen(local, Listen::default())
            .map(TcpListener::from)
    }

    /// Waits until the connections are closed in good order, at most [`SHUTDOWN_MAX`], and ends
    /// the driver. Drop streams and listeners first: what is still held after that time fails.
    pub async fn shutdown(&self) {
        let idle = poll_fn(|cx| self.host().poll_idle(cx));
        // Whether it was in time or not: that was all the time there is.
        let _ = tokio::time::timeout(SHUTDOWN_MAX, idle).await;
        self.host().stop();
    }

    /// The host, without a runtime.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.host.abandon();
    }
}
