//! Sixth step: the urgent pointer (RFC 9293 3.8.5).

use crate::connection::Connection;
use crate::event::Event;
use crate::seq::Offset;
use crate::urgent::OutOfBand;

impl Connection {
    /// The pointer stands relative to SEG.SEQ and names the octet behind the urgent data. Tells
    /// the application when it moves forward (MUST-31, MUST-32); the data stays in line, as
    /// RFC 6093 advises, unless the application wants the last octet out of band.
    pub(super) fn urgent_arrives(&mut self, seq: Offset, pointer: u16) {
        if self.rcv.fin_taken {
            return;
        }
        let until = seq + u64::from(pointer);
        if until.get() > self.rcv.read_position() && self.rcv.urgent.is_none_or(|old| old < until) {
            self.rcv.urgent = Some(until);
            self.rcv.out_of_band = OutOfBand::Unread;
            self.events.add(Event::Urgent);
        }
    }
}
