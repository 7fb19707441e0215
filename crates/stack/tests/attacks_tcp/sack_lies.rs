//! A32: SACK that lies: forged and repeated duplicates (RFC 3708), ranges of what was never sent,
//! ranges that are taken back; and whether our own SACK is free of the seven faults that were found
//! in the field.

use core::time::Duration;

use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_stack::TcpId;
use handfast_tcp::Algorithm;

use crate::acks::{info, send_sack, sender, sent};
use crate::peer::{ACK, FIN, Family, ISS, Peer, SYN, both_families, pattern};
use crate::random::Random;

both_families!(
    a32_a_duplicate_undoes_a_reduction_once,
    a32_a_forged_duplicate_undoes_nothing,
    a32_ranges_outside_the_flight_are_ignored,
    a32_what_was_taken_back_is_sent_again,
    a32_as_many_ranges_are_told_as_fit,
    a32_text_before_the_first_range_is_told,
    a32_text_between_two_ranges_joins_them,
    a32_the_fin_tells_ranges,
    a32_ranges_are_told_while_text_flows_both_ways,
    a32_what_was_told_is_delivered,
    a32_the_next_connection_tells_no_old_ranges,
);

/// The window after a fast retransmission, and before it.
fn reduced(family: Family, algorithm: Algorithm) -> (Peer, TcpId, (u64, u64)) {
    let (mut peer, id) = sender(family, algorithm, true);
    let before = info(&mut peer, id).congestion_window;
    let end = sent(&peer);
    send_sack(&mut peer, 1, &[(1_001, end)]);
    peer.pass(Duration::from_millis(50));
    send_sack(&mut peer, end, &[]);
    peer.pass(Duration::from_millis(1));
    let after = info(&mut peer, id).congestion_window;
    assert!(
        after < before,
        "{algorithm:?}: reduced from {before} to {after}"
    );
    (peer, id, (before, after))
}

fn a32_a_duplicate_undoes_a_reduction_once(family: Family) {
    for algorithm in [Algorithm::Reno, Algorithm::Cubic] {
        let (mut peer, id, (before, after)) = reduced(family, algorithm);
        let end = u32::try_from(info(&mut peer, id).bytes_acked).unwrap() + 1;
        // What was sent again came twice, says the peer: the first time it is believed.
        send_sack(&mut peer, end, &[(1, 1_001)]);
        let undone = info(&mut peer, id).congestion_window;
        for _ in 0..1_000 {
            send_sack(&mut peer, end, &[(1, 1_001)]);
            assert_eq!(
                info(&mut peer, id).congestion_window,
                undone,
                "{algorithm:?}"
            );
        }
        let most = before + 1_000;
        assert!(
            after < undone && undone <= most,
            "{algorithm:?}: {after}, {undone}"
        );
    }
}

fn a32_a_forged_duplicate_undoes_nothing(family: Family) {
    for algorithm in [Algorithm::Reno, Algorithm::Cubic] {
        for forged in [(1_001, 2_001), (2, 1_000), (1, 500), (0, 1), (1, 100_000)] {
            let (mut peer, id, (_, after)) = reduced(family, algorithm);
            let end = u32::try_from(info(&mut peer, id).bytes_acked).unwrap() + 1;
            let forged = (forged.0, forged.1.min(end));
            if forged == (1, end) {
                continue;
            }
            for _ in 0..100 {
                send_sack(&mut peer, end, &[forged]);
            }
            let now = info(&mut peer, id).congestion_window;
            assert!(
                now <= after,
                "{algorithm:?}: {forged:?} made {now} of {after}"
            );
        }
        // Without a reduction there is nothing to undo.
        let (mut peer, id) = sender(family, algorithm, true);
        let before = info(&mut peer, id).congestion_window;
        for _ in 0..1_000 {
            send_sack(&mut peer, 1, &[(0, 1), (1, 1)]);
        }
        assert_eq!(info(&mut peer, id).congestion_window, before);
    }
}

fn a32_ranges_outside_the_flight_are_ignored(family: Family) {
    let (mut peer, id) = sender(family, Algorithm::Cubic, true);
    peer.send(ACK, (1, 3_001), b"");
    peer.pass(Duration::from_millis(1));
    let (before, end) = (info(&mut peer, id), sent(&peer));
    let in_flight = before.in_flight;
    let mut random = Random::new(32);
    let mut wrong = vec![
        (3_001, end + 1),
        (end, end + 1_000),
        (end + 1, end + 2),
        (end, 3_001),
        (5_000, 5_000),
        (0, 1),
        (1, 3_001),
        (3_001_u32.wrapping_sub(1 << 31), 3_001),
        (3_001, 3_001_u32.wrapping_add(1 << 31)),
        (u32::MAX, 0),
    ];
    wrong.extend((0..5_000).map(|_| {
        let left = end + random.below(1 << 30);
        (left, left + random.below(1 << 20))
    }));
    for range in wrong {
        send_sack(&mut peer, 3_001, &[range]);
        let now = info(&mut peer, id);
        assert_eq!(now.in_flight, in_flight, "{range:?}");
        assert_eq!(now.congestion_window, before.congestion_window, "{range:?}");
        assert_eq!(peer.tcp(id).tcp_info().sacked, 0, "{range:?}");
    }
    assert_eq!(info(&mut peer, id).retransmissions, 0);
}

/// RFC 2018 section 8: SACK is advice. All that was sent comes again once the timer runs out.
fn a32_what_was_taken_back_is_sent_again(family: Family) {
    let (mut peer, _) = sender(family, Algorithm::Cubic, true);
    let end = sent(&peer);
    send_sack(&mut peer, 1, &[(1_001, end)]);
    peer.pass(Duration::from_millis(10));
    peer.inbox.clear();
    // The receiver drops everything and acknowledges what it has anew: the first segment.
    send_sack(&mut peer, 1_001, &[]);
    peer.inbox.clear();
    let rest = peer.take_all_from(1_000, 250_000);
    assert!(rest == pattern(250_000)[1_000..]);
}

/// A receiver; each answer of the stack to text in these ranges, counted from 1.
fn receiver(family: Family, stamps: bool) -> (Peer, TcpId) {
    let mut peer = Peer::new(family);
    let timestamps = stamps.then_some(Timestamps { value: 1, echo: 0 });
    let id = peer.open(TcpOptions {
        mss: Some(1_000),
        sack_permitted: true,
        timestamps,
        ..TcpOptions::default()
    });
    peer.inbox.clear();
    (peer, id)
}

fn text(peer: &mut Peer, (from, to): (u32, u32)) {
    let text = pattern(10_000);
    let range = usize::try_from(from - 1).unwrap()..usize::try_from(to - 1).unwrap();
    let stamps = peer
        .log
        .iter()
        .any(|sent| sent.header.options.timestamps.is_some());
    peer.send_with(ACK, (from, 1), &text[range], |header| {
        header.options.timestamps = stamps.then_some(Timestamps { value: 1, echo: 0 });
    });
}

/// The ranges in the last segment of the stack.
fn told(peer: &Peer) -> Vec<(u32, u32)> {
    let last = peer.log.last().unwrap().header.options.sack;
    let count = |number: u32| number.wrapping_sub(ISS);
    let ranges = last.as_slice().iter();
    ranges
        .map(|block| (count(block.left.0), count(block.right.0)))
        .collect()
}

/// The first fault: fewer ranges than there is room for.
fn a32_as_many_ranges_are_told_as_fit(family: Family) {
    for (stamps, most) in [(false, 4), (true, 3)] {
        let (mut peer, _) = receiver(family, stamps);
        for n in 1..=6 {
            text(&mut peer, (n * 1_000, n * 1_000 + 100));
            assert_eq!(told(&peer).len(), usize::try_from(n.min(most)).unwrap());
        }
    }
}

/// The second: text that arrives between the ACK and the first range is not told.
fn a32_text_before_the_first_range_is_told(family: Family) {
    let (mut peer, _) = receiver(family, false);
    text(&mut peer, (3_001, 4_001));
    text(&mut peer, (1_001, 2_001));
    assert_eq!(told(&peer), [(1_001, 2_001), (3_001, 4_001)]);
    text(&mut peer, (2_001, 3_001));
    assert_eq!(told(&peer), [(1_001, 4_001)]);
}

/// The third: text between two ranges is not told, or makes one of them disappear.
fn a32_text_between_two_ranges_joins_them(family: Family) {
    let (mut peer, _) = receiver(family, false);
    for range in [(1_001, 2_001), (5_001, 6_001), (3_001, 4_001)] {
        text(&mut peer, range);
    }
    assert_eq!(
        told(&peer),
        [(3_001, 4_001), (5_001, 6_001), (1_001, 2_001)]
    );
    text(&mut peer, (4_001, 5_001));
    assert_eq!(told(&peer), [(3_001, 6_001), (1_001, 2_001)]);
    text(&mut peer, (2_001, 3_001));
    assert_eq!(told(&peer), [(1_001, 6_001)]);
}

/// The fourth: a FIN without ranges.
fn a32_the_fin_tells_ranges(family: Family) {
    let (mut peer, id) = receiver(family, false);
    text(&mut peer, (1_001, 2_001));
    peer.tcp(id).shutdown();
    peer.turn();
    assert!(peer.log.last().is_some_and(|sent| sent.has(FIN)));
    assert_eq!(told(&peer), [(1_001, 2_001)]);
}

/// The fifth: no ranges while we send text ourselves. Each arrival has its own ACK with them, and
/// little text has them, too.
fn a32_ranges_are_told_while_text_flows_both_ways(family: Family) {
    let (mut peer, id) = receiver(family, false);
    for n in 1..5 {
        peer.write(id, &pattern(1_500));
        let before = peer.log.len();
        text(&mut peer, (n * 1_000 + 1, n * 1_000 + 501));
        let answers = &peer.log[before..];
        let tell = |range: (u32, u32)| {
            answers.iter().any(|sent| {
                let sack = sent.header.options.sack;
                let mut blocks = sack.as_slice().iter();
                blocks.any(|block| block.left.0.wrapping_sub(ISS) == range.0)
            })
        };
        assert!(tell((n * 1_000 + 1, 0)), "range {n}");
    }
    peer.take_all(6_000);
    peer.write(id, b"little");
    assert_eq!(peer.log.last().unwrap().payload, b"little");
    assert_eq!(told(&peer).len(), 3);
}

/// The sixth: text that was told is dropped.
fn a32_what_was_told_is_delivered(family: Family) {
    let (mut peer, id) = receiver(family, false);
    let mut random = Random::new(6);
    let mut pieces: Vec<u32> = (1..100).collect();
    for n in 0..pieces.len() {
        let other = usize::try_from(random.below(99)).unwrap();
        pieces.swap(n, other);
    }
    for piece in pieces {
        text(&mut peer, (piece * 100 + 1, piece * 100 + 101));
    }
    text(&mut peer, (1, 101));
    assert!(
        peer.read(id) == pattern(10_000),
        "without a piece sent twice"
    );
}

/// The seventh: ranges of the last connection in the next one of the same ports.
fn a32_the_next_connection_tells_no_old_ranges(family: Family) {
    let (mut peer, id) = receiver(family, false);
    text(&mut peer, (1_001, 2_001));
    assert_eq!(told(&peer), [(1_001, 2_001)]);
    peer.tcp(id).abort();
    peer.stack.release_tcp(peer.now, id);
    peer.turn();
    let options = TcpOptions {
        sack_permitted: true,
        ..TcpOptions::default()
    };
    peer.send_with(SYN, (0, 0), b"", |header| header.options = options);
    assert_eq!(told(&peer), []);
    peer.send(ACK, (1, 1), b"");
    text(&mut peer, (1, 101));
    assert_eq!(told(&peer), []);
    text(&mut peer, (501, 601));
    assert_eq!(told(&peer), [(501, 601)]);
}
