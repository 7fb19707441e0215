//! What was merged on its way in arrives as if it had not been (ADR 0028): the same text, and each
//! segment of a batch that says something of its own is heard.

use handfast_packet::tcp::TcpOptions;
use handfast_tcp::State;

use crate::peer::{ACK, FIN, Family, Peer, RST, both_families, pattern};

both_families!(
    a_run_is_read_as_it_was_sent_and_acknowledged_once,
    a_hole_in_a_batch_is_found_and_filled,
    text_that_came_before_is_told_as_a_whole,
    what_follows_a_run_is_heard,
);

/// Text of one segment.
const PIECE: usize = 1_000;

fn pieces(peer: &mut Peer, order: &[usize], text: &[u8]) {
    for &index in order {
        let seq = u32::try_from(1 + index * PIECE).unwrap();
        let end = text.len().min((index + 1) * PIECE);
        peer.send_soon(ACK, (seq, 1), &text[index * PIECE..end]);
    }
    peer.turn();
}

fn a_run_is_read_as_it_was_sent_and_acknowledged_once(family: Family) {
    let (mut peer, id) = Peer::established(family);
    // The last is short.
    let text = pattern(43 * PIECE + 7);
    let order: Vec<_> = (0..44).collect();
    pieces(&mut peer, &order, &text);
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 43_008));
    peer.silent();
    assert_eq!(peer.read(id), text);
    let counted = peer.stack.counters().tcp.segments_received;
    assert!(counted >= 44, "each segment counts: {counted}");
}

fn a_hole_in_a_batch_is_found_and_filled(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let text = pattern(9 * PIECE);
    // Runs of two, three and three, and what lies between them comes last or in the next batch.
    pieces(&mut peer, &[0, 1, 3, 4, 5, 6, 7, 8], &text);
    let mut last = (0, 0);
    while !peer.inbox.is_empty() {
        let ack = peer.next();
        last = peer.numbers(&ack);
    }
    assert_eq!(last, (1, 2_001));
    assert_eq!(peer.read(id), text[..2 * PIECE]);
    pieces(&mut peer, &[2], &text);
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 9_001));
    assert_eq!(peer.read(id), text[2 * PIECE..]);
}

/// RFC 2883: the ACK behind text that came twice names it, both segments of it.
fn text_that_came_before_is_told_as_a_whole(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.open(TcpOptions {
        sack_permitted: true,
        ..TcpOptions::default()
    });
    peer.inbox.clear();
    let text = pattern(4 * PIECE);
    pieces(&mut peer, &[0, 1], &text);
    peer.inbox.clear();
    pieces(&mut peer, &[0, 1, 2, 3], &text);
    let ack = peer.next();
    assert_eq!(peer.numbers(&ack), (1, 4_001));
    let blocks = ack.header.options.sack;
    let lens = blocks.as_slice().iter();
    let lens: Vec<_> = lens.map(|b| b.right.0.wrapping_sub(b.left.0)).collect();
    assert_eq!(lens, [2_000]);
    assert_eq!(peer.read(id), text);
}

fn what_follows_a_run_is_heard(family: Family) {
    let text = pattern(3 * PIECE);
    let (mut peer, id) = Peer::established(family);
    for (index, piece) in text.chunks(PIECE).enumerate() {
        let seq = u32::try_from(1 + index * PIECE).unwrap();
        peer.send_soon(ACK, (seq, 1), piece);
    }
    peer.send_soon(ACK | FIN, (3_001, 1), b"");
    peer.turn();
    assert_eq!(peer.state(id), State::CloseWait);
    assert_eq!(peer.read(id), text);

    let (mut peer, id) = Peer::established(family);
    peer.send_soon(ACK, (1, 1), &text[..PIECE]);
    peer.send_soon(ACK, (1_001, 1), &text[PIECE..2 * PIECE]);
    peer.send_soon(RST, (2_001, 0), b"");
    peer.turn();
    assert_eq!(peer.state(id), State::Closed);
}
