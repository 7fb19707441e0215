//! The table of neighbours: RFC 4861 7.3 as timelines, and its limits.

use core::net::Ipv4Addr;

use handfast_packet::buf::Chunk;
use handfast_packet::cause::Cause;

use super::*;

const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);
const OTHER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 8]);
const START: Instant = Instant::from_secs(100);

fn at(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

fn peer(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + n).into()
}

fn waiting(byte: u8) -> Waiting {
    let packet = TxFrame::raw(Chunk::copy_from(&[byte]), Cause::Unstated);
    Waiting {
        packet,
        destination: peer(1_000 + u32::from(byte)),
    }
}

fn hold(table: &mut Neighbors, now: Instant, n: u32, byte: u8) -> Option<Solicit> {
    assert_eq!(table.lookup(now, peer(n), US), Lookup::Unknown);
    table.hold(now, peer(n), US, waiting(byte))
}

fn bytes(queue: VecDeque<Waiting>) -> Vec<u8> {
    queue
        .into_iter()
        .map(|waiting| waiting.packet.to_vec()[0])
        .collect()
}

fn question(n: u32, to: Option<EthernetAddress>) -> Solicit {
    Solicit {
        target: peer(n),
        source: US,
        to,
    }
}

/// A table in which neighbour 1 answered at `START`.
fn with_neighbor() -> Neighbors {
    let mut table = Neighbors::default();
    hold(&mut table, START, 1, 0);
    assert_eq!(table.learn(START, peer(1), MAC, Evidence::Answer).len(), 1);
    // The timer of the question finds nothing to do and is gone.
    let due = table.on_timeout(at(1_000));
    assert_eq!((due.solicits, due.unreachable), (Vec::new(), Vec::new()));
    table
}

#[test]
fn packets_wait_for_the_answer_and_leave_in_order() {
    let mut table = Neighbors::default();
    assert_eq!(hold(&mut table, START, 1, 1), Some(question(1, None)));
    assert_eq!(hold(&mut table, at(10), 1, 2), None, "it was asked already");
    assert_eq!(table.get(peer(1)), None);
    assert_eq!(
        bytes(table.learn(at(20), peer(1), MAC, Evidence::Answer)),
        [1, 2]
    );
    assert_eq!(table.lookup(at(20), peer(1), US), Lookup::Known(MAC));
    assert_eq!((table.waiting, table.dropped()), (0, 0));
}

#[test]
fn a_silent_neighbour_is_asked_three_times_then_given_up() {
    let mut table = Neighbors::default();
    hold(&mut table, START, 1, 1);
    hold(&mut table, START, 1, 1);
    hold(&mut table, START, 1, 2);
    for second in 1..3 {
        assert_eq!(table.next_timeout(), Some(at(second * 1_000)));
        assert_eq!(table.on_timeout(at(second * 1_000 - 1)).solicits, []);
        assert_eq!(
            table.on_timeout(at(second * 1_000)).solicits,
            [question(1, None)]
        );
    }
    let due = table.on_timeout(at(3_000));
    assert_eq!(due.solicits, []);
    assert_eq!(
        due.unreachable,
        [peer(1_001), peer(1_002)],
        "each destination once"
    );
    assert_eq!((table.waiting, table.dropped()), (0, 3));
    assert_eq!(table.next_timeout(), None);
    assert_eq!(table.lookup(at(3_999), peer(1), US), Lookup::Silent);
    assert_eq!(table.dropped(), 4);
    assert_eq!(
        hold(&mut table, at(4_000), 1, 1),
        Some(question(1, None)),
        "asked afresh"
    );
}

#[test]
fn what_is_trusted_is_checked_after_a_while_by_unicast() {
    let mut table = with_neighbor();
    assert_eq!(
        table.next_timeout(),
        None,
        "an idle neighbour costs nothing"
    );
    assert_eq!(table.lookup(at(29_999), peer(1), US), Lookup::Known(MAC));
    assert_eq!(table.next_timeout(), None);
    // REACHABLE -> DELAY by use, -> PROBE five seconds later.
    assert_eq!(table.lookup(at(30_000), peer(1), US), Lookup::Known(MAC));
    assert_eq!(table.next_timeout(), Some(at(35_000)));
    for second in [35, 36, 37] {
        assert_eq!(
            table.on_timeout(at(second * 1_000)).solicits,
            [question(1, Some(MAC))]
        );
        assert_eq!(
            table.lookup(at(second * 1_000), peer(1), US),
            Lookup::Known(MAC)
        );
    }
    let due = table.on_timeout(at(38_000));
    assert_eq!((due.solicits, due.unreachable), (Vec::new(), Vec::new()));
    assert_eq!(
        hold(&mut table, at(38_000), 1, 1),
        Some(question(1, None)),
        "everybody is asked"
    );
}

#[test]
fn an_answer_to_the_check_renews_the_trust() {
    let mut table = with_neighbor();
    table.lookup(at(30_000), peer(1), US);
    table.on_timeout(at(35_000));
    table.learn(at(35_001), peer(1), MAC, Evidence::Answer);
    assert_eq!(table.lookup(at(65_000), peer(1), US), Lookup::Known(MAC));
    assert_eq!(table.on_timeout(at(36_000)).solicits, []);
    assert_eq!(table.next_timeout(), None);
}

#[test]
fn only_a_question_for_us_makes_an_entry_that_nobody_asked_for() {
    for (evidence, known) in [
        (Evidence::Answer, false),
        (Evidence::Overheard, false),
        (Evidence::Question(US), true),
    ] {
        let mut table = Neighbors::default();
        table.learn(START, peer(1), MAC, evidence);
        assert_eq!(table.get(peer(1)), known.then_some(MAC), "{evidence:?}");
    }
}

#[test]
fn a_new_link_address_is_used_at_once_and_checked() {
    for evidence in [
        Evidence::Overheard,
        Evidence::Question(US),
        Evidence::Answer,
    ] {
        let mut table = with_neighbor();
        table.learn(at(1_001), peer(1), OTHER, evidence);
        assert_eq!(
            table.lookup(at(1_002), peer(1), US),
            Lookup::Known(OTHER),
            "{evidence:?}"
        );
        assert_eq!(
            table.next_timeout(),
            Some(at(6_002)),
            "{evidence:?}: it will be checked"
        );
    }
}

#[test]
fn old_news_does_not_disturb_a_check() {
    let mut table = with_neighbor();
    table.lookup(at(30_000), peer(1), US);
    table.learn(at(30_001), peer(1), MAC, Evidence::Question(US));
    table.learn(at(30_002), peer(1), MAC, Evidence::Overheard);
    assert_eq!(
        table.on_timeout(at(35_000)).solicits,
        [question(1, Some(MAC))]
    );
}

#[test]
fn doubt_makes_a_trusted_entry_stale() {
    let mut table = with_neighbor();
    table.doubt(peer(1));
    assert_eq!(table.lookup(at(1_001), peer(1), US), Lookup::Known(MAC));
    assert_eq!(table.next_timeout(), Some(at(6_001)));
    table.doubt(peer(2));
    assert_eq!(table.get(peer(2)), None);
}

#[test]
fn a_late_answer_is_still_worth_something() {
    let mut table = Neighbors::default();
    hold(&mut table, START, 1, 1);
    for second in 1..=3 {
        table.on_timeout(at(second * 1_000));
    }
    table.learn(at(3_100), peer(1), MAC, Evidence::Answer);
    assert_eq!(table.lookup(at(3_200), peer(1), US), Lookup::Known(MAC));
}

#[test]
fn a_suspect_is_checked_at_once_and_forgotten_when_it_is_silent() {
    let mut table = with_neighbor();
    assert_eq!(table.lookup(at(2_000), peer(1), US), Lookup::Known(MAC));
    table.suspect(at(2_000), peer(1));
    assert_eq!(table.next_timeout(), Some(at(2_000)));
    for second in 2..5 {
        let due = table.on_timeout(at(second * 1_000));
        assert_eq!(due.solicits, [question(1, Some(MAC))]);
        // A suspect that is being checked is not checked anew.
        table.suspect(at(second * 1_000), peer(1));
    }
    assert_eq!(table.on_timeout(at(5_000)).solicits, []);
    assert_eq!(table.lookup(at(5_000), peer(1), US), Lookup::Unknown);
    // One that answers stays.
    let mut table = with_neighbor();
    table.suspect(at(2_000), peer(1));
    table.on_timeout(at(2_000));
    table.learn(at(2_001), peer(1), MAC, Evidence::Answer);
    assert_eq!(table.on_timeout(at(9_000)).solicits, []);
    assert_eq!(table.lookup(at(9_000), peer(1), US), Lookup::Known(MAC));
}

#[test]
fn queues_are_bounded() {
    let mut table = Neighbors::default();
    for n in 0..244 {
        hold(&mut table, START, 1, n);
    }
    assert_eq!(table.dropped(), 4);
    let expected: Vec<u8> = (4..244).collect();
    assert_eq!(
        bytes(table.learn(START, peer(1), MAC, Evidence::Answer)),
        expected
    );
    let peers = u32::try_from(NEIGHBOR_QUEUES_MAX / NEIGHBOR_QUEUE_MAX).unwrap();
    for n in 0..peers * 240 {
        hold(&mut table, START, 2 + n % peers, 0);
    }
    assert_eq!(table.waiting, NEIGHBOR_QUEUES_MAX);
    // A newcomer finds no room; somebody who waits gives up his own oldest.
    assert_eq!(hold(&mut table, START, 500, 7), Some(question(500, None)));
    assert_eq!(hold(&mut table, START, 2, 7), None);
    assert_eq!((table.waiting, table.dropped()), (NEIGHBOR_QUEUES_MAX, 6));
    assert_eq!(
        table.learn(START, peer(500), MAC, Evidence::Answer).len(),
        0
    );
    assert_eq!(
        bytes(table.learn(START, peer(2), MAC, Evidence::Answer)).last(),
        Some(&7)
    );
}

#[test]
fn the_table_is_bounded_and_strangers_evict_nobody_who_is_needed() {
    let max = u32::try_from(NEIGHBORS_MAX).unwrap();
    let mut table = Neighbors::default();
    for n in 0..max {
        hold(&mut table, at(n.into()), n, 1);
        table.learn(at(n.into()), peer(n), MAC, Evidence::Answer);
    }
    for n in 0..1_000 {
        table.learn(at(1_000), peer(5_000 + n), MAC, Evidence::Question(US));
    }
    assert!((0..max).all(|n| table.get(peer(n)) == Some(MAC)));
    // We ourselves may, at the cost of whom we have not talked to for longest.
    hold(&mut table, at(2_000), 9_000, 1);
    assert_eq!(table.entries.len(), NEIGHBORS_MAX);
    assert_eq!(table.get(peer(0)), None);
    assert_eq!(table.get(peer(1)), Some(MAC));
}

#[test]
fn strangers_displace_strangers_only() {
    let max = u32::try_from(NEIGHBORS_MAX).unwrap();
    let mut table = Neighbors::default();
    for n in 0..max * 2 {
        table.learn(at(n.into()), peer(n), MAC, Evidence::Question(US));
    }
    assert_eq!(table.entries.len(), NEIGHBORS_MAX);
}

#[test]
fn evicted_queues_are_counted() {
    let mut table = Neighbors::default();
    for n in 0..=u32::try_from(NEIGHBORS_MAX).unwrap() {
        hold(&mut table, at(n.into()), n, 1);
    }
    assert_eq!((table.entries.len(), table.dropped()), (NEIGHBORS_MAX, 1));
    let queued: usize = table.entries.values().map(Entry::queue_len).sum();
    assert_eq!(table.waiting, queued);
}

#[test]
fn an_address_that_is_lost_takes_its_neighbours_along() {
    let mut table = with_neighbor();
    hold(&mut table, START, 2, 1);
    let other: IpAddr = [192, 0, 2, 2].into();
    table.hold(START, peer(3), other, waiting(1));
    table.forget_source(US);
    assert_eq!(table.entries.keys().copied().collect::<Vec<_>>(), [peer(3)]);
    assert_eq!(table.waiting, 1);
}
