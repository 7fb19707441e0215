//! `TcpStream`: one connection, for any runtime or none.

mod options;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use handfast_packet::buf::Chunk;
use handfast_stack::{TcpId, TcpSocket};
use handfast_tcp::{Info, ReadError, State, TcpInfo, WriteError};

use crate::error;
use crate::host::Host;
use crate::shard::Shard;
use crate::wakers::{self, StreamWakers};

/// One connection. Two tasks may use it at a time: one that reads, and one that connects, writes
/// and shuts down.
///
/// Dropping it lets the connection go: what was written is still delivered and the connection
/// closed in good order, but what was received and not read makes it a reset (RFC 2525 2.17).
#[derive(Debug)]
pub struct TcpStream {
    host: Host,
    id: TcpId,
    local: SocketAddr,
    peer: SocketAddr,
}

/// Which of the two tasks of a stream waits.
type Side = fn(&mut StreamWakers) -> &mut Option<Waker>;

const READER: Side = |wakers| &mut wakers.read;
const WRITER: Side = |wakers| &mut wakers.write;

impl TcpStream {
    pub(crate) fn new(host: Host, id: TcpId, local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            host,
            id,
            local,
            peer,
        }
    }

    /// Ready when the handshake is complete, or has failed.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable`, ... as the kernel's `connect`.
    pub fn poll_connected(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, WRITER, |socket| {
            match (socket.state(), socket.close_reason()) {
                (State::SynSent | State::SynReceived, _) => Poll::Pending,
                (State::Closed, Some(reason)) if !is_normal(reason) => {
                    Poll::Ready(Err(error::closed(reason, self.peer)))
                }
                _ => Poll::Ready(Ok(())),
            }
        })
    }

    /// Reads into `buffer`; 0 at the end of the stream (or when `buffer` is empty).
    ///
    /// # Errors
    /// `ConnectionReset`, `TimedOut`, ... when the connection ended otherwise than by a FIN and
    /// everything before is read.
    pub fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, READER, |socket| self.read_result(socket.read(buffer)))
    }

    /// Takes up to `max` bytes without a copy; `None` at the end of the stream.
    ///
    /// # Errors
    /// Those of [`TcpStream::poll_read`].
    pub fn poll_read_chunk(&self, cx: &Context<'_>, max: usize) -> Poll<io::Result<Option<Chunk>>> {
        self.poll(cx, READER, |socket| {
            self.read_result(socket.read_chunk(max))
        })
    }

    /// Writes as much of `bytes` as there is room for.
    ///
    /// # Errors
    /// `BrokenPipe` after a shutdown; `ConnectionReset`, `TimedOut`, ... when the connection is
    /// over.
    pub fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, WRITER, |socket| self.write_result(socket.write(bytes)))
    }

    /// Writes from several buffers as if they were one.
    ///
    /// # Errors
    /// Those of [`TcpStream::poll_write`].
    pub fn poll_write_vectored(
        &self,
        cx: &Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, WRITER, |socket| {
            let mut written = 0;
            for buffer in buffers.iter().filter(|buffer| !buffer.is_empty()) {
                match socket.write(buffer) {
                    Ok(count) if count < buffer.len() => return Poll::Ready(Ok(written + count)),
                    Ok(count) => written += count,
                    Err(_) if written > 0 => break,
                    Err(error) => return self.write_result(Err(error)),
                }
            }
            Poll::Ready(Ok(written))
        })
    }

    /// Puts `chunk` into the send buffer without a copy, as much of it as there is room for.
    ///
    /// # Errors
    /// Those of [`TcpStream::poll_write`].
    pub fn poll_write_chunk(&self, cx: &Context<'_>, chunk: &Chunk) -> Poll<io::Result<usize>> {
        self.poll(cx, WRITER, |socket| {
            self.write_result(socket.write_chunk(chunk.clone()))
        })
    }

    /// Ready at once: what was written is on its way as far as the peer's window allows.
    ///
    /// # Errors
    /// None.
    pub fn poll_flush(&self, _cx: &Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends our direction: a FIN follows the last byte. Reading goes on. Ready at once.
    ///
    /// # Errors
    /// `NotConnected` when the connection is over, and not by FINs of both sides.
    pub fn poll_shutdown(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, WRITER, |socket| {
            Poll::Ready(match socket.close_reason() {
                Some(reason) if !is_normal(reason) => Err(error::gone(self.peer)),
                _ => {
                    socket.shutdown();
                    Ok(())
                }
            })
        })
    }

    /// Ends the connection at once; the peer gets a RST.
    pub fn abort(&self) {
        let _ = self.now(|socket| socket.abort());
    }

    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.now(|socket| socket.set_nodelay(nodelay))
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.now(|socket| !socket.config().nagle)
    }

    /// The peer's end.
    pub const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Our end.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The state by its RFC name; `Closed` when the host is down.
    pub fn state(&self) -> State {
        self.now(|socket| socket.state()).unwrap_or(State::Closed)
    }

    /// Figures; all zero when the host is down.
    pub fn info(&self) -> Info {
        self.now(|socket| socket.info()).unwrap_or_default()
    }

    /// The figures of Linux' `tcp_info`, by their names and in their units; all zero when the host
    /// is down.
    pub fn tcp_info(&self) -> TcpInfo {
        self.now(|socket| socket.tcp_info()).unwrap_or_default()
    }

    /// The host that the connection belongs to.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Asks the connection; registers the task when there is nothing yet. The check and the
    /// registration happen under one lock, so no event falls between them.
    fn poll<T>(
        &self,
        cx: &Context<'_>,
        side: Side,
        ask: impl FnOnce(&mut TcpSocket<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        // What is replaced is dropped out here: it may be the last trace of a task that owns
        // streams itself.
        let (answer, _stale) = self.host.call(|shard, now| {
            if let Err(error) = shard.check_up() {
                return (Poll::Ready(Err(error)), None);
            }
            let Some(mut socket) = shard.stack.tcp(now, self.id) else {
                return (Poll::Ready(Err(error::gone(self.peer))), None);
            };
            let answer = ask(&mut socket);
            drop(socket);
            // Bytes read open the window and bytes written fill it: both want to be told.
            shard.called |= answer.is_ready();
            let stale = if answer.is_pending() {
                self.wait(shard, side, cx)
            } else {
                None
            };
            (answer, stale)
        });
        answer
    }

    fn wait(&self, shard: &mut Shard, side: Side, cx: &Context<'_>) -> Option<Waker> {
        let wakers = shard
            .streams
            .get_mut(&self.id)
            .expect("there until this stream is dropped");
        wakers::replace(side(wakers), cx.waker())
    }

    /// Does something with the connection that cannot wait.
    fn now<T>(&self, verb: impl FnOnce(&mut TcpSocket<'_>) -> T) -> io::Result<T> {
        self.host.call(|shard, now| {
            shard.check_up()?;
            shard.called = true;
            let mut socket = shard
                .stack
                .tcp(now, self.id)
                .ok_or_else(|| error::gone(self.peer))?;
            Ok(verb(&mut socket))
        })
    }

    fn read_result<T>(&self, result: Result<T, ReadError>) -> Poll<io::Result<T>> {
        match result {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(ReadError::WouldBlock) => Poll::Pending,
            Err(ReadError::Closed(reason)) => Poll::Ready(Err(error::closed(reason, self.peer))),
        }
    }

    fn write_result(&self, result: Result<usize, WriteError>) -> Poll<io::Result<usize>> {
        match result {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(WriteError::WouldBlock) => Poll::Pending,
            Err(WriteError::ShutDown) => Poll::Ready(Err(error::shut_down(self.peer))),
            Err(WriteError::Closed(reason)) => Poll::Ready(Err(error::closed(reason, self.peer))),
        }
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let _stale = self.host.call(|shard, now| {
            if !shard.is_down() {
                shard.stack.release_tcp(now, self.id);
                shard.called = true;
            }
            shard.streams.remove(&self.id)
        });
    }
}

fn is_normal(reason: handfast_tcp::CloseReason) -> bool {
    reason == handfast_tcp::CloseReason::Normal
}
