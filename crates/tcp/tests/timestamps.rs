//! Timestamps: the option on every segment, PAWS, and round-trip measurement (RFC 7323).

mod common;

use common::{Script, Setup, ms, secs};
use handfast_tcp::State::{Closed, Established};

/// RFC 7323 3.2: on every segment once negotiated, echoing TS.Recent.
#[test]
fn every_segment_carries_them() {
    let mut script = Script::established(&Setup::timestamps());
    script.after(ms(25));
    script.write(100);
    script.expect("P. 1:101(100) ack 1 <TS val 100025 ecr 1000>");
    script.inject("P. 1:11(10) ack 101 <TS val 1030 ecr 100025>");
    script.expect_after(ms(40), ". 101:101(0) ack 11 <TS val 100065 ecr 1030>");
    script.shutdown();
    script.expect("F. 101:101(0) ack 11 <TS val 100065 ecr 1030>");
    // Text of a full segment leaves room for the option: 1012 - 12.
    assert_eq!(script.connection.info().effective_mss, 1_000);
}

#[test]
fn without_negotiation_there_are_none_and_none_are_needed() {
    for setup in [
        Setup::timestamps().options("mss 1000"),
        Setup::default().options("mss 1000,TS val 1000 ecr 0"),
    ] {
        let mut script = Script::established(&setup);
        script.inject("P. 1:11(10) ack 1 <TS val 5 ecr 0>");
        script.inject("P. 11:21(10) ack 1");
        script.read(20);
        script.expect_after(ms(40), ". 1:1(0) ack 21 <>");
    }
}

/// RFC 7323 3.2: a segment without them is dropped, silently; a RST is not.
#[test]
fn segments_without_them_are_dropped() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject("P. 1:11(10) ack 1");
    script.expect_nothing_for(secs(1));
    assert_eq!(script.connection.readable(), 0);
    script.expect_state(Established);
    script.inject("R 1:1(0)");
    script.expect_state(Closed);
}

/// RFC 5961 4.2: a SYN on an open connection is challenged and dropped, so that its timestamp is
/// not remembered: else a forged one would make all segments of the peer look old.
#[test]
fn a_challenged_syn_says_nothing_about_time() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject("S 1:1(0) <mss 1000,TS val 900000 ecr 0>");
    script.expect(". 1:1(0) ack 1 <TS val 100000 ecr 1000>");
    script.inject("P. 1:11(10) ack 1 <TS val 1001 ecr 100000>");
    script.read(10);
    script.expect_after(ms(40), ". 1:1(0) ack 11 <TS val 100040 ecr 1001>");
}

/// RFC 5961 5.2: neither does what has an ACK of text that was never sent, or none at all.
#[test]
fn a_segment_whose_ack_is_refused_says_nothing_about_time() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject("P. 1:11(10) ack 2 <TS val 900000 ecr 0>");
    script.expect(". 1:1(0) ack 1 <TS val 100000 ecr 1000>");
    script.inject("P 1:11(10) <TS val 900000 ecr 0>");
    script.inject("P. 1:11(10) ack 1 <TS val 1001 ecr 100000>");
    script.read(10);
    script.expect_after(ms(40), ". 1:1(0) ack 11 <TS val 100040 ecr 1001>");
}

/// RFC 7323 5.3: an old timestamp means an old segment, whatever its numbers say: an ACK, and
/// nothing else of it counts.
#[test]
fn paws_rejects_old_segments() {
    for (value, accepted) in [
        (1_000_u32, true),
        (1_001, true),
        (999, false),
        (1_000 + (1 << 31) - 1, true),
        (1_000 + (1 << 31), true),
        (1_001 + (1 << 31), false),
        (0, false),
        (u32::MAX, false),
    ] {
        let mut script = Script::established(&Setup::timestamps());
        script.inject(&format!("P. 1:11(10) ack 1 <TS val {value} ecr 0>"));
        assert_eq!(script.connection.readable() > 0, accepted, "TSval {value}");
        if !accepted {
            script.expect(". 1:1(0) ack 1 <TS val 100000 ecr 1000>");
        }
    }
}

#[test]
fn paws_rejects_old_acks_fins_and_syns_but_no_resets() {
    let mut script = Script::established(&Setup::timestamps());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.inject(". 1:1(0) ack 101 <TS val 999 ecr 0>");
    assert_eq!(script.connection.info().bytes_acked, 0);
    script.expect(". 101:101(0) ack 1");
    script.inject("F. 1:1(0) ack 101 <TS val 999 ecr 0>");
    script.expect(". 101:101(0) ack 1");
    script.expect_state(Established);
    script.inject("R 1:1(0) <TS val 5 ecr 0>");
    script.expect_state(Closed);
}

/// The circle of timestamps wraps every 25 to 50 days.
#[test]
fn timestamps_wrap() {
    let setup = Setup::timestamps().options("mss 1012,TS val 4294967290 ecr 0");
    let mut script = Script::established(&setup);
    script.inject("P. 1:11(10) ack 1 <TS val 3 ecr 0>");
    script.read(10);
    script.expect_after(ms(40), ". 1:1(0) ack 11 <TS val 100040 ecr 3>");
    script.inject("P. 11:21(10) ack 1 <TS val 4294967290 ecr 0>");
    script.expect(". 1:1(0) ack 11");
    assert_eq!(script.connection.readable(), 0);
}

/// RFC 7323 5.5: after 24 days of silence TS.Recent proves nothing.
#[test]
fn an_idle_connection_forgets_ts_recent() {
    let mut script = Script::established(&Setup::timestamps());
    script.after(secs(24 * 86_400 - 1));
    script.inject("P. 1:11(10) ack 1 <TS val 900 ecr 0>");
    assert_eq!(script.connection.readable(), 0);
    script.sent();
    script.after(secs(2));
    script.inject("P. 1:11(10) ack 1 <TS val 900 ecr 0>");
    script.read(10);
    script.expect_after(ms(40), ". 1:1(0) ack 11 <TS val 2073701040 ecr 900>");
}

/// RFC 7323 4.3, case (A): a delayed ACK echoes the oldest segment that it covers.
#[test]
fn a_delayed_ack_echoes_the_first_segment() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject(". 1:1001(1000) ack 1 <TS val 2001 ecr 0>");
    script.inject(". 1001:2001(1000) ack 1 <TS val 2002 ecr 0>");
    script.expect(". 1:1(0) ack 2001 <TS val 100000 ecr 2001>");
    script.inject(". 2001:3001(1000) ack 1 <TS val 2003 ecr 0>");
    script.inject(". 3001:4001(1000) ack 1 <TS val 2004 ecr 0>");
    script.expect(". 1:1(0) ack 4001 <TS val 100000 ecr 2003>");
}

/// RFC 7323 4.3, case (B): beyond a hole nothing is echoed; the segment that fills it is.
#[test]
fn beyond_a_hole_the_last_good_segment_is_echoed() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject(". 1:101(100) ack 1 <TS val 2001 ecr 0>");
    script.expect_after(ms(40), ". 1:1(0) ack 101 <TS val 100040 ecr 2001>");
    script.inject(". 201:301(100) ack 1 <TS val 2003 ecr 0>");
    script.expect(". 1:1(0) ack 101 <TS val 100040 ecr 2001>");
    script.inject(". 401:501(100) ack 1 <TS val 2005 ecr 0>");
    script.expect(". 1:1(0) ack 101 <TS val 100040 ecr 2001>");
    script.inject(". 101:201(100) ack 1 <TS val 2002 ecr 0>");
    script.expect(". 1:1(0) ack 301 <TS val 100040 ecr 2002>");
    script.inject(". 301:401(100) ack 1 <TS val 2004 ecr 0>");
    script.expect(". 1:1(0) ack 501 <TS val 100040 ecr 2004>");
}

/// RFC 7323 4.1, RFC 6298 section 3: with timestamps even a resent segment gives a sample.
#[test]
fn a_resent_segment_gives_a_sample() {
    let mut script = Script::established(&Setup::timestamps().rtt(ms(100)));
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
    script.write(500);
    script.expect("P. 1:501(500) ack 1 <TS val 100100 ecr 1000>");
    script.expect_after(ms(300), "P. 1:501(500) ack 1 <TS val 100400 ecr 1000>");
    script.after(ms(180));
    // The echo says: this is the ACK of the second copy.
    script.inject(". 1:1(0) ack 501 <TS val 1200 ecr 100400>");
    let info = script.connection.info();
    assert_eq!(info.srtt, Some(ms(110)));
    assert_eq!(info.rto, ms(110 + 4 * 57 + 2), "the back-off is over");
}

/// Echoes that cannot be ours give no sample.
#[test]
fn a_false_echo_gives_no_sample() {
    let mut script = Script::established(&Setup::timestamps().rtt(ms(100)));
    script.write(500);
    script.expect("P. 1:501(500)");
    script.expect_after(ms(300), "P. 1:501(500)");
    script.inject(". 1:1(0) ack 501 <TS val 1200 ecr 999999>");
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
}

/// The time of arrival at the device counts, not the time of processing.
#[test]
fn samples_use_the_time_of_arrival() {
    let mut script = Script::established(&Setup::default().rtt(ms(100)));
    script.write(500);
    script.expect("P. 1:501(500)");
    script.after(ms(100));
    let ack = script.segment(". 1:1(0) ack 501");
    script.after(ms(50));
    script.inject_segment(ack);
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
}
