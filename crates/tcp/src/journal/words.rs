//! A few words for each fact, for people who watch: one line, without the rule (`Fact::rule`) and
//! without what an earlier fact said. Whole sentences are the business of who teaches.

use core::fmt;

use handfast_packet::cause::Cause;

use super::{Arrival, Departure, Effect, Fact, Nanos, WindowCause};
use crate::recovery::Phase;
use crate::segment::Control;
use crate::timer::Timer;

impl Fact {
    /// Whether such a fact comes again and again while text flows and all is well, or in such numbers
    /// that single ones say little: who shows the last few would show nothing else.
    pub const fn is_routine(&self) -> bool {
        match self {
            Self::Sent(departure) => matches!(
                departure.cause,
                Cause::Unstated
                    | Cause::NewData
                    | Cause::Ack
                    | Cause::DelayedAck
                    | Cause::DuplicateAck
                    | Cause::WindowUpdate
            ),
            Self::Received(arrival) => !matches!(
                arrival.effect,
                Effect::OutOfOrder | Effect::DuplicateText | Effect::Challenged
            ),
            Self::Congestion { by, .. } => matches!(by, WindowCause::Acknowledged),
            Self::RoundTrip { .. }
            | Self::TimerSet { .. }
            | Self::TimerStopped(_)
            | Self::TimerFired(Timer::DelayedAck | Timer::Pacing | Timer::Cork)
            | Self::Limited { .. } => true,
            Self::Opened(_)
            | Self::State { .. }
            | Self::Recovery { .. }
            | Self::Lost { .. }
            | Self::Spurious
            | Self::TimerFired(_)
            | Self::Closed(_) => false,
        }
    }

    /// Whether it tells of something that went wrong on the way, or of the end of a connection by
    /// force.
    pub const fn is_trouble(&self) -> bool {
        match self {
            Self::Sent(departure) => matches!(
                departure.cause,
                Cause::FastRetransmit(_)
                    | Cause::LossProbe
                    | Cause::TimeoutRetransmit(_)
                    | Cause::Resend
                    | Cause::ChallengeAck
                    | Cause::Abort
                    | Cause::ProtocolError
                    | Cause::DataAfterClose
            ),
            Self::Received(arrival) => {
                matches!(arrival.control, Control::Rst)
                    || matches!(arrival.effect, Effect::OutOfOrder | Effect::Challenged)
            }
            Self::Recovery { to, .. } => !matches!(to, Phase::Open),
            Self::Lost { .. } => true,
            Self::TimerFired(timer) => !matches!(
                timer,
                Timer::DelayedAck | Timer::Pacing | Timer::Cork | Timer::FinWait2
            ),
            Self::Congestion { by, .. } => matches!(
                by,
                WindowCause::Loss
                    | WindowCause::EcnEcho
                    | WindowCause::Probe
                    | WindowCause::Timeout
            ),
            Self::Closed(reason) => !matches!(reason, crate::CloseReason::Normal),
            _ => false,
        }
    }
}

impl fmt::Display for Fact {
    /// A few words for people; they may change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(ends) => write!(f, "the connection begins in {}", ends.state),
            Self::Sent(departure) => departure.fmt(f),
            Self::Received(arrival) => arrival.fmt(f),
            Self::State { from, to } => write!(f, "from {from} to {to}"),
            Self::Recovery { to, .. } => f.write_str(match to {
                Phase::Open => "loss recovery is over",
                Phase::Disorder => "something is out of order; nothing counts as lost yet",
                Phase::Cwr => "the congestion window is being reduced",
                Phase::Recovery => "fast recovery begins",
                Phase::Loss => "recovery after a timeout begins",
            }),
            Self::Lost { bytes, proof, .. } => {
                write!(f, "{} taken for lost: {proof}", Bytes(*bytes))
            }
            Self::Spurious => f.write_str(
                "the last cut of cwnd was a mistake and is taken back: nothing was lost",
            ),
            Self::Congestion {
                window,
                threshold,
                by,
                ..
            } => {
                write!(f, "cwnd {}", Bytes(*window))?;
                if *threshold != u64::MAX {
                    write!(f, ", ssthresh {}", Bytes(*threshold))?;
                }
                write!(f, ": {by}")
            }
            Self::RoundTrip {
                sample,
                smoothed,
                timeout,
                ..
            } => write!(f, "round trip {sample}, smoothed {smoothed}, RTO {timeout}"),
            Self::TimerSet { timer, .. } => write!(f, "{timer} set"),
            Self::TimerStopped(timer) => write!(f, "{timer} stopped"),
            Self::TimerFired(timer) => write!(f, "{timer} ran out"),
            Self::Limited { by, .. } => write!(f, "limited by {by}"),
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sent ")?;
        carried(f, self.control, self.ack.is_some(), self.text)?;
        if self.segments > 1 {
            write!(f, " in {} segments", self.segments)?;
        }
        match self.cause {
            Cause::Unstated => Ok(()),
            Cause::NewData => write!(f, "; in flight {}", Bytes(self.in_flight.into())),
            cause => write!(f, " ({cause})"),
        }
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("received ")?;
        carried(f, self.control, self.ack.is_some(), self.text)?;
        match self.effect {
            Effect::State | Effect::Nothing => Ok(()),
            Effect::Text => f.write_str(", next in order"),
            Effect::OutOfOrder => f.write_str(", out of order: kept aside"),
            Effect::DuplicateText => f.write_str(" that was here already"),
            Effect::Acknowledges => write!(f, " of {}", Bytes(self.acked.into())),
            Effect::DuplicateAck => f.write_str(", a duplicate"),
            Effect::Window => write!(f, ": window {}", Bytes(self.window.into())),
            Effect::Challenged => f.write_str(" that does not fit: challenged"),
        }
    }
}

/// What a segment carries, as "SYN ACK" or "1,448 bytes".
fn carried(f: &mut fmt::Formatter<'_>, control: Control, ack: bool, text: u32) -> fmt::Result {
    let name = match (control, ack) {
        (Control::None, _) if text > 0 => "",
        (Control::None, true) => "ACK",
        (Control::None, false) => "nothing",
        (Control::Syn, true) => "SYN ACK",
        (Control::Syn, false) => "SYN",
        (Control::Fin, _) => "FIN",
        (Control::Rst, _) => "RST",
    };
    match (name, text) {
        ("", text) => write!(f, "{}", Bytes(text.into())),
        (name, 0) => f.write_str(name),
        (name, text) => write!(f, "{name} with {}", Bytes(text.into())),
    }
}

impl fmt::Display for WindowCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledged => "as ACKs arrive",
            Self::Loss => "a loss",
            Self::EcnEcho => "a router marked packets",
            Self::Probe => "a probe repaired a loss",
            Self::Timeout => "the retransmission timer",
            Self::Recovered => "the losses are repaired",
            Self::Undone => "the cut is taken back",
            Self::Idle => "nothing was sent for long",
            Self::Handshake => "the handshake is done",
            Self::Replaced => "another controller",
        })
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retransmit => "retransmission timer",
            Self::WindowProbe => "timer of window probes",
            Self::DelayedAck => "timer of the delayed ACK",
            Self::KeepAlive => "keep-alive timer",
            Self::UserTimeout => "user timeout",
            Self::FinWait2 => "timer of FIN-WAIT-2",
            Self::TailLossProbe => "timer of the tail loss probe",
            Self::Reorder => "reordering timer",
            Self::Pacing => "timer of pacing",
            Self::Cork => "timer of the cork",
        })
    }
}

impl fmt::Display for Nanos {
    /// In the unit that suits it, with three digits or more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, part) = (self.0 / unit, self.0 % unit * 100 / unit);
        match whole {
            0..10 => write!(f, "{whole}.{part:02} {name}"),
            10..100 => write!(f, "{whole}.{} {name}", part / 10),
            _ => write!(f, "{whole} {name}"),
        }
    }
}

/// So many bytes, with a comma before each group of three digits.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 1_000_u64.pow(self.0.max(1).ilog(1_000));
        write!(f, "{}", self.0 / unit)?;
        while unit > 1 {
            unit /= 1_000;
            write!(f, ",{:03}", self.0 / unit % 1_000)?;
        }
        f.write_str(if self.0 == 1 { " byte" } else { " bytes" })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use handfast_packet::cause::Proof;
    use handfast_packet::tcp::SeqNumber;

    use super::*;
    use crate::{CloseReason, Limit, State};

    fn departure(control: Control, text: u32, cause: Cause) -> Fact {
        Fact::Sent(Departure {
            seq: SeqNumber(1),
            ack: Some(SeqNumber(2)),
            window: 65_535,
            text,
            in_flight: 14_480,
            segments: if text > 1_448 { 10 } else { 1 },
            control,
            cause,
        })
    }

    fn arrival(text: u32, effect: Effect) -> Fact {
        Fact::Received(Arrival {
            seq: SeqNumber(1),
            ack: Some(SeqNumber(2)),
            window: 65_535,
            text,
            acked: 1_448,
            taken: 0,
            in_flight: 0,
            segments: 1,
            control: Control::None,
            effect,
        })
    }

    /// A fact, its words, whether it is routine, and whether it is trouble.
    type Row = (Fact, &'static str, bool, bool);

    fn segments() -> [Row; 7] {
        let retransmit = Cause::FastRetransmit(Proof::SackCount);
        [
            (
                departure(Control::Syn, 0, Cause::Accept),
                "sent SYN ACK (accept)",
                false,
                false,
            ),
            (
                departure(Control::None, 14_480, Cause::NewData),
                "sent 14,480 bytes in 10 segments; in flight 14,480 bytes",
                true,
                false,
            ),
            (
                departure(Control::None, 1_448, retransmit),
                "sent 1,448 bytes (retransmission: three behind it arrived)",
                false,
                true,
            ),
            (
                departure(Control::Fin, 1, Cause::Close),
                "sent FIN with 1 byte (close)",
                false,
                false,
            ),
            (
                arrival(1_448, Effect::OutOfOrder),
                "received 1,448 bytes, out of order: kept aside",
                false,
                true,
            ),
            (
                arrival(0, Effect::Acknowledges),
                "received ACK of 1,448 bytes",
                true,
                false,
            ),
            (
                arrival(0, Effect::Window),
                "received ACK: window 65,535 bytes",
                true,
                false,
            ),
        ]
    }

    fn others() -> [Row; 7] {
        [
            (
                Fact::State {
                    from: State::SynSent,
                    to: State::Established,
                },
                "from SYN-SENT to ESTABLISHED",
                false,
                false,
            ),
            (
                Fact::Lost {
                    bytes: 1_234_567,
                    pieces: 2,
                    proof: Proof::Timeout,
                },
                "1,234,567 bytes taken for lost: timeout",
                false,
                true,
            ),
            (
                Fact::Congestion {
                    window: 14_480,
                    threshold: u64::MAX,
                    pacing: 0,
                    by: WindowCause::Handshake,
                },
                "cwnd 14,480 bytes: the handshake is done",
                false,
                false,
            ),
            (
                Fact::RoundTrip {
                    sample: Nanos(10_250_000),
                    smoothed: Nanos(999),
                    variation: Nanos(1),
                    timeout: Nanos(1_210_000_000),
                },
                "round trip 10.2 ms, smoothed 999 ns, RTO 1.21 s",
                true,
                false,
            ),
            (
                Fact::TimerFired(Timer::Retransmit),
                "retransmission timer ran out",
                false,
                true,
            ),
            (
                Fact::Limited {
                    was: Limit::Application,
                    by: Limit::ReceiveWindow,
                },
                "limited by the peer's window",
                true,
                false,
            ),
            (
                Fact::Closed(CloseReason::Reset),
                "reset by the peer (RST)",
                false,
                true,
            ),
        ]
    }

    #[test]
    fn each_fact_has_a_line_of_words() {
        for (fact, words, routine, trouble) in segments().into_iter().chain(others()) {
            assert_eq!(fact.to_string(), words);
            assert_eq!(
                (fact.is_routine(), fact.is_trouble()),
                (routine, trouble),
                "{words}"
            );
            assert!(words.len() < 72 && !words.contains('\n'));
        }
    }

    #[test]
    fn amounts_are_grouped_by_three_digits() {
        let told = |bytes| Bytes(bytes).to_string();
        assert_eq!(
            [0, 1, 999, 1_000, 1_000_001].map(told),
            [
                "0 bytes",
                "1 byte",
                "999 bytes",
                "1,000 bytes",
                "1,000,001 bytes"
            ]
            .map(String::from)
        );
        assert_eq!(told(u64::MAX), "18,446,744,073,709,551,615 bytes");
    }
}
