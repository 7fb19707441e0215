//! The user timeout option (RFC 5482): when it is sent, what the peer's does, and its limits.

mod common;

use std::time::Duration;

use common::{MSS, Script, Setup, ms, secs};
use handfast_tcp::{CloseReason, Config, State};

/// Both sides offer the option; we wish for 200 s.
fn setup() -> Setup {
    Setup::default().config(|config| {
        config.user_timeout_option = true;
        config.user_timeout = Some(secs(200));
    })
}

/// The user timeout after a peer's SYN-ACK with this option.
fn negotiated(config: impl FnOnce(&mut Config), option: &str) -> Script {
    let mut script = Script::connect(&setup().config(config));
    script.expect("S 0:0(0)");
    script.inject(&format!("S. 0:0(0) ack 1 <mss 1000{option}>"));
    script.expect(". 1:1(0) ack 1");
    script
}

/// Ten bytes that nobody acknowledges end the connection after `limit`, not before.
#[track_caller]
fn gives_up_after(script: &mut Script, limit: Duration) {
    script.write(10);
    script.after(limit - ms(1));
    script.expect_state(State::Established);
    script.after(ms(1));
    script.sent();
    script.expect_closed(CloseReason::TimedOut);
}

/// RFC 5482 3.1: USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)), with an L_LIMIT
/// above every retransmission timeout and a U_LIMIT of 100 s or more.
#[test]
fn the_user_timeout_follows_the_formula_of_rfc_5482_3_1() {
    for (ours, theirs, lower, upper, expected) in [
        // The longer wish counts, whoever has it.
        (200, ",uto 150s", 100, 3_600, 200),
        (200, ",uto 300s", 100, 3_600, 300),
        (200, ",uto 10m", 100, 3_600, 600),
        (200, ",uto 200s", 100, 3_600, 200),
        // A peer without the option wishes for nothing.
        (200, "", 100, 3_600, 200),
        // The lower limit.
        (2, ",uto 1s", 100, 3_600, 100),
        (2, "", 100, 3_600, 100),
        (2, ",uto 1s", 150, 3_600, 150),
        (2, ",uto 101s", 100, 3_600, 101),
        // The upper limit.
        (200, ",uto 32767m", 100, 3_600, 3_600),
        (200, ",uto 3601s", 100, 3_600, 3_600),
        (9_000, ",uto 1s", 100, 3_600, 3_600),
        (200, ",uto 300s", 100, 250, 250),
        // The upper one wins.
        (200, ",uto 300s", 900, 250, 250),
        // The limits have limits.
        (1, ",uto 1s", 0, 3_600, 61),
        (200, ",uto 300s", 0, 5, 100),
    ] {
        let script = negotiated(
            |config| {
                config.user_timeout = Some(secs(ours));
                config.user_timeout_min = secs(lower);
                config.user_timeout_max = secs(upper);
            },
            theirs,
        );
        assert_eq!(
            script.connection.user_timeout(),
            Some(secs(expected)),
            "{ours} s, {theirs}, {lower} to {upper} s"
        );
    }
}

/// One who never gives up does so at the upper limit, when others may change it.
#[test]
fn no_user_timeout_is_the_longest_of_all() {
    let mut script = Script::connect(&setup().config(|config| config.user_timeout = None));
    script.expect("S 0:0(0) <mss 1000,uto 1966020s>");
    assert_eq!(script.connection.user_timeout(), Some(secs(3_600)));
    script.verb("insist", |connection, _| {
        connection.set_user_timeout_changeable(false);
    });
    assert_eq!(script.connection.user_timeout(), None);
}

/// RFC 5482 section 3: ENABLED is off unless asked for, for both directions.
#[test]
fn without_the_choice_it_is_neither_sent_nor_heard() {
    let setup = Setup::default();
    let mut script = Script::connect(&setup);
    script.expect("S 0:0(0) <mss 1000>");
    script.inject("S. 0:0(0) ack 1 <mss 1000,uto 50m>");
    script.expect(". 1:1(0) ack 1 <>");
    assert_eq!(script.connection.user_timeout(), Some(secs(924)));
    assert_eq!(script.connection.peer_user_timeout(), None);
    let mut script = Script::accept(&setup, "S 0:0(0) <mss 1000,uto 50m>");
    script.expect("S. 0:0(0) ack 1 <mss 1000>");
}

/// RFC 5482 section 3: in the SYN and in the first segment without that bit, then no more.
#[test]
fn it_stands_in_the_syn_and_in_the_first_segment_behind() {
    let mut script = Script::connect(&setup());
    script.expect("S 0:0(0) <mss 1000,uto 200s>");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect(". 1:1(0) ack 1 <uto 200s>");
    script.write(10);
    script.expect("P. 1:11(10) <>");
}

#[test]
fn it_stands_in_the_syn_ack_and_in_the_first_segment_behind() {
    for syn in ["S 0:0(0) <mss 1000>", "S 0:0(0) <mss 1000,uto 5m>"] {
        let mut script = Script::accept(&setup(), syn);
        script.expect("S. 0:0(0) ack 1 <mss 1000,uto 200s>");
        script.inject(". 1:1(0) ack 1");
        script.expect_nothing();
        script.write(10);
        script.expect("P. 1:11(10) <uto 200s>");
        script.write(10);
        script.inject(". 1:1(0) ack 11");
        script.expect("P. 11:21(10) <>");
    }
}

/// A SYN that is sent again has it, too.
#[test]
fn every_syn_has_it() {
    let mut script = Script::connect(&setup());
    script.expect("S 0:0(0) <mss 1000,uto 200s>");
    script.expect_after(secs(1), "S 0:0(0) <mss 1000,uto 200s>");
}

/// Text that fills its segments has no room: an ACK goes first.
#[test]
fn full_segments_let_it_go_first() {
    let mut script = Script::accept(&setup(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script.write(MSS - 3);
    script.expect(". 1:1(0) ack 1 <uto 200s>");
    script.expect("P. 1:998(997) <>");
    let mut script = Script::accept(&setup(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script.write(MSS - 4);
    script.expect("P. 1:997(996) <uto 200s>");
}

/// The option space may be full: SACK blocks go first, and it waits for a segment with room.
#[test]
fn it_waits_for_room_beside_sack_blocks() {
    let setup = setup().config(|config| (config.sack, config.timestamps) = (true, true));
    let options = "mss 1000,sackOK,TS val 1000 ecr 0";
    let mut script = Script::accept(&setup, &format!("S 0:0(0) <{options}>"));
    script.expect("S. 0:0(0) ack 1");
    let stamp = "<TS val 1000 ecr 0>";
    script.inject(&format!(". 1:1(0) ack 1 {stamp}"));
    script.inject_batch(&[
        &format!(". 101:201(100) ack 1 {stamp}"),
        &format!(". 301:401(100) ack 1 {stamp}"),
        &format!(". 501:601(100) ack 1 {stamp}"),
    ]);
    let acks = script.sent();
    assert_eq!(acks.len(), 3);
    for transmit in acks {
        let options = transmit.options;
        assert_eq!(options.sack.as_slice().len(), 3);
        assert_eq!(options.user_timeout, None);
        assert_eq!(options.len(), 40);
    }
    script.write(10);
    let text = script.expect("P. 1:11(10)");
    let said = text.options.user_timeout.expect("there is room");
    assert_eq!(said.duration(), secs(200));
}

/// A segment that fills the path has no room either, new or sent again.
#[test]
fn it_makes_no_segment_too_large_for_the_path() {
    let mut script = negotiated(|_| {}, "");
    script.write(MSS);
    script.expect("P. 1:1001(1000) <>");
    script.verb("timeout", |connection, _| {
        connection.set_user_timeout(Some(secs(300)));
    });
    script.expect_after(ms(200), "P. 1:1001(1000) <>");
    script.inject(". 1:1(0) ack 1001");
    script.write(10);
    script.expect("P. 1001:1011(10) <uto 300s>");
}

/// The peer's option counts in any acceptable segment, and the last one counts.
#[test]
fn the_peer_may_change_its_mind() {
    let mut script = negotiated(|_| {}, ",uto 300s");
    assert_eq!(script.connection.peer_user_timeout(), Some(secs(300)));
    for (segment, expected) in [
        (". 1:1(0) ack 1 <uto 400s>", 400),
        (". 1:1(0) ack 1", 400),
        // Shorter again, but no shorter than what we wish for.
        (". 1:1(0) ack 1 <uto 1s>", 200),
        // Not in the window, and for what was never sent.
        (". 100001:100001(0) ack 1 <uto 500s>", 200),
        (". 1:1(0) ack 5000 <uto 500s>", 200),
        ("P. 1:11(10) ack 1 <uto 600s>", 600),
    ] {
        script.inject(segment);
        let in_force = script.connection.user_timeout();
        assert_eq!(in_force, Some(secs(expected)), "{segment}");
    }
}

/// The first ACK tells what was in a SYN that a cookie has forgotten.
#[test]
fn the_ack_of_the_handshake_may_bring_it() {
    let mut script = Script::accept(&setup(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    assert_eq!(script.connection.user_timeout(), Some(secs(200)));
    script.inject(". 1:1(0) ack 1 <uto 300s>");
    gives_up_after(&mut script, secs(300));
}

#[test]
fn the_connection_ends_when_the_agreed_time_is_over() {
    gives_up_after(&mut negotiated(|_| {}, ",uto 5m"), secs(300));
    gives_up_after(&mut negotiated(|_| {}, ",uto 1s"), secs(200));
}

/// It counts from the last progress, for text that waits already, too.
#[test]
fn a_wait_that_has_begun_becomes_longer_or_shorter() {
    for (option, limit) in [("uto 500s", 500), ("uto 1s", 200)] {
        let mut script = negotiated(|_| {}, ",uto 300s");
        script.write(10);
        script.after(secs(90));
        script.inject(&format!(". 1:1(0) ack 1 <{option}>"));
        script.after(secs(limit - 90) - ms(1));
        script.expect_state(State::Established);
        script.after(ms(1));
        script.sent();
        script.expect_closed(CloseReason::TimedOut);
    }
}

/// RFC 5482 section 3 and 3.1: what the application sets explicitly the peer does not change; it
/// can be asked what the peer wished for; and the next segment tells the peer, rounded up.
#[test]
fn an_explicit_choice_is_told_and_not_changed() {
    let mut script = negotiated(|_| {}, ",uto 300s");
    script.verb("timeout", |connection, _| {
        connection.set_user_timeout(Some(ms(20_500)));
    });
    script.expect_nothing();
    assert!(!script.connection.config().user_timeout_changeable);
    script.inject(". 1:1(0) ack 1 <uto 400s>");
    assert_eq!(script.connection.peer_user_timeout(), Some(secs(400)));
    script.write(10);
    script.expect("P. 1:11(10) <uto 21s>");
    script.after(ms(20_499));
    script.expect_state(State::Established);
    script.after(ms(1));
    script.sent();
    script.expect_closed(CloseReason::TimedOut);
}

/// CHANGEABLE can be chosen by itself, before and while the connection lives.
#[test]
fn whether_the_peer_may_change_it_is_a_choice_of_its_own() {
    let unchangeable = |config: &mut Config| config.user_timeout_changeable = false;
    let mut script = negotiated(unchangeable, ",uto 300s");
    assert_eq!(script.connection.user_timeout(), Some(secs(200)));
    script.verb("changeable", |connection, _| {
        connection.set_user_timeout_changeable(true);
    });
    gives_up_after(&mut script, secs(300));
}

/// RFC 5482 3.4: zero is not sent.
#[test]
fn zero_is_never_told() {
    let mut script = Script::connect(&setup().config(|config| {
        config.user_timeout = Some(secs(0));
    }));
    script.expect("S 0:0(0) <mss 1000>");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect(". 1:1(0) ack 1 <>");
    script.write(3 * MSS);
    script.expect(". 1:1001(1000) <>");
    assert_eq!(script.connection.user_timeout(), Some(secs(100)));
}

/// RFC 5482 3.3: the option is for synchronized states; the handshake has its own limit.
#[test]
fn the_handshake_keeps_its_own_limit() {
    let mut script = Script::accept(
        &setup().config(|config| config.syn_ack_retries = None),
        "S 0:0(0) <mss 1000,uto 50m>",
    );
    script.after(secs(180) - ms(1));
    script.expect_state(State::SynReceived);
    script.after(ms(1));
    script.expect_state(State::Closed);
}

/// There is nothing left to wait for.
#[test]
fn resets_have_none() {
    let mut script = Script::accept(&setup(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script.abort();
    script.expect("R 1:1(0) <>");
}
