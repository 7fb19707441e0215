//! SYN-RECEIVED as the owner of a listener sees it.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_tcp::{CloseReason, State};

fn passive() -> Setup {
    Setup {
        passive: true,
        ..Setup::default()
    }
}

/// Expects SYN-ACKs until nobody waits any more; how many were sent again, and for how long.
fn retries(setup: &Setup) -> (usize, u64) {
    let mut script = Script::in_state(setup, State::SynReceived);
    let (began, mut count) = (script.now, 0);
    while script.connection.state() == State::SynReceived {
        let due = script.connection.next_timeout().expect("it waits");
        script.after(due - script.now);
        if script.connection.state() == State::SynReceived {
            script.expect("S. 0:0(0) ack 1");
            count += 1;
        }
    }
    script.expect_nothing();
    assert_eq!(
        script.connection.close_reason(),
        Some(CloseReason::TimedOut)
    );
    (count, (script.now - began).as_secs())
}

#[test]
fn a_syn_ack_is_sent_again_so_often_and_no_more() {
    let mut setup = passive();
    assert_eq!(retries(&setup), (5, 63));
    setup.config.syn_ack_retries = Some(0);
    assert_eq!(retries(&setup), (0, 1));
    setup.config.syn_ack_retries = None;
    let (_, seconds) = retries(&setup);
    assert_eq!(seconds, setup.config.connect_timeout.as_secs());
}

/// RFC 9293 MUST-23: three minutes for a SYN unless somebody asks for less.
#[test]
fn a_syn_is_sent_again_for_three_minutes_or_so_often() {
    for (limit, times, seconds) in [(None, 7, 180), (Some(2), 2, 7)] {
        let mut setup = Setup::default();
        setup.config.syn_retries = limit;
        let mut script = Script::in_state(&setup, State::SynSent);
        let (began, mut count) = (script.now, 0);
        while script.connection.state() == State::SynSent {
            let due = script.connection.next_timeout().expect("it waits");
            script.after(due - script.now);
            if script.connection.state() == State::SynSent {
                script.expect("S 0:0(0)");
                count += 1;
            }
        }
        assert_eq!((count, (script.now - began).as_secs()), (times, seconds));
    }
}

#[test]
fn only_an_ack_of_our_syn_in_the_window_opens() {
    let script = Script::in_state(&passive(), State::SynReceived);
    for (text, opens) in [
        (". 1:1(0) ack 1", true),
        ("P. 1:10(9) ack 1", true),
        ("F. 1:1(0) ack 1", true),
        (". 5:9(4) ack 1", true),
        (". 1:1(0) ack 0", false),
        (". 1:1(0) ack 2", false),
        ("P 1:2(1)", false),
        ("R. 1:1(0) ack 1", false),
        ("S. 0:0(0) ack 1", false),
        (". 0:0(0) ack 1", false),
        (". 20002:20002(0) ack 1", false),
    ] {
        let segment = script.segment(text);
        assert_eq!(script.connection.is_opened_by(&segment), opens, "{text}");
    }
    let active = Script::in_state(&Setup::default(), State::SynReceived);
    let segment = active.segment(". 1:1(0) ack 1");
    assert!(!active.connection.is_opened_by(&segment), "nobody listens");
}

#[test]
fn a_syn_ack_that_is_held_comes_at_its_time() {
    let mut script = Script::in_state(&passive(), State::SynReceived);
    let until = script.now + secs(5);
    script.connection.hold_syn_ack(until);
    script.after(ms(4_999));
    script.expect_nothing();
    script.after(ms(1));
    script.expect("S. 0:0(0) ack 1");
}

#[test]
fn who_is_forgotten_hears_nothing() {
    let mut script = Script::in_state(&passive(), State::SynReceived);
    script.connection.forget();
    script.after(secs(100));
    script.expect_nothing();
    script.expect_state(State::Closed);
}
