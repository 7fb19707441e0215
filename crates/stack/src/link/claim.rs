//! Taking an address without treading on anybody's toes: the state machine of one address.
//!
//! RFC 5227 for IPv4 and RFC 4862 section 5.4 for IPv6 differ in numbers and in packets only, so
//! one machine serves both. It says which step is due; it knows neither packets nor tables
//! (`network/arp.rs`, `network/ndp.rs` and `ip/address.rs` do).

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::ethernet::EthernetAddress;

use crate::rng::SeedRng;

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressEvent {
    /// Nobody objected: the address is ours from now on.
    Claimed(IpAddr),
    /// Somebody uses the address or asks for it at the same time: it was given up before use.
    Taken {
        /// The address that was asked for.
        address: IpAddr,
        /// Who has it.
        by: EthernetAddress,
    },
    /// Somebody used our address; we told the network once that it is ours.
    Defended {
        /// The address that we hold.
        address: IpAddr,
        /// Who used it too.
        by: EthernetAddress,
    },
    /// Somebody insists on our address: we stopped using it (RFC 5227 2.4 (b)).
    Lost {
        /// The address that we held.
        address: IpAddr,
        /// Who has it now.
        by: EthernetAddress,
    },
}

/// The numbers of RFC 5227 section 1.1 and of RFC 4862 section 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimTimings {
    /// PROBE_WAIT: the first probe waits a random time up to this. RFC: 1 s.
    pub probe_wait: Duration,
    /// PROBE_NUM: how many ARP probes. RFC: 3.
    pub probes: u8,
    /// PROBE_MIN: shortest time between ARP probes. RFC: 1 s.
    pub probe_min: Duration,
    /// PROBE_MAX: longest time between ARP probes. RFC: 2 s.
    pub probe_max: Duration,
    /// ANNOUNCE_WAIT: silence after the last ARP probe before the address is ours. RFC: 2 s.
    pub announce_wait: Duration,
    /// ANNOUNCE_NUM: how many announcements. RFC: 2.
    pub announcements: u8,
    /// ANNOUNCE_INTERVAL: time between announcements. RFC: 2 s.
    pub announce_interval: Duration,
    /// DEFEND_INTERVAL: a second conflict within this time costs us the address. RFC: 10 s.
    pub defend_interval: Duration,
    /// MAX_CONFLICTS: after so many lost claims, new ones are slowed down. RFC: 10.
    pub conflicts: u32,
    /// RATE_LIMIT_INTERVAL: time between claims then. RFC: 60 s.
    pub rate_limit_interval: Duration,
    /// DupAddrDetectTransmits: how many neighbour solicitations for an IPv6 address. RFC: 1.
    pub solicitations: u8,
    /// RetransTimer: silence after each of them. RFC: 1 s.
    pub solicit_wait: Duration,
}

impl Default for ClaimTimings {
    /// The values of the RFCs: an IPv4 address takes 6 to 9 seconds.
    fn default() -> Self {
        Self {
            probe_wait: Duration::from_secs(1),
            probes: 3,
            probe_min: Duration::from_secs(1),
            probe_max: Duration::from_secs(2),
            announce_wait: Duration::from_secs(2),
            announcements: 2,
            announce_interval: Duration::from_secs(2),
            defend_interval: Duration::from_secs(10),
            conflicts: 10,
            rate_limit_interval: Duration::from_secs(60),
            solicitations: 1,
            solicit_wait: Duration::from_secs(1),
        }
    }
}

impl ClaimTimings {
    /// The same steps in tenths of seconds, for a lab where every link is fast.
    ///
    /// A deviation from RFC 5227 section 1.1, which allows no other values: on a network with
    /// slow bridges or sleeping hosts, a holder may answer too late to be heard.
    pub fn fast() -> Self {
        Self {
            probe_wait: Duration::from_millis(50),
            probe_min: Duration::from_millis(100),
            probe_max: Duration::from_millis(150),
            announce_wait: Duration::from_millis(200),
            announce_interval: Duration::from_millis(200),
            solicit_wait: Duration::from_millis(200),
            ..Self::default()
        }
    }
}

/// How far an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Not ours yet; `sent` probes have gone out and the next step is due `at`.
    Probing { sent: u8, at: Instant },
    /// Ours; announcements remain to be sent, the next one `at`.
    Announcing {
        left: u8,
        at: Instant,
        defended: Option<Instant>,
    },
    /// Ours; `defended` is when we last had to say so.
    Held { defended: Option<Instant> },
}

/// What is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a probe.
    Probe,
    /// The address is ours: say so, and announce it for the first time.
    Claimed,
    /// Announce it again.
    Announce,
}

/// What a conflict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// It was not ours yet: give up.
    Taken,
    /// Announce it once more and stay.
    Defend,
    /// Second conflict within the interval: give up.
    Lost,
}

impl Claim {
    /// Starts to ask for an address. `held_back` is the earliest time at which probing may begin.
    pub(crate) fn start(
        now: Instant,
        held_back: Instant,
        timings: &ClaimTimings,
        random: &mut SeedRng,
    ) -> Self {
        let at = now.max(held_back) + between(Duration::ZERO, timings.probe_wait, random);
        Self::Probing { sent: 0, at }
    }

    /// An address that is ours without asking.
    pub(crate) const fn held() -> Self {
        Self::Held { defended: None }
    }

    /// The step that is due at `now`, if any, and on to the next one.
    pub(crate) fn on_timeout(
        &mut self,
        now: Instant,
        v6: bool,
        timings: &ClaimTimings,
        random: &mut SeedRng,
    ) -> Option<Step> {
        if self.next_timeout().is_none_or(|at| now < at) {
            return None;
        }
        let probes = if v6 {
            timings.solicitations
        } else {
            timings.probes
        };
        match *self {
            Self::Probing { sent, .. } if sent < probes => {
                let sent = sent + 1;
                let wait = match (v6, sent < probes) {
                    (true, _) => timings.solicit_wait,
                    (false, true) => between(timings.probe_min, timings.probe_max, random),
                    (false, false) => timings.announce_wait,
                };
                *self = Self::Probing {
                    sent,
                    at: now + wait,
                };
                Some(Step::Probe)
            }
            Self::Probing { .. } => {
                *self = Self::announced(now, timings.announcements, None, timings);
                Some(Step::Claimed)
            }
            Self::Announcing { left, defended, .. } => {
                *self = Self::announced(now, left, defended, timings);
                Some(Step::Announce)
            }
            Self::Held { .. } => None,
        }
    }

    /// Somebody else uses the address, or probes for it while we do.
    pub(crate) fn on_conflict(&mut self, now: Instant, timings: &ClaimTimings) -> Conflict {
        let (Self::Announcing { defended, .. } | Self::Held { defended }) = self else {
            return Conflict::Taken;
        };
        if defended.is_some_and(|at| now < at + timings.defend_interval) {
            return Conflict::Lost;
        }
        *defended = Some(now);
        Conflict::Defend
    }

    /// Whether the address may be used.
    pub(crate) const fn is_usable(&self) -> bool {
        !matches!(self, Self::Probing { .. })
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) const fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Probing { at, .. } | Self::Announcing { at, .. } => Some(*at),
            Self::Held { .. } => None,
        }
    }

    /// The state after one of `left` announcements has been sent.
    fn announced(
        now: Instant,
        left: u8,
        defended: Option<Instant>,
        timings: &ClaimTimings,
    ) -> Self {
        match left.saturating_sub(1) {
            0 => Self::Held { defended },
            left => Self::Announcing {
                left,
                at: now + timings.announce_interval,
                defended,
            },
        }
    }
}

/// A random time from `least` to `most`.
fn between(least: Duration, most: Duration, random: &mut SeedRng) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX - 1);
    least + Duration::from_nanos(random.below(span.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const NOW: Instant = Instant::from_secs(100);

    /// All steps of one claim with their times after `NOW`.
    fn steps(v6: bool, timings: &ClaimTimings) -> Vec<(Step, Duration)> {
        let mut random = SeedRng::new(3);
        let mut claim = Claim::start(NOW, NOW, timings, &mut random);
        let mut steps = Vec::new();
        while let Some(at) = claim.next_timeout() {
            let early = Instant::from_nanos(at.as_nanos() - 1);
            assert_eq!(claim.on_timeout(early, v6, timings, &mut random), None);
            let usable_before = claim.is_usable();
            let step = claim
                .on_timeout(at, v6, timings, &mut random)
                .expect("it is due");
            assert_eq!(claim.is_usable(), usable_before || step == Step::Claimed);
            steps.push((step, at - NOW));
        }
        steps
    }

    #[test]
    fn steps_of_both_families() {
        use Step::{Announce, Claimed, Probe};
        for (v6, expected) in [
            (false, &[Probe, Probe, Probe, Claimed, Announce][..]),
            (true, &[Probe, Claimed, Announce]),
        ] {
            let steps = steps(v6, &ClaimTimings::default());
            let kinds: Vec<_> = steps.iter().map(|(step, _)| *step).collect();
            assert_eq!(kinds, expected);
        }
    }

    #[test]
    fn the_fast_timings_do_the_same_in_less_than_a_second() {
        for v6 in [false, true] {
            let fast = steps(v6, &ClaimTimings::fast());
            assert!(
                fast.iter()
                    .all(|(_, after)| *after < Duration::from_secs(1)),
                "{fast:?}"
            );
            assert_eq!(fast.len(), steps(v6, &ClaimTimings::default()).len());
        }
    }

    #[test]
    fn conflicts_by_state() {
        let timings = ClaimTimings::default();
        let at = |secs| NOW + Duration::from_secs(secs);
        let mut probing = Claim::start(NOW, NOW, &timings, &mut SeedRng::new(1));
        assert_eq!(probing.on_conflict(NOW, &timings), Conflict::Taken);
        for mut claim in [
            Claim::held(),
            Claim::Announcing {
                left: 1,
                at: at(1),
                defended: None,
            },
        ] {
            for (after, expected) in [
                (0, Conflict::Defend),
                (10, Conflict::Defend),
                (19, Conflict::Lost),
            ] {
                assert_eq!(
                    claim.on_conflict(at(after), &timings),
                    expected,
                    "after {after} s"
                );
            }
        }
    }
}
