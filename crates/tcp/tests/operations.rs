//! Any operations in any order, with any segments: nothing panics, nothing spins, no RST answers a
//! RST, the stream that is read is the one that was sent, and all memory comes home.

mod common;

use common::{Script, Setup, ms, text_at};
use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{Ace, SackBlock, SeqNumber, TcpOptions, Timestamps, UserTimeout};
use handfast_tcp::{Connection, Control, IcmpError, Path, Segment, State};
use proptest::prelude::*;

/// One thing that happens to a connection.
#[derive(Clone, Debug)]
enum Operation {
    Segment(Guess),
    Write(usize),
    Read(usize),
    Shutdown,
    Close,
    Abort,
    After(u64),
    Path(u16),
    Icmp(bool, i64),
}

/// A segment in terms of what the connection expects.
#[derive(Clone, Debug)]
struct Guess {
    /// Distance from RCV.NXT and from the furthest number that we sent.
    seq: i64,
    ack: Option<i64>,
    control: Control,
    len: usize,
    window: u16,
    urgent: Option<u16>,
    /// Distance from the timestamp that the peer would have now.
    stamp: Option<i32>,
    sack: Option<(i64, i64)>,
    wire_segments: u16,
}

fn guess() -> impl Strategy<Value = Guess> {
    let seq = prop_oneof![6 => Just(0_i64), 3 => -50..3_000_i64, 1 => -70_000..70_000_i64,
        1 => any::<i32>().prop_map(i64::from)];
    let ack = prop_oneof![4 => Just(0_i64), 4 => -3_000..3_i64, 1 => -70_000..70_000_i64,
        1 => any::<i32>().prop_map(i64::from)];
    let control = prop_oneof![60 => Just(Control::None), 4 => Just(Control::Fin),
        1 => Just(Control::Syn), 1 => Just(Control::Rst)];
    let len = prop_oneof![3 => Just(0_usize), 3 => 1..1_500_usize, 1 => 0..60_000_usize];
    let window = prop_oneof![3 => Just(60_000_u16), 1 => Just(0), 1 => any::<u16>()];
    let stamp = prop_oneof![8 => Just(Some(0)), 1 => Just(None), 1 => any::<i32>().prop_map(Some)];
    let some = |ack| prop_oneof![9 => Just(Some(ack)), 1 => Just(None)];
    let urgent = prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let sack = prop_oneof![4 => Just(None), 1 => (-9_000..9_i64, -9_000..9_i64).prop_map(Some)];
    let rest = (urgent, stamp, sack, 0..50_u16);
    (seq, ack.prop_flat_map(some), control, len, window, rest).prop_map(
        |(seq, ack, control, len, window, (urgent, stamp, sack, wire_segments))| Guess {
            seq,
            ack,
            control,
            len,
            window,
            urgent,
            stamp,
            sack,
            wire_segments,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        120 => guess().prop_map(Operation::Segment),
        32 => (1..5_000_usize).prop_map(Operation::Write),
        32 => (1..30_000_usize).prop_map(Operation::Read),
        1 => Just(Operation::Shutdown),
        1 => Just(Operation::Close),
        1 => Just(Operation::Abort),
        32 => prop_oneof![0..50_u64, 0..2_000_u64, 0..500_000_u64].prop_map(Operation::After),
        3 => (0..2_000_u16).prop_map(Operation::Path),
        3 => (any::<bool>(), -3_000..3_i64).prop_map(|(hard, at)| Operation::Icmp(hard, at)),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let gso = prop_oneof![Just(0_u32), Just(64_000)];
    (0..4_u8, any::<bool>(), gso, any::<bool>()).prop_map(|(kind, passive, max_gso, keep)| {
        let mut setup = match kind {
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
        };
        setup.passive = passive;
        setup.path.max_gso = max_gso;
        setup.config.keep_alive = keep.then_some(ms(60_000));
        setup
    })
}

/// A script, the furthest number that it has sent, how far it has read, and how much it wrote.
struct World {
    script: Script,
    sent: i64,
    read: i64,
    written: usize,
}

impl World {
    fn segment(&self, guess: &Guess) -> Segment {
        let script = &self.script;
        let number = |first: u32, at: i64| SeqNumber(first.wrapping_add(at as u32));
        let next = 1 + i64::try_from(script.connection.info().bytes_received).expect("small");
        let from = next + guess.seq;
        let syn = i64::from(guess.control == Control::Syn);
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
        if let Some((left, right)) = guess.sack {
            let edge = |distance| number(script.iss, self.sent + distance);
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
            payload: Chunk::from(text_at(from + syn, guess.len)),
            received_at: script.now,
            wire_segments: guess.wire_segments,
            ecn: Ecn::NotEct,
            ace: Ace::ZERO,
        }
    }

    fn run(&mut self, operation: &Operation) {
        let mut reset = false;
        match operation {
            Operation::Segment(guess) => {
                let segment = self.segment(guess);
                reset = segment.control == Control::Rst;
                self.script
                    .verb(&format!("< {segment:?}"), |connection, cx| {
                        connection.on_segment(cx, segment);
                    });
            }
            Operation::Write(len) => self.write(*len),
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

    fn read(&mut self, len: usize) {
        let mut bytes = vec![0; len];
        let mut count = 0;
        self.script.verb("read", |connection, cx| {
            count = connection.read(cx, &mut bytes).unwrap_or(0);
        });
        assert_eq!(
            bytes[..count],
            text_at(self.read, count),
            "read at {}",
            self.read
        );
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

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_can_upset_a_connection(
        setup in setup(),
        opened in prop::bool::weighted(0.8),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let state = if opened { State::Established } else { State::SynReceived };
        let script = Script::in_state(&setup, state);
        let mut world = World { script, sent: 1, read: 1, written: 0 };
        for operation in &operations {
            world.run(operation);
        }
        world.script.verb("abort", Connection::abort);
        world.script.sent();
        prop_assert_eq!(world.script.pool.in_use(), 0);
    }
}
