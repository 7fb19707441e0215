//! What a stack has counted since it was made.

use crate::ip::NetworkCounters;

/// Figures of a stack. They only grow, and wrap after 2^64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames (or super-frames) taken from the device.
    pub frames_received: u64,
    /// Frames (or super-frames) put into batches for the device.
    pub frames_sent: u64,
    /// What TCP counted.
    pub tcp: TcpCounters,
    /// What the layers below counted.
    pub network: NetworkCounters,
}

/// Figures of TCP over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Wire segments received with a good header and checksum.
    pub segments_received: u64,
    /// Wire segments handed to the layers below.
    pub segments_sent: u64,
    /// Segments dropped because their checksum was wrong.
    pub bad_checksums: u64,
    /// Segments dropped because their header was cut short, or opened something with SYN and FIN
    /// at once.
    pub malformed: u64,
    /// Resets sent, by connections and for segments that belong to none.
    pub resets_sent: u64,
    /// Resets for segments of no connection that were not sent because their destination had
    /// [`crate::RESETS_MAX`] of them in this second.
    pub resets_limited: u64,
    /// Challenge ACKs sent (RFC 5961).
    pub challenge_acks: u64,
    /// SYNs dropped because the queues of their listener were full.
    pub backlog_overflows: u64,
    /// Handshakes that completed while no more connections could wait to be accepted.
    pub accept_overflows: u64,
    /// Connections opened early, by a Fast Open cookie (RFC 7413).
    pub early_opens: u64,
    /// SYNs answered with a SYN cookie.
    pub cookies_sent: u64,
    /// Connections opened by a cookie that came back.
    pub cookies_accepted: u64,
    /// ACKs with a wrong or old cookie, while cookies were given away.
    pub cookies_rejected: u64,
    /// SYNs dropped because the stack holds as many connections as it may.
    pub connections_refused: u64,
    /// Answers to segments without a connection that were dropped because too many waited.
    pub replies_dropped: u64,
    /// Segments of connections whose local address was given up meanwhile.
    pub address_gone: u64,
    /// ICMP errors about segments that were not in flight, and therefore not believed (RFC 5927
    /// section 4.1).
    pub icmp_out_of_window: u64,
    /// TIME-WAIT entries ended early because there were too many.
    pub time_waits_evicted: u64,
    /// Connections opened by `connect`.
    pub active_opens: u64,
    /// Connections opened by a SYN to a listener.
    pub passive_opens: u64,
}
