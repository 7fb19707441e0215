//! `Strays`: frames that the device gave to one shard of a host and that are for another.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use handfast_packet::buf::{BATCH_MAX, Medium, RxBatch, RxFrame, TxBatch};
use handfast_packet::steer::{Share, Steering, Whose};

use crate::host::Shared;

/// Most frames that wait for one shard because others received them; more are dropped and counted,
/// as by a queue of the device.
pub const STRAYS_MAX: usize = 1_024;
/// Most of them that are taken in at a time, so that the device has its turn too.
const TAKEN_MAX: usize = BATCH_MAX / 2;

/// What one shard has handed to others and got from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrayCounters {
    /// Frames that were handed on; one that is for all shards counts for each of the others.
    pub handed_on: u64,
    /// Frames that were dropped because too many waited for the other shard, or it is over.
    pub dropped: u64,
    /// Frames that others had received.
    pub taken_in: u64,
}

/// One shard's ends of the rings between the shards of a host.
pub(crate) struct Strays {
    share: Share,
    medium: Medium,
    ring: Receiver<RxFrame>,
    /// What came out of the ring when only its emptiness was asked for.
    first: Option<RxFrame>,
    /// All shards by their numbers, ourselves included.
    all: Vec<Other>,
    pub(crate) counters: StrayCounters,
}

/// The way to one shard.
#[derive(Clone)]
struct Other {
    ring: SyncSender<RxFrame>,
    shared: Arc<Shared>,
    /// It has got something and was not told.
    untold: bool,
}

impl Strays {
    /// The rings between these shards.
    pub(crate) fn between(shards: &[Arc<Shared>], steering: Steering, medium: Medium) -> Vec<Self> {
        let (all, rings): (Vec<_>, Vec<_>) = shards
            .iter()
            .map(|shared| {
                let (ring, end) = sync_channel(STRAYS_MAX);
                let other = Other {
                    ring,
                    shared: Arc::clone(shared),
                    untold: false,
                };
                (other, end)
            })
            .unzip();
        (0..)
            .zip(rings)
            .map(|(index, ring)| Self {
                share: Share::new(steering, index),
                medium,
                ring,
                first: None,
                all: all.clone(),
                counters: StrayCounters::default(),
            })
            .collect()
    }

    /// Takes in what others have received for us, before the device is asked. Returns how many
    /// frames that was.
    pub(crate) fn take_in(&mut self, rx: &mut RxBatch) -> usize {
        let before = rx.len();
        while rx.len() - before < TAKEN_MAX
            && rx.room() > 0
            && let Some(frame) = self.next()
        {
            rx.push(frame);
        }
        let taken = rx.len() - before;
        self.counters.taken_in += u64::try_from(taken).expect("a batch is small");
        taken
    }

    /// Whether something waits for us. To be asked after the call that tells of it was heard: what
    /// comes later is told anew.
    pub(crate) fn is_due(&mut self) -> bool {
        self.first = self.next();
        self.first.is_some()
    }

    /// Hands on what the device gave and is not ours. The first `taken` frames came from others.
    pub(crate) fn sort(&mut self, rx: &mut RxBatch, taken: usize) {
        if self.share.steering().shards() == 1 {
            return;
        }
        let me = self.share.index();
        for at in 0..rx.len() {
            let frame = rx.pop().expect("as many as were counted");
            let whose = match at < taken {
                true => Whose::Of(me),
                false => self.share.steering().whose(&frame.data, self.medium),
            };
            match whose {
                Whose::Of(owner) if owner == me => rx.push(frame),
                Whose::First if me == 0 => rx.push(frame),
                Whose::Of(owner) => self.hand_to(owner, frame),
                Whose::First => self.hand_to(0, frame),
                Whose::All => {
                    for other in (0..self.share.steering().shards()).filter(|&other| other != me) {
                        self.hand_to(other, frame.clone());
                    }
                    rx.push(frame);
                }
            }
        }
        for other in &mut self.all {
            if std::mem::take(&mut other.untold) {
                other.shared.call(|shard, _| shard.called = true);
            }
        }
    }

    /// Leaves out what only the first shard says for all.
    pub(crate) fn hush(&self, tx: &mut TxBatch) {
        if self.share.is_first() || !tx.iter().any(|frame| frame.cause.speaks_for_host()) {
            return;
        }
        for _ in 0..tx.len() {
            let frame = tx.pop().expect("as many as were counted");
            if !frame.cause.speaks_for_host() {
                tx.push(frame);
            }
        }
    }

    /// The other shards of the host.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Shared> {
        let me = usize::from(self.share.index());
        let others = self.all.iter().enumerate();
        others
            .filter(move |(index, _)| *index != me)
            .map(|(_, other)| &*other.shared)
    }

    fn next(&mut self) -> Option<RxFrame> {
        self.first.take().or_else(|| self.ring.try_recv().ok())
    }

    fn hand_to(&mut self, owner: u16, frame: RxFrame) {
        let other = &mut self.all[usize::from(owner)];
        if other.ring.try_send(frame).is_ok() {
            other.untold = true;
            self.counters.handed_on += 1;
        } else {
            self.counters.dropped += 1;
        }
    }
}

impl fmt::Debug for Strays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strays")
            .field("share", &self.share)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
