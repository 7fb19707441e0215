//! A44: what made another stack panic, overflow or loop, by the history that it publishes of itself.
//! Of its 24 entries five are about DHCP (two), DNS (two) and 6LoWPAN (one), which this stack does
//! not have; each of the others is a test here or, where it is about what lies below TCP, in
//! `below_tcp`. Overflow is a panic in the profile of tests.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_stack::{Listen, ListenError};
use handfast_tcp::{CloseReason, State};

use crate::peer::{
    ACK, FIN, FIN_ACK, Family, ISS, Peer, RST, SYN, SYN_ACK, both_families, pattern,
};
use crate::states::{Place, Scene};

both_families!(
    a44_a_syn_from_the_unspecified_address,
    a44_sack_blocks_in_the_upper_half_of_the_numbers,
    a44_listening_twice,
    a44_an_mss_of_nothing,
    a44_a_retransmission_into_a_shut_window,
    a44_a_fin_in_syn_sent,
    a44_a_wrong_ack_in_syn_received,
    a44_the_last_number_as_our_first,
    a44_challenges_that_answer_challenges,
    a44_a_window_that_shrinks_after_the_fin,
    a44_a_syn_ack_that_acknowledges_nothing,
    a44_a_round_trip_of_many_minutes,
    a44_last_ack_ends_with_the_ack_of_the_fin_alone,
);

/// After all of it the stack opens connections and carries text as before.
pub(crate) fn still_works(peer: &mut Peer) {
    let listener = peer.listen();
    peer.remote.set_port(9_999);
    peer.inbox.clear();
    peer.send(SYN, (0, 0), b"");
    peer.send(ACK, (1, 1), b"hello");
    let id = peer.stack.accept(listener).expect("it opens connections");
    assert_eq!(peer.read(id), b"hello");
    peer.write(id, b"and back");
    assert!(peer.log.iter().any(|sent| sent.payload == b"and back"));
}

fn a44_a_syn_from_the_unspecified_address(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    let real = peer.remote;
    peer.remote.set_ip(match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    });
    for flags in [SYN, ACK, SYN_ACK, FIN, RST] {
        peer.send(flags, (0, 0), b"text");
    }
    peer.pass(Duration::from_secs(5));
    peer.silent();
    assert_eq!(
        (peer.stack.tcp_count(), peer.stack.acceptable(listener)),
        (0, 0)
    );
    peer.stack.close_listener(peer.now, listener);
    peer.remote = real;
    still_works(&mut peer);
}

/// The peer's first number is among the last hundred.
fn a44_sack_blocks_in_the_upper_half_of_the_numbers(family: Family) {
    const { assert!(ISS > u32::MAX / 2) };
    let mut peer = Peer::new(family);
    let id = peer.open(TcpOptions {
        sack_permitted: true,
        ..TcpOptions::default()
    });
    peer.inbox.clear();
    for (from, to) in [(11, 21), (31, 41), (90, 110), (200, 210)] {
        peer.send(
            ACK,
            (from, 1),
            &vec![7; usize::try_from(to - from).unwrap()],
        );
        let block = peer.next().header.options.sack.as_slice()[0];
        let numbers = [block.left, block.right].map(|number| number.0.wrapping_sub(ISS));
        assert_eq!(numbers, [from, to]);
    }
    peer.send(ACK, (1, 1), &[7; 300]);
    assert_eq!(peer.read(id), [7; 300]);
}

fn a44_listening_twice(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    for _ in 0..3 {
        let again = peer.stack.listen(peer.local, Listen::default());
        assert_eq!(again, Err(ListenError::InUse(peer.local)));
    }
    peer.stack.close_listener(peer.now, listener);
    peer.stack.close_listener(peer.now, listener);
    still_works(&mut peer);
}

fn a44_an_mss_of_nothing(family: Family) {
    for mss in [0, 1, 2, 47, 48] {
        let mut peer = Peer::new(family);
        let id = peer.open(TcpOptions {
            mss: Some(mss),
            ..TcpOptions::default()
        });
        peer.inbox.clear();
        let text = pattern(4_800);
        peer.write(id, &text);
        assert_eq!(peer.take_all(text.len()), text);
        let segments = peer.log.iter().filter(|sent| !sent.payload.is_empty());
        assert!(
            segments.count() <= 101,
            "MSS {mss}: no segment below 48 bytes"
        );
    }
}

fn a44_a_retransmission_into_a_shut_window(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(10_000));
    peer.window = 0;
    peer.send(ACK, (1, 1), b"");
    peer.log.clear();
    for _ in 0..100 {
        peer.pass(Duration::from_secs(60));
        peer.send(ACK, (1, 1), b"");
    }
    assert!(
        peer.log.len() < 250,
        "{} segments in 100 min",
        peer.log.len()
    );
    peer.window = 60_000;
    peer.inbox.clear();
    assert_eq!(peer.take_all(10_000), pattern(10_000));
}

fn a44_a_fin_in_syn_sent(family: Family) {
    for (flags, ack) in [(FIN, 0), (FIN_ACK, 0), (FIN_ACK, 1), (FIN_ACK, 2)] {
        let mut scene = Scene::new(family, Place::In(State::SynSent));
        scene.peer.send(flags, (0, ack), b"text");
        assert_eq!(scene.place(), Place::In(State::SynSent), "{flags:?} {ack}");
        scene.peer.send(SYN_ACK, (0, 1), b"");
        assert_eq!(scene.place(), Place::In(State::Established));
    }
}

/// Each gets its RST; the handshake goes on.
fn a44_a_wrong_ack_in_syn_received(family: Family) {
    let mut scene = Scene::new(family, Place::In(State::SynReceived));
    for ack in [0, 2, 100, 1 << 31, (1 << 31) + 1, u32::MAX] {
        for text in [&b""[..], b"text"] {
            scene.peer.send(ACK, (1, ack), text);
            let reset = scene.peer.next();
            assert!(reset.has(RST), "{ack}");
            assert_eq!(scene.peer.numbers(&reset).0, ack);
            assert_eq!(scene.place(), Place::In(State::SynReceived));
        }
    }
    scene.peer.send(ACK, (1, 1), b"");
    assert_eq!(scene.place(), Place::In(State::Established));
}

/// A stack whose next connection, by the peer's SYN, begins with this number: the clock behind
/// the numbers ticks every four microseconds (RFC 9293 3.4.1).
pub(crate) fn beginning_with(family: Family, isn: u32) -> Peer {
    let mut probe = Peer::new(family);
    probe.listen();
    probe.send(SYN, (0, 0), b"");
    let ticks = isn.wrapping_sub(probe.irs);
    let mut peer = Peer::new(family);
    peer.now = probe.now + Duration::from_micros(4) * ticks;
    peer
}

fn a44_the_last_number_as_our_first(family: Family) {
    for isn in [
        u32::MAX,
        u32::MAX - 1,
        0,
        1,
        i32::MAX.unsigned_abs(),
        1 << 31,
    ] {
        let mut peer = beginning_with(family, isn);
        let id = peer.open(TcpOptions::default());
        assert_eq!(peer.irs, isn);
        peer.inbox.clear();
        peer.write(id, &pattern(10_000));
        assert_eq!(peer.take_all(10_000), pattern(10_000), "first number {isn}");
    }
}

/// The peer answers each ACK with one that asks for the next: two ends that do not agree.
fn a44_challenges_that_answer_challenges(family: Family) {
    for (seq, ack) in [(1 << 30, 1), (1, 1 << 30), (1 << 31, 1 << 31), (0, 1)] {
        let (mut peer, id) = Peer::established(family);
        peer.inbox.clear();
        peer.send(ACK, (seq, ack), b"");
        for _ in 0..10_000 {
            if peer.inbox.pop_front().is_none() {
                break;
            }
            peer.send(ACK, (seq, ack), b"");
        }
        peer.silent();
        assert!(peer.log.len() < 20, "{} answers", peer.log.len());
        assert_eq!(peer.state(id), State::Established);
    }
}

/// In CLOSE-WAIT, with more in flight than the window that comes.
fn a44_a_window_that_shrinks_after_the_fin(family: Family) {
    for window in [0, 1, 64, 500] {
        let (mut peer, id) = Peer::established(family);
        peer.write(id, &pattern(8_000));
        peer.inbox.clear();
        peer.window = window;
        peer.send(FIN_ACK, (1, 518), b"");
        assert_eq!(peer.state(id), State::CloseWait);
        peer.pass(Duration::from_secs(30));
        peer.tcp(id).shutdown();
        peer.pass(Duration::from_secs(30));
        peer.window = 60_000;
        peer.inbox.clear();
        peer.send(ACK, (2, 518), b"");
        peer.pass(Duration::from_secs(100));
        peer.send(ACK, (2, 8_002), b"");
        assert_eq!(
            peer.tcp(id).close_reason(),
            Some(CloseReason::Normal),
            "{window}"
        );
    }
}

fn a44_a_syn_ack_that_acknowledges_nothing(family: Family) {
    for ack in [0, 2, u32::MAX] {
        let mut scene = Scene::new(family, Place::In(State::SynSent));
        scene.peer.send(SYN_ACK, (0, ack), b"");
        let reset = scene.peer.next();
        assert!(reset.has(RST));
        assert_eq!(scene.peer.numbers(&reset).0, ack);
        scene.peer.pass(Duration::from_secs(10));
        assert_eq!(scene.place(), Place::In(State::SynSent));
        scene.peer.inbox.clear();
        scene.peer.send(SYN_ACK, (0, 1), b"");
        assert_eq!(scene.place(), Place::In(State::Established));
    }
}

/// The estimate of the round trip takes whatever time does, with and without timestamps.
fn a44_a_round_trip_of_many_minutes(family: Family) {
    for stamps in [false, true] {
        let mut peer = Peer::new(family);
        let stamp = stamps.then_some(Timestamps { value: 1, echo: 0 });
        let id = peer.open(TcpOptions {
            timestamps: stamp,
            ..TcpOptions::default()
        });
        for n in 0..20 {
            peer.write(id, b"slowly");
            let echo = peer.log.last().unwrap().header.options.timestamps;
            peer.pass(Duration::from_secs(900));
            peer.send_with(ACK, (1, 1 + 6 * (n + 1)), b"", |header| {
                header.options.timestamps = echo.map(|ours| Timestamps {
                    value: n + 2,
                    echo: ours.value,
                });
            });
            let info = peer.tcp(id).info();
            assert!(info.rto <= Duration::from_secs(120), "{:?}", info.rto);
        }
        assert_eq!(peer.state(id), State::Established);
        // Without timestamps nobody can tell which copy was acknowledged (Karn).
        let srtt = peer.tcp(id).info().srtt;
        assert_eq!(srtt > Some(Duration::from_secs(100)), stamps);
    }
}

fn a44_last_ack_ends_with_the_ack_of_the_fin_alone(family: Family) {
    let mut scene = Scene::new(family, Place::In(State::LastAck));
    for _ in 0..10 {
        scene.peer.send(ACK, (scene.next, 1), b"");
        assert_eq!(scene.place(), Place::In(State::LastAck));
    }
    scene.peer.send(ACK, (scene.next, 2), b"");
    assert_eq!(scene.place(), Place::Closed);
}
