//! A script plays the peer of one connection in virtual time: it injects segments, collects what
//! the connection sends, and on failure shows the whole exchange.
//!
//! Both initial sequence numbers lie just before the wrap, so every test crosses it.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses its own part"
)]

pub mod setup;
mod text;
mod told;

use std::collections::VecDeque;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{
    CloseReason, Connection, Control, Cx, Event, Fact, Initial, Pool, ReadError, Segment, State,
    Transmit,
};
pub use setup::Setup;
pub use text::Names;
use told::Told;

/// No test sends more than this at one moment: more means that `poll_transmit` never ends.
const BURST_MAX: usize = 10_000;

/// Most lines of the exchange that a failure shows.
const LOG_MAX: usize = 60;

/// A full segment in most scripts.
pub const MSS: usize = 1_000;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Bytes of either stream, keyed by position: both directions look alike.
pub fn text_at(from: i64, len: usize) -> Vec<u8> {
    (from..from + len as i64)
        .map(|at| (at.rem_euclid(1 << 32) * 31 % 251) as u8)
        .collect()
}

/// A segment that passed, for a referee.
#[derive(Clone, Debug)]
pub enum Passed {
    Received(Segment),
    Sent(Instant, Transmit),
}

/// One connection and the script of its peer.
pub struct Script {
    pub now: Instant,
    pub pool: Pool,
    pub connection: Connection,
    told: Told,
    pub iss: u32,
    pub irs: u32,
    /// The window field of injected segments that say none.
    pub peer_window: u16,
    pub names: Names,
    outbox: VecDeque<Transmit>,
    /// What passed since somebody asked, where it is recorded at all.
    passed: Option<Vec<Passed>>,
    log: Vec<String>,
    written: i64,
    read: i64,
    right_edge: Option<u32>,
}

const ISS: u32 = u32::MAX - 1_499;
const IRS: u32 = u32::MAX - 2_999;
/// Not the epoch, so that "now" and "never" are different.
const START: Instant = Instant::from_secs(100);

impl Script {
    /// An active open: the SYN waits to be expected.
    pub fn connect(setup: &Setup) -> Self {
        Self::connect_with(setup, 0, |_| {})
    }

    /// An active open that is prepared, and for which `len` bytes are written, before the SYN.
    pub fn connect_with(setup: &Setup, len: usize, prepare: impl FnOnce(&mut Connection)) -> Self {
        let mut pool = Pool::default();
        let mut cx = Cx::new(START, &mut pool);
        let mut connection = Connection::connect(&mut cx, setup.config, setup.path, initial());
        prepare(&mut connection);
        if len > 0 {
            let taken = connection.write(&mut cx, &text_at(1, len));
            assert_eq!(taken, Ok(len));
        }
        let mut script = Self::new(setup, connection, pool);
        script.written += len as i64;
        script
    }

    /// A passive open that met the SYN `syn`: the SYN-ACK waits to be expected.
    pub fn accept(setup: &Setup, syn: &str) -> Self {
        Self::accept_with(setup, syn, |_, _, _| {})
    }

    /// A passive open that is prepared before the SYN-ACK.
    pub fn accept_with(
        setup: &Setup,
        syn: &str,
        prepare: impl FnOnce(&mut Connection, &mut Cx<'_>, &Segment),
    ) -> Self {
        let segment = Self::connect(setup).segment(syn);
        let mut pool = Pool::default();
        let mut cx = Cx::new(START, &mut pool);
        let initial = initial();
        let mut connection =
            Connection::accept(&mut cx, setup.config, setup.path, initial, &segment);
        prepare(&mut connection, &mut cx, &segment);
        let mut script = Self::new(setup, connection, pool);
        script.log.insert(0, format!("{:>9} < {syn}", "0"));
        if let Some(passed) = &mut script.passed {
            passed.insert(0, Passed::Received(segment));
        }
        script
    }

    fn new(setup: &Setup, connection: Connection, pool: Pool) -> Self {
        let mut script = Self {
            now: START,
            pool,
            connection,
            told: Told::default(),
            iss: ISS,
            irs: IRS,
            peer_window: setup.window,
            names: Names::default(),
            outbox: VecDeque::new(),
            passed: setup.record.then(Vec::new),
            log: Vec::new(),
            written: 1,
            read: 1,
            right_edge: None,
        };
        script.collect();
        script
    }

    /// ESTABLISHED, the handshake behind it and all events told.
    #[track_caller]
    pub fn established(setup: &Setup) -> Self {
        let (options, rtt) = (setup.options, setup.rtt);
        let mut script = if setup.passive {
            let mut script = Self::accept(setup, &format!("S 0:0(0) <{options}>"));
            script.expect("S. 0:0(0) ack 1");
            script.after(rtt);
            script.inject(&format!(". 1:1(0) ack 1 <{}>", script.stamp(setup)));
            script
        } else {
            let mut script = Self::connect(setup);
            script.expect("S 0:0(0)");
            script.after(rtt);
            script.inject(&format!("S. 0:0(0) ack 1 <{options}>"));
            script.expect(". 1:1(0) ack 1");
            script
        };
        // A buffer larger than a SYN's field can say is told at once.
        script
            .outbox
            .retain(|transmit| transmit.cause != Cause::WindowUpdate);
        script.expect_nothing();
        script.expect_state(State::Established);
        while script.connection.poll_event().is_some() {}
        script.set_names(1, 1, 1);
        script
    }

    fn stamp(&self, setup: &Setup) -> &'static str {
        if setup.config.timestamps && setup.options.contains("TS") {
            "TS val 1000 ecr 0"
        } else {
            ""
        }
    }

    /// A script in `state`, reached in the usual way. `R`, `S`, `U` and `W` are set.
    #[track_caller]
    pub fn in_state(setup: &Setup, state: State) -> Self {
        match state {
            State::SynSent => {
                let mut script = Self::connect(setup);
                script.expect("S 0:0(0)");
                script.set_names(0, 1, 0);
                return script;
            }
            State::SynReceived if setup.passive => {
                let mut script = Self::accept(setup, &format!("S 0:0(0) <{}>", setup.options));
                script.expect("S. 0:0(0) ack 1");
                script.set_names(1, 1, 0);
                return script;
            }
            State::SynReceived => {
                let mut script = Self::connect(setup);
                script.expect("S 0:0(0)");
                script.inject(&format!("S 0:0(0) <{}>", setup.options));
                script.expect("S. 0:0(0) ack 1");
                script.set_names(1, 1, 0);
                return script;
            }
            _ => {}
        }
        let mut script = Self::established(setup);
        let steps: &[&str] = match state {
            State::Established => &[],
            State::FinWait1 => &["shut"],
            State::FinWait2 => &["shut", "acked"],
            State::CloseWait => &["fin"],
            State::Closing => &["shut", "fin"],
            State::LastAck => &["fin", "shut"],
            State::TimeWait => &["shut", "acked", "fin"],
            _ => panic!("no way to {state}"),
        };
        let (mut rcv_nxt, mut snd_nxt, mut snd_una) = (1, 1, 1);
        for step in steps {
            match *step {
                "shut" => {
                    script.shutdown();
                    script.expect(&format!("F. 1:1(0) ack {rcv_nxt}"));
                    snd_nxt = 2;
                }
                "acked" => {
                    script.inject(". 1:1(0) ack 2");
                    snd_una = 2;
                }
                _ => {
                    script.inject(&format!("F. 1:1(0) ack {snd_una}"));
                    script.expect(&format!(". {snd_nxt}:{snd_nxt}(0) ack 2"));
                    rcv_nxt = 2;
                }
            }
        }
        script.expect_nothing();
        script.expect_state(state);
        while script.connection.poll_event().is_some() {}
        script.set_names(rcv_nxt, snd_nxt, snd_una);
        script
    }

    fn set_names(&mut self, rcv_nxt: i64, snd_nxt: i64, snd_una: i64) {
        let window_end = i64::from(self.connection.config().receive_buffer.min(65_535) as u32) + 1;
        self.names = Names {
            rcv_nxt,
            snd_nxt,
            snd_una,
            window_end,
        };
    }

    // ---- what the peer and the world do ----

    /// The peer's segment arrives, and what it causes leaves.
    #[track_caller]
    pub fn inject(&mut self, text: &str) {
        self.inject_batch(&[text]);
    }

    /// Segments that arrive in one batch: only then may anything leave (RFC 9293 MUST-59).
    #[track_caller]
    pub fn inject_batch(&mut self, texts: &[&str]) {
        for text in texts {
            let segment = self.segment(text);
            self.note(&format!("< {text}"));
            self.inject_segment(segment);
        }
        self.collect();
    }

    pub fn inject_segment(&mut self, mut segment: Segment) {
        self.record(|_| Passed::Received(segment.clone()));
        let mut cx = self.told.cx(self.now, &mut self.pool);
        self.connection.on_segment(&mut cx, &mut segment);
    }

    /// Time passes; timers run out when they are due.
    #[track_caller]
    pub fn after(&mut self, duration: Duration) {
        let target = self.now + duration;
        while let Some(due) = self.connection.next_timeout().filter(|&due| due <= target) {
            self.expire(due);
        }
        self.now = target;
    }

    #[track_caller]
    fn expire(&mut self, due: Instant) {
        self.now = self.now.max(due);
        let mut cx = self.told.cx(self.now, &mut self.pool);
        self.connection.on_timeout(&mut cx);
        self.collect();
        let next = self.connection.next_timeout();
        if next.is_some_and(|next| next <= self.now) {
            self.fail("a timer that ran out is still due: the caller would spin");
        }
    }

    // ---- what the application does ----

    /// Writes `len` bytes of our stream; all must be taken.
    #[track_caller]
    pub fn write(&mut self, len: usize) {
        let bytes = text_at(self.written, len);
        self.note(&format!("write {len}"));
        let mut cx = self.told.cx(self.now, &mut self.pool);
        let taken = self.connection.write(&mut cx, &bytes);
        if taken != Ok(len) {
            self.fail(&format!("writing {len} bytes gave {taken:?}"));
        }
        self.written += len as i64;
        self.collect();
    }

    /// `len` bytes of our stream were written in another way than by `write`.
    pub fn skip_written(&mut self, len: usize) {
        self.written += len as i64;
    }

    /// Reads exactly `len` bytes of the peer's stream.
    #[track_caller]
    pub fn read(&mut self, len: usize) {
        self.note(&format!("read {len}"));
        let mut bytes = vec![0; len];
        let mut cx = self.told.cx(self.now, &mut self.pool);
        let count = self.connection.read(&mut cx, &mut bytes);
        if count != Ok(len) {
            self.fail(&format!("reading {len} bytes gave {count:?}"));
        }
        if bytes != text_at(self.read, len) {
            self.fail("other bytes than the peer sent were read");
        }
        self.read += len as i64;
        self.collect();
    }

    /// What a read of one byte says now.
    pub fn try_read(&mut self) -> Result<usize, ReadError> {
        let mut cx = self.told.cx(self.now, &mut self.pool);
        self.connection.read(&mut cx, &mut [0])
    }

    pub fn shutdown(&mut self) {
        self.verb("shutdown", Connection::shutdown);
    }

    pub fn close(&mut self) {
        self.verb("close", Connection::close);
    }

    pub fn abort(&mut self) {
        self.verb("abort", Connection::abort);
    }

    pub fn verb(&mut self, name: &str, verb: impl FnOnce(&mut Connection, &mut Cx<'_>)) {
        self.note(name);
        let mut cx = self.told.cx(self.now, &mut self.pool);
        verb(&mut self.connection, &mut cx);
        self.collect();
    }

    // ---- what must come of it ----

    /// The next segment that was sent is this one.
    #[track_caller]
    pub fn expect(&mut self, expected: &str) -> Transmit {
        let Some(transmit) = self.outbox.pop_front() else {
            self.fail(&format!("nothing was sent, expected {expected}"));
        };
        if !self.is_as_expected(&transmit, expected) {
            let seen = self.describe(&transmit);
            self.fail(&format!("expected  {expected}\n     seen {seen}"));
        }
        transmit
    }

    /// The next segment that was sent, whatever it is.
    #[track_caller]
    pub fn expect_any(&mut self) -> Transmit {
        let next = self.outbox.pop_front();
        next.unwrap_or_else(|| self.fail("nothing was sent, expected something"))
    }

    /// The next segments carry exactly these bytes of our stream, in order, however they are cut.
    #[track_caller]
    pub fn expect_bytes(&mut self, from: i64, end: i64) {
        let mut at = from;
        while at < end {
            let Some(transmit) = self.outbox.pop_front() else {
                self.fail(&format!("nothing was sent, expected the bytes {at}:{end}"));
            };
            let start = i64::from(transmit.seq.0.wrapping_sub(self.iss).cast_signed());
            let len = transmit.payload.len() as i64;
            if start != at || len == 0 || at + len > end {
                let seen = self.describe(&transmit);
                self.fail(&format!("expected the bytes {at}:{end}, seen {seen}"));
            }
            at += len;
        }
    }

    /// Nothing leaves for `duration`, then this segment at once.
    #[track_caller]
    pub fn expect_after(&mut self, duration: Duration, expected: &str) -> Transmit {
        self.expect_nothing();
        let target = self.now + duration;
        while self.outbox.is_empty() {
            match self.connection.next_timeout().filter(|&due| due <= target) {
                Some(due) => self.expire(due),
                None => break,
            }
        }
        if self.now < target && !self.outbox.is_empty() {
            let early = self.describe(&self.outbox[0]);
            let left = target - self.now;
            self.fail(&format!(
                "expected  {expected} at {target}\n{left:?} too early: {early}"
            ));
        }
        self.now = target;
        self.expect(expected)
    }

    #[track_caller]
    pub fn expect_nothing(&self) {
        if let Some(transmit) = self.outbox.front() {
            self.fail(&format!(
                "nothing was expected\n     seen {}",
                self.describe(transmit)
            ));
        }
    }

    #[track_caller]
    pub fn expect_nothing_for(&mut self, duration: Duration) {
        self.expect_nothing();
        self.after(duration);
        self.expect_nothing();
    }

    #[track_caller]
    pub fn expect_state(&self, state: State) {
        let seen = self.connection.state();
        if seen != state {
            self.fail(&format!("expected state {state}, seen {seen}"));
        }
    }

    #[track_caller]
    pub fn expect_closed(&self, reason: CloseReason) {
        self.expect_state(State::Closed);
        let seen = self.connection.close_reason();
        if seen != Some(reason) {
            self.fail(&format!("expected to be {reason:?}, seen {seen:?}"));
        }
        if self.connection.next_timeout().is_some() {
            self.fail("a closed connection waits for nothing");
        }
    }

    /// Exactly these events, in this order.
    #[track_caller]
    pub fn expect_events(&mut self, expected: &[Event]) {
        let seen: Vec<_> = std::iter::from_fn(|| self.connection.poll_event()).collect();
        if seen != expected {
            self.fail(&format!("expected the events {expected:?}, seen {seen:?}"));
        }
    }

    /// Everything that was sent and not yet expected.
    pub fn sent(&mut self) -> Vec<Transmit> {
        self.outbox.drain(..).collect()
    }

    /// Everything that was sent and not yet expected, as text.
    pub fn sent_text(&mut self) -> Vec<String> {
        let sent = self.sent();
        sent.iter()
            .map(|transmit| self.describe(transmit))
            .collect()
    }

    #[track_caller]
    pub fn fail(&self, message: &str) -> ! {
        let recent = &self.log[self.log.len().saturating_sub(LOG_MAX)..];
        panic!(
            "{message}\n--- the exchange (ours >, the peer's <) ---\n{}",
            recent.join("\n")
        );
    }

    // ---- bookkeeping ----

    fn record(&mut self, what: impl FnOnce(Instant) -> Passed) {
        if let Some(passed) = &mut self.passed {
            passed.push(what(self.now));
        }
    }

    /// What passed since this was asked last, in order.
    pub fn take_passed(&mut self) -> Vec<Passed> {
        self.passed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note(&mut self, what: &str) {
        let at = self.now - START;
        self.log.push(format!("{:>9.3} {what}", at.as_secs_f64()));
    }

    /// Takes what the connection wants to send, and checks what must always be true of it.
    #[track_caller]
    fn collect(&mut self) {
        for _ in 0..BURST_MAX {
            let mut cx = self.told.cx(self.now, &mut self.pool);
            let Some(transmit) = self.connection.poll_transmit(&mut cx) else {
                return self.read_journal();
            };
            self.note(&format!("> {}", self.describe(&transmit)));
            self.record(|now| Passed::Sent(now, transmit.clone()));
            self.check(&transmit);
            self.outbox.push_back(transmit);
        }
        self.fail("poll_transmit does not come to an end");
    }

    /// What was written into the journal since this was asked last.
    pub fn facts(&mut self) -> Vec<Fact> {
        self.told.take()
    }

    #[track_caller]
    fn read_journal(&mut self) {
        if let Err(message) = self.told.read(&self.connection) {
            self.fail(&message);
        }
    }

    #[track_caller]
    fn check(&mut self, transmit: &Transmit) {
        let len = transmit.payload.len();
        if len > 0 {
            let from = i64::from(transmit.seq.0.wrapping_sub(self.iss).cast_signed());
            // The text of a SYN stands behind it.
            let from = from + i64::from(transmit.control == Control::Syn);
            if transmit.payload.to_vec() != text_at(from, len) {
                self.fail("other bytes than the application wrote were sent");
            }
            if transmit.segment_len == 0 {
                self.fail("text needs a segment length");
            }
        }
        let (Some(ack), Control::None) = (transmit.ack, transmit.control) else {
            return;
        };
        // The right edge of the window never moves left (RFC 9293 SHLD-14).
        let edge = ack.0.wrapping_add(u32::from(transmit.window));
        let scaled = self.connection.config().window_scaling;
        if !scaled
            && self
                .right_edge
                .is_some_and(|old| edge.wrapping_sub(old) > 1 << 31)
        {
            self.fail("the right edge of our window moved left");
        }
        self.right_edge = Some(edge);
    }
}

fn initial() -> Initial {
    Initial {
        seq: SeqNumber(ISS),
        timestamp_offset: 0,
    }
}
