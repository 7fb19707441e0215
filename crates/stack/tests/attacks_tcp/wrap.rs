//! A35: sequence numbers and timestamps that wrap (RFC 7323 5).

use core::time::Duration;

use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_stack::TcpId;
use handfast_tcp::State;

use crate::others_bugs::beginning_with;
use crate::pair::Pair;
use crate::peer::{ACK, Family, Peer, both_families, pattern};

both_families!(
    a35_any_first_number_just_before_the_wrap,
    a35_both_first_numbers_just_before_the_wrap,
    a35_a_transfer_across_the_wrap,
    a35_old_timestamps_are_dropped_and_new_ones_are_not,
    a35_twenty_five_idle_days_end_nothing,
);

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
/// First numbers lie so close to the wrap.
const DISTANCE: u32 = 70_000;
const LEN: u64 = 64 << 20;
const LEN_IN_FULL: u64 = 10 << 30;

/// Our number wraps at each byte of the first segments and in between them.
fn a35_any_first_number_just_before_the_wrap(family: Family) {
    near_the_wrap(family, (0..=DISTANCE).step_by(487).chain(0..4));
}

#[test]
#[ignore = "full size, 60 s: cargo test --release -- --ignored"]
fn a35_all_seventy_thousand_first_numbers_before_the_wrap() {
    for family in FAMILIES {
        near_the_wrap(family, 0..=DISTANCE);
    }
}

fn near_the_wrap(family: Family, distances: impl Iterator<Item = u32>) {
    let text = pattern(72_000);
    for distance in distances {
        let isn = 0_u32.wrapping_sub(distance);
        let mut peer = beginning_with(family, isn);
        let id = peer.open(TcpOptions {
            mss: Some(1_400),
            ..TcpOptions::default()
        });
        assert_eq!(peer.irs, isn);
        peer.inbox.clear();
        peer.write(id, &text);
        assert!(peer.take_all(text.len()) == text, "first number {isn}");
        assert_eq!(peer.tcp(id).info().retransmissions, 0);
        // The peer's numbers wrap after a hundred bytes.
        for (n, part) in text[..5_000].chunks(50).enumerate() {
            let seq = 1 + 50 * u32::try_from(n).unwrap();
            peer.send(ACK, (seq, 72_001), part);
        }
        assert!(peer.read(id) == text[..5_000]);
    }
}

/// Two stacks whose connection begins with these numbers.
fn with_numbers(family: Family, numbers: [u32; 2]) -> (Pair, TcpId, TcpId) {
    const PORT: u16 = 50_000;
    let mut probe = Pair::new(family, |_| {});
    probe.connect(PORT);
    let mut pair = Pair::new(family, |_| {});
    for ((now, wanted), first) in pair.now.iter_mut().zip(numbers).zip(probe.syns) {
        *now += Duration::from_micros(4) * wanted.wrapping_sub(first);
    }
    let (client, server) = pair.connect(PORT);
    assert_eq!(pair.syns, numbers);
    (pair, client, server)
}

fn a35_both_first_numbers_just_before_the_wrap(family: Family) {
    for (ours, theirs) in [
        (0, 1),
        (1, 0),
        (1, 1),
        (1_448, 65_535),
        (70_000, 1),
        (20_000, 20_000),
    ] {
        let numbers = [ours, theirs].map(|distance| 0_u32.wrapping_sub(distance));
        let (mut pair, client, server) = with_numbers(family, numbers);
        pair.transfer((0, client), (1, server), 300_000);
        pair.transfer((1, server), (0, client), 300_000);
    }
}

fn a35_a_transfer_across_the_wrap(family: Family) {
    let (mut pair, client, server) = with_numbers(family, [u32::MAX - 1_000_000; 2]);
    pair.transfer((0, client), (1, server), LEN);
}

#[test]
#[ignore = "full size, 60 s: cargo test --release -- --ignored"]
fn a35_ten_gibibytes_across_two_wraps() {
    for family in FAMILIES {
        let (mut pair, client, server) = with_numbers(family, [u32::MAX; 2]);
        pair.transfer((0, client), (1, server), LEN_IN_FULL);
        let now = pair.now[0];
        let info = pair.stacks[0].tcp(now, client).unwrap().info();
        assert_eq!((info.bytes_acked >> 32, info.timeouts), (2, 0));
    }
}

/// A connection with timestamps, of which the peer's shows `value`.
fn stamped(family: Family, value: u32) -> (Peer, TcpId) {
    let mut peer = Peer::new(family);
    let id = peer.open(TcpOptions {
        timestamps: Some(Timestamps { value, echo: 0 }),
        ..TcpOptions::default()
    });
    peer.inbox.clear();
    (peer, id)
}

fn send_stamped(peer: &mut Peer, seq: u32, value: u32, text: &[u8]) {
    let echo = peer
        .log
        .last()
        .and_then(|sent| sent.header.options.timestamps);
    let echo = echo.map_or(0, |ours| ours.value);
    peer.send_with(ACK, (seq, 1), text, |header| {
        header.options.timestamps = Some(Timestamps { value, echo });
    });
}

/// RFC 7323 5.3: a segment of the last time around has the number that is wanted and an old
/// timestamp. It is answered and not taken, also where timestamps wrap.
fn a35_old_timestamps_are_dropped_and_new_ones_are_not(family: Family) {
    for first in [1_000, 0, u32::MAX, u32::MAX / 2, 1 << 31] {
        let (mut peer, id) = stamped(family, first);
        for age in [1, 2, 1_000, (1 << 31) - 1] {
            peer.inbox.clear();
            send_stamped(&mut peer, 1, first.wrapping_sub(age), b"old");
            assert_eq!(peer.next().header.flags, ACK);
            assert_eq!(peer.tcp(id).readable(), 0, "{first} - {age}");
        }
        send_stamped(&mut peer, 1, first, b"the same");
        send_stamped(&mut peer, 9, first.wrapping_add(1), b" and ");
        send_stamped(&mut peer, 14, first.wrapping_add((1 << 31) - 1), b"newer");
        assert_eq!(peer.read(id), b"the same and newer");
    }
}

/// RFC 7323 5.5: after 24 days the peer's clock may have gone round, and its timestamp proves
/// nothing.
fn a35_twenty_five_idle_days_end_nothing(family: Family) {
    const DAY: Duration = Duration::from_secs(86_400);
    for (days, ahead, taken) in [
        (23, u32::MAX, false),
        (23, 23 * 86_400_000, true),
        (25, 25 * 86_400_000, true),
        (25, u32::MAX, true),
        (60, 1 << 31, true),
    ] {
        let (mut peer, id) = stamped(family, 7_000);
        send_stamped(&mut peer, 1, 7_000, b"once");
        assert_eq!(peer.read(id), b"once");
        peer.pass(DAY * days);
        send_stamped(&mut peer, 5, 7_000_u32.wrapping_add(ahead), b"again");
        assert_eq!(!peer.read(id).is_empty(), taken, "{days} days, {ahead}");
        assert_eq!(peer.state(id), State::Established);
    }
}
