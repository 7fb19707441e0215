//! One connection as its host's wire shows it: what the host received, what it sent, and whether it
//! might. It assumes nothing of our stack, so it may judge a kernel's capture too.
//!
//! Here is the memory: which SYNs belong together, what arrived, what was agreed upon. Whether a
//! segment that was sent obeys the rules is judged in `rules`. What arrives is believed with
//! generosity: the host may have had reasons to drop it, so everything that it could have
//! taken counts as taken.

mod cookies;
mod ranges;
mod rules;
mod seq;
mod stamps;
mod text;
mod theirs;

use handfast::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::TcpFlags;

use super::segment::Seen;
use cookies::Cookies;
use seq::position;
use text::FirstCopy;
use theirs::{Offers, Theirs};

/// Most of the peer's timestamps that are remembered, the latest ones.
pub(super) const TIMESTAMPS_MAX: usize = 1_024;
/// Largest shift of a window (RFC 7323 2.3).
const SHIFT_MAX: u8 = 14;

/// A rule that a segment broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The name of the rule.
    pub rule: &'static str,
    /// The numbers.
    pub detail: String,
}

/// What is known of one pair of addresses and ports, seen from one host.
#[derive(Debug)]
pub struct Flow {
    /// MSS of a peer that names none (RFC 9293 3.7.1): 536, or 1,220 with IPv6.
    default_mss: u16,
    /// The host's side, once its SYN was sent.
    ours: Option<Ours>,
    /// The peer's side, once its SYN was received.
    theirs: Option<Theirs>,
    /// A SYN that does not belong to `theirs`: perhaps the next incarnation begins with it.
    pending: Option<Theirs>,
    /// More than one such SYN came, so the host may go by one that is forgotten.
    crowded: bool,
    /// The ACK and the window of the last segment received, for a host that knows more than it
    /// says (SYN cookies).
    last_ack: Option<(u32, u16)>,
    resets: Resets,
    moment: Moment,
    /// How many times the host began.
    begun: u32,
    cookies: Cookies,
    /// The cookie by which the host opened came back once more.
    cookie_again: bool,
    /// Nothing is judged any more.
    blind: bool,
}

/// The host's own half.
#[derive(Debug)]
struct Ours {
    initial: u32,
    offers: Offers,
    /// SND.NXT.
    next: i64,
    /// SND.UNA as far as what was received tells.
    acknowledged: i64,
    /// The furthest right edge that the peer has announced.
    edge: i64,
    fin: Option<i64>,
    text: FirstCopy,
    /// The latest TSval and TSecr that were sent.
    timestamps: Option<(u32, u32)>,
    /// The latest TSval of text that left again.
    again: Option<u32>,
    urgent: i64,
    /// The latest SYN-ACK was a cookie: its numbers are known only once the host goes by them.
    cookie: bool,
    /// It went by them.
    by_cookie: bool,
    /// A segment that could bring the cookie back came while nothing had left: one without text,
    /// one with text.
    brought: [bool; 2],
    /// Perhaps nothing began, and text of the connection before, which was open, leaves late.
    unsure: bool,
    /// The furthest ACK and right edge that the host has sent.
    told: Option<Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    ack: i64,
    edge: i64,
}

/// Resets and their reasons.
#[derive(Debug, Default)]
struct Resets {
    /// An open connection was reset by its host.
    over: bool,
    /// The host ended what it had, open or not, with a reset, or received one ...
    ended: bool,
    /// ... and received a SYN since: what begins now may have the numbers of what is over, if the
    /// clock of sequence numbers (RFC 6528) has not moved.
    renewed: bool,
    /// One of those SYNs may have been the one with which it had begun.
    repeated: bool,
    /// A connection that had ended orderly, but not said its last words, when a segment behind it
    /// was answered with a reset.
    last_words: bool,
    /// SYNs received that no SYN-ACK has answered: the host may still have them before it.
    syns: u32,
    /// Segments received that a RST may answer.
    asked: u32,
    /// RSTs that answered segments.
    answered: u32,
}

/// What left since anything was received, at one moment.
#[derive(Debug, Default)]
struct Moment {
    at: Instant,
    empty: u32,
    text: i64,
}

impl Flow {
    /// A pair of which nothing was seen; `default_mss` is the MSS of a peer that names none.
    pub fn new(default_mss: u16) -> Self {
        Self {
            default_mss,
            ours: None,
            theirs: None,
            pending: None,
            crowded: false,
            last_ack: None,
            resets: Resets::default(),
            moment: Moment::default(),
            begun: 0,
            cookies: Cookies::default(),
            cookie_again: false,
            blind: false,
        }
    }

    /// Whether the two ends had a connection before, or the next one begins.
    pub fn is_again(&self) -> bool {
        self.begun > 1 || self.pending.is_some()
    }

    /// Whether the host answered a SYN with a cookie.
    pub fn has_sent_cookie(&self) -> bool {
        self.cookies.any()
    }

    /// Whether the host opened by a cookie that came back once more since: when its connection was
    /// over by then, that opened another one with the same numbers, which knows nothing of what the
    /// first one said.
    pub fn has_cookie_again(&self) -> bool {
        self.cookie_again
    }

    /// Judges nothing from now on.
    pub fn look_away(&mut self) {
        self.blind = true;
        self.ours = None;
    }

    /// The host received a segment whose checksum is right.
    pub fn received(&mut self, seen: &Seen<'_>) {
        self.moment = Moment::default();
        if seen.has(TcpFlags::RST) {
            // Whether the host takes it or not.
            self.resets.ended = true;
            self.cookies.settled();
            return;
        }
        self.resets.asked = self.resets.asked.saturating_add(1);
        self.cookie_again |= self.brings_cookie_again(seen);
        if seen.has(TcpFlags::SYN) {
            self.syn_received(seen);
        } else {
            for theirs in [&mut self.theirs, &mut self.pending].into_iter().flatten() {
                theirs.take(seen);
            }
        }
        self.ack_received(seen);
    }

    /// The host sent a segment.
    ///
    /// # Errors
    /// The first rule that the segment breaks.
    pub fn sent(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        if self.blind {
            return Ok(());
        }
        self.judge_moment(seen)?;
        if seen.has(TcpFlags::RST) {
            return self.judge_reset(seen);
        }
        if seen.has(TcpFlags::SYN) {
            self.syn_sent(seen)?;
        } else {
            self.settle(seen);
        }
        self.judge(seen)
    }

    fn syn_received(&mut self, seen: &Seen<'_>) {
        if seen.ack().is_none() {
            let over = self.is_over();
            self.resets.renewed |= over;
            self.resets.repeated |= over && !self.is_of_another(seen);
            self.resets.syns = self.resets.syns.saturating_add(1);
        }
        let initial = seen.header.seq.0;
        for known in [&mut self.theirs, &mut self.pending].into_iter().flatten() {
            if known.initial == initial {
                return known.syn_again(seen);
            }
        }
        // The answer to a SYN of ours tells which one; another answers somebody else.
        if let (Some(ours), Some(ack)) = (&self.ours, seen.ack()) {
            let ack = position(ours.initial, ack, ours.acknowledged);
            if !(1..=ours.next).contains(&ack) {
                return;
            }
        }
        let syn = Theirs::new(seen);
        if self.theirs.is_none() {
            self.theirs = Some(syn);
        } else {
            self.crowded |= self.pending.is_some();
            self.pending = Some(syn);
        }
    }

    /// Whether a host could have gone by its cookie already and could take this segment for the first
    /// one behind the cookie: it stands behind the peer's SYN and acknowledges only ours.
    ///
    /// What the host has sent tells that it went by the cookie. While nothing has left, as when a
    /// device is slow, an ACK and the text behind it are one handshake, and a second one of either
    /// kind may be the next.
    fn brings_cookie_again(&mut self, seen: &Seen<'_>) -> bool {
        let (Some(ours), Some(theirs), Some(ack)) = (&mut self.ours, &self.theirs, seen.ack())
        else {
            return false;
        };
        let first = !seen.has(TcpFlags::SYN)
            && seen.header.seq.0 == theirs.initial.wrapping_add(1)
            && ack == ours.initial.wrapping_add(1);
        if !first || !ours.cookie {
            return first && ours.by_cookie;
        }
        let kind = usize::from(!seen.text.is_empty());
        core::mem::replace(&mut ours.brought[kind], true)
    }

    /// What a received segment acknowledges and allows.
    fn ack_received(&mut self, seen: &Seen<'_>) {
        let Some(ack) = seen.ack() else { return };
        self.last_ack = Some((ack, seen.header.window));
        if !seen.has(TcpFlags::SYN) {
            self.cookies.received(ack);
        }
        let shift = self.window_shift(seen);
        let Some(ours) = &mut self.ours else { return };
        let ack = position(ours.initial, ack, ours.acknowledged);
        if !(0..=ours.next).contains(&ack) {
            return;
        }
        if ack > ours.acknowledged && ours.fin.is_some_and(|fin| ack > fin) {
            self.cookies.settled();
        }
        ours.acknowledged = ours.acknowledged.max(ack);
        ours.text.release_until(ours.acknowledged);
        ours.edge = ours
            .edge
            .max(ack + (i64::from(seen.header.window) << shift));
    }

    /// The shift of the window in a segment of the peer.
    fn window_shift(&self, seen: &Seen<'_>) -> u8 {
        let (Some(ours), Some(theirs)) = (&self.ours, &self.theirs) else {
            return 0;
        };
        match (ours.offers.scale, theirs.offers.scale) {
            (Some(_), Some(shift)) if !seen.has(TcpFlags::SYN) => shift,
            _ => 0,
        }
    }

    /// A SYN leaves: again, or as the first of a new incarnation.
    fn syn_sent(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        let initial = seen.header.seq.0;
        let again = self
            .ours
            .as_ref()
            .is_some_and(|ours| ours.initial == initial);
        match seen.ack() {
            // What was received may end a connection or not; that its SYN goes again tells.
            None if again && !self.resets.over && (!self.is_over() || is_repeated(seen)) => {}
            None => {
                // Where the device is slow, this SYN may have waited in the host, behind all that the
                // connection before had to say, while a second SYN-ACK came. That answers it as well,
                // if the clock of sequence numbers has not moved.
                let late = self.theirs.take().filter(|_| again);
                self.pending = late.and_then(Theirs::left_for_next);
                self.begin(seen);
            }
            Some(ack) => {
                if self.answers_pending(ack) {
                    self.theirs = self.pending.take();
                    self.begin(seen);
                } else if !again {
                    self.begin(seen);
                } else if self.resets.renewed {
                    self.answered_again(seen, ack);
                }
                self.resets.syns = self.resets.syns.saturating_sub(1);
            }
        }
        let ours = self.ours.as_mut().expect("it has just begun");
        ours.offers.add(&seen.header.options);
        ours.cookie = seen.cause == Cause::SynCookie;
        if let (true, Some(ack)) = (ours.cookie, seen.ack()) {
            // A cookie takes no text, since nobody would keep it.
            self.cookies.sent(initial, ack.wrapping_sub(1));
        }
        rules::judge_syn(seen, self.theirs.as_ref())
    }

    /// A new incarnation of the connection.
    fn begin(&mut self, seen: &Seen<'_>) {
        // A SYN without ACK acknowledges nothing, so its window begins behind our SYN.
        let window = self.theirs.as_ref().map_or(0, |theirs| theirs.window);
        self.ours = Some(Ours {
            initial: seen.header.seq.0,
            offers: Offers::default(),
            next: 0,
            acknowledged: 0,
            edge: 1 + i64::from(window),
            fin: None,
            text: FirstCopy::default(),
            timestamps: None,
            again: None,
            urgent: 0,
            cookie: false,
            by_cookie: false,
            brought: [false; 2],
            unsure: false,
            told: None,
        });
        self.crowded = false;
        self.cookie_again = false;
        self.resets.over = false;
        self.resets.ended = false;
        self.resets.renewed = false;
        self.resets.repeated = false;
        self.resets.last_words = false;
        self.cookies.settled();
        self.begun += 1;
    }

    /// Whether what began has ended, as far as one can tell: with a reset, or with both FINs.
    fn is_over(&self) -> bool {
        let Resets { over, ended, .. } = self.resets;
        over || ended || self.is_finished()
    }

    /// Whether both FINs came to where they went: LAST-ACK and TIME-WAIT may be over.
    fn is_finished(&self) -> bool {
        self.ours.as_ref().is_some_and(Ours::is_finished)
            && self.theirs.as_ref().is_some_and(|theirs| theirs.fin)
    }

    /// The host goes by a cookie again, whose connection was over or that is not the latest.
    fn reopen(&mut self, seen: &Seen<'_>, number: u32) {
        let Some(ours) = self.ours.as_ref().filter(|ours| !ours.cookie) else {
            return;
        };
        if ours.initial != number {
            // Nobody knows what the SYN had offered that this cookie answered.
            self.ours = None;
            self.cookies.settled();
        } else if self.is_over() || ours.is_finished() {
            // Half of a close is enough: FIN-WAIT-2 of an end that nobody owns may be over.
            let offers = ours.offers;
            self.begin(seen);
            if let Some(ours) = &mut self.ours {
                ours.offers = offers;
                ours.go_by(number, self.last_ack);
            }
        }
    }

    /// Whether a SYN is another one than that with which the connection began.
    fn is_of_another(&self, syn: &Seen<'_>) -> bool {
        let theirs = self.theirs.as_ref();
        theirs.is_some_and(|theirs| theirs.initial != syn.header.seq.0)
    }

    /// A SYN-ACK with the number of the last one leaves when that connection is over and a SYN came
    /// since. Something begins with it, or it was formed before: a copy of the SYN that came during
    /// the handshake is answered once more, and where a device is slow, that answer, and then text
    /// and FIN of the connection, leave only after the peer's RST and its next SYN came. Behind a
    /// RST or FIN of our own no old answer to a SYN can leave.
    fn answered_again(&mut self, seen: &Seen<'_>, ack: u32) {
        let open = self
            .ours
            .as_ref()
            .is_some_and(|ours| ours.acknowledged >= 1);
        let cut_off = open && !self.resets.over && !self.is_finished();
        let earned = |syn: &Option<Theirs>| syn.as_ref().is_some_and(|syn| syn.earns(ack));
        let old = cut_off && earned(&self.theirs);
        // Nothing begins with the answer to a SYN that has not come since.
        let others = self.resets.repeated || self.crowded || earned(&self.pending);
        if old && !others {
            return;
        }
        self.begin(seen);
        if let Some(ours) = &mut self.ours {
            ours.unsure = old;
        }
    }

    /// Whether a SYN-ACK is the answer to the pending SYN. One of an incarnation that is over may
    /// have had a number nearby.
    fn answers_pending(&self, ack: u32) -> bool {
        let exact = |syn: &Theirs| syn.initial.wrapping_add(1) == ack;
        let Some(pending) = &self.pending else {
            return false;
        };
        match &self.theirs {
            Some(theirs) if exact(pending) => !exact(theirs),
            Some(theirs) => !theirs.earns(ack) && pending.earns(ack),
            None => pending.earns(ack),
        }
    }

    /// The first segment behind the SYNs shows which of them the host goes by.
    fn settle(&mut self, seen: &Seen<'_>) {
        if let Some(number) = self.cookies.opened_by(seen.header.seq.0) {
            self.reopen(seen, number);
        }
        let (Some(ours), Some(ack)) = (&mut self.ours, seen.ack()) else {
            return;
        };
        if ours.cookie {
            ours.cookie = false;
            ours.by_cookie = true;
            let initial = seen.header.seq.0.wrapping_sub(1);
            if initial != ours.initial {
                let answered = self.cookies.back(initial);
                let theirs = self.theirs.as_ref().map(|theirs| theirs.initial);
                if answered.is_some() && answered != theirs {
                    // A late ACK brought back what an earlier SYN was answered with: with what
                    // that SYN offered and the latest SYN-ACK told, it has nothing to do.
                    self.ours = None;
                    self.cookies.settled();
                    return;
                }
                ours.go_by(initial, self.last_ack);
            }
        }
        let open = ours.told.is_some();
        let fits = |syn: &Option<Theirs>| syn.as_ref().is_some_and(|syn| syn.earns(ack));
        if !open && !fits(&self.theirs) && fits(&self.pending) {
            self.theirs = self.pending.take();
            if let Some(theirs) = &mut self.theirs {
                theirs.unknown = true;
                if theirs.answers > 0 {
                    ours.go_by(
                        ours.initial,
                        Some((ours.initial.wrapping_add(1), theirs.window)),
                    );
                }
            }
        }
    }
}

/// Whether the host says that this SYN is one that was sent before.
fn is_repeated(syn: &Seen<'_>) -> bool {
    matches!(syn.cause, Cause::TimeoutRetransmit(_))
}

impl Ours {
    /// Whether the peer has acknowledged the FIN.
    fn is_finished(&self) -> bool {
        self.fin.is_some_and(|fin| self.acknowledged > fin)
    }

    /// The connection is that of the cookie with this number, which the latest ACK may have told.
    fn go_by(&mut self, number: u32, last_ack: Option<(u32, u16)>) {
        self.initial = number;
        self.next = self.next.max(1);
        self.acknowledged = 1;
        if let Some((ack, window)) = last_ack {
            let scaled = i64::from(window) << SHIFT_MAX;
            self.edge = position(number, ack, 1) + scaled;
        }
    }
}

#[cfg(test)]
mod again;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace;
