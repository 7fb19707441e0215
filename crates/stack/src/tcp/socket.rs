//! `TcpSocket`: a short hold on one connection, with the application's verbs.

use core::net::SocketAddr;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_tcp::{
    CloseReason, Config, Connection, Cx, Info, ReadError, State, TcpInfo, WriteError,
};

use super::journal::page;
use super::slab::Key;
use super::{Owner, Slot, Tcp, TcpId};

/// A connection, borrowed from its stack.
///
/// Drop it before anything else is done with the stack: dropping files the connection anew, so
/// that its timers run and what was written is sent.
#[derive(Debug)]
pub struct TcpSocket<'a> {
    tcp: &'a mut Tcp,
    key: Key,
    now: Instant,
    /// A verb was called that may have changed something.
    touched: bool,
}

impl Tcp {
    /// Borrows a connection; `None` when it was released.
    pub(crate) fn socket(&mut self, now: Instant, id: TcpId) -> Option<TcpSocket<'_>> {
        self.slots
            .get(id.0)
            .filter(|slot| slot.owner == Owner::Application)?;
        Some(TcpSocket {
            tcp: self,
            key: id.0,
            now,
            touched: false,
        })
    }
}

impl TcpSocket<'_> {
    /// Copies bytes into the send buffer; returns how many there was room for.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, WriteError> {
        self.try_call(&WriteError::WouldBlock, |connection, cx| {
            connection.write(cx, bytes)
        })
    }

    /// Puts a view into the send buffer without a copy; returns how many bytes there was room
    /// for.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write_chunk(&mut self, chunk: Chunk) -> Result<usize, WriteError> {
        self.try_call(&WriteError::WouldBlock, |connection, cx| {
            connection.write_chunk(cx, chunk)
        })
    }

    /// Moves received bytes into `buffer`; `Ok(0)` at the end of the stream.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        self.try_call(&ReadError::WouldBlock, |connection, cx| {
            connection.read(cx, buffer)
        })
    }

    /// Copies received bytes into `buffer` and leaves them unread; `Ok(0)` at the end of the
    /// stream.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        self.slot().connection.peek(buffer)
    }

    /// Takes up to `max` received bytes as a view, without a copy; `None` at the end of the
    /// stream.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_chunk(&mut self, max: usize) -> Result<Option<Chunk>, ReadError> {
        self.try_call(&ReadError::WouldBlock, |connection, cx| {
            connection.read_chunk(cx, max)
        })
    }

    /// Nothing more will be written: FIN follows the last byte (RFC 9293 3.10.4).
    pub fn shutdown(&mut self) {
        self.call(Connection::shutdown);
    }

    /// Ends the connection at once; the peer gets RST (RFC 9293 3.10.5).
    pub fn abort(&mut self) {
        self.call(Connection::abort);
    }

    /// Bytes of memory that received text keeps alive, unread or beyond a hole: whole blocks.
    pub fn receive_memory(&self) -> usize {
        self.slot().connection.receive_memory()
    }

    /// Bytes that can be read now.
    pub fn readable(&self) -> usize {
        self.slot().connection.readable()
    }

    /// Bytes that can be written now; 0 once writing is over.
    pub fn writable(&self) -> usize {
        self.slot().connection.writable()
    }

    /// Bytes written that the peer has not acknowledged, sent or not.
    pub fn unacknowledged(&self) -> u64 {
        self.slot().connection.unacknowledged()
    }

    /// Bytes written that were never sent.
    pub fn unsent(&self) -> u64 {
        self.slot().connection.unsent()
    }

    /// How many bytes, with those that are written already, the SYN can carry (RFC 7413); 0 when
    /// it is out, or carries none.
    pub fn fast_open_room(&self) -> usize {
        self.slot().connection.fast_open_room()
    }

    /// Whether text went with a SYN, in either direction, and all of it was taken.
    pub fn syn_text_taken(&self) -> bool {
        self.slot().connection.syn_text_taken()
    }

    /// The state by its RFC name.
    pub fn state(&self) -> State {
        self.slot().connection.state()
    }

    /// How the connection ended; `None` while it lives.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.slot().connection.close_reason()
    }

    /// Figures.
    pub fn info(&self) -> Info {
        self.slot().connection.info()
    }

    /// The figures of Linux' `tcp_info`, as of now.
    pub fn tcp_info(&self) -> TcpInfo {
        self.slot().connection.tcp_info(self.now)
    }

    /// What the connection was configured with.
    pub fn config(&self) -> &Config {
        self.slot().connection.config()
    }

    /// Our end.
    pub fn local(&self) -> SocketAddr {
        self.slot().local()
    }

    /// The peer's end.
    pub fn remote(&self) -> SocketAddr {
        self.slot().remote()
    }

    pub(super) fn call<T>(&mut self, verb: impl FnOnce(&mut Connection, &mut Cx<'_>) -> T) -> T {
        self.touched = true;
        self.tcp.now = self.now;
        let slot = self
            .tcp
            .slots
            .get_mut(self.key)
            .expect("a borrowed connection stays");
        verb(
            &mut slot.connection,
            &mut Cx {
                now: self.now,
                pool: &mut self.tcp.pool,
                journal: page(&mut self.tcp.journal, self.key),
            },
        )
    }

    /// [`Self::call`] of a verb that leaves everything as it was where it fails with `in_vain`.
    fn try_call<T, E: PartialEq>(
        &mut self,
        in_vain: &E,
        verb: impl FnOnce(&mut Connection, &mut Cx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let touched = self.touched;
        let result = self.call(verb);
        if result.as_ref().err() == Some(in_vain) {
            self.touched = touched;
        }
        result
    }

    pub(super) fn slot(&self) -> &Slot {
        self.tcp
            .slots
            .get(self.key)
            .expect("a borrowed connection stays")
    }
}

impl Drop for TcpSocket<'_> {
    fn drop(&mut self) {
        if self.touched {
            self.tcp.refile(self.key);
        }
    }
}
