//! Timestamps on input: protection against wrapped sequence numbers (RFC 7323 5), and TS.Recent.

use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::segment::{Control, Segment};
use crate::seq::Offset;

impl Connection {
    /// R1 of RFC 7323 5.3, before any other test. A RST is exempt (5.2); so is a SYN, which a
    /// peer that was started anew may send without timestamps and which must get its challenge.
    pub(super) fn passes_paws(&mut self, cx: &mut Cx<'_>, segment: &Segment) -> bool {
        let Some(state) = &self.timestamps else {
            return true;
        };
        match segment.options.timestamps {
            _ if matches!(segment.control, Control::Rst | Control::Syn) => true,
            // RFC 7323 3.2: once negotiated, every segment must have them. The ACK of our SYN-ACK
            // is let through without: dropping it would only put the trouble off.
            None => matches!(self.phase, Phase::SynReceived { .. }),
            Some(theirs) if state.is_stale(theirs.value, segment.received_at) => {
                if segment.is_empty() {
                    self.acks.challenge(cx.now);
                } else {
                    self.acks.owe(Cause::ChallengeAck);
                }
                false
            }
            Some(_) => true,
        }
    }

    /// R3 of RFC 7323 5.3: remember the timestamp of the segment that moves the left edge. It is
    /// asked only once the ACK is judged: what is dropped, as a challenged SYN (RFC 5961 4.2) or an
    /// ACK of what was never sent (5.2), may not change TS.Recent, or one forged segment would make
    /// all that follows look old.
    pub(super) fn remember_timestamp(&mut self, seq: Offset, segment: &Segment) {
        if seq > self.rcv.last_ack {
            return;
        }
        if let (Some(state), Some(theirs)) = (&mut self.timestamps, segment.options.timestamps) {
            state.update(theirs.value, segment.received_at);
        }
    }
}
