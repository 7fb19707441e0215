//! What a connection tells: its state by the RFC's name, events, how it ended, and its figures.

use core::fmt;
use core::time::Duration;

use crate::ecn::EcnInfo;

/// The eleven states of RFC 9293 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection.
    Closed,
    /// Waiting for any SYN.
    Listen,
    /// SYN sent.
    SynSent,
    /// SYN received and sent.
    SynReceived,
    /// Open both ways.
    Established,
    /// We closed first; our FIN is not acknowledged.
    FinWait1,
    /// We closed first; our FIN is acknowledged.
    FinWait2,
    /// The peer closed first.
    CloseWait,
    /// Both closed at once.
    Closing,
    /// The peer closed first, then we; our FIN is not acknowledged.
    LastAck,
    /// Both closed; old segments may still be about.
    TimeWait,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// Its number in Linux (`tcpi_state`).
    pub const fn linux_number(self) -> u8 {
        match self {
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynReceived => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Closed => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }
}

impl fmt::Display for State {
    /// The RFC's spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

/// Something an application may want to know. Level-triggered: each kind is queued at most once,
/// so the set cannot grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// The handshake is complete.
    Connected,
    /// There are bytes to read, or the end of the stream was reached.
    Readable,
    /// There is room to write again.
    Writable,
    /// Urgent data is pending or the urgent pointer moved (RFC 9293 MUST-32).
    Urgent,
    /// An ICMP error that does not end the connection arrived, or R1 was reached (MUST-47).
    SoftError,
    /// The connection left for TIME-WAIT: see [`crate::Connection::time_wait`].
    TimeWait,
    /// The connection is over: see [`crate::Connection::close_reason`].
    Closed,
}

/// How a connection ended (RFC 9293 MUST-12 asks to tell normal from aborted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Both sides sent FIN and had it acknowledged.
    Normal,
    /// The peer refused the connection with RST.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The application aborted.
    Aborted,
    /// Nothing came back for too long (R2, user timeout).
    TimedOut,
    /// Keep-alive probes were not answered.
    KeepAliveTimedOut,
    /// The network said that the peer cannot be reached.
    Unreachable,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "closed normally by both sides",
            Self::Refused => "refused by the peer (RST in answer to SYN)",
            Self::Reset => "reset by the peer (RST)",
            Self::Aborted => "aborted by this side (RST sent)",
            Self::TimedOut => "timed out: the peer acknowledged nothing for too long",
            Self::KeepAliveTimedOut => "timed out: keep-alive probes were not answered",
            Self::Unreachable => "the network reports that the peer cannot be reached",
        })
    }
}

/// An ICMP error about a segment of this connection, as the stack hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpError {
    /// Network or host unreachable, time exceeded, parameter problem (MUST-56).
    Soft,
    /// Protocol or port unreachable, administratively prohibited (SHLD-26).
    Hard,
}

/// Figures of a connection, for summaries and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Smoothed round-trip time; `None` before the first sample.
    pub srtt: Option<Duration>,
    /// Its variation.
    pub rtt_variation: Duration,
    /// Present retransmission timeout.
    pub rto: Duration,
    /// Congestion window in bytes.
    pub congestion_window: u64,
    /// Slow-start threshold in bytes; `u64::MAX` before the first loss.
    pub slow_start_threshold: u64,
    /// The peer's window in bytes.
    pub send_window: u64,
    /// Text bytes per segment to the peer, options already subtracted.
    pub effective_mss: u16,
    /// Text bytes in flight by our reckoning.
    pub in_flight: u64,
    /// Text bytes that the peer has acknowledged.
    pub bytes_acked: u64,
    /// Text bytes received in order.
    pub bytes_received: u64,
    /// Wire segments sent, received.
    pub segments_sent: u64,
    /// Wire segments received.
    pub segments_received: u64,
    /// Text bytes sent again.
    pub bytes_retransmitted: u64,
    /// Wire segments sent again.
    pub retransmissions: u64,
    /// Expiries of the retransmission timer.
    pub timeouts: u64,
    /// Duplicate ACKs received.
    pub duplicate_acks: u64,
    /// Wire segments that came out of order.
    pub out_of_order: u64,
    /// Congestion marks.
    pub ecn: EcnInfo,
}
