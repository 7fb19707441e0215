//! Losses that are none of our making: those in rounds without a queue, on a path whose queue was
//! seen to grow when we sent more than it carries; and those beside which nothing has waited. And, as
//! long as a probe meets no queue, as large a share of what it sends as was lost lately by sending
//! less.
//!
//! A queue overflows only after it has filled, and while it fills round trips grow. So where the
//! round trip shows a queue at all, a segment that is lost while there is none fell to a bad link,
//! and slowing down would not have saved it. A sender that is below the rate of a bad link never sees
//! a queue, but what it sends right before and behind a lost segment tells: had a queue dropped that,
//! these would have waited in it. Where the queue is shorter than even this can tell, or where
//! others keep it full, no round is quiet and everything is as in the draft, but for probes.

use core::time::Duration;

use handfast_packet::Instant;

use crate::congestion::arithmetic::mul_div;

/// A mean round trip that is longer than the shortest by one part in this many has no queue in it.
const QUIET_PART: u32 = 8;
/// By one part in this many and more, it has.
const QUEUE_PART: u32 = 4;
/// What is sent right before and behind what a queue drops waits in it. If that takes no more than
/// one part in this many of the shortest round trip, no queue was full.
const OVERFLOW_PART: u32 = 64;
/// So few losses in a round say nothing of their share.
const FEW: u32 = 2;
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
    /// This round: the round trips, what was lost in how many pieces, and whether a router has marked
    /// something.
    all: RoundTrips,
    /// The same of what left beside losses: the longer of that of the ACK that told of one and of
    /// the ACK before.
    at_losses: RoundTrips,
    /// The last round trip.
    last: Duration,
    lost: u64,
    losses: u32,
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
    /// What was sent beside what was lost of late did not wait.
    apart: bool,
    /// No queue of ours is the reason for losses: there is none though queues can be seen, or they
    /// are apart from queues.
    pub(super) quiet: bool,
}

/// Some round trips.
#[derive(Clone, Copy, Debug, Default)]
struct RoundTrips {
    sum: Duration,
    count: u32,
    /// Those that have waited nowhere.
    short: u32,
}

impl RoundTrips {
    fn add(&mut self, rtt: Duration, shortest: Duration) {
        self.sum = self.sum.saturating_add(rtt);
        self.count = self.count.saturating_add(1);
        let short = rtt <= shortest + shortest / OVERFLOW_PART;
        self.short = self.short.saturating_add(u32::from(short));
    }

    /// Whether three of four are short. The mean of a few would be that of ACKs that were delayed, or
    /// lost.
    fn are_short(self) -> bool {
        u64::from(self.short) * 4 >= u64::from(self.count) * 3
    }

    fn mean(self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}

impl Stray {
    /// An ACK delivered `acked` bytes and measured a round trip, and may have told of a loss.
    pub(super) fn on_ack(&mut self, acked: u64, rtt: Option<Duration>, told_of_loss: bool) {
        self.delivered = self.delivered.saturating_add(acked);
        if let Some(rtt) = rtt {
            let shortest = self.shortest.map_or(rtt, |known| known.min(rtt));
            self.shortest = Some(shortest);
            self.all.add(rtt, shortest);
            if told_of_loss {
                self.at_losses.add(rtt.max(self.last), shortest);
            }
            self.last = rtt;
        }
    }

    pub(super) fn on_lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
        self.losses = self.losses.saturating_add(1);
    }

    /// A round is over. `steady` tells whether it was sent no faster than the path is known to
    /// carry: only such rounds tell how much is lost without our doing.
    pub(super) fn end_round(&mut self, now: Instant, steady: bool) {
        let round = core::mem::take(self);
        let mean = round.all.mean();
        *self = Self {
            last: round.last,
            shortest: round.shortest,
            queue_at: round.queue_at,
            cycle_lost: round.cycle_lost,
            cycle_delivered: round.cycle_delivered,
            share: round.share,
            ..Self::default()
        };
        let (Some(mean), Some(shortest)) = (mean, round.shortest) else {
            // Without SACK and timestamps a round of repairs measures none: what was known holds.
            self.empty = round.empty && !round.marked;
            self.apart = round.apart && !round.marked;
            self.quiet = round.quiet && !round.marked;
            self.visible = round.visible;
            return;
        };
        if mean > shortest + shortest / QUEUE_PART + BURST {
            self.queue_at = Some(now);
        }
        self.empty = !round.marked && mean <= shortest + shortest / QUIET_PART + BURST;
        self.visible = self.queue_at.is_some_and(|at| now - at <= QUEUE_AGE);
        self.apart = round.loses_apart();
        self.quiet = self.apart || (self.empty && self.visible);
        if !self.visible && steady {
            self.cycle_lost -= self.cycle_lost / HIDDEN_ROUNDS;
            self.cycle_delivered -= self.cycle_delivered / HIDDEN_ROUNDS;
        }
        if (self.empty || self.apart) && steady {
            self.cycle_lost = self.cycle_lost.saturating_add(round.lost);
            self.cycle_delivered = self.cycle_delivered.saturating_add(round.delivered);
        }
    }

    /// Whether what this round has lost was lost without a queue, by the round trips of the ACKs that
    /// told of it; without SACK by all. What the last losses said holds until there are others, but
    /// where nothing waits there is no queue.
    fn loses_apart(&self) -> bool {
        let told = if self.at_losses.count > 0 {
            self.at_losses
        } else {
            self.all
        };
        let few = self.losses <= FEW || share(self.lost, self.delivered) <= 2 * STRAY_MAX;
        let before = self.apart && self.losses == 0;
        !self.marked && (before || (few && told.are_short()))
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
            (false, false) if self.apart => self.share,
            (false, false) => 0,
        }
    }

    /// The same for the cycle at hand.
    pub(super) fn of_cycle(&self) -> u64 {
        share(self.cycle_lost, self.cycle_delivered).min(STRAY_MAX)
    }
}

/// What part of what was sent `lost` is, in parts of [`WHOLE`].
fn share(lost: u64, delivered: u64) -> u64 {
    mul_div(lost, WHOLE, lost.saturating_add(delivered).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A round of `rtt` that ends at `now` (both in ms) and loses `lost` of 1,000. What left beside
    /// that took 3 ms more.
    fn round(stray: &mut Stray, now: u64, rtt: u64, lost: u64) -> bool {
        stray.on_ack(1_000 - lost, Some(MS(rtt)), false);
        stray.on_ack(0, Some(MS(rtt + 3)), true);
        stray.on_lost(lost);
        stray.end_round(Instant::from_millis(now), true);
        stray.quiet
    }

    /// A round of 100 ms in which each ACK of `beside` follows another and tells of a loss.
    fn beside(stray: &mut Stray, beside: &[(u64, u64)], lost: u64) -> bool {
        for &(before, behind) in beside {
            stray.on_ack(500, Some(MS(before)), false);
            stray.on_ack(500, Some(MS(behind)), true);
            stray.on_lost(lost);
        }
        stray.end_round(Instant::from_secs(1), true);
        stray.quiet
    }

    /// No queue was ever seen, but none can have dropped what was lost where the segments before and
    /// behind it did not wait.
    #[test]
    fn losses_beside_which_nothing_waits_are_not_those_of_a_queue() {
        for (round_trips, lost, apart) in [
            ([(100, 100); 4], 100, true),
            ([(100, 101), (101, 100), (100, 100), (100, 180)], 100, true),
            ([(100, 100), (100, 100), (100, 103), (103, 100)], 100, false),
            ([(102, 100); 4], 100, false),
            ([(100, 102); 4], 100, false),
            // More than any path is believed to lose.
            ([(100, 100); 4], 500, false),
        ] {
            let mut stray = Stray::default();
            stray.on_ack(1_000, Some(MS(100)), false);
            let quiet = beside(&mut stray, &round_trips, lost);
            assert_eq!(quiet, apart, "{round_trips:?}, {lost} lost");
            assert!(!stray.visible);
        }
    }

    #[test]
    fn what_losses_said_holds_until_others_say_something_else() {
        let mut stray = Stray::default();
        assert!(beside(&mut stray, &[(100, 100); 4], 100));
        // Nothing is lost, and the ACKs of a few segments are delayed; then no round trip is measured.
        stray.on_ack(4_000, Some(MS(120)), false);
        stray.end_round(Instant::from_secs(2), true);
        assert!(stray.quiet && !stray.empty);
        stray.on_lost(1_000);
        stray.end_round(Instant::from_secs(3), true);
        assert!(stray.quiet);
        assert!(!beside(&mut stray, &[(100, 105); 4], 100));
    }

    #[test]
    fn only_a_path_whose_queue_was_seen_has_quiet_rounds() {
        let mut stray = Stray::default();
        assert!(!round(&mut stray, 1_000, 100, 10));
        assert!(!round(&mut stray, 2_000, 150, 10));
        assert!(round(&mut stray, 3_000, 100, 10));
        assert!(!round(&mut stray, 4_000, 120, 500));
        assert!(round(&mut stray, 12_000, 111, 30));
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
