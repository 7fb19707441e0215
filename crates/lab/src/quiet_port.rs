//! A TCP port for which the kernel stays silent: the rootless alternative to a firewall rule that
//! drops the kernel's RST. The lesson `kernel-reset` shows what it is for.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use crate::sys;

/// Holds one port of the kernel while it lives.
///
/// The port belongs to a listening kernel socket whose filter discards everything. A user-space
/// stack that shares the kernel's address can use the port then: no other program gets it, and
/// segments for it find a socket, so the kernel has no reason to answer with RST. Packet sockets
/// see the segments all the same, since they are served earlier.
#[derive(Debug)]
pub struct QuietPort {
    listener: TcpListener,
}

impl QuietPort {
    /// Takes the port of `address` (0: any free one) away from the kernel.
    ///
    /// # Errors
    /// When another socket has the port, or the address is not the host's.
    pub fn hold(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        sys::discard_all(listener.as_fd())?;
        Ok(Self { listener })
    }

    /// Address and port that are held.
    ///
    /// # Errors
    /// None that a live socket can give.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
