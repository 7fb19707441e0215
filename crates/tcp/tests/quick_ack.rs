//! ACKs that do not wait: at the start of a stream, after a pause, and at the application's wish.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;

fn quick() -> Setup {
    Setup::default().config(|config| config.quick_acks = 16)
}

/// Small text in 10 byte pieces from `from` on; how many of its ACKs leave at once.
fn immediate(script: &mut Script, from: &mut i64, count: usize) -> usize {
    let mut immediate = 0;
    for _ in 0..count {
        script.inject(&format!("P. {from}:{}(10) ack 1", *from + 10));
        *from += 10;
        immediate += script.sent().len();
        script.after(ms(50));
        script.sent();
    }
    immediate
}

#[test]
fn the_first_acks_of_a_stream_leave_at_once() {
    let mut script = Script::established(&quick());
    let mut from = 1;
    assert_eq!(immediate(&mut script, &mut from, 40), 16);
    // After silence longer than the RTO the sender may be in slow start again.
    script.after(secs(2));
    assert_eq!(immediate(&mut script, &mut from, 40), 16);
}

/// What comes twice shows that ACKs get lost, or that the sender was too hasty: it has few segments
/// out, and each ACK counts. Linux does so, too.
#[test]
fn they_leave_at_once_again_after_text_that_came_twice() {
    let mut script = Script::established(&quick());
    let mut from = 1;
    assert_eq!(immediate(&mut script, &mut from, 40), 16);
    script.inject("P. 1:11(10) ack 1");
    script.expect(&format!(". 1:1(0) ack {from}"));
    // That was one of them.
    assert_eq!(immediate(&mut script, &mut from, 40), 15);
}

/// No more of them than a sender with this window can have segments in two round trips.
#[test]
fn a_small_window_has_few_immediate_acks() {
    let setup = quick().config(|config| config.receive_buffer = 1_000);
    let mut script = Script::established(&setup);
    let mut from = 1;
    assert_eq!(immediate(&mut script, &mut from, 40), 1_000 / (2 * 88));
}

/// An application that answers carries its ACKs on the answers.
#[test]
fn an_application_that_answers_ends_it() {
    let mut script = Script::established(&quick());
    script.inject("P. 1:11(10) ack 1");
    script.expect(". 1:1(0) ack 11");
    script.write(10);
    script.expect("P. 1:11(10) ack 11");
    script.inject("P. 11:21(10) ack 11");
    script.expect_nothing();
    script.write(10);
    script.expect("P. 11:21(10) ack 21");
    // One that no answer came for shows that the talk is over.
    script.inject("P. 21:31(10) ack 21");
    let ack = script.expect_after(ms(40), ". 21:21(0) ack 31");
    assert_eq!(ack.cause, Cause::DelayedAck);
    script.inject("P. 31:41(10) ack 21");
    script.expect(". 21:21(0) ack 41");
}

/// RFC 9293 SHLD-18 by configuration: every ACK is delayed.
#[test]
fn none_is_quick_when_the_config_says_so() {
    let mut script = Script::established(&Setup::default());
    let mut from = 1;
    assert_eq!(immediate(&mut script, &mut from, 20), 0);
}

#[test]
fn the_application_has_its_way() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.expect_nothing();
    // What is owed leaves at once.
    script.verb("quick", |connection, _| connection.set_quickack(true));
    script.expect(". 1:1(0) ack 11");
    let mut script = Script::established(&quick());
    script.inject("P. 1:11(10) ack 1");
    script.expect(". 1:1(0) ack 11");
    script.verb("delay", |connection, _| connection.set_quickack(false));
    assert!(!script.connection.quickack());
    script.inject("P. 11:21(10) ack 1");
    script.expect_after(ms(40), ". 1:1(0) ack 21");
}
