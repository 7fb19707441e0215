//! Two ends on one thread, one stream, nothing between them but a copy: what a stack itself costs.
//! The writer copies in with `write`, the reader copies out with `read`.

mod ours;
mod theirs;

use handfast_bench::{Contest, Reach, Unit, measure};

/// Text of one turn in bytes.
const TEXT: u64 = 2 << 30;
/// What the application writes and reads at once.
const PIECE: usize = 64 * 1_024;

/// How frames go from one end to the other.
#[derive(Clone, Copy)]
struct Path {
    mtu: u16,
    /// Text of a super-segment; 0 where there are none.
    super_segment: u32,
    /// Checksums are made and verified.
    checksums: bool,
    /// Frames that the receiver takes in before it answers.
    batch: usize,
}

pub(crate) fn contests() -> Vec<Contest<'static>> {
    let plain = Path {
        mtu: 1_500,
        super_segment: 0,
        checksums: true,
        batch: 64,
    };
    let paths = [
        (
            "memory.acks",
            "MTU 1500, checksums, an ACK for two segments",
            Path { batch: 2, ..plain },
            1.2,
        ),
        (
            "memory.batches",
            "MTU 1500, checksums, an ACK for 64 segments",
            plain,
            1.0,
        ),
        (
            "memory.super",
            "super-segments, no checksums",
            Path {
                super_segment: 64_000,
                checksums: false,
                ..plain
            },
            1.2,
        ),
    ];
    paths
        .into_iter()
        .map(|(name, what, path, reach)| Contest {
            name,
            what: what.to_owned(),
            peer: "smoltcp 0.14",
            unit: Unit::Bytes,
            reach: Some(Reach::Rate(reach)),
            ours: Box::new(move || measure(|| ours::transfer(path))),
            theirs: Box::new(move || measure(|| theirs::transfer(path))),
        })
        .collect()
}
