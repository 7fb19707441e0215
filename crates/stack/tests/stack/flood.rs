//! SYN floods, and the cookies that let everybody else in (RFC 4987).

use std::time::Duration;

use handfast_packet::tcp::{TcpFlags, Timestamps};
use handfast_stack::{Listen, ListenerId, SynCookies, TcpId};
use handfast_tcp::{EcnMode, State};

use crate::frames::{header, segment, segments, tcp};
use crate::wire::{FAMILIES, Family, PLAIN, Wire};

const HALF_OPEN: usize = 16;
/// Ports of forged SYNs; ours are above.
const FORGED: std::ops::Range<u16> = 1_000..1_400;

/// A wire with a listener on port 80 of host 1; what it sends to forged ends is lost.
fn under_attack(family: Family, cookies: SynCookies) -> (Wire, ListenerId) {
    let mut wire = Wire::new(PLAIN);
    let options = Listen {
        half_open: HALF_OPEN,
        cookies,
        ..Listen::default()
    };
    let listener = wire.stacks[1].listen(family.end(1, 80), options).unwrap();
    // The hosts learn each other's hardware addresses.
    wire.connect(0, family.end(1, 81));
    wire.settle();
    wire.filter = Some(Box::new(|sender, frame| {
        let sent = segment(&frame.to_vec());
        sender == 0 || sent.is_none_or(|sent| !FORGED.contains(&sent.destination.port()))
    }));
    (wire, listener)
}

fn forged_syn(wire: &mut Wire, family: Family, port: u16) {
    let header = header(port, 80, TcpFlags::SYN, (u32::from(port) * 7_919, 0));
    let frame = tcp((0, family.address(0)), (1, family.address(1)), &header, b"");
    wire.inject(1, frame);
}

/// Connects while the flood goes on; both ends.
fn connect(wire: &mut Wire, family: Family, listener: ListenerId) -> Option<(TcpId, TcpId)> {
    let client = wire.connect(0, family.end(1, 80));
    wire.settle();
    let server = wire.stacks[1].accept(listener)?;
    Some((client, server))
}

#[test]
fn a_flood_keeps_nobody_out_and_takes_no_memory() {
    for family in FAMILIES {
        let (mut wire, listener) = under_attack(family, SynCookies::OnOverflow);
        for (count, port) in (1..).zip(FORGED) {
            forged_syn(&mut wire, family, port);
            if count % 10 == 0 {
                let (client, server) = connect(&mut wire, family, listener).expect("let in");
                wire.transfer((0, client), (1, server), b"question");
                wire.transfer((1, server), (0, client), b"answer");
                for (host, id) in [(0, client), (1, server)] {
                    let now = wire.now;
                    let info = wire.stacks[host].tcp(now, id).unwrap().info();
                    assert_eq!(info.retransmissions, 0, "at the first try");
                    wire.stacks[host].release_tcp(now, id);
                }
                wire.settle();
            }
            assert!(wire.stacks[1].tcp_count() <= HALF_OPEN + 1);
        }
        let counters = wire.stacks[1].counters().tcp;
        assert_eq!(counters.backlog_overflows, 0);
        assert_eq!(counters.replies_dropped, 0);
        assert!(counters.cookies_sent > 300 && counters.cookies_accepted > 30);
        assert_eq!(counters.cookies_rejected, 0);
    }
}

#[test]
fn without_cookies_a_flood_keeps_everybody_out() {
    let (mut wire, listener) = under_attack(Family::V4, SynCookies::Off);
    for port in FORGED {
        forged_syn(&mut wire, Family::V4, port);
    }
    assert_eq!(connect(&mut wire, Family::V4, listener), None);
    assert!(wire.stacks[1].counters().tcp.backlog_overflows > 300);
}

/// RFC 4987 3.6 with what Linux does about its limits: with timestamps no option is lost.
#[test]
fn a_cookie_keeps_the_options_of_the_peer() {
    for family in FAMILIES {
        for timestamps in [true, false] {
            let mut wire = Wire::with(PLAIN, |_, config| config.tcp.timestamps = timestamps);
            let options = Listen {
                cookies: SynCookies::Always,
                ..Listen::default()
            };
            let listener = wire.stacks[1].listen(family.end(1, 80), options).unwrap();
            let (client, server) = connect(&mut wire, family, listener).expect("let in");
            assert_eq!(wire.stacks[1].counters().tcp.cookies_accepted, 1);
            let syn_ack = segments(&wire, 1).remove(0).header;
            assert_eq!(syn_ack.options.window_scale.is_some(), timestamps);
            assert_eq!(syn_ack.options.sack_permitted, timestamps);
            assert_eq!(syn_ack.options.timestamps.is_some(), timestamps);
            wire.transfer((0, client), (1, server), &vec![7; 200_000]);
            wire.transfer((1, server), (0, client), &vec![8; 200_000]);
            let now = wire.now;
            let window = |wire: &mut Wire| {
                let socket = wire.stacks[1].tcp(now, server).unwrap();
                socket.info().send_window
            };
            assert_eq!(window(&mut wire) > 65_535, timestamps, "the scale is known");
        }
    }
}

#[test]
fn the_text_behind_a_lost_ack_brings_the_cookie_back_too() {
    for family in FAMILIES {
        let (mut wire, listener) = under_attack(family, SynCookies::Always);
        let client = wire.connect(0, family.end(1, 80));
        let mut lost = false;
        wire.filter = Some(Box::new(move |sender, frame| {
            let sent = segment(&frame.to_vec()).filter(|_| sender == 0);
            let ack = sent.is_some_and(|sent| sent.header.flags == TcpFlags::ACK);
            let first = ack && !lost;
            lost |= ack;
            !first
        }));
        wire.settle();
        assert_eq!(wire.state(0, client), Some(State::Established));
        assert_eq!(wire.stacks[1].accept(listener), None);
        let now = wire.now;
        wire.stacks[0]
            .tcp(now, client)
            .unwrap()
            .write(b"hello")
            .unwrap();
        wire.transmit(0);
        wire.settle();
        let server = wire.stacks[1]
            .accept(listener)
            .expect("known by its cookie");
        assert_eq!(wire.read(1, server), b"hello");
    }
}

/// Nobody can guess at cookies when there are none, and a wrong one gets what strangers get.
#[test]
fn a_wrong_cookie_is_reset() {
    for (cookies, rejected) in [(SynCookies::OnOverflow, 0), (SynCookies::Always, 1)] {
        let (mut wire, listener) = under_attack(Family::V4, cookies);
        connect(&mut wire, Family::V4, listener).expect("let in");
        wire.log.clear();
        let header = header(7_000, 80, TcpFlags::ACK, (1_000, 5_000));
        let ends = [0, 1].map(|host| (host, Family::V4.address(u8::try_from(host).unwrap())));
        wire.inject(1, tcp(ends[0], ends[1], &header, b""));
        wire.step();
        let sent = segments(&wire, 1).remove(0).header;
        assert_eq!((sent.flags, sent.seq.0), (TcpFlags::RST, 5_000));
        assert_eq!(wire.stacks[1].counters().tcp.cookies_rejected, rejected);
    }
}

/// What a peer echoes after the first ACK is no word about its SYN (RFC 4987 3.6, RFC 7323 4.3): a
/// server that has forgotten the connection must not read a window scale out of it.
#[test]
fn the_options_of_a_cookie_are_believed_only_with_the_timestamp_of_its_syn_ack() {
    for (later, good) in [(0, true), (1, false), (12, false), (63, false), (64, true)] {
        let (mut wire, _) = under_attack(Family::V4, SynCookies::Always);
        wire.log.clear();
        let ends = [0, 1].map(|host| (host, Family::V4.address(u8::try_from(host).unwrap())));
        let mut send = |flags, (seq, ack), echo: u32| {
            let mut header = header(FORGED.start, 80, flags, (seq, ack));
            header.options.timestamps = Some(Timestamps { value: 1, echo });
            wire.inject(1, tcp(ends[0], ends[1], &header, b""));
            wire.step();
            segments(&wire, 1).pop().map(|sent| sent.header)
        };
        let cookie = send(TcpFlags::SYN, (7, 0), 0).expect("a SYN-ACK");
        assert_eq!(cookie.options.window_scale, None, "as none was offered");
        let value = cookie.options.timestamps.expect("agreed to").value;
        let echo = value.wrapping_add(later);
        let answer = send(TcpFlags::ACK, (8, cookie.seq.0.wrapping_add(1)), echo);
        let reset = answer.is_some_and(|answer| answer.flags == TcpFlags::RST);
        let counters = wire.stacks[1].counters().tcp;
        assert_eq!(counters.cookies_accepted, u64::from(good), "{later}");
        assert_eq!(reset, !good, "{later}");
    }
}

#[test]
fn an_old_cookie_is_worth_nothing() {
    for (age, good) in [(100, 1), (200, 0)] {
        let (mut wire, _) = under_attack(Family::V4, SynCookies::Always);
        wire.connect(0, Family::V4.end(1, 80));
        wire.filter = Some(Box::new(|sender, frame| {
            let sent = segment(&frame.to_vec()).filter(|_| sender == 0);
            sent.is_none_or(|sent| sent.header.flags != TcpFlags::ACK)
        }));
        wire.settle();
        let ack = wire.log.iter().rfind(|(sender, _)| *sender == 0).unwrap();
        let ack = ack.1.clone();
        wire.pass(Duration::from_secs(age));
        // Cookies are given away all the time.
        forged_syn(&mut wire, Family::V4, 1_000);
        wire.inject(1, ack);
        wire.step();
        let opened = wire.stacks[1].counters().tcp.cookies_accepted;
        assert_eq!(opened, good, "{age} s");
    }
}

/// RFC 6191 and cookies: a number that lies beyond the old incarnation cannot be a cookie.
#[test]
fn a_syn_that_cuts_time_wait_short_gets_no_cookie() {
    let (mut wire, listener) = under_attack(Family::V4, SynCookies::Always);
    let (client, server) = connect(&mut wire, Family::V4, listener).expect("let in");
    let now = wire.now;
    let port = wire.stacks[0].tcp(now, client).unwrap().local().port();
    wire.stacks[1].release_tcp(now, server);
    wire.settle();
    wire.stacks[0].release_tcp(now, client);
    wire.settle();
    assert_eq!(wire.stacks[1].time_wait_count(), 1);
    wire.pass(Duration::from_secs(2));
    let options = handfast_stack::Connect {
        local_port: Some(port),
        ..Default::default()
    };
    let now = wire.now;
    let again = wire.stacks[0]
        .connect(now, Family::V4.end(1, 80), options)
        .unwrap();
    wire.settle();
    assert_eq!(wire.state(0, again), Some(State::Established));
    assert_eq!(wire.stacks[1].counters().tcp.cookies_sent, 1);
    assert_eq!(wire.stacks[1].time_wait_count(), 0);
}

/// The bit that a cookie keeps of ECN is that of RFC 3168.
#[test]
fn a_cookie_keeps_ecn_when_there_are_timestamps() {
    for (timestamps, ecn) in [
        (true, EcnMode::Classic),
        (true, EcnMode::Off),
        (false, EcnMode::Classic),
    ] {
        let mut wire = Wire::with(PLAIN, |host, config| {
            config.tcp.timestamps = timestamps;
            config.tcp.ecn = if host == 0 { ecn } else { EcnMode::Classic };
        });
        let options = Listen {
            cookies: SynCookies::Always,
            ..Listen::default()
        };
        let listener = wire.stacks[1]
            .listen(Family::V6.end(1, 80), options)
            .unwrap();
        let (client, server) = connect(&mut wire, Family::V6, listener).expect("let in");
        let kept = timestamps && ecn == EcnMode::Classic;
        for (host, id) in [(0, client), (1, server)] {
            let now = wire.now;
            let info = wire.stacks[host].tcp(now, id).unwrap().info();
            assert_eq!(info.ecn.capable, kept, "{timestamps} {ecn:?} {host}");
        }
        wire.transfer((0, client), (1, server), &[1; 50_000]);
    }
}
