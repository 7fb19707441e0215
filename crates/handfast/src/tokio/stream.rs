//! `TcpStream` for tokio.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use handfast_tcp::Info;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::split::{OwnedReadHalf, OwnedWriteHalf, split};

/// A TCP connection with tokio's traits; see [`crate::TcpStream`].
#[derive(Debug)]
pub struct TcpStream {
    inner: crate::TcpStream,
}

impl TcpStream {
    /// Two halves that different tasks can own. Dropping the writing half shuts it down.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split(self)
    }

    /// Reads without a trait; 0 bytes at the end of the stream.
    ///
    /// # Errors
    /// See [`crate::TcpStream::poll_read`].
    pub async fn read_some(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.inner.poll_read(cx, buffer)).await
    }

    /// Our end.
    ///
    /// # Errors
    /// Never; the signature is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }

    /// The peer's end.
    ///
    /// # Errors
    /// Never; the signature is tokio's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.peer_addr())
    }

    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    /// Never; the signature is tokio's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_nodelay(nodelay);
        Ok(())
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    /// Never; the signature is tokio's.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.inner.nodelay())
    }

    /// Figures: round-trip time, windows, retransmissions.
    pub fn info(&self) -> Info {
        self.inner.info()
    }

    /// Ends the connection at once; the peer gets a reset.
    pub fn abort(&self) {
        self.inner.abort();
    }

    /// The stream without tokio's traits.
    pub fn get_ref(&self) -> &crate::TcpStream {
        &self.inner
    }

    /// Gives the stream without tokio's traits back.
    pub fn into_inner(self) -> crate::TcpStream {
        self.inner
    }

    pub(super) fn poll_read_into(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(self.inner.poll_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(inner: crate::TcpStream) -> Self {
        Self { inner }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_into(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_shutdown(cx)
    }
}
