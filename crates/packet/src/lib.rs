//! Bytes: buffers, headers, checksums and crafting of packets.
//!
//! Everything that turns bytes into fields and fields into bytes lives here, and nothing that
//! remembers: there is no clock, no socket, no table. Parsing never panics and never allocates;
//! every parser returns a small header value and the borrowed rest.
//!
//! What does not live here: protocol state (crates `tcp` and `stack`) and system calls (`device`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arp;
pub mod buf;
pub mod build;
pub mod cause;
pub mod checksum;
pub mod error;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv6;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6_ext;
mod names;
pub mod ndp;
pub mod pretty;
pub mod record;
pub mod rule;
pub mod steer;
pub mod tcp;
pub mod time;
pub mod udp;

pub use time::Instant;
