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
//!
//! A server of several shards has a thread and a runtime for each, and listens on all of them:
//!
//! ```no_run
//! use handfast::device::{PacketOptions, PacketSocket};
//! use handfast::tokio::{Net, TcpStream};
//! use handfast::{Clock, Config, Driver, Host, Steering, random_seed, shards};
//! # use handfast::device::Device;
//!
//! # async fn answer(stream: TcpStream) {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let steering = Steering::new(2, random_seed()?);
//! let queues = PacketSocket::open_queues("eth0", &PacketOptions::default(), steering)?;
//! let shards = shards(queues, steering, Config::default(), &Clock::system())?;
//! shards[0].0.add_address("192.168.0.129/24".parse()?)?;
//! std::thread::scope(|scope| {
//!     for (host, driver) in shards {
//!         scope.spawn(move || serve(host, driver));
//!     }
//! });
//! # Ok(())
//! # }
//!
//! fn serve<D: Device + Send + 'static>(host: Host, driver: Driver<D>) -> std::io::Result<()> {
//!     let mut runtime = tokio::runtime::Builder::new_current_thread();
//!     runtime.enable_all().build()?.block_on(async {
//!         let net = Net::drive(host, driver)?;
//!         let listener = net.bind(([192, 168, 0, 129], 80).into()).await?;
//!         loop {
//!             let (stream, _) = listener.accept().await?;
//!             tokio::spawn(answer(stream));
//!         }
//!     })
//! }
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
