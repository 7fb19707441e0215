//! `Driver`: joins a host to its device, one turn at a time.
//!
//! It neither waits nor reads a clock: whoever calls [`Driver::turn`] does, as a tokio task, a
//! thread or a simulator.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use handfast_device::Device;
use handfast_packet::Instant;
use handfast_packet::buf::{BATCH_MAX, RxBatch, TxBatch};

use crate::error::Down;
use crate::host::{Host, Shared};
use crate::observer::Watch;
use crate::strays::Strays;
use crate::wakers;

/// Joins one host to one device.
///
/// Dropping it before [`Wait::Over`] cuts the host off: everybody who waits for it is told so.
#[derive(Debug)]
pub struct Driver<D> {
    host: HostOfDriver,
    device: D,
    rx: RxBatch,
    /// What the device has not taken yet goes first.
    tx: TxBatch,
    due: Vec<Waker>,
    /// What is between us and the other shards of the host.
    strays: Option<Box<Strays>>,
    /// The device gave more than one frame when it was last asked.
    many: bool,
    /// The last turn did not ask the device.
    unasked: bool,
    /// It asked for one frame and got it.
    stopped: bool,
    /// What the last turn said.
    wait: Wait,
    worked: bool,
}

/// When the next turn is due.
///
/// In every case but `Over`, [`Driver::poll_called`] may ask for one earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At once: there is more to do than one turn may take on.
    Now,
    /// When the device is readable, or at `until`.
    Readable {
        /// The latest time, if any.
        until: Option<Instant>,
    },
    /// When the device is readable, or takes frames again, or at `until`.
    ReadableOrWritable {
        /// The latest time, if any.
        until: Option<Instant>,
    },
    /// Never: the host was shut down, or its last handle has gone, and all is sent that could be.
    Over,
}

impl<D: Device> Driver<D> {
    /// Joins `host` to `device`, which must have the capabilities that the host was made for.
    ///
    /// # Panics
    /// When the host has been given a driver before.
    pub fn new(host: &Host, device: D) -> Self {
        let mut shard = host.shared().lock();
        assert!(!shard.driven, "a host has one driver in its life");
        shard.driven = true;
        drop(shard);
        Self {
            host: HostOfDriver {
                shared: Arc::clone(host.shared()),
                watch: None,
            },
            device,
            rx: RxBatch::new(),
            tx: TxBatch::new(),
            due: Vec::with_capacity(BATCH_MAX),
            strays: None,
            many: false,
            unasked: false,
            stopped: false,
            wait: Wait::Now,
            worked: false,
        }
    }

    /// The same for one shard of several.
    pub(crate) fn with_strays(host: &Host, device: D, strays: Strays) -> Self {
        Self {
            strays: Some(Box::new(strays)),
            ..Self::new(host, device)
        }
    }

    /// Takes in one batch of frames, does what is due at `now`, and sends one batch. Never blocks.
    ///
    /// # Errors
    /// When the device has failed. The host is down then, and everybody who waits for it is told.
    pub fn turn(&mut self, now: Instant) -> io::Result<Wait> {
        self.turn_asking(now, true)
    }

    /// A turn for a call or a time, of one who knows that the device had no more frames when it was
    /// last asked, and that its descriptor has shown none since. It is asked nevertheless where
    /// frames come many at a time, and at least every second time: what is asked in vain costs as
    /// much as a frame.
    ///
    /// # Errors
    /// Those of [`Driver::turn`].
    pub fn turn_for_call(&mut self, now: Instant) -> io::Result<Wait> {
        let ask = self.many || self.unasked || self.device.next_ready().is_some();
        self.turn_asking(now, ask)
    }

    fn turn_asking(&mut self, now: Instant, ask: bool) -> io::Result<Wait> {
        let result = self.try_turn(now, ask);
        match &result {
            Ok(wait) => self.wait = *wait,
            Err(error) => self.host.go_down(Down::Device(error.to_string())),
        }
        result
    }

    fn try_turn(&mut self, now: Instant, ask: bool) -> io::Result<Wait> {
        let taken = self.strays.as_mut();
        let taken = taken.map_or(0, |strays| strays.take_in(&mut self.rx));
        let received = match ask {
            true => self.ask(now)?,
            false => 0,
        };
        // Whoever stopped at the first frame has not seen the last one before he asks again.
        let drained = self.rx.room() > 0 && (ask || !self.stopped);
        self.rx.limit(BATCH_MAX);
        self.unasked = !ask;
        self.many = received > 1;
        if received > 0
            && let Some(strays) = &mut self.strays
        {
            strays.sort(&mut self.rx, taken);
        }
        let mut shard = self.host.shared.lock();
        self.worked = taken + received > 0 || shard.called || !self.is_idle(now);
        if !self.worked {
            return Ok(self.wait);
        }
        let left = shard.turn(now, &mut self.rx, &mut self.tx);
        // By this time the stack has dated what it sends.
        let now = left.now;
        let mut more = left.more;
        if let Some(strays) = &mut self.strays {
            more |= strays.is_due();
            shard.strays = strays.counters;
            strays.hush(&mut self.tx);
        }
        std::mem::swap(&mut shard.due, &mut self.due);
        if let Some(watch) = shard.watch.take() {
            self.host.watch = Some(watch);
        }
        shard.collect(self.host.watch.as_mut());
        drop(shard);
        // Before the device may fail, and while it works the tasks can work too.
        self.due.drain(..).for_each(Waker::wake);
        let sent = self.device.send(now, &mut self.tx);
        if let Some(watch) = &mut self.host.watch {
            watch.tell();
        }
        sent?;
        let device_at = self.device.next_ready();
        let all_sent = !more && self.tx.is_empty() && device_at.is_none();
        if left
            .end
            .is_some_and(|end| end <= now || all_sent && self.may_leave())
        {
            self.host.go_down(Down::OnRequest);
            return Ok(Wait::Over);
        }
        let until = [left.until, device_at].into_iter().flatten().min();
        let now_due = until.is_some_and(|at| at <= now);
        Ok(match self.tx.is_empty() {
            _ if !drained || now_due => Wait::Now,
            true if more => Wait::Now,
            true => Wait::Readable { until },
            false => Wait::ReadableOrWritable { until },
        })
    }

    /// Takes frames from the device.
    ///
    /// Who spins asks again in a moment. Where frames come one by one, the question whether there is
    /// another one is mostly in vain, and costs as much as a frame, for which the application waits;
    /// so it is put off until that had its turn. A full batch, as this one is, says that more may be
    /// there.
    fn ask(&mut self, now: Instant) -> io::Result<usize> {
        let one = !self.busy_poll().is_zero() && !self.many && !self.stopped && self.rx.is_empty();
        if one {
            self.rx.limit(1);
        }
        let received = self.device.recv(now, &mut self.rx)?;
        self.stopped = one && received == 1;
        Ok(received)
    }

    /// All is sent: whether no other shard on its way down may still need the frames that come to
    /// our queue. The last one tells the others, which wait for it.
    fn may_leave(&self) -> bool {
        let Some(strays) = &self.strays else {
            return true;
        };
        let news = self.host.shared.lock().note_sent();
        let last = !strays.others().any(|other| other.lock().is_ending());
        if news && last {
            for other in strays.others() {
                other.call(|shard, _| shard.called = true);
            }
        }
        last
    }

    /// Whether there was something to do in the last turn.
    pub const fn has_worked(&self) -> bool {
        self.worked
    }

    /// How long to go on with turns, after one that had something to do, before sleeping
    /// ([`crate::Config::busy_poll`]).
    pub fn busy_poll(&self) -> Duration {
        self.host.shared.busy_poll
    }

    /// Ready when a handle of the host has made something to do since the last turn; registers
    /// the driver's task otherwise.
    pub fn poll_called(&mut self, cx: &Context<'_>) -> Poll<()> {
        let mut shard = self.host.shared.lock();
        if shard.called {
            return Poll::Ready(());
        }
        let stale = wakers::replace(&mut shard.driver, cx.waker());
        drop(shard);
        drop(stale);
        Poll::Pending
    }

    /// Whether a handle of the host has made something to do since the last turn.
    pub fn is_called(&self) -> bool {
        self.host.shared.lock().called
    }

    /// Whether the last turn left nothing to do before a time that has not come. A device that
    /// wants to be asked at times of its own is asked each time.
    fn is_idle(&self, now: Instant) -> bool {
        match self.wait {
            _ if self.device.next_ready().is_some() => false,
            Wait::Readable { until } => until.is_none_or(|at| now < at),
            Wait::ReadableOrWritable { .. } | Wait::Now | Wait::Over => false,
        }
    }

    /// The device.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device, for changing it between turns.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

/// The driver's hold on its host, which is not a handle: a driver keeps no host alive.
struct HostOfDriver {
    shared: Arc<Shared>,
    /// Who is told what connections do.
    watch: Option<Watch>,
}

impl HostOfDriver {
    fn go_down(&self, reason: Down) {
        self.shared.call(|shard, _| shard.go_down(reason));
    }
}

impl std::fmt::Debug for HostOfDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

impl Drop for HostOfDriver {
    /// No turn comes any more: what the journal holds last is told now.
    fn drop(&mut self) {
        self.go_down(Down::DriverGone);
        let mut shard = self.shared.lock();
        let mut watch = shard.watch.take().or_else(|| self.watch.take());
        shard.collect(watch.as_mut());
        drop(shard);
        if let Some(watch) = &mut watch {
            watch.tell();
        }
    }
}
