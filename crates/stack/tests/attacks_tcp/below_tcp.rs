//! A44, below TCP: packets on which another stack panicked.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::checksum::{Sum, pseudo_header};
use handfast_packet::ip::{Cidr, Protocol};
use handfast_stack::{Config, Connect, Stack};

use crate::others_bugs::still_works;
use crate::peer::{Family, MTU, Peer, SYN, both_families, ip_packet};

both_families!(
    a44_an_echo_request_larger_than_the_link,
    a44_a_datagram_in_fragments_larger_than_the_link,
    a44_a_multicast_query_without_delay,
    a44_an_unknown_option_to_a_multicast_address,
    a44_a_host_without_an_address_of_its_own,
    a44_empty_and_truncated_packets,
    a44_hardware_addresses_of_any_length,
);

/// An ICMP message with a good checksum. IGMP has the same.
fn icmp(source: IpAddr, destination: IpAddr, message: &mut [u8]) {
    message[2..4].fill(0);
    let sum = match source {
        IpAddr::V4(_) => Sum::new(),
        IpAddr::V6(_) => {
            let len = u32::try_from(message.len()).unwrap();
            pseudo_header(source, destination, Protocol::ICMPV6, len)
        }
    };
    let sum = sum.add(message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// An echo request with so many bytes behind its header, and its protocol.
fn echo_request(peer: &Peer, len: usize) -> (Protocol, Vec<u8>) {
    let (kind, protocol) = match peer.family {
        Family::V4 => (8, Protocol::ICMP),
        Family::V6 => (128, Protocol::ICMPV6),
    };
    let mut message = vec![kind, 0, 0, 0, 0, 1, 0, 1];
    message.resize(8 + len, 0x55);
    icmp(peer.remote.ip(), peer.local.ip(), &mut message);
    (protocol, message)
}

/// Sends nothing larger than the link takes.
fn pass_and_work(mut peer: Peer) {
    peer.pass(Duration::from_secs(100));
    still_works(&mut peer);
}

fn a44_an_echo_request_larger_than_the_link(family: Family) {
    for len in [0, 1, 1_452, 1_472, 1_473, 9_000, 65_400, 65_507] {
        let mut peer = Peer::new(family);
        let (protocol, message) = echo_request(&peer, len);
        let packet = ip_packet(peer.remote.ip(), peer.local.ip(), protocol, &message);
        peer.deliver(packet);
        let frames = peer.stack.counters().frames_sent;
        let fits = len + 8 + usize::from(family.headers() - 20) <= usize::from(MTU);
        assert!(frames <= 1 && (!fits || frames == 1), "{len}: {frames}");
        pass_and_work(peer);
    }
}

/// `payload` in fragments of 1,400 bytes.
fn fragments(peer: &Peer, protocol: Protocol, payload: &[u8]) -> Vec<Vec<u8>> {
    const PIECE: usize = 1_400;
    let (source, destination) = (peer.remote.ip(), peer.local.ip());
    let pieces = payload.chunks(PIECE).enumerate();
    let packet = |(n, piece): (usize, &[u8])| {
        let offset = u16::try_from(n * PIECE / 8).unwrap();
        let more = (n + 1) * PIECE < payload.len();
        match peer.family {
            Family::V4 => {
                let mut packet = ip_packet(source, destination, protocol, piece);
                let word = offset | (u16::from(more) << 13);
                packet[6..8].copy_from_slice(&word.to_be_bytes());
                packet[10..12].fill(0);
                let sum = Sum::new().add(&packet[..20]).finish();
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
                packet
            }
            Family::V6 => {
                let word = (offset << 3) | u16::from(more);
                let mut body = vec![protocol.0, 0];
                body.extend(word.to_be_bytes());
                body.extend([0, 0, 0, 7]);
                body.extend(piece);
                ip_packet(source, destination, Protocol::FRAGMENT, &body)
            }
        }
    };
    pieces.map(packet).collect()
}

fn a44_a_datagram_in_fragments_larger_than_the_link(family: Family) {
    for len in [1_392, 3_000, 20_000, 64_000] {
        for reversed in [false, true] {
            let mut peer = Peer::new(family);
            let (protocol, message) = echo_request(&peer, len);
            let mut pieces = fragments(&peer, protocol, &message);
            if reversed {
                pieces.reverse();
            }
            for piece in pieces {
                peer.deliver(piece);
            }
            pass_and_work(peer);
        }
    }
}

fn a44_a_multicast_query_without_delay(family: Family) {
    let mut peer = Peer::new(family);
    for _ in 0..1_000 {
        let packet = match family {
            Family::V4 => {
                let all: IpAddr = Ipv4Addr::new(224, 0, 0, 1).into();
                let mut query = [0x11, 0, 0, 0, 0, 0, 0, 0];
                icmp(peer.remote.ip(), all, &mut query);
                ip_packet(peer.remote.ip(), all, Protocol::IGMP, &query)
            }
            Family::V6 => {
                let router: IpAddr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).into();
                let all: IpAddr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
                let mut query = [0; 28];
                query[0] = 130;
                icmp(router, all, &mut query);
                // A router alert in front, as the protocol wants.
                let mut body = vec![Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0];
                body.extend(query);
                let mut packet = ip_packet(router, all, Protocol::HOP_BY_HOP, &body);
                packet[7] = 1;
                packet
            }
        };
        peer.deliver(packet);
    }
    peer.pass(Duration::from_secs(10));
    let frames = peer.stack.counters().frames_sent;
    assert!(
        frames <= 1_000,
        "no more than one report for each: {frames}"
    );
    pass_and_work(peer);
}

/// Whatever an unknown option asks for (RFC 8200 4.2): skip, drop, complain.
fn a44_an_unknown_option_to_a_multicast_address(family: Family) {
    let mut peer = Peer::new(family);
    let source = peer.remote.ip();
    for kind in [0x3e, 0x7e, 0xbe, 0xfe, 0x00, 0x01] {
        for len in [0, 1, 4, 5, 255] {
            let packet = match family {
                Family::V6 => {
                    let all: IpAddr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
                    let body = [Protocol::NO_NEXT.0, 0, kind, len, 0, 0, 0, 0];
                    ip_packet(source, all, Protocol::HOP_BY_HOP, &body)
                }
                Family::V4 => {
                    let all: IpAddr = Ipv4Addr::new(224, 0, 0, 1).into();
                    let mut packet = ip_packet(source, all, Protocol::UDP, &[kind, len, 0, 0]);
                    packet[0] = 0x46;
                    packet[10..12].fill(0);
                    let sum = Sum::new().add(&packet).finish();
                    packet[10..12].copy_from_slice(&sum.to_be_bytes());
                    packet
                }
            };
            peer.deliver(packet);
        }
    }
    pass_and_work(peer);
}

fn a44_a_host_without_an_address_of_its_own(family: Family) {
    let capabilities = Capabilities {
        medium: Medium::Ip,
        mtu: MTU,
        max_gso: 0,
        tx_checksum: false,
    };
    let mut peer = Peer::new(family);
    let (protocol, message) = echo_request(&peer, 10);
    let echo = ip_packet(peer.remote.ip(), peer.local.ip(), protocol, &message);
    let syn = peer.packet(SYN, (0, 0), b"", |_| {});
    let cidr = Cidr::host(peer.local.ip());
    peer.stack = Stack::new(Config::default(), capabilities);
    peer.deliver(echo);
    peer.deliver(syn);
    let remote = SocketAddr::new(peer.remote.ip(), 80);
    assert!(
        peer.stack
            .connect(peer.now, remote, Connect::default())
            .is_err()
    );
    peer.pass(Duration::from_secs(10));
    assert_eq!(peer.stack.counters().frames_sent, 0);
    peer.stack.add_address(cidr).unwrap();
    peer.stack.add_route(Cidr::host(remote.ip()), None).unwrap();
    pass_and_work(peer);
}

fn a44_empty_and_truncated_packets(family: Family) {
    let mut peer = Peer::new(family);
    let whole = peer.packet(SYN, (0, 0), b"text", |header| {
        header.options.mss = Some(1_000);
    });
    for len in 0..whole.len() {
        peer.deliver(whole[..len].to_vec());
    }
    for first in 0..=u8::MAX {
        peer.deliver(vec![first]);
    }
    peer.silent();
    pass_and_work(peer);
}

/// ARP and neighbour discovery name lengths of addresses; Ethernet's is six.
fn a44_hardware_addresses_of_any_length(family: Family) {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: MTU,
        max_gso: 0,
        tx_checksum: false,
    };
    let mut stack = Stack::new(Config::default(), capabilities);
    let len = if family == Family::V4 { 24 } else { 64 };
    stack
        .add_address(Cidr::new(family.address(1), len).unwrap())
        .unwrap();
    let now = Instant::from_secs(1_000);
    for length in 0..=u8::MAX {
        for behind in [0, 8, 64, 300] {
            let mut frame = vec![2, 0, 0, 0, 0, 1];
            frame.extend([2, 0, 0, 0, 0, 2]);
            match (family.address(1), family.address(2)) {
                (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                    frame.extend([8, 6, 0, 1, 8, 0, length, 4, 0, 1]);
                    frame.extend([2, 0, 0, 0, 0, 2]);
                    frame.extend(theirs.octets());
                    frame.extend([0; 6]);
                    frame.extend(ours.octets());
                }
                (ours, theirs) => {
                    let IpAddr::V6(target) = ours else { continue };
                    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
                    message.extend(target.octets());
                    message.extend([1, length, 2, 0, 0, 0, 0, 2]);
                    message.resize(message.len() + behind, 0);
                    icmp(theirs, ours, &mut message);
                    let mut packet = ip_packet(theirs, ours, Protocol::ICMPV6, &message);
                    packet[7] = 255;
                    frame.extend([0x86, 0xdd]);
                    frame.extend(packet);
                }
            }
            frame.resize(frame.len() + behind, 0);
            let mut batch = RxBatch::new();
            batch.push(RxFrame {
                data: Chunk::from(frame),
                received_at: now,
                checksum: RxChecksum::Unknown,
                gso: None,
            });
            stack.receive(now, &mut batch);
            let mut answers = TxBatch::new();
            while stack.poll_transmit(now, &mut answers) {
                while answers.pop().is_some() {}
            }
        }
    }
    // Of all lengths one was right.
    assert!(stack.counters().frames_sent >= 1);
}
