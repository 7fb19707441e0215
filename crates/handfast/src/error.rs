//! What an application is told when something fails, in the kinds that the kernel's sockets use.
//!
//! Every message says what happened, why, and what to do.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use handfast_packet::ethernet::EthernetAddress;
use handfast_stack::{AddressError, ConnectError, ListenError, RouteError};
use handfast_tcp::{CloseReason, IcmpError, SoftError};

/// Why a whole host is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// Somebody has shut it down.
    OnRequest,
    /// Its driver was dropped, as happens when a runtime ends.
    DriverGone,
    /// Its device has failed, in these words.
    Device(String),
}

/// What everybody is told who wants something of a host that is down.
pub(crate) fn down(down: &Down) -> io::Error {
    let message = match down {
        Down::OnRequest => "the network of this host was shut down by this program, so its \
                           connections are gone; start a new one"
            .to_owned(),
        Down::DriverGone => "the driver of this host is gone, so nothing is sent or received any \
                             more; keep its runtime or thread alive as long as the connections"
            .to_owned(),
        Down::Device(error) => {
            format!("the network device of this host has failed: {error}; start a new network")
        }
    };
    io::Error::new(ErrorKind::NetworkDown, message)
}

/// The kind and the words for trouble that has not ended the connection with `peer`.
pub(crate) fn soft(error: SoftError, peer: SocketAddr) -> io::Error {
    let kind = match error {
        SoftError::Icmp(IcmpError::Soft) => ErrorKind::HostUnreachable,
        SoftError::Icmp(IcmpError::Hard) => ErrorKind::ConnectionRefused,
        SoftError::NoAnswer => ErrorKind::TimedOut,
    };
    let message = format!(
        "trouble with {peer}: {error}; the connection goes on trying, so wait or give it up"
    );
    io::Error::new(kind, message)
}

/// The kind and the words for a connection to `peer` that ended for `reason`.
pub(crate) fn closed(reason: CloseReason, peer: SocketAddr) -> io::Error {
    let (kind, message) = match reason {
        CloseReason::Normal => (
            ErrorKind::BrokenPipe,
            format!(
                "the connection with {peer} is closed: both sides ended it, so nothing can be \
                 written; open a new one"
            ),
        ),
        CloseReason::Refused => (
            ErrorKind::ConnectionRefused,
            format!(
                "{peer} refused the connection: a reset answered our SYN, so nobody listens \
                 there; check the port and whether the server runs"
            ),
        ),
        CloseReason::Reset => (
            ErrorKind::ConnectionReset,
            format!(
                "{peer} reset the connection: it ended without an orderly close, and data in \
                 flight may be lost; connect again and repeat the request if that is safe"
            ),
        ),
        CloseReason::Aborted => (
            ErrorKind::ConnectionAborted,
            format!("the connection with {peer} was aborted by this side; open a new one to go on"),
        ),
        CloseReason::TimedOut => (
            ErrorKind::TimedOut,
            format!(
                "the connection with {peer} timed out: nothing was acknowledged for too long; \
                 check that the host is up and that no filter swallows the packets"
            ),
        ),
        CloseReason::KeepAliveTimedOut => (
            ErrorKind::TimedOut,
            format!(
                "the connection with {peer} timed out: keep-alive probes were not answered; the \
                 host or the path to it is gone, connect again"
            ),
        ),
        CloseReason::Unreachable => (
            ErrorKind::HostUnreachable,
            format!(
                "{peer} cannot be reached: the network or the neighbour table says so; check the \
                 address, the route and the cable"
            ),
        ),
    };
    io::Error::new(kind, message)
}

/// A write after this side's own shutdown.
pub(crate) fn shut_down(peer: SocketAddr) -> io::Error {
    io::Error::new(
        ErrorKind::BrokenPipe,
        format!(
            "cannot write to {peer}: this side has shut down its direction already; write before \
             the shutdown or open a new connection"
        ),
    )
}

/// The stack does not know the connection any more.
pub(crate) fn gone(peer: SocketAddr) -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        format!("there is no connection with {peer} any more; open a new one"),
    )
}

/// The kind for a connection that could not be begun.
pub(crate) fn connect(error: ConnectError) -> io::Error {
    let kind = match error {
        ConnectError::InvalidRemote(_) | ConnectError::MixedFamilies { .. } => {
            ErrorKind::InvalidInput
        }
        ConnectError::Loopback(_) => ErrorKind::Unsupported,
        ConnectError::NotLocal(_) | ConnectError::NoPort(_) | ConnectError::OtherShard { .. } => {
            ErrorKind::AddrNotAvailable
        }
        ConnectError::NoSource(_) => ErrorKind::NetworkUnreachable,
        ConnectError::InUse { .. } => ErrorKind::AddrInUse,
        ConnectError::TooMany(_) => ErrorKind::QuotaExceeded,
    };
    io::Error::new(kind, error)
}

/// The kind for a listener that could not be made.
pub(crate) fn listen(error: ListenError) -> io::Error {
    let kind = match error {
        ListenError::NotLocal(_) => ErrorKind::AddrNotAvailable,
        ListenError::InUse(_) | ListenError::NoPort(_) => ErrorKind::AddrInUse,
        ListenError::TooMany(_) => ErrorKind::QuotaExceeded,
    };
    io::Error::new(kind, error)
}

/// The kind for an address that could not be added.
pub(crate) fn address(error: AddressError) -> io::Error {
    let kind = match error {
        AddressError::Invalid(_) => ErrorKind::InvalidInput,
        AddressError::Held(_) => ErrorKind::AddrInUse,
        AddressError::TooMany(_) => ErrorKind::QuotaExceeded,
    };
    io::Error::new(kind, error)
}

/// The kind for a route that could not be added.
pub(crate) fn route(error: RouteError) -> io::Error {
    let kind = match error {
        RouteError::MixedFamilies { .. } | RouteError::InvalidGateway(_) => ErrorKind::InvalidInput,
        RouteError::TooMany(_) => ErrorKind::QuotaExceeded,
    };
    io::Error::new(kind, error)
}

/// An address that was asked for is somebody else's.
pub(crate) fn taken(address: IpAddr, by: EthernetAddress) -> io::Error {
    io::Error::new(
        ErrorKind::AddrInUse,
        format!(
            "cannot claim {address}: the host with the hardware address {by} uses it already; \
             choose another address"
        ),
    )
}

/// Somebody waits for an address that nobody is claiming.
pub(crate) fn not_claimed(address: IpAddr) -> io::Error {
    io::Error::new(
        ErrorKind::AddrNotAvailable,
        format!(
            "{address} is not being claimed: the claim was never begun, or the address was \
             released meanwhile; claim it again"
        ),
    )
}

/// Somebody wants to be told what connections do, and it is not written down.
pub(crate) fn no_journal() -> io::Error {
    io::Error::new(
        ErrorKind::InvalidInput,
        "this host keeps no journal of what its connections do; set Config::journal to the number \
         of facts that it may hold before it is started",
    )
}

/// Too many claims whose outcome nobody has asked for.
pub(crate) fn too_many_claims(max: usize) -> io::Error {
    io::Error::new(
        ErrorKind::QuotaExceeded,
        format!(
            "cannot claim an address: the outcomes of {max} claims wait to be asked for, which \
             is the limit; ask for them or release their addresses"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds that `std` and tokio give for the same endings of a kernel socket.
    #[test]
    fn kinds_are_those_of_the_kernel() {
        let peer: SocketAddr = "192.0.2.1:80".parse().unwrap();
        for (reason, kind) in [
            (CloseReason::Normal, ErrorKind::BrokenPipe),
            (CloseReason::Refused, ErrorKind::ConnectionRefused),
            (CloseReason::Reset, ErrorKind::ConnectionReset),
            (CloseReason::Aborted, ErrorKind::ConnectionAborted),
            (CloseReason::TimedOut, ErrorKind::TimedOut),
            (CloseReason::KeepAliveTimedOut, ErrorKind::TimedOut),
            (CloseReason::Unreachable, ErrorKind::HostUnreachable),
        ] {
            let error = closed(reason, peer);
            assert_eq!(error.kind(), kind, "{reason:?}");
            assert!(error.to_string().contains("192.0.2.1:80"), "{reason:?}");
        }
        assert_eq!(shut_down(peer).kind(), ErrorKind::BrokenPipe);
    }
}
