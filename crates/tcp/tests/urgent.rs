//! Urgent data received (RFC 9293 3.8.5, RFC 6093): announced, counted, and left in line.

mod common;

use common::{Script, Setup};
use handfast_tcp::Event;

/// MUST-30 to MUST-33: told once, for any length, with the count of what is left.
#[test]
fn the_application_hears_of_urgent_data() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 5");
    script.expect_events(&[Event::Urgent, Event::Readable]);
    assert_eq!(script.connection.urgent(), Some(5));
    script.read(3);
    assert_eq!(script.connection.urgent(), Some(2));
    script.read(2);
    assert_eq!(script.connection.urgent(), None);
    script.read(5);
}

/// The pointer may run ahead of the text, by far.
#[test]
fn the_pointer_comes_before_the_text() {
    let mut script = Script::established(&Setup::default());
    script.inject(". 1:1(0) ack 1 urg 15000");
    script.expect_events(&[Event::Urgent]);
    assert_eq!(script.connection.urgent(), Some(15_000));
    script.inject("P. 1:1001(1000) ack 1");
    script.expect_events(&[Event::Readable]);
    script.read(1_000);
    assert_eq!(script.connection.urgent(), Some(14_000));
}

/// MUST-32: a pointer that advances is told again; the same or an older one is not.
#[test]
fn only_an_advancing_pointer_is_told_again() {
    let mut script = Script::established(&Setup::default());
    for (inject, events) in [
        (". 1:1(0) ack 1 urg 100", &[Event::Urgent][..]),
        (". 1:1(0) ack 1 urg 100", &[]),
        (". 1:1(0) ack 1 urg 50", &[]),
        (". 1:1(0) ack 1 urg 101", &[Event::Urgent]),
        (". 1:1(0) ack 1", &[]),
    ] {
        script.inject(inject);
        script.expect_events(events);
    }
    assert_eq!(script.connection.urgent(), Some(101));
}

/// A pointer to what was read already is old news.
#[test]
fn a_pointer_to_what_was_read_is_ignored() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
    script.expect_events(&[Event::Readable]);
    script.inject("P. 1:11(10) ack 1 urg 5");
    script.expect_events(&[]);
    assert_eq!(script.connection.urgent(), None);
    // Zero points at the segment's own beginning: nothing is urgent.
    script.inject(". 11:11(0) ack 1 urg 0");
    script.expect_events(&[]);
}

/// After one urgent stretch was read, the next one is told.
#[test]
fn urgent_mode_can_be_entered_again() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 10");
    script.expect_events(&[Event::Urgent, Event::Readable]);
    script.read(10);
    script.inject("P. 11:21(10) ack 1 urg 10");
    script.expect_events(&[Event::Urgent, Event::Readable]);
    assert_eq!(script.connection.urgent(), Some(10));
}

/// RFC 6093: the urgent octets stay in the stream.
#[test]
fn urgent_data_stays_in_line() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 10");
    script.inject("P. 11:21(10) ack 1 urg 1");
    script.read(20);
}

/// We never send any (RFC 6093 section 6: new applications should not).
#[test]
fn we_send_no_urgent_pointers() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 10");
    script.write(3_000);
    script.shutdown();
    assert!(
        script
            .sent()
            .iter()
            .all(|transmit| transmit.urgent.is_none())
    );
}
