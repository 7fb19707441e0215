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
    /// Facts that each journal has room for; 0 without one.
    journal: usize,
}

/// Facts of a journal that is read: more than a turn makes.
const JOURNAL: usize = 4_096;

/// The three works: how they are called, what they are, and what is wanted of them beside the peer.
const PATHS: [(&str, Path, f64); 3] = {
    let plain = Path {
        mtu: 1_500,
        super_segment: 0,
        checksums: true,
        batch: 64,
        journal: 0,
    };
    [
        (
            "MTU 1500, checksums, an ACK for two segments",
            Path { batch: 2, ..plain },
            1.2,
        ),
        ("MTU 1500, checksums, an ACK for 64 segments", plain, 1.0),
        (
            "super-segments, no checksums",
            Path {
                super_segment: 64_000,
                checksums: false,
                ..plain
            },
            1.2,
        ),
    ]
};

pub(crate) fn contests() -> Vec<Contest<'static>> {
    ["memory.acks", "memory.batches", "memory.super"]
        .into_iter()
        .zip(PATHS)
        .map(|(name, (what, path, reach))| Contest {
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

/// What it costs to write down what happens, and to have it read.
pub(crate) fn contests_of_journal() -> Vec<Contest<'static>> {
    ["journal.acks", "journal.batches", "journal.super"]
        .into_iter()
        .zip(PATHS)
        .map(|(name, (what, path, _))| {
            let journal = Path {
                journal: JOURNAL,
                ..path
            };
            Contest {
                name,
                what: what.to_owned(),
                peer: "Handfast without a journal",
                unit: Unit::Bytes,
                reach: Some(Reach::Rate(0.85)),
                ours: Box::new(move || measure(|| ours::transfer(journal))),
                theirs: Box::new(move || measure(|| ours::transfer(path))),
            }
        })
        .collect()
}
