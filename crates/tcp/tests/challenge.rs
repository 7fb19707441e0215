//! Blind attacks (RFC 5961): challenges, and how often.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_tcp::CloseReason;
use handfast_tcp::State::{Established, FinWait1};

/// Answers to `count` copies of a segment that come one millisecond apart.
fn answers(script: &mut Script, text: &str, count: usize) -> usize {
    let mut answers = 0;
    for _ in 0..count {
        script.inject(text);
        answers += script.sent().len();
        script.after(ms(1));
    }
    answers
}

/// Section 3.2: the peer that really sent it answers our challenge with an exact RST.
#[test]
fn a_reset_inside_the_window_is_challenged() {
    let mut script = Script::established(&Setup::default());
    script.inject("R 500:500(0)");
    let ack = script.expect(". 1:1(0) ack 1");
    assert_eq!(ack.cause, Cause::ChallengeAck);
    script.expect_state(Established);
    script.inject("R 1:1(0)");
    script.expect_closed(CloseReason::Reset);
}

/// The window moved on while the RST was under way: text before it arrives, then it is exact.
#[test]
fn a_reset_behind_text_is_exact_when_the_text_has_arrived() {
    let mut script = Script::established(&Setup::default());
    script.inject("R 11:11(0)");
    script.expect(". 1:1(0) ack 1");
    script.inject("P. 1:11(10) ack 1");
    script.inject("R 11:11(0)");
    script.expect_closed(CloseReason::Reset);
}

/// Section 4.2: a peer that came up anew sends a SYN; our challenge makes it send a RST.
#[test]
fn a_peer_that_was_restarted() {
    let mut script = Script::established(&Setup::default());
    script.write(100);
    script.expect("P. 1:101(100)");
    script.inject("S 777777:777777(0) <mss 1000>");
    script.expect(". 101:101(0) ack 1");
    script.expect_state(Established);
    script.inject("R 1:1(0)");
    script.expect_closed(CloseReason::Reset);
}

/// Section 5.2: text with an ACK that no window can explain is not taken. An ACK from before our
/// SYN is never good, although the letter would allow it.
#[test]
fn injected_text_needs_a_plausible_ack() {
    for (ack, taken) in [
        (3_001, true),
        (3_000, true),
        (2_001, true),
        (2_000, false),
        (0, false),
        (-1, false),
        (3_002, false),
        (3_001 + (1 << 30), false),
        (3_001 - (1 << 30), false),
    ] {
        // The largest window ever seen is 1000.
        let mut script = Script::established(&Setup::default().window(1_000));
        script.write(3_000);
        for acked in [1_001, 2_001, 3_001] {
            script.inject(&format!(". 1:1(0) ack {acked}"));
        }
        script.sent();
        script.inject(&format!("P. 1:11(10) ack {ack}"));
        assert_eq!(script.connection.readable() > 0, taken, "ack {ack}");
        if !taken {
            script.expect(". 3001:3001(0) ack 1");
        }
    }
}

/// Section 7: challenges are limited, and again possible a while later.
#[test]
fn challenges_are_limited() {
    for text in [
        "R 500:500(0)",
        "S 500:500(0)",
        "S 99999:99999(0)",
        "S. 99999:99999(0) ack 1",
        ". 1:1(0) ack 5000",
        "P. 1:11(10) ack 5000",
        ". 0:0(0) ack 1",
        ". 99999:99999(0) ack 1",
    ] {
        let mut script = Script::established(&Setup::default());
        let count = answers(&mut script, text, 500);
        assert!(
            (1..=20).contains(&count),
            "{text}: {count} answers to 500 segments"
        );
        script.after(secs(2));
        assert_eq!(answers(&mut script, text, 1), 1, "{text}");
        script.expect_state(Established);
    }
}

/// The limit does not silence what a good peer needs: the ACK of text that came twice.
#[test]
fn retransmissions_are_always_answered() {
    let mut script = Script::established(&Setup::default());
    answers(&mut script, "R 500:500(0)", 500);
    script.inject("P. 1:1001(1000) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 1001");
    assert_eq!(answers(&mut script, "P. 1:1001(1000) ack 1", 50), 50);
}

/// Two ends that disagree must not answer each other's ACKs for ever.
#[test]
fn there_is_no_war_of_acks() {
    let mut script = Script::established(&Setup::default());
    let mut rounds = 0;
    script.inject(". 5000:5000(0) ack 90000");
    while !script.sent().is_empty() {
        rounds += 1;
        assert!(rounds < 50, "each answer brings the next");
        script.inject(". 5000:5000(0) ack 90000");
    }
}

/// A forged FIN needs a good ACK too.
#[test]
fn an_injected_fin_needs_a_plausible_ack() {
    let mut script = Script::in_state(&Setup::default(), FinWait1);
    script.inject("F. 1:1(0) ack 7777");
    script.expect(". 2:2(0) ack 1");
    script.expect_state(FinWait1);
}
