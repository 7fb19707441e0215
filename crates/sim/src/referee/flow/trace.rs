//! Traces made by hand, line by line, for the tests of the rules.

use handfast::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{SackBlocks, SeqNumber, TcpFlags, TcpHeader, TcpOptions, Timestamps};

use super::Flow;
use crate::referee::segment::Seen;

pub(super) const OUR_ISN: u32 = u32::MAX - 500;
pub(super) const THEIR_ISN: u32 = 7_000;
pub(super) const NO_FLAGS: TcpFlags = TcpFlags(0);
pub(super) const ACK: TcpFlags = TcpFlags::ACK;
pub(super) const FIN: TcpFlags = TcpFlags::FIN;
pub(super) const RST: TcpFlags = TcpFlags::RST;
pub(super) const SYN: TcpFlags = TcpFlags::SYN;
pub(super) const URG: TcpFlags = TcpFlags::URG;

/// A segment by positions: SYN = 0, first byte = 1.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) at: i64,
    pub(super) ack: Option<i64>,
    pub(super) flags: TcpFlags,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: TcpOptions,
    pub(super) text: Vec<u8>,
    pub(super) segment_len: Option<u16>,
    pub(super) cause: Cause,
    pub(super) millis: u64,
}

pub(super) fn line(at: i64, ack: i64) -> Line {
    Line {
        at,
        ack: Some(ack),
        flags: NO_FLAGS,
        window: 1_000,
        urgent: 0,
        options: TcpOptions::default(),
        text: Vec::new(),
        segment_len: None,
        cause: Cause::Unstated,
        millis: 0,
    }
}

pub(super) fn text_of(at: i64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (at.to_le_bytes()[0]).wrapping_add(index.to_le_bytes()[0]))
        .collect()
}

pub(super) fn text(at: i64, ack: i64, len: usize) -> Line {
    Line {
        text: text_of(at, len),
        ..line(at, ack)
    }
}

pub(super) fn syn() -> Line {
    Line {
        ack: None,
        flags: SYN,
        options: TcpOptions {
            mss: Some(500),
            ..TcpOptions::default()
        },
        ..line(0, 0)
    }
}

pub(super) fn with(line: Line, flags: TcpFlags) -> Line {
    Line {
        flags: line.flags | flags,
        ..line
    }
}

/// A host's wire.
pub(super) struct Trace(pub(super) Flow);

#[expect(
    clippy::needless_pass_by_value,
    reason = "lines are made where they are used, and read better so"
)]
impl Trace {
    /// After a handshake that we began, with these options on both SYNs.
    pub(super) fn open(options: TcpOptions) -> Self {
        let mut trace = Self(Flow::new(536));
        let options = TcpOptions {
            mss: Some(500),
            ..options
        };
        trace.ok(Line { options, ..syn() });
        trace.take(Line {
            ack: Some(1),
            options,
            ..syn()
        });
        trace
    }

    /// Open, with the first ACK sent, without options.
    pub(super) fn plain() -> Self {
        let mut trace = Self::open(TcpOptions::default());
        trace.ok(line(1, 1));
        trace
    }

    /// The peer's, received.
    pub(super) fn take(&mut self, line: Line) {
        self.0.received(&seen(&line, THEIR_ISN, OUR_ISN));
    }

    pub(super) fn send(&mut self, line: Line) -> Option<&'static str> {
        let seen = seen(&line, OUR_ISN, THEIR_ISN);
        self.0.sent(&seen).err().map(|broken| broken.rule)
    }

    #[track_caller]
    pub(super) fn ok(&mut self, line: Line) {
        assert_eq!(self.send(line), None);
    }

    #[track_caller]
    pub(super) fn breaks(&mut self, line: Line, rule: &str) {
        assert_eq!(self.send(line), Some(rule));
    }
}

pub(super) fn seen(line: &Line, sender: u32, receiver: u32) -> Seen<'_> {
    let wire = |initial: u32, at: i64| {
        let low = u32::try_from(at & i64::from(u32::MAX)).unwrap();
        SeqNumber(initial.wrapping_add(low))
    };
    let ack = if line.ack.is_some() { ACK } else { NO_FLAGS };
    Seen {
        at: Instant::from_millis(line.millis),
        header: TcpHeader {
            seq: wire(sender, line.at),
            ack: line.ack.map_or(SeqNumber(0), |ack| wire(receiver, ack)),
            flags: line.flags | ack,
            window: line.window,
            urgent: line.urgent,
            options: line.options,
            ..TcpHeader::default()
        },
        options_len: line.options.len(),
        text: &line.text,
        segment_len: line.segment_len,
        cause: line.cause,
    }
}

pub(super) fn stamped(line: Line, value: u32, echo: u32) -> Line {
    let timestamps = Some(Timestamps { value, echo });
    Line {
        options: TcpOptions {
            timestamps,
            ..line.options
        },
        ..line
    }
}

pub(super) fn sacked(line: Line, blocks: &[(i64, i64)]) -> Line {
    let mut sack = SackBlocks::EMPTY;
    let wire = |at: i64| SeqNumber(THEIR_ISN.wrapping_add(u32::try_from(at).unwrap()));
    for &(left, right) in blocks {
        let (left, right) = (wire(left), wire(right));
        sack.push(handfast_packet::tcp::SackBlock { left, right });
    }
    Line {
        options: TcpOptions {
            sack,
            ..line.options
        },
        ..line
    }
}

pub(super) fn sack_permitted() -> TcpOptions {
    TcpOptions {
        sack_permitted: true,
        ..TcpOptions::default()
    }
}

pub(super) fn scaled(shift: u8) -> TcpOptions {
    TcpOptions {
        window_scale: Some(shift),
        ..TcpOptions::default()
    }
}
