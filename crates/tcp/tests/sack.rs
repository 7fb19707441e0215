//! Selective acknowledgments that we send: RFC 2018, and D-SACK (RFC 2883).

mod common;

use common::{Script, Setup, ms};

/// RFC 2018 section 4: the block of the newest arrival first, then the others, newest first.
#[test]
fn the_newest_range_comes_first() {
    let mut script = Script::established(&Setup::sack());
    for (inject, sack) in [
        (". 1001:1101(100) ack 1", "1001:1101"),
        (". 3001:3101(100) ack 1", "3001:3101 1001:1101"),
        (". 2001:2101(100) ack 1", "2001:2101 3001:3101 1001:1101"),
        (
            ". 5001:5101(100) ack 1",
            "5001:5101 2001:2101 3001:3101 1001:1101",
        ),
        // No more than four; the oldest is left out.
        (
            ". 4001:4101(100) ack 1",
            "4001:4101 5001:5101 2001:2101 3001:3101",
        ),
        // A range that grows is the newest again, whole.
        (
            ". 3101:3201(100) ack 1",
            "3001:3201 4001:4101 5001:5101 2001:2101",
        ),
        (
            ". 901:1001(100) ack 1",
            "901:1101 3001:3201 4001:4101 5001:5101",
        ),
        // Two ranges become one.
        (
            ". 1101:2001(900) ack 1",
            "901:2101 3001:3201 4001:4101 5001:5101",
        ),
    ] {
        script.inject(inject);
        script.expect(&format!(". 1:1(0) ack 1 <sack {sack}>"));
    }
}

#[test]
fn with_timestamps_there_is_room_for_three() {
    let mut setup = Setup::timestamps().options("mss 1012,sackOK,TS val 1000 ecr 0");
    setup.config.sack = true;
    let mut script = Script::established(&setup);
    for from in [1_001, 2_001, 3_001, 4_001] {
        script.inject(&format!(
            ". {from}:{}(100) ack 1 <TS val 1000 ecr 0>",
            from + 100
        ));
    }
    let last = script.sent().pop().expect("an ACK for each");
    let blocks = "4001:4101 3001:3101 2001:2101";
    let expected = format!(". 1:1(0) ack 1 <TS val 100000 ecr 1000,sack {blocks}>");
    assert!(
        script.is_as_expected(&last, &expected),
        "{}",
        script.describe(&last)
    );
}

#[test]
fn filling_holes_removes_blocks() {
    let mut script = Script::established(&Setup::sack());
    script.inject(". 1001:2001(1000) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 1001:2001>");
    script.inject(". 3001:4001(1000) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 3001:4001 1001:2001>");
    script.inject(". 1:1001(1000) ack 1");
    script.expect(". 1:1(0) ack 2001 <sack 3001:4001>");
    script.inject(". 2001:3001(1000) ack 1");
    script.expect(". 1:1(0) ack 4001 <>");
    script.inject("P. 4001:4101(100) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 4101 <>");
}

#[test]
fn without_permission_there_are_no_blocks() {
    for setup in [
        Setup::default(),
        Setup::sack().options("mss 1000"),
        Setup::default().options("mss 1000,sackOK"),
        Setup::sack().options("mss 1000").passive(),
    ] {
        let mut script = Script::established(&setup);
        script.inject(". 1001:2001(1000) ack 1");
        script.expect(". 1:1(0) ack 1 <>");
        script.inject(". 1001:2001(1000) ack 1");
        script.expect(". 1:1(0) ack 1 <>");
    }
}

#[test]
fn the_passive_side_sends_blocks_too() {
    let mut script = Script::established(&Setup::sack().passive());
    script.inject(". 1001:2001(1000) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 1001:2001>");
}

/// RFC 2883 4.1: the first block tells which text came twice, once.
#[test]
fn text_below_the_ack_is_told_once() {
    let mut script = Script::established(&Setup::sack());
    script.inject_batch(&[". 1:1001(1000) ack 1", ". 1001:2001(1000) ack 1"]);
    script.expect(". 1:1(0) ack 2001 <>");
    script.inject(". 1:1001(1000) ack 1");
    script.expect(". 1:1(0) ack 2001 <sack 1:1001>");
    script.inject(". 3001:4001(1000) ack 1");
    script.expect(". 1:1(0) ack 2001 <sack 3001:4001>");
}

/// RFC 2883 4.1.2, 4.1.3: with a hole, the ranges follow the duplicate.
#[test]
fn text_below_the_ack_while_there_is_a_hole() {
    let mut script = Script::established(&Setup::sack());
    script.inject_batch(&[". 1:1001(1000) ack 1", ". 2001:3001(1000) ack 1"]);
    script.sent();
    script.inject(". 501:1001(500) ack 1");
    script.expect(". 1:1(0) ack 1001 <sack 501:1001 2001:3001>");
}

/// RFC 2883 4.1: a duplicate inside a range is followed by that range.
#[test]
fn text_that_is_in_a_range_already() {
    let mut script = Script::established(&Setup::sack());
    for inject in [". 1001:2001(1000) ack 1", ". 3001:4001(1000) ack 1"] {
        script.inject(inject);
    }
    script.sent();
    script.inject(". 1201:1301(100) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 1201:1301 1001:2001 3001:4001>");
    script.inject(". 3001:4001(1000) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 3001:4001 3001:4001 1001:2001>");
}

/// RFC 2883 4.2.3: half new, half old: only the old half is told, and no more of it than the
/// first contiguous range.
#[test]
fn text_that_is_partly_here_already() {
    let mut script = Script::established(&Setup::sack());
    script.inject(". 1:1001(1000) ack 1");
    script.sent();
    script.inject(". 501:1501(1000) ack 1");
    script.expect(". 1:1(0) ack 1501 <sack 501:1001>");
    let mut script = Script::established(&Setup::sack());
    script.inject(". 2001:2501(500) ack 1");
    script.sent();
    script.inject(". 2001:3001(1000) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 2001:2501 2001:3001>");
}

/// SACK blocks stand for bytes that we keep: the first copy wins, and all of it can be read when
/// the hole is filled.
#[test]
fn what_was_told_is_kept() {
    let mut script = Script::established(&Setup::sack());
    for from in (1_001..19_001).step_by(2_000) {
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
    }
    for from in (1..18_001).step_by(2_000) {
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
    }
    let last = script.sent().pop().expect("an ACK for each");
    assert!(
        script.is_as_expected(&last, ". 1:1(0) ack 18001 <>"),
        "{}",
        script.describe(&last)
    );
    script.read(18_000);
}

/// RFC 8985 7.2: a loss that the reordering timer found is being repaired; the probe that waited
/// for the same silence must not repeat what was SACKed.
#[test]
fn no_tail_loss_probe_while_a_loss_is_repaired() {
    let mut script = Script::established(&Setup::sack().rtt(ms(50)));
    script.write(2_000);
    script.expect(". 1:1001(1000) ack 1");
    script.expect("P. 1001:2001(1000) ack 1");
    script.after(ms(50));
    script.inject(". 1:1(0) ack 1 <sack 1001:2001>");
    script.expect_nothing();
    script.after(ms(60));
    script.expect(". 1:1001(1000) ack 1");
    script.expect_nothing_for(ms(80));
}

/// RFC 2018 section 4: while there is a hole, every ACK tells of it that has room: the FIN, and
/// little text. Full segments stay full.
#[test]
fn the_fin_and_little_text_tell_of_ranges_too() {
    let mut script = Script::established(&Setup::sack());
    script.inject(". 1001:1101(100) ack 1");
    script.expect(". 1:1(0) ack 1 <sack 1001:1101>");
    script.write(10);
    script.expect("P. 1:11(10) ack 1 <sack 1001:1101>");
    script.inject(". 1:1(0) ack 11");
    script.write(1_000);
    script.expect("P. 11:1011(1000) ack 1 <>");
    script.inject(". 1:1(0) ack 1011");
    script.shutdown();
    script.expect("F. 1011:1011(0) ack 1 <sack 1001:1101>");
}
