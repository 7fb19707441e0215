//! One connection as a bystander at our device sees it: both directions, our state, its figures.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Gso;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, FrameRecord};
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_tcp::State;

use super::half::{Arrival, Half};
use super::note::Note;
use super::rtt::Rtt;
use crate::summary::{Ending, Summary};
use crate::view::TcpView;

/// Below this, a segment that fills a hole counts as overtaken when no round-trip time is known.
const OVERTAKEN_MAX: Duration = Duration::from_millis(3);

/// One connection.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    ours: Half,
    theirs: Half,
    state: State,
    /// Who sent the first FIN.
    closer: Option<Direction>,
    /// The peer had ended when our FIN went out: we wait for nothing but its acknowledgment.
    passive_close: bool,
    reset: Option<Direction>,
    refused: bool,
    rtt: Rtt,
    opened_at: Instant,
    last_at: Instant,
    last_data_at: [Instant; 2],
}

/// What one segment was in its connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Relative number of its first byte (or SYN).
    pub(crate) seq: u64,
    /// Relative acknowledgment number.
    pub(crate) ack: Option<u64>,
    /// Window in bytes, scaled.
    pub(crate) window: u64,
    /// SACK blocks as relative numbers.
    pub(crate) sack: Vec<Range<u64>>,
    /// What there is to say.
    pub(crate) notes: Vec<Note>,
}

impl Flow {
    /// A connection whose first segment is `tcp`.
    pub(crate) fn new(frame: &FrameRecord<'_>, tcp: &TcpView) -> Self {
        let (local, remote) = ends(frame.direction, tcp);
        let is_syn = tcp.header.flags.contains(TcpFlags::SYN);
        let state = match (is_syn, frame.direction) {
            (true, Direction::In) => State::Listen,
            (true, Direction::Out) => State::Closed,
            (false, _) => State::Established,
        };
        Self {
            local,
            remote,
            ours: Half::default(),
            theirs: Half::default(),
            state,
            closer: None,
            passive_close: false,
            reset: None,
            refused: false,
            rtt: Rtt::default(),
            opened_at: frame.at,
            last_at: frame.at,
            last_data_at: [frame.at; 2],
        }
    }

    /// Whether `tcp` begins a new connection between the same ends.
    pub(crate) fn is_succeeded_by(&self, direction: Direction, tcp: &TcpView) -> bool {
        let flags = tcp.header.flags;
        let opens = flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK);
        let half = self.half(direction);
        let is_repeat = half.syn && half.relative(tcp.header.seq) == 0;
        let is_over = matches!(self.state, State::Closed | State::TimeWait);
        opens && half.syn && (is_over || !is_repeat)
    }

    /// Takes note of one segment.
    pub(crate) fn observe(&mut self, frame: &FrameRecord<'_>, tcp: &TcpView) -> Step {
        let header = &tcp.header;
        let has_ack = header.flags.contains(TcpFlags::ACK);
        let mut notes = Vec::new();
        if tcp.bad_checksum {
            notes.push(Note::BadChecksum);
            return self.step(frame.direction, header, notes);
        }
        self.last_at = frame.at;
        let (sender, receiver) = self.halves(frame.direction);
        sender.start_at(header);
        if has_ack {
            receiver.start_from_ack(header.ack);
        }
        sender.traffic.segments += wire_segments(frame.gso);
        if header.flags.contains(TcpFlags::RST) {
            self.reset(frame.direction, header, &mut notes);
        } else {
            self.take_text(frame, tcp, &mut notes);
            if has_ack {
                self.take_ack(frame, tcp, &mut notes);
            }
        }
        let state = self.next_state();
        if state != self.state {
            self.state = state;
            notes.push(Note::Entered(state));
        }
        self.step(frame.direction, header, notes)
    }

    /// The figures up to now.
    pub(crate) fn summary(&self) -> Summary {
        let busier = usize::from(self.theirs.traffic.bytes > self.ours.traffic.bytes);
        let bytes = self.ours.traffic.bytes.max(self.theirs.traffic.bytes);
        let time = self.last_data_at[busier].duration_since(self.opened_at);
        let rate = (u128::from(bytes) * 8_000_000_000).checked_div(time.as_nanos());
        Summary {
            local: self.local,
            remote: self.remote,
            sent: self.ours.traffic,
            received: self.theirs.traffic,
            srtt: self.rtt.smoothed(),
            rtt_min: self.rtt.least(),
            duration: self.last_at.duration_since(self.opened_at),
            goodput: rate
                .filter(|&rate| rate > 0)
                .and_then(|rate| u64::try_from(rate).ok()),
            state: self.state,
            ending: self.ending(),
        }
    }

    /// The bytes (and SYN, FIN) of a segment.
    fn take_text(&mut self, frame: &FrameRecord<'_>, tcp: &TcpView, notes: &mut Vec<Note>) {
        let is_ours = frame.direction == Direction::Out;
        let infer = frame.cause == Cause::Unstated;
        let overtaken_max = self.rtt.least().unwrap_or(OVERTAKEN_MAX);
        let (sender, _) = self.halves(frame.direction);
        let text = Text::of(sender, tcp);
        if text.is_keep_alive(sender) {
            notes.extend(infer.then_some(Note::KeepAlive));
            return;
        }
        let is_window_probe = text.is_window_probe(sender);
        if text.fin {
            sender.fin = Some(text.range.end - 1);
        }
        let arrival = sender.take(frame.at, text.range.clone());
        let verdict = judge(arrival, frame, overtaken_max);
        let is_resent = verdict.is_resent && !is_window_probe;
        let is_new = text.len > 0 && (text.is_beyond() || matches!(arrival, Arrival::Fills { .. }));
        let segments = wire_segments(frame.gso);
        sender.traffic.bytes += text.new_bytes(arrival);
        if verdict.is_out_of_order {
            sender.traffic.out_of_order += segments;
        }
        if is_resent {
            sender.traffic.retransmissions += segments;
            sender.traffic.retransmitted_bytes += text.len;
        }
        if is_window_probe {
            notes.extend(infer.then_some(Note::WindowProbe));
        } else {
            notes.extend(verdict.note);
            let fills_window = sender.edge == Some(text.range.start + text.len);
            notes.extend((text.len > 0 && fills_window).then_some(Note::WindowFull));
        }
        if is_ours && is_resent {
            self.rtt.forget();
        } else if is_ours && text.is_beyond() {
            self.rtt.sent(text.range.end, frame.at);
        }
        if is_new {
            self.last_data_at[usize::from(!is_ours)] = frame.at;
        }
        if text.fin {
            self.closer.get_or_insert(frame.direction);
            if is_ours && text.is_beyond() {
                self.passive_close = self.theirs.ended();
            }
        }
    }

    /// What a segment acknowledges, and the window that it grants.
    fn take_ack(&mut self, frame: &FrameRecord<'_>, tcp: &TcpView, notes: &mut Vec<Note>) {
        let header = &tcp.header;
        let (syn, fin) = (
            header.flags.contains(TcpFlags::SYN),
            header.flags.contains(TcpFlags::FIN),
        );
        let window = self.scaled_window(frame.direction, header);
        let (sender, receiver) = self.halves(frame.direction);
        let ack = receiver.relative(header.ack);
        let sack = header.options.sack.as_slice();
        let is_pure = tcp.payload_len == 0 && !syn && !fin;
        let in_flight = receiver.next > receiver.acked;
        let is_duplicate = is_pure
            && in_flight
            && ack == receiver.acked
            && (receiver.window == Some(window) || !sack.is_empty())
            && receiver.window != Some(0);
        let states_it = frame.cause == Cause::DuplicateAck;
        if is_duplicate && frame.cause == Cause::Unstated {
            receiver.duplicate_acks += 1;
            sender.traffic.duplicate_acks += 1;
            notes.push(Note::DuplicateAck(receiver.duplicate_acks));
        } else if states_it {
            sender.traffic.duplicate_acks += 1;
        } else if ack > receiver.acked {
            receiver.duplicate_acks = 0;
        }
        let reports = sack
            .first()
            .is_some_and(|block| receiver.relative(block.left) < ack);
        if reports && frame.cause == Cause::Unstated {
            notes.push(Note::DuplicateReported);
        }
        if window == 0 {
            sender.traffic.zero_windows += 1;
            notes.push(Note::WindowZero);
        } else if receiver.window == Some(0) {
            notes.push(Note::WindowOpen);
        }
        receiver.acked = receiver.acked.max(ack);
        receiver.window = Some(window);
        receiver.edge = receiver.edge.max(Some(ack + window));
        if frame.direction == Direction::In {
            self.rtt.acked(ack, frame.at);
        }
    }

    /// A reset ends the connection unless its number is beyond belief.
    fn reset(&mut self, direction: Direction, header: &TcpHeader, notes: &mut Vec<Note>) {
        let was_opening = self.state == State::SynSent;
        let (sender, _) = self.halves(direction);
        let seq = sender.relative(header.seq);
        let expected = sender.in_order();
        let edge = sender.edge.unwrap_or(expected);
        let is_refusal = direction == Direction::In && was_opening;
        if is_refusal
            || direction == Direction::Out
            || (expected..=edge.max(expected)).contains(&seq)
        {
            self.reset.get_or_insert(direction);
            self.refused |= is_refusal;
        } else {
            notes.push(Note::ResetIgnored);
        }
    }

    /// Our state by RFC 9293 3.3.2, from what both sides have said.
    fn next_state(&self) -> State {
        let (ours, theirs) = (&self.ours, &self.theirs);
        if self.reset.is_some() {
            return State::Closed;
        }
        match (ours.syn, theirs.syn) {
            (true, false) if theirs.next == 0 => return State::SynSent,
            (false, true) if ours.next == 0 => return State::Listen,
            (true, true) if ours.acked == 0 => return State::SynReceived,
            _ => {}
        }
        match (ours.fin.is_some(), ours.end_acked(), theirs.ended()) {
            (false, _, false) => State::Established,
            (false, _, true) => State::CloseWait,
            (true, false, false) => State::FinWait1,
            (true, true, false) => State::FinWait2,
            (true, false, true) if self.passive_close => State::LastAck,
            (true, true, true) if self.passive_close => State::Closed,
            (true, false, true) => State::Closing,
            (true, true, true) => State::TimeWait,
        }
    }

    fn ending(&self) -> Ending {
        if self.refused {
            return Ending::Refused;
        }
        if let Some(by) = self.reset {
            return Ending::Reset { by };
        }
        match (self.state, self.closer) {
            (State::SynSent, _) => Ending::NoAnswer,
            (State::TimeWait | State::Closed, Some(first)) => Ending::Closed { first },
            (_, Some(by)) => Ending::HalfClosed { by },
            (_, None) => Ending::Open,
        }
    }

    /// Windows are scaled when both SYNs said so, and never in a SYN (RFC 7323 2.2).
    fn scaled_window(&self, direction: Direction, header: &TcpHeader) -> u64 {
        let window = u64::from(header.window);
        let other = self.half(opposite(direction)).scale;
        match (self.half(direction).scale, other) {
            (Some(shift), Some(_)) if !header.flags.contains(TcpFlags::SYN) => window << shift,
            _ => window,
        }
    }

    fn step(&self, direction: Direction, header: &TcpHeader, notes: Vec<Note>) -> Step {
        let receiver = self.half(opposite(direction));
        let has_ack = header.flags.contains(TcpFlags::ACK);
        let sack = header.options.sack.as_slice();
        Step {
            seq: self.half(direction).relative(header.seq),
            ack: has_ack.then(|| receiver.relative(header.ack)),
            window: self.scaled_window(direction, header),
            sack: sack
                .iter()
                .map(|block| receiver.relative(block.left)..receiver.relative(block.right))
                .collect(),
            notes,
        }
    }

    fn half(&self, direction: Direction) -> &Half {
        match direction {
            Direction::Out => &self.ours,
            Direction::In => &self.theirs,
        }
    }

    /// The sender's half and the receiver's.
    fn halves(&mut self, direction: Direction) -> (&mut Half, &mut Half) {
        match direction {
            Direction::Out => (&mut self.ours, &mut self.theirs),
            Direction::In => (&mut self.theirs, &mut self.ours),
        }
    }
}

/// The numbers that a segment takes, beside those that its side has used before.
struct Text {
    /// From the first number to the one behind the last; SYN and FIN take one each.
    range: Range<u64>,
    /// Bytes of the stream.
    len: u64,
    syn: bool,
    fin: bool,
    /// Behind the last number that had passed before.
    next: u64,
}

impl Text {
    fn of(sender: &Half, tcp: &TcpView) -> Self {
        let (flags, next) = (tcp.header.flags, sender.next);
        let (syn, fin) = (flags.contains(TcpFlags::SYN), flags.contains(TcpFlags::FIN));
        let len = u64::try_from(tcp.payload_len).expect("a payload fits into 64 bits");
        let start = sender.relative(tcp.header.seq);
        let end = start + len + u64::from(syn) + u64::from(fin);
        Self {
            range: start..end,
            len,
            syn,
            fin,
            next,
        }
    }

    /// Whether some of it had not passed before and lies behind all that had.
    fn is_beyond(&self) -> bool {
        self.range.end > self.next
    }

    /// At most a byte that could be a probe of some kind.
    fn is_probe(&self) -> bool {
        self.next > 1 && self.len <= 1 && !self.syn && !self.fin
    }

    /// An acknowledged byte, or none before it (RFC 9293 3.8.4).
    fn is_keep_alive(&self, sender: &Half) -> bool {
        let is_old = self.range.start + 1 == self.next && self.range.end <= self.next;
        self.is_probe() && is_old && sender.acked == self.next
    }

    fn is_window_probe(&self, sender: &Half) -> bool {
        self.is_probe() && self.len == 1 && sender.window == Some(0)
    }

    /// Bytes of the stream that had not passed before.
    fn new_bytes(&self, arrival: Arrival) -> u64 {
        let beyond = self
            .range
            .end
            .saturating_sub(self.next.max(self.range.start));
        let control = u64::from(self.syn && self.next == 0) + u64::from(self.fin);
        let filling = match arrival {
            Arrival::Fills { .. } => self.len.min(self.next - self.range.start),
            _ => 0,
        };
        beyond.saturating_sub(control) + filling
    }
}

/// What the arrival of bytes means.
#[derive(Default)]
struct Verdict {
    note: Option<Note>,
    is_resent: bool,
    is_out_of_order: bool,
}

/// Tells losses from reorderings: a hole that is filled sooner than a resent segment could come
/// was made by one that was overtaken.
fn judge(arrival: Arrival, frame: &FrameRecord<'_>, overtaken_max: Duration) -> Verdict {
    let is_stated = matches!(
        frame.cause,
        Cause::FastRetransmit(_) | Cause::TimeoutRetransmit(_) | Cause::Resend
    );
    let out_of_order = |note| Verdict {
        note: Some(note),
        is_resent: is_stated,
        is_out_of_order: true,
    };
    match arrival {
        Arrival::Nothing | Arrival::New => Verdict {
            is_resent: is_stated,
            ..Verdict::default()
        },
        Arrival::BehindNewHole(missing) => out_of_order(Note::OutOfOrder { missing }),
        Arrival::BehindHole => out_of_order(Note::BehindHole),
        Arrival::Fills {
            hole_seen_at,
            all_closed,
        } => {
            let waited = frame.at.duration_since(hole_seen_at);
            let is_resent = is_stated || waited >= overtaken_max;
            let note = if is_resent {
                Note::FillsHole { all_closed }
            } else {
                Note::Late { all_closed }
            };
            Verdict {
                note: Some(note),
                is_resent,
                is_out_of_order: false,
            }
        }
        Arrival::Again => {
            let note = (frame.cause == Cause::Unstated).then_some(Note::Retransmission);
            Verdict {
                note,
                is_resent: true,
                is_out_of_order: false,
            }
        }
    }
}

/// Our end and the other one.
pub(super) fn ends(direction: Direction, tcp: &TcpView) -> (SocketAddr, SocketAddr) {
    match direction {
        Direction::Out => (tcp.source, tcp.destination),
        Direction::In => (tcp.destination, tcp.source),
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Out => Direction::In,
        Direction::In => Direction::Out,
    }
}

fn wire_segments(gso: Option<Gso>) -> u64 {
    gso.map_or(1, |gso| u64::from(gso.segments.get()))
}
