//! Path MTU discovery by the word of routers (RFC 1191, RFC 8201), and what forged words can do
//! (RFC 5927 section 7).

use core::time::Duration;

use handfast_stack::TcpId;

use crate::errors::wire_len;
use crate::frames::{Complaint, icmp, segments};
use crate::wire::{DEVICES, FAMILIES, Family, PLAIN, Wire, pattern};

fn effective_mss(wire: &mut Wire, id: TcpId) -> u16 {
    let now = wire.now;
    wire.stacks[0].tcp(now, id).unwrap().info().effective_mss
}

/// Writes `len` bytes that do not reach the peer, and lets a router between say that its link
/// carries `mtu` bytes.
fn complain_of_lost(wire: &mut Wire, family: Family, id: TcpId, (len, mtu): (usize, u16)) {
    wire.filter = Some(Box::new(|sender, _| sender == 1));
    let now = wire.now;
    let written = wire.stacks[0].tcp(now, id).unwrap().write(&pattern(len));
    assert_eq!(written, Ok(len));
    let before = segments(wire, 0).len();
    wire.transmit(0);
    let sent = segments(wire, 0);
    assert!(sent.len() > before, "something was sent");
    let message = icmp(
        0,
        family.address(1),
        Complaint::TooBig(mtu),
        &sent[before].packet,
    );
    wire.inject(0, message);
    wire.step();
}

/// RFC 5927 7.2: where full segments have been acknowledged, a word that could be forged waits
/// until a timeout confirms it.
#[test]
fn a_path_that_carried_more_is_narrowed_only_after_a_timeout() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        wire.transfer((0, client), (1, server), &pattern(20_000));
        wire.settle();
        let before = effective_mss(&mut wire, client);
        complain_of_lost(&mut wire, family, client, (1_400, 1_300));
        assert_eq!(effective_mss(&mut wire, client), before, "{family:?}");
        let now = wire.now;
        while wire.stacks[0].tcp(now, client).unwrap().info().timeouts == 0 {
            wire.pass(Duration::from_millis(10));
        }
        assert_eq!(effective_mss(&mut wire, client), before - 200, "{family:?}");
        // The next connection knows it, too.
        wire.filter = None;
        let next = wire.connect(0, family.end(1, 80));
        wire.settle();
        assert_eq!(effective_mss(&mut wire, next), before - 200);
    }
}

/// The same word about a path that goes on carrying full segments is forgotten.
#[test]
fn progress_voids_a_forged_word() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, server) = wire.establish(family);
        wire.transfer((0, client), (1, server), &pattern(20_000));
        wire.settle();
        let before = effective_mss(&mut wire, client);
        let now = wire.now;
        let bytes = pattern(1_400);
        assert_eq!(
            wire.stacks[0].tcp(now, client).unwrap().write(&bytes),
            Ok(1_400)
        );
        wire.transmit(0);
        let forged = segments(&wire, 0).pop().unwrap();
        let message = icmp(
            0,
            family.address(1),
            Complaint::TooBig(1_300),
            &forged.packet,
        );
        wire.inject(0, message);
        wire.pass(Duration::from_millis(100));
        // Now a timeout, but of other data.
        wire.filter = Some(Box::new(|_, _| false));
        let now = wire.now;
        assert_eq!(wire.stacks[0].tcp(now, client).unwrap().write(b"x"), Ok(1));
        wire.pass(Duration::from_secs(2));
        assert_eq!(effective_mss(&mut wire, client), before, "{family:?}");
    }
}

/// RFC 1191 section 6.3 and RFC 8201 section 4: after ten minutes, not before five, the path is
/// tried with full packets again, by connections that live on as well.
#[test]
fn a_narrow_path_is_tried_again_after_ten_minutes() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, _) = wire.establish(family);
        let before = effective_mss(&mut wire, client);
        complain_of_lost(&mut wire, family, client, (1_400, 1_300));
        assert_eq!(effective_mss(&mut wire, client), before - 200, "{family:?}");
        wire.filter = None;
        wire.pass(Duration::from_secs(590));
        assert_eq!(effective_mss(&mut wire, client), before - 200, "{family:?}");
        wire.pass(Duration::from_secs(11));
        assert_eq!(effective_mss(&mut wire, client), before, "{family:?}");
    }
}

/// RFC 1191 section 3, RFC 8201 section 4: words that no path can mean.
#[test]
fn words_below_the_least_mtu_are_ignored() {
    for (family, mtu) in [(Family::V4, 67), (Family::V6, 1_279)] {
        let mut wire = Wire::new(PLAIN);
        let (client, _) = wire.establish(family);
        let before = effective_mss(&mut wire, client);
        complain_of_lost(&mut wire, family, client, (1_400, mtu));
        assert_eq!(effective_mss(&mut wire, client), before, "{family:?}");
    }
}

/// RFC 5927 section 7: a segment that would have passed is no reason to complain.
#[test]
fn a_complaint_about_a_small_segment_is_ignored() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        let (client, _) = wire.establish(family);
        let before = effective_mss(&mut wire, client);
        complain_of_lost(&mut wire, family, client, (500, 1_300));
        assert_eq!(effective_mss(&mut wire, client), before, "{family:?}");
    }
}

/// RFC 9293 MUST-67 and 3.7.1: what we announce is what our link carries, whatever paths carry
/// in the other direction.
#[test]
fn the_announced_mss_is_that_of_the_link() {
    for (family, headers) in FAMILIES.into_iter().zip([40, 60]) {
        let mut wire = Wire::new(PLAIN);
        let (client, _) = wire.establish(family);
        complain_of_lost(&mut wire, family, client, (1_400, 1_300));
        wire.filter = None;
        wire.connect(0, family.end(1, 80));
        wire.settle();
        let syns = segments(&wire, 0)
            .into_iter()
            .filter_map(|sent| sent.header.options.mss);
        assert_eq!(syns.collect::<Vec<_>>(), [1_500 - headers; 2], "{family:?}");
    }
}

/// RFC 4821 and RFC 2923: a path that swallows what is too long and says nothing.
#[test]
fn a_black_hole_is_left_without_a_word_from_routers() {
    for family in FAMILIES {
        for capabilities in DEVICES {
            let mut wire = Wire::new(capabilities);
            let (client, server) = wire.establish(family);
            wire.filter = Some(Box::new(|sender, frame| {
                sender == 1 || wire_len(frame) <= 1_400
            }));
            wire.transfer((0, client), (1, server), &pattern(3_000_000));
            let info = wire.stacks[0].tcp(wire.now, client).unwrap().info();
            assert_eq!(info.timeouts, 2, "{family:?}");
            let found = info.effective_mss + 12 + if family == Family::V4 { 40 } else { 60 };
            assert!((1_396..=1_400).contains(&found), "{family:?}: {found}");
        }
    }
}
