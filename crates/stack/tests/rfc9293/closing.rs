//! Closing and TIME-WAIT (RFC 9293 3.6), resets (3.5.3), and what RFC 5961 wants of segments that
//! try to close a connection from outside.

use core::time::Duration;

use handfast_packet::tcp::{TcpOptions, Timestamps};
use handfast_tcp::{CloseReason, Event as TcpEvent, ReadError, State};

use crate::peer::{
    ACK, FIN, FIN_ACK, Family, Peer, RST, SYN, SYN_ACK, URG, both_families, pattern,
};

both_families!(
    a_normal_end_and_an_abort_are_told_apart,
    time_wait_lasts_twice_the_segment_lifetime,
    a_new_syn_may_end_time_wait,
    half_close_leaves_the_other_direction_open,
    unread_text_and_text_after_close_are_reset,
    a_reset_may_carry_text,
    a_reset_counts_only_exactly_at_the_next_number,
    a_reset_inside_the_window_is_challenged,
    a_syn_in_a_connection_is_challenged,
    an_implausible_ack_is_challenged_and_delivers_nothing,
    resets_and_urgent_pointers_count_with_a_shut_window,
    an_ack_in_syn_received_or_syn_sent_must_fit,
);

/// MUST-12.
fn a_normal_end_and_an_abort_are_told_apart(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(FIN_ACK, (1, 1), b"");
    assert!(peer.told(id, TcpEvent::Readable));
    assert_eq!(peer.tcp(id).read(&mut [0; 8]), Ok(0));
    assert_eq!(peer.state(id), State::CloseWait);

    let (mut peer, id) = Peer::established(family);
    peer.send(RST, (1, 0), b"");
    assert!(peer.told(id, TcpEvent::Closed));
    let read = peer.tcp(id).read(&mut [0; 8]);
    assert_eq!(read, Err(ReadError::Closed(CloseReason::Reset)));
}

/// A connection that the stack has closed first.
fn in_time_wait(family: Family, options: TcpOptions) -> Peer {
    let mut peer = Peer::new(family);
    let id = peer.open(options);
    peer.tcp(id).shutdown();
    peer.turn();
    let change = |header: &mut handfast_packet::tcp::TcpHeader| {
        header.options.timestamps = options.timestamps;
    };
    peer.send_with(ACK, (1, 2), b"", change);
    peer.send_with(FIN_ACK, (1, 2), b"", change);
    assert_eq!(peer.state(id), State::TimeWait);
    peer.stack.release_tcp(peer.now, id);
    peer.inbox.clear();
    peer
}

/// MUST-13. The lifetime is 30 s: see the deviations.
fn time_wait_lasts_twice_the_segment_lifetime(family: Family) {
    let mut peer = in_time_wait(family, TcpOptions::default());
    peer.pass(Duration::from_secs(59));
    assert_eq!(peer.stack.time_wait_count(), 1);
    peer.send(FIN_ACK, (1, 2), b"");
    assert_eq!(
        peer.next().header.flags,
        ACK,
        "a FIN again starts the time anew"
    );
    peer.pass(Duration::from_secs(59));
    assert_eq!(peer.stack.time_wait_count(), 1);
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.stack.time_wait_count(), 0);
}

/// MAY-2 and SHLD-4 (RFC 6191): a later timestamp or a higher number opens anew, an old duplicate
/// does not.
fn a_new_syn_may_end_time_wait(family: Family) {
    let stamp = |value| Some(Timestamps { value, echo: 0 });
    let mut peer = in_time_wait(family, TcpOptions::default());
    peer.send(SYN, (0, 0), b"");
    assert!(!peer.next().has(SYN), "an old number");
    assert_eq!(peer.stack.time_wait_count(), 1);
    peer.send(SYN, (70_000, 0), b"");
    assert!(peer.next().has(SYN_ACK));
    assert_eq!(peer.stack.time_wait_count(), 0);

    let options = TcpOptions {
        timestamps: stamp(1_000),
        ..TcpOptions::default()
    };
    for (value, reopens) in [(999, false), (1_001, true)] {
        let mut peer = in_time_wait(family, options);
        peer.send_with(SYN, (0, 0), b"", |header| {
            header.options.timestamps = stamp(value);
        });
        assert_eq!(peer.next().has(SYN_ACK), reopens, "timestamp {value}");
    }
}

/// MAY-1.
fn half_close_leaves_the_other_direction_open(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.tcp(id).shutdown();
    peer.turn();
    assert!(peer.next().has(FIN));
    peer.send(ACK, (1, 2), b"");
    assert_eq!(peer.state(id), State::FinWait2);
    peer.send(ACK, (1, 2), b"still talking");
    assert_eq!(peer.read(id), b"still talking");
}

/// SHLD-3.
fn unread_text_and_text_after_close_are_reset(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(ACK, (1, 1), b"unread");
    peer.inbox.clear();
    peer.stack.release_tcp(peer.now, id);
    peer.turn();
    assert!(peer.next().has(RST));

    let (mut peer, id) = Peer::established(family);
    peer.stack.release_tcp(peer.now, id);
    peer.turn();
    assert!(peer.next().has(FIN));
    peer.send(ACK, (1, 2), b"late");
    assert!(peer.inbox.iter().any(|sent| sent.has(RST)));
}

/// SHLD-2.
fn a_reset_may_carry_text(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(RST, (1, 0), b"why I am gone");
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::Reset));
}

/// U-3 (RFC 5961 3.2).
fn a_reset_counts_only_exactly_at_the_next_number(family: Family) {
    for (seq, reset) in [(0, false), (1, true), (u32::MAX / 2, false)] {
        let (mut peer, id) = Peer::established(family);
        peer.send(RST, (seq, 0), b"");
        assert_eq!(peer.tcp(id).close_reason().is_some(), reset, "at {seq}");
        peer.silent();
    }
}

/// U-4 (RFC 5961 3.2).
fn a_reset_inside_the_window_is_challenged(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(RST, (1_000, 0), b"");
    let challenge = peer.next();
    assert_eq!(
        (challenge.header.flags, peer.numbers(&challenge)),
        (ACK, (1, 1))
    );
    assert_eq!(peer.state(id), State::Established);
}

/// U-5 (RFC 5961 4.2): whatever its number, and before anything else is done with it.
fn a_syn_in_a_connection_is_challenged(family: Family) {
    for seq in [0, 1, 500, 1 << 31, u32::MAX] {
        for flags in [SYN, SYN_ACK] {
            let (mut peer, id) = Peer::established(family);
            peer.send(flags, (seq, 1), b"text");
            let challenge = peer.next();
            assert_eq!(
                (challenge.header.flags, peer.numbers(&challenge)),
                (ACK, (1, 1))
            );
            assert_eq!(peer.state(id), State::Established);
            assert_eq!(peer.read(id), b"");
        }
    }
}

/// U-6 and MAY-12 (RFC 5961 5.2).
fn an_implausible_ack_is_challenged_and_delivers_nothing(family: Family) {
    for (ack, good) in [
        (1, true),
        (2, false),
        (1_u32.wrapping_sub(70_000), false),
        (1 << 31, false),
    ] {
        let (mut peer, id) = Peer::established(family);
        peer.send(ACK, (1, ack), b"text");
        assert_eq!(peer.read(id).is_empty(), !good, "ack {ack}");
        if !good {
            let challenge = peer.next();
            assert_eq!(
                (challenge.header.flags, peer.numbers(&challenge)),
                (ACK, (1, 1))
            );
        }
    }
    // So is an ACK that is older than the largest window explains.
    for (age, good) in [(60_000, true), (60_001, false)] {
        let (mut peer, id) = Peer::established(family);
        peer.write(id, &pattern(200_000));
        peer.take_all(200_000);
        peer.send(ACK, (1, 200_001 - age), b"text");
        assert_eq!(peer.read(id).is_empty(), !good, "{age} bytes old");
    }
}

/// MUST-66.
fn resets_and_urgent_pointers_count_with_a_shut_window(family: Family) {
    let shut = || {
        let (mut peer, id) = Peer::established_with(family, |config| {
            config.tcp.receive_buffer = 4_096;
        });
        let (mut seq, text) = (1_u32, pattern(512));
        for _ in 0..64 {
            if peer.log.last().is_some_and(|sent| sent.header.window == 0) {
                break;
            }
            peer.send(ACK, (seq, 1), &text);
            peer.pass(Duration::from_millis(500));
            let acked = peer.log.last().map(|sent| peer.numbers(sent).1);
            seq = acked.unwrap_or(seq);
        }
        assert_eq!(
            peer.log.last().unwrap().header.window,
            0,
            "the window is shut"
        );
        (peer, id, seq)
    };
    let (mut peer, id, seq) = shut();
    peer.send_with(ACK | URG, (seq, 1), b"", |header| header.urgent = 9);
    assert!(peer.told(id, TcpEvent::Urgent));
    let (mut peer, id, seq) = shut();
    peer.send(RST, (seq, 0), b"");
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::Reset));
}

/// RFC 9293 3.10.7.3 and 3.10.7.4: a wrong ACK during the handshake is reset; the connection
/// lives. U-2, which asked more of a RST in SYN-SENT, was removed by erratum 8167: an acceptable
/// ACK is enough.
fn an_ack_in_syn_received_or_syn_sent_must_fit(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    peer.next();
    peer.send(ACK, (1, 77), b"");
    let reset = peer.next();
    assert_eq!((reset.has(RST), peer.numbers(&reset).0), (true, 77));
    assert_eq!(peer.state(id), State::SynSent);
    peer.send(RST | ACK, (4_711, 77), b"");
    assert_eq!(peer.state(id), State::SynSent);
    peer.send(RST | ACK, (4_711, 1), b"");
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::Refused));

    let mut peer = Peer::new(family);
    peer.listen();
    peer.send(SYN, (0, 0), b"");
    peer.next();
    peer.send(ACK, (1, 77), b"");
    let reset = peer.next();
    assert_eq!((reset.has(RST), peer.numbers(&reset).0), (true, 77));
}
