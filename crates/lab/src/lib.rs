//! The lab: a small network inside this process, with the kernel's own TCP as the peer, for
//! lessons, tests and benchmarks.
//!
//! [`enter`] moves the process into its own user and network namespace (no privilege needed where
//! the system allows it), [`Lab::start`] builds three namespaces joined by virtual cables and
//! starts a web server in the last. Handfast sits in the first one on a packet socket
//! ([`guest::Guest`]); [`lesson::LESSONS`] make things happen there. Linux only; on other systems
//! the crate is empty.
#![cfg(target_os = "linux")]
#![deny(unsafe_code)]

pub mod answers;
mod cable;
pub mod content;
pub mod counters;
mod error;
pub mod guest;
pub mod http;
pub mod kernel_client;
mod lab;
pub mod lesson;
pub mod matrix;
mod namespace;
mod quiet_port;
mod raw_socket;
pub mod server;
pub mod specimens;
#[expect(
    unsafe_code,
    reason = "system calls that rustix does not offer as safe functions"
)]
mod sys;
mod tcp_info;
mod topology;
mod veth;

pub use cable::{CABLE_INTERFACE, CABLE_PREFIX_LEN, Cable, CableOptions, FAR_V4, NEAR_V4, OURS_V4};
pub use counters::Counters;
pub use error::{LabError, Remedy};
pub use lab::{Lab, LabOptions, WEB_NAME};
pub use namespace::{Namespace, enter};
pub use quiet_port::QuietPort;
pub use raw_socket::{RawFrame, RawSocket, RawStatistics};
pub use server::{Server, ServerOptions};
pub use tcp_info::TcpInfo;
pub use topology::{
    GATEWAY_V4, GATEWAY_V6, HANDFAST_V4, HANDFAST_V6, HOME_HOST_V4, HOME_HOST_V6, HOME_INTERFACE,
    PREFIX_LEN_V4, PREFIX_LEN_V6, ROUTER_HOME_INTERFACE, WEB_V4, WEB_V6,
};
