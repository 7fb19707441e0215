//! Findings about the receiver's window: shut, small, not scaled.

use std::time::Duration;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_syn};
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{Limitation, Mark, Segment, Side};

/// The window counts as a limit from such a part of the sender's time on.
const PART_MIN: f64 = 0.25;
/// And for so many round trips at least.
const ROUNDS_MIN: u32 = 4;
/// A window that nearly fills its 16 bits.
const UNSCALED_MIN: u64 = 24_000;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Raw>) {
    for side in Side::BOTH {
        let shut = shut_time(look, side);
        found.extend(zero_window(look, side, shut));
        found.extend(small(look, side, shut));
    }
}

/// How long the windows of the other side were shut for `side`.
fn shut_time(look: &Look<'_>, side: Side) -> Duration {
    let (mut sum, mut since) = (Duration::ZERO, None);
    for one in look.of(side.other()).filter(|one| !is_syn(one)) {
        if one.marks.has(Mark::ZeroWindow) {
            since.get_or_insert(one.at);
        } else if let Some(since) = since.take() {
            sum += one.at.duration_since(since);
        }
    }
    sum + since.map_or(Duration::ZERO, |since| look.one.ended.duration_since(since))
}

fn zero_window(look: &Look<'_>, side: Side, time: Duration) -> Option<Raw> {
    let frames = look.marked(side.other(), Mark::ZeroWindow);
    let first = frames.first()?;
    let shut: Vec<u32> = frames
        .iter()
        .copied()
        .filter(|&frame| {
            let one = &look.one.segments[look.place(frame)];
            !one.marks.has(Mark::ZeroWindowProbeAck)
        })
        .collect();
    let is_opening = |one: &&Segment| one.frame > *first && one.window > 0;
    let raw = look
        .found(Kind::ZeroWindow, side.other())
        .count("count", shut.len().max(1))
        .time("time", time)
        .figure("part", Figure::Share(look.share(time)))
        .figure(
            "probes",
            Figure::Count(look.sent(side).count(Mark::ZeroWindowProbe)),
        )
        .cost(time)
        .shown_by(&shut, Shows::ZeroWindow);
    Some(match look.of(side.other()).find(is_opening) {
        Some(opens) => raw.shown(opens.frame, Shows::Opens),
        None => raw,
    })
}

fn small(look: &Look<'_>, side: Side, shut: Duration) -> Option<Raw> {
    let receiver = look.sent(side.other());
    receiver.window_shift?;
    let window = receiver.window_max?;
    let time = look
        .limited(side, Limitation::ReceiveWindow)
        .saturating_sub(shut);
    let active = look.active(side);
    let part = time.as_secs_f64() / active.as_secs_f64().max(f64::MIN_POSITIVE);
    if part < PART_MIN || time < look.path_rtt() * ROUNDS_MIN {
        return None;
    }
    let unscaled = Side::BOTH.into_iter().find(|&one| {
        let syn = look.sent(one).syn;
        syn.is_some_and(|syn| syn.window_scale.is_none())
    });
    let is_unscaled = unscaled.is_some() && window >= UNSCALED_MIN;
    let full: Vec<&Segment> = look
        .of(side)
        .filter(|one| one.len > 0)
        .filter(|one| {
            let by = look.limitation_at(side, one.at);
            one.marks.has(Mark::WindowFull) || by == Some(Limitation::ReceiveWindow)
        })
        .collect();
    // What stood while it was the limit; it may have grown later.
    let filled = full.iter().map(|one| u64::from(one.in_flight)).max();
    let full: Vec<u32> = full.iter().map(|one| one.frame).collect();
    let kind = if is_unscaled {
        Kind::NoWindowScaling
    } else {
        Kind::ReceiveWindow
    };
    let mut raw = look
        .found(kind, side.other())
        .figure(
            "window",
            Figure::Bytes(filled.unwrap_or(window).min(window)),
        )
        .time("time", time)
        .figure("part", Figure::Share(part.min(1.0)))
        .time("rtt", look.path_rtt())
        .cost(time);
    if let Some(rate) = look.one.goodput(side) {
        raw = raw.figure("rate", Figure::Rate(rate));
    }
    if is_unscaled && let Some(syn) = unscaled.and_then(|one| look.of(one).find(|one| is_syn(one)))
    {
        raw = raw.shown(syn.frame, Shows::NoOption);
    }
    Some(raw.shown_by(&full, Shows::Full))
}
