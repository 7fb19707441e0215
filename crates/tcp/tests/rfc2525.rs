//! The 18 known problems of TCP implementations (RFC 2525 section 2), in its order; each test is
//! named after the problem that it would find.

mod common;

use common::{MSS, Script, Setup, ms, secs};
use handfast_packet::cause::{Cause, Proof};
use handfast_tcp::State::{Established, FinWait1};
use handfast_tcp::{CloseReason, Config, Control, Event, Path, Transmit};

/// ESTABLISHED with a round trip of 100 ms: RTO 300 ms.
fn established() -> Script {
    Script::established(&Setup::default().rtt(ms(100)))
}

/// Text segments among what was sent.
fn texts(script: &mut Script) -> Vec<Transmit> {
    let sent = script.sent().into_iter();
    sent.filter(|transmit| !transmit.payload.is_empty())
        .collect()
}

/// How many full segments the congestion window holds.
fn window(script: &Script) -> u64 {
    script.connection.info().congestion_window / MSS as u64
}

/// 2.1: the first flight is small however much the peer takes, and each ACK lets little more go.
#[test]
fn no_initial_slow_start() {
    let mut script = established();
    script.write(60 * MSS);
    assert_eq!(texts(&mut script).len(), 10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    assert!(texts(&mut script).len() <= 2);
    script.inject(". 1:1(0) ack 3001");
    assert!(texts(&mut script).len() <= 4);
}

/// 2.2: after a timeout one segment goes, then two for its ACK.
#[test]
fn no_slow_start_after_retransmission_timeout() {
    let mut script = established();
    script.write(30 * MSS);
    assert_eq!(texts(&mut script).len(), 10);
    script.after(ms(350));
    let again = texts(&mut script);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].cause, Cause::TimeoutRetransmit(1));
    assert_eq!(window(&script), 1);
    script.inject(". 1:1(0) ack 1001");
    assert_eq!(texts(&mut script).len(), 2);
}

/// 2.3: the window has a value after every kind of opening, whatever the SYN's options were.
#[test]
fn uninitialized_cwnd() {
    for options in ["mss 1000", "mss 1000,sackOK,wscale 3", ""] {
        let setup = Setup::default().options(options);
        let mut simultaneous = Script::connect(&setup);
        simultaneous.expect("S 0:0(0)");
        simultaneous.inject(&format!("S 0:0(0) <{options}>"));
        simultaneous.inject("S. 0:0(0) ack 1");
        let active = Script::established(&setup);
        let passive = Script::established(&setup.clone().passive());
        for script in [simultaneous, active, passive] {
            let info = script.connection.info();
            script.expect_state(Established);
            let segments = info.congestion_window / u64::from(info.effective_mss);
            assert!((2..=10).contains(&segments), "{segments} segments");
        }
    }
}

/// 2.4: what is sent again has the bytes of the first time, however the segments are cut. The
/// script compares every byte that is sent.
#[test]
fn inconsistent_retransmission() {
    let mut script = established();
    script.verb("nodelay", |connection, _| connection.set_nodelay(true));
    for len in [1, 700, 3, 999, 1_000, 17] {
        script.write(len);
    }
    assert_eq!(texts(&mut script).len(), 6);
    script.inject(". 1:1(0) ack 301");
    script.after(ms(400));
    assert!(!texts(&mut script).is_empty());
    script.verb("narrow path", |connection, cx| {
        let narrow = Path {
            receive_mss: 1_000,
            send_mss: 333,
            default_mss: 536,
            max_gso: 0,
        };
        connection.on_path(cx, narrow);
    });
    script.shutdown();
    let mut acked = 301;
    while acked < 2_721 {
        script.after(secs(1));
        for transmit in script.sent() {
            let start = i64::from(transmit.seq.0.wrapping_sub(script.iss).cast_signed());
            acked = acked.max(start + i64::try_from(transmit.payload.len()).unwrap());
        }
        script.inject(&format!(". 1:1(0) ack {acked}"));
    }
    assert_eq!(script.connection.info().bytes_acked, 2_720);
}

/// 2.5: text behind a hole is kept.
#[test]
fn failure_to_retain_above_sequence_data() {
    let mut script = established();
    for from in [1_001, 3_001, 2_001] {
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
        script.expect(". 1:1(0) ack 1");
    }
    script.inject(". 1:1001(1000) ack 1");
    script.expect(". 1:1(0) ack 4001");
    script.read(4_000);
}

/// 2.6: in congestion avoidance the window grows by a segment in a round trip and no more.
#[test]
fn extra_additive_constant_in_congestion_avoidance() {
    // What the peer acknowledges is not to show that the timeout was spurious.
    let setup = Setup::default().config(|config| config.f_rto = false);
    let mut script = Script::established(&setup.rtt(ms(100)));
    script.write(20 * MSS);
    texts(&mut script);
    // The whole flight is lost. A timeout sets the threshold to five segments; slow start takes
    // the window there.
    script.after(ms(350));
    let mut acked = 1;
    let mut received = std::collections::BTreeMap::new();
    let mut rounds = 0;
    for _ in 0..100 {
        if rounds == 20 {
            break;
        }
        let before = script.connection.info();
        let avoids = before.congestion_window >= before.slow_start_threshold;
        script.write(10 * MSS);
        let mut arriving: Vec<(i64, i64)> = Vec::new();
        for transmit in texts(&mut script) {
            let start = i64::from(transmit.seq.0.wrapping_sub(script.iss).cast_signed());
            arriving.push((
                start,
                start + i64::try_from(transmit.payload.len()).unwrap(),
            ));
        }
        script.after(ms(100));
        for (start, end) in arriving {
            received.insert(start, end);
            while let Some(end) = received.remove(&acked) {
                acked = end;
            }
            script.inject(&format!(". 1:1(0) ack {acked}"));
        }
        let after = script.connection.info().congestion_window;
        if avoids {
            rounds += 1;
            let grown = after.saturating_sub(before.congestion_window);
            assert!(grown <= MSS as u64, "{grown} bytes in a round");
        }
    }
    assert_eq!(rounds, 20, "it never leaves slow start");
    assert!(window(&script) >= 15, "{} segments", window(&script));
}

/// 2.7: without a sample the timer waits a second (RFC 6298 2.1, where RFC 2525 says three).
#[test]
fn initial_rto_too_low() {
    let mut script = Script::connect(&Setup::default());
    script.expect("S 0:0(0)");
    script.expect_nothing_for(ms(999));
    script.expect_after(ms(1), "S 0:0(0)");
    let mut passive = Script::accept(&Setup::default(), "S 0:0(0) <mss 1000>");
    passive.expect("S. 0:0(0) ack 1");
    passive.expect_nothing_for(ms(999));
}

/// 2.8: when the loss is repaired, half of what was out may be out again, and no more.
#[test]
fn failure_of_window_deflation_after_loss_recovery() {
    let mut script = established();
    script.write(40 * MSS);
    assert_eq!(texts(&mut script).len(), 10);
    for _ in 0..9 {
        script.inject(". 1:1(0) ack 1");
    }
    let in_recovery = texts(&mut script).len();
    assert!(in_recovery >= 1, "the lost segment goes again");
    // Everything of the first flight and all but the last of what followed has arrived.
    let nxt = 10 + in_recovery - 1;
    script.after(ms(100));
    script.inject(&format!(". 1:1(0) ack {}", 1 + nxt * MSS));
    assert!(window(&script) <= 6, "{} segments", window(&script));
    assert!(texts(&mut script).len() <= 6);
}

fn keep_alive() -> Setup {
    Setup::default().config(|config| config.keep_alive = Some(secs(7_200)))
}

/// 2.9: an unreachable peer gets minutes to come back.
#[test]
fn excessively_short_keepalive_connection_timeout() {
    let mut script = Script::established(&keep_alive());
    script.after(secs(7_200) + secs(600));
    script.expect_state(Established);
    assert!(script.sent().len() >= 8, "and it is asked often enough");
    script.after(secs(600));
    script.expect_closed(CloseReason::KeepAliveTimedOut);
}

/// 2.10: each timeout in a row is twice as long, and only a new sample ends that.
#[test]
fn failure_to_back_off_retransmission_timeout() {
    let mut script = established();
    script.write(MSS);
    texts(&mut script);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let start = script.now;
        while texts(&mut script).is_empty() {
            let due = script.connection.next_timeout().expect("it goes on");
            script.after(due - script.now);
        }
        waits.push(script.now - start);
    }
    for pair in waits.windows(2) {
        assert!(pair[1] >= pair[0] * 2 - ms(1), "{waits:?}");
    }
    // Karn: the ACK of a copy is no sample, and the next segment waits as long.
    let backed_off = script.connection.info().rto;
    script.inject(". 1:1(0) ack 1001");
    assert_eq!(script.connection.info().rto, backed_off);
}

/// 2.11: an answer starts the idle time anew; twelve probes a day are enough.
#[test]
fn insufficient_interval_between_keepalives() {
    let mut script = Script::established(&keep_alive());
    let mut probes = 0;
    for _ in 0..24 * 60 {
        script.after(secs(60));
        let sent = script.sent().len();
        probes += sent;
        if sent > 0 {
            script.inject(". 1:1(0) ack 1");
        }
    }
    assert!((11..=12).contains(&probes), "{probes} probes in a day");
    assert_eq!(Config::default().keep_alive, None);
}

/// 2.12: after a probe was taken into a window that is not worth telling, ACKs of our own text
/// still count.
#[test]
fn window_probe_deadlock() {
    let setup = Setup::default().config(|config| config.receive_buffer = 2_000);
    let mut script = Script::established(&setup);
    script.inject_batch(&[". 1:1001(1000) ack 1", ". 1001:2001(1000) ack 1"]);
    script.read(1);
    script.inject(". 2001:2002(1) ack 1");
    script.sent();
    script.write(500);
    assert_eq!(texts(&mut script).len(), 1);
    let nxt = script.connection.info().bytes_received + 1;
    script.inject(&format!(". {nxt}:{nxt}(0) ack 501"));
    assert_eq!(script.connection.info().bytes_acked, 500);
    // And go on counting, probe after probe.
    for count in 1..=5_u32 {
        script.inject(&format!(". {nxt}:{}(1) ack {}", nxt + 1, 500 + count));
        script.write(1);
        script.sent();
        script.inject(&format!(". {nxt}:{nxt}(0) ack {}", 501 + count));
        let acked = script.connection.info().bytes_acked;
        assert_eq!(acked, u64::from(500 + count));
    }
}

/// 2.13: every second full segment is acknowledged at once.
#[test]
fn stretch_ack_violation() {
    let mut script = established();
    for pair in 0..20 {
        let from = 1 + 2_000 * pair;
        script.inject(&format!(". {from}:{}(1000) ack 1", from + 1_000));
        script.inject(&format!(". {}:{}(1000) ack 1", from + 1_000, from + 2_000));
        let last = script.sent().pop().expect("two are acknowledged");
        assert_eq!(last.ack.unwrap().0.wrapping_sub(script.irs), from + 2_000);
        script.read(2_000);
        script.sent();
    }
}

/// 2.14: a timeout, and a fast retransmission, send one segment again, not it and the 12 bytes of
/// options behind it.
#[test]
fn retransmission_sends_multiple_packets() {
    let mut script = Script::established(&Setup::timestamps().rtt(ms(100)));
    script.write(8 * MSS);
    let first = texts(&mut script);
    script.after(ms(350));
    let again = texts(&mut script);
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].seq, again[0].payload.len()),
        (first[0].seq, first[0].payload.len())
    );
    let mut script = established();
    script.write(8 * MSS);
    texts(&mut script);
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    let again = texts(&mut script);
    let old = |transmit: &&Transmit| transmit.cause == Cause::FastRetransmit(Proof::DuplicateAcks);
    assert_eq!(again.iter().filter(old).count(), 1);
}

/// 2.15: the FIN waits for no ACK, and not for Nagle.
#[test]
fn failure_to_send_fin_notification_promptly() {
    let mut script = established();
    script.write(100);
    texts(&mut script);
    script.write(50);
    script.expect_nothing();
    script.shutdown();
    let last = script.sent().pop().expect("it leaves at once");
    assert_eq!((last.control, last.push), (Control::Fin, true));
    assert_eq!(last.payload.len(), 50);
    script.expect_state(FinWait1);
}

/// 2.16: text that comes after the application has closed is answered with a reset.
#[test]
fn failure_to_send_a_rst_after_half_duplex_close() {
    let mut script = established();
    script.close();
    script.expect("F. 1:1(0) ack 1");
    script.inject(". 1:1(0) ack 2");
    script.inject("P. 1:101(100) ack 2");
    let reset = script.expect_any();
    assert_eq!(
        (reset.control, reset.cause),
        (Control::Rst, Cause::DataAfterClose)
    );
}

/// 2.17: closing with text unread tells the peer that it was lost.
#[test]
fn failure_to_rst_on_close_with_data_pending() {
    let mut script = established();
    script.inject("P. 1:101(100) ack 1");
    script.sent();
    script.close();
    let reset = script.expect_any();
    assert_eq!(reset.control, Control::Rst);
    script.expect_nothing();
    assert!(std::iter::from_fn(|| script.connection.poll_event()).any(|e| e == Event::Closed));
}

/// 2.18: options are paid for out of the segment: 12 bytes of timestamps.
#[test]
fn options_missing_from_tcp_mss_calculation() {
    let setup = Setup::timestamps().options("mss 900,TS val 1000 ecr 0");
    let mut script = Script::established(&setup);
    script.write(5_000);
    for transmit in texts(&mut script) {
        assert!(transmit.options.timestamps.is_some());
        assert!(transmit.payload.len() + 12 <= 900);
    }
    assert_eq!(script.connection.info().effective_mss, 888);
}
