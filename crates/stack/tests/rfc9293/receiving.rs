//! Our window (RFC 9293 3.8.6.2.2), acknowledgments (3.8.6.3, 3.10.7.4), urgent text (3.8.5) and
//! what arrives too early (3.10.7.4).

use core::time::Duration;

use handfast_tcp::Event as TcpEvent;

use crate::peer::{ACK, Family, MTU, Peer, URG, both_families, ip_packet, pattern};
use handfast_packet::ip::Protocol;

both_families!(
    the_receiver_opens_no_silly_window_and_never_shrinks,
    acks_wait_less_than_half_a_second,
    every_second_full_segment_is_acknowledged,
    a_batch_is_taken_in_before_it_is_acknowledged,
    early_segments_are_held,
    urgent_text_is_told_counted_and_may_be_long,
    the_urgent_pointer_points_behind_the_urgent_text,
    unknown_ip_options_are_ignored,
);

/// MUST-39, SHLD-14.
fn the_receiver_opens_no_silly_window_and_never_shrinks(family: Family) {
    let (mut peer, id) =
        Peer::established_with(family, |config| config.tcp.receive_buffer = 20_000);
    let full = usize::from(MTU - family.headers());
    let (mut seq, mut edge) = (1, 0);
    let bytes = pattern(20_000);
    for piece in bytes.chunks(1_000) {
        peer.send(ACK, (seq, 1), piece);
        peer.pass(Duration::from_millis(500));
        let last = peer.log.last().unwrap();
        seq = peer.numbers(last).1;
        let right = seq + u32::from(last.header.window);
        assert!(right >= edge, "the right edge moved left");
        edge = right;
    }
    let window = peer.log.last().unwrap().header.window;
    assert!(usize::from(window) < full, "the buffer is full");
    // One byte read is not worth a word; everything read is.
    let before = peer.log.len();
    assert_eq!(peer.tcp(id).read(&mut [0]), Ok(1));
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.log.len(), before);
    peer.read(id);
    peer.pass(Duration::from_secs(1));
    let update = peer.log.last().unwrap();
    assert_eq!(peer.log.len(), before + 1);
    assert!(usize::from(update.header.window) >= full);
}

/// MUST-40, SHLD-18: with the quick ACKs of a new stream, and without.
fn acks_wait_less_than_half_a_second(family: Family) {
    for quick in [true, false] {
        let (mut peer, id) = Peer::established(family);
        peer.tcp(id).set_quickack(quick);
        let (mut seq, mut delayed) = (1, 0);
        for n in 0..40 {
            let start = peer.now;
            peer.send(ACK, (seq, 1), b"text");
            seq += 4;
            peer.pass(Duration::from_secs(1));
            let ack = peer.next();
            assert_eq!(peer.numbers(&ack), (1, seq));
            assert!(ack.at - start < Duration::from_millis(500), "segment {n}");
            delayed += u32::from(ack.at > start);
            peer.tcp(id).set_quickack(quick);
        }
        assert!(quick || delayed == 40, "{delayed} were delayed");
    }
}

/// SHLD-19.
fn every_second_full_segment_is_acknowledged(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let text = pattern(usize::from(MTU - family.headers()));
    let len = u32::try_from(text.len()).unwrap();
    for n in 0..50 {
        peer.send(ACK, (1 + 2 * n * len, 1), &text);
        peer.send(ACK, (1 + (2 * n + 1) * len, 1), &text);
        let ack = peer
            .inbox
            .pop_back()
            .expect("two full segments are acknowledged");
        assert_eq!(peer.numbers(&ack), (1, 1 + (2 * n + 2) * len));
        peer.inbox.clear();
        peer.read(id);
    }
}

/// MUST-58, MUST-59.
fn a_batch_is_taken_in_before_it_is_acknowledged(family: Family) {
    let (mut peer, id) = Peer::established(family);
    for n in 0..10 {
        peer.send_soon(ACK, (1 + n * 100, 1), &pattern(100));
    }
    peer.turn();
    peer.pass(Duration::from_millis(499));
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 1_001));
    peer.silent();
    assert_eq!(peer.read(id).len(), 1_000);
}

/// SHLD-31, MAY-13.
fn early_segments_are_held(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(ACK, (4, 1), b"two");
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 1));
    assert_eq!(peer.read(id), b"");
    peer.send(ACK, (1, 1), b"one");
    assert_eq!(peer.read(id), b"onetwo");
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 7));
}

/// MUST-30 (the receiving half), MUST-31, MUST-32, MUST-33.
fn urgent_text_is_told_counted_and_may_be_long(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send(ACK, (1, 1), b"calm");
    assert!(!peer.told(id, TcpEvent::Urgent));
    // More than a segment is urgent, and the pointer comes before the text.
    peer.send_with(ACK | URG, (5, 1), b"", |header| header.urgent = 50_000);
    assert!(peer.told(id, TcpEvent::Urgent));
    assert_eq!(peer.tcp(id).urgent(), Some(4 + 50_000));
    let (mut seq, mut read) = (5, 0);
    for piece in pattern(50_000).chunks(1_000) {
        peer.send_with(ACK | URG, (seq, 1), piece, |header| {
            header.urgent = u16::try_from(50_005 - seq).unwrap();
        });
        seq += 1_000;
        read += u64::try_from(peer.read(id).len()).unwrap();
        let left = 50_004 - read;
        assert_eq!(peer.tcp(id).urgent(), (left > 0).then_some(left));
    }
    // The pointer advances: told again.
    peer.events.clear();
    peer.send_with(ACK | URG, (seq, 1), b"!", |header| header.urgent = 1);
    assert!(peer.told(id, TcpEvent::Urgent));
}

/// MUST-62.
fn the_urgent_pointer_points_behind_the_urgent_text(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.send_with(ACK | URG, (1, 1), b"urgent, calm", |header| {
        header.urgent = 6;
    });
    assert_eq!(peer.tcp(id).urgent(), Some(6));
    let mut six = [0; 6];
    assert_eq!(peer.tcp(id).read(&mut six), Ok(6));
    assert_eq!((&six, peer.tcp(id).urgent()), (b"urgent", None));
}

/// MUST-50: options that IP hands up, or headers in front of TCP, change nothing.
fn unknown_ip_options_are_ignored(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let packet = peer.packet(ACK, (1, 1), b"text", |_| {});
    let packet = match family {
        Family::V4 => {
            // No-operation, an unknown option of four bytes, record route, padding.
            let options = [1, 0x9e, 4, 1, 2, 7, 7, 4, 0, 0, 0, 0, 0, 0, 0, 0];
            let mut bytes = packet[..20].to_vec();
            bytes[0] = 0x40 + u8::try_from((20 + options.len()) / 4).unwrap();
            let total = u16::try_from(packet.len() + options.len()).unwrap();
            bytes[2..4].copy_from_slice(&total.to_be_bytes());
            bytes[10..12].fill(0);
            bytes.extend_from_slice(&options);
            let sum = handfast_packet::checksum::checksum(&bytes);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
            bytes.extend_from_slice(&packet[20..]);
            bytes
        }
        Family::V6 => {
            // Destination options: an unknown one that may be skipped, and padding.
            let mut payload = vec![6, 0, 0x1e, 4, 1, 2, 3, 4];
            payload.extend_from_slice(&packet[40..]);
            ip_packet(
                peer.remote.ip(),
                peer.local.ip(),
                Protocol::DESTINATION_OPTIONS,
                &payload,
            )
        }
    };
    peer.deliver(packet);
    assert_eq!(peer.read(id), b"text");
}
