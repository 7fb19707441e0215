//! SEGMENT ARRIVES for synchronised connections (RFC 9293 3.10.7.4): the order of the steps.
//!
//! Each step is a file of its own; this one only leads a segment through them. No step sends:
//! what is owed is noted and leaves in `output`.

mod acceptable;
mod ack;
mod delivery;
mod fin;
mod paws;
mod reset;
mod sack;
mod text;
mod urgent;

use handfast_packet::cause::Cause;

use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::segment::{Control, Segment};
use crate::seq::Offset;
use acceptable::Acceptability;

impl Connection {
    /// A segment arrived in SYN-RECEIVED or any later state but TIME-WAIT.
    pub(crate) fn segment_arrives(&mut self, cx: &mut Cx<'_>, segment: &mut Segment) {
        let next = self.rcv.nxt();
        let Some(mut seq) = self.rcv.space.offset(segment.seq, next) else {
            // It lies before the peer's SYN: an old duplicate of another incarnation.
            return self.reject(cx, None, segment);
        };
        if self.is_syn_again(seq, segment) {
            return self.syn_again_arrives(cx, segment);
        }
        let opening = matches!(self.phase, Phase::SynReceived { .. });
        let answer = self.is_answer_to_simultaneous_open(seq, segment);
        if answer {
            // RFC 9293 figure 8: the SYN in it is known, the ACK and the window are news.
            segment.control = Control::None;
            self.acks.owe_for_duplicate((seq, Offset::FIRST));
            seq = Offset::FIRST;
        }
        if !self.passes_paws(cx, segment) {
            return;
        }
        // First: the sequence number.
        match acceptable::judge(seq, segment.len(), next, self.rcv.window()) {
            Acceptability::No => return self.reject(cx, Some(seq), segment),
            Acceptability::ControlOnly => {
                self.acks.owe(Cause::Ack);
                segment.payload.truncate(0);
                if segment.control == Control::Fin {
                    segment.control = Control::None;
                }
            }
            Acceptability::Yes => {}
        }
        self.echo_arrives(segment, opening);
        // Second to fourth: RST, (security), SYN.
        match segment.control {
            Control::Rst => return self.reset_arrives(cx, seq),
            Control::Syn => return self.syn_arrives(cx),
            Control::None | Control::Fin => {}
        }
        // Fifth: ACK. Sixth: URG. Seventh: text. Eighth: FIN.
        if !self.ack_arrives(cx, seq, segment) || !matches!(self.phase, Phase::Synchronized) {
            return;
        }
        // Whose ACK is of nothing that we sent is no peer of ours, though its number may lie in the
        // window: another incarnation, which keep-alive has to find out.
        self.heard_at = cx.now;
        self.keep_alive_probes = 0;
        self.mark_arrives(segment, opening && !answer);
        self.user_timeout_arrives(&segment.options);
        if let Some(pointer) = segment.urgent {
            self.urgent_arrives(seq, pointer);
        }
        self.text_arrives(cx, seq, segment);
    }

    /// A SYN-ACK that repeats the SYN which made this a simultaneous open.
    fn is_answer_to_simultaneous_open(&self, seq: Offset, segment: &Segment) -> bool {
        matches!(self.phase, Phase::SynReceived { passive: false })
            && seq == Offset::ZERO
            && segment.control == Control::Syn
            && segment.ack.is_some()
            && segment.payload.is_empty()
    }

    /// Answers a segment outside the window with an ACK that says where we are; never a RST
    /// (RFC 9293 3.10.7.4, first step).
    fn reject(&mut self, cx: &mut Cx<'_>, seq: Option<Offset>, segment: &Segment) {
        if segment.control == Control::Rst {
            return;
        }
        let text = segment.payload.len() as u64;
        match seq {
            Some(seq) if text > 0 && seq < self.rcv.nxt() => {
                let range = (seq.max(Offset::FIRST), (seq + text).min(self.rcv.nxt()));
                if range.0 < range.1 {
                    self.acknowledge_again(range);
                } else {
                    // The octet of a keep-alive probe in the place of the SYN: no text at all.
                    self.acks.owe(Cause::DuplicateData);
                }
            }
            // A SYN gets its challenge wherever it lies (RFC 9293 3.10.7.4, fourth step), limited.
            _ if segment.control == Control::Syn => {
                self.syn_ack_again_arrives(seq, segment);
                self.acks.challenge(cx.now);
            }
            _ if !segment.is_empty() => self.acks.owe(Cause::ChallengeAck),
            // Two confused ends could otherwise answer each other's empty segments for ever.
            _ => self.acks.challenge(cx.now),
        }
    }
}
