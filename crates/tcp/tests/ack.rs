//! When we acknowledge: at once, later, together (RFC 5681 4.2; RFC 9293 3.8.6.3, 3.10.7.4).

mod common;

use common::{Script, Setup, ms};
use handfast_packet::cause::Cause;

#[test]
fn a_single_segment_is_acknowledged_after_the_delay() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:1001(1000) ack 1");
    let ack = script.expect_after(ms(40), ". 1:1(0) ack 1001");
    assert_eq!(ack.cause, Cause::DelayedAck);
    script.expect_nothing_for(ms(1_000));
}

/// RFC 9293 MUST-40: less than half a second, also with the longest delay that may be configured.
#[test]
fn the_delay_is_what_the_config_says() {
    let setup = Setup::default().config(|config| config.delayed_ack = ms(400));
    let mut script = Script::established(&setup);
    script.inject("P. 1:11(10) ack 1");
    script.expect_after(ms(400), ". 1:1(0) ack 11");
}

/// The delay counts from the first unacknowledged segment.
#[test]
fn further_small_segments_do_not_prolong_the_delay() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.expect_nothing_for(ms(30));
    script.inject("P. 11:21(10) ack 1");
    script.expect_after(ms(10), ". 1:1(0) ack 21");
    // And it begins anew for the next one.
    script.inject("P. 21:31(10) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 31");
}

/// RFC 9293 SHLD-19: an ACK for at least every second full segment.
#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut script = Script::established(&Setup::default());
    for pair in 0..5 {
        let from = 1 + 2_000 * pair;
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
        script.expect_nothing();
        script.inject(&format!(". {}:{}(1000) ack 1", from + 1_000, from + 2_000));
        let ack = script.expect(&format!(". 1:1(0) ack {}", from + 2_000));
        assert_eq!(ack.cause, Cause::Ack);
    }
}

/// RFC 9293 MUST-58, MUST-59: a batch is processed whole before its one ACK leaves.
#[test]
fn a_batch_gets_one_ack() {
    let mut script = Script::established(&Setup::default());
    let texts: Vec<_> = (0..10)
        .map(|i| format!(". {}:{}(1000) ack 1", 1 + 1_000 * i, 1_001 + 1_000 * i))
        .collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    script.inject_batch(&texts);
    script.expect(". 1:1(0) ack 10001");
    script.expect_nothing_for(ms(1_000));
}

/// RFC 9293 MUST-60 in spirit: our own text carries the ACK.
#[test]
fn an_ack_rides_on_text() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.write(5);
    script.expect("P. 1:6(5) ack 11");
    script.inject(". 11:11(0) ack 6");
    script.expect_nothing_for(ms(1_000));
    let mut script = Script::established(&Setup::default());
    script.verb("write, then text arrives", |connection, cx| {
        connection
            .write(cx, &common::text_at(1, 1_000))
            .expect("there is room");
    });
    script.expect("P. 1:1001(1000) ack 1");
}

#[test]
fn pure_acks_are_never_acknowledged() {
    let mut script = Script::established(&Setup::default());
    script.write(1_000);
    script.expect("P. 1:1001(1000)");
    for inject in [
        ". 1:1(0) ack 1001",
        ". 1:1(0) ack 1001",
        ". 1:1(0) ack 1001 win 777",
    ] {
        script.inject(inject);
        script.expect_nothing_for(ms(1_000));
    }
}

/// RFC 5681 4.2: text out of order is acknowledged at once, and each segment for itself, since
/// the peer counts to three.
#[test]
fn each_segment_behind_a_hole_gets_a_duplicate_ack() {
    let mut script = Script::established(&Setup::default());
    for from in [1_001, 2_001, 3_001] {
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
        let ack = script.expect(". 1:1(0) ack 1 win 20000");
        assert_eq!(ack.cause, Cause::DuplicateAck);
    }
    // Also when they come in one batch.
    let mut script = Script::established(&Setup::default());
    script.inject_batch(&[
        ". 1001:2001(1000) ack 1",
        ". 2001:3001(1000) ack 1",
        ". 3001:4001(1000) ack 1",
    ]);
    for _ in 0..3 {
        script.expect(". 1:1(0) ack 1 win 20000");
    }
    script.expect_nothing_for(ms(1_000));
    assert_eq!(script.connection.info().out_of_order, 3);
}

/// A duplicate ACK must be a bare ACK, or it does not count: text waits behind it.
#[test]
fn duplicate_acks_do_not_ride_on_text() {
    let mut script = Script::established(&Setup::default());
    script.verb("early text and a write", |connection, cx| {
        connection
            .write(cx, &common::text_at(1, 10))
            .expect("there is room");
    });
    script.expect("P. 1:11(10)");
    script.inject(". 1001:2001(1000) ack 11");
    script.expect(". 11:11(0) ack 1");
}

/// RFC 5681 4.2: a segment that fills a hole, in all or in part, is acknowledged at once.
#[test]
fn filling_a_hole_is_acknowledged_at_once() {
    let mut script = Script::established(&Setup::default());
    script.inject(". 2001:3001(1000) ack 1");
    script.expect(". 1:1(0) ack 1");
    script.inject(". 1:501(500) ack 1");
    script.expect(". 1:1(0) ack 501");
    script.inject(". 501:2001(1500) ack 1");
    script.expect(". 1:1(0) ack 3001");
    // The next one in order may wait again.
    script.inject("P. 3001:3101(100) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 3101");
}

#[test]
fn text_that_is_here_already_is_acknowledged_at_once() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:1001(1000) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 1001");
    script.inject("P. 1:1001(1000) ack 1");
    let ack = script.expect(". 1:1(0) ack 1001");
    assert_eq!(ack.cause, Cause::DuplicateData);
    script.expect_nothing_for(ms(1_000));
}

#[test]
fn a_fin_is_acknowledged_at_once() {
    let mut script = Script::established(&Setup::default());
    script.inject("F. 1:1(0) ack 1");
    script.expect(". 1:1(0) ack 2");
    script.expect_nothing_for(ms(1_000));
}

/// The peer's segments are smaller than our MSS: still every second of them, once we know.
#[test]
fn the_peers_segment_size_is_learnt() {
    let mut script = Script::established(&Setup::default());
    let mut acks = 0;
    for index in 0..100 {
        let from = 1 + 600 * index;
        script.inject(&format!(". {from}:{}(600) ack 1", from + 600));
        acks += script.sent().len();
        script.read(600);
        acks += script.sent().len();
    }
    assert!((40..=60).contains(&acks), "{acks} ACKs for 100 segments");
}

/// Nothing that was received stays unacknowledged, whatever its size.
#[test]
fn every_byte_is_acknowledged_in_time() {
    let mut script = Script::established(&Setup::default());
    let mut from = 1;
    for len in [1, 7, 999, 1_000, 3, 535, 536, 537, 1_000, 1_000, 1] {
        script.inject(&format!("P. {from}:{}({len}) ack 1", from + len));
        from += len;
        script.after(ms(40));
        let last = script.sent().pop().expect("an ACK within the delay");
        assert!(
            script.is_as_expected(&last, &format!(". 1:1(0) ack {from}")),
            "after {len}"
        );
    }
}
