//! Two connections over a hostile link: the world is that of the property test `pair` of crate
//! `tcp`; here bytes draw the plan.

use std::time::Duration;

use handfast_tcp::EcnMode;

use crate::bytes::Bytes;
use world::{FAULTS, LIVENESS, Plan, SidePlan, World};

#[path = "../../../crates/tcp/tests/pair/world.rs"]
mod world;

/// Both streams arrive whole and both ends close, whatever the link does in the beginning, and the
/// same plan runs the same way twice.
pub fn pair_ops(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let plan = plan(&mut bytes);
    let outcome = World::new(&plan).run(FAULTS + LIVENESS);
    outcome.check();
    if plan.seed & 15 == 0 {
        assert_eq!(World::new(&plan).run(FAULTS + LIVENESS), outcome);
    }
}

fn plan(bytes: &mut Bytes<'_>) -> Plan {
    let mut sides = [side(bytes), side(bytes)];
    // No application is so slow that its thousand steps do not suffice.
    let least = sides[0].bytes.max(sides[1].bytes) / 1_000 + 1;
    for side in &mut sides {
        side.gulp = side.gulp.max(least);
    }
    let mut percent = |most: u8| u32::from(bytes.u8() % most);
    let (loss, duplicate, mark) = (percent(30), percent(30), percent(90));
    let (merge, batch) = (percent(90), percent(90));
    Plan {
        seed: u64::from(bytes.u32()),
        sides,
        loss,
        duplicate,
        mark,
        merge,
        delay: Duration::from_millis(u64::from(bytes.u16() % 300)),
        jitter: Duration::from_millis(u64::from(bytes.u8() % 40)),
        batch,
        path_changes: bytes.bool(),
        faults: FAULTS,
    }
}

fn side(bytes: &mut Bytes<'_>) -> SidePlan {
    let flags = bytes.u8();
    let bit = |number: u8| flags >> number & 1 == 1;
    let mut buffer = || match bytes.u8() {
        0..=99 => 300_000,
        100..=149 => 3_000,
        150..=169 => 600,
        _ => 1_000 + usize::from(bytes.u16()),
    };
    let (send_buffer, receive_buffer) = (buffer(), buffer());
    SidePlan {
        send_buffer,
        receive_buffer,
        timestamps: !bit(0),
        sack: !bit(1),
        window_scaling: !bit(2),
        ecn: EcnMode::from_linux(bytes.below(6)).expect("below 6"),
        nagle: !bit(3),
        mss: if bit(4) {
            100 + bytes.u16() % 1_400
        } else {
            1_460
        },
        max_gso: match (bit(5), bit(6)) {
            (false, _) => 0,
            (true, false) => 64_000,
            (true, true) => 2_000 + u32::from(bytes.u16() % 18_000),
        },
        bytes: usize::from(bytes.u16() % 40_000),
        iss: bytes.u32(),
        gulp: 1 + usize::from(bytes.u16() % 20_000),
    }
}
