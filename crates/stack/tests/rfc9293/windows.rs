//! The peer's window: when it shrinks, when it is shut, when it is silly (RFC 9293 3.8.6).

use core::time::Duration;

use handfast_tcp::State;

use crate::peer::{ACK, Family, MTU, Peer, both_families, pattern};

both_families!(
    a_window_that_shrinks_loses_nothing,
    old_text_inside_a_shrunken_window_is_resent,
    text_beyond_the_right_edge_ends_no_connection,
    a_shut_window_is_probed_after_one_timeout_with_back_off,
    a_peer_that_acknowledges_probes_is_never_given_up,
    the_sender_avoids_silly_windows,
);

/// MUST-34, SHLD-15: the usable window is negative, and no new text leaves.
fn a_window_that_shrinks_loses_nothing(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let bytes = pattern(30_000);
    peer.write(id, &bytes);
    let sent = u32::try_from(
        peer.inbox
            .drain(..)
            .map(|sent| sent.payload.len())
            .sum::<usize>(),
    );
    let sent = sent.unwrap();
    assert!(sent > 8_000);
    peer.window = 1_000;
    peer.send(ACK, (1, 3_001), b"");
    peer.pass(Duration::from_secs(5));
    for segment in &peer.inbox {
        let (seq, _) = peer.numbers(segment);
        let end = seq + u32::try_from(segment.payload.len()).unwrap();
        assert!(end <= 1 + sent, "new text");
    }
    peer.window = 60_000;
    peer.inbox.clear();
    peer.send(ACK, (1, 3_001), b"");
    let rest = peer.take_all_from(3_000, 30_000);
    assert!(rest == bytes[3_000..]);
}

/// SHLD-16.
fn old_text_inside_a_shrunken_window_is_resent(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(8_000));
    peer.inbox.clear();
    peer.window = 2_000;
    peer.send(ACK, (1, 1_001), b"");
    peer.pass(Duration::from_secs(3));
    let first = peer.next();
    assert_eq!(peer.numbers(&first).0, 1_001);
    assert!(!first.payload.is_empty());
}

/// SHLD-17.
fn text_beyond_the_right_edge_ends_no_connection(family: Family) {
    let (mut peer, id) = Peer::established_with(family, |config| {
        config.tcp.user_timeout = Some(Duration::from_secs(30));
    });
    peer.write(id, &pattern(8_000));
    peer.window = 0;
    for _ in 0..20 {
        peer.send(ACK, (1, 1_001), b"");
        peer.pass(Duration::from_secs(20));
    }
    assert_eq!(peer.state(id), State::Established);
}

/// MUST-35, MUST-36, SHLD-29, SHLD-30.
fn a_shut_window_is_probed_after_one_timeout_with_back_off(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.window = 0;
    peer.send(ACK, (1, 1), b"");
    peer.write(id, b"waiting");
    peer.silent();
    let (start, rto) = (peer.now, peer.tcp(id).info().rto);
    peer.pass(Duration::from_secs(30));
    let mut times: Vec<_> = peer.inbox.drain(..).map(|sent| sent.at).collect();
    assert!(times.len() >= 4, "{times:?}");
    let first = times[0] - start;
    assert!(
        first >= rto && first <= rto + Duration::from_millis(2),
        "{first:?}"
    );
    times.insert(0, start);
    let waits: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    for two in waits.windows(2) {
        assert!(two[1] + Duration::from_millis(5) >= two[0] * 2, "{waits:?}");
    }
    peer.window = 1_000;
    peer.send(ACK, (1, 1), b"");
    assert_eq!(peer.take_all(7), b"waiting");
}

/// MUST-37, MAY-8.
fn a_peer_that_acknowledges_probes_is_never_given_up(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.window = 0;
    peer.send(ACK, (1, 1), b"");
    peer.write(id, b"waiting");
    let end = peer.now + Duration::from_secs(10_000);
    while peer.now < end {
        peer.pass(Duration::from_secs(10));
        if !peer.inbox.is_empty() {
            peer.inbox.clear();
            peer.send(ACK, (1, 1), b"");
        }
    }
    assert_eq!(peer.state(id), State::Established);
    peer.window = 1_000;
    peer.send(ACK, (1, 1), b"");
    assert_eq!(peer.take_all(7), b"waiting");
}

/// MUST-38.
fn the_sender_avoids_silly_windows(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let full = u32::from(MTU - family.headers());
    peer.window = u16::try_from(4 * full).unwrap();
    peer.send(ACK, (1, 1), b"");
    peer.write(id, &pattern(100_000));
    let sent = u32::try_from(peer.inbox.drain(..).count()).unwrap();
    assert_eq!(sent, 4);
    // A little room at a time: nothing leaves until a full segment fits.
    let (end, almost) = (1 + 4 * full, full - 1);
    peer.window = 0;
    peer.send(ACK, (1, end), b"");
    for window in [1, 100, almost] {
        peer.window = u16::try_from(window).unwrap();
        peer.send(ACK, (1, end), b"");
        peer.silent();
    }
    peer.window = u16::try_from(full).unwrap();
    peer.send(ACK, (1, end), b"");
    assert_eq!(peer.next().payload.len(), usize::try_from(full).unwrap());
}
