//! What goes in and what comes out: `Segment` and `Transmit`, each of which may stand for many
//! wire segments.

use handfast_packet::Instant;
use handfast_packet::buf::Payload;
use handfast_packet::cause::Cause;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{Ace, SeqNumber, TcpFlags, TcpOptions};

use crate::seq;
use crate::text::Text;

/// The control function of a segment. At most one by parsing: a segment that claims more is
/// RST if it has RST, and otherwise two segments ([`Segment::behind_syn`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Control {
    /// Neither SYN, FIN nor RST.
    #[default]
    None,
    /// Synchronise.
    Syn,
    /// Finish.
    Fin,
    /// Reset.
    Rst,
}

impl Control {
    /// How much sequence space the control takes: 1 for SYN and FIN.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length in sequence space, as SEG.LEN"
    )]
    pub const fn len(self) -> u64 {
        match self {
            Self::Syn | Self::Fin => 1,
            Self::None | Self::Rst => 0,
        }
    }

    /// The control of a flag set; `None` for SYN with FIN, which are two.
    pub const fn from_flags(flags: TcpFlags) -> Option<Self> {
        match (
            flags.contains(TcpFlags::SYN),
            flags.contains(TcpFlags::FIN),
            flags.contains(TcpFlags::RST),
        ) {
            (_, _, true) => Some(Self::Rst),
            (true, true, false) => None,
            (true, false, false) => Some(Self::Syn),
            (false, true, false) => Some(Self::Fin),
            (false, false, false) => Some(Self::None),
        }
    }

    /// The flag bit of this control.
    pub const fn flags(self) -> TcpFlags {
        match self {
            Self::None => TcpFlags(0),
            Self::Syn => TcpFlags::SYN,
            Self::Fin => TcpFlags::FIN,
            Self::Rst => TcpFlags::RST,
        }
    }
}

/// A received segment, or a run of merged ones.
#[derive(Clone, Debug)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; `None` without the ACK flag.
    pub ack: Option<SeqNumber>,
    /// SYN, FIN, RST or nothing.
    pub control: Control,
    /// PSH.
    pub push: bool,
    /// SEG.WND as on the wire, not scaled.
    pub window: u16,
    /// Urgent pointer; `None` without the URG flag.
    pub urgent: Option<u16>,
    /// Options.
    pub options: TcpOptions,
    /// Text of the segment.
    pub payload: Text,
    /// When the device received it: RTT samples use this, never the time of processing.
    pub received_at: Instant,
    /// How many wire segments it stands for; at least 1.
    pub wire_segments: u16,
    /// The ECN field of the IP header; of merged segments the same on all.
    pub ecn: Ecn,
    /// AE, CWR and ECE.
    pub ace: Ace,
}

impl Segment {
    /// SEG.LEN: text plus SYN or FIN.
    pub fn len(&self) -> u64 {
        self.payload.len() as u64 + self.control.len()
    }

    /// What stands behind the SYN of a segment that claims SYN and FIN at once, as a segment of
    /// its own: its text and its FIN.
    #[must_use]
    pub fn behind_syn(&self) -> Self {
        Self {
            seq: seq::advance(self.seq, 1),
            control: Control::Fin,
            ..self.clone()
        }
    }

    /// Whether the segment takes no sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A segment to send, or a super-segment that a device cuts by `segment_len`.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; `None` leaves the ACK flag off.
    pub ack: Option<SeqNumber>,
    /// SYN, FIN, RST or nothing.
    pub control: Control,
    /// PSH.
    pub push: bool,
    /// SEG.WND for the wire, already scaled.
    pub window: u16,
    /// Urgent pointer; `None` leaves the URG flag off.
    pub urgent: Option<u16>,
    /// Options; on a super-segment the same on every piece.
    pub options: TcpOptions,
    /// Text, possibly many times `segment_len`.
    pub payload: Payload,
    /// Text bytes of each wire segment but the last; at least 1 when there is text.
    pub segment_len: u16,
    /// The ECN field of the IP header; on a super-segment the same on every piece.
    pub ecn: Ecn,
    /// AE, CWR and ECE. Devices that cut a super-segment leave CWR on its first piece only.
    pub ace: Ace,
    /// Differentiated services codepoint for the IP header.
    pub dscp: u8,
    /// TTL or hop limit for the IP header.
    pub hop_limit: u8,
    /// Why it is sent.
    pub cause: Cause,
}

/// TTL and hop limit of what no connection chose (RFC 1122 3.2.1.7, the value of RFC 1700).
const HOP_LIMIT: u8 = 64;

impl Transmit {
    /// A bare RST (RFC 9293 3.10.7.1): with ACK when it answers a segment that had none.
    pub fn reset(seq: SeqNumber, ack: Option<SeqNumber>, cause: Cause) -> Self {
        Self {
            control: Control::Rst,
            ..Self::bare(seq, ack, 0, cause)
        }
    }

    /// A segment without text, control or options.
    pub fn bare(seq: SeqNumber, ack: Option<SeqNumber>, window: u16, cause: Cause) -> Self {
        Self {
            seq,
            ack,
            control: Control::None,
            push: false,
            window,
            urgent: None,
            options: TcpOptions::default(),
            payload: Payload::new(),
            segment_len: 0,
            dscp: 0,
            hop_limit: HOP_LIMIT,
            ecn: Ecn::NotEct,
            ace: Ace::ZERO,
            cause,
        }
    }

    /// Flag bits for the header.
    pub fn flags(&self) -> TcpFlags {
        let mut flags = self.control.flags() | self.ace.flags();
        for (set, bit) in [
            (self.ack.is_some(), TcpFlags::ACK),
            (self.push, TcpFlags::PSH),
            (self.urgent.is_some(), TcpFlags::URG),
        ] {
            if set {
                flags = flags | bit;
            }
        }
        flags
    }
}
