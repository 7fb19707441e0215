//! `TcpListener` for tokio.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::TcpStream;

/// A listening port; see [`crate::TcpListener`].
#[derive(Debug)]
pub struct TcpListener {
    inner: crate::TcpListener,
}

impl TcpListener {
    /// The next connection and who opened it.
    ///
    /// # Errors
    /// When the driver has failed.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`Self::accept`] as a poll function.
    ///
    /// # Errors
    /// When the driver has failed.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self.inner.poll_accept(cx);
        accepted.map_ok(|(stream, peer)| (TcpStream::from(stream), peer))
    }

    /// The address and port it listens on.
    ///
    /// # Errors
    /// Never; the signature is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }
}

impl From<crate::TcpListener> for TcpListener {
    fn from(inner: crate::TcpListener) -> Self {
        Self { inner }
    }
}
