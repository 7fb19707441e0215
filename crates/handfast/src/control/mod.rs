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
//! how many sockets were left out.
//!
//! Who asks `{"ask":"connections","facts_after":0}` is told besides, behind `more`, what happened,
//! in words and with the rule, and asks for what follows from the number `next` on
//! ([`ask_with_facts`]). The process listens to itself only while somebody asks so.
//!
//! ```text
//! "facts":{"next":17,"lost":0,"told":[
//!     {"at":5211000000,"local":"192.0.2.1:49152","peer":"192.0.2.2:80","fact":"timer_fired",
//!      "words":"retransmission timer ran out","rule":"RFC 6298 5","routine":false,"trouble":true},
//!     ...]}
//! ```
//! What cannot be answered is answered by
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
mod facts;
mod look;
mod place;
mod server;
mod wire;

pub use client::{PROCESSES_MAX, Process, ask, ask_with_facts, processes};
pub(crate) use facts::Ears;
pub use facts::{ENDS_MAX, FACTS_MAX, Facts, JOURNAL_MAX, LISTEN_MAX, ROUTINE_MAX, Told};
pub use look::{Lookout, PLACES_MAX};
pub use place::folder;
pub use server::{ANSWER_FACTS_MAX, CLIENT_TIME_MAX, CLIENTS_MAX, serve, serve_in};
pub use wire::{ANSWER_MAX, Answer, REQUEST_MAX, ROWS_MAX, VERSION};
