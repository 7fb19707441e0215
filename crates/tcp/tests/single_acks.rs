//! ACKs that leave one by one although a whole batch was taken in before: a peer without SACK learns
//! of losses from the number of ACKs, and of what arrived from the number in each (RFC 5681 3.2, 4.2).

mod common;

use common::{Script, Setup, ms};
use handfast_packet::cause::Cause;

/// Segments of 1,000 bytes by their places, in one batch.
fn batch(script: &mut Script, places: &[i64]) {
    let texts: Vec<_> = places
        .iter()
        .map(|at| format!(". {}:{}(1000) ack 1", 1 + 1_000 * at, 1_001 + 1_000 * at))
        .collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    script.inject_batch(&texts);
}

/// What was acknowledged by each ACK that left, in whole segments.
fn acked(script: &mut Script) -> Vec<i64> {
    let of = |text: &String| {
        let number = text.split("ack ").nth(1).expect("an ACK");
        let number = number.split(' ').next().expect("a number");
        (number.parse::<i64>().expect("a number") - 1) / 1_000
    };
    script.sent_text().iter().map(of).collect()
}

/// RFC 5681 4.2: one ACK for each segment out of order, with the number of its moment, and one for
/// what fills a hole. Nothing is a duplicate any more once the hole is filled.
#[test]
fn each_has_the_number_of_its_moment() {
    for (places, alone, joined) in [
        (&[1, 2, 3][..], &[0, 0, 0][..], &[0, 0, 0][..]),
        (&[1, 2, 3, 0], &[0, 0, 0, 4], &[4]),
        (&[0, 2, 1], &[1, 3], &[3]),
        (&[2, 0, 1], &[0, 1, 3], &[3]),
        (&[1, 3, 0, 2, 5], &[0, 0, 2, 4, 4], &[4, 4]),
        (&[0, 1, 3, 4], &[2, 2, 2], &[2, 2]),
        (&[0, 1, 2, 3], &[4], &[4]),
    ] {
        for (setup, expected) in [(Setup::default(), alone), (Setup::sack(), joined)] {
            let mut script = Script::established(&setup);
            batch(&mut script, places);
            assert_eq!(acked(&mut script), expected, "{places:?}");
            script.expect_nothing_for(ms(1_000));
        }
    }
}

/// What came behind the last of them is acknowledged, too.
#[test]
fn they_do_not_stand_for_what_came_later() {
    let mut script = Script::established(&Setup::default());
    batch(&mut script, &[1, 0, 2]);
    assert_eq!(acked(&mut script), [0, 2]);
    let ack = script.expect_after(ms(40), ". 1:1(0) ack 3001");
    assert_eq!(ack.cause, Cause::DelayedAck);
    batch(&mut script, &[4, 3, 5, 6]);
    assert_eq!(acked(&mut script), [3, 5, 7]);
    script.expect_nothing_for(ms(1_000));
}

/// RFC 5681 section 2: an ACK with another window is no duplicate, so the window of one that is
/// stays as it was, whatever the application has read; and it never goes back (RFC 9293 SHLD-14).
#[test]
fn a_duplicate_has_the_window_of_the_ack_before() {
    let mut script = Script::established(&Setup::default());
    batch(&mut script, &[0, 1]);
    script.expect(". 1:1(0) ack 2001 win 18000");
    script.read(2_000);
    batch(&mut script, &[3, 4]);
    script.expect(". 1:1(0) ack 2001 win 18000");
    script.expect(". 1:1(0) ack 2001 win 18000");
    batch(&mut script, &[2, 6, 5]);
    script.expect(". 1:1(0) ack 5001 win 15000");
    script.expect(". 1:1(0) ack 5001 win 15000");
    script.expect(". 1:1(0) ack 7001 win 15000");
}

/// RFC 2018 section 4: the first block is that of the segment which the ACK is for, so that a batch
/// with more ranges than fit into one ACK is told whole.
#[test]
fn each_tells_of_its_own_segment_first() {
    let mut script = Script::established(&Setup::sack());
    batch(&mut script, &[1, 3, 5, 7, 9, 11]);
    let first: Vec<_> = script
        .sent()
        .iter()
        .map(|ack| ack.options.sack.as_slice()[0].left)
        .collect();
    let places = [1_001, 3_001, 5_001, 7_001, 9_001, 11_001];
    let base = first[0].0;
    let offsets: Vec<_> = first
        .iter()
        .map(|left| left.0.wrapping_sub(base) + places[0])
        .collect();
    assert_eq!(offsets, places);
}

/// With SACK the blocks say what an ACK is, and the window may move.
#[test]
fn with_sack_the_window_is_free_to_move() {
    let mut script = Script::established(&Setup::sack());
    batch(&mut script, &[0, 1]);
    script.expect(". 1:1(0) ack 2001 win 18000");
    script.read(2_000);
    batch(&mut script, &[3]);
    script.expect(". 1:1(0) ack 2001 win 20000");
}

/// RFC 9293 3.10.7.4, first step: an ACK for each segment that is here already.
#[test]
fn each_segment_that_came_twice_gets_one() {
    for (setup, expected) in [(Setup::default(), 3), (Setup::sack(), 1)] {
        let mut script = Script::established(&setup);
        batch(&mut script, &[0, 1, 2]);
        assert_eq!(acked(&mut script), [3]);
        batch(&mut script, &[0, 1, 2]);
        let sent = script.sent();
        assert_eq!(sent.len(), expected);
        assert!(sent.iter().all(|ack| ack.cause == Cause::DuplicateData));
        script.expect_nothing_for(ms(1_000));
    }
}

/// RFC 9293 MUST-58, MUST-59: without losses a batch has one ACK, quick or not.
#[test]
fn a_stream_without_losses_costs_none() {
    for setup in [Setup::default(), Setup::sack()] {
        let setup = setup.config(|config| {
            config.quick_acks = 16;
            config.receive_buffer = 60_000;
        });
        let mut script = Script::established(&setup);
        let mut count = 0;
        for round in 0..10 {
            let places: Vec<_> = (10 * round..10 * round + 10).collect();
            batch(&mut script, &places);
            count += script.sent().len();
            script.read(10_000);
        }
        assert_eq!(count, 10);
    }
}

/// While segments get lost a peer without SACK has few of them out, and gets an ACK for each.
#[test]
fn behind_a_hole_the_next_ones_are_quick() {
    for (setup, expected) in [
        (Setup::default(), &[2, 2, 4, 5, 6, 7][..]),
        (Setup::sack(), &[4, 7]),
    ] {
        let setup = setup.config(|config| {
            config.quick_acks = 16;
            config.receive_buffer = 60_000;
        });
        let mut script = Script::established(&setup);
        // The first ones are over.
        for at in 0..16 {
            batch(&mut script, &[at]);
            assert_eq!(acked(&mut script).len(), 1);
            script.read(1_000);
        }
        let seen: Vec<_> = [&[16, 17, 19, 18][..], &[20, 21, 22]]
            .iter()
            .flat_map(|places| {
                batch(&mut script, places);
                acked(&mut script)
            })
            .map(|at| at - 16)
            .collect();
        assert_eq!(seen, expected);
    }
}

/// No more than 64 wait, however many segments a batch brings.
#[test]
fn their_number_is_limited() {
    let setup = Setup::default().config(|config| config.receive_buffer = 60_000);
    let mut script = Script::established(&setup);
    batch(&mut script, &[0, 1]);
    assert_eq!(acked(&mut script), [2]);
    batch(&mut script, &[0; 100]);
    assert_eq!(acked(&mut script).len(), 64);
}
