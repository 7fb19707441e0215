//! What the lock protects: one stack, everybody who waits for it, and how it comes to its end.

use std::collections::BTreeMap;
use std::io;
use std::task::Waker;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{BATCH_MAX, RxBatch, TxBatch};
use handfast_stack::{Event, ListenerId, Stack, TcpId};
use handfast_tcp::{self as tcp, State};

use crate::claims::Claims;
use crate::error::{self, Down};
use crate::observer::Watch;
use crate::strays::StrayCounters;
use crate::wakers::{StreamWakers, Waiters};

/// Longest time that a shutdown waits for the closing handshakes of connections.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(5);
/// Longest time that a driver goes on after the last handle of its host has gone, so that what
/// was written is delivered. Nobody waits for it, hence as long as FIN-WAIT-2.
pub const LINGER_MAX: Duration = Duration::from_secs(60);

/// One stack and those who wait for it.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) stack: Stack,
    pub(crate) claims: Claims,
    /// The connections that a stream holds.
    pub(crate) streams: BTreeMap<TcpId, StreamWakers>,
    /// The open listeners.
    pub(crate) listeners: BTreeMap<ListenerId, Waiters>,
    /// Tasks to wake once the lock is released.
    pub(crate) due: Vec<Waker>,
    /// The driver has been given something to do since its last turn.
    pub(crate) called: bool,
    /// How to tell the driver.
    pub(crate) driver: Option<Waker>,
    /// There is, or was, a driver.
    pub(crate) driven: bool,
    ending: Option<Ending>,
    end_waiters: Waiters,
    down: Option<Down>,
    now: Instant,
    /// How many times the stack was called.
    pub(crate) calls: u64,
    /// What the driver has handed on and taken in.
    pub(crate) strays: StrayCounters,
    /// Who is to be told from the next turn on what connections do.
    pub(crate) watch: Option<Watch>,
    /// Who listens from outside.
    #[cfg(feature = "control")]
    pub(crate) ears: Option<Box<crate::control::Ears>>,
}

/// A host on its way down.
#[derive(Debug)]
struct Ending {
    /// When it ends at the latest.
    by: Instant,
    /// The connections that were still open have been reset.
    cut: bool,
    /// After that, all was sent that could be.
    sent: bool,
}

/// What a turn of the shard leaves to the driver.
#[derive(Debug)]
pub(crate) struct Left {
    /// The time of the turn: later than the driver's clock has shown when a call was quicker.
    pub(crate) now: Instant,
    /// More waits to be sent than the batch had room for.
    pub(crate) more: bool,
    /// When to come again at the latest.
    pub(crate) until: Option<Instant>,
    /// Set once nothing is waited for any more: the driver ends when all is sent, or then.
    pub(crate) end: Option<Instant>,
}

impl Shard {
    pub(crate) fn new(stack: Stack) -> Self {
        Self {
            stack,
            claims: Claims::default(),
            streams: BTreeMap::new(),
            listeners: BTreeMap::new(),
            due: Vec::with_capacity(BATCH_MAX),
            called: false,
            driver: None,
            driven: false,
            ending: None,
            end_waiters: Waiters::default(),
            down: None,
            now: Instant::ZERO,
            calls: 0,
            strays: StrayCounters::default(),
            watch: None,
            #[cfg(feature = "control")]
            ears: None,
        }
    }

    /// The time of a call. Callers read their clocks before they have the lock, so one may come
    /// with an earlier time than the one before; for the stack, time does not go back.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.calls += 1;
        self.now = self.now.max(now);
        self.now
    }

    /// Whether a journal is kept for observers.
    #[cfg(not(feature = "control"))]
    pub(crate) fn has_journal(&mut self) -> bool {
        self.stack.keeps_journal()
    }

    /// Hands the facts that were written down to those who want to know: the driver's observer, and
    /// whoever listens from outside.
    pub(crate) fn collect(&mut self, watch: Option<&mut Watch>) {
        #[cfg(feature = "control")]
        if let Some(mut ears) = self.ears.take() {
            let mut watch = watch;
            while let Some(fact) = self.stack.take_fact() {
                ears.hear(&fact, &self.stack);
                if let Some(watch) = &mut watch {
                    watch.hear(fact);
                }
            }
            ears.count_lost(&mut self.stack);
            let is_over = ears.is_over(self.now);
            self.ears = Some(ears);
            if is_over {
                self.stop_listening();
            }
            if let Some(watch) = watch {
                watch.count_lost(&mut self.stack);
            }
            return;
        }
        if let Some(watch) = watch {
            watch.collect(&mut self.stack);
        }
    }

    /// One batch in, what is due, one batch out. Those to be woken are in `due` afterwards.
    pub(crate) fn turn(&mut self, now: Instant, rx: &mut RxBatch, tx: &mut TxBatch) -> Left {
        let now = self.advance(now);
        self.called = false;
        self.stack.receive(now, rx);
        if self.stack.next_timeout().is_some_and(|at| at <= now) {
            self.stack.on_timeout(now);
        }
        let mut more = self.stack.poll_transmit(now, tx);
        // Only now has the stack forgotten the connections that are over.
        if self.cut_if_due(now) {
            more = self.stack.poll_transmit(now, tx);
        }
        self.take_events();
        let ending = self.ending.as_ref();
        let by = ending.map(|ending| ending.by);
        Left {
            now,
            more,
            until: [self.stack.next_timeout(), by].into_iter().flatten().min(),
            end: ending.filter(|ending| ending.cut).map(|ending| ending.by),
        }
    }

    /// Begins the end of this host, which its driver completes within `limit`.
    pub(crate) fn begin_ending(&mut self, now: Instant, limit: Duration) {
        self.called = true;
        let by = now + limit;
        match &mut self.ending {
            Some(ending) => ending.by = ending.by.min(by),
            None => {
                self.ending = Some(Ending {
                    by,
                    cut: false,
                    sent: false,
                });
            }
        }
        for (id, mut waiters) in std::mem::take(&mut self.listeners) {
            waiters.wake_all(&mut self.due);
            self.stack.close_listener(now, id);
        }
    }

    /// All is sent that could be, on the way down. Returns whether that is news.
    pub(crate) fn note_sent(&mut self) -> bool {
        let ending = self.ending.as_mut();
        ending.is_some_and(|ending| !std::mem::replace(&mut ending.sent, true))
    }

    /// Whether it is on its way down and not done.
    pub(crate) fn is_ending(&self) -> bool {
        let ending = self.ending.as_ref();
        self.down.is_none() && ending.is_some_and(|ending| !ending.sent)
    }

    /// Waits for the end.
    pub(crate) fn wait_for_end(&mut self, waker: &Waker) {
        self.end_waiters.add(waker, &mut self.due);
    }

    /// From now on nothing works; everybody is told why. The first reason stays.
    pub(crate) fn go_down(&mut self, reason: Down) {
        self.down.get_or_insert(reason);
        let due = &mut self.due;
        self.claims.wake_all(due);
        self.end_waiters.wake_all(due);
        for waiters in self.listeners.values_mut() {
            waiters.wake_all(due);
        }
        for wakers in self.streams.values_mut() {
            due.extend(wakers.read.take());
            due.extend(wakers.write.take());
        }
    }

    /// Whether the host is down.
    pub(crate) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// An error when the host is down.
    pub(crate) fn check_up(&self) -> io::Result<()> {
        self.down
            .as_ref()
            .map_or(Ok(()), |reason| Err(error::down(reason)))
    }

    /// An error when nothing new may begin.
    pub(crate) fn check_open(&self) -> io::Result<()> {
        self.check_up()?;
        self.ending
            .as_ref()
            .map_or(Ok(()), |_| Err(error::down(&Down::OnRequest)))
    }

    /// Resets what is still open when the closing handshakes are over or have had their time;
    /// returns whether it was now.
    fn cut_if_due(&mut self, now: Instant) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        if ending.cut || (now < ending.by && !self.is_settled(now)) {
            return false;
        }
        for &id in self.streams.keys() {
            if let Some(mut socket) = self.stack.tcp(now, id) {
                socket.abort();
            }
        }
        self.ending.as_mut().expect("seen just now").cut = true;
        true
    }

    /// Whether no connection is in a closing handshake of ours.
    fn is_settled(&mut self, now: Instant) -> bool {
        let released = self.stack.tcp_count().saturating_sub(self.streams.len());
        released == 0
            && !self.streams.keys().any(|&id| {
                let state = self.stack.tcp(now, id).map(|socket| socket.state());
                matches!(
                    state,
                    Some(State::FinWait1 | State::Closing | State::LastAck)
                )
            })
    }

    fn take_events(&mut self) {
        while let Some(event) = self.stack.poll_event() {
            match event {
                Event::Tcp(id, event) => self.on_tcp_event(id, event),
                Event::Accept(id) => {
                    if let Some(waiters) = self.listeners.get_mut(&id) {
                        waiters.wake_all(&mut self.due);
                    }
                }
                Event::Address(event) => self.claims.on_event(event, &mut self.due),
            }
        }
    }

    fn on_tcp_event(&mut self, id: TcpId, event: tcp::Event) {
        let (read, write) = match event {
            tcp::Event::Readable => (true, false),
            tcp::Event::Connected | tcp::Event::Writable => (false, true),
            tcp::Event::Closed => (true, true),
            tcp::Event::Urgent | tcp::Event::SoftError | tcp::Event::TimeWait => return,
        };
        let Some(wakers) = self.streams.get_mut(&id) else {
            return;
        };
        if read {
            self.due.extend(wakers.read.take());
        }
        if write {
            self.due.extend(wakers.write.take());
        }
    }
}
