//! Round-trip times from the bytes that we sent and their acknowledgments, as a bystander can
//! measure them: at the device, without the stack's own delays.

use std::collections::VecDeque;
use std::time::Duration;

use handfast_packet::Instant;

/// Most segments timed at once; more in flight are not timed.
pub const SAMPLES_MAX: usize = 32;

/// The smoothed round-trip time (RFC 6298) and the smallest.
#[derive(Debug, Default)]
pub(super) struct Rtt {
    /// Ends of sent segments and when they went, oldest first.
    pending: VecDeque<(u64, Instant)>,
    smoothed: Option<Duration>,
    least: Option<Duration>,
}

impl Rtt {
    /// New bytes up to `end` went out.
    pub(super) fn sent(&mut self, end: u64, at: Instant) {
        if self.pending.len() < SAMPLES_MAX {
            self.pending.push_back((end, at));
        }
    }

    /// Something was sent again: what is in flight tells nothing (Karn's rule).
    pub(super) fn forget(&mut self) {
        self.pending.clear();
    }

    /// Everything before `ack` was acknowledged.
    pub(super) fn acked(&mut self, ack: u64, at: Instant) {
        let mut sample = None;
        while let Some((end, sent_at)) = self.pending.front().copied()
            && end <= ack
        {
            sample = Some(at.duration_since(sent_at));
            self.pending.pop_front();
        }
        let Some(sample) = sample else { return };
        self.least = Some(self.least.map_or(sample, |least| least.min(sample)));
        self.smoothed = Some(self.smoothed.map_or(sample, |old| (old * 7 + sample) / 8));
    }

    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    pub(super) fn least(&self) -> Option<Duration> {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_smoothed_and_resent_bytes_give_none() {
        let at = Instant::from_millis;
        let mut rtt = Rtt::default();
        rtt.sent(1, at(0));
        rtt.acked(1, at(80));
        rtt.sent(11, at(100));
        rtt.sent(21, at(120));
        rtt.acked(21, at(136));
        assert_eq!(rtt.smoothed(), Some(Duration::from_millis(72)));
        assert_eq!(rtt.least(), Some(Duration::from_millis(16)));
        rtt.sent(31, at(200));
        rtt.forget();
        rtt.acked(31, at(9_000));
        assert_eq!(rtt.smoothed(), Some(Duration::from_millis(72)));
    }
}
