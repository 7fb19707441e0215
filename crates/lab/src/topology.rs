//! The scene: three namespaces in a row, their addresses and routes. The verbs that set them up
//! are in `veth`; the web server that runs in the last one is in `server`.
//!
//! ```text
//! home                         router                        web
//! eth0 192.168.0.11/24 ------- home0 192.168.0.1/24
//!      (Handfast: .129)        web0  203.0.113.1/24 -------- eth0 203.0.113.29/24
//! ```
//!
//! The web's prefixes are documentation addresses (RFC 5737, RFC 3849), so nothing can ever reach
//! a real host by mistake.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use handfast_packet::ip::Cidr;

use crate::error::LabError;
use crate::namespace::Namespace;
use crate::veth::Links;

/// The interface in `home`: Handfast opens its packet socket here.
pub const HOME_INTERFACE: &str = "eth0";
/// The host's own address in `home`, answered by its kernel.
pub const HOME_HOST_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 11);
/// The address that Handfast claims in `home`.
pub const HANDFAST_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 129);
/// The router's address in `home`: the default gateway.
pub const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
/// The web server.
pub const WEB_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 29);
/// Length of both IPv4 prefixes.
pub const PREFIX_LEN_V4: u8 = 24;

/// The host's own IPv6 address in `home`.
pub const HOME_HOST_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, 0x11);
/// The IPv6 address that Handfast claims in `home`.
pub const HANDFAST_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, 0x129);
/// The router's IPv6 address in `home`: the default gateway.
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, 1);
/// The web server.
pub const WEB_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 0x29);
/// Length of both IPv6 prefixes.
pub const PREFIX_LEN_V6: u8 = 64;

const ROUTER_WEB_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const ROUTER_WEB_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 1);
/// The router's interface to `home`.
pub const ROUTER_HOME_INTERFACE: &str = "home0";
/// Its interface to `web`.
pub(crate) const ROUTER_WEB_INTERFACE: &str = "web0";
const WEB_INTERFACE: &str = "eth0";
const LOOPBACK: &str = "lo";

/// Every IPv4 destination.
const ALL_V4: Cidr = Cidr {
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    prefix_len: 0,
};
/// Every IPv6 destination.
const ALL_V6: Cidr = Cidr {
    address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    prefix_len: 0,
};

/// The three namespaces, joined and routed.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) home: Namespace,
    pub(crate) router: Namespace,
    pub(crate) web: Namespace,
    /// False on a kernel without IPv6; the lab is then IPv4 only.
    pub(crate) has_ipv6: bool,
}

impl Topology {
    /// Builds it all; returns when the links pass frames.
    ///
    /// `congestion` goes into the routes of both ends; `super_segments` tells whether their
    /// kernels may send frames that stand for several segments.
    pub(crate) fn build(congestion: Option<&str>, super_segments: bool) -> Result<Self, LabError> {
        let home = Namespace::create("home")?;
        let router = Namespace::create("router")?;
        let web = Namespace::create("web")?;
        let has_ipv6 = Path::new("/proc/sys/net/ipv6").exists();
        for namespace in [&home, &router, &web] {
            let forward = namespace.name() == router.name();
            namespace
                .run(|| write_settings(forward, has_ipv6))
                .map_err(|error| failed("settings", namespace, error))?;
        }
        let this = Self {
            home,
            router,
            web,
            has_ipv6,
        };
        this.build_router()
            .map_err(|error| failed("links", &this.router, error))?;
        for (namespace, end) in [(&this.home, &HOME), (&this.web, &WEB)] {
            this.build_end(namespace, end, congestion, super_segments)
                .map_err(|error| failed("links and routes", namespace, error))?;
        }
        this.wait_for_router()
            .map_err(|error| failed("links", &this.router, error))?;
        Ok(this)
    }

    fn build_router(&self) -> io::Result<()> {
        self.router.block_on(async || {
            let links = Links::open()?;
            for (interface, end, end_interface, v4, v6) in [
                (
                    ROUTER_HOME_INTERFACE,
                    &self.home,
                    HOME_INTERFACE,
                    GATEWAY_V4,
                    GATEWAY_V6,
                ),
                (
                    ROUTER_WEB_INTERFACE,
                    &self.web,
                    WEB_INTERFACE,
                    ROUTER_WEB_V4,
                    ROUTER_WEB_V6,
                ),
            ] {
                let end = std::os::fd::AsFd::as_fd(end);
                links.add_pair(interface, end, end_interface).await?;
                links.add_address(interface, cidr_v4(v4)).await?;
                if self.has_ipv6 {
                    links.add_address(interface, cidr_v6(v6)).await?;
                }
                links.set_up(interface).await?;
            }
            links.set_up(LOOPBACK).await
        })
    }

    fn build_end(
        &self,
        namespace: &Namespace,
        end: &End,
        congestion: Option<&str>,
        super_segments: bool,
    ) -> io::Result<()> {
        let interface = end.interface;
        namespace.block_on(async || {
            let mut links = Links::open()?;
            links.set_up(LOOPBACK).await?;
            links.add_address(interface, cidr_v4(end.v4)).await?;
            if self.has_ipv6 {
                links.add_address(interface, cidr_v6(end.v6)).await?;
            }
            if !super_segments {
                links.forbid_super_segments(interface).await?;
            }
            links.set_up(interface).await?;
            links.wait_until_up(interface).await?;
            links
                .add_route(ALL_V4, end.gateway_v4.into(), congestion)
                .await?;
            if self.has_ipv6 {
                links
                    .add_route(ALL_V6, end.gateway_v6.into(), congestion)
                    .await?;
            }
            Ok(())
        })
    }

    fn wait_for_router(&self) -> io::Result<()> {
        self.router.block_on(async || {
            let mut links = Links::open()?;
            links.wait_until_up(ROUTER_HOME_INTERFACE).await?;
            links.wait_until_up(ROUTER_WEB_INTERFACE).await
        })
    }
}

/// One end of the scene: an address and the gateway to everything else.
struct End {
    interface: &'static str,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    gateway_v4: Ipv4Addr,
    gateway_v6: Ipv6Addr,
}

const HOME: End = End {
    interface: HOME_INTERFACE,
    v4: HOME_HOST_V4,
    v6: HOME_HOST_V6,
    gateway_v4: GATEWAY_V4,
    gateway_v6: GATEWAY_V6,
};
const WEB: End = End {
    interface: WEB_INTERFACE,
    v4: WEB_V4,
    v6: WEB_V6,
    gateway_v4: ROUTER_WEB_V4,
    gateway_v6: ROUTER_WEB_V6,
};

/// Sets what the namespace of this thread would otherwise inherit from the machine.
fn write_settings(forward: bool, has_ipv6: bool) -> io::Result<()> {
    let set = |name: &str, value: &str| fs::write(format!("/proc/sys/net/{name}"), value);
    let forward = if forward { "1" } else { "0" };
    // A host that forwards (one with containers, say) would send the frames meant for Handfast
    // back onto the wire, and IPv4 settings are inherited by new namespaces.
    set("ipv4/ip_forward", forward)?;
    for scope in ["all", "default"] {
        // Linux's own defaults, which a machine's administrator may have changed.
        for setting in [
            "arp_accept",
            "arp_announce",
            "arp_filter",
            "arp_ignore",
            "rp_filter",
        ] {
            set(&format!("ipv4/conf/{scope}/{setting}"), "0")?;
        }
    }
    if has_ipv6 {
        set("ipv6/conf/all/forwarding", forward)?;
        for scope in ["all", "default"] {
            set(&format!("ipv6/conf/{scope}/disable_ipv6"), "0")?;
            // Nobody else is on these links: addresses are usable at once, ladders stay quiet.
            set(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
            set(&format!("ipv6/conf/{scope}/router_solicitations"), "0")?;
        }
    }
    Ok(())
}

fn failed(what: &str, namespace: &Namespace, error: io::Error) -> LabError {
    LabError::setup(
        format!("setting up {what} in namespace {}", namespace.name()),
        error,
    )
}

const fn cidr_v4(address: Ipv4Addr) -> Cidr {
    Cidr {
        address: IpAddr::V4(address),
        prefix_len: PREFIX_LEN_V4,
    }
}

const fn cidr_v6(address: Ipv6Addr) -> Cidr {
    Cidr {
        address: IpAddr::V6(address),
        prefix_len: PREFIX_LEN_V6,
    }
}
