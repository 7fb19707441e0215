//! One connection to which anything happens: the world is that of the property test `operations`
//! of crate `tcp`; here bytes choose what happens.

use std::time::Duration;

use handfast_tcp::{Algorithm, Control, MtuProbing, Pacing, State};

use handfast_sim::referee::flow::Flow;
use handfast_sim::referee::segment::Seen;

use crate::bytes::Bytes;
use common::{Passed, Setup, ms};
use world::{Guess, Operation, World};

#[path = "../../../crates/tcp/tests/common/mod.rs"]
mod common;
#[path = "../../../crates/tcp/tests/operations/world.rs"]
mod world;

/// Most operations of one input: more only makes it slow.
const OPERATIONS_MAX: usize = 300;
/// What a peer that says nothing takes (RFC 9293 3.7.1).
const DEFAULT_MSS: u16 = 536;

/// How a life begins: a state, and steps that lead further.
const BEGINNINGS: [(State, &[Step]); 9] = [
    (State::Established, &[]),
    (State::SynSent, &[]),
    (State::SynReceived, &[]),
    (State::Established, &[Step::Shut]),
    (State::Established, &[Step::Shut, Step::Acked]),
    (State::Established, &[Step::Fin]),
    (State::Established, &[Step::Shut, Step::FinUnacked]),
    (State::Established, &[Step::Fin, Step::Shut]),
    (State::Established, &[Step::Shut, Step::Fin]),
];

/// What an ordinary peer or application does.
#[derive(Clone, Copy)]
enum Step {
    Shut,
    Acked,
    Fin,
    FinUnacked,
}

/// Nothing panics or spins, the referee of the wire sees no rule broken, no RST answers a RST, the stream that is read is the one that was sent,
/// what waits has a timer, and all memory comes home.
pub fn connection_ops(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (state, steps) = BEGINNINGS[usize::from(bytes.below(9))];
    let mut world = World::new(&setup(&mut bytes), state);
    let mut referee = Flow::new(DEFAULT_MSS);
    judge(&mut world, &mut referee);
    for step in steps {
        world.run(&step.operation());
        judge(&mut world, &mut referee);
    }
    for _ in 0..OPERATIONS_MAX {
        if bytes.is_empty() {
            break;
        }
        world.run(&operation(&mut bytes));
        judge(&mut world, &mut referee);
    }
    world.end();
}

/// The referee looks at what passed.
fn judge(world: &mut World, referee: &mut Flow) {
    for passed in world.script.take_passed() {
        let broken = match &passed {
            Passed::Received(segment) => {
                referee.received(&Seen::received(segment));
                continue;
            }
            Passed::Sent(at, transmit) => {
                let text = transmit.payload.to_vec();
                referee.sent(&Seen::sent(*at, transmit, &text)).err()
            }
        };
        if let Some(broken) = broken {
            let what = format!("{}: {}", broken.rule, broken.detail);
            world.script.fail(&what);
        }
    }
}

impl Step {
    fn operation(self) -> Operation {
        let (control, ack) = match self {
            Self::Shut => return Operation::Shutdown,
            Self::Acked => (Control::None, 0),
            Self::Fin => (Control::Fin, 0),
            Self::FinUnacked => (Control::Fin, -1),
        };
        let nothing = guess(&mut Bytes::new(&[]));
        Operation::Segment(Guess {
            control,
            ack: Some(ack),
            ..nothing
        })
    }
}

fn setup(bytes: &mut Bytes<'_>) -> Setup {
    let (kind, flags, more) = (bytes.u8(), bytes.u8(), bytes.u8());
    let mut setup = world::setup(kind & 3);
    let bit = |number: u8| flags >> number & 1 == 1;
    setup.record = true;
    setup.passive = bit(0);
    setup.path.max_gso = if bit(1) { 64_000 } else { 0 };
    let config = &mut setup.config;
    config.keep_alive = bit(2).then_some(ms(60_000));
    config.nagle = bit(3);
    config.mtu_probing = if bit(4) {
        MtuProbing::BlackHole
    } else {
        MtuProbing::Off
    };
    config.pacing = if bit(5) { Pacing::On } else { Pacing::Auto };
    config.linger = bit(6).then_some(Duration::from_secs(u64::from(kind >> 6)));
    config.user_timeout = bit(7).then_some(Duration::from_secs(200));
    config.congestion = [
        Algorithm::Cubic,
        Algorithm::Reno,
        Algorithm::Bbr,
        Algorithm::Bbr,
    ][usize::from(kind >> 2 & 3)];
    let bit = |number: u8| more >> number & 1 == 1;
    config.rack = !bit(0);
    config.tail_loss_probe = !bit(1);
    config.f_rto = !bit(2);
    config.quick_acks = if bit(4) { 16 } else { 0 };
    config.unsent_low_water = bit(5).then_some(1_000);
    config.window_validation = !bit(6);
    config.hystart = !bit(7);
    setup
}

fn operation(bytes: &mut Bytes<'_>) -> Operation {
    match bytes.u8() {
        0..=127 => Operation::Segment(guess(bytes)),
        128..=159 => Operation::Write(1 + usize::from(bytes.u16() % 5_000)),
        160..=191 => Operation::Read(1 + usize::from(bytes.u16() % 30_000)),
        192..=223 => Operation::After(time(bytes)),
        224..=227 => Operation::Path(bytes.u16() % 2_000),
        228..=231 => Operation::Icmp(bytes.bool(), near(bytes)),
        232..=235 => Operation::TooBig(near(bytes), bytes.u16()),
        236..=239 => Operation::Urgent(usize::from(bytes.u8()) + 1),
        240..=244 => Operation::Shutdown,
        245..=249 => Operation::Close,
        250..=251 => Operation::Abort,
        _ => Operation::Segment(Guess {
            seq: 0,
            ack: Some(0),
            len: 0,
            ..guess(bytes)
        }),
    }
}

fn guess(bytes: &mut Bytes<'_>) -> Guess {
    let (shape, flags) = (bytes.u8(), bytes.u8());
    let set = |number: u8| flags >> number & 1 == 1;
    Guess {
        seq: if set(0) { near(bytes) } else { 0 },
        ack: (!(set(1) && set(2))).then(|| if set(1) { near(bytes) } else { 0 }),
        control: match shape & 15 {
            13 => Control::Syn,
            14 => Control::Fin,
            15 => Control::Rst,
            _ => Control::None,
        },
        len: match shape >> 4 {
            0..=5 => 0,
            6..=10 => usize::from(bytes.u8()),
            11..=14 => 1_000,
            _ => usize::from(bytes.u16()),
        },
        window: if set(3) { bytes.u16() } else { 60_000 },
        urgent: set(4).then(|| bytes.u16()),
        stamp: match (set(5), set(6)) {
            (false, _) => Some(0),
            (true, false) => None,
            (true, true) => Some(i32::try_from(near(bytes)).unwrap_or_default()),
        },
        sack: blocks(bytes, set(7)),
        wire_segments: u16::from(shape & 12) / 4,
        ecn: shape,
        ace: shape >> 2 & 7,
    }
}

fn blocks(bytes: &mut Bytes<'_>, some: bool) -> Vec<(i64, i64)> {
    let count = if some { 1 + bytes.u8() % 4 } else { 0 };
    (0..count)
        .map(|_| {
            let right = near(bytes);
            (right - i64::from(bytes.u16() % 4_000), right)
        })
        .collect()
}

/// A distance that is small more often than not.
fn near(bytes: &mut Bytes<'_>) -> i64 {
    match bytes.u8() {
        class @ 0..=63 => i64::from(class) - 62,
        64..=127 => -1_000 * i64::from(bytes.u8() % 64),
        128..=191 => -i64::from(bytes.u16()),
        192..=239 => i64::from(bytes.u16()),
        _ => i64::from(bytes.u32().cast_signed()),
    }
}

/// Milliseconds: moments, timeouts, and now and then hours.
fn time(bytes: &mut Bytes<'_>) -> u64 {
    match bytes.u8() {
        class @ 0..=127 => u64::from(class),
        128..=223 => u64::from(bytes.u16() % 4_000),
        224..=251 => u64::from(bytes.u16()) * 10,
        _ => u64::from(bytes.u16()) * 1_000,
    }
}
