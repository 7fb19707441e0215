//! What can be explained: each kind once in a run.

use handfast_packet::cause::Cause;
use handfast_tcp::{CloseReason, Effect, Fact, Limit, RecoveryPhase, State, Timer, WindowCause};

use super::track::Track;

/// Something for which the table of words has a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Why a segment left.
    Sent(Cause),
    /// What a segment that arrived did.
    Received(Effect),
    /// A state of the connection.
    State(State),
    /// A phase of loss recovery begins.
    Enter(RecoveryPhase),
    /// It ends, and all is well.
    Leave(RecoveryPhase),
    /// Something counts as lost by what ACKs said.
    Lost,
    /// Something counts as lost by the timer.
    LostByTimeout,
    /// A reduction was a mistake.
    Spurious,
    /// The window grows below ssthresh.
    SlowStart,
    /// The window grows above ssthresh.
    Avoidance,
    /// Something else changed the window.
    Window(WindowCause),
    /// The first round trip of a connection, and whether the least of RTO's second part counted.
    FirstRoundTrip { floored: bool },
    /// A later one.
    NextRoundTrip,
    /// A timer was set.
    Set(Timer),
    /// A timer ran out.
    Fired(Timer),
    /// What holds the sender back, for longer than a moment.
    Limited(Limit),
    /// How a connection ended.
    Closed(CloseReason),
}

impl Kind {
    /// The kind of a fact, where the facts before it on the same connection left `track`; `None`
    /// when it teaches nothing.
    pub(super) fn of(fact: &Fact, track: &Track) -> Option<Self> {
        Some(match *fact {
            Fact::Sent(departure) => Self::sent(departure.cause),
            Fact::Received(arrival) => match arrival.effect {
                // The state says more, and text is counted with the FIN behind it.
                Effect::State | Effect::Nothing => return None,
                Effect::Text if arrival.text == 0 => return None,
                effect => Self::Received(effect),
            },
            Fact::State { to, .. } => Self::State(to),
            Fact::Recovery { from, to } => match to {
                RecoveryPhase::Open if track.undone => return None,
                RecoveryPhase::Open => Self::Leave(from),
                to => Self::Enter(to),
            },
            Fact::Lost { proof, .. } => match proof {
                handfast_packet::cause::Proof::Timeout => Self::LostByTimeout,
                _ => Self::Lost,
            },
            Fact::Spurious => Self::Spurious,
            Fact::Congestion {
                window,
                threshold,
                by,
                ..
            } => return track.window_kind(window, threshold, by),
            Fact::RoundTrip {
                sample,
                smoothed,
                variation,
                timeout,
            } => match sample == smoothed {
                true => Self::FirstRoundTrip {
                    floored: timeout.0 > smoothed.0.saturating_add(4 * variation.0),
                },
                false => Self::NextRoundTrip,
            },
            Fact::TimerSet { timer, .. } => Self::Set(timer),
            Fact::TimerFired(timer) => Self::Fired(timer),
            Fact::Limited { by, .. } => Self::Limited(by),
            Fact::Closed(reason) => Self::Closed(reason),
            // A beginning is told with its first segment; that a timer stops is no news.
            _ => return None,
        })
    }

    /// The same for each count of timeouts and probes.
    const fn sent(cause: Cause) -> Self {
        Self::Sent(match cause {
            Cause::TimeoutRetransmit(_) => Cause::TimeoutRetransmit(0),
            Cause::WindowProbe(_) => Cause::WindowProbe(0),
            cause => cause,
        })
    }

    /// The kind that is told when this one is.
    pub(super) const fn told_as(self) -> Self {
        match self {
            Self::FirstRoundTrip { .. } => Self::FirstRoundTrip { floored: false },
            kind => kind,
        }
    }

    /// Whether it comes once in each connection, so that a burst must not keep it back: it would
    /// not be told at all.
    pub(super) const fn comes_once(self) -> bool {
        matches!(
            self,
            Self::State(_)
                | Self::Closed(_)
                | Self::FirstRoundTrip { .. }
                | Self::Window(WindowCause::Handshake)
        )
    }
}
