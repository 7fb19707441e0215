//! Explicit congestion notification (RFC 3168, RFC 9768): what the SYNs agree on, what the peer is
//! told of the marks on its packets, and what it tells of the marks on ours.
//!
//! This room knows bits and counters. Where they stand in a segment is `wiring`'s business, what
//! an echo does to the window that of `recovery` and `congestion`.

mod classic;
mod codes;
mod echoes;
mod marks;
mod mode;
mod wiring;

use alloc::boxed::Box;

use handfast_packet::ip::Ecn as Field;
use handfast_packet::tcp::{AccEcn, Ace, TcpOptions};

use crate::config::Config;
use crate::segment::{Control, Segment};
use crate::seq::Offset;
use classic::Classic;
use echoes::{Acked, Echoes};
use marks::Marks;
pub use mode::{EcnBytes, EcnFeedback, EcnInfo, EcnMode};
pub(crate) use wiring::EcnNews;

/// Bytes of the AccECN option with all counters and its padding.
pub(crate) const OPTION_LEN: u16 = 12;
/// Marks after which the first count of three bits is 0.
const MARKS_TO_ZERO: u64 = 3;

/// The state of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ecn {
    mode: EcnMode,
    /// SYNs with our offer after the first, before one without is tried; `None` never tries, and
    /// does not look for mangled bits either.
    fallback: Option<u8>,
    /// We may send AccECN options.
    options: bool,
    feedback: EcnFeedback,
    /// What we send may say that it is capable of ECN.
    capable: bool,
    /// We act on what the peer tells of marks.
    heeds: bool,
    /// The bits of the peer's first SYN.
    peer_syn: Ace,
    /// The ECN field of its latest SYN or SYN-ACK.
    peer_syn_field: Field,
    /// A mark on its SYN-ACK was counted.
    syn_ack_marked: bool,
    syn_acks: u8,
    /// The next pure ACK tells the ECN field of the SYN-ACK instead of a count.
    handshake_ack: bool,
    /// The ACK that is owed tells of marked packets without text: SACK blocks would make it look
    /// like a duplicate (RFC 9768 3.2.2.5.1).
    echo_alone: bool,
    /// The peer has sent an option.
    option_seen: bool,
    /// Its options are zeroed: they mean nothing.
    option_broken: bool,
    /// No count has arrived yet.
    untested: bool,
    ect_seen: bool,
    classic: Classic,
    /// Nothing until there is something to count: a half-open connection costs no more for it.
    counts: Option<Box<Counts>>,
    /// An echo is answered when something beyond this is acknowledged: once for each window.
    reduced_until: Offset,
    arrival: Arrival,
}

/// The counters of both roles.
#[derive(Clone, Debug, Default)]
struct Counts {
    marks: Marks,
    echoes: Echoes,
}

/// What the segment under way tells of marks.
#[derive(Clone, Copy, Debug, Default)]
struct Arrival {
    /// There is one.
    fresh: bool,
    /// Its bits belong to the handshake, not to a count.
    handshake: bool,
    /// Its timestamp is newer than any before.
    newer: bool,
}

impl Ecn {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            mode: config.ecn,
            fallback: config.ecn_fallback,
            options: config.accecn_option,
            feedback: EcnFeedback::None,
            capable: false,
            heeds: false,
            peer_syn: Ace::ZERO,
            peer_syn_field: Field::NotEct,
            syn_ack_marked: false,
            syn_acks: 0,
            handshake_ack: false,
            echo_alone: false,
            option_seen: false,
            option_broken: false,
            untested: true,
            ect_seen: false,
            classic: Classic::default(),
            counts: None,
            reduced_until: Offset::ZERO,
            arrival: Arrival::default(),
        }
    }

    // ---- handshake ----

    /// The bits of our SYN, which was sent `resent` times before. A middlebox that drops SYNs with
    /// such bits must not keep us from connecting (RFC 3168 6.1.1.1, RFC 9768 3.1.4.1).
    fn syn_bits(&self, resent: u8) -> Ace {
        if self.gives_up(resent) {
            Ace::ZERO
        } else {
            self.mode.offer()
        }
    }

    fn gives_up(&self, resent: u8) -> bool {
        self.fallback.is_some_and(|tries| resent > tries)
    }

    /// The peer's SYN, in LISTEN or as a simultaneous open.
    pub(crate) fn on_syn(&mut self, syn: &Segment) {
        self.peer_syn = syn.ace;
        self.peer_syn_field = syn.ecn;
        self.agree(self.mode.answer(syn.ace));
    }

    /// The SYN again, before anything is synchronised. The feedback stays what it is
    /// (RFC 9768 3.1.5). Returns false when the two SYNs contradict each other: then nobody can
    /// know what the other side believes, and the connection must be reset.
    fn on_syn_again(&mut self, syn: &Segment) -> bool {
        if self.mode.contradict(self.peer_syn, syn.ace) {
            return false;
        }
        self.peer_syn_field = syn.ecn;
        if self.feedback == EcnFeedback::Accurate && syn.ace == Ace::ZERO {
            self.capable = false;
        }
        true
    }

    /// The peer's SYN-ACK (RFC 3168 6.1.1, RFC 9768 table 2). Returns whether it tells that our SYN
    /// was marked.
    pub(crate) fn on_syn_ack(&mut self, syn_ack: &Segment) -> bool {
        let accurate = self.mode.offer() == Ace::ALL;
        let feedback = match (self.mode.offer(), syn_ack.ace) {
            (Ace::CWR_ECE, ace) if ace.contains(Ace::ECE) && !ace.contains(Ace::CWR) => {
                EcnFeedback::Classic
            }
            (Ace::ALL, Ace::ECE) => EcnFeedback::Classic,
            // Nothing, or our own bits come back from a host that knows none of them.
            (Ace::ALL, Ace::ZERO | Ace::ALL) => EcnFeedback::None,
            _ if accurate => EcnFeedback::Accurate,
            _ => EcnFeedback::None,
        };
        self.agree(feedback);
        if feedback != EcnFeedback::Accurate {
            return false;
        }
        self.take_syn_ack_field(syn_ack.ecn);
        self.meet_option(syn_ack.options.accecn);
        // Bits that have no meaning yet tell that nothing has changed (3.1.3).
        let told = codes::decode(syn_ack.ace).unwrap_or(Field::NotEct);
        self.test_for_mangling(told);
        told == Field::Ce
    }

    /// A SYN-ACK that we have answered comes again: so does our answer, with the ECN field of the
    /// latest one (RFC 9768 3.1.5, 3.2.2.1).
    fn on_syn_ack_again(&mut self, field: Field) {
        if self.feedback == EcnFeedback::Accurate {
            self.take_syn_ack_field(field);
        }
    }

    /// CE counts once, however many SYN-ACKs bear it: the peer counts it no more than once
    /// (RFC 9768 3.2.2.2).
    fn take_syn_ack_field(&mut self, field: Field) {
        self.peer_syn_field = field;
        self.handshake_ack = true;
        if field == Field::Ce && !self.syn_ack_marked {
            self.syn_ack_marked = true;
            self.counts().marks.on_mark(1);
        }
    }

    /// Bits and option of our SYN-ACK, which has timed out `timeouts` times. Only the first one
    /// has the option, and after two a middlebox may be at work that drops all with bits
    /// (RFC 9768 3.2.3.2.2).
    fn syn_ack_bits(&mut self, timeouts: u8) -> (Ace, Option<AccEcn>) {
        let first = self.syn_acks == 0;
        self.syn_acks = self.syn_acks.saturating_add(1);
        match self.feedback {
            EcnFeedback::None => (Ace::ZERO, None),
            EcnFeedback::Classic => (Ace::ECE, None),
            EcnFeedback::Accurate if self.gives_up(timeouts) => {
                // Who knows what the peer believes now (3.1.5).
                self.capable = false;
                (Ace::ZERO, None)
            }
            EcnFeedback::Accurate => {
                let option = (first && self.options).then(|| self.take_option());
                (codes::encode(self.peer_syn_field), option)
            }
        }
    }

    /// Bits and option of the SYN-ACK that answers `syn`, of which nothing is kept.
    pub(crate) fn answer(config: &Config, syn: &Segment) -> (Ace, Option<AccEcn>) {
        let mut ecn = Self::new(config);
        ecn.on_syn(syn);
        ecn.syn_ack_bits(0)
    }

    /// The ACK of our SYN-ACK. Returns whether it tells that the SYN-ACK was marked.
    ///
    /// Only a pure ACK speaks the language of the handshake (RFC 9768 3.2.2.1, table 4). Zero says
    /// that the peer does no ECN, whatever we believed.
    fn on_opened(&mut self, ack: &Segment, sent: u64) -> bool {
        if self.feedback != EcnFeedback::Accurate {
            return false;
        }
        self.meet_option(ack.options.accecn);
        let pure = ack.is_empty() && ack.options.sack.as_slice().is_empty();
        if !pure || ack.control != Control::None {
            self.test_for_zero(ack.ace, sent);
            return false;
        }
        if ack.ace == Ace::ZERO {
            self.distrust();
        }
        let told = codes::decode(ack.ace);
        if let Some(field) = told {
            self.test_for_mangling(field);
        }
        if told == Some(Field::Ce) {
            self.counts().echoes.packets = 1;
        }
        told == Some(Field::Ce)
    }

    fn counts(&mut self) -> &mut Counts {
        self.counts.get_or_insert_default()
    }

    /// The ACE field as it would go out now.
    fn ace(&self) -> Ace {
        let marks = self.counts.as_ref().map(|counts| counts.marks);
        marks.unwrap_or_default().ace()
    }

    fn take_ace(&mut self) -> Ace {
        let ace = self.ace();
        if let Some(counts) = &mut self.counts {
            counts.marks.on_ack_sent();
        }
        ace
    }

    fn take_option(&mut self) -> AccEcn {
        match &mut self.counts {
            Some(counts) => counts.marks.take_option(),
            None => Marks::default().take_option(),
        }
    }

    fn agree(&mut self, feedback: EcnFeedback) {
        self.feedback = feedback;
        self.capable = feedback != EcnFeedback::None;
        self.heeds = self.capable;
    }

    /// Our SYN or SYN-ACK, which was not capable of ECN, arrived with this field. A path that
    /// makes ECN-capable packets of others, or cleans the field, cannot be used, but its marks may
    /// still be true (RFC 9768 3.2.2.3).
    fn test_for_mangling(&mut self, arrived: Field) {
        if self.fallback.is_some() && !codes::may_become(Field::NotEct, arrived) {
            self.capable = false;
        }
    }

    /// The first count begins with 5: it cannot be 0 as long as `sent`, all packets that we sent
    /// with our SYN among them, are too few to bear the marks in between (RFC 9768 3.2.2.4).
    fn test_for_zero(&mut self, ace: Ace, sent: u64) {
        let first = core::mem::take(&mut self.untested);
        if first && ace == Ace::ZERO && sent <= MARKS_TO_ZERO {
            self.distrust();
        }
    }

    fn distrust(&mut self) {
        self.capable = false;
        self.heeds = false;
    }

    /// An option, or none. The first counters cannot be 0 either (RFC 9768 3.2.3.2.4).
    fn meet_option(&mut self, option: Option<AccEcn>) {
        let Some(option) = option else {
            return;
        };
        if !self.option_seen {
            self.option_broken = option.ect0() == Some(0) || option.ect1() == Some(0);
        }
        self.option_seen = true;
    }

    // ---- Data Receiver ----

    /// A segment without SYN or RST is acceptable, its ACK included. `waits` when text waits for
    /// its ACK already. Returns whether an ACK must go at once.
    fn on_segment(&mut self, segment: &Segment, waits: bool) -> bool {
        self.ect_seen |= segment.ecn != Field::NotEct;
        match self.feedback {
            EcnFeedback::None => false,
            EcnFeedback::Classic => {
                if segment.ecn == Field::Ce {
                    self.counts()
                        .marks
                        .on_mark(u64::from(segment.wire_segments));
                }
                self.classic.on_segment(segment)
            }
            EcnFeedback::Accurate => self.counts().marks.on_segment(segment, waits),
        }
    }

    /// Fills the ECN fields of a segment without SYN or RST: bits, codepoint and option.
    /// `established` is false as long as the peer may not know what was agreed on.
    fn fill(&mut self, options: &mut TcpOptions, established: bool) -> (Ace, Field) {
        match self.feedback {
            EcnFeedback::None => (Ace::ZERO, Field::NotEct),
            EcnFeedback::Classic => (self.classic.bits(false), Field::NotEct),
            EcnFeedback::Accurate => {
                if self.sends_options() {
                    options.accecn = Some(self.take_option());
                }
                let field = if self.capable && established {
                    Field::Ect0
                } else {
                    Field::NotEct
                };
                (self.take_ace(), field)
            }
        }
    }

    /// Whether AccECN options go with every segment: when the peer has sent one, so that it and
    /// the path are known to bear them.
    pub(crate) fn sends_options(&self) -> bool {
        self.feedback == EcnFeedback::Accurate && self.options && self.option_seen
    }

    /// Bits and codepoint of new text under classic ECN: the only segments that are capable of it
    /// (RFC 3168 6.1.2, 6.1.4 to 6.1.6).
    fn fill_fresh(&mut self) -> Option<(Ace, Field)> {
        (self.feedback == EcnFeedback::Classic)
            .then(|| (self.classic.bits(true), self.capable_field()))
    }

    fn capable_field(&self) -> Field {
        if self.capable {
            Field::Ect0
        } else {
            Field::NotEct
        }
    }

    /// Whether a segment must not be cut by a device: all that cut leave CWR on the first piece
    /// only, where it announces a reduction, but here it belongs to a count.
    fn goes_alone(&self) -> bool {
        self.feedback == EcnFeedback::Accurate && self.ace().contains(Ace::CWR)
    }

    // ---- Data Sender ----

    /// Notes what a segment tells before its ACK is handled.
    fn arrives(&mut self, handshake: bool, newer: bool) {
        self.arrival = Arrival {
            fresh: true,
            handshake,
            newer,
        };
    }

    /// What the ACK under way tells, once for each segment.
    fn on_ack(&mut self, ack: &EcnAck) -> EcnNews {
        let arrival = core::mem::take(&mut self.arrival);
        let (ace, option) = if arrival.fresh {
            (ack.ace, ack.option)
        } else {
            (Ace::ZERO, None)
        };
        if arrival.handshake {
            return EcnNews::default();
        }
        let mut news = match self.feedback {
            EcnFeedback::None => EcnNews::default(),
            EcnFeedback::Classic => self.classic_news(ace, ack),
            EcnFeedback::Accurate => self.accurate_news((ace, option), arrival.newer, ack),
        };
        news.congestion = news.ce_packets > 0 && ack.una > self.reduced_until;
        news
    }

    fn classic_news(&mut self, ace: Ace, ack: &EcnAck) -> EcnNews {
        if !ace.contains(Ace::ECE) {
            return EcnNews::default();
        }
        let packets = ack.acked.bytes.div_ceil(ack.acked.mss);
        self.counts().echoes.packets += packets;
        EcnNews {
            ce_packets: packets.max(1),
            ce_bytes: ack.acked.bytes,
            congestion: false,
        }
    }

    fn accurate_news(
        &mut self,
        (ace, option): (Ace, Option<AccEcn>),
        newer: bool,
        ack: &EcnAck,
    ) -> EcnNews {
        self.meet_option(option);
        self.test_for_zero(ace, ack.acked.sent);
        // Neither more data nor a newer timestamp: it may be older than one that came before
        // (RFC 9768 A.1).
        if !self.heeds || !(ack.progress || newer) {
            return EcnNews::default();
        }
        let option = option.filter(|_| !self.option_broken);
        let news = self.counts().echoes.on_ack(ace, option, ack.acked);
        if news.contradiction {
            self.capable = false;
        }
        EcnNews {
            ce_packets: news.packets,
            ce_bytes: news.bytes,
            congestion: false,
        }
    }

    /// The congestion window has shrunk, for whatever reason, while all below `nxt` was sent.
    pub(crate) fn on_reduction(&mut self, nxt: Offset) {
        self.reduced_until = nxt;
        self.classic.on_reduction();
    }

    /// The last reduction was a mistake and is undone.
    pub(crate) fn on_undo(&mut self) {
        self.classic.on_undo();
    }

    pub(crate) fn info(&self) -> EcnInfo {
        let mut info = EcnInfo {
            feedback: self.feedback,
            capable: self.capable,
            option_seen: self.option_seen,
            ect_seen: self.ect_seen,
            ..EcnInfo::default()
        };
        if let Some(counts) = &self.counts {
            let Counts { marks, echoes } = **counts;
            (info.received_ce, info.received) = (marks.packets, marks.bytes);
            (info.delivered_ce, info.delivered) = (echoes.packets, echoes.bytes);
        }
        info
    }
}

/// What `on_ack` must know of the connection.
#[derive(Clone, Copy, Debug)]
struct EcnAck {
    /// SND.UNA with this ACK.
    una: Offset,
    /// The ACK told of new data that arrived.
    progress: bool,
    /// What stands in it.
    ace: Ace,
    option: Option<AccEcn>,
    acked: Acked,
}
