//! Findings about pace: what limited a sender that nothing went wrong for, and what round trips tell
//! of queues.

use std::time::Duration;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_pure_ack, is_syn, quantiles, text_end};
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{Limitation, Mark, Segment, Side};

/// Fewer samples tell nothing about how round trips vary.
const SAMPLES_MIN: usize = 16;
/// Round trips vary when so much lies between the tenth and the ninetieth of a hundred (in seconds, and
/// as a part of the middle), when such a part of that lies below the middle, and when neighbours differ
/// by such a part.
const SPREAD_MIN: f64 = 0.005;
const SPREAD_PART: f64 = 0.1;
const LOWER_PART: f64 = 0.25;
const STEP_PART: f64 = 0.1;
/// A queue is bloated when it makes most round trips so many times as long, and by so much.
const BLOAT_FACTOR: u32 = 3;
const BLOAT_MIN: Duration = Duration::from_millis(40);
/// With more losses than this the queue has an end.
const BLOAT_LOSS: f64 = 0.01;
/// A queue stands when round trips are so many times the shortest.
const STANDING_FACTOR: f64 = 1.2;
/// The application is told of when it was waited for so long, and such a part of the time.
const THOUGHT_MIN: Duration = Duration::from_millis(100);
const THOUGHT_PART: f64 = 0.25;
/// A sender that was held back by its congestion window for such a part, and for so many round trips.
const HELD_PART: f64 = 0.5;
const HELD_ROUNDS: u32 = 15;

pub(super) fn find(look: &Look<'_>, lone: [bool; 2], found: &mut Vec<Raw>) {
    for side in Side::BOTH {
        let is = |found: &[Raw], kinds: &[Kind]| found.iter().any(|raw| kinds.contains(&raw.kind));
        if is(found, &[Kind::SlowReceiver]) {
            break;
        }
        found.extend(bufferbloat(look, side));
        if is_noisy(look, side) && !is(found, &[Kind::QueueOverflow, Kind::Bufferbloat]) {
            found.extend(jitter(look, side));
        }
        let explained = [
            Kind::QueueOverflow,
            Kind::Bufferbloat,
            Kind::Loss,
            Kind::BurstLoss,
            Kind::Outage,
            Kind::BlackHole,
            Kind::Timeouts,
            // A sender that spreads its segments out never fills a window to the last byte.
            Kind::NoWindowScaling,
        ];
        if !is(found, &explained) {
            found.extend(held_back(look, side));
        }
    }
    let (thoughts, lost) = thoughts(look, lone);
    found.extend(application(look, &thoughts));
    let ends = Side::BOTH.into_iter();
    found.extend(ends.filter_map(|side| lost_ends(look, side, &lost)));
}

/// Whether round trips of what `side` sends vary at random: to both sides of the middle, and from one
/// to the next. Of single segments they do so by delayed ACKs; those do not count.
pub(super) fn is_noisy(look: &Look<'_>, side: Side) -> bool {
    let flight_min = look.one.full_segment(side).unwrap_or(1) * 2;
    let samples = look.rtt(side).samples().iter();
    let of_many = samples.filter(|one| flight_before(look, side, one.frame) >= flight_min);
    let times: Vec<f64> = of_many.map(|one| one.time.as_secs_f64()).collect();
    let mut sorted = times.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    if times.len() < SAMPLES_MIN {
        return false;
    }
    let [low, middle, high] = [1, 5, 9].map(|tenths| sorted[(sorted.len() - 1) * tenths / 10]);
    let spread = high - low;
    let steps = times.windows(2).map(|two| (two[0] - two[1]).abs());
    let step = steps.sum::<f64>() / (times.len() - 1) as f64;
    spread >= SPREAD_MIN
        && spread >= middle * SPREAD_PART
        && middle - low >= spread * LOWER_PART
        && step >= spread * STEP_PART
}

fn jitter(look: &Look<'_>, side: Side) -> Option<Raw> {
    let rtt = look.rtt(side);
    let [low, middle, high] = quantiles(rtt, [0.1, 0.5, 0.9])?;
    let mut samples: Vec<_> = rtt.samples().iter().collect();
    samples.sort_unstable_by_key(|sample| sample.time);
    let (first, last) = (samples.first()?, samples.last()?);
    Some(
        look.found(Kind::Jitter, side)
            .time("low", low)
            .time("middle", middle)
            .time("high", high)
            .shown_with(
                first.frame,
                Shows::RoundTrip,
                Some(Figure::Time(first.time)),
            )
            .shown_with(last.frame, Shows::RoundTrip, Some(Figure::Time(last.time))),
    )
}

fn bufferbloat(look: &Look<'_>, side: Side) -> Option<Raw> {
    let sent = look.sent(side);
    let rtt = look.rtt(side);
    let [high] = quantiles(rtt, [0.75])?;
    let least = rtt.min()?;
    let is_long = high >= least * BLOAT_FACTOR && high >= least + BLOAT_MIN;
    let lost = sent
        .retransmissions
        .saturating_sub(sent.count(Mark::Spurious));
    let loss = lost as f64 / sent.text_segments.max(1) as f64;
    if rtt.samples().len() < SAMPLES_MIN || !is_long || loss > BLOAT_LOSS {
        return None;
    }
    let mut samples: Vec<_> = rtt.samples().iter().collect();
    samples.sort_by_key(|sample| sample.time);
    let quarter = samples.len() / 4;
    let flights = |some: &[&crate::analysis::Sample]| -> u64 {
        let all = some
            .iter()
            .map(|sample| flight_before(look, side, sample.frame));
        all.sum::<u64>() / some.len().max(1) as u64
    };
    let (few, many) = (
        flights(&samples[..quarter]),
        flights(&samples[samples.len() - quarter..]),
    );
    if many * 2 < few * 3 {
        return None;
    }
    let (first, last) = (samples.first()?, samples.last()?);
    let mut raw = look
        .found(Kind::Bufferbloat, side)
        .time("least", least)
        .time("high", high)
        .figure(
            "times",
            Figure::Ratio(high.as_secs_f64() / least.as_secs_f64()),
        )
        .figure("flight", Figure::Bytes(sent.in_flight_max))
        .cost(high - least)
        .shown_with(
            first.frame,
            Shows::RoundTrip,
            Some(Figure::Time(first.time)),
        )
        .shown_with(last.frame, Shows::RoundTrip, Some(Figure::Time(last.time)));
    if let Some(rate) = look.one.goodput(side) {
        raw = raw.figure("rate", Figure::Rate(rate));
    }
    Some(raw)
}

/// What `side` had outstanding when a frame passed.
fn flight_before(look: &Look<'_>, side: Side, frame: u32) -> u64 {
    let before = look.one.segments[..look.place(frame)].iter().rev();
    let mut own = before.filter(|one| one.side == side && one.len > 0);
    own.next().map_or(0, |one| one.in_flight.into())
}

/// A long transfer without trouble: the path was full, or the sender held itself back.
fn held_back(look: &Look<'_>, side: Side) -> Option<Raw> {
    let time = look.limited(side, Limitation::CongestionWindow);
    let active = look.active(side);
    let part = time.as_secs_f64() / active.as_secs_f64().max(f64::MIN_POSITIVE);
    let rtt = look.path_rtt();
    if part < HELD_PART || active < rtt * HELD_ROUNDS || active < THOUGHT_MIN {
        return None;
    }
    let rate = look.one.goodput(side)?;
    let [middle, high] = quantiles(look.rtt(side), [0.5, 0.75])?;
    let least = look.rtt(side).min()?;
    let stands = high.as_secs_f64() >= STANDING_FACTOR * least.as_secs_f64()
        && high >= least + Duration::from_millis(1)
        && !is_noisy(look, side);
    let is_full = stands || (look.is_near(side.other()) && is_even(look, side));
    let kind = if is_full {
        Kind::PathRate
    } else {
        Kind::CongestionWindow
    };
    let spans = look.limits(side).iter();
    let held = spans.filter(|span| span.by == Limitation::CongestionWindow);
    let held: Vec<u32> = held
        .filter_map(|span| {
            let own = look.one.segments.partition_point(|one| one.at <= span.from);
            let before = look.one.segments[..own].iter().rev();
            before.clone().find(|one| one.side == side && one.len > 0)
        })
        .map(|one| one.frame)
        .collect();
    Some(
        look.found(kind, side)
            .figure("rate", Figure::Rate(rate))
            .figure("part", Figure::Share(part.min(1.0)))
            .time("time", time)
            .time("rtt", middle)
            .time("least", least)
            .figure("flight", Figure::Bytes(look.sent(side).in_flight_max))
            .cost(time)
            .shown_by(&held, Shows::Text),
    )
}

/// Whether full segments of `side` came at even distances, as a bottleneck lets them.
fn is_even(look: &Look<'_>, side: Side) -> bool {
    let full = look.one.full_segment(side).unwrap_or(1);
    let texts: Vec<&Segment> = look
        .of(side)
        .filter(|one| u64::from(one.len) == full)
        .collect();
    let pairs = texts
        .windows(2)
        .map(|two| two[1].at.duration_since(two[0].at));
    let mut gaps: Vec<Duration> = pairs.collect();
    gaps.sort_unstable();
    let at = |part: usize| gaps.get(gaps.len() * part / 4).copied();
    let (Some(low), Some(middle), Some(high)) = (at(1), at(2), at(3)) else {
        return false;
    };
    middle >= Duration::from_micros(30) && high - low <= middle.mul_f64(0.3)
}

/// Times in which nothing was under way and nothing stood in the way: somebody thought.
fn application(look: &Look<'_>, thoughts: &[Thought]) -> Option<Raw> {
    let time_of = |side: Side| -> Duration {
        let own = thoughts.iter().filter(|one| one.by == side);
        own.map(|one| one.time).sum()
    };
    let side = Side::BOTH.into_iter().max_by_key(|&side| time_of(side))?;
    let time = time_of(side);
    let part = look.share(time);
    if time < THOUGHT_MIN || part < THOUGHT_PART {
        return None;
    }
    let own: Vec<&Thought> = thoughts.iter().filter(|one| one.by == side).collect();
    let longest = own.iter().map(|one| one.time).max()?;
    let frames: Vec<u32> = own.iter().map(|one| one.frame).collect();
    Some(
        look.found(Kind::Application, side)
            .count("count", own.len())
            .time("time", time)
            .time("longest", longest)
            .figure("part", Figure::Share(part))
            .cost(time)
            .shown_by(&frames, Shows::GoesOn),
    )
}

/// Who fell silent because its last text had been lost on its way here, the frame that came at last,
/// and after how long.
type LostEnd = (Side, u32, Duration);

/// The last text of a flight was lost before it came here: nothing told of it but the numbers of
/// packets.
fn lost_ends(look: &Look<'_>, side: Side, lost: &[LostEnd]) -> Option<Raw> {
    let own = lost.iter().filter(|one| one.0 == side);
    let frames: Vec<u32> = own.clone().map(|one| one.1).collect();
    let time = own.map(|one| one.2).sum();
    (!frames.is_empty()).then(|| {
        look.found(Kind::TailLoss, side)
            .count("count", frames.len())
            .time("time", time)
            .cost(time)
            .shown_by(&frames, Shows::Timer)
    })
}

/// A time without anything under way.
struct Thought {
    time: Duration,
    /// Who broke the silence, and with which frame.
    by: Side,
    frame: u32,
}

/// All of them, and silences of a side whose text was lost on its way here.
fn thoughts(look: &Look<'_>, lone: [bool; 2]) -> (Vec<Thought>, Vec<LostEnd>) {
    let mut lost = Vec::new();
    let least = (look.path_rtt() * 2).max(Duration::from_millis(20));
    let (mut next, mut acked, mut window) = ([0_u64; 2], [0_u64; 2], [u32::MAX; 2]);
    let mut thoughts = Vec::new();
    let mut before: Option<&Segment> = None;
    for one in &look.one.segments {
        let (own, other) = (
            usize::from(one.side == Side::B),
            usize::from(one.side == Side::A),
        );
        let is_quiet = (0..2).all(|side| next[side] <= acked[side] && next[side] > 0);
        let full = look.one.full_segment(one.side).unwrap_or(1).min(1_000);
        let is_open = u64::from(window[other]) >= full;
        let is_again = one.marks.retransmission().is_some();
        let probes = [Mark::KeepAlive, Mark::ZeroWindowProbe];
        let is_plain = !is_again && !probes.iter().any(|&mark| one.marks.has(mark));
        let is_new = one.len > 0 && text_end(one) > next[own] || one.len == 0 && !is_pure_ack(one);
        if let Some(before) = before
            && is_quiet
            && is_open
            && is_plain
            && is_new
        {
            let time = one.at.duration_since(before.at);
            // By its number it is not the first that was sent: the others were lost on their way here.
            let was_lost = lone[own] && one.marks.has(Mark::PacketsMissing);
            if time >= least && was_lost {
                lost.push((one.side, one.frame, time));
            } else if time >= least {
                thoughts.push(Thought {
                    time: time - look.one.near_time(one.side).min(time),
                    by: one.side,
                    frame: one.frame,
                });
            }
        }
        let end = text_end(one)
            + u64::from(is_syn(one) || one.flags.contains(handfast_packet::tcp::TcpFlags::FIN));
        if is_plain {
            next[own] = next[own].max(end);
        }
        acked[other] = acked[other].max(one.ack);
        window[own] = one.window;
        // Keep-alives and their answers do not end a silence.
        if is_plain && !one.marks.has(Mark::KeepAliveAck) {
            before = Some(one);
        }
    }
    (thoughts, lost)
}
