//! Where ECN touches a connection: which fields of which segment, and when.

use handfast_packet::cause::Cause;
use handfast_packet::tcp::{Ace, TcpOptions};

use super::{Acked, EcnAck, codes};
use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::event::CloseReason;
use crate::segment::{Control, Segment, Transmit};
use crate::seq::Offset;
use crate::timestamps::is_older;

/// What an ACK tells of marks on what we sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnNews {
    /// Packets that arrived with a mark; classic ECN tells only that there are some.
    pub(crate) ce_packets: u64,
    /// Bytes that did, counted or estimated.
    pub(crate) ce_bytes: u64,
    /// The window must shrink: the first echo of this window of data.
    pub(crate) congestion: bool,
}

impl Connection {
    // ---- in ----

    /// Whether the peer has not heard our SYN-ACK and sends its SYN again.
    pub(crate) fn is_syn_again(&self, seq: Offset, segment: &Segment) -> bool {
        matches!(self.phase, Phase::SynReceived { passive: true })
            && seq == Offset::ZERO
            && segment.control == Control::Syn
            && segment.ack.is_none()
    }

    /// The same SYN again: the SYN-ACK again, a limited number of times (RFC 5961 section 7).
    pub(crate) fn syn_again_arrives(&mut self, cx: &mut Cx<'_>, syn: &Segment) {
        if !self.ecn.on_syn_again(syn) {
            let (seq, ack) = (self.snd.nxt, self.rcv.nxt());
            let (seq, ack) = (self.snd.space.wire(seq), self.rcv.space.wire(ack));
            self.answer(
                cx.pool,
                Transmit::reset(seq, Some(ack), Cause::ProtocolError),
            );
            return self.end(CloseReason::Reset);
        }
        if self.acks.allows_challenge(cx.now) {
            self.recovery.set_syn_lost(true);
        }
    }

    /// A SYN-ACK that we know comes again: our ACK of it was lost.
    pub(crate) fn syn_ack_again_arrives(&mut self, seq: Option<Offset>, segment: &Segment) {
        let first = self.snd.space.wire(Offset::FIRST);
        if seq == Some(Offset::ZERO) && segment.ack == Some(first) {
            self.ecn.on_syn_ack_again(segment.ecn);
        }
    }

    /// Before the ACK and the timestamp of a segment are handled: notes what it tells. `handshake`
    /// when its bits are not a count.
    pub(crate) fn echo_arrives(&mut self, segment: &Segment, handshake: bool) {
        let recent = self.timestamps.map(|state| state.parts().0);
        let newer = recent.zip(segment.options.timestamps);
        let newer = newer.is_some_and(|(recent, theirs)| is_older(recent, theirs.value));
        self.ecn.arrives(handshake, newer);
    }

    /// After the ACK of a segment was found acceptable: takes its own mark. `opened` when it has
    /// opened the connection.
    pub(crate) fn mark_arrives(&mut self, segment: &Segment, opened: bool) {
        if opened {
            let before = self.ecn.sends_options();
            if self.ecn.on_opened(segment, self.tally.segments_sent) {
                self.congestion.on_handshake_loss();
            }
            self.make_room_for_options(before);
        }
        let waits = self.rcv.nxt() > self.rcv.last_ack || !segment.payload.is_empty();
        if self.ecn.on_segment(segment, waits) {
            self.ecn.echo_alone = !waits;
            self.acks.owe(Cause::CongestionEcho);
        }
    }

    /// What the ACK under way tells of marks, which has delivered `bytes` anew, by SACK too, and
    /// perhaps `advanced` SND.UNA. Asked once for each segment, when that has moved.
    pub(crate) fn echoes(&mut self, bytes: u64, advanced: bool, segment: &Segment) -> EcnNews {
        let merged = segment.payload.is_empty();
        let acks = if merged { segment.wire_segments } else { 1 };
        let before = self.ecn.sends_options();
        let news = self.ecn.on_ack(&EcnAck {
            una: self.snd.una,
            progress: bytes > 0 || advanced,
            ace: segment.ace,
            option: segment.options.accecn,
            acked: Acked {
                bytes,
                mss: u64::from(self.snd.mss),
                sent: self.tally.segments_sent,
                acks: u64::from(acks.max(1)),
            },
        });
        self.make_room_for_options(before);
        news
    }

    /// Every segment has an option from now on: less text fits in.
    fn make_room_for_options(&mut self, before: bool) {
        if self.ecn.sends_options() && !before {
            self.renew_mss();
        }
    }

    // ---- out ----

    /// The bits and the option of a SYN or SYN-ACK; neither is ever capable of ECN itself
    /// (RFC 3168 6.1.1).
    pub(crate) fn mark_syn(&mut self, transmit: &mut Transmit) {
        let timeouts = self.recovery.timeouts();
        if transmit.ack.is_none() {
            transmit.ace = self.ecn.syn_bits(timeouts);
        } else {
            let (ace, option) = self.ecn.syn_ack_bits(timeouts);
            transmit.ace = ace;
            transmit.options.accecn = option;
        }
    }

    /// What every segment behind the handshake has.
    pub(crate) fn mark(&mut self, transmit: &mut Transmit) {
        let established = !matches!(self.phase, Phase::SynReceived { .. });
        let (ace, field) = self.ecn.fill(&mut transmit.options, established);
        transmit.ace = ace;
        transmit.ecn = field;
    }

    /// Text for the first time.
    pub(crate) fn mark_fresh(&mut self, transmit: &mut Transmit) {
        if let Some((ace, field)) = self.ecn.fill_fresh() {
            transmit.ace = ace;
            transmit.ecn = field;
        }
    }

    /// A pure ACK: it may answer the handshake, and it shares its option space with SACK.
    pub(crate) fn mark_pure_ack(&mut self, transmit: &mut Transmit) {
        if core::mem::take(&mut self.ecn.echo_alone) {
            transmit.options.sack.truncate(0);
        }
        if let Some(ace) = self.ecn.take_handshake_ack() {
            transmit.ace = ace;
            transmit.options.sack.truncate(0);
        }
        self.share_options(transmit);
    }

    /// The option of Accurate ECN shares its space with SACK.
    pub(crate) fn share_options(&mut self, transmit: &mut Transmit) {
        if transmit.options.accecn.is_some() {
            self.ecn.fit(&mut transmit.options);
        }
    }

    /// Whether a pure ACK must go before any text: only it can tell under which ECN field the
    /// SYN-ACK arrived (RFC 9768 3.2.2.1).
    pub(crate) fn handshake_ack_is_due(&self) -> bool {
        self.ecn.handshake_ack
    }

    /// Most text of a segment that goes out now, of `wanted` bytes.
    pub(crate) fn uncut(&self, wanted: usize) -> usize {
        if self.ecn.goes_alone() {
            wanted.min(usize::from(self.snd.mss))
        } else {
            wanted
        }
    }
}

impl super::Ecn {
    /// The bits that tell the ECN field of the SYN-ACK, if it was not told yet.
    fn take_handshake_ack(&mut self) -> Option<Ace> {
        let due = core::mem::take(&mut self.handshake_ack);
        due.then(|| codes::encode(self.peer_syn_field))
    }

    fn fit(&mut self, options: &mut TcpOptions) {
        self.counts().marks.fit(options);
    }
}
