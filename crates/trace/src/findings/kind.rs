//! What a finding can be, how grave that is, and where the rule behind it stands. The words for
//! people are in `words`.

use handfast_packet::rule::Rule;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FindingKind {
    /// Nothing answered the SYN.
    NoAnswer,
    /// A reset answered the SYN.
    Refused,
    /// The address that sent the SYN reset the answer: its kernel never asked.
    KernelReset,
    /// A sender that got no further reset the connection.
    GaveUp,
    /// A sender reset the connection with text outstanding.
    Aborted,
    /// A receiver reset the connection before all of the text had come.
    ResetByReceiver,
    /// Text for a side that had closed already was answered by a reset.
    ResetAfterClose,
    /// Keep-alives were not answered.
    KeepAliveTimeout,
    /// The SYN or its answer had to be sent again.
    SynLost,
    /// The handshake took much longer than round trips do.
    HandshakeSlow,
    /// The path carried nothing for a while.
    Outage,
    /// Large segments vanish where small ones pass.
    BlackHole,
    /// Segments were too large for the path, and the sender was told.
    PathMtu,
    /// Segments were lost where a queue was full.
    QueueOverflow,
    /// Segments were lost several in a row.
    BurstLoss,
    /// Segments were lost one by one.
    Loss,
    /// Damaged segments.
    Corruption,
    /// The sender waited for its retransmission timer.
    Timeouts,
    /// The last segments of a flight were lost.
    TailLoss,
    /// What was sent again had arrived.
    Spurious,
    /// The receiver says nothing about what is missing.
    NoDuplicateAcks,
    /// Segments passed here and were lost by the receiver itself.
    ReceiverDrops,
    /// The receiver needs long for each segment.
    SlowReceiver,
    /// The receiver had no room at all.
    ZeroWindow,
    /// The receiver's window held the sender back.
    ReceiveWindow,
    /// The same, and it could not grow because windows were not scaled.
    NoWindowScaling,
    /// A small segment waited for an ACK, which waited, too.
    NagleDelayedAck,
    /// Segments overtook each other.
    Reordering,
    /// The network sent segments twice.
    Duplication,
    /// ACKs were lost.
    AckLoss,
    /// Round trips grew with what was under way.
    Bufferbloat,
    /// Round trips varied.
    Jitter,
    /// The application had nothing to send.
    Application,
    /// The path carried no more.
    PathRate,
    /// The congestion window or the send buffer held the sender back.
    CongestionWindow,
    /// Text left in many small segments.
    SmallSegments,
    /// Selective acknowledgments were not agreed on, though they would have helped.
    NoSack,
    /// Timestamps went back.
    TimestampsBack,
    /// Timestamps jumped.
    TimestampsJump,
    /// A connection that had nothing outstanding ended by a reset.
    ResetToClose,
    /// Routers marked packets (ECN).
    CongestionMarks,
    /// Nothing is wrong.
    Healthy,
    /// A reset was ignored.
    ResetIgnored,
    /// One ACK for many segments.
    StretchAcks,
    /// The capture has super-segments.
    SuperSegments,
    /// The capture has one direction only.
    OneSided,
    /// The capture lacks frames that arrived.
    MissedFrames,
    /// One side has not closed.
    HalfClosed,
    /// No side has closed.
    NeverClosed,
    /// Keep-alives were answered.
    KeepAlives,
}

/// How grave it is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The connection did not do what it was for.
    Failure,
    /// It cost time, or may.
    Trouble,
    /// Nothing is wrong.
    Fine,
    /// Good to know.
    Note,
}

impl FindingKind {
    /// Every kind with its word for machines, in the order of the gravity of equals.
    pub const ALL: [(Self, &'static str); 50] = [
        (Self::NoAnswer, "no-answer"),
        (Self::Refused, "refused"),
        (Self::KernelReset, "kernel-reset"),
        (Self::GaveUp, "gave-up"),
        (Self::Aborted, "aborted"),
        (Self::ResetByReceiver, "reset-by-receiver"),
        (Self::ResetAfterClose, "reset-after-close"),
        (Self::KeepAliveTimeout, "keep-alive-timeout"),
        (Self::SynLost, "syn-lost"),
        (Self::HandshakeSlow, "handshake-slow"),
        (Self::Outage, "outage"),
        (Self::BlackHole, "mtu-black-hole"),
        (Self::PathMtu, "path-mtu"),
        (Self::QueueOverflow, "queue-overflow"),
        (Self::BurstLoss, "burst-loss"),
        (Self::Loss, "loss"),
        (Self::Corruption, "corruption"),
        (Self::Timeouts, "timeouts"),
        (Self::TailLoss, "tail-loss"),
        (Self::Spurious, "spurious-retransmissions"),
        (Self::NoDuplicateAcks, "no-duplicate-acks"),
        (Self::ReceiverDrops, "receiver-drops"),
        (Self::SlowReceiver, "slow-receiver"),
        (Self::ZeroWindow, "zero-window"),
        (Self::ReceiveWindow, "receive-window"),
        (Self::NoWindowScaling, "no-window-scaling"),
        (Self::NagleDelayedAck, "nagle-delayed-ack"),
        (Self::Reordering, "reordering"),
        (Self::Duplication, "duplication"),
        (Self::AckLoss, "ack-loss"),
        (Self::Bufferbloat, "bufferbloat"),
        (Self::Jitter, "jitter"),
        (Self::Application, "application-limited"),
        (Self::PathRate, "path-limited"),
        (Self::CongestionWindow, "congestion-limited"),
        (Self::SmallSegments, "small-segments"),
        (Self::NoSack, "no-sack"),
        (Self::TimestampsBack, "timestamps-back"),
        (Self::TimestampsJump, "timestamps-jump"),
        (Self::ResetToClose, "reset-to-close"),
        (Self::CongestionMarks, "congestion-marks"),
        (Self::Healthy, "healthy"),
        (Self::ResetIgnored, "reset-ignored"),
        (Self::StretchAcks, "stretch-acks"),
        (Self::SuperSegments, "super-segments"),
        (Self::OneSided, "one-sided"),
        (Self::MissedFrames, "missed-frames"),
        (Self::HalfClosed, "half-closed"),
        (Self::NeverClosed, "never-closed"),
        (Self::KeepAlives, "keep-alives"),
    ];

    /// One word for machines.
    pub fn word(self) -> &'static str {
        Self::ALL[usize::from(self as u8)].1
    }

    /// How grave it is.
    pub fn grade(self) -> Grade {
        match self {
            Self::NoAnswer
            | Self::Refused
            | Self::KernelReset
            | Self::GaveUp
            | Self::Aborted
            | Self::ResetByReceiver
            | Self::ResetAfterClose
            | Self::KeepAliveTimeout => Grade::Failure,
            Self::Healthy => Grade::Fine,
            Self::ResetIgnored
            | Self::StretchAcks
            | Self::SuperSegments
            | Self::OneSided
            | Self::MissedFrames
            | Self::HalfClosed
            | Self::NeverClosed
            | Self::KeepAlives
            | Self::CongestionMarks => Grade::Note,
            _ => Grade::Trouble,
        }
    }

    /// Where the rule behind it stands.
    pub(super) fn rule(self) -> Option<Rule> {
        let (rfc, section) = match self {
            Self::NoAnswer | Self::SynLost => (9293, "3.8.3"),
            Self::Refused | Self::KernelReset => (9293, "3.5.2"),
            Self::Aborted | Self::GaveUp => (9293, "3.10.5"),
            Self::ResetByReceiver | Self::ResetAfterClose => (9293, "3.6.1"),
            Self::KeepAliveTimeout | Self::KeepAlives => (9293, "3.8.4"),
            Self::BlackHole => (2923, "2.1"),
            Self::QueueOverflow | Self::BurstLoss | Self::Loss => (5681, "3.2"),
            Self::Corruption => (9293, "3.1"),
            Self::Timeouts => (6298, "5"),
            Self::TailLoss => (8985, "7"),
            Self::Spurious => (2883, "4"),
            Self::NoDuplicateAcks => (5681, "4.2"),
            Self::ZeroWindow => (9293, "3.8.6.1"),
            Self::ReceiveWindow => (9293, "3.8.6"),
            Self::NoWindowScaling => (7323, "2"),
            Self::NagleDelayedAck => (9293, "3.7.4"),
            Self::Reordering => (5681, "4.2"),
            Self::Bufferbloat => (7567, ""),
            Self::CongestionWindow => (5681, "3.1"),
            Self::SmallSegments => (9293, "3.8.6.2.1"),
            Self::NoSack => (2018, ""),
            Self::TimestampsBack | Self::TimestampsJump => (7323, "5.4"),
            Self::CongestionMarks => (3168, "6.1"),
            Self::ResetIgnored => (9293, "3.10.7.4"),
            Self::StretchAcks => (5681, "4.2"),
            Self::HalfClosed => (9293, "3.6"),
            _ => return None,
        };
        Some(Rule::new(rfc, section))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_at_their_own_places() {
        for (index, (kind, word)) in FindingKind::ALL.into_iter().enumerate() {
            assert_eq!((usize::from(kind as u8), kind.word()), (index, word));
        }
    }
}
