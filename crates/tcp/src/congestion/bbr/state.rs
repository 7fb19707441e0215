//! The states of BBR, and what each of them makes of the model (draft section 5.6.1).

/// Where BBR stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Startup,
    Drain,
    /// ProbeBW_DOWN.
    Down,
    /// ProbeBW_CRUISE.
    Cruise,
    /// ProbeBW_REFILL.
    Refill,
    /// ProbeBW_UP.
    Up,
    ProbeRtt,
}

impl State {
    /// How fast to send and how much may be in flight, in percent of the model (5.6.1).
    pub(super) fn gains(self) -> (u64, u64) {
        match self {
            Self::Startup => (277, 200),
            Self::Drain => (50, 200),
            Self::Down => (90, 200),
            Self::Cruise | Self::Refill => (100, 200),
            Self::Up => (125, 225),
            Self::ProbeRtt => (100, 50),
        }
    }

    pub(super) fn is_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }

    /// Whether it sends faster than it knows to be safe, so that losses are no news.
    pub(super) fn accelerates(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }
}

/// What the ACKs at hand answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckPhase {
    /// Nothing in particular.
    Init,
    Refilling,
    /// Bandwidth is probed, but the ACKs are still for what was sent before.
    ProbeStarting,
    ProbeFeedback,
    /// Probing is over, but the ACKs are still for what was sent in it.
    ProbeStopping,
}
