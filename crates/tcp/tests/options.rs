//! What the application may choose while the connection lives: linger, segment size, keep-alive,
//! user timeout, FIN-WAIT-2, the IP fields; and errors that end nothing.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_tcp::State::{Established, FinWait2};
use handfast_tcp::{CloseReason, Event, IcmpError, SoftError};

// ---- linger ----

/// Zero: what was not delivered is dropped, and the peer gets a RST.
#[test]
fn a_linger_of_zero_resets() {
    let mut script = Script::established(&Setup::default());
    script.verb("linger 0", |connection, _| {
        connection.set_linger(Some(secs(0)));
    });
    script.write(1_000);
    script.expect("P. 1:1001(1000)");
    script.close();
    script.expect("R 1001:1001(0)");
    script.expect_closed(CloseReason::Aborted);
}

/// Any other: closing delivers, and tells who waits.
#[test]
fn a_positive_linger_delivers_and_tells() {
    let mut script = Script::established(&Setup::default());
    script.verb("linger", |connection, _| {
        connection.set_linger(Some(secs(5)));
    });
    script.write(1_000);
    script.expect("P. 1:1001(1000)");
    script.shutdown();
    script.expect("F. 1001:1001(0)");
    script.verb("wait", |connection, _| {
        assert!(!connection.wait_delivered());
    });
    // Room is told to whoever waits; delivery is more.
    script.inject(". 1:1(0) ack 1001");
    script.expect_events(&[Event::Writable]);
    script.verb("wait", |connection, _| {
        assert!(!connection.wait_delivered());
    });
    script.inject(". 1:1(0) ack 1002");
    script.expect_events(&[Event::Writable]);
    script.verb("wait", |connection, _| {
        assert!(connection.wait_delivered());
    });
    script.close();
    script.expect_nothing();
    script.expect_state(FinWait2);
}

/// Delivery that will never be is not waited for.
#[test]
fn a_reset_ends_the_wait_for_delivery() {
    let mut script = Script::established(&Setup::default());
    script.shutdown();
    script.verb("wait", |connection, _| {
        assert!(!connection.wait_delivered());
    });
    script.inject("R 1:1(0)");
    script.verb("wait", |connection, _| {
        assert!(connection.wait_delivered());
    });
}

// ---- segments ----

#[test]
fn a_clamp_limits_what_is_announced_and_what_is_used() {
    let setup = Setup::default().config(|config| config.mss_clamp = Some(700));
    let mut script = Script::connect(&setup);
    script.expect("S 0:0(0) <mss 700>");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect(". 1:1(0) ack 1");
    script.write(1_000);
    script.expect(". 1:701(700)");
    let mut script = Script::accept(&setup, "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1 <mss 700>");
    // A peer that takes less still rules (RFC 9293 MUST-16).
    script.inject(". 1:1(0) ack 1");
    let mut script = Script::connect(&setup);
    script.inject("S. 0:0(0) ack 1 <mss 600>");
    assert_eq!(script.connection.max_segment(), 600);
}

#[test]
fn segments_can_be_made_smaller_at_run_time() {
    let mut script = Script::established(&Setup::default());
    script.verb("300", |connection, _| connection.set_max_segment(Some(300)));
    script.write(400);
    script.expect(". 1:301(300)");
    script.expect("P. 301:401(100)");
    script.verb("free", |connection, _| connection.set_max_segment(None));
    assert_eq!(script.connection.max_segment(), 1_000);
    // Below 48 bytes it is an attack on ourselves.
    script.verb("1", |connection, _| connection.set_max_segment(Some(1)));
    assert_eq!(script.connection.max_segment(), 48);
}

// ---- timers ----

/// RFC 9293 MUST-24, MUST-28: switched on and off for each connection.
#[test]
fn keep_alive_is_set_at_run_time() {
    let mut script = Script::established(&Setup::default());
    script.expect_nothing_for(secs(10_000));
    script.verb("keep alive", |connection, cx| {
        connection.set_keep_alive(cx, Some(secs(10)));
        connection.set_keep_alive_interval(secs(3));
        connection.set_keep_alive_probes(2);
    });
    let probe = script.expect_after(secs(10), ". 0:0(0) ack 1");
    assert_eq!(probe.cause, Cause::KeepAlive);
    script.expect_after(secs(3), ". 0:0(0) ack 1");
    script.after(secs(3));
    script.expect_closed(CloseReason::KeepAliveTimedOut);
    // And off again.
    let setup = Setup::default().config(|config| config.keep_alive = Some(secs(10)));
    let mut script = Script::established(&setup);
    script.verb("no keep alive", |connection, cx| {
        connection.set_keep_alive(cx, None);
    });
    script.expect_nothing_for(secs(10_000));
}

/// RFC 9293 MAY-6: for peers that do not answer an empty probe.
#[test]
fn a_keep_alive_probe_may_carry_an_octet() {
    let setup = Setup::default().config(|config| {
        config.keep_alive = Some(secs(10));
        config.keep_alive_garbage = true;
    });
    let mut script = Script::established(&setup);
    script.after(secs(10));
    let [probe] = &script.sent()[..] else {
        panic!("one probe");
    };
    assert_eq!(probe.seq.0, script.iss);
    assert_eq!(probe.payload.len(), 1);
    script.inject(". 1:1(0) ack 1");
    script.expect_state(Established);
}

/// RFC 9293 MUST-21: the application may set R2; it counts from the last progress.
#[test]
fn the_user_timeout_is_set_at_run_time() {
    let mut script = Script::established(&Setup::default());
    script.write(10);
    script.expect("P. 1:11(10)");
    script.after(secs(3));
    script.verb("timeout", |connection, _| {
        connection.set_user_timeout(Some(secs(5)));
    });
    script.after(ms(1_999));
    script.sent();
    script.expect_state(Established);
    script.after(ms(1));
    script.expect_closed(CloseReason::TimedOut);
}

#[test]
fn fin_wait_2_is_set_at_run_time() {
    let mut script = Script::established(&Setup::default());
    script.verb("short", |connection, _| connection.set_fin_wait_2(secs(3)));
    script.close();
    script.expect("F. 1:1(0) ack 1");
    script.inject(". 1:1(0) ack 2");
    script.expect_nothing_for(ms(2_999));
    script.expect_state(FinWait2);
    script.after(ms(1));
    script.expect_closed(CloseReason::TimedOut);
}

// ---- the IP header ----

/// RFC 9293 MUST-48, MUST-49, SHLD-21: chosen by the application, also while the connection lives,
/// for every segment of it.
#[test]
fn ip_fields_are_what_the_application_says() {
    let setup = Setup::default().config(|config| {
        (config.dscp, config.hop_limit) = (46, 12);
    });
    let mut script = Script::connect(&setup);
    let syn = script.expect("S 0:0(0)");
    assert_eq!((syn.dscp, syn.hop_limit), (46, 12));
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    let ack = script.expect(". 1:1(0) ack 1");
    assert_eq!((ack.dscp, ack.hop_limit), (46, 12));
    script.verb("others", |connection, _| {
        connection.set_dscp(8);
        connection.set_hop_limit(200);
    });
    script.write(10);
    let text = script.expect("P. 1:11(10)");
    assert_eq!((text.dscp, text.hop_limit), (8, 200));
    script.verb("out of range", |connection, _| {
        connection.set_dscp(255);
        connection.set_hop_limit(0);
    });
    script.abort();
    let reset = script.expect("R 11:11(0)");
    assert_eq!((reset.dscp, reset.hop_limit), (63, 1));
}

// ---- errors that end nothing ----

/// RFC 9293 MUST-47: reported, once each.
#[test]
fn soft_errors_can_be_asked_for() {
    let mut script = Script::established(&Setup::default());
    script.write(10);
    script.expect("P. 1:11(10)");
    let seq = handfast_packet::tcp::SeqNumber(script.iss.wrapping_add(1));
    for error in [IcmpError::Soft, IcmpError::Hard] {
        script.verb("icmp", |connection, cx| {
            connection.on_icmp(cx, error, seq);
            assert_eq!(connection.take_soft_error(), Some(SoftError::Icmp(error)));
            assert_eq!(connection.take_soft_error(), None);
        });
        script.expect_events(&[Event::SoftError]);
    }
    script.after(secs(20));
    script.sent();
    assert_eq!(
        script.connection.take_soft_error(),
        Some(SoftError::NoAnswer)
    );
}

/// SHLD-20: an application that does not want to hear of them does not.
#[test]
fn soft_errors_can_be_switched_off() {
    let mut script = Script::established(&Setup::default());
    script.verb("quiet", |connection, _| connection.set_soft_errors(false));
    script.write(10);
    script.expect("P. 1:11(10)");
    let seq = handfast_packet::tcp::SeqNumber(script.iss.wrapping_add(1));
    script.verb("icmp", |connection, cx| {
        connection.on_icmp(cx, IcmpError::Soft, seq);
    });
    script.expect_events(&[]);
    assert_eq!(script.connection.take_soft_error(), None);
}
