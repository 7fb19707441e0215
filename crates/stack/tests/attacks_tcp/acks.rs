//! A30 and A31: acknowledgments of what did not arrive, in pieces, and again and again, by a
//! receiver that wants more than its share.

use core::time::Duration;

use handfast_packet::tcp::{SackBlock, SackBlocks, SeqNumber, TcpOptions};
use handfast_stack::TcpId;
use handfast_tcp::{Algorithm, Info};

use crate::peer::{ACK, Family, Peer, both_families, pattern};

both_families!(
    a30_acks_of_what_was_never_sent_move_nothing,
    a30_optimistic_acks_raise_the_window_by_what_they_acknowledge,
    a31_split_acks_raise_the_window_by_one_segment_for_one,
    a31_split_acks_in_congestion_avoidance_gain_nothing,
    a31_spoofed_duplicates_do_not_inflate_the_window,
    a31_spoofed_duplicates_with_sack_do_not_inflate_the_window,
);

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr];
const MSS: u16 = 1_000;

/// A sender with more to send than its window takes, whose peer has a large window.
pub(crate) fn sender(family: Family, algorithm: Algorithm, sack: bool) -> (Peer, TcpId) {
    let mut peer = Peer::with(family, |config| {
        config.tcp.congestion = algorithm;
        config.tcp.timestamps = false;
    });
    let id = peer.open(TcpOptions {
        mss: Some(MSS),
        window_scale: Some(8),
        sack_permitted: sack,
        ..TcpOptions::default()
    });
    peer.write(id, &pattern(250_000));
    peer.pass(Duration::from_millis(20));
    peer.inbox.clear();
    (peer, id)
}

pub(crate) fn info(peer: &mut Peer, id: TcpId) -> Info {
    peer.tcp(id).info()
}

/// Behind the last byte that was sent.
pub(crate) fn sent(peer: &Peer) -> u32 {
    let ends = peer.log.iter().map(|sent| {
        let (seq, _) = peer.numbers(sent);
        seq + u32::try_from(sent.payload.len()).unwrap()
    });
    ends.max().unwrap()
}

fn a30_acks_of_what_was_never_sent_move_nothing(family: Family) {
    for algorithm in ALGORITHMS {
        let (mut peer, id) = sender(family, algorithm, true);
        let before = info(&mut peer, id);
        let end = sent(&peer);
        for ahead in (1..1_000).chain([1 << 20, (1 << 31) - 1]) {
            peer.send(ACK, (1, end + ahead), b"");
        }
        let after = info(&mut peer, id);
        assert_eq!(after.congestion_window, before.congestion_window);
        assert_eq!((after.bytes_acked, after.in_flight), (0, before.in_flight));
        assert_eq!(peer.inbox.len(), 10, "so many in a second");
        assert!(peer.inbox.iter().all(|sent| sent.payload.is_empty()));
    }
}

/// The liar acknowledges each segment as soon as it left. It gains no more than by RFC 3465: a
/// byte for a byte.
fn a30_optimistic_acks_raise_the_window_by_what_they_acknowledge(family: Family) {
    for algorithm in ALGORITHMS {
        let (mut peer, id) = sender(family, algorithm, true);
        let before = info(&mut peer, id);
        let mut acked = 1;
        for _ in 0..60 {
            if acked >= sent(&peer) {
                break;
            }
            acked = (acked + u32::from(MSS)).min(sent(&peer));
            peer.send(ACK, (1, acked), b"");
            let now = info(&mut peer, id);
            let grown = now
                .congestion_window
                .saturating_sub(before.congestion_window);
            assert!(grown <= now.bytes_acked, "{algorithm:?}: {grown}");
            peer.now += Duration::from_micros(10);
        }
        assert!(
            acked > 10 * u32::from(MSS),
            "{algorithm:?}: there was something to gain"
        );
    }
}

fn a31_split_acks_raise_the_window_by_one_segment_for_one(family: Family) {
    for algorithm in ALGORITHMS {
        let (mut peer, id) = sender(family, algorithm, true);
        let before = info(&mut peer, id).congestion_window;
        for part in 1..=u32::from(MSS) {
            peer.send(ACK, (1, 1 + part), b"");
        }
        let grown = info(&mut peer, id).congestion_window.saturating_sub(before);
        assert!(grown <= u64::from(MSS), "{algorithm:?}: {grown}");
        let sent = peer
            .inbox
            .iter()
            .map(|sent| sent.payload.len())
            .sum::<usize>();
        assert!(sent <= 2 * usize::from(MSS), "{algorithm:?}: {sent}");
    }
}

/// After a loss was repaired: a thousand ACKs for each of ten segments are worth ten segments.
fn a31_split_acks_in_congestion_avoidance_gain_nothing(family: Family) {
    for algorithm in [Algorithm::Reno, Algorithm::Cubic] {
        let (mut peer, id) = sender(family, algorithm, true);
        let lost = sent(&peer);
        let blocks = [(1_001, lost)];
        send_sack(&mut peer, 1, &blocks);
        peer.pass(Duration::from_millis(50));
        peer.send(ACK, (1, lost), b"");
        peer.pass(Duration::from_millis(50));
        let before = info(&mut peer, id);
        assert!(
            before.slow_start_threshold <= before.congestion_window,
            "{algorithm:?}"
        );
        let from = u32::try_from(before.bytes_acked).unwrap() + 1;
        for ack in from..sent(&peer).min(from + 3 * u32::from(MSS)) {
            peer.send(ACK, (1, ack + 1), b"");
        }
        let after = info(&mut peer, id).congestion_window;
        let grown = after.saturating_sub(before.congestion_window);
        assert!(grown <= u64::from(MSS), "{algorithm:?}: {grown}");
    }
}

/// An ACK with these ranges, counted from the stack's SYN.
pub(crate) fn send_sack(peer: &mut Peer, ack: u32, ranges: &[(u32, u32)]) {
    let irs = peer.irs;
    let mut sack = SackBlocks::EMPTY;
    for (left, right) in ranges {
        let wire = |number: u32| SeqNumber(irs.wrapping_add(number));
        sack.push(SackBlock {
            left: wire(*left),
            right: wire(*right),
        });
    }
    peer.send_with(ACK, (1, ack), b"", |header| header.options.sack = sack);
}

fn a31_spoofed_duplicates_do_not_inflate_the_window(family: Family) {
    for algorithm in ALGORITHMS {
        let (mut peer, id) = sender(family, algorithm, false);
        let before = info(&mut peer, id);
        peer.log.clear();
        for _ in 0..10_000 {
            peer.send(ACK, (1, 1), b"");
            let now = info(&mut peer, id);
            let most = before.congestion_window + 3 * u64::from(MSS);
            assert!(now.congestion_window <= most, "{algorithm:?}: {now:?}");
        }
        // Each duplicate of the flight may let a segment go (RFC 5681 3.2 step 4), others none, and
        // limited transmit gives two (RFC 3042).
        let bytes = peer
            .log
            .iter()
            .map(|sent| sent.payload.len() as u64)
            .sum::<u64>();
        assert!(
            bytes <= before.in_flight + 2 * u64::from(MSS),
            "{algorithm:?}: {bytes} of {}",
            before.in_flight
        );
        assert_eq!(info(&mut peer, id).bytes_acked, 0);
    }
}

/// With SACK a duplicate that tells nothing new is worth nothing, and one that tells something is
/// worth what it tells.
fn a31_spoofed_duplicates_with_sack_do_not_inflate_the_window(family: Family) {
    for algorithm in ALGORITHMS {
        let (mut peer, id) = sender(family, algorithm, true);
        let before = info(&mut peer, id);
        for _ in 0..10_000 {
            peer.send(ACK, (1, 1), b"");
            assert_eq!(
                info(&mut peer, id).congestion_window,
                before.congestion_window
            );
        }
        assert_eq!(
            peer.log
                .iter()
                .filter(|sent| sent.at == peer.now && !sent.payload.is_empty())
                .count(),
            0
        );
        peer.log.clear();
        for _ in 0..10_000 {
            send_sack(&mut peer, 1, &[(2_001, 5_001)]);
            let now = info(&mut peer, id);
            let most = before.in_flight.max(before.congestion_window) + 3_000;
            assert!(now.congestion_window <= most, "{algorithm:?}: {now:?}");
        }
        let bytes = peer
            .log
            .iter()
            .map(|sent| sent.payload.len() as u64)
            .sum::<u64>();
        assert!(
            bytes <= 2 * 3_000 + u64::from(MSS),
            "{algorithm:?}: {bytes}"
        );
    }
}
