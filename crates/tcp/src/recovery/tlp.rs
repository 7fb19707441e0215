//! Tail loss probes (RFC 8985 section 7): when ACKs stop coming, one segment more makes the peer
//! say what it has, long before the retransmission timer would.

use core::time::Duration;

use super::Delivery;
use crate::seq::Offset;

/// What a peer may wait with an ACK for a single segment (WCDelAckT of RFC 8985 7.2).
const DELAYED_ACK: Duration = Duration::from_millis(200);
/// PTO before the first round-trip sample (RFC 8985 7.2).
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// Added to the PTO of more than one segment, as Linux does: two round trips are exact only on
/// paper.
const SLACK: Duration = Duration::from_millis(2);

/// The probe that is out, if one is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tlp {
    /// TLP.end_seq: SND.NXT when it was sent.
    until: Option<Offset>,
    /// TLP.is_retrans: it repeated the last segment.
    resent: bool,
}

/// PTO (RFC 8985 7.2).
pub(crate) fn timeout(srtt: Option<Duration>, one_segment: bool) -> Duration {
    match srtt {
        None => FIRST_TIMEOUT,
        Some(srtt) if one_segment => srtt * 2 + DELAYED_ACK,
        Some(srtt) => srtt * 2 + SLACK,
    }
}

impl Tlp {
    /// No probe is out.
    pub(super) const NONE: Self = Self {
        until: None,
        resent: false,
    };

    pub(crate) fn on_sent(&mut self, nxt: Offset, resent: bool) {
        self.until = Some(nxt);
        self.resent = resent;
    }

    pub(crate) fn is_out(&self) -> bool {
        self.until.is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.until = None;
    }

    /// RFC 8985 7.4: what became of the probe. Returns whether it repaired a loss, which asks for
    /// a reduction.
    pub(crate) fn on_ack(&mut self, delivery: &Delivery) -> bool {
        let Some(until) = self.until.filter(|&until| delivery.una >= until) else {
            return false;
        };
        if !self.resent || delivery.duplicate {
            // New data was sent instead, or the original had arrived too.
            self.until = None;
            return false;
        }
        if delivery.una > until {
            // Something behind the probe was acknowledged and no duplicate was reported.
            self.until = None;
            return true;
        }
        if !delivery.advanced() && !delivery.sacked {
            // A duplicate ACK: the answer to the copy, from a peer without D-SACK.
            self.until = None;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(before: u64, una: u64, duplicate: bool) -> Delivery {
        Delivery {
            before: Offset::ZERO + before,
            una: Offset::ZERO + una,
            duplicate,
            ..Delivery::default()
        }
    }

    #[test]
    fn a_probe_that_repaired_a_loss_is_told_from_one_that_did_not() {
        let probe = |resent| {
            let mut tlp = Tlp::default();
            tlp.on_sent(Offset::ZERO + 100, resent);
            tlp
        };
        // The ACK does not reach the probe: nothing is known.
        let mut tlp = probe(true);
        assert!(!tlp.on_ack(&ack(1, 99, false)) && tlp.is_out());
        // It does, then more is acknowledged: the original was lost.
        assert!(!tlp.on_ack(&ack(99, 100, false)) && tlp.is_out());
        assert!(tlp.on_ack(&ack(100, 110, false)) && !tlp.is_out());
        // A D-SACK: both copies arrived.
        let mut tlp = probe(true);
        assert!(!tlp.on_ack(&ack(1, 100, true)) && !tlp.is_out());
        // A duplicate ACK without D-SACK: both copies arrived.
        let mut tlp = probe(true);
        let _ = tlp.on_ack(&ack(1, 100, false));
        assert!(!tlp.on_ack(&ack(100, 100, false)) && !tlp.is_out());
        // The probe was new data.
        let mut tlp = probe(false);
        assert!(!tlp.on_ack(&ack(1, 100, false)) && !tlp.is_out());
    }

    #[test]
    fn the_probe_waits_two_round_trips_and_for_a_delayed_ack() {
        let ms = Duration::from_millis;
        assert_eq!(timeout(None, false), ms(1_000));
        assert_eq!(timeout(Some(ms(100)), true), ms(400));
        assert_eq!(timeout(Some(ms(100)), false), ms(202));
    }
}
