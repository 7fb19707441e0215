//! Segments that belong to no connection, or are not what they should be.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use proptest::prelude::*;

use handfast_packet::buf::{Chunk, Gso, RxChecksum, RxFrame};
use handfast_packet::tcp::{SeqNumber, TcpFlags};
use handfast_stack::REPLIES_MAX;
use handfast_tcp::State;

use crate::frames::{header, segments, tcp};
use crate::wire::{FAMILIES, Family, PLAIN, Wire};

const ACK: TcpFlags = TcpFlags::ACK;
const SYN: TcpFlags = TcpFlags::SYN;
const RST: TcpFlags = TcpFlags::RST;
const FIN: TcpFlags = TcpFlags::FIN;

/// A wire whose hosts know each other already, so that answers leave at once.
fn acquainted(family: Family) -> Wire {
    let mut wire = Wire::new(PLAIN);
    wire.establish(family);
    wire.log.clear();
    wire
}

/// A segment from host 0 before host 1.
fn deliver(wire: &mut Wire, family: Family, flags: TcpFlags, numbers: (u32, u32)) {
    let header = header(7_000, 81, flags, numbers);
    let frame = tcp((0, family.address(0)), (1, family.address(1)), &header, b"");
    wire.inject(1, frame);
}

/// RFC 9293 3.10.7.1: the table of resets for segments that reach no connection.
#[test]
fn unknown_segments_are_reset_with_the_right_numbers() {
    let rows = [
        (SYN, (1_000, 0), Some((RST | ACK, 0, 1_001))),
        (FIN, (1_000, 0), Some((RST | ACK, 0, 1_001))),
        (ACK, (1_000, 5_000), Some((RST, 5_000, 0))),
        (SYN | ACK, (1_000, 5_000), Some((RST, 5_000, 0))),
        (FIN | ACK, (1_000, 5_000), Some((RST, 5_000, 0))),
        (RST, (1_000, 0), None),
        (RST | ACK, (1_000, 5_000), None),
    ];
    for family in FAMILIES {
        for (flags, numbers, answer) in rows {
            let mut wire = acquainted(family);
            deliver(&mut wire, family, flags, numbers);
            wire.step();
            let sent: Vec<_> = segments(&wire, 1)
                .iter()
                .map(|sent| (sent.header.flags, sent.header.seq.0, sent.header.ack.0))
                .collect();
            assert_eq!(sent, Vec::from_iter(answer), "{family:?} {flags:?}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_dropped_and_counted() {
    for family in FAMILIES {
        let mut wire = acquainted(family);
        let header = header(7_000, 81, SYN, (1, 0));
        let mut frame = tcp(
            (0, family.address(0)),
            (1, family.address(1)),
            &header,
            b"text",
        );
        *frame.last_mut().unwrap() ^= 1;
        wire.inject(1, frame);
        wire.step();
        assert_eq!(segments(&wire, 1), []);
        assert_eq!(wire.stacks[1].counters().tcp.bad_checksums, 1);
    }
}

/// RFC 9293 3.10.7.1 where nobody listens; a listener takes no such thing.
#[test]
fn syn_with_fin_opens_nothing() {
    for family in FAMILIES {
        let mut wire = acquainted(family);
        deliver(&mut wire, family, SYN | FIN, (1_000, 0));
        wire.step();
        let reset = segments(&wire, 1).remove(0).header;
        assert_eq!((reset.flags, reset.ack.0), (RST | ACK, 1_002));
        let header = header(7_000, 80, SYN | FIN, (1_000, 0));
        let frame = tcp((0, family.address(0)), (1, family.address(1)), &header, b"");
        wire.inject(1, frame);
        wire.step();
        assert_eq!(segments(&wire, 1).len(), 1);
        assert_eq!(wire.stacks[1].counters().tcp.malformed, 1);
    }
}

/// RFC 9293 3.10.7.3: text and FIN may come with the answer to our SYN, and count.
#[test]
fn the_answer_to_our_syn_may_have_text_and_fin() {
    for family in FAMILIES {
        let mut wire = acquainted(family);
        wire.filter = Some(Box::new(|_, _| false));
        let client = wire.connect(0, family.end(1, 90));
        wire.step();
        let syn = segments(&wire, 0).remove(0);
        let port = syn.source.port();
        let numbers = (5_000, syn.header.seq.0.wrapping_add(1));
        let header = header(90, port, SYN | FIN | ACK, numbers);
        let frame = tcp(
            (1, family.address(1)),
            (0, family.address(0)),
            &header,
            b"all",
        );
        wire.inject(0, frame);
        wire.step();
        assert_eq!(wire.state(0, client), Some(State::CloseWait));
        assert_eq!(wire.read(0, client), b"all");
        assert!(wire.at_end(0, client));
        let ack = segments(&wire, 0).pop().unwrap().header;
        assert_eq!((ack.flags, ack.ack.0), (ACK, 5_005));
    }
}

/// RFC 6191 lets a SYN end TIME-WAIT, not one with FIN.
#[test]
fn syn_with_fin_does_not_end_time_wait() {
    let mut wire = Wire::new(PLAIN);
    let (client, server) = wire.establish(Family::V4);
    let now = wire.now;
    let remote = wire.stacks[0].tcp(now, client).unwrap().local();
    wire.stacks[1].release_tcp(now, server);
    wire.settle();
    wire.stacks[0].release_tcp(now, client);
    wire.settle();
    assert_eq!(wire.stacks[1].time_wait_count(), 1);
    let last = segments(&wire, 0).pop().unwrap().header.seq.0;
    wire.pass(Duration::from_secs(1));
    wire.log.clear();
    let newer = (last.wrapping_add(100_000), 0);
    let header = header(remote.port(), 80, SYN | FIN, newer);
    let ends = [0, 1].map(|host| (host, Family::V4.address(u8::try_from(host).unwrap())));
    wire.inject(1, tcp(ends[0], ends[1], &header, b""));
    wire.step();
    assert_eq!(segments(&wire, 1).remove(0).header.flags, ACK);
    assert_eq!(wire.stacks[1].time_wait_count(), 1);
}

/// RFC 9293 MUST-57, MUST-63: what is not from one host to one host is not answered.
#[test]
fn segments_that_are_not_from_host_to_host_are_ignored() {
    let (ours, theirs) = (Family::V4.address(1), Family::V4.address(0));
    let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let pairs = [
        (v4(0, 0, 0, 0), ours),
        (v4(224, 0, 0, 1), ours),
        (v4(255, 255, 255, 255), ours),
        (v4(192, 0, 2, 255), ours),
        (ours, ours),
        (theirs, v4(192, 0, 2, 255)),
        (theirs, v4(255, 255, 255, 255)),
        (theirs, v4(224, 0, 0, 1)),
        (theirs, v4(198, 51, 100, 1)),
    ];
    for (source, destination) in pairs {
        let mut wire = acquainted(Family::V4);
        // Port 80 has a listener: a SYN there would make a connection.
        for port in [80, 81] {
            let frame = tcp(
                (0, source),
                (1, destination),
                &header(7_000, port, SYN, (1, 0)),
                b"",
            );
            wire.inject(1, frame);
        }
        wire.step();
        assert_eq!(segments(&wire, 1), [], "{source} to {destination}");
        assert_eq!(wire.stacks[1].tcp_count(), 1);
    }
}

#[test]
fn a_listener_resets_acks_and_ignores_resets() {
    let mut wire = acquainted(Family::V4);
    for (flags, resets) in [(RST, 0), (ACK, 1), (SYN | ACK, 2)] {
        let header = header(7_000, 80, flags, (1_000, 5_000));
        let ends = ((0, Family::V4.address(0)), (1, Family::V4.address(1)));
        wire.inject(1, tcp(ends.0, ends.1, &header, b""));
        wire.step();
        assert_eq!(
            wire.stacks[1].counters().tcp.resets_sent,
            resets,
            "{flags:?}"
        );
    }
    assert_eq!(wire.stacks[1].tcp_count(), 1);
}

#[test]
fn a_flood_is_answered_within_bounds() {
    let mut wire = acquainted(Family::V4);
    for count in 0..REPLIES_MAX + 50 {
        // Two sources: to one there would be fewer resets.
        let source = Family::V4.address([0, 7][count % 2]);
        let header = header(7_000, 81, SYN, (1, 0));
        wire.inject(
            1,
            tcp((0, source), (1, Family::V4.address(1)), &header, b""),
        );
    }
    wire.step();
    let counters = wire.stacks[1].counters().tcp;
    assert_eq!(counters.resets_sent, REPLIES_MAX as u64);
    assert_eq!(counters.replies_dropped, 50);
    deliver(&mut wire, Family::V4, SYN, (1, 0));
    wire.step();
    assert_eq!(
        wire.stacks[1].counters().tcp.resets_sent,
        REPLIES_MAX as u64 + 1
    );
}

#[test]
fn a_flood_does_not_silence_connections() {
    let mut wire = Wire::new(PLAIN);
    let (_, server) = wire.establish(Family::V4);
    wire.log.clear();
    for _ in 0..60 {
        deliver(&mut wire, Family::V4, SYN, (1, 0));
    }
    let now = wire.now;
    assert_eq!(
        wire.stacks[1].tcp(now, server).unwrap().write(b"excuse me"),
        Ok(9)
    );
    wire.step();
    let sent = segments(&wire, 1);
    assert_eq!(sent.len(), 61);
    let place = sent.iter().position(|sent| sent.payload == b"excuse me");
    assert!(place.is_some_and(|place| place < 2), "{place:?}");
}

/// RFC 5961 section 4: a SYN in the middle of a connection gets an ACK, not a reset.
#[test]
fn a_forged_syn_is_challenged() {
    let mut wire = Wire::new(PLAIN);
    let (client, server) = wire.establish(Family::V4);
    let last = segments(&wire, 0).pop().unwrap().header;
    let mut header = header(last.source, 80, SYN, (last.seq.0.wrapping_add(1_000), 0));
    header.options.timestamps = last.options.timestamps;
    let frame = tcp(
        (0, Family::V4.address(0)),
        (1, Family::V4.address(1)),
        &header,
        b"",
    );
    wire.inject(1, frame);
    wire.settle();
    assert_eq!(wire.stacks[1].counters().tcp.challenge_acks, 1);
    assert_eq!(wire.state(1, server), Some(State::Established));
    assert_eq!(wire.state(0, client), Some(State::Established));
}

#[test]
fn frames_of_noise_do_no_harm() {
    let mut wire = acquainted(Family::V4);
    let good = tcp(
        (0, Family::V4.address(0)),
        (1, Family::V4.address(1)),
        &header(7_000, 80, SYN, (1, 0)),
        b"some text behind the header",
    );
    for len in 0..good.len() {
        wire.inject(1, good[..len].to_vec());
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut frame = good.clone();
            frame[at] ^= 1 << bit;
            wire.inject(1, frame);
        }
    }
    wire.settle();
    let (client, server) = {
        let client = wire.connect(0, Family::V4.end(1, 80));
        wire.settle();
        (client, wire.state(0, client))
    };
    assert_eq!(server, Some(State::Established), "{client:?}");
}

proptest! {
    /// What a stranger can send: a good frame with some bytes changed, cut off anywhere.
    #[test]
    fn no_frame_makes_a_stack_panic(
        v6 in any::<bool>(),
        changes in prop::collection::vec((0..200usize, any::<u8>()), 0..6),
        len in 0..200usize,
        gso in prop::option::of((1..2_000u16, 2..64u16)),
        verified in any::<bool>(),
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        let header = header(7_000, 80, SYN, (1, 0));
        let ends = ((0, family.address(0)), (1, family.address(1)));
        let mut frame = tcp(ends.0, ends.1, &header, &[0; 100]);
        for (at, value) in changes {
            let at = at % frame.len();
            frame[at] = value;
        }
        frame.truncate(len);
        let gso = gso.map(|(segment_len, segments)| Gso {
            segment_len: segment_len.try_into().unwrap(),
            segments: segments.try_into().unwrap(),
        });
        let checksum = if verified { RxChecksum::Verified } else { RxChecksum::Unknown };
        let received_at = wire.now;
        let frame = RxFrame { data: Chunk::from(frame), received_at, checksum, gso };
        wire.under_way[1].push_back(frame);
        wire.settle();
        prop_assert!(wire.stacks[1].tcp_count() <= 2);
        wire.transfer((0, client), (1, server), b"still here");
    }
}

#[test]
fn the_port_zero_of_nobody_is_reset_like_any_other() {
    let mut wire = acquainted(Family::V4);
    let header = header(7_000, 0, SYN, (41, 0));
    let frame = tcp(
        (0, Family::V4.address(0)),
        (1, Family::V4.address(1)),
        &header,
        b"",
    );
    wire.inject(1, frame);
    wire.step();
    let sent = segments(&wire, 1);
    assert_eq!((sent.len(), sent[0].header.ack), (1, SeqNumber(42)));
}
