//! What a host wants of ECN, and what a connection tells of it. No rules here.

use handfast_packet::tcp::Ace;

/// Which feedback of congestion marks a host offers in its SYNs and agrees to in those of others.
///
/// Who agrees to more agrees to less too: a SYN that asks for classic ECN gets it from a host that
/// would have done Accurate ECN, and a SYN-ACK may always fall back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EcnMode {
    /// Neither offers nor agrees (Linux' `tcp_ecn` 0).
    Off,
    /// Offers nothing, agrees to classic ECN, RFC 3168 (2, the default of Linux).
    #[default]
    Passive,
    /// Offers and agrees to classic ECN (1).
    Classic,
    /// Offers nothing, agrees to Accurate ECN, RFC 9768 (5).
    AccuratePassive,
    /// Offers classic ECN, agrees to Accurate ECN (4).
    AccurateIncoming,
    /// Offers and agrees to Accurate ECN (3).
    Accurate,
}

impl EcnMode {
    /// The mode of a value of Linux' `net.ipv4.tcp_ecn`; `None` for one that it does not have.
    pub const fn from_linux(value: u8) -> Option<Self> {
        Some(match value {
            0 => Self::Off,
            1 => Self::Classic,
            2 => Self::Passive,
            3 => Self::Accurate,
            4 => Self::AccurateIncoming,
            5 => Self::AccuratePassive,
            _ => return None,
        })
    }

    /// The bits of the first SYN of an active open.
    pub(super) const fn offer(self) -> Ace {
        match self {
            Self::Off | Self::Passive | Self::AccuratePassive => Ace::ZERO,
            Self::Classic | Self::AccurateIncoming => Ace::CWR_ECE,
            Self::Accurate => Ace::ALL,
        }
    }

    /// What the peer's SYN with these bits leads to (RFC 3168 6.1.1, RFC 9768 table 2). A host
    /// that knows Accurate ECN takes combinations that mean nothing yet for an offer of it
    /// (RFC 9768 3.1.3).
    pub(super) fn answer(self, syn: Ace) -> EcnFeedback {
        let classic = syn.contains(Ace::CWR_ECE);
        match self {
            Self::Off => EcnFeedback::None,
            Self::Passive | Self::Classic if classic => EcnFeedback::Classic,
            Self::Passive | Self::Classic => EcnFeedback::None,
            Self::AccuratePassive | Self::AccurateIncoming | Self::Accurate => match syn {
                Ace::ZERO => EcnFeedback::None,
                Ace::CWR_ECE => EcnFeedback::Classic,
                _ => EcnFeedback::Accurate,
            },
        }
    }

    /// Whether two SYNs of one handshake contradict each other so that neither side can know what
    /// the other believes (RFC 9768 3.1.5).
    pub(super) fn contradict(self, first: Ace, second: Ace) -> bool {
        let classic = [first, second].contains(&Ace::CWR_ECE);
        classic
            && [first, second]
                .map(|syn| self.answer(syn))
                .contains(&EcnFeedback::Accurate)
    }
}

/// What both sides agreed on: for both directions alike, and for the whole connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EcnFeedback {
    /// Nothing: congestion shows as loss only.
    #[default]
    None,
    /// One echo for each window of data (RFC 3168).
    Classic,
    /// A count of marks (RFC 9768).
    Accurate,
}

/// Bytes of text by the ECN field under which they arrived. Those that are not capable of ECN are
/// not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnBytes {
    /// ECT(0).
    pub ect0: u64,
    /// ECT(1).
    pub ect1: u64,
    /// Congestion experienced.
    pub ce: u64,
}

/// Figures about congestion marks. All counts begin at 0, whatever the counters of the protocol
/// begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnInfo {
    /// What was agreed on.
    pub feedback: EcnFeedback,
    /// What we send may be marked instead of being dropped.
    pub capable: bool,
    /// Packets that we sent and the peer received with a mark (`tcpi_delivered_ce`). Without
    /// Accurate ECN: those that were acknowledged with an echo.
    pub delivered_ce: u64,
    /// Packets that came with a mark (`tcpi_received_ce`).
    pub received_ce: u64,
    /// What the peer's AccECN options said of our text (`tcpi_delivered_*_bytes`).
    pub delivered: EcnBytes,
    /// Text that came (`tcpi_received_*_bytes`); counted with Accurate ECN only.
    pub received: EcnBytes,
    /// The peer has sent an AccECN option (`tcpi_accecn_opt_seen`).
    pub option_seen: bool,
    /// A packet of the peer was capable of ECN (`TCPI_OPT_ECN_SEEN`).
    pub ect_seen: bool,
}
