//! Two ends on one thread, one stream, nothing between them but a copy: what a stack itself costs.
//! The writer copies in with `write`, the reader copies out with `read`.

#[cfg(target_os = "linux")]
mod lwip;
mod ours;
mod theirs;

use handfast_bench::{Contest, Failure, Reach, Unit, measure};

/// Text of one turn in bytes.
const TEXT: u64 = 2 << 30;
/// What the application writes and reads at once.
const PIECE: usize = 64 * 1_024;
/// Turns after which a transfer that does not move is given up.
const TURNS_IDLE_MAX: usize = 10_000;
/// Facts of a journal that is read: more than a turn makes.
const JOURNAL: usize = 4_096;

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

const PLAIN: Path = Path {
    mtu: 1_500,
    super_segment: 0,
    checksums: true,
    batch: 64,
    journal: 0,
};
/// As lwIP does, whatever its batches.
const ACKS: Path = Path { batch: 2, ..PLAIN };
const SUPER: Path = Path {
    super_segment: 64_000,
    checksums: false,
    ..PLAIN
};

impl Path {
    fn describe(&self) -> String {
        match self.batch {
            _ if self.super_segment > 0 => "super-segments, no checksums".to_owned(),
            2 => "MTU 1500, checksums, an ACK for two segments".to_owned(),
            many => format!("MTU 1500, checksums, an ACK for {many} segments"),
        }
    }
}

/// Has `turn` done until [`TEXT`] has arrived; it says how much was written and how much arrived so
/// far. Returns how much arrived.
fn until_there(mut turn: impl FnMut() -> Result<(u64, u64), Failure>) -> Result<f64, Failure> {
    let (mut before, mut idle) = ((0, 0), 0);
    loop {
        let (out, arrived) = turn()?;
        if arrived >= TEXT {
            return Ok(arrived as f64);
        }
        idle = if before == (out, arrived) {
            idle + 1
        } else {
            0
        };
        if idle > TURNS_IDLE_MAX {
            return Err(format!("stuck after {arrived} of {TEXT} bytes").into());
        }
        before = (out, arrived);
    }
}

pub(crate) fn contests() -> Vec<Contest<'static>> {
    [
        ("memory.acks", ACKS, 1.2),
        ("memory.batches", PLAIN, 1.0),
        ("memory.super", SUPER, 1.2),
    ]
    .into_iter()
    .map(|(name, path, reach)| Contest {
        name,
        what: path.describe(),
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
        what: ACKS.describe(),
        peer: "lwIP (Debian)",
        unit: Unit::Bytes,
        reach: None,
        ours: Box::new(|| measure(|| ours::transfer(ACKS))),
        theirs: Box::new(move || measure(|| lwip::transfer(&pair))),
    }])
}

/// What it costs to write down what happens, and to have it read.
pub(crate) fn contests_of_journal() -> Vec<Contest<'static>> {
    [
        ("journal.acks", ACKS),
        ("journal.batches", PLAIN),
        ("journal.super", SUPER),
    ]
    .into_iter()
    .map(|(name, path)| {
        let journal = Path {
            journal: JOURNAL,
            ..path
        };
        Contest {
            name,
            what: path.describe(),
            peer: "Handfast without a journal",
            unit: Unit::Bytes,
            reach: Some(Reach::Rate(0.85)),
            ours: Box::new(move || measure(|| ours::transfer(journal))),
            theirs: Box::new(move || measure(|| ours::transfer(path))),
        }
    })
    .collect()
}
