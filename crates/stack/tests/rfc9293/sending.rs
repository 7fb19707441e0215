//! What is sent and when: MSS (RFC 9293 3.7.1), Nagle (3.7.4), retransmission (3.8.1 to 3.8.3),
//! keep-alive (3.8.4), PUSH (3.9.1.2).

use core::time::Duration;

use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::tcp::TcpOptions;
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::peer::{ACK, Family, MTU, PSH, Peer, SYN, SYN_ACK, Sent, both_families, pattern};

both_families!(
    mss_is_sent_and_obeyed_both_ways,
    without_an_mss_the_default_of_the_family_counts,
    the_effective_mss_is_the_smallest_of_all,
    the_announced_mss_is_the_links_without_fixed_headers,
    nagle_holds_small_segments_and_can_be_switched_off,
    the_timeout_follows_samples_and_karn,
    slow_start_and_exponential_back_off,
    r1_is_told_and_r2_ends_the_connection,
    r2_is_a_choice_and_may_be_infinite,
    keep_alives_are_off_until_asked_for,
    keep_alives_come_when_idle_and_one_lost_kills_nobody,
    the_last_segment_pushes_and_nothing_waits_for_ever,
    text_leaves_in_segments_as_large_as_possible,
    tcp_is_never_fragmented,
    ip_fields_are_the_applications_choice,
);

fn mss(mss: u16) -> TcpOptions {
    TcpOptions {
        mss: Some(mss),
        ..TcpOptions::default()
    }
}

/// Sizes of the first segments of a long text.
fn sizes(peer: &mut Peer, id: handfast_stack::TcpId) -> Vec<u16> {
    peer.inbox.clear();
    peer.write(id, &pattern(10_000));
    let sizes = peer
        .inbox
        .iter()
        .map(|sent| u16::try_from(sent.payload.len()).unwrap());
    sizes.collect()
}

/// MUST-14, SHLD-5, MAY-3.
fn mss_is_sent_and_obeyed_both_ways(family: Family) {
    let full = MTU - family.headers();
    let mut peer = Peer::new(family);
    let id = peer.open(mss(700));
    assert_eq!(peer.log[0].header.options.mss, Some(full), "in a SYN-ACK");
    assert_eq!(sizes(&mut peer, id)[0], 700);
    let (mut peer, id) = Peer::connected(family, mss(700));
    assert_eq!(peer.log[0].header.options.mss, Some(full), "in a SYN");
    assert_eq!(sizes(&mut peer, id)[0], 700);
}

/// MUST-15.
fn without_an_mss_the_default_of_the_family_counts(family: Family) {
    let default = match family {
        Family::V4 => 536,
        Family::V6 => 1_220,
    };
    let mut peer = Peer::new(family);
    let id = peer.open(TcpOptions::default());
    assert_eq!(sizes(&mut peer, id)[0], default);
    let (mut peer, id) = Peer::connected(family, TcpOptions::default());
    assert_eq!(sizes(&mut peer, id)[0], default);
}

/// MUST-16: the peer's, the link's, less our options.
fn the_effective_mss_is_the_smallest_of_all(family: Family) {
    let full = MTU - family.headers();
    for (theirs, ours) in [(full - 1, full - 1), (full, full), (9_000, full)] {
        let mut peer = Peer::new(family);
        let id = peer.open(mss(theirs));
        assert_eq!(sizes(&mut peer, id)[0], ours, "peer {theirs}");
    }
    let mut peer = Peer::new(family);
    let id = peer.open(TcpOptions {
        timestamps: Some(handfast_packet::tcp::Timestamps { value: 1, echo: 0 }),
        ..mss(full)
    });
    assert_eq!(sizes(&mut peer, id)[0], full - 12);
}

/// MUST-67, SHLD-6.
fn the_announced_mss_is_the_links_without_fixed_headers(family: Family) {
    let mut peer = Peer::new(family);
    peer.connect();
    let announced = peer.next().header.options.mss.unwrap();
    assert!(announced <= MTU - family.headers());
    assert_eq!(announced, MTU - family.headers());
}

/// SHLD-7, MUST-17.
fn nagle_holds_small_segments_and_can_be_switched_off(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, b"one");
    assert_eq!(peer.next().payload, b"one");
    peer.write(id, b"two");
    peer.write(id, b"three");
    peer.silent();
    peer.send(ACK, (1, 4), b"");
    assert_eq!(peer.next().payload, b"twothree");
    peer.tcp(id).set_nodelay(true);
    for text in [b"four", b"five", b"six!"] {
        peer.write(id, text);
        assert_eq!(peer.next().payload, text);
    }
}

/// MUST-18 (RFC 6298).
fn the_timeout_follows_samples_and_karn(family: Family) {
    let mut peer = Peer::new(family);
    let id = peer.connect();
    assert_eq!(peer.tcp(id).info().rto, Duration::from_secs(1), "2.1");
    peer.pass(Duration::from_millis(100));
    peer.send_with(SYN_ACK, (0, 1), b"", |header| header.options = mss(1_000));
    let info = peer.tcp(id).info();
    assert_eq!(info.srtt, Some(Duration::from_millis(100)), "2.2");
    assert_eq!(info.rto, Duration::from_millis(300), "SRTT + 4 RTTVAR");
    // Karn: what was sent twice gives no sample.
    peer.write(id, b"twice");
    peer.pass(Duration::from_secs(2));
    peer.send(ACK, (1, 6), b"");
    assert_eq!(peer.tcp(id).info().srtt, Some(Duration::from_millis(100)));
    // And a new sample is taken up with its eighth.
    peer.write(id, b"once");
    peer.pass(Duration::from_millis(180));
    peer.send(ACK, (1, 10), b"");
    assert_eq!(peer.tcp(id).info().srtt, Some(Duration::from_millis(110)));
}

/// MUST-19.
fn slow_start_and_exponential_back_off(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let full = u32::from(MTU - family.headers());
    peer.write(id, &pattern(200_000));
    let first: Vec<_> = peer.inbox.drain(..).collect();
    assert!(
        first.len() <= 10,
        "the first window has {} segments",
        first.len()
    );
    peer.pass(Duration::from_millis(30));
    assert_eq!(peer.inbox.len(), 0);
    peer.send(ACK, (1, 1 + 2 * full), b"");
    assert!(
        peer.inbox.len() <= 4,
        "two acknowledged let at most four go"
    );
    assert!(peer.inbox.len() > 2, "and the window grows");
    peer.inbox.clear();
    // Silence: one segment at a time, each wait twice the last.
    peer.pass(Duration::from_secs(20));
    let first = 1 + 2 * full;
    let again: Vec<_> = peer
        .inbox
        .iter()
        .filter(|sent| peer.numbers(sent).0 == first)
        .collect();
    assert!(again.len() >= 4, "{} of {}", again.len(), peer.inbox.len());
    let times: Vec<_> = again.iter().map(|sent| sent.at).collect();
    let waits: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    for two in waits.windows(2).skip(1) {
        let (least, most) = (
            two[0] * 2 - Duration::from_millis(5),
            two[0] * 2 + Duration::from_millis(5),
        );
        assert!(least <= two[1] && two[1] <= most, "{waits:?}");
    }
    assert!(
        peer.tcp(id).info().congestion_window <= u64::from(full),
        "one segment"
    );
}

/// MUST-20, SHLD-9, SHLD-10, SHLD-11, MUST-47, U-1.
fn r1_is_told_and_r2_ends_the_connection(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, b"anybody?");
    peer.next();
    let mut resent = 0;
    while !peer.told(id, TcpEvent::SoftError) {
        assert!(resent < 20, "R1 is never told");
        peer.pass(Duration::from_millis(10));
        resent += peer.inbox.drain(..).count();
    }
    assert!(
        resent >= 3,
        "R1 is at least three retransmissions, not {resent}"
    );
    peer.pass(Duration::from_secs(100));
    assert_eq!(peer.state(id), State::Established, "R2 is at least 100 s");
    peer.pass(Duration::from_secs(1_000));
    assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::TimedOut));
    assert!(peer.told(id, TcpEvent::Closed));
}

/// MUST-21.
fn r2_is_a_choice_and_may_be_infinite(family: Family) {
    for (limit, lives) in [(Some(Duration::from_secs(20)), false), (None, true)] {
        let (mut peer, id) =
            Peer::established_with(family, |config| config.tcp.user_timeout = limit);
        peer.write(id, b"anybody?");
        peer.pass(Duration::from_secs(if lives { 10_000 } else { 21 }));
        assert_eq!(peer.tcp(id).close_reason().is_none(), lives, "{limit:?}");
    }
}

/// MUST-25.
fn keep_alives_are_off_until_asked_for(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.pass(Duration::from_secs(24 * 3_600));
    peer.silent();
    assert_eq!(peer.state(id), State::Established);
}

/// MUST-24, MUST-26, MUST-27, MUST-29, SHLD-12, MAY-5.
fn keep_alives_come_when_idle_and_one_lost_kills_nobody(family: Family) {
    let idle = Duration::from_secs(7_200);
    let (mut peer, id) = Peer::established_with(family, |config| {
        config.tcp.keep_alive = Some(idle);
        config.tcp.user_timeout = None;
    });
    // Not while something is outstanding.
    peer.write(id, b"text");
    peer.pass(idle + Duration::from_secs(1_000));
    assert!(peer.inbox.iter().all(|sent| sent.payload == b"text"));
    peer.send(ACK, (1, 5), b"");
    peer.inbox.clear();
    // Not before the peer has been silent for so long.
    peer.pass(idle - Duration::from_secs(1));
    peer.silent();
    peer.pass(Duration::from_secs(2));
    let probe = peer.next();
    assert_eq!((probe.payload.len(), peer.numbers(&probe).0), (0, 4));
    // The first is lost, the second answered.
    peer.pass(Duration::from_secs(76));
    assert_eq!(peer.inbox.len(), 1);
    peer.send(ACK, (1, 5), b"");
    peer.inbox.clear();
    peer.pass(idle - Duration::from_secs(1));
    peer.silent();
    assert_eq!(peer.state(id), State::Established);
}

/// MUST-60 and MUST-61.
fn the_last_segment_pushes_and_nothing_waits_for_ever(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let full = usize::from(MTU - family.headers());
    peer.write(id, &pattern(2 * full + 100));
    let pushes: Vec<_> = peer.inbox.iter().map(|sent| sent.has(PSH)).collect();
    assert_eq!(pushes, [false, false, true]);
    // A peer that acknowledges nothing does not hold it longer than the timer does; nor does a
    // silly window.
    let (mut peer, id) = Peer::established(family);
    peer.window = 100;
    peer.send(ACK, (1, 1), b"");
    peer.write(id, &pattern(1_000));
    peer.pass(Duration::from_secs(2));
    let last = peer.inbox.back().expect("the override timer sends it");
    assert_eq!(last.payload.len(), 100);
}

/// SHLD-27, SHLD-28, MAY-16.
fn text_leaves_in_segments_as_large_as_possible(family: Family) {
    let (mut peer, id) = Peer::established(family);
    let full = usize::from(MTU - family.headers());
    peer.write(id, b"first");
    peer.next();
    for piece in pattern(2 * full).chunks(100) {
        assert_eq!(peer.tcp(id).write(piece), Ok(piece.len()));
    }
    peer.send(ACK, (1, 6), b"");
    let sizes: Vec<_> = peer.inbox.iter().map(|sent| sent.payload.len()).collect();
    assert_eq!(sizes, [full, full]);
    assert!(
        peer.log
            .iter()
            .all(|sent| !sent.has(SYN) || sent.payload.is_empty())
    );
}

/// RFC 8900 section 6, RFC 8021, RFC 6864: a segment is a packet, and routers may not cut it.
fn tcp_is_never_fragmented(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(50_000));
    peer.take_all(50_000);
    assert!(peer.log.len() > 30);
    for sent in &peer.log {
        assert!(sent.packet.len() <= usize::from(MTU));
        match family {
            // Only the bit that forbids fragments is set.
            Family::V4 => assert_eq!(sent.packet[6..8], [0x40, 0]),
            Family::V6 => assert_eq!(sent.packet[6], 6, "TCP follows at once"),
        }
    }
}

/// Codepoint and hop limit of a packet.
fn ip_fields(sent: &Sent) -> (u8, u8) {
    match sent.source.is_ipv4() {
        true => {
            let header = Ipv4Header::parse(&sent.packet).unwrap().0;
            (header.dscp, header.ttl)
        }
        false => {
            let header = Ipv6Header::parse(&sent.packet).unwrap().0;
            (header.dscp, header.hop_limit)
        }
    }
}

/// MUST-48, MUST-49, SHLD-21, SHLD-22: from the start, changed in between, and unchanged on every
/// segment after that.
fn ip_fields_are_the_applications_choice(family: Family) {
    let (mut peer, id) = Peer::established_with(family, |config| {
        config.tcp.dscp = 10;
        config.tcp.hop_limit = 33;
    });
    peer.write(id, &pattern(5_000));
    peer.take_all(5_000);
    assert!(peer.log.len() >= 5);
    assert!(peer.log.iter().all(|sent| ip_fields(sent) == (10, 33)));
    let before = peer.log.len();
    peer.tcp(id).set_dscp(46);
    peer.tcp(id).set_hop_limit(255);
    peer.write(id, b"text");
    peer.pass(Duration::from_secs(2));
    peer.send(ACK, (1, 5_005), b"text");
    peer.tcp(id).shutdown();
    peer.pass(Duration::from_secs(1));
    let after = &peer.log[before..];
    assert!(after.len() >= 4, "text, the same again, an ACK, a FIN");
    assert!(after.iter().all(|sent| ip_fields(sent) == (46, 255)));
}
