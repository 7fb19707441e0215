//! The lines, word for word.

use alloc::string::{String, ToString};
use alloc::vec;
use core::net::Ipv6Addr;

use super::*;
use crate::build::{Arp, Ethernet, Icmp, Ipv4, Ipv6, Packet, Tcp, Udp};
use crate::ethernet::EthernetAddress;
use crate::ipv6_ext::FragmentHeader;
use crate::tcp::TcpOption;

const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

fn ethernet() -> Ethernet {
    Ethernet::new(A, B)
}

fn ip() -> Ipv4 {
    Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2])
}

const SIX: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2),
);

fn ip6() -> Ipv6 {
    Ipv6::new(SIX.0, SIX.1)
}

fn line(packet: &Packet) -> String {
    frame(&packet.to_vec(), Medium::Ethernet).to_string()
}

fn ndp_line(message: &Ndp) -> String {
    let icmp = message.to_vec(SIX.0, SIX.1);
    line(&(ethernet() / ip6().next_header(Protocol::ICMPV6) / icmp))
}

#[test]
fn tcp() {
    let syn = Tcp::new(40_000, 80).seq(100).syn();
    let syn = syn.mss(1_460).sack_permitted();
    assert_eq!(
        line(&(ethernet() / ip() / syn)),
        "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 100, win 65535, \
         options [mss 1460,nop,nop,sackOK], length 0",
    );
    let data = Tcp::new(1, 2).seq(5).ack(9).push().window(7);
    assert_eq!(
        line(&(ethernet() / ip() / data / "abc")),
        "IP 192.0.2.1.1 > 192.0.2.2.2: Flags [P.], seq 5:8, ack 9, win 7, length 3",
    );
    let wrapping = Tcp::new(1, 2).seq(u32::MAX).fin().rst().urgent(4);
    assert_eq!(
        line(&(ethernet() / ip6() / wrapping / "abc")),
        "IP6 fd00::1.1 > fd00::2.2: Flags [FRU], seq 4294967295:2, win 65535, urg 4, length 3",
    );
    let none = Tcp::new(1, 2).raw_options(&[3, 9, 9, 9]);
    assert_eq!(
        line(&(ethernet() / ip() / none)),
        "IP 192.0.2.1.1 > 192.0.2.2.2: Flags [none], seq 0, win 65535, \
         options [bad: cut short: 4 bytes where 9 are needed], length 0",
    );
}

#[test]
fn every_tcp_option() {
    let segment = Tcp::new(1, 2).sack(10, 20).sack(30, 40);
    let segment = segment
        .option(&TcpOption::FastOpen {
            cookie: b"",
            experiment: None,
        })
        .option(&TcpOption::FastOpen {
            cookie: b"abcd",
            experiment: Some(254),
        })
        .option(&TcpOption::Unknown {
            kind: 99,
            data: b"",
        })
        .option(&TcpOption::End);
    assert_eq!(
        line(&(ethernet() / ip() / segment)),
        "IP 192.0.2.1.1 > 192.0.2.2.2: Flags [none], seq 0, win 65535, options [nop,nop,\
         sack 2 {10:20}{30:40},tfo cookiereq,exp-tfo cookie of 4 bytes,unknown-99,eol], length 0",
    );
    for (option, expected) in [
        (TcpOption::WindowScale(7), "wscale 7"),
        (
            TcpOption::Timestamps(tcp::Timestamps { value: 1, echo: 2 }),
            "TS val 1 ecr 2",
        ),
        (TcpOption::Md5(&[0; 16]), "md5"),
        (
            TcpOption::UserTimeout {
                minutes: true,
                value: 3,
            },
            "uto 3m",
        ),
        (
            TcpOption::Authentication {
                key_id: 4,
                next_key_id: 5,
                mac: &[0; 12],
            },
            "tcp-ao keyid 4",
        ),
        (
            TcpOption::Mptcp(tcp::Mptcp {
                subtype: 2,
                data: &[0x20],
            }),
            "mptcp 2",
        ),
        (
            TcpOption::AccEcn {
                order: 172,
                counters: &[0; 6],
            },
            "accecn of 6 bytes",
        ),
        (
            TcpOption::Experimental {
                kind: 253,
                identifier: 0xabc,
                data: &[],
            },
            "exp-0abc",
        ),
    ] {
        assert_eq!(option.to_string(), expected);
    }
}

#[test]
fn arp_says_what_it_is_for() {
    let ours = (A, [192, 0, 2, 1]);
    for (arp, expected) in [
        (
            Arp::request(ours, [192, 0, 2, 9]),
            "ARP, Request who-has 192.0.2.9 tell 192.0.2.1",
        ),
        (
            Arp::probe(A, [192, 0, 2, 9]),
            "ARP, Probe who-has 192.0.2.9",
        ),
        (
            Arp::announcement(A, [192, 0, 2, 1]),
            "ARP, Announcement 192.0.2.1 is-at 02:00:00:00:00:01",
        ),
        (
            Arp::reply(ours, (B, [192, 0, 2, 2])),
            "ARP, Reply 192.0.2.1 is-at 02:00:00:00:00:01",
        ),
        (
            Arp::probe(A, [192, 0, 2, 9]).operation(ArpOperation(9)),
            "ARP, operation 9",
        ),
    ] {
        assert_eq!(line(&(Ethernet::broadcast(A) / arp)), expected);
    }
}

#[test]
fn icmp_of_both_families() {
    let four = "IP 192.0.2.1 > 192.0.2.2: ICMP ";
    let unreachable = |code, next_hop_mtu| Icmpv4::Unreachable { code, next_hop_mtu };
    for (message, expected) in [
        (unreachable(1, 0), "host unreachable"),
        (unreachable(3, 0), "port unreachable"),
        (
            unreachable(4, 1_400),
            "unreachable - need to frag (mtu 1400)",
        ),
        (Icmpv4::TimeExceeded { code: 0 }, "time exceeded in transit"),
        (Icmpv4::TimeExceeded { code: 1 }, "reassembly time exceeded"),
        (
            Icmpv4::ParameterProblem {
                code: 0,
                pointer: 8,
            },
            "parameter problem at byte 8",
        ),
        (
            Icmpv4::EchoReply {
                identifier: 1,
                sequence: 2,
            },
            "echo reply, id 1, seq 2",
        ),
        (
            Icmpv4::Other {
                kind: 5,
                code: 1,
                rest: [0; 4],
            },
            "type 5, code 1",
        ),
    ] {
        let line = line(&(ethernet() / ip() / Icmp::v4(message) / "quoted"));
        assert_eq!(
            line.strip_prefix(four),
            Some(&*(expected.to_string() + ", length 6"))
        );
    }
    let six = "IP6 fd00::1 > fd00::2: ICMP6, ";
    for (message, expected) in [
        (
            Icmpv6::PacketTooBig { mtu: 1_280 },
            "packet too big, mtu 1280",
        ),
        (Icmpv6::Unreachable { code: 4 }, "unreachable, code 4"),
        (
            Icmpv6::EchoRequest {
                identifier: 1,
                sequence: 2,
            },
            "echo request, id 1, seq 2",
        ),
    ] {
        let line = line(&(ethernet() / ip6() / Icmp::v6(message) / "quoted"));
        assert_eq!(
            line.strip_prefix(six),
            Some(&*(expected.to_string() + ", length 6"))
        );
    }
}

#[test]
fn neighbour_discovery() {
    let six = "IP6 fd00::1 > fd00::2: ICMP6, ";
    let (target, link) = (SIX.1, Some(A));
    for (message, expected) in [
        (
            Ndp::RouterSolicitation { source_link: None },
            "router solicitation",
        ),
        (
            Ndp::NeighborSolicitation {
                target,
                source_link: link,
                nonce: None,
            },
            "neighbor solicitation, who has fd00::2?",
        ),
        (
            Ndp::NeighborAdvertisement {
                target,
                target_link: link,
                router: false,
                solicited: true,
                override_flag: true,
            },
            "neighbor advertisement, tgt is fd00::2 at 02:00:00:00:00:01",
        ),
    ] {
        assert_eq!(ndp_line(&message).strip_prefix(six), Some(expected));
    }
}

#[test]
fn fragments_are_said_to_be_fragments() {
    let part = |offset, more| ip().protocol(Protocol::UDP).fragment(offset, more);
    let prefix = "IP 192.0.2.1 > 192.0.2.2: UDP fragment ";
    for (offset, more, expected) in [
        (0, true, "0:16+"),
        (1_480, true, "1480:1496+"),
        (1_480, false, "1480:1496"),
    ] {
        // The datagram is longer than its part.
        let udp = Udp::new(53, 54).length(3_000);
        let line = line(&(ethernet() / part(offset, more) / udp / "question"));
        assert_eq!(line.strip_prefix(prefix), Some(expected));
    }
    let first = ethernet() / ip().fragment(0, true) / Tcp::new(1, 2) / "text";
    assert_eq!(
        line(&first),
        "IP 192.0.2.1.1 > 192.0.2.2.2: Flags [none], seq 0:4, win 65535, length 4, first fragment"
    );
    for (offset, more, expected) in [
        (8, true, "IP6 fd00::1 > fd00::2: UDP fragment 8:16+"),
        (0, false, "IP6 fd00::1.53 > fd00::2.54: UDP, length 0"),
    ] {
        let mut header = vec![0; FragmentHeader::LEN];
        FragmentHeader {
            next_header: Protocol::UDP,
            offset,
            more,
            identification: 1,
        }
        .write(&mut header);
        let packet = ip6().next_header(Protocol::FRAGMENT) / header / Udp::new(53, 54);
        assert_eq!(frame(&packet.to_vec(), Medium::Ip).to_string(), expected);
    }
}

#[test]
fn other_links_and_protocols() {
    let tagged = ethernet().ether_type(EtherType::VLAN) / [0xe0, 42, 8, 0].as_slice();
    assert_eq!(
        line(&(tagged / ip() / Udp::new(53, 54) / "question")),
        "vlan 42, IP 192.0.2.1.53 > 192.0.2.2.54: UDP, length 8"
    );
    assert_eq!(
        line(&(ethernet().ether_type(EtherType(0x88cc)) / "abc")),
        "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88cc, length 3"
    );
    assert_eq!(
        line(&(ethernet() / ip().protocol(Protocol::IGMP) / "abc")),
        "IP 192.0.2.1 > 192.0.2.2: IGMP, length 3"
    );
}

#[test]
fn what_is_no_packet_is_said_to_be_none() {
    assert_eq!(
        frame(&[1, 2, 3], Medium::Ethernet).to_string(),
        "[3 bytes: cut short: 3 bytes where 14 are needed]"
    );
    let short = ip().protocol(Protocol::TCP) / "x";
    assert_eq!(
        frame(&short.to_vec(), Medium::Ip).to_string(),
        "IP 192.0.2.1 > 192.0.2.2: TCP [cut short: 1 bytes where 20 are needed]"
    );
    let tag_cut_off = ethernet().ether_type(EtherType::VLAN) / "abc";
    assert_eq!(
        line(&tag_cut_off),
        "[17 bytes: cut short: 17 bytes where 18 are needed]"
    );
    let bad_sum = ip() / Icmp::echo_request(1, 2).checksum(0);
    assert_eq!(
        frame(&bad_sum.to_vec(), Medium::Ip).to_string(),
        "IP 192.0.2.1 > 192.0.2.2: ICMP [the checksum is wrong]"
    );
}
