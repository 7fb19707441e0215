//! What a host received of its peer: the SYN, what it offered, the text behind it.
//!
//! Which of several SYNs counts is decided in the module above.

use std::collections::VecDeque;

use handfast_packet::tcp::{TcpFlags, TcpOptions};

use super::ranges::Ranges;
use super::seq::position;
use super::{SHIFT_MAX, Seen, TIMESTAMPS_MAX};

/// The peer's half, as received.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) initial: u32,
    pub(super) offers: Offers,
    /// How many SYN-ACKs came.
    pub(super) answers: u32,
    /// SYNs with the same number offered different things: nobody knows which one counts.
    pub(super) mixed: bool,
    pub(super) mss: Option<u16>,
    pub(super) window: u16,
    /// Its SYN had text or a Fast Open option.
    pub(super) early: bool,
    /// Its FIN came.
    pub(super) fin: bool,
    pub(super) received: Ranges,
    pub(super) timestamps: VecDeque<u32>,
    /// Timestamps were forgotten.
    pub(super) forgotten: bool,
    /// Text came that was not counted.
    pub(super) unknown: bool,
}

/// What a SYN offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) timestamps: bool,
    pub(super) sack: bool,
    pub(super) scale: Option<u8>,
}

impl Theirs {
    pub(super) fn new(syn: &Seen<'_>) -> Self {
        let options = &syn.header.options;
        let mut theirs = Self {
            initial: syn.header.seq.0,
            offers: Offers::of(options),
            answers: 0,
            mixed: false,
            mss: options.mss,
            window: syn.header.window,
            early: false,
            fin: false,
            received: Ranges::new(1),
            timestamps: VecDeque::new(),
            forgotten: false,
            unknown: false,
        };
        theirs.take(syn);
        theirs
    }

    /// The same SYN again, perhaps with fewer options.
    pub(super) fn syn_again(&mut self, syn: &Seen<'_>) {
        let options = &syn.header.options;
        self.mixed |= Offers::of(options) != self.offers || options.mss != self.mss;
        self.offers.add(options);
        self.mss = self.mss.zip(options.mss).map(|(a, b)| a.max(b));
        self.window = self.window.max(syn.header.window);
        self.take(syn);
    }

    /// Takes note of text, FIN and timestamp.
    pub(super) fn take(&mut self, seen: &Seen<'_>) {
        let options = &seen.header.options;
        if seen.has(TcpFlags::SYN) {
            self.answers = self.answers.saturating_add(u32::from(seen.ack().is_some()));
            self.early |= options.fast_open.is_some() || !seen.text.is_empty();
        }
        self.fin |= seen.has(TcpFlags::FIN);
        let start = position(self.initial, seen.text_seq(), self.received.next());
        self.received.add(start, start + seen.len());
        let Some(theirs) = options.timestamps else {
            return;
        };
        if self.timestamps.back() != Some(&theirs.value) {
            if self.timestamps.len() == TIMESTAMPS_MAX {
                self.timestamps.pop_front();
                self.forgotten = true;
            }
            self.timestamps.push_back(theirs.value);
        }
    }

    /// What may answer the next SYN of the host, which has the number of the last one: another copy
    /// of the SYN-ACK. One was for the last SYN.
    pub(super) fn left_for_next(mut self) -> Option<Self> {
        self.answers = self.answers.saturating_sub(1);
        (self.answers > 0).then_some(self)
    }

    /// Whether `ack` is one that this SYN, and what came with it, earns.
    pub(super) fn earns(&self, ack: u32) -> bool {
        let ack = position(self.initial, ack, self.received.next());
        ack >= 1 && self.received.reaches(ack)
    }
}

impl Offers {
    pub(super) fn of(options: &TcpOptions) -> Self {
        Self {
            timestamps: options.timestamps.is_some(),
            sack: options.sack_permitted,
            scale: options.window_scale.map(|shift| shift.min(SHIFT_MAX)),
        }
    }

    pub(super) fn add(&mut self, options: &TcpOptions) {
        let more = Self::of(options);
        self.timestamps |= more.timestamps;
        self.sack |= more.sack;
        self.scale = self.scale.max(more.scale);
    }
}
