//! Sockets on threads: two hosts in one process, joined in memory.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::blocking::Net;

fn nets() -> (Net, Net) {
    let (a, b) = devices();
    let client = Net::start(a, config(1)).unwrap();
    let server = Net::start(b, config(2)).unwrap();
    client.add_address(address(1)).unwrap();
    server.add_address(address(2)).unwrap();
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
    stream.set_read_timeout(Some(Duration::from_millis(20)));
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(accepted);
    stream.set_read_timeout(None);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
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
}

#[test]
fn an_address_is_claimed() {
    let (client, _peer) = nets();
    client.claim(address(9)).unwrap();
    let error = client.claim(address(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
