//! Sockets for threads: thin skins over the `poll_*` functions, and the thread that drives a host.
//!
//! The types bear the names and signatures of `std::net`; what is opened by an associated
//! function there is opened by a method of [`Net`] here, because a program may have several
//! hosts.

mod listener;
mod net;
mod stream;
mod thread;
mod wait;

pub use listener::{Incoming, TcpListener};
pub use net::Net;
pub use stream::TcpStream;
