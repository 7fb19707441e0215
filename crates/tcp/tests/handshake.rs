//! Opening: active, passive, simultaneous; what SYNs offer; lost SYNs; bad answers.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::State::{Closed, Established, SynReceived, SynSent};
use handfast_tcp::{CloseReason, Config, Connection, Event, IcmpError, WriteError};

/// Everything on, with the defaults of the crate.
fn everything() -> Setup {
    let mut setup = Setup {
        config: Config::default(),
        ..Setup::default()
    };
    (setup.path.receive_mss, setup.path.send_mss) = (1_460, 1_460);
    setup
}

/// RFC 9293 3.5, figure 6.
#[test]
fn active_open() {
    let mut script = Script::connect(&Setup::default());
    script.expect_state(SynSent);
    let syn = script.expect("S 0:0(0) win 20000 <mss 1000>");
    assert_eq!((syn.cause, syn.ack), (Cause::Open, None));
    script.inject("S. 0:0(0) ack 1 win 5000 <mss 1000>");
    script.expect(". 1:1(0) ack 1 win 20000 <>");
    script.expect_nothing();
    script.expect_state(Established);
    script.expect_events(&[Event::Connected, Event::Writable]);
    assert_eq!(script.connection.info().send_window, 5_000);
    assert_eq!(script.connection.next_timeout(), None);
}

#[test]
fn passive_open() {
    let mut script = Script::accept(&Setup::default(), "S 0:0(0) win 5000 <mss 1000>");
    script.expect_state(SynReceived);
    let syn = script.expect("S. 0:0(0) ack 1 win 20000 <mss 1000>");
    assert_eq!(syn.cause, Cause::Accept);
    script.expect_events(&[]);
    script.inject(". 1:1(0) ack 1 win 7000");
    script.expect_nothing();
    script.expect_state(Established);
    script.expect_events(&[Event::Connected, Event::Writable]);
    assert_eq!(script.connection.info().send_window, 7_000);
    assert_eq!(script.connection.next_timeout(), None);
}

/// RFC 9293 3.5, figure 7: both SYNs cross, both ends answer with SYN-ACK.
#[test]
fn simultaneous_open() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    script.inject("S 0:0(0) win 5000 <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.expect_state(SynReceived);
    script.inject("S. 0:0(0) ack 1 win 6000 <mss 1000>");
    script.expect_state(Established);
    script.expect_events(&[Event::Connected, Event::Writable]);
    // An ACK of the peer's SYN was in our SYN-ACK already; one more does no harm.
    for transmit in script.sent() {
        assert!(script.is_as_expected(&transmit, ". 1:1(0) ack 1"));
    }
    script.write(10);
    script.expect("P. 1:11(10) ack 1");
}

/// The same when the peer answers with a plain ACK, or with text.
#[test]
fn simultaneous_open_ends_with_any_good_ack() {
    for end in [". 1:1(0) ack 1", "P. 1:11(10) ack 1"] {
        let mut script = Script::in_state(&Setup::default(), SynReceived);
        script.inject(end);
        script.expect_state(Established);
    }
}

/// RFC 9293 MUST-10: simultaneous open survives the loss of either SYN-ACK.
#[test]
fn simultaneous_open_with_a_lost_syn_ack() {
    let mut script = Script::in_state(&Setup::default(), SynReceived);
    script.expect_after(secs(1), "S. 0:0(0) ack 1");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect_state(Established);
}

#[test]
fn our_syn_offers_what_the_config_says() {
    const FULL: &str = "mss 1460,sackOK,TS val 100000 ecr 0,wscale 8";
    type Change = fn(&mut Config);
    let rows: &[(Change, &str, u16)] = &[
        (|_| {}, FULL, 65_535),
        (|c| c.timestamps = false, "mss 1460,sackOK,wscale 8", 65_535),
        (
            |c| c.sack = false,
            "mss 1460,TS val 100000 ecr 0,wscale 8",
            65_535,
        ),
        (
            |c| c.window_scaling = false,
            "mss 1460,sackOK,TS val 100000 ecr 0",
            65_535,
        ),
        (
            |c| c.announce_mss = false,
            "sackOK,TS val 100000 ecr 0,wscale 8",
            65_535,
        ),
        (
            |c| c.receive_buffer_max = 1 << 30,
            "mss 1460,sackOK,TS val 100000 ecr 0,wscale 14",
            65_535,
        ),
        (
            |c| (c.receive_buffer, c.receive_buffer_max) = (65_535, 0),
            "mss 1460,sackOK,TS val 100000 ecr 0,wscale 0",
            65_535,
        ),
        (
            |c| (c.receive_buffer, c.receive_buffer_max) = (9_000, 0),
            "mss 1460,sackOK,TS val 100000 ecr 0,wscale 0",
            9_000,
        ),
    ];
    for (change, options, window) in rows {
        let mut script = Script::connect(&everything().config(change));
        script.expect(&format!("S 0:0(0) win {window} <{options}>"));
    }
}

/// A SYN-ACK has only what the SYN offered (RFC 7323 2.2, 3.2; RFC 2018 section 2).
#[test]
fn a_syn_ack_answers_what_the_syn_offered() {
    for (offer, answer) in [
        ("mss 1000", "mss 1460"),
        ("", "mss 1460"),
        ("mss 1000,sackOK", "mss 1460,sackOK"),
        ("mss 1000,wscale 3", "mss 1460,wscale 8"),
        ("mss 1000,wscale 0", "mss 1460,wscale 8"),
        ("mss 1000,TS val 77 ecr 0", "mss 1460,TS val 100000 ecr 77"),
        (
            "mss 1000,sackOK,TS val 77 ecr 0,wscale 2",
            "mss 1460,sackOK,TS val 100000 ecr 77,wscale 8",
        ),
    ] {
        let mut script = Script::accept(&everything(), &format!("S 0:0(0) <{offer}>"));
        script.expect(&format!("S. 0:0(0) ack 1 win 65535 <{answer}>"));
    }
    // And nothing that we do not want ourselves.
    let full = "S 0:0(0) <mss 1000,sackOK,TS val 77 ecr 0,wscale 2>";
    let mut script = Script::accept(&Setup::default(), full);
    script.expect("S. 0:0(0) ack 1 <mss 1000>");
}

/// The effective MSS (RFC 9293 3.7.1, MUST-14 to MUST-16): the peer's, the path's, less our own
/// options; the default when the peer says nothing; never absurdly small.
#[test]
fn the_effective_mss() {
    for (path, theirs, timestamps, mss) in [
        (1_460, "mss 1460", false, 1_460),
        (1_460, "mss 1000", false, 1_000),
        (1_000, "mss 1460", false, 1_000),
        (1_460, "mss 9000", false, 1_460),
        (1_460, "", false, 536),
        (1_460, "mss 1460", true, 1_448),
        (1_460, "mss 1000", true, 988),
        (1_460, "", true, 524),
        (1_460, "mss 1", false, 48),
        (1_460, "mss 0", false, 48),
        (1_460, "mss 65535", false, 1_460),
    ] {
        let mut setup = Setup::default().config(|config| config.timestamps = timestamps);
        setup.path.send_mss = path;
        let stamp = if timestamps { ",TS val 1 ecr 0" } else { "" };
        let mut script = Script::connect(&setup);
        script.inject(&format!("S. 0:0(0) ack 1 <{theirs}{stamp}>"));
        let info = script.connection.info();
        assert_eq!(
            info.effective_mss, mss,
            "path {path}, peer {theirs:?}, {timestamps}"
        );
    }
}

/// RFC 7323 2.2, 2.3: the window of a SYN is not scaled, later ones are, and 14 is the largest
/// shift.
#[test]
fn the_peers_window_is_scaled_after_the_handshake() {
    for (shift, scaled) in [
        (0, 1_000),
        (7, 128_000),
        (14, 16_384_000),
        (200, 16_384_000),
    ] {
        let mut script = Script::connect(&everything());
        script.inject(&format!(
            "S. 0:0(0) ack 1 win 1000 <mss 1460,wscale {shift}>"
        ));
        assert_eq!(script.connection.info().send_window, 1_000);
        script.inject(". 1:1(0) ack 1 win 1000");
        assert_eq!(
            script.connection.info().send_window,
            scaled,
            "shift {shift}"
        );
    }
    for (offer, window) in [("mss 1460,wscale 7", 128_000), ("mss 1460", 1_000)] {
        let mut script = Script::accept(&everything(), &format!("S 0:0(0) win 1000 <{offer}>"));
        script.inject(". 1:1(0) ack 1 win 1000");
        assert_eq!(script.connection.info().send_window, window, "{offer}");
    }
}

/// Our own window is scaled from the first segment behind the handshake.
#[test]
fn our_window_is_scaled_after_the_handshake() {
    let mut script = Script::connect(&everything());
    script.expect("S 0:0(0) win 65535");
    script.inject("S. 0:0(0) ack 1 <mss 1460,wscale 0>");
    let ack = script.expect(". 1:1(0) ack 1");
    let window = u64::from(ack.window) << 8;
    assert!(((64 << 10) - 256..=64 << 10).contains(&window), "{window}");
}

/// RFC 9293 MUST-23 and 3.8.3: at least three minutes of trying; RFC 6298: each time-out is twice
/// the one before.
#[test]
fn a_syn_is_sent_again_with_back_off_and_given_up() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    for (count, seconds) in [1, 2, 4, 8, 16, 32, 60].into_iter().enumerate() {
        let syn = script.expect_after(secs(seconds), "S 0:0(0) win 20000 <mss 1000>");
        assert_eq!(syn.cause, Cause::TimeoutRetransmit(count as u8 + 1));
    }
    script.expect_nothing_for(secs(180 - 123));
    script.expect_closed(CloseReason::TimedOut);
    script.expect_events(&[
        Event::Readable,
        Event::Writable,
        Event::SoftError,
        Event::Closed,
    ]);
}

#[test]
fn a_syn_ack_is_sent_again_with_back_off_and_given_up() {
    let mut script = Script::accept(&Setup::default(), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    for seconds in [1, 2, 4, 8, 16] {
        script.expect_after(secs(seconds), "S. 0:0(0) ack 1 win 20000 <mss 1000>");
    }
    script.expect_nothing_for(secs(32));
    script.expect_closed(CloseReason::TimedOut);
}

#[test]
fn the_handshake_gives_the_first_rtt_sample() {
    for setup in [Setup::default(), Setup::default().passive()] {
        let script = Script::established(&setup.rtt(ms(50)));
        let info = script.connection.info();
        assert_eq!((info.srtt, info.rtt_variation), (Some(ms(50)), ms(25)));
        assert_eq!(info.rto, ms(250), "the spread has a minimum");
    }
}

/// Karn's rule (RFC 6298 section 3), and section 5.7: the RTO begins with 3 s. The initial window is
/// one segment (RFC 5681 3.1), but not for a single lost SYN (RFC 6928 section 2).
#[test]
fn after_a_lost_syn_there_is_no_sample_a_long_rto_and_after_two_a_small_window() {
    for (lost, window) in [(1, 10_000), (2, 1_000)] {
        let mut script = Script::connect(&Setup::default());
        script.expect("S 0:0(0)");
        for time in 0..lost {
            script.expect_after(secs(1 << time), "S 0:0(0)");
        }
        script.after(ms(10));
        script.inject("S. 0:0(0) ack 1 <mss 1000>");
        script.expect(". 1:1(0) ack 1");
        let info = script.connection.info();
        assert_eq!((info.srtt, info.congestion_window), (None, window));
        script.write(1_000);
        script.expect("P. 1:1001(1000)");
        script.expect_after(secs(3), "P. 1:1001(1000)");
    }
}

/// A SYN that comes again while we wait for the ACK of ours: the peer did not get our SYN-ACK.
#[test]
fn a_repeated_syn_is_answered() {
    let mut script = Script::in_state(&Setup::default().passive(), SynReceived);
    script.inject("S 0:0(0) <mss 1000>");
    let answers = script.sent();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].ack, Some(SeqNumber(script.irs.wrapping_add(1))));
    script.expect_state(SynReceived);
    script.inject(". 1:1(0) ack 1");
    script.expect_state(Established);
}

/// Our ACK of the SYN-ACK was lost: the SYN-ACK comes again and must be acknowledged again.
#[test]
fn a_repeated_syn_ack_is_acknowledged() {
    let mut script = Script::established(&Setup::default());
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect(". 1:1(0) ack 1");
    script.expect_state(Established);
}

#[test]
fn text_written_early_goes_with_the_handshake_ack() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    script.write(1_500);
    script.expect_nothing();
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect(". 1:1001(1000) ack 1");
    script.expect("P. 1001:1501(500) ack 1");
    script.expect_nothing();
}

#[test]
fn a_shutdown_before_the_handshake_sends_the_fin_behind_it() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    script.write(10);
    script.shutdown();
    assert_eq!(script.connection.writable(), 0);
    script.expect_nothing();
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect("FP. 1:11(10) ack 1");
}

/// RFC 9293 3.10.4 and 3.10.5: in SYN-SENT nobody needs to be told.
#[test]
fn close_and_abort_in_syn_sent_are_silent() {
    let verbs: [fn(&mut Script); 2] = [Script::close, Script::abort];
    for verb in verbs {
        let mut script = Script::in_state(&Setup::default(), SynSent);
        verb(&mut script);
        script.expect_nothing();
        script.expect_closed(CloseReason::Aborted);
        let mut write = None;
        script.verb("write", |connection, cx| {
            write = Some(connection.write(cx, b"x"));
        });
        assert_eq!(write, Some(Err(WriteError::Closed(CloseReason::Aborted))));
    }
}

/// RFC 9293 3.9.2.2, RFC 5461, RFC 5927 4.1: hard errors end an opening, soft ones do not, and
/// errors about numbers that are not in flight are forged.
#[test]
fn icmp_errors_while_opening() {
    for state in [SynSent, SynReceived] {
        let mut script = Script::in_state(&Setup::default(), state);
        let icmp = |script: &mut Script, error: IcmpError, number: u32| {
            let seq = SeqNumber(script.iss.wrapping_add(number));
            script.verb("icmp", |connection: &mut Connection, cx| {
                connection.on_icmp(cx, error, seq);
            });
        };
        icmp(&mut script, IcmpError::Hard, 1);
        icmp(&mut script, IcmpError::Hard, u32::MAX);
        script.expect_state(state);
        script.expect_events(&[]);
        icmp(&mut script, IcmpError::Soft, 0);
        script.expect_state(state);
        script.expect_events(&[Event::SoftError]);
        icmp(&mut script, IcmpError::Hard, 0);
        script.expect_state(Closed);
        script.expect_closed(CloseReason::Unreachable);
    }
}

/// RFC 9293 MUST-56: once open, even a hard error is soft.
#[test]
fn icmp_errors_do_not_end_an_open_connection() {
    let mut script = Script::established(&Setup::default());
    script.write(10);
    script.expect("P. 1:11(10)");
    let seq = SeqNumber(script.iss.wrapping_add(1));
    script.verb("icmp", |connection, cx| {
        connection.on_icmp(cx, IcmpError::Hard, seq);
    });
    script.expect_state(Established);
    script.expect_events(&[Event::SoftError]);
}

/// RFC 9293 3.5, figure 8: an old duplicate SYN makes the listener answer; the RST that follows
/// brings it back.
#[test]
fn an_old_duplicate_syn_is_undone_by_a_reset() {
    let mut script = Script::in_state(&Setup::default().passive(), SynReceived);
    script.inject("R 1:1(0)");
    script.expect_state(Closed);
    script.expect_nothing();
}

/// RFC 9293 3.5.1, figure 10: we come up anew and meet a half-open peer.
#[test]
fn a_half_open_peer_is_reset() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    // It answers our SYN with an ACK that means nothing to us.
    script.inject(". 5000:5000(0) ack -300");
    script.expect("R -300:-300(0)");
    script.expect_state(SynSent);
    script.expect_after(secs(1), "S 0:0(0)");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect_state(Established);
}

/// As Linux does with `tcp_syn_linear_timeouts`.
#[test]
fn the_first_syns_may_be_resent_without_backing_off() {
    let setup = Setup::default().config(|config| config.syn_linear_timeouts = 2);
    let mut script = Script::connect(&setup);
    script.expect("S 0:0(0)");
    for wait in [1, 1, 1, 2, 4] {
        script.expect_after(secs(wait), "S 0:0(0)");
    }
}
