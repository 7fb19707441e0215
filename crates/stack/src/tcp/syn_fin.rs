//! Segments that claim SYN and FIN at once. Only the answer to a SYN of ours may be one (RFC 9293
//! 3.10.7.3 takes text and FIN with it); everybody else who sends them is probing us.

use handfast_packet::Instant;
use handfast_tcp::{Segment, State, Text, TimeWaitVerdict, stateless};

use super::Tcp;
use super::demux::Flow;

impl Tcp {
    /// Hands such a segment to whom it is for; `segment` has SYN as its control.
    pub(super) fn dispatch_syn_fin(&mut self, now: Instant, flow: Flow, segment: &Segment) {
        let mut behind = segment.behind_syn();
        let mut syn = Segment {
            payload: Text::default(),
            ..segment.clone()
        };
        let key = self.demux.get(&flow, &self.slots);
        let slot = key.and_then(|key| self.slots.get(key));
        let state = slot.map(|slot| slot.connection.state());
        if let Some(key) = key {
            let ours = state == Some(State::SynSent);
            if ours && syn.ack.is_none() {
                self.counters.malformed += 1;
                return;
            }
            return self.with(now, key, |connection, cx| {
                connection.on_segment(cx, &mut syn);
                if ours {
                    connection.on_segment(cx, &mut behind);
                }
            });
        }
        // A SYN with ACK never ends TIME-WAIT; this one shall not either.
        let challenge = Segment {
            ack: syn.ack.or(Some(syn.seq)),
            ..syn
        };
        match self.time_waits.on_segment(now, &flow, &challenge) {
            Some(TimeWaitVerdict::Reply(reply)) => self.reply(flow, reply),
            Some(_) => {}
            None if self.listeners.find(flow.local).is_some() => self.counters.malformed += 1,
            None => {
                if let Some(reset) = stateless::on_closed(&behind) {
                    self.reset(now, flow, reset);
                }
            }
        }
    }
}
