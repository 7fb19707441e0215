//! Two connections over a virtual link that loses, reorders, duplicates and merges: whatever
//! happens, both streams arrive whole and both ends close.
//!
//! Each world is drawn from a seed. Faults stop after a while; from then on everything must come
//! to an end within `LIVENESS`.

#[path = "pair/world.rs"]
mod world;

use std::time::Duration;

use handfast_tcp::EcnMode;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use world::{FAULTS, LIVENESS, Plan, World};

fn side() -> impl Strategy<Value = world::SidePlan> {
    let buffer = prop_oneof![Just(600), Just(3_000), 1_000..70_000_usize, Just(300_000)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let ecn = (0..6_u8).prop_map(|value| EcnMode::from_linux(value).expect("below 6"));
    let options = (flags, ecn);
    let mss = prop_oneof![Just(1_460_u16), 100..1_500_u16];
    let gso = prop_oneof![Just(0_u32), Just(64_000), 2_000..20_000_u32];
    let bytes = prop_oneof![Just(0), Just(1), 1..5_000_usize, 1..150_000_usize];
    (
        buffer.clone(),
        buffer,
        options,
        mss,
        gso,
        bytes,
        any::<u32>(),
        1..20_000_usize,
    )
        .prop_map(
            |(send, receive, ((ts, sack, scale, nagle), ecn), mss, gso, bytes, iss, gulp)| {
                world::SidePlan {
                    send_buffer: send,
                    receive_buffer: receive,
                    timestamps: ts,
                    sack,
                    window_scaling: scale,
                    ecn,
                    nagle,
                    mss,
                    max_gso: gso,
                    bytes,
                    iss,
                    gulp,
                }
            },
        )
}

fn plan() -> impl Strategy<Value = Plan> {
    let percent = || prop_oneof![2 => Just(0_u32), 2 => 0..5_u32, 1 => 0..30_u32];
    let delay = prop_oneof![Just(0_u64), 1..30_u64, 50..300_u64];
    (
        (any::<u64>(), 0..90_u32, any::<bool>(), percent()),
        side(),
        side(),
        percent(),
        percent(),
        percent(),
        delay,
        0..40_u64,
    )
        .prop_map(
            |(
                (seed, batch, path_changes, mark),
                mut a,
                mut b,
                loss,
                duplicate,
                merge,
                delay,
                jitter,
            )| {
                // No application is so slow that its thousand steps do not suffice.
                let least = a.bytes.max(b.bytes) / 1_000 + 1;
                (a.gulp, b.gulp) = (a.gulp.max(least), b.gulp.max(least));
                Plan {
                    seed,
                    sides: [a, b],
                    loss,
                    duplicate,
                    mark: mark * 3,
                    merge: merge * 3,
                    delay: Duration::from_millis(delay),
                    jitter: Duration::from_millis(jitter),
                    batch,
                    path_changes,
                    faults: FAULTS,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_streams_arrive_and_both_ends_close(plan in plan()) {
        World::new(&plan).run(FAULTS + LIVENESS).check();
    }
}

/// The same world twice gives the same segments at the same times.
#[test]
fn a_world_is_deterministic() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..20 {
        let plan = plan()
            .new_tree(&mut runner)
            .expect("a plan can be drawn")
            .current();
        let run = || World::new(&plan).run(FAULTS + LIVENESS);
        assert_eq!(run(), run());
    }
}

/// Without faults nothing is ever sent twice, whatever the sizes.
#[test]
fn without_faults_nothing_is_resent() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..100 {
        let mut plan = plan()
            .new_tree(&mut runner)
            .expect("a plan can be drawn")
            .current();
        (plan.loss, plan.duplicate, plan.jitter) = (0, 0, Duration::ZERO);
        plan.path_changes = false;
        // A probe of a shut window is refused and comes again; here windows are never shut long.
        for side in &mut plan.sides {
            (side.receive_buffer, side.gulp) = (300_000, 400_000);
        }
        plan.delay = plan.delay.min(Duration::from_millis(80));
        let outcome = World::new(&plan).run(FAULTS + LIVENESS);
        outcome.check();
        assert_eq!(outcome.retransmissions, 0, "{plan:?}");
    }
}
