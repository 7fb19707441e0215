//! Which segments are lost: by time (RACK, RFC 8985 6.2 step 5) or by count (RFC 6675); by duplicate
//! ACKs alone in `cumulative`. Each segment is judged once: what was sent once is looked at
//! in the order of the stream, retransmissions in the order of their departure, and both walks
//! stop at the first segment that is still open.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Proof;

use super::rack::{self, Verdict};
use super::{DUPLICATE_THRESHOLD, Phase, Recovery, Sent};

/// Entries, or ranges that the peer holds, that are judged anew for one ACK. Each is judged once for
/// each time that it left, which bounds the work; but when marks are taken back everything is judged
/// anew, and a peer can have that with each ACK, by a D-SACK that says that nothing was lost. What
/// remains is judged with the next ACK.
const JUDGED_ANEW_MAX: usize = 1_024;

/// What a walk needs besides the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Instant,
    pub(super) srtt: Option<Duration>,
    /// That of the `Judgement`.
    pub(super) patience: Duration,
    /// What is judged is a duplicate ACK.
    pub(super) duplicate: bool,
    pub(super) mss: u64,
    /// Both sides send timestamps.
    pub(super) timestamps: bool,
}

impl Recovery {
    /// Marks what is lost. Returns whether a retransmission is among it.
    pub(super) fn detect(&mut self, look: &Look) -> bool {
        self.ledger.forget_late();
        if !self.sack {
            let again = self.lose_late_head(look);
            self.lose_by_duplicates(look);
            return again;
        }
        if !self.by_time {
            self.lose_by_count(look);
            return false;
        }
        let window = self.reordering_window(look);
        self.lose_late_originals(look, window);
        let again = self.lose_late_copies(look, window);
        if !look.timestamps && !self.rack.reordering_seen {
            // Where a retransmission cannot be told from its original, the count is a second
            // opinion.
            self.lose_by_count(look);
        }
        again
    }

    /// How far behind its time a segment may arrive on this path: not at all, as far as we know,
    /// where none ever did.
    pub(crate) fn lateness(&self, srtt: Option<Duration>) -> Duration {
        if !self.rack.reordering_seen {
            return Duration::ZERO;
        }
        self.window(false, srtt)
    }

    /// RFC 8985 6.2 step 4.
    fn reordering_window(&self, look: &Look) -> Duration {
        let sacked = self.ledger.sacked_bytes().div_ceil(look.mss);
        let enough = sacked >= u64::from(self.reordering);
        let eager = self.phase >= Phase::Recovery || enough;
        self.window(eager, look.srtt)
    }

    fn window(&self, eager: bool, srtt: Option<Duration>) -> Duration {
        let least = self.least.get().unwrap_or_default();
        self.rack.window(eager, least, srtt.unwrap_or_default())
    }

    fn lose_late_originals(&mut self, look: &Look, window: Duration) {
        let mut anew = 0;
        while let Some(entry) = self.ledger.unjudged() {
            let open = !(entry.sacked || entry.lost || entry.resent);
            if open {
                match rack::detect(&self.rack, self.ledger.newest(), window, &entry, look.now) {
                    Verdict::Unknown => break,
                    Verdict::Late(at) => {
                        self.ledger.expect_by(at);
                        break;
                    }
                    Verdict::Lost => self.lose(&entry, look.now, Proof::Lateness),
                }
            }
            if !self.pass(&entry, &mut anew) {
                break;
            }
        }
    }

    fn lose_late_copies(&mut self, look: &Look, window: Duration) -> bool {
        let mut found = false;
        while let Some((range, number)) = self.repair.get().again.front().cloned() {
            let mut at = range.start;
            while let Some(entry) = self.ledger.get(at).copied() {
                if entry.start >= range.end {
                    break;
                }
                if entry.again && entry.number == number {
                    match rack::detect(&self.rack, self.ledger.newest(), window, &entry, look.now) {
                        Verdict::Unknown => return found,
                        Verdict::Late(at) => {
                            self.ledger.expect_by(at);
                            return found;
                        }
                        Verdict::Lost => {
                            self.lose(&entry, look.now, Proof::Lateness);
                            found = true;
                        }
                    }
                }
                at = entry.end;
            }
            self.repair.put().again.pop_front();
        }
        found
    }

    /// IsLost of RFC 6675 section 4: three ranges, or more than two segments, arrived above it.
    fn lose_by_count(&mut self, look: &Look) {
        let Some(limit) = self.ledger.counted_below(DUPLICATE_THRESHOLD, look.mss) else {
            return;
        };
        let mut anew = 0;
        while let Some(entry) = self.ledger.unjudged() {
            if entry.end > limit {
                break;
            }
            if !(entry.sacked || entry.lost || entry.resent) {
                self.lose(&entry, look.now, Proof::SackCount);
            }
            if !self.pass(&entry, &mut anew) {
                break;
            }
        }
    }

    /// The entry is judged. Counts those that were judged before, and returns whether the walk may
    /// go on.
    fn pass(&mut self, entry: &Sent, anew: &mut usize) -> bool {
        *anew += usize::from(self.ledger.pass(entry));
        *anew < JUDGED_ANEW_MAX
    }

    /// One segment at the head, unless it is lost already.
    pub(super) fn lose_first_segment(&mut self, now: Instant, mss: u64, proof: Proof) {
        let Some(first) = self.ledger.first().copied() else {
            return;
        };
        if first.lost || first.sacked {
            return;
        }
        if let Some(head) = self.head(mss) {
            self.lose(&head, now, proof);
        }
    }

    /// The first segment that is out, cut off from what left in one piece with it.
    pub(super) fn head(&mut self, mss: u64) -> Option<Sent> {
        let first = self.ledger.first().copied()?;
        if first.len() > mss {
            self.ledger.split(first.start + mss);
        }
        self.ledger.first().copied()
    }

    /// The entry is lost: remembered for the congestion controller.
    pub(super) fn lose(&mut self, entry: &Sent, now: Instant, proof: Proof) {
        if self.ledger.lose(entry.start, proof) {
            let lost = self.rate.on_lost(entry.stamp, entry.len(), now);
            let repair = self.repair.put();
            repair.losses.push(lost);
            repair.proof = proof;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::recovery::{AckInfo, Judgement};
    use crate::seq::Offset;

    /// A flight is judged once; after a proof that nothing was lost, a part of it with each ACK.
    #[test]
    fn what_was_judged_before_is_judged_anew_in_parts() {
        let most = u64::try_from(JUDGED_ANEW_MAX).expect("a small number");
        let mut recovery = Recovery::new(&Config::default());
        recovery.begin(true);
        let at = |n| Offset::ZERO + n;
        let (now, nxt) = (Instant::from_secs(2), at(1 + 3 * most));
        for n in 1..nxt.get() {
            recovery.on_sent(at(n)..at(n + 1), Instant::from_secs(1), 0);
        }
        let judgement = Judgement {
            now: now + Duration::from_millis(1),
            nxt,
            srtt: Some(Duration::from_millis(1)),
            patience: Duration::from_millis(2),
            mss: 1,
            duplicates: 1,
            echo: None,
            may_send_new: false,
            ecn_echo: false,
        };
        let ack = |recovery: &mut Recovery, duplicate| {
            let info = AckInfo {
                at: now,
                ack: at(1),
                blocks: &[at(nxt.get() - 1)..nxt],
                duplicate,
                mss: 1,
            };
            let mut delivery = recovery.on_ack(&info, nxt);
            let verdict = recovery.judge(&judgement, &mut delivery);
            (recovery.drain_losses().count(), verdict.spurious)
        };
        assert_eq!(ack(&mut recovery, None), (3 * JUDGED_ANEW_MAX - 1, false));
        for round in 0..2 {
            recovery.on_resent(&(at(1)..at(2)), now, 0, None);
            // A D-SACK takes it back. What was resent is passed, and what is above is lost once more.
            let again = ack(&mut recovery, Some(at(1)..at(2)));
            assert_eq!(again, (JUDGED_ANEW_MAX - 1, true), "round {round}");
        }
        for lost in [JUDGED_ANEW_MAX, JUDGED_ANEW_MAX - 1, 0] {
            assert_eq!(ack(&mut recovery, None), (lost, false));
        }
    }

    /// The queue of retransmissions does not outlive what it is about, whoever the peer is.
    #[test]
    fn retransmissions_are_forgotten_when_they_are_settled() {
        for sack in [false, true] {
            let mut recovery = Recovery::new(&Config::default());
            recovery.begin(sack);
            let now = Instant::from_secs(1);
            for round in 0..1_000_u64 {
                let range = Offset::ZERO + round..Offset::ZERO + round + 1;
                recovery.on_sent(range.clone(), now, 0);
                recovery.resend_all(range.end);
                recovery.on_resent(&range, now, 0, None);
                let info = AckInfo {
                    at: now,
                    ack: range.end,
                    blocks: &[],
                    duplicate: None,
                    mss: 1,
                };
                let _ = recovery.on_ack(&info, range.end);
                assert!(
                    recovery.repair.get().again.is_empty(),
                    "SACK {sack}, round {round}"
                );
            }
        }
    }
}
