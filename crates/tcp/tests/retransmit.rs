//! Losses: the retransmission timer (RFC 6298), giving up (RFC 9293 3.8.3), fast retransmit and
//! fast recovery (RFC 5681, RFC 6582).

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::{Cause, Proof};
use handfast_tcp::State::Established;
use handfast_tcp::{CloseReason, Event, Path};

/// ESTABLISHED with a round trip of 100 ms: RTO 300 ms, cwnd ten segments.
fn established() -> Script {
    Script::established(&Setup::default().rtt(ms(100)))
}

/// The same, with `count` full segments out that the script has seen.
fn with_segments_out(count: usize) -> Script {
    let mut script = established();
    script.write(1_000 * count);
    for index in 0..count.min(10) {
        let from = 1 + 1_000 * index;
        let flags = if index + 1 == count { "P." } else { "." };
        script.expect(&format!("{flags} {from}:{}(1000)", from + 1_000));
    }
    script.expect_nothing();
    script
}

// ---- the timer ----

/// RFC 6298 5.1, 5.4 to 5.6: the earliest segment again, each time-out twice as long, to 60 s.
#[test]
fn a_timeout_resends_with_back_off() {
    let mut script = with_segments_out(1);
    let mut rto = ms(300);
    for count in 1..15 {
        let again = script.expect_after(rto, "P. 1:1001(1000) ack 1");
        assert_eq!(again.cause, Cause::TimeoutRetransmit(count));
        rto = (rto * 2).min(secs(60));
        assert_eq!(script.connection.info().rto, rto);
    }
    let info = script.connection.info();
    assert_eq!(
        (
            info.timeouts,
            info.retransmissions,
            info.bytes_retransmitted
        ),
        (14, 14, 14_000)
    );
    script.inject(". 1:1(0) ack 1001");
    assert_eq!(script.connection.next_timeout(), None);
}

/// RFC 6298 5.2, 5.3: stopped when nothing is out, started anew when something new is acknowledged.
#[test]
fn acks_restart_and_stop_the_timer() {
    let mut script = with_segments_out(3);
    script.after(ms(290));
    script.inject(". 1:1(0) ack 1001");
    let rto = script.connection.info().rto;
    script.expect_nothing_for(rto - ms(1));
    script.after(ms(1));
    script.expect(". 1001:2001(1000)");
    script.inject(". 1:1(0) ack 3001");
    assert_eq!(script.connection.next_timeout(), None);
    script.expect_nothing_for(secs(100));
}

/// A duplicate or an old ACK does not restart it.
#[test]
fn other_acks_leave_the_timer_alone() {
    let mut script = with_segments_out(3);
    script.after(ms(200));
    script.inject(". 1:1(0) ack 1");
    script.after(ms(50));
    script.inject(". 1:1(0) ack 0");
    script.expect_after(ms(50), ". 1:1001(1000)");
}

/// Sending more does not restart it either.
#[test]
fn new_text_leaves_the_timer_alone() {
    let mut script = with_segments_out(1);
    script.after(ms(200));
    script.write(1_000);
    script.expect("P. 1001:2001(1000)");
    script.expect_after(ms(100), ". 1:1001(1000)");
}

/// Karn's rule: what was sent twice gives no sample, and the back-off stays until one comes.
#[test]
fn no_sample_from_what_was_sent_twice() {
    let mut script = with_segments_out(1);
    script.expect_after(ms(300), "P. 1:1001(1000)");
    script.after(ms(5));
    script.inject(". 1:1(0) ack 1001");
    let info = script.connection.info();
    assert_eq!(info.srtt, Some(ms(100)));
    script.write(1_000);
    script.expect("P. 1001:2001(1000)");
    script.after(ms(180));
    script.inject(". 1:1(0) ack 2001");
    let info = script.connection.info();
    assert_eq!(
        (info.srtt, info.rto),
        (Some(ms(110)), ms(110) + 4 * info.rtt_variation)
    );
}

/// Karn's rule holds for fast retransmissions and for probes too.
#[test]
fn no_sample_from_what_was_resent_fast_or_probed() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect(". 1:1001(1000)");
    script.after(ms(150));
    script.inject(". 1:1(0) ack 10001");
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
    // The peer shuts its window on what is out, and takes it much later.
    let mut script = with_segments_out(1);
    script.inject(". 1:1(0) ack 1 win 0");
    script.after(secs(10));
    assert!(!script.sent().is_empty());
    script.inject(". 1:1(0) ack 1001 win 60000");
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
}

/// One sample for each round trip, of the segment that was timed.
#[test]
fn samples_follow_the_path() {
    let mut script = established();
    for _ in 0..100 {
        let from = script.connection.info().bytes_acked + 1;
        script.write(1_000);
        script.expect(&format!("P. {from}:{}(1000)", from + 1_000));
        script.after(ms(40));
        script.inject(&format!(". 1:1(0) ack {}", from + 1_000));
    }
    let info = script.connection.info();
    assert!(
        info.srtt
            .is_some_and(|srtt| ms(40) <= srtt && srtt < ms(41)),
        "{:?}",
        info.srtt
    );
    let spread = info.rto - info.srtt.unwrap_or_default();
    assert_eq!(spread, ms(200), "it has a minimum");
}

/// RFC 5681 3.1: after a timeout one segment, then slow start over what was out, up to half of
/// what was in flight.
#[test]
fn after_a_timeout_everything_is_resent_in_slow_start() {
    let mut script = with_segments_out(10);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.expect_nothing();
    let info = script.connection.info();
    assert_eq!(
        (info.congestion_window, info.slow_start_threshold),
        (1_000, 5_000)
    );
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    script.expect_bytes(1_001, 3_001);
    script.expect_nothing();
    script.inject(". 1:1(0) ack 3001");
    script.expect_bytes(3_001, 7_001);
    script.expect_nothing();
    script.inject(". 1:1(0) ack 7001");
    script.expect_bytes(7_001, 10_001);
    script.inject(". 1:1(0) ack 10001");
    assert_eq!(script.connection.next_timeout(), None);
    assert_eq!(script.connection.info().retransmissions, 10);
}

/// Only the first was lost: what the peer has need not be sent again.
#[test]
fn an_ack_of_everything_ends_the_resending() {
    let mut script = with_segments_out(10);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 10001");
    script.expect_nothing_for(secs(100));
    assert_eq!(script.connection.info().retransmissions, 1);
}

/// RFC 5681 equation (4): the same segment lost again does not halve the threshold again.
#[test]
fn repeated_timeouts_keep_the_threshold() {
    let mut script = with_segments_out(10);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.expect_after(ms(600), ". 1:1001(1000)");
    let info = script.connection.info();
    assert_eq!(
        (info.congestion_window, info.slow_start_threshold),
        (1_000, 5_000)
    );
}

/// Text that is written while something is lost waits its turn.
#[test]
fn new_text_waits_behind_what_is_lost() {
    let mut setup = Setup::default().rtt(ms(100));
    setup.config.f_rto = false;
    let mut script = Script::established(&setup);
    script.write(2_000);
    script.expect_bytes(1, 2_001);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.write(1_000);
    script.expect_nothing();
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    script.expect_bytes(1_001, 3_001);
}

// ---- giving up ----

/// RFC 9293 MUST-20: R1 tells the application, R2 ends the connection.
#[test]
fn r1_and_r2() {
    let setup = Setup::default()
        .rtt(ms(100))
        .config(|c| c.user_timeout = Some(secs(100)));
    let mut script = Script::established(&setup);
    script.write(1_000);
    script.after(ms(300 + 600));
    script.expect_events(&[]);
    assert!(!script.connection.take_advice_against_path());
    script.after(ms(1_200));
    script.expect_events(&[Event::SoftError]);
    script.expect_state(Established);
    // The layers below hear of each timeout from R1 on.
    assert!(script.connection.take_advice_against_path());
    assert!(!script.connection.take_advice_against_path());
    script.after(ms(2_400));
    assert!(script.connection.take_advice_against_path());
    script.after(secs(100) - ms(4_500) - ms(1));
    script.expect_state(Established);
    script.after(ms(1));
    script.expect_closed(CloseReason::TimedOut);
    script.expect_events(&[Event::Readable, Event::Writable, Event::Closed]);
}

/// Progress starts R2 anew: it measures silence, not the age of a transfer.
#[test]
fn progress_restarts_r2() {
    let setup = Setup::default()
        .rtt(ms(100))
        .config(|c| c.user_timeout = Some(secs(10)));
    let mut script = Script::established(&setup);
    script.write(10_000);
    for acked in 1..10 {
        script.after(secs(9));
        script.inject(&format!(". 1:1(0) ack {}", 1 + 1_000 * acked));
        script.expect_state(Established);
    }
    script.after(secs(10));
    script.expect_closed(CloseReason::TimedOut);
}

/// The default is about as long as Linux' fifteen retransmissions; `None` never gives up.
#[test]
fn the_user_timeout_can_be_long_or_off() {
    let mut script = with_segments_out(1);
    script.after(secs(923));
    script.expect_state(Established);
    script.after(secs(2));
    script.expect_closed(CloseReason::TimedOut);
    let mut script = Script::established(&Setup::default().config(|c| c.user_timeout = None));
    script.write(1_000);
    script.after(secs(100_000));
    script.expect_state(Established);
}

/// Time without anything to acknowledge does not count.
#[test]
fn an_idle_time_does_not_count_for_r2() {
    let mut script = with_segments_out(1);
    script.inject(". 1:1(0) ack 1001");
    script.after(secs(100_000));
    script.write(1_000);
    script.expect("P. 1001:2001(1000)");
    script.after(secs(900));
    script.expect_state(Established);
}

// ---- fast retransmit and fast recovery ----

/// RFC 5681 3.2: the third duplicate, not the second.
#[test]
fn the_third_duplicate_ack_resends_the_first_segment() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    for _ in 0..2 {
        script.inject(". 1:1(0) ack 1");
        script.expect_nothing();
    }
    script.inject(". 1:1(0) ack 1");
    let again = script.expect(". 1:1001(1000) ack 1");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::DuplicateAcks));
    script.expect_nothing();
    let info = script.connection.info();
    assert_eq!((info.slow_start_threshold, info.duplicate_acks), (5_000, 3));
    // Recovered: half the window is left, and nothing more is sent again.
    script.after(ms(100));
    script.inject(". 1:1(0) ack 10001");
    assert!(script.connection.info().congestion_window <= 5_000);
    assert_eq!(script.connection.info().retransmissions, 1);
    script.expect_nothing_for(secs(100));
}

/// What is a duplicate ACK (RFC 5681 section 2): something is out, no text, no FIN, the same ACK,
/// the same window.
#[test]
fn only_true_duplicates_count() {
    for (name, others) in [
        (
            "text",
            [
                "P. 1:11(10) ack 1",
                "P. 11:21(10) ack 1",
                "P. 21:31(10) ack 1",
            ],
        ),
        (
            "window",
            [
                ". 1:1(0) ack 1 win 50000",
                ". 1:1(0) ack 1 win 50001",
                ". 1:1(0) ack 1 win 5",
            ],
        ),
        (
            "older",
            [". 1:1(0) ack 0", ". 1:1(0) ack 0", ". 1:1(0) ack 0"],
        ),
    ] {
        let mut script = with_segments_out(5);
        for other in others {
            script.inject(other);
        }
        assert_eq!(script.connection.info().retransmissions, 0, "{name}");
        assert_eq!(script.connection.info().duplicate_acks, 0, "{name}");
    }
    // Nothing is out.
    let mut script = established();
    for _ in 0..5 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect_nothing();
    assert_eq!(script.connection.info().duplicate_acks, 0);
}

/// Two duplicates and then progress: that was reordering.
#[test]
fn reordering_of_two_resends_nothing() {
    let mut script = with_segments_out(10);
    for acked in (1..5_000).step_by(1_000) {
        for _ in 0..2 {
            script.inject(&format!(". 1:1(0) ack {acked}"));
        }
        script.inject(&format!(". 1:1(0) ack {}", acked + 1_000));
    }
    script.expect_nothing();
    assert_eq!(script.connection.info().retransmissions, 0);
}

/// RFC 5681 3.2 step 4 and 5: each further duplicate means a segment that left the network.
#[test]
fn further_duplicates_let_new_text_go() {
    let mut script = with_segments_out(20);
    // RFC 3042: the first two let one new segment go each.
    for from in [10_001, 11_001] {
        script.inject(". 1:1(0) ack 1");
        script.expect(&format!(". {from}:{}(1000)", from + 1_000));
    }
    script.inject(". 1:1(0) ack 1");
    script.expect(". 1:1001(1000)");
    // RFC 9937: from here on the threshold over the flight, half a segment for each.
    let mut sent = 0;
    for _ in 4..=9 {
        script.inject(". 1:1(0) ack 1");
        sent += script.sent().len();
    }
    assert!((2..=4).contains(&sent), "{sent}");
}

/// RFC 6582 3.2 step 3: a partial ACK resends the next hole at once; the full ACK ends it.
#[test]
fn partial_acks_resend_one_hole_after_the_other() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect(". 1:1001(1000)");
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect_nothing();
    for hole in [3_001, 6_001, 8_001] {
        script.after(ms(100));
        script.inject(&format!(". 1:1(0) ack {hole}"));
        let again = script.expect(&format!(". {hole}:{}(1000)", hole + 1_000));
        assert_eq!(again.cause, Cause::FastRetransmit(Proof::PartialAck));
        script.expect_nothing();
    }
    script.inject(". 1:1(0) ack 10001");
    script.expect_nothing();
    let info = script.connection.info();
    assert_eq!((info.retransmissions, info.timeouts), (4, 0));
    // RFC 9937 section 6: the window ends at the threshold.
    assert_eq!(info.congestion_window, info.slow_start_threshold);
}

/// RFC 6582 3.2 step 1: duplicates of what was resent after a timeout start no fast retransmit.
#[test]
fn duplicates_after_a_timeout_start_nothing() {
    let mut script = with_segments_out(10);
    script.expect_after(ms(300), ". 1:1001(1000)");
    for _ in 0..6 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect_nothing();
    assert_eq!(script.connection.info().retransmissions, 1);
}

/// The resent segment is lost as well: the timer is the last resort.
#[test]
fn a_lost_fast_retransmission_waits_for_the_timer() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect(". 1:1001(1000)");
    script.after(secs(1));
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::TimeoutRetransmit(1));
}

/// With SACK on both sides a duplicate with a block counts even when the window moved.
#[test]
fn duplicates_with_sack_blocks_count() {
    let mut script = Script::established(&Setup::sack().rtt(ms(100)));
    script.write(5_000);
    script.sent();
    for (index, window) in [50_000, 50_100, 50_200].into_iter().enumerate() {
        let end = 2_001 + 1_000 * index;
        script.inject(&format!(". 1:1(0) ack 1 win {window} <sack 1001:{end}>"));
    }
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::Lateness));
}

// ---- slow start, and the window that bounds it ----

#[test]
fn slow_start_doubles_with_each_round() {
    let mut script = established();
    script.write(60_000);
    let (mut acked, mut counts) = (1, Vec::new());
    for _ in 0..3 {
        let sent = script.sent();
        counts.push(sent.len());
        script.after(ms(100));
        for _ in sent {
            acked += 1_000;
            script.inject(&format!(". 1:1(0) ack {acked}"));
        }
    }
    assert_eq!(counts, [10, 20, 30]);
}

// ---- the path ----

/// RFC 1191 6.4: segments that were too large are sent again at once, smaller; nothing was lost
/// to congestion.
#[test]
fn a_smaller_path_resends_in_smaller_segments() {
    let mut script = with_segments_out(3);
    let path = Path {
        receive_mss: 1_000,
        send_mss: 600,
        default_mss: 536,
        max_gso: 0,
    };
    script.verb("path MTU", |connection, cx| connection.on_path(cx, path));
    let first = script.expect(". 1:601(600)");
    assert_eq!((first.cause, first.segment_len), (Cause::Resend, 600));
    script.expect_bytes(601, 3_001);
    script.expect_nothing();
    let info = script.connection.info();
    assert_eq!(
        (info.slow_start_threshold, info.effective_mss),
        (u64::MAX, 600)
    );
    // A larger path changes nothing about what is out.
    let path = Path {
        send_mss: 1_000,
        ..path
    };
    script.verb("path MTU", |connection, cx| connection.on_path(cx, path));
    script.expect_nothing();
}

/// Segments that grow during a recovery must not leave a congestion window of less than one:
/// nothing would be in flight, and nothing would ever go.
#[test]
fn a_larger_path_leaves_room_for_a_segment() {
    let path = |send_mss| Path {
        receive_mss: 1_000,
        send_mss,
        default_mss: 536,
        max_gso: 0,
    };
    let mut script = established();
    script.verb("path MTU", |connection, cx| {
        connection.on_path(cx, path(100));
    });
    script.write(400);
    assert_eq!(script.sent().len(), 4);
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.expect(". 1:101(100)");
    script.verb("path MTU", |connection, cx| {
        connection.on_path(cx, path(1_000));
    });
    script.inject(". 1:1(0) ack 401");
    script.write(500);
    script.expect("P. 401:901(500)");
}
