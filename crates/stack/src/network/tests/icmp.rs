//! Echo, errors sent and rationed, errors received and weighed.

use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::udp::UdpHeader;

use super::*;

/// Both families.
const FAMILIES: [usize; 2] = [0, 1];

fn v6(text: &str) -> core::net::Ipv6Addr {
    text.parse().unwrap()
}

/// An ICMP message to us, in whichever family `from` is.
fn icmp(from: &str, v4_message: Icmpv4, v6_message: Icmpv6, body: &[u8]) -> Vec<u8> {
    match ip(from) {
        IpAddr::V4(_) => frame(from, OURS[0], Protocol::ICMP, &v4_message.to_vec(body)),
        IpAddr::V6(from_v6) => {
            let bytes = v6_message.to_vec(body, from_v6, v6(OURS[1]));
            frame(from, OURS[1], Protocol::ICMPV6, &bytes)
        }
    }
}

fn echo(from: &str, body: &[u8]) -> Vec<u8> {
    let (identifier, sequence) = (7, 9);
    let in_v4 = Icmpv4::EchoRequest {
        identifier,
        sequence,
    };
    icmp(
        from,
        in_v4,
        Icmpv6::EchoRequest {
            identifier,
            sequence,
        },
        body,
    )
}

/// A UDP datagram without a checksum in IPv4, and with one in IPv6.
fn udp_bytes(source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = UdpHeader {
        source: 4_000,
        destination: 53,
        length,
        checksum: 0,
    };
    let mut bytes = vec![0; 8];
    header.write(&mut bytes);
    bytes.extend_from_slice(payload);
    if ip(source).is_ipv6() {
        let len = u32::from(length);
        let sum = handfast_packet::checksum::pseudo_header(
            ip(source),
            ip(destination),
            Protocol::UDP,
            len,
        );
        let sum = sum.add(&bytes).finish();
        bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn udp(from: &str, payload: &[u8]) -> Vec<u8> {
    let to = OURS[usize::from(ip(from).is_ipv6())];
    frame(from, to, Protocol::UDP, &udp_bytes(from, to, payload))
}

/// The error in a frame that we sent, with what it quotes, checked to go to `to`.
#[track_caller]
fn error(sent: &Sent, to: &str) -> (u8, u8, Vec<u8>) {
    assert_eq!(sent.cause, Cause::IcmpError);
    let payload = match ip(to) {
        IpAddr::V4(to) => {
            let (header, payload) = sent.v4();
            assert_eq!((header.destination, header.protocol), (to, Protocol::ICMP));
            assert!(Icmpv4::parse(&payload).is_ok());
            payload
        }
        IpAddr::V6(to) => {
            let (header, payload) = sent.v6();
            assert_eq!(
                (header.destination, header.next_header),
                (to, Protocol::ICMPV6)
            );
            sent.icmpv6();
            payload
        }
    };
    (payload[0], payload[1], payload[8..].to_vec())
}

#[test]
fn echo_is_answered_from_the_address_that_was_asked() {
    for family in FAMILIES {
        let mut host = Host::acquainted();
        assert!(host.receive(echo(FAR[family], b"are you there?")).is_none());
        let reply = host.sent_one();
        assert_eq!(
            (reply.cause, reply.ethernet.destination),
            (Cause::EchoReply, GATEWAY_MAC)
        );
        if family == 0 {
            let (header, payload) = reply.v4();
            assert_eq!(IpAddr::V4(header.source), ip(OURS[0]));
            let (message, body) = Icmpv4::parse(&payload).unwrap();
            assert_eq!(
                message,
                Icmpv4::EchoReply {
                    identifier: 7,
                    sequence: 9
                }
            );
            assert_eq!(body, b"are you there?");
        } else {
            let (header, message, body) = reply.icmpv6();
            assert_eq!(IpAddr::V6(header.source), ip(OURS[1]));
            assert_eq!(
                message,
                Icmpv6::EchoReply {
                    identifier: 7,
                    sequence: 9
                }
            );
            assert_eq!(body, b"are you there?");
        }
        assert_eq!(host.counters().echo_replies, 1);
    }
}

#[test]
fn echo_that_gets_no_answer() {
    let group = {
        let request = Icmpv6::EchoRequest {
            identifier: 1,
            sequence: 1,
        };
        let bytes = request.to_vec(b"", v6(PEER[1]), v6("ff02::1"));
        frame(PEER[1], "ff02::1", Protocol::ICMPV6, &bytes)
    };
    let request = Icmpv4::EchoRequest {
        identifier: 1,
        sequence: 1,
    }
    .to_vec(b"");
    let broadcast = frame(PEER[0], "192.0.2.255", Protocol::ICMP, &request);
    let mut damaged = echo(PEER[0], b"abc");
    *damaged.last_mut().unwrap() ^= 1;
    for (name, bytes) in [
        ("group", group),
        ("broadcast", broadcast),
        ("damaged", damaged),
    ] {
        let mut host = Host::acquainted();
        assert!(host.receive(bytes).is_none());
        assert!(host.sent().is_empty(), "{name}");
    }
    let mut quiet = Host::acquainted();
    quiet.network.answer_echo = false;
    quiet.receive(echo(PEER[0], b""));
    quiet.assert_silent();
}

#[test]
fn a_reply_that_needs_fragments_is_dropped() {
    for (family, headers) in FAMILIES.into_iter().zip([28, 48]) {
        let most = usize::from(MTU) - headers;
        for (len, answers) in [(most, 1), (most + 1, 0)] {
            let mut host = Host::acquainted();
            host.receive(echo(PEER[family], &vec![1; len]));
            assert_eq!(host.sent().len(), answers, "{len} bytes");
            assert_eq!(host.counters().too_large, u64::from(answers == 0));
        }
    }
}

#[test]
fn answers_that_pile_up_are_dropped() {
    let mut host = Host::acquainted();
    for _ in 0..OUTBOX_MAX + 50 {
        host.receive(echo(PEER[0], b""));
    }
    assert_eq!(host.counters().replies_dropped, 50);
    assert_eq!(host.sent().len(), OUTBOX_MAX);
}

#[test]
fn a_udp_port_is_unreachable() {
    for (family, (kind, code)) in FAMILIES.into_iter().zip([(3, 3), (1, 4)]) {
        for len in [0, 100, 1_400] {
            let mut host = Host::acquainted();
            let datagram = udp(FAR[family], &vec![3; len]);
            let packet = datagram[14..].to_vec();
            assert!(host.receive(datagram).is_none());
            let sent = host.sent_one();
            let (sent_kind, sent_code, quoted) = error(&sent, FAR[family]);
            assert_eq!((sent_kind, sent_code), (kind, code));
            assert!(packet.starts_with(&quoted) && quoted.len() >= packet.len().min(400));
            let most = [576, 1_280][family];
            assert!(sent.bytes.len() <= most, "{} bytes", sent.bytes.len());
        }
    }
}

#[test]
fn a_damaged_datagram_is_no_reason_to_complain() {
    let mut host = Host::acquainted();
    let mut damaged = udp(PEER[1], b"hello");
    *damaged.last_mut().unwrap() ^= 1;
    host.receive(damaged);
    assert_eq!(host.counters().bad_checksums, 1);
    host.receive(frame(PEER[0], OURS[0], Protocol::UDP, &[0; 7]));
    let mut long = udp_bytes(PEER[0], OURS[0], b"hello");
    long[5] = 200;
    host.receive(frame(PEER[0], OURS[0], Protocol::UDP, &long));
    assert_eq!(host.counters().malformed, 2);
    host.assert_silent();
}

#[test]
fn an_unknown_protocol_is_refused() {
    for (family, (kind, code)) in FAMILIES.into_iter().zip([(3, 2), (4, 1)]) {
        let mut host = Host::acquainted();
        host.receive(frame(PEER[family], OURS[family], Protocol(253), &[0; 40]));
        let (sent_kind, sent_code, _) = error(&host.sent_one(), PEER[family]);
        assert_eq!((sent_kind, sent_code), (kind, code));
        assert_eq!(host.counters().unknown_protocols, 1);
    }
}

#[test]
fn the_pointer_shows_the_header_that_is_not_known() {
    let mut host = Host::acquainted();
    // Destination options (padding only) in front of protocol 253.
    let payload = [253, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4];
    host.receive(frame(
        PEER[1],
        OURS[1],
        Protocol::DESTINATION_OPTIONS,
        &payload,
    ));
    let (_, message, _) = host.sent_one().icmpv6();
    assert_eq!(
        message,
        Icmpv6::ParameterProblem {
            code: 1,
            pointer: 40
        }
    );
    // An option that must be understood (type 0b11_000000 + 33).
    let payload = [6, 0, 0xe1, 4, 0, 0, 0, 0];
    host.receive(frame(
        PEER[1],
        OURS[1],
        Protocol::DESTINATION_OPTIONS,
        &payload,
    ));
    let (_, message, _) = host.sent_one().icmpv6();
    assert_eq!(
        message,
        Icmpv6::ParameterProblem {
            code: 2,
            pointer: 42
        }
    );
    // A routing header of type 0 with a segment left (RFC 5095).
    let payload = [6, 0, 0, 1, 0, 0, 0, 0];
    host.receive(frame(PEER[1], OURS[1], Protocol::ROUTING, &payload));
    let (_, message, _) = host.sent_one().icmpv6();
    assert_eq!(
        message,
        Icmpv6::ParameterProblem {
            code: 0,
            pointer: 42
        }
    );
    // Nothing follows: nothing to say.
    host.receive(frame(PEER[1], OURS[1], Protocol::NO_NEXT, &[]));
    host.assert_silent();
}

#[test]
fn tcp_behind_extension_headers_arrives() {
    let mut host = Host::acquainted();
    let mut payload = vec![6, 0, 1, 4, 0, 0, 0, 0];
    payload.extend([5; 20]);
    let bytes = frame(PEER[1], OURS[1], Protocol::HOP_BY_HOP, &payload);
    let Some(Inbound::Tcp(datagram)) = host.receive(bytes) else {
        panic!("it is for us")
    };
    assert_eq!(datagram.payload[..], [5; 20]);
}

#[test]
fn errors_are_rationed() {
    let mut host = Host::acquainted();
    for _ in 0..50 {
        host.receive(udp(PEER[0], b"x"));
    }
    assert_eq!(host.sent().len(), 32);
    assert_eq!(host.counters().icmp_errors_limited, 18);
    host.now += Duration::from_millis(50);
    for _ in 0..50 {
        host.receive(udp(PEER[1], b"x"));
    }
    assert_eq!(
        host.sent().len(),
        5,
        "one every ten milliseconds, for both families"
    );
    assert_eq!(host.counters().icmp_errors_sent, 37);
}

#[test]
fn no_error_answers_an_error_a_group_or_nobody() {
    // An ICMPv6 error behind an unknown header is out of sight; all of these are not.
    let quoted = bare_packet(OURS[1], PEER[1], Protocol::UDP, &[0; 8]);
    let bytes = Icmpv6::Unreachable { code: 4 }.to_vec(&quoted, v6(PEER[1]), v6(OURS[1]));
    let to_group = frame(PEER[1], "ff02::1", Protocol(253), &[0; 40]);
    for bytes in [frame(PEER[1], OURS[1], Protocol::ICMPV6, &bytes), to_group] {
        let mut host = Host::acquainted();
        assert!(host.receive(bytes).is_none());
        host.assert_silent();
    }
    // An option that asks for an error even when it was sent to a group.
    for (option, answers) in [(0xa1, 1), (0xe1, 0), (0x61, 0)] {
        let mut host = Host::acquainted();
        let payload = [58, 0, option, 4, 0, 0, 0, 0];
        let mut packet = bare_packet(PEER[1], "ff02::1", Protocol::DESTINATION_OPTIONS, &payload);
        packet[7] = 255;
        host.receive(framed(&packet));
        assert_eq!(host.sent().len(), answers, "option {option:#x}");
    }
}

/// A TCP segment from us to `to`, as a router would quote it.
fn our_segment(to: &str, len: u16) -> Vec<u8> {
    let from = OURS[usize::from(ip(to).is_ipv6())];
    let mut payload = vec![0; usize::from(len)];
    payload[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut packet = bare_packet(from, to, Protocol::TCP, &payload);
    packet.truncate(60);
    packet
}

#[test]
fn errors_about_our_segments_are_handed_on() {
    for family in FAMILIES {
        for (in_v4, in_v6, kind) in [
            (
                Icmpv4::Unreachable {
                    code: 1,
                    next_hop_mtu: 0,
                },
                Icmpv6::Unreachable { code: 3 },
                IcmpKind::Soft,
            ),
            (
                Icmpv4::Unreachable {
                    code: 3,
                    next_hop_mtu: 0,
                },
                Icmpv6::Unreachable { code: 4 },
                IcmpKind::Hard,
            ),
            (
                Icmpv4::Unreachable {
                    code: 4,
                    next_hop_mtu: 1_400,
                },
                Icmpv6::PacketTooBig { mtu: 1_400 },
                IcmpKind::TooBig { mtu: 1_400 },
            ),
        ] {
            let mut host = Host::acquainted();
            // The router between has yet another address.
            let router = ["198.51.100.1", "2001:db8:9::1"][family];
            let bytes = icmp(router, in_v4, in_v6, &our_segment(FAR[family], 1_400));
            let Some(Inbound::IcmpError(report)) = host.receive(bytes) else {
                panic!("{kind:?} is handed on");
            };
            let (local, remote) = (ip(OURS[family]), ip(FAR[family]));
            let quoted = [1, 2, 3, 4, 5, 6, 7, 8];
            assert_eq!(
                report,
                IcmpReport {
                    local,
                    remote,
                    kind,
                    quoted
                }
            );
            host.assert_silent();
            assert_eq!(
                host.network.mtu_for(remote),
                MTU,
                "believed only when confirmed"
            );
        }
    }
}

#[test]
fn errors_that_nobody_should_believe() {
    let unreachable = Icmpv4::Unreachable {
        code: 3,
        next_hop_mtu: 0,
    };
    let too_big = |next_hop_mtu| Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu,
    };
    let ours = our_segment(FAR[0], 1_000);
    let strange = bare_packet("192.0.2.77", FAR[0], Protocol::TCP, &[0; 20]);
    let not_tcp = bare_packet(OURS[0], FAR[0], Protocol::UDP, &[0; 20]);
    for (name, message, quoted) in [
        ("not our address", unreachable, &strange[..]),
        ("not TCP", unreachable, &not_tcp),
        ("quotes too little", unreachable, &ours[..27]),
        ("not narrower", too_big(MTU), &ours),
        (
            "source quench",
            Icmpv4::Other {
                kind: 4,
                code: 0,
                rest: [0; 4],
            },
            &ours,
        ),
        (
            "redirect",
            Icmpv4::Other {
                kind: 5,
                code: 0,
                rest: [0; 4],
            },
            &ours,
        ),
    ] {
        let mut host = Host::acquainted();
        let bytes = frame(PEER[0], OURS[0], Protocol::ICMP, &message.to_vec(quoted));
        assert!(host.receive(bytes).is_none(), "{name}");
        assert_eq!(host.counters().icmp_errors_ignored, 1, "{name}");
    }
    let mut host = Host::acquainted();
    let narrow = Icmpv6::PacketTooBig { mtu: 1_279 };
    let bytes = narrow.to_vec(&our_segment(FAR[1], 1_000), v6(PEER[1]), v6(OURS[1]));
    assert!(
        host.receive(frame(PEER[1], OURS[1], Protocol::ICMPV6, &bytes))
            .is_none()
    );
}

#[test]
fn a_confirmed_mtu_counts_until_it_is_old() {
    let mut host = Host::acquainted();
    host.network.confirm_too_big(host.now, ip(FAR[0]), 1_400);
    assert_eq!(host.network.mtu_for(ip(FAR[0])), 1_400);
    assert_eq!(host.network.mtu_for(ip(PEER[0])), MTU);
    // The same word again is no news.
    let message = Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu: 1_400,
    };
    let bytes = message.to_vec(&our_segment(FAR[0], 1_400));
    assert!(
        host.receive(frame(PEER[0], OURS[0], Protocol::ICMP, &bytes))
            .is_none()
    );
    host.pass(Duration::from_secs(600));
    assert_eq!(host.network.mtu_for(ip(FAR[0])), MTU);
}
