//! Two ends on one thread, one stream, nothing between them but a copy: what a stack itself costs.
//! The writer copies in with `write`, the reader copies out with `read`.

#[cfg(target_os = "linux")]
mod lwip;
mod ours;
mod theirs;

#[cfg(target_os = "linux")]
use handfast_bench::Failure;
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

const PLAIN: Path = Path {
    mtu: 1_500,
    super_segment: 0,
    checksums: true,
    batch: 64,
};
/// As lwIP does, whatever its batches.
const ACKS: Path = Path { batch: 2, ..PLAIN };
const ACKS_WHAT: &str = "MTU 1500, checksums, an ACK for two segments";

pub(crate) fn contests() -> Vec<Contest<'static>> {
    let paths = [
        ("memory.acks", ACKS_WHAT, ACKS, 1.2),
        (
            "memory.batches",
            "MTU 1500, checksums, an ACK for 64 segments",
            PLAIN,
            1.0,
        ),
        (
            "memory.super",
            "super-segments, no checksums",
            Path {
                super_segment: 64_000,
                checksums: false,
                ..PLAIN
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

/// lwIP, which not every machine has.
#[cfg(target_os = "linux")]
pub(crate) fn contests_with_lwip() -> Result<Vec<Contest<'static>>, Failure> {
    let pair = lwip::Pair::load()?;
    Ok(vec![Contest {
        name: "memory.lwip",
        what: ACKS_WHAT.to_owned(),
        peer: "lwIP (Debian)",
        unit: Unit::Bytes,
        reach: None,
        ours: Box::new(|| measure(|| ours::transfer(ACKS))),
        theirs: Box::new(move || measure(|| lwip::transfer(&pair))),
    }])
}
