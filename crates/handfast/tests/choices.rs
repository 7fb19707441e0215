//! What a program may choose for a stream while it lives, and a close that waits.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::blocking::{Net, TcpStream};

/// Two hosts and a stream between them.
fn pair() -> (Net, Net, TcpStream, TcpStream) {
    let (a, b) = devices();
    let client = Net::start(a, config(1)).unwrap();
    let peer = Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    peer.host().add_address(address(2)).unwrap();
    let listener = peer.bind(server()).unwrap();
    let ours = client.connect(server()).unwrap();
    let theirs = listener.accept().unwrap().0;
    (client, peer, ours, theirs)
}

#[test]
fn each_choice_is_what_was_set() {
    let (_client, _peer, ours, _theirs) = pair();
    let seconds = Some(Duration::from_secs(7));
    ours.set_ttl(9).unwrap();
    ours.set_dscp(46).unwrap();
    ours.set_cork(true).unwrap();
    ours.set_keepalive(seconds).unwrap();
    ours.set_user_timeout(seconds).unwrap();
    ours.set_max_segment(Some(500)).unwrap();
    ours.set_recv_buffer_size(30_000).unwrap();
    ours.set_unsent_low_water(Some(10_000)).unwrap();
    assert_eq!((ours.ttl().unwrap(), ours.dscp().unwrap()), (9, 46));
    assert!(ours.cork().unwrap());
    assert_eq!(ours.keepalive().unwrap(), seconds);
    assert_eq!(ours.user_timeout().unwrap(), seconds);
    assert!(ours.max_segment().unwrap() <= 500);
    assert_eq!(ours.recv_buffer_size().unwrap(), 30_000);
    assert_eq!(ours.unsent_low_water().unwrap(), Some(10_000));
    assert!(ours.take_error().unwrap().is_none());
}

#[test]
fn a_linger_of_zero_resets_the_peer() {
    let (_client, _peer, ours, mut theirs) = pair();
    ours.set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(ours.linger().unwrap(), Some(Duration::ZERO));
    ours.close().unwrap();
    let error = theirs.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_close_waits_until_all_is_delivered() {
    let (_client, _peer, mut ours, mut theirs) = pair();
    ours.set_linger(Some(Duration::from_secs(30))).unwrap();
    ours.write_all(b"all of it").unwrap();
    ours.close().unwrap();
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"all of it");
}

/// The peer reads nothing and its buffer is full: the time runs out.
#[test]
fn a_close_waits_no_longer_than_it_was_told() {
    let (_client, _peer, mut ours, theirs) = pair();
    theirs.set_recv_buffer_size(1_000).unwrap();
    ours.set_linger(Some(Duration::from_millis(50))).unwrap();
    ours.set_send_buffer_size(1 << 20).unwrap();
    ours.write_all(&pattern(1 << 20)).unwrap();
    let error = ours.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn urgent_octets_go_out_of_band() {
    let (_client, _peer, mut ours, mut theirs) = pair();
    theirs.set_urgent_inline(false).unwrap();
    ours.write_all(b"abc").unwrap();
    assert_eq!(ours.write_urgent(b"!").unwrap(), 1);
    ours.write_all(b"def").unwrap();
    let mut text = [0; 6];
    theirs.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"abcdef");
    assert_eq!(theirs.read_urgent().unwrap(), Some(b'!'));
    assert_eq!(theirs.read_urgent().unwrap(), None);
}
