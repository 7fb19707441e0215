//! The works, and which of them to do.
//!
//! ```text
//! cargo xtask bench                    # all
//! cargo xtask bench memory             # those whose name begins so
//! cargo xtask bench --pairs 9 --json results.json --write
//! cargo xtask bench bulk.tap.send --only ours    # for a profiler
//! ```
//! `--write` puts the tables into `docs/benchmarks.md`.
#![deny(unsafe_code)]

#[cfg(target_os = "linux")]
mod bulk;
#[cfg(target_os = "linux")]
mod connections;
mod crowd;
#[cfg(target_os = "linux")]
mod kernel;
mod memory;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod requests;
mod scale;
#[cfg(target_os = "linux")]
mod shards;
#[cfg(target_os = "linux")]
mod stress;

use std::process::ExitCode;

use handfast_bench::{Contest, Facts, Failure, PAIRS_LEAST, Solo, repeat, run, splice};
use serde_json::Value;

/// A group: its name, which is that of its table, and its works.
type Group = (&'static str, Works);

/// What a group does.
enum Works {
    /// Beside a peer.
    Contests(fn() -> Vec<Contest<'static>>),
    /// Beside one that not every machine has; if it lacks, why.
    #[cfg(target_os = "linux")]
    Borrowed(fn() -> Result<Vec<Contest<'static>>, Failure>),
    /// Alone.
    Solos(fn() -> Vec<Solo<'static>>),
}

const GROUPS: &[Group] = &[
    ("memory", Works::Contests(memory::contests)),
    ("journal", Works::Contests(memory::contests_of_journal)),
    #[cfg(target_os = "linux")]
    ("memory.lwip", Works::Borrowed(memory::contests_with_lwip)),
    #[cfg(target_os = "linux")]
    ("bulk", Works::Contests(bulk::contests)),
    #[cfg(target_os = "linux")]
    ("bulk.streams", Works::Contests(bulk::contests_of_streams)),
    #[cfg(target_os = "linux")]
    ("bulk.shards", Works::Contests(bulk::contests_of_shards)),
    #[cfg(target_os = "linux")]
    ("bulk.mtu", Works::Contests(bulk::contests_of_mtu)),
    #[cfg(target_os = "linux")]
    ("bulk.xdp", Works::Contests(bulk::contests_of_xdp)),
    #[cfg(target_os = "linux")]
    ("twin.iperf3", Works::Borrowed(bulk::contests_of_twin)),
    #[cfg(target_os = "linux")]
    ("requests", Works::Contests(requests::contests)),
    #[cfg(target_os = "linux")]
    ("connections.memory", Works::Solos(connections::solos)),
    #[cfg(target_os = "linux")]
    ("connections", Works::Contests(connections::contests)),
    #[cfg(target_os = "linux")]
    (
        "connections.wrk",
        Works::Borrowed(connections::contests_by_wrk),
    ),
    #[cfg(target_os = "linux")]
    ("shards", Works::Contests(shards::contests)),
    ("scale.idle", Works::Solos(scale::solos)),
    ("scale", Works::Contests(scale::contests)),
    #[cfg(target_os = "linux")]
    ("stress.holes", Works::Solos(stress::solos)),
    #[cfg(target_os = "linux")]
    ("stress", Works::Contests(stress::contests)),
];

/// What a group showed.
#[derive(Default)]
struct Table {
    lines: Vec<String>,
    json: Vec<Value>,
    /// Some works of the group were not chosen.
    partial: bool,
}

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
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("--open") => open(),
        _ => {
            // While there is one thread only. Where it is refused, the works that need it say so.
            // XDP sockets have a program for the kernel, which the machine's own root alone may load.
            #[cfg(target_os = "linux")]
            if !std::env::args().any(|word| word.starts_with("bulk.xdp")) {
                let _ = handfast_lab::enter();
            }
            choice().and_then(|choice| bench(&choice))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What `scale.idle` starts a process for: `--open COUNT`.
fn open() -> Result<(), Failure> {
    let count = std::env::args().nth(2).ok_or("--open wants a count")?;
    for figure in scale::open(count.parse()?)? {
        println!("{figure}");
    }
    Ok(())
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
    let (mut all, mut left_out) = (Vec::new(), false);
    for (group, works) in GROUPS {
        let table = match works {
            Works::Contests(contests) => compare(contests(), choice)?,
            #[cfg(target_os = "linux")]
            Works::Borrowed(_) if !choice.has(group) => continue,
            #[cfg(target_os = "linux")]
            Works::Borrowed(contests) => match contests() {
                Ok(contests) => compare(contests, choice)?,
                Err(why) => {
                    eprintln!("{group} is left out: {why}");
                    left_out = true;
                    continue;
                }
            },
            Works::Solos(solos) => show(solos(), choice)?,
        };
        match table.partial {
            _ if !choice.write || table.lines.is_empty() => {}
            true => eprintln!("{group} was done in part, and is not written"),
            false => write(group, &table)?,
        }
        all.extend(table.json);
    }
    if all.is_empty() && !left_out && choice.only.is_none() {
        return Err("no work has such a name".into());
    }
    if let Some(path) = &choice.json {
        std::fs::write(path, serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}

fn compare(contests: Vec<Contest<'static>>, choice: &Choice) -> Result<Table, Failure> {
    let mut table = Table::default();
    for mut contest in contests {
        if !choice.has(contest.name) {
            table.partial = true;
            continue;
        }
        if let Some(side) = &choice.only {
            alone(&mut contest, side, choice.pairs)?;
            continue;
        }
        let report = run(&mut contest, choice.pairs)?;
        table.add(report.head(), report.row(), report.json());
    }
    Ok(table)
}

fn show(solos: Vec<Solo<'static>>, choice: &Choice) -> Result<Table, Failure> {
    let mut table = Table::default();
    for mut solo in solos {
        if !choice.has(solo.name) {
            table.partial = true;
            continue;
        }
        let facts = repeat(&mut solo, choice.pairs)?;
        table.add(Facts::head(), facts.rows(), facts.json());
    }
    Ok(table)
}

impl Choice {
    fn has(&self, name: &str) -> bool {
        let chosen = |prefix: &String| name.starts_with(prefix.as_str());
        self.prefixes.is_empty() || self.prefixes.iter().any(chosen)
    }
}

impl Table {
    /// Prints a row, and keeps it.
    fn add(&mut self, head: &str, row: String, json: Value) {
        if self.lines.is_empty() {
            println!("{head}");
            self.lines.push(head.to_owned());
        }
        println!("{row}");
        self.lines.push(row);
        self.json.push(json);
    }
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
        print!("{} {side}: {rate}, {cost}", contest.name);
        match sample.latency {
            Some(latency) => println!(", {latency:?}"),
            None => println!(),
        }
    }
    Ok(())
}

/// A part of a group would leave the rest of its table behind, so only whole groups are written.
fn write(group: &str, table: &Table) -> Result<(), Failure> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");
    let page = std::fs::read_to_string(path)?;
    std::fs::write(path, splice(&page, group, &table.lines.join("\n"))?)?;
    Ok(())
}
