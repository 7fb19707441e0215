//! What there is to say about one segment: a set of marks.

use std::fmt;

/// One thing that a segment was. What "missing", "seen" and "acknowledged" mean is always what the
/// capture shows up to that segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Mark {
    /// Numbers before it have not been seen: lost before this point, overtaken, or not captured.
    Gap,
    /// It fills a gap and was sent before what opened the gap: others have overtaken it.
    OutOfOrder,
    /// The network made a second one of it; its sender did not send it again.
    Duplicated,
    /// Sent again because of duplicate ACKs, SACK blocks or what they prove (RFC 5681 3.2, RFC 6675,
    /// RFC 8985 6).
    FastRetransmission,
    /// Sent again because the retransmission timer ran out (RFC 6298), or in the repair after that.
    TimeoutRetransmission,
    /// The end of the flight sent again after two silent round trips (RFC 8985 7).
    TailLossProbe,
    /// Sent again, for no reason that the capture shows.
    OtherRetransmission,
    /// What was sent again had arrived: it was acknowledged or SACKed before, or a D-SACK block tells
    /// so later (RFC 2883).
    Spurious,
    /// Acknowledges what has not been seen.
    AcksUnseen,
    /// The same acknowledgment once more while something is outstanding (RFC 5681 2, RFC 6675 2).
    DuplicateAck,
    /// Its first SACK block tells of something that came twice (RFC 2883).
    DuplicateReport,
    /// Its sender takes no more.
    ZeroWindow,
    /// Asks whether a shut window has opened (RFC 9293 3.8.6.1).
    ZeroWindowProbe,
    /// Answers that the window is still shut.
    ZeroWindowProbeAck,
    /// Says nothing but another window.
    WindowUpdate,
    /// Its text ends where the window does.
    WindowFull,
    /// One old byte, or none, to hear whether the other side lives (RFC 9293 3.8.4).
    KeepAlive,
    /// The answer to that.
    KeepAliveAck,
    /// The receiver drops it for its checksum; it counts as nothing else.
    BadChecksum,
    /// How it was told that a gap was filled by the first or a second sending: the timestamp.
    ByTimestamp,
    /// How that was told: the number of the packet, where the sender counts them.
    ByIdentification,
    /// How that was told: the time since the gap was seen, against the round trip.
    ByTime,
    /// An ACK and nothing else behind another one, and by the numbers of their packets its sender sent
    /// more between the two.
    AcksMissing,
    /// Text in order, and by the numbers of packets its sender sent something before it that did not
    /// pass: ACKs, or the same text.
    PacketsMissing,
}

impl Mark {
    /// Every mark with its word for machines, in the order of their bits.
    pub const ALL: [(Self, &'static str); 24] = [
        (Self::Gap, "gap"),
        (Self::OutOfOrder, "out-of-order"),
        (Self::Duplicated, "duplicated"),
        (Self::FastRetransmission, "fast-retransmission"),
        (Self::TimeoutRetransmission, "timeout-retransmission"),
        (Self::TailLossProbe, "tail-loss-probe"),
        (Self::OtherRetransmission, "other-retransmission"),
        (Self::Spurious, "spurious"),
        (Self::AcksUnseen, "acks-unseen"),
        (Self::DuplicateAck, "duplicate-ack"),
        (Self::DuplicateReport, "duplicate-report"),
        (Self::ZeroWindow, "zero-window"),
        (Self::ZeroWindowProbe, "zero-window-probe"),
        (Self::ZeroWindowProbeAck, "zero-window-probe-ack"),
        (Self::WindowUpdate, "window-update"),
        (Self::WindowFull, "window-full"),
        (Self::KeepAlive, "keep-alive"),
        (Self::KeepAliveAck, "keep-alive-ack"),
        (Self::BadChecksum, "bad-checksum"),
        (Self::ByTimestamp, "by-timestamp"),
        (Self::ByIdentification, "by-identification"),
        (Self::ByTime, "by-time"),
        (Self::AcksMissing, "acks-missing"),
        (Self::PacketsMissing, "packets-missing"),
    ];

    /// One word for machines.
    pub fn word(self) -> &'static str {
        Self::ALL[usize::from(self as u8)].1
    }

    /// Whether it is a kind of retransmission; a segment has at most one of these.
    pub fn is_retransmission(self) -> bool {
        matches!(
            self,
            Self::FastRetransmission
                | Self::TimeoutRetransmission
                | Self::TailLossProbe
                | Self::OtherRetransmission
        )
    }
}

/// A set of marks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Marks(u32);

impl Marks {
    /// Whether `mark` is among them.
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & 1 << mark as u8 != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The marks in the order of [`Mark::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        let all = Mark::ALL.iter().map(|&(mark, _)| mark);
        all.filter(move |&mark| self.has(mark))
    }

    /// The kind of retransmission, if it is one.
    pub fn retransmission(self) -> Option<Mark> {
        self.iter().find(|mark| mark.is_retransmission())
    }

    /// The marks as bits, in the order of [`Mark::ALL`].
    pub const fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn add(&mut self, mark: Mark) {
        self.0 |= 1 << mark as u8;
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_their_own_places() {
        for (index, (mark, word)) in Mark::ALL.into_iter().enumerate() {
            assert_eq!((usize::from(mark as u8), mark.word()), (index, word));
        }
        let mut marks = Marks::default();
        assert!(marks.is_empty() && marks.retransmission().is_none());
        marks.add(Mark::Spurious);
        marks.add(Mark::TailLossProbe);
        assert_eq!(marks.retransmission(), Some(Mark::TailLossProbe));
        assert_eq!(format!("{marks:?}"), "{TailLossProbe, Spurious}");
    }
}
