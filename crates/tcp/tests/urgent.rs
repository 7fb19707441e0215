//! Urgent text (RFC 9293 3.8.5, RFC 6093): announced, counted, left in line or read out of band;
//! and sent.

mod common;

use common::{Script, Setup, secs, text_at};
use handfast_tcp::{Event, ReadError};

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

/// Nobody sends any who does not say so (RFC 6093 section 6: new applications should not).
#[test]
fn ordinary_text_has_no_urgent_pointer() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 10");
    script.write(3_000);
    script.shutdown();
    let sent = script.sent();
    assert!(sent.iter().all(|transmit| transmit.urgent.is_none()));
}

// ---- out of band ----

fn out_of_band() -> Script {
    let setup = Setup::default().config(|config| config.urgent_inline = false);
    Script::established(&setup)
}

fn read_urgent(script: &mut Script) -> Result<Option<u8>, ReadError> {
    let mut read = Ok(None);
    script.verb("read urgent", |connection, _| {
        read = connection.read_urgent();
    });
    read
}

/// What one read of up to 100 bytes gives.
fn read_some(script: &mut Script) -> Result<Vec<u8>, ReadError> {
    let mut read = Err(ReadError::WouldBlock);
    script.verb("read", |connection, cx| {
        let mut bytes = [0; 100];
        read = connection
            .read(cx, &mut bytes)
            .map(|count| bytes[..count].to_vec());
    });
    read
}

/// The octet before the pointer is read for itself, before or after the text around it.
#[test]
fn the_last_urgent_octet_can_be_read_out_of_band() {
    for first in [true, false] {
        let mut script = out_of_band();
        script.inject("P. 1:11(10) ack 1 urg 5");
        let text = text_at(1, 10);
        let octet = Ok(Some(text[4]));
        assert_eq!(script.connection.readable(), 9);
        if first {
            assert_eq!(read_urgent(&mut script), octet);
        }
        assert!(!script.connection.at_mark());
        // No read crosses the mark.
        assert_eq!(read_some(&mut script), Ok(text[..4].to_vec()));
        assert!(script.connection.at_mark());
        assert_eq!(read_some(&mut script), Ok(text[5..].to_vec()));
        if !first {
            assert_eq!(read_urgent(&mut script), octet);
        }
        assert_eq!(read_urgent(&mut script), Ok(None));
        assert_eq!(read_some(&mut script), Err(ReadError::WouldBlock));
    }
}

/// Announced before it comes, and behind a hole.
#[test]
fn an_octet_that_is_under_way_is_waited_for() {
    let mut script = out_of_band();
    assert_eq!(read_urgent(&mut script), Ok(None));
    script.inject(". 1:1(0) ack 1 urg 20");
    assert_eq!(read_urgent(&mut script), Err(ReadError::WouldBlock));
    script.inject("P. 11:21(10) ack 1");
    assert_eq!(read_urgent(&mut script), Ok(Some(text_at(20, 1)[0])));
    script.inject("P. 1:11(10) ack 1");
    assert_eq!(read_some(&mut script), Ok(text_at(1, 19)));
    assert_eq!(read_some(&mut script), Err(ReadError::WouldBlock));
}

/// One octet that is all there is: not readable text, and no end of the stream.
#[test]
fn a_lone_octet_is_no_text() {
    let mut script = out_of_band();
    script.inject("P. 1:2(1) ack 1 urg 1");
    assert_eq!(script.connection.readable(), 0);
    assert_eq!(read_some(&mut script), Err(ReadError::WouldBlock));
    assert_eq!(read_urgent(&mut script), Ok(Some(text_at(1, 1)[0])));
    script.inject("F. 2:2(0) ack 1");
    assert_eq!(read_some(&mut script), Ok(vec![]));
}

/// A new pointer makes the old octet part of the stream again.
#[test]
fn a_second_octet_replaces_the_first() {
    let mut script = out_of_band();
    script.inject("P. 1:11(10) ack 1 urg 5");
    script.inject("P. 11:21(10) ack 1 urg 10");
    assert_eq!(read_urgent(&mut script), Ok(Some(text_at(20, 1)[0])));
    assert_eq!(read_some(&mut script), Ok(text_at(1, 19)));
}

#[test]
fn in_line_nothing_is_out_of_band_and_the_mark_is_told() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1 urg 5");
    assert_eq!(read_urgent(&mut script), Ok(None));
    script.read(4);
    assert!(script.connection.at_mark());
    script.read(6);
    assert!(!script.connection.at_mark());
}

// ---- sending ----

/// Urgent bytes of our stream.
fn write_urgent(script: &mut Script, from: i64, len: usize) {
    let bytes = text_at(from, len);
    script.verb("write urgent", |connection, cx| {
        assert_eq!(connection.write_urgent(cx, &bytes), Ok(len));
    });
}

/// Begin and pointer of everything that was sent.
fn pointers(script: &mut Script) -> Vec<(u32, Option<u16>, bool)> {
    let iss = script.iss;
    let sent = script.sent();
    let row =
        |sent: &handfast_tcp::Transmit| (sent.seq.0.wrapping_sub(iss), sent.urgent, sent.push);
    sent.iter().map(row).collect()
}

/// MUST-62: the pointer names the octet behind the urgent ones, and counts from the segment's own
/// beginning. MUST-31: the urgent text may be longer than a segment, and the pointer runs ahead.
#[test]
fn each_segment_points_behind_the_urgent_text() {
    let mut setup = Setup::default();
    setup.path.max_gso = 64_000;
    let mut script = Script::established(&setup);
    write_urgent(&mut script, 1, 2_500);
    assert_eq!(
        pointers(&mut script),
        [
            (1, Some(2_500), false),
            (1_001, Some(1_500), false),
            (2_001, Some(500), true)
        ]
    );
    // Behind it nothing is urgent.
    script.inject(". 1:1(0) ack 2501");
    let text = text_at(2_501, 100);
    script.verb("write", |connection, cx| {
        assert_eq!(connection.write(cx, &text), Ok(100));
    });
    assert_eq!(pointers(&mut script), [(2_501, None, true)]);
}

/// It goes with every copy, and with ACKs that say that more is to come.
#[test]
fn the_pointer_survives_losses_and_a_shut_window() {
    let mut script = Script::established(&Setup::default().window(1_000));
    write_urgent(&mut script, 1, 1_500);
    assert_eq!(pointers(&mut script), [(1, Some(1_500), false)]);
    script.after(secs(1));
    let again = pointers(&mut script);
    assert!(!again.is_empty());
    assert!(
        again.iter().all(|&row| row == (1, Some(1_500), false)),
        "{again:?}"
    );
    script.inject("P. 1:2001(2000) ack 1001 win 0 wire 2");
    assert_eq!(pointers(&mut script), [(1_001, Some(500), false)]);
    // A probe of the shut window carries it too.
    script.after(secs(2));
    let probes = pointers(&mut script);
    assert!(!probes.is_empty());
    assert!(probes.iter().all(|row| row.1 == Some(500)), "{probes:?}");
}

/// Farther than the field can say: as far as it can.
#[test]
fn a_pointer_beyond_the_field_says_the_most_it_can() {
    let mut script = Script::established(&Setup::default());
    write_urgent(&mut script, 1, 70_000);
    let sent = pointers(&mut script);
    assert_eq!(sent[0], (1, Some(u16::MAX), false));
    assert_eq!(sent[9], (9_001, Some(61_000), false));
}

/// Nagle's algorithm does not hold what is urgent.
#[test]
fn urgent_text_does_not_wait_for_acks() {
    let mut script = Script::established(&Setup::default());
    script.write(10);
    script.expect("P. 1:11(10)");
    write_urgent(&mut script, 11, 1);
    assert_eq!(pointers(&mut script), [(11, Some(1), true)]);
}
