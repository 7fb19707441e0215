//! What routers told us about the largest packet on the way to a destination (RFC 1191, RFC 8201).
//!
//! Whoever calls [`PathMtus::learn`] has made sure that the news answers a packet of ours.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;

/// Most destinations with a learnt MTU; the oldest gives way.
pub(crate) const PATHS_MAX: usize = 256;
/// No path counts as narrower in IPv4, whatever a router says: below this, forged messages would
/// do more harm than fragments (RFC 5927 section 7).
pub(crate) const MTU_MIN_V4: u16 = 576;
/// No router of IPv4 can mean less (RFC 1191 section 3): every link carries so much.
pub(crate) const MTU_CREDIBLE_V4: u16 = 68;
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
    /// `mtu` is what [`credible`] made of the message.
    pub(crate) fn learn(&mut self, now: Instant, destination: IpAddr, mtu: u16) {
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

    /// Forgets what is too old; the destinations, to which wider packets may be tried again (RFC
    /// 1191 section 6.3).
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Vec<IpAddr> {
        if self.next_timeout().is_none_or(|due| now < due) {
            return Vec::new();
        }
        let old = self.paths.iter().filter(|(_, path)| path.expires <= now);
        let old: Vec<IpAddr> = old.map(|(destination, _)| *destination).collect();
        self.paths.retain(|_, path| now < path.expires);
        old
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.paths.values().map(|path| path.expires).min()
    }
}

/// What a router's word about the way to `destination` is worth: `None` when no path is so narrow
/// (RFC 1191 section 3; RFC 8201 section 4), and never less than [`MTU_MIN_V4`] in IPv4.
pub(crate) fn credible(destination: IpAddr, mtu: u16) -> Option<u16> {
    match destination {
        IpAddr::V4(_) => (mtu >= MTU_CREDIBLE_V4).then_some(mtu.max(MTU_MIN_V4)),
        IpAddr::V6(_) => (mtu >= MTU_MIN_V6).then_some(mtu),
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
        let expiry = Instant::ZERO + AGE;
        assert_eq!(paths.next_timeout(), Some(expiry));
        let almost = Instant::from_nanos(expiry.as_nanos() - 1);
        assert!(paths.on_timeout(almost).is_empty());
        assert_eq!(paths.get(to), Some(1_300));
        assert_eq!(paths.on_timeout(expiry), [to]);
        assert_eq!((paths.get(to), paths.next_timeout()), (None, None));
    }

    /// RFC 1191 section 3 and RFC 8201 section 4.
    #[test]
    fn no_router_is_believed_below_what_every_link_carries() {
        let v4: IpAddr = [192, 0, 2, 1].into();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        for (to, mtu, worth) in [
            (v4, 0, None),
            (v4, 67, None),
            (v4, 68, Some(MTU_MIN_V4)),
            (v4, 576, Some(576)),
            (v4, 1_400, Some(1_400)),
            (v6, 68, None),
            (v6, 1_279, None),
            (v6, 1_280, Some(1_280)),
        ] {
            assert_eq!(credible(to, mtu), worth, "{mtu} bytes to {to}");
        }
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
