//! The controllers of one window and one threshold: slow start, congestion avoidance by a rule of
//! their own, a smaller window for each round trip with a loss (RFC 5681). Reno and CUBIC differ
//! only in their [`Adjustment`].

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use handfast_packet::Instant;

use super::arithmetic::percent;
use super::hystart::{HyStart, Pace};
use super::validation::Validation;
use super::{Ack, Cause, Congestion, CongestionController, FirstWindow, Sent, Start, WINDOW_MAX};

/// What makes one classic controller different from another.
pub(crate) trait Adjustment: fmt::Debug + Copy + Send + Default {
    /// A word for logs.
    const NAME: &'static str;
    /// What is left of the window after a loss, in percent.
    const AFTER_LOSS: u64;
    /// What is left of it after an ECN echo (RFC 8511).
    const AFTER_ECN: u64;

    /// What the share above is taken of.
    fn in_use(window: u64, flight_size: u64) -> u64;

    /// The window after an ACK in congestion avoidance.
    fn grow(&mut self, growth: &Growth) -> u64;

    /// Time passes without a full window: nothing is learnt in it.
    fn pause(&mut self, now: Instant) {
        let _ = now;
    }

    /// The window shrinks from `window`.
    fn on_reduction(&mut self, window: u64, timeout: bool);
}

/// An ACK in congestion avoidance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    pub(crate) now: Instant,
    /// Bytes newly acknowledged.
    pub(crate) acked: u64,
    /// The window before.
    pub(crate) window: u64,
    pub(crate) mss: u64,
    pub(crate) srtt: Duration,
}

/// A classic controller.
#[derive(Clone, Debug)]
pub(crate) struct Classic<A> {
    first: FirstWindow,
    pub(super) window: u64,
    pub(super) slow_start_threshold: u64,
    past: Option<Box<Past<A>>>,
    /// Only the first slow start needs it: later ones know a threshold (RFC 9406 4.2).
    hystart: Option<HyStart>,
    pub(super) validation: Option<Validation>,
    /// Most bytes in flight in this round, and the offset that ends it.
    peak: u64,
    round_end: u64,
    /// The peer tells of gaps.
    sack: bool,
    /// A loss or an echo is being answered; its end makes the window what the threshold is.
    repairing: bool,
}

/// What is known once slow start has ended for the first time; many a connection does not live to
/// see that.
#[derive(Clone, Copy, Debug, Default)]
struct Past<A> {
    adjustment: A,
    undo: Option<Undo<A>>,
}

/// What was before the last reduction.
#[derive(Clone, Copy, Debug)]
struct Undo<A> {
    window: u64,
    slow_start_threshold: u64,
    adjustment: A,
}

impl<A: Adjustment> Classic<A> {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            first: start.first,
            window: start.first.bytes(),
            slow_start_threshold: u64::MAX,
            past: None,
            hystart: start.hystart.then(|| HyStart::new(start.sack)),
            validation: start.validation.then(Validation::default),
            peak: 0,
            round_end: 0,
            sack: start.sack,
            repairing: false,
        }
    }

    #[cfg(test)]
    pub(super) fn adjustment(&self) -> A {
        self.past
            .as_ref()
            .map_or_else(A::default, |past| past.adjustment)
    }

    fn mss(&self) -> u64 {
        self.first.mss.into()
    }

    /// Time passes without a full window.
    fn pause(&mut self, now: Instant) {
        if let Some(past) = &mut self.past {
            past.adjustment.pause(now);
        }
    }

    /// Slow start (RFC 5681 3.1): as many bytes as were acknowledged. Returns the bytes that are
    /// left for congestion avoidance when the threshold is reached.
    ///
    /// The limit L of RFC 3465 is not set: with receive offload one ACK stands for many segments.
    fn slow_start_on(&mut self, ack: &Ack, limited: bool) -> u64 {
        // A reduction that was taken back leaves no threshold: that is the first slow start still.
        let first = self.slow_start_threshold == u64::MAX;
        let pace = match &mut self.hystart {
            Some(hystart) if first && ack.acked > 0 => hystart.on_ack(ack),
            _ => Pace::Full,
        };
        let growth = match pace {
            _ if !limited => 0,
            Pace::Full => ack.acked,
            Pace::Divided(divisor) => ack.acked / divisor,
            Pace::Over => 0,
        };
        let room = self.slow_start_threshold - self.window;
        self.window += growth.min(room);
        if pace == Pace::Over {
            self.hystart = None;
            self.slow_start_threshold = self.window;
        }
        growth.saturating_sub(room)
    }

    /// In slow start, a window of which half was used in the round is used enough: it would not
    /// have been larger than what doubles from round to round.
    fn is_limited(&mut self, ack: &Ack) -> bool {
        self.peak = self.peak.max(ack.prior_in_flight);
        let half_used = self.slow_start() && self.peak.saturating_mul(2) > self.window;
        if ack.una >= self.round_end {
            self.round_end = ack.nxt;
            self.peak = ack.in_flight;
        }
        ack.window_limited || half_used
    }

    /// RFC 7661: what was not used for minutes is not kept for ever.
    fn end_validation_period(&mut self, now: Instant) {
        let Some(validation) = &mut self.validation else {
            return;
        };
        if validation.period_is_over(now, self.window) {
            let kept = percent(self.window, 75);
            self.slow_start_threshold = self.slow_start_threshold.max(kept);
            self.window = self.window.min((self.window / 2).max(self.first.bytes()));
        }
    }

    /// The new threshold (RFC 5681 equation 4 with the share of the adjustment).
    fn reduced(&mut self, congestion: &Congestion) -> u64 {
        let share = match congestion.cause {
            // RFC 8511 4: in slow start a mark is answered as a loss.
            Cause::EcnEcho if !self.slow_start() => A::AFTER_ECN,
            _ => A::AFTER_LOSS,
        };
        let unused = match (&mut self.validation, congestion.cause) {
            (Some(validation), Cause::Loss | Cause::EcnEcho) => {
                validation.on_congestion(self.window, congestion.in_flight)
            }
            (Some(validation), Cause::Timeout { .. }) => {
                validation.reset();
                None
            }
            (None, _) => None,
        };
        let reduced = match unused {
            Some(in_use) => in_use / 2,
            None => percent(A::in_use(self.window, congestion.in_flight), share),
        };
        reduced.max(2 * self.mss())
    }

    /// Without SACK nobody knew what was out while it was resent, and it may be little: of a window
    /// that opens at once no more leaves in a burst than on a new connection, and slow start fills
    /// the rest (RFC 6582 3.2, full acknowledgments, 1). What left in the recovery may leave again.
    fn open_gently(&mut self, in_flight: u64) {
        let gentle = in_flight.saturating_add(self.first.bytes());
        if !self.sack && gentle < self.window {
            self.slow_start_threshold = self.slow_start_threshold.max(self.window);
            self.window = gentle;
        }
    }
}

impl<A: Adjustment> CongestionController for Classic<A> {
    fn on_sent(&mut self, sent: &Sent) {
        self.peak = self.peak.max(sent.in_flight.saturating_add(sent.bytes));
        if sent.in_flight == 0 {
            self.pause(sent.now);
        }
        self.end_validation_period(sent.now);
    }

    fn on_ack(&mut self, ack: &Ack) {
        let limited = self.is_limited(ack) && !ack.disordered;
        if let Some(validation) = &mut self.validation {
            validation.on_ack(ack, self.window);
        }
        if ack.recovering || ack.acked == 0 {
            return;
        }
        let mut acked = ack.acked;
        if self.slow_start() {
            acked = self.slow_start_on(ack, limited);
        }
        if !self.slow_start() {
            if ack.window_limited && !ack.disordered && acked > 0 {
                let growth = Growth {
                    now: ack.now,
                    acked,
                    window: self.window,
                    mss: self.mss(),
                    srtt: ack.srtt.unwrap_or_default(),
                };
                let past = self.past.get_or_insert_default();
                self.window = past.adjustment.grow(&growth);
            } else {
                self.pause(ack.now);
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }

    /// RFC 5681 3.1 (equation 4) and 3.2 steps 2 and 3. After repeated timeouts for the same
    /// segment the threshold stays.
    fn on_congestion(&mut self, congestion: &Congestion) {
        let timeout = matches!(congestion.cause, Cause::Timeout { .. });
        self.repairing = !timeout;
        if congestion.cause != (Cause::Timeout { repeated: true }) {
            let past = self.past.get_or_insert_default();
            past.undo = Some(Undo {
                window: self.window,
                slow_start_threshold: self.slow_start_threshold,
                adjustment: past.adjustment,
            });
            past.adjustment.on_reduction(self.window, timeout);
            self.slow_start_threshold = self.reduced(congestion);
        }
        self.window = if timeout {
            self.mss()
        } else {
            self.slow_start_threshold
        };
    }

    /// After a timeout, or when the reduction was taken back, the window is right already.
    fn on_recovered(&mut self, _now: Instant, in_flight: u64) {
        if !core::mem::take(&mut self.repairing) {
            return;
        }
        if let Some(in_use) = self.validation.as_mut().and_then(Validation::on_recovered) {
            // RFC 7661 4.4.1: the losses say by how much the path was overrun.
            self.slow_start_threshold = (in_use / 2).max(self.mss());
        }
        self.window = self.slow_start_threshold.min(WINDOW_MAX);
        self.open_gently(in_flight);
    }

    fn on_spurious(&mut self, _now: Instant, in_flight: u64) {
        self.repairing = false;
        if let Some(validation) = &mut self.validation {
            validation.reset();
        }
        if let Some(past) = &mut self.past
            && let Some(undo) = past.undo.take()
        {
            past.adjustment = undo.adjustment;
            self.window = self.window.max(undo.window);
            self.slow_start_threshold = undo.slow_start_threshold;
            self.open_gently(in_flight);
        }
    }

    /// RFC 5681 4.1. The threshold remembers what the path could carry.
    fn on_idle_restart(&mut self, _now: Instant, _idle: Duration, _rto: Duration) {
        let kept = percent(self.window, 75);
        self.slow_start_threshold = self.slow_start_threshold.max(kept);
        self.window = self.window.min(self.first.bytes());
    }

    fn on_handshake_loss(&mut self) {
        self.window = self.mss();
    }

    fn on_mss(&mut self, mss: u16) {
        self.first.mss = mss;
        self.window = self.window.max(self.mss());
    }

    fn window(&self) -> u64 {
        // The threshold may stem from a time when segments were smaller. With less than a segment
        // and nothing in flight the sender would wait for ever.
        self.window.max(self.mss())
    }

    fn slow_start_threshold(&self) -> u64 {
        self.slow_start_threshold
    }

    fn slow_start(&self) -> bool {
        self.window < self.slow_start_threshold
    }

    fn name(&self) -> &'static str {
        A::NAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::{Cubic, Reno};

    const MSS: u64 = 1_000;

    /// A flight of `sent` segments on an idle connection of ten, and ACKs for so many of them each;
    /// the window after each ACK, in segments.
    fn windows(sent: u64, acks: &[u64]) -> alloc::vec::Vec<u64> {
        let mut reno = Reno::new(Start::plain(1_000));
        let nxt = sent * MSS;
        reno.on_sent(&Sent {
            now: Instant::ZERO,
            bytes: nxt,
            in_flight: 0,
            app_limited: true,
        });
        let limited = sent >= 10;
        let mut una = 0;
        let windows = acks.iter().map(|acked| {
            let prior_in_flight = nxt - una;
            una += acked * MSS;
            reno.on_ack(&Ack {
                acked: acked * MSS,
                prior_in_flight,
                in_flight: nxt - una,
                window_limited: limited,
                una,
                nxt,
                ..Ack::default()
            });
            reno.window() / MSS
        });
        windows.collect()
    }

    /// RFC 5681 3.1 with byte counting, and Linux' rule for half-used windows: a round with more
    /// than half of the window in flight lets it grow, up to twice what was in flight.
    #[test]
    fn slow_start_grows_by_what_was_acknowledged_of_a_used_window() {
        for (sent, acks, expected) in [
            (10, &[1, 1, 1][..], &[11, 12, 13][..]),
            (10, &[2, 2, 6], &[12, 14, 20]),
            (10, &[10], &[20]),
            (5, &[2, 2, 1], &[10, 10, 10]),
            (6, &[2, 2, 2], &[12, 12, 12]),
        ] {
            assert_eq!(windows(sent, acks), expected, "{sent} sent, {acks:?}");
        }
    }

    /// RFC 5681 3.1 and 3.2, RFC 9438 4.6, RFC 8511 3: what is left of 100 segments. A mark is worth
    /// less than a loss in congestion avoidance only (RFC 8511 4).
    #[test]
    fn reduction_by_controller_and_cause() {
        let timeout = Cause::Timeout { repeated: false };
        for (cause, slow_start, reno, cubic) in [
            (Cause::Loss, true, (50, 50), (70, 70)),
            (Cause::Loss, false, (50, 50), (70, 70)),
            (Cause::EcnEcho, true, (50, 50), (70, 70)),
            (Cause::EcnEcho, false, (80, 80), (85, 85)),
            (timeout, true, (1, 50), (1, 70)),
        ] {
            let mut controllers = (
                Reno::new(Start::plain(1_000)),
                Cubic::new(Start::plain(1_000)),
            );
            controllers.0.window = 100 * MSS;
            controllers.1.window = 100 * MSS;
            if !slow_start {
                controllers.0.slow_start_threshold = 100 * MSS;
                controllers.1.slow_start_threshold = 100 * MSS;
            }
            let both: [&mut dyn CongestionController; 2] = [&mut controllers.0, &mut controllers.1];
            for (controller, expected) in both.into_iter().zip([reno, cubic]) {
                controller.on_congestion(&Congestion {
                    now: Instant::ZERO,
                    cause,
                    in_flight: 100 * MSS,
                    nxt: 0,
                });
                let threshold = controller.slow_start_threshold() / MSS;
                let got = (controller.window() / MSS, threshold);
                let name = controller.name();
                assert_eq!(got, expected, "{name} {cause:?} {slow_start}");
            }
        }
    }

    /// RFC 5681 3.1: Reno's threshold comes from FlightSize, for the peer's window may be smaller
    /// than ours; and is two segments at least.
    #[test]
    fn reno_halves_what_is_in_flight() {
        for (flight, threshold) in [(100, 50), (120, 50), (60, 30), (3, 2)] {
            let mut reno = Reno::new(Start::plain(1_000));
            reno.window = 100 * MSS;
            reno.on_congestion(&Congestion {
                now: Instant::ZERO,
                cause: Cause::Loss,
                in_flight: flight * MSS,
                nxt: 0,
            });
            assert_eq!(reno.slow_start_threshold() / MSS, threshold, "{flight}");
        }
    }

    /// RFC 5681 3.1: while losses are repaired the window does not grow.
    #[test]
    fn no_growth_during_recovery() {
        let mut reno = Reno::new(Start::plain(1_000));
        reno.on_ack(&Ack {
            acked: MSS,
            prior_in_flight: 10 * MSS,
            window_limited: true,
            recovering: true,
            ..Ack::default()
        });
        assert_eq!(reno.window(), 10 * MSS);
    }

    /// The end of a repair sets the window to the threshold (RFC 5681 3.2 step 6), but not after a
    /// timeout, whose slow start goes on, and not after an undo.
    #[test]
    fn only_the_end_of_a_repair_sets_the_window() {
        let timeout = Cause::Timeout { repeated: false };
        for (cause, undone, expected) in [
            (Cause::Loss, false, 50),
            (Cause::EcnEcho, false, 50),
            (Cause::Loss, true, 100),
            (timeout, false, 1),
            (timeout, true, 100),
        ] {
            let mut reno = Reno::new(Start::plain(1_000));
            reno.window = 100 * MSS;
            reno.on_congestion(&Congestion {
                now: Instant::ZERO,
                cause,
                in_flight: 100 * MSS,
                nxt: 0,
            });
            if undone {
                reno.on_spurious(Instant::ZERO, u64::MAX);
            }
            reno.on_recovered(Instant::ZERO, 0);
            reno.on_recovered(Instant::ZERO, 0);
            assert_eq!(reno.window() / MSS, expected, "{cause:?} {undone}");
        }
    }

    /// RFC 9406 4.2: HyStart++ belongs to the first slow start, which goes on when a reduction was
    /// taken back (RFC 4015 3).
    #[test]
    fn an_undo_brings_hystart_back() {
        for undone in [true, false] {
            let mut reno = Reno::new(Start {
                hystart: true,
                ..Start::plain(1_000)
            });
            reno.on_congestion(&Congestion {
                now: Instant::ZERO,
                cause: Cause::Loss,
                in_flight: 10 * MSS,
                nxt: 0,
            });
            if undone {
                reno.on_spurious(Instant::ZERO, u64::MAX);
            }
            let before = reno.slow_start_threshold();
            for (round, millis) in [100, 100, 150, 150, 150, 150, 150, 150].iter().enumerate() {
                let una = u64::try_from(round).expect("a small number") + 1;
                for _ in 0..10 {
                    reno.on_ack(&Ack {
                        acked: MSS,
                        rtt: Some(Duration::from_millis(*millis)),
                        window_limited: true,
                        una,
                        nxt: una + 1,
                        ..Ack::default()
                    });
                }
            }
            assert_eq!(reno.slow_start_threshold() < before, undone);
        }
    }

    /// RFC 5681 4.1, and the threshold remembers the path (RFC 7661 4.4.3 in spirit).
    #[test]
    fn idle_time_leads_back_to_slow_start() {
        let mut reno = Reno::new(Start::plain(1_000));
        reno.window = 100 * MSS;
        reno.slow_start_threshold = 50 * MSS;
        let idle = Duration::from_secs(3);
        reno.on_idle_restart(Instant::ZERO, idle, Duration::from_secs(1));
        let got = (reno.window() / MSS, reno.slow_start_threshold() / MSS);
        assert_eq!(got, (10, 75));
    }
}
