//! No allocation in steady state: two stacks in memory transfer, ask and answer, and open and close
//! connections, for ten seconds of their time, and ask for no memory. What they need they have by
//! then.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod counter;
mod pair;

use core::time::Duration;

use handfast_stack::TcpId;
use handfast_tcp as tcp;

use counter::count;
use pair::{PLAIN, Pair, Path};

const WARM_UP: Duration = Duration::from_secs(5);
/// Where chance decides how much waits for what was lost, until it has been as much as it gets.
const WARM_UP_WITH_LOSSES: Duration = Duration::from_secs(120);
const MEASURED: Duration = Duration::from_secs(10);
/// What an application writes or reads at once.
const PIECE: usize = 64 << 10;
/// Bytes of a request and of an answer.
const MESSAGE: usize = 64;

/// Runs `work` until everything has the size that it needs, and then counts.
fn expect_none(pair: &mut Pair, mut work: impl FnMut(&mut Pair)) {
    let warm_up = if pair.path.is_clean() {
        WARM_UP
    } else {
        WARM_UP_WITH_LOSSES
    };
    pair.run(warm_up, &mut work);
    let counted = count(|| pair.run(MEASURED, &mut work));
    if let Some((size, place)) = counted.first {
        let times = counted.allocations;
        panic!(
            "{times} allocations in steady state; the first, of {size} bytes, was here:\n{place}"
        );
    }
}

fn open(pair: &mut Pair) -> (TcpId, TcpId) {
    let client = pair.connect();
    pair.run(Duration::from_millis(100), |_| {});
    (client, pair.stacks[1].accept(pair.listener).unwrap())
}

/// One stream, as fast as it goes with a window of 256 KiB.
fn transfer(path: Path) {
    let config = tcp::Config {
        send_buffer_max: 256 << 10,
        ..tcp::Config::default()
    };
    let mut pair = Pair::new(path, config);
    let (client, server) = open(&mut pair);
    let written = vec![0x5a; PIECE];
    let mut read = vec![0; PIECE];
    let mut total = 0;
    expect_none(&mut pair, |pair| {
        while let Ok(1..) = pair.socket(0, client).write(&written) {}
        while let Ok(bytes @ 1..) = pair.socket(1, server).read(&mut read) {
            total += bytes;
        }
    });
    assert!(total > 10 << 20, "{total} bytes came over");
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
fn a_transfer_with_losses_allocates_nothing() {
    transfer(Path { lost: 10, ..PLAIN });
}

#[test]
fn a_transfer_with_losses_and_reordering_allocates_nothing() {
    transfer(Path {
        lost: 10,
        late: 20,
        ..PLAIN
    });
}

#[test]
fn super_segments_with_losses_and_reordering_allocate_nothing() {
    transfer(Path {
        super_segment: 64_000,
        lost: 10,
        late: 20,
        ..PLAIN
    });
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
    expect_none(&mut pair, |pair| {
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
    });
    assert!(answers > 5_000, "{answers} answers");
    assert!(pair.stacks[0].time_wait_count() > 100);
}
