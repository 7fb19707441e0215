//! A24: packets that say they come from nobody, from everybody, or from the host itself (LAND).

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::buf::Medium;
use handfast_packet::build::{Ethernet, Icmp, Tcp, Udp};
use handfast_packet::ethernet::{EtherType, EthernetAddress};
use handfast_packet::tcp::TcpFlags;
use handfast_stack::{Connect, ConnectError, Listen, NetworkCounters};

use crate::host::{FAMILIES, Family, Host, OUR_LINK, THEIR_LINK, between, to_host};

/// Addresses that are not those of another host.
fn nobodies(family: Family) -> Vec<IpAddr> {
    let texts: &[&str] = match family {
        Family::V4 => &[
            "192.0.2.1",
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "192.0.2.255",
            "255.255.255.255",
        ],
        Family::V6 => &[
            "2001:db8::1",
            "::",
            "::1",
            "::ffff:192.0.2.2",
            "::ffff:127.0.0.1",
            "ff01::1",
            "ff02::1",
            "ff02::1:ff00:1",
            "ff0e::1",
        ],
    };
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A host that listens at all its addresses on port 80.
fn server(medium: Medium) -> Host {
    let mut host = Host::on(medium, 7);
    for any in ["0.0.0.0", "::"] {
        let any: IpAddr = any.parse().unwrap();
        host.stack
            .listen((any, 80).into(), Listen::default())
            .unwrap();
    }
    host
}

/// Sends a packet in every frame that could bring it; nothing may come of it but a count.
fn nothing_comes_of(packet: &[u8], what: &str) {
    let mut host = server(Medium::Ip);
    let before = host.stack.counters().network;
    assert_eq!(host.receive(packet.to_vec()), [] as [Vec<u8>; 0], "{what}");
    untouched(&host, before, what);
    let ether_type = match packet[0] >> 4 {
        4 => EtherType::IPV4,
        _ => EtherType::IPV6,
    };
    let group = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    for link in [OUR_LINK, EthernetAddress::BROADCAST, group] {
        for from in [THEIR_LINK, OUR_LINK, EthernetAddress::BROADCAST] {
            let frame = Ethernet::new(from, link).ether_type(ether_type) / packet;
            let mut host = server(Medium::Ethernet);
            let before = host.stack.counters().network;
            assert!(host.receive(frame.to_vec()).is_empty(), "{what}");
            untouched(&host, before, what);
        }
    }
}

/// One packet was counted as one that is not heard; there is no connection, and no timer that would
/// come back to it.
fn untouched(host: &Host, before: NetworkCounters, what: &str) {
    let after = host.stack.counters();
    assert_eq!(host.stack.tcp_count(), 0, "{what}");
    assert_eq!(host.stack.next_timeout(), None, "{what}");
    assert_eq!(after.tcp.segments_received, 0, "{what}");
    let unheard = |counters: NetworkCounters| {
        counters.martian_sources + counters.not_for_us + counters.unknown_protocols
    };
    assert_eq!(unheard(after.network), unheard(before) + 1, "{what}");
}

/// A24: SYNs and all other segments from nobody to us, and from another host to nobody; to a port
/// with a listener and to one without, from the same port and from another.
#[test]
fn a24_segments_from_nobody_and_to_nobody_are_dropped() {
    let all = [
        TcpFlags::SYN,
        TcpFlags::SYN | TcpFlags::ACK,
        TcpFlags::ACK,
        TcpFlags::FIN,
        TcpFlags::RST,
    ];
    for family in FAMILIES {
        let (us, them) = (family.address(1), family.address(2));
        for nobody in nobodies(family) {
            for (flags, port) in all.into_iter().flat_map(|flags| [(flags, 80), (flags, 81)]) {
                for from in [port, 4_000] {
                    let what = format!("{flags:?} {nobody} {from} {port}");
                    let tcp = Tcp::new(from, port).seq(1).flags(flags);
                    let packet = between(nobody, us, tcp.clone()).to_vec();
                    nothing_comes_of(&packet, &what);
                    if nobody != us {
                        nothing_comes_of(&between(them, nobody, tcp.clone()).to_vec(), &what);
                    }
                    nothing_comes_of(&between(nobody, nobody, tcp).to_vec(), &what);
                }
            }
        }
    }
}

/// A24: the same with a datagram (which port unreachable would answer) and with an echo.
#[test]
fn a24_datagrams_and_echoes_from_nobody_are_not_answered() {
    for family in FAMILIES {
        for nobody in nobodies(family) {
            let us = family.address(1);
            let udp = between(nobody, us, Udp::new(9, 9)) / "text";
            nothing_comes_of(&udp.to_vec(), &format!("{nobody}, UDP"));
            let echo = between(nobody, us, Icmp::echo_request(1, 2)) / "text";
            nothing_comes_of(&echo.to_vec(), &format!("{nobody}, echo"));
        }
    }
}

/// A24: ten thousand of them cost no more than the first, each: nothing is sent, kept or waited
/// for. A SYN of a real host is answered right afterwards.
#[test]
fn a24_a_storm_of_land_packets_leaves_nothing_behind() {
    for family in FAMILIES {
        let mut host = server(Medium::Ip);
        let us = family.address(1);
        for n in 0..10_000 {
            let land = between(us, us, Tcp::new(80, 80).syn().seq(n));
            assert!(host.receive(land.to_vec()).is_empty());
            assert_eq!(
                (host.stack.tcp_count(), host.stack.next_timeout()),
                (0, None)
            );
        }
        assert_eq!(host.stack.counters().network.martian_sources, 10_000);
        let syn = to_host(family.address(2), Tcp::new(80, 80).syn());
        assert_eq!(host.receive(syn.to_vec()).len(), 1);
    }
}

/// A24: nor does the application get a connection to itself or to nobody: it is told why.
#[test]
fn a24_connecting_to_oneself_is_refused() {
    for family in FAMILIES {
        // An IPv4 address in IPv6 clothes means the IPv4 host here, and is tried as such.
        let clothed: IpAddr = "::ffff:192.0.2.2".parse().unwrap();
        for nobody in nobodies(family).into_iter().filter(|it| *it != clothed) {
            for (port, local_port) in [(80, None), (80, Some(80)), (81, Some(81))] {
                let mut host = server(Medium::Ip);
                let options = Connect {
                    local_port,
                    ..Connect::default()
                };
                let result = host.stack.connect(host.now, (nobody, port).into(), options);
                let refused = matches!(
                    result,
                    Err(ConnectError::Loopback(_)
                        | ConnectError::InvalidRemote(_)
                        | ConnectError::NoSource(_))
                );
                assert!(refused, "{nobody}: {result:?}");
                assert!(host.pass(Duration::from_secs(1)).is_empty());
            }
        }
    }
}
