//! What the network says against a connection: ICMP errors, silence of neighbours, lost addresses;
//! and what `connect` refuses by itself.

use core::net::SocketAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::ip::Cidr;
use handfast_stack::{AddressEvent, Config, Connect, ConnectError, Event, Stack};
use handfast_tcp::{CloseReason, Event as TcpEvent, State};

use crate::frames::{Complaint, Sent, icmp, segment, segments};
use crate::wire::{DEVICES, FAMILIES, Family, PLAIN, Wire, hardware, pattern};

#[test]
fn port_unreachable_ends_the_connection_that_it_quotes() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        wire.filter = Some(Box::new(|_, frame| segment(&frame.to_vec()).is_none()));
        let ids = [81, 82].map(|port| wire.connect(0, family.end(1, port)));
        wire.settle();
        let syns = segments(&wire, 0);
        assert_eq!(syns.len(), 2, "neighbours were found and SYNs were sent");
        let message = icmp(
            0,
            family.address(1),
            Complaint::PortUnreachable,
            &syns[0].packet,
        );
        wire.inject(0, message);
        wire.step();
        let reasons = ids.map(|id| wire.stacks[0].tcp(wire.now, id).unwrap().close_reason());
        assert_eq!(
            reasons,
            [Some(CloseReason::Unreachable), None],
            "{family:?}"
        );
    }
}

#[test]
fn host_unreachable_is_told_and_ends_nothing() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        wire.filter = Some(Box::new(|sender, _| sender == 1));
        assert_eq!(
            wire.stacks[0].tcp(wire.now, client).unwrap().write(b"lost"),
            Ok(4)
        );
        wire.settle();
        let sent = segments(&wire, 0).pop().unwrap();
        let message = icmp(
            0,
            family.address(1),
            Complaint::HostUnreachable,
            &sent.packet,
        );
        wire.inject(0, message);
        wire.step();
        assert!(
            wire.events[0].contains(&Event::Tcp(client, TcpEvent::SoftError)),
            "{family:?}"
        );
        wire.filter = None;
        wire.pass(Duration::from_secs(3));
        assert_eq!(wire.read(1, server), b"lost");
    }
}

#[test]
fn a_narrow_path_is_learnt_from_the_router() {
    for family in FAMILIES {
        for capabilities in DEVICES {
            let mut wire = Wire::new(capabilities);
            let (client, server) = wire.establish(family);
            let before = wire.stacks[0]
                .tcp(wire.now, client)
                .unwrap()
                .info()
                .effective_mss;
            let bytes = pattern(100_000);
            // A router with a link of 1,300 bytes: what is longer is dropped and complained of.
            let written = wire.stacks[0].tcp(wire.now, client).unwrap().write(&bytes);
            assert_eq!(written, Ok(bytes.len()));
            let mut received = Vec::new();
            wire.filter = Some(Box::new(|sender, frame| {
                sender == 1 || wire_len(frame) <= 1_300
            }));
            let mut complained = 0;
            wire.until(|wire| {
                let too_long: Vec<Sent> = segments(wire, 0).split_off(complained);
                complained += too_long.len();
                for sent in too_long
                    .into_iter()
                    .filter(|sent| sent.payload.len() > 1_248)
                {
                    let message =
                        icmp(0, family.address(1), Complaint::TooBig(1_300), &sent.packet);
                    wire.inject(0, message);
                }
                received.extend(wire.read(1, server));
                received.len() == bytes.len()
            });
            assert!(received == bytes);
            let info = wire.stacks[0].tcp(wire.now, client).unwrap().info();
            assert_eq!(info.effective_mss, before - 200, "{family:?}");
            assert_eq!(info.timeouts, 0, "the news is enough; no timer is needed");
            // The next connection to the same host knows it from the start.
            let next = wire.connect(0, family.end(1, 80));
            wire.settle();
            let mss = wire.stacks[0]
                .tcp(wire.now, next)
                .unwrap()
                .info()
                .effective_mss;
            assert_eq!(mss, before - 200);
        }
    }
}

/// Length of the longest IP packet that a frame becomes on the wire.
pub(crate) fn wire_len(frame: &handfast_packet::buf::TxFrame) -> usize {
    match frame.gso {
        None => frame.len() - 14,
        Some(gso) => frame.head.len() - 14 + usize::from(gso.segment_len.get()),
    }
}

#[test]
fn a_forged_packet_too_big_changes_nothing() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        let before = wire.stacks[0]
            .tcp(wire.now, client)
            .unwrap()
            .info()
            .effective_mss;
        wire.transfer((0, client), (1, server), &pattern(10_000));
        wire.settle();
        // Everything is acknowledged: what this quotes is not in flight any more.
        let old = segments(&wire, 0)
            .into_iter()
            .rfind(|sent| !sent.payload.is_empty())
            .unwrap();
        wire.inject(
            0,
            icmp(0, family.address(1), Complaint::TooBig(1_300), &old.packet),
        );
        wire.step();
        let info = wire.stacks[0].tcp(wire.now, client).unwrap().info();
        assert_eq!(info.effective_mss, before);
    }
}

/// RFC 5927 section 4.1, while a stranger opens: an error about what was never sent does nothing,
/// and one about the SYN-ACK ends what no application knows of (RFC 5461 section 4).
#[test]
fn only_an_error_about_the_syn_ack_ends_an_opening_connection() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        wire.listen(1, family.end(1, 80));
        wire.connect(0, family.end(1, 81));
        wire.settle();
        wire.log.clear();
        wire.filter = Some(Box::new(|sender, _| sender == 0));
        wire.connect(0, family.end(1, 80));
        wire.settle();
        assert_eq!(wire.stacks[1].tcp_count(), 1);
        let syn_ack = segments(&wire, 1).remove(0).packet;
        let mut forged = syn_ack.clone();
        let at = forged.len() - syn_ack_len(&syn_ack) + 4;
        forged[at] ^= 0x40;
        for (quoted, left, ignored) in [(forged, 1, 1), (syn_ack, 0, 1)] {
            let message = icmp(1, family.address(0), Complaint::HostUnreachable, &quoted);
            wire.inject(1, message);
            wire.step();
            assert_eq!(wire.stacks[1].tcp_count(), left, "{family:?}");
            let counters = wire.stacks[1].counters().tcp;
            assert_eq!(counters.icmp_out_of_window, ignored);
        }
    }
}

/// Bytes of the TCP header in a packet without text.
fn syn_ack_len(packet: &[u8]) -> usize {
    let ip = if packet[0] >> 4 == 4 { 20 } else { 40 };
    packet.len() - ip
}

#[test]
fn a_silent_neighbour_ends_what_is_opening_and_warns_what_is_open() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let nobody = wire.connect(0, family.end(7, 80));
        wire.pass(Duration::from_secs(5));
        let reason = wire.stacks[0].tcp(wire.now, nobody).unwrap().close_reason();
        assert_eq!(reason, Some(CloseReason::Unreachable), "{family:?}");

        let (client, _) = wire.establish(family);
        wire.filter = Some(Box::new(|_, _| false));
        wire.pass(Duration::from_secs(60));
        assert_eq!(
            wire.stacks[0]
                .tcp(wire.now, client)
                .unwrap()
                .write(b"hello?"),
            Ok(6)
        );
        wire.pass(Duration::from_secs(30));
        assert_eq!(wire.state(0, client), Some(State::Established));
        assert!(wire.events[0].contains(&Event::Tcp(client, TcpEvent::SoftError)));
    }
}

#[test]
fn released_addresses_take_their_connections_along() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let other = if family == Family::V4 {
            Family::V6
        } else {
            Family::V4
        };
        let [gone, stays] = [family, other].map(|family| wire.establish(family));
        wire.stacks[0].release(family.address(0));
        assert!(!wire.stacks[0].is_local(family.address(0)));
        let before = segments(&wire, 0).len();
        wire.settle();
        let reason = wire.stacks[0].tcp(wire.now, gone.0).unwrap().close_reason();
        assert_eq!(reason, Some(CloseReason::Aborted));
        assert_eq!(
            segments(&wire, 0).len(),
            before,
            "nothing leaves from a released address"
        );
        assert_eq!(wire.stacks[0].counters().tcp.address_gone, 1);
        wire.transfer((0, stays.0), (1, stays.1), b"still here");
        wire.stacks[0].release_tcp(wire.now, gone.0);
        wire.settle();
        assert_eq!(wire.stacks[0].tcp_count(), 1);
        let connect = wire.stacks[0].connect(wire.now, family.end(1, 80), Connect::default());
        assert_eq!(connect, Err(ConnectError::NoSource(family.address(1))));
    }
}

/// RFC 5227 2.4 (b): the first conflict is answered, the second costs the address.
#[test]
fn an_address_lost_to_somebody_else_ends_its_connections() {
    let mut wire = Wire::new(PLAIN);
    let (client, _) = wire.establish(Family::V4);
    let thief = EthernetAddress([2, 0, 0, 0, 0, 99]);
    let address = Family::V4.address(0);
    let std::net::IpAddr::V4(ours) = address else {
        unreachable!()
    };
    for _ in 0..2 {
        let announcement = ArpPacket {
            operation: ArpOperation::REQUEST,
            sender_hardware: thief,
            sender_protocol: ours,
            target_hardware: EthernetAddress([0; 6]),
            target_protocol: ours,
        };
        let ethernet = EthernetHeader {
            destination: EthernetAddress::BROADCAST,
            source: thief,
            ether_type: EtherType::ARP,
        };
        let mut frame = vec![0; 14 + 28];
        ethernet.write(&mut frame);
        announcement.write(&mut frame[14..]);
        wire.inject(0, frame);
        wire.settle();
    }
    assert!(
        wire.events[0].contains(&Event::Address(AddressEvent::Defended {
            address,
            by: thief
        }))
    );
    assert!(wire.events[0].contains(&Event::Address(AddressEvent::Lost { address, by: thief })));
    let reason = wire.stacks[0].tcp(wire.now, client).unwrap().close_reason();
    assert_eq!(reason, Some(CloseReason::Aborted));
}

#[test]
fn connect_refuses_what_cannot_work() {
    let mut wire = Wire::with(PLAIN, |_, config| {
        config.ephemeral_ports = 50_000..=50_001;
        config.connections_max = 3;
    });
    let now = wire.now;
    let stack = &mut wire.stacks[0];
    let invalid = [
        "192.0.2.2:0",
        "0.0.0.0:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "192.0.2.255:80",
        "[::]:80",
        "[ff02::1]:80",
    ];
    for remote in invalid.map(|remote| remote.parse::<SocketAddr>().unwrap()) {
        let result = stack.connect(now, remote, Connect::default());
        assert_eq!(result, Err(ConnectError::InvalidRemote(remote)), "MUST-46");
    }
    for remote in [
        "192.0.2.1:80",
        "[2001:db8::1]:80",
        "127.0.0.1:80",
        "[::1]:80",
    ] {
        let remote: SocketAddr = remote.parse().unwrap();
        let result = stack.connect(now, remote, Connect::default());
        assert_eq!(result, Err(ConnectError::Loopback(remote.ip())));
    }
    let (v4, v6) = (Family::V4, Family::V6);
    let from = |local| Connect {
        local: Some(local),
        ..Connect::default()
    };
    let mixed = stack.connect(now, v6.end(1, 80), from(v4.address(0)));
    let (local, remote) = (v4.address(0), v6.address(1));
    assert_eq!(mixed, Err(ConnectError::MixedFamilies { local, remote }));
    let foreign = stack.connect(now, v4.end(1, 80), from(v4.address(5)));
    assert_eq!(foreign, Err(ConnectError::NotLocal(v4.address(5))));
    for _ in 0..2 {
        stack
            .connect(now, v4.end(1, 80), Connect::default())
            .unwrap();
    }
    let full = stack.connect(now, v4.end(1, 80), Connect::default());
    assert_eq!(full, Err(ConnectError::NoPort(v4.end(1, 80))));
    stack
        .connect(now, v4.end(1, 81), Connect::default())
        .unwrap();
    let error = stack
        .connect(now, v4.end(1, 82), Connect::default())
        .unwrap_err();
    assert_eq!(error, ConnectError::TooMany(3));
    assert!(error.to_string().contains("connections_max"), "{error}");
}

#[test]
fn without_an_address_there_is_no_source() {
    let mut stack = Stack::new(
        Config {
            seed: 1,
            ..Config::default()
        },
        PLAIN,
    );
    let now = Instant::from_secs(1);
    let result = stack.connect(now, Family::V4.end(1, 80), Connect::default());
    assert_eq!(result, Err(ConnectError::NoSource(Family::V4.address(1))));
}

#[test]
fn an_address_that_is_still_being_claimed_is_not_used() {
    let mut wire = Wire::new(PLAIN);
    let address = Family::V4.address(20);
    wire.stacks[0]
        .claim(wire.now, Cidr::new(address, 24).unwrap())
        .unwrap();
    let options = Connect {
        local: Some(address),
        ..Connect::default()
    };
    let early = wire.stacks[0].connect(wire.now, Family::V4.end(1, 80), options);
    assert_eq!(early, Err(ConnectError::NotLocal(address)));
    wire.pass(Duration::from_secs(20));
    assert!(wire.events[0].contains(&Event::Address(AddressEvent::Claimed(address))));
    wire.listen(1, Family::V4.end(1, 80));
    let client = wire.stacks[0]
        .connect(wire.now, Family::V4.end(1, 80), options)
        .unwrap();
    wire.settle();
    assert_eq!(wire.state(0, client), Some(State::Established));
    assert_eq!(
        wire.stacks[0].tcp(wire.now, client).unwrap().local().ip(),
        address
    );
    let from = wire
        .log
        .iter()
        .rev()
        .find(|(sender, _)| *sender == 0)
        .unwrap();
    assert_eq!(&from.1[6..12], &hardware(0).0);
}

/// ARP has no checksum: a damaged reply leaves a wrong address behind, which looks fine for half a
/// minute. The timeouts of a connection are advice enough to look again (RFC 9293 MUST-20).
#[test]
fn a_wrong_link_address_is_found_by_the_timeouts_of_a_connection() {
    use handfast_packet::build::{Arp, Ethernet};

    let mut wire = Wire::new(PLAIN);
    wire.listen(1, Family::V4.end(1, 80));
    // The true reply is lost, and a damaged one comes in its place.
    wire.filter = Some(Box::new(|sender, _| sender == 0));
    let client = wire.connect(0, Family::V4.end(1, 80));
    wire.settle();
    let wrong = EthernetAddress([2, 0, 0x80, 0, 0, 2]);
    let reply = Arp::reply((wrong, [192, 0, 2, 2]), (hardware(0), [192, 0, 2, 1]));
    let frame = Ethernet::new(wrong, hardware(0)) / reply;
    wire.inject(0, frame.to_vec());
    wire.filter = None;
    wire.pass(Duration::from_secs(7));
    assert_eq!(wire.state(0, client), Some(State::SynSent));
    wire.pass(Duration::from_secs(10));
    assert_eq!(wire.state(0, client), Some(State::Established));
}
