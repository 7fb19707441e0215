//! HyStart++ (RFC 9406): leaves slow start when round trips grow, before segments are lost.
//!
//! A grown round trip may be noise. So the window first grows slower for some rounds
//! (Conservative Slow Start); if the round trip falls back in this time, slow start resumes.
//!
//! Without SACK thousands of losses at once cost seconds, so with such a peer we are more careful than
//! the RFC: a round is judged while it lasts, by each few samples, as its first ones left before
//! there was a queue; and the window grows less until it is certain.

use super::Ack;

/// Bounds of the growth of the round trip that counts (RFC 9406 4.3), in microseconds as all round
/// trips here.
const MIN_RTT_THRESH: u32 = 4_000;
const MAX_RTT_THRESH: u32 = 16_000;
/// Between the bounds, this part of the last round's smallest round trip counts.
const MIN_RTT_DIVISOR: u32 = 8;
/// Samples that a round needs before it is judged.
const N_RTT_SAMPLE: u8 = 8;
/// How much slower the window grows in CSS.
const CSS_GROWTH_DIVISOR: u64 = 4;
/// The same for a peer without SACK: a third more in all of CSS.
const CAREFUL_GROWTH_DIVISOR: u64 = 16;
/// Rounds of CSS before congestion avoidance, the one in which it began included.
const CSS_ROUNDS: u8 = 5;

/// No round trip was measured; longer than any that TCP waits for.
const NO_SAMPLE: u32 = u32::MAX;

/// What an ACK in slow start may add to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// All that was acknowledged.
    Full,
    /// What is left of it after division by the number.
    Divided(u64),
    /// Nothing more: slow start is over.
    Over,
}

/// The state of the first slow start.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    /// The peer has no SACK.
    careful: bool,
    /// SND.NXT when the round began; the round ends when it is acknowledged.
    window_end: u64,
    /// [`NO_SAMPLE`] before the first.
    last_round_min: u32,
    current_round_min: u32,
    /// The smallest of this round before the last few samples, where those are judged alone.
    earlier_min: u32,
    samples: u8,
    /// In Conservative Slow Start the round trip that made us careful, else [`NO_SAMPLE`]; and the
    /// rounds since.
    css_baseline: u32,
    css_rounds: u8,
}

impl HyStart {
    pub(super) fn new(sack: bool) -> Self {
        Self {
            careful: !sack,
            window_end: 0,
            last_round_min: NO_SAMPLE,
            current_round_min: NO_SAMPLE,
            earlier_min: NO_SAMPLE,
            samples: 0,
            css_baseline: NO_SAMPLE,
            css_rounds: 0,
        }
    }

    /// How the window may grow with this ACK (RFC 9406 4.2).
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Pace {
        if let Some(rtt) = ack.rtt {
            self.samples = self.samples.saturating_add(1);
            let rtt = u32::try_from(rtt.as_micros()).unwrap_or(NO_SAMPLE);
            self.current_round_min = self.current_round_min.min(rtt);
        }
        self.judge();
        let pace = match (self.in_css(), self.careful) {
            (false, _) => Pace::Full,
            (true, true) => Pace::Divided(CAREFUL_GROWTH_DIVISOR),
            (true, false) => Pace::Divided(CSS_GROWTH_DIVISOR),
        };
        if ack.una < self.window_end {
            return pace;
        }
        if self.end_round(ack.nxt) {
            Pace::Over
        } else {
            pace
        }
    }

    /// Compares the round with the one before, once it has enough samples.
    fn judge(&mut self) {
        let (current, last) = (self.current_round_min, self.last_round_min);
        if current.max(last) == NO_SAMPLE || self.samples < N_RTT_SAMPLE {
            return;
        }
        if !self.in_css() {
            let margin = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
            if current >= last.saturating_add(margin) {
                (self.css_baseline, self.css_rounds) = (current, 0);
            }
        } else if current < self.css_baseline {
            // The growth was noise.
            self.css_baseline = NO_SAMPLE;
        }
        if self.careful {
            let judged = core::mem::replace(&mut self.current_round_min, NO_SAMPLE);
            self.earlier_min = self.earlier_min.min(judged);
            self.samples = 0;
        }
    }

    /// Returns whether slow start is over.
    fn end_round(&mut self, nxt: u64) -> bool {
        self.window_end = nxt;
        self.last_round_min = self.earlier_min.min(self.current_round_min);
        (self.earlier_min, self.current_round_min) = (NO_SAMPLE, NO_SAMPLE);
        self.samples = 0;
        self.css_rounds += u8::from(self.in_css());
        self.in_css() && self.css_rounds >= CSS_ROUNDS
    }

    /// Whether it is in Conservative Slow Start.
    fn in_css(&self) -> bool {
        self.css_baseline != NO_SAMPLE
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// A round of ten ACKs with this round trip; the pace of the last of them.
    fn round(hystart: &mut HyStart, una: &mut u64, millis: u64) -> Pace {
        let end = hystart.window_end.max(*una + 1);
        let mut pace = Pace::Full;
        for index in 0..10 {
            *una = if index == 9 { end } else { *una };
            pace = hystart.on_ack(&Ack {
                rtt: Some(Duration::from_millis(millis)),
                una: *una,
                nxt: end + 10,
                ..Ack::default()
            });
        }
        pace
    }

    fn paces(round_trips: &[u64]) -> alloc::vec::Vec<Pace> {
        let (mut hystart, mut una) = (HyStart::new(true), 0);
        // The first ACK ends the empty round before the first.
        let _ = hystart.on_ack(&Ack {
            nxt: 1,
            ..Ack::default()
        });
        let rounds = round_trips.iter();
        rounds
            .map(|&rtt| round(&mut hystart, &mut una, rtt))
            .collect()
    }

    const SLOW: Pace = Pace::Divided(CSS_GROWTH_DIVISOR);

    /// RFC 9406 4.3: an eighth of the last round's, at least 4 ms, at most 16 ms.
    #[test]
    fn the_growth_that_counts_is_an_eighth_within_bounds() {
        for (before, after, expected) in [
            (10, 13, Pace::Full),
            (10, 14, SLOW),
            (80, 89, Pace::Full),
            (80, 90, SLOW),
            (400, 415, Pace::Full),
            (400, 416, SLOW),
        ] {
            let paces = paces(&[before, after]);
            assert_eq!(paces, [Pace::Full, expected], "{before} to {after} ms");
        }
    }

    /// RFC 9406 4.2: five rounds of CSS, the one in which it began included.
    #[test]
    fn five_slower_rounds_and_then_congestion_avoidance() {
        let paces = paces(&[100, 120, 120, 120, 120, 120]);
        assert_eq!(paces, [Pace::Full, SLOW, SLOW, SLOW, SLOW, Pace::Over]);
    }

    /// RFC 9406 4.2: a smaller round trip than the one that began CSS ends it.
    #[test]
    fn slow_start_resumes_when_the_round_trip_falls() {
        let paces = paces(&[100, 120, 119, 119, 119, 119, 119, 119]);
        assert_eq!(
            paces[1..],
            [
                SLOW,
                Pace::Full,
                Pace::Full,
                Pace::Full,
                Pace::Full,
                Pace::Full,
                Pace::Full
            ]
        );
    }

    /// The first segments of a round left before those behind them filled the queue. Without SACK it
    /// does not wait for the next round.
    #[test]
    fn without_sack_a_queue_is_seen_in_the_round_that_fills_it() {
        for sack in [true, false] {
            let mut hystart = HyStart::new(sack);
            let mut ack = |una, millis| {
                hystart.on_ack(&Ack {
                    rtt: Some(Duration::from_millis(millis)),
                    una,
                    nxt: una + 100,
                    ..Ack::default()
                })
            };
            for una in 0..8 {
                assert_eq!(ack(una * 100, 100), Pace::Full);
            }
            // One round: eight samples without a queue, then nine with it.
            let paces: alloc::vec::Vec<_> = (0..17)
                .map(|index| ack(701 + index, if index < 8 { 100 } else { 120 }))
                .collect();
            let last = if sack {
                Pace::Full
            } else {
                Pace::Divided(CAREFUL_GROWTH_DIVISOR)
            };
            assert_eq!(paces[..15], [Pace::Full; 15]);
            assert_eq!(paces[16], last);
        }
    }

    #[test]
    fn a_round_with_few_samples_is_not_judged() {
        let mut hystart = HyStart::new(true);
        let mut nxt = 1;
        for rtt in [100, 200, 300, 400] {
            let una = nxt;
            nxt += 10;
            for step in 0..7 {
                let pace = hystart.on_ack(&Ack {
                    rtt: Some(Duration::from_millis(rtt)),
                    una: if step == 0 { una } else { una + 1 },
                    nxt,
                    ..Ack::default()
                });
                assert_eq!(pace, Pace::Full);
            }
        }
    }
}
