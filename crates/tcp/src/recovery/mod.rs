//! What is lost and must be sent again: fast retransmit and fast recovery by RFC 5681 and
//! RFC 6582 (NewReno), and the state after a retransmission timeout (RFC 6298).
//!
//! This room knows sequence space and no window: how much may be in flight is `congestion`'s.
//! It answers with values; `connection` acts upon them.

use core::ops::Range;

use crate::seq::Offset;

/// Duplicate ACKs that prove a loss (RFC 5681 3.2).
const DUPLICATE_THRESHOLD: u32 = 3;

/// What an ACK meant for loss recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckOutcome {
    /// No loss is being repaired: the window may grow.
    Normal,
    /// The third duplicate: fast retransmit begins.
    Entered,
    /// Fast recovery goes on (a further duplicate or a partial ACK).
    Repairing,
    /// Everything that was out when the loss was found is acknowledged.
    Recovered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// Fast recovery, until `recover` is acknowledged.
    Fast,
    /// After a timeout: everything up to `recover` is resent in slow start.
    Timeout,
}

/// The state of loss recovery for one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    mode: Mode,
    /// SND.NXT when the loss was found (RFC 6582's "recover").
    recover: Offset,
    duplicates: u32,
    /// What has to be sent again; empty when nothing.
    lost: Range<Offset>,
    /// Bytes that duplicate ACKs say have left the network (RFC 5681's inflation).
    departed: u64,
    /// Expiries of the retransmission timer in a row.
    timeouts: u8,
}

impl Recovery {
    pub(crate) fn new() -> Self {
        Self {
            mode: Mode::Open,
            recover: Offset::ZERO,
            duplicates: 0,
            lost: Offset::ZERO..Offset::ZERO,
            departed: 0,
            timeouts: 0,
        }
    }

    /// SND.UNA moved from `before` to `una`.
    pub(crate) fn on_new_ack(
        &mut self,
        before: Offset,
        una: Offset,
        nxt: Offset,
        mss: u16,
    ) -> AckOutcome {
        assert!(before < una && una <= nxt, "a new ACK lies in what is out");
        self.duplicates = 0;
        self.timeouts = 0;
        self.lost.start = self.lost.start.max(una);
        if self.lost.start >= self.lost.end {
            self.lost = una..una;
        }
        match self.mode {
            Mode::Open => AckOutcome::Normal,
            Mode::Timeout => {
                if una >= self.recover {
                    self.mode = Mode::Open;
                }
                AckOutcome::Normal
            }
            Mode::Fast if una >= self.recover => {
                self.mode = Mode::Open;
                self.departed = 0;
                AckOutcome::Recovered
            }
            Mode::Fast => {
                // A partial ACK: the next segment is lost too (RFC 6582 3.2 step 3).
                let acked = una - before;
                self.departed = (self.departed + u64::from(mss)).saturating_sub(acked);
                self.departed = self.departed.min(nxt - una);
                self.lost = una..nxt.min(una + u64::from(mss));
                AckOutcome::Repairing
            }
        }
    }

    /// An ACK that moved nothing and told nothing else arrived while data was out.
    pub(crate) fn on_duplicate_ack(&mut self, una: Offset, nxt: Offset, mss: u16) -> AckOutcome {
        assert!(una < nxt, "duplicates count only while something is out");
        self.duplicates = self.duplicates.saturating_add(1);
        match self.mode {
            Mode::Fast => {
                self.departed = (self.departed + u64::from(mss)).min(nxt - una);
                AckOutcome::Repairing
            }
            // RFC 6582 3.2 step 1: old duplicates after a timeout must not start a recovery.
            Mode::Open if self.duplicates >= DUPLICATE_THRESHOLD && una >= self.recover => {
                self.mode = Mode::Fast;
                self.recover = nxt;
                self.lost = una..nxt.min(una + u64::from(mss));
                let departed = u64::from(DUPLICATE_THRESHOLD) * u64::from(mss);
                self.departed = departed.min(nxt - una);
                AckOutcome::Entered
            }
            Mode::Open | Mode::Timeout => AckOutcome::Normal,
        }
    }

    /// The retransmission timer ran out: everything that is out counts as lost.
    pub(crate) fn on_timeout(&mut self, una: Offset, nxt: Offset) {
        self.mode = Mode::Timeout;
        self.recover = nxt;
        self.duplicates = 0;
        self.departed = 0;
        self.lost = una..nxt;
        self.timeouts = self.timeouts.saturating_add(1);
    }

    /// Everything that is out is to be sent again although the network lost nothing: the peer
    /// refused it with a shut window, the segments were too large, or the SYN becomes a SYN-ACK.
    pub(crate) fn resend_all(&mut self, una: Offset, nxt: Offset) {
        self.lost = una..nxt;
    }

    /// The head of the lost range was sent again, up to `until`.
    pub(crate) fn on_resent(&mut self, until: Offset) {
        self.lost.start = until.min(self.lost.end);
    }

    /// The next range to send again.
    pub(crate) fn next_lost(&self) -> Option<Range<Offset>> {
        (self.lost.start < self.lost.end).then(|| self.lost.clone())
    }

    /// What is in the network by our reckoning.
    pub(crate) fn in_flight(&self, una: Offset, nxt: Offset) -> u64 {
        let lost = self.lost.end.saturating_sub(self.lost.start);
        (nxt - una)
            .saturating_sub(lost)
            .saturating_sub(self.departed)
    }

    /// Expiries of the retransmission timer in a row without progress.
    pub(crate) fn timeouts(&self) -> u8 {
        self.timeouts
    }

    /// Whether what is lost was found by a timeout, rather than by duplicate ACKs.
    pub(crate) fn after_timeout(&self) -> bool {
        self.mode == Mode::Timeout
    }

    /// Whether fast recovery goes on.
    pub(crate) fn in_fast_recovery(&self) -> bool {
        self.mode == Mode::Fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Offset {
        Offset::ZERO + n
    }

    #[test]
    fn the_third_duplicate_starts_fast_retransmit_of_one_segment() {
        let mut recovery = Recovery::new();
        let (una, nxt) = (at(1), at(10_001));
        assert_eq!(
            recovery.on_duplicate_ack(una, nxt, 1_000),
            AckOutcome::Normal
        );
        assert_eq!(
            recovery.on_duplicate_ack(una, nxt, 1_000),
            AckOutcome::Normal
        );
        assert_eq!(recovery.next_lost(), None);
        assert_eq!(
            recovery.on_duplicate_ack(una, nxt, 1_000),
            AckOutcome::Entered
        );
        assert_eq!(recovery.next_lost(), Some(at(1)..at(1_001)));
        assert_eq!(recovery.in_flight(una, nxt), 10_000 - 1_000 - 3_000);
    }

    #[test]
    fn a_partial_ack_loses_the_next_segment_and_a_full_ack_ends_it() {
        let mut recovery = Recovery::new();
        for _ in 0..3 {
            let _ = recovery.on_duplicate_ack(at(1), at(10_001), 1_000);
        }
        recovery.on_resent(at(1_001));
        assert_eq!(recovery.next_lost(), None);
        let outcome = recovery.on_new_ack(at(1), at(4_001), at(10_001), 1_000);
        assert_eq!(outcome, AckOutcome::Repairing);
        assert_eq!(recovery.next_lost(), Some(at(4_001)..at(5_001)));
        let outcome = recovery.on_new_ack(at(4_001), at(10_001), at(12_001), 1_000);
        assert_eq!(outcome, AckOutcome::Recovered);
        assert_eq!(recovery.in_flight(at(10_001), at(12_001)), 2_000);
    }

    #[test]
    fn after_a_timeout_all_is_resent_and_old_duplicates_start_nothing() {
        let mut recovery = Recovery::new();
        recovery.on_timeout(at(1), at(5_001));
        assert_eq!(recovery.in_flight(at(1), at(5_001)), 0);
        assert_eq!(recovery.next_lost(), Some(at(1)..at(5_001)));
        recovery.on_resent(at(1_001));
        for _ in 0..5 {
            let outcome = recovery.on_duplicate_ack(at(1), at(5_001), 1_000);
            assert_eq!(outcome, AckOutcome::Normal);
        }
        // The ACK reaches beyond what was resent: the original had arrived.
        let outcome = recovery.on_new_ack(at(1), at(3_001), at(5_001), 1_000);
        assert_eq!(outcome, AckOutcome::Normal);
        assert_eq!(recovery.next_lost(), Some(at(3_001)..at(5_001)));
        assert_eq!(recovery.timeouts(), 0);
    }
}
