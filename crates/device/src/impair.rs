//! `Impair`: makes any device a bad link, each direction by its own recipe and all of it repeatable
//! from a seed. What can be set is in `spec`, what happens to a segment in `link`.

mod damage;
mod link;
mod queue;
mod random;
mod segment;
mod spec;
mod text;
mod too_big;
mod transit;
mod unit;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

use handfast_packet::buf::{Capabilities, Pool, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::record::{Direction, LossRecord, Recorder};
use handfast_packet::time::Instant;

use self::link::Link;
pub use self::link::{LINK_BYTES_MAX, LINK_SEGMENTS_MAX, LinkStatistics};
use self::random::Random;
use self::segment::WireSegment;
pub use self::spec::{
    Burst, DOWNS_MAX, DROPS_MAX, HOLD_DEFAULT, ImpairSpec, LinkSpec, Mtu, QUEUE_DEFAULT, Red,
    Reorder,
};
pub use self::text::SpecError;
pub use self::unit::Probability;
use crate::Device;
use crate::offload::{RETRY_AFTER, earliest};
use crate::split::{Split, SplitReceived};

/// Most batches fetched from the device below in one call, so that a flood cannot hold a caller.
const FETCH_ROUNDS_MAX: usize = 16;

/// A device behind a bad link.
///
/// Super-frames are cut into wire segments first, in both directions, so that what is lost or
/// delayed are the segments that a real link would see. The device takes every frame that it is
/// offered; what its link cannot hold is dropped and counted, as on a real link.
#[derive(Debug)]
pub struct Impair<D> {
    device: D,
    inbound: Link<RxFrame>,
    outbound: Link<TxFrame>,
    pool: Pool,
    fetched: RxBatch,
    /// Segments that have come through and that the device below has not taken yet.
    leaving: TxBatch,
    /// When to call again because the device below was not finished.
    again_at: Option<Instant>,
    /// Where those look who cannot reach the device.
    shown: Option<Arc<Mutex<ImpairStatistics>>>,
    /// Who is told what is lost.
    witness: Option<Witness>,
}

/// Somebody who is told what is lost.
struct Witness(Box<dyn Recorder>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

/// Shows what became of the segments when the device itself has gone to a driver.
#[derive(Clone, Debug)]
pub struct ImpairWatch(Arc<Mutex<ImpairStatistics>>);

impl ImpairWatch {
    /// The figures after the last call of the device.
    pub fn statistics(&self) -> ImpairStatistics {
        // A panic elsewhere cannot leave them half-changed: they are written at once.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the segments of both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImpairStatistics {
    /// From the network to us.
    pub inbound: LinkStatistics,
    /// From us to the network.
    pub outbound: LinkStatistics,
}

impl<D: Device> Impair<D> {
    /// Puts `device` behind a link described by `spec`. The same seed and the same frames at the
    /// same times have the same outcome.
    pub fn new(device: D, spec: ImpairSpec, seed: u64) -> Self {
        let medium = device.capabilities().medium;
        Self {
            device,
            inbound: Link::new(spec.inbound, medium, Random::new(seed, 0)),
            outbound: Link::new(spec.outbound, medium, Random::new(seed, 1)),
            pool: Pool::default(),
            fetched: RxBatch::new(),
            leaving: TxBatch::new(),
            again_at: None,
            shown: None,
            witness: None,
        }
    }

    /// The device below.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Tells `recorder` of each segment that is lost from now on ([`Recorder::record_loss`]); the
    /// frames that pass are for [`crate::Record`] to show.
    pub fn tell_losses(&mut self, recorder: Box<dyn Recorder>) {
        self.witness = Some(Witness(recorder));
        self.inbound.keep_lost();
        self.outbound.keep_lost();
    }

    /// What became of the segments so far.
    pub fn statistics(&self) -> ImpairStatistics {
        ImpairStatistics {
            inbound: self.inbound.statistics(),
            outbound: self.outbound.statistics(),
        }
    }

    /// For looking at [`Self::statistics`] later, from anywhere.
    pub fn watch(&mut self) -> ImpairWatch {
        let statistics = self.statistics();
        let new = || Arc::new(Mutex::new(statistics));
        ImpairWatch(Arc::clone(self.shown.get_or_insert_with(new)))
    }

    /// Brings what is shown up to date.
    fn show(&self) {
        if let Some(shown) = &self.shown {
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = self.statistics();
        }
    }

    /// Tells of what was lost since the last time.
    fn tell_lost(&mut self, at: Instant) {
        let Some(Witness(recorder)) = &mut self.witness else {
            return;
        };
        for segment in self.inbound.take_lost() {
            tell(recorder.as_mut(), at, Direction::In, &segment);
        }
        for segment in self.outbound.take_lost() {
            tell(recorder.as_mut(), at, Direction::Out, &segment);
        }
    }

    /// Both directions count their times from the first call.
    fn begin(&mut self, now: Instant) {
        self.inbound.begin(now);
        self.outbound.begin(now);
    }

    /// Puts everything that the device below has onto the inbound link.
    fn fetch(&mut self, now: Instant) -> io::Result<()> {
        let medium = self.device.capabilities().medium;
        for _ in 0..FETCH_ROUNDS_MAX {
            let room = self.fetched.room();
            let count = self.device.recv(now, &mut self.fetched)?;
            while let Some(frame) = self.fetched.pop() {
                let mut split = SplitReceived::new(frame, medium);
                while let Some(segment) = split.next(&mut self.pool) {
                    if let Some(answer) = self.inbound.offer(now, segment, &mut self.pool) {
                        let answer = TxFrame::raw(answer.into(), Cause::Unstated);
                        self.outbound.offer(now, answer, &mut self.pool);
                    }
                }
                self.tell_lost(now);
            }
            if count < room {
                return Ok(());
            }
        }
        // Readiness may be shown only once, so it is not left to the descriptor.
        self.again_at = Some(now);
        Ok(())
    }

    fn offer_outbound(&mut self, now: Instant, segment: TxFrame) {
        let Some(answer) = self.outbound.offer(now, segment, &mut self.pool) else {
            return;
        };
        let answer = RxFrame {
            data: answer.into(),
            received_at: now,
            checksum: RxChecksum::Unknown,
            gso: None,
        };
        // An answer is never answered itself.
        self.inbound.offer(now, answer, &mut self.pool);
    }

    /// Hands what has come through the outbound link to the device below.
    fn flush(&mut self, now: Instant) -> io::Result<()> {
        loop {
            while self.leaving.room() > 0 {
                let Some((_, segment)) = self.outbound.pop_ready(now) else {
                    break;
                };
                self.leaving.push(segment);
            }
            if self.leaving.is_empty() {
                return Ok(());
            }
            self.device.send(now, &mut self.leaving)?;
            if !self.leaving.is_empty() {
                self.again_at = Some(now + RETRY_AFTER);
                return Ok(());
            }
        }
    }
}

impl<D: Device> Device for Impair<D> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.again_at = None;
        self.begin(now);
        // What a kernel answers to what is handed to it comes after `now`: fetched behind that, it
        // would be dated back by as long as it takes, and the round trip would be shorter than the
        // link is long.
        self.fetch(now)?;
        self.flush(now)?;
        let before = batch.len();
        while batch.room() > 0 {
            let Some((arrival, frame)) = self.inbound.pop_ready(now) else {
                break;
            };
            batch.push(RxFrame {
                received_at: arrival,
                ..frame
            });
        }
        self.show();
        Ok(batch.len() - before)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let medium = self.device.capabilities().medium;
        let count = batch.len();
        self.begin(now);
        while let Some(frame) = batch.pop() {
            match Split::new(frame, medium) {
                Ok(split) => split.for_each(|segment| self.offer_outbound(now, segment)),
                // The device below knows better what to do with it.
                Err(frame) => self.offer_outbound(now, frame),
            }
            self.tell_lost(now);
        }
        self.flush(now)?;
        self.show();
        Ok(count)
    }

    fn next_ready(&self) -> Option<Instant> {
        // While the device below is stuck, segments that are due do not hasten it.
        let outbound = self
            .outbound
            .next_ready()
            .filter(|_| self.leaving.is_empty());
        let links = earliest(self.inbound.next_ready(), outbound);
        earliest(links, earliest(self.again_at, self.device.next_ready()))
    }

    fn may_receive(&self) -> bool {
        self.device.may_receive()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.fd()
    }
}

fn tell(
    recorder: &mut dyn Recorder,
    at: Instant,
    direction: Direction,
    segment: &impl WireSegment,
) {
    recorder.record_loss(&LossRecord {
        at,
        direction,
        bytes: segment.headers(),
        wire_len: segment.wire_len(),
    });
}

#[cfg(test)]
mod tests;
