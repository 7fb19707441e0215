//! Any operations in any order, with any segments: nothing panics, nothing spins, no RST answers a
//! RST, the stream that is read is the one that was sent, and all memory comes home.

mod common;
#[path = "operations/world.rs"]
mod world;

use common::{Setup, ms};
use handfast_tcp::{Control, State};
use proptest::prelude::*;
use world::{Guess, Operation, World};

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
    let sack = prop::collection::vec((-9_000..9_i64, -9_000..9_i64), 0..2);
    let rest = (urgent, stamp, sack, 0..50_u16, 0..4_u8, 0..8_u8);
    (seq, ack.prop_flat_map(some), control, len, window, rest).prop_map(
        |(seq, ack, control, len, window, (urgent, stamp, sack, wire_segments, ecn, ace))| Guess {
            seq,
            ack,
            control,
            len,
            window,
            urgent,
            stamp,
            sack,
            wire_segments,
            ecn,
            ace,
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
        3 => (-3_000..3_i64, any::<u16>()).prop_map(|(at, mtu)| Operation::TooBig(at, mtu)),
        3 => (1..500_usize).prop_map(Operation::Urgent),
        3 => (any::<bool>(), -3_000..3_i64).prop_map(|(hard, at)| Operation::Icmp(hard, at)),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let gso = prop_oneof![Just(0_u32), Just(64_000)];
    (0..4_u8, any::<bool>(), gso, any::<bool>()).prop_map(|(kind, passive, max_gso, keep)| {
        let mut setup = world::setup(kind);
        setup.passive = passive;
        setup.path.max_gso = max_gso;
        setup.config.keep_alive = keep.then_some(ms(60_000));
        setup
    })
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
        let mut world = World::new(&setup, state);
        for operation in &operations {
            world.run(operation);
        }
        world.end();
    }
}
