//! Loss recovery against a peer without SACK where segments come late (RFC 6582, RFC 8985 6.2 step 4,
//! RFC 3522) and where many of them are lost at once.

mod common;

use common::{Script, Setup, ms};
use handfast_packet::cause::{Cause, Proof};
use handfast_tcp::Transmit;

/// A round trip of 100 ms, `count` segments of 1,000 bytes out, the first of which is missing after
/// a round trip.
fn with_segments_out(count: u16) -> Script {
    let setup = Setup::default().config(|config| config.initial_window = count);
    let mut script = Script::established(&setup.rtt(ms(100)));
    script.write(1_000 * usize::from(count));
    script.expect_bytes(1, 1 + 1_000 * i64::from(count));
    script.after(ms(100));
    script
}

fn duplicates(script: &mut Script, count: usize, at: u64) {
    for _ in 0..count {
        script.inject(&format!(". 1:1(0) ack {at}"));
    }
}

/// Bytes of text that left since this was last asked.
fn bytes_sent(script: &mut Script) -> u64 {
    let bytes: usize = script.sent().iter().map(|sent| sent.payload.len()).sum();
    u64::try_from(bytes).expect("a few segments")
}

/// A copy cannot be acknowledged sooner than any round trip took: the original had been late, and
/// the reduction is taken back.
#[test]
fn an_ack_sooner_than_a_round_trip_is_for_the_original() {
    for (wait, undone) in [(49, true), (50, false)] {
        let mut script = with_segments_out(10);
        duplicates(&mut script, 3, 1);
        script.expect(". 1:1001(1000)");
        script.after(ms(wait));
        script.inject(". 1:1(0) ack 10001");
        script.write(1_000);
        script.expect("P. 10001:11001(1000)");
        script.after(ms(100));
        script.inject(". 1:1(0) ack 11001");
        let window = script.connection.info().congestion_window;
        assert_eq!(window >= 10_000, undone, "{wait} ms: {window}");
    }
}

/// Where segments were seen to come late, three duplicates prove a loss only when the reordering
/// window, a quarter of the round trip, has passed since the first of them.
#[test]
fn on_a_path_that_reorders_the_third_duplicate_waits() {
    // Learnt from a mistake, or from two duplicates and then progress.
    for mistake in [true, false] {
        let mut script = with_segments_out(20);
        duplicates(&mut script, if mistake { 3 } else { 2 }, 1);
        if mistake {
            script.expect(". 1:1001(1000)");
            script.after(ms(10));
        }
        script.inject(". 1:1(0) ack 4001");
        duplicates(&mut script, 5, 4_001);
        script.expect_nothing_for(ms(24));
        script.after(ms(1));
        let again = script.expect(". 4001:5001(1000)");
        assert_eq!(
            again.cause,
            Cause::FastRetransmit(Proof::DuplicateAcks),
            "mistake {mistake}"
        );
    }
}

/// What comes within that time was not lost, and nothing is resent or reduced.
#[test]
fn what_is_late_by_less_is_not_resent() {
    let mut script = with_segments_out(20);
    duplicates(&mut script, 2, 1);
    script.inject(". 1:1(0) ack 4001");
    duplicates(&mut script, 9, 4_001);
    script.after(ms(24));
    script.inject(". 1:1(0) ack 15001");
    script.expect_nothing_for(ms(100));
    let info = script.connection.info();
    assert_eq!(
        (info.retransmissions, info.slow_start_threshold),
        (0, u64::MAX)
    );
}

/// A wait that was too short becomes longer.
#[test]
fn each_mistake_makes_the_wait_longer() {
    let mut script = with_segments_out(30);
    duplicates(&mut script, 2, 1);
    script.inject(". 1:1(0) ack 4001");
    duplicates(&mut script, 3, 4_001);
    script.after(ms(25));
    script.expect(". 4001:5001(1000)");
    script.after(ms(10));
    script.inject(". 1:1(0) ack 8001");
    duplicates(&mut script, 3, 8_001);
    script.expect_nothing_for(ms(49));
    script.after(ms(1));
    script.expect(". 8001:9001(1000)");
}

/// RFC 6582 section 4: where one hole for each round trip takes too long, all that is out is sent
/// again. It gives that to the timer; with ACKs that come it need not wait.
#[test]
fn many_holes_are_filled_together() {
    for (duplicated, together) in [(3, true), (22, false)] {
        let mut script = with_segments_out(30);
        duplicates(&mut script, duplicated, 1);
        script.expect(". 1:1001(1000)");
        script.sent();
        script.after(ms(100));
        let (mut hole, mut resent) = (1_001, 0);
        for _ in 0..3 {
            script.inject(&format!(". 1:1(0) ack {hole}"));
            let again = script.sent();
            let proof = |sent: &Transmit| match sent.cause {
                Cause::FastRetransmit(proof) => Some(proof),
                _ => None,
            };
            let known = [Some(Proof::PartialAck), Some(Proof::ManyHoles)];
            assert!(again.iter().all(|sent| known.contains(&proof(sent))));
            let bytes: usize = again.iter().map(|sent| sent.payload.len()).sum();
            resent += bytes;
            hole += u32::try_from(bytes).unwrap();
            script.after(ms(100));
        }
        // In the second case a segment for each partial ACK.
        assert_eq!(
            resent > 3_000,
            together,
            "{duplicated} duplicates, {resent}"
        );
        assert_eq!(script.connection.info().timeouts, 0);
    }
}

/// A timeout with ten segments out; its copy uncovered three more, and what is behind was sent again a
/// round trip ago.
fn resending_after_a_timeout() -> Script {
    let mut script = with_segments_out(10);
    script.expect_nothing_for(ms(150));
    script.after(ms(100));
    script.expect(". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 4001");
    script.expect_bytes(4_001, 9_001);
    script.after(ms(100));
    script
}

/// RFC 5682 2.1: the first ACK after a timeout proves nothing. Behind what was resent it covers
/// originals, but without SACK nobody knows since when the peer has those.
#[test]
fn originals_behind_the_copy_do_not_prove_that_a_timeout_was_spurious() {
    let mut script = resending_after_a_timeout();
    script.inject(". 1:1(0) ack 9001");
    script.expect("P. 9001:10001(1000)");
    assert_eq!(script.connection.info().timeouts, 1);
}

/// A copy that is lost again shows by a duplicate ACK so late that only something behind the copy
/// can have caused it; the timeout, twice as long by then, need not be waited for.
#[test]
fn a_late_duplicate_tells_that_the_copy_is_lost_too() {
    let mut script = resending_after_a_timeout();
    duplicates(&mut script, 1, 4_001);
    let resent = script.connection.info().retransmissions;
    assert!(script.sent().is_empty());
    // SRTT and four times RTTVAR behind its departure.
    script.after(ms(201));
    duplicates(&mut script, 1, 4_001);
    let again = script.expect(". 4001:5001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::LateDuplicate));
    assert_eq!(script.connection.info().retransmissions, resent + 1);
    assert_eq!(script.connection.info().timeouts, 1);
}

/// RFC 6582 3.2 and 4.1: of what is sent again in one piece the peer holds most, and each copy of that
/// brings a duplicate ACK. Until all that left before the copies is acknowledged they prove no loss.
#[test]
fn duplicates_of_copies_in_vain_begin_no_recovery() {
    let mut script = with_segments_out(30);
    duplicates(&mut script, 18, 1);
    script.expect(". 1:1001(1000)");
    script.write(5_000);
    duplicates(&mut script, 2, 1);
    script.expect_bytes(30_001, 35_001);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    script.sent();
    let threshold = script.connection.info().slow_start_threshold;
    script.after(ms(100));
    // The copy fills the last hole, and four segments behind the recovery come a little later.
    script.inject(". 1:1(0) ack 31001");
    script.sent();
    duplicates(&mut script, 5, 31_001);
    assert_eq!(script.connection.info().slow_start_threshold, threshold);
    // What leaves now is behind all copies, and may be lost as any.
    script.inject(". 1:1(0) ack 35001");
    script.write(5_000);
    script.expect_bytes(35_001, 40_001);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 36001");
    duplicates(&mut script, 3, 36_001);
    script.after(ms(50));
    script.expect(". 36001:37001(1000)");
    assert!(script.connection.info().slow_start_threshold < threshold);
}

/// RFC 5681 4.1: what is sent again ends a silence as well, so that a repair is no idle time.
#[test]
fn a_long_repair_is_no_idle_time() {
    let setup = Setup::default().config(|config| {
        config.congestion = handfast_tcp::Algorithm::Cubic;
        config.window_validation = false;
    });
    let mut script = Script::established(&setup.rtt(ms(100)));
    script.write(10_000);
    script.expect_bytes(1, 10_001);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 10001");
    script.write(24_000);
    script.expect_bytes(10_001, 30_001);
    script.after(ms(100));
    duplicates(&mut script, 19, 10_001);
    // Of the new text the last leaves now, and then one copy in each round trip.
    script.sent();
    for hole in [11_001, 12_001, 13_001] {
        script.after(ms(100));
        script.inject(&format!(". 1:1(0) ack {hole}"));
        script.sent();
    }
    script.after(ms(100));
    script.inject(". 1:1(0) ack 33001");
    script.inject(". 1:1(0) ack 34001");
    script.write(20_000);
    let burst = bytes_sent(&mut script);
    assert!(burst > 10_000, "{burst}");
}

/// A copy is lost, too, and each duplicate still stands for a segment that left the network, also for
/// one that was sent since SND.UNA moved last: what goes on leaving brings the duplicates that tell of
/// the copy. (With no more of them than the flight of the first loss this would cost a timeout.)
#[test]
fn duplicates_of_what_left_during_the_recovery_count_after_a_partial_ack() {
    let mut script = with_segments_out(20);
    script.write(30_000);
    duplicates(&mut script, 19, 1);
    script.sent();
    let out = |script: &Script| script.connection.info().in_flight;
    script.after(ms(100));
    // The copy fills the first hole, another is behind it, and all that left since arrives.
    script.inject(". 1:1(0) ack 2001");
    script.sent();
    let before = out(&script);
    assert!(before >= 9_000, "{before}");
    let mut new = 0;
    for _ in 0..20 {
        duplicates(&mut script, 1, 2_001);
        new += script.sent().len();
    }
    assert!(new >= 8, "{new}");
    assert!(out(&script) <= before);
}

/// RFC 5681 3.2 step 4: who repeats one ACK for ever pulls no more out of us than a flight.
#[test]
fn an_ack_that_is_repeated_for_ever_pulls_one_flight() {
    let mut script = with_segments_out(10);
    script.write(60_000);
    duplicates(&mut script, 200, 1);
    let bytes = bytes_sent(&mut script);
    assert!(bytes <= 10_000, "{bytes}");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 2001");
    duplicates(&mut script, 200, 2_001);
    let bytes = bytes_sent(&mut script);
    assert!((5_000..=20_000).contains(&bytes), "{bytes}");
}

/// RFC 6582 3.2: when all is acknowledged at once, the window does not leave in one burst, but an
/// initial window and as much as left in the recovery: had the ACKs come one by one, that had been
/// out when the first of them ended it.
#[test]
fn after_a_recovery_the_window_opens_gently() {
    for (unheard, least) in [(0, 20_000), (20, 10_000)] {
        let (threshold, new, burst) = recovered_at_once(unheard);
        // Two of the new segments left before the recovery (RFC 3042).
        let gentle = (new - 2_000 + 10_000).min(threshold);
        let what = format!("{unheard}: {threshold} {new} {burst}");
        assert!((gentle..=gentle + 1_000).contains(&burst), "{what}");
        assert!(
            burst >= least && (unheard == 0 || burst < threshold),
            "{what}"
        );
    }
}

/// The first segment of a flight of 40 is lost, and so are `unheard` of the 39 duplicate ACKs; then
/// the copy and all that left meanwhile are acknowledged by one ACK. The threshold, what new text left
/// until then, and what leaves at once behind it; bytes.
fn recovered_at_once(unheard: usize) -> (u64, u64, u64) {
    let setup =
        Setup::default().config(|config| config.congestion = handfast_tcp::Algorithm::Cubic);
    let mut script = Script::established(&setup.rtt(ms(100)));
    let mut acknowledged = 1;
    for bytes in [10_000, 20_000] {
        script.write(bytes);
        script.sent();
        script.after(ms(100));
        acknowledged += bytes as u64;
        script.inject(&format!(". 1:1(0) ack {acknowledged}"));
    }
    script.write(60_000);
    let flight = bytes_sent(&mut script);
    assert_eq!(flight, 40_000);
    script.after(ms(100));
    duplicates(&mut script, 39 - unheard, acknowledged);
    let new = bytes_sent(&mut script) - 1_000;
    let threshold = script.connection.info().slow_start_threshold;
    assert!(threshold > 20_000 && new > 5_000, "{threshold} {new}");
    script.after(ms(100));
    script.inject(&format!(". 1:1(0) ack {}", acknowledged + flight + new));
    script.write(60_000);
    (threshold, new, bytes_sent(&mut script))
}
