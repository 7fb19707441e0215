//! Sockets for tokio: thin skins over the `poll_*` functions, and the task that drives a host.
//!
//! The types bear the names and signatures of `tokio::net`; what is opened by an associated
//! function there is opened by a method of [`Net`] here, because a program may have several
//! hosts.
//!
//! ```no_run
//! use handfast::device::{PacketOptions, PacketSocket};
//! use handfast::tokio::Net;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # async fn page() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//! let device = PacketSocket::open("eth0", &PacketOptions::default())?;
//! let net = Net::start(device, handfast::Config::default())?;
//! net.claim("192.168.0.129/24".parse()?).await?;
//! net.host().add_route("0.0.0.0/0".parse()?, Some("192.168.0.1".parse()?))?;
//! let mut stream = net.connect("203.0.113.29:80".parse()?).await?;
//! stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//! let mut page = Vec::new();
//! stream.read_to_end(&mut page).await?;
//! drop(stream);
//! net.shutdown().await;
//! # Ok(page)
//! # }
//! ```

mod listener;
mod net;
mod split;
mod stream;
mod task;

pub use listener::TcpListener;
pub use net::Net;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
