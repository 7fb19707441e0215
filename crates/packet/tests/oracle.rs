//! Any bytes, read by us and by another library: both accept the same and see the same fields.
//!
//! Crafted packets read by the other library are in `second_opinion`.

use etherparse::{
    ArpPacketSlice, IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, Icmpv6Slice, IpNumber,
    Ipv4HeaderSlice, Ipv6ExtensionsSlice, Ipv6HeaderSlice, TcpHeaderSlice, TcpOptionElement,
    TcpOptionReadError, TcpOptionsIterator, UdpSlice,
};
use handfast_packet::arp::ArpPacket;
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext::{WalkError, walk};
use handfast_packet::tcp::{TcpFlags, TcpHeader, TcpOption, options};
use handfast_packet::udp::UdpHeader;
use proptest::prelude::*;

/// Bytes in front of which stands a byte that the format wants, most of the time.
fn bytes_with(first: u8, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let lead = prop_oneof![8 => Just(first), 1 => any::<u8>()];
    (lead, prop::collection::vec(any::<u8>(), 0..most)).prop_map(|(lead, mut bytes)| {
        bytes.insert(0, lead);
        bytes
    })
}

/// Bytes of an option field: kinds and lengths that exist come often.
fn option_field() -> impl Strategy<Value = Vec<u8>> {
    let some = |bytes: &'static [u8]| Just(bytes.to_vec());
    let piece = prop_oneof![
        some(&[0]),
        some(&[1]),
        some(&[2, 4, 5, 180]),
        some(&[3, 3, 7]),
        some(&[4, 2]),
        some(&[8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
        (1_u8..=4).prop_map(|blocks| {
            let mut bytes = vec![9; 2 + 8 * usize::from(blocks)];
            bytes[..2].copy_from_slice(&[5, 2 + 8 * blocks]);
            bytes
        }),
        (0_u8..10, 0_u8..12).prop_map(|(kind, len)| vec![kind, len]),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| {
        let mut bytes = pieces.concat();
        bytes.truncate(40);
        bytes
    })
}

/// An option as the other library shows it; `None` for those that it does not know.
fn translate(option: TcpOption<'_>) -> Option<TcpOptionElement> {
    Some(match option {
        TcpOption::NoOperation => TcpOptionElement::Noop,
        TcpOption::Mss(mss) => TcpOptionElement::MaximumSegmentSize(mss),
        TcpOption::WindowScale(shift) => TcpOptionElement::WindowScale(shift),
        TcpOption::SackPermitted => TcpOptionElement::SelectiveAcknowledgementPermitted,
        TcpOption::Timestamps(ts) => TcpOptionElement::Timestamp(ts.value, ts.echo),
        TcpOption::Sack(blocks) => {
            let pairs: Vec<_> = blocks
                .as_slice()
                .iter()
                .map(|b| (b.left.0, b.right.0))
                .collect();
            let rest = [1, 2, 3].map(|at| pairs.get(at).copied());
            TcpOptionElement::SelectiveAcknowledgement(pairs[0], rest)
        }
        _ => return None,
    })
}

/// The bits of the other library's view in the order of [`TcpFlags`].
fn flags(theirs: &TcpHeaderSlice<'_>) -> u16 {
    let bits = [
        (theirs.fin(), TcpFlags::FIN),
        (theirs.syn(), TcpFlags::SYN),
        (theirs.rst(), TcpFlags::RST),
        (theirs.psh(), TcpFlags::PSH),
        (theirs.ack(), TcpFlags::ACK),
        (theirs.urg(), TcpFlags::URG),
        (theirs.ece(), TcpFlags::ECE),
        (theirs.cwr(), TcpFlags::CWR),
        (theirs.ns(), TcpFlags::AE),
    ];
    bits.iter()
        .filter(|(set, _)| *set)
        .map(|(_, flag)| flag.0)
        .sum()
}

proptest! {
    #[test]
    fn ipv4(mut bytes in bytes_with(0x46, 80), right_sum: bool, right_len: bool) {
        if right_len && bytes.len() >= 4 {
            let len = u16::try_from(bytes.len()).unwrap();
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
        }
        // The other library forgets the reserved bit, and with it the right checksum.
        if let Some(byte) = bytes.get_mut(6) {
            *byte &= 0x7f;
        }
        if right_sum && let Ok(theirs) = Ipv4HeaderSlice::from_slice(&bytes) {
            let sum = theirs.to_header().calc_header_checksum();
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        let theirs = Ipv4HeaderSlice::from_slice(&bytes).ok().filter(|theirs| {
            let total = usize::from(theirs.total_len());
            let fits = (theirs.slice().len()..=bytes.len()).contains(&total);
            fits && theirs.to_header().calc_header_checksum() == theirs.header_checksum()
        });
        let ours = Ipv4Header::parse(&bytes);
        prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{:?}", ours);
        if let (Ok((ours, payload)), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.source, theirs.source_addr());
            prop_assert_eq!(ours.destination, theirs.destination_addr());
            prop_assert_eq!((ours.protocol.0, ours.ttl), (theirs.protocol().0, theirs.ttl()));
            prop_assert_eq!((ours.dscp, ours.ecn as u8), (theirs.dcp().value(), theirs.ecn().value()));
            prop_assert_eq!(ours.identification, theirs.identification());
            prop_assert_eq!(ours.dont_fragment, theirs.dont_fragment());
            prop_assert_eq!(ours.more_fragments, theirs.more_fragments());
            prop_assert_eq!(ours.fragment_offset, theirs.fragments_offset().value() << 3);
            prop_assert_eq!(ours.is_fragment(), theirs.is_fragmenting_payload());
            prop_assert_eq!(Ok(ours.payload_len), theirs.payload_len());
            prop_assert_eq!(payload.len(), usize::from(ours.payload_len));
        }
    }

    #[test]
    fn ipv6(mut bytes in bytes_with(0x6f, 80), right_len: bool) {
        if right_len && bytes.len() >= 40 {
            let len = u16::try_from(bytes.len() - 40).unwrap();
            bytes[4..6].copy_from_slice(&len.to_be_bytes());
        }
        let theirs = Ipv6HeaderSlice::from_slice(&bytes)
            .ok()
            .filter(|theirs| 40 + usize::from(theirs.payload_length()) <= bytes.len());
        let ours = Ipv6Header::parse(&bytes);
        prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{:?}", ours);
        if let (Ok((ours, _)), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.source, theirs.source_addr());
            prop_assert_eq!(ours.destination, theirs.destination_addr());
            prop_assert_eq!(ours.next_header.0, theirs.next_header().0);
            prop_assert_eq!(ours.hop_limit, theirs.hop_limit());
            prop_assert_eq!((ours.dscp, ours.ecn as u8), (theirs.dscp().value(), theirs.ecn().value()));
            prop_assert_eq!(ours.flow_label, theirs.flow_label().value());
            prop_assert_eq!(ours.payload_len, theirs.payload_length());
        }
    }

    /// Chains of padding only, since the other library does not look at options; authentication
    /// headers, which it walks and we do not, are left out.
    #[test]
    fn extension_headers(
        chain in prop::collection::vec((prop_oneof![Just(0_u8), Just(43), Just(60)], 0_u8..3), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let next = |at: usize| chain.get(at).map_or(Protocol::TCP.0, |&(kind, _)| kind);
        let mut bytes = Vec::new();
        for (at, &(_, units)) in chain.iter().enumerate() {
            let start = bytes.len();
            bytes.resize(start + 8 * (usize::from(units) + 1), 0);
            bytes[start..start + 2].copy_from_slice(&[next(at + 1), units]);
        }
        bytes.extend(b"text");
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 3);
        let theirs = Ipv6ExtensionsSlice::from_slice(IpNumber(next(0)), &bytes);
        let ours = walk(Protocol(next(0)), &bytes);
        match (ours, theirs) {
            (Ok(ours), Ok((_, protocol, payload))) => {
                prop_assert_eq!((ours.protocol.0, ours.payload), (protocol.0, payload));
            }
            (Err(WalkError::Truncated | WalkError::Misplaced { .. }), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
        }
    }

    #[test]
    fn tcp(mut bytes in bytes_with(0, 90), words in 0_u8..16) {
        if let Some(byte) = bytes.get_mut(12) {
            *byte = words << 4 | *byte & 0xf;
        }
        let theirs = TcpHeaderSlice::from_slice(&bytes).ok();
        let ours = TcpHeader::parse(&bytes).ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some());
        if let (Some((ours, len)), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(len, theirs.slice().len());
            prop_assert_eq!(ours.source, theirs.source_port());
            prop_assert_eq!(ours.destination, theirs.destination_port());
            prop_assert_eq!(ours.seq.0, theirs.sequence_number());
            prop_assert_eq!(ours.ack.0, theirs.acknowledgment_number());
            prop_assert_eq!(ours.flags.0, flags(&theirs));
            prop_assert_eq!((ours.window, ours.urgent), (theirs.window_size(), theirs.urgent_pointer()));
        }
    }

    /// Both see the same options up to the first that the other library does not know.
    #[test]
    fn tcp_options(field in option_field()) {
        let mut theirs = TcpOptionsIterator::from_slice(&field);
        for ours in options(&field) {
            match (ours, theirs.next()) {
                (Ok(TcpOption::End), theirs) => prop_assert_eq!(theirs, None),
                (ours, Some(Err(TcpOptionReadError::UnknownId(_)))) => {
                    prop_assert_eq!(ours.ok().and_then(translate), None);
                    return Ok(());
                }
                (Ok(ours), Some(Ok(theirs))) => prop_assert_eq!(translate(ours), Some(theirs)),
                (ours, theirs) => {
                    prop_assert!(ours.is_err() && matches!(theirs, Some(Err(_))), "{:?}", ours);
                    return Ok(());
                }
            }
        }
        prop_assert_eq!(theirs.next(), None);
    }

    #[test]
    fn udp(mut bytes in bytes_with(0, 40), right_len: bool) {
        if right_len && bytes.len() >= 6 {
            let len = u16::try_from(bytes.len()).unwrap();
            bytes[4..6].copy_from_slice(&len.to_be_bytes());
        }
        // A length of zero, a jumbogram, is nothing that we take.
        let theirs = UdpSlice::from_slice(&bytes).ok().filter(|theirs| theirs.length() != 0);
        let ours = UdpHeader::parse(&bytes).ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some());
        if let (Some((ours, payload)), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.source, theirs.source_port());
            prop_assert_eq!(ours.destination, theirs.destination_port());
            prop_assert_eq!((ours.length, ours.checksum), (theirs.length(), theirs.checksum()));
            prop_assert_eq!(payload, theirs.payload());
        }
    }

    #[test]
    fn arp(mut bytes in bytes_with(0, 40), right_kind: bool) {
        if right_kind && bytes.len() >= 6 {
            bytes[..6].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
        }
        let theirs = ArpPacketSlice::from_slice(&bytes)
            .ok()
            .and_then(|theirs| theirs.to_packet().try_eth_ipv4().ok());
        let ours = ArpPacket::parse(&bytes).ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some());
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.operation.0, theirs.operation.0);
            prop_assert_eq!(ours.sender_hardware.0, theirs.sender_mac);
            prop_assert_eq!(ours.sender_protocol, theirs.sender_ipv4_addr());
            prop_assert_eq!(ours.target_hardware.0, theirs.target_mac);
            prop_assert_eq!(ours.target_protocol, theirs.target_ipv4_addr());
        }
    }

    /// The other library finds our checksums right, and we find a flipped bit in any message.
    #[test]
    fn icmp_checksums(
        (kind, code, rest) in any::<(u8, u8, [u8; 4])>(),
        body in prop::collection::vec(any::<u8>(), 0..40),
        (source, destination) in any::<([u8; 16], [u8; 16])>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let [a, b, c, d] = rest;
        let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let echo = Icmpv4::EchoRequest { identifier, sequence }.to_vec(&body);
        let theirs = Icmpv4Slice::from_slice(&echo).unwrap();
        let header = IcmpEchoHeader { id: identifier, seq: sequence };
        prop_assert_eq!(theirs.icmp_type(), Icmpv4Type::EchoRequest(header));
        prop_assert_eq!(theirs.icmp_type().calc_checksum(&body), theirs.checksum());
        let (from, to) = (source.into(), destination.into());
        let mut six = Icmpv6::Other { kind, code, rest }.to_vec(&body, from, to);
        let theirs = Icmpv6Slice::from_slice(&six).unwrap();
        prop_assert!(theirs.is_checksum_valid(source, destination));
        prop_assert_eq!((theirs.type_u8(), theirs.code_u8()), (kind, code));
        let mut four = Icmpv4::Other { kind, code, rest }.to_vec(&body);
        prop_assert!(Icmpv4::parse(&four).is_ok() && Icmpv6::parse(&six, from, to).is_ok());
        let at = flip.index(four.len());
        four[at] ^= 0x10;
        six[at] ^= 0x10;
        prop_assert!(Icmpv4::parse(&four).is_err() && Icmpv6::parse(&six, from, to).is_err());
    }
}
