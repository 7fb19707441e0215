//! One direction of a bad link: decides for each wire segment whether, when and how it arrives.
//! Knows time only as an argument, and nothing of devices.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use handfast_packet::buf::{Chunk, Medium, Payload, RxChecksum, RxFrame, TxFrame};
use handfast_packet::time::Instant;

use super::random::Random;
use super::spec::{LinkSpec, QUEUE_DEFAULT};
use crate::layout::{TcpLayout, headers_of, link_len};
use crate::split::{complete_checksum, complete_received};

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

/// What a link needs to know of a segment, and do to it.
pub(crate) trait WireSegment: Clone {
    /// Length in bytes, link header included.
    fn wire_len(&self) -> usize;
    /// Whether it is a TCP segment with payload.
    fn carries_data(&self, medium: Medium) -> bool;
    /// Flips one bit behind the link header, in a way that checksums can see.
    fn corrupt(&mut self, medium: Medium, random: u64);
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
    on_the_way: BinaryHeap<Entry<F>>,
    bytes: usize,
    statistics: LinkStatistics,
    next_order: u64,
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
            on_the_way: BinaryHeap::new(),
            bytes: 0,
            statistics: LinkStatistics::default(),
            next_order: 0,
        }
    }

    /// A segment enters at `now`.
    pub(crate) fn offer(&mut self, now: Instant, mut segment: F) {
        let dice = Dice::throw(&mut self.random);
        let in_burst = self.step_burst(&dice);
        self.statistics.segments += 1;
        if segment.carries_data(self.medium) {
            self.statistics.data_segments += 1;
            if self
                .spec
                .drop
                .binary_search(&self.statistics.data_segments)
                .is_ok()
            {
                self.statistics.chosen += 1;
                return;
            }
        }
        if self.spec.loss.happens(dice.loss) {
            self.statistics.lost += 1;
            return;
        }
        if in_burst {
            self.statistics.burst_lost += 1;
            return;
        }
        if self.spec.corrupt.happens(dice.corrupt) {
            self.statistics.corrupted += 1;
            segment.corrupt(self.medium, dice.bit);
        }
        if self.spec.duplicate.happens(dice.duplicate) {
            self.statistics.duplicated += 1;
            self.enqueue(now, segment.clone(), &dice);
        }
        self.enqueue(now, segment, &dice);
    }

    /// The next segment that has arrived by `now`, and when it did.
    pub(crate) fn pop_ready(&mut self, now: Instant) -> Option<(Instant, F)> {
        if self.next_ready()? > now {
            return None;
        }
        let entry = self.on_the_way.pop()?;
        self.bytes -= entry.segment.wire_len();
        self.statistics.delivered += 1;
        Some((entry.release, entry.segment))
    }

    /// When the next segment arrives.
    pub(crate) fn next_ready(&self) -> Option<Instant> {
        self.on_the_way.peek().map(|entry| entry.release)
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

    fn enqueue(&mut self, now: Instant, segment: F, dice: &Dice) {
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
        let on_time = sent + self.travel_time(dice);
        let release = match self.spec.reorder {
            Some(reorder) if reorder.probability.happens(dice.reorder) => {
                self.statistics.reordered += 1;
                on_time + reorder.hold
            }
            _ => {
                self.last_release = self.last_release.max(on_time);
                self.last_release
            }
        };
        self.bytes += len;
        self.on_the_way.push(Entry {
            release,
            order: self.next_order,
            segment,
        });
        self.next_order += 1;
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

/// A segment on its way. Ordered so that the heap gives out the earliest first, and of those that
/// arrive together the one that entered first.
#[derive(Debug)]
struct Entry<F> {
    release: Instant,
    order: u64,
    segment: F,
}

impl<F> Ord for Entry<F> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.release, other.order).cmp(&(self.release, self.order))
    }
}

impl<F> PartialOrd for Entry<F> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> PartialEq for Entry<F> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<F> Eq for Entry<F> {}

impl WireSegment for RxFrame {
    fn wire_len(&self) -> usize {
        self.data.len()
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(&self.data, medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) {
        // What the device vouched for is no longer true, so the true checksum must be there.
        let completed = match self.checksum {
            RxChecksum::Partial => complete_received(self, medium),
            RxChecksum::Unknown | RxChecksum::Verified => None,
        };
        let mut bytes = completed.unwrap_or_else(|| self.data.to_vec());
        if let Some((at, bit)) = pick_bit(bytes.len(), medium, random) {
            bytes[at] ^= bit;
        }
        self.data = Chunk::from(bytes);
        self.checksum = RxChecksum::Unknown;
    }
}

impl WireSegment for TxFrame {
    fn wire_len(&self) -> usize {
        self.len()
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(headers_of(self), medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) {
        // A device below that completed the checksum would hide the damage.
        complete_checksum(self);
        let Some((mut at, bit)) = pick_bit(self.len(), medium, random) else {
            return;
        };
        if at < self.head.len() {
            self.head.bytes_mut()[at] ^= bit;
            return;
        }
        at -= self.head.len();
        let mut body = Payload::new();
        for chunk in self.body.chunks() {
            let here = at < chunk.len();
            if here {
                let mut bytes = chunk.to_vec();
                bytes[at] ^= bit;
                body.push(Chunk::from(bytes));
            } else {
                body.push(chunk.clone());
            }
            at = if here {
                usize::MAX
            } else {
                at.saturating_sub(chunk.len())
            };
        }
        self.body = body;
    }
}

/// A byte behind the link header and one bit of it; `None` when there is nothing behind it.
fn pick_bit(len: usize, medium: Medium, random: u64) -> Option<(usize, u8)> {
    let start = link_len(medium);
    let count = u64::try_from(len.checked_sub(start)?)
        .ok()?
        .checked_mul(8)?;
    let bit = random.checked_rem(count)?;
    Some((start + usize::try_from(bit / 8).ok()?, 1 << (bit % 8)))
}

#[cfg(test)]
mod tests;
