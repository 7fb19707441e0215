//! Reports of the groups that we listen to (RFC 3810).

use alloc::string::ToString;
use core::net::Ipv6Addr;

use handfast_packet::ipv6_ext;
use handfast_packet::ndp::solicited_node;

use super::*;

/// The groups in a report, each with the type of its record.
#[track_caller]
fn report(sent: &Sent) -> Vec<(u8, Ipv6Addr)> {
    let (header, payload) = sent.v6();
    assert_eq!(
        (header.hop_limit, header.next_header),
        (1, Protocol::HOP_BY_HOP)
    );
    assert_eq!(header.destination, "ff02::16".parse::<Ipv6Addr>().unwrap());
    let to = EthernetAddress([0x33, 0x33, 0, 0, 0, 0x16]);
    assert_eq!(
        (sent.ethernet.destination, sent.cause),
        (to, Cause::GroupReport)
    );
    assert_eq!(payload[2..6], [5, 2, 0, 0], "a router alert");
    let walk = ipv6_ext::walk(header.next_header, &payload).unwrap();
    assert_eq!(walk.protocol, Protocol::ICMPV6);
    let (message, body) = Icmpv6::parse(walk.payload, header.source, header.destination).unwrap();
    let Icmpv6::Other {
        kind: 143,
        rest: [_, _, high, low],
        ..
    } = message
    else {
        panic!("{message:?}");
    };
    let records: Vec<_> = body
        .chunks(20)
        .map(|record| {
            assert_eq!(record[1..4], [0; 3]);
            (
                record[0],
                Ipv6Addr::from(*record[4..].first_chunk::<16>().unwrap()),
            )
        })
        .collect();
    assert_eq!(records.len(), usize::from(u16::from_be_bytes([high, low])));
    records
}

/// A query that wants its answer within `millis`.
fn query(source: &str, group: &str, millis: u16) -> Vec<u8> {
    let group: Ipv6Addr = group.parse().unwrap();
    let to = if group.is_unspecified() {
        "ff02::1".parse().unwrap()
    } else {
        group
    };
    let [high, low] = millis.to_be_bytes();
    let message = Icmpv6::Other {
        kind: 130,
        code: 0,
        rest: [high, low, 0, 0],
    };
    let mut body = group.octets().to_vec();
    body.extend([2, 125, 0, 0]);
    let mut payload = vec![58, 0, 5, 2, 0, 0, 1, 0];
    payload.extend(message.to_vec(&body, source.parse().unwrap(), to));
    let mut packet = bare_packet(source, &to.to_string(), Protocol::HOP_BY_HOP, &payload);
    packet[7] = 1;
    ethernet(
        (GATEWAY_MAC, EthernetAddress::multicast(to.into())),
        EtherType::IPV6,
        &packet,
    )
}

#[test]
fn a_group_is_joined_before_the_address_is_asked_for_and_once_more() {
    let mut host = Host::bare();
    host.claim("2001:db8::129/64");
    let sent = host.pass(Duration::from_secs(60));
    let causes: Vec<_> = sent.iter().map(|frame| frame.cause).collect();
    assert_eq!(
        causes,
        [
            Cause::GroupReport,
            Cause::AddressProbe,
            Cause::GroupReport,
            Cause::AddressAnnounce,
            Cause::AddressAnnounce,
        ]
    );
    let group = solicited_node("2001:db8::129".parse().unwrap());
    for frame in [&sent[0], &sent[2]] {
        assert_eq!(report(frame), [(4, group)]);
        assert!(
            frame.v6().0.source.is_unspecified(),
            "we have no link-local address"
        );
    }
}

#[test]
fn queries_are_answered_in_time_with_every_group_once() {
    let mut host = Host::bare();
    for cidr in ["2001:db8::1/64", "fd00::1/64", "fe80::2/64", "192.0.2.1/24"] {
        host.network.add_address(cidr.parse().unwrap()).unwrap();
    }
    host.assert_silent();
    let groups = ["::1", "::2"].map(|address| (2, solicited_node(address.parse().unwrap())));
    for millis in [0, 500, 10_000, 40_000] {
        host.receive(query(GATEWAY[1], "::", millis));
        host.receive(query(GATEWAY[1], "ff02::1:ff00:1", millis));
        let start = host.now;
        let sent = host.pass(Duration::from_secs(60));
        let [answer] = &sent[..] else {
            panic!("one answer to both: {sent:?}")
        };
        assert_eq!(report(answer), groups);
        assert_eq!(IpAddr::V6(answer.v6().0.source), ip("fe80::2"));
        let longest = Duration::from_millis(u64::from(millis.min(10_000)));
        assert!(
            answer.at - start <= longest,
            "after {:?}",
            answer.at - start
        );
    }
}

#[test]
fn queries_that_are_not_for_us() {
    let mut forwarded = query(GATEWAY[1], "::", 100);
    forwarded[14 + 7] = 2;
    for (name, bytes) in [
        ("forwarded", forwarded),
        ("not link-local", query("2001:db8::fe", "::", 100)),
        ("another group", query(GATEWAY[1], "ff02::1:ff00:77", 100)),
    ] {
        let mut host = Host::new();
        host.receive(bytes);
        assert!(host.pass(Duration::from_secs(60)).is_empty(), "{name}");
    }
    let mut host = Host::bare();
    host.receive(query(GATEWAY[1], "::", 100));
    assert!(
        host.pass(Duration::from_secs(60)).is_empty(),
        "we listen to nothing"
    );
}
