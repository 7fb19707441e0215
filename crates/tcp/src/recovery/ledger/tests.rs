//! The ledger against what its entries say.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const MSS: u64 = 10;

fn at(n: u64) -> Offset {
    Offset::ZERO + n
}

fn range(start: u64, end: u64) -> Range<Offset> {
    at(start)..at(end)
}

fn ledger(entries: &[u64]) -> Ledger {
    let mut ledger = Ledger::default();
    let mut start = 1;
    for len in entries {
        ledger.push(range(start, start + len), Stamp::default());
        start += len;
    }
    ledger
}

#[test]
fn a_block_counts_for_whole_segments_only() {
    let mut ledger = ledger(&[50]);
    let mut news = Vec::new();
    // Bytes 16..34 hold the one whole segment 21..31.
    ledger.sack(range(16, 34), MSS, |entry| {
        news.push((entry.start.get(), entry.end.get()));
    });
    assert_eq!(news, [(21, 31)]);
    assert_eq!((ledger.sacked_bytes(), ledger.in_flight()), (10, 40));
    // Told once more with the rest: only the rest is news.
    news.clear();
    ledger.sack(range(11, 51), MSS, |entry| {
        news.push((entry.start.get(), entry.end.get()));
    });
    assert_eq!(news, [(11, 21), (31, 51)]);
    assert_eq!(ledger.highest_sacked(), Some(at(51)));
}

#[test]
fn the_last_byte_of_a_segment_is_not_the_segment() {
    let mut ledger = ledger(&[40]);
    ledger.sack(range(40, 41), MSS, |_| panic!("RFC 2018 asks for more"));
    assert_eq!(ledger.sacked_bytes(), 0);
}

#[test]
fn text_counts_without_the_fin_behind_it() {
    let mut ledger = ledger(&[10, 5]);
    let mut news = Vec::new();
    ledger.sack(range(11, 15), MSS, |entry| {
        news.push((entry.start.get(), entry.end.get()));
    });
    assert_eq!(news, [(11, 15)]);
    assert_eq!((ledger.sacked_bytes(), ledger.in_flight()), (4, 11));
}

/// However often one super-segment is cut, each SACK counts for what it says, and an entry is found
/// again by any offset in it.
#[test]
fn every_second_segment_of_a_large_flight_is_remembered() {
    const PIECES: u64 = 200_000;
    let mut ledger = ledger(&[PIECES * MSS]);
    // A step that shares no factor with the count: each cut lies between others.
    for n in 0..PIECES / 2 {
        let start = 1 + (n * 61_803 % (PIECES / 2) * 2 + 1) * MSS;
        ledger.sack(range(start, start + MSS), MSS, |_| {});
    }
    assert_eq!(ledger.sacked_bytes(), PIECES / 2 * MSS);
    for piece in 0..PIECES {
        let entry = ledger.get(at(1 + piece * MSS + piece % MSS)).unwrap();
        assert_eq!(entry.start, at(1 + piece * MSS));
        assert_eq!((entry.len(), entry.sacked), (MSS, piece % 2 == 1));
    }
    let mut news = 0;
    ledger.sack(range(1, 1 + PIECES * MSS), MSS, |entry| news += entry.len());
    assert_eq!((news, ledger.in_flight()), (PIECES / 2 * MSS, 0));
}

#[test]
fn lost_and_resent_and_lost_again() {
    let mut ledger = ledger(&[10, 10, 10]);
    assert!(ledger.lose(at(1), Proof::Timeout) && ledger.lose(at(11), Proof::Timeout));
    assert!(!ledger.lose(at(1), Proof::Timeout), "it is no news");
    assert_eq!(ledger.next_lost(), Some(range(1, 21)));
    assert_eq!(ledger.in_flight(), 10);
    ledger.resend(&range(1, 16), Stamp::default());
    assert_eq!(ledger.next_lost(), Some(range(16, 21)));
    assert_eq!(ledger.in_flight(), 25);
    assert!(
        ledger.lose(at(1), Proof::Timeout),
        "the second copy is lost too"
    );
    assert_eq!(ledger.in_flight(), 15);
    ledger.release_until(at(31), |_| {});
    assert_eq!((ledger.in_flight(), ledger.next_lost()), (0, None));
    assert!(ledger.first().is_none());
}

proptest! {
    /// The counters say what the entries say, whatever happens in whatever order.
    #[test]
    fn counters_agree_with_the_entries(
        steps in proptest::collection::vec((0_u8..6, 0_u64..200, 1_u64..60), 1..80),
    ) {
        let mut ledger = Ledger::default();
        let (mut una, mut nxt) = (1, 1);
        for (kind, a, b) in steps {
            let span = nxt - una;
            match kind {
                0 => {
                    ledger.push(range(nxt, nxt + b), Stamp::default());
                    nxt += b;
                }
                1 if span > 0 => {
                    una += a % (span + 1);
                    ledger.release_until(at(una), |_| {});
                }
                2 if span > 0 => {
                    let start = una + a % span;
                    ledger.sack(range(start, nxt.min(start + b)), MSS, |_| {});
                }
                3 if span > 0 => {
                    ledger.lose(at(una + a % span), Proof::Timeout);
                }
                4 => {
                    if let Some(lost) = ledger.next_lost() {
                        let end = lost.end.min(lost.start + b);
                        ledger.resend(&(lost.start..end), Stamp::default());
                    }
                }
                5 if a < 10 => ledger.forget_losses(),
                5 if a < 20 => ledger.forget_sacks(),
                _ => {}
            }
            check(&ledger, una, nxt);
        }
    }
}

fn check(ledger: &Ledger, una: u64, nxt: u64) {
    let mut at_offset = una;
    let (mut sacked, mut lost, mut again, mut flight) = (0, 0, 0, 0);
    for entry in ledger.iter() {
        assert_eq!(entry.start.get(), at_offset, "no gaps");
        at_offset = entry.end.get();
        let len = entry.len();
        assert!(len > 0 && !(entry.sacked && (entry.lost || entry.again)));
        sacked += if entry.sacked { len } else { 0 };
        lost += if entry.lost { len } else { 0 };
        again += if entry.again { len } else { 0 };
        flight += if entry.sacked || entry.lost { 0 } else { len };
        flight += if entry.again { len } else { 0 };
        let range = entry.start..entry.end;
        assert_eq!(ledger.rooms().marked.covers(&range), entry.lost);
        let behind = ledger.behind(entry);
        assert!(entry.sacked || behind == entry.end);
        assert!(
            ledger.rooms().sacked.first_gap(entry.end..behind).is_none() && behind >= entry.end
        );
        assert!(
            ledger
                .get(behind)
                .is_none_or(|next| !next.sacked || !entry.sacked)
        );
        let waits = entry.lost && !entry.again;
        assert_eq!(ledger.rooms().lost.covers(&(entry.start..entry.end)), waits);
        assert_eq!(
            ledger.rooms().sacked.covers(&(entry.start..entry.end)),
            entry.sacked
        );
    }
    assert_eq!(at_offset, nxt);
    assert_eq!(ledger.sacked_bytes(), sacked);
    assert_eq!(ledger.lost_bytes(), lost);
    assert_eq!(ledger.again_bytes(), again);
    assert_eq!(ledger.in_flight(), flight);
}
