//! What a congestion controller is told. Plain values: bytes, times and offsets, no sequence
//! numbers of the wire.

use core::time::Duration;

use handfast_packet::Instant;

/// Data has left: new data or a retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub now: Instant,
    /// Bytes of text in it.
    pub bytes: u64,
    /// Bytes that were in flight before it.
    pub in_flight: u64,
    /// The application, not the window, held us back before it.
    pub app_limited: bool,
}

/// An ACK told of data that arrived, or of data that is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// When.
    pub now: Instant,
    /// Bytes newly known to be delivered, by the cumulative ACK or by SACK.
    pub acked: u64,
    /// Bytes in flight (RFC 6675's pipe) before this ACK.
    pub prior_in_flight: u64,
    /// Bytes in flight after it.
    pub in_flight: u64,
    /// Bytes found to be lost with it.
    pub lost: u64,
    /// Bytes that the peer newly reports as marked (ECN).
    pub ce: u64,
    /// The round trip that this ACK measured, if it measured one.
    pub rtt: Option<Duration>,
    /// The smoothed round trip (RFC 6298).
    pub srtt: Option<Duration>,
    /// The smallest round trip seen lately.
    pub min_rtt: Option<Duration>,
    /// The window, not the application or the peer, held us back in the last round.
    pub window_limited: bool,
    /// SACK blocks or duplicates alone tell of it, on a path where that is unusual: RFC 5681
    /// grows the window on in-order delivery only.
    pub disordered: bool,
    /// A loss or an ECN echo is being answered: the window must not grow.
    pub recovering: bool,
    /// SND.UNA as an offset in the stream, with this ACK.
    pub una: u64,
    /// SND.NXT as an offset in the stream; a round ends when `una` reaches the `nxt` of its start.
    pub nxt: u64,
    /// How fast data arrives, where this ACK allows a sample.
    pub rate: Option<RateSample>,
}

/// One measurement of the delivery rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSample {
    /// Bytes per second over `interval`; 0 when the interval is too short to tell.
    pub rate: u64,
    /// How long the sample lasted: the longer of the time to send and the time to acknowledge.
    pub interval: Duration,
    /// Bytes delivered in that time.
    pub delivered: u64,
    /// Bytes delivered in the whole life of the connection when the newest of the acknowledged
    /// segments was sent.
    pub prior_delivered: u64,
    /// Bytes delivered in the whole life of the connection, now.
    pub total_delivered: u64,
    /// Bytes that were lost since the newest of the acknowledged segments was sent.
    pub lost: u64,
    /// Bytes in flight when the newest of the acknowledged segments was sent, itself included.
    pub sent_in_flight: u64,
    /// The application had nothing to send for a part of it: the path may be faster.
    pub app_limited: bool,
}

/// A segment was found lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When it was found.
    pub now: Instant,
    /// Bytes of text in it.
    pub bytes: u64,
    /// Bytes in flight when it was sent, itself included.
    pub sent_in_flight: u64,
    /// Bytes found lost since it was sent, itself included.
    pub lost_since: u64,
    /// The application held us back when it was sent.
    pub app_limited: bool,
}

/// Why the window must shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A segment was found lost: fast recovery begins (RFC 5681 3.2).
    Loss,
    /// The peer saw a mark of congestion (RFC 3168 6.1.2).
    EcnEcho,
    /// The retransmission timer ran out (RFC 5681 3.1).
    Timeout {
        /// Not for the first time for the same segment.
        repeated: bool,
    },
}

/// The network is congested. Told once for a round trip, not for each lost segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// When.
    pub now: Instant,
    /// How it is known.
    pub cause: Cause,
    /// FlightSize (RFC 5681): bytes between SND.UNA and SND.NXT right before the ACK or the timer
    /// that told of it, SACKed ones included.
    pub in_flight: u64,
    /// SND.NXT as an offset in the stream.
    pub nxt: u64,
}
