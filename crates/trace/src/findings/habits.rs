//! Findings about habits of the two stacks: Nagle and delayed ACKs, small segments, rare ACKs,
//! timestamps, marks of routers, super-segments.

use std::time::Duration;

use handfast_packet::tcp::TcpFlags;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_pure_ack, is_syn, stamp_rates, text_end};
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{LimitSpan, Limitation, Mark, Segment, Side};
use crate::numbers::is_older;

/// A delayed ACK is one that takes so much longer than the path.
const DELAYED_MIN: Duration = Duration::from_millis(20);
const DELAYED_TIMES: usize = 2;
/// Small segments: so many, of at most such a part of a full one, and such a part of all.
const SMALL_MIN: usize = 30;
const SMALL_PART: f64 = 0.5;
/// One ACK for more full segments than this, in the middle, is rare.
const STRETCH_MIN: f64 = 3.5;
const STRETCH_ACKS: usize = 12;
/// Steps of timestamps of one side that are looked at for its clock.
const STEPS_MIN: usize = 5;
/// A clock may be off by such a part of a time, and by so much more.
const CLOCK_PART: f64 = 0.25;
const CLOCK_SLACK: f64 = 0.5;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Raw>) {
    for side in Side::BOTH {
        found.extend(nagle(look, side));
        found.extend(small(look, side));
        found.extend(stretch(look, side));
        found.extend(stamps(look, side));
        found.extend(marks(look, side));
        found.extend(super_segments(look, side));
    }
}

fn nagle(look: &Look<'_>, side: Side) -> Option<Raw> {
    let least = look.path_rtt() + DELAYED_MIN;
    let is_long = |span: &&LimitSpan| span.by == Limitation::Nagle && span.time() >= least;
    let spans: Vec<_> = look.limits(side).iter().filter(is_long).collect();
    if spans.len() < DELAYED_TIMES {
        return None;
    }
    let waits = spans
        .iter()
        .map(|span| span.time().saturating_sub(look.path_rtt()));
    let time: Duration = waits.clone().sum();
    let longest = waits.max()?;
    let mut raw = look
        .found(Kind::NagleDelayedAck, side)
        .count("count", spans.len())
        .time("time", time)
        .time("longest", longest)
        .figure("part", Figure::Share(look.share(time)))
        .cost(time);
    let segments = &look.one.segments;
    for span in spans.iter().take(2) {
        let from = segments.partition_point(|one| one.at < span.from);
        let small = segments[from..]
            .iter()
            .find(|one| one.side == side && one.len > 0);
        let ack = segments[from..]
            .iter()
            .find(|one| one.side != side && is_pure_ack(one));
        let to = segments.partition_point(|one| one.at < span.to);
        let next = segments[to..]
            .iter()
            .find(|one| one.side == side && one.len > 0);
        let all = [
            (small, Shows::SmallSent),
            (ack, Shows::DelayedAck),
            (next, Shows::GoesOn),
        ];
        for (segment, shows) in all {
            if let Some(segment) = segment {
                raw = raw.shown(segment.frame, shows);
            }
        }
    }
    Some(raw)
}

/// Small segments that left while others were under way.
fn small(look: &Look<'_>, side: Side) -> Option<Raw> {
    let allowed = look.sent(side.other()).syn.and_then(|syn| syn.mss);
    let mss = u32::from(allowed?);
    let window = look.sent(side.other()).window_max?;
    let texts: Vec<&Segment> = look.of(side).filter(|one| one.len > 0).collect();
    let is_small = |one: &&&Segment| {
        let is_on_top = one.in_flight > one.len;
        one.len * 4 <= mss && is_on_top && one.marks.retransmission().is_none()
    };
    let frames: Vec<u32> = texts.iter().filter(is_small).map(|one| one.frame).collect();
    let share = frames.len() as f64 / texts.len().max(1) as f64;
    if frames.len() < SMALL_MIN || share < SMALL_PART {
        return None;
    }
    let bytes: u64 = texts.iter().map(|one| u64::from(one.len)).sum();
    let mean = bytes / u64::try_from(texts.len()).unwrap_or(1).max(1);
    Some(
        look.found(Kind::SmallSegments, side)
            .count("count", frames.len())
            .figure("share", Figure::Share(share))
            .figure("mean", Figure::Bytes(mean))
            .figure("window", Figure::Bytes(window))
            .shown_by(&frames, Shows::SmallSent),
    )
}

fn stretch(look: &Look<'_>, side: Side) -> Option<Raw> {
    let full = look.one.full_segment(side.other())?;
    let is_super = u64::from(look.sent(side.other()).text_max) > full;
    let mut before = 1;
    let mut strides: Vec<(u64, u32)> = Vec::new();
    for one in look.of(side).filter(|one| is_pure_ack(one)) {
        if one.ack > before {
            strides.push((one.ack - before, one.frame));
            before = one.ack;
        }
    }
    strides.sort_unstable();
    let middle = strides.get(strides.len() / 2)?.0 as f64 / full as f64;
    if strides.len() < STRETCH_ACKS || middle < STRETCH_MIN || is_super {
        return None;
    }
    let frames: Vec<u32> = strides.iter().rev().map(|one| one.1).take(4).collect();
    Some(
        look.found(Kind::StretchAcks, side)
            .figure("segments", Figure::Ratio(middle))
            .shown_by(&frames, Shows::AckOfMany),
    )
}

/// The clock of timestamps: it ticks evenly and never goes back.
fn stamps(look: &Look<'_>, side: Side) -> Option<Raw> {
    let is_first = |one: &&Segment| {
        let is_plain = !is_reset_or_late(one);
        is_plain && one.timestamps.0 != 0
    };
    let all: Vec<&Segment> = look.of(side).filter(is_first).collect();
    let rates = stamp_rates(&all);
    let rate = rates.get(rates.len() / 2).copied();
    let mut newest = all.first()?;
    for one in &all[1..] {
        let (old, new) = (newest.timestamps.0, one.timestamps.0);
        let time = one.at.duration_since(newest.at).as_secs_f64();
        let is_back = is_older(new, old) && old.wrapping_sub(new) > 1;
        let raw = |kind: Kind, ticks: u32, shows| {
            let raw = look
                .found(kind, side)
                .figure("ticks", Figure::Count(ticks.into()));
            let rate = rate.unwrap_or_default().round().max(0.0);
            raw.figure("rate", Figure::Ratio(rate))
                .shown(newest.frame, Shows::Text)
                .shown(one.frame, shows)
        };
        if is_back {
            return Some(raw(
                Kind::TimestampsBack,
                old.wrapping_sub(new),
                Shows::StampBack,
            ));
        }
        if let Some(rate) = rate.filter(|_| rates.len() >= STEPS_MIN) {
            let expected = time * rate;
            let ticks = f64::from(new.wrapping_sub(old));
            let slack = expected * CLOCK_PART + rate * CLOCK_SLACK + 2.0;
            if ticks > expected + slack {
                return Some(raw(
                    Kind::TimestampsJump,
                    new.wrapping_sub(old),
                    Shows::StampJump,
                ));
            }
        }
        newest = one;
    }
    None
}

/// Not of the sender's present: sent again, late, or a copy; and resets, which copy or leave out.
fn is_reset_or_late(one: &Segment) -> bool {
    let late = [
        Mark::OutOfOrder,
        Mark::Duplicated,
        Mark::BadChecksum,
        Mark::DuplicateAck,
    ];
    let is_late = late.iter().any(|&mark| one.marks.has(mark));
    one.flags.contains(TcpFlags::RST)
        || is_syn(one)
        || is_late
        || one.marks.retransmission().is_some()
        // Pure ACKs may be overtaken without a mark.
        || one.len == 0
}

fn marks(look: &Look<'_>, side: Side) -> Option<Raw> {
    let is_echo = |one: &&Segment| one.flags.contains(TcpFlags::ECE) && !is_syn(one);
    let frames: Vec<u32> = look.of(side).filter(is_echo).map(|one| one.frame).collect();
    (!frames.is_empty()).then(|| {
        look.found(Kind::CongestionMarks, side.other())
            .count("count", frames.len())
            .shown_by(&frames, Shows::Echo)
    })
}

fn super_segments(look: &Look<'_>, side: Side) -> Option<Raw> {
    let allowed = look.sent(side.other()).syn?.mss?;
    let is_super = |one: &&Segment| one.len > u32::from(allowed);
    let frames: Vec<u32> = look
        .of(side)
        .filter(is_super)
        .map(|one| one.frame)
        .collect();
    let largest = look.of(side).max_by_key(|one| text_end(one) - one.seq)?;
    (!frames.is_empty()).then(|| {
        look.found(Kind::SuperSegments, side)
            .count("count", frames.len())
            .figure("largest", Figure::Bytes(largest.len.into()))
            .figure("mss", Figure::Bytes(allowed.into()))
            .shown_by(&frames, Shows::Super)
    })
}
