//! The matrix for people: a line for each pair while it runs, the table, and what it says in all.

use std::fmt::Write as _;
use std::time::Duration;

use super::cell::Cell;
use super::ratio::{RATIO_MIN, Ratio};
use super::run::{Direction, Outcome};
use super::schedule::Pair;

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
        Ratio::of(&[pair]).value,
        side(&pair.ours),
        side(&pair.kernel)
    )
}

/// The table in Markdown, and the summary below it.
pub fn print(pairs: &[Pair]) -> String {
    let mut text = String::from(
        "| # | controller | Mbit/s | loss | RTT | reordering | options | up: ours | kernel | ratio \
         | runs | down: ours | kernel | ratio | runs |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut ratios = Vec::new();
    for runs in pairs.chunk_by(|a, b| a.number == b.number) {
        let _ = write!(text, "| {} | {} |", runs[0].number, runs[0].cell);
        for direction in [Direction::Up, Direction::Down] {
            let runs: Vec<&Pair> = runs.iter().filter(|r| r.direction == direction).collect();
            let ratio = Ratio::of(&runs);
            ratios.push((ratio.value, runs[0].number, direction));
            let _ = write!(text, " {} |", columns(&ratio, runs.len()));
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

/// Both speeds, the ratio with its standard error, and of how many runs.
fn columns(ratio: &Ratio, runs: usize) -> String {
    let mark = if ratio.value < RATIO_MIN { "**" } else { "" };
    let error = ratio
        .error
        .map_or_else(String::new, |error| format!(" ±{error:.2}"));
    let Ratio {
        ours,
        kernel,
        value,
        ..
    } = ratio;
    format!("{ours:.2} | {kernel:.2} | {mark}{value:.2}{mark}{error} | {runs}")
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
