//! Buffers that tune themselves, and sizes that stay: receive buffer by what the application reads
//! in a round trip, send buffer by the congestion window; the not-sent low-water mark.

mod common;

use std::time::Duration;

use common::{Script, Setup, ms};
use handfast_tcp::{Config, Event, WriteError};

const RTT: u64 = 100;
const SHIFT: u32 = 8;
const INITIAL: usize = 64_000;
const MOST: usize = 15 << 20;

fn tuned(setup: Setup) -> Setup {
    setup.rtt(ms(RTT)).config(|config| {
        config.window_scaling = true;
        (config.receive_buffer, config.receive_buffer_max) = (INITIAL, MOST);
    })
}

fn plain() -> Setup {
    tuned(Setup::default().options("mss 1000,wscale 0"))
}

fn stamped() -> Setup {
    let mut setup = tuned(Setup::timestamps().options("mss 1012,wscale 0,TS val 1000 ecr 0"));
    setup.config.timestamps = true;
    setup
}

/// A peer with endless text that fills the window once in a round trip.
struct Flood {
    script: Script,
    stamps: bool,
    rtt: Duration,
    /// What it sent and what it may send.
    next: i64,
    edge: i64,
}

impl Flood {
    fn new(setup: &Setup) -> Self {
        Self {
            script: Script::established(setup),
            stamps: setup.config.timestamps,
            rtt: setup.rtt,
            next: 1,
            edge: 1 + INITIAL as i64,
        }
    }

    /// One round trip: what the window allows arrives, and `share` hundredths of it are read.
    /// Returns the window afterwards.
    fn round(&mut self, share: usize) -> i64 {
        let echo = self.script.now.as_millis();
        self.script.after(self.rtt);
        let mut batch = Vec::new();
        while self.next < self.edge {
            let len = (self.edge - self.next).min(60_000);
            let wire = (len + 999) / 1_000;
            let stamp = if self.stamps {
                format!(" <TS val 1000 ecr {echo}>")
            } else {
                String::new()
            };
            let (from, to) = (self.next, self.next + len);
            batch.push(format!(". {from}:{to}({len}) ack 1 wire {wire}{stamp}"));
            self.next = to;
        }
        let batch: Vec<_> = batch.iter().map(String::as_str).collect();
        self.script.inject_batch(&batch);
        let readable = self.script.connection.readable() * share / 100;
        let mut left = readable;
        while left > 0 {
            self.script.read(left.min(1_000_000));
            left -= left.min(1_000_000);
        }
        self.script.after(ms(0));
        for ack in self.script.sent() {
            let acked = i64::from(
                ack.ack
                    .expect("an ACK")
                    .0
                    .wrapping_sub(self.script.irs)
                    .cast_signed(),
            );
            let edge = acked + (i64::from(ack.window) << SHIFT);
            // RFC 9293 SHLD-14.
            assert!(edge >= self.edge, "the right edge moved left");
            self.edge = edge;
        }
        self.edge - self.next
    }
}

/// A sender that fills every window finds one that is at least twice as large a little later,
/// until the limit.
#[test]
fn the_window_grows_with_what_is_read_up_to_the_limit() {
    for setup in [plain(), stamped(), plain().passive(), stamped().passive()] {
        let mut flood = Flood::new(&setup);
        let windows: Vec<_> = (0..12).map(|_| flood.round(100)).collect();
        let most = MOST as i64 + (1 << SHIFT);
        assert!(windows.iter().all(|&window| window <= most), "{windows:?}");
        let nearly = MOST as i64 / 100 * 95;
        assert!(windows[8..].iter().all(|&w| w >= nearly), "{windows:?}");
        let first = windows.iter().position(|&w| w >= 4 * INITIAL as i64);
        assert!(first.is_some_and(|round| round <= 4), "{windows:?}");
    }
}

/// What a short path cannot hold would wait in queues, where the caches lose it.
#[test]
fn on_a_short_path_the_window_is_what_the_fastest_link_can_use() {
    for (micros, most) in [(20, 1 << 20), (100, 1_250_000)] {
        for setup in [plain(), stamped(), plain().passive(), stamped().passive()] {
            let mut flood = Flood::new(&setup.rtt(Duration::from_micros(micros)));
            // With timestamps a measurement takes at least a millisecond.
            while flood.next < 100_000_000 {
                flood.round(100);
            }
            let buffer = flood.script.connection.receive_buffer();
            assert!(
                (most / 10 * 9..=most).contains(&buffer),
                "{buffer} {micros}"
            );
        }
    }
}

/// A slow application needs no larger buffer: what it cannot read must wait at the peer.
#[test]
fn a_reader_that_falls_behind_gets_no_larger_buffer() {
    let mut flood = Flood::new(&stamped());
    for _ in 0..20 {
        flood.round(5);
    }
    assert_eq!(flood.script.connection.receive_buffer(), INITIAL);
}

/// What waits beyond a gap takes no room from a sender that goes on: the window moves with each
/// segment out of order, though nothing can be read (as in Linux).
#[test]
fn the_window_moves_on_behind_a_gap() {
    let mut setup = tuned(Setup::sack().options("mss 1000,wscale 0,sackOK"));
    setup.config.sack = true;
    let mut script = Script::established(&setup);
    let (mut next, mut edge) = (1_001, 1 + INITIAL as i64);
    for _ in 0..6 {
        script.after(ms(RTT));
        let from = next;
        while next < edge {
            let len = (edge - next).min(60_000);
            let wire = (len + 999) / 1_000;
            let to = next + len;
            script.inject(&format!(". {next}:{to}({len}) ack 1 wire {wire}"));
            next = to;
        }
        for ack in script.sent() {
            edge = edge.max(1 + (i64::from(ack.window) << SHIFT));
        }
        assert!(edge - next >= 20_000, "{} of {from}", edge - next);
    }
    // No further than the limit.
    assert!(edge <= 1 + MOST as i64 + (1 << SHIFT));
}

/// A size that the application has chosen stays, in the configuration and at run time.
#[test]
fn a_chosen_receive_buffer_is_not_tuned() {
    let fixed: [fn(&mut Config); 2] = [
        |config| config.receive_buffer_max = 0,
        |config| config.receive_buffer_max = INITIAL,
    ];
    for change in fixed {
        let setup = plain().config(|config| {
            change(config);
            // So that the scale is the same as with a large limit.
            config.receive_buffer = INITIAL;
        });
        let mut script = Script::established(&setup);
        for round in 0..20 {
            let from = 1 + 50_000 * round;
            script.after(ms(RTT));
            script.inject(&format!(". {from}:{}(50000) ack 1 wire 50", from + 50_000));
            script.read(50_000);
        }
        assert_eq!(script.connection.receive_buffer(), INITIAL);
    }
    let mut flood = Flood::new(&plain());
    flood.round(100);
    flood.script.verb("choose", |connection, _| {
        connection.set_receive_buffer(100_000);
    });
    for _ in 0..10 {
        flood.round(100);
    }
    assert_eq!(flood.script.connection.receive_buffer(), 100_000);
    assert_eq!(flood.script.connection.config().receive_buffer_max, 100_000);
}

/// RFC 9293 SHLD-14: a smaller buffer takes nothing back; it closes as text comes in.
#[test]
fn a_smaller_buffer_does_not_move_the_right_edge() {
    let mut script = Script::established(&Setup::default());
    script.verb("choose", |connection, _| {
        connection.set_receive_buffer(5_000);
    });
    script.inject(". 1:4001(4000) ack 1 wire 4");
    script.expect(". 1:1(0) ack 4001 win 16000");
    script.inject(". 4001:20001(16000) ack 1 wire 16");
    script.expect(". 1:1(0) ack 20001 win 0");
    script.read(15_000);
    script.expect_nothing();
    script.read(5_000);
    script.expect(". 1:1(0) ack 20001 win 5000");
}

// ---- the send buffer ----

fn sending() -> Setup {
    Setup::default().config(|config| {
        (config.send_buffer, config.send_buffer_max) = (30_000, 200_000);
    })
}

/// Writes until no more is taken; returns how many bytes that were.
fn fill(script: &mut Script) -> usize {
    let mut written = 0;
    while script.connection.writable() > 0 {
        let room = script.connection.writable();
        script.write(room);
        written += room;
    }
    script.verb("write", |connection, cx| {
        let refused = connection.write(cx, b"x");
        assert_eq!(refused, Err(WriteError::WouldBlock));
    });
    written
}

#[test]
fn the_send_buffer_grows_with_the_congestion_window() {
    let mut script = Script::established(&sending());
    let mut acked = 1;
    for _ in 0..12 {
        fill(&mut script);
        let sent: usize = script.sent().iter().map(|sent| sent.payload.len()).sum();
        acked += sent as i64;
        script.after(ms(10));
        script.inject(&format!(". 1:1(0) ack {acked}"));
    }
    let window = script.connection.info().congestion_window;
    let buffer = script.connection.send_buffer() as u64;
    assert!(window > 30_000 && buffer > 30_000, "{window} {buffer}");
    assert!(buffer <= (2 * window).min(200_000), "{window} {buffer}");
}

#[test]
fn on_a_short_path_the_send_buffer_is_what_the_fastest_link_can_use() {
    for (micros, least, most) in [
        (20, 1 << 20, 1 << 20),
        (100, 1_250_000, 1_250_000),
        (10_000, 4_000_000, 16 << 20),
    ] {
        let rtt = Duration::from_micros(micros);
        let mut setup = Setup::default()
            .options("mss 1000,wscale 10")
            .rtt(rtt)
            .config(|config| {
                config.window_scaling = true;
                (config.send_buffer, config.send_buffer_max) = (30_000, 16 << 20);
                config.hystart = false;
            });
        setup.path.max_gso = 64_000;
        let mut script = Script::established(&setup);
        let mut acked = 1;
        for _ in 0..14 {
            fill(&mut script);
            let sent: usize = script.sent().iter().map(|sent| sent.payload.len()).sum();
            acked += sent as i64;
            script.after(rtt);
            script.inject(&format!(". 1:1(0) ack {acked} win 30000"));
        }
        let buffer = script.connection.send_buffer();
        assert!((least..=most).contains(&buffer), "{buffer} {micros}");
    }
}

/// What the peer has beyond a gap is not in flight, but kept: the buffer holds it beside the two
/// windows, or whoever sends on while a segment is lost twice would have nothing to send.
#[test]
fn the_send_buffer_has_room_for_what_was_sacked() {
    let setup = Setup::sack().config(|config| {
        (config.send_buffer, config.send_buffer_max) = (10_000, 200_000);
    });
    let mut script = Script::established(&setup);
    fill(&mut script);
    assert!(!script.sent().is_empty());
    let before = script.connection.send_buffer();
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:10001>");
    fill(&mut script);
    script.sent();
    let window = script.connection.info().congestion_window as usize;
    let buffer = script.connection.send_buffer();
    // The lost segment is not in flight either until it was sent again.
    let wanted = 2 * window + 9_000..=2 * window + 10_000;
    assert!(wanted.contains(&buffer), "{buffer} {window}");
    assert!(buffer > before, "{before} {buffer}");
}

#[test]
fn a_chosen_send_buffer_is_not_tuned() {
    let mut script = Script::established(&sending());
    script.verb("choose", |connection, _| connection.set_send_buffer(10_000));
    let mut acked = 1;
    for _ in 0..12 {
        fill(&mut script);
        assert_eq!(script.connection.unacknowledged(), 10_000);
        let sent: usize = script.sent().iter().map(|sent| sent.payload.len()).sum();
        acked += sent as i64;
        script.after(ms(10));
        script.inject(&format!(". 1:1(0) ack {acked}"));
    }
    assert_eq!(script.connection.send_buffer(), 10_000);
}

// ---- the not-sent low-water mark ----

/// A SYN that was not sent is no text: writing before it works, and with Fast Open it waits for that.
#[test]
fn a_waiting_syn_takes_no_room_under_the_low_water_mark() {
    let setup = Setup::default().config(|config| config.unsent_low_water = Some(1));
    Script::connect_with(&setup, 1, |_| {});
}

/// A quarter of a small buffer, a part in 32 of a larger one, 64 KiB of a large one: who waits for a
/// buffer of a megabyte writes no burst that a small queue on the way cannot take.
#[test]
fn a_writer_is_told_of_room_before_it_is_a_burst() {
    let cases = [
        (40_000, 10_000),
        (256 << 10, 16_384),
        (1 << 20, 32_768),
        (4 << 20, 65_536),
    ];
    for (buffer, told_at) in cases {
        let setup = Setup::default().window(65_535).config(|config| {
            config.send_buffer = buffer;
            config.send_buffer_max = buffer;
        });
        let mut script = Script::established(&setup);
        fill(&mut script);
        script.sent();
        let mut acknowledged = 0;
        loop {
            script.expect_events(&[]);
            acknowledged += 1_000;
            script.inject(&format!(". 1:1(0) ack {}", acknowledged + 1));
            script.sent();
            if acknowledged >= told_at {
                break;
            }
        }
        script.expect_events(&[Event::Writable]);
    }
}

/// Unsent text is bounded, unacknowledged text is not: what is out does not count.
#[test]
fn writing_stops_at_the_low_water_mark() {
    let setup = Setup::default().config(|config| config.unsent_low_water = Some(4_000));
    let mut script = Script::established(&setup);
    // Ten segments leave at once: the initial window.
    let written = fill(&mut script);
    let sent: usize = script.sent().iter().map(|sent| sent.payload.len()).sum();
    assert_eq!(written, sent + 4_000);
    assert_eq!(script.connection.unsent(), 4_000);
    assert_eq!(script.connection.writable(), 0);
    script.expect_events(&[]);
    // Two acknowledged segments let others go, and half of the mark is free.
    script.inject(". 1:1(0) ack 2001");
    assert!(!script.sent().is_empty());
    script.expect_events(&[Event::Writable]);
    script.verb("no mark", |connection, _| {
        connection.set_unsent_low_water(None);
    });
    assert!(script.connection.writable() > 50_000);
}

/// Who waits when the mark is lifted is told.
#[test]
fn lifting_the_mark_wakes_the_writer() {
    let setup = Setup::default()
        .window(0)
        .config(|config| config.unsent_low_water = Some(4_000));
    let mut script = Script::established(&setup);
    assert_eq!(fill(&mut script), 4_000);
    script.expect_events(&[]);
    script.verb("lift", |connection, _| {
        connection.set_unsent_low_water(Some(20_000));
    });
    script.expect_events(&[Event::Writable]);
    assert_eq!(script.connection.writable(), 16_000);
}

/// A buffer smaller than a step of the scale could fill once, and its window never open again.
#[test]
fn no_buffer_is_smaller_than_a_step_of_the_scale() {
    let setup = Setup::default()
        .options("mss 1000,wscale 0")
        .config(|config| {
            config.receive_buffer = 1;
            config.receive_buffer_max = 15 << 20;
            config.window_scaling = true;
        });
    let mut script = Script::established(&setup);
    assert_eq!(script.connection.receive_buffer(), 256);
    for (wanted, given) in [(600, 600), (2, 256)] {
        script.connection.set_receive_buffer(wanted);
        assert_eq!(script.connection.receive_buffer(), given);
    }
    script.inject("P. 1:257(256) ack 1");
    script.after(ms(40));
    let last = script.sent().pop().expect("an ACK");
    assert!(script.is_as_expected(&last, ". 1:1(0) ack 257 win 0"));
    script.read(256);
    script.expect(". 1:1(0) ack 257 win 1");
}
