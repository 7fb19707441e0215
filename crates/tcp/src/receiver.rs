//! The receive half of the TCB: RCV.NXT, RCV.WND, the peer's FIN and urgent pointer.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::SeqNumber;

use crate::config::{Config, RECEIVE_BUFFER_MAX};
use crate::pool::Pool;
use crate::reassembler::Reassembler;
use crate::receive_tuning::ReceiveTuning;
use crate::seq::{Offset, SeqSpace};
use crate::short_path::buffer_of_use;
use crate::urgent::OutOfBand;

/// Largest shift that RFC 7323 2.3 allows.
pub(crate) const WINDOW_SHIFT_MAX: u8 = 14;

/// The first guess at the peer's segment size: low, since segments that are smaller than the guess
/// are acknowledged late (Linux' `TCP_MIN_MSS`).
const SEGMENT_LEN_FIRST: u16 = 88;

/// Receive variables (RFC 9293 3.3.1). Offsets: the peer's SYN = 0, its first byte = 1.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) space: SeqSpace,
    pub(crate) data: Reassembler,
    /// Where the peer's FIN stands, once seen, even out of order.
    pub(crate) fin: Option<Offset>,
    /// The FIN was taken in order.
    pub(crate) fin_taken: bool,
    /// RCV.NXT + RCV.WND, the furthest ever announced; never moves left (RFC 9293 SHLD-14).
    pub(crate) right_edge: Offset,
    /// What `right_edge` would be without rounding to the window scale. Windows are reckoned from
    /// it: were they reckoned from the rounded edge, each ACK would push the edge a little
    /// further, and the buffer would have no bound (RFC 7323 2.4 has the other side of this coin).
    promised: Offset,
    /// Rcv.Wind.Shift (RFC 7323 2.3).
    pub(crate) window_shift: u8,
    /// Last.ACK.sent (RFC 7323 4.3).
    pub(crate) last_ack: Offset,
    /// The largest wire segment seen: an estimate of the peer's segment size.
    pub(crate) largest_segment: u16,
    /// RCV.UP: the offset behind the urgent data.
    pub(crate) urgent: Option<Offset>,
    /// The octet before it, for an application that wants it out of band.
    pub(crate) out_of_band: OutOfBand,
    /// Text that may wait unread.
    capacity: u64,
    pub(crate) tuning: ReceiveTuning,
}

/// How many times the capacity the text may keep alive as memory before it is copied together.
const MEMORY_SHARE_MAX: u64 = 2;

impl Receiver {
    pub(crate) fn new(config: &Config) -> Self {
        let capacity = config.receive_buffer.clamp(1, RECEIVE_BUFFER_MAX) as u64;
        let most = config.receive_buffer_max.min(RECEIVE_BUFFER_MAX) as u64;
        Self {
            space: SeqSpace {
                initial: SeqNumber(0),
            },
            data: Reassembler::new(Offset::FIRST),
            fin: None,
            fin_taken: false,
            right_edge: Offset::FIRST,
            promised: Offset::FIRST,
            window_shift: 0,
            last_ack: Offset::ZERO,
            largest_segment: SEGMENT_LEN_FIRST,
            urgent: None,
            out_of_band: OutOfBand::Unread,
            capacity,
            tuning: ReceiveTuning::new(capacity, most),
        }
    }

    /// Bytes that may wait unread.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The application chose a size: it stays. What was announced already stays too (RFC 9293
    /// SHLD-14).
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        let least = 1 << self.window_shift;
        self.capacity = capacity.clamp(least, RECEIVE_BUFFER_MAX) as u64;
        self.tuning.stop();
    }

    /// The application read: perhaps the buffer may grow. `srtt` and `least` are round trips of our
    /// own direction.
    pub(crate) fn on_read(
        &mut self,
        now: Instant,
        srtt: Option<Duration>,
        least: Option<Duration>,
    ) {
        if !self.tuning.is_on() {
            return;
        }
        let (position, segment) = (self.read_position(), u64::from(self.largest_segment));
        if let Some(wanted) = self.tuning.on_read((now, srtt), position, segment) {
            let usual = self.tuning.round_trip().or(srtt);
            self.grow(wanted.min(buffer_of_use(least, usual)));
        }
        self.on_gap();
    }

    /// Text may wait beyond gaps: the buffer holds it besides what it is there for.
    pub(crate) fn on_gap(&mut self) {
        if self.tuning.is_on() && self.data.has_holes() {
            let segment = u64::from(self.largest_segment);
            let wanted = self.tuning.on_gap(self.data.beyond_gaps(), segment);
            self.grow(wanted);
        }
    }

    /// The buffer does not grow while the text at hand wastes so much memory that a larger window
    /// would invite more of the same.
    fn grow(&mut self, wanted: u64) {
        if wanted > self.capacity && self.data.memory() as u64 <= self.capacity {
            self.capacity = wanted;
        }
    }

    /// Text was taken in: what it keeps alive stays in proportion to the buffer. The window is
    /// not made smaller for it.
    pub(crate) fn collapse(&mut self, pool: &mut Pool) {
        let limit = self.capacity * MEMORY_SHARE_MAX;
        self.data
            .collapse(usize::try_from(limit).unwrap_or(usize::MAX), pool);
    }

    /// RCV.NXT.
    pub(crate) fn nxt(&self) -> Offset {
        self.data.next() + u64::from(self.fin_taken)
    }

    /// RCV.WND as the peer knows it.
    pub(crate) fn window(&self) -> u64 {
        self.right_edge.saturating_sub(self.nxt())
    }

    /// The first offset that the application has not read.
    pub(crate) fn read_position(&self) -> u64 {
        self.data.next().get() - self.data.readable() as u64
    }

    /// The shift to offer in our SYN: the smallest that can express the buffer, as large as it
    /// may ever be.
    pub(crate) fn wanted_shift(&self) -> u8 {
        let largest = self.capacity.max(self.tuning.most());
        let bits = u64::BITS - largest.leading_zeros();
        let beyond = bits.saturating_sub(u16::BITS);
        u8::try_from(beyond).map_or(WINDOW_SHIFT_MAX, |shift| shift.min(WINDOW_SHIFT_MAX))
    }

    /// Both sides scale their windows: no buffer is smaller than a step of the scale, or its window,
    /// once shut, could never be said to be open.
    pub(crate) fn scale(&mut self) {
        self.window_shift = self.wanted_shift();
        self.capacity = self.capacity.max(1 << self.window_shift);
    }

    /// The window we could announce now, by silly-window avoidance (RFC 9293 3.8.6.2.2): the
    /// present one unless the right edge can move by a segment or half the buffer.
    pub(crate) fn offered_window(&self) -> u64 {
        // No more than the field can say: without scaling that is less than the buffer, with it
        // the steps are coarse.
        let expressible = u64::from(u16::MAX) << self.window_shift;
        let free = self
            .capacity
            .saturating_sub(self.data.readable() as u64)
            .min(expressible);
        let free = free >> self.window_shift << self.window_shift;
        let step = (self.capacity / 2).min(u64::from(self.largest_segment));
        let present = self.promised_window();
        if free >= present + step {
            free
        } else {
            present
        }
    }

    /// Takes the window for an outgoing segment: returns the field and moves the right edge.
    ///
    /// A SYN's field is never scaled (RFC 7323 2.2).
    pub(crate) fn announce(&mut self, syn: bool) -> u16 {
        let shift = if syn { 0 } else { self.window_shift };
        let offered = self.offered_window();
        // Rounded up where rounding down would take back what was promised.
        let field = offered.div_ceil(1 << shift).min(u64::from(u16::MAX));
        let nxt = self.nxt();
        self.promised = self.promised.max(nxt + offered.min(field << shift));
        self.right_edge = self.right_edge.max(nxt + (field << shift));
        self.last_ack = nxt;
        u16::try_from(field).expect("bounded by u16::MAX")
    }

    /// Takes the window for an ACK of `ack` that leaves alone, before others or as one of several.
    ///
    /// One that repeats the number of the last has its window too, or the peer could not count it
    /// as a duplicate (RFC 5681 section 2), unless it has opened much. One of less than is here by
    /// now leaves the right edge where it is, for the last of them to move.
    pub(crate) fn announce_single(&mut self, ack: Offset) -> u16 {
        let newest = ack == self.nxt();
        if newest && (ack > self.last_ack || self.update_is_due()) {
            return self.announce(false);
        }
        let window = self.promised.saturating_sub(ack);
        let field = window
            .div_ceil(1 << self.window_shift)
            .min(u64::from(u16::MAX));
        self.right_edge = self.right_edge.max(ack + (field << self.window_shift));
        self.last_ack = self.last_ack.max(ack);
        u16::try_from(field).expect("bounded by u16::MAX")
    }

    /// Whether the window has opened so far that the peer should be told: at least twofold, and
    /// by a segment or half the buffer.
    pub(crate) fn update_is_due(&self) -> bool {
        let (offered, present) = (self.offered_window(), self.promised_window());
        offered > present && offered >= 2 * present
    }

    fn promised_window(&self) -> u64 {
        self.promised.saturating_sub(self.nxt())
    }
}
