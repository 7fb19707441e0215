//! One stream through a link that loses some segments, or holds some of them back: ours against the kernel in our place, on the
//! link of the lab's matrix, which cuts super-segments both ways.

use std::time::Duration;

use handfast::tcp::Algorithm;
use handfast_bench::{Contest, Failure, Reach, Sample, Unit, measure};
use handfast_lab::matrix::{self, Cell, Direction, Plan, Reordering, Who};

/// In parts of a million.
const LOSS: u32 = 10_000;

pub(super) fn contests() -> Vec<Contest<'static>> {
    use Algorithm::{Bbr, Cubic};
    use Direction::{Down, Up};
    let level = Some(Reach::Rate(1.0));
    let mut contests: Vec<_> = [
        ("stress.loss.cubic.send", Cubic, Up),
        ("stress.loss.cubic.receive", Cubic, Down),
        ("stress.loss.bbr.send", Bbr, Up),
        ("stress.loss.bbr.receive", Bbr, Down),
    ]
    .into_iter()
    .map(|(name, controller, direction)| {
        let lossy = plan(controller, direction, LOSS);
        contest((name, "the kernel"), lossy, Who::Kernel, lossy, level)
    })
    .collect();
    // Here it is the ratio of processor times that counts: at most 3.
    for (name, controller) in [
        ("stress.loss.cubic.cost", Cubic),
        ("stress.loss.bbr.cost", Bbr),
    ] {
        let [lossy, clean] = [LOSS, 0].map(|loss| plan(controller, Up, loss));
        let names = (name, "Handfast without loss");
        contests.push(contest(names, lossy, Who::Ours, clean, None));
    }
    let [ordered, held_back] = [Reordering::No, Reordering::Mild].map(reordering);
    let names = ("stress.reorder.bbr.cost", "Handfast without it");
    contests.push(contest(names, held_back, Who::Ours, ordered, None));
    contests
}

/// A link that loses nothing, and where to be held back for a part of a round trip is something.
fn reordering(reordering: Reordering) -> Lossy {
    let clean = plan(Algorithm::Bbr, Direction::Up, 0);
    let cell = Cell {
        reordering,
        round_trip_ms: 1,
        ..clean.cell
    };
    Lossy { cell, ..clean }
}

/// What [`Plan`] is made of.
#[derive(Clone, Copy)]
struct Lossy {
    cell: Cell,
    direction: Direction,
    /// How long is sent.
    span: Duration,
}

/// Unbound but by the loss, with all that both stacks have by default.
fn plan(controller: Algorithm, direction: Direction, loss_ppm: u32) -> Lossy {
    let cell = Cell {
        loss_ppm,
        round_trip_ms: 0,
        reordering: Reordering::No,
        sack: true,
        timestamps: true,
        ecn: false,
        controller,
        rate_mbit: 0,
    };
    // With CUBIC each loss counts, and in a few seconds there are few.
    let seconds = match controller {
        Algorithm::Cubic => 8,
        _ => 2,
    };
    Lossy {
        cell,
        direction,
        span: Duration::from_secs(seconds),
    }
}

fn contest(
    (name, peer): (&'static str, &'static str),
    ours: Lossy,
    who: Who,
    theirs: Lossy,
    reach: Option<Reach>,
) -> Contest<'static> {
    let direction = match ours.direction {
        Direction::Up => "send",
        Direction::Down => "receive",
    };
    let controller = ours.cell.controller_name();
    let trouble = match ours.cell.reordering {
        Reordering::No => "1 % loss both ways",
        _ => "1 % held back by a sixteenth of 1 ms",
    };
    let mut seed = 0;
    let mut next = move || {
        seed += 1;
        seed
    };
    let mut again = next;
    Contest {
        name,
        what: format!(
            "{direction} for {} s, {controller}, {trouble}, MTU 1500, no offloads",
            ours.span.as_secs()
        ),
        peer,
        unit: Unit::Bytes,
        reach,
        ours: Box::new(move || turn(ours, Who::Ours, next())),
        theirs: Box::new(move || turn(theirs, who, again())),
    }
}

fn turn(lossy: Lossy, who: Who, seed: u64) -> Result<Sample, Failure> {
    let plan = Plan {
        cell: lossy.cell,
        who,
        direction: lossy.direction,
        seed,
        span: lossy.span,
        capture: None,
    };
    let mut in_time = 0;
    let sample = measure(|| {
        let outcome = matrix::run(&plan)?;
        in_time = outcome.in_time;
        match outcome.fault() {
            Some(fault) => Err(fault.into()),
            None => Ok(outcome.received as f64),
        }
    })?;
    // The rate is that of the time in which was sent, the processor's share that of all.
    let wall = lossy.span.mul_f64(sample.work / in_time as f64);
    Ok(Sample { wall, ..sample })
}
