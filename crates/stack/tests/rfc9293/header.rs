//! The header and its options (RFC 9293 3.1, 3.2).

use handfast_packet::tcp::{CHECKSUM_OFFSET, TcpOptions, Timestamps, verify_checksum};
use handfast_tcp::State;

use crate::peer::{ACK, FIN_ACK, Family, MTU, Peer, SYN, Sent, both_families, pattern};

both_families!(
    a_window_is_an_unsigned_number,
    every_segment_has_a_checksum,
    a_wrong_checksum_is_dropped,
    end_of_options_no_operation_and_mss_are_known,
    options_count_in_any_segment,
    unknown_options_are_skipped_by_their_length,
    illegal_option_lengths_do_no_harm,
    options_need_no_word_boundary,
    our_options_have_lengths_and_zero_padding,
    what_stands_behind_the_end_of_options_is_ignored,
    the_mss_option_stands_in_syns_only,
);

/// MUST-1, REC-1.
fn a_window_is_an_unsigned_number(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.window = u16::MAX;
    peer.send(ACK, (1, 1), b"");
    assert_eq!(peer.tcp(id).info().send_window, 65_535);
    let bytes = pattern(60_000);
    peer.write(id, &bytes);
    assert!(peer.take_all(bytes.len()) == bytes);
}

/// MUST-2: SYN, text, FIN and RST.
fn every_segment_has_a_checksum(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, b"text");
    peer.tcp(id).shutdown();
    peer.turn();
    peer.send(FIN_ACK, (1, 6), b"");
    peer.send(ACK, (9_999, 1), b"");
    peer.local.set_port(81);
    peer.send(SYN, (0, 0), b"");
    assert!(peer.log.len() >= 4, "{:?}", peer.log);
    for sent in &peer.log {
        let ends = (sent.source.ip(), sent.destination.ip());
        assert!(verify_checksum(ends.0, ends.1, sent.segment()));
        assert_ne!(sent.segment()[CHECKSUM_OFFSET..][..2], [0, 0]);
    }
}

/// MUST-3.
fn a_wrong_checksum_is_dropped(family: Family) {
    let (mut peer, id) = Peer::established(family);
    for bit in 0..8 {
        let mut packet = peer.packet(ACK, (1, 1), b"text", |_| {});
        *packet.last_mut().unwrap() ^= 1 << bit;
        peer.deliver(packet);
    }
    assert_eq!(peer.stack.counters().tcp.bad_checksums, 8);
    assert_eq!(peer.read(id), b"");
    peer.silent();
    peer.send(ACK, (1, 1), b"text");
    assert_eq!(peer.read(id), b"text");
}

/// Opens with a SYN whose options are these bytes; the text of a full segment.
fn segment_len(family: Family, options: &[u8]) -> usize {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    peer.send_raw(SYN, (0, 0), options, b"");
    peer.next();
    peer.send(ACK, (1, 1), b"");
    let id = peer.stack.accept(listener).unwrap();
    peer.write(id, &pattern(3_000));
    peer.next().payload.len()
}

/// MUST-4, MUST-14 and MUST-16 in part: kinds 0, 1 and 2.
fn end_of_options_no_operation_and_mss_are_known(family: Family) {
    assert_eq!(segment_len(family, &[2, 4, 2, 0]), 512);
    assert_eq!(segment_len(family, &[1, 1, 1, 1, 2, 4, 2, 0]), 512);
    assert_eq!(segment_len(family, &[2, 4, 2, 0, 0, 0, 0, 0]), 512);
}

/// MUST-5: a timestamp in a segment with text is echoed.
fn options_count_in_any_segment(family: Family) {
    let mut peer = Peer::new(family);
    let stamp = |value| Some(Timestamps { value, echo: 0 });
    let id = peer.open(TcpOptions {
        timestamps: stamp(7),
        ..TcpOptions::default()
    });
    peer.send_with(ACK, (1, 1), b"text", |header| {
        header.options.timestamps = stamp(77);
    });
    peer.pass(core::time::Duration::from_millis(500));
    let echo = peer.next().header.options.timestamps.unwrap().echo;
    assert_eq!((peer.read(id), echo), (b"text".to_vec(), 77));
}

/// MUST-6.
fn unknown_options_are_skipped_by_their_length(family: Family) {
    let options = [200, 6, 9, 9, 9, 9, 99, 2, 2, 4, 2, 0];
    assert_eq!(segment_len(family, &options), 512);
    let (mut peer, id) = Peer::established(family);
    peer.send_raw(ACK, (1, 1), &[200, 4, 1, 2], b"text");
    assert_eq!(peer.read(id), b"text");
}

/// MUST-7: lengths of 0 and 1, beyond the header, and an MSS of the wrong length.
fn illegal_option_lengths_do_no_harm(family: Family) {
    let (mut peer, id) = Peer::established(family);
    for options in [
        [200, 0, 0, 0],
        [200, 1, 0, 0],
        [2, 40, 0, 0],
        [8, 255, 1, 1],
        [1, 1, 1, 2],
        [2, 3, 1, 0],
        [5, 1, 0, 0],
    ] {
        peer.send_raw(ACK, (1, 1), &options, b"");
        let mut fresh = Peer::new(family);
        fresh.listen();
        fresh.send_raw(SYN, (0, 0), &options, b"");
    }
    assert_eq!(peer.state(id), State::Established);
    peer.send(ACK, (1, 1), b"alive");
    assert_eq!(peer.read(id), b"alive");
}

/// MUST-64.
fn options_need_no_word_boundary(family: Family) {
    assert_eq!(segment_len(family, &[1, 2, 4, 2, 0, 0, 0, 0]), 512);
    assert_eq!(segment_len(family, &[1, 1, 1, 2, 4, 2, 0, 1]), 512);
}

/// MUST-68 and MUST-69: what we send can be walked by anybody.
fn our_options_have_lengths_and_zero_padding(family: Family) {
    let mut peer = Peer::new(family);
    peer.connect();
    let syn = peer.next();
    let mut options = syn.options();
    let mut kinds = Vec::new();
    while let Some((&kind, rest)) = options.split_first() {
        kinds.push(kind);
        options = match kind {
            0 => {
                assert!(rest.iter().all(|&byte| byte == 0));
                &[]
            }
            1 => rest,
            _ => {
                let len = usize::from(rest[0]);
                assert!(len >= 2 && len <= options.len());
                &options[len..]
            }
        };
    }
    assert!(kinds.contains(&2), "{kinds:?}");
}

/// MUST-69 from the other side: padding is not looked at.
fn what_stands_behind_the_end_of_options_is_ignored(family: Family) {
    let options = [2, 4, 2, 0, 0, 2, 4, 1, 0, 200, 0, 1];
    assert_eq!(segment_len(family, &options), 512);
}

/// MUST-65.
fn the_mss_option_stands_in_syns_only(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(5_000));
    peer.send(ACK, (1, 1), &pattern(100));
    peer.take_all(5_000);
    peer.tcp(id).shutdown();
    peer.turn();
    peer.send(ACK, (50_000, 1), b"");
    let (syns, others): (Vec<_>, Vec<_>) = peer.log.iter().partition(|sent| sent.has(SYN));
    let mss = |sent: &&Sent| sent.header.options.mss;
    assert_eq!(
        syns.iter().filter_map(mss).collect::<Vec<_>>(),
        [MTU - family.headers()]
    );
    assert!(others.len() > 5 && others.iter().filter_map(mss).count() == 0);
}
