//! Proportional rate reduction (RFC 9937): how many bytes may leave while a loss or an ECN echo is
//! answered, so that the window arrives at the new threshold by the end, without a burst and
//! without a pause.

/// Segments that leave at once into a network that is empty (RFC 6928).
const FIRST: u64 = 10;

/// One reduction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prr {
    /// ssthresh: where the window has to arrive.
    target: u64,
    /// RecoverFS: what was in flight at the start.
    flight: u64,
    /// prr_delivered.
    delivered: u64,
    /// prr_out.
    sent: u64,
    /// cwnd as of the last ACK.
    window: u64,
    /// Everything was given up, and what leaves is found out anew.
    anew: bool,
}

/// What one ACK tells; bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// Newly delivered, cumulatively or by SACK (DeliveredData).
    pub(crate) bytes: u64,
    /// In flight now.
    pub(crate) in_flight: u64,
    /// SND.UNA advanced and nothing more was found lost (SafeACK).
    pub(crate) safe: bool,
}

impl Prr {
    /// Begins with `flight` bytes out, to end at `target`.
    pub(crate) fn new(target: u64, flight: u64) -> Self {
        Self {
            target,
            flight: flight.max(1),
            delivered: 0,
            sent: 0,
            window: target,
            anew: false,
        }
    }

    /// The flight was given up: what was delivered and sent so far allows nothing more, and the
    /// network may be empty, if the peer's window let nothing new go. So it fills as in slow start, to
    /// half of the target: copies of what the peer held go uncounted once an ACK has passed them.
    pub(crate) fn begin_anew(&mut self) {
        self.delivered = 0;
        self.sent = 0;
        self.anew = true;
    }

    /// An ACK came in. Amounts are rounded up to whole segments of `mss`, as nothing smaller is
    /// sent.
    pub(crate) fn on_ack(&mut self, ack: &Delivered, mss: u64) {
        if ack.bytes == 0 && self.sent > 0 {
            return;
        }
        self.delivered += ack.bytes;
        let fills = self.anew && ack.in_flight < self.target / 2;
        let allowance = if ack.in_flight > self.target {
            // The proportional part: one byte out for each target / flight delivered.
            let share = u128::from(self.delivered) * u128::from(self.target);
            let share = share.div_ceil(u128::from(self.flight));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            (share.div_ceil(mss) * mss).saturating_sub(self.sent)
        } else {
            // Below the target: as much as was delivered, one more when that is safe.
            let owed = self.delivered.saturating_sub(self.sent).max(ack.bytes);
            let grows = ack.safe || (fills && ack.bytes > 0);
            let owed = owed.div_ceil(mss) * mss + if grows { mss } else { 0 };
            owed.min(self.target - ack.in_flight)
        };
        // The first retransmission always leaves.
        let least = match (self.sent, fills) {
            (0, true) => FIRST * mss,
            (0, false) => mss,
            _ => 0,
        };
        // The target may stem from a time when segments were smaller.
        self.window = (ack.in_flight + allowance.max(least)).max(mss);
    }

    /// `bytes` left.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// cwnd.
    pub(crate) fn window(&self) -> u64 {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const MSS: u64 = 1_000;

    /// Twenty segments out, the first lost, threshold ten: every second ACK lets one segment go
    /// (RFC 9937 section 6.2's picture).
    #[test]
    fn the_window_shrinks_in_proportion() {
        let mut prr = Prr::new(10 * MSS, 20 * MSS);
        let mut in_flight = 19 * MSS;
        let mut sent = 0;
        for _ in 0..19 {
            in_flight -= MSS;
            prr.on_ack(
                &Delivered {
                    bytes: MSS,
                    in_flight,
                    safe: false,
                },
                MSS,
            );
            while prr.window() >= in_flight + MSS {
                prr.on_sent(MSS);
                in_flight += MSS;
                sent += 1;
            }
        }
        assert_eq!((sent, in_flight), (10, 10 * MSS));
    }

    #[test]
    fn the_first_retransmission_leaves_at_once() {
        let mut prr = Prr::new(2 * MSS, 100 * MSS);
        prr.on_ack(
            &Delivered {
                bytes: 0,
                in_flight: 50 * MSS,
                safe: false,
            },
            MSS,
        );
        assert_eq!(prr.window(), 51 * MSS);
    }

    /// Each segment that arrives lets two go, whether SND.UNA moves or not, until half of the target
    /// is out; then as many as arrive.
    #[test]
    fn an_empty_network_fills_as_in_slow_start() {
        let mut prr = Prr::new(100 * MSS, 140 * MSS);
        prr.begin_anew();
        let (mut in_flight, mut rounds) = (0, Vec::new());
        let mut arrives = 0;
        for _ in 0..6 {
            let mut sent = 0;
            for _ in 0..arrives.max(1) {
                let bytes = MSS.min(in_flight);
                in_flight -= bytes;
                let ack = Delivered {
                    bytes,
                    in_flight,
                    safe: false,
                };
                prr.on_ack(&ack, MSS);
                while prr.window() >= in_flight + MSS {
                    prr.on_sent(MSS);
                    in_flight += MSS;
                    sent += 1;
                }
            }
            rounds.push(sent);
            arrives = sent;
        }
        assert_eq!(rounds, [10, 20, 40, 51, 51, 51]);
    }

    #[test]
    fn below_the_target_a_safe_ack_adds_one_segment() {
        let mut prr = Prr::new(10 * MSS, 20 * MSS);
        prr.on_sent(MSS);
        for (safe, window) in [(false, 5 * MSS), (true, 6 * MSS)] {
            let ack = Delivered {
                bytes: MSS,
                in_flight: 4 * MSS,
                safe,
            };
            prr.on_ack(&ack, MSS);
            assert_eq!(prr.window(), window);
        }
    }

    proptest! {
        /// RFC 9937 section 6: never more than the bound of either rule, whatever comes.
        #[test]
        fn never_sends_more_than_was_delivered_and_one_segment_for_each_ack(
            acks in proptest::collection::vec((1_u64..4, any::<bool>(), 0_u64..3), 1..60),
            target in 2_u64..40,
        ) {
            let flight = 40 * MSS;
            let mut prr = Prr::new(target * MSS, flight);
            let (mut in_flight, mut delivered, mut out) = (flight, 0, 0);
            let mut safes = 0;
            for (segments, safe, lost) in acks {
                let bytes = (segments * MSS).min(in_flight);
                in_flight -= bytes;
                delivered += bytes;
                in_flight -= (lost * MSS).min(in_flight);
                let safe = safe && lost == 0;
                safes += u64::from(safe);
                prr.on_ack(&Delivered { bytes, in_flight, safe }, MSS);
                while prr.window() >= in_flight + MSS {
                    prr.on_sent(MSS);
                    in_flight += MSS;
                    out += MSS;
                }
                prop_assert!(out <= delivered + (safes + 1) * MSS, "{out} {delivered}");
                prop_assert!(prr.window() <= in_flight + MSS || prr.window() <= target * MSS);
            }
        }
    }
}
