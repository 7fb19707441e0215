//! Findings about receivers: those that are slow, that lose segments themselves, and that say nothing
//! about what is missing.

use std::time::Duration;

use handfast_packet::Instant;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_pure_ack, text_end};
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{Mark, Side};

/// A receiver that needs at least so long for a segment is slow.
const SLOW_MIN: Duration = Duration::from_millis(5);
const SLOW_ACKS: usize = 10;
/// Bytes of a SYN on the wire, and of headers in front of text: what a path of a low rate would have
/// needed for the handshake tells whether it is the path that is slow.
const SYN_LEN: f64 = 66.0;
/// Repairs by timer without a duplicate ACK that are no accident.
const SILENT_MIN: usize = 3;
/// A slow receiver stands still when it takes so many times as long as it does for a segment, and so
/// long at least, with so many segments in front of it.
const STALL_TIMES: u32 = 8;
const STALL_MIN: Duration = Duration::from_millis(250);
const STALL_SEGMENTS: u64 = 3;
/// Most stalls that are told.
const STALLS_MAX: usize = 1_024;

/// Whether `side`, which receives, is slow: its ACKs come one by one and evenly, far apart, with much outstanding, and
/// the handshake was quicker than it could be on a path so slow.
pub(super) fn slow(look: &Look<'_>, side: Side) -> Option<Raw> {
    let full = look.one.full_segment(side.other())?;
    let (mut outstanding, mut before) = (1, None);
    let mut gaps: Vec<(Duration, u32)> = Vec::new();
    for one in &look.one.segments {
        if one.side != side {
            outstanding = outstanding.max(text_end(one));
            continue;
        }
        if !is_pure_ack(one) {
            continue;
        }
        if let Some((at, ack)) = before
            && one.ack > ack
            && one.ack <= ack + 2 * full
            && outstanding >= one.ack + full
        {
            let segments = (one.ack - ack) as f64 / full as f64;
            gaps.push((
                one.at.duration_since(at).div_f64(segments.max(1.0)),
                one.frame,
            ));
        }
        if before.is_none_or(|(_, ack)| one.ack > ack) {
            before = Some((one.at, one.ack));
        }
    }
    gaps.sort_unstable();
    let [low, middle] = [gaps.len() / 4, gaps.len() / 2].map(|at| gaps.get(at).map(|gap| gap.0));
    let (low, middle) = (low?, middle?);
    let handshake = look.one.initial_rtt?;
    let by_path = middle.mul_f64(0.8 * SYN_LEN / (full as f64 + SYN_LEN));
    let is_even = low >= middle.mul_f64(0.7);
    if gaps.len() < SLOW_ACKS || middle < SLOW_MIN || !is_even || handshake > by_path {
        return None;
    }
    // When it stands still it is not slow.
    let time = gaps.iter().map(|gap| gap.0.min(middle * 2)).sum();
    let frames: Vec<u32> = gaps.iter().skip(gaps.len() / 4).map(|gap| gap.1).collect();
    Some(
        look.found(Kind::SlowReceiver, side)
            .time("each", middle)
            .time("handshake", handshake)
            .count("count", gaps.len())
            .time("time", time)
            .figure("part", Figure::Share(look.share(time)))
            .cost(time)
            .shown_by(&frames, Shows::AckOfOne),
    )
}

/// A time in which a slow receiver acknowledged nothing of what had passed here on its way to it.
pub(super) struct Stall {
    pub(super) time: Duration,
    /// The frame with what it was waiting for, where that passed first.
    frame: u32,
    /// The frame of its last acknowledgment before.
    acknowledged: u32,
}

/// When `side`, whose receiver was found to be slow, was not answered though enough had passed.
pub(super) fn stalls(look: &Look<'_>, side: Side, slow: &Raw) -> Vec<Stall> {
    let full = look.one.full_segment(side).unwrap_or(1);
    let each = slow.time_of("each").unwrap_or_default();
    let limit = (each * STALL_TIMES).max(STALL_MIN);
    let (mut stalls, mut passed) = (Vec::new(), 1);
    // The last progress, what had passed by then, and the frame.
    let mut before: Option<(Instant, u64, u64, u32)> = None;
    for one in &look.one.segments {
        if one.side == side {
            passed = passed.max(text_end(one));
        } else if before.is_none_or(|(_, ack, ..)| one.ack > ack) {
            stalls.extend(stall(look, side, before, (one.at, full, limit)));
            before = Some((one.at, one.ack, passed, one.frame));
        }
        if stalls.len() == STALLS_MAX {
            return stalls;
        }
    }
    stalls.extend(stall(look, side, before, (look.one.ended, full, limit)));
    stalls
}

fn stall(
    look: &Look<'_>,
    side: Side,
    before: Option<(Instant, u64, u64, u32)>,
    (until, full, limit): (Instant, u64, Duration),
) -> Option<Stall> {
    let (since, ack, passed, acknowledged) = before?;
    let time = until.duration_since(since);
    if time < limit || passed < ack + STALL_SEGMENTS * full {
        return None;
    }
    let mut waited_for = look.of(side).filter(|one| one.len > 0);
    let waited_for = waited_for.find(|one| (one.seq..text_end(one)).contains(&ack))?;
    Some(Stall {
        time,
        frame: waited_for.frame,
        acknowledged,
    })
}

/// The receiver of `side` is slow, and lost what had passed here.
pub(super) fn drops(look: &Look<'_>, side: Side, stalls: &[Stall]) -> Option<Raw> {
    if stalls.is_empty() {
        return None;
    }
    let time = stalls.iter().map(|stall| stall.time).sum();
    let raw = look
        .found(Kind::ReceiverDrops, side)
        .count("count", stalls.len())
        .time("time", time)
        .figure("part", Figure::Share(look.share(time)))
        .cost(time);
    Some(shown(raw, stalls))
}

fn shown(raw: Raw, stalls: &[Stall]) -> Raw {
    let [lost, last] = [
        |stall: &Stall| stall.frame,
        |stall: &Stall| stall.acknowledged,
    ]
    .map(|frame| stalls.iter().map(frame).collect::<Vec<u32>>());
    raw.shown_by(&lost[..1], Shows::Lost)
        .shown_by(&last, Shows::LastProgress)
}

/// A receiver that never says that something is missing, though timers had to find it out again and
/// again with later segments on their way.
pub(super) fn silent(look: &Look<'_>, side: Side, stalls: &[Stall]) -> Option<Raw> {
    let receiver = look.sent(side.other());
    if receiver.count(Mark::DuplicateAck) > 0 || look.one.has_sack() {
        return None;
    }
    let waits = look.episodes(side).iter();
    let waits: Vec<_> = waits.filter(|one| one.behind >= 2).collect();
    let again = look.sent(side).retransmissions;
    let raw = look
        .found(Kind::NoDuplicateAcks, side.other())
        .figure("again", Figure::Count(again));
    let (count, time, raw) = if waits.len() >= SILENT_MIN {
        let fired = waits.iter().filter_map(|one| one.fired.first().copied());
        let fired: Vec<u32> = fired.collect();
        let time: Duration = waits.iter().map(|one| one.silent).sum();
        (waits.len(), time, raw.shown_by(&fired, Shows::Timer))
    } else if stalls.is_empty() {
        return None;
    } else {
        let time: Duration = stalls.iter().map(|stall| stall.time).sum();
        (stalls.len(), time, shown(raw, stalls))
    };
    Some(
        raw.count("count", count)
            .time("time", time)
            .figure("part", Figure::Share(look.share(time)))
            .cost(time),
    )
}
