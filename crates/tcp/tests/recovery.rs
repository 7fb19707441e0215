//! Loss recovery with SACK: RACK-TLP (RFC 8985), PRR (RFC 9937), F-RTO (RFC 5682), undo (RFC 3522,
//! 3708, 4015), limited transmit (RFC 3042), and peers that take back what they SACKed.

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::{Cause, Proof};

/// SACK, a round trip of 100 ms, `count` segments of 1,000 bytes out.
fn with_segments_out(count: usize) -> Script {
    out(&Setup::sack(), count)
}

fn out(setup: &Setup, count: usize) -> Script {
    let mut script = Script::established(&setup.clone().rtt(ms(100)));
    script.write(1_000 * count);
    script.expect_bytes(
        1,
        1 + 1_000 * i64::try_from(count.min(10)).expect("at most ten"),
    );
    script
}

/// SACK and timestamps.
fn stamped() -> Setup {
    let mut setup = Setup::timestamps().options("mss 1012,sackOK,TS val 1000 ecr 0");
    setup.config.sack = true;
    setup
}

fn retransmissions(script: &Script) -> u64 {
    script.connection.info().retransmissions
}

// ---- RACK ----

/// A D-SACK for what was resent tells of reordering too (RFC 3708): the original was late by less
/// than the window that it gets from now on. RFC 8985 alone would resend each late segment, and
/// never see an original arrive late.
#[test]
fn a_d_sack_shows_reordering_that_never_showed_itself() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    script.expect(". 1:1001(1000)");
    script.inject(". 1:1(0) ack 10001");
    script.inject(". 1:1(0) ack 10001 <sack 1:1001>");
    script.write(10_000);
    script.expect_bytes(10_001, 20_001);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 10001 <sack 11001:14001>");
    script.expect_nothing_for(ms(20));
    script.inject(". 1:1(0) ack 20001");
    script.expect_nothing();
    assert_eq!(retransmissions(&script), 1);
}

/// RFC 8985 6.2 step 4: below three SACKed segments a hole waits for a quarter of the round trip.
#[test]
fn a_hole_is_lost_when_the_reordering_window_has_passed() {
    let mut script = with_segments_out(4);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:2001>");
    script.expect_nothing_for(ms(24));
    script.after(ms(1));
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::Lateness));
}

/// The point of the window: a segment that is late by less than a quarter of the round trip.
#[test]
fn reordering_within_the_window_resends_nothing() {
    let mut script = with_segments_out(4);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:3001>");
    script.after(ms(20));
    script.inject(". 1:1(0) ack 4001");
    script.expect_nothing_for(secs(2));
    let info = script.connection.info();
    assert_eq!((info.retransmissions, info.timeouts), (0, 0));
    assert!(info.congestion_window >= 10_000, "nothing was reduced");
}

/// RFC 8985 6.2 step 4: three SACKed segments prove it at once, as long as nothing was reordered.
#[test]
fn three_segments_behind_a_hole_prove_the_loss() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:2001>");
    script.inject(". 1:1(0) ack 1 <sack 1001:3001>");
    let sent = script.sent().len();
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    assert_eq!(sent, 0, "all text was sent");
    script.expect(". 1:1001(1000)");
}

/// Once reordering was seen, three segments prove nothing any more.
#[test]
fn a_path_that_reorders_gets_the_whole_window() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    // The third overtakes the first two, which come later.
    script.inject(". 1:1(0) ack 1 <sack 2001:3001>");
    script.inject(". 1:1(0) ack 3001");
    script.inject(". 1:1(0) ack 3001 <sack 4001:8001>");
    script.expect_nothing_for(ms(24));
    script.after(ms(1));
    script.expect(". 3001:4001(1000)");
}

/// RFC 2883 4: a D-SACK lies below the acknowledgment that it comes with. An ACK that was overtaken
/// has blocks below SND.UNA, and they are none.
#[test]
fn the_blocks_of_an_overtaken_ack_are_no_d_sacks() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 2001:3001>");
    script.inject(". 1:1(0) ack 3001");
    script.inject(". 1:1(0) ack 1 <sack 1001:3001>");
    script.inject(". 1:1(0) ack 1001 <sack 2001:3001>");
    script.inject(". 1:1(0) ack 3001 <sack 4001:8001>");
    script.expect_nothing_for(ms(24));
    script.after(ms(1));
    script.expect(". 3001:4001(1000)");
}

/// RFC 8985's first claim: a retransmission that is lost too is found within a round trip, without
/// the timer.
#[test]
fn a_lost_retransmission_is_found_in_a_round_trip() {
    let mut script = with_segments_out(20);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:9001>");
    script.expect(". 1:1001(1000)");
    // New text goes behind it; what left after the retransmission arrives, the retransmission not.
    let new = script.sent().len();
    assert!(new >= 1, "{new}");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:11001>");
    script.after(ms(26));
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::FastRetransmit(Proof::Lateness));
    assert_eq!(script.connection.info().timeouts, 0);
}

/// Where the clock stands still, what left before a retransmission says nothing of it.
#[test]
fn departures_at_one_instant_keep_their_order() {
    let mut script = Script::established(&Setup::sack());
    script.write(10_000);
    script.expect_bytes(1, 10_001);
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    script.expect(". 1:1001(1000)");
    script.inject(". 1:1(0) ack 1 <sack 1001:5001>");
    script.inject(". 1:1(0) ack 1 <sack 1001:9001>");
    script.expect_nothing();
    assert_eq!(retransmissions(&script), 1);
}

/// RFC 6675 (IsLost), where RACK is off: bytes of more than two segments behind a hole.
#[test]
fn without_rack_segments_are_counted() {
    let mut setup = Setup::sack();
    setup.config.rack = false;
    let mut script = out(&setup, 10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:3001>");
    script.expect_nothing_for(ms(90));
    script.inject(". 1:1(0) ack 1 <sack 1001:3001 4001:5001>");
    // Three segments lie behind the first hole, one behind the second.
    script.expect(". 1:1001(1000)");
    script.expect_nothing();
    script.inject(". 1:1(0) ack 1 <sack 1001:3001 4001:8001>");
    script.expect(". 3001:4001(1000)");
}

// ---- limited transmit, PRR ----

/// RFC 3042: each of the first two ACKs out of order lets one new segment go.
#[test]
fn the_first_two_acks_out_of_order_let_new_text_go() {
    let mut script = with_segments_out(20);
    script.after(ms(100));
    for (block, from) in [("1001:2001", 10_001), ("1001:3001", 11_001)] {
        script.inject(&format!(". 1:1(0) ack 1 <sack {block}>"));
        script.expect(&format!(". {from}:{}(1000)", from + 1_000));
        script.expect_nothing();
    }
}

/// RFC 9937: over a recovery with one loss, the window goes down in steps and ends at the
/// threshold, with no pause and no burst.
#[test]
fn a_reduction_goes_in_steps_and_ends_at_the_threshold() {
    let mut script = out(&Setup::sack(), 60);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    let mut sent: Vec<usize> = vec![script.sent().len()];
    for right in (5_001..=10_001).step_by(1_000) {
        script.inject(&format!(". 1:1(0) ack 1 <sack 1001:{right}>"));
        sent.push(script.sent().len());
    }
    assert!(sent.iter().all(|&count| count <= 2), "no burst: {sent:?}");
    let total: usize = sent.iter().sum();
    assert!((5..=9).contains(&total), "{sent:?}");
    script.after(ms(100));
    let end = script.connection.info();
    script.inject(&format!(
        ". 1:1(0) ack {}",
        1 + 10_000 + 1_000 * i64::try_from(total - 1).unwrap()
    ));
    let info = script.connection.info();
    assert_eq!(info.congestion_window, info.slow_start_threshold, "{end:?}");
}

// ---- TLP ----

/// RFC 8985 7.3: without new text the last segment goes again after two round trips.
#[test]
fn a_lost_tail_is_probed_after_two_round_trips() {
    let mut script = with_segments_out(3);
    script.expect_nothing_for(ms(201));
    script.after(ms(1));
    let probe = script.expect("P. 2001:3001(1000)");
    assert_eq!(probe.cause, Cause::LossProbe);
    // Its SACK shows the holes before it, and they are repaired at once, one for each ACK.
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 2001:3001>");
    script.expect(". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001 <sack 2001:3001>");
    script.expect(". 1001:2001(1000)");
    assert_eq!(script.connection.info().timeouts, 0);
}

/// RFC 8985 7.2: a single segment may be waiting for the peer's delayed ACK.
#[test]
fn the_probe_of_a_single_segment_waits_for_a_delayed_ack() {
    let mut script = with_segments_out(1);
    // Here the retransmission timer is sooner, and the probe takes its place.
    script.expect_nothing_for(ms(299));
    script.after(ms(1));
    let probe = script.expect("P. 1:1001(1000)");
    assert_eq!(probe.cause, Cause::LossProbe);
}

/// RFC 8985 7.3: new text is the better probe, whatever the congestion window says.
#[test]
fn new_text_is_the_better_probe() {
    let mut script = with_segments_out(11);
    script.after(ms(202));
    let probe = script.expect("P. 10001:11001(1000)");
    assert_eq!(probe.cause, Cause::LossProbe);
}

/// RFC 6298 5.1, RFC 8985 7.3: once the probe is out the retransmission timer runs, and text that
/// the application goes on writing does not put it off.
#[test]
fn new_text_does_not_put_off_the_timeout_behind_a_probe() {
    let mut setup = Setup::sack();
    setup.config.nagle = false;
    let mut script = out(&setup, 1);
    let probe = script.expect_after(ms(300), "P. 1:1001(1000)");
    assert_eq!(probe.cause, Cause::LossProbe);
    for _ in 0..5 {
        script.after(ms(50));
        script.write(100);
        script.expect_any();
        script.expect_nothing();
    }
    let again = script.expect_after(ms(50), ". 1:1001(1000)");
    assert_eq!(again.cause, Cause::TimeoutRetransmit(1));
}

/// RFC 8985 7.4: the probe repaired a loss, so the window is reduced; a D-SACK says it did not.
#[test]
fn a_probe_that_repaired_a_loss_reduces_the_window() {
    for (duplicate, reduced) in [(false, true), (true, false)] {
        let mut script = with_segments_out(3);
        script.after(ms(202));
        script.expect("P. 2001:3001(1000)");
        script.after(ms(100));
        let sack = if duplicate { " <sack 2001:3001>" } else { "" };
        script.inject(&format!(". 1:1(0) ack 3001{sack}"));
        script.write(1_000);
        script.expect("P. 3001:4001(1000)");
        script.inject(". 1:1(0) ack 4001");
        let info = script.connection.info();
        assert_eq!(info.slow_start_threshold < u64::MAX, reduced, "{info:?}");
    }
}

/// RFC 8985 7.3: one probe, then the timer.
#[test]
fn a_probe_in_vain_leaves_the_rest_to_the_timer() {
    let mut script = with_segments_out(3);
    script.after(ms(202));
    script.expect("P. 2001:3001(1000)");
    script.expect_nothing_for(ms(299));
    script.after(ms(1));
    let again = script.expect(". 1:1001(1000)");
    assert_eq!(again.cause, Cause::TimeoutRetransmit(1));
}

// ---- spurious timeouts and retransmissions ----

/// RFC 5682 section 3: after a timeout an ACK for what was never resent proves that it was spurious.
#[test]
fn a_timeout_by_delay_alone_resends_one_segment() {
    let mut setup = Setup::sack();
    setup.config.tail_loss_probe = false;
    let mut script = out(&setup, 12);
    let before = script.connection.info().congestion_window;
    script.expect_after(ms(300), ". 1:1001(1000)");
    assert_eq!(script.connection.info().congestion_window, 1_000);
    // The originals were late: their ACKs come one after the other. Step 2b: new text first.
    script.inject(". 1:1(0) ack 1001");
    script.expect_bytes(10_001, 12_001);
    script.inject(". 1:1(0) ack 2001");
    script.write(1_000);
    script.expect_bytes(12_001, 13_001);
    script.expect_nothing();
    assert_eq!(retransmissions(&script), 1);
    assert!(script.connection.info().congestion_window >= before);
}

/// RFC 5682 2.1 step 2b wants new text to leave: what Nagle holds back does not, and what is lost is
/// sent again at once instead of an RTO later.
#[test]
fn text_that_nagle_holds_does_not_put_off_what_is_lost() {
    let mut setup = Setup::sack();
    setup.config.tail_loss_probe = false;
    let mut script = Script::established(&setup.rtt(ms(100)));
    script.write(1_300);
    script.expect(". 1:1001(1000)");
    script.expect("P. 1001:1301(300)");
    script.write(8_500);
    script.expect_bytes(1_301, 9_301);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.after(ms(100));
    // Half a segment is left, and a small one is out.
    script.inject(". 1:1(0) ack 1001");
    let again = script.expect(". 1001:2001(1000)");
    assert_eq!(again.cause, Cause::TimeoutRetransmit(1));
}

/// RFC 5682 2.1 step 3a: a duplicate ACK after the new text says that the timeout was right.
#[test]
fn a_timeout_with_loss_goes_on_in_slow_start() {
    let mut setup = Setup::sack();
    setup.config.tail_loss_probe = false;
    let mut script = out(&setup, 12);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001");
    // Step 2b: two new segments.
    script.expect(". 10001:11001(1000)");
    script.expect("P. 11001:12001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001 <sack 10001:11001>");
    script.expect(". 1001:2001(1000)");
}

/// RFC 3522: the ACK echoes the timestamp of the first copy. RFC 4015: the window is as before.
#[test]
fn the_echo_of_the_first_copy_undoes_a_timeout() {
    let mut setup = stamped();
    (setup.config.tail_loss_probe, setup.config.f_rto) = (false, false);
    let mut script = out(&setup, 4);
    let before = script.connection.info().congestion_window;
    let first = 100_100;
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.inject(&format!(". 1:1(0) ack 2001 <TS val 1001 ecr {first}>"));
    script.expect_nothing();
    let info = script.connection.info();
    assert_eq!(info.retransmissions, 1);
    assert!(info.congestion_window >= before, "{info:?}");
    assert_eq!(info.slow_start_threshold, u64::MAX);
}

/// The same echo of the second copy proves nothing.
#[test]
fn the_echo_of_the_second_copy_undoes_nothing() {
    let mut setup = stamped();
    (setup.config.tail_loss_probe, setup.config.f_rto) = (false, false);
    let mut script = out(&setup, 4);
    script.expect_after(ms(300), ". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1001 <TS val 1001 ecr 100400>");
    script.expect_bytes(1_001, 3_001);
    assert!(script.connection.info().slow_start_threshold < u64::MAX);
}

/// RFC 3708: D-SACKs for everything that was resent undo the reduction, once.
#[test]
fn d_sacks_for_all_that_was_resent_undo_the_reduction_once() {
    let mut script = with_segments_out(10);
    let before = script.connection.info().congestion_window;
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    script.expect(". 1:1001(1000)");
    let reduced = script.connection.info().slow_start_threshold;
    assert!(reduced < before);
    // The original was late; then the copy is reported.
    script.inject(". 1:1(0) ack 10001");
    script.inject(". 1:1(0) ack 10001 <sack 1:1001>");
    let info = script.connection.info();
    assert!(info.congestion_window >= before, "{info:?}");
    assert_eq!(info.slow_start_threshold, u64::MAX);
    script.write(3_000);
    script.expect_bytes(10_001, 13_001);
    // A real loss after it is answered; a replay of the D-SACK takes nothing back.
    script.inject(". 1:1(0) ack 10001 <sack 11001:13001>");
    script.after(ms(100));
    let lost = script.connection.info().slow_start_threshold;
    assert!(lost < u64::MAX);
    script.inject(". 1:1(0) ack 10001 <sack 1:1001 11001:13001>");
    assert_eq!(script.connection.info().slow_start_threshold, lost);
}

// ---- SACK on the sending side ----

/// RFC 2018 section 5.1 and 8: text that was SACKed is kept, and after a timeout the blocks count
/// no more.
#[test]
fn a_peer_that_reneges_gets_everything_again() {
    let mut script = with_segments_out(5);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:5001>");
    script.expect(". 1:1001(1000)");
    script.after(ms(100));
    // The peer has dropped what it had: it acknowledges the first segment and no more.
    script.inject(". 1:1(0) ack 1001");
    let mut ends = Vec::new();
    for _ in 0..8 {
        script.after(secs(1));
        for transmit in script.sent() {
            let from = i64::from(transmit.seq.0.wrapping_sub(script.iss).cast_signed());
            let end = from + i64::try_from(transmit.payload.len()).unwrap();
            ends.push(end);
            script.inject(&format!(". 1:1(0) ack {end}"));
        }
    }
    assert_eq!(ends.iter().max(), Some(&5_001), "{ends:?}");
    assert_eq!(script.connection.info().bytes_acked, 5_000);
}

/// What is SACKed is never sent again.
#[test]
fn sacked_text_is_not_resent() {
    let mut script = with_segments_out(10);
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1 <sack 1001:2001 3001:4001 5001:10001>");
    script.expect(". 1:1001(1000)");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 2001 <sack 3001:4001 5001:10001>");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 10001");
    let again = script.connection.info().bytes_retransmitted;
    assert_eq!(again, 3_000, "the three holes, once each");
}

/// Blocks that lie outside of what was sent are forged or damaged, and are ignored.
#[test]
fn blocks_of_nonsense_are_ignored() {
    let mut script = with_segments_out(4);
    script.after(ms(100));
    for sack in ["5001:9001", "3001:2001", "1:9001", "2000000:2001000"] {
        script.inject(&format!(". 1:1(0) ack 1 <sack {sack}>"));
    }
    script.expect_nothing_for(ms(60));
    assert_eq!(retransmissions(&script), 0);
}
