//! Why an address or a route was not added: what happened and what to do.

use core::error::Error;
use core::fmt;
use core::net::IpAddr;

use handfast_packet::ip::Cidr;

/// Why [`crate::Stack::add_address`] or [`crate::Stack::claim`] refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// No single host can have this address on such a link: it is a broadcast, multicast, loopback
    /// or reserved address, or that of the network itself.
    Invalid(Cidr),
    /// The address is held or being claimed already.
    Held(IpAddr),
    /// There are as many addresses as a stack may have.
    TooMany(usize),
}

/// Why [`crate::Stack::add_route`] refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// The gateway is of another family than the destination.
    MixedFamilies {
        /// Where the route leads.
        destination: Cidr,
        /// By which gateway.
        gateway: IpAddr,
    },
    /// The gateway is not the address of another host.
    InvalidGateway(IpAddr),
    /// There are as many routes as a stack may have.
    TooMany(usize),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(cidr) => write!(
                f,
                "cannot use {cidr}: no single host can have this address on such a network; \
                 choose one between the network's first and last address"
            ),
            Self::Held(address) => write!(
                f,
                "cannot claim {address}: this stack holds it or is claiming it already; wait for \
                 the outcome, or release it first"
            ),
            Self::TooMany(max) => write!(
                f,
                "cannot add an address: the stack has {max} of them, which is its limit; release \
                 one first"
            ),
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedFamilies {
                destination,
                gateway,
            } => write!(
                f,
                "cannot route {destination} by {gateway}: one is IPv4 and the other IPv6; name a \
                 gateway of the same family"
            ),
            Self::InvalidGateway(gateway) => write!(
                f,
                "cannot route by {gateway}: it is not the address of another host; name a router \
                 on a network of this stack"
            ),
            Self::TooMany(max) => write!(
                f,
                "cannot add a route: the stack has {max} of them, which is its limit; summarise \
                 some"
            ),
        }
    }
}

impl Error for AddressError {}
impl Error for RouteError {}
