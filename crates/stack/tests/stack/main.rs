//! Two stacks joined by hand in virtual time, and single stacks under crafted frames.

mod connections;
mod errors;
mod frames;
mod listeners;
mod operations;
mod strangers;
mod wire;
