//! Sockets for tokio, with the names and the behaviour of `tokio::net`.
//!
//! The driver is a task on the runtime that calls [`Net::start`]. On a current-thread runtime
//! everything stays on one thread, and a wake-up costs a fraction of a microsecond.

mod driver;
mod listener;
mod net;
mod split;
mod stream;

pub use listener::TcpListener;
pub use net::Net;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use stream::TcpStream;
