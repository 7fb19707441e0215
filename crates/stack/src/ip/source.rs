//! Which of our addresses a packet leaves from (RFC 6724 section 5).
//!
//! With one interface and no temporary or deprecated addresses, the rules that can decide are
//! 1 (the destination itself), 2 (scope), 6 (label) and 8 (longest common prefix). IPv4 goes by
//! the same rules, with the scopes of RFC 6724 3.2.

use core::cmp::Reverse;
use core::net::IpAddr;

use handfast_packet::ip::Cidr;

/// The best source address for `destination` among `candidates`; among equals the first.
pub(crate) fn choose(
    destination: IpAddr,
    candidates: impl Iterator<Item = Cidr>,
) -> Option<IpAddr> {
    candidates
        .filter(|cidr| cidr.address.is_ipv4() == destination.is_ipv4())
        .min_by_key(|cidr| cost(destination, cidr))
        .map(|cidr| cidr.address)
}

/// Smaller is better; compared field by field in the order of the rules.
fn cost(destination: IpAddr, cidr: &Cidr) -> impl Ord + use<> {
    let source = cidr.address;
    // Rule 2: the smallest scope that reaches the destination, else the largest there is.
    let (source_scope, scope) = (Scope::of(source), Scope::of(destination));
    let rule_2 = if source_scope >= scope {
        (false, source_scope as u8)
    } else {
        (true, u8::MAX - source_scope as u8)
    };
    let rule_6 = label(source) != label(destination);
    let rule_8 = common_prefix(source, destination).min(u32::from(cidr.prefix_len));
    (source != destination, rule_2, rule_6, Reverse(rule_8))
}

/// How far an address reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Interface = 1,
    Link = 2,
    Site = 5,
    Global = 14,
}

impl Scope {
    /// RFC 6724 3.1 and 3.2. Unique local addresses count as global there.
    const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) if v4.is_link_local() || v4.is_loopback() => Self::Link,
            IpAddr::V4(_) => Self::Global,
            IpAddr::V6(v6) if v6.is_multicast() => match v6.octets()[1] & 0x0f {
                0 | 1 => Self::Interface,
                2 => Self::Link,
                3..=5 => Self::Site,
                _ => Self::Global,
            },
            IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_loopback() => Self::Link,
            IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => Self::Site,
            IpAddr::V6(_) => Self::Global,
        }
    }
}

/// The label of the default policy table (RFC 6724 2.1).
const fn label(address: IpAddr) -> u8 {
    let IpAddr::V6(v6) = address else { return 4 };
    match v6.segments() {
        [0x2002, ..] => 2,
        [0x2001, 0, ..] => 5,
        [0x3ffe, ..] => 12,
        [first, ..] if first & 0xfe00 == 0xfc00 => 13,
        [first, ..] if first & 0xffc0 == 0xfec0 => 11,
        [0, 0, 0, 0, 0, 0, 0, 1] => 0,
        [0, 0, 0, 0, 0, 0xffff, ..] => 4,
        [0, 0, 0, 0, 0, 0, ..] => 3,
        _ => 1,
    }
}

/// How many leading bits two addresses of one family share.
const fn common_prefix(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Destination, candidates, choice. The IPv6 rows are examples of RFC 6724 10.1 as far as
    /// they do not need temporary or mobile addresses.
    const CASES: [(&str, &[&str], &str); 11] = [
        (
            "2001:db8:1::1",
            &["2001:db8:3::1/64", "fe80::1/64"],
            "2001:db8:3::1",
        ),
        (
            "ff05::1",
            &["2001:db8:3::1/64", "fe80::1/64"],
            "2001:db8:3::1",
        ),
        ("fe80::1", &["fe80::2/64", "2001:db8:1::1/64"], "fe80::2"),
        (
            "2001:db8:1::1",
            &["2001:db8:1::1/64", "2001:db8:2::1/64"],
            "2001:db8:1::1",
        ),
        (
            "2001:db8:1::1",
            &["2001:db8:3::2/64", "2001:db8:1::2/64"],
            "2001:db8:1::2",
        ),
        (
            "2002:c633:6401::1",
            &["2001:db8:1::2/64", "2002:c633:6401::d5e3/64"],
            "2002:c633:6401::d5e3",
        ),
        ("fd00::1", &["2001:db8::2/64", "fd11::2/64"], "fd11::2"),
        (
            "192.0.2.9",
            &["10.0.0.1/8", "192.0.2.1/24", "2001:db8::2/64"],
            "192.0.2.1",
        ),
        (
            "203.0.113.29",
            &["169.254.1.1/16", "192.168.0.129/24"],
            "192.168.0.129",
        ),
        (
            "169.254.9.9",
            &["192.168.0.129/24", "169.254.1.1/16"],
            "169.254.1.1",
        ),
        (
            "8.8.8.8",
            &["192.168.0.129/24", "192.168.0.130/24"],
            "192.168.0.129",
        ),
    ];

    #[test]
    fn the_rules_of_rfc_6724() {
        for (destination, candidates, expected) in CASES {
            let candidates = candidates.iter().map(|cidr| cidr.parse().unwrap());
            let choice = choose(destination.parse().unwrap(), candidates);
            assert_eq!(choice, Some(expected.parse().unwrap()), "for {destination}");
        }
    }

    #[test]
    fn no_address_of_the_family_no_choice() {
        let candidates = ["2001:db8::2/64".parse().unwrap()];
        assert_eq!(choose([192, 0, 2, 1].into(), candidates.into_iter()), None);
    }
}
