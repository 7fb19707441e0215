//! Ours and a peer's at the same work, by turns: [`Contest`] is one such work, [`run`] does the
//! turns, [`Report`] is what came out. The works themselves are in `benches/suite`. [`Counts`] is a
//! table of instruction counts, which `benches/counts` makes.
//!
//! What counts is the ratio of the two in one run. The machine is small and shared, and what one turn
//! shows is of no use without the other's turn just before it.

mod counts;
mod measure;
mod pairs;
mod report;
mod splice;

pub use counts::{Counts, Verdict};
pub use measure::{Failure, Sample, measure};
pub use pairs::{Contest, PAIRS_LEAST, Side, Unit, run};
pub use report::{Report, Spread};
pub use splice::splice;
