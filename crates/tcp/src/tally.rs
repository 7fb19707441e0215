//! What a connection counts as it goes, for those who ask later: segments with text, times of the
//! last ones, timeouts, and how long what held the sender back. Decides nothing.

use core::time::Duration;

use handfast_packet::Instant;

use crate::segment::Segment;

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

/// How many limits there are.
const LIMITS: usize = 7;

/// Counters and times of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Wire segments with text, sent (again included) and received.
    pub(crate) text_sent: u64,
    pub(crate) text_received: u64,
    /// Text bytes sent, again included.
    pub(crate) bytes_sent: u64,
    /// When text was last sent and received, and an ACK last received.
    pub(crate) text_sent_at: Option<Instant>,
    pub(crate) text_received_at: Option<Instant>,
    pub(crate) ack_received_at: Option<Instant>,
    /// D-SACKs received.
    pub(crate) duplicates: u64,
    /// Segments known to be delivered.
    pub(crate) delivered: u64,
    /// Retransmission timeouts, the runs of them that ended, and how long those took.
    pub(crate) timeouts: u64,
    pub(crate) timeouts_repaired: u64,
    pub(crate) timeouts_lasted: Duration,
    /// When the present run began.
    pub(crate) timeouts_since: Option<Instant>,
    limit: Limit,
    limited_since: Option<Instant>,
    limited_for: [Duration; LIMITS],
    busy_since: Option<Instant>,
    busy_for: Duration,
}

impl Tally {
    /// What holds the sender back from now on, and whether it is busy: something is out or waits.
    pub(crate) fn limit(&mut self, now: Instant, limit: Limit, busy: bool) {
        if limit != self.limit {
            self.limited_for[self.limit as usize] = self.limited(self.limit, now);
            self.limit = limit;
            self.limited_since = Some(now);
        }
        if busy != self.busy_since.is_some() {
            self.busy_for = self.busy(now);
            self.busy_since = busy.then_some(now);
        }
    }

    /// What holds the sender back.
    pub(crate) fn present_limit(&self) -> Limit {
        self.limit
    }

    /// How long `limit` held it back so far.
    pub(crate) fn limited(&self, limit: Limit, now: Instant) -> Duration {
        let present = self.limited_since.filter(|_| limit == self.limit);
        let present = present.map_or(Duration::ZERO, |since| now - since);
        self.limited_for[limit as usize] + present
    }

    /// How long something was out or waited.
    pub(crate) fn busy(&self, now: Instant) -> Duration {
        self.busy_for + self.busy_since.map_or(Duration::ZERO, |since| now - since)
    }

    /// A segment came in.
    pub(crate) fn on_received(&mut self, segment: &Segment) {
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
        if text > 0 {
            self.text_sent += segments;
            self.bytes_sent += text;
            self.text_sent_at = Some(now);
        }
    }

    /// The retransmission timer ran out.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.timeouts += 1;
        self.timeouts_since.get_or_insert(now);
    }

    /// The peer answers again.
    pub(crate) fn on_progress(&mut self, now: Instant) {
        if let Some(since) = self.timeouts_since.take() {
            self.timeouts_repaired += 1;
            self.timeouts_lasted += now - since;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_by_their_cause() {
        let mut tally = Tally::default();
        let at = Instant::from_secs;
        tally.limit(at(1), Limit::CongestionWindow, true);
        tally.limit(at(3), Limit::ReceiveWindow, true);
        tally.limit(at(4), Limit::CongestionWindow, true);
        assert_eq!(tally.limited(Limit::CongestionWindow, at(9)).as_secs(), 7);
        assert_eq!(tally.limited(Limit::ReceiveWindow, at(9)).as_secs(), 1);
        tally.limit(at(9), Limit::Application, false);
        assert_eq!(tally.present_limit(), Limit::Application);
        assert_eq!(tally.busy(at(20)).as_secs(), 8);
    }

    #[test]
    fn a_run_of_timeouts_is_one_repair() {
        let mut tally = Tally::default();
        tally.on_timeout(Instant::from_secs(1));
        tally.on_timeout(Instant::from_secs(3));
        tally.on_progress(Instant::from_secs(4));
        tally.on_progress(Instant::from_secs(5));
        assert_eq!((tally.timeouts, tally.timeouts_repaired), (2, 1));
        assert_eq!(tally.timeouts_lasted.as_secs(), 3);
    }
}
