//! Sockets for tokio: thin skins over the `poll_*` functions, and the task that drives a host.
//!
//! The types bear the names and signatures of `tokio::net`; what is opened by an associated
//! function there is opened by a method of [`Net`] here, because a program may have several
//! hosts.

mod listener;
mod net;
mod split;
mod stream;
mod task;

pub use listener::TcpListener;
pub use net::Net;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
