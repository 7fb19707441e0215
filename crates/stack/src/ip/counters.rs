//! What the layers below TCP have counted since the stack was made, and what they hold now.

/// Figures of links and IP. They only grow, and wrap after 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Frames and packets dropped because a header was cut short or made no sense.
    pub malformed: u64,
    /// Frames and packets that were for somebody else.
    pub not_for_us: u64,
    /// Packets dropped because their source is not the address of another host.
    pub martian_sources: u64,
    /// Frames and packets of a protocol that nobody here speaks.
    pub unknown_protocols: u64,
    /// ICMP and UDP messages dropped because their checksum was wrong.
    pub bad_checksums: u64,
    /// Fragments received.
    pub fragments_received: u64,
    /// Datagrams that were put together again from fragments.
    pub reassembled: u64,
    /// Fragments dropped: malformed, overlapping or beyond a limit.
    pub fragments_dropped: u64,
    /// Datagrams given up because fragments did not arrive in time.
    pub reassembly_timeouts: u64,
    /// Echo requests answered.
    pub echo_replies: u64,
    /// Packets of our own making dropped because they exceed the path's MTU.
    pub too_large: u64,
    /// ICMP errors about our packets that were handed on.
    pub icmp_errors_received: u64,
    /// ICMP errors dropped because they quote nothing that we could have sent.
    pub icmp_errors_ignored: u64,
    /// ICMP errors sent.
    pub icmp_errors_sent: u64,
    /// ICMP errors not sent because there were too many (RFC 4443 2.4 (f)).
    pub icmp_errors_limited: u64,
    /// Packets dropped because no route leads to their destination.
    pub no_route: u64,
    /// Packets dropped because a neighbour did not answer, or too many waited for one.
    pub neighbor_drops: u64,
    /// Answers dropped because too many waited to be sent.
    pub replies_dropped: u64,
    /// Times that somebody else used or asked for an address of ours.
    pub address_conflicts: u64,
}

/// What waits for fragments that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyUse {
    /// Incomplete datagrams, those included of which nothing is kept because their fragments
    /// contradict each other.
    pub datagrams: usize,
    /// Fragments in them.
    pub fragments: usize,
    /// Bytes of payload and headers in them.
    pub bytes: usize,
}
