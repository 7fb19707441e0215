//! How many resets strangers' segments may cost: a bound for each destination, so that whoever
//! forges an address cannot have us flood it, and takes no resets from anybody else.

use core::hash::BuildHasher;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;

use super::demux::Keyed;

/// Most resets in a second to one destination for segments that belong to no connection; FreeBSD
/// has the same number for all of them together.
pub const RESETS_MAX: u16 = 200;
/// Destinations that are told apart; those that share a place share its bound. Nobody outside can
/// choose who shares with whom.
const PLACES: usize = 256;
const PERIOD: Duration = Duration::from_secs(1);

/// Counts resets by destination.
#[derive(Debug)]
pub(super) struct ResetLimit {
    hasher: Keyed,
    places: [Place; PLACES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    since: Instant,
    sent: u16,
}

impl ResetLimit {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            hasher: Keyed(key),
            places: [Place::default(); PLACES],
        }
    }

    /// Whether one more reset may go to `remote` now; one that may counts.
    pub(super) fn take(&mut self, now: Instant, remote: IpAddr) -> bool {
        let places = u64::try_from(PLACES).expect("few places");
        let index = usize::try_from(self.hasher.hash_one(remote) % places).expect("few places");
        let place = &mut self.places[index];
        if now - place.since >= PERIOD {
            *place = Place {
                since: now,
                sent: 0,
            };
        }
        let may = place.sent < RESETS_MAX;
        place.sent += u16::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_its_own_bound_each_second() {
        let mut limit = ResetLimit::new([3; 16]);
        let (one, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        for second in 5..8 {
            let now = Instant::from_secs(second);
            let taken = (0..1_000).filter(|_| limit.take(now, one)).count();
            assert_eq!(taken, usize::from(RESETS_MAX));
            assert!(limit.take(now, other));
        }
    }
}
