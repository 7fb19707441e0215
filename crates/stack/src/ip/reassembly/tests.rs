//! Reassembly: any order, caps, overlaps, and a property against a naive model.

use alloc::vec;

use proptest::prelude::*;

use super::*;

const NOW: Instant = Instant::from_secs(100);

fn key(identification: u32) -> Key {
    Key {
        source: [192, 0, 2, 2].into(),
        destination: [192, 0, 2, 1].into(),
        protocol: 6,
        identification,
    }
}

/// The datagram of another source.
fn key_of(source: u32, identification: u32) -> Key {
    Key {
        source: core::net::Ipv4Addr::from_bits(0x0a00_0000 + source).into(),
        ..key(identification)
    }
}

fn key_v6(identification: u32) -> Key {
    let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
    Key {
        source: address(2),
        destination: address(1),
        protocol: 0,
        identification,
    }
}

/// A fragment whose bytes tell their place.
fn fragment(offset: u16, len: usize, more: bool) -> Fragment {
    let bytes: Vec<u8> = (usize::from(offset)..).take(len).map(byte_at).collect();
    Fragment {
        offset,
        more,
        protocol: Protocol::TCP,
        header: Chunk::copy_from(&[u8::from(offset == 0); 20]),
        payload: Chunk::from(bytes),
        ecn: Ecn::NotEct,
    }
}

fn byte_at(place: usize) -> u8 {
    u8::try_from(place % 251).unwrap()
}

#[track_caller]
fn assert_whole(outcome: Outcome, len: usize) {
    let Outcome::Complete(whole) = outcome else {
        panic!("it is {outcome:?}")
    };
    assert_eq!(whole.payload_at, 20);
    assert_eq!(
        whole.packet[..20],
        [1; 20],
        "the headers are those of the first fragment"
    );
    let expected: Vec<u8> = (0..len).map(byte_at).collect();
    assert_eq!(whole.packet[20..], expected[..]);
}

#[test]
fn three_fragments_in_every_order() {
    let parts = [
        fragment(0, 16, true),
        fragment(16, 8, true),
        fragment(24, 5, false),
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut table = Reassembly::default();
        assert_eq!(table.add(NOW, key(1), &parts[order[0]]), Outcome::Kept);
        assert_eq!(table.add(NOW, key(1), &parts[order[1]]), Outcome::Kept);
        assert_whole(table.add(NOW, key(1), &parts[order[2]]), 29);
        assert_eq!(
            (table.bytes, table.next_timeout()),
            (0, None),
            "nothing is left behind"
        );
    }
}

#[test]
fn repetitions_are_harmless_and_datagrams_do_not_mix() {
    let mut table = Reassembly::default();
    let (first, last) = (fragment(0, 8, true), fragment(8, 8, false));
    assert_eq!(table.add(NOW, key(1), &first), Outcome::Kept);
    assert_eq!(table.add(NOW, key(1), &first), Outcome::Kept);
    assert_eq!(table.add(NOW, key(2), &last), Outcome::Kept);
    assert_eq!(table.add(NOW, key(2), &last), Outcome::Kept);
    assert_eq!(table.add(NOW, key_v6(1), &last), Outcome::Kept);
    assert_eq!(table.bytes, 24 + 20, "the first fragment's header counts");
    assert_whole(table.add(NOW, key(1), &last), 16);
    assert_whole(table.add(NOW, key(2), &first), 16);
}

#[test]
fn marks_in_fragments_follow_rfc_3168_5_3() {
    use Ecn::{Ce, Ect0, Ect1, NotEct};
    for (first, second, whole) in [
        (NotEct, NotEct, Some(NotEct)),
        (Ect0, Ect0, Some(Ect0)),
        (Ect1, Ect1, Some(Ect1)),
        (Ce, Ce, Some(Ce)),
        (Ce, Ect0, Some(Ce)),
        (Ect1, Ce, Some(Ce)),
        (Ce, NotEct, None),
        (NotEct, Ce, None),
        (NotEct, Ect0, Some(NotEct)),
    ] {
        let mut table = Reassembly::default();
        let mut add =
            |ecn, fragment: Fragment| table.add(NOW, key(1), &Fragment { ecn, ..fragment });
        assert_eq!(add(first, fragment(8, 8, false)), Outcome::Kept);
        let seen = match add(second, fragment(0, 8, true)) {
            Outcome::Complete(whole) => Some(whole.ecn),
            Outcome::Dropped => None,
            other => panic!("both fragments are there: {other:?}"),
        };
        assert_eq!(seen, whole, "{first:?} {second:?}");
    }
}

#[test]
fn contradictions_spoil_the_datagram() {
    let overlap = fragment(8, 16, true);
    let contained = fragment(8, 8, true);
    let covering = fragment(0, 32, true);
    let second_end = fragment(32, 8, false);
    let beyond = fragment(40, 8, true);
    for (name, bad) in [
        ("overlap", overlap),
        ("contained", contained),
        ("covering", covering),
        ("second end", second_end),
        ("beyond the end", beyond),
    ] {
        let mut table = Reassembly::default();
        for good in [fragment(0, 16, true), fragment(24, 8, false)] {
            assert_eq!(table.add(NOW, key_v6(1), &good), Outcome::Kept);
        }
        assert_eq!(table.add(NOW, key_v6(1), &bad), Outcome::Dropped, "{name}");
        // What was missing comes too late (RFC 5722).
        let missing = fragment(16, 8, true);
        assert_eq!(
            table.add(NOW, key_v6(1), &missing),
            Outcome::Dropped,
            "{name}"
        );
        assert_eq!(table.bytes, 0, "{name}");
        let expired = table.on_timeout(NOW + Duration::from_secs(60));
        assert_eq!(expired, [(key_v6(1), None)], "{name}");
        assert_eq!(
            table.add(NOW, key_v6(1), &missing),
            Outcome::Kept,
            "{name}: forgotten"
        );
    }
}

#[test]
fn an_end_before_what_is_there_is_a_contradiction() {
    let mut table = Reassembly::default();
    table.add(NOW, key(1), &fragment(32, 8, true));
    assert_eq!(
        table.add(NOW, key(1), &fragment(8, 8, false)),
        Outcome::Dropped
    );
}

#[test]
fn malformed_fragments_leave_no_trace() {
    let mut table = Reassembly::default();
    for (bad, outcome) in [
        (fragment(0, 0, true), Outcome::Dropped),
        (fragment(0, 9, true), Outcome::Impossible(Fault::Length)),
        (
            fragment(65_528, 16, false),
            Outcome::Impossible(Fault::Offset),
        ),
    ] {
        assert_eq!(table.add(NOW, key(1), &bad), outcome);
    }
    assert_eq!(table.next_timeout(), None);
}

#[test]
fn time_runs_out() {
    for (key, expiry) in [(key(1), EXPIRY_V4), (key_v6(1), EXPIRY_V6)] {
        let mut table = Reassembly::default();
        table.add(NOW, key, &fragment(16, 8, false));
        table.add(NOW + Duration::from_secs(1), key, &fragment(0, 8, true));
        assert_eq!(
            table.next_timeout(),
            Some(NOW + expiry),
            "from the first arrival on"
        );
        assert_eq!(
            table.on_timeout(NOW + (expiry - Duration::from_nanos(1))),
            []
        );
        let expired = table.on_timeout(NOW + expiry);
        let [(of, Some(part))] = &expired[..] else {
            panic!("it is {expired:?}")
        };
        assert_eq!((*of, part.packet.len()), (key, 20 + 8), "up to the hole");
        assert_eq!((table.bytes, table.next_timeout()), (0, None));
    }
}

#[test]
fn the_oldest_datagrams_make_room() {
    let mut table = Reassembly::default();
    let count = u32::try_from(REASSEMBLIES_MAX).unwrap();
    for n in 0..=count {
        let now = NOW + Duration::from_millis(n.into());
        let first = fragment(0, 8, true);
        assert_eq!(table.add(now, key_of(n, n), &first), Outcome::Kept);
    }
    assert_eq!(table.datagrams.len(), REASSEMBLIES_MAX);
    let last = fragment(8, 8, false);
    assert_eq!(
        table.add(NOW, key_of(0, 0), &last),
        Outcome::Kept,
        "0 is gone"
    );
    assert_whole(table.add(NOW, key_of(2, 2), &last), 16);
}

/// However many datagrams one source begins, it takes no more than its share.
#[test]
fn a_source_makes_room_for_itself() {
    let mut table = Reassembly::default();
    let other = key_of(1, 1);
    assert_eq!(table.add(NOW, other, &fragment(0, 8, true)), Outcome::Kept);
    for n in 0..1_000 {
        let now = NOW + Duration::from_millis(n.into());
        table.add(now, key(n), &fragment(0, 8, true));
        table.add(now, key(n), &fragment(16, 48_000, true));
        assert!(table.bytes <= REASSEMBLY_BYTES_OF_SOURCE_MAX + 28);
        assert!(table.datagrams.len() <= REASSEMBLIES_OF_SOURCE_MAX + 1);
    }
    assert_whole(table.add(NOW, other, &fragment(8, 8, false)), 16);
    table.on_timeout(NOW + Duration::from_secs(60));
    assert!(table.sources.is_empty());
}

#[test]
fn bytes_and_fragments_are_capped() {
    let mut table = Reassembly::default();
    for n in 0..100 {
        let now = NOW + Duration::from_millis(n.into());
        table.add(now, key_of(n, n), &fragment(0, 60_000, true));
        assert!(table.bytes <= REASSEMBLY_BYTES_MAX);
    }
    assert_eq!(table.datagrams.len(), REASSEMBLY_BYTES_MAX / 60_020);
    let mut table = Reassembly::default();
    let outcomes = (0..200_u16).map(|n| table.add(NOW, key(1), &fragment(n * 8, 8, true)));
    let kept = outcomes.filter(|outcome| *outcome == Outcome::Kept).count();
    assert_eq!(
        (kept, table.bytes),
        (FRAGMENTS_MAX, 0),
        "too many pieces spoil it"
    );
}

/// What the length field of IP cannot say is no datagram: a ping of death. Headers count in IPv4,
/// and in IPv6 extension headers but the fragment's own.
#[test]
fn what_no_length_field_can_say_is_dropped() {
    for (key, header, longest) in [
        (key(1), 20, 65_515),
        (key(1), 60, 65_475),
        (key_v6(1), 48, 65_535),
        (key_v6(1), 64, 65_519),
    ] {
        let least = if key == key_v6(1) { 48 } else { 20 };
        // When only the first header is so long, it shows in the end.
        for last_header in [header, least] {
            for (len, is_whole) in [(longest, true), (longest + 1, false)] {
                let with = |header, fragment| Fragment {
                    header: Chunk::copy_from(&vec![1; header]),
                    ..fragment
                };
                let mut table = Reassembly::default();
                table.add(NOW, key, &with(header, fragment(0, 65_440, true)));
                let last = fragment(65_440, len - 65_440, false);
                let outcome = table.add(NOW, key, &with(last_header, last));
                let came = matches!(outcome, Outcome::Complete(_));
                assert_eq!(came, is_whole, "{len} bytes behind {header}, {last_header}");
            }
        }
    }
}

/// RFC 8200 4.5 lets only exact repetitions pass.
#[test]
fn a_repetition_with_other_bytes_is_a_contradiction() {
    for key in [key(1), key_v6(1)] {
        let mut table = Reassembly::default();
        assert_eq!(table.add(NOW, key, &fragment(8, 8, false)), Outcome::Kept);
        let other = Fragment {
            payload: Chunk::copy_from(b"12345678"),
            ..fragment(8, 8, false)
        };
        assert_eq!(table.add(NOW, key, &other), Outcome::Dropped);
        assert_eq!(table.add(NOW, key, &fragment(0, 8, true)), Outcome::Dropped);
    }
}

proptest! {
    /// Whatever fragments come, a datagram that completes is what one sender sent.
    #[test]
    fn what_completes_is_whole(
        cuts in proptest::collection::vec(1_usize..6, 1..8),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..40),
        last in 1_usize..20,
    ) {
        let mut table = Reassembly::default();
        let (mut parts, mut at) = (vec![], 0_usize);
        for units in cuts {
            parts.push(fragment(u16::try_from(at).unwrap(), units * 8, true));
            at += units * 8;
        }
        parts.push(fragment(u16::try_from(at).unwrap(), last, false));
        let total = at + last;
        let mut seen = vec![false; parts.len()];
        for index in order {
            let index = index.index(parts.len());
            let outcome = table.add(NOW, key(1), &parts[index]);
            seen[index] = true;
            if seen.iter().all(|&seen| seen) {
                assert_whole(outcome, total);
                seen.fill(false);
            } else {
                prop_assert_eq!(outcome, Outcome::Kept);
            }
        }
    }

    /// Nonsense neither panics nor leaks.
    #[test]
    fn nonsense_is_bounded(
        fragments in proptest::collection::vec((0_u16..40, 0_usize..200, any::<bool>(), 0_u32..3), 0..60),
    ) {
        let mut table = Reassembly::default();
        for (place, len, more, of) in fragments {
            table.add(NOW, key(of), &fragment(place * 8, len, more));
        }
        let bytes: usize = table.datagrams.values().map(Assembly::held).sum();
        let shares: usize = table.sources.values().map(|share| share.bytes).sum();
        prop_assert_eq!(shares, bytes);
        prop_assert_eq!(bytes, table.bytes);
        table.on_timeout(NOW + EXPIRY_V4);
        prop_assert_eq!((table.bytes, table.next_timeout()), (0, None));
    }
}
