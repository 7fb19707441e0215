//! Fast Open (RFC 7413): text in SYNs, on both sides. Cookies are made, checked and kept by the
//! stack; here is what a connection does with them.
//!
//! A client's SYN carries text once; when it is sent again it carries none, and the text follows
//! the handshake. A server whose peer showed a good cookie is *early*: in SYN-RECEIVED it already
//! takes the text of the SYN, sends text of its own and may even close.

use handfast_packet::Instant;
use handfast_packet::buf::Payload;
use handfast_packet::tcp::FastOpen;

use crate::aside::Aside;
use crate::config::Cx;
use crate::congestion::Start;
use crate::connection::{Connection, Phase};
use crate::segment::Segment;
use crate::seq::Offset;

/// Room that a SYN with text leaves for options, whichever it has: all that a header can hold.
const OPTIONS_ROOM: u16 = 40;

/// What a client does about Fast Open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastOpenOffer {
    /// Its SYN asks for a cookie, by the experimental option if `experiment`.
    Request {
        /// Ask by kind 254 (RFC 7413 section 9).
        experiment: bool,
    },
    /// Its SYN shows a cookie and carries text.
    Cookie {
        /// The cookie.
        cookie: FastOpen,
        /// The MSS that the peer announced to an earlier connection.
        mss: u16,
    },
    /// Its SYN carries text without a cookie: for peers that are known to take it.
    Text {
        /// The MSS that the peer announced to an earlier connection, or the default.
        mss: u16,
    },
}

/// What a client learnt about Fast Open from the answer to its SYN, or from its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenNews {
    /// When.
    pub at: Instant,
    /// What.
    pub outcome: FastOpenOutcome,
}

/// See [`FastOpenNews`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastOpenOutcome {
    /// The peer answered: its MSS, and its cookie if it sent one that we asked for.
    Answered {
        /// The MSS option of its SYN-ACK.
        mss: Option<u16>,
        /// A new cookie.
        cookie: Option<FastOpen>,
        /// It gave no cookie to who asked for one, or took none of the text (RFC 7413 4.1.3.1).
        refused: bool,
        /// The SYN had been sent again, bare: nobody knows which of them is answered.
        resent: bool,
    },
    /// The SYN with the option or with text was not answered in time.
    Lost,
}

/// The state of Fast Open on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FastOpenState {
    /// What our SYN or SYN-ACK says, as long as it says anything.
    option: Option<FastOpen>,
    /// Most text in our SYN.
    text_max: u16,
    /// The SYN waits for the first text.
    waits: bool,
    /// Behind the text of our SYN.
    text_end: Offset,
    /// Our SYN had the option.
    asked: bool,
    /// A SYN with text or with the option is out and was not sent again.
    offered: bool,
    news: Option<FastOpenNews>,
    /// Server: the cookie was good.
    early: bool,
    /// Text in the SYN was taken, all of it.
    taken: bool,
    /// Server: behind the text of the peer's SYN.
    taken_until: Offset,
}

impl FastOpenState {
    /// Of a connection that does not try.
    pub(crate) const NOTHING: Self = Self {
        option: None,
        text_max: 0,
        waits: false,
        text_end: Offset::ZERO,
        asked: false,
        offered: false,
        news: None,
        early: false,
        taken: false,
        taken_until: Offset::ZERO,
    };
}

impl Connection {
    /// A client tries Fast Open; to be called before the SYN leaves. With `waits` the SYN stays
    /// until there is text for it, if the offer has room for any.
    pub fn offer_fast_open(&mut self, offer: FastOpenOffer, waits: bool) {
        let (option, mss) = match offer {
            FastOpenOffer::Request { experiment } => {
                (Some(FastOpen::REQUEST.with_experiment(experiment)), 0)
            }
            FastOpenOffer::Cookie { cookie, mss } => (Some(cookie), mss),
            FastOpenOffer::Text { mss } => (None, mss),
        };
        let clamp = self.config.mss_clamp.unwrap_or(u16::MAX);
        let text_max = mss.min(self.path.send_mss).min(clamp);
        let text_max = text_max.saturating_sub(OPTIONS_ROOM);
        let waits = waits && text_max > 0;
        self.aside.put().fast_open = FastOpenState {
            option,
            text_max,
            waits,
            ..FastOpenState::default()
        };
        if waits {
            self.unwatch_peer();
        }
    }

    /// How many bytes, with those that are written already, our SYN can carry; 0 when it is out.
    pub fn fast_open_room(&self) -> usize {
        if matches!(self.phase, Phase::SynSent) && self.snd.nxt == Offset::ZERO {
            self.fast_open().text_max.into()
        } else {
            0
        }
    }

    /// A server answers to the option in `syn`: with `cookie` in its SYN-ACK, and, when the
    /// peer's own cookie was good, by taking the text at once and opening early.
    ///
    /// To be called right after [`Connection::accept`].
    pub fn answer_fast_open(
        &mut self,
        cx: &mut Cx<'_>,
        syn: &Segment,
        cookie: Option<FastOpen>,
        early: bool,
    ) {
        if early || cookie.is_some() {
            let state = &mut self.aside.put_from(cx.pool).fast_open;
            (state.option, state.early) = (cookie, early);
        }
        if !early {
            return;
        }
        let start = Start::new(&self.config, self.snd.mss, self.sack, self.initial);
        self.congestion.restart(self.config.congestion, start);
        if !syn.payload.is_empty() {
            // What a SYN-ACK can say; the text has to fit into it.
            let window = self.rcv.offered_window().min(u64::from(u16::MAX));
            self.rcv.right_edge = Offset::FIRST + window;
            self.text_arrives(cx, Offset::FIRST, &mut syn.clone());
            let end = Offset::FIRST + syn.payload.len() as u64;
            let state = &mut self.aside.put().fast_open;
            state.taken_until = self.rcv.data.next();
            state.taken = self.rcv.data.next() == end;
        }
    }

    /// Whether this connection was opened early and waits for the end of its handshake.
    pub fn is_early(&self) -> bool {
        self.fast_open().early && matches!(self.phase, Phase::SynReceived { .. })
    }

    /// Whether text went with a SYN, in either direction, and all of it was taken.
    pub fn syn_text_taken(&self) -> bool {
        self.fast_open().taken
    }

    /// What there is to remember about Fast Open with this peer, told once.
    #[must_use]
    pub fn take_fast_open_news(&mut self) -> Option<FastOpenNews> {
        self.aside.get_mut()?.fast_open.news.take()
    }

    /// Behind what of the peer's text came with its SYN.
    pub(crate) fn behind_syn_text(&self) -> Offset {
        self.fast_open().taken_until.max(Offset::FIRST)
    }

    /// Whether the first SYN stays until there is text.
    pub(crate) fn syn_waits(&self) -> bool {
        self.fast_open().waits && self.snd.queued() <= 1 && !self.close.is_local_shut()
    }

    /// The option for our SYN or SYN-ACK.
    pub(crate) fn fast_open_option(&self) -> Option<FastOpen> {
        self.fast_open().option
    }

    /// The text for our SYN; notes that it goes, or, when it is sent again, that it was lost.
    pub(crate) fn syn_text(&mut self, cx: &mut Cx<'_>) -> Payload {
        let Some(Aside { fast_open, .. }) = self.aside.get_mut() else {
            return Payload::new();
        };
        if matches!(self.phase, Phase::SynReceived { .. }) {
            return Payload::new();
        }
        if self.snd.nxt > Offset::ZERO {
            // RFC 7413 4.2.1: a SYN that is sent again carries neither text nor option, since
            // these may be why it was lost.
            if core::mem::take(&mut fast_open.offered) {
                self.tell_fast_open(cx.now, FastOpenOutcome::Lost);
            }
            return Payload::new();
        }
        let wanted = usize::from(fast_open.text_max);
        if core::mem::take(&mut fast_open.waits) {
            self.watch_peer(cx.now);
        }
        let text = match wanted {
            0 => Payload::new(),
            _ => self.snd.buffer.view(Offset::FIRST, wanted, cx.pool),
        };
        let fast_open = &mut self.aside.put().fast_open;
        fast_open.text_end = Offset::FIRST + text.len() as u64;
        fast_open.asked = fast_open.option.is_some();
        fast_open.offered = fast_open.asked || !text.is_empty();
        text
    }

    /// Drops the option once our SYN is out: only the first one has it.
    pub(crate) fn fast_open_sent(&mut self) {
        if let (Phase::SynSent, Some(aside)) = (self.phase, self.aside.get_mut()) {
            aside.fast_open.option = None;
        }
    }

    /// The SYN-ACK has come and acknowledges everything before `ack`.
    pub(crate) fn fast_open_answered(&mut self, now: Instant, ack: Offset, syn_ack: &Segment) {
        let Some(Aside {
            fast_open: state, ..
        }) = self.aside.get_mut()
        else {
            return;
        };
        let text = state.text_end > Offset::FIRST;
        state.taken = text && ack >= state.text_end;
        if !state.asked && !text {
            return;
        }
        // A cookie that nobody asked for is not kept.
        let cookie = syn_ack.options.fast_open.filter(|_| state.asked);
        let cookie = cookie.filter(|cookie| !cookie.is_request());
        let resent = !state.offered;
        let in_vain = !resent && (ack == Offset::FIRST || !text);
        let refused = in_vain && cookie.is_none();
        let mss = syn_ack.options.mss;
        self.tell_fast_open(
            now,
            FastOpenOutcome::Answered {
                mss,
                cookie,
                refused,
                resent,
            },
        );
    }

    fn fast_open(&self) -> &FastOpenState {
        &self.aside.get().fast_open
    }

    fn tell_fast_open(&mut self, at: Instant, outcome: FastOpenOutcome) {
        self.aside.put().fast_open.news = Some(FastOpenNews { at, outcome });
    }
}
