//! A peer without SACK: what is lost (RFC 5681 3.2, RFC 6582) and what only came late, by cumulative
//! ACKs and their duplicates alone.
//!
//! Three duplicates prove a loss where segments keep their order. Where they do not, a count of
//! duplicates says how fast we send, not how late a segment is: there the third duplicate and the
//! partial ACK are believed only when the reordering window of RACK (RFC 8985 6.2 step 4) has passed.
//! Meanwhile each duplicate lets new text go (RFC 3042, RFC 4653).

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Proof;

use super::detect::Look;
use super::ledger::Sent;
use super::rack::{self, Verdict};
use super::{DUPLICATE_THRESHOLD, Delivery, Judgement, Phase, REORDERING_MAX, Recovery, Repair};
use crate::congestion::{Arrived, DeliveryRate};
use crate::seq::Offset;

/// With more holes than this, resending everything in slow start takes less time than one hole for
/// each round trip.
const HOLES_MAX: u32 = 8;

/// So often in a recovery a flight may be given up before the window shrinks again: the first time
/// for what left before the recovery, the second for what left before that.
const GIVE_UPS_MAX: u8 = 2;

/// What was given up in one piece in a recovery.
#[derive(Clone, Copy, Debug, Default)]
struct GivenUp {
    /// Where the last such piece ends.
    end: Offset,
    /// How many there were since the window shrank.
    pieces: u8,
}

/// What the ACKs of a peer without SACK told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Duplicate ACKs, each of which stands for one segment.
    pub(super) duplicates: u32,
    /// Since when the peer is known to miss the first segment that is out.
    hole_since: Option<Instant>,
    /// SND.NXT when SND.UNA moved last.
    nxt_at_advance: Offset,
    /// Partial ACKs in this recovery (RFC 6582).
    pub(super) partial_acks: u32,
    /// What of the flight was given up in this recovery.
    given_up: GivenUp,
}

impl Heard {
    /// Nothing of note.
    pub(super) const NOTHING: Self = Self {
        duplicates: 0,
        hole_since: None,
        nxt_at_advance: Offset::ZERO,
        partial_acks: 0,
        given_up: GivenUp {
            end: Offset::ZERO,
            pieces: 0,
        },
    };

    /// Duplicates told of something that is over.
    pub(super) fn forget_duplicates(&mut self) {
        self.duplicates = 0;
        self.hole_since = None;
    }

    /// The recovery is over.
    pub(super) fn forget_given_up(&mut self) {
        self.given_up = GivenUp::default();
    }
}

/// A copy whose ACK comes earlier than this after it left cannot have caused it, where `least` is
/// the least round trip. Half of that leaves room for a path that has become shorter.
pub(super) fn too_soon(least: Duration) -> Duration {
    least / 2
}

/// Without SACK a copy hides when what lies behind it arrived.
pub(super) fn measure(
    rate: &mut DeliveryRate,
    arrived: &mut Arrived,
    entry: &Sent,
    now: Instant,
    sack: bool,
) {
    if sack || !entry.resent {
        rate.on_delivered(arrived, &entry.stamp, entry.len(), now);
    } else {
        rate.on_copy(arrived, &entry.stamp, entry.len(), now);
    }
}

impl Recovery {
    /// Without SACK each duplicate ACK stands for one segment that arrived somewhere, and a
    /// cumulative ACK explains those it covers: they are not delivered a second time.
    pub(super) fn count_duplicates(&mut self, judgement: &Judgement, delivery: &mut Delivery) {
        if self.sack {
            return;
        }
        if delivery.advanced() {
            return self.explain_duplicates(judgement, delivery);
        }
        // After a timeout, duplicates of what was sent before it say nothing (RFC 6582 3.2).
        if self.phase == Phase::Loss && judgement.nxt <= self.recover {
            return;
        }
        if judgement.duplicates == 0 {
            return;
        }
        // No more of them than there was in flight when the recovery began or SND.UNA moved last: who
        // repeats an ACK for ever would otherwise pull segment after segment out of us (RFC 5681 3.2
        // step 4).
        let out = match self.phase {
            Phase::Recovery => self
                .recover
                .max(self.heard().nxt_at_advance)
                .saturating_sub(delivery.una),
            _ => self.ledger.outstanding(),
        };
        let holes = out.div_ceil(judgement.mss).saturating_sub(1);
        let most = u32::try_from(holes).unwrap_or(u32::MAX);
        let heard = &mut self.repair.put().heard;
        let before = heard.duplicates;
        heard.duplicates = (before + judgement.duplicates).min(most.max(before));
        delivery.bytes += u64::from(heard.duplicates - before) * judgement.mss;
        if heard.duplicates > before && self.phase < Phase::Recovery {
            heard.hole_since.get_or_insert(judgement.now);
        }
    }

    /// SND.UNA moved: duplicates were about what it has passed.
    fn explain_duplicates(&mut self, judgement: &Judgement, delivery: &mut Delivery) {
        let Some(Repair {
            heard, recounts, ..
        }) = self.repair.get_mut()
        else {
            // Nothing is being repaired, and no duplicate was told.
            return;
        };
        let before = heard.duplicates;
        // Duplicates of what was given up were forgotten then.
        let covered = (delivery.una - delivery.before - delivery.told).div_ceil(judgement.mss);
        let covered = u32::try_from(covered).unwrap_or(u32::MAX);
        // The hole itself was not among them.
        let explained = covered.saturating_sub(1);
        heard.duplicates = match self.phase {
            Phase::Recovery => before.saturating_sub(explained),
            _ => 0,
        };
        heard.nxt_at_advance = judgement.nxt;
        let forgotten = before - heard.duplicates;
        // A probe that was too large went again with duplicates behind it, and the ACK is for a part of
        // it. (Below recovery no more than two of them count.)
        *recounts += u64::from(self.phase == Phase::Loss && forgotten > covered);
        let known = u64::from(forgotten) * judgement.mss;
        let least = delivery.bytes.min(judgement.mss);
        delivery.bytes = delivery.bytes.saturating_sub(known).max(least);
        let partial = self.phase == Phase::Recovery && delivery.una < self.recover;
        heard.hole_since = partial.then_some(judgement.now);
        // What was given up already is no further hole.
        let hole = partial && self.ledger.first().is_some_and(|first| !first.lost);
        heard.partial_acks += u32::from(hole);
        if before > 0 && self.phase < Phase::Recovery && !delivery.ambiguous {
            // A hole that closed without our doing.
            self.note_degree(before + 1);
        }
    }

    /// Bytes that the peer holds by its duplicates.
    pub(crate) fn told(&self, mss: u64) -> u64 {
        u64::from(self.heard().duplicates) * mss
    }

    /// RFC 6582: the third duplicate loses the first segment, and each partial ACK the next.
    pub(super) fn lose_by_duplicates(&mut self, look: &Look) {
        let (Some(since), Some(first)) = (self.heard().hole_since, self.ledger.first()) else {
            return;
        };
        let suspected = match self.phase {
            Phase::Loss => false,
            Phase::Recovery => true,
            Phase::Open | Phase::Disorder | Phase::Cwr => {
                self.heard().duplicates >= DUPLICATE_THRESHOLD
            }
        };
        if !suspected || first.lost {
            return;
        }
        let lost_at = if self.rack.reordering_seen {
            let window = self.lateness(look.srtt);
            match rack::detect(&self.rack, self.ledger.newest(), window, first, look.now) {
                Verdict::Lost => look.now,
                Verdict::Late(at) => at,
                Verdict::Unknown => since + window,
            }
        } else {
            since
        };
        if lost_at > look.now {
            self.ledger.expect_by(lost_at);
        } else if let Some(holes) = self.many_holes(look.mss) {
            self.give_up_flight(holes, look);
        } else {
            let proof = match self.phase {
                Phase::Recovery => Proof::PartialAck,
                _ => Proof::DuplicateAcks,
            };
            self.lose_first_segment(look.now, look.mss, proof);
        }
    }

    /// Something that was resent had only been late. The first time teaches that the path reorders,
    /// further ones that the wait for what is late is too short.
    pub(super) fn note_late_original(&mut self, nxt: Offset, delivery: &Delivery) {
        if !self.sack {
            if self.rack.reordering_seen {
                let round_end = &mut self.repair.put().duplicate_round_end;
                self.rack.on_duplicate(round_end, delivery.una, nxt);
            }
            self.note_degree(self.heard().duplicates.max(DUPLICATE_THRESHOLD) + 1);
        }
        self.rack.reordering_seen = true;
    }

    /// The copy of the first hole is lost, too, when a duplicate arrives so late that it can only be
    /// the answer to something that left behind that copy. Else this costs a timeout, and as no
    /// round trip is measured meanwhile (Karn) each of them twice the one before.
    pub(super) fn lose_late_head(&mut self, look: &Look) -> bool {
        let Some(first) = self.ledger.first().copied() else {
            return false;
        };
        let repairing = self.phase >= Phase::Recovery && first.again;
        let late = first.sent_at() + look.patience < look.now;
        let lost = repairing && look.duplicate && late;
        if lost {
            // No more than a segment of it: the duplicate may be the answer to the last of what left
            // in one piece with the head, and its copy to the next, for ever.
            if let Some(head) = self.head(look.mss) {
                self.lose(&head, look.now, Proof::LateDuplicate);
            }
        }
        lost
    }

    /// How many segments are missing by the count of duplicates, when these are too many to be
    /// repaired in a round trip each: at a partial ACK, or after that many of them.
    fn many_holes(&self, mss: u64) -> Option<u64> {
        let heard = self.heard();
        if self.phase != Phase::Recovery || heard.partial_acks == 0 {
            return None;
        }
        let una = self
            .ledger
            .first()
            .map_or(self.recover, |first| first.start);
        let out = self.recover.saturating_sub(una).div_ceil(mss);
        let holes = out.saturating_sub(u64::from(heard.duplicates)).max(1);
        let many = heard.partial_acks > HOLES_MAX || holes > u64::from(HOLES_MAX);
        many.then_some(holes)
    }

    /// Everything that left before the recovery is sent again, as after a timeout, to which RFC 6582
    /// section 4 leaves this; but ACKs still come and pace it. The controller hears of as much
    /// as is missing. What the peer holds is not in flight by its mark, so that its duplicates are
    /// forgotten.
    fn give_up_flight(&mut self, holes: u64, look: &Look) {
        let mut missing = holes * look.mss;
        let mut at = Offset::ZERO;
        while let Some(entry) = self.ledger.get(at).copied() {
            if entry.start >= self.recover {
                break;
            }
            at = entry.end;
            if entry.again {
                continue;
            }
            if missing > 0 {
                self.lose(&entry, look.now, Proof::ManyHoles);
                missing = missing.saturating_sub(entry.len());
            } else {
                self.ledger.lose(entry.start, Proof::ManyHoles);
            }
        }
        let Repair {
            heard,
            prr,
            recounts,
            ..
        } = self.repair.put();
        *recounts += 1;
        heard.duplicates = 0;
        heard.partial_acks = 0;
        heard.given_up.end = self.recover;
        self.recover = self.ledger.last().map_or(self.recover, |last| last.end);
        heard.given_up.pieces += 1;
        if heard.given_up.pieces > GIVE_UPS_MAX {
            // What left after the window shrank is lost, too: another recovery begins.
            heard.given_up.pieces = 1;
            self.phase = Phase::Disorder;
            *prr = None;
        }
        if let Some(prr) = prr {
            prr.begin_anew();
        }
    }

    /// Of a flight that was given up the peer held most, and answers each copy of that with a
    /// duplicate ACK. So the recovery goes on until what left before the last of the copies is
    /// acknowledged, as after a timeout (RFC 6582 3.2, 4.1): until then duplicates prove nothing.
    pub(super) fn extend_recovery(&mut self, copy: Offset) {
        if self.phase == Phase::Recovery && copy < self.heard().given_up.end {
            self.recover = self.ledger.last().map_or(self.recover, |last| last.end);
        }
    }

    fn heard(&self) -> &Heard {
        &self.repair.get().heard
    }

    fn note_degree(&mut self, segments: u32) {
        self.rack.reordering_seen = true;
        self.repair.put().reorderings += 1;
        self.reordering = self.reordering.max(segments).min(REORDERING_MAX);
    }
}
