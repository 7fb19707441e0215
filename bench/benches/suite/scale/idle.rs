//! What idle connections take. Each turn is a process of its own: what another turn has freed
//! would hide what this one takes.

use std::fs;
use std::process::Command;

use handfast_bench::{Failure, Figure, Solo, Wanted};
use handfast_packet::buf::BATCH_MAX;

use crate::crowd::Crowd;

const FIGURES: &[Figure] = &[
    Figure {
        unit: "bytes of resident memory each",
        wanted: Some(Wanted::AtMost(1_024.0)),
    },
    Figure {
        unit: "thousands opened in a second",
        wanted: Some(Wanted::AtLeast(200.0)),
    },
];

pub(crate) fn solos() -> Vec<Solo<'static>> {
    [
        ("scale.idle.1k", 1_000),
        ("scale.idle.10k", 10_000),
        ("scale.idle.100k", 100_000),
        ("scale.idle.1m", 1_000_000),
    ]
    .into_iter()
    .map(|(name, clients)| Solo {
        name,
        what: format!("{clients} connections, established and idle"),
        figures: FIGURES,
        turn: Box::new(move || in_a_process(clients)),
    })
    .collect()
}

/// Runs [`open`] in a process of its own.
fn in_a_process(clients: usize) -> Result<Vec<f64>, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["--open", &clients.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    if figures.len() == FIGURES.len() {
        return Ok(figures);
    }
    Err(format!(
        "no figures: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

/// Opens so many connections; the figures.
pub(crate) fn open(clients: usize) -> Result<Vec<f64>, Failure> {
    // What the first connections need is not what each further one does.
    let mut first = Crowd::new(BATCH_MAX)?;
    first.open()?;
    let mut crowd = Crowd::new(clients)?;
    let before = resident()?;
    crowd.open()?;
    let grown = resident()?.saturating_sub(before) as f64;
    let count = clients as f64;
    Ok(vec![grown / count, count / crowd.spent.as_secs_f64() / 1e3])
}

/// Resident memory of this process in bytes.
fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes: u64 = kibibytes.ok_or("no VmRSS")?.trim().parse()?;
    Ok(kibibytes * 1_024)
}
