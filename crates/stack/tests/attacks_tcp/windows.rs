//! A45: windows that shrink, segments that nobody can send, text past the right edge.

use core::time::Duration;

use handfast_packet::tcp::TcpOptions;
use handfast_tcp::State;

use crate::peer::{ACK, Family, Peer, both_families, pattern};

both_families!(
    a45_a_window_may_shrink_by_any_amount_with_each_ack,
    a45_text_past_the_right_edge_is_cut_off,
    a45_the_largest_window_overflows_nothing,
    a45_a_window_that_wanders_at_random_loses_nothing,
);

/// The furthest byte that the stack has sent.
fn reached(peer: &Peer) -> u32 {
    let ends = peer.log.iter().filter(|sent| !sent.payload.is_empty());
    let ends = ends.map(|sent| peer.numbers(sent).0 + u32::try_from(sent.payload.len()).unwrap());
    ends.max().unwrap_or(1)
}

fn a45_a_window_may_shrink_by_any_amount_with_each_ack(family: Family) {
    for step in [1, 2, 7, 100, 999, 1_000, 1_001, 30_000, 60_000] {
        let (mut peer, id) = Peer::established(family);
        let text = pattern(120_000);
        let (mut acked, mut edge) = (0, 60_001);
        assert_eq!(peer.tcp(id).write(&text), Ok(text.len()));
        peer.turn();
        while peer.window > 0 && acked + 1 < reached(&peer) {
            let in_flight = reached(&peer) - 1 - acked;
            acked += in_flight.min(1_000);
            peer.window = peer.window.saturating_sub(step);
            edge = edge.max(acked + 1 + u32::from(peer.window));
            peer.inbox.clear();
            peer.send(ACK, (1, acked + 1), b"");
            assert!(reached(&peer) <= edge, "step {step}: past every edge");
            assert!(peer.inbox.len() <= 64, "step {step}: {}", peer.inbox.len());
        }
        // Shut, or all acknowledged. Nothing spins in an hour: a few retransmissions, then probes.
        peer.window = 0;
        peer.send(ACK, (1, acked + 1), b"");
        peer.log.clear();
        for _ in 0..60 {
            peer.pass(Duration::from_secs(60));
            peer.send(ACK, (1, acked + 1), b"");
        }
        assert!(peer.log.len() < 400, "step {step}: {}", peer.log.len());
        assert_eq!(peer.state(id), State::Established, "step {step}");
        peer.window = 60_000;
        peer.inbox.clear();
        let had = usize::try_from(acked).unwrap();
        let rest = peer.take_all_from(had, text.len());
        assert!(rest == text[had..], "step {step}");
    }
}

fn a45_a_window_that_wanders_at_random_loses_nothing(family: Family) {
    let mut random = crate::random::Random::new(45);
    for _ in 0..20 {
        let (mut peer, id) = Peer::established(family);
        let text = pattern(100_000);
        assert_eq!(peer.tcp(id).write(&text), Ok(text.len()));
        peer.turn();
        let (mut acked, mut edge) = (0, 60_001);
        for _ in 0..300 {
            let in_flight = reached(&peer) - 1 - acked;
            acked += random.below(in_flight + 1);
            peer.window = u16::try_from(random.below(60_001)).unwrap();
            edge = edge.max(acked + 1 + u32::from(peer.window));
            peer.send(ACK, (1, acked + 1), b"");
            peer.pass(Duration::from_millis(random.below(400).into()));
            // One byte more is a window probe.
            assert!(reached(&peer) <= edge + 1, "past every edge");
        }
        peer.window = 60_000;
        peer.inbox.clear();
        let had = usize::try_from(acked).unwrap();
        assert!(peer.take_all_from(had, text.len()) == text[had..]);
    }
}

/// The largest window in this test is 16 KiB, and nobody reads.
fn a45_text_past_the_right_edge_is_cut_off(family: Family) {
    let window = 16_384;
    for (start, len) in [
        (0, 1_000),
        (window - 1, 1),
        (window - 1, 2),
        (window - 500, 1_000),
        (window, 1),
        (window, 1_000),
        (window + 1, 1),
        (1 << 20, 1_000),
        (1 << 30, 1_000),
        ((1 << 31) - 1_001, 1_000),
        (1 << 31, 1_000),
        (u32::MAX - 1_000, 1_000),
    ] {
        let (mut peer, id) = Peer::established_with(family, |config| {
            config.tcp.receive_buffer = usize::try_from(window).unwrap();
            config.tcp.receive_buffer_max = 0;
        });
        peer.send(ACK, (start.wrapping_add(1), 1), &vec![b'x'; len]);
        for at in (0..window).step_by(1_024) {
            peer.send(ACK, (1 + at, 1), &[b'.'; 1_024]);
        }
        peer.send(ACK, (1 + window, 1), b"beyond");
        let ack = peer.log.last().map(|sent| peer.numbers(sent).1);
        assert_eq!(ack, Some(1 + window), "{start}");
        let read = peer.read(id);
        let inside = window
            .saturating_sub(start)
            .min(u32::try_from(len).unwrap());
        let forged = read.iter().filter(|byte| **byte == b'x').count();
        assert_eq!(read.len(), usize::try_from(window).unwrap(), "{start}");
        assert_eq!(forged, usize::try_from(inside).unwrap(), "{start}");
    }
}

/// A scale beyond 14 counts as 14 (RFC 7323 2.3): a window of a gigabyte, shut and opened around
/// the place where numbers wrap.
fn a45_the_largest_window_overflows_nothing(family: Family) {
    for scale in [14, 15, 255] {
        let mut peer = Peer::new(family);
        let id = peer.open(TcpOptions {
            mss: Some(1_400),
            window_scale: Some(scale),
            ..TcpOptions::default()
        });
        peer.window = u16::MAX;
        let text = pattern(60_000);
        peer.write(id, &text);
        peer.send(ACK, (1, 1), b"");
        let window = peer.tcp(id).info().send_window;
        assert_eq!(window, u64::from(u16::MAX) << 14, "scale {scale}");
        for window in [0, 1, 0, u16::MAX, 0, u16::MAX] {
            peer.window = window;
            let acked = reached(&peer).min(5_001);
            peer.send(ACK, (1, acked), b"");
            peer.pass(Duration::from_secs(1));
        }
        peer.inbox.clear();
        assert!(peer.take_all_from(5_000, 60_000) == text[5_000..]);
    }
}
