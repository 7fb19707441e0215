//! Congestion window validation (RFC 7661): a window that the application did not fill for some
//! time says little about the path. It is kept for five minutes, but a loss in this time is
//! answered by what was really in use.

use core::time::Duration;

use handfast_packet::Instant;

use super::Ack;
use crate::span::Span;

/// How long an unused window is kept (RFC 7661 section 5).
const NON_VALIDATED_PERIOD: Duration = Duration::from_secs(300);
/// The pipeACK sampling period is three round trips, at least this (RFC 7661 4.2).
const SAMPLING_PERIOD_MIN: Duration = Duration::from_secs(1);
/// The sampling period is remembered in so many parts.
const PARTS_MAX: usize = 4;
const PARTS: u32 = 4;

/// Bytes of a window, which is at most [`super::WINDOW_MAX`].
type Amount = u32;

/// The state of validation for one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Validation {
    /// The largest amount that was acknowledged in a round trip, for each part of the sampling
    /// period, newest first.
    parts: [Amount; PARTS_MAX],
    /// When the newest of them began; `None` until the first measurement.
    part_began: Option<Instant>,
    srtt: Span,
    /// Bytes acknowledged in this round, and the offset that ends it; both are 0 outside a round.
    acked: Amount,
    round_end: u64,
    /// When the window was last used enough.
    validated_at: Option<Instant>,
    /// The window, and not the application, held the sender back of late.
    limited: bool,
    /// A reduction of an unused window: what was in use, less what was lost since.
    reduced: Option<Amount>,
}

impl Validation {
    /// An ACK of new data.
    pub(super) fn on_ack(&mut self, ack: &Ack, window: u64) {
        if ack.recovering {
            // RFC 7661 4.2: no samples while losses are repaired.
            let lost = amount(ack.lost);
            self.reduced = self.reduced.map(|in_use| in_use.saturating_sub(lost));
            (self.acked, self.round_end) = (0, 0);
            return;
        }
        self.limited = ack.window_limited;
        if let Some(srtt) = ack.srtt {
            self.srtt = srtt.into();
        }
        if self.round_end == 0 {
            self.round_end = ack.nxt;
        }
        self.acked = self.acked.saturating_add(amount(ack.acked));
        if ack.una >= self.round_end {
            // The next round begins now if something is out, else with the next flight.
            self.round_end = if ack.una < ack.nxt { ack.nxt } else { 0 };
            let acked = core::mem::take(&mut self.acked);
            self.sample(ack.now, acked);
        }
        self.age(ack.now);
        if self.is_validated(window) {
            self.validated_at = Some(ack.now);
        }
    }

    /// pipeACK: the most that was acknowledged in a round trip of the sampling period; `None`
    /// while undefined.
    pub(super) fn pipe_ack(&self) -> Option<u64> {
        let most = self
            .parts
            .into_iter()
            .max()
            .filter(|_| self.part_began.is_some());
        most.map(u64::from)
    }

    /// Whether at least half of the window was in use lately (RFC 7661 4.3).
    pub(super) fn is_validated(&self, window: u64) -> bool {
        self.pipe_ack()
            .is_none_or(|pipe_ack| pipe_ack >= window / 2)
    }

    /// Whether the window was unused for [`NON_VALIDATED_PERIOD`]. Once told, it is told again
    /// only after another period.
    pub(super) fn period_is_over(&mut self, now: Instant, window: u64) -> bool {
        self.age(now);
        let since = *self.validated_at.get_or_insert(now);
        let over = !self.is_validated(window) && now - since > NON_VALIDATED_PERIOD;
        if over {
            self.validated_at = Some(now);
        }
        over
    }

    /// Congestion while the window was not validated: what was in use, of which half remains
    /// (RFC 7661 4.4.1). `None` in the validated phase, where the standard rules hold; and where the
    /// window itself was the limit (section 3): pipeACK is that of the round before, and in slow start a
    /// fourth of the window that the round at hand has filled.
    pub(super) fn on_congestion(&mut self, window: u64, flight_size: u64) -> Option<u64> {
        let in_use = match self.pipe_ack() {
            Some(pipe_ack) if !self.limited && !self.is_validated(window) => {
                Some(pipe_ack.max(flight_size))
            }
            _ => None,
        };
        // A window that is in flight as a whole is used, whatever was before.
        let in_use = in_use.filter(|&in_use| in_use < window);
        self.reduced = in_use.map(amount);
        in_use
    }

    /// Losses are repaired: what was in use less what was lost, if an unused window had been
    /// reduced.
    pub(super) fn on_recovered(&mut self) -> Option<u64> {
        let reduced = self.reduced.take();
        self.reset();
        reduced.map(u64::from)
    }

    /// pipeACK is undefined until the next measurement.
    pub(super) fn reset(&mut self) {
        *self = Self {
            validated_at: self.validated_at,
            srtt: self.srtt,
            ..Self::default()
        };
    }

    fn sample(&mut self, now: Instant, sample: Amount) {
        self.age(now);
        self.part_began.get_or_insert(now);
        self.parts[0] = self.parts[0].max(sample);
    }

    /// Drops the parts that are older than the sampling period.
    fn age(&mut self, now: Instant) {
        let Some(began) = &mut self.part_began else {
            return;
        };
        // Spares most ACKs the division.
        if now - *began < SAMPLING_PERIOD_MIN / PARTS {
            return;
        }
        let part_len = self.srtt.get().saturating_mul(3).max(SAMPLING_PERIOD_MIN) / PARTS;
        for _ in 0..PARTS_MAX {
            if now - *began < part_len {
                return;
            }
            self.parts.rotate_right(1);
            self.parts[0] = 0;
            *began += part_len;
        }
        *began = now;
    }
}

/// What is beyond any window counts like the largest of them.
fn amount(bytes: u64) -> Amount {
    Amount::try_from(bytes).unwrap_or(Amount::MAX)
}

#[cfg(test)]
mod tests;
