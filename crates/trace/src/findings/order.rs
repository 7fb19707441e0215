//! Findings about what the network did to the order and number of segments, and about what the capture
//! itself lacks.

use std::time::Duration;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_pure_ack, text_end};
use super::loss;
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{Limitation, Mark, Segment, Side};

/// Fewer than this may be chance, or a matter of how it was told.
const FEW: usize = 3;
/// So many alarms for nothing are no accident.
const ALARMS_MIN: usize = 2;
/// ACKs by whose numbers others are missing: so many, and such a part of all.
const ACKS_MIN: usize = 4;
const ACKS_PART: f64 = 0.02;

pub(super) fn find(look: &Look<'_>, is_lone: [bool; 2], found: &mut Vec<Raw>) {
    for side in Side::BOTH {
        let copies = duplication(look, side);
        let has_copies = copies.is_some();
        found.extend(copies);
        found.extend(reordering(look, side, has_copies));
        if is_lone[usize::from(side == Side::B)] && !has_copies {
            found.extend(ack_loss(look, side));
        }
        found.extend(missed(look, side));
    }
    if !look.is_two_sided() && look.one.segments.len() > FEW {
        found.extend(one_sided(look));
    }
}

fn duplication(look: &Look<'_>, side: Side) -> Option<Raw> {
    let copies = look.marked(side, Mark::Duplicated);
    let reports = look.marked(side.other(), Mark::DuplicateReport);
    let in_vain = look.sent(side).count(Mark::Spurious);
    let again = look.sent(side).retransmissions + look.sent(side).count(Mark::ZeroWindowProbe);
    let unexplained = u64::try_from(reports.len()).unwrap_or(u64::MAX);
    let unexplained = unexplained.saturating_sub(in_vain.max(again));
    let keep_alives = look.sent(side).count(Mark::KeepAlive);
    let raw = look.found(Kind::Duplication, side);
    if !copies.is_empty() {
        return Some(
            raw.count("count", copies.len())
                .shown_by(&copies, Shows::Copy),
        );
    }
    let is_told = unexplained >= 2 && keep_alives == 0;
    is_told.then(|| {
        raw.figure("count", Figure::Count(unexplained))
            .shown_by(&reports, Shows::CopyReport)
    })
}

/// What came late, seen where it came; where it left, what looked like a loss and was none.
fn reordering(look: &Look<'_>, side: Side, has_copies: bool) -> Option<Raw> {
    let late = look.marked(side, Mark::OutOfOrder);
    let time = look.limited(side, Limitation::Recovery);
    let sent = look.sent(side).text_segments.max(1);
    let in_vain = look.sent(side).count(Mark::Spurious);
    let raw = look.found(Kind::Reordering, side);
    let cost = |raw: Raw| {
        if in_vain > 0 { raw.cost(time) } else { raw }
    };
    if !late.is_empty() {
        let (overtakers, by) = extent(look, side);
        let share = late.len() as f64 / sent as f64;
        return Some(cost(
            raw.count("count", late.len())
                .figure("share", Figure::Share(share))
                .count("extent", overtakers)
                .time("time", by)
                .shown_by(&late, Shows::OutOfOrder),
        ));
    }
    let mut alarms = false_alarms(look, side);
    alarms.extend(in_vain_fast(look, side));
    alarms.sort_unstable();
    if alarms.len() < ALARMS_MIN || has_copies {
        return None;
    }
    let (overtakers, by) = (longest_alarm(look, side), look.path_rtt());
    let share = alarms.len() as f64 / sent as f64;
    Some(cost(
        raw.count("count", alarms.len())
            .figure("share", Figure::Share(share))
            .count("extent", overtakers)
            .time("time", by)
            .shown_by(&alarms, Shows::Alarm),
    ))
}

/// Sent again because of duplicate ACKs, and in vain: the original was only late.
fn in_vain_fast(look: &Look<'_>, side: Side) -> Vec<u32> {
    let both = [Mark::Spurious, Mark::FastRetransmission];
    let is_both = |one: &&Segment| both.iter().all(|&mark| one.marks.has(mark));
    look.of(side).filter(is_both).map(|one| one.frame).collect()
}

/// By how many segments something was overtaken at most, and for how long.
fn extent(look: &Look<'_>, side: Side) -> (usize, Duration) {
    let segments: Vec<&Segment> = look.of(side).filter(|one| one.len > 0).collect();
    let (mut most, mut longest) = (0, Duration::ZERO);
    for (place, late) in segments.iter().enumerate() {
        if !late.marks.has(Mark::OutOfOrder) {
            continue;
        }
        let before = segments[..place].iter().rev();
        let overtakers: Vec<_> = before.take_while(|one| one.seq > late.seq).collect();
        most = most.max(overtakers.len());
        if let Some(first) = overtakers.last() {
            longest = longest.max(late.at.duration_since(first.at));
        }
    }
    (most, longest)
}

/// Duplicate ACKs that ended by themselves: the first of each run, with nothing sent again.
fn false_alarms(look: &Look<'_>, side: Side) -> Vec<u32> {
    let (mut alarms, mut run): (Vec<u32>, Option<u32>) = (Vec::new(), None);
    let mut mended = 0;
    for one in &look.one.segments {
        if one.side == side {
            if one.marks.retransmission().is_some() {
                mended = mended.max(text_end(one));
                run = None;
            }
        } else if one.marks.has(Mark::DuplicateAck) && !one.marks.has(Mark::DuplicateReport) {
            if one.ack >= mended {
                run.get_or_insert(one.frame);
            }
        } else if is_pure_ack(one) {
            alarms.extend(run.take());
        }
    }
    alarms
}

fn longest_alarm(look: &Look<'_>, side: Side) -> usize {
    let (mut most, mut run) = (0, 0);
    for one in look.of(side.other()) {
        run = if one.marks.has(Mark::DuplicateAck) {
            run + 1
        } else {
            0
        };
        most = most.max(run);
    }
    most
}

/// By the numbers of its packets, `side` sent ACKs that did not pass here.
fn ack_loss(look: &Look<'_>, side: Side) -> Option<Raw> {
    let skipping = look.marked(side, Mark::AcksMissing);
    let share = skipping.len() as f64 / look.sent(side).pure_acks.max(1) as f64;
    let is_ordered = look.sent(side).count(Mark::OutOfOrder) == 0;
    if skipping.len() < ACKS_MIN || share < ACKS_PART || !is_ordered {
        return None;
    }
    Some(
        look.found(Kind::AckLoss, side)
            .cost(loss::waited_in_vain(look, side.other()))
            .count("count", skipping.len())
            .figure("share", Figure::Share(share))
            .shown_by(&skipping, Shows::Skipped),
    )
}

fn missed(look: &Look<'_>, side: Side) -> Option<Raw> {
    let unseen = look.marked(side.other(), Mark::AcksUnseen);
    if unseen.is_empty() || !look.is_two_sided() {
        return None;
    }
    Some(
        look.found(Kind::MissedFrames, side)
            .figure("bytes", Figure::Bytes(look.sent(side).missing_bytes))
            .count("count", unseen.len())
            .shown_by(&unseen, Shows::Unseen),
    )
}

fn one_sided(look: &Look<'_>) -> Option<Raw> {
    let side = Side::BOTH
        .into_iter()
        .find(|&side| look.sent(side).segments > 0)?;
    let first = look.of(side).next()?;
    let has_text_or_ack = look.of(side).any(|one| one.ack > 0);
    has_text_or_ack.then(|| {
        look.found(Kind::OneSided, side)
            .shown(first.frame, Shows::Text)
    })
}
