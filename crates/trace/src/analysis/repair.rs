//! Why something was sent again: what the sender's timers and the acknowledgments before it allow to
//! infer. The states are those of loss recovery: a repair begins with the first segment sent again and
//! lasts until everything that was outstanding then is acknowledged (RFC 5681 3.2, RFC 6582, RFC 6675).

use std::time::Duration;

use super::mark::Mark;

/// Duplicate ACKs that prove a loss (RFC 5681 3.2 says three; one of them may be lost or not captured).
const PROOF: u32 = 2;
/// What a silence must exceed without a measured round trip.
const SILENCE_UNMEASURED: Duration = Duration::from_millis(100);
/// What timers and processors may add to a round trip.
const SLACK: Duration = Duration::from_millis(4);

/// How one side is mending its losses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repair {
    /// The kind of the repair that goes on, and up to where.
    going_on: Option<(Mark, u64)>,
    /// A tail loss probe was sent for this flight.
    probed: bool,
}

/// What was known when something was sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Its numbers.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Behind the highest number sent before.
    pub(super) next: u64,
    /// What was acknowledged.
    pub(super) acked: u64,
    /// Behind the highest number SACKed.
    pub(super) sacked_to: Option<u64>,
    /// Duplicate ACKs in a row.
    pub(super) duplicates: u32,
    /// Since the sender last sent or heard something.
    pub(super) quiet: Duration,
    /// The round trip of the whole path.
    pub(super) rtt: Option<Duration>,
    /// Both sides take SACK blocks.
    pub(super) sack: bool,
    pub(super) is_syn: bool,
}

impl Repair {
    /// Something new was acknowledged.
    pub(super) fn progress(&mut self, acked: u64) {
        self.probed = false;
        self.going_on = self.going_on.filter(|&(_, until)| acked < until);
    }

    /// The kind of a retransmission.
    pub(super) fn kind(&mut self, moment: &Moment) -> Mark {
        if moment.is_syn {
            // There is nothing before a SYN that could acknowledge something.
            return Mark::TimeoutRetransmission;
        }
        if moment.is_silent() {
            return self.by_timer(moment);
        }
        match self.going_on {
            Some((kind, until)) if moment.start < until => kind,
            _ if moment.has_proof() => {
                self.going_on = Some((Mark::FastRetransmission, moment.next));
                Mark::FastRetransmission
            }
            _ => Mark::OtherRetransmission,
        }
    }

    /// A timer ran out. The probe is the first to do so, sends the end of the flight, and only where
    /// nothing has gone wrong so far (RFC 8985 7.2, 7.3).
    fn by_timer(&mut self, moment: &Moment) -> Mark {
        let untroubled = self.going_on.is_none() && moment.sacked_to.is_none();
        if moment.sack && untroubled && !self.probed && moment.end == moment.next {
            self.probed = true;
            return Mark::TailLossProbe;
        }
        self.going_on = Some((Mark::TimeoutRetransmission, moment.next));
        Mark::TimeoutRetransmission
    }
}

impl Moment {
    /// Whether only a timer can have been the reason. What answers an acknowledgment comes within one
    /// round trip of the last thing that passed, wherever the capture was made, and RACK waits at most
    /// a quarter of one more (RFC 8985 6.2); the shortest timer waits two.
    fn is_silent(&self) -> bool {
        let limit = self
            .rtt
            .map_or(SILENCE_UNMEASURED, |rtt| rtt * 7 / 4 + SLACK);
        self.quiet > limit
    }

    /// Whether the acknowledgments say that it was lost.
    fn has_proof(&self) -> bool {
        let is_hole = self.sacked_to.is_some_and(|end| self.start < end);
        is_hole || (self.duplicates >= PROOF && self.start == self.acked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const MOMENT: Moment = Moment {
        start: 1001,
        end: 2001,
        next: 9001,
        acked: 1001,
        sacked_to: None,
        duplicates: 0,
        quiet: MS,
        rtt: Some(Duration::from_millis(20)),
        sack: true,
        is_syn: false,
    };

    #[test]
    fn proof_makes_it_fast_until_all_is_mended() {
        let mut repair = Repair::default();
        assert_eq!(repair.kind(&MOMENT), Mark::OtherRetransmission);
        let proven = Moment {
            duplicates: 3,
            ..MOMENT
        };
        assert_eq!(repair.kind(&proven), Mark::FastRetransmission);
        repair.progress(4001);
        let partial = Moment {
            start: 4001,
            acked: 4001,
            ..MOMENT
        };
        assert_eq!(repair.kind(&partial), Mark::FastRetransmission);
        repair.progress(9001);
        assert_eq!(repair.kind(&MOMENT), Mark::OtherRetransmission);
        let sacked = Moment {
            sacked_to: Some(5001),
            ..MOMENT
        };
        assert_eq!(repair.kind(&sacked), Mark::FastRetransmission);
    }

    #[test]
    fn silence_is_a_probe_first_and_a_timeout_then() {
        let mut repair = Repair::default();
        let tail = Moment {
            start: 8001,
            end: 9001,
            quiet: MS * 45,
            ..MOMENT
        };
        assert_eq!(repair.kind(&tail), Mark::TailLossProbe);
        assert_eq!(repair.kind(&tail), Mark::TimeoutRetransmission);
        assert_eq!(
            repair.kind(&MOMENT),
            Mark::TimeoutRetransmission,
            "the same repair"
        );
        repair.progress(9001);
        assert_eq!(repair.kind(&tail), Mark::TailLossProbe, "another flight");
        let no_sack = Moment {
            sack: false,
            ..tail
        };
        assert_eq!(
            Repair::default().kind(&no_sack),
            Mark::TimeoutRetransmission
        );
    }
}
