//! Our TCP against the kernel's, and with it, through bad links: the whole matrix, its table in
//! Markdown on the standard output, each pair as it is done on the standard error.
//!
//! ```text
//! cargo run --release -p handfast-lab --example matrix
//! cargo run --release -p handfast-lab --example matrix -- --list
//! cargo run --release -p handfast-lab --example matrix -- --cells 0..10 --seconds 4 --repeats 2 --jobs 2
//! cargo run --release -p handfast-lab --example matrix -- --fairness --seconds 30
//! ```
//! `--up` and `--down` run one way only. `--repeats N` runs each pair N times as often as its speed
//! asks for. `--captures FOLDER` keeps what our TCP sent and received, with its causes, as pcapng.
//! With `--fairness`: two flows at once through one bottleneck, ours and the kernel's, both CUBIC.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match linux::main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("matrix: {wrong}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the lab needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::ops::Range;
    use std::path::PathBuf;
    use std::time::Duration;

    use handfast_lab::matrix::{self, Direction};
    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        let mut choice = matrix::Choice {
            cells: matrix::cells().into_iter().enumerate().collect(),
            directions: vec![Direction::Up, Direction::Down],
            span: Duration::from_secs(8),
            repeats: 1,
            jobs: 1,
            captures: None,
        };
        let mut fair = false;
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--list" => {
                    print!("{}", matrix::list(&choice.cells));
                    return Ok(());
                }
                "--fairness" => fair = true,
                "--cells" => {
                    let wanted = ranges(&value()?)?;
                    let chosen = |number: &usize| wanted.iter().any(|range| range.contains(number));
                    choice.cells.retain(|(number, _)| chosen(number));
                }
                "--down" => choice.directions = vec![Direction::Down],
                "--up" => choice.directions = vec![Direction::Up],
                "--seconds" => choice.span = Duration::from_secs_f64(value()?.parse()?),
                "--repeats" => choice.repeats = value()?.parse()?,
                "--jobs" => choice.jobs = value()?.parse()?,
                "--captures" => choice.captures = Some(folder(value()?)?),
                _ => return Err(format!("{word} is no option").into()),
            }
        }
        handfast_lab::enter()?;
        matrix::check()?;
        if fair {
            return fairness(&choice);
        }
        let began = seconds();
        let pairs = matrix::measure(&choice, |pair| eprintln!("{}", matrix::row(pair)));
        println!("{}", matrix::print(&pairs));
        println!("{} s in all", seconds() - began);
        Ok(())
    }

    fn seconds() -> i64 {
        clock_gettime(ClockId::Monotonic).tv_sec
    }

    /// Two flows in one drop-tail queue of what the path holds, at two round trips.
    fn fairness(choice: &matrix::Choice) -> Result<(), Box<dyn Error>> {
        println!("| RTT | ours | kernel | Jain's index | resent | timeouts |");
        println!("|---|---|---|---|---|---|");
        for round_trip_ms in [20, 100] {
            let cell = matrix::Cell {
                loss_ppm: 0,
                round_trip_ms,
                reordering: matrix::Reordering::No,
                sack: true,
                timestamps: true,
                ecn: false,
                controller: matrix::CONTROLLERS[0],
                rate_mbit: 100,
            };
            for repeat in 0..choice.repeats {
                let seen = matrix::fairness(&cell, choice.span, repeat)?;
                let [ours, kernel] = seen.figures;
                println!(
                    "| {round_trip_ms} ms | {:.1} | {:.1} | {:.3} | {}, {} | {}, {} |",
                    seen.ours / 1e6,
                    seen.kernel / 1e6,
                    seen.jain(),
                    ours.retransmissions,
                    kernel.retransmissions,
                    ours.timeouts,
                    kernel.timeouts
                );
                if !seen.equal {
                    return Err("content differs".into());
                }
            }
        }
        Ok(())
    }

    fn folder(name: String) -> Result<PathBuf, Box<dyn Error>> {
        std::fs::create_dir_all(&name).map_err(|error| format!("--captures {name}: {error}"))?;
        Ok(name.into())
    }

    /// Numbers of cells: `3`, `0..10`, `1,5,20..30`.
    fn ranges(text: &str) -> Result<Vec<Range<usize>>, Box<dyn Error>> {
        let range = |part: &str| -> Result<Range<usize>, Box<dyn Error>> {
            Ok(match part.split_once("..") {
                Some((from, to)) => from.parse()?..to.parse()?,
                None => part.parse()?..part.parse::<usize>()? + 1,
            })
        };
        text.split(',').map(range).collect()
    }
}
