//! Whole transfers in virtual time.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use handfast::{Config, Connect, EthernetAddress, Host, Instant, Listen, TcpStream};
use handfast_device::{Impair, ImpairSpec, Record};
use handfast_packet::buf::{Capabilities, Medium};
use handfast_sim::referee::Referee;
use handfast_sim::{Stalled, World, link};

const MINUTE: Duration = Duration::from_secs(60);

fn server() -> SocketAddr {
    "192.0.2.2:80".parse().unwrap()
}

/// Two hosts with a referee; the first one's device is impaired.
fn world(spec: &str, seed: u64, max_gso: u32) -> (World, Host, Host, Referee) {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso,
        tx_checksum: max_gso > 0,
    };
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let (a, b) = link(capabilities, addresses);
    let spec: ImpairSpec = spec.parse().unwrap();
    let referee = Referee::new();
    let device = Record::new(Impair::new(a, spec, seed), referee.wire(0));
    let mut world = World::new();
    let client = world.add(
        device,
        Config {
            seed,
            ..Config::default()
        },
    );
    let peer = world.add(
        Record::new(b, referee.wire(1)),
        Config {
            seed: seed + 1,
            ..Config::default()
        },
    );
    client.add_address("192.0.2.1/24".parse().unwrap()).unwrap();
    peer.add_address("192.0.2.2/24".parse().unwrap()).unwrap();
    (world, client, peer, referee)
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| stream.poll_write(cx, bytes)).await.unwrap();
        bytes = &bytes[count..];
    }
    poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
}

async fn read_all(stream: &TcpStream) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut buffer))
            .await
            .unwrap()
        {
            0 => return bytes,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect()
}

/// A server that sends `len` bytes to whoever connects, and a client that fetches them.
/// Returns the digest of all frames and the time it took.
fn fetch(spec: &str, seed: u64, len: usize, max_gso: u32) -> ((u64, u64), Duration) {
    let (mut world, client, peer, referee) = world(spec, seed, max_gso);
    let listener = peer.listen(server(), Listen::default()).unwrap();
    let expected = pattern(len);
    let content = expected.clone();
    world.spawn(async move {
        let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        write_all(&stream, &content).await;
        assert!(read_all(&stream).await.is_empty());
    });
    let start = world.now();
    let got = world.run_until(10 * MINUTE, async move {
        let stream = client.connect(server(), Connect::default()).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap();
        let got = read_all(&stream).await;
        poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
        got
    });
    assert!(got.unwrap() == expected, "seed {seed}: {spec}");
    let violation = referee.violation();
    assert!(violation.is_none(), "seed {seed}: {spec}: {violation:?}");
    ((referee.digest(), referee.frames()), world.now() - start)
}

#[test]
fn a_page_takes_two_round_trips_and_a_bit() {
    let (_, time) = fetch("delay=10ms", 1, 5_000, 65_000);
    // ARP, SYN and text each there and back: 20 ms each.
    assert!(
        (Duration::from_millis(40)..=Duration::from_millis(80)).contains(&time),
        "{time:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let spec = "delay=5ms,jitter=2ms,loss=1%";
    for max_gso in [0, 65_000] {
        let first = fetch(spec, 7, 300_000, max_gso);
        assert_eq!(first, fetch(spec, 7, 300_000, max_gso));
        assert_ne!(first.0, fetch(spec, 8, 300_000, max_gso).0);
        assert!(first.0.1 > 20, "there were frames at all");
    }
}

#[test]
fn loss_delay_and_reordering_change_no_byte() {
    for seed in 0..40 {
        let spec = [
            "loss=2%,delay=10ms",
            "delay=3ms,jitter=9ms,reorder=5%,duplicate=2%",
        ];
        fetch(
            spec[usize::from(seed % 2 == 0)],
            seed,
            200_000,
            if seed % 3 == 0 { 0 } else { 65_000 },
        );
    }
}

#[test]
fn a_rate_is_kept() {
    let (_, time) = fetch("rate=10mbit,delay=5ms,queue=64KiB", 1, 2_000_000, 65_000);
    // 2 MB at 10 Mbit/s take 1.6 s.
    assert!((1_600..2_400).contains(&time.as_millis()), "{time:?}");
}

#[test]
fn a_world_where_nobody_does_anything_is_reported() {
    let (mut world, client, _peer, _) = world("delay=1ms", 1, 0);
    let forever = world.run_until(MINUTE, async move {
        let _host = client;
        std::future::pending::<()>().await;
    });
    assert!(matches!(forever, Err(Stalled::Idle { .. })), "{forever:?}");
}

#[test]
fn a_connection_into_the_void_times_out_in_virtual_time() {
    let (mut world, client, _peer, _) = world("out.loss=100%", 1, 0);
    let error = world.run_until(10 * MINUTE, async move {
        let stream = client.connect(server(), Connect::default()).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap_err()
    });
    assert_eq!(error.unwrap().kind(), std::io::ErrorKind::HostUnreachable);
}

#[test]
fn sleepers_wake_in_order() {
    let (mut world, _client, _peer, _) = world("delay=1ms", 1, 0);
    let order = Rc::new(RefCell::new(Vec::new()));
    for millis in [30, 10, 20] {
        let (order, sleep) = (
            Rc::clone(&order),
            world.sleep(Duration::from_millis(millis)),
        );
        world.spawn(async move {
            sleep.await;
            order.borrow_mut().push(millis);
        });
    }
    let sleep = world.sleep(Duration::from_secs(1));
    world.run_until(MINUTE, sleep).unwrap();
    assert_eq!(*order.borrow(), [10, 20, 30]);
}

/// RFC 5227 with its own numbers: 0 to 1 s, two waits of 1 to 2 s, and 2 s of silence.
#[test]
fn an_address_is_claimed_in_the_time_that_the_rfc_gives() {
    let (mut world, client, peer, _) = world("delay=1ms", 5, 0);
    let free = "192.0.2.9/24".parse().unwrap();
    let start = world.now();
    let (claimer, address) = (client.clone(), [192, 0, 2, 9].into());
    let outcome = world.run_until(MINUTE, async move {
        claimer.start_claim(free).unwrap();
        poll_fn(|cx| claimer.poll_claim(cx, address)).await
    });
    outcome.unwrap().unwrap();
    assert!((4..=7).contains(&(world.now() - start).as_secs()));
    let outcome = world.run_until(MINUTE, async move {
        peer.start_claim(free).unwrap();
        poll_fn(|cx| peer.poll_claim(cx, address)).await
    });
    let error = outcome.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(client.is_local(address), "who has it keeps it");
}

#[test]
fn a_host_that_was_shut_down_leaves_the_world() {
    let (mut world, client, peer, _) = world("delay=10ms", 6, 65_000);
    let listener = peer.listen(server(), Listen::default()).unwrap();
    let (leaving, staying) = (client.clone(), client.clone());
    let received = world.run_until(MINUTE, async move {
        let stream = client.connect(server(), Connect::default()).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap();
        let (accepted, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        write_all(&stream, &pattern(100_000)).await;
        drop(stream);
        let received = read_all(&accepted).await;
        drop(accepted);
        poll_fn(|cx| leaving.poll_shutdown(cx)).await;
        received
    });
    assert!(received.unwrap() == pattern(100_000));
    assert!(
        world.now() < Instant::from_secs(1),
        "an orderly end takes no time limit"
    );
    let refused = staying.connect(server(), Connect::default()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::NetworkDown);
    let orphan = world.run_until(MINUTE, async move {
        let remote = "192.0.2.1:80".parse().unwrap();
        let stream = peer.connect(remote, Connect::default()).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap_err()
    });
    assert_eq!(orphan.unwrap().kind(), std::io::ErrorKind::HostUnreachable);
}

#[test]
fn a_world_that_is_too_slow_is_reported() {
    let (mut world, client, _peer, _) = world("out.loss=100%", 1, 0);
    let late = world.run_until(Duration::from_secs(1), async move {
        let stream = client.connect(server(), Connect::default()).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap_err()
    });
    assert!(matches!(late, Err(Stalled::Deadline { .. })), "{late:?}");
}

#[test]
fn a_task_that_only_yields_is_reported() {
    let (mut world, _client, _peer, _) = world("delay=1ms", 1, 0);
    let busy = world.run_until(
        MINUTE,
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }),
    );
    assert!(matches!(busy, Err(Stalled::Circles { .. })), "{busy:?}");
}

#[test]
fn a_task_may_start_tasks() {
    let (mut world, _client, _peer, _) = world("delay=1ms", 1, 0);
    let (spawner, sleeper) = (world.spawner(), world.sleeper());
    let done = Rc::new(RefCell::new(0));
    let count = Rc::clone(&done);
    world.spawn(async move {
        for index in 0..10 {
            let (sleep, count) = (sleeper(Duration::from_millis(index)), Rc::clone(&count));
            spawner.spawn(async move {
                sleep.await;
                *count.borrow_mut() += 1;
            });
        }
    });
    let sleep = world.sleep(Duration::from_secs(1));
    world.run_until(MINUTE, sleep).unwrap();
    assert_eq!(*done.borrow(), 10);
}
