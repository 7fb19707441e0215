//! Claiming, defending and losing addresses: RFC 5227 and RFC 4862 5.4 as timelines.

use core::net::Ipv4Addr;

use handfast_packet::ndp::{ALL_NODES, solicited_node};

use super::*;
use crate::link::AddressEvent;

const CIDR: &str = "192.0.2.129/24";
const ADDRESS: &str = "192.0.2.129";
const CIDR_V6: &str = "2001:db8::129/64";
const ADDRESS_V6: &str = "2001:db8::129";

fn event(event: AddressEvent) -> [NetworkEvent; 1] {
    [NetworkEvent::Address(event)]
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A host that has claimed the address.
fn holder(cidr: &str) -> Host {
    let mut host = Host::bare();
    host.claim(cidr);
    host.pass(secs(60));
    assert_eq!(host.events().len(), 1);
    host
}

#[test]
fn three_probes_two_announcements_at_the_times_of_rfc_5227() {
    for seed in 0..50 {
        let mut host = Host::with(Medium::Ethernet, seed);
        let start = host.now;
        host.claim(CIDR);
        assert_eq!(
            host.network.claim(start, CIDR.parse().unwrap()),
            Err(AddressError::Held(ip(ADDRESS)))
        );
        let sent = host.pass(secs(60));
        let address: Ipv4Addr = ADDRESS.parse().unwrap();
        for (n, frame) in sent.iter().enumerate() {
            let arp = frame.arp();
            assert_eq!(frame.ethernet.destination, EthernetAddress::BROADCAST);
            assert_eq!(
                (arp.operation, arp.sender_hardware),
                (ArpOperation::REQUEST, OUR_MAC)
            );
            assert_eq!(
                (arp.target_hardware, arp.target_protocol),
                (EthernetAddress::ZERO, address)
            );
            let (sender, cause) = match n {
                0..3 => (Ipv4Addr::UNSPECIFIED, Cause::AddressProbe),
                _ => (address, Cause::AddressAnnounce),
            };
            assert_eq!(
                (arp.sender_protocol, frame.cause),
                (sender, cause),
                "frame {n}"
            );
        }
        let [first, second, third, claimed, again] = &sent[..] else {
            panic!("{sent:?}")
        };
        assert!(first.at - start <= secs(1));
        for (earlier, later) in [(first, second), (second, third)] {
            assert!((secs(1)..=secs(2)).contains(&(later.at - earlier.at)));
        }
        assert_eq!(claimed.at - third.at, secs(2));
        assert_eq!(again.at - claimed.at, secs(2));
        assert_eq!(host.events(), event(AddressEvent::Claimed(ip(ADDRESS))));
        assert_eq!(host.network.next_timeout(), None);
    }
}

#[test]
fn an_address_is_not_used_before_it_is_claimed() {
    let mut host = Host::bare();
    host.claim(CIDR);
    let gateway = Some(ip(GATEWAY[0]));
    host.network
        .add_route("0.0.0.0/0".parse().unwrap(), gateway)
        .unwrap();
    let mut used_at = None;
    while used_at.is_none() {
        assert_eq!(host.network.source_for(ip(FAR[0])), None);
        let question = arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], ADDRESS);
        assert!(host.receive(question).is_none());
        assert!(
            host.sent()
                .iter()
                .all(|frame| frame.cause == Cause::AddressProbe)
        );
        host.now = host.network.next_timeout().expect("the claim goes on");
        host.network.on_timeout(host.now);
        used_at = host.network.is_local(ip(ADDRESS)).then_some(host.now);
    }
    assert_eq!(
        host.events(),
        event(AddressEvent::Claimed(ip(ADDRESS))),
        "said at that moment"
    );
    assert_eq!(host.network.source_for(ip(FAR[0])), Some(ip(ADDRESS)));
}

#[test]
fn one_seed_one_timeline() {
    let timeline = |seed| {
        let mut host = Host::with(Medium::Ethernet, seed);
        host.claim(CIDR);
        host.claim(CIDR_V6);
        let sent = host.pass(secs(60)).into_iter();
        sent.map(|frame| (frame.at, frame.bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(timeline(1), timeline(1));
    assert_ne!(timeline(1), timeline(2));
}

#[test]
fn the_address_is_taken() {
    for (name, frame, taken) in [
        (
            "holder answers",
            arp(ArpOperation::REPLY, PEER_MAC, ADDRESS, "0.0.0.0"),
            true,
        ),
        (
            "holder asks",
            arp(ArpOperation::REQUEST, PEER_MAC, ADDRESS, PEER[0]),
            true,
        ),
        (
            "holder announces",
            arp(ArpOperation::REQUEST, PEER_MAC, ADDRESS, ADDRESS),
            true,
        ),
        (
            "another probes",
            arp(ArpOperation::REQUEST, PEER_MAC, "0.0.0.0", ADDRESS),
            true,
        ),
        (
            "our own probe",
            arp(ArpOperation::REQUEST, OUR_MAC, "0.0.0.0", ADDRESS),
            false,
        ),
        (
            "somebody asks for it",
            arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], ADDRESS),
            false,
        ),
        (
            "another address",
            arp(ArpOperation::REPLY, PEER_MAC, PEER[0], "0.0.0.0"),
            false,
        ),
        (
            "a forged group",
            arp(
                ArpOperation::REPLY,
                EthernetAddress::BROADCAST,
                ADDRESS,
                "0.0.0.0",
            ),
            false,
        ),
    ] {
        for millis in [0, 1_500, 3_000, 4_500] {
            let mut host = Host::bare();
            host.claim(CIDR);
            host.pass(Duration::from_millis(millis));
            host.receive(frame.clone());
            if !taken {
                assert_eq!(host.events(), [], "{name} after {millis} ms");
                continue;
            }
            let lost = AddressEvent::Taken {
                address: ip(ADDRESS),
                by: PEER_MAC,
            };
            assert_eq!(host.events(), event(lost), "{name} after {millis} ms");
            assert!(
                host.pass(secs(60)).is_empty(),
                "{name}: no word more about it"
            );
            assert_eq!(host.counters().address_conflicts, 1);
        }
    }
}

#[test]
fn who_has_is_answered_as_long_as_the_address_is_held() {
    let mut host = holder(CIDR);
    for (sender, learnt) in [(PEER[0], true), ("0.0.0.0", false)] {
        host.receive(arp(ArpOperation::REQUEST, PEER_MAC, sender, ADDRESS));
        let reply = host.sent_one();
        assert_eq!(
            (reply.ethernet.destination, reply.cause),
            (PEER_MAC, Cause::ResolveReply)
        );
        let reply = reply.arp();
        assert_eq!(reply.operation, ArpOperation::REPLY);
        assert_eq!(
            (reply.sender_hardware, IpAddr::V4(reply.sender_protocol)),
            (OUR_MAC, ip(ADDRESS))
        );
        assert_eq!(
            (reply.target_hardware, IpAddr::V4(reply.target_protocol)),
            (PEER_MAC, ip(sender))
        );
        assert_eq!(host.network.neighbors.get(ip(sender)).is_some(), learnt);
    }
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], "192.0.2.130"));
    host.assert_silent();
    host.network.release(ip(ADDRESS));
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], ADDRESS));
    host.assert_silent();
}

#[test]
fn defended_once_then_yielded() {
    let mut host = holder(CIDR);
    let theirs = arp(ArpOperation::REQUEST, PEER_MAC, ADDRESS, ADDRESS);
    host.receive(theirs.clone());
    let defence = host.sent_one();
    assert_eq!(defence.cause, Cause::AddressDefend);
    assert_eq!(defence.ethernet.destination, EthernetAddress::BROADCAST);
    assert_eq!(IpAddr::V4(defence.arp().sender_protocol), ip(ADDRESS));
    let (address, by) = (ip(ADDRESS), PEER_MAC);
    assert_eq!(host.events(), event(AddressEvent::Defended { address, by }));
    // Peace for DEFEND_INTERVAL: the next conflict is a first one again.
    host.pass(secs(10));
    host.receive(theirs.clone());
    assert_eq!(host.events(), event(AddressEvent::Defended { address, by }));
    host.sent_one();
    assert!(host.network.is_local(address));
    host.pass(Duration::from_millis(9_999));
    host.receive(theirs);
    assert_eq!(host.events(), event(AddressEvent::Lost { address, by }));
    host.assert_silent();
    assert!(!host.network.is_local(address));
    host.receive(arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], ADDRESS));
    host.assert_silent();
}

#[test]
fn addresses_that_nobody_can_have_are_refused() {
    for text in [
        "192.0.2.0/24",
        "192.0.2.255/24",
        "127.0.0.1/8",
        "224.0.0.1/24",
        "0.0.0.0/0",
        "::/64",
        "::1/128",
        "ff02::1/64",
    ] {
        let mut host = Host::bare();
        let cidr: Cidr = text.parse().unwrap();
        assert_eq!(
            host.network.add_address(cidr),
            Err(AddressError::Invalid(cidr)),
            "{text}"
        );
        let now = host.now;
        assert_eq!(
            host.network.claim(now, cidr),
            Err(AddressError::Invalid(cidr)),
            "{text}"
        );
    }
    for text in [
        "192.0.2.0/31",
        "192.0.2.255/32",
        "10.0.0.255/16",
        "fe80::1/64",
    ] {
        assert_eq!(
            Host::bare().network.add_address(text.parse().unwrap()),
            Ok(()),
            "{text}"
        );
    }
    let mut host = Host::bare();
    for n in 1..=16 {
        host.network
            .add_address(Cidr::new([10, 0, 0, n].into(), 8).unwrap())
            .unwrap();
    }
    assert_eq!(
        host.network.add_address(CIDR.parse().unwrap()),
        Err(AddressError::TooMany(16))
    );
    assert_eq!(
        host.network.claim(host.now, CIDR.parse().unwrap()),
        Err(AddressError::TooMany(16))
    );
}

#[test]
fn where_nobody_can_be_asked_an_address_is_ours_at_once() {
    let mut host = Host::with(Medium::Ip, 1);
    host.claim(CIDR);
    assert_eq!(host.events(), event(AddressEvent::Claimed(ip(ADDRESS))));
    assert!(host.network.is_local(ip(ADDRESS)));
    assert_eq!(host.network.next_timeout(), None);
}

#[test]
fn one_solicitation_and_a_second_of_silence_in_ipv6() {
    let mut host = Host::bare();
    let start = host.now;
    host.claim(CIDR_V6);
    let mut sent = host.pass(secs(60));
    sent.retain(|frame| frame.cause != Cause::GroupReport);
    let [probe, claimed, again] = &sent[..] else {
        panic!("{sent:?}")
    };
    let target = ADDRESS_V6.parse().unwrap();
    let (header, message) = probe.ndp();
    let group = solicited_node(target);
    assert_eq!(
        (header.source, header.destination),
        ("::".parse().unwrap(), group)
    );
    assert_eq!(
        probe.ethernet.destination,
        EthernetAddress::multicast(group.into())
    );
    let Ndp::NeighborSolicitation {
        target: asked,
        source_link: None,
        nonce: Some(_),
    } = message
    else {
        panic!("{message:?}");
    };
    assert_eq!((asked, probe.cause), (target, Cause::AddressProbe));
    assert!(probe.at - start <= secs(1));
    assert_eq!(
        (claimed.at - probe.at, again.at - claimed.at),
        (secs(1), secs(2))
    );
    for announcement in [claimed, again] {
        let (header, message) = announcement.ndp();
        assert_eq!((header.source, header.destination), (target, ALL_NODES));
        assert_eq!(message, advertisement(target, OUR_MAC));
        assert_eq!(announcement.cause, Cause::AddressAnnounce);
    }
    assert_eq!(host.events(), event(AddressEvent::Claimed(ip(ADDRESS_V6))));
}

/// What a holder says to all nodes.
fn advertisement(target: core::net::Ipv6Addr, mac: EthernetAddress) -> Ndp {
    Ndp::NeighborAdvertisement {
        target,
        target_link: Some(mac),
        router: false,
        solicited: false,
        override_flag: true,
    }
}

fn probe_v6(nonce: Option<[u8; 6]>) -> Ndp {
    let target = ADDRESS_V6.parse().unwrap();
    Ndp::NeighborSolicitation {
        target,
        source_link: None,
        nonce,
    }
}

#[test]
fn an_ipv6_address_is_taken() {
    let target = ADDRESS_V6.parse().unwrap();
    let group = "ff02::1:ff00:129";
    let ours = Host::bare().network.nonce;
    let question = Ndp::NeighborSolicitation {
        target,
        source_link: Some(PEER_MAC),
        nonce: None,
    };
    for (name, frame, taken) in [
        (
            "advertised",
            ndp(
                PEER_MAC,
                ADDRESS_V6,
                "ff02::1",
                &advertisement(target, PEER_MAC),
            ),
            true,
        ),
        (
            "probed",
            ndp(PEER_MAC, "::", group, &probe_v6(Some([9; 6]))),
            true,
        ),
        (
            "probed without nonce",
            ndp(PEER_MAC, "::", group, &probe_v6(None)),
            true,
        ),
        (
            "our probe looped",
            ndp(PEER_MAC, "::", group, &probe_v6(Some(ours))),
            false,
        ),
        ("asked for", ndp(PEER_MAC, PEER[1], group, &question), false),
    ] {
        let mut host = Host::bare();
        host.claim(CIDR_V6);
        host.pass(Duration::from_millis(1_000));
        host.receive(frame);
        host.assert_silent();
        if taken {
            let lost = AddressEvent::Taken {
                address: ip(ADDRESS_V6),
                by: PEER_MAC,
            };
            assert_eq!(host.events(), event(lost), "{name}");
        } else {
            assert_eq!(host.events(), [], "{name}");
        }
    }
}

#[test]
fn a_held_ipv6_address_is_defended_too() {
    let mut host = holder(CIDR_V6);
    let (address, by) = (ip(ADDRESS_V6), PEER_MAC);
    let target = ADDRESS_V6.parse().unwrap();
    // A probe is answered to everybody; that is no conflict yet.
    host.receive(ndp(PEER_MAC, "::", "ff02::1:ff00:129", &probe_v6(None)));
    let (header, message) = host.sent_one().ndp();
    assert_eq!(
        (header.destination, message),
        (ALL_NODES, advertisement(target, OUR_MAC))
    );
    assert_eq!(host.events(), []);
    let theirs = ndp(
        PEER_MAC,
        ADDRESS_V6,
        "ff02::1",
        &advertisement(target, PEER_MAC),
    );
    host.receive(theirs.clone());
    assert_eq!(host.sent_one().cause, Cause::AddressDefend);
    assert_eq!(host.events(), event(AddressEvent::Defended { address, by }));
    host.receive(theirs);
    host.assert_silent();
    assert_eq!(host.events(), event(AddressEvent::Lost { address, by }));
}

#[test]
fn what_waits_to_leave_from_an_address_goes_with_it() {
    let theirs = arp(ArpOperation::REQUEST, PEER_MAC, OURS[0], OURS[0]);
    let reply = arp(ArpOperation::REPLY, PEER_MAC, PEER[0], OURS[0]);
    for lost in [false, true] {
        let mut host = Host::new();
        assert!(host.send(PEER[0]));
        if lost {
            host.receive(theirs.clone());
            host.receive(theirs.clone());
        } else {
            host.network.release(ip(OURS[0]));
        }
        host.sent();
        host.receive(reply.clone());
        host.assert_silent();
        assert!(host.pass(secs(10)).is_empty(), "nobody is asked again");
    }
}
