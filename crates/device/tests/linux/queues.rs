//! Several queues of one interface: frames arrive where their flows belong.

use handfast_device::{Device, PacketOptions, PacketSocket, Tap, TapOptions};
use handfast_packet::buf::{Chunk, Medium, Payload, RxBatch, TxFrame};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::steer::{Steering, Whose};
use handfast_packet::time::Instant;

use crate::frames::{Segment, fetch_one, send};
use crate::runner::{Test, await_service, ip};

pub(crate) const TESTS: &[Test] = &[
    (
        "queues::the_kernel_spreads_flows_as_the_steering_says",
        packet_queues,
    ),
    ("queues::answers_come_to_the_queue_that_asked", tap_queues),
];

/// A segment whose ports are these.
fn between(link: [EthernetAddress; 2], v6: bool, ports: [u16; 2]) -> Vec<u8> {
    let segment = Segment {
        v6,
        ..Segment::new(Some(link), 10)
    };
    let mut bytes = segment.frame().to_vec();
    let at = if v6 { 54 } else { 34 };
    bytes[at..at + 2].copy_from_slice(&ports[0].to_be_bytes());
    bytes[at + 2..at + 4].copy_from_slice(&ports[1].to_be_bytes());
    bytes
}

fn raw(bytes: Vec<u8>) -> TxFrame {
    TxFrame {
        body: Payload::from(Chunk::from(bytes)),
        ..TxFrame::default()
    }
}

fn is_silent(device: &mut impl Device) -> bool {
    let mut batch = RxBatch::new();
    device.recv(Instant::ZERO, &mut batch).expect("it works") == 0
}

fn packet_queues() -> Result<(), String> {
    ip("link add left type veth peer name right");
    ip("link set left up");
    ip("link set right up");
    await_service("left");
    await_service("right");
    let options = PacketOptions::default();
    let mut left = PacketSocket::open("left", &options).expect("the end is up");
    let steering = Steering::new(3, 0xFEED_5EED);
    let mut queues = PacketSocket::open_queues("right", &options, steering).expect("the end is up");
    assert_eq!(queues.len(), 3);
    let link = [queues[0].hardware_address(), left.hardware_address()];
    let mut owners = [0; 3];
    for port in 0..40 {
        for v6 in [false, true] {
            let frame = between(link, v6, [40_000 + port, 80]);
            let Whose::Of(owner) = steering.whose(&frame, Medium::Ethernet) else {
                panic!("a segment has an owner");
            };
            let owner = usize::from(owner);
            send(&mut left, raw(frame.clone()));
            assert_eq!(fetch_one(&mut queues[owner]).data[..], frame[..]);
            owners[owner] += 1;
        }
    }
    assert!(owners.iter().all(|&count| count > 10), "{owners:?}");
    // What belongs to no flow goes to the first; nothing came twice.
    let mut piece = between(link, false, [1, 2]);
    piece[20] = 0x20;
    send(&mut left, raw(piece.clone()));
    assert_eq!(fetch_one(&mut queues[0]).data[..], piece[..]);
    assert!(queues.iter_mut().all(is_silent));
    drop((left, queues));
    ip("link delete left");
    Ok(())
}

fn tap_queues() -> Result<(), String> {
    let mut queues = match Tap::open_queues("tap8", &TapOptions::default(), 2) {
        Ok(queues) => queues,
        Err(error) => return Err(error.to_string()),
    };
    assert_eq!(
        queues[0].hardware_address(),
        queues[1].hardware_address(),
        "one host"
    );
    let mut kernel = PacketSocket::open("tap8", &PacketOptions::default()).expect("it is up");
    let [ours, theirs] = [queues[0].hardware_address(), kernel.hardware_address()];
    for port in 0..20 {
        let queue = usize::from(port % 2);
        let question = between([theirs, ours], false, [40_000 + port, 80]);
        send(&mut queues[queue], raw(question.clone()));
        assert_eq!(fetch_one(&mut kernel).data[..], question[..]);
        // The same flow, the other way: addresses and ports change places.
        let mut answer = between([ours, theirs], false, [80, 40_000 + port]);
        let (source, rest) = answer[26..].split_at_mut(4);
        source.swap_with_slice(&mut rest[..4]);
        send(&mut kernel, raw(answer.clone()));
        assert_eq!(fetch_one(&mut queues[queue]).data[..], answer[..]);
    }
    assert!(queues.iter_mut().all(is_silent));
    Ok(())
}
