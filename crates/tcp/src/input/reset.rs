//! Second and fourth step: RST and SYN, with the caution of RFC 5961.

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::event::CloseReason;
use crate::seq::Offset;

impl Connection {
    /// A RST inside the window. Only one that hits RCV.NXT exactly is believed; others may be
    /// guesses and get a challenge (RFC 5961 3.2).
    pub(super) fn reset_arrives(&mut self, cx: &mut Cx<'_>, seq: Offset) {
        if seq != self.rcv.nxt() {
            // Right behind the window, where an empty segment is let in, is outside for a RST.
            if seq < self.rcv.right_edge {
                self.acks.challenge(cx.now);
            }
            return;
        }
        self.end(match self.phase {
            Phase::SynReceived { passive: false } => CloseReason::Refused,
            _ => CloseReason::Reset,
        });
    }

    /// A SYN inside the window: back to LISTEN if that is where we came from and nothing is
    /// synchronised yet (RFC 9293 3.10.7.4, fourth step); otherwise a challenge (RFC 5961 4.2).
    pub(super) fn syn_arrives(&mut self, cx: &mut Cx<'_>) {
        match self.phase {
            Phase::SynReceived { passive: true } => self.end(CloseReason::Reset),
            _ => self.acks.challenge(cx.now),
        }
    }
}
