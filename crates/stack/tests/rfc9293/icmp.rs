//! ICMP messages about segments of ours (RFC 9293 3.9.2.2).

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::peer::{ACK, Family, Peer, both_families, ip_packet, pattern};

both_families!(
    an_error_reaches_the_connection_that_it_quotes,
    soft_errors_are_told_and_end_nothing,
    hard_errors_end_what_opens_and_nothing_that_is_open,
    source_quench_is_discarded,
    an_error_about_what_is_not_in_flight_is_ignored,
);

/// A message of a router about `quoted`.
fn message(peer: &Peer, (v4, v6): (Icmpv4, Icmpv6), quoted: &[u8]) -> Vec<u8> {
    let (router, ours) = (peer.family.address(99), peer.local.ip());
    let quoted = &quoted[..quoted.len().min(100)];
    match (router, ours) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            ip_packet(router, ours, Protocol::ICMPV6, &v6.to_vec(quoted, from, to))
        }
        _ => ip_packet(router, ours, Protocol::ICMP, &v4.to_vec(quoted)),
    }
}

fn unreachable(v4: u8, v6: u8) -> (Icmpv4, Icmpv6) {
    let v4 = Icmpv4::Unreachable {
        code: v4,
        next_hop_mtu: 0,
    };
    (v4, Icmpv6::Unreachable { code: v6 })
}

/// Host unreachable, time exceeded, parameter problem: RFC 9293's soft errors, and their kin.
fn soft() -> Vec<(Icmpv4, Icmpv6)> {
    let problem = (
        Icmpv4::ParameterProblem {
            code: 0,
            pointer: 1,
        },
        Icmpv6::ParameterProblem {
            code: 0,
            pointer: 7,
        },
    );
    let exceeded = |code| (Icmpv4::TimeExceeded { code }, Icmpv6::TimeExceeded { code });
    vec![
        unreachable(0, 0),
        unreachable(1, 3),
        unreachable(5, 0),
        exceeded(0),
        exceeded(1),
        problem,
    ]
}

/// MUST-54: and no other connection.
fn an_error_reaches_the_connection_that_it_quotes(family: Family) {
    let mut peer = Peer::new(family);
    let first = peer.connect();
    let quoted = peer.next().packet;
    let second = peer.connect();
    peer.deliver(message(&peer, unreachable(3, 4), &quoted));
    assert_eq!(
        peer.tcp(first).close_reason(),
        Some(CloseReason::Unreachable)
    );
    assert_eq!(peer.state(second), State::SynSent);
}

/// MUST-56, MUST-47, SHLD-25, U-1.
fn soft_errors_are_told_and_end_nothing(family: Family) {
    for error in soft() {
        let (mut peer, id) = Peer::established(family);
        peer.write(id, &pattern(100));
        let quoted = peer.next().packet;
        peer.deliver(message(&peer, error, &quoted));
        assert!(peer.told(id, TcpEvent::SoftError), "{error:?}");
        assert_eq!(peer.state(id), State::Established);
        // And while it opens.
        let mut peer = Peer::new(family);
        let id = peer.connect();
        let quoted = peer.next().packet;
        peer.deliver(message(&peer, error, &quoted));
        assert!(peer.told(id, TcpEvent::SoftError), "{error:?}");
        assert_eq!(peer.state(id), State::SynSent);
    }
}

/// SHLD-26 as RFC 5461 limits it.
fn hard_errors_end_what_opens_and_nothing_that_is_open(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    let quoted = peer.next().packet;
    peer.deliver(message(&peer, unreachable(3, 4), &quoted));
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::Unreachable));
    let (mut peer, id) = Peer::established(family);
    peer.write(id, b"text");
    let quoted = peer.next().packet;
    peer.deliver(message(&peer, unreachable(3, 4), &quoted));
    assert_eq!(peer.state(id), State::Established);
    assert!(peer.told(id, TcpEvent::SoftError));
}

/// MUST-55 (RFC 6633). ICMPv6 has none: the number stands for nothing there.
fn source_quench_is_discarded(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(3_000));
    let quoted = peer.next().packet;
    let before = peer.tcp(id).info();
    let rest = [0; 4];
    let quench = (
        Icmpv4::Other {
            kind: 4,
            code: 0,
            rest,
        },
        Icmpv6::Other {
            kind: 5,
            code: 0,
            rest,
        },
    );
    peer.inbox.clear();
    peer.deliver(message(&peer, quench, &quoted));
    peer.silent();
    assert_eq!(peer.tcp(id).info(), before);
    assert!(!peer.told(id, TcpEvent::SoftError));
}

/// RFC 5927 4.1.
fn an_error_about_what_is_not_in_flight_is_ignored(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, b"text");
    let quoted = peer.next().packet;
    peer.send(ACK, (1, 5), b"");
    peer.deliver(message(&peer, unreachable(1, 3), &quoted));
    peer.pass(Duration::from_secs(1));
    assert!(!peer.told(id, TcpEvent::SoftError));
}
