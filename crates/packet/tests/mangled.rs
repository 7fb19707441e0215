//! Damaged packets of every kind: random bytes seldom get behind a checksum, so here packets are
//! crafted, damaged, and their checksums put right again.

#[path = "mangled/repair.rs"]
mod repair;

use std::net::{Ipv4Addr, Ipv6Addr};

use handfast_packet::buf::Medium;
use handfast_packet::build::{Arp, Ethernet, Icmp, Ipv4, Ipv6, Packet, Tcp, Udp};
use handfast_packet::ethernet::{EtherType, EthernetAddress};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ndp::{Ndp, PrefixInformation, RouterAdvertisement};
use handfast_packet::pretty;
use proptest::prelude::*;
use repair::repair;

const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const V4: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
const V6: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2),
);

fn discovery() -> [Ndp; 4] {
    let prefix = PrefixInformation {
        prefix: V6.0,
        prefix_len: 64,
        on_link: true,
        autonomous: true,
        valid: 9,
        preferred: 8,
    };
    [
        Ndp::RouterSolicitation {
            source_link: Some(A),
        },
        Ndp::RouterAdvertisement(RouterAdvertisement {
            source_link: Some(A),
            mtu: Some(1_500),
            prefixes: [prefix; 2].into_iter().collect(),
            ..RouterAdvertisement::default()
        }),
        Ndp::NeighborSolicitation {
            target: V6.1,
            source_link: Some(A),
            nonce: Some([7; 6]),
        },
        Ndp::NeighborAdvertisement {
            target: V6.1,
            target_link: Some(A),
            router: true,
            solicited: true,
            override_flag: true,
        },
    ]
}

/// One of each kind that there is a parser for.
fn packets() -> Vec<Packet> {
    let ethernet = || Ethernet::new(A, B);
    let (four, six) = (|| Ipv4::new(V4.0, V4.1), || Ipv6::new(V6.0, V6.1));
    let tcp = || {
        let tcp = Tcp::new(1, 2).seq(3).ack(4).syn().mss(5).sack_permitted();
        tcp.timestamps(6, 7).window_scale(8).sack(9, 10)
    };
    let unreachable = Icmpv4::Unreachable {
        code: 4,
        next_hop_mtu: 1_400,
    };
    let fragment = [6, 0, 0, 1, 0, 0, 0, 1].as_slice();
    let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0].as_slice();
    let destination = [6, 0, 5, 2, 0, 0, 1, 0].as_slice();
    let tag = [0, 42, 8, 0].as_slice();
    let mut packets = vec![
        ethernet() / Arp::request((A, V4.0), V4.1),
        ethernet() / four() / tcp() / "text",
        ethernet() / six() / tcp() / "text",
        ethernet() / four().options(&[7, 7, 4, 0, 0, 0, 0]) / Udp::new(1, 2) / "text",
        ethernet() / six() / Udp::new(1, 2) / "text",
        ethernet() / four().fragment(8, true) / Udp::new(1, 2) / "text",
        ethernet() / four() / Icmp::echo_request(1, 2) / "text",
        ethernet() / four() / Icmp::v4(unreachable) / (four() / tcp()).to_vec(),
        ethernet()
            / six()
            / Icmp::v6(Icmpv6::PacketTooBig { mtu: 1_280 })
            / (six() / tcp()).to_vec(),
        ethernet() / six().next_header(Protocol::FRAGMENT) / fragment / tcp() / "text",
        ethernet() / six().next_header(Protocol::HOP_BY_HOP) / hop_by_hop / destination / tcp(),
        ethernet().ether_type(EtherType::VLAN) / tag / four() / tcp() / "text",
        ethernet() / four() / six() / tcp() / "text",
    ];
    packets.extend(discovery().map(|message| {
        ethernet() / six().next_header(Protocol::ICMPV6) / message.to_vec(V6.0, V6.1)
    }));
    packets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_damage_makes_a_printer_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let packets = packets();
        let mut bytes = packets[which.index(packets.len())].to_vec();
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        repair(&mut bytes);
        let line = pretty::frame(&bytes, Medium::Ethernet).to_string();
        prop_assert!(!line.is_empty() && !line.contains('\n'), "{}", line);
        let packet = bytes.get(14..).unwrap_or_default();
        let line = pretty::frame(packet, Medium::Ip).to_string();
        prop_assert!(!line.is_empty() && !line.contains('\n'), "{}", line);
    }
}

/// Undamaged, every one of them is understood: otherwise the test above would test little.
#[test]
fn every_kind_is_understood_before_the_damage() {
    for packet in packets() {
        let mut bytes = packet.to_vec();
        let line = pretty::frame(&bytes, Medium::Ethernet).to_string();
        let fault = [
            "cut short",
            "wrong",
            "contradicts",
            "forbidden",
            "must be understood",
        ];
        assert!(fault.iter().all(|fault| !line.contains(fault)), "{line}");
        let before = bytes.clone();
        repair(&mut bytes);
        assert_eq!(bytes, before, "nothing to repair: {line}");
    }
}
