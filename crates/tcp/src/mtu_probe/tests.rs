//! The search against a path that carries so much and no more.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What every IPv4 host assumes (RFC 9293 MUST-15).
const FLOOR: u16 = 536;
/// A link of 1,500 bytes.
const CEILING: u16 = 1_460;

fn at(n: u64) -> Offset {
    Offset::ZERO + n
}

fn room(now: Instant) -> Room {
    Room {
        now,
        options: 0,
        queued: 1 << 20,
        window: 1 << 20,
        usable_window: 1 << 20,
        congestion_window: 1 << 20,
        congestion_room: 1 << 20,
        quiet: true,
    }
}

/// Sends one probe after the other over a path that carries segments of `width` bytes; the sizes.
fn search(probe: &mut MtuProbe, now: Instant, width: u16) -> Vec<u16> {
    let (mut sizes, mut nxt) = (Vec::new(), at(1));
    while let Next::Probe(size) = probe.next(&room(now)) {
        let end = nxt + u64::from(size);
        probe.on_sent(now, nxt..end);
        assert_eq!(probe.next(&room(now)), Next::Ordinary, "one at a time");
        if size <= width {
            probe.on_acked(now, end);
        } else {
            assert!(probe.on_lost(now, &(nxt..end)));
        }
        nxt = end;
        sizes.push(size);
        assert!(sizes.len() < 100, "the search ends");
    }
    sizes
}

/// A connection whose full segments have vanished.
fn in_black_hole() -> MtuProbe {
    let mut probe = MtuProbe::new(MtuProbing::BlackHole, FLOOR, CEILING);
    for timeouts in 1..BLACK_HOLE_TIMEOUTS_MAX {
        assert!(!probe.on_timeouts(timeouts, CEILING));
    }
    assert!(probe.on_timeouts(BLACK_HOLE_TIMEOUTS_MAX, CEILING));
    probe
}

#[test]
fn nothing_is_probed_before_a_black_hole_shows() {
    let probe = MtuProbe::new(MtuProbing::BlackHole, FLOOR, CEILING);
    assert_eq!(probe.limit(), None);
    assert_eq!(probe.next(&room(Instant::ZERO)), Next::Ordinary);
}

#[test]
fn probing_that_is_off_stays_off() {
    let mut probe = MtuProbe::new(MtuProbing::Off, FLOOR, CEILING);
    for timeouts in 1..20 {
        assert!(!probe.on_timeouts(timeouts, CEILING));
    }
    assert_eq!(probe.limit(), None);
}

/// RFC 2923 2.1: timeouts of full segments lower the MSS, and nothing else does.
#[test]
fn timeouts_of_full_segments_lower_the_size_step_by_step() {
    let mut probe = in_black_hole();
    assert_eq!(probe.limit(), Some(BASE_V4));
    assert_eq!(
        probe.next(&room(Instant::ZERO)),
        Next::Ordinary,
        "first it must carry"
    );
    assert!(!probe.on_timeouts(3, BASE_V4));
    assert!(probe.on_timeouts(4, BASE_V4));
    assert_eq!(probe.limit(), Some(FLOOR));
    assert!(
        !probe.on_timeouts(6, FLOOR),
        "there is nothing below the floor"
    );
}

#[test]
fn timeouts_of_small_segments_say_nothing_about_the_path() {
    let mut probe = MtuProbe::new(MtuProbing::BlackHole, FLOOR, CEILING);
    for timeouts in 1..20 {
        assert!(!probe.on_timeouts(timeouts, 300));
    }
    assert_eq!(probe.limit(), None);
}

#[test]
fn after_a_black_hole_the_search_goes_upward_to_what_the_path_carries() {
    for width in [984, 985, 1_000, 1_240, 1_399, 1_458] {
        let mut probe = in_black_hole();
        assert!(
            !probe.on_acked(Instant::ZERO, at(100)),
            "the base got through"
        );
        let sizes = search(&mut probe, Instant::ZERO, width);
        let limit = probe.limit().unwrap();
        assert!(limit <= width && width - limit < STEP, "{limit} of {width}");
        assert_eq!(sizes[..2], [CEILING, CEILING], "the largest first, twice");
        assert!(sizes.len() <= 2 * 9, "{} probes", sizes.len());
    }
}

#[test]
fn a_path_that_carries_all_ends_the_search_at_once() {
    let mut probe = in_black_hole();
    probe.on_acked(Instant::ZERO, at(100));
    assert_eq!(search(&mut probe, Instant::ZERO, CEILING), [CEILING]);
    assert_eq!(probe.limit(), None);
}

#[test]
fn always_starts_at_the_base_of_its_family() {
    let v4 = MtuProbe::new(MtuProbing::Always, FLOOR, CEILING);
    assert_eq!(v4.limit(), Some(984));
    let v6 = MtuProbe::new(MtuProbing::Always, 1_220, 1_440);
    assert_eq!(v6.limit(), Some(1_220));
    let narrow = MtuProbe::new(MtuProbing::Always, FLOOR, 500);
    assert_eq!(narrow.limit(), None, "there is nothing to search");
}

/// RFC 4821 7.4: a probe only where its loss shows at once and costs no timeout.
#[test]
fn a_probe_waits_for_data_windows_and_quiet() {
    let now = Instant::from_secs(1);
    let probe = MtuProbe::new(MtuProbing::Always, FLOOR, CEILING);
    let enough = u64::from(CEILING) + 3 * 984;
    let all = Room {
        queued: enough,
        window: enough,
        usable_window: enough,
        congestion_window: 11 * 984,
        congestion_room: u64::from(CEILING),
        ..room(now)
    };
    assert_eq!(probe.next(&all), Next::Probe(CEILING));
    let with_options = Room { options: 12, ..all };
    assert_eq!(probe.next(&with_options), Next::Probe(CEILING - 12));
    for (name, lacking, next) in [
        (
            "data",
            Room {
                queued: enough - 1,
                ..all
            },
            Next::Ordinary,
        ),
        (
            "window",
            Room {
                window: enough - 1,
                ..all
            },
            Next::Ordinary,
        ),
        (
            "usable window",
            Room {
                usable_window: enough - 1,
                ..all
            },
            Next::Wait,
        ),
        (
            "small",
            Room {
                congestion_window: 11 * 984 - 1,
                ..all
            },
            Next::Ordinary,
        ),
        (
            "loss",
            Room {
                quiet: false,
                ..all
            },
            Next::Ordinary,
        ),
        (
            "room",
            Room {
                congestion_room: 1_459,
                ..all
            },
            Next::Wait,
        ),
    ] {
        assert_eq!(probe.next(&lacking), next, "{name}");
    }
}

/// RFC 4821 7.6.2 and 7.6.4: only a probe that is lost alone, and again, was too large.
#[test]
fn one_lost_probe_is_chance_and_a_loss_among_others_tells_nothing() {
    let now = Instant::ZERO;
    let mut probe = MtuProbe::new(MtuProbing::Always, FLOOR, CEILING);
    let sent = at(1)..at(1_461);
    probe.on_sent(now, sent.clone());
    assert!(!probe.on_lost(now, &(at(1)..at(3_000))), "not alone");
    assert!(
        !probe.on_lost(now, &(at(1_461)..at(3_000))),
        "not the probe"
    );
    probe.on_resent(&(at(1_461)..at(3_000)));
    assert_eq!(probe.next(&room(now)), Next::Ordinary, "it is under way");
    probe.on_resent(&(at(1_000)..at(2_000)));
    assert_eq!(probe.next(&room(now)), Next::Probe(CEILING));
    probe.on_sent(now, sent.clone());
    assert!(probe.on_lost(now, &sent));
    assert_eq!(
        probe.next(&room(now)),
        Next::Probe(CEILING),
        "the same again"
    );
    probe.on_sent(now, sent.clone());
    assert!(!probe.on_timeouts(1, 984), "a timeout tells nothing either");
    assert_eq!(probe.next(&room(now)), Next::Probe(CEILING));
    probe.on_sent(now, sent.clone());
    assert!(probe.on_lost(now, &sent));
    assert!(!probe.on_lost(now, &sent), "each probe is lost once");
    assert_eq!(probe.next(&room(now)), Next::Probe(1_222));
}

#[test]
fn the_path_is_searched_again_after_ten_minutes() {
    let now = Instant::from_secs(1);
    let mut probe = MtuProbe::new(MtuProbing::Always, FLOOR, CEILING);
    search(&mut probe, now, 1_300);
    let limit = probe.limit().unwrap();
    let almost = Instant::from_nanos((now + AGE).as_nanos() - 1);
    assert_eq!(probe.next(&room(almost)), Next::Ordinary);
    let sizes = search(&mut probe, now + AGE, 1_400);
    assert_eq!(sizes[0], CEILING);
    let wider = probe.limit().unwrap();
    assert!(wider > limit && wider <= 1_400, "{wider}");
}

#[test]
fn what_routers_say_bounds_the_search() {
    let now = Instant::ZERO;
    let mut probe = MtuProbe::new(MtuProbing::Always, FLOOR, CEILING);
    probe.on_sent(now, at(1)..at(1_461));
    probe.set_ceiling(1_360);
    assert_eq!(
        probe.next(&room(now)),
        Next::Probe(1_360),
        "the probe is void"
    );
    search(&mut probe, now, CEILING);
    assert_eq!(probe.limit(), None);
    let mut probe = in_black_hole();
    probe.set_ceiling(900);
    assert_eq!(probe.limit(), None, "there is nothing left to search");
}

proptest! {
    /// Whatever happens, sizes stay between floor and ceiling, and a probe is larger than what is
    /// sent otherwise.
    #[test]
    fn sizes_stay_in_their_bounds(
        steps in prop::collection::vec((0_u8..7, any::<u16>()), 0..200),
        mode in prop_oneof![Just(MtuProbing::Off), Just(MtuProbing::BlackHole), Just(MtuProbing::Always)],
    ) {
        let mut probe = MtuProbe::new(mode, FLOOR, CEILING);
        let (mut now, mut nxt, mut ceiling) = (Instant::ZERO, at(1), CEILING);
        for (step, value) in steps {
            match step {
                0 => now += Duration::from_secs(value.into()),
                1 => { probe.on_acked(now, nxt); }
                2 => { probe.on_lost(now, &(at(nxt.get().saturating_sub(u64::from(value % 3_000)).max(1))..nxt)); }
                3 => { probe.on_timeouts(u8::try_from(value % 5).unwrap(), probe.limit().unwrap_or(ceiling)); }
                4 => { ceiling = 300 + value % 9_000; probe.set_ceiling(ceiling); }
                _ => probe.on_resent(&(at(1)..nxt)),
            }
            if let Next::Probe(size) = probe.next(&room(now)) {
                prop_assert!(mode != MtuProbing::Off);
                prop_assert!(size <= ceiling && size > probe.limit().unwrap());
                probe.on_sent(now, nxt..nxt + u64::from(size));
                nxt += u64::from(size);
            }
            if let Some(limit) = probe.limit() {
                prop_assert!(limit <= ceiling && limit >= FLOOR.min(ceiling), "{}", limit);
            }
        }
    }
}
