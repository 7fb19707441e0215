//! The world of `pair`: two ends, their applications, the link between them, and a referee.
#![allow(unreachable_pub, missing_docs, reason = "part of one test")]

use std::collections::BTreeMap;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{Ace, SeqNumber};
use handfast_tcp::{
    CloseReason, Config, Connection, Control, Cx, EcnMode, Initial, Path, Pool, ReadError, Segment,
    State, Transmit,
};

/// No side sends more than this at one moment.
const BURST_MAX: usize = 10_000;
/// The application looks at its socket this often, at the latest.
const TICK: u64 = 20;

/// Faults happen only before this.
pub const FAULTS: Duration = Duration::from_secs(20);
/// From the end of the faults to the end of everything: a few backed-off timeouts of a minute.
pub const LIVENESS: Duration = Duration::from_secs(600);

#[derive(Clone, Debug)]
pub struct SidePlan {
    pub send_buffer: usize,
    pub receive_buffer: usize,
    pub timestamps: bool,
    pub sack: bool,
    pub window_scaling: bool,
    pub ecn: EcnMode,
    pub nagle: bool,
    pub mss: u16,
    pub max_gso: u32,
    /// Length of the stream that this side sends.
    pub bytes: usize,
    pub iss: u32,
    /// Most bytes that the application writes or reads at once.
    pub gulp: usize,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub sides: [SidePlan; 2],
    /// Percent of the wire segments.
    pub loss: u32,
    pub duplicate: u32,
    /// Percent of the ECN-capable wire segments that are marked.
    pub mark: u32,
    /// Percent of the super-segments that arrive as one.
    pub merge: u32,
    pub delay: Duration,
    pub jitter: Duration,
    /// Percent of the arrivals that wait for others before anything is sent.
    pub batch: u32,
    /// The path's MTU changes now and then.
    pub path_changes: bool,
    pub faults: Duration,
}

/// What must be equal when a world runs twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub ended: Duration,
    pub sent: usize,
    pub storm: usize,
    pub retransmissions: u64,
    pub hash: u64,
}

impl Outcome {
    /// It came to an end in time, and not by a storm.
    pub fn check(&self) {
        assert!(
            self.ended - FAULTS.min(self.ended) <= LIVENESS,
            "it took {:?}",
            self.ended
        );
        // The bound is a few times what an exchange of small pieces needs.
        assert!(
            self.sent <= self.storm,
            "{} segments, at most {}",
            self.sent,
            self.storm
        );
    }
}

enum Happening {
    /// A segment arrives at a side.
    Arrive(usize, Segment),
    /// The application of a side looks at its socket.
    Tick(usize),
    /// A timer of a side may have run out.
    Timer(usize),
    /// A side sends what it has to send.
    Settle(usize),
}

struct Side {
    connection: Option<Connection>,
    pool: Pool,
    written: usize,
    read: usize,
    shut: bool,
    eof: bool,
    referee: Referee,
}

/// What one side has told so far, in numbers that do not wrap.
#[derive(Default)]
struct Referee {
    acked: u64,
    right_edge: u64,
    shift: Option<u8>,
    highest: u64,
}

impl Referee {
    /// The smallest step that the window field can express.
    fn unit(&self, peer: &Self) -> u64 {
        let both = self.shift.zip(peer.shift);
        1 << both.map_or(0, |(shift, _)| shift.min(14))
    }

    /// The ACK and the right edge never move left; SACK blocks lie between the two.
    fn check_ack(&mut self, peer: &Self, transmit: &Transmit, irs: u32) {
        let ack = transmit
            .ack
            .expect("every segment but the first has an ACK");
        let ack = since(ack, irs);
        assert!(ack >= self.acked, "the ACK moved left: {transmit:?}");
        assert!(
            ack <= peer.highest.max(1),
            "an ACK of what was never sent: {transmit:?}"
        );
        self.acked = ack;
        let unit = self.unit(peer);
        let edge = ack + u64::from(transmit.window) * unit;
        // Where the scale makes it coarse, it may step back within one unit (RFC 7323 2.4).
        assert!(
            edge + unit > self.right_edge,
            "the right edge moved left: {transmit:?}"
        );
        self.right_edge = self.right_edge.max(edge);
        for (place, block) in transmit.options.sack.as_slice().iter().enumerate() {
            let (left, right) = (since(block.left, irs), since(block.right, irs));
            let possible = left < right && right <= self.right_edge;
            assert!(possible, "an impossible block: {transmit:?}");
            assert!(
                place == 0 || left > ack,
                "a block of acknowledged text: {transmit:?}"
            );
        }
    }
}

/// The distance of two numbers of a stream that is shorter than 4 GiB.
fn since(seq: SeqNumber, first: u32) -> u64 {
    u64::from(seq.0.wrapping_sub(first))
}

pub struct World {
    plan: Plan,
    now: Instant,
    sides: [Side; 2],
    future: BTreeMap<(Instant, u64), Happening>,
    count: u64,
    random: u64,
    sent: usize,
    hash: u64,
}

/// Byte `at` of the stream of `side`.
fn byte(side: usize, at: usize) -> u8 {
    ((at * 31 + at / 251 + side * 101) % 253) as u8
}

impl World {
    pub fn new(plan: &Plan) -> Self {
        let side = || Side {
            connection: None,
            pool: Pool::default(),
            written: 0,
            read: 0,
            shut: false,
            eof: false,
            referee: Referee::default(),
        };
        let mut world = Self {
            plan: plan.clone(),
            now: Instant::from_secs(1_000),
            sides: [side(), side()],
            future: BTreeMap::new(),
            count: 0,
            random: plan.seed | 1,
            sent: 0,
            hash: 0,
        };
        let (config, path, initial) = world.choices(0);
        let mut cx = Cx::new(world.now, &mut world.sides[0].pool);
        world.sides[0].connection = Some(Connection::connect(&mut cx, config, path, initial));
        world.settle(0);
        for index in 0..2 {
            world.schedule(Duration::ZERO, Happening::Tick(index));
        }
        world
    }

    pub fn run(mut self, limit: Duration) -> Outcome {
        let start = Instant::from_secs(1_000);
        while !self.is_over() {
            let Some(((at, _), happening)) = self.future.pop_first() else {
                panic!(
                    "nothing will ever happen any more, yet it is not over: {}",
                    self.picture()
                );
            };
            assert!(
                at - start <= limit,
                "no end after {limit:?}: {}",
                self.picture()
            );
            self.now = at;
            match happening {
                Happening::Arrive(index, segment) => self.arrive(index, segment),
                Happening::Tick(index) => self.tick(index),
                Happening::Timer(index) => self.timer(index),
                Happening::Settle(index) => self.settle(index),
            }
        }
        self.verdict(start)
    }

    fn verdict(self, start: Instant) -> Outcome {
        let (mut retransmissions, mut segments) = (0, 40);
        for (index, side) in self.sides.iter().enumerate() {
            let plan = &self.plan.sides[index];
            assert_eq!(
                side.read,
                self.plan.sides[1 - index].bytes,
                "all was read by {index}"
            );
            let info = side.connection.as_ref().expect("it exists").info();
            assert_eq!(
                info.bytes_acked, plan.bytes as u64,
                "all was acknowledged to {index}"
            );
            assert_eq!(info.bytes_received, side.read as u64);
            assert_eq!(side.pool.in_use(), 0, "side {index} keeps memory");
            retransmissions += info.retransmissions;
            let smallest = plan
                .mss
                .min(self.plan.sides[1 - index].mss)
                .saturating_sub(12)
                .max(48);
            let smallest = if self.plan.path_changes { 78 } else { smallest };
            let pieces = plan.bytes / usize::from(smallest) + plan.bytes / plan.gulp;
            segments += 2 * pieces + plan.bytes / self.plan.sides[1 - index].gulp.min(500);
        }
        Outcome {
            ended: self.now - start,
            sent: self.sent,
            storm: 6 * segments,
            retransmissions,
            hash: self.hash,
        }
    }

    fn choices(&self, index: usize) -> (Config, Path, Initial) {
        let plan = &self.plan.sides[index];
        let config = Config {
            send_buffer: plan.send_buffer,
            receive_buffer: plan.receive_buffer,
            send_buffer_max: 0,
            receive_buffer_max: 0,
            timestamps: plan.timestamps,
            sack: plan.sack,
            window_scaling: plan.window_scaling,
            ecn: plan.ecn,
            nagle: plan.nagle,
            ..Config::default()
        };
        let path = Path {
            receive_mss: plan.mss,
            send_mss: plan.mss,
            default_mss: 536,
            max_gso: plan.max_gso,
        };
        let initial = Initial {
            seq: SeqNumber(plan.iss),
            timestamp_offset: plan.iss,
        };
        (config, path, initial)
    }

    fn is_over(&self) -> bool {
        self.sides.iter().all(|side| {
            let state = side.connection.as_ref().map(Connection::state);
            side.eof && matches!(state, Some(State::TimeWait | State::Closed))
        })
    }

    fn picture(&self) -> String {
        let side = |side: &Side| {
            let state = side.connection.as_ref().map(Connection::state);
            let due = side.connection.as_ref().and_then(Connection::next_timeout);
            let (written, read, eof) = (side.written, side.read, side.eof);
            format!("{state:?} written {written} read {read} eof {eof} timeout {due:?}")
        };
        let [a, b] = &self.sides;
        let (first, second) = (side(a), side(b));
        let (one, other) = (&a.connection, &b.connection);
        format!("at {}: {first} | {second}\n{one:?}\n{other:?}", self.now)
    }

    // ---- one side ----

    fn arrive(&mut self, index: usize, mut segment: Segment) {
        segment.received_at = self.now;
        let (config, path, initial) = self.choices(index);
        let side = &mut self.sides[index];
        let mut cx = Cx::new(self.now, &mut side.pool);
        match &mut side.connection {
            Some(connection) => connection.on_segment(&mut cx, &mut segment),
            None if segment.control == Control::Syn => {
                let accepted = Connection::accept(&mut cx, config, path, initial, &segment);
                side.connection = Some(accepted);
            }
            None => {}
        }
        if self.percent(self.plan.batch) {
            let wait = Duration::from_micros(self.draw(3_000));
            self.schedule(wait, Happening::Settle(index));
        } else {
            self.settle(index);
        }
    }

    fn timer(&mut self, index: usize) {
        let side = &mut self.sides[index];
        let connection = side
            .connection
            .as_mut()
            .expect("timers belong to connections");
        if connection.next_timeout().is_some_and(|due| due <= self.now) {
            connection.on_timeout(&mut Cx::new(self.now, &mut side.pool));
            let next = connection.next_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a timer spins");
            self.settle(index);
        }
    }

    fn tick(&mut self, index: usize) {
        let gulp = self.plan.sides[index].gulp as u64;
        let (write, read) = (1 + self.draw(gulp) as usize, 1 + self.draw(gulp) as usize);
        let wait = Duration::from_millis(self.draw(TICK));
        let total = self.plan.sides[index].bytes;
        let now = self.now;
        let (_, mut path, _) = self.choices(index);
        let changes = self.plan.path_changes && self.faulty() && self.percent(3);
        path.send_mss = 90 + self.draw(u64::from(path.send_mss)) as u16;
        let side = &mut self.sides[index];
        if let Some(connection) = &mut side.connection {
            let mut cx = Cx::new(now, &mut side.pool);
            if changes {
                connection.on_path(&mut cx, path);
            }
            let count = write.min(total - side.written).min(connection.writable());
            if count > 0 {
                let bytes: Vec<_> = (side.written..side.written + count)
                    .map(|at| byte(index, at))
                    .collect();
                side.written += connection.write(&mut cx, &bytes).expect("there is room");
            }
            if side.written == total && !side.shut {
                connection.shutdown(&mut cx);
                side.shut = true;
            }
            let mut bytes = vec![0; read];
            match connection.read(&mut cx, &mut bytes) {
                Ok(0) => side.eof = true,
                Ok(count) => {
                    for byte_read in &bytes[..count] {
                        assert_eq!(*byte_read, byte(1 - index, side.read), "at {}", side.read);
                        side.read += 1;
                    }
                }
                Err(ReadError::WouldBlock) => {}
                Err(ReadError::Closed(reason)) => panic!("{index} ended: {reason:?}"),
            }
            let ended = connection.close_reason();
            assert!(
                matches!(ended, None | Some(CloseReason::Normal)),
                "{index} ended: {ended:?}"
            );
            self.settle(index);
        }
        self.schedule(wait.max(Duration::from_millis(1)), Happening::Tick(index));
    }

    /// Sends what is to be sent, and notes when the timers want to be asked.
    fn settle(&mut self, index: usize) {
        for count in 0.. {
            assert!(count < BURST_MAX, "poll_transmit does not come to an end");
            let side = &mut self.sides[index];
            let Some(connection) = &mut side.connection else {
                return;
            };
            let mut cx = Cx::new(self.now, &mut side.pool);
            let Some(transmit) = connection.poll_transmit(&mut cx) else {
                break;
            };
            self.sent += 1;
            self.referee(index, &transmit);
            self.link(1 - index, &transmit);
        }
        let connection = self.sides[index]
            .connection
            .as_ref()
            .expect("checked above");
        if let Some(due) = connection.next_timeout() {
            self.schedule(due - self.now, Happening::Timer(index));
        }
        let connection = self.sides[index]
            .connection
            .as_mut()
            .expect("checked above");
        while connection.poll_event().is_some() {}
    }

    // ---- the link ----

    fn link(&mut self, to: usize, transmit: &Transmit) {
        let bytes = transmit.payload.to_vec();
        let merge = self.percent(self.plan.merge);
        let piece = if merge {
            bytes.len()
        } else {
            usize::from(transmit.segment_len)
        }
        .max(1);
        let count = bytes.len().div_ceil(piece).max(1);
        for index in 0..count {
            let range = index * piece..bytes.len().min((index + 1) * piece);
            let last = index + 1 == count;
            let wire = range
                .len()
                .div_ceil(usize::from(transmit.segment_len.max(1)))
                .max(1);
            let faulty = self.faulty();
            let capable = transmit.ecn != Ecn::NotEct;
            let marked = capable && faulty && self.percent(self.plan.mark);
            let segment = Segment {
                seq: SeqNumber(transmit.seq.0.wrapping_add(range.start as u32)),
                ack: transmit.ack,
                control: if last {
                    transmit.control
                } else {
                    Control::None
                },
                push: last && transmit.push,
                window: transmit.window,
                urgent: transmit.urgent,
                options: transmit.options,
                payload: Chunk::from(bytes[range].to_vec()).into(),
                received_at: self.now,
                wire_segments: wire as u16,
                ecn: if marked { Ecn::Ce } else { transmit.ecn },
                ace: if index == 0 {
                    transmit.ace
                } else {
                    // As all devices that cut: CWR stays on the first piece only.
                    Ace::from_bits(transmit.ace.bits() & !Ace::CWR.bits())
                },
            };
            if faulty && self.percent(self.plan.loss) {
                continue;
            }
            let copies = 1 + usize::from(faulty && self.percent(self.plan.duplicate));
            for _ in 0..copies {
                let jitter = self.plan.jitter.as_micros() as u64;
                let jitter = if faulty { self.draw(jitter + 1) } else { 0 };
                let delay = self.plan.delay + Duration::from_micros(jitter);
                self.schedule(delay, Happening::Arrive(to, segment.clone()));
            }
        }
    }

    // ---- the referee ----

    fn referee(&mut self, index: usize, transmit: &Transmit) {
        self.note(index, transmit);
        let control = transmit.control;
        assert_ne!(
            control,
            Control::Rst,
            "nobody has a reason to reset: {transmit:?}"
        );
        let [iss, irs] = [index, 1 - index].map(|index| self.plan.sides[index].iss);
        let buffer = self.plan.sides[index].receive_buffer as u64;
        let [first, second] = &mut self.sides;
        let (ours, theirs) = if index == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let (mine, peer) = (&mut ours.referee, &theirs.referee);
        if control == Control::Syn {
            mine.shift = transmit.options.window_scale;
            mine.right_edge = 1 + u64::from(transmit.window);
            return;
        }
        let (from, len) = (since(transmit.seq, iss), transmit.payload.len() as u64);
        assert!(from >= 1, "text before the SYN: {transmit:?}");
        mine.check_ack(peer, transmit, irs);
        let most = 1 + ours.read as u64 + buffer + mine.unit(peer);
        assert!(
            mine.right_edge <= most,
            "the window exceeds the buffer: {transmit:?}"
        );
        if len > 0 {
            // Beyond the window only a probe of one byte.
            let limit = peer.right_edge + 1;
            assert!(
                from + len <= limit,
                "text beyond the window of {limit}: {transmit:?}"
            );
            assert!(transmit.segment_len > 0, "text needs a segment length");
        }
        mine.highest = mine.highest.max(from + len + control.len());
    }

    fn note(&mut self, index: usize, transmit: &Transmit) {
        let ack = transmit.ack.map_or(0, |ack| ack.0);
        let mut numbers = vec![self.now.as_nanos(), index as u64, u64::from(transmit.seq.0)];
        numbers.extend([
            u64::from(ack),
            transmit.payload.len() as u64,
            u64::from(transmit.window),
        ]);
        for number in numbers {
            self.hash = (self.hash ^ number)
                .wrapping_mul(0x100_0000_01b3)
                .rotate_left(17);
        }
    }

    // ---- chance and time ----

    fn schedule(&mut self, wait: Duration, happening: Happening) {
        self.count += 1;
        self.future.insert((self.now + wait, self.count), happening);
    }

    /// A number below `bound`, or 0.
    fn draw(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    fn faulty(&self) -> bool {
        self.now - Instant::from_secs(1_000) < self.plan.faults
    }

    fn percent(&mut self, chance: u32) -> bool {
        self.draw(100) < u64::from(chance)
    }
}
