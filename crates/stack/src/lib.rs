//! One host: IPv4, IPv6, neighbours, ICMP, and TCP sockets around the connection; sans-IO.
//!
//! The verbs are those of [`Stack`]. `link` knows hardware addresses, `ip` knows addresses, routes
//! and paths, `network` joins both into "send this packet there"; `tcp` holds the table of
//! connections. What does not live here: the state machine of one connection (crate `tcp`),
//! devices, clocks and threads.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod counters;
mod error;
mod event;
mod ip;
mod link;
mod network;
mod pieces;
mod rng;
mod stack;
mod tcp;
mod wheel;

pub use config::{CONNECTIONS_MAX, Config, TIME_WAIT_MAX};
pub use counters::{Counters, TcpCounters};
pub use error::{ConnectError, ListenError};
pub use event::Event;
pub use ip::{NetworkCounters, ReassemblyUse};
pub use link::{AddressEvent, ClaimTimings};
pub use network::{AddressError, RouteError};
pub use stack::{ADDRESS_EVENTS_MAX, Stack};
pub use tcp::{
    BACKLOG, BACKLOG_MAX, COOKIE_AGE_MAX, Connect, FastOpenConnect, FastOpenKeys, FastOpenListen,
    LISTENERS_MAX, Listen, ListenerId, Overflow, PEERS_MAX, REPLIES_MAX, RESETS_MAX, SynCookies,
    TURNS_MAX, Tables, TcpFigures, TcpId, TcpRow, TcpSocket, TcpTable,
};
