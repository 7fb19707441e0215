//! Single facts about headers that no round trip shows: known addresses and known packets, options
//! that are skipped, what is refused and why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::build::{Icmp, Ipv4, Ipv6, Tcp, Udp};
use handfast_packet::checksum::checksum;
use handfast_packet::error::ParseError;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ndp::{Ndp, OPTIONS_MAX, PREFIXES_MAX, solicited_node};
use handfast_packet::tcp::{TcpHeader, verify_checksum};
use handfast_packet::udp;

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

#[test]
fn hardware_addresses() {
    let group = |ip: &str| EthernetAddress::multicast(ip.parse().unwrap()).to_string();
    // The high bit of the second byte is lost (RFC 1112 6.4).
    assert_eq!(group("224.128.0.251"), "01:00:5e:00:00:fb");
    assert_eq!(group("239.255.1.2"), "01:00:5e:7f:01:02");
    assert_eq!(group("ff02::1:ff28:9c5a"), "33:33:ff:28:9c:5a");
    assert!(EthernetAddress::BROADCAST.is_broadcast() && EthernetAddress::BROADCAST.is_multicast());
    let station: EthernetAddress = "02:00:00:00:aB:01".parse().unwrap();
    assert!(!station.is_multicast() && !station.is_broadcast());
    assert_eq!(station.0, [2, 0, 0, 0, 0xab, 1]);
    for wrong in [
        "02:00:00:00:00",
        "02:00:00:00:00:01:02",
        "2:0:0:0:0:1",
        "02-00-00-00-00-01",
        "02:00:00:00:00:0g",
        "+2:00:00:00:00:01",
        "",
    ] {
        assert!(wrong.parse::<EthernetAddress>().is_err(), "{wrong}");
    }
}

#[test]
fn the_solicited_node_group_keeps_three_bytes() {
    let address: Ipv6Addr = "4037::01:800:200e:8c6c".parse().unwrap();
    assert_eq!(solicited_node(address).to_string(), "ff02::1:ff0e:8c6c");
}

#[test]
fn arp_is_about_ipv4_over_ethernet_only() {
    let mut bytes = [0; ArpPacket::LEN];
    ArpPacket {
        operation: ArpOperation::REQUEST,
        sender_hardware: EthernetAddress::ZERO,
        sender_protocol: A,
        target_hardware: EthernetAddress::ZERO,
        target_protocol: B,
    }
    .write(&mut bytes);
    assert_eq!(bytes[..8], [0, 1, 8, 0, 6, 4, 0, 1]);
    for at in [0, 1, 2, 3, 4, 5] {
        let mut other = bytes;
        other[at] ^= 0x40;
        assert_eq!(
            ArpPacket::parse(&other),
            Err(ParseError::Field),
            "byte {at}"
        );
    }
}

#[test]
fn ipv4_options_are_skipped_by_length() {
    for len in [4, 8, 40] {
        // Options that would be nonsense if anybody looked at them.
        let packet = (Ipv4::new(A, B).options(&vec![0xff; len]) / Tcp::new(1, 2) / "text").to_vec();
        let (header, payload) = Ipv4Header::parse(&packet).unwrap();
        assert_eq!(usize::from(packet[0] & 0xf) * 4, 20 + len);
        assert_eq!((header.protocol, payload.len()), (Protocol::TCP, 24));
        assert_eq!(usize::from(header.payload_len), payload.len());
        assert!(verify_checksum(A.into(), B.into(), payload));
    }
}

/// Senders are to leave the reserved bit clear; receivers have nothing to do with it.
#[test]
fn the_reserved_bit_of_ipv4_is_ignored() {
    let mut packet = (Ipv4::new(A, B).dont_fragment() / "text").to_vec();
    let (clear, _) = Ipv4Header::parse(&packet).unwrap();
    packet[6] |= 0x80;
    assert_eq!(Ipv4Header::parse(&packet), Err(ParseError::Checksum));
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(Ipv4Header::parse(&packet), Ok((clear, &b"text"[..])));
}

#[test]
fn ipv4_headers_that_contradict_themselves() {
    let ip = || Ipv4::new(A, B);
    let parse = |ip: Ipv4| Ipv4Header::parse(&(ip / "payload").to_vec()).map(|(header, _)| header);
    assert_eq!(parse(ip().header_words(4)), Err(ParseError::Length));
    assert_eq!(parse(ip().total_length(19)), Err(ParseError::Length));
    assert_eq!(parse(ip().total_length(0)), Err(ParseError::Length));
    // A header that is longer than the datagram.
    assert_eq!(parse(ip().header_words(15)), Err(ParseError::Length));
    let needed = ParseError::Truncated {
        needed: 28,
        have: 27,
    };
    assert_eq!(parse(ip().total_length(28)), Err(needed));
    let six = (Ipv6::new(A6, B6) / "").to_vec();
    assert_eq!(Ipv4Header::parse(&six), Err(ParseError::Version(6)));
    let four = [(ip() / "").to_vec(), vec![0; 40]].concat();
    assert_eq!(Ipv6Header::parse(&four), Err(ParseError::Version(4)));
}

/// Zero means "no checksum" in IPv4 and is forbidden in IPv6 (RFC 768, RFC 8200 8.1); a sum that
/// comes out as zero is sent as its other form.
#[test]
fn udp_checksums_of_zero() {
    let verify = |(from, to): (IpAddr, IpAddr), bytes: &[u8]| udp::verify_checksum(from, to, bytes);
    let four = (IpAddr::V4(A), IpAddr::V4(B));
    let six = (IpAddr::V6(A6), IpAddr::V6(B6));
    let none = Udp::new(53, 54).checksum(0);
    assert!(verify(four, &(Ipv4::new(A, B) / none / "x").to_vec()[20..]));
    assert!(!verify(
        six,
        &(Ipv6::new(A6, B6) / none / "x").to_vec()[40..]
    ));
    let wrong = Udp::new(53, 54).checksum(1);
    assert!(!verify(
        four,
        &(Ipv4::new(A, B) / wrong / "x").to_vec()[20..]
    ));
    let plain = (Ipv4::new(A, B) / Udp::new(53, 54) / [0, 0].as_slice()).to_vec();
    let sum = u16::from_be_bytes([plain[26], plain[27]]);
    // The checksum itself as payload makes the sum of all else 0xffff.
    let filled = (Ipv4::new(A, B) / Udp::new(53, 54) / sum.to_be_bytes().as_slice()).to_vec();
    assert_eq!(filled[26..28], [0xff, 0xff]);
    assert!(verify(four, &filled[20..]));
}

#[test]
fn icmp_errors_are_known_as_errors() {
    let other = |kind| Icmpv4::Other {
        kind,
        code: 0,
        rest: [0; 4],
    };
    for (message, is_error) in [
        (
            Icmpv4::EchoRequest {
                identifier: 0,
                sequence: 0,
            },
            false,
        ),
        (
            Icmpv4::EchoReply {
                identifier: 0,
                sequence: 0,
            },
            false,
        ),
        (
            Icmpv4::Unreachable {
                code: 1,
                next_hop_mtu: 0,
            },
            true,
        ),
        (Icmpv4::TimeExceeded { code: 0 }, true),
        (
            Icmpv4::ParameterProblem {
                code: 0,
                pointer: 0,
            },
            true,
        ),
        (other(4), true),
        (other(5), true),
        (other(13), false),
    ] {
        assert_eq!(message.is_error(), is_error, "{message:?}");
    }
    let other = |kind| Icmpv6::Other {
        kind,
        code: 0,
        rest: [0; 4],
    };
    for (message, is_error) in [
        (
            Icmpv6::EchoRequest {
                identifier: 0,
                sequence: 0,
            },
            false,
        ),
        (Icmpv6::PacketTooBig { mtu: 1_280 }, true),
        (other(127), true),
        (other(128), false),
        (other(135), false),
    ] {
        assert_eq!(message.is_error(), is_error, "{message:?}");
    }
}

#[test]
fn layers_inside_layers_take_the_nearest_addresses() {
    let tunnel = Ipv6::new(A6, B6) / Ipv4::new(A, B) / Tcp::new(1, 2) / "text";
    let bytes = tunnel.to_vec();
    let (outer, rest) = Ipv6Header::parse(&bytes).unwrap();
    assert_eq!(outer.next_header, Protocol(4));
    let (inner, segment) = Ipv4Header::parse(rest).unwrap();
    assert_eq!((inner.source, inner.protocol), (A, Protocol::TCP));
    assert!(verify_checksum(A.into(), B.into(), segment));
    let tunnel = (Ipv4::new(A, B) / Ipv6::new(A6, B6) / Udp::new(1, 2)).to_vec();
    let (outer, rest) = Ipv4Header::parse(&tunnel).unwrap();
    assert_eq!(outer.protocol, Protocol(41));
    let (inner, datagram) = Ipv6Header::parse(rest).unwrap();
    assert_eq!(inner.next_header, Protocol::UDP);
    assert!(udp::verify_checksum(A6.into(), B6.into(), datagram));
}

/// An error quotes the packet it is about: what hosts do, crafted.
#[test]
fn an_icmp_error_quotes_a_packet() {
    let quoted = (Ipv4::new(A, B) / Tcp::new(40_000, 80).seq(7)).to_vec();
    let unreachable = Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu: 1_400,
    };
    let error = (Ipv4::new(B, A) / Icmp::v4(unreachable) / quoted).to_vec();
    let (_, message) = Ipv4Header::parse(&error).unwrap();
    let (message, body) = Icmpv4::parse(message).unwrap();
    assert_eq!(message, unreachable);
    let (inner, segment) = Ipv4Header::parse(body).unwrap();
    assert_eq!(inner.destination, B);
    assert_eq!(TcpHeader::parse(segment).unwrap().0.seq.0, 7);
}

fn router_advertisement(options: &[u8]) -> Option<Result<Ndp, ParseError>> {
    let body = [&[0; 8], options].concat();
    let message = Icmpv6::Other {
        kind: 134,
        code: 0,
        rest: [64, 0, 0, 30],
    };
    Ndp::parse(&message, &body)
}

#[test]
fn advertised_prefixes_are_bounded_and_sane() {
    let prefix = |len: u8| {
        let mut option = [0; 32];
        option[..4].copy_from_slice(&[3, 4, len, 0xc0]);
        option
    };
    let many = prefix(64).repeat(PREFIXES_MAX + 3);
    let Some(Ok(Ndp::RouterAdvertisement(router))) = router_advertisement(&many) else {
        panic!("it is one")
    };
    assert_eq!((router.prefixes.len(), router.lifetime), (PREFIXES_MAX, 30));
    assert!(!router.prefixes.spilled(), "parsing does not allocate");
    let impossible = [prefix(129), prefix(128)].concat();
    let Some(Ok(Ndp::RouterAdvertisement(router))) = router_advertisement(&impossible) else {
        panic!("it is one")
    };
    assert_eq!(router.prefixes.len(), 1);
    assert_eq!(router.prefixes[0].prefix_len, 128);
}

#[test]
fn malformed_ndp_options_spoil_the_message() {
    let truncated = |needed, have| Some(Err(ParseError::Truncated { needed, have }));
    assert_eq!(
        router_advertisement(&[5, 0, 0, 0, 0, 0, 5, 220]),
        Some(Err(ParseError::Length))
    );
    assert_eq!(
        router_advertisement(&[5, 2, 0, 0, 0, 0, 5, 220]),
        truncated(16, 8)
    );
    assert_eq!(router_advertisement(&[5]), truncated(2, 1));
    // Unknown options are skipped by their length.
    let known = [&[200, 1, 0, 0, 0, 0, 0, 0][..], &[5, 1, 0, 0, 0, 0, 5, 220]].concat();
    let Some(Ok(Ndp::RouterAdvertisement(router))) = router_advertisement(&known) else {
        panic!("it is one")
    };
    assert_eq!(router.mtu, Some(1_500));
    // Behind the limit nobody looks any more.
    let unknown = [200, 1, 0, 0, 0, 0, 0, 0].repeat(OPTIONS_MAX);
    let hidden = [&unknown[..], &[5, 1, 0, 0, 0, 0, 5, 220]].concat();
    let Some(Ok(Ndp::RouterAdvertisement(router))) = router_advertisement(&hidden) else {
        panic!("it is one")
    };
    assert_eq!(router.mtu, None);
    let short = Icmpv6::Other {
        kind: 135,
        code: 0,
        rest: [0; 4],
    };
    assert_eq!(Ndp::parse(&short, &[0; 15]), truncated(16, 15));
    // Other codes and kinds are not neighbour discovery.
    let coded = Icmpv6::Other {
        kind: 135,
        code: 1,
        rest: [0; 4],
    };
    assert_eq!(Ndp::parse(&coded, &[0; 16]), None);
}
