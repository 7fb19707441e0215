//! Keep-alive (RFC 9293 3.8.4).

mod common;

use common::{Script, Setup, ms, secs, text_at};
use handfast_packet::cause::Cause;
use handfast_tcp::State::{CloseWait, Established};
use handfast_tcp::{CloseReason, Cx};

fn setup() -> Setup {
    Setup::default().config(|config| {
        config.keep_alive = Some(secs(7_200));
        config.keep_alive_interval = secs(75);
        config.keep_alive_probes = 9;
    })
}

/// MUST-25: off unless asked for.
#[test]
fn it_is_off_by_default() {
    let mut script = Script::established(&Setup::default());
    assert_eq!(script.connection.next_timeout(), None);
    script.expect_nothing_for(secs(1_000_000));
    script.expect_state(Established);
}

/// MUST-26, MUST-28 (two hours), MUST-29: one silence does not end it.
#[test]
fn an_idle_peer_is_probed_and_a_dead_one_given_up() {
    let mut script = Script::established(&setup());
    let probe = script.expect_after(secs(7_200), ". 0:0(0) ack 1");
    assert_eq!(probe.cause, Cause::KeepAlive);
    for _ in 1..9 {
        script.expect_after(secs(75), ". 0:0(0) ack 1");
    }
    script.expect_state(Established);
    script.expect_nothing_for(secs(75));
    script.expect_closed(CloseReason::KeepAliveTimedOut);
}

#[test]
fn an_answer_starts_the_idle_time_anew() {
    let mut script = Script::established(&setup());
    script.expect_after(secs(7_200), ". 0:0(0) ack 1");
    script.after(secs(1));
    script.inject(". 1:1(0) ack 1");
    script.expect_after(secs(7_200), ". 0:0(0) ack 1");
    for _ in 1..9 {
        script.expect_after(secs(75), ". 0:0(0) ack 1");
    }
    script.inject(". 1:1(0) ack 1");
    script.expect_after(secs(7_200), ". 0:0(0) ack 1");
}

/// A peer that is at other numbers, as after a restart with the same ports, answers every probe with
/// an ACK of what we never sent: nobody lives there that this connection could speak to.
#[test]
fn an_ack_of_what_was_never_sent_is_no_sign_of_life() {
    let mut script = Script::established(&setup());
    script.expect_after(secs(7_200), ". 0:0(0) ack 1");
    for _ in 1..9 {
        script.inject(". 500:500(0) ack 90000");
        script.expect(". 1:1(0) ack 1");
        script.expect_after(secs(75), ". 0:0(0) ack 1");
    }
    script.inject(". 500:500(0) ack 90000");
    script.expect(". 1:1(0) ack 1");
    script.expect_nothing_for(secs(75));
    script.expect_closed(CloseReason::KeepAliveTimedOut);
}

/// MUST-27: only when nothing was received for that long.
#[test]
fn traffic_puts_it_off() {
    let mut script = Script::established(&setup());
    for part in 0..5 {
        script.after(secs(7_000));
        let from = 1 + 10 * part;
        script.inject(&format!("P. {from}:{}(10) ack 1", from + 10));
        script.after(ms(40));
        script.expect(&format!(". 1:1(0) ack {}", from + 10));
    }
    script.after(secs(7_200));
    script.expect(". 0:0(0) ack 51");
}

/// While something is unacknowledged the retransmission timer watches the peer.
#[test]
fn unacknowledged_text_is_no_idle_time() {
    let setup = setup().config(|config| config.user_timeout = Some(secs(100_000)));
    let mut script = Script::established(&setup);
    script.write(10);
    script.expect("P. 1:11(10)");
    script.after(secs(20_000));
    assert!(
        script
            .sent()
            .iter()
            .all(|transmit| transmit.cause != Cause::KeepAlive)
    );
}

/// The octet of a probe stands in the place of one that the peer has acknowledged, never of one that
/// leaves at the same moment and may be lost.
#[test]
fn text_that_is_written_when_the_timer_expires_takes_the_place_of_the_probe() {
    let setup = setup().config(|config| config.keep_alive_garbage = true);
    let mut script = Script::established(&setup);
    script.verb(
        "the timer expires, and text is written",
        |connection, cx| {
            let mut later = Cx::new(cx.now + secs(7_200), &mut *cx.pool);
            connection.on_timeout(&mut later);
            assert_eq!(connection.write(&mut later, &text_at(1, 4)), Ok(4));
        },
    );
    script.expect("P. 1:5(4)");
    script.expect_nothing();
}

/// A probe of the peer's is answered, always.
#[test]
fn the_peers_probe_is_answered() {
    let mut script = Script::established(&Setup::default());
    for _ in 0..5 {
        script.after(secs(75));
        script.inject(". 0:0(0) ack 1");
        script.expect(". 1:1(0) ack 1");
        // The kind with one byte of garbage, as old systems send it.
        script.inject("P. 0:1(1) ack 1");
        script.expect(". 1:1(0) ack 1");
    }
}

/// It watches in CLOSE-WAIT too: that is where forgotten connections stay.
#[test]
fn close_wait_is_probed() {
    let mut script = Script::in_state(&setup(), CloseWait);
    script.expect_after(secs(7_200), ". 0:0(0) ack 2");
    script.inject("R 2:2(0)");
    script.expect_closed(CloseReason::Reset);
}
