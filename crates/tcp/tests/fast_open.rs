//! Fast Open (RFC 7413): text in SYNs, on both sides.

mod common;

use common::{MSS, Script, Setup, ms, secs};
use handfast_packet::tcp::FastOpen;
use handfast_tcp::{
    Algorithm, CloseReason, EcnMode, FastOpenOffer, FastOpenOutcome, IcmpError, ReadError, State,
    WriteError,
};

fn cookie(byte: u8) -> FastOpen {
    FastOpen::new(&[byte; 8]).expect("eight bytes")
}

const GOOD: &str = "FO 0707070707070707";

fn offer() -> FastOpenOffer {
    FastOpenOffer::Cookie {
        cookie: cookie(7),
        mss: 1_000,
    }
}

/// A client that has written `len` bytes and shows a cookie.
fn client(len: usize) -> Script {
    Script::connect_with(&Setup::default(), len, |connection| {
        connection.offer_fast_open(offer(), false);
    })
}

fn outcome(script: &mut Script) -> Option<FastOpenOutcome> {
    let news = script.connection.take_fast_open_news()?;
    assert_eq!(news.at, script.now);
    Some(news.outcome)
}

/// What a server answers.
fn server(syn: &str, reply: Option<FastOpen>, early: bool) -> Script {
    let setup = Setup {
        passive: true,
        ..Setup::default()
    };
    Script::accept_with(&setup, syn, |connection, cx, syn| {
        connection.answer_fast_open(cx, syn, reply, early);
    })
}

/// RFC 7413 4.1.1: a request is a SYN with an empty option and without text.
#[test]
fn a_request_carries_no_text_and_brings_a_cookie() {
    let request = FastOpenOffer::Request { experiment: false };
    let mut script = Script::connect_with(&Setup::default(), 100, |connection| {
        connection.offer_fast_open(request, true);
        assert_eq!(connection.fast_open_room(), 0);
    });
    script.expect("S 0:0(0) <mss 1000,FO>");
    script.inject("S. 0:0(0) ack 1 <mss 900,FO 0102030405060708>");
    script.expect("P. 1:101(100) ack 1");
    let cookie = FastOpen::new(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let answered = FastOpenOutcome::Answered {
        mss: Some(900),
        cookie,
        refused: false,
        resent: false,
    };
    assert_eq!(outcome(&mut script), Some(answered));
    assert_eq!(outcome(&mut script), None, "told once");
}

/// RFC 7413 4.1.3.1: no cookie for who asked for one is an answer, too.
#[test]
fn a_request_without_answer_is_a_refusal() {
    let request = FastOpenOffer::Request { experiment: true };
    let mut script = Script::connect_with(&Setup::default(), 0, |connection| {
        connection.offer_fast_open(request, false);
    });
    let syn = script.expect("S 0:0(0)");
    assert!(
        syn.options
            .fast_open
            .is_some_and(|option| option.experiment)
    );
    script.inject("S. 0:0(0) ack 1 <mss 900>");
    script.expect(". 1:1(0) ack 1");
    assert!(matches!(
        outcome(&mut script),
        Some(FastOpenOutcome::Answered {
            refused: true,
            cookie: None,
            ..
        })
    ));
}

/// RFC 7413 4.2.1: text goes with the cookie, as much as the cached MSS and all options allow.
#[test]
fn text_goes_with_the_cookie() {
    let mut script = client(2_000);
    script.expect(&format!("S 0:960(960) <mss 1000,{GOOD}>"));
    script.expect_nothing();
    script.inject("S. 0:0(0) ack 961 <mss 1000>");
    let info = script.connection.tcp_info(script.now);
    assert_eq!(info.delivered, 1, "the SYN and its text are one segment");
    script.expect(". 961:1961(1000) ack 1");
    script.expect("P. 1961:2001(40) ack 1");
    assert!(script.connection.syn_text_taken());
    assert_eq!(script.connection.info().retransmissions, 0);
    assert!(matches!(
        outcome(&mut script),
        Some(FastOpenOutcome::Answered { refused: false, .. })
    ));
}

#[test]
fn the_syn_waits_for_text_only_if_told_to() {
    let mut script = Script::connect_with(&Setup::default(), 0, |connection| {
        connection.offer_fast_open(offer(), true);
    });
    script.expect_nothing_for(secs(1_000));
    assert_eq!(script.connection.fast_open_room(), 960);
    script.write(100);
    script.expect("S 0:100(100)");
    assert_eq!(script.connection.fast_open_room(), 0);
    script.expect_nothing_for(ms(999));
    let mut script = client(0);
    script.expect(&format!("S 0:0(0) <mss 1000,{GOOD}>"));
    let mut script = Script::connect_with(&Setup::default(), 0, |connection| {
        connection.offer_fast_open(offer(), true);
    });
    script.shutdown();
    script.expect("S 0:0(0)");
}

/// RFC 4987 3.6: a server with SYN cookies keeps nothing of the SYN and finds its number in the third
/// segment, one below; with AccECN that one has no text (RFC 9768 3.2.2.1).
#[test]
fn an_ack_ahead_of_text_that_was_not_taken_stands_before_it() {
    let setup = Setup::default().config(|config| config.ecn = EcnMode::Accurate);
    let mut script = Script::connect_with(&setup, 100, |connection| {
        connection.offer_fast_open(offer(), false);
    });
    script.expect("SEWA 0:100(100)");
    script.inject("SW. 0:0(0) ack 1 <mss 1000>");
    let ack = script.expect_any();
    assert!(ack.payload.is_empty());
    assert_eq!(ack.seq.0, script.iss.wrapping_add(1));
    let text = script.expect_any();
    assert_eq!((text.seq, text.payload.len()), (ack.seq, 100));
}

/// A segment beyond the peer's window is dropped, and its ACK with it (RFC 9293 3.10.7.4).
#[test]
fn no_ack_lies_beyond_a_window_that_is_smaller_than_text_that_was_not_taken() {
    let mut script = client(100);
    script.expect("S 0:100(100)");
    script.inject("S. 0:0(0) ack 1 win 60 <mss 1000>");
    script.expect(". 1:61(60) ack 1");
    // A window that shrinks is no such case: text up to its old edge may have been taken.
    script.inject("P. 1:11(10) ack 1 win 30");
    script.after(ms(40));
    script.expect(". 61:61(0) ack 11");
    script.verb("abort", |connection, cx| connection.abort(cx));
    script.expect("R 61:61(0)");
}

/// RFC 7413 4.2.1: what the SYN-ACK leaves out is sent again at once.
#[test]
fn text_that_is_not_acknowledged_follows_the_handshake() {
    for (ack, refused) in [(1, true), (10, false)] {
        let mut script = client(100);
        script.expect("S 0:100(100)");
        script.inject(&format!("S. 0:0(0) ack {ack} <mss 1000>"));
        let left = 101 - ack;
        script.expect(&format!("P. {ack}:101({left}) ack 1"));
        script.expect_nothing();
        assert!(!script.connection.syn_text_taken());
        let Some(FastOpenOutcome::Answered { refused: seen, .. }) = outcome(&mut script) else {
            panic!("it was answered")
        };
        assert_eq!(seen, refused, "ack {ack}");
        script.inject(". 1:1(0) ack 101");
        script.expect_nothing_for(secs(10));
    }
}

/// Text that was not taken goes again in one piece. Without SACK a late duplicate tells that the copy
/// of the head is lost; but it may answer the rest of that piece. If all of it went again into a path
/// that takes nothing but its small end, each piece would bring the duplicate for the next, and the
/// timer, by whose expiries such a path is found out (RFC 4821 7.7), would be started anew for ever.
#[test]
fn a_late_duplicate_resends_one_segment_of_text_that_was_not_taken() {
    // BBR goes on with what was in flight; others send one segment after another.
    let patient = Setup::default().config(|config| {
        config.rto_min = secs(1);
        config.congestion = Algorithm::Bbr;
    });
    let mut setup = patient.rtt(ms(100));
    setup.path.max_gso = 64_000;
    let mut script = Script::connect_with(&setup, 950, |connection| {
        connection.offer_fast_open(offer(), false);
    });
    script.expect(&format!("S 0:950(950) <mss 1000,{GOOD}>"));
    script.after(ms(100));
    script.inject("S. 0:0(0) ack 1 <mss 200>");
    script.expect("P. 1:951(950) ack 1");
    script.after(ms(301));
    script.inject(". 1:1(0) ack 1");
    script.expect(". 1:201(200) ack 1");
    script.expect_nothing();
}

#[test]
fn a_syn_that_is_sent_again_is_bare() {
    let mut script = client(100);
    script.expect("S 0:100(100)");
    script.expect_after(secs(1), "S 0:0(0) <mss 1000>");
    assert_eq!(outcome(&mut script), Some(FastOpenOutcome::Lost));
    script.expect_after(secs(2), "S 0:0(0) <mss 1000>");
    assert_eq!(outcome(&mut script), None, "one loss is told once");
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect("P. 1:101(100) ack 1");
    assert!(matches!(
        outcome(&mut script),
        Some(FastOpenOutcome::Answered {
            refused: false,
            resent: true,
            ..
        })
    ));
}

#[test]
fn the_first_syn_may_have_arrived_after_all() {
    let mut script = client(100);
    script.expect("S 0:100(100)");
    script.expect_after(secs(1), "S 0:0(0)");
    script.inject("S. 0:0(0) ack 101 <mss 1000>");
    script.expect(". 101:101(0) ack 1");
    script.expect_nothing_for(secs(10));
    assert!(script.connection.syn_text_taken());
}

/// RFC 9293 3.10.7.3: an ACK for what was never sent gets a reset, and the SYN goes on.
#[test]
fn an_answer_that_acknowledges_too_much_is_reset() {
    let mut script = client(100);
    script.expect("S 0:100(100)");
    script.inject("S. 0:0(0) ack 102 <mss 1000>");
    script.expect("R 102:102(0)");
    script.expect_state(State::SynSent);
    assert_eq!(outcome(&mut script), None);
}

#[test]
fn without_a_cookie_nothing_is_learnt_from_strange_cookies() {
    let text = FastOpenOffer::Text { mss: 500 };
    let mut script = Script::connect_with(&Setup::default(), MSS, |connection| {
        connection.offer_fast_open(text, false);
    });
    script.expect("S 0:460(460) <mss 1000>");
    script.inject("S. 0:0(0) ack 461 <mss 1000,FO 0102030405060708>");
    script.expect("P. 461:1001(540) ack 1");
    assert!(matches!(
        outcome(&mut script),
        Some(FastOpenOutcome::Answered { cookie: None, .. })
    ));
}

/// RFC 9293 figure 8 with text in both SYNs: neither takes the other's, both arrive.
#[test]
fn a_simultaneous_fast_open_opens() {
    for (ack, sent_again) in [(101, false), (1, true)] {
        let mut script = client(100);
        script.expect("S 0:100(100)");
        script.inject(&format!("S 0:50(50) <mss 1000,{GOOD}>"));
        script.expect("S. 0:0(0) ack 1 <mss 1000>");
        script.inject(&format!("S. 0:0(0) ack {ack} <mss 1000>"));
        script.expect_state(State::Established);
        script.expect(". 101:101(0) ack 1");
        if sent_again {
            script.expect("P. 1:101(100) ack 1");
        }
        script.inject("P. 1:51(50) ack 101");
        script.read(50);
        script.expect_nothing_for(ms(39));
    }
}

/// RFC 7413 4.2.2: the text of the SYN is there at once, and answers leave before the ACK.
#[test]
fn an_early_server_reads_and_writes_in_syn_received() {
    let mut script = server(&format!("S 0:10(10) <mss 1000,{GOOD}>"), None, true);
    script.expect("S. 0:0(0) ack 11 <mss 1000>");
    script.expect_state(State::SynReceived);
    assert!(script.connection.is_early() && script.connection.syn_text_taken());
    script.read(10);
    script.write(2_500);
    script.expect(". 1:1001(1000) ack 11");
    script.expect(". 1001:2001(1000) ack 11");
    script.expect("P. 2001:2501(500) ack 11");
    script.inject(". 11:11(0) ack 1001");
    script.expect_state(State::Established);
    assert!(!script.connection.is_early());
    script.inject(". 11:11(0) ack 2501");
    script.expect_nothing_for(secs(10));
    assert_eq!(script.connection.info().retransmissions, 0);
}

#[test]
fn early_text_has_the_initial_window_and_no_more() {
    let mut script = server("S 0:10(10) <mss 1000>", None, true);
    script.expect("S. 0:0(0) ack 11");
    script.write(20_000);
    // Ten segments (RFC 6928), of which the SYN-ACK may count as one.
    script.expect_bytes(1, 9_001);
    let rest = script.sent();
    assert!(rest.len() <= 1, "{rest:?}");
}

/// Before the ACK only the SYN-ACK is sent again (RFC 7413 4.2.2), afterwards what is missing.
#[test]
fn early_text_that_is_lost_is_sent_again_after_the_handshake() {
    let mut script = server("S 0:10(10) <mss 1000>", None, true);
    script.expect("S. 0:0(0) ack 11");
    script.write(1_000);
    script.expect("P. 1:1001(1000) ack 11");
    script.expect_after(secs(1), "S. 0:0(0) ack 11");
    script.expect_nothing_for(ms(1_999));
    script.inject(". 11:11(0) ack 1");
    script.expect_state(State::Established);
    script.expect_nothing();
    script.after(secs(60));
    script.expect("P. 1:1001(1000) ack 11");
}

#[test]
fn a_good_cookie_without_text_opens_early_too() {
    let mut script = server(&format!("S 0:0(0) <mss 1000,{GOOD}>"), None, true);
    script.expect("S. 0:0(0) ack 1");
    assert!(!script.connection.syn_text_taken());
    assert_eq!(script.try_read(), Err(ReadError::WouldBlock));
    script.write(100);
    script.expect("P. 1:101(100) ack 1");
    script.inject("P. 1:11(10) ack 101");
    script.read(10);
}

#[test]
fn a_bad_cookie_gets_a_good_one_and_no_more() {
    let syn = "S 0:10(10) <mss 1000,FO aaaaaaaa>";
    let mut script = server(syn, Some(cookie(7)), false);
    script.expect(&format!("S. 0:0(0) ack 1 <mss 1000,{GOOD}>"));
    assert_eq!(script.try_read(), Err(ReadError::WouldBlock));
    script.expect_after(secs(1), &format!("S. 0:0(0) ack 1 <mss 1000,{GOOD}>"));
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
    assert!(!script.connection.syn_text_taken());
}

/// The text of a SYN that comes twice is delivered once.
#[test]
fn a_repeated_syn_adds_nothing() {
    let syn = format!("S 0:10(10) <mss 1000,{GOOD}>");
    let mut script = server(&syn, None, true);
    script.expect("S. 0:0(0) ack 11");
    script.inject(&syn);
    script.read(10);
    assert_eq!(script.try_read(), Err(ReadError::WouldBlock));
    script.expect_state(State::SynReceived);
}

#[test]
fn an_early_server_that_is_reset_keeps_what_it_got() {
    for rst in ["R. 11:11(0) ack 1", "R 11:11(0)"] {
        let mut script = server("S 0:10(10) <mss 1000>", None, true);
        script.expect("S. 0:0(0) ack 11");
        script.inject(rst);
        script.expect_state(State::Closed);
        script.read(10);
        assert_eq!(
            script.try_read(),
            Err(ReadError::Closed(CloseReason::Reset))
        );
    }
}

/// RFC 5461 section 4: before the handshake is complete even a soft error may end a connection
/// that a stranger opened.
#[test]
fn an_early_server_whose_peer_cannot_be_reached_ends() {
    let mut script = server("S 0:10(10) <mss 1000>", None, true);
    let seq = script.expect("S. 0:0(0) ack 11").seq;
    script.verb("unreachable", |connection, cx| {
        connection.on_icmp(cx, IcmpError::Soft, seq);
    });
    script.expect_state(State::Closed);
    script.read(10);
    let closed = CloseReason::Unreachable;
    assert_eq!(script.try_read(), Err(ReadError::Closed(closed)));
    let mut refused = None;
    script.verb("write", |connection, cx| {
        refused = Some(connection.write(cx, b"x"));
    });
    assert_eq!(refused, Some(Err(WriteError::Closed(closed))));
}

#[test]
fn an_early_server_may_close_and_abort() {
    let mut script = server("S 0:10(10) <mss 1000>", None, true);
    script.expect("S. 0:0(0) ack 11");
    script.read(10);
    script.write(5);
    script.expect("P. 1:6(5) ack 11");
    script.shutdown();
    script.expect("F. 6:6(0) ack 11");
    script.inject(". 11:11(0) ack 7");
    script.expect_state(State::FinWait2);
    let mut script = server("S 0:10(10) <mss 1000>", None, true);
    script.expect("S. 0:0(0) ack 11");
    script.abort();
    script.expect("R. 1:1(0) ack 11");
}

/// Text beyond the window of a SYN-ACK is not taken, and the peer is told so.
#[test]
fn a_syn_with_more_text_than_room_is_taken_in_part() {
    let mut setup = Setup::default();
    setup.config.receive_buffer = 600;
    let mut script = Script::accept_with(&setup, "S 0:1000(1000) <mss 1000>", |it, cx, syn| {
        it.answer_fast_open(cx, syn, None, true);
    });
    script.expect("S. 0:0(0) ack 601");
    assert!(!script.connection.syn_text_taken());
    script.read(600);
}

/// An answer that echoes a timestamp which we never sent is somebody else's.
#[test]
fn an_answer_to_somebody_elses_syn_is_reset() {
    let mut setup = Setup::default();
    setup.config.timestamps = true;
    let mut script = Script::connect(&setup);
    let ours = script.expect("S 0:0(0)").options.timestamps;
    let value = ours.expect("we have timestamps").value;
    script.after(ms(10));
    for (echo, state) in [
        (value.wrapping_sub(1), State::SynSent),
        (value.wrapping_add(11), State::SynSent),
        (value, State::Established),
    ] {
        script.inject(&format!("S. 0:0(0) ack 1 <mss 1000,TS val 5 ecr {echo}>"));
        script.expect(match state {
            State::SynSent => "R 1:1(0)",
            _ => ". 1:1(0) ack 1",
        });
        script.expect_state(state);
    }
}

/// A SYN-ACK cannot say how large a scaled window is. The first ACK of text behind the SYN does,
/// and nothing before.
#[test]
fn an_early_server_sends_no_window_update() {
    let setup = Setup {
        config: handfast_tcp::Config {
            window_scaling: true,
            receive_buffer: 256 << 10,
            ..handfast_tcp::Config::default()
        },
        passive: true,
        ..Setup::default()
    };
    let syn = "S 0:10(10) <mss 1000,wscale 7>";
    let mut script = Script::accept_with(&setup, syn, |connection, cx, syn| {
        connection.answer_fast_open(cx, syn, None, true);
    });
    script.expect("S. 0:0(0) ack 11 win 65535");
    script.read(10);
    script.expect_nothing_for(ms(500));
    script.inject(". 11:11(0) ack 1");
    script.expect_nothing_for(ms(500));
}

/// The peer agreed to timestamps and forgets them in its last ACK.
#[test]
fn a_handshake_completes_without_timestamps() {
    let mut setup = Setup {
        passive: true,
        ..Setup::default()
    };
    setup.config.timestamps = true;
    let mut script = Script::accept(&setup, "S 0:0(0) <mss 1000,TS val 5 ecr 0>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script.expect_state(State::Established);
    script.inject("P. 1:11(10) ack 1");
    script.expect_nothing();
    assert_eq!(script.try_read(), Err(ReadError::WouldBlock));
}
