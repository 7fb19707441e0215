//! Packet sockets at the two ends of a virtual cable.

use std::io;

use handfast_device::{Device, DeviceError, Impair, PacketOptions, PacketSocket, PacketStatistics};
use handfast_packet::buf::{Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

use crate::frames::{
    SEGMENT_LEN, Segment, assert_same, fetch, fetch_one, send, wire_of, wire_of_sent,
};
use crate::runner::{Test, await_service, ip};

pub(crate) const TESTS: &[Test] = &[
    (
        "packet::small_frames_pass_with_partial_checksums",
        small_frames,
    ),
    ("packet::super_frames_pass_whole", super_frames),
    (
        "packet::without_super_segments_frames_arrive_cut",
        without_super_segments,
    ),
    (
        "packet::a_frame_beyond_the_mtu_is_dropped_and_counted",
        too_large,
    ),
    ("packet::frames_for_others_are_left_out", filtered),
    (
        "packet::with_an_address_of_its_own_it_gets_what_is_for_that",
        own_address,
    ),
    (
        "packet::the_kernels_own_frames_are_seen_on_request_only",
        outgoing,
    ),
    ("packet::a_full_receive_buffer_is_counted", overflow),
    ("packet::a_batch_that_is_full_leaves_the_rest", batches),
    ("packet::impairment_works_on_a_real_device", impaired),
    ("packet::wrong_interfaces_are_explained", wrong_interfaces),
    ("packet::an_interface_that_goes_down_is_an_error", goes_down),
];

pub(crate) const WITHOUT_PRIVILEGE: Test = (
    "packet::a_missing_privilege_is_explained",
    missing_privilege,
);

/// A cable with a packet socket at either end. The cable goes with it.
pub(crate) struct Cable {
    pub(crate) left: PacketSocket,
    pub(crate) right: PacketSocket,
}

impl Cable {
    fn new() -> Self {
        Self::with(&PacketOptions::default())
    }

    /// `options` are for the right end.
    pub(crate) fn with(options: &PacketOptions) -> Self {
        ip("link add left type veth peer name right");
        ip("link set left up");
        ip("link set right up");
        await_service("left");
        await_service("right");
        let open = |name, options: &_| PacketSocket::open(name, options).expect("the end is up");
        Self {
            left: open("left", &PacketOptions::default()),
            right: open("right", options),
        }
    }

    /// A segment from the left end to the right one.
    pub(crate) fn segment(&self, len: usize) -> Segment {
        let link = [self.right.hardware_address(), self.left.hardware_address()];
        Segment::new(Some(link), len)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip("link delete left");
    }
}

fn small_frames() -> Result<(), String> {
    let mut cable = Cable::new();
    assert_eq!((cable.left.mtu(), cable.left.interface()), (1_500, "left"));
    let frame = cable.segment(100).frame();
    send(&mut cable.left, frame.clone());
    let received = fetch_one(&mut cable.right);
    assert_eq!(received.data[..], frame.to_vec()[..]);
    assert_eq!(
        (received.checksum, received.gso),
        (RxChecksum::Partial, None)
    );
    assert_eq!(received.received_at, Instant::from_secs(1));
    // The other way, with the checksum in place.
    let mut back = cable.segment(50);
    back.link = back.link.map(|[right, left]| [left, right]);
    let mut frame = back.frame();
    assert!(handfast_device::complete_checksum(&mut frame));
    send(&mut cable.right, frame.clone());
    let received = fetch_one(&mut cable.left);
    assert_eq!(received.data[..], frame.to_vec()[..]);
    assert_ne!(received.checksum, RxChecksum::Partial);
    Ok(())
}

fn super_frames() -> Result<(), String> {
    let mut cable = Cable::new();
    for v6 in [false, true] {
        // PSH and FIN among the flags: they must end up on the last segment only.
        let segment = Segment {
            v6,
            flags: 0x19,
            ..cable.segment(60_000)
        };
        let frame = segment.frame();
        send(&mut cable.left, frame.clone());
        let headers = frame.head.len();
        let received = fetch(&mut cable.right, headers, 60_000);
        assert_eq!(received.len(), 1, "one super-frame stays one");
        assert_eq!(
            (received[0].gso, received[0].checksum),
            (frame.gso, RxChecksum::Partial)
        );
        let expected = wire_of_sent(frame, Medium::Ethernet);
        assert_eq!(
            expected.len(),
            60_000_usize.div_ceil(usize::from(SEGMENT_LEN))
        );
        assert_same(&wire_of(received, Medium::Ethernet), &expected);
    }
    assert_eq!(cable.left.statistics().refused, 0);
    let PacketStatistics {
        received,
        dropped,
        unusable,
        ..
    } = cable.right.statistics();
    assert_eq!((received, dropped, unusable), (2, 0, 0));
    Ok(())
}

fn without_super_segments() -> Result<(), String> {
    let options = PacketOptions {
        super_segments: false,
        ..PacketOptions::default()
    };
    let mut cable = Cable::with(&options);
    assert_eq!(cable.right.capabilities().max_gso, 0);
    let frame = cable.segment(20_000).frame();
    send(&mut cable.left, frame.clone());
    let received = fetch(&mut cable.right, frame.head.len(), 20_000);
    assert!(
        received
            .iter()
            .all(|f| f.gso.is_none() && f.checksum == RxChecksum::Verified)
    );
    let sent = wire_of_sent(frame.clone(), Medium::Ethernet);
    assert_same(&wire_of(received, Medium::Ethernet), &sent);
    send(&mut cable.right, frame);
    assert_eq!(cable.right.statistics().refused, 1);
    Ok(())
}

fn too_large() -> Result<(), String> {
    let mut cable = Cable::new();
    let mut segment = cable.segment(3_000);
    segment.cut = 3_000;
    let frame = segment.frame();
    assert_eq!(frame.gso, None);
    send(&mut cable.left, frame);
    let good = cable.segment(10).frame();
    send(&mut cable.left, good.clone());
    assert_eq!(fetch_one(&mut cable.right).data[..], good.to_vec()[..]);
    assert_eq!(cable.left.statistics().too_large, 1);
    Ok(())
}

fn filtered() -> Result<(), String> {
    let mut cable = Cable::new();
    let mut stranger = cable.segment(10);
    stranger.link = stranger
        .link
        .map(|[_, left]| [EthernetAddress([2, 9, 9, 9, 9, 9]), left]);
    send(&mut cable.left, stranger.frame());
    let wanted = cable.segment(11).frame();
    for ether_type in [[0x88, 0xB5], [0x81, 0x00]] {
        let mut bytes = wanted.to_vec();
        bytes[12..14].copy_from_slice(&ether_type);
        // Behind the tag of a VLAN stands the type of what it carries.
        bytes[16..18].copy_from_slice(&[8, 0]);
        send(&mut cable.left, TxFrame::raw(bytes.into(), Cause::Unstated));
    }
    let mut multicast = cable.segment(12);
    multicast.link = multicast
        .link
        .map(|[_, left]| [EthernetAddress([1, 0, 94, 9, 9, 9]), left]);
    send(&mut cable.left, multicast.frame());
    send(&mut cable.left, wanted.clone());
    let mut lengths: Vec<usize> = Vec::new();
    for _ in 0..2 {
        lengths.push(fetch_one(&mut cable.right).data.len());
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [wanted.len(), wanted.len() + 1]);
    assert_eq!(cable.right.statistics().received, 2);
    Ok(())
}

fn own_address() -> Result<(), String> {
    let own = EthernetAddress([2, 7, 7, 7, 7, 7]);
    let options = PacketOptions {
        hardware_address: Some(own),
        ..PacketOptions::default()
    };
    let mut cable = Cable::with(&options);
    assert_eq!(cable.right.hardware_address(), own);
    let left = cable.left.hardware_address();
    let theirs = PacketSocket::open("right", &PacketOptions::default()).expect("it is up");
    let mut near = own;
    near.0[5] ^= 1;
    let many = EthernetAddress([1, 0, 94, 9, 9, 9]);
    for (len, to) in [
        (1, theirs.hardware_address()),
        (2, near),
        (3, many),
        (4, own),
    ] {
        let frame = Segment::new(Some([to, left]), len).frame();
        send(&mut cable.left, frame);
    }
    let headers = cable.segment(0).frame().len();
    for len in [3, 4] {
        assert_eq!(fetch_one(&mut cable.right).data.len(), headers + len);
    }
    assert_eq!(cable.right.statistics().received, 2);
    assert_eq!(theirs.statistics().received, 2, "its own and that for many");
    Ok(())
}

fn outgoing() -> Result<(), String> {
    let cable = Cable::new();
    let options = PacketOptions {
        outgoing: true,
        ..PacketOptions::default()
    };
    let mut curious = PacketSocket::open("right", &options).expect("the end is up");
    let mut discreet = PacketSocket::open("right", &PacketOptions::default()).expect("likewise");
    let mut sender = PacketSocket::open("right", &PacketOptions::default()).expect("likewise");
    let mut segment = cable.segment(10);
    segment.link = segment.link.map(|[right, left]| [left, right]);
    send(&mut sender, segment.frame());
    assert_eq!(fetch_one(&mut curious).data.len(), segment.frame().len());
    let mut none = RxBatch::new();
    assert_eq!(
        discreet
            .recv(Instant::ZERO, &mut none)
            .expect("the device works"),
        0
    );
    Ok(())
}

fn overflow() -> Result<(), String> {
    let options = PacketOptions {
        receive_buffer: Some(64 * 1_024),
        ..PacketOptions::default()
    };
    let mut cable = Cable::with(&options);
    assert_eq!(cable.right.receive_buffer(), 128 * 1_024);
    let frame = cable.segment(1_400).frame();
    let count = 500;
    for _ in 0..count {
        send(&mut cable.left, frame.clone());
    }
    // The last frames may still be on their way; whoever came is counted or was dropped.
    let mut got = 1;
    fetch_one(&mut cable.right);
    let mut batch = RxBatch::new();
    while cable
        .right
        .recv(Instant::ZERO, &mut batch)
        .expect("the device works")
        > 0
    {
        got += u64::try_from(batch.len()).expect("a batch is small");
        batch.clear();
    }
    let PacketStatistics {
        received, dropped, ..
    } = cable.right.statistics();
    assert!(dropped > 0, "{received} frames fitted into 64 KiB");
    assert!(
        received <= count && got + dropped <= count,
        "{got} of {received}, lost {dropped}"
    );
    assert!(
        PacketSocket::open("right", &PacketOptions::default())
            .is_ok_and(|s| { s.receive_buffer() > 200_000 })
    );
    Ok(())
}

fn batches() -> Result<(), String> {
    let mut cable = Cable::new();
    let frame = cable.segment(10).frame();
    let mut batch = TxBatch::new();
    while batch.room() > 0 {
        batch.push(frame.clone());
    }
    let full = batch.len();
    assert_eq!(
        cable
            .left
            .send(Instant::ZERO, &mut batch)
            .expect("the device works"),
        full
    );
    for _ in 0..6 {
        send(&mut cable.left, frame.clone());
    }
    let mut frames: Vec<RxFrame> = Vec::new();
    while frames.len() < full + 6 {
        frames.push(fetch_one(&mut cable.right));
        let mut batch = RxBatch::new();
        let count = cable
            .right
            .recv(Instant::ZERO, &mut batch)
            .expect("the device works");
        assert_eq!(count, batch.len());
        frames.extend(std::iter::from_fn(|| batch.pop()));
    }
    assert!(
        frames
            .iter()
            .all(|received| received.data[..] == frame.to_vec()[..])
    );
    Ok(())
}

fn impaired() -> Result<(), String> {
    let mut cable = Cable::new();
    let frame = cable.segment(20_000).frame();
    let mut sender = Impair::new(&mut cable.left, "drop=3".parse().expect("a good text"), 1);
    send(&mut sender, frame.clone());
    let received = fetch(
        &mut cable.right,
        frame.head.len(),
        20_000 - usize::from(SEGMENT_LEN),
    );
    // The third of them never left.
    let mut expected = wire_of_sent(frame, Medium::Ethernet);
    expected.remove(2);
    assert!(received.iter().all(|segment| segment.gso.is_none()));
    assert_same(&wire_of(received, Medium::Ethernet), &expected);
    assert_eq!(sender.statistics().outbound.chosen, 1);
    Ok(())
}

fn wrong_interfaces() -> Result<(), String> {
    let open = |name: &str| {
        PacketSocket::open(name, &PacketOptions::default()).expect_err("this must fail")
    };
    assert!(matches!(
        open("nowhere0"),
        DeviceError::NoSuchInterface { .. }
    ));
    assert!(
        open("nowhere0")
            .to_string()
            .contains("no interface `nowhere0`")
    );
    for name in ["", "a name that is far too long", "zero\0"] {
        assert!(
            matches!(open(name), DeviceError::InvalidName { .. }),
            "{name}"
        );
    }
    ip("link add sleeper type veth peer name other");
    let error = open("sleeper");
    ip("link delete sleeper");
    assert!(matches!(&error, DeviceError::InterfaceDown { interface } if interface == "sleeper"));
    assert!(
        error.to_string().contains("ip link set sleeper up"),
        "{error}"
    );
    Ok(())
}

fn goes_down() -> Result<(), String> {
    let mut cable = Cable::new();
    ip("link set right down");
    let mut batch = RxBatch::new();
    let error = cable
        .right
        .recv(Instant::ZERO, &mut batch)
        .expect_err("this must fail");
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    assert!(error.to_string().contains("`right` went down"), "{error}");
    let mut batch = TxBatch::new();
    batch.push(cable.segment(10).frame());
    let error = cable
        .right
        .send(Instant::ZERO, &mut batch)
        .expect_err("this must fail");
    assert_eq!((error.kind(), batch.len()), (io::ErrorKind::NetworkDown, 1));
    Ok(())
}

fn missing_privilege() -> Result<(), String> {
    let error = PacketSocket::open("lo", &PacketOptions::default()).expect_err("this must fail");
    assert!(matches!(error, DeviceError::NotPermitted { .. }), "{error}");
    let words = error.to_string();
    assert!(
        words.contains("CAP_NET_RAW") && words.contains("setcap"),
        "{words}"
    );
    Ok(())
}
