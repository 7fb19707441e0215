//! BBR beside CUBIC in queues that are too short to be seen by their delay, with a good link and
//! with a bad one.

use std::time::Duration;

use handfast::tcp::Algorithm::{Bbr, Cubic};

use crate::flow::{Flow, Outcome, Path, run};

/// Rate in Mbit/s, round trip in milliseconds, and which part of their product the queue holds.
const QUEUES: [(u32, u32, u32); 4] = [(20, 40, 10), (20, 40, 20), (100, 20, 10), (100, 100, 10)];
const SETTLED: Duration = Duration::from_secs(20);
const TOGETHER: Duration = Duration::from_secs(60);
const SEEDS: u64 = 2;

/// Prints Mbit/s of text: one CUBIC and one BBR, and four CUBIC and one BBR.
pub(crate) fn print() {
    println!(
        "| Mbit/s | RTT | queue | loss | CUBIC | BBR | four CUBIC | BBR |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for (rate, rtt, part) in QUEUES {
        for loss in ["0", "3"] {
            let mut path = Path::new(rate, rtt, loss);
            path.queue = Some(path.bdp() / part);
            let mut sums = [0.0; 4];
            for seed in 1..=SEEDS {
                let pair = run(path, seed, [Cubic, Bbr].map(Flow::of), SETTLED..TOGETHER);
                let five = [Cubic, Cubic, Cubic, Cubic, Bbr].map(Flow::of);
                let five = run(path, seed, five, SETTLED..TOGETHER);
                for (sum, flows) in
                    sums.iter_mut()
                        .zip([&pair[..1], &pair[1..], &five[..4], &five[4..]])
                {
                    *sum += flows.iter().map(mbit).sum::<f64>() / SEEDS as f64;
                }
            }
            let [cubic, bbr, four, fifth] = sums;
            println!(
                "| {rate} | {rtt} ms | 1/{part} BDP | {loss} % | {cubic:.1} | {bbr:.1} | {four:.1} | {fifth:.1} |"
            );
        }
    }
}

fn mbit(flow: &Outcome) -> f64 {
    flow.read * 8e-6 / (TOGETHER - SETTLED).as_secs_f64()
}
