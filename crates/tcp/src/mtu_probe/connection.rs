//! How a connection looks for the largest segment: when a probe leaves, and what its fate means
//! to everything else.

use core::ops::ControlFlow;

use handfast_packet::Instant;
use handfast_packet::cause::Cause;

use super::{Next, Room};
use crate::config::Cx;
use crate::connection::Connection;
use crate::output::Piece;
use crate::recovery::{Phase, Reduction, Verdict};
use crate::segment::Transmit;

impl Connection {
    /// New text as one segment that is larger than the others, when that is due; `None` when it
    /// is due and must wait for room. Goes on when new text leaves in the ordinary way. `room` is
    /// what the congestion window leaves.
    pub(crate) fn probe_path(
        &mut self,
        cx: &mut Cx<'_>,
        room: u64,
    ) -> ControlFlow<Option<Transmit>> {
        let next = self.mtu_probe.next(&Room {
            now: cx.now,
            options: self.options_len(),
            queued: self.snd.queued(),
            window: self.snd.window(),
            usable_window: self.snd.usable_window(),
            congestion_window: self.congestion_window(),
            congestion_room: room,
            quiet: self.recovery.phase() == Phase::Open && self.snd.probes == 0,
        });
        let size = match next {
            Next::Ordinary => return ControlFlow::Continue(()),
            Next::Wait => return ControlFlow::Break(None),
            Next::Probe(_) if !self.may_leave(cx.now) => return ControlFlow::Break(None),
            Next::Probe(size) => size,
        };
        let (at, text) = (self.snd.nxt, u64::from(size));
        let piece = Piece {
            at,
            text,
            fin: false,
        };
        let mut transmit = self.segment(cx, piece, Cause::NewData);
        let small_until = self.timers.out().small_until;
        if transmit.payload.len() == usize::from(size) {
            transmit.segment_len = size;
            self.mtu_probe.on_sent(cx.now, at..at + text);
        }
        self.on_new_data_sent(cx, &transmit);
        // It is no small segment that Nagle's algorithm would wait for.
        self.timers.out_mut().small_until = small_until;
        ControlFlow::Break(Some(transmit))
    }

    /// Something was found lost. When it is the probe alone, it was too large: it is sent again in
    /// ordinary segments, and the window stays as it is (RFC 4821 7.5).
    pub(crate) fn excuse_probe(&mut self, now: Instant, verdict: &mut Verdict) {
        if verdict.reduction != Some(Reduction::Loss) || verdict.spurious {
            return;
        }
        let Some(probe) = self.mtu_probe.in_flight() else {
            return;
        };
        let lost = self.recovery.only_loss();
        if lost.is_some_and(|lost| self.mtu_probe.on_lost(now, &lost)) {
            self.recovery.resend_refused(probe, self.snd.nxt);
            verdict.reduction = None;
            self.renew_mss();
        }
    }

    /// SND.UNA moved: was that the probe?
    pub(crate) fn probe_acknowledged(&mut self, now: Instant) {
        if self.mtu_probe.on_acked(now, self.snd.una) {
            self.renew_mss();
        }
    }

    /// The retransmission timer ran out: is the path a black hole (RFC 2923 2.1)?
    pub(crate) fn suspect_black_hole(&mut self) {
        let Some(first) = self.recovery.first_len() else {
            return;
        };
        // What was sent as small segments is sent again as large ones.
        let lost = self.recovery.next_lost();
        let joined = lost.filter(|lost| lost.start == self.snd.una);
        let head = first.max(joined.map_or(0, |lost| lost.end - lost.start));
        let text = u16::try_from(head).unwrap_or(u16::MAX).min(self.snd.mss);
        let size = text + self.options_len();
        if self.mtu_probe.on_timeouts(self.recovery.timeouts(), size) {
            self.renew_mss();
        }
    }
}
