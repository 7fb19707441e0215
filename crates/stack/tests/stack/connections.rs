//! Whole lives of connections between two stacks.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use handfast_packet::buf::{Capabilities, Medium, TxBatch};
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ip::Protocol;
use handfast_packet::tcp::{TcpFlags, verify_checksum};
use handfast_stack::{Connect, ConnectError, Event, Stack};
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::frames::{segment, segments};
use crate::wire::{DEVICES, FAMILIES, Family, PLAIN, Wire, pattern};

#[test]
fn bytes_go_both_ways_and_both_ends_close() {
    for family in FAMILIES {
        for capabilities in DEVICES {
            let mut wire = Wire::new(capabilities);
            let (client, server) = wire.establish(family);
            let bytes = pattern(1_000_000);
            wire.transfer((0, client), (1, server), &bytes);
            wire.transfer((1, server), (0, client), &bytes[..300_000]);
            wire.stacks[0].tcp(wire.now, client).unwrap().shutdown();
            wire.settle();
            assert!(wire.at_end(1, server), "{family:?}: the FIN arrived");
            assert_eq!(wire.state(1, server), Some(State::CloseWait));
            wire.stacks[1].release_tcp(wire.now, server);
            wire.settle();
            assert!(wire.at_end(0, client));
            assert_eq!(wire.state(0, client), Some(State::TimeWait));
            wire.stacks[0].release_tcp(wire.now, client);
            wire.settle();
            for host in 0..2 {
                assert_eq!(
                    wire.stacks[host].tcp_count(),
                    0,
                    "{family:?} {capabilities:?} {host}"
                );
            }
            assert_eq!(wire.stacks.each_ref().map(Stack::time_wait_count), [1, 0]);
            wire.pass(Duration::from_secs(61));
            assert_eq!(wire.stacks[0].time_wait_count(), 0);
            let counters = wire.stacks[1].counters().tcp;
            assert_eq!(
                (
                    counters.bad_checksums,
                    counters.malformed,
                    counters.resets_sent
                ),
                (0, 0, 0)
            );
        }
    }
}

#[test]
fn super_segments_leave_only_where_the_device_cuts_them() {
    for capabilities in DEVICES {
        let mut wire = Wire::new(capabilities);
        let (client, server) = wire.establish(Family::V4);
        wire.transfer((0, client), (1, server), &pattern(1_000_000));
        let longest = segments(&wire, 0)
            .iter()
            .map(|sent| sent.payload.len())
            .max()
            .unwrap();
        match capabilities.max_gso {
            0 => assert!(longest <= 1_460, "{longest}"),
            _ => assert!(longest > 20_000, "{longest}"),
        }
        let sent = wire.stacks[0].counters().tcp.segments_sent;
        assert!(
            sent >= 1_000_000 / 1_460,
            "pieces are counted, not frames: {sent}"
        );
        assert!(wire.stacks[1].counters().tcp.segments_received >= 1_000_000 / 1_460);
    }
}

#[test]
fn checksums_are_left_to_devices_that_complete_them() {
    for capabilities in DEVICES {
        let mut wire = Wire::new(capabilities);
        let sums = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&sums);
        wire.filter = Some(Box::new(move |_, frame| {
            let bytes = frame.to_vec();
            if let Some(sent) = segment(&bytes) {
                let (source, destination) = (sent.source.ip(), sent.destination.ip());
                let tcp = &bytes[14 + 20..];
                let pseudo = pseudo_header(
                    source,
                    destination,
                    Protocol::TCP,
                    u32::try_from(tcp.len()).unwrap(),
                );
                let field = u16::from_be_bytes([tcp[16], tcp[17]]);
                seen.borrow_mut().push(match frame.checksum_at {
                    None => verify_checksum(source, destination, tcp),
                    Some(at) => (at.start, at.offset, field) == (14 + 20, 16, pseudo.folded()),
                });
                assert_eq!(frame.checksum_at.is_some(), capabilities.tx_checksum);
            }
            true
        }));
        let (client, server) = wire.establish(Family::V4);
        wire.transfer((0, client), (1, server), &pattern(1_000_001));
        let sums = sums.borrow();
        assert!(sums.len() > 5, "{}", sums.len());
        assert!(sums.iter().all(|&good| good));
    }
}

#[test]
fn what_is_over_or_released_says_and_wants_nothing() {
    // Without neighbours, whose table has timers of its own.
    let mut wire = Wire::new(Capabilities {
        medium: Medium::Ip,
        ..PLAIN
    });
    let refused = wire.connect(0, Family::V4.end(1, 81));
    wire.settle();
    assert_eq!(wire.state(0, refused), Some(State::Closed));
    assert_eq!(
        wire.stacks[0].next_timeout(),
        None,
        "no timer is left to wake anybody"
    );
    let (client, server) = wire.establish(Family::V4);
    wire.transfer((0, client), (1, server), b"hello");
    // The stack has events now that nobody has fetched.
    assert_eq!(
        wire.stacks[0].tcp(wire.now, client).unwrap().write(b"more"),
        Ok(4)
    );
    wire.stacks[0].tcp(wire.now, client).unwrap().abort();
    wire.stacks[0].release_tcp(wire.now, client);
    assert_eq!(wire.stacks[0].poll_event(), None);
}

#[test]
fn a_medium_without_link_headers_works_too() {
    let mut wire = Wire::new(Capabilities {
        medium: Medium::Ip,
        ..PLAIN
    });
    let (client, server) = wire.establish(Family::V6);
    wire.transfer((0, client), (1, server), &pattern(10_000));
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let id = wire.connect(0, family.end(1, 81));
        wire.settle();
        let reason = wire.stacks[0].tcp(wire.now, id).unwrap().close_reason();
        assert_eq!(reason, Some(CloseReason::Refused));
        assert!(wire.events[0].contains(&Event::Tcp(id, TcpEvent::Closed)));
        assert!(!wire.events[0].contains(&Event::Tcp(id, TcpEvent::Connected)));
        assert_eq!(wire.stacks[1].counters().tcp.resets_sent, 1);
        wire.stacks[0].release_tcp(wire.now, id);
        wire.settle();
        assert_eq!(wire.stacks[0].tcp_count(), 0);
        assert!(
            wire.stacks[0].tcp(wire.now, id).is_none(),
            "the name is never used again"
        );
    }
}

#[test]
fn a_thousand_connections_one_after_another_leave_nothing() {
    let mut wire = Wire::new(PLAIN);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    let mut ports = std::collections::BTreeSet::new();
    for round in 0..1_000 {
        let client = wire.connect(0, Family::V4.end(1, 80));
        wire.settle();
        let server = wire.stacks[1].accept(listener).unwrap();
        let now = wire.now;
        ports.insert(wire.stacks[0].tcp(now, client).unwrap().local().port());
        assert_eq!(
            wire.stacks[0].tcp(now, client).unwrap().write(b"hello"),
            Ok(5)
        );
        wire.settle();
        assert_eq!(wire.read(1, server), b"hello");
        // In turns, each side is the one that closes first.
        let order = if round % 2 == 0 {
            [(0, client), (1, server)]
        } else {
            [(1, server), (0, client)]
        };
        for (host, id) in order {
            wire.stacks[host].release_tcp(wire.now, id);
            wire.settle();
        }
        assert_eq!(wire.stacks.each_ref().map(Stack::tcp_count), [0, 0]);
    }
    assert_eq!(ports.len(), 1_000, "no port comes again soon");
    wire.pass(Duration::from_secs(61));
    assert_eq!(wire.stacks.each_ref().map(Stack::time_wait_count), [0, 0]);
    assert_eq!(wire.stacks[0].counters().tcp.active_opens, 1_000);
    assert_eq!(wire.stacks[1].counters().tcp.passive_opens, 1_000);
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let run = |seed: u64| {
        let mut wire = Wire::with(DEVICES[1], |host, config| config.seed = seed + host as u64);
        for family in FAMILIES {
            let (client, server) = wire.establish(family);
            wire.transfer((0, client), (1, server), &pattern(50_000));
            wire.stacks[0].release_tcp(wire.now, client);
            wire.settle();
            wire.stacks[1].release_tcp(wire.now, server);
            wire.pass(Duration::from_secs(100));
        }
        wire.log
    };
    assert!(run(1) == run(1));
    assert!(
        run(1) != run(100),
        "the seed is what is secret about a stack"
    );
}

#[test]
fn a_port_comes_back_when_time_wait_is_over() {
    let mut wire = Wire::new(PLAIN);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    let options = Connect {
        local_port: Some(5_000),
        ..Connect::default()
    };
    let remote = Family::V4.end(1, 80);
    let client = wire.stacks[0].connect(wire.now, remote, options).unwrap();
    let in_use = ConnectError::InUse {
        local: Family::V4.end(0, 5_000),
        remote,
    };
    assert_eq!(
        wire.stacks[0].connect(wire.now, remote, options),
        Err(in_use)
    );
    wire.settle();
    let server = wire.stacks[1].accept(listener).unwrap();
    wire.stacks[0].release_tcp(wire.now, client);
    wire.settle();
    wire.stacks[1].release_tcp(wire.now, server);
    wire.settle();
    assert_eq!(wire.stacks[0].tcp_count(), 0);
    assert_eq!(
        wire.stacks[0].connect(wire.now, remote, options),
        Err(in_use)
    );
    wire.pass(Duration::from_secs(61));
    wire.stacks[0].connect(wire.now, remote, options).unwrap();
    wire.settle();
    assert!(wire.stacks[1].accept(listener).is_some());
}

/// RFC 6191: the side that closed first is in TIME-WAIT, and still takes a new SYN. Its numbers
/// start beyond all that the old incarnation used (RFC 1122 4.2.2.13), however much that was.
#[test]
fn a_listener_cuts_time_wait_short() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let listener = wire.listen(1, family.end(1, 80));
        let options = Connect {
            local_port: Some(5_000),
            ..Connect::default()
        };
        let mut old_end: Option<u32> = None;
        for _ in 0..5 {
            wire.log.clear();
            let client = wire.stacks[0]
                .connect(wire.now, family.end(1, 80), options)
                .unwrap();
            wire.settle();
            let server = wire.stacks[1]
                .accept(listener)
                .expect("TIME-WAIT makes way");
            assert_eq!(wire.stacks[1].time_wait_count(), 0);
            wire.transfer((1, server), (0, client), &pattern(300_000));
            wire.stacks[1].release_tcp(wire.now, server);
            wire.settle();
            wire.stacks[0].release_tcp(wire.now, client);
            wire.settle();
            assert_eq!(wire.stacks[1].time_wait_count(), 1);
            let sent = segments(&wire, 1);
            let (first, last) = (&sent[0].header, &sent[sent.len() - 1].header);
            assert!(first.flags.contains(TcpFlags::SYN));
            if let Some(old_end) = old_end {
                let gap = first.seq.0.wrapping_sub(old_end);
                assert!((1..1 << 31).contains(&gap), "{gap}");
            }
            old_end = Some(last.seq.0);
        }
    }
}

#[test]
fn the_time_wait_table_is_bounded() {
    let mut wire = Wire::with(PLAIN, |_, config| config.time_wait_max = 3);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    for _ in 0..5 {
        let client = wire.connect(0, Family::V4.end(1, 80));
        wire.settle();
        let server = wire.stacks[1].accept(listener).unwrap();
        wire.stacks[0].release_tcp(wire.now, client);
        wire.settle();
        wire.stacks[1].release_tcp(wire.now, server);
        wire.settle();
    }
    assert_eq!(wire.stacks[0].time_wait_count(), 3);
    assert_eq!(wire.stacks[0].counters().tcp.time_waits_evicted, 2);
}

#[test]
fn what_was_written_before_the_release_still_arrives() {
    // All of it fits into the first window.
    let mut wire = Wire::with(PLAIN, |_, config| config.tcp.receive_buffer = 256 << 10);
    let (client, server) = wire.establish(Family::V4);
    let bytes = pattern(200_000);
    let written = wire.stacks[0].tcp(wire.now, client).unwrap().write(&bytes);
    assert_eq!(written, Ok(bytes.len()));
    wire.stacks[0].release_tcp(wire.now, client);
    wire.settle();
    assert!(wire.read(1, server) == bytes);
    assert!(wire.at_end(1, server));
}

#[test]
fn time_wait_repeats_the_last_ack() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        wire.stacks[0].release_tcp(wire.now, client);
        wire.settle();
        wire.stacks[1].release_tcp(wire.now, server);
        wire.filter = Some(Box::new(|sender, _| sender == 1));
        wire.settle();
        assert_eq!(wire.stacks[0].time_wait_count(), 1);
        assert_eq!(
            wire.stacks.each_ref().map(Stack::tcp_count),
            [0, 1],
            "LAST-ACK"
        );
        wire.pass(Duration::from_secs(30));
        wire.filter = None;
        wire.pass(Duration::from_secs(59));
        assert_eq!(
            wire.stacks[1].tcp_count(),
            0,
            "the FIN came again and was acknowledged"
        );
        assert_eq!(
            wire.stacks[0].time_wait_count(),
            1,
            "2 MSL count from the last FIN"
        );
        assert_eq!(wire.stacks[0].counters().tcp.resets_sent, 0);
        wire.pass(Duration::from_secs(61));
        assert_eq!(wire.stacks[0].time_wait_count(), 0);
    }
}

#[test]
fn events_come_in_order_and_each_once() {
    let mut wire = Wire::new(PLAIN);
    let (client, server) = wire.establish(Family::V4);
    wire.stacks[0].tcp(wire.now, client).unwrap().shutdown();
    assert_eq!(
        wire.stacks[1]
            .tcp(wire.now, server)
            .unwrap()
            .write(b"hello"),
        Ok(5)
    );
    wire.settle();
    wire.stacks[1].release_tcp(wire.now, server);
    wire.pass(Duration::from_secs(61));
    let told: Vec<_> = wire.events[0]
        .iter()
        .filter_map(|event| match event {
            Event::Tcp(id, event) if *id == client => Some(*event),
            _ => None,
        })
        .filter(|event| !matches!(event, TcpEvent::Readable | TcpEvent::Writable))
        .collect();
    assert_eq!(
        told,
        [TcpEvent::Connected, TcpEvent::TimeWait, TcpEvent::Closed]
    );
    assert!(wire.events[0].contains(&Event::Tcp(client, TcpEvent::Readable)));
}

#[test]
fn frames_are_counted_on_both_sides() {
    let mut wire = Wire::new(DEVICES[1]);
    let (client, server) = wire.establish(Family::V4);
    wire.transfer((0, client), (1, server), &pattern(100_000));
    wire.settle();
    for host in 0..2 {
        let sent = wire
            .log
            .iter()
            .filter(|(sender, _)| *sender == host)
            .count() as u64;
        assert_eq!(wire.stacks[host].counters().frames_sent, sent);
        assert_eq!(wire.stacks[1 - host].counters().frames_received, sent);
    }
}

#[test]
fn unread_bytes_outlive_time_wait() {
    let mut wire = Wire::new(PLAIN);
    let (client, server) = wire.establish(Family::V4);
    wire.stacks[0].tcp(wire.now, client).unwrap().shutdown();
    assert_eq!(
        wire.stacks[1]
            .tcp(wire.now, server)
            .unwrap()
            .write(b"farewell"),
        Ok(8)
    );
    wire.settle();
    wire.stacks[1].release_tcp(wire.now, server);
    wire.settle();
    assert_eq!(wire.state(0, client), Some(State::TimeWait));
    wire.pass(Duration::from_secs(120));
    assert_eq!(wire.stacks[0].time_wait_count(), 0);
    assert_eq!(wire.state(0, client), Some(State::Closed));
    assert_eq!(wire.read(0, client), b"farewell");
    assert!(wire.at_end(0, client));
}

#[test]
fn connections_take_turns() {
    let mut wire = Wire::new(PLAIN);
    let listener = wire.listen(1, Family::V4.end(1, 80));
    let clients = [(); 3].map(|()| wire.connect(0, Family::V4.end(1, 80)));
    wire.settle();
    assert!(wire.stacks[1].accept(listener).is_some());
    wire.log.clear();
    for client in clients {
        let now = wire.now;
        let written = wire.stacks[0]
            .tcp(now, client)
            .unwrap()
            .write(&pattern(1_448 * 4));
        assert_eq!(written, Ok(1_448 * 4));
    }
    wire.step();
    let ports: Vec<u16> = segments(&wire, 0)
        .iter()
        .map(|sent| sent.header.source)
        .collect();
    assert_eq!(ports.len(), 12);
    for round in ports.chunks(3) {
        assert_eq!(
            round,
            &ports[..3],
            "one segment each, always in the same order"
        );
    }
    assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
}

#[test]
fn many_connections_at_once_share_the_wire() {
    let mut wire = Wire::new(DEVICES[1]);
    // The hosts learn each other's hardware addresses: only a few packets may wait for that.
    let stranger = wire.connect(0, Family::V6.end(1, 81));
    wire.settle();
    wire.stacks[0].release_tcp(wire.now, stranger);
    let listener = wire.listen(1, Family::V6.end(1, 80));
    let clients: Vec<_> = (0..200)
        .map(|_| wire.connect(0, Family::V6.end(1, 80)))
        .collect();
    wire.settle();
    let bytes = pattern(20_000);
    for &client in &clients {
        let now = wire.now;
        assert_eq!(
            wire.stacks[0].tcp(now, client).unwrap().write(&bytes),
            Ok(bytes.len())
        );
        wire.stacks[0].release_tcp(now, client);
    }
    wire.settle();
    let mut count = 0;
    while let Some(server) = wire.stacks[1].accept(listener) {
        assert!(wire.read(1, server) == bytes);
        assert!(wire.at_end(1, server));
        wire.stacks[1].release_tcp(wire.now, server);
        count += 1;
    }
    wire.settle();
    assert_eq!(count, 200);
    assert_eq!(wire.stacks.each_ref().map(Stack::tcp_count), [0, 0]);
}

/// Among so many, those whose turn comes soon are looked at beforehand (`tcp/fetch.rs`): that may
/// cost time or save it, and changes nothing.
#[test]
fn a_crowd_is_served_as_a_few_are() {
    const CROWD: usize = 17_000;
    let mut wire = Wire::new(PLAIN);
    let listeners = FAMILIES.map(|family| wire.listen(1, family.end(1, 80)));
    let mut ends = Vec::new();
    while ends.len() < CROWD {
        // One family has not enough ports.
        let which = ends.len() / 200 % 2;
        let (family, listener) = (FAMILIES[which], listeners[which]);
        let clients: Vec<_> = (0..200)
            .map(|_| wire.connect(0, family.end(1, 80)))
            .collect();
        wire.settle();
        for client in clients {
            let server = wire.stacks[1].accept(listener).expect("it is open");
            ends.push((client, server));
        }
        wire.log.clear();
    }
    // Several to each batch, near and far ones in turn.
    for (count, at) in (0..CROWD).map(|n| n * 7_919 % CROWD).enumerate() {
        let socket = wire.stacks[0].tcp(wire.now, ends[at].0);
        assert_eq!(socket.unwrap().write(&at.to_be_bytes()), Ok(8));
        if count % 100 == 99 {
            wire.settle();
        }
    }
    // The last ACKs are delayed ones.
    wire.pass(Duration::from_millis(100));
    for (at, &(_, server)) in ends.iter().enumerate() {
        assert_eq!(wire.read(1, server), at.to_be_bytes());
    }
    let waiting = |stack: &Stack| {
        stack
            .tcp_vitals()
            .filter(|(_, it)| it.outstanding > 0)
            .count()
    };
    assert_eq!(wire.stacks.each_ref().map(waiting), [0, 0]);
}

#[test]
fn a_full_batch_is_no_loss() {
    let mut wire = Wire::new(PLAIN);
    // The hosts learn each other's hardware addresses.
    wire.connect(0, Family::V4.end(1, 81));
    wire.settle();
    for _ in 0..100 {
        wire.connect(0, Family::V4.end(1, 80));
    }
    let (mut batch, mut syns) = (TxBatch::new(), 0);
    batch.limit(7);
    while wire.stacks[0].poll_transmit(wire.now, &mut batch) || !batch.is_empty() {
        assert!(batch.len() <= 7);
        syns += batch.len();
        batch.clear();
    }
    assert_eq!(syns, 100);
}
