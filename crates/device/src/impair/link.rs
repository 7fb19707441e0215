//! One direction of a bad link: decides for each wire segment whether, when and how it arrives.
//! Knows time only as an argument, and nothing of devices.

use std::time::Duration;

use handfast_packet::buf::{Medium, Pool};
use handfast_packet::time::Instant;

use super::queue::{Bottleneck, Signal};
use super::random::Random;
use super::segment::WireSegment;
use super::spec::{LinkSpec, Mtu};
use super::transit::Transit;
use crate::layout::link_len;

/// Most segments on their way at once: 100 ms of full-size segments at 8 Gbit/s.
pub const LINK_SEGMENTS_MAX: usize = 65_536;
/// Most bytes on their way at once, for the same reason.
pub const LINK_BYTES_MAX: usize = 100 * 1_024 * 1_024;

/// What became of the segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Segments offered.
    pub segments: u64,
    /// Those of them that carry data.
    pub data_segments: u64,
    /// Dropped because their number was chosen.
    pub chosen: u64,
    /// Dropped because the link was down.
    pub cut_off: u64,
    /// Lost one by one.
    pub lost: u64,
    /// Lost in bursts.
    pub burst_lost: u64,
    /// Dropped because they were larger than the MTU, answered or not.
    pub too_big: u64,
    /// Those of them that were answered; the answers are segments of the other direction.
    pub answered: u64,
    /// Dropped early by the queue before the bottleneck.
    pub early: u64,
    /// Marked as having met congestion by that queue, or found marked when they were to be.
    pub marked: u64,
    /// Dropped because the queue before the bottleneck (or the link itself) was full.
    pub overflowed: u64,
    /// Damaged on the way; what has no checksum of its own (ARP) was dropped for it.
    pub corrupted: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Held back.
    pub reordered: u64,
    /// Come out at the far end, duplicates included.
    pub delivered: u64,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Link<F> {
    spec: LinkSpec,
    medium: Medium,
    random: Random,
    /// For the queue, which is younger than the other dice: it leaves them as they were.
    queue_random: Random,
    in_burst: bool,
    bottleneck: Bottleneck,
    /// When the last segment that was not held back arrives; those behind it arrive no earlier.
    last_release: Instant,
    on_the_way: Transit<F>,
    bytes: usize,
    statistics: LinkStatistics,
    /// The first moment that the link saw: its times count from there.
    begun: Option<Instant>,
    /// What was lost, as long as somebody wants to know.
    lost: Option<Vec<F>>,
}

impl<F: WireSegment> Link<F> {
    pub(crate) fn new(spec: LinkSpec, medium: Medium, random: Random) -> Self {
        Self {
            spec,
            medium,
            queue_random: random.branch(),
            random,
            in_burst: false,
            bottleneck: Bottleneck::default(),
            last_release: Instant::ZERO,
            on_the_way: Transit::new(),
            bytes: 0,
            statistics: LinkStatistics::default(),
            begun: None,
            lost: None,
        }
    }

    /// From now on, what is lost is kept until it is taken.
    pub(crate) fn keep_lost(&mut self) {
        self.lost = Some(Vec::new());
    }

    /// What was lost since the last call.
    pub(crate) fn take_lost(&mut self) -> Vec<F> {
        self.lost.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The link sees the time; its own times count from the first that it sees.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// A segment enters at `now`; returned is a frame that goes back to its sender, if any.
    /// `pool` is for bytes that must change.
    pub(crate) fn offer(&mut self, now: Instant, segment: F, pool: &mut Pool) -> Option<Vec<u8>> {
        let dice = Dice::throw(&mut self.random, &mut self.queue_random);
        let in_burst = self.step_burst(&dice);
        let chosen = self.count(&segment);
        let age = now.duration_since(*self.begun.get_or_insert(now));
        let faulty = self.spec.is_faulty(age);
        let statistics = &mut self.statistics;
        let lost = if !faulty {
            None
        } else if chosen {
            Some(&mut statistics.chosen)
        } else if self.spec.is_down(age) {
            Some(&mut statistics.cut_off)
        } else if self.spec.loss.happens(dice.loss) {
            Some(&mut statistics.lost)
        } else {
            in_burst.then_some(&mut statistics.burst_lost)
        };
        if let Some(counter) = lost {
            *counter += 1;
            self.lose(segment);
            return None;
        }
        if let Some(mtu) = self.exceeded(age, &segment) {
            return self.refuse(mtu, segment);
        }
        let arrival = Arrival { now, faulty, dice };
        self.damage(&arrival, segment, pool);
        None
    }

    /// The next segment that has arrived by `now`, and when it did.
    pub(crate) fn pop_ready(&mut self, now: Instant) -> Option<(Instant, F)> {
        if self.next_ready()? > now {
            return None;
        }
        let (release, segment) = self.on_the_way.pop()?;
        self.bytes -= segment.wire_len();
        self.statistics.delivered += 1;
        Some((release, segment))
    }

    /// When the next segment arrives.
    pub(crate) fn next_ready(&self) -> Option<Instant> {
        self.on_the_way.next_release()
    }

    pub(crate) fn statistics(&self) -> LinkStatistics {
        self.statistics
    }

    /// Whether this segment falls into a burst.
    fn step_burst(&mut self, dice: &Dice) -> bool {
        let Some(burst) = self.spec.burst else {
            return false;
        };
        let swallowed = self.in_burst || burst.start.happens(dice.burst_start);
        // Leaving with probability 1/n after each segment makes bursts n long on average.
        let ends = dice
            .burst_end
            .is_multiple_of(u64::from(burst.mean_len.get()));
        self.in_burst = swallowed && !ends;
        swallowed
    }

    /// Counts a segment that was offered; whether it was chosen to be dropped.
    fn count(&mut self, segment: &F) -> bool {
        self.statistics.segments += 1;
        if !segment.carries_data(self.medium) {
            return false;
        }
        self.statistics.data_segments += 1;
        let number = self.statistics.data_segments;
        self.spec.drop.binary_search(&number).is_ok()
    }

    /// The MTU that a segment is too large for.
    fn exceeded(&self, age: Duration, segment: &F) -> Option<Mtu> {
        let mtu = self.spec.mtu.filter(|mtu| age >= mtu.from)?;
        let longest = link_len(self.medium) + usize::from(mtu.bytes);
        (segment.wire_len() > longest).then_some(mtu)
    }

    /// Drops a segment that is too large, with an answer or without.
    fn refuse(&mut self, mtu: Mtu, mut segment: F) -> Option<Vec<u8>> {
        self.statistics.too_big += 1;
        self.lose(segment.clone());
        if !mtu.answer {
            return None;
        }
        let answer = segment.answer_too_big(self.medium, mtu.bytes);
        self.statistics.answered += u64::from(answer.is_some());
        answer
    }

    /// The end of a segment.
    fn lose(&mut self, segment: F) {
        if let Some(lost) = &mut self.lost {
            lost.push(segment);
        }
    }

    /// A segment that was not lost goes on, damaged and doubled maybe.
    fn damage(&mut self, arrival: &Arrival, mut segment: F, pool: &mut Pool) {
        let Arrival { faulty, dice, .. } = arrival;
        if *faulty && self.spec.corrupt.happens(dice.corrupt) {
            self.statistics.corrupted += 1;
            if !segment.corrupt(self.medium, dice.bit) {
                return self.lose(segment);
            }
        }
        if *faulty && self.spec.duplicate.happens(dice.duplicate) {
            self.statistics.duplicated += 1;
            self.enqueue(arrival, segment.clone(), pool);
        }
        self.enqueue(arrival, segment, pool);
    }

    /// A segment comes to the queue before the bottleneck.
    fn enqueue(&mut self, arrival: &Arrival, mut segment: F, pool: &mut Pool) {
        let Arrival { now, faulty, dice } = arrival;
        let marked = match self.bottleneck.signal(*now, &self.spec, dice.early) {
            Signal::Pass => Some(false),
            Signal::Mark => Some(segment.mark(self.medium, pool)),
            // Nobody marked the segment, so it is dropped unless faults are over.
            Signal::MarkOrDrop => {
                let marked = segment.mark(self.medium, pool);
                (marked || !faulty).then_some(marked)
            }
            Signal::Drop => (!faulty).then_some(false),
        };
        let Some(marked) = marked else {
            self.statistics.early += 1;
            return self.lose(segment);
        };
        let len = segment.wire_len();
        let full = self.on_the_way.len() >= LINK_SEGMENTS_MAX || self.bytes + len > LINK_BYTES_MAX;
        let sent = (!full).then(|| self.bottleneck.pass(*now, &self.spec, len));
        let Some(sent) = sent.flatten() else {
            self.statistics.overflowed += 1;
            return self.lose(segment);
        };
        self.statistics.marked += u64::from(marked);
        self.bytes += len;
        self.send(sent, arrival, segment);
    }

    /// A segment leaves the bottleneck.
    fn send(&mut self, sent: Instant, arrival: &Arrival, segment: F) {
        let Arrival { faulty, dice, .. } = arrival;
        let travel = if *faulty {
            self.travel_time(dice)
        } else {
            self.spec.delay
        };
        let on_time = sent + travel;
        let reorder = self.spec.reorder.filter(|_| *faulty);
        match reorder.filter(|reorder| reorder.probability.happens(dice.reorder)) {
            Some(reorder) => {
                self.statistics.reordered += 1;
                self.on_the_way.push_held(on_time + reorder.hold, segment);
            }
            None => {
                self.last_release = self.last_release.max(on_time);
                self.on_the_way.push(self.last_release, segment);
            }
        }
    }

    fn travel_time(&self, dice: &Dice) -> Duration {
        let jitter = u64::try_from(self.spec.jitter.as_nanos()).unwrap_or(u64::MAX / 4);
        let span = jitter.saturating_mul(2).saturating_add(1);
        let extra = Duration::from_nanos(dice.jitter % span);
        (self.spec.delay + extra).saturating_sub(self.spec.jitter)
    }
}

/// When a segment came, and what is to happen to it.
struct Arrival {
    now: Instant,
    /// Faults are not over yet.
    faulty: bool,
    dice: Dice,
}

/// All random numbers for one segment. Always all of them are drawn, so that changing one
/// parameter leaves the fate of segments by the others as it was.
struct Dice {
    loss: u64,
    burst_start: u64,
    burst_end: u64,
    corrupt: u64,
    bit: u64,
    duplicate: u64,
    jitter: u64,
    reorder: u64,
    early: u64,
}

impl Dice {
    fn throw(random: &mut Random, queue: &mut Random) -> Self {
        Self {
            loss: random.next(),
            burst_start: random.next(),
            burst_end: random.next(),
            corrupt: random.next(),
            bit: random.next(),
            duplicate: random.next(),
            jitter: random.next(),
            reorder: random.next(),
            early: queue.next(),
        }
    }
}

#[cfg(test)]
mod tests;
