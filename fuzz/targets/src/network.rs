//! IPv4, IPv6 and its extension headers.

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use handfast_packet::checksum::checksum;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext::{FragmentHeader, walk};

/// An IPv4 header is read as it was written; a second try is made with the checksum put right,
/// for random bytes have none.
pub fn ipv4(data: &[u8]) {
    check_ipv4(data);
    let header_len = data.first().map_or(0, |first| usize::from(first & 0xf) * 4);
    if (Ipv4Header::LEN..=data.len()).contains(&header_len) {
        let mut repaired = data.to_vec();
        repaired[10..12].fill(0);
        let sum = checksum(&repaired[..header_len]);
        repaired[10..12].copy_from_slice(&sum.to_be_bytes());
        check_ipv4(&repaired);
    }
}

fn check_ipv4(data: &[u8]) {
    let Ok((header, payload)) = Ipv4Header::parse(data) else {
        return;
    };
    assert_eq!(payload.len(), usize::from(header.payload_len));
    let mut written = vec![0; Ipv4Header::LEN];
    header.write(&mut written);
    written.extend_from_slice(payload);
    assert_eq!(Ipv4Header::parse(&written), Ok((header, payload)));
    let other = Ipv4HeaderSlice::from_slice(data).expect("they read it too");
    assert_eq!(other.source_addr(), header.source);
    assert_eq!(other.destination_addr(), header.destination);
    assert_eq!(other.protocol().0, header.protocol.0);
    assert_eq!(other.ttl(), header.ttl);
    assert_eq!(other.dcp().value(), header.dscp);
    assert_eq!(other.ecn().value(), header.ecn as u8);
    assert_eq!(other.identification(), header.identification);
    assert_eq!(other.dont_fragment(), header.dont_fragment);
    assert_eq!(other.more_fragments(), header.more_fragments);
    let offset = other.fragments_offset().value() * 8;
    assert_eq!(offset, header.fragment_offset);
    assert_eq!(other.payload_len(), Ok(header.payload_len));
}

/// An IPv6 header is read as it was written; another library sees the same.
pub fn ipv6(data: &[u8]) {
    let Ok((header, payload)) = Ipv6Header::parse(data) else {
        return;
    };
    let mut written = vec![0; Ipv6Header::LEN];
    header.write(&mut written);
    written.extend_from_slice(payload);
    assert_eq!(written, data[..written.len()]);
    assert_eq!(Ipv6Header::parse(&written), Ok((header, payload)));
    let other = Ipv6HeaderSlice::from_slice(data).expect("they read it too");
    assert_eq!(other.source_addr(), header.source);
    assert_eq!(other.destination_addr(), header.destination);
    assert_eq!(other.next_header().0, header.next_header.0);
    assert_eq!(other.hop_limit(), header.hop_limit);
    assert_eq!(other.dscp().value(), header.dscp);
    assert_eq!(other.ecn().value(), header.ecn as u8);
    assert_eq!(other.flow_label().value(), header.flow_label);
    assert_eq!(other.payload_length(), header.payload_len);
}

/// The first byte names the first header. A walk ends inside of the packet, on whole words, and a
/// fragment header is read as it was written.
pub fn ipv6_extensions(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let found = match walk(Protocol(*first), bytes) {
        Ok(found) => found,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(&bytes[found.offset..], found.payload);
    assert!(found.offset.is_multiple_of(8), "{found:?}");
    let named = match found.named_at {
        6 => *first,
        at => bytes[at - Ipv6Header::LEN],
    };
    assert_eq!(named, found.protocol.0, "the pointer points at the name");
    let Some(fragment) = found.fragment else {
        return;
    };
    assert_eq!(fragment.next_header, found.protocol);
    let mut written = bytes[..found.offset].to_vec();
    let at = found.offset - FragmentHeader::LEN;
    fragment.write(&mut written[at..]);
    let again = walk(Protocol(*first), &written).expect("nothing else has changed");
    assert_eq!(again.fragment, Some(fragment));
    assert_eq!((again.offset, again.payload), (found.offset, &[][..]));
}
