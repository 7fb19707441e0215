//! When to acknowledge: at once, later, or once for each segment out of order (RFC 5681 4.2,
//! RFC 9293 3.8.6.3), and what the SACK option says (RFC 2018, RFC 2883).
//!
//! Answers leave after a whole batch was taken in. A peer without SACK learns only from the number
//! of ACKs and from the number in each, so theirs are kept as they would have left in between.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{SackBlock, SackBlocks};

use super::quick_ack::QuickAck;
use crate::lent::{Lend, Lent};
use crate::pool::{Pool, Spare, Spares};
use crate::receiver::Receiver;
use crate::seq::Offset;

/// Most ACKs that wait to be sent one by one; a peer needs three duplicates.
const SINGLES_MAX: usize = 64;
/// Most duplicate ACKs for one super-segment when SACK tells the peer everything in the first.
const DUPLICATES_WITH_SACK: u16 = 3;
/// Challenge ACKs in one period of [`CHALLENGE_PERIOD`] (RFC 5961 section 7 leaves the number
/// to us).
const CHALLENGES_MAX: u8 = 10;
const CHALLENGE_PERIOD: Duration = Duration::from_secs(1);
/// How many places of recent arrivals are remembered for the order of SACK blocks.
const RECENT_MAX: usize = 4;

/// What is owed to the peer.
#[derive(Debug, Default)]
pub(crate) struct AckPolicy {
    /// An ACK that must go now, on whatever segment comes first, and why.
    owed: Option<Cause>,
    /// Text since the last ACK.
    bytes: u32,
    disorder: Lent<Disorder>,
    /// ACKs that need not wait.
    pub(crate) quick: QuickAck,
}

/// What is owed for text out of order, for text that came twice, and for what looks forged.
#[derive(Debug, Default)]
pub(crate) struct Disorder {
    /// Pure ACKs that must go one by one, so that the peer can count them.
    singles: VecDeque<Single>,
    /// A range that came twice: the D-SACK block of the next ACK.
    duplicate: Option<(Offset, Offset)>,
    /// Where text out of order arrived last, newest first.
    recent: [Option<Offset>; RECENT_MAX],
    /// Challenge ACKs of the present period, and when it began.
    challenges: u8,
    challenges_since: Instant,
}

impl Spare for Disorder {
    fn bytes(&self) -> usize {
        self.singles.bytes()
    }
}

impl Lend for Disorder {
    const NOTHING: &'static Self = &Self {
        singles: VecDeque::new(),
        duplicate: None,
        recent: [None; RECENT_MAX],
        challenges: 0,
        challenges_since: Instant::ZERO,
    };

    /// A path that reorders will do so again.
    fn is_nothing(&self) -> bool {
        false
    }

    fn clear(&mut self) {
        self.forget_text();
        self.challenges = 0;
        self.challenges_since = Instant::ZERO;
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.disorders
    }
}

impl Disorder {
    /// All text is here.
    fn forget_text(&mut self) {
        self.singles.clear();
        self.duplicate = None;
        self.recent = [None; RECENT_MAX];
    }
}

/// One pure ACK of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Single {
    /// RCV.NXT when it became due.
    pub(crate) ack: Offset,
    /// Where the text began that it is for, if that lies behind a hole.
    pub(crate) at: Option<Offset>,
    cause: Cause,
}

/// What happened to the text of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Where it began.
    pub(crate) seq: Offset,
    /// Wire segments it stands for.
    pub(crate) wire_segments: u16,
    /// Bytes in each of those, but perhaps the last.
    pub(crate) share: u16,
    /// RCV.NXT before it and behind it.
    pub(crate) before: Offset,
    pub(crate) next: Offset,
    /// Bytes of it that were new.
    pub(crate) new_bytes: u64,
    /// It lies behind a hole.
    pub(crate) out_of_order: bool,
    /// It filled a hole, all or in part.
    pub(crate) closes_hole: bool,
    /// The first range of it that had been here before.
    pub(crate) duplicate: Option<(Offset, Offset)>,
    /// The peer's segment size as far as known.
    pub(crate) largest_segment: u16,
    /// SACK was negotiated.
    pub(crate) sack: bool,
    /// The ACK shall not wait for more text.
    pub(crate) quick: bool,
}

impl Arrival {
    /// RCV.NXT behind each of its wire segments, had they come one by one, and of text that fills a
    /// hole behind the last.
    fn steps(&self) -> impl Iterator<Item = Offset> + use<> {
        let (seq, share, before, next) = (self.seq, self.share, self.before, self.next);
        let last = self.wire_segments.max(1);
        (1..=last).map(move |count| {
            let end = seq + u64::from(count) * u64::from(share);
            if count < last {
                end.max(before).min(next)
            } else {
                next
            }
        })
    }
}

impl AckPolicy {
    /// An ACK must go now.
    pub(crate) fn owe(&mut self, cause: Cause) {
        self.owed.get_or_insert(cause);
    }

    /// Text that we had already: tell the peer at once which (RFC 2883).
    pub(crate) fn owe_for_duplicate(&mut self, range: (Offset, Offset)) {
        self.disorder.put().duplicate = Some(range);
        self.owe(Cause::DuplicateData);
    }

    /// The same without SACK: an ACK for each segment. RCV.NXT is `ack`.
    pub(crate) fn owe_for_duplicate_segment(&mut self, ack: Offset) {
        if !self.owe_single(ack, Cause::DuplicateData) {
            self.owe(Cause::DuplicateData);
        }
    }

    /// A pure ACK of `ack` that must not be joined with others; `false` when too many wait.
    fn owe_single(&mut self, ack: Offset, cause: Cause) -> bool {
        self.queue(Single {
            ack,
            at: None,
            cause,
        })
    }

    fn queue(&mut self, single: Single) -> bool {
        let singles = &mut self.disorder.put().singles;
        let fits = singles.len() < SINGLES_MAX;
        if fits {
            singles.push_back(single);
        }
        fits
    }

    /// All text is acknowledged, and no ACK is owed.
    pub(crate) fn is_even(&self) -> bool {
        self.bytes == 0 && self.owed.is_none() && self.singles().is_empty()
    }

    /// The peer's FIN was taken: nothing lies behind it, and nothing before it is missing, so there
    /// is nothing to tell about the order of what came.
    pub(crate) fn on_fin(&mut self) {
        if let Some(disorder) = self.disorder.get_mut() {
            disorder.forget_text();
        }
    }

    /// An ACK to somebody who may be an attacker: limited in number (RFC 5961 section 7).
    pub(crate) fn challenge(&mut self, now: Instant) {
        if self.allows_challenge(now) {
            self.owe(Cause::ChallengeAck);
        }
    }

    /// Whether such an answer may go now; one that goes counts.
    pub(crate) fn allows_challenge(&mut self, now: Instant) -> bool {
        let disorder = self.disorder.put();
        if now - disorder.challenges_since >= CHALLENGE_PERIOD {
            disorder.challenges_since = now;
            disorder.challenges = 0;
        }
        let allows = disorder.challenges < CHALLENGES_MAX;
        disorder.challenges += u8::from(allows);
        allows
    }

    /// Text arrived. Returns whether the ACK for it may wait for the timer.
    pub(crate) fn on_text(&mut self, arrival: &Arrival) -> bool {
        match arrival.duplicate {
            Some(range) if arrival.sack => self.owe_for_duplicate(range),
            Some(_) if !arrival.out_of_order => self.owe(Cause::DuplicateData),
            _ => {}
        }
        if arrival.out_of_order {
            self.remember(arrival.seq);
            if !arrival.sack && self.owed == Some(Cause::Ack) {
                // What is due for text in order is no duplicate, and counts for itself.
                self.owed = None;
                self.bytes = 0;
                self.owe_single(arrival.next, Cause::Ack);
            }
            let count = if arrival.sack {
                arrival.wire_segments.min(DUPLICATES_WITH_SACK)
            } else {
                arrival.wire_segments
            };
            for _ in 0..count {
                self.queue(Single {
                    ack: arrival.next,
                    at: Some(arrival.seq),
                    cause: Cause::DuplicateAck,
                });
            }
            return false;
        }
        let rest = if arrival.sack {
            Some(arrival.before)
        } else {
            self.owe_alone(arrival)
        };
        let Some(rest) = rest else {
            return false;
        };
        if arrival.closes_hole {
            self.owe(Cause::Ack);
            return false;
        }
        let new_bytes = arrival.new_bytes.min(arrival.next - rest);
        let new_bytes = u32::try_from(new_bytes).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(new_bytes);
        // MUST-59 of RFC 9293 allows one ACK for two full segments; a super-segment is more.
        // A second segment counts even when it is small: a sender whose probe timer runs would
        // take a longer wait for a loss.
        if arrival.quick || self.bytes > u32::from(arrival.largest_segment) {
            self.owe(Cause::Ack);
        }
        self.owed.is_none()
    }

    /// Text in order where some is missing, or was a moment ago: to a peer without SACK an ACK for
    /// each segment, and each stands for what waited, too. Returns where the rest begins.
    fn owe_alone(&mut self, arrival: &Arrival) -> Option<Offset> {
        let mut rest = arrival.before;
        for next in arrival.steps() {
            let alone = arrival.closes_hole || self.quick.is_alone(self.singles().len());
            if !alone || !self.owe_single(next, Cause::Ack) {
                return Some(rest);
            }
            self.bytes = 0;
            rest = next;
        }
        None
    }

    /// Why an ACK must go now, if one must.
    pub(crate) fn owed(&self) -> Option<Cause> {
        self.owed
    }

    /// Takes the owed ACK for one that is sent by other means.
    pub(crate) fn take_owed(&mut self) -> Option<Cause> {
        self.owed
            .take()
            .or_else(|| self.singles().front().map(|single| single.cause))
    }

    /// Whether an ACK must go that no data segment can stand for.
    pub(crate) fn pure_ack_owed(&self) -> Option<Cause> {
        let single = self.singles().front().map(|single| single.cause);
        single.or(self.duplicate().and(self.owed))
    }

    /// The next ACK that leaves alone.
    pub(crate) fn take_single(&mut self) -> Option<Single> {
        self.disorder.get_mut()?.singles.pop_front()
    }

    /// An ACK of all that is here, up to `ack`, has left, on whatever segment.
    pub(crate) fn on_sent(&mut self, ack: Offset, pure: bool) {
        if let Some(disorder) = self.disorder.get_mut() {
            let repeats = |single: &Single| single.ack == ack && single.cause != Cause::Ack;
            disorder.singles.retain(repeats);
            if pure {
                disorder.duplicate = None;
            }
        }
        self.owed = None;
        self.bytes = 0;
        self.quick.on_ack_sent();
    }

    /// SACK blocks for a pure ACK: D-SACK first, then the range in which `for_text` lies, then the
    /// newest ranges first (RFC 2018 section 4, RFC 2883 section 4).
    pub(crate) fn sack_blocks(
        &self,
        rcv: &Receiver,
        room: usize,
        for_text: Option<Offset>,
    ) -> SackBlocks {
        let mut blocks = SackBlocks::EMPTY;
        if self.duplicate().is_none() && !rcv.data.has_holes() {
            return blocks;
        }
        let wire = |(left, right)| SackBlock {
            left: rcv.space.wire(left),
            right: rcv.space.wire(right),
        };
        if let Some(range) = self.duplicate() {
            blocks.push(wire(range));
        }
        let mut told: [Option<(Offset, Offset)>; RECENT_MAX + 1] = [None; RECENT_MAX + 1];
        let known = [for_text]
            .into_iter()
            .chain(self.disorder.get().recent)
            .flatten()
            .filter_map(|at| rcv.data.range_at(at));
        for (index, range) in known.chain(rcv.data.ranges().take(RECENT_MAX)).enumerate() {
            if told.contains(&Some(range)) {
                continue;
            }
            if !blocks.push(wire(range)) || blocks.as_slice().len() == room {
                break;
            }
            if let Some(slot) = told.get_mut(index) {
                *slot = Some(range);
            }
        }
        blocks.truncate(room);
        blocks
    }

    /// The connection is over.
    pub(crate) fn recycle(&mut self, pool: &mut Pool) {
        self.disorder.recycle(pool);
    }

    fn singles(&self) -> &VecDeque<Single> {
        &self.disorder.get().singles
    }

    fn duplicate(&self) -> Option<(Offset, Offset)> {
        self.disorder.get().duplicate
    }

    fn remember(&mut self, at: Offset) {
        let recent = &mut self.disorder.put().recent;
        let place = recent.iter().position(|&old| old == Some(at));
        let place = place.unwrap_or(RECENT_MAX - 1);
        recent[..=place].rotate_right(1);
        recent[0] = Some(at);
    }
}
