//! A25: a flood of SYNs from random sources, and people who want to be let in meanwhile (RFC 4987).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use handfast_packet::tcp::{SeqNumber, TcpHeader, TcpOptions, Timestamps};
use handfast_stack::{Listen, ListenerId, SynCookies};
use handfast_tcp::State;

use crate::peer::{ACK, Family, ISS, Peer, SYN, SYN_ACK, both_families};
use crate::random::Random;

both_families!(
    a25_a_flood_keeps_nobody_out_and_takes_no_memory,
    a25_a_cookie_keeps_scale_sack_and_timestamps,
    a25_a_forged_cookie_opens_nothing,
    a25_a_cookie_is_good_for_two_periods,
);

const HALF_OPEN: usize = 256;
/// SYNs for each handshake in earnest, of which there are a thousand in a second.
const SYNS: u32 = 1_000;
const HANDSHAKES: u32 = 40;
const HANDSHAKES_IN_FULL: u32 = 60_000;

fn under_attack(family: Family, cookies: SynCookies) -> (Peer, ListenerId) {
    let mut peer = Peer::new(family);
    let options = Listen {
        half_open: HALF_OPEN,
        cookies,
        ..Listen::default()
    };
    let listener = peer.stack.listen(peer.local, options).unwrap();
    (peer, listener)
}

/// An address of the test networks, or of far away.
fn source(family: Family, random: &mut Random) -> SocketAddr {
    let [a, b, c, d] = random.number().to_be_bytes();
    let address: IpAddr = match family {
        Family::V4 => [198, 18 + (a & 1), b, c].into(),
        Family::V6 => {
            let half = u16::from_be_bytes([a, b]);
            [0x2001, 0xdb8, 7, half, 0, 0, 0, u16::from_be_bytes([c, d])].into()
        }
    };
    SocketAddr::new(address, 1_024 + u16::from_be_bytes([c, d]) / 2)
}

const OPTIONS: TcpOptions = TcpOptions {
    mss: Some(1_400),
    window_scale: Some(7),
    sack_permitted: true,
    timestamps: Some(Timestamps { value: 5, echo: 0 }),
    accecn: None,
    sack: handfast_packet::tcp::SackBlocks::EMPTY,
    fast_open: None,
    user_timeout: None,
};

/// A handshake in earnest from this port: the answer to the SYN comes at once, and the ACK opens
/// the connection, which sends and receives and ends.
fn handshake(peer: &mut Peer, listener: ListenerId, port: u16) {
    peer.remote.set_port(port);
    peer.inbox.clear();
    peer.send_with(SYN, (0, 0), b"", |header| header.options = OPTIONS);
    let answer = peer.next();
    assert!(answer.has(SYN_ACK), "at the first try: {answer:?}");
    let stamp = answer.header.options.timestamps.map(|ours| Timestamps {
        value: 6,
        echo: ours.value,
    });
    peer.send_with(ACK, (1, 1), b"question", |header| {
        header.options.timestamps = stamp;
    });
    let id = peer
        .stack
        .accept(listener)
        .expect("one round trip after its SYN");
    assert_eq!(peer.read(id), b"question");
    assert_eq!(peer.state(id), State::Established);
    let info = peer.tcp(id).tcp_info();
    let options = handfast_tcp::OPTION_SACK
        | handfast_tcp::OPTION_TIMESTAMPS
        | handfast_tcp::OPTION_WINDOW_SCALE;
    assert_eq!((info.options & options, info.snd_wscale), (options, 7));
    peer.tcp(id).abort();
    peer.stack.release_tcp(peer.now, id);
    peer.turn();
}

fn a25_a_flood_keeps_nobody_out_and_takes_no_memory(family: Family) {
    flood(family, HANDSHAKES);
}

#[test]
#[ignore = "full size, 300 s: cargo test --release -- --ignored"]
fn a25_a_million_syns_a_second_for_a_minute() {
    const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
    for family in FAMILIES {
        flood(family, HANDSHAKES_IN_FULL);
    }
}

/// A millisecond for each handshake, before which a thousand SYNs of strangers come.
fn flood(family: Family, handshakes: u32) {
    let (mut peer, listener) = under_attack(family, SynCookies::OnOverflow);
    peer.stack
        .add_route(
            handfast_packet::ip::Cidr::new(family.address(0), 0).unwrap(),
            None,
        )
        .unwrap();
    let real = peer.remote;
    let mut random = Random::new(25);
    for n in 0..handshakes {
        for _ in 0..SYNS / 50 {
            for _ in 0..50 {
                peer.remote = source(family, &mut random);
                let seq = random.number();
                let change = |header: &mut TcpHeader| {
                    header.seq = SeqNumber(seq);
                    header.options = OPTIONS;
                };
                let syn = peer.packet(SYN, (0, 0), b"", change);
                peer.deliver_soon(syn);
            }
            peer.turn();
            peer.inbox.clear();
            peer.log.clear();
            peer.events.clear();
        }
        assert!(
            peer.stack.tcp_count() <= HALF_OPEN,
            "all that a flood can hold"
        );
        peer.remote = real;
        handshake(
            &mut peer,
            listener,
            1_024 + u16::try_from(n % 60_000).unwrap(),
        );
        peer.now += Duration::from_millis(1);
    }
    let counters = peer.stack.counters().tcp;
    assert_eq!(
        (counters.backlog_overflows, counters.replies_dropped),
        (0, 0)
    );
    assert_eq!(counters.cookies_rejected, 0);
    // Those that were half open at first went on being answered.
    assert!(counters.cookies_accepted >= u64::from(handshakes) - 1);
    assert!(counters.cookies_sent >= u64::from(handshakes * (SYNS - 10)) - 500);
}

fn a25_a_cookie_keeps_scale_sack_and_timestamps(family: Family) {
    let (mut peer, listener) = under_attack(family, SynCookies::Always);
    for port in 4_000..4_100 {
        handshake(&mut peer, listener, port);
        assert_eq!(peer.stack.tcp_count(), 0);
    }
    assert_eq!(peer.stack.counters().tcp.cookies_accepted, 100);
}

/// The SYN of a peer, and the number of the answer: the cookie.
fn cookie(peer: &mut Peer) -> u32 {
    peer.send(SYN, (0, 0), b"");
    peer.next().header.seq.0
}

/// An ACK that brings back `cookie`.
fn bring(peer: &mut Peer, cookie: u32, seq: u32) {
    peer.send_with(ACK, (0, 0), b"", |header| {
        header.seq = SeqNumber(ISS.wrapping_add(seq));
        header.ack = SeqNumber(cookie.wrapping_add(1));
    });
}

fn a25_a_forged_cookie_opens_nothing(family: Family) {
    let (mut peer, listener) = under_attack(family, SynCookies::Always);
    let good = cookie(&mut peer);
    let mut random = Random::new(26);
    // One bit, a few, and many wrong; those of other ends; another number of the peer.
    let wrong = (0..32).map(|bit| good ^ (1 << bit));
    let wrong: Vec<u32> = wrong.chain((0..20_000).map(|_| random.number())).collect();
    for forged in wrong {
        if forged != good {
            bring(&mut peer, forged, 1);
            peer.log.clear();
        }
    }
    for seq in [0, 2, 1 << 31] {
        bring(&mut peer, good, seq);
    }
    let right = peer.remote;
    for port in [right.port() ^ 1, right.port() + 256] {
        peer.remote.set_port(port);
        bring(&mut peer, good, 1);
    }
    peer.remote = right;
    assert_eq!(peer.stack.tcp_count(), 0);
    assert_eq!(peer.stack.accept(listener), None);
    bring(&mut peer, good, 1);
    assert!(peer.stack.accept(listener).is_some());
    assert_eq!(peer.stack.counters().tcp.cookies_accepted, 1);
}

/// A period is a minute; the rest of the one in which it was made counts, too.
fn a25_a_cookie_is_good_for_two_periods(family: Family) {
    for (secs, good) in [(0, true), (119, true), (180, false), (3_600, false)] {
        let (mut peer, listener) = under_attack(family, SynCookies::Always);
        let made = cookie(&mut peer);
        peer.now += Duration::from_secs(secs);
        // Cookies are given away all the time.
        peer.remote.set_port(5_000);
        cookie(&mut peer);
        peer.remote.set_port(4_000);
        bring(&mut peer, made, 1);
        assert_eq!(peer.stack.accept(listener).is_some(), good, "{secs} s");
    }
}
