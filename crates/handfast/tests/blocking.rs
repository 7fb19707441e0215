//! Sockets on threads: two hosts in one process, joined in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::blocking::Net;
use handfast::{Connect, FastOpenConnect, FastOpenListen, Listen};

fn nets() -> (Net, Net) {
    let (a, b) = devices();
    let client = Net::start(a, config(1)).unwrap();
    let server = Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    server.host().add_address(address(2)).unwrap();
    (client, server)
}

#[test]
fn an_echo_of_megabytes() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let echo = thread::spawn(move || {
        let mut stream = listener.incoming().next().unwrap().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    let mut stream = client.connect(server()).unwrap();
    let bytes = pattern(8 << 20);
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == bytes);
    echo.join().unwrap();
    drop(stream);
    client.shutdown();
    assert_eq!(client.host().tcp_count(), 0);
}

#[test]
fn a_read_timeout_is_kept() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let mut stream = client.connect(server()).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    assert_eq!(from, stream.local_addr().unwrap());
    let timeout = Some(Duration::from_millis(20));
    stream.set_read_timeout(timeout).unwrap();
    assert_eq!(stream.read_timeout().unwrap(), timeout);
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "as std on Unix");
    let error = stream.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    drop(accepted);
    stream.set_read_timeout(None).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_write_timeout_is_kept() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let mut stream = client.connect(server()).unwrap();
    let (_accepted, _) = listener.accept().unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    // Nobody reads, so both buffers fill up.
    let error = stream.write_all(&pattern(20 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn refused_and_unreachable_are_told_apart() {
    let (client, _peer) = nets();
    let error = client.connect(server()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let nobody = "192.0.2.77:80".parse().unwrap();
    let error = client
        .connect_timeout(nobody, Duration::from_millis(30))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let error = client.connect(nobody).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
}

#[test]
fn an_address_is_claimed() {
    let (client, peer) = nets();
    client.claim(address(9)).unwrap();
    assert!(client.host().is_local(address(9).address));
    for net in [&client, &peer] {
        let error = net.claim(address(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
    }
}

#[test]
fn two_threads_share_a_stream() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let stream = client.connect(server()).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    let bytes = pattern(4 << 20);
    thread::scope(|scope| {
        let clone = stream.try_clone().unwrap();
        let reader = scope.spawn(move || {
            let mut received = Vec::new();
            (&clone).read_to_end(&mut received).unwrap();
            received
        });
        scope.spawn(|| {
            (&stream).write_all(&bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        accepted.read_to_end(&mut received).unwrap();
        accepted.write_all(&received).unwrap();
        drop(accepted);
        assert!(reader.join().unwrap() == bytes);
    });
}

#[test]
fn a_shut_direction_reads_nothing_or_writes_nothing() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let mut stream = client.connect(server()).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.write_all(b"unheard").unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    let error = stream.write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(accepted.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_shutdown_wakes_who_accepts() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).unwrap();
    let acceptor = thread::spawn(move || listener.accept().unwrap_err().kind());
    peer.shutdown();
    assert_eq!(acceptor.join().unwrap(), ErrorKind::NetworkDown);
    // The port is closed, and so is the host: nobody answers for its address any more.
    let timeout = Duration::from_millis(20);
    let error = client.connect_timeout(server(), timeout).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// The second connection to a server that knows Fast Open saves a round trip, and neither side
/// sees a difference otherwise.
#[test]
fn a_question_goes_with_the_syn() {
    let (client, peer) = nets();
    let options = Listen {
        fast_open: Some(FastOpenListen {
            pending: 8,
            cookieless: false,
        }),
        ..Listen::default()
    };
    let listener = peer.bind_with(server(), options).unwrap();
    let echo = thread::spawn(move || {
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        }
    });
    let options = Connect {
        fast_open: FastOpenConnect::Now,
        ..Connect::default()
    };
    // More than a SYN holds, and more than a buffer holds.
    for len in [100, 5_000, 9 << 20] {
        let question = pattern(len);
        let mut stream = client
            .connect_with_text(server(), options, &question)
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer == question, "{len}");
    }
    echo.join().unwrap();
    assert_eq!(peer.host().counters().tcp.early_opens, 2);
}
