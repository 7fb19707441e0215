//! Listeners: who is let in, who waits, and who is sent away.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use handfast_stack::{Event, Listen, ListenError, Overflow, Stack};
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::wire::{FAMILIES, Family, PLAIN, Wire};

#[test]
fn a_full_backlog_drops_syns_until_somebody_accepts() {
    let mut wire = Wire::new(PLAIN);
    let options = Listen {
        backlog: 2,
        ..Listen::default()
    };
    let listener = wire.stacks[1]
        .listen(Family::V4.end(1, 80), options)
        .unwrap();
    for _ in 0..2 {
        wire.connect(0, Family::V4.end(1, 80));
    }
    wire.settle();
    let late = wire.connect(0, Family::V4.end(1, 80));
    wire.settle();
    assert_eq!(wire.state(0, late), Some(State::SynSent));
    assert_eq!(wire.stacks[1].counters().tcp.backlog_overflows, 1);
    assert_eq!(wire.stacks[1].tcp_count(), 2);
    assert!(wire.stacks[1].accept(listener).is_some());
    wire.pass(Duration::from_secs(5));
    assert_eq!(
        wire.state(0, late),
        Some(State::Established),
        "the SYN came again and found room"
    );
    assert!(wire.stacks[1].accept(listener).is_some());
    assert!(wire.stacks[1].accept(listener).is_some());
    assert!(wire.stacks[1].accept(listener).is_none());
}

/// Three handshakes under way together, room for two: what the third one's ACK gets.
#[test]
fn a_handshake_that_completes_in_vain_is_put_off_or_reset() {
    for (overflow, answer) in [
        (Overflow::Drop, State::Established),
        (Overflow::Reset, State::Closed),
    ] {
        let mut wire = Wire::new(PLAIN);
        let options = Listen {
            backlog: 2,
            overflow,
            ..Listen::default()
        };
        let listener = wire.stacks[1]
            .listen(Family::V4.end(1, 80), options)
            .unwrap();
        let clients: Vec<_> = (0..3)
            .map(|_| wire.connect(0, Family::V4.end(1, 80)))
            .collect();
        wire.settle();
        assert_eq!(wire.state(0, clients[2]), Some(answer), "{overflow:?}");
        assert_eq!(wire.stacks[1].counters().tcp.accept_overflows, 1);
        let accept = |wire: &mut Wire| wire.stacks[1].accept(listener);
        assert!(accept(&mut wire).is_some() && accept(&mut wire).is_some());
        assert_eq!(accept(&mut wire), None);
        wire.pass(Duration::from_secs(5));
        let put_off = accept(&mut wire);
        assert_eq!(put_off.is_some(), overflow == Overflow::Drop);
        let Some(server) = put_off else { continue };
        wire.transfer((0, clients[2]), (1, server), b"patience");
    }
}

/// `TCP_DEFER_ACCEPT`: nobody is woken for a peer that says nothing.
#[test]
fn a_deferred_handshake_waits_for_text_or_its_time() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let options = Listen {
            defer: Some(Duration::from_secs(5)),
            ..Listen::default()
        };
        let listener = wire.stacks[1].listen(family.end(1, 80), options).unwrap();
        let (talker, mute) = (
            wire.connect(0, family.end(1, 80)),
            wire.connect(0, family.end(1, 80)),
        );
        wire.pass(Duration::from_secs(3));
        assert_eq!(wire.stacks[1].accept(listener), None);
        let now = wire.now;
        wire.stacks[0]
            .tcp(now, talker)
            .unwrap()
            .write(b"hello")
            .unwrap();
        wire.transmit(0);
        wire.settle();
        let server = wire.stacks[1].accept(listener).expect("text has come");
        assert_eq!(wire.read(1, server), b"hello");
        assert_eq!(wire.stacks[1].accept(listener), None);
        wire.pass(Duration::from_secs(3));
        let server = wire.stacks[1].accept(listener).expect("the time is over");
        wire.transfer((0, mute), (1, server), b"late");
    }
}

#[test]
fn an_opening_connection_that_fails_makes_room() {
    let mut wire = Wire::new(PLAIN);
    // The hosts learn each other's hardware addresses.
    let stranger = wire.connect(0, Family::V4.end(1, 81));
    wire.settle();
    wire.stacks[0].release_tcp(wire.now, stranger);
    let options = Listen {
        backlog: 1,
        ..Listen::default()
    };
    let listener = wire.stacks[1]
        .listen(Family::V4.end(1, 80), options)
        .unwrap();
    // The SYN-ACK is lost and then nobody is there any more who would know it.
    let gone = wire.connect(0, Family::V4.end(1, 80));
    wire.filter = Some(Box::new(|sender, _| sender == 0));
    wire.settle();
    assert_eq!(wire.stacks[1].tcp_count(), 1);
    wire.stacks[0].release_tcp(wire.now, gone);
    wire.filter = None;
    wire.pass(Duration::from_secs(3));
    assert_eq!(
        wire.stacks[1].tcp_count(),
        0,
        "the answer to the next SYN-ACK was a reset"
    );
    assert_eq!(wire.stacks[1].accept(listener), None);
    let next = wire.connect(0, Family::V4.end(1, 80));
    wire.settle();
    assert_eq!(wire.state(0, next), Some(State::Established));
}

#[test]
fn each_connection_is_told_once_and_in_order() {
    let mut wire = Wire::new(PLAIN);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    let clients: Vec<_> = (0..4)
        .map(|_| wire.connect(0, Family::V4.end(1, 80)))
        .collect();
    wire.settle();
    let told = wire.events[1]
        .iter()
        .filter(|&&event| event == Event::Accept(listener))
        .count();
    assert_eq!(told, 4);
    for client in clients {
        let server = wire.stacks[1].accept(listener).unwrap();
        let now = wire.now;
        let local = wire.stacks[0].tcp(now, client).unwrap().local();
        assert_eq!(wire.stacks[1].tcp(now, server).unwrap().remote(), local);
    }
    assert_eq!(wire.stacks[1].poll_event().map(is_connected), Some(true));
}

/// Nothing is told about a connection before somebody holds it.
fn is_connected(event: Event) -> bool {
    matches!(event, Event::Tcp(_, TcpEvent::Connected))
}

#[test]
fn a_closed_listener_resets_whom_nobody_accepted() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let listener = wire.listen(1, family.end(1, 80));
        let accepted = wire.connect(0, family.end(1, 80));
        wire.settle();
        let server = wire.stacks[1].accept(listener).unwrap();
        let waiting = wire.connect(0, family.end(1, 80));
        wire.settle();
        // This one's SYN-ACK never arrives, so it stays half open.
        let opening = wire.connect(0, family.end(1, 80));
        wire.filter = Some(Box::new(|sender, _| sender == 0));
        wire.step();
        wire.step();
        wire.filter = None;
        assert_eq!(wire.stacks[1].tcp_count(), 3);
        wire.stacks[1].close_listener(wire.now, listener);
        wire.settle();
        let reason = |wire: &mut Wire, id| wire.stacks[0].tcp(wire.now, id).unwrap().close_reason();
        assert_eq!(reason(&mut wire, waiting), Some(CloseReason::Reset));
        // Without an ACK this one's reset proves nothing (RFC 9293 3.10.7.3); its next SYN does.
        wire.pass(Duration::from_secs(3));
        assert_eq!(reason(&mut wire, opening), Some(CloseReason::Refused));
        assert_eq!(wire.stacks[1].tcp_count(), 1, "{family:?}");
        assert_eq!(wire.stacks[1].listener_local(listener), None);
        wire.transfer((0, accepted), (1, server), b"still here");
        let late = wire.connect(0, family.end(1, 80));
        wire.settle();
        assert_eq!(reason(&mut wire, late), Some(CloseReason::Refused));
        wire.listen(1, family.end(1, 80));
    }
}

#[test]
fn a_peer_that_does_not_wait_is_accepted_as_over() {
    let mut wire = Wire::new(PLAIN);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    let client = wire.connect(0, Family::V4.end(1, 80));
    wire.settle();
    wire.stacks[0].tcp(wire.now, client).unwrap().abort();
    wire.settle();
    let server = wire.stacks[1].accept(listener).unwrap();
    let reason = wire.stacks[1].tcp(wire.now, server).unwrap().close_reason();
    assert_eq!(reason, Some(CloseReason::Reset));
    wire.stacks[1].release_tcp(wire.now, server);
    wire.settle();
    assert_eq!(wire.stacks[1].tcp_count(), 0);
}

#[test]
fn the_unspecified_address_stands_for_all_and_the_exact_one_wins() {
    let mut wire = Wire::new(PLAIN);
    let v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 80);
    let v6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 80);
    let [any4, any6] = [v4, v6].map(|local| wire.listen(1, local));
    let exact = wire.listen(1, Family::V4.end(1, 80));
    for family in FAMILIES {
        wire.connect(0, family.end(1, 80));
    }
    wire.settle();
    let server = wire.stacks[1].accept(exact).unwrap();
    assert_eq!(
        wire.stacks[1].tcp(wire.now, server).unwrap().local(),
        Family::V4.end(1, 80)
    );
    assert_eq!(wire.stacks[1].accept(any4), None);
    assert!(wire.stacks[1].accept(any6).is_some());
    assert_eq!(
        wire.stacks[1].listen(v4, Listen::default()),
        Err(ListenError::InUse(v4))
    );
}

#[test]
fn port_0_chooses_a_free_port() {
    let mut wire = Wire::with(PLAIN, |_, config| config.ephemeral_ports = 50_000..=50_001);
    let local = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let mut ports: Vec<u16> = Vec::new();
    for _ in 0..2 {
        let id = wire.listen(1, local);
        ports.push(wire.stacks[1].listener_local(id).unwrap().port());
    }
    ports.sort_unstable();
    assert_eq!(ports, [50_000, 50_001]);
    let full = wire.stacks[1].listen(local, Listen::default());
    assert_eq!(full, Err(ListenError::NoPort(local.ip())));
}

#[test]
fn listening_needs_an_address_of_ours() {
    let mut wire = Wire::new(PLAIN);
    let foreign = Family::V4.end(9, 80);
    let error = wire.stacks[1]
        .listen(foreign, Listen::default())
        .unwrap_err();
    assert_eq!(error, ListenError::NotLocal(foreign.ip()));
    assert!(error.to_string().contains("192.0.2.10"), "{error}");
}

#[test]
fn listeners_are_bounded() {
    let mut wire = Wire::new(PLAIN);
    let local = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    for _ in 0..handfast_stack::LISTENERS_MAX {
        wire.listen(1, local);
    }
    let one_more = wire.stacks[1].listen(local, Listen::default());
    assert_eq!(
        one_more,
        Err(ListenError::TooMany(handfast_stack::LISTENERS_MAX))
    );
}

#[test]
fn connections_are_bounded() {
    let mut wire = Wire::with(PLAIN, |host, config| {
        if host == 1 {
            config.connections_max = 2;
        }
    });
    wire.listen(1, Family::V4.end(1, 80));
    for _ in 0..3 {
        wire.connect(0, Family::V4.end(1, 80));
    }
    wire.settle();
    assert_eq!(wire.stacks.each_ref().map(Stack::tcp_count), [3, 2]);
    assert_eq!(wire.stacks[1].counters().tcp.connections_refused, 1);
}
