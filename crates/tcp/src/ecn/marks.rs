//! Accurate ECN in the role of the Data Receiver (RFC 9768 3.2): what arrived with which mark, when
//! to tell of it at once, and what the ACE field and the AccECN option say.

use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{AccEcn, AccEcnOrder, Ace, OPTIONS_LEN_MAX, SackBlocks, TcpOptions};

use super::mode::EcnBytes;
use crate::segment::Segment;

/// What r.cep begins with (3.2.1).
pub(super) const PACKETS_START: u64 = 5;
/// What r.e0b and r.e1b begin with (3.2.1).
pub(super) const BYTES_START: u64 = 1;
/// Marks that make an ACK due while text waits for one (3.2.2.5.1).
const MARKS_WITH_TEXT: u64 = 2;
/// Marks that make an ACK due when there is nothing to acknowledge; not fewer, or two hosts whose
/// pure ACKs get marked would answer each other for ever (3.2.2.5.1).
const MARKS_ALONE: u64 = 3;
/// SACK blocks that go before the AccECN option when there is no room for both (3.2.3.3).
const BLOCKS_FIRST: usize = 2;
/// Bytes of kind, length and padding of the SACK option.
const SACK_HEAD: usize = 4;

/// The counters r.cep, r.e0b, r.e1b and r.ceb, from 0 on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) packets: u64,
    pub(super) bytes: EcnBytes,
    /// Marks since the last ACK.
    pending: u64,
    /// The ECN field of the packet before.
    previous: Ecn,
    /// The bytes as the last option told them, and as the one before did.
    told: EcnBytes,
    told_before: EcnBytes,
}

impl Marks {
    /// A packet that is acceptable and no SYN. Returns whether an ACK must go at once; `waits`
    /// when text waits for its ACK.
    ///
    /// Merged segments are one event, as 3.2.2.5.1 allows: one ACK at the end.
    pub(super) fn on_segment(&mut self, segment: &Segment, waits: bool) -> bool {
        let text = segment.payload.len() as u64;
        match segment.ecn {
            Ecn::NotEct => {}
            Ecn::Ect0 => self.bytes.ect0 += text,
            Ecn::Ect1 => self.bytes.ect1 += text,
            Ecn::Ce => {
                self.bytes.ce += text;
                self.on_mark(u64::from(segment.wire_segments));
            }
        }
        let begins = segment.ecn == Ecn::Ce && self.previous != Ecn::Ce && text > 0;
        self.previous = segment.ecn;
        let enough = if waits { MARKS_WITH_TEXT } else { MARKS_ALONE };
        begins || self.pending >= enough
    }

    /// So many packets came with a mark.
    pub(super) fn on_mark(&mut self, packets: u64) {
        self.packets += packets;
        self.pending += packets;
    }

    /// An ACK goes out: it tells of all marks.
    pub(super) fn on_ack_sent(&mut self) {
        self.pending = 0;
    }

    /// The ACE field.
    pub(super) fn ace(&self) -> Ace {
        let [low, ..] = (PACKETS_START + self.packets).to_le_bytes();
        Ace::from_bits(low)
    }

    /// The option with all counters.
    pub(super) fn take_option(&mut self) -> AccEcn {
        self.told_before = self.told;
        self.told = self.bytes;
        self.option(AccEcnOrder::Ect1First)
    }

    fn option(&self, order: AccEcnOrder) -> AccEcn {
        let low = |count: u64| {
            let [a, b, c, ..] = count.to_le_bytes();
            u32::from_le_bytes([a, b, c, 0])
        };
        let EcnBytes { ect0, ect1, ce } = self.bytes;
        AccEcn::new(
            order,
            low(BYTES_START + ect0),
            low(ce),
            low(BYTES_START + ect1),
        )
    }

    /// Makes room for SACK blocks beside the option that [`Self::take_option`] gave. Two blocks go
    /// before the option, which may lose counters that have not changed since it was last sent
    /// and otherwise goes entirely (3.2.3.3); the option goes before more blocks.
    pub(super) fn fit(&mut self, options: &mut TcpOptions) {
        let blocks = options.sack.as_slice().len();
        if blocks == 0 {
            return;
        }
        let bare = TcpOptions {
            accecn: None,
            sack: SackBlocks::EMPTY,
            ..*options
        };
        let room = OPTIONS_LEN_MAX - bare.len();
        let fitting = self.choices().into_iter().flatten().find_map(|option| {
            let left = room.checked_sub(option.padded_len() + SACK_HEAD)? / 8;
            (left >= blocks.min(BLOCKS_FIRST)).then_some((option, left))
        });
        match fitting {
            Some((option, left)) => {
                options.accecn = Some(option);
                options.sack.truncate(left);
            }
            None => {
                options.accecn = None;
                self.told = self.told_before;
            }
        }
    }

    /// Options that tell everything new, the longest first.
    fn choices(&self) -> [Option<AccEcn>; 2] {
        let (now, before) = (self.bytes, self.told_before);
        let whole = self.option(AccEcnOrder::Ect1First);
        // A counter that never changed need never be told.
        let short = if now.ect1 == before.ect1 && (now.ect1 == 0 || now.ect0 != before.ect0) {
            Some(AccEcnOrder::Ect0First)
        } else if now.ect0 == before.ect0 {
            Some(AccEcnOrder::Ect1First)
        } else {
            None
        };
        [
            Some(whole),
            short.map(|order| self.option(order).truncated(2)),
        ]
    }
}
