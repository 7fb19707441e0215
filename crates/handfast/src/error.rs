//! What an application is told when something fails, in the kinds that the kernel's sockets use.
//!
//! Every message says what happened, why, and what to do.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use handfast_tcp::CloseReason;

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

/// The stack does not know the listener any more.
pub(crate) fn listener_gone(local: SocketAddr) -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        format!("nobody listens on {local} any more; bind a new listener"),
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
