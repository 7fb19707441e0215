//! Two hosts joined in memory, and content that can be recognised.

use std::net::SocketAddr;

use handfast::{Cidr, ClaimTimings, Config, EthernetAddress};
use handfast_device::{MemoryDevice, memory_pair};
use handfast_packet::buf::{Capabilities, Medium};

/// The server's end.
pub(crate) const SERVER: &str = "192.0.2.2:80";

/// Super-segments and partial checksums, as on veth.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 65_000,
        tx_checksum: true,
    }
}

/// Two joined devices.
pub(crate) fn devices() -> (MemoryDevice, MemoryDevice) {
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    memory_pair(capabilities(), addresses)
}

/// Choices that make runs repeatable and claims quick.
pub(crate) fn config(seed: u64) -> Config {
    Config {
        seed,
        claim: ClaimTimings::fast(),
        ..Config::default()
    }
}

/// 192.0.2.N/24.
pub(crate) fn address(last: u8) -> Cidr {
    format!("192.0.2.{last}/24").parse().expect("an address")
}

pub(crate) fn server() -> SocketAddr {
    SERVER.parse().expect("an address")
}

/// Bytes of which no two stretches are alike.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let byte = |at: usize| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0];
    (0..len).map(byte).collect()
}
