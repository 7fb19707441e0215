//! Drawing a plan from a seed.
//!
//! Every kind of fault, option and behaviour is switched on or off first, and only what is on gets
//! parameters: a world with everything in it hides what only shows when little else happens. How
//! much is on differs from plan to plan, so that there are nearly empty worlds and very full ones.

mod flows;
mod links;
mod options;

use std::time::Duration;

use handfast::Medium;
use handfast::tcp::MtuProbing;

use super::dice::Dice;
use super::plan::{Family, HostPlan, Plan, WorldPlan};

/// Percent of the features that are on; one of these for a plan.
const DENSITIES: [u64; 6] = [1, 5, 15, 30, 50, 80];
/// Most bytes of text in one world, of all flows.
const BYTES_MAX: u64 = 4 << 20;
/// Most segments that the text of one world makes about.
const SEGMENTS_MAX: u64 = 1_500;

/// Dice, and how readily they switch something on.
struct Draw {
    dice: Dice,
    density: u64,
}

impl Draw {
    /// Whether a feature is on.
    fn on(&mut self) -> bool {
        self.dice.chance(self.density)
    }
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let density = dice.pick(&DENSITIES);
        let draw = &mut Draw { dice, density };
        let count = draw.dice.pick(&[2, 2, 2, 2, 2, 2, 2, 2, 3, 4]);
        let family = draw.dice.pick(&[Family::V4, Family::V6]);
        let medium = match draw.on() && count == 2 {
            true => Medium::Ip,
            false => Medium::Ethernet,
        };
        let longest = if draw.dice.chance(2) {
            60_000_000
        } else {
            2_000_000
        };
        let faults = draw.dice.time(20_000, longest);
        let step = match draw.on() {
            true => draw.dice.time(10, 20_000),
            false => Duration::ZERO,
        };
        let world = WorldPlan {
            seed,
            family,
            medium,
            faults,
            step,
        };
        let mut hosts: Vec<HostPlan> = (0..count).map(|_| host(draw, &world)).collect();
        if hosts.iter().any(|host| host.link.contains("mtu=")) {
            // Who neither probes nor is told never gets through a path that became narrow.
            for host in &mut hosts {
                if host.tcp.mtu_probing == MtuProbing::Off {
                    host.tcp.mtu_probing = MtuProbing::BlackHole;
                }
            }
        }
        let flows = flows::draw(draw, &world, &hosts);
        Self {
            world,
            hosts,
            flows,
        }
    }
}

/// One host. No MTU is below 128: the smallest segment that ours sends, of 48 bytes with its options
/// as Linux has it, and a SYN-ACK with all options do not fit into the least that IPv4 allows.
fn host(draw: &mut Draw, world: &WorldPlan) -> HostPlan {
    let mut host = HostPlan::default();
    if draw.on() {
        host.mtu = match (world.family, draw.dice.below(8)) {
            (Family::V4, 0) => draw.dice.pick(&[128, 296]),
            (Family::V4, 1) => 576,
            (_, 0..=3) => 1_280,
            (_, 4) => 1_400,
            (_, 5) => 1_492,
            (_, _) => 9_000,
        };
    }
    if draw.on() {
        host.gso = match draw.dice.below(4) {
            0 => narrow(draw.dice.size(1_500, 65_000)),
            1 => 4_000,
            _ => 0,
        };
        // Who cuts segments completes their checksums.
        host.checksum = host.gso > 0 || draw.dice.chance(50);
    }
    if draw.on() {
        host.frames = u16::try_from(draw.dice.size(1, 64)).expect("at most 64");
        host.busy = draw.dice.time(1, 5_000);
    }
    host.link = links::draw(draw, world);
    if draw.on() {
        host.isn = Some(u32::MAX - narrow(draw.dice.size(1, 200_000)));
    }
    if draw.on() {
        host.timestamp = Some(u32::MAX - narrow(draw.dice.size(1, 3_000)));
    }
    // Seldom, since wires are judged with more leniency where ports are used again or forgotten.
    if draw.on() && draw.dice.chance(40) {
        host.ports = u16::try_from(draw.dice.size(1, 8)).expect("at most 8");
    }
    if draw.on() && draw.dice.chance(20) {
        host.time_wait_max = draw.dice.pick(&[0, 1]);
    }
    host.share_metrics = !draw.on();
    host.tcp = options::draw(draw);
    host
}

/// What is known to fit into 32 bits.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).expect("drawn below 2^32")
}

/// What is known to fit into memory.
fn count(value: u64) -> usize {
    usize::try_from(value).expect("drawn small")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn one_seed_one_plan() {
        for seed in 0..200 {
            assert_eq!(Plan::draw(seed), Plan::draw(seed));
            assert_ne!(Plan::draw(seed), Plan::draw(seed + 1));
        }
    }

    #[test]
    fn a_world_can_be_made_of_every_drawn_plan() {
        for seed in 0..5_000 {
            let plan = Plan::draw(seed);
            assert_eq!(plan.check(), Ok(()), "{plan}");
        }
    }

    /// Swarm testing: worlds with little and worlds with much, and no feature always or never.
    #[test]
    fn every_feature_is_on_in_some_worlds_and_off_in_many() {
        const SEEDS: usize = 4_000;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut counts = Vec::new();
        for seed in 0..4_000 {
            let features = Plan::draw(seed).features();
            counts.push(features.len());
            for feature in features {
                *seen.entry(feature).or_default() += 1;
            }
        }
        counts.sort_unstable();
        let (few, many) = (counts[SEEDS / 6], counts[SEEDS * 5 / 6]);
        assert!(few < 15 && many > 60, "{few} and {many}");
        for (feature, count) in &seen {
            assert!(*count >= 5, "{feature}: {count} of {SEEDS}");
            let is_option = feature.starts_with("tcp.");
            assert!(!is_option || *count < SEEDS * 3 / 4, "{feature}: {count}");
        }
        assert!(seen.len() > 90, "{} features", seen.len());
    }
}
