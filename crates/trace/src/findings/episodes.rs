//! Silences in which a sender's timer ran out: what the path did meanwhile. One episode is from the
//! last thing that passed to the first answer after it.

use std::time::Duration;

use handfast_packet::Instant;

use super::look::{Look, is_reset, is_syn, text_end};
use crate::analysis::{Mark, Segment, Side};

/// A timer that ran out waited at least so long, however short the round trip is.
const WAIT_MIN: Duration = Duration::from_millis(5);
/// A dead path shows for so long, and in so many attempts without any answer.
const OUTAGE_MIN: Duration = Duration::from_millis(250);
const OUTAGE_FIRES: usize = 2;
/// So many full segments on their way do not vanish by chance.
const OUTAGE_FLIGHT: u64 = 3;
/// What is likelier than this may be chance.
const CHANCE_MIN: f64 = 1e-3;
/// Most silences of a sender that are looked into.
const SILENCES_MAX: usize = 256;
/// So often a large segment is sent before it counts as too large.
const HOLE_FIRES: usize = 2;

/// What an episode was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Segments were lost.
    Loss,
    /// Nothing passed at all.
    Outage,
    /// Only what is small passed.
    BlackHole,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) what: What,
    /// From the last thing that passed before.
    pub(super) from: Instant,
    /// When the sender got on, or the connection ended.
    pub(super) to: Instant,
    /// The frames that timers sent, the first one after `waited`.
    pub(super) fired: Vec<u32>,
    pub(super) waited: Duration,
    /// How long the timers were waited for in all.
    pub(super) silent: Duration,
    /// The frame of the answer.
    pub(super) answer: Option<u32>,
    /// The largest text that was lost, and the text with which it went on.
    pub(super) lost_len: u32,
    pub(super) went_on: Option<(u32, u32)>,
    /// Segments with later numbers that were out when the timer ran out.
    pub(super) behind: usize,
    /// The other side sent something meanwhile.
    heard: bool,
    /// Numbers outstanding at its beginning, as far as nobody has told that they arrived.
    flight: u64,
    start: u64,
    /// Behind the last number that was under way in it.
    end: u64,
}

impl Episode {
    pub(super) fn time(&self) -> Duration {
        self.to.duration_since(self.from)
    }

    /// Whether something was sent again because of it.
    pub(super) fn explains(&self, again: &Segment) -> bool {
        self.from <= again.at && (again.at <= self.to || again.seq < self.end)
    }
}

/// The episodes of what `side` sent.
pub(super) fn of(look: &Look<'_>, side: Side) -> Vec<Episode> {
    let (mut done, mut open): (Vec<Episode>, Option<Episode>) = (Vec::new(), None);
    let wait_min = look.path_rtt().max(WAIT_MIN);
    let mut acked = 0;
    let mut previous: Option<&Segment> = None;
    for (place, segment) in look.one.segments.iter().enumerate() {
        let quiet = previous.map_or(Duration::ZERO, |before| {
            segment.at.duration_since(before.at)
        });
        if segment.side == side {
            if is_timer(segment) && quiet >= wait_min {
                let episode = open.get_or_insert_with(|| begin(look, place, acked, quiet));
                episode.fired.push(segment.frame);
                episode.silent += quiet;
                episode.lost_len = episode.lost_len.max(segment.len);
            }
        } else if !is_reset(segment) {
            let is_progress = segment.ack > acked;
            acked = acked.max(segment.ack);
            if let Some(mut episode) = open.take() {
                if is_progress {
                    episode.to = segment.at;
                    episode.answer = Some(segment.frame);
                    episode.went_on = went_on(look, side, place, episode.start);
                    done.push(episode);
                } else {
                    episode.heard = true;
                    open = Some(episode);
                }
            }
        }
        previous = Some(segment);
    }
    if let Some(mut episode) = open {
        episode.to = look.one.ended;
        done.push(episode);
    }
    let full = look.one.full_segment(side).unwrap_or(1);
    for episode in &mut done {
        episode.what = what(look, side, full, episode);
    }
    done.extend(silences(look, side, full));
    done
}

/// Dead paths as they look behind them: a sender in full swing falls silent, and goes on with what its
/// timer sends: what had arrived already, or one segment alone, and then text behind a gap.
fn silences(look: &Look<'_>, side: Side, full: u64) -> Vec<Episode> {
    let segments = &look.one.segments;
    let rtt = look.path_rtt();
    let mut found = Vec::new();
    let quiet_before = |place: &usize| {
        let (before, first) = (&segments[*place], &segments[place + 1]);
        let quiet = first.at.duration_since(before.at);
        quiet >= OUTAGE_MIN && quiet >= rtt * 3 && first.side == side && first.len > 0
    };
    let places = 0..segments.len().saturating_sub(1);
    for place in places.filter(quiet_before).take(SILENCES_MAX) {
        let (before, first) = (&segments[place], &segments[place + 1]);
        let quiet = first.at.duration_since(before.at);
        let mut earlier = segments[..=place].iter().rev();
        let last = earlier.find(|one| one.side == side && one.len > 0);
        let was_going = last.is_some_and(|last| {
            u64::from(last.len) >= full && before.at.duration_since(last.at) <= rtt
        });
        let is_in_vain = is_timer(first) && first.marks.has(Mark::Spurious);
        let mut behind = segments[place + 2..].iter();
        let soon = |one: &&Segment| one.at.duration_since(first.at) <= rtt * 4;
        let gap = behind.find(|one| one.side == side && one.len > 0);
        let gap = gap.filter(|one| soon(one) && one.marks.has(Mark::Gap));
        let is_known = |one: &Segment| segments[..=place].iter().any(|each| each.seq == one.seq);
        let smaller = was_going.then(|| smaller_from(look, side, place)).flatten();
        if !was_going || smaller.is_none() && gap.is_none() && !(is_in_vain && is_known(first)) {
            continue;
        }
        // What the sender knows to be outstanding is an episode of its own, seen from its side.
        if segments[..=place].iter().rev().any(|one| {
            one.side == side
                && one.in_flight > 0
                && text_end(one) > before.ack
                && before.side != side
        }) {
            continue;
        }
        let answer = segments[place + 2..].iter().find(|one| one.side != side);
        found.push(Episode {
            what: match smaller {
                Some(_) => What::BlackHole,
                None => What::Outage,
            },
            from: before.at,
            to: first.at,
            fired: vec![first.frame],
            waited: quiet,
            silent: quiet,
            answer: answer.map(|one| one.frame),
            lost_len: last.map_or(first.len, |last| last.len),
            went_on: smaller.map(|len| (first.frame, len)),
            behind: 0,
            heard: false,
            flight: 0,
            start: first.seq,
            end: gap.map_or(first.seq, |gap| gap.seq),
        });
    }
    found
}

/// The size that a sender kept to from a place on, where all that it had sent in full before was larger.
fn smaller_from(look: &Look<'_>, side: Side, place: usize) -> Option<u32> {
    let texts = |some: &[Segment]| {
        let own = some.iter().filter(|one| one.side == side && one.len > 0);
        own.map(|one| one.len).max()
    };
    let (before, behind) = look.one.segments.split_at(place + 1);
    let (large, small) = (texts(before)?, texts(behind)?);
    let all: u64 = behind
        .iter()
        .filter(|one| one.side == side)
        .map(|one| u64::from(one.len))
        .sum();
    let is_less = u64::from(small) * 50 < u64::from(large) * 49;
    (is_less && all > 3 * u64::from(large)).then_some(small)
}

fn is_timer(segment: &Segment) -> bool {
    let by_timer = [Mark::TimeoutRetransmission, Mark::TailLossProbe];
    by_timer.iter().any(|&mark| segment.marks.has(mark)) && !is_syn(segment)
}

fn begin(look: &Look<'_>, place: usize, acked: u64, quiet: Duration) -> Episode {
    let segments = &look.one.segments;
    let first = &segments[place];
    let from = Instant::from_nanos(
        first.at.as_nanos() - u64::try_from(quiet.as_nanos()).unwrap_or_default(),
    );
    let before = segments[..place].iter().rev();
    // Who repeats an ACK has got what came behind the hole: no more than that is on its way.
    let mut heard = before.clone().filter(|one| one.side != first.side);
    let is_hole = heard
        .next()
        .is_some_and(|one| one.marks.has(Mark::DuplicateAck));
    let own = before.filter(|one| one.side == first.side && one.len > 0);
    let outstanding = own.take_while(|one| text_end(one) > acked);
    let behind = outstanding
        .clone()
        .filter(|one| one.seq > first.seq)
        .count();
    let highest = outstanding.clone().map(text_end).max().unwrap_or(0);
    let lost_len = outstanding.map(|one| one.len).max().unwrap_or(0);
    Episode {
        what: What::Loss,
        from,
        to: first.at,
        fired: Vec::new(),
        waited: quiet,
        silent: Duration::ZERO,
        answer: None,
        lost_len,
        went_on: None,
        behind,
        heard: false,
        flight: if is_hole { 0 } else { first.in_flight.into() },
        start: first.seq,
        end: highest,
    }
}

/// The frame and the length of what was acknowledged at last.
fn went_on(look: &Look<'_>, side: Side, place: usize, start: u64) -> Option<(u32, u32)> {
    let before = look.one.segments[..place].iter().rev();
    let mut own = before.filter(|one| one.side == side && one.len > 0);
    let last = own.find(|one| one.seq <= start && start < text_end(one))?;
    Some((last.frame, last.len))
}

fn what(look: &Look<'_>, side: Side, full: u64, episode: &Episode) -> What {
    if is_black_hole(look, side, episode) {
        return What::BlackHole;
    }
    let is_many = episode.flight >= OUTAGE_FLIGHT * full || !may_be_chance(look, side, episode);
    let is_long = episode.time() >= OUTAGE_MIN && episode.fired.len() >= OUTAGE_FIRES;
    if is_many && is_long && !episode.heard {
        return What::Outage;
    }
    What::Loss
}

/// Whether so many attempts in a row may have been lost by chance, where so much is lost.
fn may_be_chance(look: &Look<'_>, side: Side, episode: &Episode) -> bool {
    let sent = look.sent(side);
    let fired = u64::try_from(episode.fired.len()).unwrap_or(u64::MAX);
    let others = sent.retransmissions.saturating_sub(fired).max(1);
    let share = others as f64 / sent.text_segments.max(1) as f64;
    let row = i32::try_from(episode.fired.len()).unwrap_or(i32::MAX);
    row <= 2 || share.powi(row) > CHANCE_MIN
}

/// Whether what was too large never passed and what is smaller does: the sender went on with less, or
/// never did though less had passed before.
fn is_black_hole(look: &Look<'_>, side: Side, episode: &Episode) -> bool {
    if episode.fired.len() < HOLE_FIRES {
        return false;
    }
    let full = look.one.full_segment(side).unwrap_or(1);
    let large = u32::try_from(full).map_or(episode.lost_len, |full| full.min(episode.lost_len));
    // Of super-segments it is not known in which sizes they left.
    let has_super = u64::from(look.sent(side).text_max) > full;
    let acked_later = |one: &&Segment| one.at > episode.to && one.len >= large && !has_super;
    match episode.went_on {
        // It never sends so much again, having sent more than once what it went on with.
        Some((_, len)) => {
            let is_less = len < large && u64::from(large - len) >= u64::from(large) / 50;
            is_less && !look.of(side).any(|one| acked_later(&one))
        }
        None => {
            let before = look.of(side).take_while(|one| one.at <= episode.from);
            let passed = before.filter(|one| one.len > 0 && text_end(one) <= episode.start);
            let largest = passed.map(|one| one.len).max();
            let is_heard = episode.heard || largest.is_some_and(|largest| largest > 0);
            is_heard && largest.is_none_or(|largest| largest < large) && episode.lost_len > 500
        }
    }
}
