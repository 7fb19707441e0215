//! What a bystander can say about one segment, in words.

use std::fmt;

use handfast_tcp::State;

/// One remark. The cause of a sent frame is not among them: it travels with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// All of its bytes had passed before.
    Retransmission,
    /// It fills a hole so late that it must have been sent again.
    FillsHole { all_closed: bool },
    /// It fills a hole so soon that it was only overtaken.
    Late { all_closed: bool },
    /// So many bytes before it are missing.
    OutOfOrder { missing: u64 },
    /// It lies behind a hole that an earlier one opened.
    BehindHole,
    /// The same acknowledgment once more, while data is in flight.
    DuplicateAck(u32),
    /// It reports that data came twice (RFC 2883).
    DuplicateReported,
    /// Its sender can take no more.
    WindowZero,
    /// Its sender can take data again.
    WindowOpen,
    /// It fills the other side's window.
    WindowFull,
    /// A byte into a closed window.
    WindowProbe,
    /// An old byte, or none, to hear whether the other side lives.
    KeepAlive,
    /// A reset whose number lies outside the window.
    ResetIgnored,
    /// The receiver will drop it.
    BadChecksum,
    /// The state that our side entered.
    Entered(State),
}

impl Note {
    /// Whether something went wrong.
    pub(crate) fn is_trouble(self) -> bool {
        !matches!(self, Self::WindowOpen | Self::KeepAlive | Self::Entered(_))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closes = |all_closed| {
            if all_closed {
                "the hole closes"
            } else {
                "fills a hole"
            }
        };
        match *self {
            Self::Retransmission => f.write_str("retransmission: it was here"),
            Self::FillsHole { all_closed } => write!(f, "retransmission: {}", closes(all_closed)),
            Self::Late { all_closed } => write!(f, "overtaken: {}", closes(all_closed)),
            Self::OutOfOrder { missing } => write!(f, "out of order: {missing} missing"),
            Self::BehindHole => f.write_str("out of order"),
            Self::DuplicateAck(count) => write!(f, "duplicate ack {count}"),
            Self::DuplicateReported => f.write_str("reports a duplicate"),
            Self::WindowZero => f.write_str("window zero"),
            Self::WindowOpen => f.write_str("window open again"),
            Self::WindowFull => f.write_str("window full"),
            Self::WindowProbe => f.write_str("window probe"),
            Self::KeepAlive => f.write_str("keep-alive"),
            Self::ResetIgnored => f.write_str("reset outside the window"),
            Self::BadChecksum => f.write_str("bad checksum: dropped"),
            Self::Entered(state) => state.fmt(f),
        }
    }
}
