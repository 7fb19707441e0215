//! The matrix: the Linux kernel as the other end of streams through bad links, and as the bar. Each
//! cell is a path with what both ends agree on; in each, our TCP and the kernel's do the same over
//! the same link, both ways. The example `matrix` runs it all, the test of the same name a few
//! small cells.

mod cell;
mod cover;
mod fairness;
mod junction;
mod ratio;
pub(crate) mod run;
pub(crate) mod scene;
mod schedule;
mod stream;
mod table;

pub use cell::{
    BUFFER_MAX, CONTROLLERS, Cell, LOSSES, RATES, REORDERINGS, ROUND_TRIPS, Reordering, WINDOW_MAX,
};
pub use cover::{CELLS, cells};
pub use fairness::{Shares, fairness};
pub use run::{Direction, Outcome, Plan, run};
pub use scene::{Who, check};
pub use schedule::{Choice, Pair, measure};
pub use stream::Figures;
pub use table::{list, print, row};
