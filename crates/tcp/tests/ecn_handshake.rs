//! What SYNs, SYN-ACKs and the third ACK agree on about ECN (RFC 3168 6.1.1, RFC 9768 3.1, 3.2.2.1).

mod common;

use common::setup::ECN_MODES;
use common::{Script, Setup, secs};
use handfast_tcp::EcnFeedback::{self, Accurate, Classic, None as NoEcn};
use handfast_tcp::{EcnMode, State};

/// The bits as letters, from 0 to 7.
const BITS: [&str; 8] = ["", "E", "W", "EW", "A", "EA", "WA", "EWA"];

const OPTION: &str = "ECN e0b 1 ceb 0 e1b 1";

fn setup(mode: EcnMode) -> Setup {
    Setup::default().config(|config| config.ecn = mode)
}

fn agreed(script: &Script) -> EcnFeedback {
    script.connection.info().ecn.feedback
}

#[test]
fn syns_offer_what_the_mode_says() {
    let offers = ["", "", "EW", "", "EW", "EWA"];
    for (mode, bits) in ECN_MODES.into_iter().zip(offers) {
        let mut script = Script::connect(&setup(mode));
        script.expect(&format!("[noecn] S{bits} 0:0(0)"));
    }
}

#[test]
fn every_syn_gets_the_answer_of_rfc_9768_table_2_and_3_1_3() {
    // By the bits of the SYN from 0 to 7.
    let classic = [NoEcn, NoEcn, NoEcn, Classic, NoEcn, NoEcn, NoEcn, Classic];
    let accurate = [
        NoEcn, Accurate, Accurate, Classic, Accurate, Accurate, Accurate, Accurate,
    ];
    for (mode, answers) in ECN_MODES
        .into_iter()
        .zip([[NoEcn; 8], classic, classic, accurate, accurate, accurate])
    {
        for (bits, answer) in BITS.into_iter().zip(answers) {
            for (field, reflected) in [("noecn", "W"), ("ect1", "EW"), ("ect0", "A"), ("ce", "WA")]
            {
                let syn = format!("[{field}] S{bits} 0:0(0) <mss 1000>");
                let mut script = Script::accept(&setup(mode), &syn);
                let bits = match answer {
                    NoEcn => "",
                    Classic => "E",
                    Accurate => reflected,
                };
                script.expect(&format!("[noecn] S{bits}. 0:0(0) ack 1"));
                assert_eq!(agreed(&script), answer, "{mode:?} {syn}");
                // 3.2.2.2: a mark on the SYN is told by the SYN-ACK and counts nowhere else.
                assert_eq!(script.connection.info().ecn.received_ce, 0);
            }
        }
    }
}

#[test]
fn every_syn_ack_leads_to_the_feedback_of_rfc_9768_table_2_and_3_1_3() {
    let classic = [NoEcn, Classic, NoEcn, NoEcn, NoEcn, Classic, NoEcn, NoEcn];
    let accurate = [
        NoEcn, Classic, Accurate, Accurate, Accurate, Accurate, Accurate, NoEcn,
    ];
    for (mode, (offer, outcomes)) in ECN_MODES.into_iter().zip([
        ("", [NoEcn; 8]),
        ("", [NoEcn; 8]),
        ("EW", classic),
        ("", [NoEcn; 8]),
        ("EW", classic),
        ("EWA", accurate),
    ]) {
        for (bits, outcome) in BITS.into_iter().zip(outcomes) {
            let mut script = Script::connect(&setup(mode));
            script.expect(&format!("S{offer} 0:0(0)"));
            script.inject(&format!("S{bits}. 0:0(0) ack 1 <mss 1000>"));
            assert_eq!(agreed(&script), outcome, "{mode:?} S{bits}.");
        }
    }
}

#[test]
fn an_offer_that_is_lost_twice_is_withdrawn_rfc_9768_3_1_4_1_rfc_3168_6_1_1_1() {
    for (mode, offer) in [(EcnMode::Classic, "EW"), (EcnMode::Accurate, "EWA")] {
        for (fallback, tries) in [(Some(1), 2), (Some(0), 1), (None, 4)] {
            let setup = setup(mode).config(|config| config.ecn_fallback = fallback);
            let mut script = Script::connect(&setup);
            script.expect(&format!("S{offer} 0:0(0)"));
            for sent in 1..4 {
                let bits = if sent < tries { offer } else { "" };
                script.expect_after(secs(1 << (sent - 1)), &format!("S{bits} 0:0(0)"));
            }
        }
    }
}

#[test]
fn a_client_believes_the_syn_ack_whatever_its_last_syn_said_rfc_9768_3_1_4_1() {
    let mut script = Script::connect(&setup(EcnMode::Accurate));
    script.expect("SEWA 0:0(0)");
    script.expect_after(secs(1), "SEWA 0:0(0)");
    script.expect_after(secs(2), "S 0:0(0)");
    script.inject("SW. 0:0(0) ack 1 <mss 1000>");
    script.expect("[ect0] W. 1:1(0) ack 1");
    assert!(script.connection.info().ecn.capable);
}

#[test]
fn a_syn_ack_loses_its_option_then_its_bits_rfc_9768_3_2_3_2_2() {
    let begin = || {
        let mut script = Script::accept(&setup(EcnMode::Accurate), "SEWA 0:0(0) <mss 1000>");
        script.expect("SW. 0:0(0) ack 1 <mss 1000,ECN e1b 1 ceb 0 e0b 1>");
        script.expect_after(secs(1), "SW. 0:0(0) ack 1 <mss 1000>");
        script
    };
    let mut script = begin();
    script.inject(&format!("W. 1:1(0) ack 1 <{OPTION}>"));
    script.write(100);
    script.expect("[ect0] EAP. 1:101(100) ack 1 <ECN e1b 1 ceb 0 e0b 1>");
    // 3.1.5: a server that sent a SYN-ACK without bits must not be capable, but still counts.
    for (answer, heeds) in [("W. 1:1(0) ack 1", 1), (". 1:1(0) ack 1", 0)] {
        let mut script = begin();
        script.expect_after(secs(2), "S. 0:0(0) ack 1 <mss 1000>");
        script.inject(answer);
        script.write(100);
        script.expect("[noecn] EAP. 1:101(100) ack 1");
        script.inject("WA. 1:1(0) ack 101");
        let info = script.connection.info().ecn;
        assert_eq!((info.feedback, info.delivered_ce), (Accurate, heeds));
    }
}

#[test]
fn a_syn_that_comes_again_is_answered_with_its_own_field_rfc_9768_3_1_5() {
    let mut script = Script::accept(&setup(EcnMode::Accurate), "[ect0] SEWA 0:0(0) <mss 1000>");
    script.expect("SA. 0:0(0) ack 1 <mss 1000,ECN e1b 1 ceb 0 e0b 1>");
    script.inject("[ce] SEWA 0:0(0) <mss 1000>");
    script.expect("SWA. 0:0(0) ack 1 <mss 1000>");
    // A SYN without bits: the feedback stays, but nothing we send may be capable.
    script.inject("[noecn] S 0:0(0) <mss 1000>");
    script.expect("SW. 0:0(0) ack 1 <mss 1000>");
    script.inject(&format!("W. 1:1(0) ack 1 <{OPTION}>"));
    script.write(100);
    script.expect("[noecn] EAP. 1:101(100) ack 1 <ECN e1b 1 ceb 0 e0b 1>");
}

#[test]
fn without_ecn_from_the_first_syn_on_there_is_none_rfc_9768_3_1_5() {
    let mut script = Script::accept(&setup(EcnMode::Accurate), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject("[ect0] SEWA 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    script.inject(". 1:1(0) ack 1");
    script.write(100);
    script.expect("[noecn] P. 1:101(100) ack 1");
}

#[test]
fn syns_that_contradict_each_other_are_reset_rfc_9768_3_1_5() {
    for (first, second) in [("SEW", "SEWA"), ("SEWA", "SEW"), ("SA", "SEW")] {
        let mut script = Script::accept(
            &setup(EcnMode::AccuratePassive),
            &format!("{first} 0:0(0) <mss 1000>"),
        );
        script.expect_any();
        script.inject(&format!("{second} 0:0(0) <mss 1000>"));
        script.expect("R. 1:1(0) ack 1");
        script.expect_state(State::Closed);
    }
}

#[test]
fn syns_that_come_again_without_end_are_answered_ten_times_a_second() {
    let mut script = Script::accept(&setup(EcnMode::Off), "S 0:0(0) <mss 1000>");
    script.expect("S. 0:0(0) ack 1");
    for _ in 0..50 {
        script.inject("S 0:0(0) <mss 1000>");
    }
    for _ in 0..10 {
        script.expect("S. 0:0(0) ack 1");
    }
    script.expect_nothing();
}

#[test]
fn a_simultaneous_open_agrees_like_a_passive_one_rfc_9768_3_1_2() {
    for (mode, syn, syn_ack, feedback) in [
        (EcnMode::Passive, "SEW", "SE.", Classic),
        (EcnMode::Classic, "SEW", "SE.", Classic),
        (EcnMode::Classic, "S", "S.", NoEcn),
        (EcnMode::Accurate, "SEWA", "SW.", Accurate),
        (EcnMode::Accurate, "SEW", "SE.", Classic),
    ] {
        let mut script = Script::connect(&setup(mode));
        script.expect_any();
        script.inject(&format!("{syn} 0:0(0) <mss 1000>"));
        script.expect(&format!("[noecn] {syn_ack} 0:0(0) ack 1"));
        // 3.2.2: the bits of a segment with SYN are never a count.
        script.inject("SW. 0:0(0) ack 1 <mss 1000>");
        assert_eq!(agreed(&script), feedback, "{mode:?} {syn}");
        assert_eq!(script.connection.info().ecn.delivered_ce, 0);
        script.expect_state(State::Established);
    }
}

// ---- the third ACK ----

#[test]
fn the_third_ack_tells_the_field_of_the_syn_ack_rfc_9768_table_3() {
    for (field, told, counted) in [
        ("noecn", "W", 0),
        ("ect1", "EW", 0),
        ("ect0", "A", 0),
        ("ce", "WA", 1),
    ] {
        let mut script = Script::connect(&setup(EcnMode::Accurate));
        script.expect("SEWA 0:0(0)");
        // Text that waits may not take the place of the pure ACK.
        script.write(100);
        script.inject(&format!("[{field}] SW. 0:0(0) ack 1 <mss 1000>"));
        script.expect(&format!("[ect0] {told}. 1:1(0) ack 1"));
        let ace = ["EA", "WA"][counted];
        script.expect(&format!("[ect0] {ace}P. 1:101(100) ack 1"));
        assert_eq!(script.connection.info().ecn.received_ce, counted as u64);
        // The SYN-ACK again: its latest field is told, its mark counts once.
        script.inject("[ce] SW. 0:0(0) ack 1 <mss 1000>");
        script.expect("[ect0] WA. 101:101(0) ack 1");
        script.inject("[ce] SW. 0:0(0) ack 1 <mss 1000>");
        script.expect("[ect0] WA. 101:101(0) ack 1");
        assert_eq!(script.connection.info().ecn.received_ce, 1);
    }
}

#[test]
fn the_third_ack_is_read_by_rfc_9768_table_4() {
    // Bits from 0 to 7: whether we may be capable with and without a look for mangling, s.cep.
    for (bits, (tested, untested, delivered)) in BITS.into_iter().zip([
        (false, false, 0),
        (true, true, 0),
        (true, true, 0),
        (false, true, 0),
        (false, true, 0),
        (true, true, 0),
        (false, true, 1),
        (true, true, 0),
    ]) {
        for (fallback, capable) in [(Some(1), tested), (None, untested)] {
            let setup = setup(EcnMode::Accurate).config(|config| config.ecn_fallback = fallback);
            let mut script = Script::accept(&setup, "SEWA 0:0(0) <mss 1000>");
            script.expect("SW. 0:0(0) ack 1");
            script.inject(&format!("{bits}. 1:1(0) ack 1"));
            let info = script.connection.info();
            assert_eq!(info.ecn.capable, capable, "{bits} {fallback:?}");
            assert_eq!(info.ecn.delivered_ce, delivered, "{bits}");
            // A mark on the SYN-ACK counts like its loss.
            let window = if delivered == 1 { 1_000 } else { 10_000 };
            assert_eq!(info.congestion_window, window);
            script.write(100);
            let field = if capable { "ect0" } else { "noecn" };
            script.expect(&format!("[{field}] EAP. 1:101(100) ack 1"));
        }
    }
}

#[test]
fn text_instead_of_the_third_ack_has_a_count() {
    let mut script = Script::accept(&setup(EcnMode::Accurate), "SEWA 0:0(0) <mss 1000>");
    script.expect("SW. 0:0(0) ack 1");
    script.inject(&format!("[ce] EA. 1:1001(1000) ack 1 <{OPTION}>"));
    script.expect("[ect0] WA. 1:1(0) ack 1001 <ECN e1b 1 ceb 1000 e0b 1>");
    let info = script.connection.info().ecn;
    assert_eq!((info.delivered_ce, info.capable), (0, true));
}

#[test]
fn a_mangled_syn_ends_capability_rfc_9768_3_2_2_3() {
    for (bits, capable) in [
        ("W", true),
        ("EW", false),
        ("A", false),
        ("WA", false),
        ("EA", true),
    ] {
        let mut script = Script::connect(&setup(EcnMode::Accurate));
        script.expect("SEWA 0:0(0)");
        script.inject(&format!("S{bits}. 0:0(0) ack 1 <mss 1000>"));
        let info = script.connection.info();
        assert_eq!(
            (info.ecn.capable, info.ecn.delivered_ce),
            (capable, 0),
            "{bits}"
        );
        let window = if bits == "WA" { 1_000 } else { 10_000 };
        assert_eq!(info.congestion_window, window, "{bits}");
    }
}
