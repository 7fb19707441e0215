//! `Driver`: moves frames between one device and one host. It never waits; it says what to wait
//! for.

use std::io;

use handfast_device::Device;
use handfast_packet::Instant;
use handfast_packet::buf::{RxBatch, TxBatch};

use crate::host::{Host, wake};

/// Most turns that a skin makes without giving others a chance to run.
pub const TURNS_MAX: usize = 16;

/// What a driver waits for before its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: there is more to do.
    Now,
    /// Frames from the device, a call of the host, or a time.
    Readable {
        /// Turn at this time at the latest.
        until: Option<Instant>,
    },
    /// The same, or room in the device.
    ReadableOrWritable {
        /// Turn at this time at the latest.
        until: Option<Instant>,
    },
}

/// A device and the host that it serves.
#[derive(Debug)]
pub struct Driver<D> {
    host: Host,
    device: D,
    rx: RxBatch,
    tx: TxBatch,
    /// The device may have frames: it gave a full batch, or nobody has asked it yet.
    may_have_frames: bool,
}

impl<D: Device> Driver<D> {
    /// A driver that has not done anything yet.
    pub fn new(host: Host, device: D) -> Self {
        let (rx, tx) = (RxBatch::new(), TxBatch::new());
        Self {
            host,
            device,
            rx,
            tx,
            may_have_frames: true,
        }
    }

    /// One turn: at most one batch in and one batch out.
    ///
    /// # Errors
    /// When the device is gone or broken. Everybody who waits on the host hears of it.
    pub fn turn(&mut self, now: Instant) -> io::Result<Wait> {
        self.may_have_frames = true;
        self.work(now)
            .inspect_err(|error| self.host.fail(Some(error)))
    }

    /// A turn for a skin that knows whether the device has become readable: without that, the
    /// device is not asked for frames.
    pub(crate) fn turn_if(&mut self, now: Instant, readable: bool) -> io::Result<Wait> {
        self.may_have_frames |= readable;
        self.work(now)
            .inspect_err(|error| self.host.fail(Some(error)))
    }

    /// Whether the device gave all it had at the last turn.
    pub(crate) fn is_drained(&self) -> bool {
        !self.may_have_frames
    }

    /// Whether this driver has nothing to do any more: it was stopped, or everybody has left and
    /// the last connection is over.
    pub fn is_done(&self) -> bool {
        let shard = self.host.lock();
        let left = shard.abandoned && shard.stack.tcp_count() == 0;
        (shard.stopped || left) && self.tx.is_empty()
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device, for changing it.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    fn work(&mut self, now: Instant) -> io::Result<Wait> {
        let device_due = self.device.next_ready().is_some_and(|at| at <= now);
        if self.may_have_frames || device_due {
            self.device.recv(now, &mut self.rx)?;
            self.may_have_frames = self.rx.room() == 0;
        }
        let mut due = Vec::new();
        let (more, timeout) = {
            let mut shard = self.host.lock();
            let more = shard.turn(now, &mut self.rx, &mut self.tx, &mut due);
            (more, shard.stack.next_timeout())
        };
        if !self.tx.is_empty() || device_due {
            self.device.send(now, &mut self.tx)?;
        }
        wake(due);
        let until = [timeout, self.device.next_ready()]
            .into_iter()
            .flatten()
            .min();
        if !self.tx.is_empty() {
            return Ok(Wait::ReadableOrWritable { until });
        }
        let overdue = until.is_some_and(|at| at <= now);
        if more || self.may_have_frames || overdue {
            return Ok(Wait::Now);
        }
        Ok(Wait::Readable { until })
    }
}
