//! What a connection counts as it goes, for those who ask later: segments with text, times of the
//! last ones, timeouts, and how long what held the sender back. Decides nothing.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use handfast_packet::Instant;

use crate::segment::Segment;
use crate::span::Span;

/// What holds the sender back now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Limit {
    /// Nothing waits to be sent: the application.
    #[default]
    Application,
    /// The application would write, but the send buffer is full of what is in flight.
    SendBuffer,
    /// cwnd.
    CongestionWindow,
    /// The peer's window.
    ReceiveWindow,
    /// The next departure has its time.
    Pacing,
    /// A small segment waits for an ACK (RFC 9293 3.7.4).
    Nagle,
    /// The application has corked the stream, or announced more.
    Cork,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Application,
        Self::SendBuffer,
        Self::CongestionWindow,
        Self::ReceiveWindow,
        Self::Pacing,
        Self::Nagle,
        Self::Cork,
    ];
}

impl fmt::Display for Limit {
    /// What it is, to be read behind "limited by".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Application => "the application",
            Self::SendBuffer => "the send buffer",
            Self::CongestionWindow => "the congestion window",
            Self::ReceiveWindow => "the peer's window",
            Self::Pacing => "pacing",
            Self::Nagle => "Nagle's algorithm",
            Self::Cork => "a cork",
        })
    }
}

/// Counters and times of one connection.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Wire segments sent and received.
    pub(crate) segments_sent: u64,
    pub(crate) segments_received: u64,
    /// Those of them with text, sent (again included) and received.
    pub(crate) text_sent: u64,
    pub(crate) text_received: u64,
    /// Text bytes sent, again included.
    pub(crate) bytes_sent: u64,
    /// Segments known to be delivered.
    pub(crate) delivered: u64,
    /// When text was last sent and received, and an ACK last received.
    pub(crate) text_sent_at: Option<Instant>,
    pub(crate) text_received_at: Option<Instant>,
    pub(crate) ack_received_at: Option<Instant>,
    /// There once something went wrong; many a connection lives without.
    mishaps: Option<Box<Mishaps>>,
    busy_since: Option<Instant>,
    busy_for: Span,
}

/// What happens to few connections, or not at first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    /// Wire segments that came out of order.
    pub(crate) out_of_order: u64,
    /// Duplicate ACKs received.
    pub(crate) duplicate_acks: u64,
    /// D-SACKs received.
    pub(crate) duplicates: u64,
    /// Wire segments and text bytes sent again.
    pub(crate) retransmissions: u64,
    pub(crate) bytes_retransmitted: u64,
    /// Retransmission timeouts, the runs of them that ended, and how long those took.
    pub(crate) timeouts: u64,
    pub(crate) timeouts_repaired: u64,
    pub(crate) timeouts_lasted: Duration,
    /// When the present run began.
    timeouts_since: Option<Instant>,
    /// How long the peer's window and the send buffer held the sender back, until one of them did so
    /// the last time, and since when that was.
    by_window: Duration,
    by_buffer: Duration,
    limited_since: Option<Instant>,
}

impl Mishaps {
    /// What held the sender back does so no more.
    fn limit_ends(&mut self, limit: Limit, now: Instant) {
        let lasted = self.limited_since.take().map(|since| now - since);
        let lasted = lasted.unwrap_or_default();
        match limit {
            Limit::ReceiveWindow => self.by_window += lasted,
            Limit::SendBuffer => self.by_buffer += lasted,
            _ => {}
        }
    }
}

impl Tally {
    /// What has held the sender back and what does from now on, and whether it is busy: something is out or waits.
    pub(crate) fn limit(&mut self, now: Instant, (before, limit): (Limit, Limit), busy: bool) {
        if limit != before {
            if let Some(mishaps) = &mut self.mishaps {
                mishaps.limit_ends(before, now);
            }
            if matches!(limit, Limit::ReceiveWindow | Limit::SendBuffer) {
                self.mishaps_mut().limited_since = Some(now);
            }
        }
        if busy != self.busy_since.is_some() {
            self.busy_for = self.busy(now).into();
            self.busy_since = busy.then_some(now);
        }
    }

    /// How long `limit` held it back so far, where that is the peer's window or the send buffer:
    /// nobody asks for the others, and they are not counted.
    /// `present` is what holds it back now.
    pub(crate) fn limited(&self, limit: Limit, present: Limit, now: Instant) -> Duration {
        let mut mishaps = self.mishaps();
        mishaps.limit_ends(present, now);
        match limit {
            Limit::ReceiveWindow => mishaps.by_window,
            Limit::SendBuffer => mishaps.by_buffer,
            _ => Duration::ZERO,
        }
    }

    /// How long something was out or waited.
    pub(crate) fn busy(&self, now: Instant) -> Duration {
        let present = self.busy_since.map_or(Duration::ZERO, |since| now - since);
        self.busy_for.get() + present
    }

    /// A segment came in.
    pub(crate) fn on_received(&mut self, segment: &Segment) {
        self.segments_received += u64::from(segment.wire_segments);
        if !segment.payload.is_empty() {
            self.text_received += u64::from(segment.wire_segments);
            self.text_received_at = Some(segment.received_at);
        }
        if segment.ack.is_some() {
            self.ack_received_at = Some(segment.received_at);
        }
    }

    /// `text` bytes leave in `segments` wire segments.
    pub(crate) fn on_sent(&mut self, now: Instant, text: u64, segments: u64) {
        self.segments_sent += segments;
        if text > 0 {
            self.text_sent += segments;
            self.bytes_sent += text;
            self.text_sent_at = Some(now);
        }
    }

    /// `text` bytes leave again in `segments` wire segments.
    pub(crate) fn on_resent(&mut self, text: u64, segments: u64) {
        let mishaps = self.mishaps_mut();
        mishaps.retransmissions += segments;
        mishaps.bytes_retransmitted += text;
    }

    /// The retransmission timer ran out.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        let mishaps = self.mishaps_mut();
        mishaps.timeouts += 1;
        mishaps.timeouts_since.get_or_insert(now);
    }

    /// The peer answers again.
    pub(crate) fn on_progress(&mut self, now: Instant) {
        if let Some(mishaps) = &mut self.mishaps
            && let Some(since) = mishaps.timeouts_since.take()
        {
            mishaps.timeouts_repaired += 1;
            mishaps.timeouts_lasted += now - since;
        }
    }

    /// An ACK came, as a duplicate or with a D-SACK.
    pub(crate) fn on_duplicate(&mut self, ack: bool, sack: bool) {
        if ack || sack {
            let mishaps = self.mishaps_mut();
            mishaps.duplicate_acks += u64::from(ack);
            mishaps.duplicates += u64::from(sack);
        }
    }

    /// What went wrong so far.
    pub(crate) fn mishaps(&self) -> Mishaps {
        self.mishaps.as_deref().copied().unwrap_or_default()
    }

    pub(crate) fn mishaps_mut(&mut self) -> &mut Mishaps {
        self.mishaps.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_by_their_cause() {
        let mut tally = Tally::default();
        let at = Instant::from_secs;
        let [none, buffer, window] = [Limit::Application, Limit::SendBuffer, Limit::ReceiveWindow];
        tally.limit(at(1), (none, buffer), true);
        tally.limit(at(3), (buffer, window), true);
        tally.limit(at(4), (window, buffer), true);
        assert_eq!(tally.limited(buffer, buffer, at(9)).as_secs(), 7);
        assert_eq!(tally.limited(window, buffer, at(9)).as_secs(), 1);
        tally.limit(at(9), (buffer, none), false);
        assert_eq!(tally.limited(buffer, none, at(20)).as_secs(), 7);
        assert_eq!(tally.busy(at(20)).as_secs(), 8);
    }

    #[test]
    fn a_run_of_timeouts_is_one_repair() {
        let mut tally = Tally::default();
        tally.on_timeout(Instant::from_secs(1));
        tally.on_timeout(Instant::from_secs(3));
        tally.on_progress(Instant::from_secs(4));
        tally.on_progress(Instant::from_secs(5));
        let mishaps = tally.mishaps();
        assert_eq!((mishaps.timeouts, mishaps.timeouts_repaired), (2, 1));
        assert_eq!(mishaps.timeouts_lasted.as_secs(), 3);
    }
}
