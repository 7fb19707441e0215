//! Ours and a peer's at the same work, by turns: [`Contest`] is one such work, [`run`] does the
//! turns, [`Report`] is what came out; a [`Solo`] has no peer. The works themselves are in
//! `benches/suite`. [`Counts`] is a table of instruction counts, which `benches/counts` makes.
//!
//! What counts is the ratio of the two in one run. The machine is small and shared, and what one turn
//! shows is of no use without the other's turn just before it.

mod counts;
mod latency;
mod measure;
mod pairs;
mod report;
mod solo;
mod splice;
mod tools;

pub use counts::{Counts, Verdict};
pub use latency::Latency;
pub use measure::{Failure, Sample, Tally, measure, measure_told, now, taken};
pub use pairs::{Contest, PAIRS_LEAST, Reach, Side, Unit, run};
pub use report::{Latencies, Report, Spread};
pub use solo::{Facts, Figure, Solo, Turn, Wanted, repeat};
pub use splice::splice;
pub use tools::{iperf3, wrk};
