//! Attacks by length fields: A02 (lengths that contradict the packet) and A06 (ICMP whose size is
//! not what it says, and echoes that shall go to somebody else).
//!
//! The stack speaks no DHCP and no IGMP: their packets are unknown datagrams like others.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::arp::ArpPacket;
use handfast_packet::buf::Medium;
use handfast_packet::build::{Arp, Ethernet, Icmp, Ipv4, Ipv6, Packet, Tcp, Udp};
use handfast_packet::checksum::{checksum, pseudo_header};
use handfast_packet::ethernet::{EtherType, EthernetAddress};
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ndp::{Ndp, solicited_node};

use crate::host::{FAMILIES, Family, Host, THEIR_LINK, destination, to_host};

/// Bytes behind the end of each packet, as a link pads: no answer may show them.
const PADDING: [u8; 6] = [0xee; 6];

/// What an answer looks like.
type Wanted = (Protocol, Option<u8>);

/// The values that a length field lies with. For fields of one byte or less all of them are tried
/// instead.
fn lies(least: u16, actual: u16) -> Vec<u16> {
    let around = [least.saturating_sub(1), least, actual - 1, actual];
    let mut values = vec![0, 1, actual + 1, 0x7fff, 0xffff];
    values.extend(around);
    values.sort_unstable();
    values.dedup();
    values
}

/// Puts the checksums of a bare IP packet right as far as its lengths make sense, so that nothing
/// but the lengths can be what is wrong with it.
fn repair(packet: &mut [u8]) {
    let (header_len, end, protocol) = match packet[0] >> 4 {
        4 => {
            let header_len = usize::from(packet[0] & 0xf) * 4;
            if header_len < 20 || header_len > packet.len() {
                return;
            }
            packet[10..12].fill(0);
            let sum = checksum(&packet[..header_len]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            (header_len, total, Protocol(packet[9]))
        }
        _ => {
            let len = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            (40, 40 + len, Protocol(packet[6]))
        }
    };
    if end < header_len || end > packet.len() {
        return;
    }
    let ends = addresses(packet);
    let transport = &mut packet[header_len..end];
    let at = match protocol {
        Protocol::ICMP | Protocol::ICMPV6 => 2,
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        _ => return,
    };
    let covered = match protocol {
        Protocol::UDP if transport.len() >= 8 => {
            usize::from(u16::from_be_bytes([transport[4], transport[5]]))
        }
        _ => transport.len(),
    };
    if at + 2 > transport.len() || covered < at + 2 || covered > transport.len() {
        return;
    }
    let transport = &mut transport[..covered];
    transport[at..at + 2].fill(0);
    let sum = match protocol {
        Protocol::ICMP => checksum(transport),
        _ => {
            let len = u32::try_from(covered).unwrap();
            let pseudo = pseudo_header(ends.0, ends.1, protocol, len);
            pseudo.add(transport).finish()
        }
    };
    transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn addresses(packet: &[u8]) -> (IpAddr, IpAddr) {
    let source = match packet[0] >> 4 {
        4 => <[u8; 4]>::try_from(&packet[12..16]).unwrap().into(),
        _ => <[u8; 16]>::try_from(&packet[8..24]).unwrap().into(),
    };
    (source, destination(packet))
}

/// Where the payload of ICMP begins in an answer.
fn icmp_body(reply: &[u8]) -> &[u8] {
    match reply[0] >> 4 {
        4 => &reply[28..],
        _ => &reply[48..],
    }
}

/// Whether the stack takes a packet for what it seems to be: among its answers is one of this
/// protocol whose first byte (the type, in ICMP) is this one; with none, any is. Answers must go
/// to the sender and show nothing that was not in the packet.
fn taken(packet: &[u8], wanted: Wanted) -> bool {
    let mut host = Host::new();
    let sent = host.receive(packet.to_vec());
    for reply in &sent {
        assert_eq!(destination(reply), addresses(packet).0, "to whoever asked");
        let family = Family::of(destination(reply));
        let protocol = Protocol(reply[if family == Family::V4 { 9 } else { 6 }]);
        if protocol == family.icmp() {
            let shown = icmp_body(reply);
            let from_request = packet.windows(shown.len().max(1)).any(|part| part == shown);
            assert!(
                shown.is_empty() || from_request,
                "{packet:02x?} {reply:02x?}"
            );
        }
    }
    sent.iter().any(|reply| {
        let family = Family::of(destination(reply));
        let protocol = Protocol(reply[if family == Family::V4 { 9 } else { 6 }]);
        let first = reply[family.header_len()];
        protocol == wanted.0 && wanted.1.is_none_or(|wanted| wanted == first)
    })
}

fn echo(family: Family, body: &[u8]) -> Vec<u8> {
    (to_host(family.address(2), Icmp::echo_request(0x0909, 0x0909)) / body).to_vec()
}

/// The answer to an echo request.
fn echo_reply(family: Family) -> Wanted {
    (
        family.icmp(),
        Some(if family == Family::V4 { 0 } else { 129 }),
    )
}

/// Tries `values` in the 16-bit field at `at`: taken are those, and only those, that are `legal`.
fn sixteen_bits(
    (packet, at): (&[u8], usize),
    values: &[u16],
    wanted: Wanted,
    legal: impl Fn(u16) -> bool,
) {
    for &value in values {
        let mut packet = packet.to_vec();
        let actual = u16::from_be_bytes([packet[at], packet[at + 1]]);
        packet[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let untouched = value == actual;
        repair(&mut packet);
        assert_eq!(
            taken(&packet, wanted),
            legal(value),
            "{value} instead of {actual}"
        );
        // Padding changes nothing as long as the lengths keep away from it.
        if value <= actual {
            packet.extend(PADDING);
            assert_eq!(taken(&packet, wanted), legal(value), "{value}, padded");
        }
        assert!(!untouched || legal(value));
    }
}

/// A02: what IP says about its whole length. Less than there is means padding by the link; then
/// what is in the packet must fit, too.
#[test]
fn a02_total_and_payload_length_of_ip() {
    for family in FAMILIES {
        let packet = echo(family, &[5; 20]);
        let (at, base) = if family == Family::V4 {
            (2, 20)
        } else {
            (4, 0)
        };
        let (least, actual) = (base + 8, base + 28);
        let values = lies(base, actual);
        let legal = |len| (least..=actual).contains(&len);
        let wanted = echo_reply(family);
        sixteen_bits((&packet, at), &values, wanted, legal);
        let all: Vec<u16> = (0..=actual + 1).collect();
        sixteen_bits((&packet, at), &all, wanted, legal);
    }
}

/// A02: the length of the IPv4 header, all sixteen of them, without and with options.
#[test]
fn a02_header_length_of_ipv4() {
    let (us, them) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    for (options, actual) in [(&[][..], 5), (&[7, 7, 4, 0, 0, 0, 0, 0][..], 7)] {
        for words in 0..16 {
            let ip = Ipv4::new(them, us).options(options).header_words(words);
            // The body is no echo request, from wherever it is read.
            let mut packet = (ip / Icmp::echo_request(0x0909, 0x0909) / &[9; 60]).to_vec();
            repair(&mut packet);
            assert_eq!(
                taken(&packet, echo_reply(Family::V4)),
                words == actual,
                "{words}"
            );
        }
    }
}

/// A02: the length that UDP says, and every length that IP leaves for it.
#[test]
fn a02_length_of_udp() {
    for family in FAMILIES {
        let packet = (to_host(family.address(2), Udp::new(7, 9)) / &[5; 20]).to_vec();
        let unreachable = match family {
            Family::V4 => (Protocol::ICMP, Some(3)),
            Family::V6 => (Protocol::ICMPV6, Some(1)),
        };
        let at = family.header_len() + 4;
        let legal = |len| (8..=28).contains(&len);
        sixteen_bits((&packet, at), &lies(8, 28), unreachable, legal);
        let (at, base) = if family == Family::V4 {
            (2, 20)
        } else {
            (4, 0)
        };
        let all: Vec<u16> = (base..=base + 29).collect();
        sixteen_bits((&packet, at), &all, unreachable, |len| len == base + 28);
    }
}

/// A02: where TCP says that its header ends, all sixteen places, and every length that IP leaves
/// for it. What the reset acknowledges is as much text as there was.
#[test]
fn a02_data_offset_of_tcp() {
    for family in FAMILIES {
        for (words, text) in (0..16).flat_map(|words| [(words, 0), (words, 3), (words, 20)]) {
            let tcp = Tcp::new(7, 9).seq(1_000).data_offset(words);
            let body = vec![1; text];
            let mut packet = (to_host(family.address(2), tcp) / body).to_vec();
            repair(&mut packet);
            let header_len = usize::from(words) * 4;
            let legal = header_len >= 20 && header_len <= 20 + text;
            assert_eq!(
                taken(&packet, (Protocol::TCP, None)),
                legal,
                "{words} {text}"
            );
            if let Some(reset) = Host::new().receive(packet).first() {
                let ack = &reset[family.header_len() + 8..][..4];
                let acknowledged = u32::from_be_bytes(ack.try_into().unwrap());
                assert_eq!(
                    acknowledged,
                    1_000 + u32::try_from(20 + text - header_len).unwrap()
                );
            }
        }
        let packet = to_host(family.address(2), Tcp::new(7, 9)).to_vec();
        let (at, base) = if family == Family::V4 {
            (2, 20)
        } else {
            (4, 0)
        };
        let all: Vec<u16> = (base..=base + 21).collect();
        sixteen_bits((&packet, at), &all, (Protocol::TCP, None), |len| {
            len == base + 20
        });
    }
}

/// A02: all 256 lengths of each IPv6 extension header, and of an option in it.
#[test]
fn a02_lengths_of_extension_headers() {
    let request = echo(Family::V6, &[0; 20]);
    for kind in [
        Protocol::HOP_BY_HOP,
        Protocol::ROUTING,
        Protocol::DESTINATION_OPTIONS,
    ] {
        for len in 0..=255 {
            for option in [4, len] {
                let units = if option == 4 { len } else { 0 };
                // Padding of 6 bytes, or a routing header of which nothing is left to do.
                let extension = match kind {
                    Protocol::ROUTING => [58, units, 0, 0, 0, 0, 0, 0],
                    _ => [58, units, 1, option, 0, 0, 0, 0],
                };
                let ip = Ipv6::new(us_v6(2), us_v6(1)).next_header(kind);
                let packet = ip / &extension / &request[40..];
                // Behind shorter padding, zeros are padding of one byte each.
                let legal = units == 0 && (option <= 4 || kind == Protocol::ROUTING);
                let answered = taken(&packet.to_vec(), echo_reply(Family::V6));
                assert_eq!(answered, legal, "{kind:?} {units} {option}");
            }
        }
    }
}

fn us_v6(host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host)
}

/// A02: all lengths of addresses in ARP, and every length of the packet.
#[test]
fn a02_lengths_of_arp() {
    let them = (THEIR_LINK, [192, 0, 2, 2]);
    let good = (Ethernet::broadcast(THEIR_LINK) / Arp::request(them, [192, 0, 2, 1])).to_vec();
    let answered = |frame: &[u8]| {
        let sent = Host::on(Medium::Ethernet, 7).receive(frame.to_vec());
        assert!(sent.iter().all(|frame| frame.len() == 14 + ArpPacket::LEN));
        sent.len() == 1
    };
    for at in [4, 5] {
        for len in 0..=255 {
            let mut frame = good.clone();
            frame[14 + at] = len;
            assert_eq!(answered(&frame), len == good[14 + at], "{len} at {at}");
        }
    }
    for len in 0..=good.len() {
        assert_eq!(answered(&good[..len]), len == good.len(), "{len} bytes");
    }
    assert!(answered(&[&good[..], &PADDING].concat()));
}

/// A neighbour solicitation with this message in it.
fn solicitation(message: &[u8]) -> Vec<u8> {
    let ip = Ipv6::new(us_v6(2), solicited_node(us_v6(1)))
        .next_header(Protocol::ICMPV6)
        .hop_limit(255);
    let mut packet = (ip / message).to_vec();
    repair(&mut packet);
    let link = EthernetAddress::multicast(solicited_node(us_v6(1)).into());
    let header = Packet::from(Ethernet::new(THEIR_LINK, link).ether_type(EtherType::IPV6));
    [header.to_vec(), packet].concat()
}

/// A02: all lengths of an option of neighbour discovery, and every length of the message.
#[test]
fn a02_lengths_of_neighbor_discovery() {
    let question = Ndp::NeighborSolicitation {
        target: us_v6(1),
        source_link: Some(THEIR_LINK),
        nonce: None,
    };
    let message = question.to_vec(us_v6(2), solicited_node(us_v6(1)));
    let answers = |message: &[u8]| {
        let mut host = Host::on(Medium::Ethernet, 7);
        let sent = host.receive(solicitation(message));
        sent.iter().filter(|frame| frame[54] == 136).count()
    };
    for units in 0..=255 {
        let mut message = message.clone();
        message[25] = units;
        assert_eq!(answers(&message), usize::from(units == 1), "{units}");
    }
    for len in 0..=message.len() {
        // Without its option it is a question like any other.
        let legal = len == 24 || len == message.len();
        assert_eq!(answers(&message[..len]), usize::from(legal), "{len} bytes");
    }
}

/// A02 and RFC 3810 8.1: queries for listeners have 24 bytes, or 28 and more.
#[test]
fn a02_lengths_of_listener_queries() {
    for len in 4..=40 {
        let mut host = Host::on(Medium::Ethernet, 7);
        let router = "fe80::2".parse().unwrap();
        let all_nodes = "ff02::1".parse().unwrap();
        let query = Icmpv6::Other {
            kind: 130,
            code: 0,
            rest: [0, 10, 0, 0],
        };
        let message = query.to_vec(&[0; 32], router, all_nodes);
        let ip = Ipv6::new(router, all_nodes)
            .next_header(Protocol::ICMPV6)
            .hop_limit(1);
        let mut packet = (ip / &message[..len]).to_vec();
        repair(&mut packet);
        let link = EthernetAddress::multicast(all_nodes.into());
        let header = Packet::from(Ethernet::new(THEIR_LINK, link).ether_type(EtherType::IPV6));
        assert!(host.receive([header.to_vec(), packet].concat()).is_empty());
        let reports = host.pass(Duration::from_secs(11)).len();
        let legal = len == 24 || len >= 28;
        assert_eq!(reports, usize::from(legal), "{len} bytes");
    }
}

/// A02: what nobody here speaks (IGMP, DHCP) is answered with what it was, at most.
#[test]
fn a02_protocols_that_nobody_speaks() {
    for family in FAMILIES {
        for len in 0..300 {
            let body = vec![0x11; len];
            let packet = match family {
                Family::V4 => {
                    Ipv4::new([192, 0, 2, 2], [192, 0, 2, 1]).protocol(Protocol(2)) / body
                }
                Family::V6 => Ipv6::new(us_v6(2), us_v6(1)).next_header(Protocol(2)) / body,
            };
            taken(&packet.to_vec(), (Protocol(2), None));
            let dhcp = to_host(family.address(2), Udp::new(67, 68)) / vec![0x22; len];
            taken(&dhcp.to_vec(), (Protocol(2), None));
        }
    }
}

/// A06: echo requests that end before their header does.
#[test]
fn a06_an_echo_request_of_less_than_eight_bytes_is_not_answered() {
    for family in FAMILIES {
        let good = echo(family, b"");
        let ip = family.header_len();
        for len in 0..8 {
            let mut packet = good[..ip + len].to_vec();
            let (at, base) = if family == Family::V4 {
                (2, 20)
            } else {
                (4, 0)
            };
            let field = u16::try_from(base + len).unwrap();
            packet[at..at + 2].copy_from_slice(&field.to_be_bytes());
            repair(&mut packet);
            for padding in [&[][..], &PADDING] {
                let mut host = Host::new();
                assert!(
                    host.receive([&packet, padding].concat()).is_empty(),
                    "{len}"
                );
                assert_eq!(host.stack.counters().network.malformed, 1);
            }
        }
    }
}

/// A06: a route in an echo request leads no answer to anybody but the sender, and no packet of
/// ours anywhere else: options are stepped over, and answers have none.
#[test]
fn a06_source_routes_lead_nowhere() {
    let (us, them) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let victim = [192, 0, 2, 99];
    for kind in [131, 137, 7, 68] {
        for pointer in 0..=255 {
            for len in [0, 3, 7, 8, 11, 255] {
                let [a, b, c, d] = victim;
                let route = [kind, len, pointer, a, b, c, d, a, b, c, d, 0];
                let ip = Ipv4::new(them, us).options(&route);
                let packet = (ip / Icmp::echo_request(1, 2) / "text").to_vec();
                let [reply] = &Host::new().receive(packet)[..] else {
                    panic!("one echo, one answer");
                };
                assert_eq!((reply[0], destination(reply)), (0x45, them.into()));
                assert_eq!(reply[20..22], [0, 0]);
            }
        }
    }
}

/// A06 in IPv6: nothing is forwarded for a routing header either (RFC 5095), whatever its type.
#[test]
fn a06_routing_headers_lead_nowhere() {
    for kind in [0, 2, 3, 4, 255] {
        for segments_left in [0, 1, 2, 255] {
            let mut header = vec![58, 2, kind, segments_left, 0, 0, 0, 0];
            header.extend(us_v6(99).octets());
            let ip = Ipv6::new(us_v6(2), us_v6(1)).next_header(Protocol::ROUTING);
            let request = echo(Family::V6, b"text");
            let packet = (ip / header / &request[40..]).to_vec();
            let [reply] = &Host::new().receive(packet)[..] else {
                panic!("an echo, or a complaint");
            };
            assert_eq!(destination(reply), us_v6(2));
            // Echo reply, or a parameter problem.
            assert_eq!(reply[40], if segments_left == 0 { 129 } else { 4 });
        }
    }
}
