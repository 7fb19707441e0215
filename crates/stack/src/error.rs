//! Why a connection could not be begun, or a listener made: what happened and what to do.

use core::error::Error;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// Why [`crate::Stack::connect`] did not begin a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// No single host can have this address, or the port is 0 (RFC 9293 MUST-46).
    InvalidRemote(SocketAddr),
    /// The address is one of ours. A stack does not talk to itself yet.
    Loopback(IpAddr),
    /// The local and the remote address are of different families.
    MixedFamilies {
        /// The local address that was asked for.
        local: IpAddr,
        /// The address to connect to.
        remote: IpAddr,
    },
    /// The local address that was asked for is not ours (any more, or yet).
    NotLocal(IpAddr),
    /// There is no address of ours from which this one could be reached, or no route to it.
    NoSource(IpAddr),
    /// A connection with these four numbers exists, or is in TIME-WAIT.
    InUse {
        /// Our end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
    },
    /// A connection with these four numbers belongs to another stack of this host
    /// ([`crate::Config::share`]).
    OtherShard {
        /// Our end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
    },
    /// All ephemeral ports have a connection to this remote end, or one in TIME-WAIT.
    NoPort(SocketAddr),
    /// There are as many connections as [`crate::Config::connections_max`] allows.
    TooMany(usize),
}

/// Why [`crate::Stack::listen`] made no listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// The address is not ours (any more, or yet).
    NotLocal(IpAddr),
    /// Another listener has this address and port.
    InUse(SocketAddr),
    /// Port 0 was asked for, and all ephemeral ports have a listener.
    NoPort(IpAddr),
    /// There are as many listeners as [`crate::LISTENERS_MAX`] allows.
    TooMany(usize),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRemote(remote) => write!(
                f,
                "cannot connect to {remote}: a remote end needs the address of one host and a \
                 port from 1 to 65535"
            ),
            Self::Loopback(address) => write!(
                f,
                "cannot connect to {address}: this stack holds that address itself and does not \
                 talk to itself yet; connect from another stack or from the host's kernel"
            ),
            Self::MixedFamilies { local, remote } => write!(
                f,
                "cannot connect from {local} to {remote}: one is IPv4 and the other IPv6; \
                 choose a local address of the same family, or none"
            ),
            Self::NotLocal(address) => write!(
                f,
                "cannot connect from {address}: it is not an address of this stack; add or claim \
                 it first, and wait until it is claimed"
            ),
            Self::NoSource(remote) => write!(
                f,
                "cannot connect to {remote}: this stack has no address that reaches it; add or \
                 claim an address of the same family first, and a route if it lies behind a \
                 gateway"
            ),
            Self::OtherShard { local, remote } => write!(
                f,
                "cannot connect from {local} to {remote} here: such a connection belongs to \
                 another shard of this host; connect from that one, or leave the port to the stack"
            ),
            Self::InUse { local, remote } => write!(
                f,
                "cannot connect from {local} to {remote}: such a connection exists or ended a \
                 moment ago (TIME-WAIT); leave the local port open, or wait"
            ),
            Self::NoPort(remote) => write!(
                f,
                "cannot connect to {remote}: every ephemeral port has a connection to it, open \
                 or in TIME-WAIT; close some and wait, or use another local address"
            ),
            Self::TooMany(max) => write!(
                f,
                "cannot connect: the stack holds {max} connections, which is its limit; release \
                 some, or raise connections_max in its configuration"
            ),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLocal(address) => write!(
                f,
                "cannot listen on {address}: it is not an address of this stack; add or claim it \
                 first, or listen on the unspecified address"
            ),
            Self::InUse(local) => write!(
                f,
                "cannot listen on {local}: another listener has it; close that one, or choose \
                 another port"
            ),
            Self::NoPort(address) => write!(
                f,
                "cannot listen on {address}: every ephemeral port has a listener; close some, or \
                 name a port"
            ),
            Self::TooMany(max) => write!(
                f,
                "cannot listen: the stack has {max} listeners, which is its limit; close some"
            ),
        }
    }
}

impl Error for ConnectError {}
impl Error for ListenError {}
