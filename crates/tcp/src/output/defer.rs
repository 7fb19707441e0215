//! Waiting for a larger piece: an ACK that makes room for a little lets a little go, which is
//! acknowledged in its turn, and so on. A sender whose segments are cut by the device waits until
//! there is room for more of them at once, as Linux does.

use handfast_packet::Instant;

use super::pacing::{QUANTUM_TIME, in_quantum_time};
use crate::connection::Connection;
use crate::recovery::Phase;

/// One part in so many of the window is a piece worth sending.
const WINDOW_SHARE: u64 = 3;

impl Connection {
    /// Whether new text, for which there is `room` in both windows, should wait for an ACK that
    /// makes more of it. At least two thirds of the window are out then, so ACKs are on their way.
    pub(super) fn waits_for_room(&self, now: Instant, room: u64) -> bool {
        let cuts = u64::from(self.path.max_gso) > u64::from(self.snd.mss);
        // Where the controller sets a pace, the pace sets the pieces.
        let free = self.pacing_rate().is_none();
        let calm = self.recovery.phase() < Phase::Recovery;
        // Later the next ACK may be far.
        let recent = self.snd.sent_at.is_some_and(|at| now - at < QUANTUM_TIME);
        let window = self.snd.window().min(self.congestion_window());
        // No more than what leaves in that time anyway: on slow paths bursts hurt more than calls.
        let share = self.window_rate().map_or(u64::MAX, in_quantum_time);
        let piece = self.super_segment().min(window / WINDOW_SHARE).min(share);
        cuts && free && calm && recent && room < self.snd.queued() && room < piece
    }
}
