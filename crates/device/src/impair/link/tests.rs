//! Tests of one direction: each fault alone, by its statistics and its effect.

use handfast_packet::buf::{Chunk, RxChecksum, RxFrame, TxFrame};
use handfast_packet::cause::Cause;
use proptest::prelude::*;

use super::super::spec::ImpairSpec;
use super::*;
use crate::split::complete_checksum;
use crate::testing::{TcpFrame, data, tcp_checksum_holds};

const MEDIUM: Medium = Medium::Ethernet;

fn link(spec: &str) -> Link<TxFrame> {
    seeded(spec, 1)
}

fn seeded(spec: &str, seed: u64) -> Link<TxFrame> {
    let spec: ImpairSpec = spec.parse().unwrap();
    Link::new(spec.outbound, MEDIUM, Random::new(seed, 0))
}

/// A data segment that carries `number`.
fn segment(number: u32) -> TxFrame {
    TcpFrame {
        seq: number,
        payload: data(946),
        ..TcpFrame::default()
    }
    .tx()
}

fn number(segment: &TxFrame) -> u32 {
    u32::from_be_bytes(segment.head.bytes()[38..42].try_into().unwrap())
}

fn offer(link: &mut Link<TxFrame>, now: Instant, segment: TxFrame) {
    let answer = link.offer(now, segment, &mut Pool::default());
    assert_eq!(answer, None);
}

/// Offers `count` segments of 1,000 bytes, one every `gap` microseconds; returns what arrives:
/// microsecond and number.
fn run(link: &mut Link<TxFrame>, count: u32, gap: u64) -> Vec<(u64, u32)> {
    let mut arrived = Vec::new();
    let mut fetch = |link: &mut Link<TxFrame>, now| {
        while let Some((at, segment)) = link.pop_ready(now) {
            arrived.push((at.as_micros(), number(&segment)));
        }
    };
    for number in 0..count {
        let now = Instant::from_micros(u64::from(number) * gap);
        offer(link, now, segment(number));
        fetch(link, now);
    }
    fetch(link, Instant::from_secs(1_000_000));
    arrived
}

#[test]
fn a_link_without_fault_is_transparent() {
    let mut link = link("");
    let arrived = run(&mut link, 100, 10);
    assert_eq!(
        arrived,
        (0..100).map(|n| (u64::from(n) * 10, n)).collect::<Vec<_>>()
    );
    let statistics = link.statistics();
    assert_eq!((statistics.segments, statistics.delivered), (100, 100));
}

#[test]
fn nothing_arrives_before_its_time() {
    let mut link = link("delay=10ms");
    offer(&mut link, Instant::from_millis(5), segment(0));
    assert_eq!(link.next_ready(), Some(Instant::from_millis(15)));
    assert!(link.pop_ready(Instant::from_micros(14_999)).is_none());
    assert!(link.pop_ready(Instant::from_millis(15)).is_some());
    assert_eq!(link.next_ready(), None);
}

#[test]
fn random_loss_has_its_rate() {
    let mut link = link("loss=1%");
    let arrived = run(&mut link, 100_000, 1).len();
    // 1,000 expected, standard deviation 31.
    let lost = link.statistics().lost;
    assert!((850..1_150).contains(&lost), "{lost}");
    assert_eq!(arrived, 100_000 - usize::try_from(lost).unwrap());
}

#[test]
fn burst_loss_has_its_frequency_and_length() {
    let mut link = link("burst=1%:5");
    let arrived: Vec<u32> = run(&mut link, 100_000, 1)
        .into_iter()
        .map(|(_, n)| n)
        .collect();
    let gaps = arrived
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 1)
        .count();
    let lost = 100_000 - arrived.len();
    assert_eq!(link.statistics().burst_lost, u64::try_from(lost).unwrap());
    // About 950 bursts of 5 (a few of them touch each other).
    assert!((800..1_100).contains(&gaps), "{gaps}");
    assert!((4 * gaps..6 * gaps).contains(&lost), "{lost} in {gaps}");
}

#[test]
fn chosen_data_segments_are_dropped_and_others_not_counted() {
    let mut link = link("drop=2+4");
    for number in 0..10 {
        // A pure ACK, an ARP-like frame, then data.
        offer(&mut link, Instant::ZERO, TcpFrame::default().tx());
        offer(
            &mut link,
            Instant::ZERO,
            TxFrame::raw(vec![0; 42].into(), Cause::Resolve),
        );
        offer(&mut link, Instant::ZERO, segment(number));
    }
    let arrived = std::iter::from_fn(|| link.pop_ready(Instant::ZERO));
    let numbers: Vec<u32> = arrived
        .filter(|(_, s)| s.body.len() > 500)
        .map(|(_, s)| number(&s))
        .collect();
    assert_eq!(numbers, [0, 2, 4, 5, 6, 7, 8, 9]);
    let LinkStatistics {
        segments,
        data_segments,
        chosen,
        ..
    } = link.statistics();
    assert_eq!((segments, data_segments, chosen), (30, 10, 2));
}

#[test]
fn a_rate_spaces_segments_and_its_queue_drops_the_tail() {
    // 1,000 bytes take 1 ms at 8 Mbit/s; five segments fit in the queue.
    let mut link = link("rate=8mbit,queue=5000B,delay=1ms");
    let arrived = run(&mut link, 10, 0);
    let expected: Vec<_> = (0..5).map(|n| (u64::from(n + 2) * 1_000, n)).collect();
    assert_eq!(arrived, expected);
    assert_eq!(link.statistics().overflowed, 5);
    // The queue has drained by now, and an empty one takes a segment of any size.
    let mut link = self::link("rate=8mbit,queue=1B");
    assert_eq!(run(&mut link, 10, 1_000).len(), 10);
}

#[test]
fn jitter_varies_the_delay_within_bounds_and_keeps_the_order() {
    let mut link = link("delay=10ms,jitter=2ms");
    let arrived = run(&mut link, 1_000, 10_000);
    let delays: Vec<u64> = arrived
        .iter()
        .map(|(at, n)| at - u64::from(*n) * 10_000)
        .collect();
    assert!(delays.iter().all(|delay| (8_000..=12_000).contains(delay)));
    let (early, late) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(*early < 8_100 && *late > 11_900, "{early} to {late}");
    // Close behind each other, they still arrive in order.
    let arrived = run(&mut self::link("delay=1ms,jitter=5ms"), 1_000, 10);
    assert!(arrived.is_sorted_by_key(|(_, n)| *n) && arrived.is_sorted());
}

#[test]
fn reordering_holds_segments_back_until_others_have_passed() {
    let mut link = link("reorder=5%:1ms,delay=3ms");
    let arrived = run(&mut link, 1_000, 100);
    assert_eq!(arrived.len(), 1_000);
    let late = arrived
        .iter()
        .filter(|(at, n)| *at == u64::from(*n) * 100 + 4_000)
        .count();
    assert_eq!(u64::try_from(late).unwrap(), link.statistics().reordered);
    assert!((25..80).contains(&late), "{late}");
    assert!(!arrived.is_sorted_by_key(|(_, n)| *n));
}

#[test]
fn duplicates_come_twice() {
    let mut link = link("duplicate=10%");
    let arrived = run(&mut link, 10_000, 1);
    let twice = arrived
        .windows(2)
        .filter(|pair| pair[0].1 == pair[1].1)
        .count();
    assert_eq!(arrived.len(), 10_000 + twice);
    assert_eq!(link.statistics().duplicated, u64::try_from(twice).unwrap());
    assert!((850..1_150).contains(&twice), "{twice}");
}

/// Damage is visible to whoever verifies checksums, though the frame left with a partial one.
#[test]
fn corruption_flips_one_bit_behind_the_link_header_and_breaks_a_checksum() {
    for seed in 0..500 {
        let mut link = seeded("corrupt=100%", seed);
        let mut whole = TcpFrame {
            cuts: vec![100, 101],
            payload: data(300),
            ..TcpFrame::default()
        };
        whole.options = vec![1; 12];
        let mut good = whole.tx();
        offer(&mut link, Instant::ZERO, good.clone());
        let (_, bad) = link.pop_ready(Instant::ZERO).unwrap();
        assert!(complete_checksum(&mut good) && bad.checksum_at.is_none());
        let (good, bad) = (good.to_vec(), bad.to_vec());
        let flipped: u32 = good
            .iter()
            .zip(&bad)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum();
        assert_eq!((flipped, good[..14] == bad[..14]), (1, true));
        let header_good = handfast_packet::checksum::checksum(&bad[14..34]) == 0;
        assert!(!(header_good && tcp_checksum_holds(&bad, MEDIUM)));
    }
}

#[test]
fn a_corrupted_received_frame_is_no_longer_vouched_for() {
    let tx = TcpFrame {
        payload: data(300),
        ..TcpFrame::default()
    }
    .tx();
    for checksum in [RxChecksum::Partial, RxChecksum::Verified] {
        let mut frame = RxFrame {
            data: tx.to_vec().into(),
            received_at: Instant::ZERO,
            checksum,
            gso: None,
        };
        assert!(frame.corrupt(MEDIUM, 8 * 300));
        assert_eq!(frame.checksum, RxChecksum::Unknown);
        assert!(!tcp_checksum_holds(&frame.data, MEDIUM));
    }
}

/// ARP has no checksum, so nobody behind the link would see the damage that the link's own sees.
#[test]
fn a_damaged_frame_without_a_checksum_is_dropped() {
    let mut link = seeded("corrupt=100%", 1);
    let mut arp = vec![2; 14 + 28];
    arp[12..16].copy_from_slice(&[0x08, 0x06, 0, 1]);
    let mut frame = TxFrame::default();
    frame.body.push(Chunk::from(arp));
    offer(&mut link, Instant::ZERO, frame);
    assert!(link.pop_ready(Instant::ZERO).is_none());
    assert_eq!(link.statistics().corrupted, 1);
}

#[test]
fn the_link_itself_is_bounded() {
    let mut link = link("delay=1s");
    let segment = TxFrame::default();
    for _ in 0..LINK_SEGMENTS_MAX + 7 {
        offer(&mut link, Instant::ZERO, segment.clone());
    }
    assert_eq!(link.statistics().overflowed, 7);
}

#[test]
fn nothing_that_is_offered_while_the_link_is_down_arrives() {
    let mut link = link("down=20ms..30ms+5ms..7ms,delay=3ms");
    link.begin(Instant::ZERO);
    let arrived = run(&mut link, 40, 1_000);
    let up = |n: &u32| !(5..7).contains(n) && !(20..30).contains(n);
    // What is under way when a span begins arrives in it.
    let expected: Vec<_> = (0..40)
        .filter(up)
        .map(|n| (u64::from(n) * 1_000 + 3_000, n))
        .collect();
    assert_eq!(arrived, expected);
    assert_eq!(link.statistics().cut_off, 12);
}

#[test]
fn times_count_from_the_first_moment_that_the_link_sees() {
    let mut link = link("down=1ms..2ms");
    link.begin(Instant::from_millis(70));
    for (micros, number) in [(70_999, 0), (71_000, 1), (71_999, 2), (72_000, 3)] {
        offer(&mut link, Instant::from_micros(micros), segment(number));
    }
    let arrived = std::iter::from_fn(|| link.pop_ready(Instant::from_secs(1)));
    assert_eq!(arrived.map(|(_, s)| number(&s)).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn after_the_end_of_faults_rate_queue_and_delay_are_all_that_is_left() {
    let faults = "red=1B:2B:100%,loss=50%,burst=20%:5,corrupt=50%,duplicate=50%,jitter=4ms,reorder=50%:30ms,\
                  down=0s..1000s,drop=101+102,until=100ms";
    let mut link = link(&format!("rate=8mbit,queue=5000B,delay=5ms,{faults}"));
    link.begin(Instant::ZERO);
    for number in 0..100 {
        offer(
            &mut link,
            Instant::from_millis(u64::from(number)),
            segment(number),
        );
    }
    let before = link.statistics();
    assert_eq!((before.cut_off, before.delivered), (100, 0));
    let end = Instant::from_millis(100);
    for number in 0..7 {
        offer(&mut link, end, segment(number));
    }
    let fetched = std::iter::from_fn(|| link.pop_ready(Instant::from_secs(1)));
    let arrived: Vec<_> = fetched
        .map(|(at, s)| (at.as_millis(), number(&s)))
        .collect();
    assert_eq!(arrived, [(106, 0), (107, 1), (108, 2), (109, 3), (110, 4)]);
    let after = link.statistics();
    assert_eq!((after.delivered, after.overflowed), (5, 2));
    let LinkStatistics {
        chosen,
        lost,
        burst_lost,
        corrupted,
        duplicated,
        reordered,
        early,
        ..
    } = after;
    assert_eq!(
        [
            chosen, lost, burst_lost, corrupted, duplicated, reordered, early
        ],
        [0; 7]
    );
}

#[test]
fn ecn_capable_segments_behind_more_than_the_step_are_marked_and_others_pass() {
    for (ecn, marked) in [(0, 0), (1, 3), (2, 3), (3, 3)] {
        // The queue holds 0, 1,000, 2,000, ... bytes when they come.
        let mut link = link("rate=8mbit,mark=2000B");
        for _ in 0..6 {
            let frame = TcpFrame {
                ecn,
                payload: data(946),
                ..TcpFrame::default()
            };
            offer(&mut link, Instant::ZERO, frame.tx());
        }
        let fetched = std::iter::from_fn(|| link.pop_ready(Instant::from_secs(1)));
        let arrived: Vec<u8> = fetched.map(|(_, s)| s.head.bytes()[15]).collect();
        let after = if marked > 0 { 3 } else { ecn };
        assert_eq!(arrived, [ecn, ecn, ecn, after, after, after]);
        let statistics = link.statistics();
        assert_eq!((statistics.marked, statistics.early), (marked, 0));
    }
}

#[test]
fn an_early_drop_is_a_mark_where_the_queue_and_the_transport_know_ecn() {
    for (queue, ecn, marked) in [(":ecn", 2, true), (":ecn", 0, false), ("", 2, false)] {
        // From the second segment on, the average lies between the thresholds for a while.
        let mut link = link(&format!("rate=8mbit,red=1B:1MB:100%{queue}"));
        for _ in 0..30_000 {
            let frame = TcpFrame {
                ecn,
                ..TcpFrame::default()
            };
            offer(&mut link, Instant::ZERO, frame.tx());
        }
        let LinkStatistics {
            marked: marks,
            early,
            ..
        } = link.statistics();
        assert_eq!((marks > 10, early > 10), (marked, !marked), "{queue} {ecn}");
    }
}

#[test]
fn after_the_end_of_faults_the_queue_marks_but_drops_nothing_early() {
    for (ecn, marked) in [(2, true), (0, false)] {
        let spec = "rate=8mbit,queue=100MB,red=1B:1MB:100%:ecn,until=0s";
        let mut link = link(spec);
        for _ in 0..30_000 {
            let frame = TcpFrame {
                ecn,
                ..TcpFrame::default()
            };
            offer(&mut link, Instant::ZERO, frame.tx());
        }
        let statistics = link.statistics();
        assert_eq!((statistics.marked > 10, statistics.early), (marked, 0));
    }
}

#[test]
fn what_is_larger_than_the_mtu_vanishes_from_its_time_on() {
    let mut link = link("mtu=985@5ms");
    link.begin(Instant::ZERO);
    // Packets of 986 bytes behind 14 of Ethernet.
    let arrived = run(&mut link, 10, 1_000);
    assert_eq!(arrived.len(), 5);
    assert_eq!(
        (link.statistics().too_big, link.statistics().answered),
        (5, 0)
    );
    let mut link = self::link("mtu=986");
    assert_eq!(run(&mut link, 10, 0).len(), 10);
}

proptest! {
    /// The same seed has the same outcome, and every segment is accounted for.
    #[test]
    fn outcomes_repeat_and_add_up(seed: u64, gap in 0..200_u64) {
        let spec = "loss=5%,burst=1%:3,corrupt=2%,duplicate=5%,reorder=5%,rate=50mbit,queue=20KB,\
                    delay=2ms,jitter=1ms,drop=3+8,down=1ms..2ms,until=25ms,\
                    mtu=900@24ms,red=2KB:10KB:20%,mark=5KB";
        let mut link = seeded(spec, seed);
        let arrived = run(&mut link, 300, gap);
        let again = run(&mut seeded(spec, seed), 300, gap);
        prop_assert_eq!(&arrived, &again);
        let s = link.statistics();
        let gone = s.chosen + s.cut_off + s.lost + s.burst_lost + s.too_big + s.early + s.overflowed;
        prop_assert_eq!(s.segments + s.duplicated, s.delivered + gone);
        prop_assert_eq!(s.delivered, u64::try_from(arrived.len()).unwrap());
        prop_assert!(arrived.is_sorted_by_key(|(at, _)| *at));
    }

    /// Switching one fault on leaves the fate of segments by another as it was.
    #[test]
    fn faults_are_independent(seed: u64) {
        let lost = |spec| {
            let numbers = run(&mut seeded(spec, seed), 200, 10).into_iter().map(|(_, n)| n);
            numbers.collect::<Vec<_>>()
        };
        prop_assert_eq!(lost("loss=10%"), lost("loss=10%,delay=5ms,jitter=3ms"));
        prop_assert_eq!(lost("loss=10%"), lost("loss=10%,down=50s..51s,until=50s"));
        let queue = "loss=10%,rate=1gbit,red=1MB:2MB:50%:ecn,mark=1MB,mtu=1400:icmp";
        prop_assert_eq!(lost("loss=10%"), lost(queue));
    }
}

/// Seeds in tests and figures in documents stay what they are only as long as this number does.
#[test]
fn the_fate_of_segments_by_a_seed_does_not_change_with_new_parts() {
    let spec = "loss=5%,burst=1%:3,corrupt=2%,duplicate=5%,reorder=5%,rate=50mbit,queue=20KB,\
                delay=2ms,jitter=1ms,drop=3+8";
    let mut digest = 0_u64;
    for seed in 0..20 {
        for (at, number) in run(&mut seeded(spec, seed), 1_000, 150) {
            for value in [at, u64::from(number)] {
                digest = (digest ^ value).wrapping_mul(0x0100_0000_01B3);
            }
        }
    }
    assert_eq!(digest, 10_977_577_232_643_290_099);
}
