//! The congestion controllers measured over a bottleneck in virtual time, printed as tables in
//! Markdown: the figures of `docs/congestion-evaluation.md` (RFC 9743). Same program, same tables.
//!
//! `utilisation [--seconds 60] [--seeds 5] [--jobs N]` prints how much of a link is used instead,
//! beside what other stacks reach. `reordering [--seconds 8] [--seeds 3] [--sack no] [--only TEXT]`
//! prints what BBR reaches where segments come out of order, too, or where the peer knows no SACK. `shallow`
//! prints BBR beside CUBIC in short queues.
//!
//! One host sends to another as fast as the controller lets it, through the whole of both stacks,
//! a drop-tail queue of one product of rate and round trip, and random losses on the way out.

mod flow;
mod reordering;
mod shallow;
mod utilisation;

use std::fmt::Write as _;
use std::time::Duration;

use handfast::tcp::{self, Algorithm, Info, Pacing};

use flow::{Flow, Outcome, Path, START_UP, run};

const CONTROLLERS: [Algorithm; 3] = [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr];
const SEEDS: [u64; 3] = [1, 2, 3];
/// How long a flow alone is measured, from its SYN on.
const ALONE: Duration = Duration::from_secs(20);
/// Two flows: when the second begins, and which part of the run is compared.
const SECOND: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(20);
const TOGETHER: Duration = Duration::from_secs(60);

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(word) = arguments.next() {
        return match word.as_str() {
            "utilisation" => utilisation::print(arguments),
            "shallow" => shallow::print(),
            "reordering" => reordering::print(arguments),
            _ => panic!("no table of its own: {word}"),
        };
    }
    println!("{}", alone());
    println!("{}", start_up());
    println!("{}", heavy_loss());
    println!("{}", together());
    println!("{}", receive_buffers());
}

/// One flow on each path: utilisation, queueing, repairs.
fn alone() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | loss | controller | used | least | mean RTT | lost | resent | timeouts |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20), (100, 100)] {
        for loss in ["0", "0.1", "1"] {
            let path = Path::new(rate, rtt, loss);
            for congestion in CONTROLLERS {
                let runs = SEEDS.map(|seed| run_one(path, seed, Flow::of(congestion)));
                let used = runs.map(|run| path.used(run.read, ALONE));
                let least = used.into_iter().fold(f64::INFINITY, f64::min);
                let lost = runs.iter().map(|run| run.lost).sum::<u64>() / 3;
                let resent = runs.map(|run| run.info.retransmissions);
                let timeouts: u64 = runs.iter().map(|run| run.info.timeouts).sum();
                let (used, waits) = (mean(&used), mean(&runs.map(|run| run.rtt)));
                let resent = resent.iter().sum::<u64>() / 3;
                row(
                    &mut table,
                    format_args!(
                        "{rate} | {rtt} ms | {loss} % | {congestion:?} | {used:.1} % | {least:.1} % | {waits:.0} ms | {lost} | {resent} | {timeouts}"
                    ),
                );
            }
        }
    }
    table
}

/// The first round trips with and without HyStart++ (BBR knows no HyStart++ and always paces).
fn start_up() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | controller | HyStart++ | paced | most in flight | resent | used in the first 20 RTT |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20), (100, 100)] {
        let path = Path::new(rate, rtt, "0");
        for (congestion, hystart, paced) in [
            (Algorithm::Reno, false, false),
            (Algorithm::Reno, true, false),
            (Algorithm::Reno, true, true),
            (Algorithm::Cubic, false, false),
            (Algorithm::Cubic, true, false),
            (Algorithm::Cubic, true, true),
            (Algorithm::Bbr, false, true),
        ] {
            let mut flow = Flow::of(congestion);
            flow.tcp.hystart = hystart;
            flow.tcp.pacing = if paced { Pacing::On } else { Pacing::Auto };
            let until = START_UP * Duration::from_millis(rtt.into());
            let [one] = run(path, SEEDS[0], [flow], Duration::ZERO..until);
            let peak = one.peak * 100 / u64::from(path.bdp());
            let used = path.used(one.read, until);
            let word = |is| if is { "on" } else { "off" };
            let (hystart, paced, resent) = (word(hystart), word(paced), one.resent_early);
            row(
                &mut table,
                format_args!(
                    "{rate} | {rtt} ms | {congestion:?} | {hystart} | {paced} | {peak} % of BDP | {resent} | {used:.0} %"
                ),
            );
        }
    }
    table
}

/// So much is lost that nobody should send much.
fn heavy_loss() -> String {
    let mut table = String::from(
        "| loss | controller | segments sent in 20 s | of them again | timeouts | kbit/s read |\n\
         |---|---|---|---|---|---|\n",
    );
    for loss in ["10", "30", "60"] {
        let path = Path::new(20, 100, loss);
        for congestion in CONTROLLERS {
            let runs = SEEDS.map(|seed| run_one(path, seed, Flow::of(congestion)));
            let sum = |figure: fn(&Info) -> u64| {
                runs.iter().map(|run| figure(&run.info)).sum::<u64>() / 3
            };
            let sent = sum(|info| info.segments_sent);
            let resent = sum(|info| info.retransmissions);
            let timeouts = sum(|info| info.timeouts);
            let read = mean(&runs.map(|run| run.read)) / ALONE.as_secs_f64() / 125.0;
            row(
                &mut table,
                format_args!(
                    "{loss} % | {congestion:?} | {sent} | {resent} | {timeouts} | {read:.0}"
                ),
            );
        }
    }
    table
}

/// Two flows at one bottleneck.
fn together() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | first | second | share of the first | Jain | used | timeouts |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let pairs = [
        (Algorithm::Reno, Algorithm::Reno),
        (Algorithm::Cubic, Algorithm::Cubic),
        (Algorithm::Bbr, Algorithm::Bbr),
        (Algorithm::Cubic, Algorithm::Reno),
        (Algorithm::Reno, Algorithm::Cubic),
        (Algorithm::Cubic, Algorithm::Bbr),
        (Algorithm::Bbr, Algorithm::Cubic),
    ];
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20)] {
        let path = Path::new(rate, rtt, "0");
        for (first, second) in pairs {
            let runs = SEEDS.map(|seed| run_two(path, seed, [first, second]));
            let share = mean(&runs.map(|[a, b]| 100.0 * a.read / (a.read + b.read)));
            let jain = mean(&runs.map(|[a, b]| {
                (a.read + b.read).powi(2) / (2.0 * (a.read.powi(2) + b.read.powi(2)))
            }));
            let used = mean(&runs.map(|[a, b]| path.used(a.read + b.read, TOGETHER - SETTLED)));
            let timeouts: u64 = runs.iter().flatten().map(|flow| flow.info.timeouts).sum();
            row(
                &mut table,
                format_args!(
                    "{rate} | {rtt} ms | {first:?} | {second:?} | {share:.0} % | {jain:.2} | {used:.0} % | {timeouts}"
                ),
            );
        }
    }
    table
}

/// How much the peer's receive buffer has to do with what BBR reaches under random loss.
fn receive_buffers() -> String {
    let mut table = String::from(
        "| peer's receive buffer | seed 1 | seed 2 | seed 3 |\n\
         |---|---|---|---|\n",
    );
    let path = Path::new(100, 100, "1");
    let tuned = tcp::Config::default();
    for (name, receive_buffer) in [
        ("tunes itself", tuned.receive_buffer),
        ("15 MiB from the start", tuned.receive_buffer_max),
    ] {
        let mut flow = Flow::of(Algorithm::Bbr);
        flow.peer.receive_buffer = receive_buffer;
        let [a, b, c] = SEEDS.map(|seed| path.used(run_one(path, seed, flow).read, ALONE));
        row(
            &mut table,
            format_args!("{name} | {a:.1} % | {b:.1} % | {c:.1} %"),
        );
    }
    table
}

fn row(table: &mut String, cells: std::fmt::Arguments<'_>) {
    writeln!(table, "| {cells} |").expect("a String takes everything");
}

fn mean(values: &[f64]) -> f64 {
    let count = u32::try_from(values.len()).expect("a few runs");
    values.iter().sum::<f64>() / f64::from(count)
}

fn run_one(path: Path, seed: u64, flow: Flow) -> Outcome {
    let [outcome] = run(path, seed, [flow], Duration::ZERO..ALONE);
    outcome
}

fn run_two(path: Path, seed: u64, controllers: [Algorithm; 2]) -> [Outcome; 2] {
    let [first, mut second] = controllers.map(Flow::of);
    // Without losses the seeds would otherwise differ in nothing for Reno and CUBIC.
    second.begins = SECOND + Duration::from_millis(137 * seed);
    run(path, seed, [first, second], SETTLED..TOGETHER)
}
