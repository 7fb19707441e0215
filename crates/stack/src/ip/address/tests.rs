//! The table of addresses: what may be used when, and how claims are slowed down.

use core::time::Duration;

use super::*;

const CONFLICTS: u32 = 10;

fn addresses() -> (Addresses, SeedRng) {
    (Addresses::new(ClaimTimings::default()), SeedRng::new(1))
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_is_usable_when_it_is_held_and_not_before() {
    let (mut table, mut random) = addresses();
    assert!(table.add(cidr("192.0.2.1/24")));
    assert!(table.claim(Instant::ZERO, cidr("192.0.2.2/24"), &mut random));
    for (text, contained, usable) in [
        ("192.0.2.1", true, true),
        ("192.0.2.2", true, false),
        ("192.0.2.3", false, false),
    ] {
        let address = address(text);
        assert_eq!(table.contains(address), contained, "{text}");
        assert_eq!(table.is_usable(address), usable, "{text}");
        assert_eq!(table.is_tentative(address), contained && !usable, "{text}");
    }
    assert!(table.add(cidr("192.0.2.2/24")), "adding ends the claim");
    assert!(table.is_usable(address("192.0.2.2")));
    assert_eq!(table.next_timeout(), None);
    assert!(table.remove(address("192.0.2.2")));
    assert!(!table.remove(address("192.0.2.2")));
}

#[test]
fn prefixes_broadcasts_and_groups() {
    let (mut table, mut random) = addresses();
    table.add(cidr("192.0.2.1/24"));
    table.add(cidr("192.0.2.130/25"));
    table.claim(Instant::ZERO, cidr("10.0.0.1/8"), &mut random);
    table.add(cidr("2001:db8::a:b:c/64"));
    for (text, len) in [
        ("192.0.2.9", Some(24)),
        ("192.0.2.200", Some(25)),
        ("10.0.0.2", None),
        ("2001:db8::1", Some(64)),
        ("2001:db9::1", None),
    ] {
        assert_eq!(table.on_link(address(text)), len, "{text}");
    }
    for (octets, expected) in [
        ([192, 0, 2, 255], true),
        ([255, 255, 255, 255], true),
        ([10, 255, 255, 255], false),
        ([192, 0, 2, 9], false),
    ] {
        assert_eq!(table.is_broadcast(octets.into()), expected, "{octets:?}");
    }
    for (group, expected) in [
        ("ff02::1", true),
        ("ff02::1:ff0b:c", true),
        ("ff02::1:ff00:1", false),
        ("ff02::2", false),
    ] {
        assert_eq!(
            table.listens_to(group.parse().unwrap()),
            expected,
            "{group}"
        );
    }
}

#[test]
fn the_table_is_bounded() {
    let (mut table, mut random) = addresses();
    let added = (0..100_u8).filter(|&n| {
        let cidr = Cidr::new([192, 0, 2, n].into(), 24).unwrap();
        if n % 2 == 0 {
            table.add(cidr)
        } else {
            table.claim(Instant::ZERO, cidr, &mut random)
        }
    });
    assert_eq!(added.count(), ADDRESSES_MAX);
}

#[test]
fn after_many_conflicts_claims_are_slow() {
    let (mut table, mut random) = addresses();
    let mut now = Instant::from_secs(1_000);
    for n in 0..=CONFLICTS {
        let address = IpAddr::from([192, 0, 2, u8::try_from(n).unwrap() + 1]);
        let cidr = Cidr::new(address, 24).unwrap();
        assert!(table.claim(now, cidr, &mut random));
        let wait = table.next_timeout().unwrap() - now;
        if n < CONFLICTS {
            assert!(wait <= Duration::from_secs(1), "claim {n} begins at once");
        } else {
            assert!(
                wait > Duration::from_secs(50),
                "claim {n} is held back, not {wait:?}"
            );
        }
        now += Duration::from_secs(1);
        assert_eq!(table.on_conflict(now, address), Some(Conflict::Taken));
        assert!(!table.contains(address));
    }
}

#[test]
fn a_conflict_over_a_strange_address_is_none() {
    let (mut table, _) = addresses();
    assert_eq!(table.on_conflict(Instant::ZERO, address("192.0.2.1")), None);
}
