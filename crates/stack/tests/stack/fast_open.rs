//! Fast Open between two hosts (RFC 7413), and what connections teach those after them
//! (RFC 9040).

use std::time::Duration;

use handfast_packet::tcp::{FastOpen, TcpFlags};
use handfast_stack::{Connect, FastOpenConnect, FastOpenListen, Listen, ListenerId, TcpId};
use handfast_tcp::{CloseReason, ReadError, State};

use crate::frames::{Complaint, header, icmp, segments, tcp};
use crate::wire::{FAMILIES, Family, PLAIN, Wire};

const NOW: Connect = Connect {
    local: None,
    local_port: None,
    fast_open: FastOpenConnect::Now,
    fast_open_cookieless: false,
    tcp: None,
};

fn listen(wire: &mut Wire, family: Family, pending: usize, cookieless: bool) -> ListenerId {
    let options = Listen {
        fast_open: Some(FastOpenListen {
            pending,
            cookieless,
        }),
        ..Listen::default()
    };
    wire.stacks[1].listen(family.end(1, 80), options).unwrap()
}

/// Opens a connection from host 0 with this text written before the SYN leaves.
fn open(wire: &mut Wire, family: Family, options: Connect, text: &[u8]) -> TcpId {
    let now = wire.now;
    let id = wire.stacks[0]
        .connect(now, family.end(1, 80), options)
        .unwrap();
    if !text.is_empty() {
        let mut socket = wire.stacks[0].tcp(now, id).unwrap();
        assert_eq!(socket.write(text), Ok(text.len()));
    }
    id
}

/// A wire whose client has a cookie of the server.
fn acquainted(family: Family, pending: usize) -> (Wire, ListenerId) {
    let mut wire = Wire::new(PLAIN);
    let listener = listen(&mut wire, family, pending, false);
    let first = open(&mut wire, family, NOW, b"");
    wire.settle();
    assert_eq!(wire.state(0, first), Some(State::Established));
    let server = wire.stacks[1].accept(listener).unwrap();
    for (host, id) in [(1, server), (0, first)] {
        let now = wire.now;
        wire.stacks[host].release_tcp(now, id);
        wire.settle();
    }
    wire.log.clear();
    (wire, listener)
}

/// A SYN of a host 0 that shows a good cookie, from a port of its own.
fn early_syn(wire: &mut Wire, family: Family, port: u16, text: &[u8]) {
    let (ours, theirs) = (family.address(1), family.address(0));
    let cookie = wire.stacks[1].fast_open_cookie(wire.now, ours, theirs);
    let mut header = header(port, 80, TcpFlags::SYN, (1_000, 0));
    header.options.fast_open = Some(cookie);
    wire.inject(1, tcp((0, theirs), (1, ours), &header, text));
}

#[test]
fn the_second_connection_brings_its_text_with_the_syn() {
    for family in FAMILIES {
        let (mut wire, listener) = acquainted(family, 10);
        let client = open(&mut wire, family, NOW, b"question");
        wire.transmit(0);
        wire.step();
        let server = wire.stacks[1].accept(listener).expect("opened early");
        assert_eq!(wire.state(1, server), Some(State::SynReceived));
        assert_eq!(wire.read(1, server), b"question");
        let now = wire.now;
        let mut socket = wire.stacks[1].tcp(now, server).unwrap();
        assert!(socket.syn_text_taken());
        socket.write(b"answer").unwrap();
        drop(socket);
        wire.transmit(1);
        wire.settle();
        assert_eq!(wire.read(0, client), b"answer");
        let now = wire.now;
        assert!(wire.stacks[0].tcp(now, client).unwrap().syn_text_taken());
        assert_eq!(wire.state(1, server), Some(State::Established));
        assert_eq!(wire.stacks[1].counters().tcp.early_opens, 1);
        wire.transfer((0, client), (1, server), &vec![1; 100_000]);
        wire.transfer((1, server), (0, client), &vec![2; 100_000]);
    }
}

#[test]
fn with_the_first_write_the_syn_waits_only_when_there_is_a_cookie() {
    let options = Connect {
        fast_open: FastOpenConnect::WithFirstWrite,
        ..NOW
    };
    let (mut wire, _) = acquainted(Family::V4, 10);
    let client = open(&mut wire, Family::V4, options, b"");
    wire.pass(Duration::from_secs(300));
    assert_eq!(segments(&wire, 0), [], "it waits, for as long as it takes");
    let now = wire.now;
    let mut socket = wire.stacks[0].tcp(now, client).unwrap();
    assert_eq!(socket.fast_open_room(), 1_460 - 40);
    socket.write(b"now").unwrap();
    drop(socket);
    wire.transmit(0);
    wire.settle();
    assert_eq!(segments(&wire, 0)[0].payload, b"now");
    let mut wire = Wire::new(PLAIN);
    listen(&mut wire, Family::V4, 10, false);
    let client = open(&mut wire, Family::V4, options, b"");
    wire.settle();
    assert_eq!(wire.state(0, client), Some(State::Established));
}

#[test]
fn a_server_without_fast_open_is_not_asked_again_for_a_while() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        wire.listen(1, family.end(1, 80));
        for (pause, asks) in [(0, true), (60, false), (840, true)] {
            wire.pass(Duration::from_secs(pause));
            wire.log.clear();
            let client = open(&mut wire, family, NOW, b"text");
            wire.settle();
            let syn = segments(&wire, 0).remove(0);
            let option = syn.header.options.fast_open;
            assert_eq!(option, asks.then_some(FastOpen::REQUEST), "{pause}");
            assert_eq!(wire.state(0, client), Some(State::Established));
        }
        let syn_ack = segments(&wire, 1).remove(0);
        assert_eq!(syn_ack.header.options.fast_open, None);
    }
}

#[test]
fn text_without_a_cookie_is_taken_where_it_is_allowed() {
    let options = Connect {
        fast_open_cookieless: true,
        ..NOW
    };
    for (cookieless, early) in [(true, 1), (false, 0)] {
        let mut wire = Wire::new(PLAIN);
        let listener = listen(&mut wire, Family::V6, 10, cookieless);
        open(&mut wire, Family::V6, options, b"text");
        wire.settle();
        let server = wire.stacks[1].accept(listener).expect("it opened");
        assert_eq!(wire.read(1, server), b"text", "once, one way or the other");
        assert_eq!(wire.stacks[1].counters().tcp.early_opens, early);
    }
}

/// RFC 7413 5.1: at most so many early ones; who comes later opens in the usual way, and a reset
/// does not make room at once.
#[test]
fn early_connections_are_limited_and_resets_count() {
    for family in FAMILIES {
        let (mut wire, _) = acquainted(family, 2);
        // The client knows nothing of these ports and would reset what it hears.
        wire.filter = Some(Box::new(|sender, _| sender == 0));
        for port in [1, 2, 3] {
            early_syn(&mut wire, family, port, b"text");
        }
        wire.step();
        let early = |wire: &Wire| wire.stacks[1].counters().tcp.early_opens;
        assert_eq!(early(&wire), 2);
        let acks: Vec<_> = segments(&wire, 1)
            .iter()
            .map(|sent| sent.header.ack.0)
            .collect();
        assert_eq!(acks, [1_005, 1_005, 1_001]);
        let (ours, theirs) = (family.address(1), family.address(0));
        for port in [1, 2] {
            let reset = header(port, 80, TcpFlags::RST, (1_005, 0));
            wire.inject(1, tcp((0, theirs), (1, ours), &reset, b""));
        }
        wire.pass(Duration::from_secs(30));
        early_syn(&mut wire, family, 4, b"text");
        wire.step();
        assert_eq!(early(&wire), 2, "they count for a minute");
        wire.pass(Duration::from_secs(31));
        early_syn(&mut wire, family, 5, b"text");
        wire.step();
        assert_eq!(early(&wire), 3);
    }
}

/// What was received before the end can be read by whoever accepts late.
#[test]
fn an_early_connection_that_ended_can_still_be_accepted() {
    for family in FAMILIES {
        for by_icmp in [false, true] {
            let (mut wire, listener) = acquainted(family, 2);
            wire.filter = Some(Box::new(|sender, _| sender == 0));
            early_syn(&mut wire, family, 1, b"text");
            wire.step();
            let (ours, theirs) = (family.address(1), family.address(0));
            if by_icmp {
                let syn_ack = segments(&wire, 1).remove(0).packet;
                let error = icmp(1, theirs, Complaint::HostUnreachable, &syn_ack);
                wire.inject(1, error);
            } else {
                let reset = header(1, 80, TcpFlags::RST, (1_005, 0));
                wire.inject(1, tcp((0, theirs), (1, ours), &reset, b""));
            }
            wire.step();
            let server = wire.stacks[1].accept(listener).expect("still there");
            assert_eq!(wire.state(1, server), Some(State::Closed));
            let now = wire.now;
            let mut socket = wire.stacks[1].tcp(now, server).unwrap();
            let mut buffer = [0; 16];
            assert_eq!(socket.read(&mut buffer), Ok(4));
            let reason = if by_icmp {
                CloseReason::Unreachable
            } else {
                CloseReason::Reset
            };
            assert_eq!(socket.read(&mut buffer), Err(ReadError::Closed(reason)));
        }
    }
}

#[test]
fn early_connections_of_a_closed_listener_are_reset() {
    let (mut wire, listener) = acquainted(Family::V4, 2);
    wire.filter = Some(Box::new(|sender, _| sender == 0));
    early_syn(&mut wire, Family::V4, 1, b"text");
    wire.step();
    wire.log.clear();
    let now = wire.now;
    wire.stacks[1].close_listener(now, listener);
    wire.step();
    let sent = segments(&wire, 1).remove(0).header;
    assert_eq!(sent.flags, TcpFlags::RST | TcpFlags::ACK);
    assert_eq!(wire.stacks[1].tcp_count(), 0);
}

/// RFC 9040: the average of one connection is where the next one starts.
#[test]
fn round_trip_times_are_shared_between_connections_of_two_hosts() {
    for share in [true, false] {
        for family in FAMILIES {
            let mut wire = Wire::with(PLAIN, |_, config| config.share_metrics = share);
            let listener = wire.listen(1, family.end(1, 80));
            wire.connect(0, family.end(1, 81));
            wire.settle();
            // The first connection finds the path slow.
            let client = wire.connect(0, family.end(1, 80));
            wire.transmit(0);
            wire.now += Duration::from_millis(98);
            wire.settle();
            let server = wire.stacks[1].accept(listener).unwrap();
            let srtt = |wire: &mut Wire, id| {
                let now = wire.now;
                wire.stacks[0].tcp(now, id).unwrap().info().srtt.unwrap()
            };
            let before = srtt(&mut wire, client);
            for (host, id) in [(0, client), (1, server)] {
                let now = wire.now;
                wire.stacks[host].release_tcp(now, id);
                wire.settle();
            }
            let next = wire.connect(0, family.end(1, 80));
            wire.settle();
            let after = srtt(&mut wire, next);
            assert_eq!(before, Duration::from_millis(100));
            assert_eq!(after > before / 2, share, "{family:?}: {after:?}");
        }
    }
}

/// RFC 9040: what was learnt of a path does not outlive a change of it.
#[test]
fn a_narrower_path_is_a_new_one() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let listener = wire.listen(1, family.end(1, 80));
        wire.connect(0, family.end(1, 81));
        wire.settle();
        let slow = wire.connect(0, family.end(1, 80));
        wire.transmit(0);
        wire.now += Duration::from_millis(98);
        wire.settle();
        let server = wire.stacks[1].accept(listener).unwrap();
        for (host, id) in [(0, slow), (1, server)] {
            let now = wire.now;
            wire.stacks[host].release_tcp(now, id);
            wire.settle();
        }
        let open = wire.connect(0, family.end(1, 80));
        wire.settle();
        wire.filter = Some(Box::new(|sender, _| sender == 1));
        let now = wire.now;
        let written = wire.stacks[0].tcp(now, open).unwrap().write(&[7; 5_000]);
        assert_eq!(written, Ok(5_000));
        wire.transmit(0);
        wire.settle();
        let sent = segments(&wire, 0).into_iter();
        let large = sent.map(|sent| sent.packet).max_by_key(Vec::len).unwrap();
        wire.filter = None;
        let message = icmp(0, family.address(1), Complaint::TooBig(1_300), &large);
        wire.inject(0, message);
        wire.settle();
        let next = wire.connect(0, family.end(1, 80));
        wire.settle();
        let now = wire.now;
        let info = wire.stacks[0].tcp(now, next).unwrap().info();
        assert!(info.srtt.unwrap() < Duration::from_millis(5), "{family:?}");
    }
}
