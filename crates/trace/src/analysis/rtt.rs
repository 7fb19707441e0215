//! Round-trip times: samples, what they come to, and what is being timed.

use std::collections::VecDeque;
use std::time::Duration;

use handfast_packet::Instant;

/// Most segments of one direction that are timed at once; more in flight are not timed.
pub const TIMED_MAX: usize = 16_384;
/// Most samples that one direction of a connection keeps; of later ones only the least, the greatest,
/// their number and their sum are known.
pub const SAMPLES_KEPT_MAX: usize = 1_000_000;

/// One measured time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How long it took.
    pub time: Duration,
    /// The frame of the acknowledgment.
    pub frame: u32,
}

/// Samples and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rtt {
    samples: Vec<Sample>,
    count: u64,
    sum: Duration,
    least: Option<Duration>,
    greatest: Option<Duration>,
    smoothed: Option<Duration>,
}

impl Rtt {
    /// The samples in the order in which they were taken, at most [`SAMPLES_KEPT_MAX`].
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The shortest.
    pub fn min(&self) -> Option<Duration> {
        self.least
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        self.greatest
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.sum.as_nanos().checked_div(u128::from(self.count))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// The one in the middle of those that were kept; of two in the middle, the longer.
    pub fn median(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.samples.iter().map(|sample| sample.time).collect();
        let middle = times.len() / 2;
        if times.is_empty() {
            return None;
        }
        Some(*times.select_nth_unstable(middle).1)
    }

    /// The last value of the smoothed round-trip time (RFC 6298 2.3).
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    pub(super) fn add(&mut self, time: Duration, frame: u32) {
        if self.samples.len() < SAMPLES_KEPT_MAX {
            self.samples.push(Sample { time, frame });
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.least = Some(self.least.map_or(time, |least| least.min(time)));
        self.greatest = Some(self.greatest.map_or(time, |greatest| greatest.max(time)));
        self.smoothed = Some(self.smoothed.map_or(time, |old| (old * 7 + time) / 8));
    }
}

/// What one side has sent and the other not yet acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Timed {
    /// In the order of their ends.
    pending: VecDeque<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    start: u64,
    end: u64,
    at: Instant,
    /// Its acknowledgment tells nothing.
    is_void: bool,
}

impl Timed {
    /// New numbers passed.
    pub(super) fn sent(&mut self, start: u64, end: u64, at: Instant) {
        let in_order = self.pending.back().is_none_or(|last| last.end <= start);
        if in_order && self.pending.len() < TIMED_MAX {
            self.pending.push_back(Pending {
                start,
                end,
                at,
                is_void: false,
            });
        }
    }

    /// Something from `start` on came late or again: acknowledgments of all that is under way behind it
    /// may have waited for it.
    pub(super) fn held_up(&mut self, start: u64) {
        let first = self.pending.partition_point(|pending| pending.end <= start);
        for pending in self.pending.range_mut(first..) {
            pending.is_void = true;
        }
    }

    /// Everything before `ack` is acknowledged. Gives the time of the segment that ends there, if
    /// nothing that was acknowledged together with it was held up. One that is acknowledged in parts
    /// tells nothing: its last byte had its own time to leave, and the receiver its own to answer.
    pub(super) fn acked(&mut self, ack: u64, at: Instant) -> Option<Duration> {
        let mut sample = None;
        let mut is_void = false;
        while let Some(&pending) = self.pending.front()
            && pending.end <= ack
        {
            is_void |= pending.is_void;
            sample = (pending.end == ack).then_some(pending.at);
            self.pending.pop_front();
        }
        if let Some(front) = self.pending.front_mut() {
            front.is_void |= front.start < ack;
        }
        let sent_at = sample.filter(|_| !is_void)?;
        Some(at.duration_since(sent_at))
    }
}

/// Timestamps of one side that wait for their echo.
#[derive(Clone, Debug, Default)]
pub(super) struct Echoes {
    pending: VecDeque<(u32, Instant)>,
}

impl Echoes {
    /// A segment with this TSval passed; the first one with it counts.
    pub(super) fn sent(&mut self, value: u32, at: Instant) {
        let is_known = self.pending.back().is_some_and(|&(last, _)| last == value);
        if !is_known && self.pending.len() < TIMED_MAX {
            self.pending.push_back((value, at));
        }
    }

    /// The other side echoes `value`; gives the time if it does so for the first time.
    pub(super) fn echoed(&mut self, value: u32, at: Instant) -> Option<Duration> {
        while let Some(&(sent, sent_at)) = self.pending.front()
            && !crate::numbers::is_older(value, sent)
        {
            self.pending.pop_front();
            if sent == value {
                return Some(at.duration_since(sent_at));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn samples_come_to_their_figures() {
        let mut rtt = Rtt::default();
        assert_eq!((rtt.median(), rtt.mean(), rtt.min()), (None, None, None));
        for time in [30, 10, 20] {
            rtt.add(ms(time), 1);
        }
        assert_eq!(
            (rtt.min(), rtt.median(), rtt.max()),
            (Some(ms(10)), Some(ms(20)), Some(ms(30)))
        );
        assert_eq!((rtt.mean(), rtt.count()), (Some(ms(20)), 3));
    }

    #[test]
    fn what_was_held_up_tells_nothing() {
        let mut timed = Timed::default();
        for (start, time) in [(1, 0), (11, 1), (21, 2), (31, 3), (41, 4)] {
            timed.sent(start, start + 10, at(time));
        }
        assert_eq!(timed.acked(11, at(50)), Some(ms(50)));
        timed.held_up(25);
        assert_eq!(timed.acked(21, at(60)), Some(ms(59)), "it lies before");
        assert_eq!(timed.acked(31, at(60)), None);
        assert_eq!(timed.acked(51, at(70)), None, "it was under way");
        timed.sent(51, 61, at(71));
        timed.sent(61, 71, at(72));
        assert_eq!(timed.acked(61, at(80)), Some(ms(9)));
        assert_eq!(timed.acked(66, at(81)), None, "no segment ends there");
        assert_eq!(timed.acked(71, at(82)), None, "in parts");
    }

    #[test]
    fn each_timestamp_is_timed_by_its_first_echo() {
        let mut echoes = Echoes::default();
        for (value, time) in [(7, 0), (7, 1), (9, 3)] {
            echoes.sent(value, at(time));
        }
        assert_eq!(echoes.echoed(7, at(20)), Some(ms(20)));
        assert_eq!(echoes.echoed(7, at(21)), None);
        assert_eq!(echoes.echoed(8, at(22)), None);
        assert_eq!(echoes.echoed(9, at(23)), Some(ms(20)));
    }
}
