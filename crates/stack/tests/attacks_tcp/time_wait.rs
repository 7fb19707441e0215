//! A42: TIME-WAIT under old segments (RFC 1337), and ports that come again while it lasts
//! (RFC 6191).

use core::time::Duration;

use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_stack::{Listen, ListenerId};
use handfast_tcp::State;

use crate::peer::{ACK, FIN_ACK, Family, PSH, Peer, RST, SYN, SYN_ACK, both_families};
use crate::random::Random;
use crate::states::{Place, Scene};

both_families!(
    a42_nothing_old_ends_time_wait_or_prolongs_it,
    a42_a_port_comes_again_a_thousand_times_a_second,
    a42_all_ports_come_again_within_a_second,
);

/// Ports of one host that come again, every day and in full.
const PORTS: u16 = 1_000;
const PORTS_IN_FULL: u16 = 65_000;

fn stamped(value: u32) -> TcpOptions {
    TcpOptions {
        mss: Some(1_400),
        timestamps: Some(Timestamps { value, echo: 0 }),
        ..TcpOptions::default()
    }
}

fn a42_nothing_old_ends_time_wait_or_prolongs_it(family: Family) {
    let place = Place::In(State::TimeWait);
    for stamps in [false, true] {
        let options = if stamps {
            stamped(1_000)
        } else {
            TcpOptions::default()
        };
        let mut scene = Scene::with(family, place, options);
        let mut random = Random::new(42);
        for n in 0..59_000_u32 {
            let age = random.below(50_000);
            let old = (
                scene.next.wrapping_sub(1 + age),
                scene.sent.wrapping_sub(age),
            );
            let exact = (scene.next, scene.sent);
            let (flags, numbers, text): (_, _, &[u8]) = match n % 6 {
                0 => (RST, exact, b""),
                1 => (RST | ACK, exact, b""),
                2 => (RST, old, b""),
                3 => (ACK | PSH, old, b"old"),
                4 => (ACK, old, b""),
                _ => (SYN, (old.0.wrapping_sub(9), 0), b""),
            };
            scene.peer.send_with(flags, numbers, text, |header| {
                header.options.timestamps = options.timestamps;
            });
            scene.peer.pass(Duration::from_millis(1));
            assert_eq!(scene.place(), place, "segment {n}: {flags:?} {numbers:?}");
        }
        let answers = scene.peer.inbox.len();
        assert!((100..=119).contains(&answers), "two in a second: {answers}");
        scene.peer.pass(Duration::from_secs(2));
        assert_eq!(
            scene.place(),
            Place::Closed,
            "it lasts 60 s as without them"
        );
    }
}

/// One life of a connection from the peer's `port`, which the stack closes first.
fn live(peer: &mut Peer, listener: ListenerId, (port, value): (u16, u32)) -> bool {
    let stamp = stamped(value).timestamps;
    peer.remote.set_port(port);
    peer.inbox.clear();
    peer.send_with(SYN, (0, 0), b"", |header| header.options = stamped(value));
    if !peer.inbox.iter().any(|sent| sent.has(SYN_ACK)) {
        return false;
    }
    for (flags, ack) in [(ACK, 1), (FIN_ACK, 2)] {
        peer.send_with(flags, (1, ack), b"", |header| {
            header.options.timestamps = stamp;
        });
        if let Some(id) = peer.stack.accept(listener) {
            peer.stack.release_tcp(peer.now, id);
            peer.turn();
        }
    }
    peer.log.clear();
    peer.events.clear();
    true
}

/// The clock of timestamps ticks once in a millisecond.
fn a42_a_port_comes_again_a_thousand_times_a_second(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    for n in 0..3_000 {
        assert!(live(&mut peer, listener, (4_000, n + 1)), "life {n}");
        assert_eq!(peer.stack.time_wait_count(), 1);
        assert_eq!(peer.stack.tcp_count(), 0);
        peer.now += Duration::from_millis(1);
    }
    // The same timestamp again with an old number is an old duplicate.
    assert!(!live(&mut peer, listener, (4_000, 3_000)));
}

fn a42_all_ports_come_again_within_a_second(family: Family) {
    come_again(family, PORTS);
}

#[test]
#[ignore = "full size, 2 s: cargo test --release -- --ignored"]
fn a42_sixty_five_thousand_ports_come_again_within_a_second() {
    const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
    for family in FAMILIES {
        come_again(family, PORTS_IN_FULL);
    }
}

/// All of a host's ports, each once in a second, for three seconds.
fn come_again(family: Family, ports: u16) {
    let mut peer = Peer::new(family);
    let local = peer.local;
    let listener = peer.stack.listen(local, Listen::default()).unwrap();
    for second in 1..=3 {
        let end = peer.now + Duration::from_secs(1);
        for port in 1..=ports {
            let good = live(&mut peer, listener, (port, second * 1_000));
            assert!(good, "port {port} in second {second}");
        }
        assert_eq!(peer.stack.time_wait_count(), usize::from(ports));
        peer.now = end;
    }
    let counters = peer.stack.counters().tcp;
    assert_eq!(counters.passive_opens, 3 * u64::from(ports));
    assert_eq!(counters.time_waits_evicted, 0);
}
