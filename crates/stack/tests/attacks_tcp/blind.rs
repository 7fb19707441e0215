//! A19 to A21: an attacker who sees nothing guesses sequence numbers (RFC 5961).

use handfast_packet::tcp::TcpFlags;
use handfast_tcp::{CloseReason, State};

use crate::peer::{ACK, Family, PSH, Peer, RST, SYN, SYN_ACK, both_families, pattern};
use crate::random::Random;
use crate::states::{PLACES, Place, SYNCHRONISED, Scene};

both_families!(
    a19_only_a_reset_exactly_at_the_next_number_counts,
    a19_a_reset_in_syn_sent_needs_the_right_ack,
    a20_a_syn_gets_a_challenge_whatever_its_number,
    a20_a_peer_that_was_restarted_recovers_by_its_reset,
    a21_text_with_an_implausible_ack_never_gets_in,
    a21_random_injections_corrupt_nothing,
);

/// What is injected at random every day, and when somebody asks for all of it.
const INJECTIONS: u32 = 20_000;
const INJECTIONS_IN_FULL: u32 = 10_000_000;

/// The right edge of the window that the stack announced last, counted from the peer's SYN.
fn right_edge(scene: &Scene) -> u32 {
    let last = scene.peer.log.last().unwrap();
    scene.peer.numbers(last).1 + u32::from(last.header.window)
}

fn a19_only_a_reset_exactly_at_the_next_number_counts(family: Family) {
    for place in PLACES {
        if place == Place::In(State::SynSent) {
            continue;
        }
        for flags in [RST, RST | ACK] {
            for class in 0..5 {
                let mut scene = Scene::new(family, place);
                let (next, right) = match place {
                    Place::Closed | Place::Listen => (1, 60_001),
                    Place::In(_) => (scene.next, right_edge(&scene)),
                };
                assert!(right > next + 2, "{place:?}: the window is open");
                let seq = [next.wrapping_sub(1), next, next + 1, right - 1, right][class];
                scene.peer.send(flags, (seq, scene.sent), b"");
                let what = format!("{place:?}, {flags:?}, class {class}");
                let (after, challenges) = match (place, class) {
                    // RFC 1337 for TIME-WAIT.
                    (Place::Closed | Place::Listen | Place::In(State::TimeWait), _) => (place, 0),
                    (Place::In(State::SynReceived), 1) => (Place::Listen, 0),
                    (_, 1) => (Place::Closed, 0),
                    (_, 2 | 3) => (place, 1),
                    _ => (place, 0),
                };
                assert_eq!(scene.place(), after, "{what}");
                assert_eq!(scene.peer.inbox.len(), challenges, "{what}");
                if let Some(challenge) = scene.peer.inbox.pop_front() {
                    assert_eq!(challenge.header.flags, ACK, "{what}");
                    assert_eq!(scene.peer.numbers(&challenge).1, scene.next, "{what}");
                }
            }
        }
    }
}

/// RFC 9293 3.10.7.3: there is no window yet, so the ACK decides.
fn a19_a_reset_in_syn_sent_needs_the_right_ack(family: Family) {
    for seq in [0, 1, 60_000, 1 << 31, u32::MAX] {
        for (flags, ack, ends) in [
            (RST, 1, false),
            (RST | ACK, 0, false),
            (RST | ACK, 2, false),
            (RST | ACK, 1 << 31, false),
            (RST | ACK, 1, true),
        ] {
            let mut scene = Scene::new(family, Place::In(State::SynSent));
            scene.peer.send(flags, (seq, ack), b"");
            assert_eq!(
                scene.place() == Place::Closed,
                ends,
                "{flags:?} {seq} {ack}"
            );
            scene.peer.silent();
        }
    }
}

fn a20_a_syn_gets_a_challenge_whatever_its_number(family: Family) {
    let mut random = Random::new(20);
    for state in SYNCHRONISED {
        let (next, right) = {
            let scene = Scene::new(family, Place::In(state));
            (scene.next, right_edge(&scene))
        };
        let mut numbers = vec![0, next - 1, next, next + 1, right - 1, right];
        numbers.extend((0..100).map(|_| random.number()));
        for seq in numbers {
            for flags in [SYN, SYN_ACK, SYN | PSH, SYN | TcpFlags::FIN] {
                let mut scene = Scene::new(family, Place::In(state));
                scene.peer.send(flags, (seq, scene.sent), b"text");
                let what = format!("{state:?}, {flags:?}, number {seq}");
                let challenge = scene.peer.next();
                assert_eq!(challenge.header.flags, ACK, "{what}");
                let numbers = scene.peer.numbers(&challenge);
                assert_eq!(numbers, (scene.sent, scene.next), "{what}");
                scene.peer.silent();
                assert_eq!(scene.place(), Place::In(state), "{what}");
                if let Some(id) = scene.id {
                    assert_eq!(scene.peer.tcp(id).readable(), 0, "{what}");
                }
            }
        }
    }
}

/// RFC 5961 4.2: the ACK reaches a peer that knows nothing of a connection; the RST that it
/// provokes has the exact number.
fn a20_a_peer_that_was_restarted_recovers_by_its_reset(family: Family) {
    for state in SYNCHRONISED {
        let mut scene = Scene::new(family, Place::In(state));
        let peer = &mut scene.peer;
        peer.send(SYN, (77_777, 0), b"");
        let challenge = peer.next();
        let (_, ack) = peer.numbers(&challenge);
        peer.send(RST, (ack, 0), b"");
        if let Some(id) = scene.id {
            assert_eq!(peer.tcp(id).close_reason(), Some(CloseReason::Reset));
        }
        peer.send(SYN, (77_777, 0), b"");
        assert!(
            peer.inbox.pop_back().is_some_and(|sent| sent.has(SYN_ACK)),
            "{state:?}"
        );
    }
}

/// Bytes that the busy connection has sent and seen acknowledged.
const ACKED: u32 = 103_000;

/// A connection with 6,000 bytes in flight; the ACKs that are plausible lie between the two
/// numbers.
fn busy(family: Family) -> (Peer, handfast_stack::TcpId, (u32, u32)) {
    let (mut peer, id) = Peer::established(family);
    let text = pattern(109_000);
    peer.write(id, &text[..100_000]);
    peer.take_all(100_000);
    peer.write(id, &text[100_000..]);
    peer.send(ACK, (1, ACKED + 1), b"");
    peer.inbox.clear();
    let window = u32::from(peer.window);
    (peer, id, (ACKED + 1 - window, 109_001))
}

/// RFC 5961 5.2, at the edges, in every state that takes text.
fn a21_text_with_an_implausible_ack_never_gets_in(family: Family) {
    let (_, _, (oldest, newest)) = busy(family);
    for (ack, good) in [
        (oldest.wrapping_sub(1), false),
        (oldest, true),
        (ACKED + 1, true),
        (newest, true),
        (newest + 1, false),
        (newest.wrapping_add(1 << 31), false),
        (oldest.wrapping_sub(1 << 20), false),
    ] {
        for (seq, text) in [(1, &b"forged"[..]), (500, b"f")] {
            let (mut peer, id, _) = busy(family);
            peer.send(ACK | PSH, (seq, ack), text);
            if !good {
                let answers: Vec<_> = peer.inbox.drain(..).map(|sent| sent.header.flags).collect();
                assert_eq!(answers, [ACK], "one challenge");
            }
            // The rest arrives; what was forged shows, or does not.
            peer.send(ACK, (1, ACKED + 1), &[b'.'; 600]);
            let read = peer.read(id);
            assert_eq!(read.len(), 600);
            assert_eq!(read.contains(&b'f'), good, "ack {ack}, number {seq}");
        }
    }
}

fn a21_random_injections_corrupt_nothing(family: Family) {
    inject(family, INJECTIONS);
}

#[test]
#[ignore = "full size, 20 s: cargo test --release -- --ignored"]
fn a21_ten_million_random_injections_corrupt_nothing() {
    const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
    for family in FAMILIES {
        inject(family, INJECTIONS_IN_FULL);
    }
}

/// Three of four attackers know the window and guess the ACK; the fourth guesses both numbers.
fn inject(family: Family, count: u32) {
    let (mut peer, id, (oldest, newest)) = busy(family);
    let plausible = newest.wrapping_sub(oldest) + 1;
    let mut random = Random::new(21);
    for n in 0..count {
        let ack = oldest.wrapping_sub(1 + random.below(u32::MAX - plausible));
        let seq = if n % 4 == 0 {
            random.number()
        } else {
            1 + random.below(60_000)
        };
        peer.send(ACK | PSH, (seq, ack), b"forged");
        peer.log.clear();
        peer.inbox.clear();
    }
    let challenges = peer.stack.counters().tcp.challenge_acks;
    // Ten for wrong ACKs; text outside the window gets its ACK as RFC 9293 3.10.7.4 wants.
    assert!(challenges <= u64::from(count) / 4 + 10, "{challenges}");
    assert_eq!(peer.tcp(id).readable(), 0);
    let text = pattern(50_000);
    for (n, part) in text.chunks(1_000).enumerate() {
        let seq = 1 + 1_000 * u32::try_from(n).unwrap();
        peer.send(ACK, (seq, ACKED + 1), part);
    }
    assert!(peer.read(id) == text, "every byte is the peer's");
}
