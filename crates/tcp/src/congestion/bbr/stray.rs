//! Losses that are none of our making: those in rounds without a queue, on a path whose queue was
//! seen to grow when we sent more than it carries. And, as long as a probe meets no queue, as large a
//! share of what it sends as was lost lately by sending less.
//!
//! A queue overflows only after it has filled, and while it fills round trips grow. So where the
//! round trip shows a queue at all, a segment that is lost while there is none fell to a bad link,
//! and slowing down would not have saved it. Where the queue is too short to be seen, or where
//! others keep it full, no round is quiet and everything is as in the draft, but for probes: a sender
//! that is below the rate of a bad link never sees a queue, and would never probe beyond its losses.

use core::time::Duration;

use handfast_packet::Instant;

use crate::congestion::arithmetic::mul_div;

/// A mean round trip that is longer than the shortest by one part in this many has no queue in it.
const QUIET_PART: u32 = 8;
/// By one part in this many and more, it has.
const QUEUE_PART: u32 = 4;
/// What bursts of ours may add to a round trip.
const BURST: Duration = Duration::from_millis(1);
/// Where no queue can be seen, the losses of so many rounds count: those of a rate that losses have
/// brought down already.
const HIDDEN_ROUNDS: u64 = 8;
/// For how long the path counts as one with a queue that can be seen: as long as the shortest
/// round trip is believed.
const QUEUE_AGE: Duration = Duration::from_secs(10);
/// Shares of what was sent are counted in parts of this.
pub(super) const WHOLE: u64 = 10_000;
/// No path is believed to lose more than this by itself.
pub(super) const STRAY_MAX: u64 = WHOLE / 10;

/// How much is lost without a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stray {
    /// This round: the sum of the round trips and how many they are, what was lost, and whether a
    /// router has marked something.
    rtt_sum: Duration,
    rtt_count: u32,
    lost: u64,
    delivered: u64,
    pub(super) marked: bool,
    /// The shortest round trip ever: one of the last seconds may have others' queue in it.
    shortest: Option<Duration>,
    /// When a queue was seen last.
    queue_at: Option<Instant>,
    /// The rounds of this cycle without a queue; where none can be seen, the last of them.
    cycle_lost: u64,
    cycle_delivered: u64,
    /// What the last cycle lost in them, in parts of [`WHOLE`].
    share: u64,
    /// Whether the last round had no queue.
    pub(super) empty: bool,
    /// Whether queues of this path can be seen.
    visible: bool,
    /// Both: that there is no queue says something.
    pub(super) quiet: bool,
}

impl Stray {
    /// An ACK delivered `acked` bytes and measured a round trip.
    pub(super) fn on_ack(&mut self, acked: u64, rtt: Option<Duration>) {
        self.delivered = self.delivered.saturating_add(acked);
        if let Some(rtt) = rtt {
            self.shortest = Some(self.shortest.map_or(rtt, |known| known.min(rtt)));
            self.rtt_sum = self.rtt_sum.saturating_add(rtt);
            self.rtt_count = self.rtt_count.saturating_add(1);
        }
    }

    pub(super) fn on_lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    /// A round is over. `steady` tells whether it was sent no faster than the path is known to
    /// carry: only such rounds tell how much is lost without our doing.
    pub(super) fn end_round(&mut self, now: Instant, steady: bool) {
        let round = core::mem::take(self);
        let mean = round.rtt_sum.checked_div(round.rtt_count);
        *self = Self {
            shortest: round.shortest,
            queue_at: round.queue_at,
            cycle_lost: round.cycle_lost,
            cycle_delivered: round.cycle_delivered,
            share: round.share,
            ..Self::default()
        };
        let (Some(mean), Some(shortest)) = (mean, round.shortest) else {
            return;
        };
        if mean > shortest + shortest / QUEUE_PART + BURST {
            self.queue_at = Some(now);
        }
        self.empty = !round.marked && mean <= shortest + shortest / QUIET_PART + BURST;
        self.visible = self.queue_at.is_some_and(|at| now - at <= QUEUE_AGE);
        self.quiet = self.empty && self.visible;
        if !self.visible && steady {
            self.cycle_lost -= self.cycle_lost / HIDDEN_ROUNDS;
            self.cycle_delivered -= self.cycle_delivered / HIDDEN_ROUNDS;
        }
        if self.empty && steady {
            self.cycle_lost = self.cycle_lost.saturating_add(round.lost);
            self.cycle_delivered = self.cycle_delivered.saturating_add(round.delivered);
        }
    }

    /// A round of Startup delivered more than the one before, without a queue: the path is not full, and what it
    /// lost it loses by itself.
    pub(super) fn on_growth(&mut self, lost: u64, delivered: u64) {
        self.cycle_lost = self.cycle_lost.saturating_add(lost);
        self.cycle_delivered = self.cycle_delivered.saturating_add(delivered);
        self.share = self.of_cycle();
    }

    /// A cycle is over: what it has told replaces what the one before told. Without a round that had
    /// no queue it tells that all losses may be of our making.
    pub(super) fn end_cycle(&mut self) {
        self.share = self.of_cycle();
        (self.cycle_lost, self.cycle_delivered) = (0, 0);
    }

    /// What may be lost without our doing, in parts of [`WHOLE`]. Chance does not spread losses
    /// evenly, so it is twice what is lost without a queue. Where queues cannot be seen it is no more
    /// than that, and nothing in a round that may have one; in Startup growth shows that there is
    /// none.
    pub(super) fn tolerated(&self, startup: bool) -> u64 {
        match (self.visible || startup, self.empty) {
            (true, _) => 2 * self.share,
            (false, true) => self.share,
            (false, false) => 0,
        }
    }

    /// The same for the cycle at hand.
    pub(super) fn of_cycle(&self) -> u64 {
        let sent = self.cycle_lost.saturating_add(self.cycle_delivered).max(1);
        mul_div(self.cycle_lost, WHOLE, sent).min(STRAY_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A round of `rtt` that ends at `now` (both in ms) and loses `lost` of 1,000.
    fn round(stray: &mut Stray, now: u64, rtt: u64, lost: u64) -> bool {
        stray.on_ack(1_000 - lost, Some(MS(rtt)));
        stray.on_lost(lost);
        stray.end_round(Instant::from_millis(now), true);
        stray.quiet
    }

    #[test]
    fn only_a_path_whose_queue_was_seen_has_quiet_rounds() {
        let mut stray = Stray::default();
        assert!(!round(&mut stray, 1_000, 100, 10));
        assert!(!round(&mut stray, 2_000, 150, 10));
        assert!(round(&mut stray, 3_000, 100, 10));
        assert!(!round(&mut stray, 4_000, 120, 500));
        assert!(round(&mut stray, 12_000, 112, 30));
        stray.end_cycle();
        assert_eq!(
            stray.share, 166,
            "50 of 3,000, without the rounds of 120 and 150 ms"
        );
        // Ten seconds without a queue.
        assert!(!round(&mut stray, 12_001, 100, 10));
        assert_eq!((stray.tolerated(false), stray.of_cycle()), (166, 100));
    }

    #[test]
    fn a_mark_is_never_stray() {
        let mut stray = Stray::default();
        round(&mut stray, 1_000, 100, 0);
        round(&mut stray, 2_000, 150, 0);
        stray.marked = true;
        assert!(!round(&mut stray, 3_000, 100, 10));
        assert!(
            round(&mut stray, 4_000, 100, 10),
            "a mark counts for its round"
        );
    }

    #[test]
    fn a_cycle_without_quiet_rounds_forgets_and_a_bad_one_is_bounded() {
        let mut stray = Stray::default();
        round(&mut stray, 1_000, 100, 0);
        round(&mut stray, 2_000, 150, 0);
        round(&mut stray, 3_000, 100, 900);
        stray.end_cycle();
        assert_eq!(stray.tolerated(false), 2 * STRAY_MAX);
        round(&mut stray, 4_000, 150, 10);
        stray.end_cycle();
        assert_eq!(stray.tolerated(false), 0);
    }

    /// A sender that is below the rate of the path, or whose queue is too short to be seen.
    #[test]
    fn without_a_queue_a_probe_may_lose_what_was_lost_lately() {
        let mut stray = Stray::default();
        let mut cycle = |lost: &[u64]| {
            for &lost in lost {
                assert!(!round(&mut stray, 1_000, 100, lost));
            }
            stray.end_cycle();
            stray.tolerated(false)
        };
        assert!((495..=505).contains(&cycle(&[50; 8])));
        assert_eq!(cycle(&[500; 8]), STRAY_MAX);
        let rate_that_falls = [
            100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert!(cycle(&rate_that_falls) < 150, "305 are the mean");
        assert!(cycle(&[50; 8]) > 0);
        assert!(!round(&mut stray, 2_000, 120, 0), "neither queue nor none");
        assert_eq!(stray.tolerated(false), 0);
    }
}
