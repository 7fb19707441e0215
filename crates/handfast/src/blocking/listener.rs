//! `TcpListener` in the manner of `std::net`.

use std::io;
use std::net::SocketAddr;

use super::TcpStream;
use super::wait::wait_forever;

/// A port that takes connections.
#[derive(Debug)]
pub struct TcpListener(crate::TcpListener);

/// The connections of a listener, one after the other, without end.
#[derive(Debug)]
pub struct Incoming<'a>(&'a TcpListener);

impl TcpListener {
    /// Waits for a connection.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = wait_forever(self.0.host(), |cx| self.0.poll_accept(cx))?;
        Ok((stream.into(), peer))
    }

    /// All connections to come.
    pub const fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }

    /// The address and port that it listens on.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub const fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.accept().map(|(stream, _)| stream))
    }
}

impl From<crate::TcpListener> for TcpListener {
    fn from(listener: crate::TcpListener) -> Self {
        Self(listener)
    }
}
