//! BBR where segments come out of order and are lost as well, both ways: the links of the matrix of
//! `docs/benchmarks.md`, in virtual time and without its other end, the kernel.

use std::time::Duration;

use handfast::tcp::Algorithm;

use crate::flow::{Flow, Outcome, Path, run};

/// How long each flow is measured, from its SYN on.
const TIME: Duration = Duration::from_secs(8);
/// What buffers may grow to, as in the matrix.
const BUFFER_MAX: usize = 32 << 20;
/// Least bytes that the queue takes, as in the matrix.
const QUEUE_MIN: u32 = 64 << 10;
/// Lost each way, in percent.
const LOSSES: [&str; 5] = ["0", "0.1", "1", "3", "10"];
/// What is held back, in percent, and by which part of the round trip.
const REORDERINGS: [(&str, Option<(u32, u32)>); 3] = [
    ("no", None),
    ("mild", Some((1, 16))),
    ("heavy", Some((5, 4))),
];

/// What the command line asks for.
struct Options {
    rates: Vec<u32>,
    rtts: Vec<u32>,
    seeds: u64,
    time: Duration,
    sack: bool,
    /// Only cells whose name has this in it.
    only: String,
}

/// Runs what `arguments` ask for (`--rate`, `--rtt`, `--seeds`, `--seconds`, `--sack`,
/// `--only`), and prints it.
pub(crate) fn print(arguments: impl Iterator<Item = String>) {
    let options = Options::parse(arguments);
    println!(
        "| Mbit/s | RTT | loss | reordering | timestamps | Mbit/s read | least | resent/lost | timeouts |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    for (name, path, flow) in options.cells() {
        let runs = (1..=options.seeds).map(|seed| {
            let [outcome] = run(path, seed, [flow], Duration::ZERO..options.time);
            outcome
        });
        println!("{}", row(&name, &runs.collect::<Vec<_>>(), options.time));
    }
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            rates: vec![100],
            rtts: vec![1, 20, 100],
            seeds: 3,
            time: TIME,
            sack: true,
            only: String::new(),
        };
        while let Some(word) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            let number = || value.parse::<u32>().expect("a number");
            match word.as_str() {
                "--rate" => options.rates = vec![number()],
                "--rtt" => options.rtts = vec![number()],
                "--seeds" => options.seeds = number().into(),
                "--seconds" => options.time = Duration::from_secs(number().into()),
                "--sack" => options.sack = value == "yes",
                "--only" => options.only = value,
                _ => panic!("no such option: {word}"),
            }
        }
        options
    }

    fn cells(&self) -> Vec<(String, Path, Flow)> {
        let mut cells = Vec::new();
        for &rate in &self.rates {
            for &rtt in &self.rtts {
                for loss in LOSSES {
                    for (name, reorder) in REORDERINGS {
                        for (stamps, timestamps) in [("yes", true), ("no", false)] {
                            let mut path = Path::new(rate, rtt, loss);
                            path.queue = Some(path.bdp().max(QUEUE_MIN));
                            path.both_ways = true;
                            path.reorder = reorder;
                            let name = format!("{rate} | {rtt} ms | {loss} % | {name} | {stamps}");
                            cells.push((name, path, flow(self.sack, timestamps)));
                        }
                    }
                }
            }
        }
        cells.retain(|(name, _, _)| name.contains(&self.only));
        cells
    }
}

fn flow(sack: bool, timestamps: bool) -> Flow {
    let mut flow = Flow::of(Algorithm::Bbr);
    for config in [&mut flow.tcp, &mut flow.peer] {
        config.sack = sack;
        config.timestamps = timestamps;
        config.send_buffer_max = BUFFER_MAX;
        config.receive_buffer_max = BUFFER_MAX;
    }
    flow
}

fn row(name: &str, runs: &[Outcome], time: Duration) -> String {
    let mbit = |run: &Outcome| run.read / 125_000.0 / time.as_secs_f64();
    let mean = runs.iter().map(mbit).sum::<f64>() / runs.len() as f64;
    let least = runs.iter().map(mbit).fold(f64::INFINITY, f64::min);
    let resent: u64 = runs.iter().map(|run| run.info.retransmissions).sum();
    let lost: u64 = runs.iter().map(|run| run.lost).sum();
    let timeouts: u64 = runs.iter().map(|run| run.info.timeouts).sum();
    format!("| {name} | {mean:.1} | {least:.1} | {resent}/{lost} | {timeouts} |")
}
