//! TIME-WAIT without a connection: the few numbers that answer old segments (RFC 9293 3.10.7.4)
//! and allow an early reuse (RFC 6191).

use handfast_packet::Instant;

use crate::segment::{Segment, Transmit};

/// A connection in TIME-WAIT, without buffers.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    /// When it ends.
    pub expires_at: Instant,
}

/// What to do with a segment that arrives in TIME-WAIT.
#[derive(Debug)]
pub enum TimeWaitVerdict {
    /// Nothing.
    Ignore,
    /// Send this.
    Reply(Transmit),
    /// Forget the entry and send nothing (RST arrived).
    Forget,
    /// Forget the entry and treat the SYN as one for a listener; our next ISN must lie beyond
    /// everything the old incarnation sent (RFC 6191, RFC 1122 4.2.2.13).
    Reopen,
}

impl TimeWait {
    /// Handles one segment.
    pub fn on_segment(&mut self, now: Instant, segment: &Segment) -> TimeWaitVerdict {
        let _ = (now, segment);
        todo!()
    }
}
