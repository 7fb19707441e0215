//! Merging on the way in: segments that follow each other and say the same are one to the
//! connection, as they are when a network card has merged them (generic receive offload).
//!
//! Nothing waits for that: only what came in one batch is merged.

use handfast_packet::buf::PAYLOAD_MAX;

use crate::pool::Pool;
use crate::segment::{Control, Segment};
use crate::seq;

impl Segment {
    /// Whether text of the next segment may be added: the segment is text and an ACK, no more.
    pub fn may_be_followed(&self) -> bool {
        self.control == Control::None && self.urgent.is_none() && !self.payload.is_empty()
    }

    /// Adds `next` behind this segment if a peer could have sent both as one, which the device cut:
    /// equal pieces but the last, and the same in all else. Then `next` has lost its text.
    pub fn absorb(&mut self, next: &mut Self, pool: &mut Pool) -> bool {
        let len = self.payload.len();
        let follows = seq::advance(self.seq, len as u64) == next.seq;
        if !follows || !self.may_be_followed() || !next.may_be_followed() {
            return false;
        }
        let Some(wire_segments) = self.wire_segments.checked_add(next.wire_segments) else {
            return false;
        };
        let [count, more] = [&*self, next].map(|s| usize::from(s.wire_segments.max(1)));
        let piece = len / count;
        // A short piece before is the last of its kind.
        let full = len == piece * count && next.payload.len().div_ceil(more) <= piece;
        let alike = self.ack == next.ack
            && self.window == next.window
            && self.ecn == next.ecn
            && self.ace == next.ace
            && self.options == next.options;
        if !full || !alike || len + next.payload.len() > PAYLOAD_MAX {
            return false;
        }
        self.wire_segments = wire_segments;
        self.push |= next.push;
        self.payload.append(&mut next.payload, pool);
        true
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::Instant;
    use handfast_packet::buf::Chunk;
    use handfast_packet::ip::Ecn;
    use handfast_packet::tcp::{Ace, SackBlock, SeqNumber, TcpOptions, Timestamps};

    use super::*;
    use crate::text::Text;

    fn segment(seq: u32, len: usize) -> Segment {
        Segment {
            seq: SeqNumber(seq),
            ack: Some(SeqNumber(7)),
            control: Control::None,
            push: false,
            window: 100,
            urgent: None,
            options: TcpOptions::default(),
            payload: Text::from(Chunk::from(alloc::vec![1; len])),
            received_at: Instant::ZERO,
            wire_segments: 1,
            ecn: Ecn::NotEct,
            ace: Ace::default(),
        }
    }

    #[test]
    fn equal_pieces_are_merged_and_the_last_may_be_short() {
        let pool = &mut Pool::default();
        // The numbers wrap in between.
        let mut run = segment(u32::MAX - 1_499, 1_000);
        for (seq, len, push) in [(u32::MAX - 499, 1_000, false), (500, 300, true)] {
            let mut next = segment(seq, len);
            next.push = push;
            assert!(run.absorb(&mut next, pool));
        }
        assert_eq!(
            (run.payload.len(), run.wire_segments, run.push),
            (2_300, 3, true)
        );
        assert!(
            !run.absorb(&mut segment(800, 300), pool),
            "behind a short one"
        );
    }

    #[test]
    fn what_differs_stays_apart() {
        type Change = fn(&mut Segment);
        let changes: [(&str, Change); 13] = [
            ("a hole", |next| next.seq = SeqNumber(1_001)),
            ("the same again", |next| next.seq = SeqNumber(0)),
            ("longer", |next| {
                next.payload = Chunk::from(alloc::vec![1; 1_001]).into();
            }),
            ("no text", |next| next.payload = Text::default()),
            ("a new ACK", |next| next.ack = Some(SeqNumber(8))),
            ("no ACK", |next| next.ack = None),
            ("a new window", |next| next.window = 99),
            ("FIN", |next| next.control = Control::Fin),
            ("RST", |next| next.control = Control::Rst),
            ("urgent", |next| next.urgent = Some(0)),
            ("a mark", |next| next.ecn = Ecn::Ce),
            ("a time", |next| {
                next.options.timestamps = Some(Timestamps::default());
            }),
            ("SACK", |next| {
                _ = next.options.sack.push(SackBlock::default());
            }),
        ];
        for (what, change) in changes {
            let (mut run, mut next) = (segment(0, 1_000), segment(1_000, 1_000));
            change(&mut next);
            let len = next.payload.len();
            assert!(!run.absorb(&mut next, &mut Pool::default()), "{what}");
            assert_eq!(
                (run.payload.len(), next.payload.len()),
                (1_000, len),
                "{what}"
            );
        }
        let mut run = segment(0, 1_000);
        assert!(run.absorb(&mut segment(1_000, 1_000), &mut Pool::default()));
    }

    #[test]
    fn no_run_is_longer_than_a_super_segment() {
        let mut run = segment(0, 1_400);
        let mut end = 1_400;
        while run.absorb(&mut segment(end, 1_400), &mut Pool::default()) {
            end += 1_400;
        }
        assert_eq!(run.payload.len(), PAYLOAD_MAX / 1_400 * 1_400);
    }
}
