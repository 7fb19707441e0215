//! What the analysis of a capture says: plain values for whoever draws or prints them. How they come
//! about is in the files beside this one.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::TcpFlags;
use handfast_tcp::State;

use super::mark::{Mark, Marks};
use super::rtt::Rtt;

/// Everything that a capture says about its TCP connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Analysis {
    /// The connections in the order of their first segments.
    pub connections: Vec<Connection>,
    /// Frames in the file.
    pub frames: u64,
    /// Frames that are no TCP, or make no sense.
    pub other_frames: u64,
    /// Frames that are fragments of TCP segments; they are not put together, and count for nothing
    /// else.
    pub fragments: u64,
    /// Names of addresses that the file tells.
    pub names: Vec<(IpAddr, String)>,
    /// The different comments of frames; [`Segment::comment`] says which.
    pub comments: Vec<String>,
    /// What kept the analysis from being complete, in words.
    pub incomplete: Vec<String>,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who sent the first SYN; in a capture without it, who sent the first segment.
    A,
    /// The other one.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// One connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// The address of each [`Side`].
    pub ends: [SocketAddr; 2],
    /// When the first segment passed.
    pub began: Instant,
    /// When the last segment passed.
    pub ended: Instant,
    /// What each [`Side`] sent and said.
    pub sent: [Sent; 2],
    /// From the last SYN of A before its answer to the first ACK of A behind that: the round trip of
    /// the handshake, wherever between the ends the capture was made. `None` when one of them was not
    /// seen.
    pub initial_rtt: Option<Duration>,
    /// The resets in the order in which they passed, at most [`super::RESETS_MAX`].
    pub resets: Vec<Reset>,
    /// The silences of at least [`super::IDLE_MIN`], at most [`super::IDLES_MAX`].
    pub idles: Vec<Idle>,
    /// How it closed.
    pub close: Close,
    /// The same ends had another connection before in this capture.
    pub is_reuse: bool,
    /// The segments in the order in which they passed, within the limits.
    pub segments: Vec<Segment>,
    /// The states of both sides whenever one of them changed, as far as the segments tell them.
    pub states: Vec<States>,
    /// The SACK blocks of all segments as relative numbers of the other side: first number, and the
    /// one behind the last. [`Connection::sack_blocks`] gives those of one segment.
    pub(super) sack: Vec<(u64, u64)>,
    /// One of them had SACK blocks, so both take them.
    pub(super) sack_seen: bool,
}

impl Connection {
    /// From the first segment to the last.
    pub fn duration(&self) -> Duration {
        self.ended.duration_since(self.began)
    }

    /// What `side` sent and said.
    pub fn sent(&self, side: Side) -> &Sent {
        &self.sent[side.index()]
    }

    /// The SACK blocks of one of its segments.
    pub fn sack_blocks(&self, segment: &Segment) -> &[(u64, u64)] {
        let start = usize::try_from(segment.sack_at).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::from(segment.sack_len));
        self.sack.get(start..end).unwrap_or_default()
    }

    /// Whether one of them had SACK blocks.
    pub fn has_sack(&self) -> bool {
        self.sack_seen
    }

    /// What happened, with the segment that shows it.
    pub fn events(&self) -> impl Iterator<Item = (Mark, &Segment)> {
        let marked = self.segments.iter();
        marked.flat_map(|segment| segment.marks.iter().map(move |mark| (mark, segment)))
    }

    /// What `side` sent that the other acknowledged, in bits per second from the first segment of the
    /// connection to the last new byte.
    pub fn goodput(&self, side: Side) -> Option<u64> {
        self.rate(side, self.sent(side).unique_bytes)
    }

    /// The same with all bytes of text, however often they were sent.
    pub fn throughput(&self, side: Side) -> Option<u64> {
        self.rate(side, self.sent(side).bytes)
    }

    fn rate(&self, side: Side, bytes: u64) -> Option<u64> {
        let time = self.sent(side).last_new_at?.duration_since(self.began);
        let rate = (u128::from(bytes) * 8_000_000_000).checked_div(time.as_nanos())?;
        u64::try_from(rate).ok().filter(|&rate| rate > 0)
    }
}

/// What one side sent and said. Counts are of segments as captured, so that a super-segment is one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sent {
    /// All segments.
    pub segments: u64,
    /// Those with text.
    pub text_segments: u64,
    /// Bytes of text in all of them.
    pub bytes: u64,
    /// Bytes of the stream that were seen, each counted once; bytes of window probes count with the
    /// segment that carries them for good.
    pub unique_bytes: u64,
    /// Bytes of the stream before its highest one that were never seen.
    pub missing_bytes: u64,
    /// Longest text of a segment in bytes.
    pub text_max: u32,
    /// Segments that were sent again, of all four kinds; window probes and keep-alives are none.
    pub retransmissions: u64,
    /// Bytes of text in them that had been sent before.
    pub retransmitted_bytes: u64,
    /// How many segments have each [`Mark`], in the order of [`Mark::ALL`].
    pub marks: [u64; Mark::ALL.len()],
    /// Segments with an ACK and nothing else: no text, SYN, FIN or RST.
    pub pure_acks: u64,
    /// SYNs, repeated ones too.
    pub syns: u64,
    /// FINs, repeated ones too.
    pub fins: u64,
    /// Resets.
    pub resets: u64,
    /// What its first SYN said.
    pub syn: Option<SynOptions>,
    /// The sequence number on the wire that is 0 here: that of its SYN, seen or worked out from what
    /// follows it. `None` when nothing tells it.
    pub initial_number: Option<u32>,
    /// The shift of its windows; `None` when no SYN tells it, and windows are then as on the wire.
    pub window_shift: Option<u8>,
    /// Smallest window that it granted, in bytes; SYNs and resets do not count.
    pub window_min: Option<u64>,
    /// Largest window that it granted.
    pub window_max: Option<u64>,
    /// Most bytes that it had outstanding.
    pub in_flight_max: u64,
    /// The window that the other side granted at that moment.
    pub in_flight_max_window: Option<u64>,
    /// Times from what it sent to the acknowledgment, as seen where the capture was made; what was
    /// sent twice tells nothing (Karn's rule).
    pub rtt: Rtt,
    /// Times from its timestamps to their first echo with an acknowledgment (RFC 7323 4.1).
    pub rtt_by_timestamps: Rtt,
    /// When its first text passed.
    pub first_text_at: Option<Instant>,
    /// When its last new text passed.
    pub last_new_at: Option<Instant>,
}

impl Sent {
    /// How many segments have this mark.
    pub fn count(&self, mark: Mark) -> u64 {
        self.marks[usize::from(mark as u8)]
    }
}

/// The options of a SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SynOptions {
    /// Maximum segment size in bytes.
    pub mss: Option<u16>,
    /// Window scale (RFC 7323 2).
    pub window_scale: Option<u8>,
    /// Selective acknowledgments are welcome (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323 3).
    pub timestamps: bool,
    /// The window of the SYN in bytes; it is never scaled.
    pub window: u16,
}

/// The states of both sides from one segment on (RFC 9293 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct States {
    /// Where the segment that brought them stands among [`Connection::segments`].
    pub from: usize,
    /// That of each [`Side`].
    pub of: [State; 2],
}

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reset {
    /// The number of its frame.
    pub frame: u32,
    /// Who sent it.
    pub by: Side,
    /// The state of that side, as far as the segments before tell it (RFC 9293 3.3.2).
    pub state: State,
    /// The state of the other side.
    pub other_state: State,
    /// Its number lies outside of what the receiver expects: it is ignored (RFC 9293 3.10.7.4).
    pub is_ignored: bool,
}

/// Nothing passed for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idle {
    /// The frame that ended it.
    pub frame: u32,
    /// Who ended it.
    pub by: Side,
    /// How long it lasted.
    pub time: Duration,
}

/// How a connection closed, or how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Close {
    /// A SYN without an answer.
    NoAnswer,
    /// A SYN answered by a reset.
    Refused,
    /// Open in both directions when the capture ended.
    Open,
    /// One side has closed, the other had not when the capture ended.
    Half {
        /// Who has closed.
        by: Side,
    },
    /// Both sides sent FIN and had it acknowledged.
    Both {
        /// Who closed first.
        first: Side,
    },
    /// Ended by a reset.
    Reset {
        /// Who sent it.
        by: Side,
    },
}

impl Close {
    /// One word for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
            Self::Open => "open",
            Self::Half { .. } => "half-closed",
            Self::Both { .. } => "closed",
            Self::Reset { .. } => "reset",
        }
    }

    /// Which side brought it about, if one did.
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::NoAnswer | Self::Open => None,
            Self::Refused => Some(Side::B),
            Self::Half { by: side } | Self::Both { first: side } | Self::Reset { by: side } => {
                Some(side)
            }
        }
    }
}

/// One segment of a connection. Numbers are relative: a SYN is 0, the first byte is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// When it passed.
    pub at: Instant,
    /// The number of its first byte (or SYN).
    pub seq: u64,
    /// What it acknowledges; meaningful only with [`TcpFlags::ACK`].
    pub ack: u64,
    /// What there is to say about it.
    pub marks: Marks,
    /// The number of its frame in the file.
    pub frame: u32,
    /// Bytes of text.
    pub len: u32,
    /// The window in bytes, as far as its shift is known: [`Sent::window_shift`].
    pub window: u32,
    /// Bytes that its sender had outstanding when it had passed: sent and not acknowledged. Zero as
    /// long as nothing was acknowledged.
    pub in_flight: u32,
    /// TSval and TSecr (RFC 7323); zero without the option.
    pub timestamps: (u32, u32),
    /// Index into [`Analysis::comments`] plus one; 0 without a comment.
    pub comment: u32,
    /// Where its SACK blocks begin; see [`Connection::sack_blocks`].
    pub(super) sack_at: u32,
    /// Its flags.
    pub flags: TcpFlags,
    /// Who sent it.
    pub side: Side,
    /// How many SACK blocks it has.
    pub(super) sack_len: u8,
}

const _: () = assert!(size_of::<Segment>() <= 64, "there may be millions of them");
