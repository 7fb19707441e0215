//! Many hosts on one virtual clock, in one thread.
//!
//! A [`World`] owns the clock, the drivers and the tasks. It runs the tasks until they wait, turns
//! the drivers until no frame moves, and then lets time jump to the next moment at which anything
//! is due. An hour of timeouts takes as long as its events, and the same seeds give the same
//! frames, bit for bit.
//!
//! Links are devices: [`link`] joins two hosts, [`switch()`] any number of them, and
//! `handfast_device::Impair` around an end gives it delay, loss and a rate.
#![forbid(unsafe_code)]

pub mod referee;
pub mod script;
pub mod swarm;
mod switch;
mod tasks;
mod timers;
mod world;

pub use switch::{PortStatistics, PortWatch, SWITCH_QUEUE_MAX, SwitchPort, switch};
pub use tasks::Spawner;
pub use timers::Sleep;
pub use world::{EVENTS_MAX, NODES_MAX, ROUNDS_MAX, Stalled, World, link};
