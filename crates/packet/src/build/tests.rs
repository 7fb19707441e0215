//! What the builder fills in, and what it says when it is told to lie.

use super::*;
use crate::arp::ArpPacket;
use crate::error::ParseError;
use crate::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use crate::ip::Protocol;
use crate::ipv4::Ipv4Header;
use crate::ipv6::Ipv6Header;
use crate::tcp::{TcpFlags, TcpHeader, verify_checksum};
use crate::udp;
use core::net::Ipv6Addr;

const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const V4: ([u8; 4], [u8; 4]) = ([192, 0, 2, 1], [192, 0, 2, 2]);

#[test]
fn tcp_over_ipv4_over_ethernet_is_complete() {
    let tcp = Tcp::new(1_000, 80)
        .seq(7)
        .ack(9)
        .syn()
        .mss(1_460)
        .window_scale(7);
    let bytes = (Ethernet::new(A, B) / Ipv4::new(V4.0, V4.1) / tcp / "text").to_vec();
    let (ethernet, rest) = EthernetHeader::parse(&bytes).unwrap();
    assert_eq!((ethernet.source, ethernet.ether_type), (A, EtherType::IPV4));
    let (ip, rest) = Ipv4Header::parse(rest).unwrap();
    assert_eq!((ip.protocol, ip.source), (Protocol::TCP, V4.0.into()));
    assert!(verify_checksum(
        ip.source.into(),
        ip.destination.into(),
        rest
    ));
    let (tcp, len) = TcpHeader::parse(rest).unwrap();
    assert_eq!(
        (tcp.options.mss, tcp.options.window_scale),
        (Some(1_460), Some(7))
    );
    assert_eq!(
        (tcp.flags, &rest[len..]),
        (TcpFlags::SYN | TcpFlags::ACK, &b"text"[..])
    );
}

#[test]
fn udp_and_icmp_over_ipv6_have_right_checksums() {
    let (from, to): (Ipv6Addr, Ipv6Addr) = ("2001:db8::1".parse().unwrap(), Ipv6Addr::LOCALHOST);
    let bytes = (Ipv6::new(from, to) / Udp::new(53, 54) / "question").to_vec();
    let (ip, rest) = Ipv6Header::parse(&bytes).unwrap();
    assert_eq!((ip.next_header, rest.len()), (Protocol::UDP, 16));
    assert!(udp::verify_checksum(from.into(), to.into(), rest));
    let bytes = (Ipv6::new(from, to) / Icmp::echo_request(1, 2) / "ping").to_vec();
    let (_, rest) = Ipv6Header::parse(&bytes).unwrap();
    assert!(crate::icmpv6::Icmpv6::parse(rest, from, to).is_ok());
}

#[test]
fn arp_probes_have_no_sender() {
    let bytes = (Ethernet::broadcast(A) / Arp::probe(A, V4.0)).to_vec();
    let (ethernet, rest) = EthernetHeader::parse(&bytes).unwrap();
    assert_eq!(ethernet.ether_type, EtherType::ARP);
    let arp = ArpPacket::parse(rest).unwrap();
    assert!(arp.sender_protocol.is_unspecified());
    assert_eq!(arp.target_protocol.octets(), V4.0);
}

#[test]
fn lies_are_told_as_asked() {
    let ip = || Ipv4::new(V4.0, V4.1);
    let tcp = || Tcp::new(1, 2);
    let wrong_sum = (ip().checksum(0x1234) / tcp()).to_vec();
    assert_eq!(Ipv4Header::parse(&wrong_sum), Err(ParseError::Checksum));
    let too_long = (ip().total_length(1_000) / tcp()).to_vec();
    let needed = ParseError::Truncated {
        needed: 1_000,
        have: 40,
    };
    assert_eq!(Ipv4Header::parse(&too_long), Err(needed));
    let segment = (ip() / tcp().checksum(0xbeef)).to_vec()[20..].to_vec();
    assert!(!verify_checksum(V4.0.into(), V4.1.into(), &segment));
    let short = (ip() / tcp().data_offset(4)).to_vec()[20..].to_vec();
    assert_eq!(TcpHeader::parse(&short), Err(ParseError::Length));
    // Options that reach into the text.
    let overlapping = (ip() / tcp().data_offset(6) / [2, 4, 5, 180].as_slice()).to_vec();
    let (header, len) = TcpHeader::parse(&overlapping[20..]).unwrap();
    assert_eq!((header.options.mss, len), (Some(1_460), 24));
    let other = (ip().protocol(Protocol::UDP) / tcp()).to_vec();
    assert_eq!(Ipv4Header::parse(&other).unwrap().0.protocol, Protocol::UDP);
}
