//! `TcpListener` for threads.

use std::io;
use std::net::SocketAddr;

use super::TcpStream;
use super::wait::wait;

/// A listening port; see [`crate::TcpListener`].
#[derive(Debug)]
pub struct TcpListener {
    inner: crate::TcpListener,
}

impl TcpListener {
    /// Blocks until there is a connection; also tells who opened it.
    ///
    /// # Errors
    /// When the driver has failed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = wait(|cx| self.inner.poll_accept(cx))?;
        Ok((TcpStream::from(stream), peer))
    }

    /// Connections one after the other, for ever.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address and port it listens on.
    ///
    /// # Errors
    /// Never; the signature is that of `std::net`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }
}

impl From<crate::TcpListener> for TcpListener {
    fn from(inner: crate::TcpListener) -> Self {
        Self { inner }
    }
}

/// The connections of a listener.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}
