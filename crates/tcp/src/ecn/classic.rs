//! RFC 3168: one echo for each window of data, until the sender says that it has slowed down.

use handfast_packet::ip::Ecn;
use handfast_packet::tcp::Ace;

use crate::segment::Segment;

/// Both roles of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Classic {
    /// Marks arrived and the peer has not answered them: every ACK has ECE (6.1.3).
    echoes: bool,
    /// We have slowed down and the peer does not know it: the next new data has CWR (6.1.2).
    owes_cwr: bool,
}

impl Classic {
    /// A segment in the window arrived. Returns whether an ACK must go at once.
    ///
    /// CE beside CWR is a mark that the sender's slowing down did not prevent: it begins a new
    /// echo. Marks without text do not count (6.1.4). The first mark of an echo, and the CWR that
    /// ends it, are answered at once: a sender with a window of one segment would otherwise wait
    /// for the delayed ACK.
    pub(super) fn on_segment(&mut self, segment: &Segment) -> bool {
        let mut at_once = false;
        if segment.ace.contains(Ace::CWR) {
            self.echoes = false;
            at_once = true;
        }
        let text = !segment.payload.is_empty();
        if text && segment.ecn == Ecn::Ce {
            at_once |= !self.echoes;
            self.echoes = true;
        }
        at_once && text
    }

    /// The bits of a segment that goes out; `fresh` when it carries text for the first time.
    pub(super) fn bits(&mut self, fresh: bool) -> Ace {
        let mut bits = if self.echoes { Ace::ECE } else { Ace::ZERO };
        if fresh && self.owes_cwr {
            self.owes_cwr = false;
            bits = bits.union(Ace::CWR);
        }
        bits
    }

    /// The congestion window has shrunk, for whatever reason (6.1.2).
    pub(super) fn on_reduction(&mut self) {
        self.owes_cwr = true;
    }

    /// It has grown back: there is nothing to announce.
    pub(super) fn on_undo(&mut self) {
        self.owes_cwr = false;
    }
}
