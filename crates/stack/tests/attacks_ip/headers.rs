//! Attacks by headers as the whole stack meets them: A04 (options without a length), A05 (chains
//! of extension headers) and A50 (damage that checksums must find). What a parser alone shows is
//! in `crates/packet/tests/attacks.rs`.

use core::net::Ipv6Addr;

use handfast_packet::buf::{Chunk, Medium, RxBatch, RxChecksum, RxFrame};
use handfast_packet::build::{Icmp, Ipv4, Ipv6, Tcp, Udp};
use handfast_packet::ethernet::{EtherType, EthernetAddress};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv6_ext::{EXTENSIONS_MAX, FragmentHeader};
use handfast_packet::ndp::{Ndp, solicited_node};
use handfast_packet::tcp::TcpHeader;
use handfast_stack::Listen;

use crate::host::{FAMILIES, Family, Host, THEIR_LINK, between, to_host};

const US: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const THEM: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A host that listens on port 80.
fn server(family: Family) -> Host {
    let mut host = Host::new();
    let local = (family.address(1), 80).into();
    host.stack.listen(local, Listen::default()).unwrap();
    host
}

/// The TCP header in a packet.
fn tcp(family: Family, packet: &[u8]) -> TcpHeader {
    TcpHeader::parse(&packet[family.header_len()..]).unwrap().0
}

/// A04: a TCP option of length 0 or 1 ends the options of a SYN. Those in front of it count, and
/// the connection opens all the same.
#[test]
fn a04_a_syn_with_an_option_without_length_opens() {
    for family in FAMILIES {
        for kind in 2..=255 {
            for len in [0, 1] {
                let options = [
                    2, 4, 2, 0, kind, len, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 3, 3, 7, 1,
                ];
                let syn = Tcp::new(4_000, 80).syn().raw_options(&options);
                let sent = server(family).receive(to_host(family.address(2), syn).to_vec());
                let [answer] = &sent[..] else {
                    panic!("one SYN, one answer");
                };
                let answer = tcp(family, answer).options;
                assert_eq!((answer.timestamps, answer.window_scale), (None, None));
                assert!(answer.mss.is_some());
            }
        }
    }
}

/// A04: options of IPv4 are stepped over by the length of the header and never read, whatever
/// lengths they have.
#[test]
fn a04_ipv4_options_are_never_walked() {
    for kind in 0..=255 {
        for len in [0, 1, 2, 3, 40, 255] {
            let mut options = vec![kind, len];
            options.resize(40, kind);
            let ip = Ipv4::new([192, 0, 2, 2], [192, 0, 2, 1]).options(&options);
            let packet = (ip / Icmp::echo_request(1, 2) / "text").to_vec();
            assert_eq!(Host::new().receive(packet).len(), 1, "{kind} {len}");
        }
    }
}

/// A04: a header of 2,048 bytes with nothing but options without content is stepped over.
#[test]
fn a04_ipv6_options_without_length_are_stepped_over() {
    for kind in [Protocol::HOP_BY_HOP, Protocol::DESTINATION_OPTIONS] {
        let mut header = vec![58, 255];
        header.extend([0x1e, 0].repeat(1_023));
        let request = to_host(THEM.into(), Icmp::echo_request(1, 2)).to_vec();
        let ip = Ipv6::new(THEM, US).next_header(kind);
        let packet = ip / header / &request[40..];
        assert_eq!(Host::new().receive(packet.to_vec()).len(), 1);
    }
}

/// A04 and RFC 4861 4.6: an option of length 0 spoils a message of neighbour discovery, whatever
/// stands in front of it and behind.
#[test]
fn a04_a_discovery_option_without_length_spoils_the_message() {
    let group = solicited_node(US);
    let question = Ndp::NeighborSolicitation {
        target: US,
        source_link: Some(THEIR_LINK),
        nonce: None,
    };
    for kind in 0..=255 {
        for (behind, answers) in [(vec![], 1), (vec![kind, 0, 0, 0, 0, 0, 0, 0], 0)] {
            let mut message = question.to_vec(THEM, group);
            message.extend(behind);
            message[2..4].fill(0);
            let len = u32::try_from(message.len()).unwrap();
            let sum = handfast_packet::checksum::pseudo_header(
                THEM.into(),
                group.into(),
                Protocol::ICMPV6,
                len,
            );
            let sum = sum.add(&message).finish();
            message[2..4].copy_from_slice(&sum.to_be_bytes());
            let ip = Ipv6::new(THEM, group)
                .next_header(Protocol::ICMPV6)
                .hop_limit(255);
            let link = EthernetAddress::multicast(group.into());
            let ethernet = handfast_packet::build::Ethernet::new(THEIR_LINK, link);
            let frame = ethernet.ether_type(EtherType::IPV6) / (ip / message).to_vec();
            let mut host = Host::on(Medium::Ethernet, 7);
            assert_eq!(host.receive(frame.to_vec()).len(), answers, "{kind}");
            let malformed = host.stack.counters().network.malformed;
            assert_eq!(malformed, 1 - u64::try_from(answers).unwrap());
        }
    }
}

/// An echo request behind these extension headers, the first of which is named.
fn echo_behind(first: Protocol, headers: &[u8]) -> Vec<u8> {
    let request = to_host(THEM.into(), Icmp::echo_request(1, 2)).to_vec();
    (Ipv6::new(THEM, US).next_header(first) / headers / &request[40..]).to_vec()
}

/// A05: up to eight extension headers are walked; more are dropped in silence, as RFC 8200 says
/// nothing of them and an answer would help nobody but an attacker.
#[test]
fn a05_chains_are_walked_up_to_the_limit_and_dropped_beyond() {
    let next = Protocol::DESTINATION_OPTIONS;
    for count in 1..=200 {
        let mut chain = [next.0, 0, 1, 4, 0, 0, 0, 0].repeat(count);
        chain[count * 8 - 8] = Protocol::ICMPV6.0;
        let mut host = Host::new();
        let sent = host.receive(echo_behind(next, &chain));
        let answered = sent.iter().filter(|reply| reply[40] == 129).count();
        assert_eq!(answered, usize::from(count <= EXTENSIONS_MAX), "{count}");
        assert_eq!(sent.len(), answered, "in silence");
        let malformed = host.stack.counters().network.malformed;
        assert_eq!(malformed, u64::from(count > EXTENSIONS_MAX));
    }
}

/// A05: every sequence of up to four headers of all kinds, with lengths of 0 and 255: an answer at
/// most, and what RFC 8200 4.1 wants of hop-by-hop options anywhere but in front.
#[test]
fn a05_any_order_of_headers_gets_one_answer_at_most() {
    let kinds = [0, 43, 44, 60, 51, 50, 135, 59, 58];
    for n in 0..9_usize.pow(4) {
        for units in [0, 255] {
            let chosen: Vec<u8> = (0..4)
                .map(|place| kinds[n / 9_usize.pow(place) % 9])
                .collect();
            let mut chain = Vec::new();
            for place in 0..4 {
                let next = chosen.get(place + 1).copied().unwrap_or(58);
                // As a fragment header: a fragment that is all there is.
                let header = match chosen[place] {
                    44 => [next, 0, 0, 0, 0, 0, 0, 0],
                    43 => [next, units, 0, 0, 0, 0, 0, 0],
                    _ => [next, units, 1, 4, 0, 0, 0, 0],
                };
                chain.extend(header);
            }
            let mut host = Host::new();
            let sent = host.receive(echo_behind(Protocol(chosen[0]), &chain));
            assert!(sent.len() <= 1, "{chosen:?}");
            assert_eq!(host.stack.reassembly_use().datagrams, 0);
            let walkable = [43, 60];
            let front = chosen.iter().position(|kind| !walkable.contains(kind));
            let misplaced = front.is_some_and(|at| at > 0 && chosen[at] == 0);
            if units == 0 && misplaced {
                // Parameter problem: that next header is not recognised here.
                assert_eq!(sent[0][40..42], [4, 1], "{chosen:?}");
            }
        }
    }
}

/// A05: a chain that comes in fragments is walked as far as any other, and fragments in fragments
/// are not put together.
#[test]
fn a05_chains_in_fragments_are_walked_no_further() {
    let next = Protocol::DESTINATION_OPTIONS;
    for count in [1, 7, 8, 9, 60, 120] {
        let mut chain = [next.0, 0, 1, 4, 0, 0, 0, 0].repeat(count);
        chain[count * 8 - 8] = Protocol::ICMPV6.0;
        let whole = echo_behind(next, &chain);
        let mut host = Host::new();
        let mut sent = Vec::new();
        // The first fragment has all headers (RFC 7112), the second what is behind them.
        let cut = chain.len();
        for (part, offset, more) in [
            (&whole[40..40 + cut], 0, true),
            (&whole[40 + cut..], cut, false),
        ] {
            let mut header = [0; 8];
            FragmentHeader {
                next_header: next,
                offset: u16::try_from(offset).unwrap(),
                more,
                identification: 5,
            }
            .write(&mut header);
            let ip = Ipv6::new(THEM, US).next_header(Protocol::FRAGMENT);
            sent.extend(host.receive((ip / &header / part).to_vec()));
        }
        assert_eq!(sent.len(), usize::from(count <= EXTENSIONS_MAX), "{count}");
    }
    // An atomic fragment in an atomic fragment, and so on.
    let nested = [Protocol::FRAGMENT.0, 0, 0, 0, 0, 0, 0, 0].repeat(150);
    let mut host = Host::new();
    assert!(
        host.receive(echo_behind(Protocol::FRAGMENT, &nested))
            .is_empty()
    );
    assert_eq!(host.stack.counters().network.malformed, 1);
}

/// The bits of an IPv6 header that no checksum covers: traffic class, flow label, hop limit.
fn is_free(family: Family, at: usize, bit: usize) -> bool {
    family == Family::V6 && (at == 0 && bit < 4 || (1..4).contains(&at) || at == 7)
}

/// A50: any single wrong bit in a whole packet, and no segment opens anything, no echo and no
/// datagram is answered as if it were right.
#[test]
fn a50_no_packet_with_a_wrong_bit_is_taken() {
    for family in FAMILIES {
        let them = family.address(2);
        let packets = [
            to_host(them, Tcp::new(4_000, 80).syn().mss(1_400)),
            to_host(them, Icmp::echo_request(1, 2)) / "text",
            to_host(them, Udp::new(4_000, 9)) / "text!",
        ];
        for packet in packets.map(|packet| packet.to_vec()) {
            let [right] = &server(family).receive(packet.clone())[..] else {
                panic!("it is answered when it is right");
            };
            for (at, bit) in (0..packet.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut wrong = packet.clone();
                wrong[at] ^= 1 << bit;
                let mut host = server(family);
                let sent = host.receive(wrong);
                let kind = |reply: &[u8]| (reply[6], reply[9], reply[family.header_len()]);
                let taken = sent.iter().any(|reply| kind(reply) == kind(right));
                assert_eq!(taken, is_free(family, at, bit), "{family:?} {at} {bit}");
                if !taken {
                    assert_eq!(host.stack.tcp_count(), 0, "{family:?} {at} {bit}");
                }
                // An unknown protocol may be complained of; nothing else is said.
                let complaint = at == if family == Family::V4 { 9 } else { 6 };
                assert!(
                    taken || complaint || sent.is_empty(),
                    "{family:?} {at} {bit}"
                );
            }
        }
    }
}

/// A50: what a device says about a checksum counts for TCP and UDP when it says so, and never
/// for headers of IP and for ICMP, nor for what was put together from fragments.
#[test]
fn a50_a_device_is_trusted_only_where_it_says_so() {
    for family in FAMILIES {
        let them = family.address(2);
        for (said, trusted) in [
            (RxChecksum::Unknown, false),
            (RxChecksum::Verified, true),
            (RxChecksum::Partial, true),
        ] {
            let answers = |packet: Vec<u8>| server(family).receive_with(packet, said).len();
            let syn = to_host(them, Tcp::new(4_000, 80).syn().checksum(0xbad)).to_vec();
            assert_eq!(answers(syn), usize::from(trusted), "{family:?} {said:?}");
            let udp = to_host(them, Udp::new(4_000, 9).checksum(0xbad)).to_vec();
            assert_eq!(answers(udp), usize::from(trusted), "{family:?} {said:?}");
            let echo = to_host(them, Icmp::echo_request(1, 2).checksum(0xbad)).to_vec();
            assert_eq!(answers(echo), 0, "{family:?} {said:?}");
        }
        let none = to_host(them, Udp::new(4_000, 9).checksum(0)).to_vec();
        let answers = Host::new().receive(none).len();
        assert_eq!(answers, usize::from(family == Family::V4), "no checksum");
    }
    let ip = Ipv4::new([192, 0, 2, 2], [192, 0, 2, 1]).checksum(0xbad);
    let packet = (ip / Icmp::echo_request(1, 2)).to_vec();
    let sent = Host::new().receive_with(packet, RxChecksum::Verified);
    assert!(sent.is_empty());
}

/// A50: a device that vouches for both fragments of a segment vouches for nothing: it has seen
/// neither whole.
#[test]
fn a50_what_came_in_fragments_is_verified_again() {
    for family in FAMILIES {
        for (sum, opened) in [(None, 1), (Some(0xbad), 0)] {
            let mut syn = Tcp::new(4_000, 80).syn();
            if let Some(sum) = sum {
                syn = syn.checksum(sum);
            }
            let syn = between(family.address(2), family.address(1), syn) / [7; 12].as_slice();
            let segment = syn.to_vec().split_off(family.header_len());
            let mut host = server(family);
            let mut batch = RxBatch::new();
            for (part, offset, more) in [(&segment[..24], 0, true), (&segment[24..], 24, false)] {
                let packet = match family {
                    Family::V4 => {
                        let ip = Ipv4::new([192, 0, 2, 2], [192, 0, 2, 1]);
                        ip.protocol(Protocol::TCP).fragment(offset, more) / part
                    }
                    Family::V6 => {
                        let mut header = [0; 8];
                        FragmentHeader {
                            next_header: Protocol::TCP,
                            offset,
                            more,
                            identification: 5,
                        }
                        .write(&mut header);
                        Ipv6::new(THEM, US).next_header(Protocol::FRAGMENT) / &header / part
                    }
                };
                batch.push(RxFrame {
                    data: Chunk::from(packet.to_vec()),
                    received_at: host.now,
                    checksum: RxChecksum::Verified,
                    gso: None,
                });
            }
            host.stack.receive(host.now, &mut batch);
            assert_eq!(host.stack.tcp_count(), opened, "{family:?} {sum:?}");
        }
    }
}
