//! Runs each lesson of the lab in this process, one after the other; each fails by itself when its
//! phenomenon does not happen. Without an argument all of them run.

mod common;

use std::process::ExitCode;

use handfast_lab::lesson::{Context, LESSONS};

/// Seed of the stacks in the lessons.
const SEED: u64 = 7;

fn main() -> ExitCode {
    if let Err(error) = handfast_lab::enter() {
        return common::no_lab(&error);
    }
    common::run_named(LESSONS.iter().map(|lesson| {
        let run = move || {
            let mut story = Vec::new();
            let outcome = lesson.run(&mut Context { out: &mut story, seed: SEED });
            println!("{}", String::from_utf8_lossy(&story));
            let report = outcome.unwrap_or_else(|error| panic!("{}: {error}", lesson.name));
            assert!(!report.figures.is_empty(), "a lesson measures something");
        };
        (lesson.name, run)
    }))
}
