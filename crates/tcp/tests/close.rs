//! Closing: orderly from either side, at once, half, by abort; TIME-WAIT.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, TimeWait,
};
use handfast_tcp::{CloseReason, Event, ReadError, TimeWaitVerdict, WriteError};

/// RFC 9293 3.6, figure 12, left side.
#[test]
fn we_close_first() {
    let mut script = Script::established(&Setup::default());
    script.shutdown();
    let fin = script.expect("F. 1:1(0) ack 1");
    assert_eq!(fin.cause, Cause::Close);
    script.expect_state(FinWait1);
    script.inject(". 1:1(0) ack 2");
    script.expect_state(FinWait2);
    script.inject("F. 1:1(0) ack 2");
    script.expect(". 2:2(0) ack 2");
    script.expect_state(TimeWait);
    script.expect_events(&[Event::Readable, Event::TimeWait]);
    assert!(script.connection.time_wait().is_some());
    script.expect_nothing_for(secs(59));
    script.expect_state(TimeWait);
    script.expect_nothing_for(secs(1));
    script.expect_closed(CloseReason::Normal);
}

/// RFC 9293 3.6, figure 12, right side.
#[test]
fn the_peer_closes_first() {
    let mut script = Script::established(&Setup::default());
    script.inject("F. 1:1(0) ack 1");
    script.expect(". 1:1(0) ack 2");
    script.expect_state(CloseWait);
    assert_eq!(script.try_read(), Ok(0));
    script.shutdown();
    script.expect("F. 1:1(0) ack 2");
    script.expect_state(LastAck);
    script.inject(". 2:2(0) ack 2");
    script.expect_nothing();
    script.expect_closed(CloseReason::Normal);
    assert_eq!(script.try_read(), Ok(0));
}

/// RFC 9293 3.6, figure 13.
#[test]
fn both_close_at_once() {
    let mut script = Script::established(&Setup::default());
    script.shutdown();
    script.expect("F. 1:1(0) ack 1");
    script.inject("F. 1:1(0) ack 1");
    script.expect(". 2:2(0) ack 2");
    script.expect_state(Closing);
    script.inject(". 2:2(0) ack 2");
    script.expect_state(TimeWait);
    script.expect_nothing_for(secs(60));
    script.expect_closed(CloseReason::Normal);
}

/// The peer's FIN acknowledges ours: FIN-WAIT-2 is passed in one step.
#[test]
fn a_fin_that_acknowledges_ours() {
    let mut script = Script::in_state(&Setup::default(), FinWait1);
    script.inject("F. 1:1(0) ack 2");
    script.expect(". 2:2(0) ack 2");
    script.expect_state(TimeWait);
}

#[test]
fn our_fin_rides_on_the_last_text() {
    let mut script = Script::established(&Setup::default());
    script.verb("write and shutdown", |connection, cx| {
        connection
            .write(cx, &common::text_at(1, 1_500))
            .expect("there is room");
        connection.shutdown(cx);
    });
    script.expect(". 1:1001(1000) ack 1");
    script.expect("FP. 1001:1501(500) ack 1");
    script.expect_state(FinWait1);
    script.inject(". 1:1(0) ack 1501");
    script.expect_state(FinWait1);
    script.inject(". 1:1(0) ack 1502");
    script.expect_state(FinWait2);
}

/// Nagle holds nothing that a FIN follows (RFC 9293 3.7.4: the FIN pushes).
#[test]
fn a_fin_pushes_what_nagle_holds() {
    let mut script = Script::established(&Setup::default());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.write(100);
    script.expect_nothing();
    script.shutdown();
    script.expect("FP. 101:201(100)");
}

#[test]
fn the_peers_fin_rides_on_text() {
    let mut script = Script::established(&Setup::default());
    script.inject("FP. 1:501(500) ack 1");
    script.expect(". 1:1(0) ack 502");
    script.expect_state(CloseWait);
    script.read(500);
    assert_eq!(script.try_read(), Ok(0));
}

/// Half-close, ours: we still receive (RFC 9293 3.6).
#[test]
fn half_close_by_us() {
    let mut script = Script::in_state(&Setup::default(), FinWait2);
    for part in 0..20 {
        let from = 1 + 1_000 * part;
        script.inject(&format!("P. {from}:{}(1000) ack 2", from + 1_000));
        script.read(1_000);
    }
    script.sent();
    // There is no limit of time as long as the application listens.
    script.expect_nothing_for(secs(100_000));
    script.inject("F. 20001:20001(0) ack 2");
    script.expect(". 2:2(0) ack 20002");
    script.expect_state(TimeWait);
}

/// Half-close, the peer's: we still send.
#[test]
fn half_close_by_the_peer() {
    let mut script = Script::in_state(&Setup::default(), CloseWait);
    script.write(1_000);
    script.expect("P. 1:1001(1000) ack 2");
    script.inject(". 2:2(0) ack 1001");
    script.expect_nothing_for(secs(100_000));
    script.expect_state(CloseWait);
    script.shutdown();
    script.expect("F. 1001:1001(0) ack 2");
}

#[test]
fn after_shutdown_nothing_can_be_written() {
    for state in [FinWait1, FinWait2, Closing, LastAck] {
        let mut script = Script::in_state(&Setup::default(), state);
        let mut write = None;
        script.verb("write", |connection, cx| {
            write = Some(connection.write(cx, b"x"));
        });
        assert_eq!(write, Some(Err(WriteError::ShutDown)), "{state}");
        script.shutdown();
        script.expect_nothing();
        script.expect_state(state);
    }
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut script = Script::established(&Setup::default().rtt(ms(100)));
    script.shutdown();
    script.expect("F. 1:1(0)");
    script.expect_after(ms(300), "F. 1:1(0) ack 1");
    script.expect_after(ms(600), "F. 1:1(0) ack 1");
    script.inject(". 1:1(0) ack 2");
    script.expect_state(FinWait2);
    assert_eq!(script.connection.next_timeout(), None);
}

/// Text and FIN that were lost together come again together.
#[test]
fn a_lost_fin_is_sent_again_with_its_text() {
    let mut script = Script::established(&Setup::default().rtt(ms(100)));
    script.write(100);
    script.expect("P. 1:101(100)");
    script.shutdown();
    script.expect("F. 101:101(0)");
    script.expect_after(ms(300), "FP. 1:101(100) ack 1");
}

/// RFC 9293 3.10.5: RST in the states in which the peer may still wait for something.
#[test]
fn abort_in_each_state() {
    for (state, reset) in [
        (SynReceived, true),
        (Established, true),
        (FinWait1, true),
        (FinWait2, true),
        (CloseWait, true),
        (Closing, false),
        (LastAck, false),
        (TimeWait, false),
    ] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.abort();
        if reset {
            // A peer in SYN-SENT believes a RST only with an ACK of its SYN.
            let shape = if state == SynReceived {
                "R. S:S(0)"
            } else {
                "R S:S(0)"
            };
            let rst = script.expect(shape);
            assert_eq!(rst.cause, Cause::Abort);
        }
        script.expect_nothing_for(secs(300));
        script.expect_state(Closed);
    }
}

/// RFC 9293 3.10.4: a CLOSE waits until all text is segmented, and only then does the state change.
#[test]
fn abort_after_a_close_whose_fin_was_not_sent_resets() {
    let mut script = Script::established(&Setup::default().window(1_000));
    script.write(1_500);
    script.expect(". 1:1001(1000)");
    script.inject("F. 1:1(0) ack 1");
    script.expect(". 1001:1001(0) ack 2");
    script.shutdown();
    script.expect_nothing();
    script.expect_state(LastAck);
    script.abort();
    let rst = script.expect("R 1001:1001(0)");
    assert_eq!(rst.cause, Cause::Abort);
}

/// The RST is acceptable to the peer: it stands at SND.NXT even with text in flight and unsent.
#[test]
fn abort_drops_what_was_not_sent() {
    let mut script = Script::established(&Setup::default().window(1_000));
    script.write(5_000);
    script.expect(". 1:1001(1000)");
    script.expect_nothing();
    script.abort();
    script.expect("R 1001:1001(0)");
    script.expect_closed(CloseReason::Aborted);
    assert_eq!(
        script.try_read(),
        Err(ReadError::Closed(CloseReason::Aborted))
    );
    assert_eq!(script.pool.in_use(), 0);
}

/// RFC 9293 3.6.1, MUST-4 and RFC 2525 2.17: closing with unread text is an abort to the peer.
#[test]
fn close_with_unread_text_resets() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.close();
    let rst = script.expect("R 1:1(0)");
    assert_eq!(rst.cause, Cause::DataAfterClose);
    script.expect_state(Closed);
}

#[test]
fn text_after_close_resets() {
    for state in [Established, FinWait1, FinWait2] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.close();
        script.sent();
        script.inject("P. 1:11(10) ack 1");
        let rst = script.expect("R 2:2(0)");
        assert_eq!(rst.cause, Cause::DataAfterClose);
        script.expect_state(Closed);
    }
}

/// Text that was read already may come again after close: it is acknowledged, not reset.
#[test]
fn old_text_after_close_does_not_reset() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
    script.close();
    script.expect("F. 1:1(0) ack 11");
    script.inject("P. 1:11(10) ack 1");
    script.expect(". 2:2(0) ack 11");
    script.expect_state(FinWait1);
}

/// The peer's FIN may come with text that was read long ago.
#[test]
fn a_fin_behind_old_text_after_close_does_not_reset() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
    script.close();
    script.expect("F. 1:1(0) ack 11");
    script.inject("F. 1:11(10) ack 2");
    script.expect(". 2:2(0) ack 12");
    script.expect_state(TimeWait);
}

/// Close delivers what was written before (RFC 9293 3.6, MUST of 3.10.4).
#[test]
fn close_delivers_what_was_written() {
    let mut script = Script::established(&Setup::default().window(2_000));
    script.write(3_000);
    script.expect(". 1:1001(1000)");
    script.expect(". 1001:2001(1000)");
    script.close();
    script.expect_nothing();
    script.inject(". 1:1(0) ack 2001");
    script.expect("FP. 2001:3001(1000) ack 1");
    script.inject("F. 1:1(0) ack 3002");
    script.expect(". 3002:3002(0) ack 2");
    script.expect_state(TimeWait);
}

/// A closed application does not wait for ever for the peer's FIN; a half-closed one may.
#[test]
fn fin_wait_2_ends_when_nobody_reads() {
    let mut script = Script::established(&Setup::default());
    script.close();
    script.expect("F. 1:1(0)");
    script.inject(". 1:1(0) ack 2");
    script.expect_state(FinWait2);
    script.expect_nothing_for(secs(59));
    script.expect_state(FinWait2);
    script.after(secs(1));
    script.expect_state(Closed);
}

/// An application that shut down first and lets go in FIN-WAIT-2 is no exception.
#[test]
fn fin_wait_2_ends_when_close_comes_late() {
    let mut script = Script::in_state(&Setup::default(), FinWait2);
    script.after(secs(500));
    script.close();
    script.expect_nothing_for(secs(59));
    script.expect_state(FinWait2);
    script.after(secs(1));
    script.expect_state(Closed);
}

/// Nobody acknowledges our FIN: given up in the end (R2).
#[test]
fn an_unanswered_fin_is_given_up() {
    for state in [FinWait1, LastAck, Closing] {
        let setup = Setup::default().config(|config| config.user_timeout = Some(secs(100)));
        let mut script = Script::in_state(&setup, state);
        script.after(secs(99));
        script.expect_state(state);
        script.after(secs(1));
        script.expect_closed(CloseReason::TimedOut);
    }
}

/// RFC 9293 3.6.1, MUST-13: TIME-WAIT answers a lost last ACK.
#[test]
fn time_wait_answers_the_fin_again() {
    let mut script = Script::in_state(&Setup::default(), TimeWait);
    for _ in 0..5 {
        script.after(ms(200));
        script.inject("F. 1:1(0) ack 2");
        let ack = script.expect(". 2:2(0) ack 2");
        assert_eq!(ack.cause, Cause::TimeWaitAck);
    }
    script.inject(". 2:2(0) ack 2");
    script.expect_nothing();
}

/// RFC 6191 and RFC 1122 4.2.2.13, through the compact entry that the stack keeps.
#[test]
fn time_wait_can_be_reopened() {
    let script = Script::in_state(&Setup::default(), TimeWait);
    let mut entry = script.connection.time_wait().expect("it is in TIME-WAIT");
    for (syn, reopens) in [
        ("S 2:2(0) <mss 1000>", true),
        ("S 100000:100000(0) <mss 1000>", true),
        ("S 1:1(0) <mss 1000>", false),
        ("S -7:-7(0) <mss 1000>", false),
        ("S -7:-7(0) <mss 1000,TS val 1 ecr 0>", true),
    ] {
        let verdict = entry.on_segment(script.now, &script.segment(syn));
        assert_eq!(matches!(verdict, TimeWaitVerdict::Reopen), reopens, "{syn}");
    }
}

/// With timestamps it is the newest timestamp of the old incarnation that counts.
#[test]
fn time_wait_keeps_the_newest_timestamp() {
    let mut script = Script::established(&Setup::timestamps());
    script.inject("F. 1:1(0) ack 1 <TS val 5000 ecr 0>");
    script.expect(". 1:1(0) ack 2");
    let mut script = Script::established(&Setup::timestamps());
    script.shutdown();
    script.expect("F. 1:1(0) ack 1 <TS val 100000 ecr 1000>");
    script.inject("F. 1:1(0) ack 2 <TS val 5000 ecr 100000>");
    script.expect(". 2:2(0) ack 2 <TS val 100000 ecr 5000>");
    let mut entry = script.connection.time_wait().expect("it is in TIME-WAIT");
    for (syn, reopens) in [
        ("S -7:-7(0) <mss 1000,TS val 5001 ecr 0>", true),
        ("S 9000:9000(0) <mss 1000,TS val 4999 ecr 0>", false),
        ("S 9000:9000(0) <mss 1000,TS val 5000 ecr 0>", true),
    ] {
        let verdict = entry.on_segment(script.now, &script.segment(syn));
        assert_eq!(matches!(verdict, TimeWaitVerdict::Reopen), reopens, "{syn}");
    }
}

/// Every block of memory is home when a connection is over and read.
#[test]
fn an_orderly_end_keeps_no_memory() {
    let mut script = Script::established(&Setup::default());
    script.write(5_000);
    script.inject("P. 1:1001(1000) ack 5001");
    script.read(1_000);
    script.sent();
    script.inject("F. 1001:1001(0) ack 5001");
    script.shutdown();
    script.sent();
    script.inject(". 1002:1002(0) ack 5002");
    script.expect_closed(CloseReason::Normal);
    assert_eq!(script.pool.in_use(), 0);
}
