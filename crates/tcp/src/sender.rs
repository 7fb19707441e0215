//! The send half of the TCB: SND.UNA, SND.NXT, SND.WND and the bytes behind them.

use handfast_packet::Instant;

use crate::config::{Config, Initial, Path};
use crate::hold::Hold;
use crate::output::Pacer;
use crate::send_buffer::SendBuffer;
use crate::seq::{Offset, SeqSpace};

/// Send variables (RFC 9293 3.3.1). Offsets: SYN = 0, first byte = 1.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) space: SeqSpace,
    pub(crate) buffer: SendBuffer,
    /// SND.UNA.
    pub(crate) una: Offset,
    /// SND.NXT: never moves back; what is resent lies below it.
    pub(crate) nxt: Offset,
    /// SND.WND in bytes.
    window: u32,
    /// MAX.SND.WND (RFC 5961 section 5).
    window_max: u32,
    /// The furthest right edge of the window so far.
    pub(crate) window_edge: Offset,
    /// SND.WL1 (an offset of the peer) and SND.WL2 (one of ours).
    pub(crate) window_at: (Offset, Offset),
    /// Snd.Wind.Shift (RFC 7323 2.3).
    pub(crate) window_shift: u8,
    /// The MSS the peer announced or the default (RFC 9293 3.7.1).
    pub(crate) peer_mss: u16,
    /// Text bytes of a full segment: Eff.snd.MSS.
    pub(crate) mss: u16,
    /// Window probes sent in a row; not 0 means that the probe timer rules, not the RTO.
    pub(crate) probes: u8,
    /// A window probe is due.
    pub(crate) probe_due: bool,
    /// A tail loss probe is due.
    pub(crate) loss_probe_due: bool,
    /// When data was last sent, for the first time or again.
    pub(crate) sent_at: Option<Instant>,
    pub(crate) pacer: Pacer,
    /// SND.UP: behind the urgent text; 0 when there was none.
    pub(crate) urgent: Offset,
    /// Small text that shall wait for more.
    pub(crate) hold: Hold,
    /// The application found the buffer full and wants to hear about room.
    pub(crate) writer_waits: bool,
}

impl Sender {
    pub(crate) fn new(config: &Config, path: Path, initial: Initial) -> Self {
        Self {
            space: SeqSpace {
                initial: initial.seq,
            },
            buffer: SendBuffer::new(Offset::FIRST, config.send_buffer),
            una: Offset::ZERO,
            nxt: Offset::ZERO,
            window: 0,
            window_max: 0,
            window_edge: Offset::ZERO,
            window_at: (Offset::ZERO, Offset::ZERO),
            window_shift: 0,
            peer_mss: path.default_mss,
            mss: path.default_mss,
            probes: 0,
            probe_due: false,
            loss_probe_due: false,
            sent_at: None,
            pacer: Pacer::default(),
            urgent: Offset::ZERO,
            hold: Hold::NOTHING,
            writer_waits: false,
        }
    }

    /// Bytes of sequence space sent and not acknowledged.
    pub(crate) fn outstanding(&self) -> u64 {
        self.nxt - self.una
    }

    /// Bytes that were never sent.
    pub(crate) fn queued(&self) -> u64 {
        self.buffer.end().saturating_sub(self.nxt)
    }

    /// How much beyond SND.NXT the peer's window allows.
    pub(crate) fn usable_window(&self) -> u64 {
        (self.una + self.window()).saturating_sub(self.nxt)
    }

    /// The number of a segment without text: SND.NXT, unless that lies where the peer never gave room,
    /// so that it would drop the segment. So it is with text of our SYN that the peer did not take, when
    /// its window is smaller than that text. The octet of a window probe is nothing.
    pub(crate) fn next_within_window(&self) -> Offset {
        let edge = self.window_edge.max(self.una);
        if self.nxt > edge + 1 { edge } else { self.nxt }
    }

    /// Whether our FIN, which stands behind the last byte, was sent at least once.
    pub(crate) fn fin_sent(&self) -> bool {
        self.nxt > self.buffer.end()
    }

    /// SND.WND in bytes.
    pub(crate) fn window(&self) -> u64 {
        self.window.into()
    }

    /// MAX.SND.WND (RFC 5961 section 5).
    pub(crate) fn window_max(&self) -> u64 {
        self.window_max.into()
    }

    /// Takes a window from a segment that the peer sent at `at` with this `ack`.
    pub(crate) fn set_window(&mut self, window: u64, at: Offset, ack: Offset) {
        self.window = u32::try_from(window).expect("RFC 7323 2.3: below 2^30 bytes");
        self.window_max = self.window_max.max(self.window);
        self.window_edge = self.window_edge.max(ack + window);
        self.window_at = (at, ack);
    }
}
