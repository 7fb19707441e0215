//! The swarm: worlds drawn from seeds, each run for a while with faults and then without, watched
//! by referees.
//!
//! ```text
//! seed ─► draw ─► Plan ◄─► text            everything about a world, as data
//!                  │
//!                  ▼
//!                 run ─► Outcome           safety while there are faults, then liveness
//! ```
//! What is judged: no referee sees a rule broken, no flow fails without an excuse in its plan,
//! everything ends within a bound that follows from the plan, and the same plan gives the same
//! frames. Why the bounds are what they are: `docs/adr/0023-swarm.md`.

mod app;
mod bound;
mod dice;
mod draw;
mod edge;
mod excuse;
mod fate;
mod flow;
mod hunt;
mod pardon;
mod plan;
mod run;
mod shrink;
mod statistics;
mod word;

pub use hunt::{Catch, FAILURES_MAX, Hunt, hunt, keep_panics, run_caught};
pub use plan::{
    End, FLOWS_MAX, Family, FlowPlan, HOSTS_MAX, HostPlan, Plan, PlanError, SidePlan, WorldPlan,
};
pub use run::{Failure, FailureKind, Outcome, run, run_between, run_watched};
pub use shrink::{SHRINK_RUNS_MAX, shrink};
pub use statistics::Statistics;
