//! The lab as a whole: the scene, its server, its names. Everything goes when the [`Lab`] does.

use std::net::{IpAddr, SocketAddr};

use crate::error::LabError;
use crate::namespace::Namespace;
use crate::server::{Server, ServerOptions};
use crate::topology::{Topology, WEB_V4, WEB_V6};

/// The web server's name in the lab.
pub const WEB_NAME: &str = "web.lab";

/// How to build the lab.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// Congestion control that the kernels' TCP uses, set per route since a namespace may not
    /// change the machine's choice. `None`, or one that this kernel does not have, leaves the
    /// machine's choice in force; [`Lab::congestion`] tells which it became.
    pub congestion: Option<String>,
    /// Whether the kernels may send frames that stand for several segments (segmentation offload).
    pub super_segments: bool,
    /// The server on port 80.
    pub server: ServerOptions,
}

impl Default for LabOptions {
    /// Cubic, so that comparisons mean the same on every machine.
    fn default() -> Self {
        let congestion = Some("cubic".to_owned());
        Self {
            congestion,
            super_segments: true,
            server: ServerOptions::default(),
        }
    }
}

/// Three namespaces and a web server in this process.
#[derive(Debug)]
pub struct Lab {
    // Dropped in this order: the server's sockets, then the namespaces.
    server: Server,
    topology: Topology,
    congestion: Option<String>,
}

impl Lab {
    /// Builds the lab. Call [`enter`](crate::enter) first, early in `main`, unless the process has
    /// the privilege to make network namespaces.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] or the step of the set-up that failed.
    pub fn start(options: LabOptions) -> Result<Self, LabError> {
        let congestion = options.congestion.filter(|name| is_available(name));
        let topology = Topology::build(congestion.as_deref(), options.super_segments)?;
        let server = Server::start(&topology.web, options.server)?;
        Ok(Self {
            server,
            topology,
            congestion,
        })
    }

    /// The namespace of the host, where Handfast runs too.
    pub fn home(&self) -> &Namespace {
        &self.topology.home
    }

    /// The namespace in the middle.
    pub fn router(&self) -> &Namespace {
        &self.topology.router
    }

    /// The namespace of the web server.
    pub fn web(&self) -> &Namespace {
        &self.topology.web
    }

    /// The web server on port 80.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts one more server in the `web` namespace.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn serve(&self, options: ServerOptions) -> Result<Server, LabError> {
        Server::start(&self.topology.web, options)
    }

    /// The congestion control of the lab's routes; `None` when the machine's own is in force.
    pub fn congestion(&self) -> Option<&str> {
        self.congestion.as_deref()
    }

    /// Whether the lab has IPv6; it lacks it only on a kernel without.
    pub fn has_ipv6(&self) -> bool {
        self.topology.has_ipv6
    }

    /// The web server's addresses, IPv4 first.
    pub fn web_addresses(&self) -> Vec<IpAddr> {
        let v6 = self.has_ipv6().then_some(IpAddr::V6(WEB_V6));
        [IpAddr::V4(WEB_V4)].into_iter().chain(v6).collect()
    }

    /// The addresses of a name in the lab; empty for a name that it does not know.
    pub fn resolve(&self, name: &str) -> Vec<IpAddr> {
        if name.eq_ignore_ascii_case(WEB_NAME) {
            self.web_addresses()
        } else {
            Vec::new()
        }
    }

    /// Where the web server listens, over IPv4.
    pub fn web_socket(&self) -> SocketAddr {
        SocketAddr::from((WEB_V4, self.server.port()))
    }
}

/// Whether the kernel has this congestion control ready; a namespace may not load modules.
fn is_available(congestion: &str) -> bool {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    known.is_ok_and(|known| known.split_whitespace().any(|name| name == congestion))
}
