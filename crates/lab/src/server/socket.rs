//! One accepted socket: counts bytes, loses patience, notes how it all ended. The protocols spoken
//! over it are in `pages` and `plain`.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::ServerOptions;
use super::report::{ConnectionEnd, ConnectionReport};
use crate::tcp_info::TcpInfo;

/// How long the server waits for the peer's FIN and last ACK when it has no patience of its own.
const GOODBYE_MAX: Duration = Duration::from_secs(30);
/// First and longest interval between two looks at a connection whose last ACK is due.
const LOOK_AFTER: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// Piece in which bytes that nobody wants any more are read.
const DISCARD_LEN: usize = 16 * 1024;

/// An accepted connection, shared by the [`Wire`] that a protocol uses and the task that reports.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    peer: SocketAddr,
    patience: Option<Duration>,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    end: Mutex<Option<ConnectionEnd>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, options: &ServerOptions) -> Self {
        let this = Self {
            stream,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            patience: options.patience,
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            end: Mutex::new(None),
        };
        if let Err(error) = this.apply(options) {
            this.note(ConnectionEnd::Failed(error.kind()));
        }
        this
    }

    /// The means to read and write it.
    pub(super) fn wire(self: &Arc<Self>) -> Wire {
        Wire {
            socket: Arc::clone(self),
            stalled: None,
        }
    }

    /// Writes a few bytes past any protocol, as much as fits at once.
    pub(super) fn write_raw(&self, bytes: &[u8]) {
        if let Ok(written) = self.stream.try_write(bytes) {
            self.bytes_written.fetch_add(written as u64, Relaxed);
        }
    }

    /// Makes the coming close a RST instead of a FIN, for the reason given.
    pub(super) fn reset(&self, reason: ConnectionEnd) {
        // Lingering for zero seconds is how an application asks a kernel for a RST.
        match sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)) {
            Ok(()) => self.note(reason),
            Err(error) => self.note(ConnectionEnd::Failed(io::Error::from(error).kind())),
        }
    }

    /// Says goodbye: sends FIN, waits for the peer to take everything and close, and reports.
    pub(super) async fn finish(&self) -> ConnectionReport {
        if self.end().is_none() {
            let end = self.goodbye().await;
            self.note(end);
        }
        ConnectionReport {
            peer: self.peer,
            end: self.end().expect("noted just above"),
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            congestion: sockopt::tcp_congestion(&self.stream).unwrap_or_default(),
            info: self.info(),
        }
    }

    fn apply(&self, options: &ServerOptions) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        if let Some(name) = &options.congestion {
            sockopt::set_tcp_congestion(&self.stream, name)?;
        }
        if let Some(size) = options.send_buffer {
            sockopt::set_socket_send_buffer_size(&self.stream, size)?;
        }
        Ok(())
    }

    async fn goodbye(&self) -> ConnectionEnd {
        // An error means that the connection is gone already, which the reading will find.
        let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Write);
        let mut acknowledged = self.info().bytes_acknowledged;
        let limit = self.patience.unwrap_or(GOODBYE_MAX);
        loop {
            match timeout(limit, self.until_closed()).await {
                Ok(Ok(())) => return ConnectionEnd::Closed,
                Ok(Err(error)) => return end_of(&error),
                Err(_) => {}
            }
            let info = self.info();
            let progress = info.bytes_acknowledged - acknowledged;
            acknowledged = info.bytes_acknowledged;
            if progress > 0 {
                continue;
            }
            // Only a patience of our own is a reason to reset; else the kernel goes on alone.
            if self.patience.is_none() {
                return ConnectionEnd::LeftOpen;
            }
            self.reset(ConnectionEnd::PatienceRanOut);
            return ConnectionEnd::PatienceRanOut;
        }
    }

    /// Waits for the peer's FIN, then for the end of the kernel's own duties.
    async fn until_closed(&self) -> io::Result<()> {
        let mut discarded = [0; DISCARD_LEN];
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut discarded) {
                Ok(0) => break,
                Ok(read) => {
                    self.bytes_read.fetch_add(read as u64, Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        // Readiness is of no use here: both directions are shut, so it never goes away again.
        let (mut pause, longest) = LOOK_AFTER;
        while !self.info().is_closed() {
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
        Ok(())
    }

    fn info(&self) -> TcpInfo {
        TcpInfo::of(&self.stream).unwrap_or_default()
    }

    fn end(&self) -> Option<ConnectionEnd> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first end that is noted stays.
    fn note(&self, end: ConnectionEnd) {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(end);
    }
}

/// The reading and writing side of a [`Socket`].
#[derive(Debug)]
pub(super) struct Wire {
    socket: Arc<Socket>,
    /// Runs while the kernel takes no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    fn failed(&self, error: io::Error) -> io::Error {
        self.socket.note(end_of(&error));
        error
    }

    /// Nothing could be written: waits on, or gives up when this took too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(patience) = self.socket.patience else {
            return Poll::Pending;
        };
        let started = || Box::pin(tokio::time::sleep_until(Instant::now() + patience));
        ready!(self.stalled.get_or_insert_with(started).as_mut().poll(cx));
        self.socket.reset(ConnectionEnd::PatienceRanOut);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.stream.poll_read_ready(cx))?;
            match self.socket.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(self.failed(error))),
                Ok(read) => {
                    self.socket.bytes_read.fetch_add(read as u64, Relaxed);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.socket.stream.poll_write_ready(cx)?.is_pending() {
                return self.poll_patience(cx);
            }
            match self.socket.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(self.failed(error))),
                Ok(written) => {
                    self.stalled = None;
                    self.socket.bytes_written.fetch_add(written as u64, Relaxed);
                    return Poll::Ready(Ok(written));
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = rustix::net::shutdown(&self.socket.stream, rustix::net::Shutdown::Write);
        Poll::Ready(outcome.map_err(io::Error::from))
    }
}

fn end_of(error: &io::Error) -> ConnectionEnd {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ConnectionEnd::ResetByPeer,
        io::ErrorKind::TimedOut => ConnectionEnd::TimedOut,
        kind => ConnectionEnd::Failed(kind),
    }
}
