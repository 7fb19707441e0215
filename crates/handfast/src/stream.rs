//! `TcpStream`: one connection, for any runtime or none. The poll functions here are the only
//! implementation; every skin calls them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use handfast_packet::Instant;
use handfast_stack::{TcpId, TcpSocket};
use handfast_tcp::{CloseReason, Info, ReadError, State, WriteError};

use crate::error;
use crate::host::Host;
use crate::shard::Shard;
use crate::wakers::{StreamWakers, replace};

/// A TCP connection. It has one reader and one writer at a time: of two tasks that wait to read,
/// only the later is woken.
///
/// Dropping it closes the connection: what was written is still delivered, and the peer gets a
/// reset if it sent something that nobody has read (RFC 9293 3.6.1).
pub struct TcpStream {
    host: Host,
    id: TcpId,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    pub(crate) fn new(host: &Host, shard: &mut Shard, now: Instant, id: TcpId) -> Self {
        let socket = shard.stack.tcp(now, id).expect("a new connection exists");
        let (local, peer) = (socket.local(), socket.remote());
        drop(socket);
        shard.streams.insert(id, StreamWakers::default());
        Self {
            host: host.clone(),
            id,
            local,
            peer,
        }
    }

    /// Waits until the connection is open.
    ///
    /// # Errors
    /// When it was refused, timed out, or cannot be reached.
    pub fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let peer = self.peer;
        self.poll(cx, Side::Write, |socket| {
            match (socket.state(), socket.close_reason()) {
                (State::SynSent | State::SynReceived, _) => Poll::Pending,
                (_, Some(reason)) if reason != CloseReason::Normal => {
                    Poll::Ready(Err(error::closed(reason, peer)))
                }
                _ => Poll::Ready(Ok(())),
            }
        })
    }

    /// Reads into `buffer`; 0 bytes at the end of the stream.
    ///
    /// # Errors
    /// When the connection ended without a FIN; what had arrived before is read first.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let peer = self.peer;
        self.poll(cx, Side::Read, |socket| match socket.read(buffer) {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(ReadError::WouldBlock) => Poll::Pending,
            Err(ReadError::Closed(reason)) => Poll::Ready(Err(error::closed(reason, peer))),
        })
    }

    /// Writes as many bytes as there is room for.
    ///
    /// # Errors
    /// When this side has shut down, or the connection is over.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let peer = self.peer;
        self.poll(cx, Side::Write, |socket| match socket.write(bytes) {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(WriteError::WouldBlock) => Poll::Pending,
            Err(WriteError::ShutDown) => Poll::Ready(Err(error::shut_down(peer))),
            Err(WriteError::Closed(reason)) => Poll::Ready(Err(error::closed(reason, peer))),
        })
    }

    /// Nothing to do: what is written leaves by itself.
    ///
    /// # Errors
    /// Never.
    pub fn poll_flush(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing more will be written: a FIN follows the last byte. Reading goes on. Does not wait
    /// for the peer.
    ///
    /// # Errors
    /// When the connection ended otherwise before.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let peer = self.peer;
        self.poll(cx, Side::Write, |socket| {
            socket.shutdown();
            match socket.close_reason() {
                None | Some(CloseReason::Normal) => Poll::Ready(Ok(())),
                Some(reason) => Poll::Ready(Err(error::closed(reason, peer))),
            }
        })
    }

    /// Ends the connection at once; the peer gets a reset (RFC 9293 3.10.5).
    pub fn abort(&self) {
        self.with(|socket| socket.abort());
    }

    /// Turns Nagle's algorithm off (`true`) or on (`false`, as in the beginning).
    pub fn set_nodelay(&self, nodelay: bool) {
        self.with(|socket| socket.set_nodelay(nodelay));
    }

    /// Whether Nagle's algorithm is off.
    pub fn nodelay(&self) -> bool {
        self.with(|socket| !socket.config().nagle).unwrap_or(false)
    }

    /// Our end.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The peer's end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Figures: round-trip time, windows, retransmissions.
    pub fn info(&self) -> Info {
        self.with(|socket| socket.info()).unwrap_or_default()
    }

    /// The state by its RFC name.
    pub fn state(&self) -> State {
        self.with(|socket| socket.state()).unwrap_or(State::Closed)
    }

    /// How it ended; `None` while it lives.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.with(|socket| socket.close_reason()).flatten()
    }

    /// The host it belongs to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Calls a verb; `None` when the stack does not know the connection any more.
    fn with<T>(&self, verb: impl FnOnce(&mut TcpSocket<'_>) -> T) -> Option<T> {
        self.host.act(|shard, now| {
            shard
                .stack
                .tcp(now, self.id)
                .map(|mut socket| verb(&mut socket))
        })
    }

    /// Calls a verb, and remembers who waits when it is not ready.
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        verb: impl FnOnce(&mut TcpSocket<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut old: Option<Waker> = None;
        let outcome = self.host.act(|shard, now| {
            let Some(mut socket) = shard.stack.tcp(now, self.id) else {
                return Poll::Ready(Err(error::gone(self.peer)));
            };
            let outcome = verb(&mut socket);
            drop(socket);
            if outcome.is_pending() {
                shard.check()?;
                let wakers = shard.streams.entry(self.id).or_default();
                let slot = match side {
                    Side::Read => &mut wakers.read,
                    Side::Write => &mut wakers.write,
                };
                old = replace(slot, cx.waker());
            }
            outcome
        });
        drop(old);
        outcome
    }
}

/// Which of the two waiting tasks.
#[derive(Clone, Copy)]
enum Side {
    Read,
    Write,
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let wakers = self.host.act(|shard, now| {
            shard.stack.release_tcp(now, self.id);
            shard.streams.remove(&self.id)
        });
        drop(wakers);
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish()
    }
}
