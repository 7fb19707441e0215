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
