//! What a stack with very many connections reads of one before it is needed.

use handfast_packet::Instant;

use crate::connection::Connection;

impl Connection {
    /// Reads a little of each part, so that all of them are in the processor's caches soon. The sum
    /// means nothing.
    #[must_use]
    pub fn look(&self) -> u64 {
        let heard = self.tally.text_received_at.map_or(0, Instant::as_nanos);
        let ends = [
            self.snd.window_at.0,
            self.snd.una,
            self.recovery.recovery_point(),
            self.rcv.data.next(),
            self.rcv.right_edge,
        ];
        let words = [
            self.congestion.window(),
            u64::from(self.acks.owed().is_some()),
            self.rtt.rto().as_secs(),
            u64::from(self.snd.mss),
            u64::from(self.recovery.timeouts()),
            u64::from(self.rcv.largest_segment),
            self.heard_at.as_nanos(),
            self.tally.segments_received,
            heard,
            u64::from(self.initial.timestamp_offset),
            u64::from(self.keep_alive_probes),
        ];
        let ends = ends.into_iter().map(|end| end.get());
        ends.chain(words).fold(0, u64::wrapping_add)
    }
}
