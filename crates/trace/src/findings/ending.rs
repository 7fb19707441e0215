//! Findings about how a connection ended: resets by whom and why, no close at all, keep-alives.

use std::time::Duration;

use handfast_packet::tcp::TcpFlags;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_reset, is_syn, text_end};
use super::raw::{Raw, Shows};
use crate::analysis::{Close, Mark, Segment, Side};

/// A sender that resets after so long without progress had lost patience.
const PATIENCE_MIN: Duration = Duration::from_millis(700);
/// So many keep-alives without an answer are one too many.
const UNANSWERED_MIN: usize = 2;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Raw>) {
    let is_begun = Side::BOTH.iter().all(|&side| look.sent(side).syns == 0)
        || look.sent(Side::B).segments > look.sent(Side::B).syns;
    let is_known = found
        .iter()
        .any(|raw| matches!(raw.kind, Kind::KernelReset | Kind::Refused | Kind::NoAnswer));
    let keep_alive = keep_alives(look);
    let is_dead = keep_alive
        .as_ref()
        .is_some_and(|raw| raw.kind == Kind::KeepAliveTimeout);
    found.extend(keep_alive);
    if let Close::Reset { by } = look.one.close
        && is_begun
        && !is_known
        && !is_dead
        && look.is_two_sided()
    {
        found.extend(reset(look, by));
    }
    let ignored = look.one.resets.iter().filter(|reset| reset.is_ignored);
    let ignored: Vec<_> = ignored.collect();
    if let Some(first) = ignored.first()
        && !is_known
        && !matches!(look.one.close, Close::Reset { .. } | Close::Both { .. })
    {
        let frames: Vec<u32> = ignored.iter().map(|reset| reset.frame).collect();
        let raw = look.found(Kind::ResetIgnored, first.by);
        found.push(
            raw.count("count", frames.len())
                .shown_by(&frames, Shows::ResetIgnored),
        );
    }
    // Of a side that is not in the capture nobody knows whether it closed.
    found.extend(unclosed(look).filter(|_| look.is_two_sided()));
}

/// Why one side reset the connection.
fn reset(look: &Look<'_>, by: Side) -> Option<Raw> {
    let segments = &look.one.segments;
    let first = look.one.resets.iter().find(|reset| !reset.is_ignored)?;
    let place = look.place(first.frame);
    let reset = segments.get(place)?;
    let (own, others) = (
        Flow::of(segments, place, by),
        Flow::of(segments, place, by.other()),
    );
    let raw = look.found(Kind::Aborted, by).figure(
        "bytes",
        super::raw::Figure::Bytes(own.outstanding().max(others.outstanding())),
    );
    if let Some(fin) = own.fin {
        // Its FIN came first: what came for it after that nobody would read.
        let late = segments[..place].iter().rev();
        let mut late = late.filter(|one| one.side != by && one.len > 0 && one.frame > fin);
        let Some(late) = late.next() else {
            return (others.fin.is_none()).then(|| {
                kind(raw, Kind::ResetToClose)
                    .shown(fin, Shows::Fin)
                    .shown(reset.frame, Shows::Reset)
            });
        };
        return Some(
            kind(raw, Kind::ResetAfterClose)
                .shown(fin, Shows::Fin)
                .shown(late.frame, Shows::TextAfterClose)
                .shown(reset.frame, Shows::Reset),
        );
    }
    let progress = segments[..place]
        .iter()
        .rev()
        .find(|one| one.side != by && one.ack == own.acked && is_first_ack(segments, one));
    let waited = progress.map_or(Duration::ZERO, |one| reset.at.duration_since(one.at));
    if own.outstanding() > 0 && waited >= PATIENCE_MIN {
        let raw = kind(raw, Kind::GaveUp).time("time", waited).cost(waited);
        let raw = match progress {
            Some(progress) => raw.shown(progress.frame, Shows::LastProgress),
            None => raw,
        };
        let again = segments[..place].iter().rev();
        let mut again = again.filter(|one| one.side == by && one.marks.retransmission().is_some());
        let raw = match again.next() {
            Some(again) => raw.shown(again.frame, Shows::SentAgain),
            None => raw,
        };
        return Some(raw.shown(reset.frame, Shows::Reset));
    }
    let is_receiver = others.text > own.text;
    let mut more = segments[place..].iter().filter(|one| one.side != by);
    let is_coming = others.outstanding() > 0 || more.any(|one| one.len > 0);
    let chosen = if own.outstanding() > 0 && !is_receiver {
        Kind::Aborted
    } else if is_receiver && is_coming {
        Kind::ResetByReceiver
    } else {
        Kind::ResetToClose
    };
    let last = segments[..place].iter().rev().find(|one| one.len > 0);
    let raw = kind(raw, chosen);
    let raw = match last {
        Some(last) => raw.shown(last.frame, Shows::Text),
        None => raw,
    };
    Some(raw.shown(reset.frame, Shows::Reset))
}

fn kind(raw: Raw, kind: Kind) -> Raw {
    Raw { kind, ..raw }
}

/// What one side has sent before a place, and what of it was acknowledged.
struct Flow {
    next: u64,
    acked: u64,
    text: u64,
    fin: Option<u32>,
}

impl Flow {
    fn of(segments: &[Segment], place: usize, side: Side) -> Self {
        let mut flow = Self {
            next: 1,
            acked: 1,
            text: 0,
            fin: None,
        };
        for one in segments[..place].iter().filter(|one| !is_reset(one)) {
            if one.side != side {
                flow.acked = flow.acked.max(one.ack);
                continue;
            }
            flow.next = flow.next.max(text_end(one));
            flow.text += u64::from(one.len);
            if one.flags.contains(TcpFlags::FIN) {
                flow.fin.get_or_insert(one.frame);
            }
        }
        flow
    }

    fn outstanding(&self) -> u64 {
        self.next.saturating_sub(self.acked)
    }
}

/// Whether no segment before acknowledges the same.
fn is_first_ack(segments: &[Segment], ack: &Segment) -> bool {
    let place = segments.partition_point(|one| one.frame < ack.frame);
    let before = segments[..place]
        .iter()
        .rev()
        .find(|one| one.side == ack.side);
    before.is_none_or(|before| before.ack < ack.ack)
}

fn keep_alives(look: &Look<'_>) -> Option<Raw> {
    for side in Side::BOTH {
        let probes = look.marked(side, Mark::KeepAlive);
        let Some(&first) = probes.first() else {
            continue;
        };
        let answers = look.marked(side.other(), Mark::KeepAliveAck);
        let last = answers.last().copied().unwrap_or(0);
        let other = look.of(side.other()).map(|one| one.frame);
        let heard = other
            .filter(|&frame| frame > first)
            .max()
            .unwrap_or(0)
            .max(last);
        let unanswered: Vec<u32> = probes.iter().copied().filter(|&one| one > heard).collect();
        if unanswered.len() >= UNANSWERED_MIN {
            let at = |frame| look.one.segments[look.place(frame)].at;
            let time = look.one.ended.duration_since(at(unanswered[0]));
            let raw = look.found(Kind::KeepAliveTimeout, side).cost(time);
            let raw = raw.count("count", unanswered.len()).time("time", time);
            let raw = raw.shown_by(&unanswered, Shows::KeepAlive);
            let reset = look.one.resets.iter().find(|reset| reset.by == side);
            return Some(match reset {
                Some(reset) => raw.shown(reset.frame, Shows::Reset),
                None => raw,
            });
        }
        let raw = look
            .found(Kind::KeepAlives, side)
            .count("count", probes.len());
        return Some(
            raw.shown_by(&probes, Shows::KeepAlive)
                .shown_by(&answers, Shows::KeepAliveAck),
        );
    }
    None
}

/// The capture has no end of the connection.
fn unclosed(look: &Look<'_>) -> Option<Raw> {
    let last = look.one.segments.last()?;
    match look.one.close {
        Close::Half { by } => {
            let mut fins = look.of(by).filter(|one| one.flags.contains(TcpFlags::FIN));
            let raw = look.found(Kind::HalfClosed, by.other());
            let raw = match fins.next() {
                Some(fin) => raw.shown(fin.frame, Shows::Fin),
                None => raw,
            };
            Some(raw.shown(last.frame, Shows::Last))
        }
        Close::Open if !is_syn(last) => {
            let raw = look.found(Kind::NeverClosed, Side::A);
            Some(raw.shown(last.frame, Shows::Last))
        }
        _ => None,
    }
}
