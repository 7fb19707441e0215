//! A few small cells of the matrix, for correctness only: what arrives is what was sent, and no
//! stream is silent for longer than its retransmission timer explains. Speeds are the business of
//! the example of the same name.
#![cfg(target_os = "linux")]

mod common;

use std::process::ExitCode;
use std::time::Duration;

use handfast_lab::matrix::{CONTROLLERS, Cell, Direction, Plan, Reordering, Who, run};

/// How long each stream is written.
const SPAN: Duration = Duration::from_millis(1_000);

/// A clean path; the cells below are variations of it.
const CLEAN: Cell = Cell {
    loss_ppm: 0,
    round_trip_ms: 20,
    reordering: Reordering::No,
    sack: true,
    timestamps: true,
    ecn: true,
    controller: CONTROLLERS[0],
    rate_mbit: 100,
};

fn main() -> ExitCode {
    if let Err(error) = handfast_lab::enter().and_then(|()| handfast_lab::matrix::check()) {
        return common::no_lab(&error);
    }
    let cases = CELLS
        .iter()
        .map(|&(name, cell)| (name, move || both_ways(cell)));
    common::run_named(cases)
}

const CELLS: &[(&str, Cell)] = &[
    ("a_clean_path", CLEAN),
    (
        "loss_and_heavy_reordering",
        Cell {
            loss_ppm: 10_000,
            reordering: Reordering::Heavy,
            ..CLEAN
        },
    ),
    (
        "loss_without_any_option",
        Cell {
            loss_ppm: 10_000,
            sack: false,
            timestamps: false,
            ecn: false,
            ..CLEAN
        },
    ),
    (
        "reordering_without_sack",
        Cell {
            round_trip_ms: 1,
            reordering: Reordering::Mild,
            sack: false,
            ..CLEAN
        },
    ),
    (
        "bbr_with_loss",
        Cell {
            loss_ppm: 30_000,
            controller: CONTROLLERS[1],
            ..CLEAN
        },
    ),
    (
        "a_far_path_with_heavy_loss",
        Cell {
            loss_ppm: 100_000,
            round_trip_ms: 100,
            ..CLEAN
        },
    ),
];

/// Both directions at the same time, each over a link of its own.
fn both_ways(cell: Cell) {
    std::thread::scope(|scope| {
        for (seed, direction) in [(1, Direction::Up), (2, Direction::Down)] {
            scope.spawn(move || {
                let plan = Plan {
                    cell,
                    who: Who::Ours,
                    direction,
                    seed,
                    span: SPAN,
                    capture: None,
                };
                let seen = run(&plan).expect("the stream ends in order");
                assert_eq!(seen.fault(), None, "{direction:?}: {seen:?}");
                assert!(seen.received > 0, "{direction:?}: {seen:?}");
            });
        }
    });
}
