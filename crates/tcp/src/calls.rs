//! The application's verbs: SEND, RECEIVE, CLOSE, ABORT and choices (RFC 9293 3.9.1, 3.10).

use alloc::boxed::Box;

use core::time::Duration;

use handfast_packet::buf::Chunk;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::SeqNumber;

use crate::config::Cx;
use crate::congestion::{CongestionController, Controller};
use crate::connection::{Connection, Phase};
use crate::error::{ReadError, WriteError};
use crate::event::{CloseReason, State};
use crate::journal::WindowCause;
use crate::segment::Transmit;

impl Connection {
    /// Takes as many bytes as there is room for and returns how many; they are copied once.
    ///
    /// While the connection opens they wait in the buffer (RFC 9293 3.10.2).
    ///
    /// # Errors
    /// [`WriteError::WouldBlock`] when there is no room at all; `Event::Writable` follows.
    pub fn write(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) -> Result<usize, WriteError> {
        self.may_write()?;
        let room = bytes.len().min(self.write_room());
        let taken = self.snd.buffer.write(&bytes[..room], cx.pool);
        let taken = self.note_written(taken, bytes.len())?;
        self.written(cx.now, false);
        Ok(taken)
    }

    /// Like [`Self::write`] without a copy: the bytes stay where they are until acknowledged.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn write_chunk(&mut self, cx: &mut Cx<'_>, chunk: Chunk) -> Result<usize, WriteError> {
        self.may_write()?;
        let (len, mut chunk) = (chunk.len(), chunk);
        chunk.truncate(self.write_room());
        let taken = self.snd.buffer.push_chunk(chunk, cx.pool);
        let taken = self.note_written(taken, len)?;
        self.written(cx.now, false);
        Ok(taken)
    }

    /// Copies bytes in order into `buffer` and returns how many; 0 at the end of the stream.
    ///
    /// # Errors
    /// [`ReadError::WouldBlock`] when nothing has arrived; `Event::Readable` follows.
    /// [`ReadError::Closed`] when the connection ended without a FIN and all is read.
    pub fn read(&mut self, cx: &mut Cx<'_>, buffer: &mut [u8]) -> Result<usize, ReadError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let limit = self.before_mark(buffer.len());
        match self.rcv.data.read(&mut buffer[..limit]) {
            0 => self.end_of_stream().map(|()| 0),
            count => {
                self.rcv.data.settle(cx.pool);
                self.rcv
                    .on_read(cx.now, self.rtt.srtt(), self.recovery.min_rtt());
                Ok(count)
            }
        }
    }

    /// Like [`Self::read`] without a copy: at most `max` bytes (at least 1), or `None` at the end
    /// of the stream.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn read_chunk(&mut self, cx: &mut Cx<'_>, max: usize) -> Result<Option<Chunk>, ReadError> {
        let limit = self.before_mark(max.max(1));
        match self.rcv.data.read_chunk(limit) {
            None => self.end_of_stream().map(|()| None),
            chunk => {
                self.rcv.data.settle(cx.pool);
                self.rcv
                    .on_read(cx.now, self.rtt.srtt(), self.recovery.min_rtt());
                Ok(chunk)
            }
        }
    }

    /// CLOSE of our direction only: a FIN follows the last byte. Reading goes on.
    pub fn shutdown(&mut self, cx: &mut Cx<'_>) {
        self.glance(cx);
        if !matches!(self.phase, Phase::Closed(_) | Phase::TimeWait) {
            self.close.shut_local();
        }
        self.tell(cx);
    }

    /// The application lets go: CLOSE, and nobody will read any more. What was written is still
    /// delivered; unread bytes, here or still to come, are answered with a RST, so that the peer
    /// knows they were lost (RFC 9293 3.6.1, RFC 2525 2.17).
    pub fn close(&mut self, cx: &mut Cx<'_>) {
        if self.detached {
            return;
        }
        self.glance(cx);
        self.detached = true;
        match self.phase {
            Phase::Closed(_) | Phase::TimeWait => {}
            // RFC 9293 3.10.4: nothing is synchronised, nobody needs to be told.
            Phase::SynSent => self.end(CloseReason::Aborted),
            _ if self.config.linger == Some(Duration::ZERO) => self.drop_all(cx),
            _ if self.rcv.data.readable() > 0 => {
                self.drop_all(cx);
                let aside = self.aside.get_mut();
                if let Some(reset) = aside.and_then(|aside| aside.reply.as_mut()) {
                    reset.cause = Cause::DataAfterClose;
                }
            }
            _ => {
                self.close.shut_local();
                self.watch_fin_wait_2(cx.now);
            }
        }
        self.rcv.data.discard();
        self.tell(cx);
    }

    /// ABORT (RFC 9293 3.10.5): everything is dropped and the peer gets a RST.
    pub fn abort(&mut self, cx: &mut Cx<'_>) {
        self.glance(cx);
        self.drop_all(cx);
        self.tell(cx);
    }

    fn drop_all(&mut self, cx: &mut Cx<'_>) {
        let resets = match self.state() {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => true,
            // By the states of the RFC, where a FIN that is still to be sent has changed none.
            State::Closing | State::LastAck => !self.snd.fin_sent(),
            State::Closed | State::Listen | State::SynSent | State::TimeWait => false,
        };
        if resets {
            let seq = self.snd.space.wire(self.snd.next_within_window());
            // A peer that is still in SYN-SENT believes a RST only with an ACK of its SYN.
            let opening = matches!(self.phase, Phase::SynReceived { .. });
            let ack = opening.then(|| self.rcv.space.wire(self.rcv.nxt()));
            self.answer(cx.pool, Transmit::reset(seq, ack, Cause::Abort));
        }
        self.rcv.data.discard();
        self.end(CloseReason::Aborted);
    }

    /// Replaces the congestion controller by the caller's own; it hears the segment size at once
    /// and every event from now on. Best before the connection is established: a controller that
    /// comes later knows nothing of what is in flight.
    pub fn set_controller(
        &mut self,
        cx: &mut Cx<'_>,
        mut controller: Box<dyn CongestionController>,
    ) {
        self.glance(cx);
        controller.on_mss(self.snd.mss);
        self.congestion = Controller::Custom(controller);
        cx.note_window_cause(WindowCause::Replaced);
        self.tell(cx);
    }

    /// Bytes of memory that received text keeps alive, unread or beyond a hole: whole blocks.
    pub fn receive_memory(&self) -> usize {
        self.rcv.data.memory()
    }

    /// Bytes that can be read now.
    pub fn readable(&self) -> usize {
        self.rcv.data.readable() - usize::from(self.takes_mark_out())
    }

    /// Bytes that can be written now; 0 once writing is over.
    pub fn writable(&self) -> usize {
        if self.may_write().is_ok() {
            self.write_room()
        } else {
            0
        }
    }

    /// Whether `seq` is a number of ours that is sent and not acknowledged; ICMP errors about
    /// others are forged or late (RFC 5927 section 4.1).
    pub fn covers(&self, seq: SeqNumber) -> bool {
        let at = self.snd.space.offset(seq, self.snd.una);
        at.is_some_and(|at| self.snd.una <= at && at < self.snd.nxt)
    }

    pub(crate) fn may_write(&self) -> Result<(), WriteError> {
        match self.phase {
            Phase::Closed(reason) => Err(WriteError::Closed(reason)),
            _ if self.close.is_local_shut() => Err(WriteError::ShutDown),
            _ => Ok(()),
        }
    }

    pub(crate) fn note_written(
        &mut self,
        taken: usize,
        offered: usize,
    ) -> Result<usize, WriteError> {
        if taken < offered {
            self.snd.writer_waits = true;
        }
        if taken == 0 && offered > 0 {
            Err(WriteError::WouldBlock)
        } else {
            Ok(taken)
        }
    }

    /// Everything in order is read: is that the end?
    pub(crate) fn end_of_stream(&self) -> Result<(), ReadError> {
        match self.phase {
            _ if self.rcv.fin_taken => Ok(()),
            Phase::Closed(CloseReason::Normal) | Phase::TimeWait => Ok(()),
            Phase::Closed(reason) => Err(ReadError::Closed(reason)),
            _ => Err(ReadError::WouldBlock),
        }
    }
}
