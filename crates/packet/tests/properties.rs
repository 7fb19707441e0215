//! Properties of every header: what is written is read back, and no bytes make a parser panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::Medium;
use handfast_packet::checksum::{Sum, checksum, update};
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::{Ecn, Protocol};
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext;
use handfast_packet::ndp::{Ndp, PrefixInformation, RouterAdvertisement};
use handfast_packet::pretty;
use handfast_packet::tcp::{
    self, SackBlock, SackBlocks, SeqNumber, TcpFlags, TcpHeader, TcpOptions, Timestamps,
    UserTimeout,
};
use handfast_packet::udp::UdpHeader;
use proptest::prelude::*;

prop_compose! {
    fn hardware()(bytes: [u8; 6]) -> EthernetAddress { EthernetAddress(bytes) }
}

prop_compose! {
    fn v4()(bits: u32) -> Ipv4Addr { Ipv4Addr::from_bits(bits) }
}

prop_compose! {
    fn v6()(bits: u128) -> Ipv6Addr { Ipv6Addr::from_bits(bits) }
}

prop_compose! {
    fn options()(
        mss: Option<u16>,
        window_scale: Option<u8>,
        sack_permitted: bool,
        timestamps: Option<(u32, u32)>,
        blocks in prop::collection::vec((any::<u32>(), any::<u32>()), 0..=2),
        user_timeout: Option<(bool, u16)>,
    ) -> TcpOptions {
        let mut sack = SackBlocks::EMPTY;
        // With everything else set, one block fits.
        let crowded = mss.is_some() || window_scale.is_some() || sack_permitted;
        for (left, right) in blocks.into_iter().take(if crowded { 1 } else { 2 }) {
            sack.push(SackBlock { left: SeqNumber(left), right: SeqNumber(right) });
        }
        let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
        let user_timeout = user_timeout.and_then(|(minutes, value)| {
            UserTimeout::from_option(minutes, value)
        });
        TcpOptions {
            mss,
            window_scale,
            sack_permitted,
            timestamps,
            sack,
            user_timeout,
            ..TcpOptions::default()
        }
    }
}

prop_compose! {
    fn tcp_header()(
        ports: (u16, u16),
        numbers: (u32, u32),
        flags in 0_u16..0x200,
        window: u16,
        urgent: u16,
        options in options(),
    ) -> TcpHeader {
        TcpHeader {
            source: ports.0,
            destination: ports.1,
            seq: SeqNumber(numbers.0),
            ack: SeqNumber(numbers.1),
            flags: TcpFlags(flags),
            window,
            urgent,
            options,
        }
    }
}

fn ndp() -> impl Strategy<Value = Ndp> {
    let link = || prop::option::of(hardware());
    let prefix = (v6(), 0_u8..=128, any::<(bool, bool, u32, u32)>()).prop_map(
        |(prefix, prefix_len, (on_link, autonomous, valid, preferred))| PrefixInformation {
            prefix,
            prefix_len,
            on_link,
            autonomous,
            valid,
            preferred,
        },
    );
    let router = (
        any::<(u8, bool, bool, u16, u32, u32)>(),
        link(),
        any::<Option<u32>>(),
        prop::collection::vec(prefix, 0..=3),
    )
        .prop_map(|(fields, source_link, mtu, prefixes)| {
            let (hop_limit, managed, other, lifetime, reachable_time, retransmit_time) = fields;
            Ndp::RouterAdvertisement(RouterAdvertisement {
                hop_limit,
                managed,
                other,
                lifetime,
                reachable_time,
                retransmit_time,
                source_link,
                mtu,
                prefixes: prefixes.into_iter().collect(),
            })
        });
    prop_oneof![
        link().prop_map(|source_link| Ndp::RouterSolicitation { source_link }),
        router,
        (v6(), link(), any::<Option<[u8; 6]>>()).prop_map(|(target, source_link, nonce)| {
            Ndp::NeighborSolicitation {
                target,
                source_link,
                nonce,
            }
        }),
        (v6(), link(), any::<(bool, bool, bool)>()).prop_map(|(target, target_link, flags)| {
            let (router, solicited, override_flag) = flags;
            Ndp::NeighborAdvertisement {
                target,
                target_link,
                router,
                solicited,
                override_flag,
            }
        }),
    ]
}

fn icmpv4() -> impl Strategy<Value = Icmpv4> {
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| {
            Icmpv4::EchoRequest {
                identifier,
                sequence,
            }
        }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| {
            Icmpv4::EchoReply {
                identifier,
                sequence,
            }
        }),
        any::<u16>().prop_map(|next_hop_mtu| Icmpv4::Unreachable {
            code: 4,
            next_hop_mtu
        }),
        (0_u8..4).prop_map(|code| Icmpv4::Unreachable {
            code,
            next_hop_mtu: 0
        }),
        any::<u8>().prop_map(|code| Icmpv4::TimeExceeded { code }),
        any::<(u8, u8)>().prop_map(|(code, pointer)| Icmpv4::ParameterProblem { code, pointer }),
    ]
}

fn icmpv6() -> impl Strategy<Value = Icmpv6> {
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| {
            Icmpv6::EchoRequest {
                identifier,
                sequence,
            }
        }),
        any::<u8>().prop_map(|code| Icmpv6::Unreachable { code }),
        any::<u32>().prop_map(|mtu| Icmpv6::PacketTooBig { mtu }),
        any::<u8>().prop_map(|code| Icmpv6::TimeExceeded { code }),
        any::<(u8, u32)>().prop_map(|(code, pointer)| Icmpv6::ParameterProblem { code, pointer }),
    ]
}

proptest! {
    #[test]
    fn ethernet_and_arp(
        (a, b) in (hardware(), hardware()),
        (c, d) in (v4(), v4()),
        kind: u16,
        rest: [u8; 3],
    ) {
        let header = EthernetHeader { destination: a, source: b, ether_type: EtherType(kind) };
        let mut bytes = vec![0; EthernetHeader::LEN];
        header.write(&mut bytes);
        bytes.extend(rest);
        prop_assert_eq!(EthernetHeader::parse(&bytes), Ok((header, &rest[..])));
        let arp = ArpPacket {
            operation: ArpOperation(kind),
            sender_hardware: a,
            sender_protocol: c,
            target_hardware: b,
            target_protocol: d,
        };
        let mut bytes = vec![0; ArpPacket::LEN];
        arp.write(&mut bytes);
        prop_assert_eq!(ArpPacket::parse(&bytes), Ok(arp));
        prop_assert_eq!(a.to_string().parse(), Ok(a));
    }

    #[test]
    fn ipv4(
        (source, destination) in (v4(), v4()),
        (protocol, ttl, identification) in any::<(u8, u8, u16)>(),
        (dscp, ecn, offset) in (0_u8..64, 0_u8..4, 0_u16..8_192),
        (dont_fragment, more_fragments) in any::<(bool, bool)>(),
        payload in prop::collection::vec(any::<u8>(), 0..100),
        padding in 0_usize..20,
    ) {
        let header = Ipv4Header {
            source,
            destination,
            protocol: Protocol(protocol),
            ttl,
            dscp,
            ecn: Ecn::from_bits(ecn),
            identification,
            dont_fragment,
            more_fragments,
            fragment_offset: offset * 8,
            payload_len: u16::try_from(payload.len()).unwrap(),
        };
        let mut bytes = vec![0; Ipv4Header::LEN];
        header.write(&mut bytes);
        bytes.extend(&payload);
        bytes.extend(vec![0; padding]);
        prop_assert_eq!(Ipv4Header::parse(&bytes), Ok((header, &payload[..])));
        bytes[8] ^= 1;
        prop_assert!(Ipv4Header::parse(&bytes).is_err());
    }

    #[test]
    fn ipv6(
        (source, destination) in (v6(), v6()),
        (next_header, hop_limit) in any::<(u8, u8)>(),
        (dscp, ecn, flow_label) in (0_u8..64, 0_u8..4, 0_u32..1 << 20),
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let header = Ipv6Header {
            source,
            destination,
            next_header: Protocol(next_header),
            hop_limit,
            dscp,
            ecn: Ecn::from_bits(ecn),
            flow_label,
            payload_len: u16::try_from(payload.len()).unwrap(),
        };
        let mut bytes = vec![0; Ipv6Header::LEN];
        header.write(&mut bytes);
        bytes.extend(&payload);
        bytes.push(0);
        prop_assert_eq!(Ipv6Header::parse(&bytes), Ok((header, &payload[..])));
    }

    #[test]
    fn tcp(header in tcp_header(), text in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = vec![0; header.header_len()];
        header.write(&mut bytes);
        bytes.extend(text);
        prop_assert_eq!(TcpHeader::parse(&bytes), Ok((header.clone(), header.header_len())));
    }

    #[test]
    fn udp(source: u16, destination: u16, checksum: u16, payload: [u8; 5]) {
        let header = UdpHeader { source, destination, length: 13, checksum };
        let mut bytes = vec![0; UdpHeader::LEN];
        header.write(&mut bytes);
        bytes.extend(payload);
        prop_assert_eq!(UdpHeader::parse(&bytes), Ok((header, &payload[..])));
    }

    #[test]
    fn icmp(
        (four, six) in (icmpv4(), icmpv6()),
        (from, to) in (v6(), v6()),
        body in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let bytes = four.to_vec(&body);
        prop_assert_eq!(Icmpv4::parse(&bytes), Ok((four, &body[..])));
        let bytes = six.to_vec(&body, from, to);
        prop_assert_eq!(Icmpv6::parse(&bytes, from, to), Ok((six, &body[..])));
    }

    #[test]
    fn neighbour_discovery(message in ndp(), (from, to) in (v6(), v6())) {
        let bytes = message.to_vec(from, to);
        let (icmp, body) = Icmpv6::parse(&bytes, from, to).unwrap();
        prop_assert_eq!(Ndp::parse(&icmp, body), Some(Ok(message)));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        first: u8,
        (from, to) in (v6(), v6()),
    ) {
        let _ = EthernetHeader::parse(&bytes);
        let _ = ArpPacket::parse(&bytes);
        let _ = Ipv4Header::parse(&bytes);
        let _ = Ipv6Header::parse(&bytes);
        let _ = ipv6_ext::walk(Protocol(first), &bytes);
        let _ = Icmpv4::parse(&bytes);
        let _ = Icmpv6::parse(&bytes, from, to);
        let _ = UdpHeader::parse(&bytes);
        let _ = TcpHeader::parse(&bytes);
        prop_assert!(tcp::options(&bytes).count() <= bytes.len());
        prop_assert!(!pretty::frame(&bytes, Medium::Ethernet).to_string().is_empty());
        prop_assert!(!pretty::frame(&bytes, Medium::Ip).to_string().is_empty());
        for kind in 133..=136 {
            let message = Icmpv6::Other { kind, code: 0, rest: [0; 4] };
            let _ = Ndp::parse(&message, &bytes);
        }
    }

    /// Bytes that look like packets reach the deeper parsers, which random ones seldom do.
    #[test]
    fn no_mangled_packet_makes_pretty_panic(
        header in tcp_header(),
        (from, to) in (v4(), v4()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut segment = vec![0; header.header_len()];
        header.write(&mut segment);
        for (index, value) in flips {
            let at = index.index(segment.len());
            segment[at] = value;
        }
        segment.truncate(cut.index(segment.len() + 1));
        let mut bytes = vec![0; Ipv4Header::LEN];
        Ipv4Header {
            source: from,
            destination: to,
            protocol: Protocol::TCP,
            payload_len: u16::try_from(segment.len()).unwrap(),
            ..Ipv4Header::default()
        }
        .write(&mut bytes);
        bytes.extend(segment);
        prop_assert!(pretty::frame(&bytes, Medium::Ip).to_string().starts_with("IP "));
    }

    #[test]
    fn extension_headers_are_walked_to_the_end(
        kinds in prop::collection::vec(prop_oneof![Just(43_u8), Just(60)], 0..7),
        sizes in prop::collection::vec(0_u8..3, 7),
        payload: [u8; 4],
    ) {
        let mut bytes = Vec::new();
        for (index, _) in kinds.iter().enumerate() {
            let next = kinds.get(index + 1).copied().unwrap_or(Protocol::TCP.0);
            let len = 8 * (usize::from(sizes[index]) + 1);
            let start = bytes.len();
            bytes.resize(start + len, 0);
            bytes[start] = next;
            bytes[start + 1] = sizes[index];
        }
        let len = bytes.len();
        bytes.extend(payload);
        let first = Protocol(kinds.first().copied().unwrap_or(Protocol::TCP.0));
        let walk = ipv6_ext::walk(first, &bytes).unwrap();
        prop_assert_eq!((walk.protocol, walk.payload), (Protocol::TCP, &payload[..]));
        prop_assert_eq!(walk.offset, len);
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let naive = bytes.chunks(2).fold(0_u32, |sum, pair| {
            let word = u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
            let sum = sum + word;
            (sum & 0xffff) + (sum >> 16)
        });
        let expected = !u16::try_from(naive).unwrap();
        prop_assert_eq!(checksum(&bytes), expected);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
        let sum = pieces.fold(Sum::new(), |sum, piece| sum.add(piece));
        prop_assert_eq!(sum.finish(), expected);
    }

    #[test]
    fn an_updated_checksum_still_fits(
        words in prop::collection::vec(any::<u16>(), 2..40),
        which in any::<prop::sample::Index>(),
        new: u16,
    ) {
        let bytes = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
        let mut words = words;
        words[0] = 0;
        let before = checksum(&bytes(&words));
        let at = 1 + which.index(words.len() - 1);
        let updated = update(before, words[at], new);
        words[at] = new;
        words[0] = updated;
        // Zero has two forms in ones' complement; both verify.
        prop_assert_eq!(checksum(&bytes(&words)), 0);
    }
}

#[test]
fn addresses_of_both_families_have_pseudo_headers() {
    use handfast_packet::checksum::pseudo_header;
    let v4 = IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4));
    assert_eq!(
        pseudo_header(v4, v4, Protocol::TCP, 20).folded(),
        0x0102 * 2 + 0x0304 * 2 + 26
    );
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    assert_eq!(
        pseudo_header(v6, v6, Protocol::TCP, 65_536).folded(),
        1 + 1 + 6 + 1
    );
}
