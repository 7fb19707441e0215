//! The lab's server: ours in what it says, the kernel's in its TCP. It listens in the `web`
//! namespace on a thread of this process, so lessons and tests read the kernel's figures of each
//! connection without asking over the wire. What it serves is in `pages` and `plain`; the socket
//! with its patience is in `socket`; the figures are in `report`.

mod body;
mod pages;
mod plain;
mod report;
mod socket;

pub use report::{ConnectionEnd, ConnectionReport, REPORTS_MAX, Totals};

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use self::report::Reports;
use self::socket::Socket;
use crate::error::LabError;
use crate::namespace::Namespace;

/// Pause after a failed `accept` (no descriptor left), so that the failure does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// What a server does with a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// HTTP/1.1 by hyper: the pages of the lab.
    #[default]
    Http,
    /// Reads to the end of the stream, answers `received N bytes`, closes.
    Sink,
    /// Sends back what it reads; closes after the peer did.
    Echo,
    /// Sends so many bytes of [`content`](crate::content) and closes first.
    Source(u64),
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Port on every address of the namespace.
    pub port: u16,
    /// What to do with a connection.
    pub service: Service,
    /// How long the application waits while the kernel takes no more of its bytes (or the peer
    /// acknowledges none, at the end) before it gives up with a RST. `None` waits for ever.
    pub patience: Option<Duration>,
    /// Congestion control of the accepted sockets; `None` leaves it to the route.
    pub congestion: Option<String>,
    /// Size of the kernel's send buffer in bytes; `None` leaves the growing to the kernel.
    pub send_buffer: Option<usize>,
}

impl Default for ServerOptions {
    /// HTTP on port 80, endlessly patient, all else as the kernel does it.
    fn default() -> Self {
        let service = Service::Http;
        Self {
            port: 80,
            service,
            patience: None,
            congestion: None,
            send_buffer: None,
        }
    }
}

/// A running server. Dropping it closes every connection and joins its thread.
#[derive(Debug)]
pub struct Server {
    port: u16,
    reports: Arc<Reports>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server in `namespace`; it accepts connections when this returns.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(namespace: &Namespace, options: ServerOptions) -> Result<Self, LabError> {
        let port = options.port;
        let step = |error| LabError::setup(format!("starting the server on port {port}"), error);
        let listener = namespace.run(|| bind(port)).map_err(step)?;
        let reports = Arc::new(Reports::default());
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&reports);
        let thread = namespace
            .spawn(move || serve(listener, options, shared, stopped))
            .map_err(step)?;
        Ok(Self {
            port,
            reports,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connections that have ended, oldest first; the last [`REPORTS_MAX`] are kept.
    pub fn connections(&self) -> Vec<ConnectionReport> {
        self.reports.connections()
    }

    /// Sums over all connections that have ended.
    pub fn totals(&self) -> Totals {
        self.reports.totals()
    }

    /// Waits until `count` connections have ended since the start of the server, and returns the
    /// latest report; `None` when `limit` passes first.
    pub fn wait_for_end(&self, count: u64, limit: Duration) -> Option<ConnectionReport> {
        self.reports.wait_for_end(count, limit)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the lab's server panicked");
        }
    }
}

/// Listens on IPv6 and IPv4 with one socket, or on IPv4 alone where there is no IPv6.
fn bind(port: u16) -> io::Result<TcpListener> {
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let listener = match v6 {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?
        }
        other => other?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn serve(
    listener: TcpListener,
    options: ServerOptions,
    reports: Arc<Reports>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has descriptors for one more runtime");
    runtime.block_on(async {
        let listener =
            tokio::net::TcpListener::from_std(listener).expect("a listening socket can be watched");
        tokio::spawn(accept(listener, options, reports));
        // Either the owner dropped its end or said so; both mean the end.
        let _ = stopped.await;
    });
    // Dropping the runtime drops the tasks, and with them every socket.
}

async fn accept(listener: tokio::net::TcpListener, options: ServerOptions, reports: Arc<Reports>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        let socket = Arc::new(Socket::new(stream, peer, &options));
        let reports = Arc::clone(&reports);
        let service = options.service;
        tokio::spawn(async move {
            match service {
                Service::Http => pages::serve(&socket).await,
                plain => plain::serve(&socket, plain).await,
            }
            let report = socket.finish().await;
            // The socket closes before the report can be seen.
            drop(socket);
            reports.push(report);
        });
    }
}
