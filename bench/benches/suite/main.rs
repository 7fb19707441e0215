//! The works, and which of them to do.
//!
//! ```text
//! cargo xtask bench                    # all
//! cargo xtask bench memory             # those whose name begins so
//! cargo xtask bench --pairs 9 --json results.json --write
//! cargo xtask bench bulk.tap.send --only ours    # for a profiler
//! ```
//! `--write` puts the tables into `docs/benchmarks.md`.

#[cfg(target_os = "linux")]
mod bulk;
mod memory;

use std::process::ExitCode;

use handfast_bench::{Contest, Failure, PAIRS_LEAST, Report, run, splice};

/// Each group: its name, and its contests.
type Group = (&'static str, fn() -> Vec<Contest<'static>>);

const GROUPS: &[Group] = &[
    ("memory", memory::contests),
    #[cfg(target_os = "linux")]
    ("bulk", bulk::contests),
];

/// What the command line asks for.
struct Choice {
    prefixes: Vec<String>,
    pairs: usize,
    json: Option<String>,
    write: bool,
    /// Only ours, or only theirs: no pairs, and no report.
    only: Option<String>,
}

fn main() -> ExitCode {
    // While there is one thread only. Where it is refused, the works that need it say so.
    #[cfg(target_os = "linux")]
    let _ = handfast_lab::enter();
    match choice().and_then(|choice| bench(&choice)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn choice() -> Result<Choice, Failure> {
    let mut choice = Choice {
        prefixes: Vec::new(),
        pairs: PAIRS_LEAST,
        json: None,
        write: false,
        only: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        match word.as_str() {
            // Cargo says so to every benchmark.
            "--bench" => {}
            "--pairs" => choice.pairs = value()?.parse()?,
            "--json" => choice.json = Some(value()?),
            "--write" => choice.write = true,
            "--only" => choice.only = Some(value()?),
            option if option.starts_with('-') => {
                return Err(format!("{option} is no option").into());
            }
            _ => choice.prefixes.push(word),
        }
    }
    if choice.pairs < PAIRS_LEAST {
        return Err(format!("at least {PAIRS_LEAST} pairs: fewer say nothing").into());
    }
    Ok(choice)
}

fn bench(choice: &Choice) -> Result<(), Failure> {
    let mut all = Vec::new();
    for &(group, contests) in GROUPS {
        let mut reports = Vec::new();
        for mut contest in contests() {
            let name = contest.name;
            let chosen = |prefix: &String| name.starts_with(prefix.as_str());
            if !choice.prefixes.is_empty() && !choice.prefixes.iter().any(chosen) {
                continue;
            }
            if let Some(side) = &choice.only {
                alone(&mut contest, side, choice.pairs)?;
                continue;
            }
            if reports.is_empty() {
                println!("{}", Report::head());
            }
            let report = run(&mut contest, choice.pairs)?;
            println!("{}", report.row());
            reports.push(report);
        }
        if choice.write && !reports.is_empty() {
            write(group, &reports)?;
        }
        all.extend(reports);
    }
    if all.is_empty() && choice.only.is_none() {
        return Err("no work has such a name".into());
    }
    if let Some(path) = &choice.json {
        let reports: Vec<_> = all.iter().map(Report::json).collect();
        std::fs::write(path, serde_json::to_string_pretty(&reports)?)?;
    }
    Ok(())
}

/// Turns of one side, each with its rate.
fn alone(contest: &mut Contest<'_>, side: &str, turns: usize) -> Result<(), Failure> {
    let turn = match side {
        "ours" => &mut contest.ours,
        "theirs" => &mut contest.theirs,
        _ => return Err(format!("{side} is neither ours nor theirs").into()),
    };
    for _ in 0..turns {
        let sample = turn()?;
        let (rate, cost) = (
            contest.unit.rate(sample.rate()),
            contest.unit.cost(sample.cost()),
        );
        println!("{} {side}: {rate}, {cost}", contest.name);
    }
    Ok(())
}

/// A part of a group would leave the rest of its table behind, so only whole groups are written.
fn write(group: &str, reports: &[Report]) -> Result<(), Failure> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");
    let mut table = Report::head().to_owned();
    for report in reports {
        table.push('\n');
        table.push_str(&report.row());
    }
    let page = std::fs::read_to_string(path)?;
    std::fs::write(path, splice(&page, group, &table)?)?;
    Ok(())
}
