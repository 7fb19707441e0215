//! One connection while the capture is read: hands each segment to `text` and `acks`, and keeps what
//! belongs to neither side alone: the handshake, silences, resets, the end.

use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_tcp::State;

use super::acks;
use super::half::Half;
use super::mark::{Mark, Marks};
use super::model::{Close, Connection, Idle, Reset, Segment, Side, States};
use super::text::{self, Numbers};
use crate::capture::TcpFrame;

/// Most segments that one connection keeps; what later ones are is only counted.
pub const CONNECTION_SEGMENTS_MAX: usize = 1_000_000;
/// Most resets of a connection that are told one by one.
pub const RESETS_MAX: usize = 64;
/// Most silences of a connection that are told, the first ones.
pub const IDLES_MAX: usize = 256;
/// Shortest silence that is told.
pub const IDLE_MIN: Duration = Duration::from_millis(500);
/// Largest shift of a window (RFC 7323 2.3).
const SHIFT_MAX: u8 = 14;

/// One segment as it passed.
#[derive(Debug)]
pub(super) struct Passed<'a> {
    pub(super) frame: u32,
    pub(super) at: Instant,
    pub(super) tcp: &'a TcpFrame,
    /// Index of its comment plus one; 0 without.
    pub(super) comment: u32,
    /// Where it will stand among the segments, if it is kept.
    pub(super) place: Option<usize>,
}

impl Passed<'_> {
    pub(super) fn timestamp(&self) -> Option<u32> {
        let timestamps = self.tcp.header.options.timestamps;
        timestamps.map(|timestamps| timestamps.value)
    }
}

/// Both sides at the moment of one segment.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) sender: &'a mut Half,
    pub(super) receiver: &'a mut Half,
    /// Both take SACK blocks.
    pub(super) sack: bool,
    /// Shifts of the windows of the sender and of the receiver.
    shifts: [Option<u8>; 2],
}

impl Pair<'_> {
    /// Whether it is known what the receiver's windows mean.
    pub(super) fn is_scale_known(&self) -> bool {
        self.shifts[1].is_some()
    }

    /// The window of the sender's segment in bytes; in a SYN it is never scaled (RFC 7323 2.2).
    pub(super) fn window_of(&self, header: &TcpHeader) -> u64 {
        let window = u64::from(header.window);
        if header.flags.contains(TcpFlags::SYN) {
            window
        } else {
            window << self.shifts[0].unwrap_or_default()
        }
    }

    /// The round trip of the whole path as it is now: what lies on either side of the capture, where
    /// the longer one is the network and the shorter one at its best is the near end.
    pub(super) fn path_rtt(&self) -> Option<Duration> {
        let both = [&*self.sender, &*self.receiver];
        let [one, other] = both.map(Half::round_trip);
        let [one_min, other_min] = both.map(|half| half.sent.rtt.min());
        let with = |current: Option<Duration>, least: Option<Duration>| {
            current.map(|current| current + least.unwrap_or_default())
        };
        with(one, other_min).max(with(other, one_min))
    }

    /// The shortest that the round trip of the whole path has been.
    pub(super) fn path_rtt_min(&self) -> Option<Duration> {
        let (one, other) = (self.sender.sent.rtt.min(), self.receiver.sent.rtt.min());
        let sum = one.unwrap_or_default() + other.unwrap_or_default();
        (one.is_some() || other.is_some()).then_some(sum)
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Track {
    halves: [Half; 2],
    told: Connection,
    /// The first reset that was believed, and whether it refused the connection.
    reset: Option<(Side, bool)>,
    /// Who sent the first FIN.
    closer: Option<Side>,
    /// When A's last SYN before its answer passed.
    syn_at: Option<Instant>,
}

impl Track {
    /// A connection whose first segment is `passed`.
    pub(super) fn new(passed: &Passed<'_>, is_reuse: bool) -> Self {
        let flags = passed.tcp.header.flags;
        let is_answer = flags.contains(TcpFlags::SYN | TcpFlags::ACK);
        let (source, destination) = (passed.tcp.source, passed.tcp.destination);
        let ends = if is_answer {
            [destination, source]
        } else {
            [source, destination]
        };
        Self {
            halves: Default::default(),
            told: Connection::new(ends, passed.at, is_reuse),
            reset: None,
            closer: None,
            syn_at: None,
        }
    }

    fn side_of(&self, source: SocketAddr) -> Side {
        if source == self.told.ends[0] {
            Side::A
        } else {
            Side::B
        }
    }

    /// Whether `tcp` begins a new connection between the same ends.
    pub(super) fn is_succeeded_by(&self, tcp: &TcpFrame) -> bool {
        let flags = tcp.header.flags;
        let opens = flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK);
        let half = &self.halves[self.side_of(tcp.source).index()];
        opens && !half.is_own_syn(tcp.header.seq)
    }

    /// How many segments are kept.
    pub(super) fn len(&self) -> usize {
        self.told.segments.len()
    }

    /// Takes note of one segment.
    pub(super) fn observe(&mut self, passed: &Passed<'_>) {
        let side = self.side_of(passed.tcp.source);
        let header = &passed.tcp.header;
        self.note_time(side, passed);
        if passed.tcp.bad_checksum {
            let mut marks = Marks::default();
            marks.add(Mark::BadChecksum);
            let numbers = Numbers::of(&self.halves[side.index()], passed);
            self.keep(side, passed, &numbers, marks);
            return;
        }
        let pair = self.pair(side);
        pair.sender.start_at(header);
        if header.flags.contains(TcpFlags::ACK) {
            pair.receiver.start_from_ack(header.ack);
        }
        let mut pair = self.pair(side);
        let numbers = Numbers::of(pair.sender, passed);
        let mut marks = text::take(&mut pair, passed, &numbers);
        let report = acks::take(&mut pair, passed, &numbers, &mut marks);
        let is_ack = numbers.range.is_empty() && numbers.is_plain();
        if pair.sender.lacks_acks(passed.tcp, is_ack) {
            marks.add(Mark::AcksMissing);
        }
        if let Some(timestamp) = passed.timestamp() {
            pair.sender.echoes.sent(timestamp, passed.at);
        }
        let in_vain = report.and_then(|range| pair.receiver.reported(&range));
        if let Some(place) = in_vain {
            self.mark_spurious(side.other(), place);
        }
        self.take_answer(side, passed, &numbers);
        self.handshake(side, passed);
        if numbers.rst {
            self.take_reset(side, passed, &numbers);
        }
        if numbers.fin {
            self.closer.get_or_insert(side);
            let other_ended = self.halves[side.other().index()].ended();
            self.halves[side.index()].closes_last |= other_ended;
        }
        self.keep(side, passed, &numbers, marks);
    }

    /// What has become of it.
    pub(super) fn finish(mut self) -> Connection {
        let shifts = Side::BOTH.map(|side| self.shift(side));
        self.told.close = self.close();
        for (index, (half, shift)) in self.halves.into_iter().zip(shifts).enumerate() {
            let (missing_bytes, start) = (half.gaps.len(), half.start());
            self.told.sent[index] = half.sent;
            self.told.sent[index].missing_bytes = missing_bytes;
            self.told.sent[index].window_shift = shift;
            self.told.sent[index].initial_number = start;
        }
        self.told
    }

    fn pair(&mut self, side: Side) -> Pair<'_> {
        let syns = [0, 1].map(|index| self.halves[index].sent.syn);
        let sack = syns
            .iter()
            .all(|syn| syn.is_some_and(|syn| syn.sack_permitted))
            || self.told.sack_seen;
        let shifts = [self.shift(side), self.shift(side.other())];
        let [a, b] = &mut self.halves;
        let (sender, receiver) = match side {
            Side::A => (a, b),
            Side::B => (b, a),
        };
        Pair {
            sender,
            receiver,
            sack,
            shifts,
        }
    }

    /// The shift of a side's windows, if its SYN and the other one tell it: both must have the option
    /// (RFC 7323 2.2), and an answer has it only when it was asked.
    fn shift(&self, side: Side) -> Option<u8> {
        let scale = |side: Side| {
            let syn = self.halves[side.index()].sent.syn;
            syn.map(|syn| syn.window_scale.map(|shift| shift.min(SHIFT_MAX)))
        };
        match (scale(side), scale(side.other())) {
            (Some(None), _) | (_, Some(None)) => Some(0),
            (Some(own), Some(_)) => own,
            (Some(own), None) if side == Side::B => own,
            _ => None,
        }
    }

    fn note_time(&mut self, side: Side, passed: &Passed<'_>) {
        let time = passed.at.duration_since(self.told.ended);
        if time >= IDLE_MIN && self.told.idles.len() < IDLES_MAX {
            self.told.idles.push(Idle {
                frame: passed.frame,
                by: side,
                time,
            });
        }
        self.told.ended = self.told.ended.max(passed.at);
    }

    fn handshake(&mut self, side: Side, passed: &Passed<'_>) {
        let is_syn = passed.tcp.header.flags.contains(TcpFlags::SYN);
        let is_answered = self.halves[Side::B.index()].sent.syn.is_some();
        match (side, is_syn) {
            (Side::A, true) if !is_answered => self.syn_at = Some(passed.at),
            (Side::A, false) if is_answered && self.told.initial_rtt.is_none() => {
                let syn_at = self.syn_at.take();
                self.told.initial_rtt = syn_at.map(|at| passed.at.duration_since(at));
            }
            _ => {}
        }
    }

    /// Marks a segment of `side` that is known only now to be in vain.
    fn mark_spurious(&mut self, side: Side, place: Option<usize>) {
        self.halves[side.index()].sent.marks[usize::from(Mark::Spurious as u8)] += 1;
        if let Some(segment) = place.and_then(|place| self.told.segments.get_mut(place)) {
            segment.marks.add(Mark::Spurious);
        }
    }

    /// Where nobody reports what came twice, the acknowledgments tell of it.
    fn take_answer(&mut self, side: Side, passed: &Passed<'_>, numbers: &Numbers) {
        let pair = self.pair(side);
        let header = &passed.tcp.header;
        let is_ack = header.flags.contains(TcpFlags::ACK) && !numbers.rst;
        let Some(ack) = pair.sender.ack.filter(|_| is_ack && !pair.sack) else {
            return;
        };
        let echo = header.options.timestamps.map(|both| both.echo);
        for place in pair.receiver.answered(ack, passed.at, echo) {
            self.mark_spurious(side.other(), place);
        }
    }

    /// A reset ends the connection unless its number lies outside of what is expected.
    fn take_reset(&mut self, side: Side, passed: &Passed<'_>, numbers: &Numbers) {
        let (state, other_state) = (self.state(side), self.state(side.other()));
        let sender = &self.halves[side.index()];
        let receiver = &self.halves[side.other().index()];
        let is_refusal = side == Side::B && other_state == State::SynSent;
        let expected = receiver.ack.unwrap_or_default().min(sender.in_order());
        let edge = receiver.edge.max(sender.next);
        let is_ignored = !is_refusal
            && receiver.ack.is_some()
            && !(expected..=edge).contains(&numbers.range.start);
        if self.told.resets.len() < RESETS_MAX {
            self.told.resets.push(Reset {
                frame: passed.frame,
                by: side,
                state,
                other_state,
                is_ignored,
            });
        }
        if !is_ignored {
            self.reset.get_or_insert((side, is_refusal));
        }
    }

    /// The state of a side by what both have sent (RFC 9293 3.3.2).
    fn state(&self, side: Side) -> State {
        let own = &self.halves[side.index()];
        let other = &self.halves[side.other().index()];
        if self.reset.is_some() {
            return State::Closed;
        }
        match (own.sent.syn.is_some(), other.sent.syn.is_some()) {
            (true, false) if other.next == 0 => return State::SynSent,
            (false, true) if own.next == 0 => return State::Listen,
            (true, true) if other.ack.unwrap_or_default() == 0 => return State::SynReceived,
            _ => {}
        }
        match (own.fin.is_some(), own.end_acked_by(other), other.ended()) {
            (false, _, false) => State::Established,
            (false, _, true) => State::CloseWait,
            (true, false, false) => State::FinWait1,
            (true, true, false) => State::FinWait2,
            (true, false, true) if own.closes_last => State::LastAck,
            (true, true, true) if own.closes_last => State::Closed,
            (true, false, true) => State::Closing,
            (true, true, true) => State::TimeWait,
        }
    }

    fn close(&self) -> Close {
        if let Some((by, is_refusal)) = self.reset {
            return if is_refusal {
                Close::Refused
            } else {
                Close::Reset { by }
            };
        }
        let [a, b] = &self.halves;
        let is_over = a.end_acked_by(b) && b.end_acked_by(a);
        match (self.state(Side::A), self.closer) {
            (State::SynSent, _) => Close::NoAnswer,
            (_, Some(first)) if is_over => Close::Both { first },
            (_, Some(by)) => Close::Half { by },
            (_, None) => Close::Open,
        }
    }

    /// Counts the marks, and keeps the segment if there is room.
    fn keep(&mut self, side: Side, passed: &Passed<'_>, numbers: &Numbers, marks: Marks) {
        let pair = self.pair(side);
        let header = &passed.tcp.header;
        let has_ack = header.flags.contains(TcpFlags::ACK);
        let ack = pair.receiver.relative(header.ack);
        let window = pair.window_of(header);
        let acked = pair.receiver.ack;
        let in_flight = acked.map_or(0, |acked| pair.sender.next.saturating_sub(acked));
        let sent = &mut pair.sender.sent;
        sent.segments += 1;
        if !numbers.range.is_empty() && in_flight > sent.in_flight_max {
            sent.in_flight_max = in_flight;
            sent.in_flight_max_window = pair.receiver.window;
        }
        for mark in marks.iter() {
            sent.marks[usize::from(mark as u8)] += 1;
        }
        pair.sender.last_marks = marks;
        if passed.place.is_none() {
            return;
        }
        let blocks = header.options.sack;
        let sack: Vec<(u64, u64)> = blocks
            .as_slice()
            .iter()
            .map(|block| [block.left, block.right].map(|edge| pair.receiver.relative(edge)))
            .map(|[left, right]| (left, right))
            .collect();
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let timestamps = header.options.timestamps;
        let segment = Segment {
            at: passed.at,
            seq: numbers.range.start,
            ack: if has_ack { ack } else { 0 },
            marks,
            frame: passed.frame,
            len: small(numbers.len),
            window: small(window),
            in_flight: small(in_flight),
            timestamps: timestamps.map_or((0, 0), |both| (both.value, both.echo)),
            comment: passed.comment,
            sack_at: u32::try_from(self.told.sack.len()).unwrap_or(u32::MAX),
            flags: header.flags,
            side,
            sack_len: u8::try_from(sack.len()).expect("at most four blocks"),
        };
        self.told.sack_seen |= !sack.is_empty();
        self.told.sack.extend(sack);
        self.note_states();
        self.told.segments.push(segment);
    }

    /// Takes note of the states with the segment that is kept next.
    fn note_states(&mut self) {
        let of = Side::BOTH.map(|side| self.state(side));
        let states = &mut self.told.states;
        if states.last().is_none_or(|last| last.of != of) {
            let from = self.told.segments.len();
            states.push(States { from, of });
        }
    }
}

impl Connection {
    fn new(ends: [SocketAddr; 2], at: Instant, is_reuse: bool) -> Self {
        Self {
            ends,
            began: at,
            ended: at,
            sent: Default::default(),
            initial_rtt: None,
            resets: Vec::new(),
            idles: Vec::new(),
            close: Close::Open,
            is_reuse,
            segments: Vec::new(),
            states: Vec::new(),
            sack: Vec::new(),
            sack_seen: false,
        }
    }
}
