//! Windows of both sides: what we may send, probes of a shut window, silly windows, Nagle, and what
//! we announce (RFC 9293 3.7.4, 3.8.6).

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_tcp::State::{Closed, Established, FinWait2};
use handfast_tcp::{CloseReason, WriteError};

// ---- the peer's window ----

#[test]
fn nothing_goes_beyond_the_window() {
    let mut script = Script::established(&Setup::default().window(3_000));
    script.write(5_000);
    for from in [1, 1_001, 2_001] {
        script.expect(&format!(". {from}:{}(1000)", from + 1_000));
    }
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1001 win 3000");
    script.expect(". 3001:4001(1000)");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1001 win 4000");
    script.expect("P. 4001:5001(1000)");
}

/// RFC 9293 3.10.7.4, fifth step: SND.WL1 and SND.WL2 keep old segments from setting the window.
#[test]
fn old_segments_do_not_set_the_window() {
    let window = |segments: &[&str]| {
        let mut script = Script::established(&Setup::default());
        script.write(4_000);
        script.inject("P. 1:101(100) ack 1 win 50000");
        script.inject(". 101:101(0) ack 2001 win 40000");
        for segment in segments {
            script.inject(segment);
        }
        script.connection.info().send_window
    };
    for (name, segments, expected) in [
        ("nothing", &[][..], 40_000),
        (
            "older number, older ACK",
            &[". 1:101(100) ack 1 win 9000"],
            40_000,
        ),
        (
            "same number, older ACK",
            &[". 101:101(0) ack 1001 win 9000"],
            40_000,
        ),
        (
            "same number, same ACK",
            &[". 101:101(0) ack 2001 win 9000"],
            9_000,
        ),
        (
            "same number, newer ACK",
            &[". 101:101(0) ack 3001 win 9000"],
            9_000,
        ),
        (
            "newer number, same ACK",
            &["P. 101:111(10) ack 2001 win 9000"],
            9_000,
        ),
        (
            "newer number, older ACK",
            &["P. 101:111(10) ack 1001 win 9000"],
            40_000,
        ),
        // A resent segment with a newer ACK is the newest, although its number is old: SND.UNA
        // moves, and the window must not move with it.
        (
            "older number, newer ACK",
            &["P. 1:151(150) ack 3001 win 9000"],
            9_000,
        ),
        (
            "outside our window",
            &[". 99999:99999(0) ack 2001 win 9000"],
            40_000,
        ),
        (
            "ACK of what was not sent",
            &[". 101:101(0) ack 9001 win 9000"],
            40_000,
        ),
    ] {
        assert_eq!(window(segments), expected, "{name}");
    }
}

/// RFC 9293 SHLD-14 is the peer's duty; MUST-34: we survive when it moves its right edge left.
#[test]
fn a_window_that_shrinks_stops_us_and_loses_nothing() {
    let mut script = Script::established(&Setup::default().rtt(ms(100)));
    script.write(6_000);
    assert_eq!(script.sent().len(), 6);
    script.write(2_000);
    assert_eq!(script.sent().len(), 2);
    script.inject(". 1:1(0) ack 2001 win 2000");
    script.expect_nothing();
    script.write(1_000);
    script.expect_nothing();
    // What lies outside now is sent again when the window takes it, no later than by a timeout.
    script.inject(". 1:1(0) ack 4001 win 0");
    script.after(secs(2));
    script.sent();
    script.inject(". 1:1(0) ack 4001 win 60000");
    script.after(secs(2));
    let sent = script.sent();
    let bytes: usize = sent.iter().map(|transmit| transmit.payload.len()).sum();
    assert!(bytes >= 1_000, "{bytes} bytes after the window opened");
    script.inject(". 1:1(0) ack 8001 win 60000");
    script.after(secs(2));
    let mut end = 0;
    for transmit in script.sent() {
        end = transmit.seq.0.wrapping_sub(script.iss) as usize + transmit.payload.len();
    }
    assert_eq!(end, 9_001);
}

// ---- probes ----

/// RFC 9293 MUST-35, MUST-36, SHLD-29, SHLD-30: first after an RTO, then with back-off, for ever
/// as long as the peer answers.
#[test]
fn a_shut_window_is_probed_with_back_off() {
    let mut script = Script::established(&Setup::default().window(0).rtt(ms(100)));
    script.write(1_000);
    let probe = script.expect_after(ms(300), ". 1:2(1) ack 1");
    assert_eq!(probe.cause, Cause::WindowProbe(1));
    let mut wait = ms(300);
    for count in 2..30_u8 {
        script.inject(". 1:1(0) ack 1 win 0");
        wait = (wait * 2).min(secs(60));
        let probe = script.expect_after(wait, ". 1:2(1) ack 1");
        assert_eq!(probe.cause, Cause::WindowProbe(count));
    }
    script.expect_state(Established);
    // Answers to probes are no duplicate ACKs: nothing was lost.
    let info = script.connection.info();
    assert_eq!(
        (info.duplicate_acks, info.slow_start_threshold),
        (0, u64::MAX)
    );
    // The window opens: everything goes at once, the probed byte with it.
    script.inject(". 1:1(0) ack 1 win 5000");
    script.expect_bytes(1, 1_001);
    script.expect_nothing();
}

/// The byte of a probe may be taken although the window was shut.
#[test]
fn a_probe_that_is_accepted_goes_on_behind_it() {
    let mut script = Script::established(&Setup::default().window(0).rtt(ms(100)));
    script.write(1_000);
    script.expect_after(ms(300), ". 1:2(1)");
    script.inject(". 1:1(0) ack 2 win 0");
    script.expect_nothing();
    script.after(secs(1));
    let probe = script.expect(". 2:3(1)");
    assert!(matches!(probe.cause, Cause::WindowProbe(_)));
    script.inject(". 1:1(0) ack 3 win 5000");
    script.expect("P. 3:1001(998)");
}

/// RFC 9293 3.8.6.1: the window opens although no probe was answered yet.
#[test]
fn a_window_update_ends_probing() {
    let mut script = Script::established(&Setup::default().window(0).rtt(ms(100)));
    script.write(3_000);
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1 win 5000");
    for from in [1, 1_001, 2_001] {
        script.expect(&format!(
            "{} {from}:{}(1000)",
            if from > 2_000 { "P." } else { "." },
            from + 1_000
        ));
    }
    script.expect_nothing();
    script.inject(". 1:1(0) ack 3001 win 5000");
    assert_eq!(script.connection.next_timeout(), None);
}

/// A FIN alone cannot go into a shut window either; it is what the probe carries.
#[test]
fn a_fin_waits_for_the_window_too() {
    let mut script = Script::established(&Setup::default().window(0).rtt(ms(100)));
    script.shutdown();
    script.after(secs(1));
    let sent = script.sent();
    assert!(sent.iter().all(|transmit| transmit.payload.is_empty()));
    script.inject(". 1:1(0) ack 1 win 5000");
    script.after(secs(1));
    let fins: Vec<_> = sent
        .into_iter()
        .chain(script.sent())
        .filter(|t| t.control.len() == 1)
        .collect();
    assert!(!fins.is_empty(), "no FIN was sent");
    assert!(script.is_as_expected(&fins[0], "F. 1:1(0) ack 1"));
}

/// RFC 9293 3.8.6.1: a FIN that a probe carried is not sent again once it is acknowledged, though
/// the window stays shut: it would take another number.
#[test]
fn a_probe_whose_fin_was_taken_is_the_last() {
    let mut script = Script::established(&Setup::default().window(0).rtt(ms(100)));
    script.write(1);
    script.shutdown();
    script.expect_after(ms(300), "P. 1:2(1)");
    script.inject(". 1:1(0) ack 2 win 0");
    let fin = script.expect_after(ms(600), "F. 2:2(0)");
    assert!(matches!(fin.cause, Cause::WindowProbe(_)));
    script.inject(". 1:1(0) ack 3 win 0");
    script.expect_state(FinWait2);
    script.expect_nothing_for(secs(50));
    script.expect_state(FinWait2);
}

/// The FIN takes a number, and with it room in the window.
#[test]
fn a_fin_needs_room_behind_the_text() {
    let mut script = Script::established(&Setup::default().window(1_000));
    script.verb("write and shutdown", |connection, cx| {
        connection
            .write(cx, &common::text_at(1, 1_000))
            .expect("there is room");
        connection.shutdown(cx);
    });
    script.expect("P. 1:1001(1000)");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1001 win 1000");
    script.expect("F. 1001:1001(0)");
}

/// Silence is not an answer: R2 ends it (RFC 9293 3.8.3).
#[test]
fn unanswered_probes_end_the_connection() {
    let setup = Setup::default()
        .window(0)
        .config(|config| config.user_timeout = Some(secs(100)));
    let mut script = Script::established(&setup);
    script.write(1_000);
    script.after(secs(99));
    script.expect_state(Established);
    assert!(script.sent().len() >= 3, "it was probed");
    script.after(secs(3));
    script.expect_closed(CloseReason::TimedOut);
}

/// The window is shut on text that is out: no storm of timeouts, but probes.
#[test]
fn a_window_that_shuts_on_text_in_flight() {
    let mut script = Script::established(&Setup::default().rtt(ms(100)));
    script.write(3_000);
    assert_eq!(script.sent().len(), 3);
    script.inject(". 1:1(0) ack 1001 win 0");
    script.expect_nothing();
    script.after(ms(400));
    let probe = script.expect(". 1001:1002(1)");
    assert!(matches!(probe.cause, Cause::WindowProbe(1)));
    script.inject(". 1:1(0) ack 1001 win 5000");
    let resent = script.expect(". 1001:2001(1000)");
    assert_eq!(resent.cause, Cause::Resend);
    script.expect("P. 2001:3001(1000)");
    let info = script.connection.info();
    assert_eq!(info.timeouts, 0, "the network lost nothing");
}

// ---- silly windows, sender's side (3.8.6.2.1) ----

/// A window of less than a segment and less than half the largest is not used at once, but the
/// override timer (0.1 to 1 s) sees to it that it is used.
#[test]
fn a_silly_window_waits_for_the_override_timer() {
    let mut script = Script::established(&Setup::default().window(10_000).rtt(ms(100)));
    script.inject(". 1:1(0) ack 1 win 400");
    script.write(1_000);
    script.expect_nothing_for(ms(99));
    let small = script.expect_after(ms(201), ". 1:401(400)");
    assert_eq!(small.cause, Cause::NewData);
    script.inject(". 1:1(0) ack 401 win 10000");
    script.expect("P. 401:1001(600)");
}

#[test]
fn half_of_the_largest_window_is_not_silly() {
    let mut script = Script::established(&Setup::default().window(700));
    script.write(2_000);
    script.expect(". 1:701(700)");
    script.inject(". 1:1(0) ack 701 win 350");
    script.expect(". 701:1051(350)");
    script.inject(". 1:1(0) ack 1051 win 349");
    script.expect_nothing();
}

/// Full segments go; the rest of the window, less than a segment, does not.
#[test]
fn the_rest_of_a_window_is_not_used() {
    let mut script = Script::established(&Setup::default().window(2_500));
    script.write(5_000);
    script.expect(". 1:1001(1000)");
    script.expect(". 1001:2001(1000)");
    script.expect_nothing();
}

// ---- Nagle (3.7.4) ----

#[test]
fn nagle_holds_a_small_segment_while_something_is_unacknowledged() {
    let mut script = Script::established(&Setup::default());
    script.write(100);
    script.expect("P. 1:101(100)");
    for _ in 0..5 {
        script.write(50);
        script.expect_nothing();
    }
    script.inject(". 1:1(0) ack 101");
    script.expect("P. 101:351(250)");
}

#[test]
fn nagle_lets_full_segments_go() {
    let mut script = Script::established(&Setup::default());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.write(2_500);
    script.expect(". 101:1101(1000)");
    script.expect(". 1101:2101(1000)");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 2101");
    script.expect("P. 2101:2601(500)");
}

/// RFC 9293 MUST-17: an application can turn it off.
#[test]
fn without_nagle_everything_goes() {
    let mut script = Script::established(&Setup::default().config(|config| config.nagle = false));
    for count in 0..5 {
        script.write(100);
        script.expect(&format!(
            "P. {}:{}(100)",
            1 + 100 * count,
            101 + 100 * count
        ));
    }
    let mut script = Script::established(&Setup::default());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.write(100);
    script.expect_nothing();
    script.verb("no delay", |connection, _| connection.set_nodelay(true));
    script.expect("P. 101:201(100)");
}

// ---- our window, silly windows on the receiver's side (3.8.6.2.2) ----

/// Fills our window of 20000 bytes.
fn full() -> Script {
    let mut script = Script::established(&Setup::default());
    for part in 0..20 {
        let from = 1 + 1_000 * part;
        script.inject(&format!("P. {from}:{}(1000) ack 1", from + 1_000));
    }
    let last = script.sent().pop().expect("ACKs were sent");
    assert!(
        script.is_as_expected(&last, ". 1:1(0) ack 20001 win 0"),
        "{}",
        script.describe(&last)
    );
    script
}

#[test]
fn the_window_shrinks_with_unread_text_and_never_moves_left() {
    // `Script` checks every right edge; here is its path in figures.
    let mut script = Script::established(&Setup::default());
    for (inject, ack) in [
        (". 1:2001(2000) ack 1 wire 2", ". 1:1(0) ack 2001 win 18000"),
        (
            ". 2001:12001(10000) ack 1 wire 10",
            ". 1:1(0) ack 12001 win 8000",
        ),
        (
            ". 12001:20001(8000) ack 1 wire 8",
            ". 1:1(0) ack 20001 win 0",
        ),
    ] {
        script.inject(inject);
        script.expect(ack);
    }
}

/// RFC 9293 MUST-39: no update for less than a segment (or half the buffer).
#[test]
fn small_reads_open_no_window() {
    let mut script = full();
    for _ in 0..9 {
        script.read(100);
        script.expect_nothing();
    }
    script.read(100);
    let update = script.expect(". 1:1(0) ack 20001 win 1000");
    assert_eq!(update.cause, Cause::WindowUpdate);
    // No further update for each segment that is read; one when much was.
    script.read(500);
    script.expect_nothing();
    script.read(18_500);
    script.expect(". 1:1(0) ack 20001 win 20000");
    script.expect_nothing();
}

/// The ACK of new text does not move the edge by a silly step either.
#[test]
fn acks_do_not_tell_silly_windows() {
    let mut script = full();
    script.read(500);
    script.inject("P. 20001:20002(1) ack 1");
    script.expect(". 1:1(0) ack 20001 win 0");
}

/// A small buffer: half of it counts.
#[test]
fn half_of_a_small_buffer_is_worth_telling() {
    let mut script =
        Script::established(&Setup::default().config(|config| config.receive_buffer = 600));
    script.inject("P. 1:601(600) ack 1");
    script.after(ms(40));
    let last = script.sent().pop().expect("an ACK");
    assert!(script.is_as_expected(&last, ". 1:1(0) ack 601 win 0"));
    script.read(299);
    script.expect_nothing();
    script.read(1);
    script.expect(". 1:1(0) ack 601 win 300");
}

/// RFC 9293 MUST-66: with a shut window ACK, URG and RST still count; text does not, and a probe
/// gets its answer.
#[test]
fn a_shut_window_still_takes_control() {
    let mut script = full();
    script.write(100);
    script.expect("P. 1:101(100) ack 20001 win 0");
    script.inject("P. 20001:20002(1) ack 101 win 777");
    script.expect(". 101:101(0) ack 20001 win 0");
    let info = script.connection.info();
    assert_eq!((info.bytes_acked, info.send_window), (100, 777));
    // An ACK alone has the number of the next byte.
    script.write(50);
    script.expect("P. 101:151(50)");
    script.inject(". 20001:20001(0) ack 151");
    assert_eq!(script.connection.info().bytes_acked, 150);
    script.expect_nothing();
    // A FIN into a shut window is not taken.
    script.inject("F. 20001:20001(0) ack 151");
    script.expect(". 151:151(0) ack 20001 win 0");
    script.expect_state(Established);
    script.read(20_000);
    script.sent();
    script.inject("R 20001:20001(0)");
    script.expect_state(Closed);
}

#[test]
fn every_probe_is_answered() {
    let mut script = full();
    for _ in 0..100 {
        script.inject("P. 20001:20002(1) ack 1");
        script.expect(". 1:1(0) ack 20001 win 0");
        script.after(ms(200));
    }
}

/// With a coarse scale, a step that the field cannot express is no update: nothing may be sent
/// over and over.
#[test]
fn a_step_smaller_than_the_scale_is_no_update() {
    const BUFFER: usize = 80 << 20;
    let setup = Setup::default()
        .options("mss 1000,wscale 0")
        .config(|config| {
            config.receive_buffer = BUFFER;
            config.window_scaling = true;
        });
    let mut script = Script::established(&setup);
    let mut from = 1;
    // To the last byte of the window, which rounding may have put a little behind the buffer.
    while from < BUFFER as i64 + 60_000 {
        script.inject(&format!("P. {from}:{}(60000) ack 1 wire 60", from + 60_000));
        from += 60_000;
    }
    let last = script.sent().pop().expect("ACKs were sent");
    assert_eq!(
        last.window,
        0,
        "{} {}",
        script.describe(&last),
        script.connection.readable()
    );
    let mut updates = 0;
    for _ in 0..80 {
        script.read(100);
        for update in script.sent() {
            let window = usize::from(update.window) << 11;
            assert!(script.connection.readable() + window <= BUFFER);
            updates += 1;
        }
    }
    assert!((1..=4).contains(&updates), "{updates} updates");
}

/// The scale rounds windows; rounding must not add up, or the buffer would have no bound.
#[test]
fn rounding_does_not_push_the_window() {
    let setup = Setup::default()
        .options("mss 1000,wscale 0")
        .config(|config| {
            config.receive_buffer = 4 << 20;
            config.window_scaling = true;
        });
    let mut script = Script::established(&setup);
    let mut from = 1;
    while from < 6 << 20 {
        script.inject(&format!("P. {from}:{}(1001) ack 1", from + 1_001));
        from += 1_001;
        if from % 100 < 10 {
            script.after(ms(40));
        }
    }
    let readable = script.connection.readable();
    assert!(
        ((4 << 20) - 128..=(4 << 20) + 128).contains(&readable),
        "{readable} bytes"
    );
}

/// A peer without window scaling and a large buffer: the field is all there is.
#[test]
fn without_scaling_a_large_buffer_is_announced_as_65535() {
    for setup in [Setup::default(), Setup::default().passive()] {
        let setup = setup.config(|config| {
            config.receive_buffer = 4 << 20;
            config.window_scaling = true;
        });
        let mut script = Script::established(&setup);
        for part in 0..100 {
            let from = 1 + 2_000 * part;
            script.inject(&format!("P. {from}:{}(2000) ack 1 wire 2", from + 2_000));
            script.expect(&format!(". 1:1(0) ack {} win 65535", from + 2_000));
        }
        script.read(200_000);
        script.expect_nothing();
    }
}

// ---- our buffer ----

#[test]
fn a_full_send_buffer_says_so_and_tells_when_there_is_room() {
    let setup = Setup::default()
        .window(0)
        .config(|config| config.send_buffer = 4_000);
    let mut script = Script::established(&setup);
    script.write(4_000);
    let mut write = None;
    script.verb("write", |connection, cx| {
        write = Some(connection.write(cx, b"x"));
    });
    assert_eq!(write, Some(Err(WriteError::WouldBlock)));
    script.inject(". 1:1(0) ack 1 win 4000");
    assert_eq!(script.sent().len(), 4);
    script.expect_events(&[]);
    script.inject(". 1:1(0) ack 1001 win 4000");
    script.expect_events(&[handfast_tcp::Event::Writable]);
    script.write(1_000);
    script.expect("P. 4001:5001(1000)");
}
