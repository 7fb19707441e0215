//! One `Transmit` or `Segment` for many wire segments.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::buf::PAYLOAD_MAX;
use handfast_packet::cause::{Cause, Proof};

fn setup() -> Setup {
    let mut setup = Setup::default().rtt(ms(100));
    setup.path.max_gso = 64_000;
    setup
}

#[test]
fn text_leaves_in_one_piece_of_whole_segments() {
    let mut script = Script::established(&setup());
    script.write(9_500);
    let transmit = script.expect("P. 1:9501(9500) ack 1");
    assert_eq!(
        (transmit.segment_len, transmit.cause),
        (1_000, Cause::NewData)
    );
    script.expect_nothing();
    assert_eq!(script.connection.info().segments_sent, 2 + 10);
}

/// Nagle holds the small rest, not the whole.
#[test]
fn nagle_cuts_off_the_small_rest() {
    let mut script = Script::established(&setup());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.write(4_500);
    script.expect(". 101:4101(4000) ack 1");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 4101");
    script.expect("P. 4101:4601(500)");
}

/// The congestion window and the peer's window cut at whole segments.
#[test]
fn windows_cut_whole_segments() {
    let mut script = Script::established(&setup());
    script.write(50_000);
    script.expect(". 1:10001(10000)");
    script.expect_nothing();
    let mut script = Script::established(&setup().window(5_500));
    script.write(50_000);
    script.expect(". 1:5001(5000)");
    script.expect_nothing();
}

/// The device's limit, and that of a payload, are never exceeded, and only whole segments are
/// taken together.
#[test]
fn no_piece_is_larger_than_the_device_can_cut() {
    for (max_gso, mss, largest) in [
        (0, 1_000, 1_000),
        (500, 1_000, 1_000),
        (2_999, 1_000, 2_000),
        (64_000, 1_448, 63_712),
    ] {
        let mut setup = setup()
            .options("mss 9000")
            .config(|config| config.send_buffer = 400_000);
        (setup.path.max_gso, setup.path.send_mss) = (max_gso, mss);
        let mut script = Script::established(&setup);
        script.write(300_000);
        let (mut seen, mut acked) = (0, 1);
        while acked < 300_001 {
            for transmit in script.sent() {
                let len = transmit.payload.len();
                assert!(
                    len <= largest && len <= PAYLOAD_MAX,
                    "{len} bytes, at most {largest}"
                );
                assert_eq!(transmit.segment_len, mss);
                seen = seen.max(len);
                acked += len;
            }
            script.after(ms(100));
            script.inject(&format!(". 1:1(0) ack {acked}"));
        }
        let reached = largest.min(60_000 / usize::from(mss) * usize::from(mss));
        assert_eq!(seen, reached, "max_gso {max_gso}");
    }
}

/// One lost wire segment in the middle: only it is sent again.
#[test]
fn a_loss_inside_resends_one_segment() {
    let mut script = Script::established(&setup());
    script.write(10_000);
    script.expect("P. 1:10001(10000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 3001");
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 3001");
    }
    let again = script.expect(". 3001:4001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::DuplicateAcks));
    script.inject(". 1:1(0) ack 10001");
    script.expect_nothing_for(secs(10));
}

/// After a timeout slow start resends by super-segments as the window grows.
#[test]
fn a_timeout_resends_super_segments() {
    let mut script = Script::established(&setup());
    script.write(10_000);
    script.expect("P. 1:10001(10000)");
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    script.expect(". 1001:3001(2000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 3001");
    script.expect(". 3001:7001(4000)");
    assert_eq!(script.connection.info().retransmissions, 1 + 2 + 4);
}

#[test]
fn the_fin_rides_on_a_super_segment() {
    let mut script = Script::established(&setup());
    script.verb("write and shutdown", |connection, cx| {
        connection
            .write(cx, &common::text_at(1, 5_200))
            .expect("there is room");
        connection.shutdown(cx);
    });
    script.expect("FP. 1:5201(5200) ack 1");
    script.inject(". 1:1(0) ack 5202");
    script.expect_nothing_for(secs(10));
}

// ---- received ----

/// A merged run counts as what it stands for: more than two segments, so an ACK at once, and one.
#[test]
fn a_merged_run_gets_one_ack() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:10001(10000) ack 1 wire 10");
    script.expect(". 1:1(0) ack 10001");
    script.expect_nothing_for(secs(1));
    assert_eq!(script.connection.info().segments_received, 1 + 10);
    script.read(10_000);
}

/// The peer's segment size is learnt from the share, not from the run.
#[test]
fn a_merged_run_is_no_large_segment() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:10001(10000) ack 1 wire 10");
    script.expect(". 1:1(0) ack 10001");
    script.read(10_000);
    script.sent();
    // Two ordinary segments are still worth an ACK.
    script.inject("P. 10001:11001(1000) ack 1");
    script.inject("P. 11001:12001(1000) ack 1");
    script.expect(". 1:1(0) ack 12001");
}

/// A run behind a hole: a peer without SACK must be able to count three duplicates.
#[test]
fn a_merged_run_behind_a_hole_gives_enough_duplicates() {
    for setup in [Setup::default(), Setup::sack()] {
        let mut script = Script::established(&setup);
        script.inject(". 1001:9001(8000) ack 1 wire 8");
        let acks = script.sent();
        assert!((3..=8).contains(&acks.len()), "{} ACKs", acks.len());
        for ack in acks {
            assert!(script.is_as_expected(&ack, ". 1:1(0) ack 1"));
        }
        script.inject(". 1:1001(1000) ack 1");
        script.expect(". 1:1(0) ack 9001");
        assert_eq!(script.connection.info().out_of_order, 8);
    }
}

/// To a peer without SACK a run gets the ACKs that its segments would have got one by one, where
/// text is missing or was a moment ago (ADR 0026, 0028).
#[test]
fn a_merged_run_near_a_hole_gets_the_acks_of_its_segments() {
    // Each hole begins where the one before ends: (what lies behind it, runs that come then).
    let shapes: [(&str, &[(i64, i64)]); 5] = [
        ("the run fills it", &[(9_001, 3), (1, 8)]),
        (
            "in order before it",
            &[(9_001, 3), (1, 5), (5_001, 2), (7_001, 1)],
        ),
        (
            "fills it and stands behind it",
            &[(3_001, 2), (1, 2), (2_001, 1), (5_001, 7)],
        ),
        (
            "begins with what is here",
            &[(9_001, 3), (1, 4), (2_001, 6)],
        ),
        ("more than may wait", &[(90_001, 3), (1, 80)]),
    ];
    for (name, runs) in shapes {
        let acks = |merged: bool| {
            let mut script = Script::established(&Setup::default());
            let mut numbers = Vec::new();
            for &(from, count) in runs {
                let lines: Vec<String> = if merged {
                    let (to, len) = (from + 1_000 * count, 1_000 * count);
                    vec![format!(". {from}:{to}({len}) ack 1 wire {count}")]
                } else {
                    let starts = (0..count).map(|index| from + 1_000 * index);
                    let line = |from| format!(". {from}:{}(1000) ack 1", from + 1_000);
                    starts.map(line).collect()
                };
                script.inject_batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
                numbers.push(
                    script
                        .sent()
                        .iter()
                        .map(|sent| sent.ack)
                        .collect::<Vec<_>>(),
                );
            }
            numbers
        };
        assert_eq!(acks(true), acks(false), "{name}");
    }
}

/// The same bytes in one run or in many segments: the same stream, the same end.
#[test]
fn cutting_makes_no_difference() {
    let finish = |cut: usize| {
        let mut script = Script::established(&Setup::default());
        let mut from = 1;
        while from <= 12_000 {
            let len = cut.min(12_001 - from);
            let wire = len.div_ceil(1_000);
            script.inject(&format!(
                "P. {from}:{}({len}) ack 1 wire {wire}",
                from + len
            ));
            from += len;
        }
        script.inject("F. 12001:12001(0) ack 1");
        script.sent();
        script.read(12_000);
        (
            script.try_read(),
            script.connection.state(),
            script.connection.info().bytes_received,
        )
    };
    let expected = finish(1_000);
    for cut in [1, 7, 999, 1_001, 3_000, 12_000] {
        assert_eq!(finish(cut), expected, "pieces of {cut}");
    }
}

/// Room that opens by little is not used by little: a third of the window goes at once, unless
/// ACKs are slow to come.
#[test]
fn a_little_room_waits_for_more_while_acks_come_fast() {
    let mut script = Script::established(&setup().rtt(ms(2)));
    script.write(60_000);
    script.expect(". 1:10001(10000)");
    // The window of eleven segments has room for two, then, with the next ACK, for four.
    script.inject(". 1:1(0) ack 1001");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 2001");
    script.expect(". 10001:14001(4000)");
    // A millisecond later nobody waits.
    script.after(ms(1));
    script.inject(". 1:1(0) ack 3001");
    script.expect(". 14001:16001(2000)");
}
