//! The state machine: when a recovery begins, goes on, ends, or turns out to have been a mistake.
//!
//! ```text
//! Open ─► Disorder ─► Recovery ─► Open      a loss was found and repaired
//!    └──► Cwr ──────────────────► Open      an ECN echo, or a loss that a probe repaired
//! any ──► Loss ─────────────────► Open      the retransmission timer ran out
//! ```

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Proof;

use super::detect::Look;
use super::undo::Undo;
use super::{Delivery, Phase, Recovery};
use crate::seq::Offset;

/// What the connection adds to a [`Delivery`] before it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) now: Instant,
    /// SND.NXT.
    pub(crate) nxt: Offset,
    /// SRTT, with the sample of this ACK.
    pub(crate) srtt: Option<Duration>,
    /// By when after its departure a segment is acknowledged, with a probability near one: SRTT and
    /// four times RTTVAR, without the least RTO.
    pub(crate) patience: Duration,
    pub(crate) mss: u64,
    /// How many duplicate ACKs (RFC 5681 section 2) this one is.
    pub(crate) duplicates: u32,
    /// TSecr, with timestamps.
    pub(crate) echo: Option<u32>,
    /// There is unsent text that would leave now: neither the peer's window nor Nagle holds it.
    pub(crate) may_send_new: bool,
    /// The peer echoes a mark of congestion that is news.
    pub(crate) ecn_echo: bool,
}

/// Why the window must shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// A loss: fast recovery begins.
    Loss,
    /// An ECN echo.
    EcnEcho,
    /// A tail loss probe repaired a loss: the reduction takes effect at once.
    Probe,
}

/// What an ACK meant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    /// The window must shrink.
    pub(crate) reduction: Option<Reduction>,
    /// The last reduction was a mistake.
    pub(crate) spurious: bool,
    /// A reduction is complete.
    pub(crate) recovered: bool,
    /// The peer has dropped what it had SACKed: the timer should find out soon.
    pub(crate) reneged: bool,
}

/// What a retransmission timeout meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout {
    /// The threshold was reduced for this flight already.
    pub(crate) repeated: bool,
}

impl Recovery {
    /// Decides what an ACK means that [`Recovery::on_ack`] has booked.
    pub(crate) fn judge(&mut self, judgement: &Judgement, delivery: &mut Delivery) -> Verdict {
        let mut verdict = Verdict::default();
        self.forward = false;
        self.count_duplicates(judgement, delivery);
        let repair = self.repair.get_mut();
        let repaired_by_probe = repair.is_some_and(|repair| repair.tlp.on_ack(delivery));
        if delivery.advanced() && self.ledger.first().is_some_and(|first| first.sacked) {
            verdict.reneged = true;
            return verdict;
        }
        let mut may_enter = true;
        match self.phase {
            Phase::Open | Phase::Disorder => {}
            Phase::Cwr => self.end_reduction(delivery.una > self.recover, &mut verdict),
            Phase::Recovery => may_enter = self.go_on(judgement, delivery, &mut verdict),
            Phase::Loss => self.after_timeout(judgement, delivery, &mut verdict),
        }
        if self.phase <= Phase::Recovery && self.undo().all_were_duplicates() {
            self.revert(&mut verdict);
            if delivery.early {
                self.note_late_original(judgement.nxt, delivery);
            }
        }
        let was_loss = self.phase == Phase::Loss;
        let copies_lost = self.detect(&Self::look(judgement));
        let opens = !was_loss || copies_lost;
        if may_enter && opens && self.phase != Phase::Recovery {
            self.enter(judgement, repaired_by_probe, delivery.una, &mut verdict);
        }
        verdict
    }

    /// The reordering timer fired: something that was late is lost now.
    pub(crate) fn on_reorder_timeout(&mut self, judgement: &Judgement, una: Offset) -> Verdict {
        let mut verdict = Verdict::default();
        let _ = self.detect(&Self::look(judgement));
        if self.ledger.lost_bytes() > 0 && self.phase < Phase::Recovery {
            self.enter(judgement, false, una, &mut verdict);
        }
        verdict
    }

    /// The retransmission timer ran out (RFC 6298 5.4; RFC 8985 6.3): the first segment is lost,
    /// and what is older than a round trip.
    pub(crate) fn on_timeout(&mut self, now: Instant, nxt: Offset) -> Timeout {
        let una = self.ledger.first().map_or(nxt, |first| first.start);
        let fresh = self.phase <= Phase::Disorder
            || self.recover <= una
            || (self.phase == Phase::Loss && self.timeouts == 0);
        let reneged = self.ledger.first().is_some_and(|first| first.sacked);
        if reneged {
            self.ledger.forget_sacks();
        }
        let mut at = una;
        while let Some(entry) = self.ledger.get(at).copied() {
            let recent = entry.sent_at() + self.rack.rtt() > now;
            if entry.start == una || reneged || !self.by_time || !recent {
                self.lose(&entry, now, Proof::Timeout);
            }
            at = entry.end;
        }
        let repair = self.repair.put();
        if fresh {
            repair.undo.start(una);
        }
        repair.heard.forget_duplicates();
        repair.heard.forget_given_up();
        repair.prr = None;
        repair.tlp.clear();
        repair.recounts += 1;
        if self.phase >= Phase::Cwr {
            self.rack.on_recovery_end();
        }
        self.ledger.forget_late();
        // Where a loss was found before, the timeout is not spurious.
        self.testing = self.tests_timeouts && (self.sack || self.phase != Phase::Recovery);
        self.phase = Phase::Loss;
        self.recover = nxt;
        self.forward = false;
        self.refused = false;
        self.timeouts = self.timeouts.saturating_add(1);
        Timeout { repeated: !fresh }
    }

    fn undo(&self) -> &Undo {
        &self.repair.get().undo
    }

    fn look(judgement: &Judgement) -> Look {
        Look {
            now: judgement.now,
            srtt: judgement.srtt,
            patience: judgement.patience,
            duplicate: judgement.duplicates > 0,
            mss: judgement.mss,
            timestamps: judgement.echo.is_some(),
        }
    }

    /// Fast recovery goes on, ends, or is undone. Returns whether a new one may begin at once.
    fn go_on(&mut self, judgement: &Judgement, delivery: &Delivery, verdict: &mut Verdict) -> bool {
        let older = self.undo().is_older(judgement.echo);
        if delivery.una >= self.recover {
            if older || self.undo().all_were_duplicates() {
                self.revert(verdict);
                self.note_late_original(judgement.nxt, delivery);
            }
            // Without SACK, duplicates of what was resent may still come and must not start
            // another recovery (RFC 6582 section 3.2): wait for news above.
            let hold = !self.sack && delivery.una == self.recover;
            if !hold {
                self.end_reduction(true, verdict);
            }
            return !hold;
        }
        if delivery.advanced() && older {
            // The ACK is for an original: it was late, not lost.
            self.note_late_original(judgement.nxt, delivery);
            if self.ledger.again_bytes() > 0 {
                return false;
            }
            self.revert(verdict);
            self.keep_open(judgement.nxt);
        }
        true
    }

    /// After a timeout: was it spurious (RFC 3522, RFC 5682), is it over?
    fn after_timeout(&mut self, judgement: &Judgement, delivery: &Delivery, verdict: &mut Verdict) {
        let done = delivery.una >= self.recover;
        let provably = self.undo().is_older(judgement.echo) || self.undo().all_were_duplicates();
        if delivery.advanced() && provably || self.testing && delivery.original {
            self.revert(verdict);
            self.timeouts = 0;
            self.rack.on_recovery_end();
            self.phase = Phase::Open;
            return;
        }
        if self.testing {
            if judgement.nxt > self.recover {
                // RFC 5682 2.1 step 3a: new data was sent, and the ACK is a duplicate.
                self.testing &= !(delivery.sacked || judgement.duplicates > 0);
            } else if delivery.advanced() && !done {
                // Step 2b: the first ACK after the timeout advances; try new data.
                self.recover = judgement.nxt;
                self.forward = judgement.may_send_new;
                self.testing = judgement.may_send_new;
                return;
            }
        }
        let hold = !self.sack && delivery.una == self.recover;
        if done && !hold {
            self.repair.put().undo.finish();
            self.rack.on_recovery_end();
            self.phase = Phase::Open;
        }
    }

    /// The reduction in progress is complete.
    fn end_reduction(&mut self, done: bool, verdict: &mut Verdict) {
        if !done {
            return;
        }
        if self.phase == Phase::Recovery {
            self.rack.on_recovery_end();
        }
        verdict.recovered |= !verdict.spurious;
        let repair = self.repair.put();
        repair.prr = None;
        repair.recounts += u64::from(repair.heard.duplicates > 0);
        repair.heard.forget_duplicates();
        repair.heard.forget_given_up();
        repair.undo.finish();
        self.phase = Phase::Open;
    }

    /// Takes a reduction back: nothing was lost.
    fn revert(&mut self, verdict: &mut Verdict) {
        verdict.spurious = true;
        self.repair.put().recounts += 1;
        self.ledger.forget_losses();
        self.ledger.judge_anew();
        let repair = self.repair.put();
        repair.heard.forget_given_up();
        repair.prr = None;
        repair.undo.clear();
        self.testing = false;
        if self.phase == Phase::Recovery {
            self.phase = Phase::Disorder;
        }
    }

    /// Recovery when something is lost; a reduction for other reasons; or Disorder, or Open.
    fn enter(
        &mut self,
        judgement: &Judgement,
        repaired_by_probe: bool,
        una: Offset,
        verdict: &mut Verdict,
    ) {
        if self.ledger.lost_bytes() > 0 {
            let repair = self.repair.put();
            if repair.prr.is_none() {
                repair.undo.start(una);
                verdict.reduction = Some(Reduction::Loss);
            }
            repair.heard.partial_acks = 0;
            self.phase = Phase::Recovery;
            self.recover = judgement.nxt;
            repair.tlp.clear();
            return;
        }
        if self.phase >= Phase::Cwr {
            return;
        }
        if judgement.ecn_echo {
            self.repair.put().undo.clear();
            self.phase = Phase::Cwr;
            self.recover = judgement.nxt;
            verdict.reduction = Some(Reduction::EcnEcho);
            return;
        }
        if repaired_by_probe {
            verdict.reduction = Some(Reduction::Probe);
        }
        self.keep_open(judgement.nxt);
    }

    /// Open, unless something is out of order or was resent.
    fn keep_open(&mut self, nxt: Offset) {
        let disorder = self.ledger.sacked_bytes() > 0
            || self.ledger.again_bytes() > 0
            || self.repair.get().heard.duplicates > 0
            || self.undo().is_armed();
        let phase = if disorder {
            Phase::Disorder
        } else {
            Phase::Open
        };
        if phase != self.phase {
            self.phase = phase;
            self.recover = nxt;
        }
    }

    /// Whether a tail loss probe may be scheduled (RFC 8985 7.3), and whether a single segment is
    /// out.
    pub(crate) fn probe_is_useful(&self, mss: u64) -> Option<bool> {
        let quiet = matches!(self.phase, Phase::Open | Phase::Cwr);
        let out = self.ledger.last()?.end - self.ledger.first()?.start;
        (self.sack && quiet && self.ledger.lost_bytes() == 0).then_some(out <= mss)
    }

    /// Whether a probe is out: no second one (RFC 8985 7.3).
    pub(crate) fn probe_is_out(&self) -> bool {
        self.repair.get().tlp.is_out()
    }

    /// A probe left: the last segment again, or new data.
    pub(crate) fn on_probe_sent(&mut self, nxt: Offset, resent: bool) {
        self.repair.put().tlp.on_sent(nxt, resent);
    }

    /// The last segment of at most `mss` bytes: what a probe repeats.
    pub(crate) fn last_segment(&self, mss: u64) -> Option<core::ops::Range<Offset>> {
        let last = self.ledger.last()?;
        let before = (last.len() - 1) / mss * mss;
        Some(last.start + before..last.end)
    }
}
