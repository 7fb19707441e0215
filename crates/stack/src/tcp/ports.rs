//! Ephemeral ports: hard to guess, and not used again soon.
//!
//! RFC 6056 algorithm 4, the double hash: where the search starts depends by a keyed hash on whom
//! we talk to, and each of a few counters, also chosen by a keyed hash, moves on by one with each
//! port given out. Connections to one server get consecutive ports; an observer elsewhere learns
//! nothing from them.

use core::net::IpAddr;
use core::ops::RangeInclusive;

use super::demux::{Endpoint, Flow};
use crate::rng::{SeedRng, keyed_hash};

/// Counters; more of them mean that fewer servers share one (RFC 6056 3.3.4).
const COUNTERS: usize = 256;

/// Gives out local ports.
#[derive(Debug)]
pub(crate) struct Ports {
    range: RangeInclusive<u16>,
    offset_key: [u8; 16],
    counter_key: [u8; 16],
    counters: [u64; COUNTERS],
}

impl Ports {
    pub(crate) fn new(range: RangeInclusive<u16>, random: &mut SeedRng) -> Self {
        Self {
            range,
            offset_key: random.key(),
            counter_key: random.key(),
            counters: [0; COUNTERS],
        }
    }

    /// A port from `local` to `remote` that is not `busy`; `None` when all of the range are.
    pub(crate) fn choose(
        &mut self,
        local: IpAddr,
        remote: Endpoint,
        busy: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let (low, high) = (*self.range.start(), *self.range.end());
        let count = u64::from(high.checked_sub(low)?) + 1;
        let tuple = Flow {
            local: Endpoint {
                address: local,
                port: 0,
            },
            remote,
        }
        .bytes();
        let offset = keyed_hash(&self.offset_key, tuple.all()) % count;
        let which = keyed_hash(&self.counter_key, tuple.all()) % COUNTERS as u64;
        let counter = &mut self.counters[usize::try_from(which).expect("COUNTERS is small")];
        for _ in 0..count {
            let step = (offset + *counter) % count;
            *counter += 1;
            let port = low + u16::try_from(step).expect("less than the size of a port range");
            if !busy(port) {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    fn remote(last: u8) -> Endpoint {
        Endpoint {
            address: [203, 0, 113, last].into(),
            port: 80,
        }
    }

    fn local() -> IpAddr {
        [192, 0, 2, 1].into()
    }

    #[test]
    fn each_port_of_the_range_comes_once_before_any_comes_again() {
        let mut ports = Ports::new(50_000..=50_099, &mut SeedRng::new(1));
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let port = ports.choose(local(), remote(1), |_| false).unwrap();
            assert!((50_000..=50_099).contains(&port));
            assert!(seen.insert(port), "{port} came twice");
        }
    }

    #[test]
    fn busy_ports_are_passed_over_and_a_full_range_is_told() {
        let mut ports = Ports::new(50_000..=50_009, &mut SeedRng::new(1));
        for _ in 0..20 {
            assert_eq!(
                ports.choose(local(), remote(1), |port| port != 50_007),
                Some(50_007)
            );
        }
        assert_eq!(ports.choose(local(), remote(1), |_| true), None);
        let (low, high) = (10, 9);
        let mut none = Ports::new(low..=high, &mut SeedRng::new(1));
        assert_eq!(none.choose(local(), remote(1), |_| false), None);
    }

    #[test]
    fn the_first_port_depends_on_the_seed_and_the_server() {
        let first = |seed, server| {
            let mut ports = Ports::new(49_152..=u16::MAX, &mut SeedRng::new(seed));
            ports.choose(local(), remote(server), |_| false).unwrap()
        };
        assert_eq!(first(1, 1), first(1, 1));
        let by_seed: BTreeSet<_> = (0..20).map(|seed| first(seed, 1)).collect();
        let by_server: BTreeSet<_> = (0..20).map(|server| first(1, server)).collect();
        assert!(by_seed.len() > 15 && by_server.len() > 15);
    }

    #[test]
    fn a_search_meets_every_port_wherever_it_begins() {
        let mut ports = Ports::new(1..=10, &mut SeedRng::new(3));
        for port in (1..=10).cycle().take(70_000) {
            assert_eq!(
                ports.choose(local(), remote(1), |other| other != port),
                Some(port)
            );
        }
    }

    #[test]
    fn the_whole_range_of_ports_works() {
        let mut ports = Ports::new(0..=u16::MAX, &mut SeedRng::new(3));
        let given: Vec<_> = (0..70_000)
            .filter_map(|_| ports.choose(local(), remote(1), |_| false))
            .collect();
        assert_eq!(given.len(), 70_000);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 65_536);
    }
}
