//! Is the congestion window used? Only a window that held us back may grow (RFC 7661, RFC 9002
//! section 7.8 in spirit, Linux in detail).

use handfast_packet::Instant;

use crate::connection::Connection;
use crate::seq::Offset;
use crate::tally::Limit;
use crate::timer::Timer;

impl Connection {
    /// Remembers what holds us back, now that nothing more leaves.
    pub(super) fn note_limit(&mut self, now: Instant) {
        let queued = self.snd.queued();
        let out = self.snd.outstanding();
        let mss = u64::from(self.snd.mss);
        let room = self.congestion_room();
        let limit = if queued == 0 && self.recovery.next_lost().is_none() {
            if self.snd.writer_waits && out > 0 {
                Limit::SendBuffer
            } else {
                Limit::Application
            }
        } else if self.timers.is_set(Timer::Pacing) {
            Limit::Pacing
        } else if room < mss {
            Limit::CongestionWindow
        } else if self.snd.usable_window() < mss.min(queued) {
            Limit::ReceiveWindow
        } else if self.snd.hold.is_corked() {
            Limit::Cork
        } else {
            Limit::Nagle
        };
        let before = core::mem::replace(&mut self.limit, limit);
        self.tally
            .limit(now, (before, limit), out > 0 || queued > 0);
    }
}

/// The strongest sign of use within about one round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowUse {
    /// The window, not the application or the peer, held us back.
    limited: bool,
    /// Most bytes that were out at once.
    most_out: u32,
    /// Until this is acknowledged the signs above are fresh.
    until: Offset,
}

impl WindowUse {
    /// None.
    pub(crate) const NOTHING: Self = Self {
        limited: false,
        most_out: 0,
        until: Offset::ZERO,
    };

    /// Something was sent, or could not be: with `una` and `nxt` as they are now.
    pub(crate) fn note(&mut self, una: Offset, nxt: Offset, limited: bool) {
        let out = u32::try_from(nxt - una).expect("windows are below 2^30 bytes");
        let stale = una >= self.until;
        if stale || limited || (!self.limited && out > self.most_out) {
            self.limited = limited;
            self.most_out = out;
            self.until = nxt;
        }
    }

    /// Whether a window of `window` bytes may grow. In slow start it may when half of it was
    /// used, as each ACK lets go twice what it acknowledges.
    pub(crate) fn is_limited(&self, window: u64, slow_start: bool) -> bool {
        self.limited || (slow_start && window < 2 * u64::from(self.most_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_as_used_for_one_round() {
        let at = |n| Offset::ZERO + n;
        let mut usage = WindowUse::default();
        usage.note(at(1), at(1_001), true);
        assert!(usage.is_limited(1_000, false));
        // Less is out later in the same round: the window was used all the same.
        usage.note(at(501), at(1_101), false);
        assert!(usage.is_limited(1_000, false));
        // A new round.
        usage.note(at(1_101), at(1_301), false);
        assert!(!usage.is_limited(1_000, false));
        assert!(!usage.is_limited(400, true) && usage.is_limited(399, true));
    }
}
