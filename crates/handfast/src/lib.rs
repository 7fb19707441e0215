//! A host of its own in your program: its IP address, its TCP, on any device.
//!
//! ```text
//!  tokio::Net      blocking::Net          a simulator
//!       └───────────────┼─────────────────────┘
//!            Host, TcpStream, TcpListener      poll functions, no runtime
//!                       │ (one lock)
//!                     Shard ── Stack           what is waited for, and the protocol
//!                       │
//!                    Driver<D> ── Device       moves frames between both
//! ```
//! The poll functions of [`TcpStream`] and [`TcpListener`] are the only implementation; [`tokio`]
//! and [`blocking`] are thin skins. The driver runs where its skin puts it: with tokio on the
//! caller's own runtime, so that a wake-up stays on one thread.
#![forbid(unsafe_code)]

pub mod blocking;
mod clock;
mod driver;
mod error;
mod host;
mod listener;
mod seed;
mod shard;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;
mod wakers;

pub use clock::{Clock, ManualClock};
pub use driver::{Driver, TURNS_MAX, Wait};
pub use handfast_packet::Instant;
pub use handfast_packet::ethernet::EthernetAddress;
pub use handfast_packet::ip::Cidr;
pub use handfast_stack::{
    AddressEvent, ClaimTimings, Config, Connect, Counters, Listen, TcpCounters,
};
pub use handfast_tcp::{CloseReason, Config as TcpConfig, Info, State};
pub use host::{Host, SHUTDOWN_MAX};
pub use listener::TcpListener;
pub use seed::random_seed;
pub use shard::CLAIMS_MAX;
pub use stream::TcpStream;
pub use wakers::ACCEPT_WAITERS_MAX;
