//! What the analysis says about segments made by hand: one story for each rule.

use std::time::Duration;

use handfast_packet::build::Tcp;
use handfast_packet::cause::Cause;
use handfast_trace::analysis::{Analysis, Close, Connection, Mark, Side};
use handfast_trace::{PcapngOptions, PcapngWriter, State};

use crate::common::*;

const NONE: Cause = Cause::Unstated;
const MSS: [u8; 1_000] = [7; 1_000];

fn analyse(story: impl FnOnce(&mut Script<'_>)) -> Analysis {
    let mut writer = PcapngWriter::new(Vec::new(), &PcapngOptions::default()).unwrap();
    story(&mut Script::new(&mut writer));
    Analysis::of(writer.get_ref().as_slice()).unwrap()
}

/// The only connection of a story that begins with a handshake of 10 ms.
fn one(story: impl FnOnce(&mut Script<'_>)) -> Connection {
    let mut analysis = analyse(|script| {
        let options = |tcp: Tcp| tcp.mss(1_460).sack_permitted().window_scale(7);
        script
            .at_micros(0)
            .sends(NONE, options(out(0, 0).syn().window(64_240)), b"");
        script
            .at_micros(10_000)
            .gets(options(back(0, 1).syn().window(65_160)), b"");
        script.sends(NONE, out(1, 1), b"");
        story(script);
    });
    assert_eq!(analysis.connections.len(), 1);
    analysis.connections.remove(0)
}

/// The marks of what a story adds, as words, one line for each segment that has some.
fn marks(connection: &Connection) -> Vec<String> {
    let marked = connection
        .segments
        .iter()
        .filter(|one| !one.marks.is_empty());
    marked
        .map(|one| {
            let words: Vec<_> = one.marks.iter().map(Mark::word).collect();
            format!("{} {}", one.frame, words.join(" "))
        })
        .collect()
}

/// Sends `count` full segments, the first with number `seq`.
fn flight(script: &mut Script<'_>, seq: u32, count: u32) {
    for index in 0..count {
        script.sends(NONE, out(seq + index * 1_000, 1), &MSS);
    }
}

fn sack_from(ack: u32, left: u32, right: u32) -> Tcp {
    let wire = |number: u32| CLIENT_ISS.wrapping_add(number);
    back(1, ack).sack(wire(left), wire(right))
}

#[test]
fn duplicate_acks_lead_to_a_fast_retransmission() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 5);
        script.at_micros(30_000);
        for right in [3_001, 4_001, 5_001] {
            script.gets(sack_from(1_001, 2_001, right), b"");
        }
        script.sends(NONE, out(1_001, 1), &MSS);
        script.at_micros(40_000).gets(back(1, 5_001), b"");
    });
    let expected = [
        "10 duplicate-ack",
        "11 duplicate-ack",
        "12 fast-retransmission",
    ];
    assert_eq!(marks(&seen), expected);
    let sent = seen.sent(Side::A);
    assert_eq!((sent.retransmissions, sent.retransmitted_bytes), (1, 1_000));
    assert_eq!((sent.unique_bytes, sent.bytes), (5_000, 6_000));
    assert_eq!(sent.in_flight_max, 5_000);
    // The SYN and the first segment; what was acknowledged with the one sent twice tells nothing.
    assert_eq!(sent.rtt.count(), 2);
    assert_eq!(seen.initial_rtt, Some(Duration::from_millis(10)));
}

#[test]
fn silence_leads_to_a_probe_and_then_to_a_timeout() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 3);
        script.at_micros(45_000).sends(NONE, out(2_001, 1), &MSS);
        script.at_micros(300_000).sends(NONE, out(1, 1), &MSS);
        script.at_micros(310_000).gets(back(1, 1_001), b"");
        script.sends(NONE, out(1_001, 1), &MSS);
    });
    let expected = [
        "7 tail-loss-probe",
        "8 timeout-retransmission",
        "10 timeout-retransmission",
    ];
    assert_eq!(marks(&seen), expected);
}

#[test]
fn what_had_arrived_is_sent_again_in_vain() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 2);
        script.at_micros(300_000).sends(NONE, out(1, 1), &MSS);
        script.gets(back(1, 2_001), b"");
        // Known at once: it was acknowledged.
        script.at_micros(301_000).sends(NONE, out(1_001, 1), &MSS);
        // Told by a D-SACK block for the first.
        script
            .at_micros(310_000)
            .gets(sack_from(2_001, 1, 1_001), b"");
    });
    let expected = [
        "6 timeout-retransmission spurious",
        "8 other-retransmission spurious",
        "9 duplicate-report",
    ];
    assert_eq!(marks(&seen)[..3], expected);
    assert_eq!(seen.sent(Side::A).count(Mark::Spurious), 2);
}

/// A copy of the first of three segments leaves at 40 ms; nobody takes SACK blocks. What the answer
/// to it looks like is the caller's.
fn copy_without_sack(stamp: impl Fn(Tcp, u32, u32) -> Tcp, answer: (u64, u32)) -> Connection {
    let mut analysis = analyse(|script| {
        let options = |tcp: Tcp| tcp.mss(1_460).window_scale(7);
        let syn = stamp(options(out(0, 0).syn().window(64_240)), 1, 0);
        script.at_micros(0).sends(NONE, syn, b"");
        let both = stamp(options(back(0, 1).syn().window(65_160)), 500, 1);
        script.at_micros(10_000).gets(both, b"");
        script.sends(NONE, stamp(out(1, 1), 11, 500), b"");
        for index in 0..3 {
            let segment = stamp(out(1 + index * 1_000, 1), 20, 500);
            script.at_micros(20_000).sends(NONE, segment, &MSS);
        }
        script.at_micros(30_000);
        for _ in 0..3 {
            script.gets(stamp(back(1, 1), 520, 11), b"");
        }
        script
            .at_micros(40_000)
            .sends(NONE, stamp(out(1, 1), 40, 520), &MSS);
        let (at, echo) = answer;
        script
            .at_micros(at)
            .gets(stamp(back(1, 3_001), 540, echo), b"");
    });
    analysis.connections.remove(0)
}

#[test]
fn without_sack_the_echo_tells_whether_the_original_came() {
    let stamp = |tcp: Tcp, value, echo| tcp.timestamps(value, echo);
    for (echo, in_vain) in [(20, 1), (40, 0)] {
        let seen = copy_without_sack(stamp, (50_000, echo));
        let sent = seen.sent(Side::A);
        assert_eq!(sent.retransmissions, 1);
        assert_eq!(sent.count(Mark::Spurious), in_vain, "echo {echo}");
    }
}

#[test]
fn without_timestamps_an_answer_that_comes_too_soon_is_to_the_original() {
    for (at, in_vain) in [(41_000, 1), (50_000, 0)] {
        let seen = copy_without_sack(|tcp, _, _| tcp, (at, 0));
        assert_eq!(seen.sent(Side::A).count(Mark::Spurious), in_vain, "at {at}");
    }
}

#[test]
fn gaps_are_filled_late_or_again_by_time() {
    let seen = one(|script| {
        script.at_micros(20_000).gets(back(1_001, 1), &MSS);
        script.at_micros(22_000).gets(back(1, 1), &MSS);
        script.at_micros(30_000).gets(back(3_001, 1), &MSS);
        script.at_micros(31_000).sends(NONE, out(1, 2_001), b"");
        script.at_micros(42_000).gets(back(2_001, 1), &MSS);
        script.gets(back(9_001, 1), b"");
    });
    let expected = [
        "4 gap",
        "5 out-of-order by-time",
        "6 gap",
        "8 other-retransmission by-time",
        "9 gap",
    ];
    assert_eq!(marks(&seen), expected[..].to_vec());
    let sent = seen.sent(Side::B);
    assert_eq!((sent.unique_bytes, sent.missing_bytes), (4_000, 5_000));
}

#[test]
fn timestamps_tell_late_from_sent_again_at_any_time() {
    let stamped = |seq: u32, value: u32| back(seq, 1).timestamps(value, 1);
    let seen = one(|script| {
        script.at_micros(20_000).gets(stamped(1_001, 55), &MSS);
        script.at_micros(90_000).gets(stamped(1, 54), &MSS);
        script.at_micros(91_000).gets(stamped(3_001, 60), &MSS);
        script.at_micros(91_001).gets(stamped(2_001, 61), &MSS);
    });
    let marks = marks(&seen);
    assert_eq!(marks[1], "5 out-of-order by-timestamp");
    assert!(
        marks[3].ends_with("retransmission by-timestamp"),
        "{marks:?}"
    );
}

#[test]
fn a_shut_window_is_probed_and_opens() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 2);
        script.at_micros(30_000).gets(back(1, 2_001).window(0), b"");
        // The one kind of probe has the next byte, the other an old number and nothing.
        script.at_micros(230_000).sends(NONE, out(2_001, 1), b"x");
        script
            .at_micros(240_000)
            .gets(back(1, 2_001).window(0), b"");
        script.at_micros(630_000).sends(NONE, out(2_000, 1), b"");
        script
            .at_micros(640_000)
            .gets(back(1, 2_001).window(0), b"");
        script
            .at_micros(700_000)
            .gets(back(1, 2_001).window(8), b"");
        script.sends(NONE, out(2_001, 1), &MSS);
        script.sends(NONE, out(3_001, 1), &MSS[..24]);
    });
    let expected = [
        "6 zero-window",
        "7 zero-window-probe",
        "8 zero-window zero-window-probe-ack",
        "9 zero-window-probe",
        "10 zero-window zero-window-probe-ack",
        "11 window-update",
        "13 window-full",
    ];
    assert_eq!(marks(&seen), expected);
    let windows = seen.sent(Side::B);
    assert_eq!(
        (windows.window_min, windows.window_shift),
        (Some(0), Some(7))
    );
}

#[test]
fn keep_alives_and_their_answers() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 1);
        script.at_micros(30_000).gets(back(1, 1_001), b"");
        script.at_micros(2_000_000).sends(NONE, out(1_000, 1), b"");
        script.at_micros(2_010_000).gets(back(1, 1_001), b"");
        script.at_micros(4_000_000).sends(NONE, out(1_000, 1), b"x");
        script.at_micros(4_010_000).gets(back(1, 1_001), b"");
    });
    let expected = [
        "6 keep-alive",
        "7 keep-alive-ack",
        "8 keep-alive",
        "9 keep-alive-ack",
    ];
    assert_eq!(marks(&seen), expected);
    let idles: Vec<_> = seen
        .idles
        .iter()
        .map(|idle| (idle.frame, idle.time))
        .collect();
    assert_eq!(idles[0], (6, Duration::from_millis(1_970)));
}

#[test]
fn the_only_byte_outstanding_is_no_keep_alive() {
    let seen = one(|script| {
        script.at_micros(20_000).sends(NONE, out(1, 1), b"x");
        script.at_micros(400_000).sends(NONE, out(1, 1), b"x");
    });
    assert_eq!(marks(&seen), ["5 tail-loss-probe"]);
}

#[test]
fn acks_of_what_was_not_captured() {
    let seen = one(|script| {
        flight(script.at_micros(20_000), 1, 1);
        script.at_micros(30_000).gets(back(1, 5_001), b"");
    });
    assert_eq!(marks(&seen), ["5 acks-unseen"]);
    assert_eq!(seen.sent(Side::A).missing_bytes, 4_000);
}

#[test]
fn ends_are_told_apart() {
    let closed = one(|script| {
        script.at_micros(20_000).gets(back(1, 1).fin(), b"");
        script.sends(NONE, out(1, 2).fin(), b"");
        script.at_micros(30_000).gets(back(2, 2), b"");
    });
    assert_eq!(closed.close, Close::Both { first: Side::B });
    let half = one(|script| {
        script.at_micros(20_000).sends(NONE, out(1, 1).fin(), b"");
    });
    assert_eq!(half.close, Close::Half { by: Side::A });
    let reset = one(|script| {
        script.at_micros(20_000).gets(back(1, 1).fin(), b"");
        script.sends(NONE, out(1, 2), b"");
        script.sends(NONE, out(1, 2).rst(), b"");
    });
    assert_eq!(reset.close, Close::Reset { by: Side::A });
    let told = reset.resets[0];
    assert_eq!(
        (told.frame, told.state, told.other_state),
        (6, State::CloseWait, State::FinWait2)
    );
    let ignored = one(|script| {
        flight(script.at_micros(20_000), 1, 1);
        script.gets(back(900_000, 1).rst(), b"");
    });
    assert!(ignored.resets[0].is_ignored);
    assert_eq!(ignored.close, Close::Open);
    let refused = analyse(|script| {
        script.sends(NONE, out(0, 0).syn(), b"");
        let refusal = Tcp::new(80, 49_152)
            .seq(0)
            .rst()
            .ack(CLIENT_ISS.wrapping_add(1));
        script.gets(refusal, b"");
    });
    assert_eq!(refused.connections[0].close, Close::Refused);
    let silent = analyse(|script| {
        script.sends(NONE, out(0, 0).syn(), b"");
        script
            .at_micros(1_000_000)
            .sends(NONE, out(0, 0).syn(), b"");
    });
    assert_eq!(silent.connections[0].close, Close::NoAnswer);
    assert_eq!(marks(&silent.connections[0]), ["2 timeout-retransmission"]);
}

#[test]
fn ports_that_are_used_again_make_a_new_connection() {
    let analysis = analyse(|script| {
        script.handshake();
        script.sends(NONE, out(1, 1).rst(), b"");
        script.sends(NONE, out(500_000, 0).syn(), b"");
        script.gets(back(800_000, 500_001).syn(), b"");
    });
    let ends: Vec<_> = analysis
        .connections
        .iter()
        .map(|one| (one.is_reuse, one.segments.len()))
        .collect();
    assert_eq!(ends, [(false, 4), (true, 2)]);
}

#[test]
fn one_direction_is_better_than_none() {
    let analysis = analyse(|script| {
        script.at_micros(0).gets(back(1, 1), &MSS);
        script.at_micros(1_000).gets(back(1_001, 1), &MSS);
        script.at_micros(300_000).gets(back(1, 1), &MSS);
    });
    let seen = &analysis.connections[0];
    assert_eq!(marks(seen), ["3 timeout-retransmission"]);
    assert_eq!(seen.sent(Side::A).unique_bytes, 2_000);
    assert_eq!(
        seen.sent(Side::A).window_shift,
        None,
        "nobody said whether windows are scaled"
    );
    assert_eq!(seen.sent(Side::A).window_max, Some(509));
}

#[test]
fn copies_of_the_network_and_damaged_segments_count_as_such() {
    let mut frame = packet(
        handfast_packet::build::Ipv4::new(SERVER, CLIENT).identification(77),
        back(1, 1),
        &MSS,
    )
    .to_vec();
    let seen = one(|script| {
        let direction = handfast_packet::record::Direction::In;
        script.at_micros(20_000).frame(direction, &frame, NONE);
        script.frame(direction, &frame, NONE);
        *frame.last_mut().unwrap() ^= 1;
        script.frame(direction, &frame, NONE);
    });
    assert_eq!(marks(&seen), ["5 duplicated", "6 bad-checksum"]);
    let sent = seen.sent(Side::B);
    assert_eq!(
        (sent.segments, sent.retransmissions, sent.unique_bytes),
        (4, 0, 1_000)
    );
}
