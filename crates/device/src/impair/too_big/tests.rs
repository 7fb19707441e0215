//! Tests of the answers to packets that are too large.

use handfast_packet::build::{Ethernet, Tcp, Udp};
use handfast_packet::checksum::checksum;
use handfast_packet::ethernet::EthernetAddress;

use super::*;

const US: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const THEM: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const US_V6: Ipv6Addr = Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 1);
const THEM_V6: Ipv6Addr = Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 2);

fn ipv4() -> Ipv4 {
    Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]).dont_fragment()
}

#[test]
fn over_ipv4_the_sender_learns_the_mtu_and_sees_the_beginning_of_its_packet() {
    for len in [100, 1_400] {
        let packet = (ipv4() / Tcp::new(1, 2) / vec![7; len]).to_vec();
        let frame = (Ethernet::new(US, THEM) / ipv4() / Tcp::new(1, 2) / vec![7; len]).to_vec();
        let answer = answer(&frame, Medium::Ethernet, 90).expect("DF is set");
        assert_eq!(&answer[..6], &US.0);
        assert_eq!(&answer[6..14], [2, 0, 0, 0, 0, 2, 8, 0]);
        let inner = &answer[14..];
        assert_eq!(
            super::answer(&packet, Medium::Ip, 90).as_deref(),
            Some(inner)
        );
        assert_eq!(&inner[12..20], [192, 0, 2, 2, 192, 0, 2, 1]);
        assert_eq!((checksum(&inner[..20]), inner[9]), (0, PROTOCOL_ICMP));
        let (message, quote) = Icmpv4::parse(&inner[20..]).expect("a good message");
        let wanted = Icmpv4::Unreachable {
            code: 4,
            next_hop_mtu: 90,
        };
        assert_eq!(message, wanted);
        // RFC 1812 section 4.3.2.3.
        assert_eq!(inner.len(), (28 + packet.len()).min(576));
        assert_eq!(quote, &packet[..quote.len()]);
    }
}

#[test]
fn over_ipv6_as_much_is_quoted_as_fits_into_the_smallest_mtu() {
    for len in [100, 1_400] {
        let ip = Ipv6::new(US_V6, THEM_V6);
        let packet = (ip / Tcp::new(1, 2) / vec![7; len]).to_vec();
        let inner = answer(&packet, Medium::Ip, 1_300).expect("there is no DF to ask for");
        assert_eq!(&inner[8..24], THEM_V6.octets());
        assert_eq!(&inner[24..40], US_V6.octets());
        let (message, quote) = Icmpv6::parse(&inner[40..], THEM_V6, US_V6).expect("a good message");
        assert_eq!(message, Icmpv6::PacketTooBig { mtu: 1_300 });
        assert_eq!(inner.len(), (48 + packet.len()).min(1_280));
        assert_eq!(quote, &packet[..quote.len()]);
    }
}

/// RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e); groups of IPv6 because of the address alone.
#[test]
fn errors_fragments_groups_and_what_may_be_fragmented_are_never_answered() {
    let text = vec![7; 500];
    let v4 = |ip: Ipv4| ip / Udp::new(1, 2) / text.clone();
    let v6 = |from: Ipv6Addr, to: Ipv6Addr| Ipv6::new(from, to) / Udp::new(1, 2) / text.clone();
    let us = [192, 0, 2, 1];
    let unreachable = Icmpv4::Unreachable {
        code: 1,
        next_hop_mtu: 0,
    };
    let too_big = Icmpv6::PacketTooBig { mtu: 1_280 };
    let cases = [
        v4(Ipv4::new(us, [192, 0, 2, 2])),
        v4(ipv4().fragment(185, false)),
        v4(Ipv4::new(us, [224, 0, 0, 1]).dont_fragment()),
        v4(Ipv4::new(us, [255; 4]).dont_fragment()),
        v4(Ipv4::new([0; 4], us).dont_fragment()),
        ipv4() / Icmp::v4(unreachable) / text.clone(),
        v6(US_V6, Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 1)),
        v6(Ipv6Addr::UNSPECIFIED, THEM_V6),
        Ipv6::new(US_V6, THEM_V6) / Icmp::v6(too_big) / text.clone(),
    ];
    for (index, packet) in cases.iter().enumerate() {
        assert_eq!(
            answer(&packet.to_vec(), Medium::Ip, 100),
            None,
            "case {index}"
        );
    }
    let pings = [
        (ipv4() / Icmp::echo_request(1, 1) / text.clone()).to_vec(),
        v4(ipv4()).to_vec(),
        v6(US_V6, THEM_V6).to_vec(),
    ];
    for (index, packet) in pings.iter().enumerate() {
        assert!(answer(packet, Medium::Ip, 100).is_some(), "ping {index}");
    }
    let group = EthernetAddress([0xFF; 6]);
    let frame = (Ethernet::new(US, group) / ipv4() / Udp::new(1, 2) / text.clone()).to_vec();
    assert_eq!(answer(&frame, Medium::Ethernet, 100), None);
}

#[test]
fn no_cut_of_a_packet_panics() {
    let v4 = (ipv4() / Tcp::new(1, 2) / "text").to_vec();
    let v6 = (Ipv6::new(US_V6, THEM_V6) / Icmp::echo_request(1, 2) / "text").to_vec();
    for packet in [v4, v6] {
        for len in 0..packet.len() {
            let _ = answer(&packet[..len], Medium::Ip, 68);
            let _ = answer(&packet[..len], Medium::Ethernet, 68);
        }
    }
}
