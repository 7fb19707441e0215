//! A host under attack: one stack, packets by hand, and everything that it sends.

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::build::{Ipv4, Ipv6, Layer, Packet};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::{Cidr, Protocol};
use handfast_stack::{Config, Stack};

/// Largest packet on its link.
pub(crate) const MTU: u16 = 1_500;
/// Hardware address of the host.
pub(crate) const OUR_LINK: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
/// And of the attacker.
pub(crate) const THEIR_LINK: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
/// Both families.
pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// IP version of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// An address of the test network; the host has number 1.
    pub(crate) fn address(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => [192, 0, 2, host].into(),
            Self::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(),
        }
    }

    /// Bytes of an IP header without options.
    pub(crate) fn header_len(self) -> usize {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    pub(crate) fn icmp(self) -> Protocol {
        match self {
            Self::V4 => Protocol::ICMP,
            Self::V6 => Protocol::ICMPV6,
        }
    }
}

/// The host.
pub(crate) struct Host {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
}

impl Host {
    /// On a link without addresses of its own (TUN).
    pub(crate) fn new() -> Self {
        Self::on(Medium::Ip, 7)
    }

    pub(crate) fn on(medium: Medium, seed: u64) -> Self {
        let config = Config {
            seed,
            hardware: OUR_LINK,
            ..Config::default()
        };
        let capabilities = Capabilities {
            medium,
            mtu: MTU,
            max_gso: 0,
            tx_checksum: false,
        };
        let mut stack = Stack::new(config, capabilities);
        for family in FAMILIES {
            let len = if family == Family::V4 { 24 } else { 64 };
            let cidr = Cidr::new(family.address(1), len).unwrap();
            stack.add_address(cidr).unwrap();
        }
        Self {
            stack,
            now: Instant::from_secs(1_000),
        }
    }

    /// Takes one packet in; returns what the host sends at once.
    pub(crate) fn receive(&mut self, packet: impl Into<Chunk>) -> Vec<Vec<u8>> {
        self.receive_with(packet, RxChecksum::Unknown)
    }

    /// The same from a device that says something about the checksum.
    pub(crate) fn receive_with(
        &mut self,
        packet: impl Into<Chunk>,
        checksum: RxChecksum,
    ) -> Vec<Vec<u8>> {
        let mut batch = RxBatch::new();
        batch.push(RxFrame {
            data: packet.into(),
            received_at: self.now,
            checksum,
            gso: None,
        });
        self.stack.receive(self.now, &mut batch);
        self.sent()
    }

    /// Time passes; returns what the host sends meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let (end, mut sent) = (self.now + time, Vec::new());
        while let Some(due) = self.stack.next_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.stack.on_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let (mut batch, mut sent) = (TxBatch::new(), Vec::new());
        loop {
            let more = self.stack.poll_transmit(self.now, &mut batch);
            while let Some(frame) = batch.pop() {
                sent.push(frame.to_vec());
            }
            if !more {
                return sent;
            }
        }
    }
}

/// A packet from `source` to the host.
pub(crate) fn to_host(source: IpAddr, inner: impl Into<Layer>) -> Packet {
    between(source, Family::of(source).address(1), inner)
}

/// A packet of either family.
pub(crate) fn between(source: IpAddr, destination: IpAddr, inner: impl Into<Layer>) -> Packet {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ipv4::new(source, destination) / inner,
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6::new(source, destination) / inner,
        _ => panic!("one packet has one family"),
    }
}

impl Family {
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }
}

/// The destination of a packet.
pub(crate) fn destination(packet: &[u8]) -> IpAddr {
    match packet[0] >> 4 {
        4 => <[u8; 4]>::try_from(&packet[16..20]).unwrap().into(),
        _ => <[u8; 16]>::try_from(&packet[24..40]).unwrap().into(),
    }
}

/// Small, fast, the same numbers in every run (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of `0..n`, evenly enough for attacks.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(((self.next() >> 32) * u64::try_from(n).unwrap()) >> 32).unwrap()
    }
}
