//! The networks that a page can come from. `live` runs on tokio, in the lab or on a real network;
//! `memory` runs two stacks in virtual time.

mod lab;
mod live;
mod memory;
mod netlink;
mod pages;
mod real;
mod setting;
mod shards;

use std::rc::Rc;

use crate::args::SceneKind;
use crate::plan::{Plan, Report};

/// Carries the plan out.
pub(crate) fn run(plan: &Rc<Plan>) -> Report {
    match plan.scene {
        SceneKind::Lab | SceneKind::Real => live::run(plan),
        SceneKind::Memory => memory::run(plan),
    }
}

/// What the wall clock shows.
pub(crate) fn nanos_since_1970() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a capture file tells people when it was made; nothing is decided by it"
    )]
    let wall = std::time::SystemTime::now();
    let since_1970 = wall
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
