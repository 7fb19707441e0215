//! Sockets that block the calling thread, with the names and the behaviour of `std::net`.
//!
//! The driver has a thread of its own. Each blocking call is a poll function of the crate with a
//! waker that unparks the thread.

mod driver;
mod listener;
mod net;
mod stream;
mod wait;

pub use listener::{Incoming, TcpListener};
pub use net::Net;
pub use stream::TcpStream;
