//! One direction of a bad link: decides for each wire segment whether, when and how it arrives.
//! Knows time only as an argument, and nothing of devices.

use std::time::Duration;

use handfast_packet::buf::Medium;
use handfast_packet::time::Instant;

use super::random::Random;
use super::segment::WireSegment;
use super::spec::{LinkSpec, QUEUE_DEFAULT};
use super::transit::Transit;

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
    /// Dropped because the queue before the bottleneck (or the link itself) was full.
    pub overflowed: u64,
    /// Damaged on the way.
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
    in_burst: bool,
    /// When the bottleneck will have sent everything that waits before it.
    busy_until: Instant,
    /// When the last segment that was not held back arrives; those behind it arrive no earlier.
    last_release: Instant,
    on_the_way: Transit<F>,
    bytes: usize,
    statistics: LinkStatistics,
    /// The first moment that the link saw: its times count from there.
    begun: Option<Instant>,
}

impl<F: WireSegment> Link<F> {
    pub(crate) fn new(spec: LinkSpec, medium: Medium, random: Random) -> Self {
        Self {
            spec,
            medium,
            random,
            in_burst: false,
            busy_until: Instant::ZERO,
            last_release: Instant::ZERO,
            on_the_way: Transit::new(),
            bytes: 0,
            statistics: LinkStatistics::default(),
            begun: None,
        }
    }

    /// The link sees the time; its own times count from the first that it sees.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// A segment enters at `now`.
    pub(crate) fn offer(&mut self, now: Instant, segment: F) {
        let dice = Dice::throw(&mut self.random);
        let in_burst = self.step_burst(&dice);
        let chosen = self.count(&segment);
        let age = now.duration_since(*self.begun.get_or_insert(now));
        if !self.spec.is_faulty(age) {
            self.enqueue(now, segment, None);
            return;
        }
        let statistics = &mut self.statistics;
        let dropped = if chosen {
            &mut statistics.chosen
        } else if self.spec.is_down(age) {
            &mut statistics.cut_off
        } else if self.spec.loss.happens(dice.loss) {
            &mut statistics.lost
        } else if in_burst {
            &mut statistics.burst_lost
        } else {
            self.pass(now, segment, &dice);
            return;
        };
        *dropped += 1;
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

    /// A segment that was not lost goes on, damaged and doubled maybe.
    fn pass(&mut self, now: Instant, mut segment: F, dice: &Dice) {
        if self.spec.corrupt.happens(dice.corrupt) {
            self.statistics.corrupted += 1;
            segment.corrupt(self.medium, dice.bit);
        }
        if self.spec.duplicate.happens(dice.duplicate) {
            self.statistics.duplicated += 1;
            self.enqueue(now, segment.clone(), Some(dice));
        }
        self.enqueue(now, segment, Some(dice));
    }

    /// A segment comes to the bottleneck, with dice while there are faults.
    fn enqueue(&mut self, now: Instant, segment: F, dice: Option<&Dice>) {
        let len = segment.wire_len();
        let full = self.on_the_way.len() >= LINK_SEGMENTS_MAX || self.bytes + len > LINK_BYTES_MAX;
        let passed = if full {
            None
        } else {
            self.pass_bottleneck(now, len)
        };
        let Some(sent) = passed else {
            self.statistics.overflowed += 1;
            return;
        };
        self.bytes += len;
        let on_time = sent + dice.map_or(self.spec.delay, |dice| self.travel_time(dice));
        match (self.spec.reorder, dice) {
            (Some(reorder), Some(dice)) if reorder.probability.happens(dice.reorder) => {
                self.statistics.reordered += 1;
                self.on_the_way.push_held(on_time + reorder.hold, segment);
            }
            _ => {
                self.last_release = self.last_release.max(on_time);
                self.on_the_way.push(self.last_release, segment);
            }
        }
    }

    /// When the last bit has left the bottleneck; `None` when the queue before it is full.
    fn pass_bottleneck(&mut self, now: Instant, len: usize) -> Option<Instant> {
        const SECOND: u128 = 1_000_000_000;
        let Some(rate) = self.spec.rate else {
            return Some(now);
        };
        let rate = u128::from(rate.get());
        let bits = 8 * u128::try_from(len).expect("a length fits into 128 bits");
        let waiting = self.busy_until.duration_since(now).as_nanos() * rate / SECOND;
        let limit = 8 * u128::from(self.spec.queue.unwrap_or(QUEUE_DEFAULT));
        // A segment that finds the queue empty is on the wire at once, whatever the limit.
        if waiting > 0 && waiting + bits > limit {
            return None;
        }
        let nanos = u64::try_from((bits * SECOND).div_ceil(rate)).unwrap_or(u64::MAX);
        self.busy_until = self.busy_until.max(now) + Duration::from_nanos(nanos);
        Some(self.busy_until)
    }

    fn travel_time(&self, dice: &Dice) -> Duration {
        let jitter = u64::try_from(self.spec.jitter.as_nanos()).unwrap_or(u64::MAX / 4);
        let span = jitter.saturating_mul(2).saturating_add(1);
        let extra = Duration::from_nanos(dice.jitter % span);
        (self.spec.delay + extra).saturating_sub(self.spec.jitter)
    }
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
}

impl Dice {
    fn throw(random: &mut Random) -> Self {
        Self {
            loss: random.next(),
            burst_start: random.next(),
            burst_end: random.next(),
            corrupt: random.next(),
            bit: random.next(),
            duplicate: random.next(),
            jitter: random.next(),
            reorder: random.next(),
        }
    }
}

#[cfg(test)]
mod tests;
