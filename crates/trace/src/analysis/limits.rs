//! What limited each sender over time, as far as a bystander can tell. The method is on the page
//! `docs/analysis.md`; what follows from it for people is in `findings`.

use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::TcpFlags;
use handfast_tcp::Limit;

use super::mark::Mark;
use super::model::{Connection, Segment, Side};
use crate::language::Language;

/// Most spans that are told for one side; what comes later belongs to the last one.
pub const LIMIT_SPANS_MAX: usize = 65_536;
/// How soon after an acknowledgment the sender acts when it only waited for that.
const REACTION_MAX: Duration = Duration::from_millis(3);

/// What held a sender back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limitation {
    /// The connection is not open yet.
    Handshake,
    /// Nothing waited to be sent.
    Application,
    /// The window that the other side grants.
    ReceiveWindow,
    /// The congestion window, or what looks like it from outside: pacing and a full send buffer.
    CongestionWindow,
    /// A small segment waited for an acknowledgment (RFC 9293 3.7.4).
    Nagle,
    /// A loss, or what was taken for one, was being repaired.
    Recovery,
}

impl Limitation {
    /// All of them, each with its word for machines.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Handshake, "handshake"),
        (Self::Application, "application"),
        (Self::ReceiveWindow, "receive-window"),
        (Self::CongestionWindow, "congestion-window"),
        (Self::Nagle, "nagle"),
        (Self::Recovery, "recovery"),
    ];

    /// Its word for machines.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What it is, to be read behind "limited by". What the stack knows, too, has the stack's words.
    pub fn words(self, language: Language) -> String {
        let (english, russian) = match self {
            Self::Handshake => ("the handshake".to_owned(), "установление соединения"),
            Self::Application => (Limit::Application.to_string(), "приложение"),
            Self::ReceiveWindow => (Limit::ReceiveWindow.to_string(), "окно получателя"),
            Self::CongestionWindow => (Limit::CongestionWindow.to_string(), "окно перегрузки"),
            Self::Nagle => (Limit::Nagle.to_string(), "алгоритм Нейгла"),
            Self::Recovery => (
                "the repair of a loss".to_owned(),
                "восстановление после потери",
            ),
        };
        language.of(english, russian.to_owned())
    }
}

/// A time in which the same thing held a sender back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitSpan {
    /// When it began.
    pub from: Instant,
    /// When something else took over.
    pub to: Instant,
    /// What it was.
    pub by: Limitation,
}

impl LimitSpan {
    /// How long it lasted.
    pub fn time(&self) -> Duration {
        self.to.duration_since(self.from)
    }
}

impl Connection {
    /// What limited what `side` sent, from the first segment of the connection until it had no more to
    /// say: spans in their order, without gaps, at most [`LIMIT_SPANS_MAX`]. Empty when the capture
    /// has no segment of one of the sides.
    pub fn limits(&self, side: Side) -> Vec<LimitSpan> {
        if Side::BOTH.iter().any(|&one| self.sent(one).segments == 0) {
            return Vec::new();
        }
        let mut sender = Sender::new(self, side);
        for (at, segment) in self.as_seen_by(side) {
            sender.pass_time(at, segment);
            if segment.side == side {
                sender.sends(at, segment);
            } else {
                sender.hears(at, segment);
            }
            if sender.is_over {
                break;
            }
        }
        sender.spans
    }

    /// The bytes of text that a full segment of `side` has on the wire; `None` when it sent no text.
    pub fn full_segment(&self, side: Side) -> Option<u64> {
        let largest = u64::from(self.sent(side).text_max);
        let syn = self.sent(side.other()).syn;
        let allowed = syn.and_then(|syn| {
            let stamped = syn.timestamps && self.sent(side).syn.is_some_and(|syn| syn.timestamps);
            let mss = u64::from(syn.mss?);
            Some(mss.saturating_sub(if stamped { 12 } else { 0 }))
        });
        // Text of half that size and less tells nothing of what the path takes.
        let is_telling = |allowed: &u64| largest * 2 > *allowed;
        let full = match allowed {
            Some(allowed) if is_telling(&allowed) => largest.min(allowed),
            Some(allowed) => allowed,
            None => largest,
        };
        (largest > 0).then_some(full)
    }

    /// From the capture to `side` and back: the handshake tells, or what was answered quicker. Zero when
    /// the handshake was not seen.
    pub fn near_time(&self, side: Side) -> Duration {
        let is_syn = |one: &&Segment| one.flags.contains(TcpFlags::SYN);
        let (asks, answers): (Vec<&Segment>, Vec<&Segment>) = self
            .segments
            .iter()
            .take(HANDSHAKE_MAX)
            .filter(is_syn)
            .partition(|one| one.side == Side::A);
        let Some(answer) = answers.last() else {
            return Duration::ZERO;
        };
        let from_b = asks.iter().rev().find(|ask| ask.frame < answer.frame);
        let is_ack = |one: &&Segment| one.side == Side::A && one.frame > answer.frame;
        let mut behind = self.segments.iter().take(HANDSHAKE_MAX);
        let (start, end) = match side {
            Side::A => (Some(answer.at), behind.find(is_ack).map(|one| one.at)),
            Side::B => (from_b.map(|one| one.at), Some(answer.at)),
        };
        let both = start.zip(end);
        let time = both.map_or(Duration::ZERO, |(start, end)| end.duration_since(start));
        // A busy host may have been slower then than ever after.
        let least = self.sent(side.other()).rtt.min();
        least.map_or(time, |least| least.min(time))
    }

    /// The segments in the order in which `side` sends and hears them: what the other side sent still
    /// had to reach it from where the capture was made.
    fn as_seen_by(&self, side: Side) -> impl Iterator<Item = (Instant, &Segment)> {
        let delay = self.near_time(side);
        let of = move |one| {
            let delay = if one == side { Duration::ZERO } else { delay };
            let all = self.segments.iter().filter(move |each| each.side == one);
            all.map(move |each| (each.at + delay, each))
        };
        let (mut own, mut others) = (of(side).peekable(), of(side.other()).peekable());
        std::iter::from_fn(move || match (own.peek(), others.peek()) {
            (Some(mine), Some(theirs)) if theirs.0 <= mine.0 => others.next(),
            (Some(_), _) => own.next(),
            (None, _) => others.next(),
        })
    }
}

/// Among so many first segments the handshake is looked for.
const HANDSHAKE_MAX: usize = 64;

/// The sender as a bystander imagines it.
struct Sender {
    side: Side,
    /// Text of a full segment.
    full: u64,
    /// Less room in the window than this keeps it from sending.
    room_min: u64,
    is_open: bool,
    is_over: bool,
    /// Behind the last number sent.
    next: u64,
    /// Acknowledged so far, and the end of the window.
    acked: u64,
    edge: u64,
    /// The last text was no full segment: nothing more waited. Or much less than one.
    was_short: bool,
    was_small: bool,
    /// It has said that nothing more comes.
    has_ended: bool,
    /// It repairs until this is acknowledged.
    repair: Option<u64>,
    /// When it last sent new text, and the time of the acknowledgment since which it may go on: of
    /// everything, and with nothing else in it.
    sent_at: Instant,
    freed_at: Option<Instant>,
    /// Up to where the time is told.
    told: Instant,
    spans: Vec<LimitSpan>,
}

impl Sender {
    fn new(connection: &Connection, side: Side) -> Self {
        let full = connection.full_segment(side).unwrap_or(1);
        let window = connection.sent(side.other()).window_max.unwrap_or(0);
        let is_open = connection.segments.first().is_some_and(|first| {
            // A capture that begins later has no handshake to wait for.
            !first.flags.contains(TcpFlags::SYN)
        });
        Self {
            side,
            full,
            room_min: full.min(window / 2).max(1),
            is_open,
            is_over: false,
            next: 0,
            acked: 0,
            edge: u64::MAX,
            was_short: true,
            was_small: false,
            has_ended: false,
            repair: None,
            sent_at: connection.began,
            freed_at: None,
            told: connection.began,
            spans: Vec::new(),
        }
    }

    /// What holds it back now.
    fn limitation(&self) -> Limitation {
        let has_outstanding = self.acked < self.next;
        let is_shut = self.edge.saturating_sub(self.next) < self.room_min;
        if !self.is_open {
            Limitation::Handshake
        } else if self.repair.is_some() {
            Limitation::Recovery
        } else if is_shut && !self.has_ended && self.next > 1 {
            Limitation::ReceiveWindow
        } else if self.was_short || self.has_ended || !has_outstanding {
            Limitation::Application
        } else {
            Limitation::CongestionWindow
        }
    }

    /// Time has passed until `segment`, which may tell what it was waited for.
    fn pass_time(&mut self, at: Instant, segment: &Segment) {
        let is_own = segment.side == self.side;
        let by_timer = [Mark::TimeoutRetransmission, Mark::TailLossProbe];
        let is_timer = is_own && by_timer.iter().any(|&mark| segment.marks.has(mark));
        let by = if is_timer && self.is_open {
            Limitation::Recovery
        } else {
            self.limitation()
        };
        self.tell(at, by);
        let is_new = is_own && segment.len > 0 && end(segment) > self.next;
        let was_waiting = self.freed_at.is_some_and(|freed| {
            self.was_small && at.duration_since(freed) <= REACTION_MAX && freed > self.sent_at
        });
        if is_new && was_waiting && self.repair.is_none() {
            self.tell_again(at, Limitation::Nagle);
        }
    }

    fn tell(&mut self, at: Instant, by: Limitation) {
        if at <= self.told {
            return;
        }
        let is_full = self.spans.len() == LIMIT_SPANS_MAX;
        match self.spans.last_mut() {
            Some(last) if last.by == by || is_full => last.to = at,
            _ => self.spans.push(LimitSpan {
                from: self.told,
                to: at,
                by,
            }),
        }
        self.told = at;
    }

    /// All since the last text was something else.
    fn tell_again(&mut self, at: Instant, by: Limitation) {
        while self
            .spans
            .pop_if(|last| last.from >= self.sent_at)
            .is_some()
        {}
        if let Some(last) = self.spans.last_mut() {
            last.to = last.to.min(self.sent_at);
        }
        self.told = self.spans.last().map_or(self.sent_at, |last| last.to);
        self.tell(at, by);
    }

    fn sends(&mut self, at: Instant, segment: &Segment) {
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        self.is_over |= segment.flags.contains(TcpFlags::RST);
        if is_syn {
            self.next = self.next.max(1);
            return;
        }
        // The first that A sends behind its SYN opens the connection for both.
        self.is_open |= self.side == Side::A && segment.flags.contains(TcpFlags::ACK);
        let end = end(segment);
        let is_new = end > self.next;
        if segment.marks.retransmission().is_some() && end > self.acked {
            self.repair.get_or_insert(self.next);
        }
        if segment.len > 0 && is_new {
            self.was_short = !u64::from(segment.len).is_multiple_of(self.full);
            self.was_small = u64::from(segment.len) * 2 < self.full;
            self.sent_at = at;
            self.freed_at = None;
        }
        self.has_ended |= segment.flags.contains(TcpFlags::FIN);
        if segment.len > 0 || self.has_ended {
            self.next = self.next.max(end);
        }
    }

    fn hears(&mut self, at: Instant, segment: &Segment) {
        self.is_over |= segment.flags.contains(TcpFlags::RST);
        if !segment.flags.contains(TcpFlags::ACK) || self.is_over {
            return;
        }
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        self.is_open |= self.side == Side::B && !is_syn;
        if segment.len > 0 {
            self.freed_at = None;
        }
        if segment.ack > self.acked {
            self.acked = segment.ack;
            let is_all = segment.len == 0 && self.acked >= self.next && !is_syn;
            self.freed_at = is_all.then_some(at);
        }
        self.next = self.next.max(self.acked);
        if self.repair.is_some_and(|until| self.acked >= until) {
            self.repair = None;
        }
        self.edge = segment.ack.saturating_add(segment.window.into());
        self.is_over |= self.has_ended && self.acked >= self.next;
    }
}

/// Behind the last number of a segment.
fn end(segment: &Segment) -> u64 {
    let fin = segment.flags.contains(TcpFlags::FIN);
    segment.seq + u64::from(segment.len) + u64::from(fin)
}
