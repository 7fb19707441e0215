//! `Seen`: one TCP segment as it passed, whoever sent it. Frames are read into it (`frame`), a fuzz
//! target makes it of what a single connection takes and gives, and a capture file can be read into
//! it too.

use handfast::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_tcp::{Segment, Transmit};

/// A segment, or a super-segment that stands for several.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// When it passed.
    pub at: Instant,
    /// Its header; the ports do not matter here.
    pub header: TcpHeader,
    /// Bytes of options.
    pub options_len: usize,
    /// Its text.
    pub text: &'a [u8],
    /// Text bytes of each wire segment but the last, where it stands for several.
    pub segment_len: Option<u16>,
    /// Why it was sent; [`Cause::Unstated`] where nobody says.
    pub cause: Cause,
}

impl<'a> Seen<'a> {
    /// What a connection received, as it came.
    ///
    /// # Panics
    /// When it was merged of several.
    pub fn received(segment: &'a Segment) -> Self {
        let mut flags = segment.control.flags() | segment.ace.flags();
        for (set, bit) in [
            (segment.ack.is_some(), TcpFlags::ACK),
            (segment.push, TcpFlags::PSH),
            (segment.urgent.is_some(), TcpFlags::URG),
        ] {
            if set {
                flags = flags | bit;
            }
        }
        Self {
            at: segment.received_at,
            header: TcpHeader {
                seq: segment.seq,
                ack: segment.ack.unwrap_or_default(),
                flags,
                window: segment.window,
                urgent: segment.urgent.unwrap_or_default(),
                options: segment.options,
                ..TcpHeader::default()
            },
            options_len: segment.options.len(),
            text: segment.payload.whole().expect("nothing was merged"),
            segment_len: None,
            cause: Cause::Unstated,
        }
    }

    /// What a connection sent at `at`. `text` is its payload in one piece.
    pub fn sent(at: Instant, transmit: &Transmit, text: &'a [u8]) -> Self {
        Self {
            at,
            header: TcpHeader {
                seq: transmit.seq,
                ack: transmit.ack.unwrap_or_default(),
                flags: transmit.flags(),
                window: transmit.window,
                urgent: transmit.urgent.unwrap_or_default(),
                options: transmit.options,
                ..TcpHeader::default()
            },
            options_len: transmit.options.len(),
            text,
            segment_len: (text.len() > usize::from(transmit.segment_len))
                .then_some(transmit.segment_len),
            cause: transmit.cause,
        }
    }

    /// Whether a flag is set.
    pub(super) fn has(&self, flag: TcpFlags) -> bool {
        self.header.flags.contains(flag)
    }

    /// SEG.ACK, where it counts.
    pub(super) fn ack(&self) -> Option<u32> {
        self.has(TcpFlags::ACK).then_some(self.header.ack.0)
    }

    /// The wire's number of the first byte of text: behind the SYN, where there is one.
    pub(super) fn text_seq(&self) -> u32 {
        let syn = u32::from(self.has(TcpFlags::SYN));
        self.header.seq.0.wrapping_add(syn)
    }

    /// Text and FIN in sequence numbers.
    pub(super) fn len(&self) -> i64 {
        let text = i64::try_from(self.text.len()).expect("a frame is small");
        text + i64::from(self.has(TcpFlags::FIN))
    }

    /// Text bytes of its largest wire segment.
    pub(super) fn largest_piece(&self) -> usize {
        self.segment_len
            .map_or(self.text.len(), |len| self.text.len().min(len.into()))
    }
}
