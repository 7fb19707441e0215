//! Fragments through the whole way in, in both families.

use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::ipv6_ext::FragmentHeader;

use super::*;

const IDENTIFICATION: u16 = 77;

/// The frames of one datagram in pieces of `piece` bytes.
fn fragments(source: &str, protocol: Protocol, payload: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(piece);
    let parts = payload.chunks(piece).enumerate();
    parts
        .map(|(n, part)| fragment(source, protocol, (n * piece, n + 1 < count), part))
        .collect()
}

fn fragment(
    source: &str,
    protocol: Protocol,
    (offset, more): (usize, bool),
    part: &[u8],
) -> Vec<u8> {
    let offset = u16::try_from(offset).unwrap();
    match (ip(source), ip(OURS[usize::from(ip(source).is_ipv6())])) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                source,
                destination,
                protocol,
                identification: IDENTIFICATION,
                more_fragments: more,
                fragment_offset: offset,
                payload_len: u16::try_from(part.len()).unwrap(),
                ..Ipv4Header::default()
            };
            let mut bytes = vec![0; 20];
            header.write(&mut bytes);
            bytes.extend_from_slice(part);
            framed(&bytes)
        }
        _ => {
            let identification = IDENTIFICATION.into();
            let header = FragmentHeader {
                next_header: protocol,
                offset,
                more,
                identification,
            };
            let mut payload = vec![0; 8];
            header.write(&mut payload);
            payload.extend_from_slice(part);
            frame(source, OURS[1], Protocol::FRAGMENT, &payload)
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[test]
fn a_segment_in_pieces_arrives_whole() {
    for source in PEER {
        let payload = pattern(3_001);
        for reversed in [false, true] {
            let mut host = Host::acquainted();
            let mut frames = fragments(source, Protocol::TCP, &payload, 1_000);
            if reversed {
                frames.reverse();
            }
            let last = frames.pop().unwrap();
            for frame in frames {
                assert!(host.receive(frame).is_none());
            }
            let Some(Inbound::Tcp(datagram)) = host.receive(last) else {
                panic!("nothing is missing");
            };
            assert_eq!(datagram.payload[..], payload);
            assert_eq!(
                (datagram.source, datagram.checksum),
                (ip(source), RxChecksum::Unknown)
            );
            let counters = host.counters();
            assert_eq!((counters.fragments_received, counters.reassembled), (4, 1));
        }
    }
}

#[test]
fn an_echo_request_in_pieces_is_answered_if_the_answer_fits() {
    let request = Icmpv4::EchoRequest {
        identifier: 1,
        sequence: 2,
    };
    for (len, answers) in [(1_400, 1), (3_000, 0)] {
        let mut host = Host::acquainted();
        let message = request.to_vec(&pattern(len));
        for frame in fragments(PEER[0], Protocol::ICMP, &message, 800) {
            assert!(host.receive(frame).is_none());
        }
        assert_eq!(host.sent().len(), answers);
    }
}

#[test]
fn an_atomic_fragment_is_a_datagram_of_its_own() {
    let mut host = Host::acquainted();
    // A part of another datagram with the same identification is on its way.
    host.receive(fragment(PEER[1], Protocol::TCP, (0, true), &[1; 24]));
    let bytes = fragment(PEER[1], Protocol::TCP, (0, false), &[5; 24]);
    let Some(Inbound::Tcp(datagram)) = host.receive(bytes) else {
        panic!("it is whole")
    };
    assert_eq!(datagram.payload[..], [5; 24]);
    let rest = fragment(PEER[1], Protocol::TCP, (24, false), &[2; 8]);
    assert!(
        matches!(host.receive(rest), Some(Inbound::Tcp(_))),
        "the other was not disturbed"
    );
}

#[test]
fn extension_headers_behind_the_fragment_header() {
    let mut host = Host::acquainted();
    let mut payload = vec![6, 0, 1, 4, 0, 0, 0, 0];
    payload.extend(pattern(100));
    let frames = fragments(PEER[1], Protocol::DESTINATION_OPTIONS, &payload, 56);
    assert_eq!(frames.len(), 2);
    let arrived: Vec<_> = frames
        .into_iter()
        .filter_map(|frame| host.receive(frame))
        .collect();
    let [Inbound::Tcp(datagram)] = &arrived[..] else {
        panic!("{arrived:?}")
    };
    assert_eq!(datagram.payload[..], pattern(100));
    // A fragment header in a datagram that came in fragments leads nowhere.
    let mut nested = vec![6, 0, 0, 0, 0, 0, 0, 1];
    nested.extend(pattern(100));
    for frame in fragments(PEER[1], Protocol::FRAGMENT, &nested, 56) {
        assert!(host.receive(frame).is_none());
    }
    assert_eq!(host.counters().malformed, 1);
}

#[test]
fn overlaps_drop_the_datagram() {
    for source in PEER {
        let mut host = Host::acquainted();
        for (place, len) in [((0, true), 32), ((8, true), 32), ((32, false), 8)] {
            let bytes = fragment(source, Protocol::TCP, place, &vec![1; len]);
            assert!(host.receive(bytes).is_none());
        }
        assert_eq!(host.counters().fragments_dropped, 2);
    }
}

/// RFC 8200 4.5: the sender of a fragment that can be a part of nothing is told which field is
/// wrong. ICMP for IPv4 has no such duty.
#[test]
fn impossible_fragments_are_complained_of_in_ipv6() {
    for source in PEER {
        for (place, len, pointer) in [((0, true), 30, 4), ((65_528, false), 8, 42)] {
            let mut host = Host::acquainted();
            let bytes = fragment(source, Protocol::UDP, place, &vec![1; len]);
            assert!(host.receive(bytes).is_none());
            assert_eq!(host.counters().fragments_dropped, 1);
            let sent = host.sent();
            if ip(source).is_ipv4() {
                assert_eq!(sent.len(), 0);
                continue;
            }
            let (_, message, _) = sent[0].icmpv6();
            assert_eq!(message, Icmpv6::ParameterProblem { code: 0, pointer });
        }
    }
}

#[test]
fn what_never_completes_is_reported_to_its_sender() {
    for (family, secs) in [(0, 30), (1, 60)] {
        let mut host = Host::acquainted();
        host.receive(fragment(
            PEER[family],
            Protocol::UDP,
            (0, true),
            &pattern(64),
        ));
        let mut sent = host.pass(Duration::from_secs(100));
        // Later, the neighbour is checked.
        sent.retain(|frame| frame.cause != Cause::Resolve);
        assert_eq!((sent.len(), host.counters().reassembly_timeouts), (1, 1));
        let sent = sent.remove(0);
        assert_eq!(
            sent.at - Instant::from_secs(1_000),
            Duration::from_secs(secs)
        );
        assert_eq!(sent.cause, Cause::IcmpError);
        if family == 0 {
            let (message, quoted) = {
                let payload = sent.v4().1;
                let (message, quoted) = Icmpv4::parse(&payload).unwrap();
                (message, quoted.to_vec())
            };
            assert_eq!(message, Icmpv4::TimeExceeded { code: 1 });
            assert_eq!(quoted[20..], pattern(64));
        } else {
            let (_, message, quoted) = sent.icmpv6();
            assert_eq!(message, Icmpv6::TimeExceeded { code: 1 });
            assert_eq!(quoted[48..], pattern(64));
        }
    }
}

#[test]
fn without_its_first_fragment_nothing_can_be_said() {
    let error = Icmpv4::Unreachable {
        code: 3,
        next_hop_mtu: 0,
    }
    .to_vec(&[0; 40]);
    for bytes in [
        fragment(PEER[0], Protocol::UDP, (64, false), &pattern(64)),
        fragment(PEER[0], Protocol::ICMP, (0, true), &error),
    ] {
        let mut host = Host::acquainted();
        host.receive(bytes);
        assert!(host.pass(Duration::from_secs(100)).is_empty());
        assert_eq!(host.counters().reassembly_timeouts, 1);
    }
}

#[test]
fn neighbour_discovery_in_fragments_is_ignored() {
    let mut host = Host::acquainted();
    let target = OURS[1].parse().unwrap();
    let message = Ndp::NeighborSolicitation {
        target,
        source_link: Some(PEER_MAC),
        nonce: None,
    };
    let bytes = message.to_vec(PEER[1].parse().unwrap(), target);
    let mut whole = fragment(PEER[1], Protocol::ICMPV6, (0, false), &bytes);
    whole[14 + 7] = 255;
    host.receive(whole);
    host.assert_silent();
    assert_eq!(host.counters().malformed, 1);
}

/// RFC 7112 section 5: a first fragment that does not show what the datagram is.
#[test]
fn a_first_fragment_without_all_headers_is_dropped() {
    // Destination options of 16 bytes, then TCP.
    let mut options = vec![6, 1, 1, 12];
    options.extend([0; 12]);
    options.extend(pattern(40));
    for (protocol, payload, cut, passes) in [
        (Protocol::TCP, pattern(48), 16, false),
        (Protocol::TCP, pattern(48), 24, true),
        (Protocol::UDP, pattern(48), 8, true),
        (Protocol::DESTINATION_OPTIONS, options.clone(), 8, false),
        (Protocol::DESTINATION_OPTIONS, options.clone(), 16, false),
        (Protocol::DESTINATION_OPTIONS, options.clone(), 32, false),
        (Protocol::DESTINATION_OPTIONS, options.clone(), 40, true),
    ] {
        let mut host = Host::acquainted();
        let (first, rest) = payload.split_at(cut);
        host.receive(fragment(PEER[1], protocol, (0, true), first));
        host.receive(fragment(PEER[1], protocol, (cut, false), rest));
        let counters = host.counters();
        let counted = (counters.fragments_dropped, counters.reassembled);
        let expected = if passes { (0, 1) } else { (1, 0) };
        assert_eq!(counted, expected, "{protocol:?} cut at {cut}");
    }
}
