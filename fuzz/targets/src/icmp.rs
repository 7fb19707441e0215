//! ICMP for both families, and neighbour discovery.

use std::net::Ipv6Addr;

use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::{HEADER_LEN, Icmpv6};
use handfast_packet::ndp::{Ndp, OPTIONS_MAX, PREFIXES_MAX};

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// A message is read as it was written, whatever its kind. What another writer puts into fields
/// that we do not look at is lost.
pub fn icmpv4(data: &[u8]) {
    let _ = Icmpv4::parse(data);
    let Some((header, body)) = data.split_first_chunk::<HEADER_LEN>() else {
        return;
    };
    let [kind, code, _, _, rest @ ..] = *header;
    let raw = Icmpv4::Other { kind, code, rest }.to_vec(body);
    let (message, read) = Icmpv4::parse(&raw).expect("the checksum is right");
    assert_eq!(read, body);
    let written = message.to_vec(body);
    assert_eq!(Icmpv4::parse(&written), Ok((message, body)));
    let other = etherparse::Icmpv4Slice::from_slice(&written);
    if let Ok(other) = other {
        assert_eq!((other.type_u8(), other.code_u8()), (kind, code));
    }
}

/// The same over IPv6.
pub fn icmpv6(data: &[u8]) {
    let _ = Icmpv6::parse(data, SOURCE, DESTINATION);
    let Some((header, body)) = data.split_first_chunk::<HEADER_LEN>() else {
        return;
    };
    let [kind, code, _, _, rest @ ..] = *header;
    let raw = Icmpv6::Other { kind, code, rest }.to_vec(body, SOURCE, DESTINATION);
    let parsed = Icmpv6::parse(&raw, SOURCE, DESTINATION);
    let (message, read) = parsed.expect("the checksum is right");
    assert_eq!(read, body);
    let written = message.to_vec(body, SOURCE, DESTINATION);
    let again = Icmpv6::parse(&written, SOURCE, DESTINATION);
    assert_eq!(again, Ok((message, body)));
    let other = etherparse::Icmpv6Slice::from_slice(&written);
    let other = other.expect("they read it too");
    assert_eq!((other.type_u8(), other.code_u8()), (kind, code));
    assert!(other.is_checksum_valid(SOURCE.octets(), DESTINATION.octets()));
}

/// The first byte chooses the kind. A message of neighbour discovery is read as it was written,
/// and what it may hold is bounded.
pub fn ndp(data: &[u8]) {
    let Some((head, body)) = data.split_first_chunk::<5>() else {
        return;
    };
    let [kind, rest @ ..] = *head;
    let message = Icmpv6::Other {
        kind: 133 + kind % 4,
        code: 0,
        rest,
    };
    let parsed = Ndp::parse(&message, body).expect("all four kinds are known");
    let Ok(parsed) = parsed else { return };
    if let Ndp::RouterAdvertisement(router) = &parsed {
        assert!(router.prefixes.len() <= PREFIXES_MAX.min(OPTIONS_MAX));
        assert!(router.prefixes.iter().all(|it| it.prefix_len <= 128));
    }
    let written = parsed.to_vec(SOURCE, DESTINATION);
    let (message, body) =
        Icmpv6::parse(&written, SOURCE, DESTINATION).expect("the checksum is right");
    assert_eq!(Ndp::parse(&message, body), Some(Ok(parsed)));
}
