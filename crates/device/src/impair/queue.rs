//! The bottleneck of one direction and the queue before it: what finds room, what is dropped or
//! marked early, and when it has been sent.

use std::time::Duration;

use handfast_packet::time::Instant;

use super::spec::{LinkSpec, QUEUE_DEFAULT, Red};

/// The weight of each segment in the average length is one in two to this power.
const WEIGHT_SHIFT: u32 = 9;
/// So many segments of silence halve the average at that weight.
const HALF_LIFE: u64 = 355;
/// Bytes of the segments by which silence is measured.
const TYPICAL_LEN: u64 = 1_500;
const SECOND: u128 = 1_000_000_000;
const PPM: u64 = 1_000_000;

/// The bottleneck.
#[derive(Debug, Default)]
pub(crate) struct Bottleneck {
    /// When everything that waits will have been sent.
    busy_until: Instant,
    /// Average length of the queue in bytes, shifted left by the weight.
    average: u64,
    /// Segments between the thresholds since the last that was dropped or marked early.
    spared: u64,
}

/// What the queue wants to be done with a segment that comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Pass,
    /// Marked if it is ECN-capable.
    Mark,
    /// Marked if it is ECN-capable, else dropped.
    MarkOrDrop,
    Drop,
}

impl Bottleneck {
    /// What the queue wants for a segment that comes at `now`, given an evenly distributed number.
    pub(crate) fn signal(&mut self, now: Instant, spec: &LinkSpec, random: u64) -> Signal {
        let Some(rate) = spec.rate else {
            return Signal::Pass;
        };
        if spec.red.is_none() && spec.mark.is_none() {
            return Signal::Pass;
        }
        let waiting = u64::try_from(self.waiting(now, rate.get()) / 8).unwrap_or(u64::MAX);
        let early = spec.red.is_some_and(|red| {
            self.update_average(now, waiting, rate.get());
            self.is_early(red, random)
        });
        match spec.red {
            Some(red) if early && self.average >> WEIGHT_SHIFT >= red.max => Signal::Drop,
            Some(red) if early && red.ecn => Signal::MarkOrDrop,
            Some(_) if early => Signal::Drop,
            _ if spec.mark.is_some_and(|mark| waiting > mark) => Signal::Mark,
            _ => Signal::Pass,
        }
    }

    /// When the last bit of `len` bytes has left; `None` when the queue is full.
    pub(crate) fn pass(&mut self, now: Instant, spec: &LinkSpec, len: usize) -> Option<Instant> {
        let Some(rate) = spec.rate else {
            return Some(now);
        };
        let bits = 8 * u128::try_from(len).expect("a length fits into 128 bits");
        let waiting = self.waiting(now, rate.get());
        let limit = 8 * u128::from(spec.queue.unwrap_or(QUEUE_DEFAULT));
        // A segment that finds the queue empty is on the wire at once, whatever the limit.
        if waiting > 0 && waiting + bits > limit {
            return None;
        }
        let nanos = (bits * SECOND).div_ceil(u128::from(rate.get()));
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.busy_until = self.busy_until.max(now) + Duration::from_nanos(nanos);
        Some(self.busy_until)
    }

    /// Bits that wait.
    fn waiting(&self, now: Instant, rate: u64) -> u128 {
        self.busy_until.duration_since(now).as_nanos() * u128::from(rate) / SECOND
    }

    fn update_average(&mut self, now: Instant, waiting: u64, rate: u64) {
        if waiting > 0 {
            self.average = self.average - (self.average >> WEIGHT_SHIFT) + waiting;
            return;
        }
        // As if so many segments as could have been sent meanwhile had found the queue empty.
        let idle = now.duration_since(self.busy_until).as_nanos() * u128::from(rate) / SECOND;
        let missed = u64::try_from(idle).unwrap_or(u64::MAX) / (8 * TYPICAL_LEN) + 1;
        let halved = u32::try_from(missed / HALF_LIFE).ok();
        let left = halved.and_then(|halved| self.average.checked_shr(halved));
        let left = left.unwrap_or(0);
        // Between halvings, a straight line is close enough.
        let part = u128::from(left) * u128::from(missed % HALF_LIFE) / u128::from(2 * HALF_LIFE);
        self.average = left - u64::try_from(part).expect("less than half of `left`");
    }

    /// Whether a segment is to be dropped or marked early. The probability rises with every one
    /// that was spared, so that the gaps between them are even.
    fn is_early(&mut self, red: Red, random: u64) -> bool {
        let average = self.average >> WEIGHT_SHIFT;
        if average < red.min {
            self.spared = 0;
            return false;
        }
        if average >= red.max {
            self.spared = 0;
            return true;
        }
        let ppm = u64::from(red.probability.ppm());
        let part = u128::from(ppm) * u128::from(average - red.min) / u128::from(red.max - red.min);
        let ppm = u64::try_from(part).expect("no more than the probability itself");
        let early = match PPM.checked_sub(self.spared.saturating_mul(ppm)) {
            Some(rest @ 1..) => random % PPM < ppm * PPM / rest,
            _ => true,
        };
        self.spared = if early { 0 } else { self.spared + 1 };
        early
    }
}

#[cfg(test)]
mod tests;
