//! The matrix for people: a line for each pair while it runs, the table, and what it says in all.

use std::fmt::Write as _;
use std::time::Duration;

use super::cell::Cell;
use super::run::{Direction, Outcome};
use super::schedule::Pair;

/// The least ratio of a cell that is wanted.
const RATIO_MIN: f64 = 0.8;

/// One pair as a line: the speeds, and what the senders say.
pub fn row(pair: &Pair) -> String {
    let way = way(pair.direction);
    let side = |outcome: &std::io::Result<Outcome>| match outcome {
        Err(error) => format!("failed: {error}"),
        Ok(seen) => format!(
            "{:8.2} Mbit/s resent {} rto {} rtt {:.1?} cwnd {} silent {:.2?}{}{}",
            seen.goodput / 1e6,
            seen.figures.retransmissions,
            seen.figures.timeouts,
            seen.figures.round_trip,
            seen.figures.window,
            seen.silence,
            if seen.ended { "" } else { " cut" },
            seen.fault()
                .map_or_else(String::new, |fault| format!(" FAULT: {fault}")),
        ),
    };
    format!(
        "{:3} {way} {} [{}] {:.2}\n        ours   {}\n        kernel {}",
        pair.number,
        pair.cell,
        pair.repeat,
        ratio(std::slice::from_ref(pair)).unwrap_or(f64::NAN),
        side(&pair.ours),
        side(&pair.kernel)
    )
}

/// The table in Markdown, and the summary below it.
pub fn print(pairs: &[Pair]) -> String {
    let mut text = String::from(
        "| # | controller | Mbit/s | loss | RTT | reordering | options | up: ours | kernel | ratio \
         | down: ours | kernel | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut ratios = Vec::new();
    for runs in pairs.chunk_by(|a, b| a.number == b.number) {
        let _ = write!(text, "| {} | {} |", runs[0].number, runs[0].cell);
        for direction in [Direction::Up, Direction::Down] {
            let runs: Vec<&Pair> = runs.iter().filter(|r| r.direction == direction).collect();
            let (ours, kernel) = (speed(&runs, |p| &p.ours), speed(&runs, |p| &p.kernel));
            let ratio = ours / kernel;
            ratios.push((ratio, runs[0].number, direction));
            let mark = if ratio < RATIO_MIN { "**" } else { "" };
            let _ = write!(text, " {ours:.2} | {kernel:.2} | {mark}{ratio:.2}{mark} |");
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&summary(pairs, &mut ratios));
    text
}

fn summary(pairs: &[Pair], ratios: &mut [(f64, usize, Direction)]) -> String {
    let mut text = String::new();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    for direction in [Direction::Up, Direction::Down] {
        let one_way: Vec<f64> = ratios
            .iter()
            .filter(|r| r.2 == direction)
            .map(|r| r.0)
            .collect();
        if let (Some(least), Some(most)) = (one_way.first(), one_way.last()) {
            let _ = writeln!(
                text,
                "{}: median ratio {:.2} ({least:.2} to {most:.2}), {} of {} below {RATIO_MIN}",
                way(direction),
                one_way[one_way.len() / 2],
                one_way.iter().filter(|&&r| r < RATIO_MIN).count(),
                one_way.len(),
            );
        }
    }
    let median = ratios.get(ratios.len() / 2).map_or(f64::NAN, |r| r.0);
    let low: Vec<String> = ratios
        .iter()
        .filter(|r| r.0.is_nan() || r.0 < RATIO_MIN)
        .map(|r| format!("{} {} ({:.2})", r.1, way(r.2), r.0))
        .collect();
    let _ = writeln!(text, "median of all {} ratios: {median:.2}", ratios.len());
    let _ = writeln!(text, "below {RATIO_MIN}: {}", joined(&low));
    let ours = pairs.iter().map(|pair| (pair, &pair.ours));
    let all = ours.chain(pairs.iter().map(|pair| (pair, &pair.kernel)));
    let (mut faults, mut worst, mut cut) = (Vec::new(), (Duration::ZERO, 0), 0);
    for (pair, outcome) in all {
        let at = format!("{} {}", pair.number, way(pair.direction));
        match outcome {
            Err(error) => faults.push(format!("{at}: {error}")),
            Ok(seen) => {
                faults.extend(seen.fault().map(|fault| format!("{at}: {fault}")));
                worst = worst.max((seen.silence, pair.number));
                cut += usize::from(!seen.ended);
            }
        }
    }
    let _ = writeln!(
        text,
        "{} streams, {cut} not whole when the time to deliver the rest was over; longest silence \
         {:.2?} (cell {}); faults: {}",
        2 * pairs.len(),
        worst.0,
        worst.1,
        joined(&faults)
    );
    text
}

/// Mbit/s over all repeats.
fn speed<'a>(runs: &[&'a Pair], side: impl Fn(&'a Pair) -> &'a std::io::Result<Outcome>) -> f64 {
    let total: f64 = runs
        .iter()
        .map(|run| side(run).as_ref().map_or(0.0, |seen| seen.goodput))
        .sum();
    total / 1e6 / runs.len() as f64
}

fn ratio(pairs: &[Pair]) -> Option<f64> {
    let runs: Vec<&Pair> = pairs.iter().collect();
    let kernel = speed(&runs, |p| &p.kernel);
    (kernel > 0.0).then(|| speed(&runs, |p| &p.ours) / kernel)
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

fn joined(parts: &[String]) -> String {
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The cells as a list.
pub fn list(cells: &[(usize, Cell)]) -> String {
    let mut text = String::new();
    for (number, cell) in cells {
        let _ = writeln!(text, "{number:3} | {cell}");
    }
    text
}
