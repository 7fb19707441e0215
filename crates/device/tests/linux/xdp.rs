//! XDP sockets at the right end of a virtual cable, where the kernel copies, and the choice between
//! them and packet sockets.

use std::io;

use handfast_device::{
    Device, DeviceError, PacketOptions, PacketSocket, XdpOptions, XdpOrPacket, XdpSocket,
};
use handfast_packet::buf::{RxBatch, RxChecksum, TxBatch, TxFrame};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

use crate::frames::{Segment, fetch_one, send};
use crate::runner::{Test, await_service, ip};

pub(crate) const TESTS: &[Test] = &[
    ("xdp::frames_pass_both_ways", both_ways),
    ("xdp::rings_are_used_again", around),
    ("xdp::what_finds_no_chunk_is_counted", overflow),
    ("xdp::what_it_cannot_send_is_counted", refused),
    ("xdp::the_kernel_gets_its_frames_back", given_back),
    ("xdp::a_queue_has_one_socket", in_use),
    (
        "xdp::without_zero_copy_the_choice_is_a_packet_socket",
        choice,
    ),
    ("xdp::wrong_interfaces_are_explained", wrong_interfaces),
    ("xdp::an_interface_that_goes_is_an_error", goes),
];

pub(crate) const WITHOUT_PRIVILEGE: Test =
    ("xdp::a_missing_privilege_is_explained", missing_privilege);

/// The kernel may copy: a cable knows no other way.
const COPY: XdpOptions = XdpOptions {
    queue: 0,
    copy: true,
};

struct Cable {
    left: PacketSocket,
    right: XdpSocket,
}

impl Cable {
    fn new() -> Self {
        lay();
        Self {
            left: packet("left"),
            right: XdpSocket::open("right", &COPY).expect("the end is up"),
        }
    }

    /// A frame from the left end to the right one, with its checksum in place.
    fn frame(&self, len: usize) -> TxFrame {
        whole(
            [self.right.hardware_address(), self.left.hardware_address()],
            len,
        )
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        remove();
    }
}

fn lay() {
    ip("link add left type veth peer name right");
    ip("link set left up");
    ip("link set right up");
    await_service("left");
    await_service("right");
}

fn remove() {
    ip("link delete left");
}

fn packet(name: &str) -> PacketSocket {
    PacketSocket::open(name, &PacketOptions::default()).expect("the end is up")
}

fn whole(link: [EthernetAddress; 2], len: usize) -> TxFrame {
    let mut segment = Segment::new(Some(link), len);
    segment.cut = 1_460;
    let mut frame = segment.frame();
    assert!(handfast_device::complete_checksum(&mut frame));
    frame
}

fn both_ways() -> Result<(), String> {
    let mut cable = Cable::new();
    assert_eq!(cable.right.interface(), "right");
    assert!(!cable.right.is_zero_copy());
    let capabilities = cable.right.capabilities();
    assert_eq!((capabilities.mtu, capabilities.max_gso), (1_500, 0));
    for len in [0, 1, 100, 1_460] {
        let frame = cable.frame(len);
        send(&mut cable.left, frame.clone());
        let received = fetch_one(&mut cable.right);
        assert_eq!(received.data[..], frame.to_vec()[..]);
        let what = (received.checksum, received.gso, received.received_at);
        assert_eq!(what, (RxChecksum::Unknown, None, Instant::from_secs(1)));
        let link = [
            cable.left.hardware_address(),
            cable.right.hardware_address(),
        ];
        let back = whole(link, len);
        send(&mut cable.right, back.clone());
        assert_eq!(fetch_one(&mut cable.left).data[..], back.to_vec()[..]);
    }
    Ok(())
}

fn around() -> Result<(), String> {
    let mut cable = Cable::new();
    let link = [
        cable.left.hardware_address(),
        cable.right.hardware_address(),
    ];
    for round in 0..150 {
        // 41 at a time, so that the rings end at another place each time.
        let there: Vec<_> = (0..41).map(|index| cable.frame(round + index)).collect();
        let back: Vec<_> = (0..41).map(|index| whole(link, round + index)).collect();
        pass(&mut cable.left, &mut cable.right, &there);
        pass(&mut cable.right, &mut cable.left, &back);
    }
    let statistics = cable.right.statistics();
    assert_eq!((statistics.received, statistics.dropped), (150 * 41, 0));
    Ok(())
}

fn pass(from: &mut impl Device, to: &mut impl Device, frames: &[TxFrame]) {
    let mut batch = TxBatch::new();
    frames.iter().for_each(|frame| batch.push(frame.clone()));
    let taken = from.send(Instant::ZERO, &mut batch).expect("it works");
    assert_eq!((taken, from.next_ready()), (frames.len(), None));
    for frame in frames {
        assert_eq!(fetch_one(to).data[..], frame.to_vec()[..]);
    }
}

fn overflow() -> Result<(), String> {
    let mut cable = Cable::new();
    let frame = cable.frame(100);
    for _ in 0..2_100 {
        send(&mut cable.left, frame.clone());
    }
    let (mut got, mut batch) = (1, RxBatch::new());
    fetch_one(&mut cable.right);
    while cable.right.recv(Instant::ZERO, &mut batch).expect("works") > 0 {
        got += batch.len();
        batch.clear();
    }
    assert_eq!(got, 2_048, "as many as there are chunks");
    assert!(cable.right.statistics().dropped > 0);
    send(&mut cable.left, frame.clone());
    assert_eq!(fetch_one(&mut cable.right).data[..], frame.to_vec()[..]);
    Ok(())
}

fn refused() -> Result<(), String> {
    let mut cable = Cable::new();
    let link = [
        cable.left.hardware_address(),
        cable.right.hardware_address(),
    ];
    let mut long = Segment::new(Some(link), 2_000);
    long.cut = 2_000;
    send(&mut cable.right, long.frame());
    send(&mut cable.right, Segment::new(Some(link), 20_000).frame());
    send(&mut cable.right, Segment::new(Some(link), 10).frame());
    let good = whole(link, 10);
    send(&mut cable.right, good.clone());
    assert_eq!(fetch_one(&mut cable.left).data[..], good.to_vec()[..]);
    assert_eq!(cable.right.statistics().too_large, 3);
    Ok(())
}

fn given_back() -> Result<(), String> {
    lay();
    let (mut left, mut kernels) = (packet("left"), packet("right"));
    let mut right = XdpSocket::open("right", &COPY).expect("the end is up");
    let frame = whole([right.hardware_address(), left.hardware_address()], 10);
    send(&mut left, frame.clone());
    fetch_one(&mut right);
    let mut none = RxBatch::new();
    assert_eq!(kernels.recv(Instant::ZERO, &mut none).expect("works"), 0);
    drop(right);
    send(&mut left, frame.clone());
    assert_eq!(fetch_one(&mut kernels).data[..], frame.to_vec()[..]);
    remove();
    Ok(())
}

fn in_use() -> Result<(), String> {
    let _cable = Cable::new();
    let error = XdpSocket::open("right", &COPY).expect_err("it is taken");
    assert!(matches!(error, DeviceError::InUse { .. }), "{error}");
    Ok(())
}

fn choice() -> Result<(), String> {
    lay();
    let open = |xdp: &XdpOptions| {
        XdpOrPacket::open("right", xdp, &PacketOptions::default()).expect("one of them")
    };
    let device = open(&XdpOptions::default());
    assert!(!device.is_xdp());
    assert!(
        device.why().contains("a packet socket, since"),
        "{}",
        device.why()
    );
    assert!(device.capabilities().max_gso > 0);
    drop(device);
    let mut device = open(&COPY);
    assert!(device.is_xdp());
    assert!(device.why().contains("one copy"), "{}", device.why());
    let mut left = packet("left");
    let frame = whole([device.hardware_address(), left.hardware_address()], 10);
    send(&mut left, frame.clone());
    assert_eq!(fetch_one(&mut device).data[..], frame.to_vec()[..]);
    remove();
    Ok(())
}

fn wrong_interfaces() -> Result<(), String> {
    let open = |name: &str| XdpSocket::open(name, &COPY).expect_err("this must fail");
    assert!(matches!(
        open("nowhere0"),
        DeviceError::NoSuchInterface { .. }
    ));
    assert!(matches!(open("zero\0"), DeviceError::InvalidName { .. }));
    assert!(matches!(open("lo"), DeviceError::InterfaceDown { .. }));
    lay();
    let queue = XdpOptions { queue: 7, ..COPY };
    let error = XdpSocket::open("right", &queue).expect_err("there is one queue");
    assert!(matches!(error, DeviceError::Io { .. }), "{error}");
    ip("link set left mtu 9000");
    ip("link set right mtu 9000");
    assert!(open("right").to_string().contains("too large for AF_XDP"));
    remove();
    Ok(())
}

fn goes() -> Result<(), String> {
    let mut cable = Cable::new();
    let frame = whole(
        [
            cable.left.hardware_address(),
            cable.right.hardware_address(),
        ],
        10,
    );
    ip("link delete right");
    let mut batch = RxBatch::new();
    let error = cable
        .right
        .recv(Instant::ZERO, &mut batch)
        .expect_err("gone");
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    let mut batch = TxBatch::new();
    batch.push(frame);
    let error = cable
        .right
        .send(Instant::ZERO, &mut batch)
        .expect_err("gone");
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    std::mem::forget(cable);
    Ok(())
}

fn missing_privilege() -> Result<(), String> {
    let error = XdpSocket::open("lo", &COPY).expect_err("this must fail");
    assert!(matches!(error, DeviceError::NotPermitted { .. }), "{error}");
    assert!(error.to_string().contains("cap_bpf+ep"), "{error}");
    Ok(())
}
