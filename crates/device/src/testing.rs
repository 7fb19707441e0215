//! Frames for the tests of this crate.

use std::num::NonZeroU16;

use handfast_packet::buf::{
    Capabilities, ChecksumField, Chunk, Gso, Head, Medium, Payload, RxBatch, TxBatch, TxFrame,
};
use handfast_packet::cause::Cause;
use handfast_packet::checksum::Sum;
use handfast_packet::time::Instant;

use crate::Device;

/// A TCP frame to be.
#[derive(Debug)]
pub(crate) struct TcpFrame {
    pub(crate) medium: Medium,
    pub(crate) v6: bool,
    pub(crate) seq: u32,
    pub(crate) flags: u8,
    /// The ECN bits of the IP header.
    pub(crate) ecn: u8,
    /// TCP options, a multiple of four bytes.
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    /// Cuts of the payload between views.
    pub(crate) cuts: Vec<usize>,
    pub(crate) gso: Option<u16>,
}

impl Default for TcpFrame {
    fn default() -> Self {
        Self {
            medium: Medium::Ethernet,
            v6: false,
            seq: 1_000,
            flags: 0x10,
            ecn: 0,
            options: Vec::new(),
            payload: Vec::new(),
            cuts: Vec::new(),
            gso: None,
        }
    }
}

impl TcpFrame {
    /// A frame of `len` payload bytes to be cut into segments of `segment_len`.
    pub(crate) fn gso(len: usize, segment_len: u16) -> Self {
        Self {
            payload: data(len),
            gso: Some(segment_len),
            ..Self::default()
        }
    }

    /// As a frame to send, with a partial checksum.
    pub(crate) fn tx(&self) -> TxFrame {
        let mut head = Head::new();
        let header_len = 20 + self.options.len();
        let tcp_len = header_len + self.payload.len();
        let tcp = head.prepend(header_len);
        tcp[0..4].copy_from_slice(&[0x30, 0x39, 0, 80]);
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[12] = u8::try_from(header_len / 4 * 16).unwrap();
        tcp[13] = self.flags;
        tcp[14..16].copy_from_slice(&[1, 0]);
        tcp[20..].copy_from_slice(&self.options);
        let [high, low] = u16::try_from(tcp_len).unwrap().to_be_bytes();
        let addresses = if self.v6 {
            vec![0xFD; 32]
        } else {
            vec![192, 0, 2, 1, 192, 0, 2, 2]
        };
        let pseudo = Sum::new().add(&addresses).add(&[0, 6, high, low]).folded();
        tcp[16..18].copy_from_slice(&pseudo.to_be_bytes());
        if self.v6 {
            let ip = head.prepend(40);
            ip[0] = 0x60;
            ip[1] = self.ecn << 4;
            ip[4..6].copy_from_slice(&[high, low]);
            ip[6..8].copy_from_slice(&[6, 64]);
            ip[8..40].copy_from_slice(&addresses);
        } else {
            let ip = head.prepend(20);
            ip[0] = 0x45;
            ip[1] = self.ecn;
            ip[2..4].copy_from_slice(&u16::try_from(tcp_len + 20).unwrap().to_be_bytes());
            ip[4..10].copy_from_slice(&[0xFF, 0xFE, 0x40, 0, 64, 6]);
            ip[12..20].copy_from_slice(&addresses);
            let sum = Sum::new().add(ip).finish();
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        if self.medium == Medium::Ethernet {
            let ether_type = if self.v6 { [0x86, 0xDD] } else { [8, 0] };
            head.prepend(14)[12..].copy_from_slice(&ether_type);
        }
        let start = u16::try_from(head.len() - header_len).unwrap();
        TxFrame {
            head,
            body: self.body(),
            checksum_at: Some(ChecksumField { start, offset: 16 }),
            gso: self
                .gso
                .and_then(|len| Gso::for_payload(self.payload.len(), len)),
            depart_at: None,
            cause: Cause::NewData,
        }
    }

    fn body(&self) -> Payload {
        let mut body = Payload::new();
        let mut start = 0;
        for end in self.cuts.iter().copied().chain([self.payload.len()]) {
            let end = end.clamp(start, self.payload.len());
            body.push(Chunk::copy_from(&self.payload[start..end]));
            start = end;
        }
        body
    }
}

/// Bytes that differ by position.
pub(crate) fn data(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).unwrap())
        .collect()
}

/// Whether the TCP checksum of a whole frame is right.
pub(crate) fn tcp_checksum_holds(bytes: &[u8], medium: Medium) -> bool {
    let layout = crate::layout::TcpLayout::parse(bytes, medium).expect("a TCP frame");
    let addresses = if bytes[layout.ip] >> 4 == 4 {
        12..20
    } else {
        8..40
    };
    let addresses = &bytes[layout.ip + addresses.start..layout.ip + addresses.end];
    let [high, low] = u16::try_from(layout.end - layout.tcp)
        .unwrap()
        .to_be_bytes();
    let sum = Sum::new().add(addresses).add(&[0, 6, high, low]);
    sum.add(&bytes[layout.tcp..layout.end]).finish() == 0
}

/// A device that can do everything, at an MTU of 1,500.
pub(crate) fn capable() -> Capabilities {
    Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 65_455,
        tx_checksum: true,
    }
}

/// A device that can do nothing by itself.
pub(crate) fn plain() -> Capabilities {
    Capabilities {
        max_gso: 0,
        tx_checksum: false,
        ..capable()
    }
}

/// A batch of one frame.
pub(crate) fn batch(frame: TxFrame) -> TxBatch {
    let mut batch = TxBatch::new();
    batch.push(frame);
    batch
}

/// Everything that `device` has ready at `now`.
pub(crate) fn receive_all(
    device: &mut impl Device,
    now: Instant,
) -> Vec<handfast_packet::buf::RxFrame> {
    let mut frames = Vec::new();
    loop {
        let mut batch = RxBatch::new();
        if device.recv(now, &mut batch).unwrap() == 0 {
            return frames;
        }
        while let Some(frame) = batch.pop() {
            frames.push(frame);
        }
    }
}

/// A segment length.
pub(crate) fn segment_len(len: u16) -> NonZeroU16 {
    NonZeroU16::new(len).unwrap()
}
