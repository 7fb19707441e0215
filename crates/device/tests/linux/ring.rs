//! Packet sockets whose right end reads from a ring.

use std::io;

use handfast_device::{Device, PacketOptions, PacketSocket, Reading};
use handfast_packet::buf::{Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

use crate::frames::{assert_same, fetch, fetch_one, send, wire_of, wire_of_sent};
use crate::packet::Cable;
use crate::runner::{Test, ip};

pub(crate) const TESTS: &[Test] = &[
    ("ring::frames_arrive_as_they_left", as_they_left),
    (
        "ring::what_is_too_long_for_a_slot_keeps_its_place",
        too_long,
    ),
    ("ring::slots_are_used_again", around),
    ("ring::a_full_ring_is_counted", full),
    ("ring::frames_for_others_are_left_out", filtered),
    ("ring::an_interface_that_goes_down_is_an_error", goes_down),
    ("ring::without_one_frames_arrive_as_well", without),
    ("ring::who_chose_and_why_is_told", choice),
];

const RING: PacketOptions = PacketOptions {
    receive_buffer: None,
    super_segments: true,
    checksums: true,
    outgoing: false,
    hardware_address: None,
    reading: Some(Reading::Ring),
};

fn as_they_left() -> Result<(), String> {
    let mut cable = Cable::with(&RING);
    assert_eq!(cable.right.reading().0, Reading::Ring);
    // The last is as long as the MTU allows.
    for len in [0, 1, 100, 1_460] {
        let mut segment = cable.segment(len);
        segment.cut = 1_460;
        let frame = segment.frame();
        send(&mut cable.left, frame.clone());
        let received = fetch_one(&mut cable.right);
        assert_eq!(received.data[..], frame.to_vec()[..]);
        let what = (received.checksum, received.gso, received.received_at);
        assert_eq!(what, (RxChecksum::Partial, None, Instant::from_secs(1)));
    }
    Ok(())
}

fn too_long() -> Result<(), String> {
    for super_segments in [true, false] {
        let mut cable = Cable::with(&PacketOptions {
            super_segments,
            ..RING
        });
        let frames = [10, 60_000, 20].map(|len| cable.segment(len).frame());
        for frame in &frames {
            send(&mut cable.left, frame.clone());
        }
        for (frame, len) in frames.into_iter().zip([10, 60_000, 20]) {
            let received = fetch(&mut cable.right, frame.head.len(), len);
            assert_eq!(received.len() == 1, super_segments || len < 1_000);
            let expected = wire_of_sent(frame, Medium::Ethernet);
            assert_same(&wire_of(received, Medium::Ethernet), &expected);
        }
        let statistics = cable.right.statistics();
        assert_eq!((statistics.dropped, statistics.unusable), (0, 0));
    }
    Ok(())
}

fn around() -> Result<(), String> {
    let mut cable = Cable::with(&PacketOptions {
        receive_buffer: Some(1),
        ..RING
    });
    // One block of 64 KiB.
    let slots = 40;
    let (mut sent, mut got) = (0, 0);
    while got < 5 * slots {
        // Seven at a time, so that the round ends at another place each time.
        let mut batch = TxBatch::new();
        for _ in 0..7 {
            batch.push(cable.segment(sent % 1_400).frame());
            sent += 1;
        }
        let taken = cable.left.send(Instant::ZERO, &mut batch);
        assert_eq!(taken.expect("the device works"), 7);
        for _ in 0..7 {
            let expected = cable.segment(got % 1_400).frame().to_vec();
            assert_eq!(fetch_one(&mut cable.right).data[..], expected[..]);
            got += 1;
        }
    }
    assert_eq!(cable.right.statistics().dropped, 0);
    Ok(())
}

fn full() -> Result<(), String> {
    let mut cable = Cable::with(&PacketOptions {
        receive_buffer: Some(64 * 1_024),
        ..RING
    });
    let frame = cable.segment(1_400).frame();
    for _ in 0..200 {
        send(&mut cable.left, frame.clone());
    }
    let mut frames: Vec<RxFrame> = vec![fetch_one(&mut cable.right)];
    let mut batch = RxBatch::new();
    while cable.right.recv(Instant::ZERO, &mut batch).expect("works") > 0 {
        frames.extend(std::iter::from_fn(|| batch.pop()));
    }
    let statistics = cable.right.statistics();
    let got = u64::try_from(frames.len()).expect("few");
    assert!(statistics.dropped >= 50, "{statistics:?}");
    assert_eq!((statistics.received, got + statistics.dropped), (200, 200));
    // There is room again.
    send(&mut cable.left, frame.clone());
    assert_eq!(fetch_one(&mut cable.right).data[..], frame.to_vec()[..]);
    Ok(())
}

fn filtered() -> Result<(), String> {
    let mut cable = Cable::with(&RING);
    let mut stranger = cable.segment(10);
    stranger.link = stranger
        .link
        .map(|[_, left]| [EthernetAddress([2, 9, 9, 9, 9, 9]), left]);
    send(&mut cable.left, stranger.frame());
    let wanted = cable.segment(11).frame();
    send(&mut cable.left, wanted.clone());
    assert_eq!(fetch_one(&mut cable.right).data[..], wanted.to_vec()[..]);
    assert_eq!(cable.right.statistics().received, 1);
    Ok(())
}

fn goes_down() -> Result<(), String> {
    let mut cable = Cable::with(&RING);
    let waiting = cable.segment(10).frame();
    send(&mut cable.left, waiting.clone());
    assert_eq!(fetch_one(&mut cable.right).data[..], waiting.to_vec()[..]);
    ip("link set right down");
    let mut batch = RxBatch::new();
    let error = cable.right.recv(Instant::ZERO, &mut batch);
    let error = error.expect_err("this must fail");
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    assert!(error.to_string().contains("`right` went down"), "{error}");
    Ok(())
}

fn without() -> Result<(), String> {
    let mut cable = Cable::with(&PacketOptions {
        reading: Some(Reading::Calls),
        receive_buffer: Some(256 * 1_024),
        ..PacketOptions::default()
    });
    for len in [10, 60_000, 20] {
        let frame = cable.segment(len).frame();
        send(&mut cable.left, frame.clone());
        let received = fetch(&mut cable.right, frame.head.len(), len);
        assert_eq!(received.len(), 1);
        let expected = wire_of_sent(frame, Medium::Ethernet);
        assert_same(&wire_of(received, Medium::Ethernet), &expected);
    }
    let frame = cable.segment(1_400).frame();
    for _ in 0..1_000 {
        send(&mut cable.left, frame.clone());
    }
    fetch_one(&mut cable.right);
    assert!(cable.right.statistics().dropped > 0);
    ip("link set right down");
    let mut batch = RxBatch::new();
    let ended = (0..1_000).find_map(|_| {
        batch.clear();
        cable.right.recv(Instant::ZERO, &mut batch).err()
    });
    assert_eq!(ended.expect("down").kind(), io::ErrorKind::NetworkDown);
    Ok(())
}

fn choice() -> Result<(), String> {
    let cable = Cable::with(&PacketOptions::default());
    assert_eq!(cable.right.reading().0, Reading::Ring);
    assert!(cable.right.reading().1.contains("small"));
    let calls = PacketOptions {
        reading: Some(Reading::Calls),
        ..PacketOptions::default()
    };
    let socket = PacketSocket::open("right", &calls).expect("it is up");
    assert_eq!(socket.reading(), (Reading::Calls, "as was asked for"));
    ip("link set right mtu 60000");
    let socket = PacketSocket::open("right", &RING).expect("it is up");
    assert_eq!(socket.reading().0, Reading::Calls);
    assert!(socket.reading().1.contains("few frames"));
    Ok(())
}
