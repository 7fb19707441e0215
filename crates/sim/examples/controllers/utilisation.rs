//! How much of a link one flow uses for a minute, with and without losses at random, beside the
//! figures of other stacks over the same link. Cells are spread over threads; each is a world of
//! its own, so the table does not depend on how many there are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handfast::tcp::Algorithm;

use crate::flow::{Flow, Outcome, Path, run};

/// What buffers may grow to. A lost segment that is lost again keeps the reader waiting for three
/// round trips: at 1 Gbit/s and 100 ms that are 38 MB, more than the defaults allow.
const BUFFER_MAX: usize = 64 << 20;
/// Bytes of text that the small-queue cells may have outstanding, and their queue.
const BUFFER: usize = 1 << 20;
const QUEUE: u32 = 250_000;

/// Mbit/s and milliseconds of each link, and what others reached there: Mbit/s of text without
/// loss, with 0.1 % and with 1 %. They were measured in November 2026 over the same link (a
/// drop-tail queue of one product of rate and round trip, losses on the data only, MTU 1500):
/// smoltcp 0.14, lwIP 2.1.3, Linux 6.18 (CUBIC in the second half of its run, and BBR version 1).
const LINKS: [(u32, u32, Peers); 4] = [
    (
        100,
        20,
        Peers {
            smoltcp: ["86", "17", "4.0"],
            lwip: ["91", "23", "5.2"],
            linux_cubic: ["97", "20", "5.1"],
            linux_bbr: ["", "94.5", "92.9"],
        },
    ),
    (
        100,
        100,
        Peers {
            smoltcp: ["34", "6.3", "1.2"],
            lwip: ["51", "5.1", "1.3"],
            linux_cubic: ["97", "4.7", "1.4"],
            linux_bbr: ["", "", "86.6"],
        },
    ),
    (
        1_000,
        20,
        Peers {
            smoltcp: ["967", "19", "4.1"],
            lwip: ["970", "24", "5.2"],
            linux_cubic: ["957", "19", "5.2"],
            linux_bbr: ["", "", "913"],
        },
    ),
    (
        1_000,
        100,
        Peers {
            smoltcp: ["443", "6.2", "1.2"],
            lwip: ["80", "5.5", "1.3"],
            linux_cubic: ["903", "5.3", "1.4"],
            linux_bbr: ["869", "", "685"],
        },
    ),
];

struct Peers {
    smoltcp: [&'static str; 3],
    lwip: [&'static str; 3],
    linux_cubic: [&'static str; 3],
    linux_bbr: [&'static str; 3],
}

/// What the command line asks for.
struct Options {
    time: Duration,
    seeds: u64,
    jobs: usize,
    /// Only cells whose name has this in it.
    only: String,
}

/// One row of the table.
struct Cell {
    path: Path,
    flow: Flow,
    /// Mbit/s of text that the path or the buffers allow.
    allowed: f64,
    controller: Algorithm,
    peers: String,
}

/// Runs what `arguments` ask for, and prints it.
pub(crate) fn print(arguments: impl Iterator<Item = String>) {
    let options = Options::parse(arguments);
    let mut cells = random_losses();
    cells.extend(heavy_losses());
    cells.extend(small_queues());
    cells.retain(|cell| cell.name().contains(&options.only));
    println!(
        "| Mbit/s | RTT | queue | loss | controller | used | least | second half | Mbit/s | timeouts | resent/lost | smoltcp, lwIP, Linux CUBIC, Linux BBR |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for row in rows(&cells, &options) {
        println!("{row}");
    }
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let mut options = Self {
            time: Duration::from_secs(60),
            seeds: 5,
            jobs,
            only: String::new(),
        };
        while let Some(word) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            let number = || value.parse().expect("a number");
            match word.as_str() {
                "--seconds" => options.time = Duration::from_secs(number()),
                "--seeds" => options.seeds = number(),
                "--jobs" => options.jobs = value.parse().expect("a number"),
                "--only" => options.only = value,
                _ => panic!("no such option: {word}"),
            }
        }
        options
    }
}

impl Cell {
    fn name(&self) -> String {
        let Path {
            rate, rtt, loss, ..
        } = self.path;
        let queue = match self.path.queue {
            None => "1 BDP".to_owned(),
            Some(bytes) => format!("{} KB", bytes / 1_000),
        };
        format!(
            "{rate} | {rtt} ms | {queue} | {loss} % | {:?}",
            self.controller
        )
    }

    /// One where nothing is random: no losses, and a controller without dice.
    fn seeds(&self, options: &Options) -> u64 {
        let random = self.path.loss != "0" || self.controller == Algorithm::Bbr;
        if random { options.seeds } else { 1 }
    }

    fn row(&self, runs: &[Outcome], time: Duration) -> String {
        let count = runs.len() as f64;
        let mbits = |read: f64, time: Duration| read / 125_000.0 / time.as_secs_f64();
        let share = |run: &Outcome| 100.0 * mbits(run.read, time) / self.allowed;
        let used = runs.iter().map(share).sum::<f64>() / count;
        let least = runs.iter().map(share).fold(f64::INFINITY, f64::min);
        let late = runs.iter().map(|run| run.read_late).sum::<f64>() / count;
        let late = mbits(late, time / 2);
        let mean = runs.iter().map(|run| run.read).sum::<f64>() / count;
        let mean = mbits(mean, time);
        let timeouts: u64 = runs.iter().map(|run| run.info.timeouts).sum();
        let resent: u64 = runs.iter().map(|run| run.info.retransmissions).sum();
        let lost: u64 = runs.iter().map(|run| run.lost).sum();
        let (name, peers) = (self.name(), &self.peers);
        let late = format!("{:.1} % ({late:.1})", 100.0 * late / self.allowed);
        format!(
            "| {name} | {used:.1} % | {least:.1} % | {late} | {mean:.1} | {timeouts} | {resent}/{lost} | {peers} |"
        )
    }
}

/// All links with all losses.
fn random_losses() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (rate, rtt, peers) in LINKS {
        for (loss, index) in [("0", 0), ("0.1", 1), ("1", 2)] {
            for controller in [Algorithm::Cubic, Algorithm::Bbr] {
                let path = Path::new(rate, rtt, loss);
                let mut flow = Flow::of(controller);
                flow.tcp.send_buffer_max = BUFFER_MAX;
                flow.peer.receive_buffer_max = BUFFER_MAX;
                let known = [
                    peers.smoltcp,
                    peers.lwip,
                    peers.linux_cubic,
                    peers.linux_bbr,
                ];
                let known = known.map(|peer| match peer[index] {
                    "" => "–",
                    figure => figure,
                });
                cells.push(Cell {
                    path,
                    flow,
                    allowed: path.text_rate(),
                    controller,
                    peers: known.join(", "),
                });
            }
        }
    }
    cells
}

/// More than BBR takes for congestion when it does not know better.
fn heavy_losses() -> Vec<Cell> {
    let mut cells = Vec::new();
    for rtt in [20, 100, 300] {
        for loss in ["3", "10"] {
            let path = Path::new(100, rtt, loss);
            let mut flow = Flow::of(Algorithm::Bbr);
            flow.tcp.send_buffer_max = BUFFER_MAX;
            flow.peer.receive_buffer_max = BUFFER_MAX;
            cells.push(Cell {
                path,
                flow,
                allowed: path.text_rate(),
                controller: Algorithm::Bbr,
                peers: String::new(),
            });
        }
    }
    cells
}

/// Buffers that never grow, and a queue that holds a quarter of them. A round trip cannot carry
/// more than they hold.
fn small_queues() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (rate, rtt) in [(100, 20), (1_000, 2), (1_000, 20)] {
        for controller in [Algorithm::Cubic, Algorithm::Bbr] {
            let mut path = Path::new(rate, rtt, "0");
            path.queue = Some(QUEUE);
            let mut flow = Flow::of(controller);
            for config in [&mut flow.tcp, &mut flow.peer] {
                config.send_buffer = BUFFER;
                config.send_buffer_max = BUFFER;
                config.receive_buffer = BUFFER;
                config.receive_buffer_max = BUFFER;
            }
            let in_round_trip = BUFFER as f64 / 125.0 / f64::from(rtt);
            cells.push(Cell {
                path,
                flow,
                allowed: path.text_rate().min(in_round_trip),
                controller,
                peers: String::new(),
            });
        }
    }
    cells
}

/// The rows in order, when all are done.
fn rows(cells: &[Cell], options: &Options) -> Vec<String> {
    let jobs: Vec<(usize, u64)> = (cells.iter().enumerate())
        .flat_map(|(index, cell)| (1..=cell.seeds(options)).map(move |seed| (index, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![Vec::new(); cells.len()]);
    let work = || {
        while let Some(&(index, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let cell = &cells[index];
            let [outcome] = run(cell.path, seed, [cell.flow], Duration::ZERO..options.time);
            outcomes.lock().expect("no run panics")[index].push(outcome);
            eprintln!("{} seed {seed}", cell.name());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(work);
        }
    });
    let outcomes = outcomes.into_inner().expect("no run panics");
    cells
        .iter()
        .zip(outcomes)
        .map(|(cell, runs)| cell.row(&runs, options.time))
        .collect()
}
