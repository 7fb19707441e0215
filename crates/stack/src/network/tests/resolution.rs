//! From an IP destination to a frame: routes, neighbours by ARP, queues, headers.

use core::num::NonZeroU16;

use handfast_packet::buf::{ChecksumField, Gso};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn unreachable(destination: &str) -> NetworkEvent {
    NetworkEvent::Unreachable {
        destination: ip(destination),
    }
}

#[test]
fn the_gateway_is_asked_for_from_our_address_when_it_is_needed() {
    let mut host = Host::new();
    host.assert_silent();
    assert!(host.send(FAR[0]));
    let question = host.sent_one();
    assert_eq!(question.ethernet.destination, EthernetAddress::BROADCAST);
    assert_eq!(question.cause, Cause::Resolve);
    let asked = question.arp();
    assert_eq!(
        (asked.operation, asked.sender_hardware),
        (ArpOperation::REQUEST, OUR_MAC)
    );
    assert_eq!(IpAddr::V4(asked.sender_protocol), ip(OURS[0]));
    assert_eq!(IpAddr::V4(asked.target_protocol), ip(GATEWAY[0]));
    host.receive(arp(ArpOperation::REPLY, GATEWAY_MAC, GATEWAY[0], OURS[0]));
    let packet = host.sent_one();
    assert_eq!(packet.ethernet.destination, GATEWAY_MAC);
    let (header, payload) = packet.v4();
    assert_eq!(IpAddr::V4(header.source), ip(OURS[0]));
    assert_eq!(IpAddr::V4(header.destination), ip(FAR[0]));
    assert_eq!((header.protocol, header.ttl), (Protocol::TCP, 64));
    assert!(header.dont_fragment && !header.is_fragment());
    assert_eq!(payload, [7; 100]);
    assert!(host.send(FAR[0]));
    assert_eq!(
        host.sent_one().ethernet.destination,
        GATEWAY_MAC,
        "known from now on"
    );
}

#[test]
fn a_host_on_our_link_is_asked_for_itself() {
    let mut host = Host::new();
    host.send(PEER[0]);
    assert_eq!(
        IpAddr::V4(host.sent_one().arp().target_protocol),
        ip(PEER[0])
    );
    // Its own question tells as much as an answer would.
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], OURS[0]));
    let sent = host.sent();
    assert_eq!(sent.len(), 2, "the packet that waited, and the answer");
    assert!(
        sent.iter()
            .all(|frame| frame.ethernet.destination == PEER_MAC)
    );
}

#[test]
fn a_longer_route_goes_before_the_prefix_of_our_address() {
    let mut host = Host::new();
    let route = "192.0.2.128/25".parse().unwrap();
    host.network
        .add_route(route, Some(ip("192.0.2.3")))
        .unwrap();
    host.network
        .add_route("198.51.100.0/24".parse().unwrap(), None)
        .unwrap();
    for (destination, next_hop) in [
        ("192.0.2.200", "192.0.2.3"),
        ("192.0.2.100", "192.0.2.100"),
        ("198.51.100.9", "198.51.100.9"),
        ("203.0.113.29", GATEWAY[0]),
        ("2001:db8::9", "2001:db8::9"),
        ("fe80::9", "fe80::9"),
        ("2001:db8:1::9", GATEWAY[1]),
    ] {
        assert_eq!(
            host.network.next_hop(ip(destination)),
            Some(ip(next_hop)),
            "{destination}"
        );
    }
}

#[test]
fn routes_that_cannot_work_are_refused() {
    let mut host = Host::new();
    let destination = "10.0.0.0/8".parse().unwrap();
    for (gateway, expected) in [
        (
            "fe80::1",
            RouteError::MixedFamilies {
                destination,
                gateway: ip("fe80::1"),
            },
        ),
        (OURS[0], RouteError::InvalidGateway(ip(OURS[0]))),
        ("224.0.0.1", RouteError::InvalidGateway(ip("224.0.0.1"))),
    ] {
        assert_eq!(
            host.network.add_route(destination, Some(ip(gateway))),
            Err(expected)
        );
    }
    let refused = (0..=255).find_map(|n| {
        let destination = Cidr::new([10, n, 0, 0].into(), 16).unwrap();
        host.network.add_route(destination, None).err()
    });
    assert_eq!(refused, Some(RouteError::TooMany(64)));
}

#[test]
fn without_a_route_a_packet_is_dropped_and_reported() {
    let mut host = Host::bare();
    host.network
        .add_address("192.0.2.1/24".parse().unwrap())
        .unwrap();
    assert_eq!(host.network.source_for(ip(FAR[0])), None);
    assert_eq!(host.network.source_for(ip(PEER[0])), Some(ip(OURS[0])));
    assert_eq!(host.network.source_for(ip(PEER[1])), None);
    assert!(!host.send(FAR[0]));
    assert!(!host.send(FAR[0]));
    assert_eq!(host.events(), [unreachable(FAR[0])], "once");
    assert_eq!(host.counters().no_route, 2);
    host.assert_silent();
}

#[test]
fn a_silent_gateway_makes_its_destinations_unreachable() {
    let mut host = Host::new();
    let start = host.now;
    for n in 0..20 {
        assert!(host.send(if n % 2 == 0 { FAR[0] } else { "198.51.100.7" }));
    }
    let questions = host.pass(SECOND * 10);
    let times: Vec<_> = questions.iter().map(|frame| frame.at - start).collect();
    assert_eq!(times, [Duration::ZERO, SECOND, SECOND * 2]);
    assert!(questions.iter().all(|frame| frame.cause == Cause::Resolve));
    assert_eq!(
        host.events(),
        [unreachable(FAR[0]), unreachable("198.51.100.7")]
    );
    assert_eq!(host.counters().neighbor_drops, 20);
}

#[test]
fn for_a_second_nobody_is_asked_again() {
    let mut host = Host::new();
    host.send(FAR[0]);
    host.pass(SECOND * 3);
    assert_eq!(host.events(), [unreachable(FAR[0])]);
    assert!(!host.send("198.51.100.7"));
    assert_eq!(host.events(), [unreachable("198.51.100.7")]);
    host.assert_silent();
    host.pass(SECOND);
    assert!(host.send(FAR[0]));
    assert_eq!(host.sent_one().cause, Cause::Resolve);
}

#[test]
fn only_the_newest_wait_and_they_keep_their_order() {
    let mut host = Host::new();
    for n in 0..244 {
        let payload = [n; 4];
        let (heading, mut frame) = packet(ip(OURS[0]), ip(PEER[0]), &payload);
        let sent = host.network.route(host.now, &heading, &mut frame);
        assert_eq!(sent, Err(Unsent::Waits));
    }
    host.sent();
    host.receive(arp(ArpOperation::REPLY, PEER_MAC, PEER[0], OURS[0]));
    let sent: Vec<u8> = host.sent().iter().map(|frame| frame.v4().1[0]).collect();
    assert_eq!(sent, (4..244).collect::<Vec<_>>());
    assert_eq!(host.counters().neighbor_drops, 4);
}

#[test]
fn strangers_cannot_fill_the_table_but_may_correct_it() {
    let mut host = Host::new();
    host.receive(arp(ArpOperation::REPLY, PEER_MAC, PEER[0], PEER[0]));
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], "192.0.2.77"));
    host.receive(arp(
        ArpOperation::REQUEST,
        PEER_MAC,
        "198.51.100.1",
        OURS[0],
    ));
    assert_eq!(host.network.neighbors.get(ip(PEER[0])), None);
    assert_eq!(
        host.network.neighbors.get(ip("198.51.100.1")),
        None,
        "not on our link"
    );
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], OURS[0]));
    assert_eq!(host.network.neighbors.get(ip(PEER[0])), Some(PEER_MAC));
    host.receive(arp(ArpOperation::REQUEST, GATEWAY_MAC, PEER[0], PEER[0]));
    assert_eq!(
        host.network.neighbors.get(ip(PEER[0])),
        Some(GATEWAY_MAC),
        "it announced itself"
    );
}

#[test]
fn super_segments_keep_their_description() {
    for (family, transport_at) in [(0, 14 + 20), (1, 14 + 40)] {
        let mut host = Host::acquainted();
        let gso = Gso {
            segment_len: NonZeroU16::new(1_400).unwrap(),
            segments: NonZeroU16::new(40).unwrap(),
        };
        let payload = vec![1; 1_400 * 40];
        let (mut heading, mut frame) = packet(ip(OURS[family]), ip(FAR[family]), &payload);
        frame.head.prepend(20).fill(0xaa);
        frame.checksum_at = Some(ChecksumField {
            start: 0,
            offset: 16,
        });
        frame.gso = Some(gso);
        heading.ecn = Ecn::Ect0;
        let frame = host.send_at_once(&heading, frame);
        assert_eq!(frame.gso, Some(gso));
        assert_eq!(
            frame.checksum_at,
            Some(ChecksumField {
                start: transport_at,
                offset: 16
            })
        );
        let at = usize::from(transport_at);
        assert_eq!(frame.head.bytes()[at..], [0xaa; 20]);
        let sent = Sent::new(host.now, &frame);
        let (ecn, len) = match family {
            0 => (sent.v4().0.ecn, sent.v4().0.payload_len),
            _ => (sent.v6().0.ecn, sent.v6().0.payload_len),
        };
        assert_eq!((ecn, usize::from(len)), (Ecn::Ect0, 20 + payload.len()));
    }
}

#[test]
fn a_flow_has_one_label_and_others_have_others() {
    let mut host = Host::acquainted();
    let mut label = |ports: [u8; 4]| {
        let (heading, mut frame) = packet(ip(OURS[1]), ip(FAR[1]), &[]);
        frame.body = Payload::new();
        frame.head.prepend(20)[..4].copy_from_slice(&ports);
        let frame = host.send_at_once(&heading, frame);
        Sent::new(host.now, &frame).v6().0.flow_label
    };
    assert_eq!(label([1, 2, 0, 80]), label([1, 2, 0, 80]));
    assert_ne!(label([1, 2, 0, 80]), label([1, 3, 0, 80]));
}

#[test]
fn where_the_medium_is_ip_there_is_nobody_to_ask() {
    let mut host = Host::with(Medium::Ip, 1);
    host.network
        .add_address("192.0.2.1/32".parse().unwrap())
        .unwrap();
    let (heading, frame) = packet(ip(OURS[0]), ip(FAR[0]), &[7; 100]);
    let bytes = host.send_at_once(&heading, frame).to_vec();
    let (header, payload) = Ipv4Header::parse(&bytes).unwrap();
    assert_eq!(
        (IpAddr::V4(header.destination), payload),
        (ip(FAR[0]), &[7; 100][..])
    );
    let packet = bare_packet(FAR[0], OURS[0], Protocol::TCP, &[5; 20]);
    let Some(Inbound::Tcp(datagram)) = host.receive(packet) else {
        panic!("it is for us")
    };
    assert_eq!(datagram.payload[..], [5; 20]);
    for bytes in [vec![], vec![0x10; 60]] {
        assert!(host.receive(bytes).is_none());
    }
    assert_eq!(host.counters().malformed, 2);
}

#[test]
fn frames_that_are_not_for_us() {
    let segment = [5; 20];
    let packet = bare_packet(PEER[0], OURS[0], Protocol::TCP, &segment);
    let other = EthernetAddress([2, 0, 0, 0, 0, 0x77]);
    let good = ethernet((PEER_MAC, OUR_MAC), EtherType::IPV4, &packet);
    assert!(matches!(Host::new().receive(good), Some(Inbound::Tcp(_))));
    for (name, bytes) in [
        (
            "another station",
            ethernet((PEER_MAC, other), EtherType::IPV4, &packet),
        ),
        (
            "all stations",
            ethernet(
                (PEER_MAC, EthernetAddress::BROADCAST),
                EtherType::IPV4,
                &packet,
            ),
        ),
        (
            "another address",
            frame(PEER[0], "192.0.2.3", Protocol::TCP, &segment),
        ),
        (
            "broadcast",
            frame(PEER[0], "192.0.2.255", Protocol::TCP, &segment),
        ),
        (
            "a group",
            frame(PEER[1], "ff02::2", Protocol::TCP, &segment),
        ),
        (
            "another in IPv6",
            frame(PEER[1], "2001:db8::3", Protocol::TCP, &segment),
        ),
    ] {
        let mut host = Host::new();
        assert!(host.receive(bytes).is_none(), "{name}");
        assert_eq!(host.counters().not_for_us, 1, "{name}");
        host.assert_silent();
    }
}

#[test]
fn martians_are_dropped() {
    for (source, family) in [
        (OURS[0], 0),
        ("127.0.0.1", 0),
        ("0.0.0.0", 0),
        ("224.0.0.1", 0),
        ("192.0.2.255", 0),
        ("255.255.255.255", 0),
        (OURS[1], 1),
        ("::", 1),
        ("::1", 1),
        ("ff02::1", 1),
        ("::ffff:192.0.2.2", 1),
    ] {
        let mut host = Host::acquainted();
        assert!(
            host.receive(frame(source, OURS[family], Protocol::TCP, &[5; 20]))
                .is_none()
        );
        assert_eq!(host.counters().martian_sources, 1, "{source}");
    }
}

#[test]
fn damaged_frames_do_no_harm() {
    let mut host = Host::acquainted();
    let good = frame(PEER[0], OURS[0], Protocol::TCP, &[5; 20]);
    for len in 0..good.len() {
        assert!(host.receive(good[..len].to_vec()).is_none(), "{len} bytes");
    }
    let mut padded = good.clone();
    padded.extend([0; 20]);
    let Some(Inbound::Tcp(datagram)) = host.receive(padded) else {
        panic!("it is good")
    };
    assert_eq!(datagram.payload.len(), 20, "padding is cut off");
    let mut flipped = good;
    flipped[14 + 8] ^= 1;
    assert!(host.receive(flipped).is_none());
    assert_eq!(host.counters().bad_checksums, 1);
}
