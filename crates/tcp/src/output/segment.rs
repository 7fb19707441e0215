//! Building segments: header fields that every segment shares are filled here and nowhere else.

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{OPTIONS_LEN_MAX, SACK_BLOCKS_MAX, SackBlocks, TcpOptions};

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::segment::{Control, Transmit};
use crate::seq::Offset;
use crate::timer::Timer;

/// A piece of our stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Its first offset.
    pub(crate) at: Offset,
    /// Bytes of text.
    pub(crate) text: u64,
    /// Whether the FIN follows.
    pub(crate) fin: bool,
}

impl Connection {
    /// The SYN of an active open, or the SYN-ACK of the other kinds.
    pub(super) fn syn(&mut self, cx: &mut Cx<'_>) -> Transmit {
        let answering = matches!(self.phase, Phase::SynReceived { .. });
        let first = self.snd.nxt == Offset::ZERO;
        let cause = match (self.recovery.timeouts(), answering) {
            (0, false) => Cause::Open,
            (0, true) => Cause::Accept,
            (count, _) => Cause::TimeoutRetransmit(count),
        };
        let text = self.syn_text(cx);
        let options = self.syn_options(cx.now);
        self.fast_open_sent();
        let ack = answering.then(|| self.rcv.space.wire(self.rcv.nxt()));
        let window = self.rcv.announce(true);
        if first && !text.is_empty() {
            let until = Offset::FIRST + text.len() as u64;
            self.recovery.on_sent(Offset::FIRST..until, cx.now, 0);
            // The handshake gives the sample.
            self.recovery.mark_ambiguous(Offset::FIRST);
        }
        self.snd.nxt = self.snd.nxt.max(Offset::FIRST + text.len() as u64);
        self.timers.note_syn(first.then_some(cx.now));
        self.recovery.set_syn_lost(false);
        self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
        if answering {
            self.on_ack_sent(false);
        }
        if !first {
            self.tally.on_resent(0, 1);
        }
        let seq = self.snd.space.wire(Offset::ZERO);
        let mut transmit = Transmit {
            control: Control::Syn,
            options,
            segment_len: u16::try_from(text.len()).expect("less than an MSS"),
            payload: text,
            ..Transmit::bare(seq, ack, window, cause)
        };
        self.mark_syn(&mut transmit);
        transmit
    }

    /// A segment with as much of `piece` as the buffer can show at once.
    pub(crate) fn segment(&mut self, cx: &mut Cx<'_>, piece: Piece, cause: Cause) -> Transmit {
        let Piece { at, text, fin } = piece;
        let whole = usize::try_from(text).expect("at most one super-segment");
        let wanted = self.uncut(whole);
        self.recovery.prepare(cx.pool);
        let mut payload = self.snd.buffer.view(at, wanted, cx.pool);
        let mss = usize::from(self.snd.mss);
        if payload.len() < wanted && payload.len() > mss {
            // The text lies in too many pieces: whole segments now, the rest in the next one.
            payload.truncate(payload.len() / mss * mss);
        }
        let complete = payload.len() == whole;
        let push = !payload.is_empty() && at + payload.len() as u64 == self.snd.buffer.end();
        let mut transmit = self.bare(at, cx.now, cause);
        if at < self.snd.nxt {
            self.date_again(at, cx.now, &mut transmit);
        }
        if fin && complete {
            transmit.control = Control::Fin;
        }
        transmit.push = push || self.completes_urgent(at, payload.len());
        transmit.payload = payload;
        let probe = matches!(cause, Cause::WindowProbe(_));
        if at >= self.snd.nxt && !transmit.payload.is_empty() && !probe {
            self.mark_fresh(&mut transmit);
        }
        if transmit.payload.len() + OPTIONS_LEN_MAX <= mss {
            self.attach_sack(&mut transmit);
        }
        self.on_ack_sent(false);
        transmit
    }

    /// An ACK without text.
    pub(crate) fn pure_ack(&mut self, now: Instant, cause: Cause) -> Transmit {
        let at = match cause {
            // Who answered with a SYN cookie finds our first number by that of this segment, so it
            // stands before text of our SYN that was not taken (RFC 7413 4.2.1, RFC 4987 3.6).
            Cause::HandshakeAck => self.snd.una,
            _ => self.snd.next_within_window(),
        };
        let single = self.acks.take_single();
        let for_text = single.and_then(|single| single.at);
        let single = single.map(|single| single.ack).filter(|_| !self.sack);
        let mut transmit = match single {
            Some(ack) => {
                let window = self.rcv.announce_single(ack);
                self.acknowledging(at, now, cause, (ack, window))
            }
            None => self.bare(at, now, cause),
        };
        if self.sack {
            transmit.options.sack = self.sack_blocks(0, for_text);
        }
        self.mark_pure_ack(&mut transmit);
        if single.is_some_and(|ack| ack < self.rcv.nxt()) {
            self.acks.quick.on_ack_sent();
        } else {
            self.on_ack_sent(true);
        }
        transmit
    }

    /// What lies beyond holes is told by every ACK that has room for it, with the FIN or a little
    /// text, too (RFC 2018 section 4). Each arrival out of order was told by an ACK of its own, so
    /// that full segments need not shrink for it.
    fn attach_sack(&mut self, transmit: &mut Transmit) {
        if !self.sack || !self.rcv.data.has_holes() {
            return;
        }
        // Room is left for an option that cannot go with a full set of blocks (RFC 5482).
        transmit.options.sack = self.sack_blocks(1, None);
        self.share_options(transmit);
    }

    /// As many blocks as fit beside timestamps, less `fewer`.
    fn sack_blocks(&self, fewer: usize, for_text: Option<Offset>) -> SackBlocks {
        let room = if self.timestamps.is_some() {
            SACK_BLOCKS_MAX - 1
        } else {
            SACK_BLOCKS_MAX
        };
        self.acks.sack_blocks(&self.rcv, room - fewer, for_text)
    }

    /// What leaves again may not make the peer drop what is still on its way: see
    /// [`TimestampState::option_again`](crate::timestamps::TimestampState::option_again).
    fn date_again(&mut self, at: Offset, now: Instant, transmit: &mut Transmit) {
        let lateness = self.recovery.lateness(self.rtt.srtt());
        let sent_at = self.recovery.sent_at(at);
        if let (Some(state), Some(sent_at)) = (&mut self.timestamps, sent_at) {
            transmit.options.timestamps = Some(state.option_again(now, sent_at, lateness));
        }
    }

    /// A segment that carries nothing but our numbers, our window and our timestamp.
    pub(super) fn bare(&mut self, at: Offset, now: Instant, cause: Cause) -> Transmit {
        let window = self.rcv.announce(false);
        self.acknowledging(at, now, cause, (self.rcv.nxt(), window))
    }

    /// The same with this acknowledgment number, and the field of the window.
    fn acknowledging(
        &mut self,
        at: Offset,
        now: Instant,
        cause: Cause,
        (ack, window): (Offset, u16),
    ) -> Transmit {
        let timestamps = self.timestamps.map(|state| state.option(now));
        let ack = self.rcv.space.wire(ack);
        let seq = self.snd.space.wire(at);
        let mut transmit = Transmit {
            options: TcpOptions {
                timestamps,
                ..TcpOptions::default()
            },
            segment_len: self.snd.mss,
            ..Transmit::bare(seq, Some(ack), window, cause)
        };
        self.mark(&mut transmit);
        transmit.urgent = self.urgent_pointer(at);
        transmit
    }

    pub(super) fn on_ack_sent(&mut self, pure: bool) {
        self.acks.on_sent(self.rcv.last_ack, pure);
        self.timers.stop(Timer::DelayedAck);
    }
}
