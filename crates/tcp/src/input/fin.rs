//! Eighth step: the peer's FIN, which may come before the text in front of it.

use handfast_packet::Instant;
use handfast_packet::cause::Cause;

use crate::close::Close;
use crate::connection::Connection;
use crate::event::Event;
use crate::segment::Control;
use crate::seq::Offset;

impl Connection {
    /// Remembers a FIN that stands at `text_end`, and takes the known one once all text before it
    /// is here.
    pub(super) fn fin_arrives(&mut self, now: Instant, control: Control, text_end: Offset) {
        let in_window = self.rcv.data.next() <= text_end && text_end <= self.rcv.right_edge;
        // A FIN in front of text that is here contradicts it, and what came first wins, as with
        // text: whoever forged one of the two cannot cut the stream short.
        let is_last = self.rcv.data.end() <= text_end;
        if control == Control::Fin && self.rcv.fin.is_none() && in_window && is_last {
            self.rcv.fin = Some(text_end);
        }
        if self.rcv.fin.is_some_and(|at| at <= self.rcv.data.next()) {
            self.rcv.fin_taken = true;
            self.rcv.right_edge = self.rcv.right_edge.max(self.rcv.nxt());
            let text = self.rcv.data.next() > Offset::FIRST;
            let waits = self.config.fin_ack_waits && self.close == Close::OPEN;
            let answers = waits && text && self.acks.is_even();
            self.close.shut_remote();
            self.acks.on_fin();
            if answers {
                // An application that has read a request now closes or answers soon, and the ACK
                // goes with that (RFC 9293 MUST-58).
                self.watch_delayed_ack(now);
            } else {
                self.acks.owe(Cause::Ack);
            }
            self.events.add(Event::Readable);
        } else if control == Control::Fin {
            self.acks.owe(Cause::DuplicateAck);
        }
    }
}
