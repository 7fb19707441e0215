//! Which bytes are lost and when to send them again: RACK-TLP (RFC 8985) over a SACK scoreboard
//! (RFC 2018, 2883, 6675), NewReno without SACK (RFC 6582), F-RTO (RFC 5682), undo (RFC 3522,
//! 3708, 4015) and the pace of a reduction (RFC 9937).
//!
//! This room knows sequence space and no window of the peer: how much may be in flight is
//! `congestion`'s. An ACK passes through in two steps, between which the connection takes the RTT
//! sample: [`Recovery::on_ack`] books what was delivered, [`Recovery::judge`] decides what that
//! means. It answers with values; `connection` acts upon them.

mod cumulative;
mod detect;
mod ledger;
mod memory;
mod min_rtt;
mod phase;
mod prr;
mod rack;
mod ranges;
mod rate;
mod repair;
mod row;
mod tlp;
mod undo;

use core::ops::Range;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Proof;

use crate::config::Config;
use crate::congestion::{Arrived, DeliveryRate, Lost};
use crate::lent::Lent;
use crate::seq::Offset;
pub(crate) use ledger::Rooms;
use ledger::{Ledger, Sent};
use min_rtt::MinRtt;
pub(crate) use phase::{Judgement, Reduction, Verdict};
pub(crate) use prr::{Delivered, Prr};
use rack::Rack;
use rate::LastRate;
pub(crate) use repair::Repair;
pub(crate) use tlp::timeout as probe_timeout;

/// Segments behind a hole that prove a loss while no reordering was seen (RFC 6675's DupThresh).
const DUPLICATE_THRESHOLD: u32 = 3;
/// Largest reordering degree in segments that is believed (Linux has the same).
const REORDERING_MAX: u32 = 300;

/// Where loss recovery stands, by Linux' names (`tcpi_ca_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing is amiss.
    Open,
    /// Something arrived out of order, or was resent; nothing counts as lost.
    Disorder,
    /// An ECN echo, or a loss that a probe repaired, reduces the window.
    Cwr,
    /// Losses are repaired.
    Recovery,
    /// The retransmission timer ran out.
    Loss,
}

/// One ACK as this room needs it.
#[derive(Clone, Debug)]
pub(crate) struct AckInfo<'a> {
    /// When the device received it.
    pub(crate) at: Instant,
    /// SEG.ACK, at least SND.UNA.
    pub(crate) ack: Offset,
    /// SACK blocks above `ack`, each in what was sent.
    pub(crate) blocks: &'a [Range<Offset>],
    /// The D-SACK block (RFC 2883).
    pub(crate) duplicate: Option<Range<Offset>>,
    /// Text bytes of a full segment.
    pub(crate) mss: u64,
}

/// What an ACK delivered, as booked entry by entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// SND.UNA before and after.
    pub(crate) before: Offset,
    pub(crate) una: Offset,
    /// Bytes in flight before.
    pub(crate) prior_in_flight: u64,
    /// Bytes newly delivered, cumulatively or by SACK, and the segments they are.
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    /// When the earliest and the latest of those left that were sent once and are now
    /// acknowledged: RTT samples (Karn).
    pub(crate) oldest: Option<Instant>,
    pub(crate) latest: Option<Instant>,
    /// Something resent is acknowledged, and what lies behind it may have waited for that.
    pub(crate) ambiguous: bool,
    /// The same for the latest that a SACK block covers.
    pub(crate) latest_sacked: Option<Instant>,
    /// The start of the lowest that was sent once: behind the highest delivery it shows
    /// reordering.
    pub(crate) lowest: Option<Offset>,
    /// Something arrived that left before the timeout and was not resent (F-RTO).
    pub(crate) original: bool,
    /// Without SACK: something resent was acknowledged sooner than its copy can have arrived.
    pub(crate) early: bool,
    /// Without SACK: bytes that duplicates had told of before they were given up.
    pub(crate) told: u64,
    /// SACK blocks told news.
    pub(crate) sacked: bool,
    /// A D-SACK came.
    pub(crate) duplicate: bool,
    /// Bytes found lost by the judgement.
    pub(crate) lost: u64,
    /// For the delivery rate.
    arrived: Arrived,
}

impl Delivery {
    /// `bytes` are no news: duplicates told of them.
    fn discount(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.told += bytes;
    }

    /// Something resent is acknowledged: nothing is measured. Without SACK nobody knows whether
    /// originals behind what was resent came only now.
    fn doubt(&mut self, sack: bool) {
        (self.oldest, self.latest) = (None, None);
        self.original &= sack;
    }

    /// Whether SND.UNA moved.
    pub(crate) fn advanced(&self) -> bool {
        self.una > self.before
    }
}

/// The state of loss recovery for one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    ledger: Ledger,
    phase: Phase,
    /// SND.NXT when the phase began: it ends when this is acknowledged.
    recover: Offset,
    rack: Rack,
    repair: Lent<Repair>,
    least: MinRtt,
    /// SACK was negotiated.
    sack: bool,
    /// RACK decides; else RFC 6675 counts.
    by_time: bool,
    /// Reordering degree in segments.
    reordering: u32,
    /// F-RTO is on.
    tests_timeouts: bool,
    /// F-RTO is testing whether the timeout was spurious.
    testing: bool,
    /// F-RTO sends new data first, until the next ACK.
    forward: bool,
    /// Expiries of the retransmission timer in a row.
    timeouts: u8,
    /// What is lost was refused by the peer or the path.
    refused: bool,
    /// The SYN or SYN-ACK has to be sent again.
    syn_lost: bool,
    rate: DeliveryRate,
    last_rate: LastRate,
}

impl Recovery {
    /// Nothing sent yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            ledger: Ledger::default(),
            phase: Phase::Open,
            recover: Offset::ZERO,
            rack: Rack::new(),
            repair: Lent::default(),
            least: MinRtt::default(),
            sack: config.sack,
            by_time: config.rack,
            tests_timeouts: config.f_rto,
            reordering: DUPLICATE_THRESHOLD,
            testing: false,
            forward: false,
            timeouts: 0,
            refused: false,
            syn_lost: false,
            rate: DeliveryRate::default(),
            last_rate: LastRate::default(),
        }
    }

    /// The handshake is over: whether both sides know SACK.
    pub(crate) fn begin(&mut self, sack: bool) {
        self.sack = sack;
        self.timeouts = 0;
        self.syn_lost = false;
    }

    /// New text or the FIN left, while `in_flight` bytes were out.
    pub(crate) fn on_sent(&mut self, range: Range<Offset>, now: Instant, in_flight: u64) {
        let bytes = range.end - range.start;
        let times = &mut self.ledger.rooms.put().times;
        let stamp = self.rate.stamp(times, now, in_flight, bytes);
        self.ledger.push(range, stamp);
        if let Some(prr) = self.prr_mut() {
            prr.on_sent(bytes);
        }
    }

    /// `range` left once more, while `in_flight` bytes were out, with our `timestamp`.
    pub(crate) fn on_resent(
        &mut self,
        range: &Range<Offset>,
        now: Instant,
        in_flight: u64,
        timestamp: Option<u32>,
    ) {
        let bytes = range.end - range.start;
        let times = &mut self.ledger.rooms.put().times;
        let stamp = self.rate.stamp(times, now, in_flight, bytes);
        let number = self.ledger.resend(range, stamp);
        let repair = self.repair.put();
        if self.sack && self.by_time {
            repair.again.push_back((range.clone(), number));
        }
        repair.undo.on_resent(range, timestamp);
        self.extend_recovery(range.start);
        if let Some(prr) = self.prr_mut() {
            prr.on_sent(bytes);
        }
    }

    /// Books an ACK: what it delivers, and what RACK learns from it.
    pub(crate) fn on_ack(&mut self, info: &AckInfo<'_>, nxt: Offset) -> Delivery {
        let before = self.ledger.first().map_or(info.ack, |first| first.start);
        let mut delivery = Delivery {
            before,
            una: info.ack.max(before),
            prior_in_flight: self.in_flight(info.mss),
            duplicate: info.duplicate.is_some(),
            arrived: self.ledger.arrived(),
            ..Delivery::default()
        };
        let fack = self.highest_delivered(before);
        let (sack, recover, testing) = (self.sack, self.recover, self.phase == Phase::Loss);
        let mut at_hand = None;
        let (rack, rate, least) = (&mut self.rack, &mut self.rate, self.least.get());
        let repair = self.repair.get_mut().filter(|_| !sack);
        let mut repair = repair.zip(least.map(cumulative::too_soon));
        // Of what was given up in one piece, what the peer held was told by duplicates before.
        let told = !sack && self.phase == Phase::Recovery;
        let mut book = |entry: &Sent, acknowledged: bool| {
            let known = entry.sacked && acknowledged;
            if !known {
                delivery.book(entry, acknowledged);
                if told && entry.lost && !entry.again {
                    delivery.discount(entry.len());
                }
                delivery.segments += entry.len().div_ceil(info.mss);
                let early = rack::is_original(entry, info.at, least);
                if early {
                    rate.on_late_original(&mut delivery.arrived, entry.len(), info.at);
                } else {
                    if sack || !entry.resent || entry.start == before {
                        rack.on_delivered(&mut at_hand, entry, info.at);
                    }
                    cumulative::measure(rate, &mut delivery.arrived, entry, info.at, sack);
                }
                delivery.original |= testing && !entry.resent && entry.end <= recover;
                if let Some((repair, too_soon)) = &mut repair
                    && entry.resent
                    && info.at - entry.sent_at() < *too_soon
                {
                    repair.undo.on_duplicate(&(entry.start..entry.end));
                    delivery.early = true;
                }
            }
        };
        self.ledger
            .release_until(info.ack, |entry| book(entry, true));
        for block in info.blocks {
            self.ledger
                .sack(block.clone(), info.mss, |entry| book(entry, false));
        }
        self.ledger.note_delivered(at_hand, &delivery.arrived);
        if delivery.ambiguous {
            delivery.doubt(sack);
        }
        self.forget_copies();
        self.note_reordering(&delivery, fack, info.mss);
        if let Some(range) = &info.duplicate {
            self.note_duplicate(range, info.ack, nxt);
        }
        if let Some(left) = delivery.latest.max(delivery.latest_sacked) {
            self.least.sample(info.at, info.at - left);
        }
        if delivery.advanced() {
            self.timeouts = 0;
        }
        delivery
    }

    /// When no copy is under way any more, none needs to be judged.
    fn forget_copies(&mut self) {
        if self.ledger.again_bytes() == 0
            && let Some(repair) = self.repair.get_mut()
        {
            repair.again.clear();
        }
    }

    /// A D-SACK. What was resent for its lateness had not been lost: the path reorders, even if each
    /// late segment was resent before it could show. Not so after a timeout or a probe, which an ACK
    /// that was lost or slow can cause as well.
    fn note_duplicate(&mut self, range: &Range<Offset>, ack: Offset, nxt: Offset) {
        let by_lateness = self.phase != Phase::Loss && !self.probe_is_out();
        let repair = self.repair.get_mut();
        let news = repair.is_some_and(|repair| repair.undo.on_duplicate(range));
        if news && by_lateness {
            self.rack.reordering_seen = true;
            self.repair.put().reorderings += 1;
        }
        let round_end = &mut self.repair.put().duplicate_round_end;
        self.rack.on_duplicate(round_end, ack, nxt);
    }

    /// A round trip measured by other means: the handshake's.
    pub(crate) fn sample(&mut self, now: Instant, rtt: Duration) {
        self.least.sample(now, rtt);
    }

    /// The next range to send again.
    pub(crate) fn next_lost(&self) -> Option<Range<Offset>> {
        if self.forward {
            return None;
        }
        self.ledger.next_lost()
    }

    /// What showed that the entry which holds `at` is lost.
    pub(crate) fn proof(&self, at: Offset) -> Proof {
        self.ledger
            .get(at)
            .map_or_else(Proof::default, |entry| entry.proof)
    }

    /// Everything that is out is to be sent again although the network lost nothing: the peer
    /// refused it with a shut window, or the segments were too large. The window stays as it is.
    pub(crate) fn resend_all(&mut self, nxt: Offset) {
        let end = self.ledger.last().map_or(nxt, |last| last.end);
        self.refuse(Offset::ZERO..end);
        if let Some(repair) = self.repair.get_mut() {
            repair.heard.forget_duplicates();
            repair.prr = None;
            repair.undo.clear();
            repair.tlp.clear();
        }
        self.testing = false;
        self.forward = false;
        self.phase = Phase::Loss;
        self.recover = nxt;
        self.refused = true;
    }

    /// The bytes `range` are to be sent again although the network lost nothing else: they were
    /// one segment that was too large. The window stays as it is.
    pub(crate) fn resend_refused(&mut self, range: Range<Offset>, nxt: Offset) {
        self.refuse(range);
        if let Some(repair) = self.repair.get_mut() {
            repair.losses.clear();
            repair.prr = None;
            repair.undo.clear();
        }
        self.phase = Phase::Loss;
        self.recover = nxt;
        self.refused = true;
    }

    /// What the entries of `range` hold is to be sent again, and the congestion controller hears
    /// nothing of it.
    fn refuse(&mut self, range: Range<Offset>) {
        let mut at = range.start;
        while let Some(entry) = self.ledger.get(at).filter(|entry| entry.start < range.end) {
            let start = entry.start;
            at = entry.end;
            self.ledger.lose(start, Proof::Refused);
        }
    }

    /// What is lost and waits to be sent again, when that is one range and nothing else is lost.
    pub(crate) fn only_loss(&self) -> Option<Range<Offset>> {
        let lost = self.ledger.next_lost()?;
        (lost.end - lost.start == self.ledger.lost_bytes()).then_some(lost)
    }

    /// Bytes of the oldest entry that is out.
    pub(crate) fn first_len(&self) -> Option<u64> {
        self.ledger.first().map(Sent::len)
    }

    /// Whether what is lost was refused, not lost: see [`Self::resend_all`].
    pub(crate) fn was_refused(&self) -> bool {
        self.refused && self.phase == Phase::Loss
    }

    /// The SYN or SYN-ACK is to be sent again, or was.
    pub(crate) fn set_syn_lost(&mut self, lost: bool) {
        self.syn_lost = lost;
    }

    pub(crate) fn is_syn_lost(&self) -> bool {
        self.syn_lost
    }

    /// The timer of a SYN or SYN-ACK ran out.
    pub(crate) fn on_syn_timeout(&mut self) {
        self.timeouts = self.timeouts.saturating_add(1);
        self.syn_lost = true;
    }

    /// A window probe repeated the byte at `at`: its ACK measures nothing.
    pub(crate) fn mark_ambiguous(&mut self, at: Offset) {
        self.ledger.mark_ambiguous(at);
    }

    /// SND.NXT when the present phase, or the last one, began (recover of RFC 6582).
    pub(crate) fn recovery_point(&self) -> Offset {
        self.recover
    }

    /// The window of a reduction that goes on (RFC 9937).
    pub(crate) fn reduced_window(&self) -> Option<u64> {
        self.repair.get().prr.as_ref().map(Prr::window)
    }

    /// Begins the pace of a reduction to `target`, with `flight` bytes out.
    pub(crate) fn pace(&mut self, target: u64, flight: u64) {
        self.repair.put().prr = Some(Prr::new(target, flight));
    }

    /// Carries an ACK to the pace of the reduction.
    pub(crate) fn pace_on(&mut self, delivered: &Delivered, mss: u64) {
        if let Some(prr) = self.prr_mut() {
            prr.on_ack(delivered, mss);
        }
    }

    /// Bytes in the network by our reckoning (RFC 6675's pipe).
    pub(crate) fn in_flight(&self, mss: u64) -> u64 {
        // Limited transmit (RFC 3042): until a loss is sure, no more than two duplicates let new
        // text go, however many are waited for. An ACK that covers less than they promised would
        // else leave more in the network than the window.
        let most = match self.phase {
            Phase::Recovery | Phase::Loss => u32::MAX,
            Phase::Open | Phase::Disorder | Phase::Cwr => DUPLICATE_THRESHOLD - 1,
        };
        let arrived = u64::from(self.repair.get().heard.duplicates.min(most)) * mss;
        self.ledger.in_flight().saturating_sub(arrived)
    }

    /// How often what is in the network was counted anew: at a timeout, which forgets what
    /// duplicate ACKs told, as an ACK after one does, and when losses turned out to be none. It may
    /// then be more than before although nothing was sent.
    pub(crate) fn recounts(&self) -> u64 {
        self.repair.get().recounts
    }

    /// Bytes found lost and not yet taken by [`Self::drain_losses`].
    pub(crate) fn newly_lost(&self) -> u64 {
        let losses = &self.repair.get().losses;
        losses.iter().map(|lost| lost.bytes).sum()
    }

    /// What was found lost since this was last asked.
    pub(crate) fn drain_losses(&mut self) -> impl Iterator<Item = Lost> {
        let repair = self.repair.get_mut();
        repair
            .into_iter()
            .flat_map(|repair| repair.losses.drain(..))
    }

    /// What showed the latest of them.
    pub(crate) fn last_proof(&self) -> Proof {
        self.repair.get().proof
    }

    /// The least round trip of late.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.least.get()
    }

    /// Expiries of the retransmission timer in a row without progress.
    pub(crate) fn timeouts(&self) -> u8 {
        self.timeouts
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// How often reordering showed.
    pub(crate) fn reorderings(&self) -> u64 {
        self.repair.get().reorderings
    }

    /// Reordering degree in segments.
    pub(crate) fn reordering(&self) -> u32 {
        self.reordering
    }

    /// Whether segments of this path come out of order so often that it says nothing.
    pub(crate) fn reordering_is_usual(&self) -> bool {
        self.reordering > DUPLICATE_THRESHOLD
    }

    /// When the reordering window of something that is late has passed.
    pub(crate) fn reorder_deadline(&self) -> Option<Instant> {
        self.ledger.late_at()
    }

    /// When what is out at `at` was last sent.
    pub(crate) fn sent_at(&self, at: Offset) -> Option<Instant> {
        let entry = self.ledger.get(at).filter(|entry| entry.start <= at)?;
        Some(entry.sent_at())
    }

    /// Segments of `mss` bytes that are out.
    pub(crate) fn outstanding_segments(&self, mss: u64) -> u64 {
        self.ledger
            .iter()
            .map(|entry| entry.len().div_ceil(mss))
            .sum()
    }

    /// Segments of `mss` bytes that are SACKed, lost, and under way again.
    pub(crate) fn segments(&self, mss: u64) -> (u64, u64, u64) {
        let mut counts = (u64::from(self.repair.get().heard.duplicates), 0, 0);
        for entry in self.ledger.iter() {
            let segments = entry.len().div_ceil(mss);
            counts.0 += if entry.sacked { segments } else { 0 };
            counts.1 += if entry.lost { segments } else { 0 };
            counts.2 += if entry.again { segments } else { 0 };
        }
        counts
    }

    /// The pace of the reduction that goes on.
    fn prr_mut(&mut self) -> Option<&mut Prr> {
        self.repair.get_mut()?.prr.as_mut()
    }

    /// Behind the highest offset that is known to be with the peer.
    fn highest_delivered(&self, una: Offset) -> Offset {
        self.ledger.highest_sacked().unwrap_or(una).max(una)
    }

    /// RFC 8985 6.2 step 3: an original was delivered after something above it.
    fn note_reordering(&mut self, delivery: &Delivery, before: Offset, mss: u64) {
        let highest = before.max(self.highest_delivered(delivery.una));
        let Some(low) = delivery.lowest.filter(|&low| low < before) else {
            return;
        };
        self.rack.reordering_seen = true;
        self.repair.put().reorderings += 1;
        let degree = (highest - low).div_ceil(mss);
        let degree = u32::try_from(degree).unwrap_or(REORDERING_MAX);
        self.reordering = self.reordering.max(degree).min(REORDERING_MAX);
    }
}

impl Delivery {
    /// Takes an entry that is news.
    fn book(&mut self, entry: &Sent, acknowledged: bool) {
        self.bytes += entry.len();
        if !acknowledged {
            self.sacked = true;
        }
        if entry.resent {
            self.ambiguous |= acknowledged;
            return;
        }
        self.lowest = Some(self.lowest.map_or(entry.start, |low| low.min(entry.start)));
        if acknowledged {
            self.oldest = Some(
                self.oldest
                    .map_or(entry.sent_at(), |at| at.min(entry.sent_at())),
            );
            self.latest = self.latest.max(Some(entry.sent_at()));
        } else {
            self.latest_sacked = self.latest_sacked.max(Some(entry.sent_at()));
        }
    }
}
