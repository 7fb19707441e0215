//! Reordering seen without SACK: an echoed timestamp shows that what was resent was late, not lost
//! (RFC 3522), and how many duplicate ACKs mean a loss from then on. With SACK the time decides;
//! see `recovery`.

mod common;

use common::{Script, Setup, ms};
use handfast_packet::cause::{Cause, Proof};

/// Timestamps, no SACK, a round trip of 100 ms, ten segments of 1,000 bytes out.
fn ten_out() -> Script {
    let setup = Setup::timestamps().rtt(ms(100));
    let mut script = Script::established(&setup);
    script.write(10_000);
    script.expect_bytes(1, 10_001);
    script
}

/// `count` duplicates of the ACK `ack`, of which all but the last lead to nothing.
fn duplicates(script: &mut Script, ack: u32, echo: u32, count: usize) {
    for index in 1..=count {
        script.inject(&format!(". 1:1(0) ack {ack} <TS val 1001 ecr {echo}>"));
        if index < count {
            script.expect_nothing();
        }
    }
}

/// A hole was resent, and its original arrived behind three others.
fn late() -> Script {
    let mut script = ten_out();
    script.after(ms(100));
    duplicates(&mut script, 1, 100_100, 3);
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::DuplicateAcks));
    script.inject(". 1:1(0) ack 6001 <TS val 1001 ecr 100100>");
    script
}

/// On that path five duplicates tell of another hole.
fn late_again() -> Script {
    let mut script = late();
    script.inject(". 1:1(0) ack 10001 <TS val 1001 ecr 100100>");
    script.write(10_000);
    script.expect_bytes(10_001, 20_001);
    script.after(ms(100));
    duplicates(&mut script, 10_001, 100_200, 5);
    script
}

/// RFC 3522: the ACK is for the original, so the next hole is none either. RFC 6582 alone would
/// resend a segment for each ACK of the flight.
#[test]
fn an_ack_for_an_original_makes_no_further_segment_a_loss() {
    let mut script = late();
    script.expect_nothing();
    for ack in [8_001, 10_001] {
        script.inject(&format!(". 1:1(0) ack {ack} <TS val 1001 ecr 100100>"));
        script.expect_nothing();
    }
    let info = script.connection.info();
    assert_eq!(info.retransmissions, 1);
    assert_eq!(info.slow_start_threshold, u64::MAX, "{info:?}");
}

/// An ACK for the second copy proves nothing, and the next hole is a loss (RFC 6582 3.2 step 3).
#[test]
fn an_ack_for_a_copy_makes_the_next_segment_a_loss() {
    let mut script = ten_out();
    script.after(ms(100));
    duplicates(&mut script, 1, 100_100, 3);
    script.expect(". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 6001 <TS val 1001 ecr 100200>");
    script.expect(". 6001:7001(1000)");
}

/// Who reorders gets the reordering window before a third duplicate means a loss.
#[test]
fn a_path_that_reorders_without_sack_gets_the_reordering_window() {
    let mut script = late_again();
    script.expect_nothing_for(ms(24));
    script.after(ms(1));
    script.expect(". 10001:11001(1000)");
    assert!(script.connection.tcp_info(script.now).reordering > 3);
}

/// RFC 3042: while more duplicates are waited for, no more than two segments beyond the window are
/// out.
#[test]
fn patience_sends_no_more_than_limited_transmit() {
    let mut script = late();
    script.inject(". 1:1(0) ack 10001 <TS val 1001 ecr 100100>");
    script.write(60_000);
    let mut out = 1_000 * script.sent().len() as u64;
    assert!(out >= 10_000, "{out} bytes");
    script.after(ms(100));
    for _ in 0..4 {
        script.inject(". 1:1(0) ack 10001 <TS val 1001 ecr 100200>");
        out += 1_000 * script.sent().len() as u64;
        let window = script.connection.info().congestion_window;
        assert!(out <= window + 2_000, "{out} out, window {window}");
    }
}

/// PAWS (RFC 7323 5.3) would have the peer drop what left before a copy and arrives behind it, so
/// that a copy says that it left as much earlier as a segment may be late here. The round trip that
/// its echo tells is as much shorter.
#[test]
fn a_copy_on_a_path_that_reorders_is_dated_back() {
    let mut script = late_again();
    script.expect_after(ms(25), ". 10001:11001(1000) ack 1 <TS val 100300 ecr 1001>");
    script.after(ms(100));
    let before = script.connection.info().srtt;
    script.inject(". 1:1(0) ack 12001 <TS val 1001 ecr 100300>");
    assert_eq!(script.connection.info().srtt, before);
}
