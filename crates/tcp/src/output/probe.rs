//! Probes: of a closed window (RFC 9293 3.8.6.1) and of a silent peer (3.8.4).

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::Connection;
use crate::output::segment::Piece;
use crate::segment::Transmit;
use crate::seq::Offset;
use crate::timer::Timer;

/// Longest time between two window probes (RFC 9293 3.8.6.1 asks for exponential growth).
const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(60);

impl Connection {
    /// Something waits, nothing is out and the window does not let it go: without a timer both
    /// sides would wait for ever.
    pub(super) fn watch_window(&mut self, cx: &Cx<'_>) {
        let waits = self.snd.queued() > 0 || (self.close.is_local_shut() && !self.snd.fin_sent());
        if waits && self.snd.outstanding() == 0 && !self.timers.is_set(Timer::WindowProbe) {
            self.timers.set(Timer::WindowProbe, cx.now + self.rtt.rto());
            if self.timers.waiting_since().is_none() {
                self.watch_peer(cx.now);
            }
        }
    }

    /// The probe timer fired. With some window it is the override timer of silly-window
    /// avoidance; without, a probe is due.
    pub(crate) fn window_probe_expires(&mut self, cx: &Cx<'_>) {
        if !self.has_probe() {
            // The last probe was taken, and the window is none of our concern any more.
            return;
        }
        self.snd.probe_due = true;
        if self.snd.window() > 0 && self.snd.outstanding() == 0 {
            return;
        }
        self.snd.probes = self.snd.probes.saturating_add(1);
        let wait = self.rtt.rto() * (1 << u32::from(self.snd.probes.min(10)));
        self.timers
            .set(Timer::WindowProbe, cx.now + wait.min(PROBE_INTERVAL_MAX));
    }

    /// Text or a FIN waits that the peer has not acknowledged.
    fn has_probe(&self) -> bool {
        let end = self.snd.buffer.end();
        self.snd.una < end || (self.snd.una == end && self.close.is_local_shut())
    }

    /// One byte beyond the window: the one that is out already, or the next one, or the FIN.
    pub(super) fn window_probe(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        if !self.snd.probe_due || self.snd.window() > 0 {
            return None;
        }
        self.snd.probe_due = false;
        if !self.has_probe() {
            return None;
        }
        let at = self.snd.una;
        let text = self.snd.buffer.end().saturating_sub(at).min(1);
        let fin = text == 0;
        let cause = Cause::WindowProbe(self.snd.probes);
        let transmit = self.segment(cx, Piece { at, text, fin }, cause);
        let until = at + text + transmit.control.len();
        if until > self.snd.nxt {
            let in_flight = self.in_flight();
            self.recovery
                .on_sent(self.snd.nxt..until, cx.now, in_flight);
            self.snd.nxt = until;
        } else {
            self.tally.on_resent(text, 1);
        }
        // The peer may refuse the byte for long: its ACK is no measure of the path.
        self.recovery.mark_ambiguous(at);
        if self.timers.waiting_since().is_none() {
            self.watch_peer(cx.now);
        }
        Some(transmit)
    }

    /// A segment that the peer must answer: one number too low, without text (RFC 9293 3.8.4).
    pub(super) fn keep_alive(&mut self, now: Instant) -> Option<Transmit> {
        if !self.keep_alive_due {
            return None;
        }
        self.keep_alive_due = false;
        // The timer asked before, but text or a FIN may have left since, at the same moment.
        if self.snd.outstanding() > 0 {
            return None;
        }
        let before = Offset::ZERO + self.snd.nxt.get().saturating_sub(1);
        let mut probe = self.bare(before, now, Cause::KeepAlive);
        if self.config.keep_alive_garbage {
            // The peer has acknowledged this octet and looks at it no more (RFC 9293 MAY-6).
            probe.payload = Chunk::copy_from(&[0]).into();
        }
        Some(probe)
    }

    /// Starts the idle time anew.
    pub(crate) fn arm_keep_alive(&mut self, now: Instant) {
        if let Some(idle) = self.config.keep_alive {
            self.timers.set(Timer::KeepAlive, now + idle);
        }
    }
}
