//! The device of a host in a swarm: its link, what the host may ask of it, and how much it takes
//! at a time.

use std::cell::RefCell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use handfast::{EthernetAddress, Instant};
use handfast_device::{Device, Impair, ImpairSpec, ImpairStatistics};
use handfast_packet::buf::{Capabilities, RxBatch, TxBatch};

use super::plan::HostPlan;

/// What links did, told when their worlds end.
pub(super) type Tally = Rc<RefCell<Vec<ImpairStatistics>>>;

/// The outer end of a host's link.
pub(super) struct Edge {
    line: Line,
    capabilities: Capabilities,
    /// Most frames at a time, and the pause afterwards; 0 for no limit.
    frames: u16,
    busy: Duration,
    /// Frames taken since the last pause.
    taken: u16,
    /// When the pause is over.
    free_at: Instant,
    /// Somebody was turned away and wants to know.
    asked: bool,
    leaving: TxBatch,
    tally: Tally,
}

enum Line {
    /// Super-frames pass whole.
    Whole(Box<dyn Device>),
    Impaired(Box<Impair<Box<dyn Device>>>),
}

impl Edge {
    /// The edge of `host` before `port`; the dice of its link come from `seed`.
    ///
    /// # Panics
    /// When the link of the plan is no impairment.
    pub(super) fn new(port: Box<dyn Device>, host: &HostPlan, seed: u64, tally: &Tally) -> Self {
        let capabilities = Capabilities {
            mtu: host.mtu,
            max_gso: host.gso,
            tx_checksum: host.checksum,
            ..port.capabilities()
        };
        let line = if host.link.is_empty() {
            Line::Whole(port)
        } else {
            let spec: ImpairSpec = host.link.parse().expect("checked with the plan");
            Line::Impaired(Box::new(Impair::new(port, spec, seed)))
        };
        Self {
            line,
            capabilities,
            frames: host.frames,
            busy: host.busy,
            taken: 0,
            free_at: Instant::ZERO,
            asked: false,
            leaving: TxBatch::new(),
            tally: Rc::clone(tally),
        }
    }

    fn device(&self) -> &dyn Device {
        match &self.line {
            Line::Whole(device) => device,
            Line::Impaired(device) => device,
        }
    }

    fn device_mut(&mut self) -> &mut dyn Device {
        match &mut self.line {
            Line::Whole(device) => device,
            Line::Impaired(device) => device,
        }
    }
}

impl Device for Edge {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device().hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.device_mut().recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        if self.frames == 0 {
            return self.device_mut().send(now, batch);
        }
        let mut leaving = std::mem::take(&mut self.leaving);
        while self.free_at <= now
            && let Some(frame) = batch.pop()
        {
            leaving.push(frame);
            self.taken += 1;
            if self.taken == self.frames {
                self.taken = 0;
                self.free_at = now + self.busy;
            }
        }
        self.asked = !batch.is_empty();
        // Called also without frames: a link may have some that come through now.
        let count = leaving.len();
        let sent = self.device_mut().send(now, &mut leaving);
        self.leaving = leaving;
        sent.map(|_| count)
    }

    fn next_ready(&self) -> Option<Instant> {
        let free = self.asked.then_some(self.free_at);
        free.into_iter().chain(self.device().next_ready()).min()
    }

    fn may_receive(&self) -> bool {
        self.device().may_receive()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Line::Impaired(device) = &self.line {
            self.tally.borrow_mut().push(device.statistics());
        }
    }
}
