//! A connection in figures, as seen at our device.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::record::Direction;
use handfast_tcp::State;

/// What one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes of the stream, each counted once.
    pub bytes: u64,
    /// Wire segments, also those without data.
    pub segments: u64,
    /// Wire segments that carried bytes a second time. For received ones this is inferred.
    pub retransmissions: u64,
    /// Bytes that passed a second time or filled a hole later.
    pub retransmitted_bytes: u64,
    /// Duplicate acknowledgments.
    pub duplicate_acks: u64,
    /// Wire segments that passed while bytes before them were missing.
    pub out_of_order: u64,
    /// Segments that announced a window of zero.
    pub zero_windows: u64,
}

/// How a connection ended, or how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// A SYN without an answer.
    NoAnswer,
    /// A SYN answered by a reset.
    Refused,
    /// Still open in both directions.
    Open,
    /// One side has closed, the other has not, or not yet.
    HalfClosed {
        /// Who closed: `Out` is we.
        by: Direction,
    },
    /// Both sides sent FIN and had it acknowledged.
    Closed {
        /// Who closed first: `Out` is we.
        first: Direction,
    },
    /// Ended by a reset.
    Reset {
        /// Who sent it: `Out` is we.
        by: Direction,
    },
}

impl Ending {
    /// One word for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
            Self::Open => "open",
            Self::HalfClosed { .. } => "half-closed",
            Self::Closed { .. } => "closed",
            Self::Reset { .. } => "reset",
        }
    }

    /// Which side brought it about, if one did: `us` or `peer`.
    pub fn side(self) -> Option<&'static str> {
        match self {
            Self::NoAnswer | Self::Open => None,
            Self::Refused => Some("peer"),
            Self::HalfClosed { by: side }
            | Self::Closed { first: side }
            | Self::Reset { by: side } => Some(who(side)),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoAnswer => f.write_str("no answer to the SYN"),
            Self::Refused => f.write_str("refused by the peer"),
            Self::Open => f.write_str("still open"),
            Self::HalfClosed { by: Direction::Out } => f.write_str("half closed, by us"),
            Self::HalfClosed { by: Direction::In } => f.write_str("half closed, by the peer"),
            Self::Closed {
                first: Direction::Out,
            } => f.write_str("closed in order, by us first"),
            Self::Closed {
                first: Direction::In,
            } => f.write_str("closed in order, by the peer first"),
            Self::Reset { by: Direction::Out } => f.write_str("reset by us"),
            Self::Reset { by: Direction::In } => f.write_str("reset by the peer"),
        }
    }
}

fn who(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "us",
        Direction::In => "peer",
    }
}

/// One connection in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// What we sent.
    pub sent: Traffic,
    /// What came.
    pub received: Traffic,
    /// Smoothed round-trip time (RFC 6298); `None` without a sample.
    pub srtt: Option<Duration>,
    /// Smallest round-trip time.
    pub rtt_min: Option<Duration>,
    /// From the first segment to the last.
    pub duration: Duration,
    /// Bytes of the busier direction over the time from the first segment to its last new byte,
    /// in bit/s; `None` without bytes or without time.
    pub goodput: Option<u64>,
    /// Our state at the end.
    pub state: State,
    /// How it ended.
    pub ending: Ending,
}

impl fmt::Display for Summary {
    /// Three lines without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, received, .. } = self;
        let time = Time(self.duration);
        writeln!(
            f,
            "{} -> {}: {} ({time})",
            self.local, self.remote, self.ending
        )?;
        for (word, traffic) in [("sent", sent), ("received", received)] {
            write!(f, "  {word:<9}{traffic}")?;
            if traffic.out_of_order > 0 {
                write!(f, ", {} out of order", traffic.out_of_order)?;
            }
            if traffic.zero_windows > 0 {
                write!(f, ", {} zero windows", traffic.zero_windows)?;
            }
            writeln!(f)?;
        }
        match (self.srtt, self.rtt_min) {
            (Some(srtt), Some(least)) => {
                write!(f, "  SRTT {} (least {})", Time(srtt), Time(least))?;
            }
            _ => f.write_str("  SRTT unknown")?,
        }
        match self.goodput {
            Some(rate) => write!(f, ", goodput {}", Rate(rate)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |count: u64| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{} byte{} in {} segment{}, {} retransmission{}, {} duplicate ACK{}",
            self.bytes,
            s(self.bytes),
            self.segments,
            s(self.segments),
            self.retransmissions,
            s(self.retransmissions),
            self.duplicate_acks,
            s(self.duplicate_acks),
        )
    }
}

/// The figures of all connections together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// How many connections.
    pub connections: u64,
    /// How many of them both sides closed in order.
    pub closed: u64,
    /// How many ended with a reset, refusals included.
    pub reset: u64,
    /// What we sent.
    pub sent: Traffic,
    /// What came.
    pub received: Traffic,
}

impl Totals {
    /// Counts one more connection.
    pub(crate) fn add(&mut self, summary: &Summary) {
        self.connections += 1;
        match summary.ending {
            Ending::Closed { .. } => self.closed += 1,
            Ending::Reset { .. } | Ending::Refused => self.reset += 1,
            Ending::NoAnswer | Ending::Open | Ending::HalfClosed { .. } => {}
        }
        self.sent.add(&summary.sent);
        self.received.add(&summary.received);
    }
}

impl fmt::Display for Totals {
    /// Three lines without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            closed,
            reset,
            sent,
            received,
        } = self;
        writeln!(
            f,
            "{connections} connections: {closed} closed in order, {reset} reset"
        )?;
        writeln!(f, "  sent     {sent}")?;
        write!(f, "  received {received}")
    }
}

impl Traffic {
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.segments += other.segments;
        self.retransmissions += other.retransmissions;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.duplicate_acks += other.duplicate_acks;
        self.out_of_order += other.out_of_order;
        self.zero_windows += other.zero_windows;
    }
}

/// A duration in the unit that suits it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..1_000 => write!(f, "{micros} us"),
            1_000..1_000_000 => write!(f, "{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
            _ => write!(
                f,
                "{}.{:02} s",
                micros / 1_000_000,
                micros % 1_000_000 / 10_000
            ),
        }
    }
}

/// Bits per second in the unit that suits them.
struct Rate(u64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000_000 => (1_000, "kbit/s"),
            1_000_000..1_000_000_000 => (1_000_000, "Mbit/s"),
            _ => (1_000_000_000, "Gbit/s"),
        };
        write!(
            f,
            "{}.{:02} {name}",
            self.0 / unit,
            self.0 % unit * 100 / unit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_three_lines() {
        let summary = Summary {
            local: "192.168.0.129:49152".parse().unwrap(),
            remote: "203.0.113.29:80".parse().unwrap(),
            sent: Traffic {
                bytes: 78,
                segments: 5,
                ..Traffic::default()
            },
            received: Traffic {
                bytes: 612,
                segments: 1,
                out_of_order: 2,
                ..Traffic::default()
            },
            srtt: Some(Duration::from_micros(210)),
            rtt_min: Some(Duration::from_micros(1_803)),
            duration: Duration::from_millis(12_345),
            goodput: Some(4_230_000),
            state: State::TimeWait,
            ending: Ending::Closed {
                first: Direction::Out,
            },
        };
        assert_eq!(
            summary.to_string(),
            "192.168.0.129:49152 -> 203.0.113.29:80: closed in order, by us first (12.34 s)\n  \
             sent     78 bytes in 5 segments, 0 retransmissions, 0 duplicate ACKs\n  \
             received 612 bytes in 1 segment, 0 retransmissions, 0 duplicate ACKs, 2 out of order\n  \
             SRTT 210 us (least 1.80 ms), goodput 4.23 Mbit/s"
        );
    }
}
