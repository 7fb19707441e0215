//! A14 to A16: tiny segments and what SACK makes of them: splitting, scanning and storing what costs
//! more than it carries.

use core::time::Duration;

use handfast_packet::tcp::{SackBlock, SackBlocks, SeqNumber, TcpOptions};
use handfast_stack::{Config, TcpId};

use crate::acks::send_sack;
use crate::peer::{ACK, Family, Peer, SYN, both_families, pattern};
use crate::random::Random;

both_families!(
    a14_sack_of_single_bytes_overflows_nothing,
    a15_alternating_holes_cost_the_same_for_each_ack,
    a15_no_segment_is_smaller_than_the_floor,
    a16_tiny_segments_out_of_order_are_charged_for_what_they_hold,
    a16_a_second_connection_is_served_as_before,
);

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// A sender on a device that cuts super-segments, with `len` bytes in flight to a peer that
/// announced this MSS and a window of a gigabyte.
fn flight(family: Family, (mss, max_gso): (u16, u32), len: u32) -> (Peer, TcpId) {
    let size = usize::try_from(len).unwrap();
    let change = |config: &mut Config| {
        config.tcp.send_buffer = 2 * size;
        config.tcp.send_buffer_max = 2 * size;
        config.tcp.timestamps = false;
        config.tcp.hystart = false;
        config.tcp.slow_start_after_idle = false;
    };
    let mut peer = Peer::on_device(family, max_gso, change);
    let id = peer.open(TcpOptions {
        mss: Some(mss),
        window_scale: Some(14),
        sack_permitted: true,
        ..TcpOptions::default()
    });
    peer.window = u16::MAX;
    let text = pattern(64_000);
    // The window grows to what shall be in flight, by ACKs of all that comes.
    let (mut acked, mut sent) = (1_u32, 1_u32);
    loop {
        while peer.tcp(id).write(&text).is_ok() {}
        peer.turn();
        sent = peer.inbox.drain(..).fold(sent, |sent, segment| {
            let end = segment.header.seq.0.wrapping_sub(peer.irs);
            sent.max(end + u32::try_from(segment.payload.len()).unwrap())
        });
        peer.log.clear();
        if sent - acked >= len {
            return (peer, id);
        }
        acked = sent;
        peer.pass(Duration::from_millis(1));
        peer.send(ACK, (1, acked), b"");
    }
}

/// The first byte in flight and how many there are.
fn in_flight(peer: &mut Peer, id: TcpId) -> (u32, u32) {
    let socket = peer.tcp(id);
    let una = u32::try_from(socket.info().bytes_acked).unwrap() + 1;
    (
        una,
        u32::try_from(socket.unacknowledged() - socket.unsent()).unwrap(),
    )
}

/// CVE-2019-11477: counts of segments that overflow when ranges are cut and merged.
fn a14_sack_of_single_bytes_overflows_nothing(family: Family) {
    for mss in [48, 1, 0] {
        let (mut peer, id) = flight(family, (mss, 65_536), 60_000);
        let (una, len) = in_flight(&mut peer, id);
        let mut random = Random::new(14);
        let check = |peer: &mut Peer| {
            let info = peer.tcp(id).tcp_info();
            let (_, out) = in_flight(peer, id);
            assert!(info.unacked <= u64::from(out) / 24 + 2, "{info:?}");
            assert!(info.sacked + info.lost <= info.unacked, "{info:?}");
            assert!(info.retrans <= info.unacked, "{info:?}");
            assert!(peer.tcp(id).info().in_flight <= 2 * u64::from(out));
            peer.log.clear();
            peer.inbox.clear();
        };
        // Every byte by itself, from the end; every second; growing; and any ranges at all.
        for at in (1..len).rev() {
            send_sack(&mut peer, una, &[(una + at, una + at + 1)]);
            if at % 500 == 0 {
                check(&mut peer);
            }
        }
        for at in (1..len - 8).step_by(8) {
            let block = |n: u32| (una + at + 2 * n, una + at + 2 * n + 1);
            send_sack(&mut peer, una, &[block(0), block(1), block(2), block(3)]);
        }
        check(&mut peer);
        for n in 0..5_000 {
            let start = 1 + random.below(len - 1);
            let end = start + 1 + random.below(len - start);
            send_sack(&mut peer, una, &[(una + start, una + end.min(len))]);
            if n % 100 == 0 {
                check(&mut peer);
                peer.pass(Duration::from_millis(1));
            }
        }
        check(&mut peer);
        peer.send(ACK, (1, una + len), b"");
        let (una_now, _) = in_flight(&mut peer, id);
        assert_eq!(una_now, una + len, "the flight is over");
    }
}

fn a15_alternating_holes_cost_the_same_for_each_ack(family: Family) {
    for max_gso in [0, 65_536] {
        alternate(family, max_gso, 1 << 20);
    }
}

#[test]
#[ignore = "full size, 60 s: cargo test --release -- --ignored"]
fn a15_alternating_holes_in_a_million_segments() {
    for family in FAMILIES {
        for max_gso in [0, 65_536] {
            alternate(family, max_gso, 64 << 20);
        }
    }
}

/// CVE-2019-11478: every second segment is SACKed, in an order that puts each range between others.
/// Each ACK makes the stack send no more than a few segments, and all of them are remembered.
fn alternate(family: Family, max_gso: u32, len: u32) {
    const MSS: u32 = 64;
    let (mut peer, id) = flight(family, (64, max_gso), len);
    let (una, len) = in_flight(&mut peer, id);
    let pairs = len / (2 * MSS) - 1;
    // A step that shares no factor with the count visits each pair once, far from the last.
    let step = (0..)
        .map(|n| pairs / 3 * 2 + n)
        .find(|step| gcd(*step, pairs) == 1);
    let (step, mut pair) = (u64::from(step.unwrap()), 0_u64);
    let irs = peer.irs;
    let mut most = 0;
    for _ in 0..pairs.div_ceil(4) {
        let mut sack = SackBlocks::EMPTY;
        for _ in 0..4 {
            let at = una + u32::try_from(pair).unwrap() * 2 * MSS + MSS;
            sack.push(SackBlock {
                left: SeqNumber(irs.wrapping_add(at)),
                right: SeqNumber(irs.wrapping_add(at + MSS)),
            });
            pair = (pair + step) % u64::from(pairs);
        }
        peer.send_with(ACK, (1, una), b"", |header| header.options.sack = sack);
        most = most.max(peer.inbox.len());
        peer.inbox.clear();
        peer.log.clear();
    }
    assert!(most <= 16, "{most} segments for one ACK");
    let info = peer.tcp(id).tcp_info();
    assert!(
        info.sacked >= u64::from(pairs),
        "{} of {pairs}",
        info.sacked
    );
    peer.send(ACK, (1, una + len), b"");
    assert_eq!(in_flight(&mut peer, id).0, una + len);
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// CVE-2019-11479: headers cost more than the text. The floor bounds them, and can be raised.
fn a15_no_segment_is_smaller_than_the_floor(family: Family) {
    for (floor, least) in [(0, 48), (48, 48), (216, 216), (536, 536), (u16::MAX, 1_000)] {
        for mss in [0, 1, 48, 100] {
            let mut peer = Peer::with(family, |config| config.tcp.send_mss_min = floor);
            let id = peer.open(TcpOptions {
                mss: Some(mss),
                ..TcpOptions::default()
            });
            peer.inbox.clear();
            let text = pattern(10_000);
            peer.write(id, &text);
            assert!(peer.take_all(text.len()) == text);
            let segments = peer
                .log
                .iter()
                .filter(|sent| !sent.payload.is_empty())
                .count();
            let size = least.max(usize::from(mss));
            assert!(
                segments <= text.len() / size + 2,
                "floor {floor}, MSS {mss}"
            );
            let overhead = segments * usize::from(family.headers());
            let most = text.len() * usize::from(family.headers()) / size + 200;
            assert!(overhead <= most, "{overhead} bytes of headers");
        }
    }
}

/// CVE-2018-5390: a hundred thousand bytes, each in a segment of its own, in no order.
fn a16_tiny_segments_out_of_order_are_charged_for_what_they_hold(family: Family) {
    const BUFFER: usize = 4 << 20;
    let mut peer = Peer::with(family, |config| {
        config.tcp.receive_buffer = BUFFER;
        config.tcp.receive_buffer_max = BUFFER;
    });
    let id = peer.open(TcpOptions {
        mss: Some(1_400),
        window_scale: Some(8),
        sack_permitted: true,
        ..TcpOptions::default()
    });
    let mut random = Random::new(16);
    let (mut most, mut answers) = (0, 0);
    for _ in 0..100_000 {
        let at = 2 + random.below(2 << 20);
        peer.send(ACK, (at, 1), b"x");
        most = most.max(peer.tcp(id).receive_memory());
        answers += peer.inbox.len();
        peer.inbox.clear();
        peer.log.clear();
    }
    // A range takes a block of its own at least; there are 1,024 ranges at the very most.
    assert!(most <= 1_024 * 2_048, "{most} bytes of memory");
    assert!(answers <= 100_000, "one ACK for each");
    assert_eq!(peer.tcp(id).readable(), 0);
    // Text in order is taken as ever.
    for n in 0..1_000 {
        peer.send(ACK, (1 + 1_000 * n, 1), &[b'.'; 1_000]);
    }
    let read = peer.read(id);
    assert!(read.len() >= 1_000_000 && read[0] == b'.');
}

/// In virtual time, so that it shows fairness of turns, not speed: of each batch half belongs to
/// the attacker.
fn a16_a_second_connection_is_served_as_before(family: Family) {
    let delivered = |attack: bool| {
        let mut peer = Peer::new(family);
        let mut random = Random::new(17);
        let listener = peer.listen();
        let mut open = |port| {
            peer.remote.set_port(port);
            peer.send(SYN, (0, 0), b"");
            peer.send(ACK, (1, 1), b"");
            let id = peer.stack.accept(listener).unwrap();
            (id, (peer.remote, peer.irs))
        };
        let (_, attacker) = open(4_000);
        let (id, victim) = open(4_001);
        let mut bytes = 0;
        for turn in 0..1_000_u32 {
            if attack {
                (peer.remote, peer.irs) = attacker;
                for _ in 0..31 {
                    peer.send_soon(ACK, (2 + random.below(60_000), 1), b"x");
                }
                (peer.remote, peer.irs) = victim;
            }
            peer.send(ACK, (1 + turn * 1_000, 1), &[b'.'; 1_000]);
            bytes += peer.read(id).len();
            peer.inbox.clear();
            peer.log.clear();
        }
        bytes
    };
    assert_eq!((delivered(true), delivered(false)), (1_000_000, 1_000_000));
}
