//! IP itself: addresses, routes, source choice, path MTUs, reassembly, and what ICMP may say.
//!
//! Each file is a table or a set of rules that knows nothing of the others; `network` joins them.

pub(crate) mod address;
mod counters;
pub(crate) mod icmp;
pub(crate) mod pmtu;
pub(crate) mod reassembly;
pub(crate) mod route;
pub(crate) mod source;

pub use counters::{NetworkCounters, ReassemblyUse};

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address can be that of one host on a network, as far as its bits tell
/// (RFC 1122 3.2.1.3, RFC 4291 2.5 to 2.7). What fails this is a martian as a source.
pub(crate) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_host_v4(v4),
        IpAddr::V6(v6) => is_host_v6(v6),
    }
}

/// Not "this network", not loopback, not multicast, reserved or broadcast.
fn is_host_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first != 127 && first < 224
}

/// An IPv4 address in IPv6 clothes counts as none: it must not be seen on a wire.
fn is_host_v6(address: Ipv6Addr) -> bool {
    let odd = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    !odd && address.to_ipv4_mapped().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_martians() {
        for good in [
            "192.0.2.1",
            "10.0.0.1",
            "223.255.255.254",
            "fe80::1",
            "2001:db8::1",
            "fd00::1",
        ] {
            assert!(is_host(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(!is_host(bad.parse().unwrap()), "{bad}");
        }
    }
}
