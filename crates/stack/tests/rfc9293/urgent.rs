//! Urgent text that we send (RFC 9293 3.8.5); what is received stands in `receiving`.

use core::time::Duration;

use crate::peer::{ACK, Family, Peer, Sent, URG, both_families, pattern};

both_families!(
    urgent_text_of_any_length_is_sent_with_its_pointer,
    the_pointer_survives_a_loss,
);

/// The number that a segment's pointer denotes, counted from the SYN.
fn pointed_at(peer: &Peer, sent: &Sent) -> Option<u32> {
    let pointer = u32::from(sent.header.urgent);
    sent.has(URG).then(|| peer.numbers(sent).0 + pointer)
}

/// MUST-30, MUST-31 and MUST-62: every segment in front of the last urgent octet points to the
/// octet behind it.
fn urgent_text_of_any_length_is_sent_with_its_pointer(family: Family) {
    for len in [1_u32, 100, 30_000] {
        let (mut peer, id) = Peer::established(family);
        peer.write(id, b"calm");
        let text = pattern(usize::try_from(len).unwrap());
        assert_eq!(peer.tcp(id).write_urgent(&text), Ok(text.len()));
        peer.turn();
        peer.write(id, b"calm again");
        let taken = peer.take_all(4 + text.len() + 10);
        assert!(taken[4..].starts_with(&text), "urgent text stays in line");
        let behind = 5 + len;
        let told: Vec<_> = peer
            .log
            .iter()
            .filter_map(|sent| pointed_at(&peer, sent))
            .collect();
        assert!(
            !told.is_empty() && told.iter().all(|&at| at == behind),
            "{told:?}"
        );
        for sent in peer.log.iter().filter(|sent| !sent.payload.is_empty()) {
            let (seq, _) = peer.numbers(sent);
            let urgent = (5..behind).contains(&seq);
            assert!(!urgent || sent.has(URG), "the segment at {seq}");
            assert!(seq < behind || !sent.has(URG), "the segment at {seq}");
        }
    }
}

/// MUST-30: a retransmission is as urgent as the first.
fn the_pointer_survives_a_loss(family: Family) {
    let (mut peer, id) = Peer::established(family);
    assert_eq!(peer.tcp(id).write_urgent(b"now!"), Ok(4));
    peer.turn();
    let first = peer.next();
    peer.pass(Duration::from_secs(2));
    let again = peer.next();
    assert_eq!(again.payload, b"now!");
    let pointed = [&first, &again].map(|sent| pointed_at(&peer, sent));
    assert_eq!(pointed, [Some(5); 2]);
    peer.send(ACK, (1, 5), b"");
    peer.inbox.clear();
    peer.write(id, b"calm");
    assert!(!peer.next().has(URG));
}
