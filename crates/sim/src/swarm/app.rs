//! The applications of a flow: how one side of a conversation writes, reads and ends.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::future::try_join;
use handfast::TcpStream;

use super::plan::{End, FlowPlan, SidePlan};
use crate::Sleep;
use crate::referee::{Received, Sent, content};

/// One side of one conversation.
pub(super) struct Side<'a, S> {
    pub(super) stream: &'a TcpStream,
    pub(super) plan: &'a SidePlan,
    pub(super) part: Part,
    /// What text it writes.
    pub(super) key: u64,
    /// Where both are judged; `None` when it is not known whose conversation it is.
    pub(super) ledgers: Option<(Sent, Received)>,
    /// Set when it turns out that this is not known after all.
    pub(super) void: &'a Cell<bool>,
    /// Sleeps for so long.
    pub(super) sleep: S,
    /// How far it is.
    pub(super) progress: &'a Progress,
}

/// What a side has to say, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    rounds: u64,
    /// Bytes of a round, written and read.
    write: u64,
    read: u64,
    idle: Duration,
    /// Speaks only after it was answered (client) or asked (server).
    turns: bool,
    opens: bool,
}

/// How far a side is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) written: Cell<u64>,
    pub(super) read: Cell<u64>,
    pub(super) ended: Cell<bool>,
    writer: RefCell<Option<Waker>>,
}

/// How a conversation ended before all was said.
#[derive(Debug)]
pub(super) enum Cut {
    /// As its plan wants it.
    Here,
    /// With an error.
    Error(io::Error),
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

impl Part {
    pub(super) fn of_client(flow: &FlowPlan) -> Self {
        Self {
            rounds: flow.rounds.into(),
            write: flow.up,
            read: flow.down,
            idle: flow.idle,
            turns: flow.turns,
            opens: true,
        }
    }

    pub(super) fn of_server(flow: &FlowPlan) -> Self {
        Self {
            write: flow.down,
            read: flow.up,
            opens: false,
            ..Self::of_client(flow)
        }
    }

    fn total(&self) -> u64 {
        self.rounds * self.write
    }

    /// How many bytes may be written once so many were read.
    fn allowed(&self, read: u64) -> u64 {
        if !self.turns || self.read == 0 {
            return self.total();
        }
        let rounds = (read / self.read).saturating_add(self.opens.into());
        self.total().min(rounds.saturating_mul(self.write))
    }
}

impl<S, F> Side<'_, S>
where
    S: Fn(Duration) -> F,
    F: Future<Output = ()>,
{
    /// Says and hears everything; returns whether it came to its end. The caller drops the stream.
    pub(super) async fn converse(&self) -> io::Result<bool> {
        let outcome = try_join(self.write(), self.read()).await;
        match (outcome, self.ledgers()) {
            (Err(Cut::Here), Some((sent, _))) => {
                // In order or not: that depends on what waits unread.
                if self.plan.end == End::Drop {
                    sent.finished();
                }
                sent.aborted();
                Ok(false)
            }
            (Err(Cut::Here), None) => Ok(false),
            (Err(Cut::Error(error)), _) => {
                self.gone(&error);
                Err(error)
            }
            (Ok(_), _) => Ok(true),
        }
    }

    fn ledgers(&self) -> Option<&(Sent, Received)> {
        self.ledgers.as_ref().filter(|_| !self.void.get())
    }

    /// There is no conversation.
    pub(super) fn gone(&self, error: &io::Error) {
        if let Some((sent, received)) = self.ledgers() {
            sent.aborted();
            received.failed(error);
        }
    }

    async fn write(&self) -> Result<(), Cut> {
        let total = self.part.total();
        let mut buffer = vec![0; usize::try_from(self.plan.chunk.min(total)).unwrap_or(0)];
        self.cut()?;
        while self.progress.written.get() < total {
            let at = self.progress.written.get();
            let room = self.room(at).await.min(self.plan.chunk);
            let buffer = &mut buffer[..usize::try_from(room).unwrap_or(0)];
            content::fill(self.key, at, buffer);
            let written = poll_fn(|cx| {
                self.stream.poll_write(cx, buffer).map_ok(|count| {
                    self.wrote(&buffer[..count]);
                    count
                })
            })
            .await?;
            self.cut()?;
            let at = at + written as u64;
            if !self.plan.gap.is_zero() {
                (self.sleep)(self.plan.gap).await;
            }
            if !self.part.idle.is_zero() && at.is_multiple_of(self.part.write) && at < total {
                (self.sleep)(self.part.idle).await;
            }
        }
        self.finish().await
    }

    /// Takes note of what the stack took.
    pub(super) fn wrote(&self, bytes: &[u8]) {
        let written = &self.progress.written;
        written.set(written.get() + bytes.len() as u64);
        if let Some((sent, _)) = self.ledgers() {
            sent.bytes(bytes);
        }
    }

    /// How many bytes may be written now that `at` were; waits until it is one at least.
    async fn room(&self, at: u64) -> u64 {
        poll_fn(|cx| {
            // To the end of the round, so that every round is followed by its pause.
            let round = self.part.write - at % self.part.write;
            // Who has heard the last word waits for no other.
            let read = match self.progress.ended.get() {
                true => u64::MAX,
                false => self.progress.read.get(),
            };
            match self.part.allowed(read).saturating_sub(at) {
                0 => {
                    self.wait(cx.waker());
                    Poll::Pending
                }
                room if self.part.idle.is_zero() => Poll::Ready(room),
                room => Poll::Ready(room.min(round)),
            }
        })
        .await
    }

    fn wait(&self, waker: &Waker) {
        *self.progress.writer.borrow_mut() = Some(waker.clone());
    }

    async fn finish(&self) -> Result<(), Cut> {
        if self.plan.end == End::Late {
            poll_fn(|cx| {
                if self.progress.ended.get() {
                    return Poll::Ready(());
                }
                self.wait(cx.waker());
                Poll::Pending
            })
            .await;
        }
        if let Some((sent, _)) = self.ledgers() {
            sent.finished();
        }
        if self.plan.end == End::Delivered {
            poll_fn(|cx| self.stream.poll_delivered(cx)).await?;
        } else {
            poll_fn(|cx| self.stream.poll_shutdown(cx)).await?;
        }
        Ok(())
    }

    async fn read(&self) -> Result<(), Cut> {
        let most = (self.part.rounds * self.part.read).clamp(1, self.plan.sip);
        let mut buffer = vec![0; usize::try_from(most).unwrap_or(0)];
        let mut may_pause = !self.plan.pause.is_zero();
        loop {
            self.cut()?;
            if may_pause && self.progress.read.get() >= self.plan.pause_at {
                may_pause = false;
                (self.sleep)(self.plan.pause).await;
            }
            let count = poll_fn(|cx| self.stream.poll_read(cx, &mut buffer)).await?;
            self.got(&buffer[..count]);
            if count == 0 {
                return Ok(());
            }
            if !self.plan.lag.is_zero() {
                (self.sleep)(self.plan.lag).await;
            }
        }
    }

    /// Takes note of what the stack gave; nothing is the end.
    fn got(&self, bytes: &[u8]) {
        let read = &self.progress.read;
        if bytes.is_empty() {
            self.progress.ended.set(true);
        }
        match self.ledgers() {
            Some((_, received)) if bytes.is_empty() => received.end(),
            Some((_, received)) => received.bytes(bytes),
            None => {}
        }
        read.set(read.get() + bytes.len() as u64);
        if let Some(waker) = self.progress.writer.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Ends it when the plan says that it is time.
    fn cut(&self) -> Result<(), Cut> {
        if !matches!(self.plan.end, End::Abort | End::Drop)
            || self.progress.written.get() + self.progress.read.get() < self.plan.cut
        {
            return Ok(());
        }
        if self.plan.end == End::Abort {
            if let Some((sent, _)) = self.ledgers() {
                sent.aborted();
            }
            self.stream.abort();
        }
        Err(Cut::Here)
    }
}

/// What a side sleeps by.
pub(super) trait Sleeper: Fn(Duration) -> Sleep + Clone + 'static {}

impl<T: Fn(Duration) -> Sleep + Clone + 'static> Sleeper for T {}
