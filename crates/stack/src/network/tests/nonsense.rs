//! Whatever arrives, nothing panics and nothing grows beyond its limit.

use handfast_packet::icmpv4::Icmpv4;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::link::neighbor::{NEIGHBOR_QUEUES_MAX, NEIGHBORS_MAX};

/// Frames that are good, to be damaged.
fn good_frames() -> Vec<Vec<u8>> {
    let target = OURS[1].parse().unwrap();
    let question = Ndp::NeighborSolicitation {
        target,
        source_link: Some(PEER_MAC),
        nonce: None,
    };
    let router = Ndp::RouterAdvertisement(handfast_packet::ndp::RouterAdvertisement {
        lifetime: 1_800,
        mtu: Some(1_400),
        ..Default::default()
    });
    let quoted = bare_packet(OURS[0], FAR[0], Protocol::TCP, &[1; 20]);
    let error = Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu: 1_300,
    }
    .to_vec(&quoted);
    let echo = Icmpv4::EchoRequest {
        identifier: 1,
        sequence: 1,
    }
    .to_vec(&[3; 56]);
    vec![
        arp(ArpOperation::REQUEST, PEER_MAC, PEER[0], OURS[0]),
        arp(ArpOperation::REPLY, PEER_MAC, "192.0.2.129", "0.0.0.0"),
        ndp(PEER_MAC, PEER[1], "ff02::1:ff00:1", &question),
        ndp(GATEWAY_MAC, GATEWAY[1], "ff02::1", &router),
        frame(PEER[0], OURS[0], Protocol::TCP, &[5; 40]),
        frame(
            PEER[1],
            OURS[1],
            Protocol::FRAGMENT,
            &[6, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9],
        ),
        frame(
            PEER[1],
            OURS[1],
            Protocol::HOP_BY_HOP,
            &[17, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4],
        ),
        frame(PEER[0], OURS[0], Protocol::ICMP, &error),
        frame(PEER[0], OURS[0], Protocol::ICMP, &echo),
    ]
}

/// A good frame with some bytes changed, cut somewhere.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    (select(good_frames()), changes, any::<Option<Index>>()).prop_map(|(frame, changes, cut)| {
        let mut bytes = frame;
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        bytes
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_grows(
        frames in proptest::collection::vec((damaged(), 0_u64..2_000), 0..60),
        raw in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut host = Host::new();
        host.claim("192.0.2.129/24");
        host.claim("2001:db8::129/64");
        host.receive(raw.clone());
        let mut ip = Host::with(Medium::Ip, 1);
        ip.equip();
        ip.receive(raw);
        for (bytes, millis) in frames {
            if bytes.len() > 14 {
                ip.receive(bytes[14..].to_vec());
            }
            host.receive(bytes);
            host.send(FAR[0]);
            host.send(PEER[1]);
            host.pass(Duration::from_millis(millis));
        }
        prop_assert!(host.network.outbox.len() <= OUTBOX_MAX + NEIGHBOR_QUEUES_MAX);
        host.events();
        // The longest lifetime of anything that was learnt is 65,535 seconds.
        host.pass(Duration::from_secs(70_000));
        prop_assert_eq!(host.network.next_timeout(), None);
    }

    /// However many strangers ask, the table of neighbours stays as it is allowed to be.
    #[test]
    fn strangers_are_bounded(asks in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut host = Host::new();
        for (n, host_number) in asks.into_iter().enumerate() {
            let last = host_number.clamp(3, 253);
            let by = EthernetAddress([2, 1, 0, 0, u8::try_from(n % 256).unwrap(), last]);
            host.receive(arp(ArpOperation::REQUEST, by, &alloc::format!("192.0.2.{last}"), OURS[0]));
        }
        let known = (0..=255).filter(|&n| host.network.neighbors.get([192, 0, 2, n].into()).is_some());
        prop_assert!(known.count() <= NEIGHBORS_MAX);
        prop_assert!(host.sent().len() <= OUTBOX_MAX);
    }
}
