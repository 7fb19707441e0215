//! `Config::busy_poll`: a driver that spins lets applications run, hears of everything that one
//! that sleeps hears of, and keeps nobody's clock from moving on.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::{Config, Connect, Driver, Host, Instant, ManualClock, Wait, blocking};
use handfast_device::Device;
use handfast_packet::buf::{TxBatch, TxFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer than any test: who spins never sleeps.
const ALWAYS: Duration = Duration::from_secs(3_600);

fn busy(seed: u64, busy_poll: Duration) -> Config {
    Config {
        busy_poll,
        ..config(seed)
    }
}

fn tokio_nets(busy_poll: Duration) -> [handfast::tokio::Net; 2] {
    let (a, b) = devices();
    let client = handfast::tokio::Net::start(a, busy(1, busy_poll)).unwrap();
    let server = handfast::tokio::Net::start(b, busy(2, busy_poll)).unwrap();
    client.host().add_address(address(1)).unwrap();
    server.host().add_address(address(2)).unwrap();
    [client, server]
}

#[tokio::test]
async fn applications_and_their_timers_run_beside_drivers_that_never_sleep() {
    let [client, peer] = tokio_nets(ALWAYS);
    let listener = peer.bind(server()).await.unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut word = [0; 4];
        while stream.read_exact(&mut word).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            stream.write_all(&word).await.unwrap();
        }
    });
    let mut stream = client.connect(server()).await.unwrap();
    for said in pattern(80).chunks(4) {
        let mut word = [0; 4];
        stream.write_all(said).await.unwrap();
        stream.read_exact(&mut word).await.unwrap();
        assert_eq!(word, said);
    }
    drop(stream);
    echo.await.unwrap();
    client.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_spinning_driver_does_not_hold_a_clock_that_waits_for_idleness() {
    let [client, _peer] = tokio_nets(Duration::from_millis(2));
    let before = tokio::time::Instant::now();
    let nobody = "192.0.2.77:80".parse().unwrap();
    let error = client.connect(nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    assert!(before.elapsed() >= Duration::from_secs(1));
}

#[test]
fn threads_that_spin_are_woken_and_keep_their_timeouts() {
    let (a, b) = devices();
    let client = blocking::Net::start(a, busy(1, ALWAYS)).unwrap();
    let peer = blocking::Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    peer.host().add_address(address(2)).unwrap();
    let listener = peer.bind(server()).unwrap();
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut word = [0; 4];
        while stream.read_exact(&mut word).is_ok() {
            stream.write_all(&word).unwrap();
        }
    });
    let mut stream = client
        .connect_with(server(), Connect::default(), None)
        .unwrap();
    for said in pattern(80).chunks(4) {
        let mut word = [0; 4];
        stream.write_all(said).unwrap();
        stream.read_exact(&mut word).unwrap();
        assert_eq!(word, said);
    }
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let error = stream.read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(stream);
    echo.join().unwrap();
    client.shutdown();
}

#[test]
fn a_turn_without_frames_calls_or_timers_is_no_work() {
    let hand = ManualClock::new();
    let (a, _b) = devices();
    let host = Host::new(busy(1, ALWAYS), a.capabilities(), hand.clock());
    let mut driver = Driver::new(&host, a);
    assert_eq!(driver.busy_poll(), ALWAYS);
    host.add_address(address(1)).unwrap();
    let now = Instant::from_millis(1);
    driver.turn(now).unwrap();
    assert!(driver.has_worked());
    let calls = host.calls();
    assert_eq!(driver.turn(now).unwrap(), Wait::Readable { until: None });
    assert!(!driver.has_worked());
    assert_eq!(host.calls(), calls);

    // A claim of the address makes work at once, and again when its timer is due.
    host.start_claim(address(3)).unwrap();
    let until = loop {
        match driver.turn(now).unwrap() {
            Wait::Readable { until: Some(until) } => break until,
            Wait::Now => assert!(driver.has_worked()),
            other => panic!("{other:?}"),
        }
    };
    driver.turn(now).unwrap();
    assert!(!driver.has_worked());
    driver.turn(until).unwrap();
    assert!(driver.has_worked());
}

/// The question whether there is another frame waits until the application had its turn.
#[test]
fn who_spins_takes_the_first_frame_alone() {
    let now = Instant::from_millis(1);
    for (busy_poll, alone) in [(ALWAYS, true), (Duration::ZERO, false)] {
        let (a, mut b) = devices();
        let host = Host::new(
            busy(1, busy_poll),
            a.capabilities(),
            ManualClock::new().clock(),
        );
        let mut driver = Driver::new(&host, a);
        let idle = Wait::Readable { until: None };
        assert_eq!(driver.turn(now).unwrap(), idle);
        let mut arrive = |count| {
            let mut batch = TxBatch::new();
            for _ in 0..count {
                let mut frame = TxFrame::default();
                frame.head.prepend(20).fill(0);
                batch.push(frame);
            }
            assert_eq!(b.send(now, &mut batch).unwrap(), count);
        };
        let first = if alone { Wait::Now } else { idle };
        for count in [1, 3] {
            arrive(count);
            assert_eq!(driver.turn(now).unwrap(), first, "{count}");
            assert_eq!(driver.turn_for_call(now).unwrap(), first, "{count}");
            assert_eq!(driver.turn(now).unwrap(), idle, "{count}");
        }
        // Many came when all were asked for, so they do again.
        arrive(2);
        assert_eq!(driver.turn(now).unwrap(), idle);
    }
}
