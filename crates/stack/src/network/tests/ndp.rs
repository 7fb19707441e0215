//! Neighbour discovery: questions, answers, routers, and whom not to believe.

use core::net::Ipv6Addr;

use handfast_packet::ndp::{RouterAdvertisement, solicited_node};

use super::*;

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn solicitation(target: &str, source_link: Option<EthernetAddress>) -> Ndp {
    Ndp::NeighborSolicitation {
        target: v6(target),
        source_link,
        nonce: None,
    }
}

/// An advertisement with its flags "solicited" and "override".
fn answer(target: &str, link: Option<EthernetAddress>, (s, o): (bool, bool)) -> Ndp {
    Ndp::NeighborAdvertisement {
        target: v6(target),
        target_link: link,
        router: true,
        solicited: s,
        override_flag: o,
    }
}

#[test]
fn a_neighbour_is_asked_for_in_its_group_and_then_sent_to() {
    let mut host = Host::new();
    assert!(host.send(PEER[1]));
    let question = host.sent_one();
    let group = solicited_node(v6(PEER[1]));
    assert_eq!(
        question.ethernet.destination,
        EthernetAddress::multicast(group.into())
    );
    assert_eq!(question.cause, Cause::Resolve);
    let (header, message) = question.ndp();
    assert_eq!((header.source, header.destination), (v6(OURS[1]), group));
    assert_eq!(message, solicitation(PEER[1], Some(OUR_MAC)));
    let reply = answer(PEER[1], Some(PEER_MAC), (true, true));
    host.receive(ndp(PEER_MAC, PEER[1], OURS[1], &reply));
    let packet = host.sent_one();
    assert_eq!(packet.ethernet.destination, PEER_MAC);
    let (header, payload) = packet.v6();
    assert_eq!(
        (header.source, header.destination),
        (v6(OURS[1]), v6(PEER[1]))
    );
    assert_eq!((header.hop_limit, payload.len()), (64, 100));
    assert!(header.flow_label < 1 << 20);
}

#[test]
fn the_gateway_may_be_link_local() {
    let mut host = Host::new();
    host.send(FAR[1]);
    assert_eq!(
        host.sent_one().ndp().1,
        solicitation(GATEWAY[1], Some(OUR_MAC))
    );
    let reply = answer(GATEWAY[1], Some(GATEWAY_MAC), (true, true));
    host.receive(ndp(GATEWAY_MAC, GATEWAY[1], OURS[1], &reply));
    assert_eq!(host.sent_one().ethernet.destination, GATEWAY_MAC);
}

#[test]
fn a_trusted_neighbour_is_checked_by_unicast() {
    let mut host = Host::new();
    host.send(PEER[1]);
    host.sent();
    let reply = answer(PEER[1], Some(PEER_MAC), (true, true));
    host.receive(ndp(PEER_MAC, PEER[1], OURS[1], &reply));
    host.pass(Duration::from_secs(30));
    host.send(PEER[1]);
    host.sent_one();
    let questions = host.pass(Duration::from_secs(5));
    let [question] = &questions[..] else {
        panic!("{questions:?}")
    };
    assert_eq!(question.ethernet.destination, PEER_MAC);
    assert_eq!(question.ndp().0.destination, v6(PEER[1]));
    // The answer without the option confirms what is known.
    host.receive(ndp(
        PEER_MAC,
        PEER[1],
        OURS[1],
        &answer(PEER[1], None, (true, false)),
    ));
    assert!(host.pass(Duration::from_secs(20)).is_empty());
    assert_eq!(host.network.neighbors.get(ip(PEER[1])), Some(PEER_MAC));
}

#[test]
fn a_question_is_answered_and_tells_who_asks() {
    for (link, learnt) in [(Some(PEER_MAC), PEER_MAC), (None, PEER_MAC)] {
        let mut host = Host::new();
        let question = solicitation(OURS[1], link);
        host.receive(ndp(PEER_MAC, "fe80::2", "ff02::1:ff00:1", &question));
        let reply = host.sent_one();
        assert_eq!(
            (reply.ethernet.destination, reply.cause),
            (PEER_MAC, Cause::ResolveReply)
        );
        let (header, message) = reply.ndp();
        assert_eq!(
            (header.source, header.destination),
            (v6(OURS[1]), v6("fe80::2"))
        );
        let Ndp::NeighborAdvertisement {
            target,
            target_link,
            router,
            solicited,
            override_flag,
        } = message
        else {
            panic!("{message:?}");
        };
        assert_eq!((target, target_link), (v6(OURS[1]), Some(OUR_MAC)));
        assert_eq!((router, solicited, override_flag), (false, true, true));
        assert_eq!(host.network.neighbors.get(ip("fe80::2")), Some(learnt));
    }
}

#[test]
fn messages_that_are_not_believed() {
    let question = solicitation(OURS[1], Some(PEER_MAC));
    let good = ndp(PEER_MAC, PEER[1], "ff02::1:ff00:1", &question);
    let forwarded = {
        let mut bytes = good.clone();
        bytes[14 + 7] = 254;
        bytes
    };
    let anonymous = ndp(PEER_MAC, "::", "ff02::1:ff00:1", &question);
    let wrong_group = ndp(PEER_MAC, "::", "ff02::1", &solicitation(OURS[1], None));
    let not_ours = ndp(
        PEER_MAC,
        PEER[1],
        "ff02::1:ff00:1",
        &solicitation(PEER[1], Some(PEER_MAC)),
    );
    let group_link = ndp(
        PEER_MAC,
        PEER[1],
        OURS[1],
        &solicitation(OURS[1], Some(EthernetAddress::BROADCAST)),
    );
    for (name, bytes, answers) in [
        ("good", good, 1),
        ("forwarded", forwarded, 0),
        ("anonymous with a link address", anonymous, 0),
        ("anonymous to a wrong group", wrong_group, 0),
        ("for another", not_ours, 0),
        ("from a group", group_link, 0),
    ] {
        let mut host = Host::new();
        assert!(host.receive(bytes).is_none());
        assert_eq!(host.sent().len(), answers, "{name}");
    }
}

#[test]
fn advertisements_that_nobody_asked_for() {
    let other = EthernetAddress([2, 0, 0, 0, 0, 0x77]);
    for (name, message, expected) in [
        (
            "override",
            answer(PEER[1], Some(other), (false, true)),
            other,
        ),
        (
            "no override",
            answer(PEER[1], Some(other), (false, false)),
            PEER_MAC,
        ),
        (
            "from a group",
            answer(PEER[1], Some(EthernetAddress::BROADCAST), (false, true)),
            PEER_MAC,
        ),
        (
            "solicited to a group",
            answer(PEER[1], Some(other), (true, true)),
            PEER_MAC,
        ),
    ] {
        let mut host = Host::acquainted();
        host.receive(ndp(other, PEER[1], "ff02::1", &message));
        assert_eq!(
            host.network.neighbors.get(ip(PEER[1])),
            Some(expected),
            "{name}"
        );
        let mut stranger = Host::new();
        stranger.receive(ndp(other, PEER[1], "ff02::1", &message));
        assert_eq!(
            stranger.network.neighbors.get(ip(PEER[1])),
            None,
            "{name} makes no entry"
        );
    }
}

fn router(lifetime: u16, mtu: Option<u32>) -> Ndp {
    let source_link = Some(GATEWAY_MAC);
    let advertisement = RouterAdvertisement {
        lifetime,
        mtu,
        source_link,
        ..RouterAdvertisement::default()
    };
    Ndp::RouterAdvertisement(advertisement)
}

#[test]
fn a_router_offers_itself() {
    let mut host = Host::bare();
    let advertise = |host: &mut Host, source: &str, message: &Ndp| {
        host.receive(ndp(GATEWAY_MAC, source, "ff02::1", message));
    };
    advertise(&mut host, GATEWAY[1], &router(1_800, None));
    assert_eq!(
        host.network.next_hop(ip(FAR[1])),
        None,
        "we have no IPv6 address"
    );
    host.network
        .add_address("2001:db8::1/64".parse().unwrap())
        .unwrap();
    advertise(&mut host, "2001:db8::fe", &router(1_800, None));
    assert_eq!(
        host.network.next_hop(ip(FAR[1])),
        None,
        "its address must be link-local"
    );
    advertise(&mut host, GATEWAY[1], &router(1_800, Some(1_400)));
    assert_eq!(host.network.next_hop(ip(FAR[1])), Some(ip(GATEWAY[1])));
    assert_eq!(
        (
            host.network.mtu_for(ip(FAR[1])),
            host.network.mtu_for(ip(FAR[0]))
        ),
        (1_400, MTU)
    );
    assert_eq!(host.network.source_for(ip(FAR[1])), Some(ip(OURS[1])));
    for (mtu, expected) in [(1_279, 1_400), (9_000, MTU), (100_000, MTU), (1_280, 1_280)] {
        advertise(&mut host, GATEWAY[1], &router(1_800, Some(mtu)));
        assert_eq!(host.network.mtu_for(ip(FAR[1])), expected);
    }
    host.pass(Duration::from_secs(1_799));
    assert!(host.network.next_hop(ip(FAR[1])).is_some());
    host.pass(Duration::from_secs(1));
    assert_eq!(host.network.next_hop(ip(FAR[1])), None, "its time is over");
    advertise(&mut host, GATEWAY[1], &router(1_800, None));
    advertise(&mut host, GATEWAY[1], &router(0, None));
    assert_eq!(
        host.network.next_hop(ip(FAR[1])),
        None,
        "it took itself back"
    );
    advertise(&mut host, GATEWAY[1], &router(1_800, None));
    let no_router = Ndp::NeighborAdvertisement {
        target: v6(GATEWAY[1]),
        target_link: Some(GATEWAY_MAC),
        router: false,
        solicited: false,
        override_flag: true,
    };
    host.receive(ndp(GATEWAY_MAC, GATEWAY[1], "ff02::1", &no_router));
    assert_eq!(
        host.network.next_hop(ip(FAR[1])),
        None,
        "it is no router any more"
    );
}

#[test]
fn a_router_does_not_displace_a_route_that_was_given() {
    let mut host = Host::new();
    let message = router(1_800, None);
    host.receive(ndp(PEER_MAC, "fe80::bad", "ff02::1", &message));
    assert_eq!(host.network.next_hop(ip(FAR[1])), Some(ip(GATEWAY[1])));
    let mut forwarded = ndp(GATEWAY_MAC, "fe80::1", "ff02::1", &message);
    forwarded[14 + 7] = 64;
    let mut host = Host::bare();
    host.network
        .add_address("2001:db8::1/64".parse().unwrap())
        .unwrap();
    host.receive(forwarded);
    assert_eq!(
        host.network.next_hop(ip(FAR[1])),
        None,
        "it did not come from our link"
    );
}
