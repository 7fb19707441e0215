//! A36: ICMP errors from whoever likes to send them (RFC 5927): hard ones in each state, and words
//! about the MTU of a path. Of A06, what they quote.

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::tcp::TcpFlags;
use handfast_stack::TcpId;
use handfast_tcp::{CloseReason, State};

use crate::peer::{ACK, FIN_ACK, Family, Peer, RST, SYN, ip_packet, pattern};
use crate::states::{Place, SYNCHRONISED, Scene};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// Which number a forged quotation bears, as a distance from the oldest that is in flight (or
/// would be) and the one behind the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoted {
    /// Acknowledged long ago, and just now.
    Older,
    Stale,
    InFlight,
    /// What is sent next, and far beyond.
    Unsent,
    Beyond,
}

const QUOTED: [Quoted; 5] = [
    Quoted::Older,
    Quoted::Stale,
    Quoted::InFlight,
    Quoted::Unsent,
    Quoted::Beyond,
];

impl Quoted {
    /// The number, where `una..nxt` is in flight; counted from the stack's SYN.
    fn number(self, (una, nxt): (u32, u32)) -> u32 {
        match self {
            Self::Older => una.wrapping_sub(1 << 30),
            Self::Stale => una.wrapping_sub(1),
            Self::InFlight => una,
            Self::Unsent => nxt,
            Self::Beyond => nxt.wrapping_add(1 << 30),
        }
    }
}

/// A message about a segment of the stack with this number, of a packet of `len` bytes. Anybody
/// who knows the ports can send it.
fn forged(peer: &Peer, (v4, v6): (Icmpv4, Icmpv6), (number, len): (u32, u16)) -> Vec<u8> {
    let ip = usize::from(peer.family.headers()) - 20;
    // The quotation is cut off behind the header of TCP, as routers do.
    let mut header = [0; 20];
    header[..2].copy_from_slice(&peer.local.port().to_be_bytes());
    header[2..4].copy_from_slice(&peer.remote.port().to_be_bytes());
    header[4..8].copy_from_slice(&peer.irs.wrapping_add(number).to_be_bytes());
    header[12] = 5 << 4;
    let (local, remote) = (peer.local.ip(), peer.remote.ip());
    let mut quoted = ip_packet(local, remote, Protocol::TCP, &header);
    let (at, base) = if ip == 20 { (2, 0) } else { (4, 40) };
    quoted[at..at + 2].copy_from_slice(&(len - base).to_be_bytes());
    error_about(peer, (v4, v6), &quoted)
}

/// A message of a router with this quotation.
fn error_about(peer: &Peer, (v4, v6): (Icmpv4, Icmpv6), quoted: &[u8]) -> Vec<u8> {
    let (router, local) = (peer.family.address(99), peer.local.ip());
    match (router, local) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let message = v6.to_vec(quoted, from, to);
            ip_packet(router, local, Protocol::ICMPV6, &message)
        }
        _ => ip_packet(router, local, Protocol::ICMP, &v4.to_vec(quoted)),
    }
}

/// All errors that count as hard: the same place of both lists is tried together.
fn hard() -> Vec<(Icmpv4, Icmpv6)> {
    let v4 = [2, 3, 9, 10, 13].map(|code| Icmpv4::Unreachable {
        code,
        next_hop_mtu: 0,
    });
    let v6 = [1, 4, 5, 6, 4].map(|code| Icmpv6::Unreachable { code });
    v4.into_iter().zip(v6).collect()
}

/// A36: no hard error ends what is synchronised, whatever it quotes: the closing handshake goes on
/// to its end.
#[test]
fn a36_hard_errors_end_nothing_that_is_synchronised() {
    for (family, state) in FAMILIES
        .into_iter()
        .flat_map(|f| SYNCHRONISED.map(|s| (f, s)))
    {
        for (error, quoted) in hard().into_iter().flat_map(|e| QUOTED.map(|q| (e, q))) {
            let mut scene = Scene::new(family, Place::In(state));
            let id = scene.id.unwrap();
            let in_flight = match state {
                State::Established | State::CloseWait => {
                    scene.peer.write(id, b"text");
                    scene.sent += 4;
                    (1, 5)
                }
                State::FinWait2 => (2, 2),
                _ => (1, 2),
            };
            let number = quoted.number(in_flight);
            for _ in 0..10 {
                scene.peer.deliver(forged(&scene.peer, error, (number, 60)));
            }
            assert_eq!(
                scene.place(),
                Place::In(state),
                "{family:?} {error:?} {quoted:?}"
            );
            assert!(!scene.peer.log.iter().any(|sent| sent.has(RST)));
            finish(&mut scene, id);
        }
    }
}

/// Both sides close; the end must be the ordinary one.
fn finish(scene: &mut Scene, id: TcpId) {
    let state = scene.peer.state(id);
    let peer = &mut scene.peer;
    if matches!(state, State::Established | State::CloseWait) {
        peer.tcp(id).shutdown();
        peer.turn();
        scene.sent += 1;
    }
    peer.send(ACK, (scene.next, scene.sent), b"");
    if scene.next == 1 {
        peer.send(FIN_ACK, (1, scene.sent), b"");
    }
    let reason = peer.tcp(id).close_reason();
    assert!(
        matches!(reason, None | Some(CloseReason::Normal)),
        "{state:?}"
    );
    let end = scene.place();
    assert!(
        matches!(end, Place::Closed | Place::In(State::TimeWait)),
        "{state:?}: {end:?}"
    );
}

/// A36: TIME-WAIT hears of nothing.
#[test]
fn a36_hard_errors_do_not_end_time_wait() {
    for family in FAMILIES {
        for (error, quoted) in hard().into_iter().flat_map(|e| QUOTED.map(|q| (e, q))) {
            let mut scene = Scene::new(family, Place::In(State::TimeWait));
            let number = quoted.number((1, 2));
            scene.peer.deliver(forged(&scene.peer, error, (number, 60)));
            assert_eq!(scene.place(), Place::In(State::TimeWait));
            assert!(scene.peer.inbox.is_empty());
        }
    }
}

/// A36: while a connection opens, a hard error about the SYN itself ends it (RFC 5461), and no other
/// does: who cannot see the SYN has one chance in 2^32.
#[test]
fn a36_only_the_number_of_the_syn_ends_what_opens() {
    for (family, state) in FAMILIES
        .into_iter()
        .flat_map(|f| [State::SynSent, State::SynReceived].map(|s| (f, s)))
    {
        for (error, quoted) in hard().into_iter().flat_map(|e| QUOTED.map(|q| (e, q))) {
            let mut scene = Scene::new(family, Place::In(state));
            let number = quoted.number((0, 1));
            scene.peer.deliver(forged(&scene.peer, error, (number, 60)));
            let ended = scene.place() != Place::In(state);
            assert_eq!(ended, quoted == Quoted::InFlight, "{state:?} {quoted:?}");
            if state == State::SynReceived {
                // The peer's SYN comes again and opens all the same.
                scene.peer.send(SYN, (0, 0), b"");
                scene.peer.send(ACK, (1, 1), b"");
                assert_eq!(scene.place(), Place::In(State::Established));
            }
        }
    }
}

/// A36: without a connection there is nobody to tell, and no answer.
#[test]
fn a36_errors_about_nothing_get_no_answer() {
    for family in FAMILIES {
        for place in [Place::Closed, Place::Listen] {
            for error in hard() {
                let mut scene = Scene::new(family, place);
                scene.peer.deliver(forged(&scene.peer, error, (0, 60)));
                assert!(scene.peer.inbox.is_empty());
                assert_eq!(scene.place(), place);
            }
        }
    }
}

/// A06 and A02: errors that quote too little, or headers of a length that cannot be, tell nothing:
/// of an ICMP error about a SYN, every length that it may be cut to, and every length of header and
/// packet that the quotation may claim.
#[test]
fn a06_errors_that_quote_too_little_tell_nothing() {
    for family in FAMILIES {
        let ip = usize::from(family.headers()) - 20;
        let refused = hard()[1];
        let tells = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut scene = Scene::new(family, Place::In(State::SynSent));
            let whole = forged(&scene.peer, refused, (0, 60));
            // The quotation alone, to be changed and packed again.
            let mut quoted = whole[ip + 8..].to_vec();
            change(&mut quoted);
            let packet = error_about(&scene.peer, refused, &quoted);
            scene.peer.deliver(packet);
            scene.place() == Place::Closed
        };
        for len in 0..=ip + 20 {
            let told = tells(&|quoted| quoted.truncate(len));
            assert_eq!(told, len >= ip + 8, "{family:?}: {len} bytes");
        }
        for first in 0..=255 {
            let told = tells(&|quoted| quoted[0] = first);
            let legal = match family {
                Family::V4 => first == 0x45,
                Family::V6 => first >> 4 == 6,
            };
            assert_eq!(told, legal, "{family:?}: {first:02x}");
        }
        // What the packet's length was said to be matters to nobody but for MTUs.
        for len in [0_u16, 1, 19, 20, 59, 60, 61, 0x7fff, 0xffff] {
            let at = if family == Family::V4 { 2 } else { 4 };
            assert!(tells(
                &|quoted| quoted[at..at + 2].copy_from_slice(&len.to_be_bytes())
            ));
        }
    }
}

/// The MTUs that routers are made to say.
const MTUS: [u16; 7] = [0, 67, 68, 576, 1_279, 1_280, 65_535];
/// Text that fills packets before the attack, and text that is in flight while it goes on.
const BEFORE: usize = 30_000;
const DURING: usize = 5_000;

/// What a word is worth: the MSS that it leads to, if anything.
fn worth(family: Family, mtu: u16) -> Option<u16> {
    match (family, mtu) {
        // No number: the next of the usual sizes below that of the packet (RFC 1191).
        (Family::V4, 0) => Some(1_492 - 40),
        // Below 576 nobody is believed further than that.
        (Family::V4, 68 | 576) => Some(576 - 40),
        (Family::V4, 1_279 | 1_280) => Some(mtu - 40),
        (Family::V6, 1_280) => Some(1_280 - 60),
        _ => None,
    }
}

fn too_big(mtu: u16) -> (Icmpv4, Icmpv6) {
    let v4 = Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu: mtu,
    };
    (v4, Icmpv6::PacketTooBig { mtu: mtu.into() })
}

fn mss(peer: &mut Peer, id: TcpId) -> u16 {
    peer.tcp(id).info().effective_mss
}

/// A connection over which full packets have gone, with more of them in flight, and a word about
/// one of them.
fn under_attack(family: Family, mtu: u16, quoted: Quoted) -> (Peer, TcpId) {
    let (mut peer, id) = Peer::established(family);
    peer.write(id, &pattern(BEFORE));
    assert_eq!(peer.take_all(BEFORE), pattern(BEFORE));
    let full = mss(&mut peer, id);
    peer.write(id, &pattern(DURING));
    let una = u32::try_from(1 + BEFORE).unwrap();
    let nxt = una + u32::try_from(DURING).unwrap();
    let number = quoted.number((una, nxt));
    peer.deliver(forged(&peer, too_big(mtu), (number, 1_500)));
    assert_eq!(
        mss(&mut peer, id),
        full,
        "{mtu} {quoted:?}: not by a word alone"
    );
    (peer, id)
}

/// A36: a word about a path that goes on delivering changes nothing, and is forgotten: a timeout
/// later on is not taken for its proof.
#[test]
fn a36_a_path_that_delivers_is_not_narrowed() {
    for (family, mtu) in FAMILIES.into_iter().flat_map(|f| MTUS.map(|mtu| (f, mtu))) {
        for quoted in QUOTED {
            let (mut peer, id) = under_attack(family, mtu, quoted);
            let full = mss(&mut peer, id);
            let all = BEFORE + DURING;
            assert_eq!(peer.take_all_from(BEFORE, all), pattern(DURING));
            peer.write(id, b"x");
            peer.pass(Duration::from_secs(1));
            assert!(peer.tcp(id).info().timeouts > 0);
            assert_eq!(mss(&mut peer, id), full, "{family:?} {mtu} {quoted:?}");
            assert_eq!(peer.state(id), State::Established);
        }
    }
}

/// A36: only where the segment that was quoted makes no progress until its timeout, the word is
/// believed, as far as it is credible; all text arrives, and after ten minutes packets are full
/// again.
#[test]
fn a36_a_path_without_progress_is_narrowed_and_recovers() {
    for (family, mtu) in FAMILIES.into_iter().flat_map(|f| MTUS.map(|mtu| (f, mtu))) {
        for quoted in QUOTED {
            let (mut peer, id) = under_attack(family, mtu, quoted);
            let full = mss(&mut peer, id);
            while peer.tcp(id).info().timeouts == 0 {
                assert_eq!(mss(&mut peer, id), full, "{family:?} {mtu} {quoted:?}");
                peer.pass(Duration::from_millis(10));
            }
            let believed = worth(family, mtu).filter(|_| quoted == Quoted::InFlight);
            let expected = believed.unwrap_or(full);
            assert_eq!(mss(&mut peer, id), expected, "{family:?} {mtu} {quoted:?}");
            let all = BEFORE + DURING;
            assert_eq!(peer.take_all_from(BEFORE, all), pattern(DURING));
            peer.pass(Duration::from_secs(601));
            assert_eq!(
                mss(&mut peer, id),
                full,
                "{family:?} {mtu} {quoted:?}: again"
            );
            assert_eq!(peer.state(id), State::Established);
        }
    }
}

/// A36, where a connection begins: no packet of the size has got through yet, so a word about one
/// that is in flight is how a path is discovered, and believed at once (RFC 5927 7.2). It must be
/// about such a one, and the connection survives what it costs.
#[test]
fn a36_a_new_path_is_narrowed_by_credible_words_only() {
    for (family, mtu) in FAMILIES.into_iter().flat_map(|f| MTUS.map(|mtu| (f, mtu))) {
        for quoted in QUOTED {
            let (mut peer, id) = Peer::established(family);
            let full = mss(&mut peer, id);
            peer.write(id, &pattern(DURING));
            let number = quoted.number((1, u32::try_from(DURING).unwrap() + 1));
            peer.deliver(forged(&peer, too_big(mtu), (number, 1_500)));
            let believed = worth(family, mtu).filter(|_| quoted == Quoted::InFlight);
            let expected = believed.unwrap_or(full);
            assert_eq!(mss(&mut peer, id), expected, "{family:?} {mtu} {quoted:?}");
            assert_eq!(peer.take_all(DURING), pattern(DURING));
            peer.pass(Duration::from_secs(601));
            assert_eq!(
                mss(&mut peer, id),
                full,
                "{family:?} {mtu} {quoted:?}: again"
            );
        }
    }
}

/// A36: a storm of words, each narrower than the last, about what is in flight: not below the least
/// that every path carries, and the rest of the text arrives.
#[test]
fn a36_a_storm_of_words_ends_at_the_least_mtu() {
    for (family, least) in [(Family::V4, 576 - 40), (Family::V6, 1_280 - 60)] {
        let (mut peer, id) = Peer::established(family);
        peer.write(id, &pattern(BEFORE));
        for mtu in (0..1_500).rev() {
            for number in [1, 1_461, 2_001] {
                peer.deliver(forged(&peer, too_big(mtu), (number, 1_500)));
            }
        }
        assert_eq!(mss(&mut peer, id), least, "{family:?}");
        assert_eq!(peer.take_all(BEFORE), pattern(BEFORE));
        assert_eq!(peer.state(id), State::Established);
        assert!(!peer.log.iter().any(|sent| sent.has(TcpFlags::RST)));
    }
}
