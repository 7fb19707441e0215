//! ECN behind the handshake: which segments are capable of it, echoes, counts and the AccECN option
//! (RFC 3168 6.1, RFC 9768 3.2).

mod common;

use common::{MSS, Script, Setup, ms};
use handfast_tcp::EcnMode;

const OPTION: &str = "ECN e0b 1 ceb 0 e1b 1";

fn setup(mode: EcnMode) -> Setup {
    Setup::default().config(|config| config.ecn = mode)
}

/// Accurate ECN, opened by us.
#[track_caller]
fn client(setup: Setup) -> Script {
    let setup = setup.config(|config| config.ecn = EcnMode::Accurate);
    let mut script = Script::connect(&setup);
    script.expect("[noecn] SEWA 0:0(0)");
    script.inject(&format!("SW. 0:0(0) ack 1 <{},{OPTION}>", setup.options));
    script.expect("[ect0] W. 1:1(0) ack 1");
    script
}

/// Accurate ECN, opened by the peer.
#[track_caller]
fn server(setup: Setup) -> Script {
    let setup = setup.config(|config| config.ecn = EcnMode::Accurate);
    let mut script = Script::accept(&setup, &format!("SEWA 0:0(0) <{}>", setup.options));
    script.expect("[noecn] SW. 0:0(0) ack 1");
    let stamp = if setup.config.timestamps {
        ",TS val 1000 ecr 0"
    } else {
        ""
    };
    script.inject(&format!("[ect0] W. 1:1(0) ack 1 <{OPTION}{stamp}>"));
    script.expect_nothing();
    script
}

/// Classic ECN, opened by the peer.
#[track_caller]
fn classic() -> Script {
    let mut script = Script::accept(&setup(EcnMode::Passive), "SEW 0:0(0) <mss 1000>");
    script.expect("[noecn] SE. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script
}

// ---- classic ECN ----

#[test]
fn new_text_is_capable_and_nothing_else_rfc_3168_6_1() {
    let mut script = classic();
    script.write(2 * MSS);
    script.expect("[ect0] . 1:1001(1000) ack 1");
    script.expect("[ect0] P. 1001:2001(1000) ack 1");
    // 6.1.5: no retransmission.
    script.expect_after(ms(200), "[noecn] . 1:1001(1000) ack 1");
    script.inject(". 1:1(0) ack 2001");
    // 6.1.4: no pure ACK.
    script.inject(". 1:1001(1000) ack 2001 win 0");
    script.inject("P. 1001:2001(1000) ack 2001 win 0");
    script.expect("[noecn] . 2001:2001(0) ack 2001");
    // 6.1.6: no window probe; the timer has backed off, and nothing was measured since.
    script.write(100);
    script.expect_nothing();
    script.expect_after(ms(400), "[noecn] . 2001:2002(1) ack 2001");
    // No FIN alone.
    script.inject(". 2001:2001(0) ack 2002 win 60000");
    script.expect_any();
    script.inject(". 2001:2001(0) ack 2101 win 60000");
    script.shutdown();
    script.expect("[noecn] F. 2101:2101(0) ack 2001");
}

#[test]
fn an_echo_lasts_until_cwr_and_begins_and_ends_at_once_rfc_3168_6_1_3() {
    let mut script = classic();
    script.inject("[ect0] . 1:101(100) ack 1");
    script.expect_nothing();
    script.inject("[ce] . 101:201(100) ack 1");
    script.expect("[noecn] E. 1:1(0) ack 201");
    script.inject("[ect0] . 201:301(100) ack 1");
    script.expect_after(ms(40), "E. 1:1(0) ack 301");
    script.write(100);
    script.expect("[ect0] EP. 1:101(100) ack 301");
    // CE beside CWR begins a new echo.
    script.inject("[ce] W. 301:401(100) ack 101");
    script.expect("E. 101:101(0) ack 401");
    script.inject("[ect0] W. 401:501(100) ack 101");
    script.expect(". 101:101(0) ack 501");
    // 6.1.4: a mark on a pure ACK is none.
    script.inject("[ce] . 501:501(0) ack 101");
    script.inject("[ect0] . 501:601(100) ack 101");
    script.expect_after(ms(40), ". 101:101(0) ack 601");
}

#[test]
fn the_window_shrinks_once_for_each_window_of_echoes_rfc_3168_6_1_2() {
    let mut script = classic();
    script.write(4 * MSS);
    for sent in 0..4 {
        let (from, end) = (sent * 1_000 + 1, sent * 1_000 + 1_001);
        let push = if sent == 3 { "P" } else { "" };
        script.expect(&format!("[ect0] {push}. {from}:{end}(1000) ack 1"));
    }
    let threshold = |script: &Script| script.connection.info().slow_start_threshold;
    let before = threshold(&script);
    script.inject("E. 1:1(0) ack 1001");
    let first = threshold(&script);
    assert!(first < before);
    // The same echo, until CWR has arrived.
    script.inject("E. 1:1(0) ack 2001");
    script.inject("E. 1:1(0) ack 4001");
    assert_eq!(threshold(&script), first);
    // The first new text announces it, once.
    script.write(MSS);
    script.expect("[ect0] WP. 4001:5001(1000) ack 1");
    script.write(MSS);
    script.expect("[ect0] P. 5001:6001(1000) ack 1");
    // What lies beyond has CWR in it: this is another echo.
    script.inject("E. 1:1(0) ack 5001");
    script.inject(". 1:1(0) ack 6001");
    script.write(MSS);
    script.expect("[ect0] WP. 6001:7001(1000) ack 1");
}

#[test]
fn a_timeout_is_announced_too_rfc_3168_6_1_2() {
    let mut script = classic();
    script.write(MSS);
    script.expect("[ect0] P. 1:1001(1000) ack 1");
    script.expect_after(ms(200), "[noecn] P. 1:1001(1000) ack 1");
    script.inject(". 1:1(0) ack 1001");
    script.write(MSS);
    script.expect("[ect0] WP. 1001:2001(1000) ack 1");
    script.inject(". 1:1(0) ack 2001");
    script.write(MSS);
    script.expect("[ect0] P. 2001:3001(1000) ack 1");
}

// ---- Accurate ECN: the Data Receiver ----

#[test]
fn all_segments_behind_the_handshake_are_capable() {
    let mut script = client(Setup::default());
    script.write(MSS);
    script.expect("[ect0] EA. 1:989(988) ack 1");
    script.expect_any();
    script.expect_after(ms(200), "[ect0] EA. 1:989(988) ack 1");
}

#[test]
fn marks_are_counted_and_told_rfc_9768_3_2() {
    let mut script = server(Setup::sack());
    script.inject("[ect0] EA. 1:101(100) ack 1");
    script.inject("[ect1] EA. 101:151(50) ack 1");
    script.expect("EA. 1:1(0) ack 151 <ECN e1b 51 ceb 0 e0b 101>");
    // 3.2.2.5.1: a change is told at once.
    script.inject("[ce] EA. 151:251(100) ack 1");
    script.expect("WA. 1:1(0) ack 251 <ECN e1b 51 ceb 100 e0b 101>");
    // Then every second mark.
    script.inject("[ce] EA. 251:261(10) ack 1");
    script.expect_nothing();
    script.inject("[ce] EA. 261:271(10) ack 1");
    script.expect(". 1:1(0) ack 271 <ECN e1b 51 ceb 120 e0b 101>");
    // Merged segments are one event.
    script.inject("[ce] EA. 271:1271(1000) ack 1 wire 4");
    script.expect("A. 1:1(0) ack 1271 <ECN e1b 51 ceb 1120 e0b 101>");
    // A segment outside the window is none (1.3).
    script.inject("[ce] EA. 1:101(100) ack 1");
    script.expect("A. 1:1(0) ack 1271");
    let info = script.connection.info().ecn;
    assert_eq!(info.received_ce, 7);
    let bytes = [info.received.ect0, info.received.ect1, info.received.ce];
    assert_eq!(bytes, [100, 50, 1_120]);
}

#[test]
fn marked_packets_without_text_are_told_by_threes_and_without_sack_rfc_9768_3_2_2_5_1() {
    let mut script = server(Setup::sack());
    for round in 0..3 {
        for _ in 0..2 {
            script.inject("[ce] EA. 1:1(0) ack 1");
            script.expect_nothing();
        }
        script.inject("[ce] EA. 1:1(0) ack 1");
        let bits = ["", "EW", "WA"][round];
        script.expect(&format!("{bits}. 1:1(0) ack 1 <ECN e1b 1 ceb 0 e0b 1>"));
    }
}

#[test]
fn without_an_option_of_the_peer_none_is_sent_and_a_late_one_begins_it() {
    let mut script = Script::connect(&setup(EcnMode::Accurate));
    script.expect("SEWA 0:0(0)");
    script.inject("SW. 0:0(0) ack 1 <mss 1000>");
    script.expect("W. 1:1(0) ack 1 <>");
    script.write(MSS);
    script.expect("EAP. 1:1001(1000) ack 1 <>");
    script.inject(&format!("EA. 1:1(0) ack 1001 <{OPTION}>"));
    // The option takes its room from the text.
    script.write(MSS);
    script.expect("EA. 1001:1989(988) ack 1 <ECN e1b 1 ceb 0 e0b 1>");
}

#[test]
fn options_can_be_switched_off() {
    let setup = setup(EcnMode::Accurate).config(|config| config.accecn_option = false);
    let mut script = Script::accept(&setup, "SEWA 0:0(0) <mss 1000>");
    script.expect("SW. 0:0(0) ack 1 <mss 1000>");
    script.inject(&format!("W. 1:1(0) ack 1 <{OPTION}>"));
    script.inject("[ce] EA. 1:101(100) ack 1");
    script.expect("WA. 1:1(0) ack 101 <>");
}

#[test]
fn two_sack_blocks_go_before_the_option_rfc_9768_3_2_3_3() {
    let mut setup = Setup::timestamps();
    setup.config.sack = true;
    setup.options = "mss 1012,sackOK,TS val 1000 ecr 0";
    let mut script = server(setup.clone());
    let stamp = "TS val 1000 ecr 0";
    let options = |script: &mut Script| script.expect_any().options;
    // One block stands beside all counters.
    script.inject(&format!("[ect0] EA. 101:201(100) ack 1 <{stamp}>"));
    let sent = options(&mut script);
    assert_eq!(sent.sack.as_slice().len(), 1);
    assert_eq!(sent.accecn.map(|option| option.ect1()), Some(Some(1)));
    // Two leave room for two counters; the one that never changed goes.
    script.inject(&format!("[ce] EA. 301:401(100) ack 1 <{stamp}>"));
    let sent = options(&mut script);
    assert_eq!(sent.sack.as_slice().len(), 2);
    let option = sent.accecn.expect("two counters fit");
    let counters = (option.ect0(), option.ce(), option.ect1());
    assert_eq!(counters, (Some(101), Some(100), None));
    assert!(sent.len() <= 40);
    // With a third block that must not cost the option.
    script.inject(&format!("[ce] EA. 501:601(100) ack 1 <{stamp}>"));
    let sent = options(&mut script);
    assert_eq!(sent.sack.as_slice().len(), 2);
    assert_eq!(sent.accecn.and_then(|option| option.ce()), Some(200));
    // Both ECT counters changed since the last option: no short one tells all.
    script.inject_batch(&[
        &format!("[ect1] EA. 701:801(100) ack 1 <{stamp}>"),
        &format!("[ect0] EA. 901:1001(100) ack 1 <{stamp}>"),
    ]);
    let sent = options(&mut script);
    assert_eq!((sent.sack.as_slice().len() >= 2, sent.accecn), (true, None));
}

// ---- Accurate ECN: the Data Sender ----

#[test]
fn a_zeroed_first_count_ends_both_capability_and_heed_rfc_9768_3_2_2_4() {
    for mut script in [client(Setup::default()), server(Setup::default())] {
        script.write(100);
        script.expect("[ect0] EAP. 1:101(100) ack 1");
        script.inject(". 1:1(0) ack 101");
        script.write(100);
        script.expect("[noecn] EAP. 101:201(100) ack 1");
        script.inject("WA. 1:1(0) ack 201");
        assert_eq!(script.connection.info().ecn.delivered_ce, 0);
        // Our own feedback goes on.
        script.inject("[ce] WA. 1:101(100) ack 201");
        script.expect("[noecn] WA. 201:201(0) ack 101");
    }
}

#[test]
fn a_first_count_that_went_round_to_zero_is_believed() {
    let mut script = server(Setup::default());
    script.write(3 * 988);
    script.expect_bytes(1, 2_965);
    script.inject(". 1:1(0) ack 2965 <ECN e0b 1 ceb 2964 e1b 1>");
    let info = script.connection.info().ecn;
    assert_eq!((info.delivered_ce, info.capable), (3, true));
}

#[test]
fn marks_on_what_we_sent_shrink_the_window_once_for_each_window() {
    let mut script = server(Setup::default());
    script.write(3 * 988);
    script.expect_bytes(1, 2_965);
    let before = script.connection.info().slow_start_threshold;
    script.inject("WA. 1:1(0) ack 989 <ECN e0b 1 ceb 988 e1b 1>");
    let info = script.connection.info();
    assert_eq!((info.ecn.delivered_ce, info.ecn.delivered.ce), (1, 988));
    assert!(info.slow_start_threshold < before);
    let threshold = info.slow_start_threshold;
    script.inject("EWA. 1:1(0) ack 1977 <ECN e0b 1 ceb 1976 e1b 1>");
    let info = script.connection.info();
    assert_eq!((info.ecn.delivered_ce, info.ecn.delivered.ce), (2, 1_976));
    assert_eq!(info.slow_start_threshold, threshold);
    // 3.1.5: no CWR flag, only counts.
    script.write(MSS);
    script.expect("[ect0] EA. 2965:3953(988) ack 1");
}

#[test]
fn an_ack_that_may_be_old_counts_only_with_progress_rfc_9768_a_1() {
    let mut script = server(Setup::default());
    script.write(100);
    script.expect_any();
    script.inject("WA. 1:1(0) ack 1 <ECN e0b 1 ceb 100 e1b 1>");
    let info = script.connection.info().ecn;
    assert_eq!((info.delivered_ce, info.delivered.ce), (0, 0));
    script.inject("WA. 1:1(0) ack 101 <ECN e0b 1 ceb 100 e1b 1>");
    let info = script.connection.info().ecn;
    assert_eq!((info.delivered_ce, info.delivered.ce), (1, 100));
    // A newer timestamp is progress too.
    for (value, counted) in [(1_000, 0), (1_001, 1)] {
        let mut script = server(Setup::timestamps());
        script.write(100);
        script.expect_any();
        script.inject(&format!("WA. 1:1(0) ack 1 <TS val {value} ecr 0>"));
        assert_eq!(script.connection.info().ecn.delivered_ce, counted);
    }
}

#[test]
fn zeroed_options_are_ignored_and_the_field_counts_alone_rfc_9768_3_2_3_2_4() {
    for option in [
        "ECN e0b 0 ceb 0 e1b 1",
        "ECN e0b 1 ceb 0 e1b 0",
        "ECN e0b 0",
    ] {
        let mut script = Script::accept(&setup(EcnMode::Accurate), "SEWA 0:0(0) <mss 1000>");
        script.expect("SW. 0:0(0) ack 1");
        script.inject(&format!("W. 1:1(0) ack 1 <{option}>"));
        script.write(100);
        script.expect_any();
        script.inject("WA. 1:1(0) ack 101 <ECN e0b 1 ceb 100 e1b 1>");
        let info = script.connection.info().ecn;
        assert_eq!((info.delivered_ce, info.delivered.ce), (1, 0), "{option}");
    }
}

#[test]
fn a_count_in_the_cwr_bit_is_not_left_to_a_device_that_cuts() {
    let mut setup = Setup::default();
    setup.path.max_gso = 65_000;
    let mut script = server(setup);
    script.write(3 * 988);
    assert_eq!(script.expect_any().payload.len(), 3 * 988);
    script.inject("[ce] EA. 1:101(100) ack 2965");
    script.expect("WA. 2965:2965(0) ack 101");
    script.write(3 * 988);
    for _ in 0..3 {
        assert_eq!(script.expect_any().payload.len(), 988);
    }
    script.expect_nothing();
}
