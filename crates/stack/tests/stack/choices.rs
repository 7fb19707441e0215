//! What an application chooses for a connection, as it stands on the wire.

use core::time::Duration;

use handfast_packet::tcp::TcpFlags;
use handfast_stack::{Config, Connect, Listen, SynCookies, TcpId};
use handfast_tcp as tcp;

use crate::frames::{Sent, segments};
use crate::wire::{DEVICES, FAMILIES, Family, PLAIN, Wire, pattern};

/// A connection from stack 0 to stack 1, each end with choices of its own.
fn establish(wire: &mut Wire, family: Family, client: tcp::Config, server: Listen) -> [TcpId; 2] {
    let listener = wire.stacks[1].listen(family.end(1, 80), server).unwrap();
    let options = Connect {
        tcp: Some(client),
        ..Connect::default()
    };
    let client = wire.stacks[0]
        .connect(wire.now, family.end(1, 80), options)
        .unwrap();
    wire.settle();
    [client, wire.stacks[1].accept(listener).unwrap()]
}

/// DSCP and TTL or hop limit, read from the bytes of the header (RFC 791 3.1, RFC 8200 section 3).
fn ip_fields(sent: &Sent) -> (u8, u8) {
    let packet = &sent.packet;
    match packet[0] >> 4 {
        4 => (packet[1] >> 2, packet[8]),
        _ => ((packet[0] & 0xf) << 2 | packet[1] >> 6, packet[7]),
    }
}

/// RFC 9293 MUST-48, MUST-49, SHLD-21, SHLD-22: for each end of a connection alone, from the SYN on,
/// on super-segments too, and changed while it lives.
#[test]
fn the_ip_fields_of_a_connection_stand_in_every_header() {
    for (family, device) in FAMILIES
        .into_iter()
        .flat_map(|family| DEVICES.map(|device| (family, device)))
    {
        let mut wire = Wire::new(device);
        let with = |dscp, hop_limit| tcp::Config {
            dscp,
            hop_limit,
            ..Config::default().tcp
        };
        let listen = Listen {
            tcp: Some(with(63, 255)),
            ..Listen::default()
        };
        let [client, server] = establish(&mut wire, family, with(46, 12), listen);
        wire.transfer((0, client), (1, server), &pattern(50_000));
        wire.transfer((1, server), (0, client), &pattern(50_000));
        for (host, expected) in [(0, (46, 12)), (1, (63, 255))] {
            let sent = segments(&wire, host);
            assert!(sent[0].header.flags.contains(TcpFlags::SYN));
            let found = sent.iter().find(|sent| ip_fields(sent) != expected);
            assert_eq!(found, None, "{family:?} {host}");
        }
        let before = segments(&wire, 0).len();
        let mut socket = wire.stacks[0].tcp(wire.now, client).unwrap();
        socket.set_dscp(1);
        socket.set_hop_limit(2);
        drop(socket);
        wire.transfer((0, client), (1, server), b"text");
        wire.stacks[0].tcp(wire.now, client).unwrap().shutdown();
        wire.settle();
        let after = &segments(&wire, 0)[before..];
        assert!(after.len() >= 2, "text and FIN");
        let found = after.iter().find(|sent| ip_fields(sent) != (1, 2));
        assert_eq!(found, None, "{family:?}");
        // Another connection has what the stack has.
        let other = wire.connect(0, family.end(1, 80));
        wire.settle();
        assert!(wire.state(0, other).is_some());
        let last = segments(&wire, 0).pop().unwrap();
        assert_eq!(ip_fields(&last), (0, 64));
    }
}

/// RFC 5482 section 3: both ends take the longer user timeout, also when the server has forgotten
/// the SYN, since the first segment behind it tells again.
#[test]
fn both_ends_agree_on_the_user_timeout() {
    for family in FAMILIES {
        for cookies in [SynCookies::Off, SynCookies::Always] {
            let mut wire = Wire::new(PLAIN);
            let with = |seconds| tcp::Config {
                user_timeout_option: true,
                user_timeout: Some(Duration::from_secs(seconds)),
                ..Config::default().tcp
            };
            let listen = Listen {
                cookies,
                tcp: Some(with(200)),
                ..Listen::default()
            };
            let ends = establish(&mut wire, family, with(40_000), listen);
            let carried = |host| {
                let sent = segments(&wire, host).into_iter();
                let carried = sent.filter_map(|sent| sent.header.options.user_timeout);
                carried
                    .map(|it| it.duration().as_secs())
                    .collect::<Vec<_>>()
            };
            // 40,000 s are more than 15 bits: minutes, rounded up.
            assert_eq!(carried(0), [40_020; 2], "{family:?} {cookies:?}");
            assert_eq!(carried(1)[0], 200, "{family:?} {cookies:?}");
            let asked = [Some(200), Some(40_020)];
            for (host, (id, asked)) in ends.into_iter().zip(asked).enumerate() {
                let mut socket = wire.stacks[host].tcp(wire.now, id).unwrap();
                let asked = asked.map(Duration::from_secs);
                let limit = Some(Duration::from_secs(3_600));
                assert_eq!(socket.peer_user_timeout(), asked, "{family:?} {cookies:?}");
                assert_eq!(socket.user_timeout(), limit);
                socket.set_user_timeout(Some(Duration::from_secs(7)));
                assert_eq!(socket.user_timeout(), Some(Duration::from_secs(7)));
            }
            wire.transfer((0, ends[0]), (1, ends[1]), b"text");
            let server = wire.stacks[1].tcp(wire.now, ends[1]).unwrap();
            assert_eq!(server.peer_user_timeout(), Some(Duration::from_secs(7)));
        }
    }
}
