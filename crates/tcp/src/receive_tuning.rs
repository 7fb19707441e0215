//! How large the receive buffer should be: twice what the application reads in a round trip, and
//! more while that grows (dynamic right-sizing, as Linux does it).
//!
//! A buffer that only just holds what comes in a round trip keeps a sender from sending more, so
//! the measure would never rise; a buffer of twice as much lets a sender in slow start double.
//! What waits beyond a gap takes room that no reader can free, and a sender that does not slow down
//! for a lost segment sends a window more for each round trip in which the gap stays: that room
//! comes on top, up to as much again. Announcing the window is `receiver`'s.

use core::time::Duration;

use handfast_packet::Instant;

use crate::config::RECEIVE_BUFFER_MAX;
use crate::connection::Connection;
use crate::seq::Offset;

/// Segments that a fresh sender may send at once (RFC 6928), and half as many for ACKs under way.
const SEGMENTS_MIN: u64 = 16;
/// Bytes that count as read in the first round trip, in segments: the initial window.
const FIRST_SEGMENTS: u64 = 10;

/// What is measured of the application and of the path, seen from the receiving side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveTuning {
    /// The buffer never grows beyond this.
    most: u64,
    on: bool,
    /// Smoothed time from an ACK of ours to the text that it let go.
    round_trip: Option<Duration>,
    /// The last echo of a timestamp of ours that gave a sample.
    echo: Option<u32>,
    /// Without timestamps: when text up to this offset is here, a window has gone round.
    round: Option<(Offset, Instant)>,
    /// The present measurement: since when, and from which offset of the stream.
    since: Instant,
    from: u64,
    /// Most bytes that were read in one round trip so far.
    read: u64,
}

impl ReceiveTuning {
    /// Measures if `most`, the largest size, is more than the present one.
    pub(crate) fn new(capacity: u64, most: u64) -> Self {
        Self {
            most,
            on: most > capacity,
            round_trip: None,
            echo: None,
            round: None,
            since: Instant::ZERO,
            from: Offset::FIRST.get(),
            read: 0,
        }
    }

    /// How long a round trip is, seen from here.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// The application has chosen a size.
    pub(crate) fn stop(&mut self) {
        self.on = false;
    }

    /// How large the buffer may become.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    /// A segment brought the echo of a timestamp that we sent `elapsed` ago. A sender that pauses
    /// makes the time longer, so each echo counts once, and only full segments count: they are
    /// sent as soon as they may.
    pub(crate) fn on_echo(&mut self, echo: u32, elapsed: Duration) {
        if self.echo == Some(echo) {
            return;
        }
        self.echo = Some(echo);
        self.round_trip = Some(match self.round_trip {
            None => elapsed,
            Some(smoothed) => (smoothed * 7 + elapsed) / 8,
        });
    }

    /// Without timestamps: everything before `next` is here, and we have allowed `edge`. The time
    /// in which a whole window comes is a round trip or more, so the shortest one counts.
    pub(crate) fn on_progress(&mut self, now: Instant, next: Offset, edge: Offset) {
        match self.round {
            Some((until, _)) if next < until => return,
            Some((_, since)) => {
                let elapsed = (now - since).max(Duration::from_micros(1));
                let shorter = self.round_trip.is_none_or(|known| elapsed < known);
                if shorter {
                    self.round_trip = Some(elapsed);
                }
            }
            None => {}
        }
        self.round = Some((edge, now));
    }

    /// The application has read up to `position`, and text waits beyond gaps up to `beyond` bytes
    /// after what is in order. Once in a round trip: the size that the buffer should have, if what
    /// was read was more than ever before, or if something waits.
    ///
    /// `time` is now, and the round-trip time of our own direction as a stand-in until the other
    /// one is known.
    pub(crate) fn on_read(
        &mut self,
        time: (Instant, Option<Duration>),
        (position, beyond): (u64, u64),
        segment: u64,
    ) -> Option<u64> {
        let (now, srtt) = time;
        let round_trip = self.round_trip.or(srtt)?;
        if now - self.since < round_trip {
            return None;
        }
        let copied = position.saturating_sub(self.from);
        (self.since, self.from) = (now, position);
        let before = self.read.max(FIRST_SEGMENTS * segment);
        if copied <= before && beyond == 0 {
            return None;
        }
        self.read = copied.max(self.read);
        let in_order = wanted(copied.max(before), before, segment);
        Some((in_order + beyond.min(in_order)).min(self.most))
    }
}

/// Twice what was read and a few segments; and again twice the growth of that, since a sender that
/// was faster than in the round before is likely to go on. None more than doubles in a round, so
/// no more growth counts.
fn wanted(copied: u64, before: u64, segment: u64) -> u64 {
    // Nothing beyond the largest buffer matters, and so nothing overflows.
    let copied = copied.min(RECEIVE_BUFFER_MAX as u64);
    let base = 2 * copied + SEGMENTS_MIN * segment;
    let growth = copied.saturating_sub(before).min(before);
    base.saturating_add((base * growth / before.max(1)).saturating_mul(2))
}

impl Connection {
    /// Text arrived in segments of `text.0` bytes with the echo `text.1`: how long is a round
    /// trip for the peer?
    pub(crate) fn measure_round_trip(&mut self, now: Instant, text: (u16, Option<u32>)) {
        let (segment, echo) = text;
        if !self.rcv.tuning.is_on() {
            return;
        }
        match (&self.timestamps, echo) {
            (Some(state), Some(echo)) if segment >= self.rcv.largest_segment => {
                if let Some(elapsed) = state.elapsed(echo, now) {
                    self.rcv.tuning.on_echo(echo, elapsed);
                }
            }
            (Some(_), _) => {}
            (None, _) => {
                let (next, edge) = (self.rcv.data.next(), self.rcv.right_edge);
                self.rcv.tuning.on_progress(now, next, edge);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_size_is_twice_what_was_read_and_more_while_it_grows() {
        for (copied, before, size) in [
            // As before but for a byte: twice, and sixteen segments.
            (100_001, 100_000, 2 * 100_001 + 16_000 + 4),
            // Doubled: the same, three times.
            (100_000, 50_000, 3 * (2 * 100_000 + 16_000)),
            // Five times as much counts as a doubling.
            (100_000, 20_000, 3 * (2 * 100_000 + 16_000)),
        ] {
            assert_eq!(wanted(copied, before, 1_000), size);
        }
        // Larger numbers than any buffer do not overflow.
        assert!(wanted(u64::MAX, 1, 65_535) > RECEIVE_BUFFER_MAX as u64);
    }

    #[test]
    fn one_measurement_for_each_round_trip() {
        let mut tuning = ReceiveTuning::new(20_000, 1 << 30);
        tuning.on_echo(1, MS(100));
        assert!(tuning.on_read((at(1_000), None), (1, 0), 1_000).is_none());
        assert!(
            tuning
                .on_read((at(1_050), None), (30_001, 0), 1_000)
                .is_none()
        );
        let size = tuning.on_read((at(1_100), None), (40_001, 0), 1_000);
        assert_eq!(size, Some(wanted(40_000, 10_000, 1_000)));
        // The same rate again asks for nothing.
        let again = tuning.on_read((at(1_200), None), (80_001, 0), 1_000);
        assert_eq!(again, None);
    }

    #[test]
    fn what_waits_beyond_a_gap_comes_on_top_up_to_as_much_again() {
        let mut tuning = ReceiveTuning::new(20_000, 1 << 30);
        tuning.on_echo(1, MS(100));
        assert!(tuning.on_read((at(1_000), None), (1, 0), 1_000).is_none());
        let mut now = 1_000;
        let mut position = 1;
        // The same rate in each round trip, and more and more beyond the gap.
        for (beyond, size) in [
            (0, Some(3 * 56_000)),
            (0, None),
            (30_000, Some(56_000 + 30_000)),
            (56_000, Some(2 * 56_000)),
            (1 << 29, Some(2 * 56_000)),
        ] {
            (now, position) = (now + 100, position + 20_000);
            let read = (position, beyond);
            let wanted = tuning.on_read((at(now), None), read, 1_000);
            assert_eq!(wanted, size, "{beyond} bytes wait");
        }
    }

    #[test]
    fn each_echo_counts_once() {
        let mut tuning = ReceiveTuning::new(1, 2);
        tuning.on_echo(1, MS(80));
        tuning.on_echo(1, MS(8_000));
        assert_eq!(tuning.round_trip, Some(MS(80)));
        tuning.on_echo(2, MS(160));
        assert_eq!(tuning.round_trip, Some(MS(90)));
    }

    #[test]
    fn without_timestamps_the_fastest_window_is_a_round_trip() {
        let mut tuning = ReceiveTuning::new(1, 2);
        let offset = |n: u64| Offset::ZERO + n;
        for (millis, next, edge, round_trip) in [
            (0, 1_001, 20_001, None),
            (50, 20_000, 30_001, None),
            (100, 20_001, 40_001, Some(100)),
            (400, 40_001, 60_001, Some(100)),
            (430, 60_001, 80_001, Some(30)),
        ] {
            tuning.on_progress(at(millis), offset(next), offset(edge));
            assert_eq!(tuning.round_trip, round_trip.map(MS), "at {millis} ms");
        }
    }

    #[test]
    fn a_size_without_room_to_grow_is_not_measured() {
        assert!(!ReceiveTuning::new(4_000, 4_000).is_on());
        assert!(!ReceiveTuning::new(4_000, 0).is_on());
        assert!(ReceiveTuning::new(4_000, 4_001).is_on());
    }
}
