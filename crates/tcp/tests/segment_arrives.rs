//! RFC 9293 3.10.7, SEGMENT ARRIVES: a row for each sentence, in every state that it names.
//!
//! Numbers in the rows: `R` is RCV.NXT, `S` SND.NXT, `U` SND.UNA, and `W` stands behind the window.
//! Security/compartment (the third step) is not implemented, as in every common host: RFC 9293
//! A.1 leaves it out.

mod common;

use common::{Script, Setup, secs};
use handfast_tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, SynSent,
    TimeWait,
};
use handfast_tcp::stateless::{ListenVerdict, on_closed, on_listen};
use handfast_tcp::{CloseReason, Event, ReadError, State};

/// What the row says, the states in which it is tried, the segment, the answers, and the state
/// afterwards (`None`: the same).
type Row = (
    &'static str,
    &'static [State],
    &'static str,
    &'static [&'static str],
    Option<State>,
);

const SYNCHRONIZED: &[State] = &[Established, FinWait1, FinWait2, CloseWait, Closing, LastAck];
const WITH_TIME_WAIT: &[State] = &[
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
];
const ALL: &[State] = &[
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
];
const ALL_BUT_TIME_WAIT: &[State] = &[
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
];
const RECEIVING: &[State] = &[Established, FinWait1, FinWait2];
const PAST_FIN: &[State] = &[CloseWait, Closing, LastAck];

/// The ACK that says where we are.
const ACK: &[&str] = &[". S:S(0) ack R"];

/// Runs each row in each of its states, opened actively and passively; returns the number of
/// tries.
fn run(rows: &[Row]) -> usize {
    let mut tries = 0;
    for (name, states, inject, answers, after) in rows {
        for &state in *states {
            for setup in [Setup::default(), Setup::default().passive()] {
                if state == SynSent && setup.passive {
                    continue;
                }
                println!("{name} in {state}, passive: {}", setup.passive);
                let mut script = Script::in_state(&setup, state);
                script.inject(inject);
                for answer in *answers {
                    script.expect(answer);
                }
                script.expect_nothing();
                script.expect_state(after.unwrap_or(state));
                tries += 1;
            }
        }
    }
    tries
}

#[test]
fn rfc9293_3_10_7_1_closed() {
    // Sequence number zero is 1500 behind our initial one in scripts.
    for (name, inject, answer) in [
        ("a RST is discarded", "R 5:5(0)", None),
        ("a RST with ACK is discarded", "R. 5:5(0) ack 7", None),
        (
            "SYN: SEG.LEN counts it",
            "S 0:0(0)",
            Some("R. 1500:1500(0) ack 1"),
        ),
        (
            "text without ACK",
            "P 5:15(10)",
            Some("R. 1500:1500(0) ack 15"),
        ),
        (
            "text and FIN without ACK",
            "F 5:15(10)",
            Some("R. 1500:1500(0) ack 16"),
        ),
        ("ACK", ". 5:5(0) ack 7", Some("R 7:7(0)")),
        ("SYN with ACK", "S. 0:0(0) ack 7", Some("R 7:7(0)")),
        (
            "FIN with ACK and text",
            "F. 5:15(10) ack 7",
            Some("R 7:7(0)"),
        ),
    ] {
        let script = Script::connect(&Setup::default());
        let reset = on_closed(&script.segment(inject));
        let seen = reset.as_ref().map(|reset| script.describe(reset));
        let fits = match (&reset, answer) {
            (Some(reset), Some(answer)) => script.is_as_expected(reset, answer),
            (reset, answer) => reset.is_none() && answer.is_none(),
        };
        assert!(fits, "{name}: expected {answer:?}, seen {seen:?}");
    }
}

#[test]
fn rfc9293_3_10_7_1_a_closed_connection_is_silent() {
    // The caller asks `stateless::on_closed` for segments after the end.
    let mut script = Script::established(&Setup::default());
    script.abort();
    script.expect("R 1:1(0)");
    script.inject("P. 1:11(10) ack 1");
    script.expect_nothing();
    script.expect_closed(CloseReason::Aborted);
}

#[test]
fn rfc9293_3_10_7_2_listen() {
    for (name, inject, expected) in [
        ("first: RST is ignored", "R 5:5(0)", "ignore"),
        (
            "first: RST with ACK is ignored",
            "R. 5:5(0) ack 7",
            "ignore",
        ),
        ("second: any ACK gets a RST", ". 5:5(0) ack 7", "R 7:7(0)"),
        (
            "second: SYN with ACK gets a RST",
            "S. 5:5(0) ack 7",
            "R 7:7(0)",
        ),
        (
            "second: text with ACK gets a RST",
            "P. 5:9(4) ack 7",
            "R 7:7(0)",
        ),
        ("third: SYN opens", "S 0:0(0)", "accept"),
        ("third: SYN with text opens", "S 0:10(10)", "accept"),
        ("fourth: anything else is dropped", "P 5:9(4)", "ignore"),
        ("fourth: FIN without ACK is dropped", "F 5:5(0)", "ignore"),
    ] {
        let script = Script::connect(&Setup::default());
        let fits = match on_listen(&script.segment(inject)) {
            ListenVerdict::Ignore => expected == "ignore",
            ListenVerdict::Accept => expected == "accept",
            ListenVerdict::Reply(reset) => {
                expected.starts_with('R') && script.is_as_expected(&reset, expected)
            }
        };
        assert!(fits, "{name}: {inject} should give {expected}");
    }
}

#[test]
fn rfc9293_3_10_7_2_a_syn_is_answered_with_our_syn_and_its_acknowledgment() {
    let mut script = Script::accept(&Setup::default(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.expect_state(SynReceived);
    // Text with the SYN may be taken later; not taking it means not acknowledging it.
    let mut script = Script::accept(&Setup::default(), "S 0:10(10) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 11:11(0) ack 1");
    script.expect_state(Established);
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
}

#[test]
fn rfc9293_3_10_7_3_syn_sent() {
    const IN: &[State] = &[SynSent];
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("first: ACK at ISS is a lie", IN, ". 0:0(0) ack 0", &["R 0:0(0)"], None),
        ("first: ACK before ISS", IN, "S. 0:0(0) ack -5", &["R -5:-5(0)"], None),
        ("first: ACK behind SND.NXT", IN, "S. 0:0(0) ack 2", &["R 2:2(0)"], None),
        ("first: bad ACK with text", IN, "P. 0:9(9) ack 700", &["R 700:700(0)"], None),
        ("first: bad ACK with FIN", IN, "F. 0:0(0) ack 700", &["R 700:700(0)"], None),
        ("first: unless RST is set", IN, "R. 0:0(0) ack 2", &[], None),
        ("first: RST with ACK at ISS", IN, "R. 0:0(0) ack 0", &[], None),
        ("second: RST with our ACK", IN, "R. 0:0(0) ack 1", &[], Some(Closed)),
        ("second: RST without ACK", IN, "R 0:0(0)", &[], None),
        ("fourth: SYN with ACK", IN, "S. 0:0(0) ack 1", &[". 1:1(0) ack 1"], Some(Established)),
        ("fourth: SYN alone", IN, "S 0:0(0)", &["S. 0:0(0) ack 1"], Some(SynReceived)),
        ("fifth: neither, with ACK", IN, ". 0:0(0) ack 1", &[], None),
        ("fifth: neither, without ACK", IN, "P 0:9(9)", &[], None),
        ("3.10.7.4 eighth: FIN is dropped", IN, "F. 0:0(0) ack 1", &[], None),
        ("3.10.7.4 eighth: FIN without ACK", IN, "F 0:0(0)", &[], None),
    ];
    let tries = run(rows);
    assert_eq!(tries, 15);
}

#[test]
fn rfc9293_3_10_7_3_the_reset_of_a_refused_connection_reaches_the_user() {
    let mut script = Script::in_state(&Setup::default(), SynSent);
    script.inject("R. 0:0(0) ack 1");
    script.expect_closed(CloseReason::Refused);
    assert_eq!(
        script.try_read(),
        Err(ReadError::Closed(CloseReason::Refused))
    );
}

#[test]
fn rfc9293_3_10_7_3_text_with_the_syn_ack_is_processed() {
    let mut script = Script::in_state(&Setup::default(), SynSent);
    script.inject("S. 0:10(10) ack 1 <mss 1000>");
    script.expect(". 1:1(0) ack 11");
    script.read(10);
    // From the sixth step on: the FIN too.
    let mut script = Script::in_state(&Setup::default(), SynSent);
    script.inject_batch(&["S. 0:0(0) ack 1 <mss 1000>", "F. 1:11(10) ack 1"]);
    script.expect(". 1:1(0) ack 12");
    script.expect_state(CloseWait);
}

#[test]
fn rfc9293_3_10_7_4_first_sequence_number() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("empty, at RCV.NXT", SYNCHRONIZED, ". R:R(0) ack U", &[], None),
        ("empty, in the window", SYNCHRONIZED, ". R+7:R+7(0) ack U", &[], None),
        ("empty, before the window", ALL, ". R-1:R-1(0) ack U", ACK, None),
        ("empty, far before the window", ALL, ". R-9999:R-9999(0) ack U", ACK, None),
        ("empty, behind the window", ALL, ". W+1:W+1(0) ack U", ACK, None),
        ("text before the window", ALL, "P. R-10:R(10) ack U", ACK, None),
        ("text behind the window", ALL, "P. W:W+10(10) ack U", ACK, None),
        ("FIN before the window", ALL_BUT_TIME_WAIT, "F. R-5:R-5(0) ack U", ACK, None),
        ("FIN behind the window", ALL, "F. W:W(0) ack U", ACK, None),
        ("RST before the window is dropped", ALL, "R R-1:R-1(0)", &[], None),
        ("RST behind the window is dropped", ALL, "R W+1:W+1(0)", &[], None),
        ("no ACK flag, before the window", ALL_BUT_TIME_WAIT, "P R-10:R(10)", ACK, None),
    ];
    run(rows);
}

#[test]
fn rfc9293_3_10_7_4_first_only_the_new_part_of_a_segment_is_processed() {
    for state in RECEIVING {
        let mut script = Script::in_state(&Setup::default(), *state);
        script.inject("P. R:R+10(10) ack U");
        script.inject("P. R+5:R+25(20) ack U");
        script.read(25);
        // Both edges at once: the window is 20000 from where it was announced.
        let mut script = Script::in_state(&Setup::default(), *state);
        script.inject("P. R:R+10(10) ack U");
        script.inject("P. R+5:W+5(20000) ack U");
        script.read(20_000);
        assert_eq!(script.try_read(), Err(ReadError::WouldBlock));
    }
}

#[test]
fn rfc9293_3_10_7_4_first_early_segments_are_held() {
    for state in RECEIVING {
        let mut script = Script::in_state(&Setup::default(), *state);
        script.inject("P. R+10:R+20(10) ack U");
        script.expect(". S:S(0) ack R");
        script.inject("P. R:R+10(10) ack U");
        script.expect(". S:S(0) ack R+20");
        script.read(20);
    }
}

#[test]
fn rfc9293_3_10_7_4_second_rst() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("1) outside: dropped", ALL, "R W+1:W+1(0)", &[], None),
        ("1) at the right edge is outside", ALL, "R W:W(0)", &[], None),
        ("3) inside, not exact: challenge", ALL_BUT_TIME_WAIT, "R R+1:R+1(0)", ACK, None),
        ("3) inside, at the end: challenge", ALL_BUT_TIME_WAIT, "R W-1:W-1(0)", ACK, None),
        ("3) with ACK: challenge", ALL_BUT_TIME_WAIT, "R. R+9:R+9(0) ack S", ACK, None),
        ("2) exact: reset", ALL_BUT_TIME_WAIT, "R R:R(0)", &[], Some(Closed)),
        ("2) exact, with ACK", ALL_BUT_TIME_WAIT, "R. R:R(0) ack S", &[], Some(Closed)),
        ("2) exact, whatever ACK", ALL_BUT_TIME_WAIT, "R. R:R(0) ack S+777", &[], Some(Closed)),
        // RFC 1337 F1; see `TimeWait::on_segment`.
        ("TIME-WAIT: ignored", &[TimeWait], "R R:R(0)", &[], None),
    ];
    run(rows);
}

#[test]
fn rfc9293_3_10_7_4_second_rst_tells_the_user() {
    for &state in SYNCHRONIZED {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject("R R:R(0)");
        script.expect_closed(CloseReason::Reset);
        script.expect_events(&[Event::Readable, Event::Writable, Event::Closed]);
    }
    let mut script = Script::in_state(&Setup::default(), Established);
    script.inject("P. 1:11(10) ack 1");
    script.inject("R 11:11(0)");
    script.expect_closed(CloseReason::Reset);
    // The active opener is refused; the passive one goes back to LISTEN, which is the caller's.
    let mut script = Script::in_state(&Setup::default(), SynReceived);
    script.inject("R 1:1(0)");
    script.expect_closed(CloseReason::Refused);
    let mut script = Script::in_state(&Setup::default().passive(), SynReceived);
    script.inject("R 1:1(0)");
    script.expect_state(Closed);
    script.expect_nothing_for(secs(300));
}

#[test]
fn rfc9293_3_10_7_4_fourth_syn() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("inside the window: challenge", SYNCHRONIZED, "S R+5:R+5(0)", ACK, None),
        ("exact: challenge", SYNCHRONIZED, "S R:R(0)", ACK, None),
        ("with ACK: challenge", SYNCHRONIZED, "S. R:R(0) ack S", ACK, None),
        ("the old SYN again: ACK", WITH_TIME_WAIT, "S 0:0(0)", ACK, None),
        ("the old SYN-ACK again: ACK", WITH_TIME_WAIT, "S. 0:0(0) ack U", ACK, None),
        ("behind the window: ACK", SYNCHRONIZED, "S W+99:W+99(0)", ACK, None),
        ("far away: ACK", SYNCHRONIZED, "S R+1999999999:R+1999999999(0)", ACK, None),
    ];
    run(rows);
    // SYN-RECEIVED: a passive open goes back to LISTEN, an active one challenges.
    let mut script = Script::in_state(&Setup::default().passive(), SynReceived);
    script.inject("S R+5:R+5(0)");
    script.expect_nothing();
    script.expect_state(Closed);
    let mut script = Script::in_state(&Setup::default(), SynReceived);
    script.inject("S R+5:R+5(0)");
    script.expect(". 1:1(0) ack 1");
    script.expect_state(SynReceived);
}

#[test]
fn rfc9293_3_10_7_4_fifth_ack() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("ACK off: dropped", ALL, "P R:R+10(10)", &[], None),
        ("FIN without ACK: dropped", ALL, "F R:R(0)", &[], None),
        ("SEG.ACK > SND.NXT: ACK", WITH_TIME_WAIT, ". R:R(0) ack S+1", ACK, None),
        ("far ahead: ACK", WITH_TIME_WAIT, ". R:R(0) ack S+99999", ACK, None),
        ("SEG.ACK < SND.UNA - MAX.SND.WND: ACK", SYNCHRONIZED, ". R:R(0) ack U-60001", ACK, None),
        ("a duplicate is ignored", SYNCHRONIZED, ". R:R(0) ack U-1", &[], None),
        ("SYN-RECEIVED: opens", &[SynReceived], ". R:R(0) ack S", &[], Some(Established)),
        ("SYN-RECEIVED: old", &[SynReceived], ". R:R(0) ack U", &["R 0:0(0)"], None),
        ("SYN-RECEIVED: unsent", &[SynReceived], ". R:R(0) ack S+1", &["R 2:2(0)"], None),
        ("FIN-WAIT-1: our FIN", &[FinWait1], ". R:R(0) ack S", &[], Some(FinWait2)),
        ("FIN-WAIT-1: not our FIN", &[FinWait1], ". R:R(0) ack U", &[], None),
        ("CLOSING: our FIN", &[Closing], ". R:R(0) ack S", &[], Some(TimeWait)),
        ("CLOSING: otherwise ignored", &[Closing], ". R:R(0) ack U", &[], None),
        ("LAST-ACK: our FIN", &[LastAck], ". R:R(0) ack S", &[], Some(Closed)),
        ("LAST-ACK: not our FIN", &[LastAck], ". R:R(0) ack U", &[], None),
        ("TIME-WAIT: the FIN again", &[TimeWait], "F. R-1:R-1(0) ack S", ACK, None),
    ];
    run(rows);
}

#[test]
fn rfc9293_3_10_7_4_fifth_bad_acks_deliver_nothing() {
    for &state in RECEIVING {
        for bad in [
            "P R:R+10(10)",
            "P. R:R+10(10) ack S+1",
            "P. R:R+10(10) ack U-60001",
        ] {
            let mut script = Script::in_state(&Setup::default(), state);
            script.inject(bad);
            assert_eq!(script.connection.readable(), 0, "{bad} in {state}");
            // The text itself is welcome later.
            script.inject("P. R:R+10(10) ack U");
            script.read(10);
        }
    }
}

#[test]
fn rfc9293_3_10_7_4_fifth_acknowledged_text_is_released_in_every_sending_state() {
    for state in [Established, CloseWait] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.write(2_000);
        script.expect(". 1:1001(1000) ack R");
        script.expect("P. 1001:2001(1000) ack R");
        script.inject(". R:R(0) ack 1001");
        assert_eq!(script.connection.info().bytes_acked, 1_000);
        assert_eq!(script.connection.writable(), 99_000);
        script.inject(". R:R(0) ack 2001");
        assert_eq!(script.connection.writable(), 100_000);
        assert!(script.connection.next_timeout().is_none());
    }
    // FIN-WAIT-1, CLOSING and LAST-ACK: the text first, then the FIN.
    for (state, after) in [(Established, FinWait2), (CloseWait, Closed)] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.write(500);
        script.expect("P. 1:501(500)");
        script.shutdown();
        script.expect("F. 501:501(0)");
        let closing = script.connection.state();
        script.inject(". R:R(0) ack 501");
        script.expect_state(closing);
        script.inject(". R:R(0) ack 502");
        script.expect_state(after);
    }
}

#[test]
fn rfc9293_3_10_7_4_fifth_time_wait_restarts_with_a_fin() {
    let mut script = Script::in_state(&Setup::default(), TimeWait);
    script.after(secs(50));
    script.inject("F. R-1:R-1(0) ack S");
    script.expect(". S:S(0) ack R");
    script.expect_nothing_for(secs(59));
    script.expect_state(TimeWait);
    script.after(secs(1));
    script.expect_closed(CloseReason::Normal);
}

#[test]
fn rfc9293_3_10_7_4_sixth_urg() {
    for (state, events) in [
        (Established, &[Event::Urgent][..]),
        (FinWait1, &[Event::Urgent]),
        (FinWait2, &[Event::Urgent]),
        (CloseWait, &[]),
        (Closing, &[]),
        (LastAck, &[]),
        (TimeWait, &[]),
    ] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject(". R:R(0) ack U urg 10");
        script.expect_events(events);
        script.expect_state(state);
    }
}

#[test]
fn rfc9293_3_10_7_4_seventh_text() {
    for &state in RECEIVING {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject("P. R:R+10(10) ack U");
        script.expect_events(&[Event::Readable]);
        script.read(10);
        // Responsibility for the text means an acknowledgment, with no undue delay.
        script.expect_after(script.connection.config().delayed_ack, ". S:S(0) ack R+10");
        script.expect_state(state);
    }
    for &state in PAST_FIN {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject("P. R:R+10(10) ack U");
        script.expect_events(&[]);
        assert_eq!(script.connection.readable(), 0, "{state}");
        assert_eq!(script.try_read(), Ok(0), "{state}");
        script.expect_state(state);
    }
}

#[test]
fn rfc9293_3_10_7_4_seventh_text_completes_the_handshake_too() {
    for setup in [Setup::default(), Setup::default().passive()] {
        let mut script = Script::in_state(&setup, SynReceived);
        script.inject("P. R:R+10(10) ack S");
        script.expect_state(Established);
        script.expect_events(&[Event::Connected, Event::Readable, Event::Writable]);
        script.read(10);
    }
}

#[test]
fn rfc9293_3_10_7_4_eighth_fin() {
    const FIN_ACK: &[&str] = &[". S:S(0) ack R+1"];
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("SYN-RECEIVED", &[SynReceived], "F. R:R(0) ack S", FIN_ACK, Some(CloseWait)),
        ("ESTABLISHED", &[Established], "F. R:R(0) ack U", FIN_ACK, Some(CloseWait)),
        ("FIN-WAIT-1, ours not acked", &[FinWait1], "F. R:R(0) ack U", FIN_ACK, Some(Closing)),
        ("FIN-WAIT-1, ours acked", &[FinWait1], "F. R:R(0) ack S", FIN_ACK, Some(TimeWait)),
        ("FIN-WAIT-2", &[FinWait2], "F. R:R(0) ack U", FIN_ACK, Some(TimeWait)),
        ("remain", &[CloseWait, Closing, LastAck], "F. R-1:R-1(0) ack U", ACK, None),
        ("TIME-WAIT", &[TimeWait], "F. R-1:R-1(0) ack U", ACK, None),
        ("with text", &[Established], "FP. R:R+10(10) ack U", &[". S:S(0) ack R+11"], Some(CloseWait)),
        ("with text, ours acked", &[FinWait1], "F. R:R+10(10) ack S", &[". S:S(0) ack R+11"], Some(TimeWait)),
        ("before its text", &[Established], "F. R+10:R+20(10) ack U", ACK, None),
    ];
    run(rows);
}

#[test]
fn rfc9293_3_10_7_4_eighth_fin_tells_the_user_and_pushes() {
    let mut script = Script::in_state(&Setup::default(), Established);
    script.inject("F. 1:11(10) ack 1");
    script.expect_events(&[Event::Readable]);
    script.read(10);
    assert_eq!(script.try_read(), Ok(0));
}

#[test]
fn rfc9293_3_10_7_4_eighth_an_early_fin_counts_when_its_turn_comes() {
    for (state, after) in [
        (Established, CloseWait),
        (FinWait1, Closing),
        (FinWait2, TimeWait),
    ] {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject("F. R+10:R+20(10) ack U");
        script.expect(". S:S(0) ack R");
        script.expect_state(state);
        script.inject("P. R:R+10(10) ack U");
        script.expect(". S:S(0) ack R+21");
        script.expect_state(after);
        script.read(20);
        assert_eq!(script.try_read(), Ok(0));
    }
}

/// The first step trims what lies outside the window, "including SYN and FIN".
#[test]
fn rfc9293_3_10_7_4_eighth_a_fin_behind_the_window_is_trimmed() {
    for &state in RECEIVING {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject("F. R:W+5(20005) ack U");
        script.expect_state(state);
        script.read(20_000);
        script.sent();
        script.inject("P. W:W+100(100) ack U");
        script.read(100);
        script.expect_state(state);
    }
}

/// RFC 9293 does not say which of two contradicting segments is right; as with text (3.10.7.4), what
/// came first stays. The ACK of what was never sent, and an end in the middle, would be worse.
#[test]
fn rfc9293_3_10_7_4_eighth_a_fin_in_front_of_text_that_is_here_is_no_end() {
    for &state in RECEIVING {
        let mut script = Script::in_state(&Setup::default(), state);
        script.inject(". R+10:R+20(10) ack U");
        script.sent();
        for fin in ["F. R:R(0) ack U", "F. R+15:R+15(0) ack U"] {
            script.inject(fin);
            script.expect(". S:S(0) ack R");
            script.expect_state(state);
        }
        script.inject("P. R:R+10(10) ack U");
        script.read(20);
        script.expect_state(state);
        script.sent();
        script.inject("F. R+20:R+20(0) ack U");
        assert_eq!(script.try_read(), Ok(0));
    }
}
