//! Opening: initial sequence numbers (RFC 9293 3.4.1), handshakes (3.5), the OPEN call (3.9.1.1)
//! and segments that no handshake may begin with (3.9.2.3).

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use handfast_stack::{Connect, ConnectError, Listen, ListenError};
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::peer::{ACK, Family, Peer, RST, SYN, SYN_ACK, both_families, tcp_packet};

both_families!(
    initial_numbers_follow_a_clock_of_four_microseconds,
    initial_numbers_cannot_be_computed_from_outside,
    syns_that_cross_open_one_connection,
    a_reset_returns_a_passive_open_to_listen_and_refuses_an_active_one,
    a_syn_goes_on_for_three_minutes_and_the_application_hears_of_its_end,
    a_listener_disturbs_no_connection,
    a_port_can_listen_while_it_opens,
    the_local_address_is_a_choice,
    the_local_address_is_chosen_before_the_syn_and_stays,
    no_connection_to_what_is_not_one_host,
    a_syn_to_or_from_many_is_dropped,
    queued_text_may_ride_on_the_last_ack_of_the_handshake,
);

/// The ISS of a connection with this seed, to this port, begun after `wait`.
fn iss(family: Family, seed: u64, port: u16, wait: Duration) -> u32 {
    let mut peer = Peer::with(family, |config| config.seed = seed);
    peer.remote.set_port(port);
    peer.pass(wait);
    peer.connect_from(Some(50_000));
    peer.next().header.seq.0
}

/// MUST-8 and SHLD-1: one tuple, one secret, two times.
fn initial_numbers_follow_a_clock_of_four_microseconds(family: Family) {
    let at = |wait| iss(family, 5, 4_000, wait);
    let step = at(Duration::from_secs(1)).wrapping_sub(at(Duration::ZERO));
    assert_eq!(step, 250_000);
}

/// MUST-9: neither another tuple nor another secret lets one guess.
fn initial_numbers_cannot_be_computed_from_outside(family: Family) {
    let mut found = Vec::new();
    for seed in 0..8 {
        let [one, two] = [4_000, 4_001].map(|port| iss(family, seed, port, Duration::ZERO));
        found.push(one);
        // The distance between two tuples must tell nothing about other secrets.
        found.push(two.wrapping_sub(one));
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 16);
}

/// MUST-10.
fn syns_that_cross_open_one_connection(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    let syn = peer.next();
    assert!(syn.has(SYN) && !syn.has(ACK));
    peer.send(SYN, (0, 0), b"");
    assert_eq!(peer.state(id), State::SynReceived);
    let answer = peer.next();
    assert!(answer.has(SYN_ACK));
    assert_eq!(peer.numbers(&answer), (0, 1));
    peer.send(SYN_ACK, (0, 1), b"");
    assert_eq!(peer.state(id), State::Established);
    peer.send(ACK, (1, 1), b"both");
    assert_eq!(peer.read(id), b"both");
}

/// MUST-11.
fn a_reset_returns_a_passive_open_to_listen_and_refuses_an_active_one(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    peer.send(SYN, (0, 0), b"");
    peer.send(RST, (1, 0), b"");
    assert_eq!((peer.stack.tcp_count(), peer.events.len()), (0, 0));
    assert_eq!(peer.stack.accept(listener), None);
    peer.send(SYN, (0, 0), b"");
    peer.send(ACK, (1, 1), b"");
    assert!(peer.stack.accept(listener).is_some(), "it listens on");

    let mut peer = Peer::new(family);
    let id = peer.connect();
    peer.send(SYN, (0, 0), b"");
    assert_eq!(peer.state(id), State::SynReceived);
    peer.send(RST, (1, 0), b"");
    assert!(peer.told(id, TcpEvent::Closed));
    let reason = peer.tcp(id).close_reason();
    assert!(
        matches!(reason, Some(CloseReason::Refused | CloseReason::Reset)),
        "{reason:?}"
    );
}

/// MUST-22 and MUST-23: R2 of a SYN.
fn a_syn_goes_on_for_three_minutes_and_the_application_hears_of_its_end(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    peer.pass(Duration::from_secs(179));
    assert_eq!(peer.state(id), State::SynSent);
    let syns: Vec<_> = peer.inbox.drain(..).collect();
    assert!(syns.len() >= 4 && syns.iter().all(|sent| sent.has(SYN)));
    let waits: Vec<_> = syns.windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(waits.windows(2).all(|two| two[1] >= two[0]), "{waits:?}");
    peer.pass(Duration::from_secs(60));
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::TimedOut));
    assert!(peer.told(id, TcpEvent::Closed));
}

/// MUST-41.
fn a_listener_disturbs_no_connection(family: Family) {
    let (mut peer, id) = Peer::established(family);
    assert_eq!(
        peer.stack.listen(peer.local, Listen::default()),
        Err(ListenError::InUse(peer.local))
    );
    let other = SocketAddr::new(peer.local.ip(), 81);
    peer.stack.listen(other, Listen::default()).unwrap();
    peer.send(ACK, (1, 1), b"undisturbed");
    assert_eq!(peer.read(id), b"undisturbed");
}

/// MUST-42: with the local port of connections in SYN-SENT and SYN-RECEIVED.
fn a_port_can_listen_while_it_opens(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect_from(Some(5_000));
    assert_eq!(peer.state(id), State::SynSent);
    let listener = peer.listen();
    peer.send(SYN, (0, 0), b"");
    assert_eq!(peer.state(id), State::SynReceived);
    peer.stack.close_listener(peer.now, listener);
    let listener = peer.listen();
    // Somebody else comes to the listener.
    peer.inbox.clear();
    peer.remote.set_port(4_001);
    peer.send(SYN, (0, 0), b"");
    peer.send(ACK, (1, 1), b"");
    assert!(peer.stack.accept(listener).is_some());
    assert_eq!(peer.state(id), State::SynReceived);
}

/// MUST-43.
fn the_local_address_is_a_choice(family: Family) {
    let mut peer = Peer::new(family);
    let second = family.address(9);
    let len = if family == Family::V4 { 24 } else { 64 };
    let cidr = handfast_packet::ip::Cidr::new(second, len).unwrap();
    peer.stack.add_address(cidr).unwrap();
    let options = Connect {
        local: Some(second),
        ..Connect::default()
    };
    let id = peer.stack.connect(peer.now, peer.remote, options).unwrap();
    peer.turn();
    assert_eq!(peer.next().source.ip(), second);
    assert_eq!(peer.tcp(id).local().ip(), second);
    let nobody = Connect {
        local: Some(family.address(77)),
        ..Connect::default()
    };
    let refused = peer.stack.connect(peer.now, peer.remote, nobody);
    assert_eq!(refused, Err(ConnectError::NotLocal(family.address(77))));
    // And of a listener: only SYNs to its address count.
    let local = SocketAddr::new(second, 80);
    peer.stack.listen(local, Listen::default()).unwrap();
    peer.local = SocketAddr::new(family.address(1), 80);
    peer.inbox.clear();
    peer.send(SYN, (0, 0), b"");
    assert!(peer.next().has(RST));
}

/// MUST-44 and MUST-45.
fn the_local_address_is_chosen_before_the_syn_and_stays(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    let local = peer.tcp(id).local();
    assert_eq!(local.ip(), family.address(1));
    peer.send(SYN_ACK, (0, 1), b"");
    peer.write(id, b"text");
    // An address that would be chosen as well comes later.
    let len = if family == Family::V4 { 24 } else { 64 };
    let cidr = handfast_packet::ip::Cidr::new(family.address(3), len).unwrap();
    peer.stack.add_address(cidr).unwrap();
    peer.pass(Duration::from_secs(3));
    peer.tcp(id).shutdown();
    peer.turn();
    assert!(peer.log.len() > 3);
    assert!(peer.log.iter().all(|sent| sent.source == local));
}

/// MUST-46.
fn no_connection_to_what_is_not_one_host(family: Family) {
    let mut peer = Peer::new(family);
    let strange: &[&str] = match family {
        Family::V4 => &[
            "0.0.0.0",
            "224.0.0.1",
            "239.1.2.3",
            "255.255.255.255",
            "192.0.2.255",
        ],
        Family::V6 => &["::", "ff02::1", "ff0e::7"],
    };
    for address in strange {
        let remote = SocketAddr::new(address.parse().unwrap(), 80);
        let refused = peer.stack.connect(peer.now, remote, Connect::default());
        assert_eq!(
            refused,
            Err(ConnectError::InvalidRemote(remote)),
            "{address}"
        );
    }
    peer.turn();
    peer.silent();
}

/// MUST-57 and MUST-63: nobody answers, and no connection begins.
fn a_syn_to_or_from_many_is_dropped(family: Family) {
    let ours = family.address(1);
    let theirs = family.address(2);
    let groups: &[&str] = match family {
        Family::V4 => &["224.0.0.1", "255.255.255.255", "192.0.2.255", "0.0.0.0"],
        Family::V6 => &["ff02::1", "ff01::1", "::"],
    };
    let mut peer = Peer::new(family);
    peer.listen();
    let any = match family {
        Family::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        Family::V6 => "::".parse().unwrap(),
    };
    peer.stack
        .listen(SocketAddr::new(any, 81), Listen::default())
        .unwrap();
    for port in [80, 81] {
        for group in groups {
            let group: IpAddr = group.parse().unwrap();
            for (source, destination) in [(theirs, group), (group, ours), (ours, ours)] {
                let good = peer.packet(SYN, (0, 0), b"", |header| header.destination = port);
                let ip = usize::from(family.headers()) - 20;
                let mut segment = good[ip..].to_vec();
                peer.deliver(tcp_packet(source, destination, &mut segment));
                assert_eq!(peer.stack.tcp_count(), 0, "{source} to {destination}");
            }
        }
    }
    peer.silent();
    // The same from host to host is answered.
    peer.send(SYN, (0, 0), b"");
    assert!(peer.next().has(SYN_ACK));
}

/// U-7.
fn queued_text_may_ride_on_the_last_ack_of_the_handshake(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    peer.next();
    peer.write(id, b"early");
    peer.silent();
    peer.send(SYN_ACK, (0, 1), b"");
    let text: Vec<u8> = peer
        .inbox
        .iter()
        .flat_map(|sent| sent.payload.clone())
        .collect();
    assert_eq!(text, b"early");
    assert_eq!(peer.state(id), State::Established);
}
