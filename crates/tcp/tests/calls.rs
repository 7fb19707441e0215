//! The application's verbs: what reading and writing say at each point of a life, with and
//! without copies (RFC 9293 3.9.1, 3.10.2, 3.10.3).

mod common;

use core::time::Duration;

use common::{Script, Setup, ms, text_at};
use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_tcp::State::{CloseWait, Established, FinWait2, SynSent};
use handfast_tcp::{
    Ack, CloseReason, Congestion, CongestionController, Event, ReadError, WriteError,
};

#[test]
fn what_a_read_says_in_each_state() {
    for (state, expected) in [
        (SynSent, Err(ReadError::WouldBlock)),
        (Established, Err(ReadError::WouldBlock)),
        (FinWait2, Err(ReadError::WouldBlock)),
        (CloseWait, Ok(0)),
    ] {
        let mut script = Script::in_state(&Setup::default(), state);
        assert_eq!(script.try_read(), expected, "{state}");
    }
    for (end, reason) in [
        ("R 1:1(0)", CloseReason::Reset),
        ("abort", CloseReason::Aborted),
    ] {
        let mut script = Script::established(&Setup::default());
        if end == "abort" {
            script.abort();
        } else {
            script.inject(end);
        }
        assert_eq!(script.try_read(), Err(ReadError::Closed(reason)), "{end}");
    }
}

/// An empty buffer says nothing about the end of the stream.
#[test]
fn reading_nothing_is_no_end() {
    let mut script = Script::established(&Setup::default());
    script.verb("read into nothing", |connection, cx| {
        assert_eq!(connection.read(cx, &mut []), Ok(0));
    });
    script.inject("P. 1:11(10) ack 1");
    script.read(10);
}

/// What arrived in order before the peer's reset can still be read: it was acknowledged.
#[test]
fn text_before_a_reset_can_be_read() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.inject("R 11:11(0)");
    script.read(10);
    let expected = Err(ReadError::Closed(CloseReason::Reset));
    assert_eq!(script.try_read(), expected);
}

/// Written before the handshake, sent after it (RFC 9293 3.10.2).
#[test]
fn a_connection_that_opens_takes_text() {
    let mut script = Script::in_state(&Setup::default(), SynSent);
    assert_eq!(script.connection.writable(), 100_000);
    script.write(10);
    script.inject("S. 0:0(0) ack 1 <mss 1000>");
    script.expect("P. 1:11(10) ack 1");
}

#[test]
fn a_write_takes_what_fits() {
    let setup = Setup::default().config(|config| config.send_buffer = 1_500);
    let mut script = Script::established(&setup.window(0));
    let mut results = Vec::new();
    script.verb("three writes", |connection, cx| {
        for _ in 0..3 {
            results.push(connection.write(cx, &[7; 1_000]));
        }
        results.push(connection.write(cx, &[]));
    });
    let full = Err(WriteError::WouldBlock);
    assert_eq!(results, [Ok(1_000), Ok(500), full, Ok(0)]);
}

#[test]
fn chunks_go_in_and_out_without_a_copy() {
    let mut script = Script::established(&Setup::default());
    let mut setup = Setup::default();
    setup.path.max_gso = 64_000;
    let mut sender = Script::established(&setup);
    let text = Chunk::from(text_at(1, 8_000));
    let address = text.as_ptr();
    sender.verb("write a chunk", |connection, cx| {
        assert_eq!(connection.write_chunk(cx, text), Ok(8_000));
    });
    let sent = sender.expect("P. 1:8001(8000)");
    assert_eq!(sent.payload.chunks().len(), 1);
    assert_eq!(sent.payload.chunks()[0].as_ptr(), address);
    // The same bytes, received by another connection.
    let mut segment = script.segment("P. 1:8001(8000) ack 1 wire 8");
    segment.payload = sent.payload.chunks()[0].clone().into();
    script.inject_segment(segment);
    let mut seen = Vec::new();
    script.verb("read chunks", |connection, cx| {
        while let Ok(Some(chunk)) = connection.read_chunk(cx, 5_000) {
            seen.push((chunk.as_ptr(), chunk.len()));
        }
    });
    assert_eq!(
        seen,
        [(address, 5_000), (address.wrapping_add(5_000), 3_000)]
    );
}

#[test]
fn a_chunk_that_does_not_fit_is_taken_in_part() {
    let setup = Setup::default().config(|config| config.send_buffer = 5_000);
    let mut script = Script::established(&setup.window(0));
    let text = Chunk::from(text_at(1, 8_000));
    let mut results = Vec::new();
    script.verb("write a chunk", |connection, cx| {
        results.push(connection.write_chunk(cx, text.clone()));
        results.push(connection.write_chunk(cx, text.slice(5_000..8_000)));
    });
    assert_eq!(results, [Ok(5_000), Err(WriteError::WouldBlock)]);
    script.inject(". 1:1(0) ack 1 win 60000");
    script.expect_bytes(1, 5_001);
}

#[test]
fn read_chunk_tells_the_end() {
    let mut script = Script::established(&Setup::default());
    script.inject("F. 1:11(10) ack 1");
    let mut results = Vec::new();
    script.verb("read chunks", |connection, cx| {
        for _ in 0..3 {
            let chunk = connection.read_chunk(cx, 4).expect("there is text");
            results.push(chunk.map(|chunk| chunk.len()));
        }
        results.push(
            connection
                .read_chunk(cx, 4)
                .expect("the end is no error")
                .map(|_| 0),
        );
    });
    assert_eq!(results, [Some(4), Some(4), Some(2), None]);
}

/// Level-triggered: each kind of event waits at most once, however much arrives.
#[test]
fn events_do_not_pile_up() {
    let mut script = Script::established(&Setup::default());
    for part in 0..10 {
        let from = 1 + 100 * part;
        script.inject(&format!("P. {from}:{}(100) ack 1", from + 100));
    }
    script.expect_events(&[Event::Readable]);
    script.inject("P. 1001:1101(100) ack 1");
    script.expect_events(&[Event::Readable]);
}

/// A reader that was slow and then reads all gets every byte, and the peer hears of the room.
#[test]
fn a_slow_reader_gets_everything() {
    let mut script = Script::established(&Setup::default());
    for round in 0..10 {
        for part in 0..20 {
            let from = 1 + 20_000 * round + 1_000 * part;
            script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
        }
        script.after(ms(40));
        script.sent();
        script.read(20_000);
        let end = 1 + 20_000 * (round + 1);
        script.expect(&format!(". 1:1(0) ack {end} win 20000"));
    }
}

/// Looking takes nothing: the same bytes come again, and the end shows only when all is read.
#[test]
fn a_peek_leaves_everything_unread() {
    let mut script = Script::established(&Setup::default());
    script.inject("P. 1:11(10) ack 1");
    script.inject("P. 11:21(10) ack 1");
    script.verb("peek", |connection, cx| {
        let mut seen = [0; 32];
        assert_eq!(connection.peek(&mut seen[..15]), Ok(15));
        assert_eq!(connection.peek(&mut seen), Ok(20));
        assert_eq!(connection.readable(), 20);
        let mut read = [0; 32];
        assert_eq!(connection.read(cx, &mut read), Ok(20));
        assert_eq!(seen, read);
        assert_eq!(connection.peek(&mut seen), Err(ReadError::WouldBlock));
        assert_eq!(connection.peek(&mut []), Ok(0));
    });
    script.inject("F. 21:21(0) ack 1");
    script.verb("peek", |connection, _| {
        assert_eq!(connection.peek(&mut [0; 8]), Ok(0));
    });
}

/// What was written waits to be sent, then for its acknowledgment.
#[test]
fn what_waits_in_the_send_buffer_is_counted() {
    let counts = |script: &mut Script| {
        let mut counts = (0, 0);
        script.verb("count", |connection, _| {
            counts = (connection.unacknowledged(), connection.unsent());
        });
        counts
    };
    let mut script = Script::established(&Setup::default().window(3_000));
    assert_eq!(counts(&mut script), (0, 0));
    script.write(5_000);
    let (unacknowledged, unsent) = counts(&mut script);
    assert_eq!(unacknowledged, 5_000);
    assert!((2_000..5_000).contains(&unsent), "{unsent}");
    let mut opening = Script::in_state(&Setup::default(), SynSent);
    assert_eq!(counts(&mut opening), (0, 0));
}

/// A controller of an application's own: always three segments.
#[derive(Debug)]
struct Three(u64);

impl CongestionController for Three {
    fn on_ack(&mut self, _ack: &Ack) {}
    fn on_congestion(&mut self, _congestion: &Congestion) {}
    fn on_recovered(&mut self, _now: Instant, _in_flight: u64) {}
    fn on_spurious(&mut self, _now: Instant, _in_flight: u64) {}
    fn on_idle_restart(&mut self, _now: Instant, _idle: Duration, _rto: Duration) {}
    fn on_handshake_loss(&mut self) {}
    fn on_mss(&mut self, mss: u16) {
        self.0 = u64::from(mss);
    }
    fn window(&self) -> u64 {
        3 * self.0
    }
    fn slow_start_threshold(&self) -> u64 {
        u64::MAX
    }
    fn name(&self) -> &'static str {
        "three"
    }
}

/// The congestion controller may be the application's own (RFC 5681 leaves slower ones free).
#[test]
fn a_controller_of_ones_own() {
    let mut script = Script::established(&Setup::default());
    script.verb("set_controller", |connection, cx| {
        connection.set_controller(cx, Box::new(Three(1)));
    });
    script.write(10_000);
    for from in [1, 1_001, 2_001] {
        script.expect(&format!(". {from}:{}(1000)", from + 1_000));
    }
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1001");
    script.expect(". 3001:4001(1000)");
    script.expect_nothing();
}
