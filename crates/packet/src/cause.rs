//! Why a frame was sent: the word that travels with every outgoing frame, from the room that
//! decided it to the recorder that prints it.

use core::fmt;

use crate::rule::Rule;

/// What shows that a segment is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Proof {
    /// The retransmission timer ran out (RFC 6298 5.4).
    #[default]
    Timeout,
    /// Three duplicate ACKs (RFC 5681 3.2).
    DuplicateAcks,
    /// An ACK that ends at the next hole (RFC 6582 3.2).
    PartialAck,
    /// So many holes that a round trip for each would take too long (RFC 6582 4).
    ManyHoles,
    /// Three segments behind it arrived, by their SACK blocks (RFC 6675 4).
    SackCount,
    /// Something that left later has arrived, and the time for reordering is over (RACK,
    /// RFC 8985 6.2).
    Lateness,
    /// A duplicate ACK came too late for its copy to be still on its way.
    LateDuplicate,
    /// It was refused, not lost: the window was shut or the packet too large (RFC 1191 6.4).
    Refused,
}

impl Proof {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::DuplicateAcks,
        Self::PartialAck,
        Self::ManyHoles,
        Self::SackCount,
        Self::Lateness,
        Self::LateDuplicate,
        Self::Refused,
    ];

    /// Where this is laid down.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Timeout => Rule::new(6298, "5.4"),
            Self::DuplicateAcks => Rule::new(5681, "3.2"),
            Self::PartialAck | Self::LateDuplicate => Rule::new(6582, "3.2"),
            Self::ManyHoles => Rule::new(6582, "4"),
            Self::SackCount => Rule::new(6675, "4"),
            Self::Lateness => Rule::new(8985, "6.2"),
            Self::Refused => Rule::new(1191, "6.4"),
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timeout",
            Self::DuplicateAcks => "duplicate acks",
            Self::PartialAck => "partial ack",
            Self::ManyHoles => "many holes",
            Self::SackCount => "three behind it arrived",
            Self::Lateness => "later ones arrived, and its time is over",
            Self::LateDuplicate => "a duplicate ack came too late",
            Self::Refused => "refused before",
        })
    }
}

/// The reason for which the stack sent a frame.
///
/// Set where the decision is taken (a TCP output room, the neighbour table, ...) and never
/// computed a second time; the ladder and the pcapng comments only print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Cause {
    /// The sender gave no reason (raw or crafted frames).
    #[default]
    Unstated,
    /// First SYN of an active open (RFC 9293 3.10.1).
    Open,
    /// SYN-ACK of a passive or simultaneous open (RFC 9293 3.10.7).
    Accept,
    /// SYN-ACK of which nothing is remembered: its sequence number is a cookie (RFC 4987 3.6).
    SynCookie,
    /// ACK that completes a handshake (RFC 9293 3.10.7.3).
    HandshakeAck,
    /// New bytes from the application.
    NewData,
    /// FIN: the application has no more to send (RFC 9293 3.10.4).
    Close,
    /// ACK sent at once for a full quota of in-order data (RFC 5681 4.2).
    Ack,
    /// ACK sent because the delayed-ACK timer ran out (RFC 9293 3.8.6.3).
    DelayedAck,
    /// ACK that tells of congestion marks at once (RFC 3168 6.1.3, RFC 9768 3.2.2.5.1).
    CongestionEcho,
    /// ACK for data out of order: a hole was seen (RFC 5681 4.2).
    DuplicateAck,
    /// ACK for data that had arrived already, with a D-SACK block (RFC 2883).
    DuplicateData,
    /// The receive window opened enough to be worth telling (RFC 9293 3.8.6.2.2).
    WindowUpdate,
    /// Answer to an unacceptable or suspicious segment (RFC 9293 3.10.7.4, RFC 5961).
    ChallengeAck,
    /// Resent without a timeout, because of what shows that it was lost.
    FastRetransmit(Proof),
    /// A tail loss probe: nobody answered for two round trips (RFC 8985 7.3).
    LossProbe,
    /// Resent because the retransmission timer ran out; the number counts expiries (RFC 6298).
    TimeoutRetransmit(u8),
    /// Resent because the peer or the path refused it before: its window was shut, or the
    /// segment was too large for a router (RFC 1191 6.4).
    Resend,
    /// Probe of a closed window; the number counts probes (RFC 9293 3.8.6.1).
    WindowProbe(u8),
    /// Keep-alive probe (RFC 9293 3.8.4).
    KeepAlive,
    /// RST: the application aborted (RFC 9293 3.10.5).
    Abort,
    /// RST: the segment belongs to no connection (RFC 9293 3.10.7.1).
    NoConnection,
    /// RST: the segment is not acceptable in this state (RFC 9293 3.10.7).
    ProtocolError,
    /// RST: data arrived after the application was gone (RFC 9293 3.6.1, RFC 2525 2.17).
    DataAfterClose,
    /// ACK sent from TIME-WAIT (RFC 9293 3.10.7.4).
    TimeWaitAck,
    /// ARP request or neighbour solicitation for a next hop.
    Resolve,
    /// ARP reply or neighbour advertisement.
    ResolveReply,
    /// ARP probe or duplicate address detection (RFC 5227 2.1.1, RFC 4862 5.4).
    AddressProbe,
    /// ARP announcement or unsolicited advertisement (RFC 5227 2.3).
    AddressAnnounce,
    /// ARP announcement in defence of an address (RFC 5227 2.4).
    AddressDefend,
    /// Router solicitation (RFC 4861 6.3.7).
    RouterSolicit,
    /// ICMP echo reply.
    EchoReply,
    /// ICMP error in answer to a packet (RFC 1122 3.2.2, RFC 4443 2.4).
    IcmpError,
    /// An ICMP message that an application asked for (echo request).
    IcmpMessage,
    /// Multicast group membership report (RFC 2236, RFC 3810).
    GroupReport,
}

impl Cause {
    /// Where it is laid down that such a frame is sent; `None` for those that are nobody's rule.
    pub const fn rule(self) -> Option<Rule> {
        Some(match self {
            Self::Unstated | Self::IcmpMessage => return None,
            Self::FastRetransmit(proof) => proof.rule(),
            Self::Open => Rule::new(9293, "3.10.1"),
            Self::Accept => Rule::new(9293, "3.10.7.2"),
            Self::SynCookie => Rule::new(4987, "3.6"),
            Self::HandshakeAck => Rule::new(9293, "3.10.7.3"),
            Self::NewData => Rule::new(9293, "3.10.2"),
            Self::Close => Rule::new(9293, "3.10.4"),
            Self::Ack | Self::DuplicateAck => Rule::new(5681, "4.2"),
            Self::DelayedAck => Rule::new(9293, "3.8.6.3"),
            Self::CongestionEcho => Rule::new(9768, "3.2.2.5.1"),
            Self::DuplicateData => Rule::new(2883, "4"),
            Self::WindowUpdate => Rule::new(9293, "3.8.6.2.2"),
            Self::ChallengeAck => Rule::new(9293, "3.10.7.4"),
            Self::LossProbe => Rule::new(8985, "7.3"),
            Self::TimeoutRetransmit(_) => Rule::new(6298, "5.4"),
            Self::Resend => Rule::new(1191, "6.4"),
            Self::WindowProbe(_) => Rule::new(9293, "3.8.6.1"),
            Self::KeepAlive => Rule::new(9293, "3.8.4"),
            Self::Abort => Rule::new(9293, "3.10.5"),
            Self::NoConnection => Rule::new(9293, "3.10.7.1"),
            Self::ProtocolError => Rule::new(9293, "3.10.7"),
            Self::DataAfterClose => Rule::new(9293, "3.6.1"),
            Self::TimeWaitAck => Rule::new(9293, "3.10.7.4"),
            Self::Resolve | Self::ResolveReply => Rule::new(826, ""),
            Self::AddressProbe => Rule::new(5227, "2.1.1"),
            Self::AddressAnnounce => Rule::new(5227, "2.3"),
            Self::AddressDefend => Rule::new(5227, "2.4"),
            Self::RouterSolicit => Rule::new(4861, "6.3.7"),
            Self::EchoReply => Rule::new(1122, "3.2.2.6"),
            Self::IcmpError => Rule::new(1122, "3.2.2"),
            Self::GroupReport => Rule::new(3810, "5.2"),
        })
    }

    /// Whether such a frame speaks for the whole host and not for a connection or a question of
    /// the stack that sends it: of several stacks of one host only the first sends it.
    pub const fn speaks_for_host(self) -> bool {
        matches!(
            self,
            Self::ResolveReply
                | Self::AddressProbe
                | Self::AddressAnnounce
                | Self::AddressDefend
                | Self::RouterSolicit
                | Self::EchoReply
                | Self::IcmpError
                | Self::GroupReport
        )
    }
}

impl fmt::Display for Cause {
    /// A few words for people; empty for the causes that need none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeoutRetransmit(n) => return write!(f, "retransmission: timeout {n}"),
            Self::WindowProbe(n) => return write!(f, "window probe {n}"),
            Self::FastRetransmit(proof) => return write!(f, "retransmission: {proof}"),
            _ => {}
        }
        f.write_str(match self {
            Self::Unstated | Self::NewData => "",
            Self::Open => "open",
            Self::Accept => "accept",
            Self::SynCookie => "accept: cookie",
            Self::HandshakeAck => "handshake done",
            Self::Close => "close",
            Self::Ack => "ack",
            Self::DelayedAck => "delayed ack",
            Self::CongestionEcho => "ack: congestion marks arrived",
            Self::DuplicateAck => "duplicate ack: hole seen",
            Self::DuplicateData => "ack: data was already here",
            Self::WindowUpdate => "window update",
            Self::ChallengeAck => "challenge ack",
            Self::LossProbe => "tail loss probe",
            Self::Resend => "retransmission: refused before",
            Self::TimeoutRetransmit(_) | Self::WindowProbe(_) | Self::FastRetransmit(_) => "",
            Self::KeepAlive => "keep-alive",
            Self::Abort => "abort by the application",
            Self::NoConnection => "reset: no such connection",
            Self::ProtocolError => "reset: unacceptable here",
            Self::DataAfterClose => "reset: data after close",
            Self::TimeWaitAck => "ack from TIME-WAIT",
            Self::Resolve => "who has the next hop?",
            Self::ResolveReply => "here I am",
            Self::AddressProbe => "does anybody use this address?",
            Self::AddressAnnounce => "this address is mine now",
            Self::AddressDefend => "this address is taken: defended",
            Self::RouterSolicit => "is there a router?",
            Self::EchoReply => "echo reply",
            Self::IcmpError => "icmp error",
            Self::IcmpMessage => "",
            Self::GroupReport => "group report",
        })
    }
}
