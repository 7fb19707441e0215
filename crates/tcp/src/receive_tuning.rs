//! How large the receive buffer should be: twice what the application reads in a round trip, and
//! more while that grows (dynamic right-sizing, as Linux does it).
//!
//! A buffer that only just holds what comes in a round trip keeps a sender from sending more, so
//! the measure would never rise; a buffer of twice as much lets a sender in slow start double.
//! What waits beyond a gap takes room that no reader can free, and a sender that does not slow down
//! for a lost segment sends a window more for each round trip in which the gap stays: that room
//! comes on top, and at once, since nothing is read meanwhile. Announcing the window is `receiver`'s.

use core::time::Duration;

use handfast_packet::Instant;

use crate::config::RECEIVE_BUFFER_MAX;
use crate::connection::Connection;
use crate::seq::Offset;
use crate::span::Span;

/// Segments that a fresh sender may send at once (RFC 6928), and half as many for ACKs under way.
const SEGMENTS_MIN: u64 = 16;
/// Bytes that count as read in the first round trip, in segments: the initial window.
const FIRST_SEGMENTS: u64 = 10;

/// What is measured of the application and of the path, seen from the receiving side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveTuning {
    /// The buffer never grows beyond this.
    most: u32,
    on: bool,
    /// Smoothed time from an ACK of ours to the text that it let go.
    round_trip: Option<Span>,
    /// With timestamps: the last echo of one of ours that gave a sample, and whether there was one.
    echo: u32,
    echoed: bool,
    /// Without: when text beyond this offset comes, a window has gone round.
    round: Option<(Offset, Instant)>,
    /// The present measurement: since when, and from which offset of the stream.
    since: Instant,
    from: u64,
    /// Most bytes that were read in one round trip so far.
    read: u32,
}

impl ReceiveTuning {
    /// Measures if `most`, the largest size, is more than the present one.
    pub(crate) fn new(capacity: u64, most: u64) -> Self {
        Self {
            most: u32::try_from(most).expect("at most RECEIVE_BUFFER_MAX"),
            on: most > capacity,
            round_trip: None,
            echo: 0,
            echoed: false,
            round: None,
            since: Instant::ZERO,
            from: Offset::FIRST.get(),
            read: 0,
        }
    }

    /// How long a round trip is, seen from here.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(Span::get)
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
        self.most.into()
    }

    /// A segment brought the echo of a timestamp that we sent `elapsed` ago. A sender that pauses
    /// makes the time longer, so each echo counts once, and only full segments count: they are
    /// sent as soon as they may.
    pub(crate) fn on_echo(&mut self, echo: u32, elapsed: Duration) {
        if self.echoed && self.echo == echo {
            return;
        }
        (self.echo, self.echoed) = (echo, true);
        let smoothed = match self.round_trip() {
            None => elapsed,
            Some(smoothed) => (smoothed * 7 + elapsed) / 8,
        };
        self.round_trip = Some(smoothed.into());
    }

    /// Without timestamps: everything before `next` is here, and we have allowed `edge`. What lies
    /// beyond `edge` waits for an ACK that leaves later, so that it is a round trip away or more,
    /// and the shortest time counts. The last byte before `edge` says nothing: it may be here in the
    /// same moment, when a hole is filled behind which the whole window waits.
    pub(crate) fn on_progress(&mut self, now: Instant, next: Offset, edge: Offset) {
        match self.round {
            Some((until, _)) if next <= until => return,
            Some((_, since)) => {
                let elapsed = (now - since).max(Duration::from_micros(1));
                let shorter = self.round_trip().is_none_or(|known| elapsed < known);
                if shorter {
                    self.round_trip = Some(elapsed.into());
                }
            }
            None => {}
        }
        self.round = Some((edge, now));
    }

    /// The application has read up to `position`. Once in a round trip: the size that the buffer
    /// should have, if what was read was more than ever before.
    ///
    /// `time` is now, and the round-trip time of our own direction: a stand-in until the other one
    /// is known, and the better measure while what is known without timestamps is longer.
    pub(crate) fn on_read(
        &mut self,
        time: (Instant, Option<Duration>),
        position: u64,
        segment: u64,
    ) -> Option<u64> {
        let (now, srtt) = time;
        let round_trip = match (self.round_trip(), srtt) {
            (Some(known), Some(srtt)) if !self.echoed => known.min(srtt),
            (known, srtt) => known.or(srtt)?,
        };
        if now - self.since < round_trip {
            return None;
        }
        let copied = position.saturating_sub(self.from);
        (self.since, self.from) = (now, position);
        let before = u64::from(self.read).max(FIRST_SEGMENTS * segment);
        if copied <= before {
            return None;
        }
        self.read = u32::try_from(copied).unwrap_or(u32::MAX);
        Some(wanted(copied, before, segment).min(self.most()))
    }

    /// Text waits beyond gaps, up to `beyond` bytes after what is in order: the size that the buffer
    /// should have.
    pub(crate) fn on_gap(&self, beyond: u64, segment: u64) -> u64 {
        let before = u64::from(self.read).max(FIRST_SEGMENTS * segment);
        (wanted(before, before, segment) + beyond).min(self.most())
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
        assert!(tuning.on_read((at(1_000), None), 1, 1_000).is_none());
        assert!(tuning.on_read((at(1_050), None), 30_001, 1_000).is_none());
        let size = tuning.on_read((at(1_100), None), 40_001, 1_000);
        assert_eq!(size, Some(wanted(40_000, 10_000, 1_000)));
        // The same rate again asks for nothing.
        let again = tuning.on_read((at(1_200), None), 80_001, 1_000);
        assert_eq!(again, None);
    }

    /// Without timestamps the first window may take many round trips to come.
    #[test]
    fn the_shorter_of_two_times_counts_unless_the_longer_was_measured_by_an_echo() {
        for (stamped, elapsed, srtt, grows) in [
            (false, 300, Some(100), true),
            (false, 100, Some(300), true),
            (false, 300, None, false),
            (false, 300, Some(300), false),
            (true, 300, Some(100), false),
            (true, 100, Some(300), true),
        ] {
            let mut tuning = ReceiveTuning::new(20_000, 1 << 30);
            if stamped {
                tuning.on_echo(1, MS(elapsed));
            } else {
                tuning.on_progress(at(0), Offset::FIRST, Offset::FIRST);
                tuning.on_progress(at(elapsed), Offset::FIRST + 1, Offset::FIRST + 1_000);
            }
            let srtt = srtt.map(MS);
            assert!(tuning.on_read((at(1_000), srtt), 1, 1_000).is_none());
            let size = tuning.on_read((at(1_100), srtt), 40_001, 1_000);
            assert_eq!(size.is_some(), grows, "{stamped} {elapsed} {srtt:?}");
        }
    }

    #[test]
    fn what_waits_beyond_a_gap_comes_on_top() {
        let mut tuning = ReceiveTuning::new(20_000, 1 << 20);
        // As if the initial window had been read.
        assert_eq!(tuning.on_gap(1_000, 1_000), 36_000 + 1_000);
        tuning.on_echo(1, MS(100));
        assert!(tuning.on_read((at(1_000), None), 1, 1_000).is_none());
        assert!(tuning.on_read((at(1_100), None), 20_001, 1_000).is_some());
        for (beyond, size) in [
            (30_000, 56_000 + 30_000),
            (500_000, 56_000 + 500_000),
            (1 << 20, 1 << 20),
        ] {
            assert_eq!(tuning.on_gap(beyond, 1_000), size, "{beyond} bytes wait");
        }
    }

    #[test]
    fn each_echo_counts_once() {
        let mut tuning = ReceiveTuning::new(1, 2);
        tuning.on_echo(1, MS(80));
        tuning.on_echo(1, MS(8_000));
        assert_eq!(tuning.round_trip(), Some(MS(80)));
        tuning.on_echo(2, MS(160));
        assert_eq!(tuning.round_trip(), Some(MS(90)));
    }

    #[test]
    fn without_timestamps_the_fastest_window_is_a_round_trip() {
        let mut tuning = ReceiveTuning::new(1, 2);
        let offset = |n: u64| Offset::ZERO + n;
        for (millis, next, edge, round_trip) in [
            (0, 1_001, 20_001, None),
            (50, 20_001, 30_001, None),
            (100, 20_002, 40_001, Some(100)),
            (400, 40_002, 60_001, Some(100)),
            (430, 60_002, 80_001, Some(30)),
            // All of the window waited behind a hole, and the edge is still where it was.
            (460, 80_001, 80_001, Some(30)),
            (490, 80_002, 80_002, Some(30)),
            (490, 80_002, 99_001, Some(30)),
            (520, 80_003, 99_001, Some(30)),
        ] {
            tuning.on_progress(at(millis), offset(next), offset(edge));
            assert_eq!(tuning.round_trip(), round_trip.map(MS), "at {millis} ms");
        }
    }

    #[test]
    fn a_size_without_room_to_grow_is_not_measured() {
        assert!(!ReceiveTuning::new(4_000, 4_000).is_on());
        assert!(!ReceiveTuning::new(4_000, 0).is_on());
        assert!(ReceiveTuning::new(4_000, 4_001).is_on());
    }
}
