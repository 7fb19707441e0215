//! Small text that waits for more: cork, "more follows", and what sends it after all.

mod common;

use common::{Script, Setup, ms, text_at};
use handfast_tcp::WriteError;

fn cork(script: &mut Script, cork: bool) {
    script.verb("cork", |connection, cx| connection.set_cork(cx, cork));
    assert_eq!(script.connection.cork(), cork);
}

fn write_more(script: &mut Script, from: i64, len: usize) {
    let bytes = text_at(from, len);
    script.verb("write, more follows", |connection, cx| {
        assert_eq!(connection.write_more(cx, &bytes), Ok(len));
    });
}

fn write(script: &mut Script, from: i64, len: usize) {
    let bytes = text_at(from, len);
    script.verb("write", |connection, cx| {
        assert_eq!(connection.write(cx, &bytes), Ok(len));
    });
}

#[test]
fn a_cork_lets_full_segments_through_and_its_end_the_rest() {
    let mut script = Script::established(&Setup::default());
    cork(&mut script, true);
    script.write(300);
    script.expect_nothing_for(ms(100));
    script.write(900);
    script.expect(". 1:1001(1000)");
    script.expect_nothing_for(ms(50));
    cork(&mut script, false);
    script.expect("P. 1001:1201(200)");
}

/// Never longer than 200 ms.
#[test]
fn a_forgotten_cork_holds_for_200_ms() {
    let mut script = Script::established(&Setup::default());
    cork(&mut script, true);
    for from in [1, 11] {
        script.write(10);
        script.expect_after(ms(200), &format!("P. {from}:{}(10)", from + 10));
        script.inject(&format!(". 1:1(0) ack {}", from + 10));
    }
}

/// Also when something is under way, and Nagle's algorithm is off.
#[test]
fn a_cork_holds_behind_text_in_flight() {
    let mut script = Script::established(&Setup::default());
    script.verb("no delay", |connection, _| connection.set_nodelay(true));
    script.write(1_000);
    script.expect("P. 1:1001(1000)");
    cork(&mut script, true);
    script.write(10);
    script.inject(". 1:1(0) ack 1001");
    script.expect_after(ms(200), "P. 1001:1011(10)");
}

#[test]
fn a_fin_needs_no_cork_pulled() {
    let mut script = Script::established(&Setup::default());
    cork(&mut script, true);
    script.write(10);
    script.expect_nothing();
    script.shutdown();
    script.expect("FP. 1:11(10)");
}

#[test]
fn more_text_completes_what_waits_for_it() {
    let mut script = Script::established(&Setup::default());
    write_more(&mut script, 1, 600);
    script.expect_nothing_for(ms(100));
    write_more(&mut script, 601, 600);
    script.expect(". 1:1001(1000)");
    script.expect_nothing();
    // A write without the word ends the wait.
    write(&mut script, 1_201, 100);
    script.expect("P. 1001:1301(300)");
}

#[test]
fn text_that_never_follows_is_not_waited_for() {
    let mut script = Script::established(&Setup::default());
    write_more(&mut script, 1, 600);
    script.expect_after(ms(200), "P. 1:601(600)");
}

/// A write that finds no room changes nothing, so nobody needs to be told of it.
#[test]
fn a_write_in_vain_does_not_end_the_wait() {
    let mut script = Script::established(&Setup::default());
    script.verb("choose", |connection, _| connection.set_send_buffer(500));
    let room = script.connection.writable();
    assert!(room < 1_000, "no full segment");
    write_more(&mut script, 1, room);
    script.verb("write in vain", |connection, cx| {
        assert_eq!(connection.write(cx, b"x"), Err(WriteError::WouldBlock));
    });
    script.expect_after(ms(200), &format!("P. 1:{}({room})", room + 1));
}

/// RFC 9293 MUST-17: Nagle's algorithm can be switched off, and what it held leaves.
#[test]
fn turning_nagle_off_sends_what_it_held() {
    let mut script = Script::established(&Setup::default());
    script.write(10);
    script.expect("P. 1:11(10)");
    script.write(10);
    script.expect_nothing();
    script.verb("no delay", |connection, _| connection.set_nodelay(true));
    script.expect("P. 11:21(10)");
    // And past a cork, once.
    cork(&mut script, true);
    script.write(10);
    script.expect_nothing();
    script.verb("no delay", |connection, _| connection.set_nodelay(true));
    script.expect("P. 21:31(10)");
    script.write(10);
    script.expect_nothing();
}
