//! `TcpListener` in the manner of `tokio::net`.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::TcpStream;
use super::stream::cooperate;

/// A port that takes connections.
#[derive(Debug)]
pub struct TcpListener(crate::TcpListener);

impl TcpListener {
    /// Waits for a connection. Cancelling it loses none.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The same for those who poll.
    ///
    /// # Errors
    /// Those of [`TcpListener::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        cooperate(cx, |cx| self.0.poll_accept(cx)).map_ok(|(stream, peer)| (stream.into(), peer))
    }

    /// The address and port that it listens on.
    ///
    /// # Errors
    /// None; the signature is that of `tokio::net`.
    pub const fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

impl From<crate::TcpListener> for TcpListener {
    fn from(listener: crate::TcpListener) -> Self {
        Self(listener)
    }
}

impl From<TcpListener> for crate::TcpListener {
    fn from(listener: TcpListener) -> Self {
        listener.0
    }
}
