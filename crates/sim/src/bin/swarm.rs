//! The command `swarm`: hunts through seeds, repeats one, shrinks one.

use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use handfast::Clock;
use handfast_packet::record::Recorder;
use handfast_sim::swarm::{Catch, Hunt, Plan, hunt, keep_panics, run_caught, shrink};
use handfast_trace::{Exchange, Ladder, LadderOptions};

const USAGE: &str = "\
Runs worlds that are drawn from seeds, and judges them.

  swarm --seeds A..B [--jobs N] [--twice EVERY] [--seconds S]
      hunts: A up to but not B, on N threads (default: all processors), every EVERY-th world twice
      for equal frames (default 10, 0 for none), for at most S seconds
  swarm SEED | --plan FILE      runs one world and prints its plan and its outcome
      --ladder HOST             prints what this host sent and received, too; the first is 0
      --draw FILE               draws the exchange as SVG
      --shrink                  makes a failing plan smaller, and prints it
";

/// What the command line asks for.
#[derive(Default)]
struct Arguments {
    seeds: Option<Range<u64>>,
    seed: Option<u64>,
    plan: Option<String>,
    jobs: Option<usize>,
    twice: Option<u64>,
    seconds: Option<u64>,
    shrink: bool,
    ladder: Option<usize>,
    draw: Option<String>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprint!("swarm: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    keep_panics();
    let plan = match (&arguments.plan, arguments.seed) {
        (Some(file), _) => read(file),
        (None, Some(seed)) => Ok(Plan::draw(seed)),
        (None, None) => return all(&arguments),
    };
    match plan {
        Ok(plan) => one(&plan, &arguments),
        Err(wrong) => {
            eprintln!("swarm: {wrong}");
            ExitCode::from(2)
        }
    }
}

fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut words = words;
    while let Some(word) = words.next() {
        if word == "--shrink" {
            arguments.shrink = true;
            continue;
        }
        if !word.starts_with("--") {
            arguments.seed = Some(number(&word)?);
            continue;
        }
        let value = words.next().ok_or(format!("`{word}` needs a value"))?;
        match word.as_str() {
            "--seeds" => {
                let (from, to) = value.split_once("..").ok_or("seeds are a range, A..B")?;
                let seeds = number(from)?..number(to)?;
                if seeds.is_empty() {
                    return Err(format!(
                        "`{value}` holds no seed: the end is not in the range"
                    ));
                }
                arguments.seeds = Some(seeds);
            }
            "--ladder" => arguments.ladder = Some(number(&value)?),
            "--draw" => arguments.draw = Some(value),
            "--plan" => arguments.plan = Some(value),
            "--jobs" => arguments.jobs = Some(number(&value)?),
            "--twice" => arguments.twice = Some(number(&value)?),
            "--seconds" => arguments.seconds = Some(number(&value)?),
            _ => return Err(format!("`{word}` is no option")),
        }
    }
    let asked = [
        arguments.seeds.is_some(),
        arguments.seed.is_some(),
        arguments.plan.is_some(),
    ];
    if asked.iter().filter(|&&asked| asked).count() != 1 {
        return Err("one of a seed, --seeds and --plan is needed".to_owned());
    }
    Ok(arguments)
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    let digits: String = word.chars().filter(|&c| c != '_').collect();
    digits.parse().map_err(|_| format!("`{word}` is no number"))
}

fn read(file: &str) -> Result<Plan, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    text.parse().map_err(|error| format!("{file}: {error}"))
}

/// Hunts.
fn all(arguments: &Arguments) -> ExitCode {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = Hunt {
        seeds: arguments.seeds.clone().unwrap_or(0..0),
        jobs: arguments.jobs.unwrap_or(processors),
        twice: arguments.twice.unwrap_or(10),
    };
    let clock = Clock::system();
    let start = clock.now();
    let limit = arguments.seconds.map_or(Duration::MAX, Duration::from_secs);
    let shown = Mutex::new(start);
    let count = asked.seeds.end.saturating_sub(asked.seeds.start);
    let Catch {
        statistics,
        failures,
    } = hunt(&asked, |done| {
        let now = clock.now();
        let mut shown = shown.lock().expect("nobody panics with it");
        if now.duration_since(*shown) >= Duration::from_secs(1) {
            *shown = now;
            let rate = rate(done, now.duration_since(start));
            eprint!("\r{done} of {count} worlds, {rate} a second ");
            let _ = std::io::stderr().flush();
        }
        now.duration_since(start) < limit
    });
    let took = clock.now().duration_since(start);
    eprintln!();
    print!("{statistics}");
    for (feature, count) in &statistics.features {
        print!("{feature} {count}  ");
    }
    println!(
        "\n{} s, {} worlds a second",
        took.as_secs(),
        rate(statistics.runs, took)
    );
    for (seed, failure) in &failures {
        let text: String = failure.to_string().chars().take(400).collect();
        println!("\nseed {seed} fails: {text}");
        println!("  cargo run --release -p handfast-sim --bin swarm -- {seed}");
    }
    println!("{} failures", failures.len());
    ExitCode::from(u8::from(!failures.is_empty()))
}

fn rate(count: u64, time: Duration) -> u128 {
    u128::from(count) * 1_000 / time.as_millis().max(1)
}

/// Runs one world.
fn one(plan: &Plan, arguments: &Arguments) -> ExitCode {
    print!("{plan}");
    let exchange = Exchange::new();
    let outcome = run_caught(plan, |host| {
        if arguments.draw.is_some() {
            return Some(exchange.lane(host, plan.world.medium));
        }
        (arguments.ladder == Some(host)).then(|| {
            let options = LadderOptions {
                medium: plan.world.medium,
                width: 140,
                ..LadderOptions::default()
            };
            Box::new(Ladder::new(Box::new(std::io::stdout()), options)) as Box<dyn Recorder>
        })
    });
    println!("{}digest {:016x}", outcome.statistics, outcome.digest);
    if let Some(file) = &arguments.draw {
        let name = |host: usize| format!("host {host}, {}", plan.address(host));
        let names: Vec<String> = (0..plan.hosts.len()).map(name).collect();
        if let Err(error) = fs::write(file, exchange.svg(&names)) {
            eprintln!("swarm: {file}: {error}");
            return ExitCode::from(2);
        }
    }
    let Some(failure) = outcome.failure else {
        println!("no failure");
        return ExitCode::SUCCESS;
    };
    println!("{failure}");
    if arguments.shrink {
        let smallest = shrink(plan, |plan| {
            eprintln!("... {} characters", plan.to_string().len());
        });
        println!("\n{smallest}");
        if let Some(failure) = run_caught(&smallest, |_| None).failure {
            println!("{failure}");
        }
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_seeds_is_refused() {
        let of = |range: &str| parse(["--seeds", range].map(str::to_owned).into_iter());
        assert!(of("5..6").is_ok());
        for empty in ["5..5", "6..5"] {
            assert!(of(empty).err().is_some_and(|wrong| wrong.contains(empty)));
        }
    }
}
