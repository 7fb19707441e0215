//! What to send next, in order of urgency: an answer, a SYN, duplicate ACKs, what is lost, a
//! window probe, new data and FIN, an ACK alone, a keep-alive.

mod ack_policy;
mod defer;
mod nagle;
mod pacing;
mod probe;
mod quick_ack;
mod retransmit;
mod segment;
mod usage;

use core::ops::ControlFlow;

use handfast_packet::buf::PAYLOAD_MAX;
use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::journal::WindowCause;
use crate::recovery;
use crate::segment::Transmit;
use crate::seq::Offset;
use crate::timer::Timer;
pub(crate) use ack_policy::{AckPolicy, Arrival, Disorder};
use nagle::{Offer, sendable};
pub(crate) use pacing::Pacer;
pub(crate) use segment::Piece;
pub(crate) use usage::WindowUse;

/// No segment is cut smaller, whatever the peer announces and [`crate::Config::send_mss_min`] says.
pub(crate) const SEGMENT_LEN_MIN: u16 = 48;

impl Connection {
    /// The next segment to send; `None` when there is nothing to send now.
    #[must_use]
    pub fn poll_transmit(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        self.glance(cx);
        self.timers.prepare(cx.pool);
        let mut next = self.next_transmit(cx);
        match &mut next {
            Some(transmit) => self.complete(cx, transmit),
            None => self.timers.settle(cx.pool),
        }
        self.tell(cx);
        next
    }

    /// What is the same for all that leaves.
    fn complete(&mut self, cx: &mut Cx<'_>, transmit: &mut Transmit) {
        self.attach_user_timeout(transmit);
        (transmit.dscp, transmit.hop_limit) = (self.config.dscp, self.config.hop_limit);
        let segments = wire_segments(transmit);
        self.tally
            .on_sent(cx.now, transmit.payload.len() as u64, segments);
        self.note_size(transmit);
        self.tell_writer();
        self.tell_sent(cx, transmit, segments);
    }

    fn next_transmit(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        match self.take_reply(cx.pool) {
            Some(reply) => Some(reply),
            None => match self.phase {
                Phase::Closed(_) | Phase::TimeWait => None,
                Phase::SynSent | Phase::SynReceived { .. } => self.poll_handshake(cx),
                Phase::Synchronized => self.poll_synchronized(cx),
            },
        }
    }

    fn poll_handshake(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let first = self.snd.nxt == Offset::ZERO;
        if first && self.syn_waits() {
            return None;
        }
        if first || self.recovery.is_syn_lost() {
            return Some(self.syn(cx));
        }
        if self.is_early() {
            return self.poll_synchronized(cx);
        }
        let cause = self.acks.owed()?;
        Some(self.pure_ack(cx.now, cause))
    }

    fn poll_synchronized(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        let owed = self.acks.owed().filter(|_| self.handshake_ack_is_due());
        let owed = self.acks.pure_ack_owed().or(owed);
        if let Some(cause) = owed.or_else(|| self.user_timeout_ack()) {
            return Some(self.pure_ack(cx.now, cause));
        }
        if let Some(transmit) = self.loss_probe(cx) {
            return Some(transmit);
        }
        if let Some(transmit) = self.lost_data(cx) {
            return Some(transmit);
        }
        if let Some(transmit) = self.window_probe(cx) {
            return Some(transmit);
        }
        if let Some(transmit) = self.new_data(cx) {
            return Some(transmit);
        }
        self.watch_window(cx);
        self.note_limit(cx.now);
        if self.acks.owed().is_none() && self.window_update_is_due() {
            self.acks.owe(Cause::WindowUpdate);
        }
        if let Some(cause) = self.acks.owed() {
            return Some(self.pure_ack(cx.now, cause));
        }
        self.keep_alive(cx.now)
    }

    /// New text, with the FIN on its last segment.
    /// Bytes of new text that may leave where the congestion window has room for `congestion`.
    fn sendable(&self, congestion: u64) -> u64 {
        let small_is_out = self.timers.out().small_until > self.snd.una;
        sendable(&Offer {
            queued: self.snd.queued(),
            window: self.snd.usable_window(),
            congestion,
            mss: u64::from(self.snd.mss),
            window_max: self.snd.window_max(),
            hold_small: !self.close.is_local_shut() && self.holds_small(small_is_out),
            overdue: self.snd.probe_due,
        })
    }

    /// Whether new text would leave if the congestion window let a segment go.
    pub(crate) fn has_sendable_text(&self) -> bool {
        !self.snd.fin_sent() && self.sendable(u64::from(self.snd.mss)) > 0
    }

    fn new_data(&mut self, cx: &mut Cx<'_>) -> Option<Transmit> {
        if self.snd.fin_sent() {
            return None;
        }
        let queued = self.snd.queued();
        let closing = self.close.is_local_shut();
        if queued == 0 && !closing {
            return None;
        }
        self.restart_after_idle(cx);
        let window = self.snd.usable_window();
        let room = self.congestion_room();
        if let ControlFlow::Break(probe) = self.probe_path(cx, room) {
            if probe.is_none() {
                self.note_use(true);
            }
            return probe;
        }
        let text = self.sendable(room).min(self.super_segment());
        let fin = closing && text == queued && text < window;
        let deferred = text > 0 && self.waits_for_room(cx.now, room.min(window));
        if deferred || (text == 0 && !fin) {
            // Linux counts a window without room for another segment as full.
            let limited = (deferred && room < window) || room < u64::from(self.snd.mss);
            let limited = limited && queued > 0;
            if limited {
                self.note_use(true);
            }
            return None;
        }
        if !self.may_leave(cx.now) {
            return None;
        }
        if text > 0 && self.acks.owed() == Some(Cause::HandshakeAck) {
            self.acks.quick.on_handshake_with_text();
        }
        let cause = if text == 0 {
            Cause::Close
        } else {
            Cause::NewData
        };
        let transmit = self.segment(
            cx,
            Piece {
                at: self.snd.nxt,
                text,
                fin,
            },
            cause,
        );
        self.on_new_data_sent(cx, &transmit);
        Some(transmit)
    }

    /// Books what was sent for the first time.
    pub(crate) fn on_new_data_sent(&mut self, cx: &Cx<'_>, transmit: &Transmit) {
        let text = transmit.payload.len() as u64;
        let at = self.snd.nxt;
        let in_flight = self.in_flight();
        self.snd.nxt += text + transmit.control.len();
        if !text.is_multiple_of(u64::from(self.snd.mss)) {
            self.timers.out_mut().small_until = self.snd.nxt;
        }
        self.recovery.on_sent(at..self.snd.nxt, cx.now, in_flight);
        self.tell_congestion_of_sent(cx.now, text, in_flight);
        self.snd.sent_at = Some(cx.now);
        self.note_window_use();
        if self.snd.probe_due {
            self.snd.probe_due = false;
            self.snd.probes = 0;
        }
        self.timers.stop(Timer::WindowProbe);
        if text > 0 {
            let delay = self.config.delayed_ack;
            self.acks.quick.on_text_sent(cx.now, delay);
        }
        self.watch_tail(cx.now, self.snd.una == at);
        if self.timers.waiting_since().is_none() {
            self.watch_peer(cx.now);
        }
    }

    /// Remembers whether the window is what holds us back, and tells the delivery rate when it is
    /// the application; or the peer's window while a gap keeps it from moving on, which says as
    /// little about the path.
    fn note_window_use(&mut self) {
        let mss = u64::from(self.snd.mss);
        let room = self.congestion_room();
        self.note_use(room < mss);
        let stuck =
            self.recovery.phase() >= recovery::Phase::Recovery && self.snd.usable_window() < mss;
        let nothing = self.snd.queued() < mss || stuck;
        if nothing && room >= mss && self.recovery.next_lost().is_none() {
            self.recovery.mark_app_limited(mss);
        }
    }

    fn note_use(&mut self, limited: bool) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        self.timers.out_mut().usage.note(una, nxt, limited);
    }

    /// RFC 5681 4.1: after a silence longer than the RTO the window says little about the path.
    fn restart_after_idle(&mut self, cx: &mut Cx<'_>) {
        let Some(sent_at) = self.snd.sent_at.filter(|_| self.snd.outstanding() == 0) else {
            return;
        };
        let (idle, rto) = (cx.now - sent_at, self.rtt.rto());
        if self.config.slow_start_after_idle && idle > rto {
            cx.note_window_cause(WindowCause::Idle);
            self.congestion.on_idle_restart(cx.now, idle, rto);
            self.snd.sent_at = Some(cx.now);
        }
    }

    /// Bytes in the network by our reckoning.
    pub(crate) fn in_flight(&self) -> u64 {
        self.recovery.in_flight(u64::from(self.snd.mss))
    }

    /// cwnd: the controller's, or what the reduction in progress allows (RFC 9937).
    pub(crate) fn congestion_window(&self) -> u64 {
        // Segments may have grown since the reduction began.
        let least = u64::from(self.snd.mss);
        match self.recovery.reduced_window() {
            Some(window) => window.max(least),
            None => self.congestion.window(),
        }
    }

    /// What the congestion window still allows.
    fn congestion_room(&self) -> u64 {
        self.congestion_window().saturating_sub(self.in_flight())
    }

    /// Largest text of one `Transmit`: whole segments, as far as the device can cut.
    fn super_segment(&self) -> u64 {
        let limit = u64::from(self.path.max_gso).min(PAYLOAD_MAX as u64);
        let limit = limit.min(self.quantum());
        let mss = u64::from(self.snd.mss);
        if self.sends_urgent() {
            // Each segment needs an urgent pointer of its own, and devices copy it as it is.
            return mss;
        }
        (limit / mss * mss).max(mss)
    }

    /// Whether the application read so much that the peer should hear of it. Before any text came
    /// behind the SYN the first ACK of it tells soon enough that the window is larger than a SYN
    /// can say.
    fn window_update_is_due(&self) -> bool {
        let started = self.rcv.data.next() > self.behind_syn_text();
        started && !self.rcv.fin_taken && !self.detached && self.rcv.update_is_due()
    }
}

/// How many segments the device will make of it.
fn wire_segments(transmit: &Transmit) -> u64 {
    let text = transmit.payload.len() as u64;
    text.div_ceil(u64::from(transmit.segment_len.max(1))).max(1)
}
