//! The control socket: who owns a process may ask it for the connections of its hosts
//! (ADR 0034).
//!
//! A program that wants to be asked spawns [`serve`]; whoever asks finds the sockets with
//! [`processes`] and calls [`ask`]. One line of JSON goes there, `{"ask":"connections"}`, and one
//! line of JSON comes back:
//!
//! ```text
//! {"version":1,"pid":4711,"program":"handfast","sockets":[
//!     {"state":"ESTABLISHED","local":"192.0.2.1:49152","peer":"192.0.2.2:80","recv_q":0,
//!      "send_q":0,"controller":"cubic","limited_by":"the application","tcp_info":{...}},
//!     ...],"more":0}
//! ```
//! `tcp_info` has the figures of [`TcpInfo`](handfast_tcp::TcpInfo) by their names and in their
//! units. Listeners and entries in TIME-WAIT have neither it nor what stands before it. `more` tells
//! how many sockets were left out. What cannot be answered is answered by
//! `{"version":1,"error":"..."}`.
//!
//! ```no_run
//! # use handfast::tokio::Net;
//! # async fn run(net: Net) -> std::io::Result<()> {
//! tokio::spawn(handfast::control::serve(&[net.host().clone()])?);
//! # Ok(())
//! # }
//! ```

mod client;
mod place;
mod server;
mod wire;

pub use client::{PROCESSES_MAX, Process, ask, processes};
pub use place::folder;
pub use server::{CLIENT_TIME_MAX, CLIENTS_MAX, PLACES_MAX, serve, serve_in};
pub use wire::{ANSWER_MAX, Answer, REQUEST_MAX, ROWS_MAX, VERSION};
