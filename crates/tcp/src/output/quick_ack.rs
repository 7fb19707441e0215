//! Which ACKs need not wait (as in Linux): those of a sender that begins, since it is in slow
//! start and each ACK lets it go on. An application that answers what it gets carries its ACKs on
//! its answers instead.

use core::time::Duration;

use handfast_packet::Instant;

use crate::connection::{Connection, Phase};
use crate::seq::Offset;

/// At least so many ACKs leave at once, however small the window.
const QUICK_MIN: u64 = 2;

/// How many ACKs may leave without delay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QuickAck {
    left: u8,
    /// How many of them leave one by one where the peer counts them, since there were losses.
    alone: u8,
    /// The application answers: what we send carries the ACKs.
    interactive: bool,
    /// When text came last.
    heard_at: Option<Instant>,
}

impl QuickAck {
    /// Text came. When it is the first, or the first for longer than `pause`, then the next
    /// `fresh` ACKs are quick.
    fn on_text(&mut self, now: Instant, pause: Duration, fresh: u8) {
        if self.heard_at.is_none_or(|at| now - at > pause) {
            self.left = self.left.max(fresh);
        }
        self.heard_at = Some(now);
    }

    /// Text of ours leaves for the first time: an answer, if it comes within the `delay` that an
    /// ACK may wait.
    pub(crate) fn on_text_sent(&mut self, now: Instant, delay: Duration) {
        self.interactive |= self.heard_at.is_some_and(|at| now - at < delay);
    }

    /// Text of ours carried the last ACK of the handshake: the application had it ready, and waits
    /// for an answer to it.
    pub(crate) fn on_handshake_with_text(&mut self) {
        self.interactive = true;
    }

    /// An ACK waited in vain for an answer to ride on.
    pub(crate) fn on_delay_expired(&mut self) {
        self.interactive = false;
    }

    pub(crate) fn on_ack_sent(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.alone = self.alone.saturating_sub(1);
    }

    /// Text came that we had already: an ACK of ours was lost, or the peer's timer fired. It has few
    /// segments out, and the next `fresh` ACKs are quick.
    fn on_duplicate(&mut self, fresh: u8) {
        self.interactive = false;
        self.on_hole(fresh);
    }

    /// Text is missing.
    fn on_hole(&mut self, fresh: u8) {
        self.alone = self.alone.max(fresh);
        self.left = self.left.max(fresh);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.left > 0 && !self.interactive
    }

    /// Whether an ACK leaves alone behind so many that do so already.
    pub(crate) fn is_alone(&self, waiting: usize) -> bool {
        usize::from(self.alone) > waiting && !self.interactive
    }

    /// The application's wish; the next text and the next answer may change it again.
    pub(crate) fn set(&mut self, quick: bool, fresh: u8) {
        self.interactive = !quick;
        if quick {
            self.left = self.left.max(fresh);
        }
    }
}

impl Connection {
    /// Text arrived: whether its ACK shall not wait for more.
    pub(crate) fn acks_at_once(&mut self, now: Instant) -> bool {
        let fresh = self.fresh_quick_acks();
        self.acks.quick.on_text(now, self.rtt.rto(), fresh);
        if !self.sack && self.rcv.data.has_holes() {
            self.acks.quick.on_hole(fresh);
        }
        self.acks.quick.is_on()
    }

    /// A whole segment of text arrived that we had already: its ACK leaves at once, and so do the
    /// next ones.
    pub(crate) fn acknowledge_again(&mut self, range: (Offset, Offset)) {
        let fresh = self.fresh_quick_acks();
        self.acks.quick.on_duplicate(fresh);
        if self.sack || !matches!(self.phase, Phase::Synchronized) {
            self.acks.owe_for_duplicate(range);
        } else {
            self.acks.owe_for_duplicate_segment(self.rcv.nxt());
        }
    }

    fn fresh_quick_acks(&self) -> u8 {
        let segments = self.rcv.window() / (2 * u64::from(self.rcv.largest_segment));
        let most = u64::from(self.config.quick_acks);
        let fresh = segments.max(QUICK_MIN).min(most);
        u8::try_from(fresh).expect("bounded by a u8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(200);
    const DELAY: Duration = Duration::from_millis(40);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_first_acks_are_quick_and_again_after_a_pause() {
        let mut quick = QuickAck::default();
        for (millis, is_on) in [
            (0, true),
            (10, true),
            (20, false),
            (220, false),
            (421, true),
        ] {
            quick.on_text(at(millis), PAUSE, 2);
            assert_eq!(quick.is_on(), is_on, "at {millis} ms");
            quick.on_ack_sent();
        }
    }

    #[test]
    fn answers_end_it_and_an_ack_that_waited_in_vain_brings_it_back() {
        let mut quick = QuickAck::default();
        // Text of ours that answers nothing.
        quick.on_text_sent(at(0), DELAY);
        quick.on_text(at(10), PAUSE, 9);
        assert!(quick.is_on());
        quick.on_text_sent(at(50), DELAY);
        assert!(quick.is_on(), "too late for an answer");
        quick.on_text_sent(at(49), DELAY);
        assert!(!quick.is_on());
        quick.on_delay_expired();
        assert!(quick.is_on());
    }

    #[test]
    fn the_application_has_its_way() {
        let mut quick = QuickAck::default();
        quick.set(true, 9);
        assert!(quick.is_on());
        quick.set(false, 9);
        assert!(!quick.is_on());
    }
}
