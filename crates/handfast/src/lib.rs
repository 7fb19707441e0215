//! Sockets of a user-space TCP/IP stack, for tokio and for threads.
//!
//! ```text
//! TcpStream, TcpListener ─► Host ─► Shard (Mutex) { Stack, wakers } ◄─ Driver ─► Device
//! ```
//! A [`Host`] is one stack and everybody who waits for it; a [`Driver`] joins it to one device by
//! [`Driver::turn`]. [`TcpStream`] and [`TcpListener`] know no runtime: they have `poll_*`
//! functions, and `tokio` and `blocking` are thin skins over those. A simulator calls the same
//! `turn` with a clock of its own.
//!
//! What does not live here: protocols (crates `tcp` and `stack`) and system calls for frames
//! (crate `device`).
#![forbid(unsafe_code)]

pub mod blocking;
mod claims;
mod clock;
#[cfg(feature = "control")]
pub mod control;
mod driver;
mod error;
mod host;
mod listener;
mod observer;
mod seed;
mod shard;
mod shards;
mod spin;
mod strays;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tracing")]
mod tracing_observer;
mod wakers;

pub use claims::CLAIMS_MAX;
pub use clock::{Clock, ManualClock};
pub use driver::{Driver, Wait};
pub use handfast_device as device;
pub use handfast_packet::Instant;
pub use handfast_packet::buf::{Capabilities, Medium};
pub use handfast_packet::ethernet::EthernetAddress;
pub use handfast_packet::ip::Cidr;
pub use handfast_packet::steer::Steering;
pub use handfast_stack::{
    AddressEvent, ClaimTimings, Config, Connect, Counters, FastOpenConnect, FastOpenKeys,
    FastOpenListen, Listen, Overflow, SynCookies, TcpCounters, TcpFigures, TcpRow, TcpTable,
};
pub use handfast_tcp as tcp;
pub use host::Host;
pub use listener::TcpListener;
pub use observer::Observer;
pub use seed::random_seed;
pub use shard::{LINGER_MAX, SHUTDOWN_MAX};
pub use shards::shards;
pub use strays::{STRAYS_MAX, StrayCounters};
pub use stream::TcpStream;
#[cfg(feature = "tracing")]
pub use tracing_observer::TracingObserver;
pub use wakers::WAITERS_MAX;
