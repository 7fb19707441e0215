//! Findings about what was lost or taken for lost: on the path, in a queue, by the receiver; timeouts,
//! outages, black holes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::episodes::{Episode, What};
use super::kind::FindingKind as Kind;
use super::look::{Look, is_pure_ack, is_syn, text_end};
use super::pace;
use super::raw::{Figure, Raw, Shows};
use super::receiver;
use crate::analysis::{Limitation, Mark, Segment, Side};

/// From so many segments in a row on, on average, losses are bursts.
const BURST_MIN: f64 = 2.5;
/// A queue shows when round trips before losses were so many times the shortest, and by so much longer.
const QUEUE_FACTOR: f64 = 1.35;
const QUEUE_MIN: Duration = Duration::from_millis(4);
/// Losses that show what the other side does about them.
const MANY: usize = 3;

/// What one side lost.
#[derive(Debug, Default)]
struct Losses<'a> {
    /// What was sent again, with the place of the original where the capture has it.
    again: Vec<(&'a Segment, Option<usize>)>,
    /// Lost bytes in a row, and how many times.
    runs: Vec<u64>,
}

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Raw>) {
    for side in Side::BOTH {
        episodes(look, side, found);
        let mut slow = found.iter().filter(|raw| raw.kind == Kind::SlowReceiver);
        let slow = slow.find(|raw| raw.side == Some(side.other()));
        let stalls = slow.map_or_else(Vec::new, |slow| receiver::stalls(look, side, slow));
        let slow = slow.is_some();
        let losses = losses(look, side, slow);
        let silent = receiver::silent(look, side, &stalls);
        let is_silent = silent.is_some();
        found.extend(silent);
        let damaged = look.marked(side, Mark::BadChecksum);
        found.extend(corruption(look, side, &damaged));
        let probes = look.marked(side, Mark::TailLossProbe).len();
        let is_tail = losses.again.len() <= 2 * probes;
        if losses.again.len() > damaged.len() && !is_tail {
            found.extend(lost(look, side, &losses, (slow, damaged.len())));
            found.extend(no_sack(look, side, &losses));
        } else {
            found.extend(receiver::drops(look, side, &stalls));
        }
        found.extend(spurious(look, side));
        if !is_silent {
            found.extend(timers(look, side));
        }
    }
}

/// The time in which `side` repaired, dead paths aside.
fn repair_time(look: &Look<'_>, side: Side) -> Duration {
    let dead = look
        .episodes(side)
        .iter()
        .filter(|one| one.what != What::Loss);
    let dead: Vec<_> = dead.collect();
    let spans = look.limits(side).iter();
    let repairs = spans.filter(|span| span.by == Limitation::Recovery);
    let time: Duration = repairs.map(|span| span.time()).sum();
    time.saturating_sub(dead.iter().map(|one| one.time()).sum())
}

fn losses<'a>(look: &Look<'a>, side: Side, slow: bool) -> Losses<'a> {
    let mut losses = Losses::default();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    let segments = &look.one.segments;
    for (place, one) in segments.iter().enumerate() {
        if one.side != side || one.len == 0 {
            continue;
        }
        let is_lost = one.marks.retransmission().is_some() && !one.marks.has(Mark::Spurious);
        let mut episodes = look.episodes(side).iter();
        let is_dead = episodes.any(|each| each.what != What::Loss && each.explains(one));
        if is_lost && !is_dead {
            let before = places.range(..=one.seq).next_back();
            let before = before.filter(|&(_, &at)| text_end(&segments[at]) > one.seq);
            losses.again.push((one, before.map(|(_, &at)| at)));
        }
        places.entry(one.seq).or_insert(place);
    }
    // A hole that a copy filled before the original came was none.
    let late = look.of(side).filter(|one| one.marks.has(Mark::Spurious));
    let late: BTreeMap<u64, u32> = late.map(|one| (one.seq, one.frame)).collect();
    let is_late = |one: &Segment| late.get(&one.seq).is_some_and(|&frame| frame > one.frame);
    losses
        .again
        .retain(|(one, original)| original.is_some() || !is_late(one));
    // Nothing is lost any more of what has passed the receiver's door, unless by the receiver itself.
    if look.is_near(side.other()) && !slow {
        losses.again.retain(|(_, original)| original.is_none());
    }
    let again = losses.again.iter();
    let mut ranges: Vec<(u64, u64)> = again.map(|(one, _)| (one.seq, text_end(one))).collect();
    ranges.sort_unstable();
    let mut end = 0;
    for (from, to) in ranges {
        match losses.runs.last_mut() {
            Some(run) if from <= end => *run += to.saturating_sub(end),
            _ => losses.runs.push(to - from),
        }
        end = end.max(to);
    }
    losses
}

/// Losses, by how they came about.
fn lost(
    look: &Look<'_>,
    side: Side,
    losses: &Losses<'_>,
    (slow, damaged): (bool, usize),
) -> Option<Raw> {
    let count = losses.again.len();
    let full = look.one.full_segment(side)?;
    let time = repair_time(look, side);
    let segments: u64 = losses.runs.iter().map(|run| run.div_ceil(full)).sum();
    let row = segments as f64 / losses.runs.len().max(1) as f64;
    let seen = losses
        .again
        .iter()
        .filter(|(_, original)| original.is_some());
    let seen = seen.count();
    let queue = queue_before(look, side, losses);
    // Without SACK a sender repeats what had arrived, so that only gaps tell how many in a row were lost.
    let is_told = look.one.has_sack() || seen == 0;
    let too_large = too_large(look, side, losses);
    let kind = if slow && seen >= MANY {
        Kind::ReceiverDrops
    } else if too_large.is_some() {
        Kind::PathMtu
    } else if queue.is_some() && count >= MANY {
        Kind::QueueOverflow
    } else if row >= BURST_MIN && count >= MANY && is_told {
        Kind::BurstLoss
    } else {
        Kind::Loss
    };
    // A super-segment is one here, and several on the path.
    let sent = look
        .sent(side)
        .bytes
        .div_ceil(full)
        .max(look.sent(side).text_segments);
    let part = (count - damaged) as f64 / count as f64;
    let mut raw = look
        .found(kind, side)
        .count("count", count - damaged)
        .figure("share", Figure::Share(segments as f64 / sent as f64))
        .figure("row", Figure::Ratio(row))
        .time("time", time)
        .figure("part", Figure::Share(look.share(time)))
        .cost(time.mul_f64(part));
    if let Some((before, least)) = queue {
        raw = raw.time("rtt", before).time("least", least);
    }
    if let Some((len, less)) = too_large {
        raw = raw.figure("len", Figure::Bytes(len.into()));
        raw = raw.figure("less", Figure::Bytes(less.into()));
    }
    let shown = surely_lost(look, losses);
    let some = shown.iter().find_map(|(_, original)| *original);
    if let Some(original) = some {
        raw = raw.shown(look.one.segments[original].frame, Shows::Lost);
    }
    let again: Vec<u32> = shown.iter().map(|(one, _)| one.frame).collect();
    Some(raw.shown_by(&again, Shows::SentAgain))
}

/// Without SACK a sender repeats what had arrived; but what the receiver was waiting for had not.
fn surely_lost<'a>(look: &Look<'_>, losses: &Losses<'a>) -> Vec<(&'a Segment, Option<usize>)> {
    let is_waited_for = |one: &Segment| {
        let before = look.one.segments[..look.place(one.frame)].iter().rev();
        let mut heard = before.filter(|other| other.side != one.side);
        heard.next().is_some_and(|heard| heard.ack == one.seq)
    };
    let sure = losses.again.iter().filter(|(one, _)| is_waited_for(one));
    let sure: Vec<_> = sure.copied().collect();
    if look.one.has_sack() || sure.is_empty() {
        return losses.again.clone();
    }
    sure
}

/// What was too large for the path, and the largest that passed: what was sent again had been in larger
/// segments, and from then on none so large was sent any more.
fn too_large(look: &Look<'_>, side: Side, losses: &Losses<'_>) -> Option<(u32, u32)> {
    let segments = &look.one.segments;
    if u64::from(look.sent(side).text_max) > look.one.full_segment(side)? {
        // Of super-segments it is not known in which sizes they left.
        return None;
    }
    let originals = losses.again.iter().filter_map(|&(one, original)| {
        let original = &segments[original?];
        (original.len > one.len).then_some(original.len)
    });
    let originals: Vec<u32> = originals.collect();
    let smallest = *originals.iter().min()?;
    let first = losses.again.first()?.0;
    let behind = segments
        .iter()
        .filter(|one| one.side == side && one.at >= first.at);
    let largest = behind.clone().map(|one| one.len).max()?;
    let full = behind.filter(|one| one.len == largest).count();
    let is_less = u64::from(largest) * 50 < u64::from(smallest) * 49;
    (is_less && full >= MANY).then_some((smallest, largest))
}

/// The round trips before losses beside the shortest, where they were so much longer that a queue
/// must have been full: medians.
fn queue_before(look: &Look<'_>, side: Side, losses: &Losses<'_>) -> Option<(Duration, Duration)> {
    let (mut before, least) = if look.is_near(side.other()) {
        delays_before(look, side)?
    } else {
        let rtt = look.rtt(side);
        let samples = rtt.samples();
        let again = losses.again.iter().filter_map(|(one, _)| {
            let place = samples.partition_point(|sample| sample.frame < one.frame);
            samples.get(place.checked_sub(1)?).map(|sample| sample.time)
        });
        (again.collect::<Vec<Duration>>(), rtt.min()?)
    };
    before.sort_unstable();
    let median = *before.get(before.len() / 2)?;
    let is_longer =
        median.as_secs_f64() >= QUEUE_FACTOR * least.as_secs_f64() && median >= least + QUEUE_MIN;
    // Where round trips vary anyway, a long one tells nothing.
    (is_longer && !pace::is_noisy(look, side)).then_some((median, least))
}

/// The same where the sender is far: what text behind a gap took longer on its way than the quickest,
/// by the sender's timestamps, on top of the path's round trip.
fn delays_before(look: &Look<'_>, side: Side) -> Option<(Vec<Duration>, Duration)> {
    let delays = look.one_way_delays(side)?;
    let gaps = look.marked(side, Mark::Gap);
    let least = look.path_rtt();
    let of_gap = |frame: &u32| {
        let place = delays.binary_search_by_key(frame, |delay| delay.0).ok()?;
        Some(least + delays[place].1)
    };
    Some((gaps.iter().filter_map(of_gap).collect(), least))
}

/// Dead paths.
fn episodes(look: &Look<'_>, side: Side, found: &mut Vec<Raw>) {
    for episode in look.episodes(side) {
        let kind = match episode.what {
            What::Loss => continue,
            What::Outage => Kind::Outage,
            What::BlackHole => Kind::BlackHole,
        };
        let mut raw = look
            .found(kind, side)
            .time("time", episode.time())
            .figure("part", Figure::Share(look.share(episode.time())))
            .count("count", episode.fired.len())
            .figure(
                "len",
                Figure::Bytes(
                    look.one
                        .full_segment(side)
                        .unwrap_or(1)
                        .min(episode.lost_len.into()),
                ),
            )
            .cost(episode.time())
            .shown_by(&episode.fired, Shows::SentAgain);
        if let Some((frame, len)) = episode.went_on
            && kind == Kind::BlackHole
        {
            raw = raw
                .figure("less", Figure::Bytes(len.into()))
                .shown(frame, Shows::Smaller);
        }
        if let Some(answer) = episode.answer {
            raw = raw.shown(answer, Shows::Answered);
        }
        found.push(raw);
    }
}

/// Whether all that its timers sent had arrived before.
fn is_in_vain(look: &Look<'_>, episode: &Episode) -> bool {
    let mut fired = episode.fired.iter();
    fired.all(|&frame| {
        let segment = look.one.segments.get(look.place(frame));
        segment.is_some_and(|one| one.marks.has(Mark::Spurious))
    })
}

/// How long `side` waited for timers though nothing was lost but ACKs.
pub(super) fn waited_in_vain(look: &Look<'_>, side: Side) -> Duration {
    let episodes = look.episodes(side).iter();
    let in_vain = episodes.filter(|one| one.what == What::Loss && is_in_vain(look, one));
    in_vain.map(|one| one.silent).sum()
}

/// Waits for timers, but for dead paths and those in vain.
fn timers(look: &Look<'_>, side: Side) -> Option<Raw> {
    let episodes = look.episodes(side).iter();
    let is_one = |one: &&Episode| one.what == What::Loss && !is_in_vain(look, one);
    let waits: Vec<_> = episodes.filter(is_one).collect();
    let is_probe = |frame: u32| {
        let segment = look.one.segments.get(look.place(frame));
        segment.is_some_and(|one| one.marks.has(Mark::TailLossProbe))
    };
    let frames = |probes: bool| {
        let fired = waits.iter().flat_map(|one| &one.fired).copied();
        fired.filter(move |&frame| is_probe(frame) == probes)
    };
    let (timeouts, probes): (Vec<u32>, Vec<u32>) =
        (frames(false).collect(), frames(true).collect());
    let time: Duration = waits.iter().map(|one| one.silent).sum();
    let (kind, shown) = match (timeouts.as_slice(), probes.as_slice()) {
        ([], []) => return None,
        ([], probes) => (Kind::TailLoss, (probes, Shows::Probe)),
        (timeouts, _) => (Kind::Timeouts, (timeouts, Shows::Timer)),
    };
    let longest = waits.iter().map(|one| one.waited).max()?;
    Some(
        look.found(kind, side)
            .count("count", shown.0.len())
            .time("time", time)
            .time("longest", longest)
            .figure("part", Figure::Share(look.share(time)))
            // A timeout is a consequence; what was lost comes before it when both cost the same.
            .cost(time.min(repair_time(look, side)))
            .shown_by(shown.0, shown.1),
    )
}

fn spurious(look: &Look<'_>, side: Side) -> Option<Raw> {
    let mut frames = look.marked(side, Mark::Spurious);
    frames.retain(|&frame| {
        let segment = look.one.segments.get(look.place(frame));
        segment.is_some_and(|one| !is_syn(one) && one.len > 0)
    });
    if frames.is_empty() {
        return None;
    }
    let all = look.sent(side).retransmissions.max(1);
    Some(
        look.found(Kind::Spurious, side)
            .count("count", frames.len())
            .figure("share", Figure::Share(frames.len() as f64 / all as f64))
            .shown_by(&frames, Shows::InVain),
    )
}

fn corruption(look: &Look<'_>, side: Side, damaged: &[u32]) -> Option<Raw> {
    if damaged.is_empty() {
        return None;
    }
    let again = look.sent(side).retransmissions.max(1);
    let part = (damaged.len() as f64 / again as f64).min(1.0);
    let time = repair_time(look, side).mul_f64(part);
    let sent = look.sent(side).segments.max(1);
    Some(
        look.found(Kind::Corruption, side)
            .count("count", damaged.len())
            .figure("share", Figure::Share(damaged.len() as f64 / sent as f64))
            .cost(time)
            .shown_by(damaged, Shows::Damaged),
    )
}

/// Losses without SACK.
fn no_sack(look: &Look<'_>, side: Side, losses: &Losses<'_>) -> Option<Raw> {
    let syns = Side::BOTH.map(|side| look.sent(side).syn);
    let missing = Side::BOTH
        .into_iter()
        .zip(syns)
        .find_map(|(side, syn)| syn.is_some_and(|syn| !syn.sack_permitted).then_some(side))?;
    let all_told = syns.iter().all(Option::is_some);
    if !all_told || losses.again.len() < MANY || look.one.has_sack() {
        return None;
    }
    let syn = look.of(missing).find(|one| is_syn(one))?;
    let duplicates = look.of(side.other()).filter(|one| is_pure_ack(one));
    let duplicates = duplicates
        .filter(|one| one.marks.has(Mark::DuplicateAck))
        .count();
    Some(
        look.found(Kind::NoSack, missing)
            .count("count", losses.again.len())
            .count("duplicates", duplicates)
            .shown(syn.frame, Shows::NoOption),
    )
}
