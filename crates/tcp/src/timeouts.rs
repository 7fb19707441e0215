//! What happens when a timer runs out (RFC 9293 3.10.8, RFC 6298 section 5).

use crate::config::Cx;
use crate::congestion::{self, Congestion};
use crate::connection::{Connection, Phase};
use crate::event::CloseReason;
use crate::journal::WindowCause;
use crate::soft_error::SoftError;
use crate::timer::Timer;
use handfast_packet::cause::Cause;

/// R1 (RFC 9293 3.8.3, MUST-20): after so many timeouts the application and the layers below hear
/// of the trouble.
const R1_TIMEOUTS: u8 = 3;

impl Connection {
    /// Handles every timer that is due. Each stops first and is set anew, if at all, in the
    /// future, so the loop ends.
    pub(crate) fn timers_expire(&mut self, cx: &mut Cx<'_>) {
        while let Some(timer) = self.timers.expired(cx.now) {
            self.timers.stop(timer);
            cx.note_fired(timer);
            match timer {
                Timer::Retransmit => self.retransmit_expires(cx),
                Timer::WindowProbe => self.window_probe_expires(cx),
                Timer::TailLossProbe => self.loss_probe_expires(cx),
                Timer::Reorder => self.reorder_expires(cx),
                // `poll_transmit` looks again after each timeout.
                Timer::Pacing => {}
                Timer::DelayedAck => {
                    self.acks.quick.on_delay_expired();
                    self.acks.owe(Cause::DelayedAck);
                }
                Timer::KeepAlive => self.keep_alive_expires(cx),
                Timer::Cork => self.push_held(),
                Timer::UserTimeout | Timer::FinWait2 => self.end(CloseReason::TimedOut),
            }
        }
    }

    fn retransmit_expires(&mut self, cx: &mut Cx<'_>) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        if una == nxt {
            return;
        }
        if self.opened_in_vain() {
            return self.end(CloseReason::TimedOut);
        }
        let opening = !matches!(self.phase, Phase::Synchronized);
        if !opening {
            if self.snd.window() == 0 {
                // Nothing was lost: the peer shut its window on what is out. Probe it instead.
                return self.window_probe_expires(cx);
            }
            let timeout = self.recovery.on_timeout(cx.now, nxt);
            self.tell_losses(cx);
            cx.note_window_cause(WindowCause::Timeout);
            self.congestion.on_congestion(&Congestion {
                now: cx.now,
                cause: congestion::Cause::Timeout {
                    repeated: timeout.repeated,
                },
                in_flight: nxt - una,
                nxt: nxt.get(),
            });
            self.ecn.on_reduction(nxt);
            self.suspect_black_hole();
            self.snd.loss_probe_due = false;
            self.timers.stop(Timer::TailLossProbe);
            self.timers.stop(Timer::Reorder);
        } else {
            self.recovery.on_syn_timeout();
            self.timers.note_syn(None);
        }
        self.path_mtu.on_timeout(una);
        if self.backs_off() {
            self.rtt.backoff(cx.now, nxt);
        }
        self.tally.on_timeout(cx.now);
        if self.recovery.timeouts() == R1_TIMEOUTS {
            self.tell_soft_error(SoftError::NoAnswer);
        }
        self.advises_against_path |= self.recovery.timeouts() >= R1_TIMEOUTS;
        self.watch_retransmission(cx.now);
    }

    fn keep_alive_expires(&mut self, cx: &Cx<'_>) {
        let Some(idle) = self.config.keep_alive else {
            return;
        };
        let due = self.heard_at + idle;
        if cx.now < due || self.snd.outstanding() > 0 {
            // Somebody spoke meanwhile, or the retransmission timer watches the peer already.
            self.timers.set(
                Timer::KeepAlive,
                due.max(cx.now + self.config.keep_alive_interval),
            );
        } else if self.keep_alive_probes >= self.config.keep_alive_probes {
            self.end(CloseReason::KeepAliveTimedOut);
        } else {
            self.keep_alive_probes += 1;
            self.keep_alive_due = true;
            self.timers
                .set(Timer::KeepAlive, cx.now + self.config.keep_alive_interval);
        }
    }
}
