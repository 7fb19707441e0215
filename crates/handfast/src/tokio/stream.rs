//! `TcpStream` in the manner of `tokio::net`.

mod options;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use handfast_tcp::{Info, State, TcpInfo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, split};

/// One connection, as `AsyncRead` and `AsyncWrite`.
///
/// Dropping it is as with the kernel: what was written is still delivered, what was received and
/// not read makes it a reset.
#[derive(Debug)]
pub struct TcpStream(crate::TcpStream);

impl TcpStream {
    /// Two halves that may live in two tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::into_split(self)
    }

    /// Two halves that borrow the stream.
    pub const fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// The peer's end.
    ///
    /// # Errors
    /// None; the signature is that of `tokio::net`.
    pub const fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.peer_addr())
    }

    /// Our end.
    ///
    /// # Errors
    /// None; the signature is that of `tokio::net`.
    pub const fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.nodelay()
    }

    /// Ends the connection at once; the peer gets a RST.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// The state by its RFC name.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Figures.
    pub fn info(&self) -> Info {
        self.0.info()
    }

    /// The figures of Linux' `tcp_info`, by their names and in their units.
    pub fn tcp_info(&self) -> TcpInfo {
        self.0.tcp_info()
    }

    /// The stream below, for its `poll_*` functions that take `&self`.
    pub const fn inner(&self) -> &crate::TcpStream {
        &self.0
    }
}

/// Does as tokio's own sockets do for fairness: after many calls in a row that were ready, one is
/// not, so that other tasks of the thread get their turn (among them the driver).
pub(super) fn cooperate<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let budget = ready!(poll_proceed(cx));
    let answer = poll(cx);
    if answer.is_ready() {
        budget.made_progress();
    }
    answer
}

/// Reading for the stream and its halves.
pub(super) fn poll_read(
    stream: &crate::TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let count = cooperate(cx, |cx| stream.poll_read(cx, buffer.initialize_unfilled()));
    count.map_ok(|count| buffer.advance(count))
}

/// Writing for the stream and its halves.
pub(super) fn poll_write(
    stream: &crate::TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    cooperate(cx, |cx| stream.poll_write(cx, bytes))
}

/// Writing from several buffers for the stream and its halves.
pub(super) fn poll_write_vectored(
    stream: &crate::TcpStream,
    cx: &mut Context<'_>,
    buffers: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    cooperate(cx, |cx| stream.poll_write_vectored(cx, buffers))
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_read(&self.0, cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_write(&self.0, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_vectored(&self.0, cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(stream: crate::TcpStream) -> Self {
        Self(stream)
    }
}

impl From<TcpStream> for crate::TcpStream {
    fn from(stream: TcpStream) -> Self {
        stream.0
    }
}
