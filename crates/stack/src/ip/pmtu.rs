//! What routers told us about the largest packet on the way to a destination (RFC 1191, RFC 8201).
//!
//! Whoever calls [`PathMtus::learn`] has made sure that the news answers a packet of ours.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;

/// Most destinations with a learnt MTU; the oldest gives way.
pub(crate) const PATHS_MAX: usize = 256;
/// No path counts as narrower in IPv4, whatever a router says: below this, forged messages would
/// do more harm than fragments (RFC 5927 section 7).
pub(crate) const MTU_MIN_V4: u16 = 576;
/// Every IPv6 link carries so much (RFC 8200 section 5).
pub(crate) const MTU_MIN_V6: u16 = 1_280;

/// After this time the path may have become wider, and is tried again (RFC 8201 section 4).
const AGE: Duration = Duration::from_secs(600);

/// The table.
#[derive(Debug, Default)]
pub(crate) struct PathMtus {
    paths: BTreeMap<IpAddr, Path>,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    mtu: u16,
    expires: Instant,
}

impl PathMtus {
    /// Takes note that packets to `destination` may have at most `mtu` bytes. Only a decrease
    /// counts; the way back up is by age.
    ///
    /// A message that claims less than 1,280 bytes in IPv6 is discarded (RFC 8201 section 4); in
    /// IPv4 it counts as [`MTU_MIN_V4`].
    pub(crate) fn learn(&mut self, now: Instant, destination: IpAddr, mtu: u16) {
        if destination.is_ipv6() && mtu < MTU_MIN_V6 {
            return;
        }
        let mtu = mtu.max(MTU_MIN_V4);
        if self.get(destination).is_some_and(|known| known <= mtu) {
            return;
        }
        if self.paths.len() == PATHS_MAX && !self.paths.contains_key(&destination) {
            let oldest = self.paths.iter().min_by_key(|(_, path)| path.expires);
            let oldest = *oldest.expect("a full table is not empty").0;
            self.paths.remove(&oldest);
        }
        self.paths.insert(
            destination,
            Path {
                mtu,
                expires: now + AGE,
            },
        );
    }

    /// The learnt MTU.
    pub(crate) fn get(&self, destination: IpAddr) -> Option<u16> {
        self.paths.get(&destination).map(|path| path.mtu)
    }

    /// Forgets what is too old.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.paths.retain(|_, path| now < path.expires);
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.paths.values().map(|path| path.expires).min()
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_a_decrease_counts_until_it_is_old() {
        let mut paths = PathMtus::default();
        let to: IpAddr = [192, 0, 2, 1].into();
        let learn = |paths: &mut PathMtus, mtu| {
            paths.learn(Instant::ZERO, to, mtu);
            paths.get(to)
        };
        assert_eq!(learn(&mut paths, 1_400), Some(1_400));
        assert_eq!(learn(&mut paths, 1_450), Some(1_400));
        assert_eq!(learn(&mut paths, 1_300), Some(1_300));
        assert_eq!(
            learn(&mut paths, 68),
            Some(MTU_MIN_V4),
            "a path is never that narrow"
        );
        let expiry = Instant::ZERO + AGE;
        assert_eq!(paths.next_timeout(), Some(expiry));
        paths.on_timeout(Instant::from_nanos(expiry.as_nanos() - 1));
        assert_eq!(paths.get(to), Some(MTU_MIN_V4));
        paths.on_timeout(expiry);
        assert_eq!((paths.get(to), paths.next_timeout()), (None, None));
    }

    #[test]
    fn ipv6_takes_no_word_below_its_minimum() {
        let mut paths = PathMtus::default();
        let to = "2001:db8::1".parse().unwrap();
        paths.learn(Instant::ZERO, to, MTU_MIN_V6 - 1);
        assert_eq!(paths.get(to), None);
        paths.learn(Instant::ZERO, to, MTU_MIN_V6);
        assert_eq!(paths.get(to), Some(MTU_MIN_V6));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut paths = PathMtus::default();
        let count = u32::try_from(PATHS_MAX).unwrap();
        let path = |n| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + n));
        for n in 0..=count {
            paths.learn(Instant::from_secs(n.into()), path(n), 1_400);
        }
        assert_eq!(paths.paths.len(), PATHS_MAX);
        assert_eq!(
            (paths.get(path(0)), paths.get(path(1))),
            (None, Some(1_400))
        );
    }
}
