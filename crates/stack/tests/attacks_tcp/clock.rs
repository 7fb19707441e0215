//! A53: clocks that jump: a suspended machine, a wrong hour, and the places where counters of
//! milliseconds and nanoseconds wrap.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_stack::TcpId;
use handfast_tcp::State;

use crate::others_bugs::still_works;
use crate::peer::{ACK, Family, Peer, RST, SYN, both_families, pattern};
use crate::states::{PLACES, Place, Scene};

both_families!(
    a53_a_jump_to_later_fires_each_timer_once,
    a53_a_jump_to_earlier_loses_no_timer,
    a53_counters_of_milliseconds_and_nanoseconds_may_wrap,
);

const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Connections with different timers running, by name.
fn scenes(family: Family) -> Vec<(&'static str, Peer)> {
    let established = |change: fn(&mut Peer, TcpId)| {
        let (mut peer, id) = Peer::established_with(family, |config| {
            config.tcp.keep_alive = Some(Duration::from_secs(7_200));
        });
        change(&mut peer, id);
        peer
    };
    let mut scenes = vec![
        ("keep-alive", established(|_, _| {})),
        (
            "retransmission",
            established(|peer, id| peer.write(id, &pattern(9_000))),
        ),
        (
            "window probe",
            established(|peer, id| {
                peer.write(id, b"1");
                peer.window = 0;
                peer.send(ACK, (1, 2), b"");
                peer.write(id, &pattern(9_000));
            }),
        ),
        (
            "delayed ACK",
            established(|peer, id| {
                for n in 0..40 {
                    peer.send(ACK, (1 + n, 1), b"1");
                }
                peer.read(id);
            }),
        ),
        (
            "FIN-WAIT-2, released",
            established(|peer, id| {
                peer.stack.release_tcp(peer.now, id);
                peer.turn();
                peer.send(ACK, (1, 2), b"");
            }),
        ),
    ];
    for place in PLACES {
        scenes.push(("state", Scene::new(family, place).peer));
    }
    scenes
}

/// The stack's turns at one moment, until it waits for a later one; how many segments it sent.
fn turns(peer: &mut Peer) -> usize {
    let before = peer.log.len();
    for _ in 0..8 {
        peer.turn();
        if peer.stack.next_timeout().is_none_or(|due| due > peer.now) {
            return peer.log.len() - before;
        }
    }
    panic!("a timer fires again and again");
}

/// Timers that one connection can have: retransmission or probe, delayed ACK, keep-alive.
const PACKETS_MAX: usize = 3;

fn a53_a_jump_to_later_fires_each_timer_once(family: Family) {
    for jump in [
        Duration::from_secs(1),
        HOUR,
        50 * 24 * HOUR,
        YEAR,
        100 * YEAR,
    ] {
        for (name, mut peer) in scenes(family) {
            peer.now += jump;
            let sent = turns(&mut peer);
            assert!(sent <= PACKETS_MAX, "{name}, {jump:?}: {sent} segments");
            // Nothing is left that should have happened, and nothing hangs.
            let due = peer.stack.next_timeout();
            assert!(due.is_none_or(|due| due > peer.now), "{name}, {jump:?}");
            let before = peer.log.len();
            peer.pass(Duration::from_secs(2_000));
            let sent = peer.log.len() - before;
            assert!(sent < 200, "{name}, {jump:?}: {sent} segments in 2,000 s");
        }
    }
}

/// Time that goes back is against the contract of a stack, yet ends nothing: once the clock shows
/// again what it had shown, everything goes on.
fn a53_a_jump_to_earlier_loses_no_timer(family: Family) {
    for jump in [Duration::from_millis(1), Duration::from_secs(30), HOUR] {
        for (name, mut peer) in scenes(family) {
            let start = peer.now;
            peer.now =
                Instant::from_nanos(start.as_nanos() - u64::try_from(jump.as_nanos()).unwrap());
            let sent = turns(&mut peer);
            assert!(sent <= PACKETS_MAX, "{name}, {jump:?}: {sent} segments");
            peer.pass(jump);
            let count = |peer: &Peer| peer.stack.tcp_count() + peer.stack.time_wait_count();
            let before = (peer.log.len(), count(&peer));
            peer.pass(3 * HOUR);
            let waits = match name {
                "state" => {
                    peer.stack.tcp_count_in(State::SynReceived) == 0
                        && peer.stack.time_wait_count() == 0
                }
                "FIN-WAIT-2, released" => count(&peer) < before.1,
                _ => peer.log.len() > before.0 || name == "delayed ACK",
            };
            assert!(waits, "{name}, {jump:?}: its timer fires in the end");
        }
    }
    let (mut peer, id) = Peer::established(family);
    peer.now = Instant::from_secs(9_000);
    peer.write(id, &pattern(50_000));
    peer.pass(Duration::from_secs(500));
    assert_eq!(peer.take_all(50_000), pattern(50_000));
}

fn a53_counters_of_milliseconds_and_nanoseconds_may_wrap(family: Family) {
    let wraps = [
        Duration::from_millis(1 << 31),
        Duration::from_millis(1 << 32),
        Duration::from_micros(1 << 34),
        Duration::from_nanos(1 << 62),
        Duration::from_nanos(1 << 63),
    ];
    for wrap in wraps {
        // Timers are set before the wrap and due behind it.
        for before in [5_000, 500, 100, 1, 0] {
            let mut peer = Peer::new(family);
            peer.now = Instant::ZERO + wrap;
            peer.now = Instant::from_nanos(peer.now.as_nanos() - before * 1_000_000);
            let id = peer.open(TcpOptions {
                mss: Some(1_400),
                timestamps: Some(Timestamps { value: 1, echo: 0 }),
                ..TcpOptions::default()
            });
            peer.inbox.clear();
            peer.write(id, b"lost once");
            peer.inbox.clear();
            let mut copies = 0;
            for _ in 0..100 {
                peer.pass(Duration::from_millis(100));
                copies += peer.inbox.drain(..).count();
            }
            assert!(
                (4..10).contains(&copies),
                "{wrap:?}: {copies} copies in 10 s"
            );
            let stamp = Timestamps { value: 2, echo: 0 };
            peer.send_with(ACK, (1, 10), b"", |header| {
                header.options.timestamps = Some(stamp);
            });
            assert_eq!(peer.tcp(id).unacknowledged(), 0);
            assert!(peer.tcp(id).info().rto < Duration::from_secs(61));
            peer.tcp(id).abort();
            peer.turn();
            assert!(peer.log.last().unwrap().has(RST));
        }
        let mut peer = Peer::new(family);
        peer.now = Instant::ZERO + wrap;
        peer.send(SYN, (0, 0), b"");
        still_works(&mut peer);
    }
    assert_eq!(Scene::new(family, Place::Closed).place(), Place::Closed);
}
