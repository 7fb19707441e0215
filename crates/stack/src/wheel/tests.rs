//! The wheel against a plain map, and its promises about time.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;

/// The wheel's rules in the simplest form: index to tick.
#[derive(Default)]
struct Model {
    ticks: BTreeMap<u32, u64>,
    floor: u64,
}

impl Model {
    fn set(&mut self, index: u32, deadline: Instant) {
        let tick = deadline.as_nanos().div_ceil(TICK).max(self.floor);
        let entry = self.ticks.entry(index).or_insert(tick);
        *entry = tick.min(*entry);
    }

    fn expire(&mut self, now: Instant) -> Vec<(u64, u32)> {
        let target = now.as_nanos() / TICK;
        self.floor = self.floor.max(target + 1);
        let due: Vec<_> = self
            .ticks
            .iter()
            .filter(|&(_, &tick)| tick <= target)
            .collect();
        let mut due: Vec<_> = due
            .into_iter()
            .map(|(&index, &tick)| (tick, index))
            .collect();
        self.ticks.retain(|_, tick| *tick > target);
        due.sort_unstable();
        due
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Set(u32, u64),
    Cancel(u32),
    Advance(u64),
    AdvanceToNext,
}

/// Nanoseconds of every magnitude, so that all levels and the edges between them are met.
fn duration() -> impl Strategy<Value = u64> {
    (0u32..50, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0u32..40, duration()).prop_map(|(index, after)| Operation::Set(index, after)),
        1 => (0u32..40).prop_map(Operation::Cancel),
        1 => duration().prop_map(Operation::Advance),
        2 => Just(Operation::AdvanceToNext),
    ]
}

proptest! {
    #[test]
    fn the_wheel_is_a_map_of_deadlines(operations in prop::collection::vec(operation(), 1..200)) {
        let (mut wheel, mut model) = (Wheel::new(), Model::default());
        let mut now = Instant::ZERO;
        for operation in operations {
            match operation {
                Operation::Set(index, after) => {
                    let deadline = now + Duration::from_nanos(after);
                    wheel.set(index, deadline);
                    model.set(index, deadline);
                }
                Operation::Cancel(index) => {
                    wheel.cancel(index);
                    model.ticks.remove(&index);
                }
                Operation::Advance(by) => now += Duration::from_nanos(by),
                Operation::AdvanceToNext => now = wheel.next().unwrap_or(now).max(now),
            }
            let mut expired = Vec::new();
            let mut last = 0;
            if !matches!(operation, Operation::Set(..) | Operation::Cancel(_)) {
                while let Some(index) = wheel.expire(now) {
                    let tick = wheel.nodes.get(index).unwrap().tick();
                    prop_assert!(last <= tick, "entries expire in the order of their ticks");
                    last = tick;
                    expired.push((tick, index));
                }
                expired.sort_unstable();
                prop_assert_eq!(expired, model.expire(now));
            }
            let earliest = model.ticks.values().min().map(|&tick| Instant::from_millis(tick));
            prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
            prop_assert!(wheel.next() <= earliest, "never told later than it is");
        }
    }
}

#[test]
fn an_entry_fires_never_early_and_within_a_tick() {
    for nanos in [
        0,
        1,
        999_999,
        1_000_000,
        63_999_999,
        64_000_001,
        4_096_000_000,
        5_000_000_001,
    ] {
        let mut wheel = Wheel::new();
        let deadline = Instant::from_nanos(nanos);
        wheel.set(3, deadline);
        let at = wheel.next().unwrap();
        assert!(
            at >= deadline && at - deadline < Duration::from_nanos(TICK),
            "{nanos}"
        );
        if let Some(before) = at.as_nanos().checked_sub(1) {
            assert_eq!(wheel.expire(Instant::from_nanos(before)), None, "{nanos}");
        }
        assert_eq!(wheel.expire(at), Some(3), "{nanos}");
        assert_eq!(wheel.next(), None);
    }
}

#[test]
fn a_far_deadline_wakes_once() {
    let mut wheel = Wheel::new();
    let day = Instant::from_secs(86_400);
    wheel.set(0, day);
    assert_eq!(
        wheel.next(),
        Some(day),
        "no wake-ups only to move entries between levels"
    );
}

#[test]
fn an_index_set_while_expiring_waits_for_the_next_tick() {
    let mut wheel = Wheel::new();
    let now = Instant::from_micros(10_500);
    wheel.set(0, Instant::from_millis(2));
    assert_eq!(wheel.expire(now), Some(0));
    wheel.set(0, Instant::from_millis(2));
    assert_eq!(
        wheel.expire(now),
        None,
        "otherwise a connection could keep us here for ever"
    );
    assert_eq!(wheel.next(), Some(Instant::from_millis(11)));
}

#[test]
fn a_later_deadline_leaves_the_entry_and_an_earlier_one_moves_it() {
    let mut wheel = Wheel::new();
    wheel.set(0, Instant::from_millis(200));
    wheel.set(0, Instant::from_millis(300));
    assert_eq!(wheel.next(), Some(Instant::from_millis(200)));
    wheel.set(0, Instant::from_millis(100));
    assert_eq!(wheel.next(), Some(Instant::from_millis(100)));
}
