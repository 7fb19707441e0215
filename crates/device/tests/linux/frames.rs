//! Frames to send and ways to fetch them, for the tests of this folder.

use handfast_device::{Device, Split, SplitReceived};
use handfast_packet::buf::{
    ChecksumField, Chunk, Gso, Head, Medium, Payload, Pool, RxBatch, RxChecksum, RxFrame, TxBatch,
    TxFrame,
};
use handfast_packet::cause::Cause;
use handfast_packet::checksum::Sum;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long a frame may take that is already on its way through this machine's kernel.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// Payload of a wire segment, unless a test says otherwise; fits behind both IP headers.
pub(crate) const SEGMENT_LEN: u16 = 1_420;

/// A TCP segment to be, from 10.9.0.2:1234 to 10.9.0.1:4321 or between two IPv6 addresses.
#[derive(Clone)]
pub(crate) struct Segment {
    /// Link addresses, destination first; `None` on a medium without.
    pub(crate) link: Option<[EthernetAddress; 2]>,
    pub(crate) v6: bool,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
    /// Length of the wire segments.
    pub(crate) cut: u16,
}

impl Segment {
    pub(crate) fn new(link: Option<[EthernetAddress; 2]>, len: usize) -> Self {
        Self {
            link,
            v6: false,
            seq: 77,
            ack: 0,
            flags: 0x10,
            payload: data(len),
            cut: SEGMENT_LEN,
        }
    }

    /// As a frame with a partial checksum, and a super-frame where the payload is too long for one
    /// wire segment.
    pub(crate) fn frame(&self) -> TxFrame {
        let mut head = Head::new();
        let [high, low] = u16::try_from(20 + self.payload.len())
            .expect("the figures of this test fit")
            .to_be_bytes();
        let mut addresses = vec![10, 9, 0, 2, 10, 9, 0, 1];
        if self.v6 {
            addresses = [[0xFD; 15].as_slice(), &[2], &[0xFD; 15], &[1]].concat();
        }
        let tcp = head.prepend(20);
        tcp[..4].copy_from_slice(&[4, 210, 16, 225]);
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&self.ack.to_be_bytes());
        tcp[12..16].copy_from_slice(&[0x50, self.flags, 0xFF, 0xFF]);
        let pseudo = Sum::new().add(&addresses).add(&[0, 6, high, low]).folded();
        tcp[16..18].copy_from_slice(&pseudo.to_be_bytes());
        if self.v6 {
            let ip = head.prepend(40);
            ip[..8].copy_from_slice(&[0x60, 0, 0, 0, high, low, 6, 64]);
            ip[8..].copy_from_slice(&addresses);
        } else {
            let ip = head.prepend(20);
            let total = u16::try_from(40 + self.payload.len())
                .expect("the figures of this test fit")
                .to_be_bytes();
            ip[..10].copy_from_slice(&[0x45, 0, total[0], total[1], 0, 1, 0x40, 0, 64, 6]);
            ip[12..].copy_from_slice(&addresses);
            let sum = Sum::new().add(ip).finish();
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        if let Some([destination, source]) = self.link {
            let ether_type = if self.v6 { [0x86, 0xDD] } else { [8, 0] };
            let link = head.prepend(14);
            link.copy_from_slice(&[&destination.0[..], &source.0, &ether_type].concat());
        }
        let start = u16::try_from(head.len() - 20).expect("the figures of this test fit");
        let mut body = Payload::new();
        for part in self.payload.chunks(30_001) {
            body.push(Chunk::copy_from(part));
        }
        TxFrame {
            head,
            body,
            checksum_at: Some(ChecksumField { start, offset: 16 }),
            gso: Gso::for_payload(self.payload.len(), self.cut),
            depart_at: None,
            cause: Cause::Unstated,
        }
    }
}

/// Bytes that differ by position.
pub(crate) fn data(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).expect("the figures of this test fit"))
        .collect()
}

/// Sends one frame, which the device must take.
pub(crate) fn send(device: &mut impl Device, frame: TxFrame) {
    let mut batch = TxBatch::new();
    batch.push(frame);
    assert_eq!(
        device
            .send(Instant::ZERO, &mut batch)
            .expect("the device works"),
        1
    );
}

/// Fetches frames until they stand for `bytes` bytes of payload beyond `headers` bytes each;
/// panics when nothing comes any more.
pub(crate) fn fetch(device: &mut impl Device, headers: usize, bytes: usize) -> Vec<RxFrame> {
    let mut frames = Vec::new();
    let mut have = 0;
    while frames.is_empty() || have < bytes {
        let frame = fetch_one(device);
        have += frame.data.len() - headers;
        frames.push(frame);
    }
    frames
}

/// Waits for one frame.
pub(crate) fn fetch_one(device: &mut impl Device) -> RxFrame {
    loop {
        let mut batch = RxBatch::new();
        // One at a time: the rest stays in the kernel.
        while batch.room() > 1 {
            batch.push(filler());
        }
        let count = device
            .recv(Instant::from_secs(1), &mut batch)
            .expect("the device works");
        if count == 1 {
            return batch.iter().last().expect("one was received").clone();
        }
        let fd = device
            .fd()
            .expect("a device of the kernel has a descriptor");
        let ready = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&PATIENCE))
            .expect("the figures of this test fit");
        assert_eq!(ready, 1, "nothing arrived");
    }
}

/// The TCP wire segments that `frames` stand for, by sequence number, with true checksums: the IP
/// identification is left out, since the kernel may choose it.
pub(crate) fn wire_of(frames: Vec<RxFrame>, medium: Medium) -> Vec<Vec<u8>> {
    let mut pool = Pool::default();
    let mut wire = Vec::new();
    for frame in frames {
        let mut split = SplitReceived::new(frame, medium);
        while let Some(segment) = split.next(&mut pool) {
            let mut bytes = segment.data.to_vec();
            if segment.checksum == RxChecksum::Partial {
                let tcp = tcp_start(&bytes, medium);
                let sum = Sum::new().add(&bytes[tcp..]).finish();
                bytes[tcp + 16..tcp + 18].copy_from_slice(&sum.to_be_bytes());
            }
            wire.push(bytes);
        }
    }
    normal(wire, medium)
}

/// Panics with few words when the wire segments differ.
#[track_caller]
pub(crate) fn assert_same(got: &[Vec<u8>], expected: &[Vec<u8>]) {
    assert_eq!(got.len(), expected.len(), "number of wire segments");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let same = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
        let lengths = (got.len(), expected.len());
        assert!(
            got == expected,
            "segment {index} differs from byte {same} on, of {lengths:?}"
        );
    }
}

/// The wire segments that `frame` is to be cut into, in the same form.
pub(crate) fn wire_of_sent(frame: TxFrame, medium: Medium) -> Vec<Vec<u8>> {
    let complete = |mut segment: TxFrame| {
        assert!(handfast_device::complete_checksum(&mut segment));
        segment.to_vec()
    };
    normal(
        Split::new(frame, medium)
            .expect("a TCP frame")
            .map(complete)
            .collect(),
        medium,
    )
}

fn normal(mut wire: Vec<Vec<u8>>, medium: Medium) -> Vec<Vec<u8>> {
    let ip = if medium == Medium::Ethernet { 14 } else { 0 };
    for bytes in &mut wire {
        if bytes[ip] >> 4 == 4 {
            bytes[ip + 4..ip + 6].fill(0);
            bytes[ip + 10..ip + 12].fill(0);
        }
    }
    wire.sort_by_key(|bytes| {
        let seq = tcp_start(bytes, medium) + 4;
        bytes[seq..seq + 4].to_vec()
    });
    wire
}

fn tcp_start(bytes: &[u8], medium: Medium) -> usize {
    let ip = if medium == Medium::Ethernet { 14 } else { 0 };
    ip + if bytes[ip] >> 4 == 4 { 20 } else { 40 }
}

fn filler() -> RxFrame {
    RxFrame {
        data: Chunk::EMPTY,
        received_at: Instant::ZERO,
        checksum: RxChecksum::Unknown,
        gso: None,
    }
}
