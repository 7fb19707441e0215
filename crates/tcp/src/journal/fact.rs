//! What can happen to a connection.

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::rule::Rule;
use handfast_packet::tcp::SeqNumber;

use crate::event::{CloseReason, State};
use crate::recovery::Phase;
use crate::segment::Control;
use crate::tally::Limit;
use crate::timer::Timer;

/// One thing that happened to a connection, with what it was for.
///
/// Amounts are bytes of text unless said otherwise, and what the facts say holds after what they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// It began: the ends, as the stack knows them.
    Opened(Ends),
    /// A segment left, or a super-segment.
    Sent(Departure),
    /// A segment arrived, or some that were merged.
    Received(Arrival),
    /// It went from one state to another. States through which one segment led it on are not told.
    State {
        /// The state before.
        from: State,
        /// The state from now on.
        to: State,
    },
    /// Loss recovery went from one phase to another.
    Recovery {
        /// The phase before.
        from: Phase,
        /// The phase from now on.
        to: Phase,
    },
    /// Segments count as lost from now on.
    Lost {
        /// How much.
        bytes: u64,
        /// In how many pieces.
        pieces: u32,
        /// What shows it, of the last of them.
        proof: Proof,
    },
    /// The last reduction of the window was a mistake: nothing had been lost.
    Spurious,
    /// cwnd, ssthresh or the pacing rate changed.
    Congestion {
        /// cwnd, or what a reduction in progress allows.
        window: u64,
        /// ssthresh; `u64::MAX` before the first loss.
        threshold: u64,
        /// Bytes in a second; 0 without pacing.
        pacing: u64,
        /// What changed it.
        by: WindowCause,
    },
    /// A round trip was measured.
    RoundTrip {
        /// It.
        sample: Nanos,
        /// SRTT.
        smoothed: Nanos,
        /// RTTVAR.
        variation: Nanos,
        /// The retransmission timeout that follows.
        timeout: Nanos,
    },
    /// A timer that did not run was set. One that is moved on while it runs is not told of.
    TimerSet {
        /// Which.
        timer: Timer,
        /// When it will run out, if nobody moves it.
        due: Instant,
    },
    /// A timer was stopped.
    TimerStopped(Timer),
    /// A timer ran out.
    TimerFired(Timer),
    /// Something else holds the sender back from now on.
    Limited {
        /// What did until now.
        was: Limit,
        /// What does.
        by: Limit,
    },
    /// It is over.
    Closed(CloseReason),
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Our address.
    pub local: IpAddr,
    /// The peer's address.
    pub remote: IpAddr,
    /// Our port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
    /// The state in which it began: where a SYN cookie came back, that is behind the handshake.
    pub state: State,
}

/// A segment that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK.
    pub ack: Option<SeqNumber>,
    /// The window that it announces, in bytes.
    pub window: u32,
    /// Its text.
    pub text: u32,
    /// What is in flight with it, by our reckoning.
    pub in_flight: u32,
    /// How many wire segments it is; 65,535 stands for all above.
    pub segments: u16,
    /// SYN, FIN, RST or nothing.
    pub control: Control,
    /// Why it left.
    pub cause: Cause,
}

/// A segment that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK.
    pub ack: Option<SeqNumber>,
    /// The window that it announces, in bytes.
    pub window: u32,
    /// Its text.
    pub text: u32,
    /// How much of ours it newly acknowledges.
    pub acked: u32,
    /// How much text is newly there in order, with what it joins.
    pub taken: u32,
    /// What is in flight after it, by our reckoning.
    pub in_flight: u32,
    /// How many wire segments it is.
    pub segments: u16,
    /// SYN, FIN, RST or nothing.
    pub control: Control,
    /// What it did.
    pub effect: Effect,
}

/// What a segment that arrived did, by the first of these that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It led the connection to another state.
    State,
    /// It brought text that was next.
    Text,
    /// It brought text beyond a hole, which is kept.
    OutOfOrder,
    /// It brought text that was here already.
    DuplicateText,
    /// It acknowledged something.
    Acknowledges,
    /// It acknowledged the same again: a duplicate ACK.
    DuplicateAck,
    /// It changed the peer's window.
    Window,
    /// It was answered with a challenge: unacceptable, or suspicious.
    Challenged,
    /// Nothing.
    #[default]
    Nothing,
}

/// What changed the congestion window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WindowCause {
    /// What was acknowledged, or how fast.
    #[default]
    Acknowledged,
    /// A loss.
    Loss,
    /// The peer told of a congestion mark.
    EcnEcho,
    /// A tail loss probe repaired a loss.
    Probe,
    /// The retransmission timer ran out.
    Timeout,
    /// The losses are repaired.
    Recovered,
    /// The last reduction was a mistake.
    Undone,
    /// Nothing was sent for longer than a timeout.
    Idle,
    /// The handshake: the first window.
    Handshake,
    /// The application put another controller in the place of this one.
    Replaced,
}

/// Nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(time: Nanos) -> Self {
        Self::from_nanos(time.0)
    }
}

impl Fact {
    /// Where it is laid down that this happens; `None` for what is nobody's rule.
    pub const fn rule(&self) -> Option<Rule> {
        Some(match self {
            Self::Opened(_) | Self::Limited { .. } => return None,
            Self::Sent(departure) => return departure.cause.rule(),
            Self::Received(arrival) => arrival.effect.rule(),
            Self::State { .. } => Rule::new(9293, "3.3.2"),
            Self::Recovery { to, .. } => match to {
                Phase::Open | Phase::Disorder | Phase::Recovery => Rule::new(5681, "3.2"),
                Phase::Cwr => Rule::new(3168, "6.1.2"),
                Phase::Loss => Rule::new(6298, "5"),
            },
            Self::Lost { proof, .. } => proof.rule(),
            Self::Spurious => Rule::new(4015, "3"),
            Self::Congestion { by, .. } => by.rule(),
            Self::RoundTrip { .. } => Rule::new(6298, "2"),
            Self::TimerSet { timer, .. } | Self::TimerStopped(timer) | Self::TimerFired(timer) => {
                return timer.rule();
            }
            Self::Closed(reason) => match reason {
                CloseReason::Normal => Rule::new(9293, "3.6"),
                CloseReason::Refused | CloseReason::Reset => Rule::new(9293, "3.5.3"),
                CloseReason::Aborted => Rule::new(9293, "3.10.5"),
                CloseReason::TimedOut => Rule::new(9293, "3.8.3"),
                CloseReason::KeepAliveTimedOut => Rule::new(9293, "3.8.4"),
                CloseReason::Unreachable => Rule::new(9293, "3.9.2.2"),
            },
        })
    }
}

impl Effect {
    /// Where it is laid down.
    pub const fn rule(self) -> Rule {
        match self {
            Self::OutOfOrder | Self::DuplicateText => Rule::new(5681, "4.2"),
            Self::DuplicateAck => Rule::new(5681, "2"),
            Self::Window => Rule::new(9293, "3.8.6"),
            Self::Challenged => Rule::new(5961, "7"),
            Self::State | Self::Text | Self::Acknowledges | Self::Nothing => {
                Rule::new(9293, "3.10.7.4")
            }
        }
    }
}

impl WindowCause {
    /// Where it is laid down. What a controller makes of it is its own affair.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Loss | Self::Recovered => Rule::new(5681, "3.2"),
            Self::EcnEcho => Rule::new(3168, "6.1.2"),
            Self::Probe => Rule::new(8985, "7.4"),
            Self::Acknowledged | Self::Timeout => Rule::new(5681, "3.1"),
            Self::Undone => Rule::new(4015, "3"),
            Self::Replaced => Rule::new(5681, "3"),
            Self::Idle => Rule::new(5681, "4.1"),
            Self::Handshake => Rule::new(6928, "2"),
        }
    }
}
