//! The world of `operations`: a connection to which anything may happen, and what must hold then.
//! Fuzz targets use it too.
#![allow(unreachable_pub, missing_docs, reason = "part of one test")]

use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{Ace, SackBlock, SeqNumber, TcpOptions, Timestamps, UserTimeout};
use handfast_tcp::{Connection, Control, IcmpError, Path, Segment, State, WriteError};

use super::common::{Script, Setup, ms, text_at};

/// One thing that happens to a connection.
#[derive(Clone, Debug)]
pub enum Operation {
    Segment(Guess),
    Write(usize),
    Read(usize),
    Shutdown,
    Close,
    Abort,
    After(u64),
    Path(u16),
    Icmp(bool, i64),
    /// An ICMP error about a number, the MTU of the next hop.
    TooBig(i64, u16),
    /// Text to which the urgent pointer points.
    Urgent(usize),
}

/// A segment in terms of what the connection expects.
#[derive(Clone, Debug)]
pub struct Guess {
    /// Distance from RCV.NXT and from the furthest number that we sent.
    pub seq: i64,
    pub ack: Option<i64>,
    pub control: Control,
    pub len: usize,
    pub window: u16,
    pub urgent: Option<u16>,
    /// Distance from the timestamp that the peer would have now.
    pub stamp: Option<i32>,
    /// Blocks, as distances from the furthest number that we sent.
    pub sack: Vec<(i64, i64)>,
    pub wire_segments: u16,
    pub ecn: u8,
    pub ace: u8,
}

/// Four kinds of connections, by number.
pub fn setup(kind: u8) -> Setup {
    match kind {
        0 => Setup::default(),
        1 => Setup::sack(),
        2 => Setup::timestamps(),
        _ => {
            let mut setup = Setup::timestamps();
            setup.options = "mss 1012,sackOK,TS val 1000 ecr 0,wscale 3";
            (setup.config.sack, setup.config.window_scaling) = (true, true);
            setup.config.receive_buffer = 200_000;
            setup.config.user_timeout_option = true;
            setup
        }
    }
}

/// A script, the furthest number that it has sent, how far it has read, and how much it wrote.
pub struct World {
    pub script: Script,
    sent: i64,
    read: i64,
    written: usize,
}

impl World {
    /// A world whose connection is in `state`.
    pub fn new(setup: &Setup, state: State) -> Self {
        let script = Script::in_state(setup, state);
        let sent = script.names.snd_nxt;
        Self {
            script,
            sent,
            read: 1,
            written: 0,
        }
    }

    /// Everything is let go: all memory is free again, and nothing is waited for.
    pub fn end(mut self) {
        self.script.verb("abort", Connection::abort);
        self.script.sent();
        self.script.take_passed();
        assert_eq!(self.script.pool.in_use(), 0, "memory was kept");
        assert_eq!(self.script.connection.next_timeout(), None);
    }

    fn segment(&self, guess: &Guess) -> Segment {
        let script = &self.script;
        let number = |first: u32, at: i64| SeqNumber(first.wrapping_add(at as u32));
        let next = 1 + i64::try_from(script.connection.info().bytes_received).expect("small");
        let from = next + guess.seq;
        let syn = i64::from(guess.control == Control::Syn);
        // The SYN that opens says where the stream begins.
        let opens = syn == 1 && script.connection.state() == State::SynSent;
        let text = if opens { 1 } else { from + syn };
        let clock = 1_000 + script.now.as_millis() as u32;
        let timestamps = guess.stamp.map(|distance| Timestamps {
            value: clock.wrapping_add_signed(distance),
            echo: script.now.as_millis() as u32,
        });
        let mut options = TcpOptions {
            timestamps,
            user_timeout: UserTimeout::from_option(guess.window & 1 == 1, guess.window >> 1),
            ..TcpOptions::default()
        };
        for (left, right) in &guess.sack {
            let edge = |distance: &i64| number(script.iss, self.sent + distance);
            options.sack.push(SackBlock {
                left: edge(left),
                right: edge(right),
            });
        }
        Segment {
            seq: number(script.irs, from),
            ack: guess
                .ack
                .map(|distance| number(script.iss, self.sent + distance)),
            control: guess.control,
            push: false,
            window: guess.window,
            urgent: guess.urgent,
            options,
            payload: Chunk::from(text_at(text, guess.len)).into(),
            received_at: script.now,
            wire_segments: guess.wire_segments,
            ecn: Ecn::from_bits(guess.ecn),
            ace: Ace::from_bits(guess.ace),
        }
    }

    pub fn run(&mut self, operation: &Operation) {
        let mut reset = false;
        match operation {
            Operation::Segment(guess) => {
                let segment = self.segment(guess);
                reset = segment.control == Control::Rst;
                let before = self.script.connection.state();
                let (is_syn, seq) = (segment.control == Control::Syn, segment.seq);
                self.script.verb(&format!("< {segment:?}"), |_, _| {});
                self.script.inject_segment(segment);
                self.script.verb("", |_, _| {});
                let after = self.script.connection.state();
                if is_syn && before == State::SynSent && after != before {
                    self.script.irs = seq.0;
                }
            }
            Operation::Write(len) => self.write(*len),
            Operation::Urgent(len) => self.write_urgent(*len),
            Operation::Read(len) => self.read(*len),
            Operation::Shutdown => self.script.shutdown(),
            Operation::Close => self.script.close(),
            Operation::Abort => self.script.abort(),
            Operation::After(millis) => self.script.after(ms(*millis)),
            Operation::Path(send_mss) => {
                let path = Path {
                    receive_mss: 1_000,
                    send_mss: *send_mss,
                    default_mss: 536,
                    max_gso: 0,
                };
                self.script
                    .verb("path", |connection, cx| connection.on_path(cx, path));
            }
            Operation::TooBig(at, mtu) => {
                let seq = SeqNumber(self.script.iss.wrapping_add((self.sent + at) as u32));
                let (mtu, mss) = (*mtu, mtu.saturating_sub(40));
                self.script.verb("too big", |connection, _| {
                    connection.on_too_big(seq, mtu, mss);
                });
            }
            Operation::Icmp(hard, at) => {
                let error = if *hard {
                    IcmpError::Hard
                } else {
                    IcmpError::Soft
                };
                let seq = SeqNumber(self.script.iss.wrapping_add((self.sent + at) as u32));
                self.script
                    .verb("icmp", |connection, cx| connection.on_icmp(cx, error, seq));
            }
        }
        self.check(reset);
    }

    fn write(&mut self, len: usize) {
        if self.script.connection.writable() >= len {
            self.script.write(len);
            self.written += len;
        }
    }

    fn write_urgent(&mut self, len: usize) {
        if self.script.connection.writable() >= len {
            let bytes = text_at(self.written as i64 + 1, len);
            let mut taken = Err(WriteError::WouldBlock);
            self.script.verb("write urgent", |connection, cx| {
                taken = connection.write_urgent(cx, &bytes);
            });
            assert_eq!(taken, Ok(len), "there is room");
            self.script.skip_written(len);
            self.written += len;
        }
    }

    fn read(&mut self, len: usize) {
        let mut bytes = vec![0; len];
        let mut count = 0;
        self.script.verb("read", |connection, cx| {
            count = connection.read(cx, &mut bytes).unwrap_or(0);
        });
        if bytes[..count] != text_at(self.read, count) {
            let place = self.read;
            self.script
                .fail(&format!("other bytes than the peer sent, at {place}"));
        }
        self.read += count as i64;
    }

    fn check(&mut self, reset_arrived: bool) {
        for transmit in self.script.sent() {
            let control = transmit.control;
            assert!(
                !(reset_arrived && control == Control::Rst),
                "a RST for a RST"
            );
            if control != Control::Rst {
                let from = transmit.seq.0.wrapping_sub(self.script.iss).cast_signed();
                let len = transmit.payload.len() as u64 + control.len();
                self.sent = self.sent.max(i64::from(from) + len as i64);
            }
        }
        let connection = &self.script.connection;
        let (info, state) = (connection.info(), connection.state());
        if state == State::Closed {
            assert_eq!(
                connection.next_timeout(),
                None,
                "a closed connection waits for nothing"
            );
            assert!(connection.close_reason().is_some(), "it ended for a reason");
        } else if info.in_flight > 0 || info.bytes_acked < self.written as u64 {
            let waits = connection.next_timeout().is_some();
            assert!(waits, "unacknowledged, and no timer runs: {info:?}");
        }
        assert!(
            info.congestion_window >= u64::from(info.effective_mss),
            "{info:?}"
        );
    }
}
