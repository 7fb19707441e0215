//! One connection as its host's wire shows it: what the host received, what it sent, and whether it
//! might. It assumes nothing of our stack, so it may judge a kernel's capture too.
//!
//! Here is the memory: which SYNs belong together, what arrived, what was agreed upon. Whether a
//! segment that was sent obeys the rules is judged in `rules`. What arrives is believed with
//! generosity: the host may have had reasons to drop it, so everything that it could have
//! taken counts as taken.

mod ranges;
mod rules;
mod seq;
mod text;

use std::collections::VecDeque;

use handfast::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{TcpFlags, TcpOptions};

use super::segment::Seen;
use ranges::Ranges;
use seq::position;
use text::FirstCopy;

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
    /// How many times the host began, and that it did so with a cookie.
    begun: u32,
    cookie_sent: bool,
    /// Nothing is judged any more.
    blind: bool,
}

/// What a SYN offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offers {
    timestamps: bool,
    sack: bool,
    scale: Option<u8>,
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
    urgent: i64,
    /// The latest SYN-ACK was a cookie: its numbers are known only once the host goes by them.
    cookie: bool,
    /// The furthest ACK and right edge that the host has sent.
    told: Option<Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    ack: i64,
    edge: i64,
}

/// The peer's half, as received.
#[derive(Debug)]
struct Theirs {
    initial: u32,
    offers: Offers,
    /// SYNs with the same number offered different things: nobody knows which one counts.
    mixed: bool,
    mss: Option<u16>,
    window: u16,
    /// Its SYN had text or a Fast Open option.
    early: bool,
    received: Ranges,
    timestamps: VecDeque<u32>,
    /// Timestamps were forgotten.
    forgotten: bool,
    /// Text came that was not counted.
    unknown: bool,
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
            cookie_sent: false,
            blind: false,
        }
    }

    /// Whether the two ends had a connection before, or the next one begins.
    pub fn is_again(&self) -> bool {
        self.begun > 1 || self.pending.is_some()
    }

    /// Whether the host answered a SYN with a cookie.
    pub fn has_sent_cookie(&self) -> bool {
        self.cookie_sent
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
            return;
        }
        self.resets.asked = self.resets.asked.saturating_add(1);
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
        self.resets.renewed |= self.resets.ended && seen.ack().is_none();
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

    /// What a received segment acknowledges and allows.
    fn ack_received(&mut self, seen: &Seen<'_>) {
        let Some(ack) = seen.ack() else { return };
        self.last_ack = Some((ack, seen.header.window));
        let shift = self.window_shift(seen);
        let Some(ours) = &mut self.ours else { return };
        let ack = position(ours.initial, ack, ours.acknowledged);
        if !(0..=ours.next).contains(&ack) {
            return;
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
            None if again && !self.resets.over && (!self.resets.ended || is_repeated(seen)) => {}
            None => {
                self.theirs = None;
                self.pending = None;
                self.begin(seen);
            }
            Some(ack) => {
                if self.answers_pending(ack) {
                    self.theirs = self.pending.take();
                    self.begin(seen);
                } else if !again || self.resets.renewed {
                    self.begin(seen);
                }
            }
        }
        let ours = self.ours.as_mut().expect("it has just begun");
        ours.offers.add(&seen.header.options);
        ours.cookie = seen.cause == Cause::SynCookie;
        self.cookie_sent |= ours.cookie;
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
            urgent: 0,
            cookie: false,
            told: None,
        });
        self.crowded = false;
        self.resets.over = false;
        self.resets.ended = false;
        self.resets.renewed = false;
        self.begun += 1;
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
        let (Some(ours), Some(ack)) = (&mut self.ours, seen.ack()) else {
            return;
        };
        if ours.cookie {
            ours.cookie = false;
            let initial = seen.header.seq.0.wrapping_sub(1);
            if initial != ours.initial {
                ours.initial = initial;
                ours.acknowledged = 1;
                if let Some((ack, window)) = self.last_ack {
                    let scaled = i64::from(window) << SHIFT_MAX;
                    ours.edge = position(initial, ack, 1) + scaled;
                }
            }
        }
        let open = ours.told.is_some();
        let fits = |syn: &Option<Theirs>| syn.as_ref().is_some_and(|syn| syn.earns(ack));
        if !open && !fits(&self.theirs) && fits(&self.pending) {
            self.theirs = self.pending.take();
            if let Some(theirs) = &mut self.theirs {
                theirs.unknown = true;
            }
        }
    }
}

/// Whether the host says that this SYN is one that was sent before.
fn is_repeated(syn: &Seen<'_>) -> bool {
    matches!(syn.cause, Cause::TimeoutRetransmit(_))
}

impl Offers {
    fn of(options: &TcpOptions) -> Self {
        Self {
            timestamps: options.timestamps.is_some(),
            sack: options.sack_permitted,
            scale: options.window_scale.map(|shift| shift.min(SHIFT_MAX)),
        }
    }

    fn add(&mut self, options: &TcpOptions) {
        let more = Self::of(options);
        self.timestamps |= more.timestamps;
        self.sack |= more.sack;
        self.scale = self.scale.max(more.scale);
    }
}

impl Theirs {
    fn new(syn: &Seen<'_>) -> Self {
        let options = &syn.header.options;
        let mut theirs = Self {
            initial: syn.header.seq.0,
            offers: Offers::of(options),
            mixed: false,
            mss: options.mss,
            window: syn.header.window,
            early: false,
            received: Ranges::new(1),
            timestamps: VecDeque::new(),
            forgotten: false,
            unknown: false,
        };
        theirs.take(syn);
        theirs
    }

    /// The same SYN again, perhaps with fewer options.
    fn syn_again(&mut self, syn: &Seen<'_>) {
        let options = &syn.header.options;
        self.mixed |= Offers::of(options) != self.offers || options.mss != self.mss;
        self.offers.add(options);
        self.mss = self.mss.zip(options.mss).map(|(a, b)| a.max(b));
        self.window = self.window.max(syn.header.window);
        self.take(syn);
    }

    /// Takes note of text, FIN and timestamp.
    fn take(&mut self, seen: &Seen<'_>) {
        let options = &seen.header.options;
        if seen.has(TcpFlags::SYN) {
            self.early |= options.fast_open.is_some() || !seen.text.is_empty();
        }
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

    /// Whether `ack` is one that this SYN, and what came with it, earns.
    fn earns(&self, ack: u32) -> bool {
        let ack = position(self.initial, ack, self.received.next());
        ack >= 1 && self.received.reaches(ack)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace;
