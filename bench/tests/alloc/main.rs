//! No allocation in steady state: two stacks in memory transfer, ask and answer, and open and close
//! connections, for ten seconds of their time, and ask for no memory. What they need they have by
//! then.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod counter;
mod pair;
#[cfg(target_os = "linux")]
mod sockets;

use core::time::Duration;

use handfast_stack::TcpId;
use handfast_tcp as tcp;

use counter::{Counted, count};
use pair::{PLAIN, Pair, Path};

const WARM_UP: Duration = Duration::from_secs(5);
const WARM_UP_WITH_LOSSES: Duration = Duration::from_secs(40);
const MEASURED: Duration = Duration::from_secs(10);
/// Where chance decides how much waits at a time, for what was lost or for the processor, something is
/// longer than it ever was once in a while, and grows. What allocates each time would do so hundreds
/// of times.
const GROWN_BY_CHANCE: u64 = 20;
/// What an application writes or reads at once.
const PIECE: usize = 64 << 10;
/// Bytes of a request and of an answer.
const MESSAGE: usize = 64;

/// Expects `work` to allocate nothing once everything has the size that it needs.
fn expect_none(pair: &mut Pair, work: impl FnMut(&mut Pair)) {
    let clean = pair.path.is_clean();
    let most = if clean { 0 } else { GROWN_BY_CHANCE };
    expect_at_most(most, count_in(pair, work));
}

fn expect_at_most(most: u64, counted: Counted) {
    let times = counted.allocations;
    if times > most
        && let Some((size, place)) = counted.first
    {
        panic!(
            "{times} allocations in steady state; the first, of {size} bytes, was here:\n{place}"
        );
    }
}

/// Runs `work` for a while, and then counts.
fn count_in(pair: &mut Pair, mut work: impl FnMut(&mut Pair)) -> Counted {
    let clean = pair.path.is_clean();
    pair.run(if clean { WARM_UP } else { WARM_UP_WITH_LOSSES }, &mut work);
    count(|| pair.run(MEASURED, &mut work))
}

fn open(pair: &mut Pair) -> (TcpId, TcpId) {
    let client = pair.connect();
    pair.run(Duration::from_millis(100), |_| {});
    (client, pair.stacks[1].accept(pair.listener).unwrap())
}

/// One stream, as fast as it goes with a window of 256 KiB.
fn transfer(path: Path) {
    transfer_with(path, tcp::Config::default(), PIECE);
}

/// The same with `piece` bytes written and read at once.
fn transfer_with(path: Path, config: tcp::Config, piece: usize) {
    let mut pair = Pair::new(path, limited(config));
    let (client, server) = open(&mut pair);
    let written = vec![0x5a; piece];
    let mut read = vec![0; piece];
    let mut total = 0;
    expect_none(&mut pair, |pair| {
        while let Ok(1..) = pair.socket(0, client).write(&written) {}
        while let Ok(bytes @ 1..) = pair.socket(1, server).read(&mut read) {
            total += bytes;
        }
    });
    assert!(total > 10 << 20, "{total} bytes came over");
}

fn limited(config: tcp::Config) -> tcp::Config {
    tcp::Config {
        send_buffer_max: config.send_buffer_max.min(256 << 10),
        receive_buffer: 256 << 10,
        ..config
    }
}

#[test]
fn a_transfer_allocates_nothing() {
    transfer(PLAIN);
}

#[test]
fn a_transfer_in_super_segments_allocates_nothing() {
    transfer(Path {
        super_segment: 64_000,
        ..PLAIN
    });
}

#[test]
fn a_transfer_with_losses_allocates_almost_nothing() {
    transfer(Path { lost: 10, ..PLAIN });
}

#[test]
fn a_transfer_with_losses_and_reordering_allocates_almost_nothing() {
    transfer(Path {
        lost: 10,
        late: 20,
        ..PLAIN
    });
}

#[test]
fn super_segments_with_losses_and_reordering_allocate_almost_nothing() {
    transfer(Path {
        super_segment: 64_000,
        lost: 10,
        late: 20,
        ..PLAIN
    });
}

/// With losses: without SACK each duplicate ACK stands for a segment, ECN counts, BBR keeps filters.
#[test]
fn a_transfer_with_other_choices_allocates_almost_nothing() {
    let default = tcp::Config {
        send_buffer: 64 << 10,
        send_buffer_max: 64 << 10,
        ..tcp::Config::default()
    };
    let choices = [
        tcp::Config {
            sack: false,
            ..default
        },
        tcp::Config {
            timestamps: false,
            rack: false,
            ..default
        },
        tcp::Config {
            congestion: tcp::Algorithm::Bbr,
            ..default
        },
        tcp::Config {
            ecn: tcp::EcnMode::Accurate,
            congestion: tcp::Algorithm::Reno,
            ..default
        },
    ];
    for config in choices {
        transfer_with(Path { lost: 10, ..PLAIN }, config, PIECE);
    }
}

#[test]
fn a_transfer_in_small_pieces_allocates_nothing() {
    for piece in [500, 4_000, 17_000] {
        transfer_with(PLAIN, tcp::Config::default(), piece);
    }
}

/// A super-segment whose text comes from more than three blocks has a list of them.
#[test]
fn a_super_segment_of_many_pieces_allocates_once() {
    let path = Path {
        super_segment: 64_000,
        ..PLAIN
    };
    for piece in [100, 1_000, 4_000, 17_000] {
        let mut pair = Pair::new(path, limited(tcp::Config::default()));
        let (client, server) = open(&mut pair);
        let (written, mut read) = (vec![0x5a; piece], vec![0; PIECE]);
        let mut frames = 0;
        let counted = count_in(&mut pair, |pair| {
            while let Ok(1..) = pair.socket(0, client).write(&written) {}
            while let Ok(1..) = pair.socket(1, server).read(&mut read) {}
            frames = pair.stacks[0].counters().frames_sent;
        });
        assert!(counted.allocations < frames / 5, "{counted:?}");
    }
}

#[test]
fn a_transfer_over_ethernet_allocates_nothing() {
    for v6 in [false, true] {
        let ethernet = true;
        transfer(Path {
            ethernet,
            v6,
            ..PLAIN
        });
    }
}

/// Each client asks as soon as it has the answer.
fn ask_and_answer(connections: usize) {
    let mut pair = Pair::new(PLAIN, tcp::Config::default());
    let mut ids: Vec<_> = (0..connections).map(|_| open(&mut pair)).collect();
    for (client, _) in &ids {
        pair.socket(0, *client).write(&[1; MESSAGE]).unwrap();
    }
    let mut answers = 0;
    expect_none(&mut pair, |pair| {
        for (client, server) in &mut ids {
            let mut message = [0; MESSAGE];
            for (side, id) in [(1, server), (0, client)] {
                let mut socket = pair.socket(side, *id);
                while let Ok(MESSAGE) = socket.read(&mut message) {
                    answers += 1 - side;
                    socket.write(&message).unwrap();
                }
            }
        }
        while pair
            .stacks
            .iter_mut()
            .any(|stack| stack.poll_event().is_some())
        {}
    });
    assert!(answers > 1_000 * connections, "{answers} answers");
}

#[test]
fn asking_and_answering_allocates_nothing() {
    ask_and_answer(1);
}

#[test]
fn asking_and_answering_on_many_connections_allocates_nothing() {
    ask_and_answer(64);
}

/// Connections that open, ask, get an answer, and close; the clients wait in TIME-WAIT.
#[test]
fn connections_that_come_and_go_allocate_nothing() {
    let config = tcp::Config {
        time_wait: Duration::from_secs(1),
        ..tcp::Config::default()
    };
    let mut pair = Pair::new(PLAIN, config);
    let mut clients: Vec<_> = (0..16).map(|_| (pair.connect(), false)).collect();
    let mut servers = Vec::with_capacity(256);
    let mut answers = 0;
    let mut work = |pair: &mut Pair| {
        let mut message = [7; MESSAGE];
        for stack in &mut pair.stacks {
            while stack.poll_event().is_some() {}
        }
        for (client, asked) in &mut clients {
            let mut socket = pair.socket(0, *client);
            *asked = *asked || socket.write(&message) == Ok(MESSAGE);
            let answered = socket.read(&mut message) == Ok(MESSAGE);
            drop(socket);
            if answered {
                answers += 1;
                pair.stacks[0].release_tcp(pair.now, *client);
                (*client, *asked) = (pair.connect(), false);
            }
        }
        while let Some(server) = pair.stacks[1].accept(pair.listener) {
            servers.push(server);
        }
        servers.retain(|&server| {
            let mut socket = pair.socket(1, server);
            let read = socket.read(&mut message);
            if let Ok(bytes @ 1..) = read {
                assert_eq!(socket.write(&message[..bytes]), Ok(bytes));
            }
            drop(socket);
            if read == Ok(0) {
                pair.stacks[1].release_tcp(pair.now, server);
            }
            read != Ok(0)
        });
    };
    // A hash table that is half full doubles once, when the places of what went have filled it.
    pair.run(Duration::from_secs(60), &mut work);
    expect_none(&mut pair, work);
    assert!(answers > 5_000, "{answers} answers");
    assert!(pair.stacks[0].time_wait_count() > 100);
}
