//! A26: every combination of flags in every state has one documented action, and strangers do not
//! make us send more resets than is good for those whose address they took.

use core::net::SocketAddr;
use core::time::Duration;

use handfast_packet::tcp::TcpFlags;
use handfast_stack::RESETS_MAX;
use handfast_tcp::State;

use crate::peer::{ACK, FIN, Family, RST, SYN, Sent, both_families};
use crate::states::{PLACES, Place, Scene};

both_families!(
    a26_each_combination_of_flags_has_one_action_in_each_state,
    a26_resets_to_one_destination_are_limited,
);

/// The flags that decide what happens, with their weight in the column of the table. The five
/// others (PSH, URG, ECE, CWR, AE) never change an action.
const DECIDING: [(TcpFlags, usize); 4] = [(FIN, 1), (SYN, 2), (RST, 4), (ACK, 8)];

/// What a bare segment with the numbers RCV.NXT and, if it has ACK, SND.NXT does in each state.
///
/// The first letter of a cell is the answer: `-` none, `A` an ACK with the present numbers, `S` a
/// SYN-ACK, `R` a RST with SEG.ACK as its number, `r` a RST with an ACK of the segment. The second
/// is the state that follows: `.` the same, `L` LISTEN, `C` CLOSED, `r` SYN-RECEIVED,
/// `E` ESTABLISHED, `2` FIN-WAIT-2, `W` CLOSE-WAIT, `T` TIME-WAIT.
///
/// CLOSED: RFC 9293 3.10.7.1. LISTEN: 3.10.7.2, and SYN with FIN opens nothing. SYN-SENT:
/// 3.10.7.3, and only an answer to our SYN may have SYN and FIN. The others: 3.10.7.4, with the
/// challenges of RFC 5961 for a SYN; a passive open goes back to LISTEN on RST and on SYN, without
/// a word. TIME-WAIT: RFC 1337 for RST, RFC 6191 for a SYN with a number that is new.
#[rustfmt::skip]
const ACTIONS: [[&str; 16]; 11] = [
    // ----  F     S     SF    R     RF    RS    RSF   A     AF    AS    ASF   AR    ARF   ARS   all
    ["r.", "r.", "r.", "r.", "-.", "-.", "-.", "-.", "R.", "R.", "R.", "R.", "-.", "-.", "-.", "-."],
    ["-.", "-.", "Sr", "-.", "-.", "-.", "-.", "-.", "R.", "R.", "R.", "-.", "-.", "-.", "-.", "-."],
    ["-.", "-.", "Sr", "-.", "-.", "-.", "-.", "-.", "-.", "-.", "AE", "AW", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "-L", "-L", "-L", "-L", "-L", "-L", "-E", "AW", "-L", "-L", "-L", "-L", "-L", "-L"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-.", "AW", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-2", "AT", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-.", "AT", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-T", "-T", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "A.", "A.", "-C", "-C", "-C", "-C", "-C", "-C", "A.", "A.", "-C", "-C", "-C", "-C"],
    ["-.", "-.", "Sr", "A.", "-.", "-.", "-.", "-.", "-.", "A.", "A.", "A.", "-.", "-.", "-.", "-."],
];

fn a26_each_combination_of_flags_has_one_action_in_each_state(family: Family) {
    let mut cells = 0;
    for (place, actions) in PLACES.into_iter().zip(ACTIONS) {
        for flags in (0..512).map(TcpFlags) {
            let column = DECIDING.iter().filter(|(flag, _)| flags.contains(*flag));
            let cell = actions[column.map(|(_, weight)| weight).sum::<usize>()];
            let mut scene = Scene::new(family, place);
            scene.peer.send(flags, (scene.next, scene.sent), b"");
            let what = format!("{place:?}, flags {:#05x}", flags.0);
            assert_eq!(scene.place(), follows(place, cell), "{what}");
            answers(&mut scene, (flags, place), cell, &what);
            cells += 1;
        }
    }
    assert_eq!(cells, 512 * 11);
}

/// The state that a cell of the table names.
fn follows(place: Place, cell: &str) -> Place {
    match &cell[1..] {
        "L" => Place::Listen,
        "C" => Place::Closed,
        "r" => Place::In(State::SynReceived),
        "E" => Place::In(State::Established),
        "2" => Place::In(State::FinWait2),
        "W" => Place::In(State::CloseWait),
        "T" => Place::In(State::TimeWait),
        _ => place,
    }
}

/// The stack gave the answer that a cell of the table names, once, with the right numbers.
fn answers(scene: &mut Scene, (flags, place): (TcpFlags, Place), cell: &str, what: &str) {
    let Some(answer) = scene.peer.inbox.pop_front() else {
        return assert!(cell.starts_with('-'), "{what}: silent");
    };
    let bits = [SYN, FIN, RST, ACK].map(|flag| answer.has(flag));
    let (seq, ack) = scene.peer.numbers(&answer);
    let len = u32::from(flags.contains(SYN)) + u32::from(flags.contains(FIN));
    let taken = if scene.place() == place { 0 } else { len };
    let (kind, right) = match bits {
        [false, false, false, true] => ("A", (seq, ack) == (scene.sent, scene.next + taken)),
        [true, false, false, true] => ("S", ack == scene.next + 1),
        [false, false, true, false] => ("R", seq == scene.sent),
        [false, false, true, true] => ("r", (seq, ack) == (0, scene.next + len)),
        _ => ("?", false),
    };
    assert_eq!(kind, &cell[..1], "{what}: {answer:?}");
    assert!(right, "{what}: the numbers of {answer:?}");
    scene.peer.silent();
    let room = if answer.source.is_ipv4() { 60 } else { 80 };
    assert!(answer.packet.len() <= room, "{what}: no amplification");
}

/// RFC 5961 section 7 in spirit: whoever forges our peers' addresses gets them no more than a
/// few resets, and takes none from others.
fn a26_resets_to_one_destination_are_limited(family: Family) {
    for flags in [SYN, ACK, FIN, TcpFlags(0), TcpFlags(0x1fb)] {
        let mut scene = Scene::new(family, Place::Closed);
        let victim = scene.peer.remote;
        for second in 0..3 {
            let before = sent_to(&scene, victim);
            for _ in 0..10 * RESETS_MAX {
                scene.peer.send(flags, (0, 0), b"");
            }
            let resets = sent_to(&scene, victim) - before;
            assert_eq!(resets, usize::from(RESETS_MAX), "second {second}");
            scene.peer.remote = SocketAddr::new(family.address(9), 5_000);
            scene.peer.send(SYN, (0, 0), b"");
            assert_eq!(
                scene.peer.inbox.pop_back().map(|sent| sent.has(RST)),
                Some(true)
            );
            scene.peer.remote = victim;
            scene.peer.pass(Duration::from_secs(1));
        }
        let limited = u64::from(RESETS_MAX) * 27;
        assert_eq!(scene.peer.stack.counters().tcp.resets_limited, limited);
    }
}

fn sent_to(scene: &Scene, remote: SocketAddr) -> usize {
    let to = |sent: &&Sent| sent.destination == remote;
    scene.peer.log.iter().filter(to).count()
}
