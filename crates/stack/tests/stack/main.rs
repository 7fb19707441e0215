//! Two stacks joined by hand in virtual time, and single stacks under crafted frames.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod choices;
mod connections;
mod ecn;
mod errors;
mod fast_open;
mod flood;
mod frames;
mod journal;
mod listeners;
mod operations;
mod path_mtu;
mod rows;
mod strangers;
mod wire;
