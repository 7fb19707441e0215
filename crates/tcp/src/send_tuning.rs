//! How large the send buffer should be, and when a writer that waits is told of room.
//!
//! What a window of data needs is kept until it is acknowledged, and as much again should be
//! ready to go when it is: twice the congestion window, as in Linux. What the peer has beyond a gap
//! is kept too, though it is no longer in flight: while a lost segment is sent again, and perhaps
//! lost again, whole windows leave behind it, and a buffer without room for them would be what
//! holds the sender back.

use crate::connection::{Connection, Phase};
use crate::event::Event;
use crate::short_path::buffer_of_use;

/// A writer that waits is told when one part in this many of the buffer is free. What it writes then
/// leaves at once where the buffer and not the window holds the sender back: a queue on the way has
/// to bear it, and until then the way is not full.
const ROOM_SHARE: usize = 32;
/// But not for less, which would be a wake-up for every few segments,
const ROOM_LEAST: usize = 16 << 10;
/// nor only for more.
const ROOM_MOST: usize = 64 << 10;
/// Of a buffer that is small itself, one part in this many is enough.
const SMALL_SHARE: usize = 4;

impl Connection {
    /// Something was acknowledged or sent for the first time: the buffer grows with the window,
    /// and the application hears of room if it waits for it.
    pub(crate) fn tell_writer(&mut self) {
        if !self.snd.writer_waits {
            return;
        }
        self.grow_send_buffer();
        if self.close.is_local_acknowledged() {
            self.snd.writer_waits = false;
            return self.events.add(Event::Writable);
        }
        let capacity = self.snd.buffer.capacity();
        let enough = (capacity / ROOM_SHARE).clamp(ROOM_LEAST, ROOM_MOST);
        let enough = enough.min(capacity / SMALL_SHARE);
        if self.write_room() >= enough.min(self.unsent_room_worth_telling()) {
            self.snd.writer_waits = false;
            self.events.add(Event::Writable);
        }
    }

    /// Whether the peer has acknowledged all that was written, and our FIN; or will never do so,
    /// because the connection is over. If not, `Event::Writable` or `Event::Closed` tells when to
    /// ask again. Only a direction that was shut down is ever delivered.
    pub fn wait_delivered(&mut self) -> bool {
        let delivered = match self.phase {
            Phase::Closed(_) | Phase::TimeWait => true,
            _ => self.close.is_local_acknowledged(),
        };
        self.snd.writer_waits |= !delivered;
        delivered
    }

    /// Bytes that may be written now: room in the buffer, and under the low-water mark.
    pub(crate) fn write_room(&self) -> usize {
        // Text only: a SYN that waits for the first text must not keep it away.
        let unsent = self.unsent();
        let mark = self.config.unsent_low_water.map_or(usize::MAX, |mark| {
            let unsent = usize::try_from(unsent).unwrap_or(usize::MAX);
            mark.saturating_sub(unsent)
        });
        self.snd.buffer.room().min(mark)
    }

    /// Half of the low-water mark: a writer is not woken for every segment that leaves.
    fn unsent_room_worth_telling(&self) -> usize {
        let mark = self.config.unsent_low_water;
        mark.map_or(usize::MAX, |mark| mark.div_ceil(2).max(1))
    }

    fn grow_send_buffer(&mut self) {
        let most = self.config.send_buffer_max;
        let capacity = self.snd.buffer.capacity();
        if most <= capacity {
            return;
        }
        let window = usize::try_from(self.congestion.window()).unwrap_or(usize::MAX);
        let kept = self.snd.outstanding().saturating_sub(self.in_flight());
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let useful = buffer_of_use(self.recovery.min_rtt(), self.rtt.srtt());
        let useful = usize::try_from(useful).unwrap_or(usize::MAX);
        let wanted = window.saturating_mul(2).min(useful);
        let wanted = wanted.saturating_add(kept).min(most);
        self.snd.buffer.set_capacity(wanted.max(capacity));
    }

    /// The application chose a size: it stays.
    pub(crate) fn fix_send_buffer(&mut self, capacity: usize) {
        self.config_mut().send_buffer = capacity.max(1);
        self.config_mut().send_buffer_max = 0;
        self.snd.buffer.set_capacity(capacity.max(1));
    }
}
