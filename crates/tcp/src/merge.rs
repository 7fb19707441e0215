//! Merging on the way in: segments that follow each other and say the same are one to the
//! connection, as they are when a network card has merged them (generic receive offload). So are
//! ACKs of which each says what the one before it said, and more.
//!
//! Nothing waits for that: only what came in one batch is merged.

use handfast_packet::buf::PAYLOAD_MAX;
use handfast_packet::tcp::TcpOptions;

use crate::pool::Pool;
use crate::segment::{Control, Segment};
use crate::seq;

impl Segment {
    /// Whether the next segment may be added: this one is an ACK, with text or without, no more.
    pub fn may_be_followed(&self) -> bool {
        self.control == Control::None && self.urgent.is_none() && self.ack.is_some()
    }

    /// Adds `next` behind this segment if a peer could have sent one in the place of both; then it
    /// has lost its text.
    pub fn absorb(&mut self, next: &mut Self, pool: &mut Pool) -> bool {
        let follows = seq::advance(self.seq, self.payload.len() as u64) == next.seq;
        let apart = self.payload.is_empty() != next.payload.is_empty();
        if !follows || apart || !self.may_be_followed() || !next.may_be_followed() {
            return false;
        }
        let Some(wire_segments) = self.wire_segments.checked_add(next.wire_segments) else {
            return false;
        };
        if self.payload.is_empty() {
            return self.give_way(next, wire_segments);
        }
        self.append(next, wire_segments, pool)
    }

    /// An ACK without text and the next one, which acknowledges more, are as if the first had been
    /// lost. What tells of losses, duplicates and marks is kept.
    fn give_way(&mut self, next: &Self, wire_segments: u16) -> bool {
        let advances = self
            .ack
            .zip(next.ack)
            .is_some_and(|(before, ack)| seq::distance(before, ack) > 0);
        let counted = |segment: &Self| {
            let options = &segment.options;
            (options.timestamps.is_some(), options.accecn.is_some())
        };
        let unmarked = (self.ecn, self.ace) == (next.ecn, next.ace);
        if !advances || !unmarked || counted(self) != counted(next) {
            return false;
        }
        // Only counters and clocks differ.
        let options = TcpOptions {
            timestamps: self.options.timestamps,
            accecn: self.options.accecn,
            ..next.options
        };
        if options != self.options || !options.sack.as_slice().is_empty() {
            return false;
        }
        self.ack = next.ack;
        self.window = next.window;
        self.options = next.options;
        self.received_at = next.received_at;
        self.wire_segments = wire_segments;
        true
    }

    /// Text that a device cut: equal pieces but the last, and the same in all else.
    fn append(&mut self, next: &mut Self, wire_segments: u16, pool: &mut Pool) -> bool {
        let len = self.payload.len();
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
    use handfast_packet::tcp::{Ace, SackBlock, SeqNumber, Timestamps, UserTimeout};

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

    fn ack(ack: u32, value: u32) -> Segment {
        let mut segment = segment(5, 0);
        segment.ack = Some(SeqNumber(ack));
        segment.options.timestamps = Some(Timestamps { value, echo: 1 });
        segment
    }

    #[test]
    fn an_ack_gives_way_to_one_that_acknowledges_more() {
        let pool = &mut Pool::default();
        let mut run = ack(u32::MAX, 1);
        let mut next = ack(8, 2);
        (next.window, next.received_at) = (50, Instant::from_millis(3));
        assert!(run.absorb(&mut next, pool));
        assert!(run.absorb(&mut ack(9, 2), pool));
        assert_eq!((run.ack, run.wire_segments), (Some(SeqNumber(9)), 3));
        assert_eq!(run.options.timestamps, ack(9, 2).options.timestamps);
        assert_eq!((run.window, run.received_at), (100, Instant::ZERO));
    }

    #[test]
    fn an_ack_that_tells_something_else_stays_apart() {
        type Change = fn(&mut Segment);
        let changes: [(&str, Change); 12] = [
            ("a duplicate", |next| next.ack = Some(SeqNumber(7))),
            ("an older one", |next| next.ack = Some(SeqNumber(6))),
            ("no ACK", |next| next.ack = None),
            ("another number", |next| next.seq = SeqNumber(6)),
            ("text", |next| {
                next.payload = Chunk::from(alloc::vec![1; 10]).into();
            }),
            ("FIN", |next| next.control = Control::Fin),
            ("RST", |next| next.control = Control::Rst),
            ("urgent", |next| next.urgent = Some(0)),
            ("a mark", |next| next.ecn = Ecn::Ce),
            ("an echo of marks", |next| next.ace = Ace::ECE),
            ("no time", |next| next.options.timestamps = None),
            ("SACK", |next| {
                _ = next.options.sack.push(SackBlock::default());
            }),
        ];
        for (what, change) in changes {
            let (mut run, mut next) = (ack(7, 1), ack(8, 2));
            change(&mut next);
            assert!(!run.absorb(&mut next, &mut Pool::default()), "{what}");
            assert_eq!((run.ack, run.wire_segments), (Some(SeqNumber(7)), 1));
        }
        for change in [
            |run: &mut Segment| _ = run.options.sack.push(SackBlock::default()),
            |run: &mut Segment| run.options.user_timeout = UserTimeout::from_option(true, 5),
        ] {
            let mut run = ack(7, 1);
            change(&mut run);
            assert!(!run.absorb(&mut ack(8, 2), &mut Pool::default()));
        }
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
