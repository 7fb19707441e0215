//! The addresses of this host: which are ours, which we only ask for, which links they imply.
//!
//! The steps of one claim are in `link/claim.rs`; packets about them in `network/arp.rs` and
//! `network/ndp.rs`. No address is invented here: without a link-local one that was given to us, an
//! IPv6 host asks its neighbours from the addresses it has, which RFC 4861 4.3 allows.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use handfast_packet::Instant;
use handfast_packet::ip::Cidr;
use handfast_packet::ndp::{ALL_NODES, solicited_node};

use crate::link::claim::{Claim, ClaimTimings, Conflict, Step};
use crate::rng::SeedRng;

/// Most addresses of one host, tentative ones included.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// One address of ours.
#[derive(Clone, Copy, Debug)]
struct Address {
    cidr: Cidr,
    claim: Claim,
}

/// All addresses, in the order in which they were added.
#[derive(Debug)]
pub(crate) struct Addresses {
    entries: Vec<Address>,
    timings: ClaimTimings,
    /// Claims that failed so far (MAX_CONFLICTS).
    failed: u32,
    /// When the last claim began.
    claimed_at: Option<Instant>,
}

impl Addresses {
    pub(crate) const fn new(timings: ClaimTimings) -> Self {
        Self {
            entries: Vec::new(),
            timings,
            failed: 0,
            claimed_at: None,
        }
    }

    /// Makes an address ours without asking; ends a claim for it. False when the table is full.
    pub(crate) fn add(&mut self, cidr: Cidr) -> bool {
        if let Some(entry) = self.find_mut(cidr.address) {
            entry.cidr = cidr;
            if !entry.claim.is_usable() {
                entry.claim = Claim::held();
            }
            return true;
        }
        self.push(Address {
            cidr,
            claim: Claim::held(),
        })
    }

    /// Begins to ask for an address that is not in the table yet. False when the table is full.
    ///
    /// After MAX_CONFLICTS failures, claims begin no oftener than RATE_LIMIT_INTERVAL allows
    /// (RFC 5227 2.1.1).
    pub(crate) fn claim(&mut self, now: Instant, cidr: Cidr, random: &mut SeedRng) -> bool {
        let held_back = match self.claimed_at {
            Some(at) if self.failed >= self.timings.conflicts => {
                at + self.timings.rate_limit_interval
            }
            _ => now,
        };
        let claim = Claim::start(now, held_back, &self.timings, random);
        self.claimed_at = Some(now.max(held_back));
        self.push(Address { cidr, claim })
    }

    /// Gives an address up; false when it was not in the table.
    pub(crate) fn remove(&mut self, address: IpAddr) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.cidr.address != address);
        self.entries.len() < before
    }

    /// The steps that are due.
    pub(crate) fn on_timeout(&mut self, now: Instant, random: &mut SeedRng) -> Vec<(IpAddr, Step)> {
        let mut due = Vec::new();
        for entry in &mut self.entries {
            let v6 = entry.cidr.address.is_ipv6();
            if let Some(step) = entry.claim.on_timeout(now, v6, &self.timings, random) {
                due.push((entry.cidr.address, step));
            }
        }
        due
    }

    /// Somebody else uses `address` or probes for it. An address that is lost leaves the table.
    pub(crate) fn on_conflict(&mut self, now: Instant, address: IpAddr) -> Option<Conflict> {
        let timings = self.timings;
        let verdict = self.find_mut(address)?.claim.on_conflict(now, &timings);
        if verdict != Conflict::Defend {
            self.failed = self.failed.saturating_add(1);
            self.remove(address);
        }
        Some(verdict)
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.entries
            .iter()
            .filter_map(|entry| entry.claim.next_timeout())
            .min()
    }

    /// Whether `address` is in the table at all.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.cidr.address == address)
    }

    /// Whether `address` is ours and may be used.
    pub(crate) fn is_usable(&self, address: IpAddr) -> bool {
        self.usable().any(|cidr| cidr.address == address)
    }

    /// Whether we ask for `address` and must not use it yet.
    pub(crate) fn is_tentative(&self, address: IpAddr) -> bool {
        self.contains(address) && !self.is_usable(address)
    }

    /// The addresses that may be used, with their prefixes.
    pub(crate) fn usable(&self) -> impl Iterator<Item = Cidr> {
        self.entries
            .iter()
            .filter(|entry| entry.claim.is_usable())
            .map(|entry| entry.cidr)
    }

    /// The longest prefix of a usable address of ours that contains `destination`.
    pub(crate) fn on_link(&self, destination: IpAddr) -> Option<u8> {
        let containing = self.usable().filter(|cidr| cidr.contains(destination));
        containing.map(|cidr| cidr.prefix_len).max()
    }

    /// Whether `address` is the limited broadcast or that of a prefix of ours.
    pub(crate) fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.usable().any(|cidr| cidr.broadcast() == Some(address))
    }

    /// Whether an IPv6 multicast group is one that we must hear: all nodes, or the solicited-node
    /// group of an address in the table (RFC 4291 2.8).
    pub(crate) fn listens_to(&self, group: Ipv6Addr) -> bool {
        group == ALL_NODES || self.v6().any(|address| solicited_node(address) == group)
    }

    /// The solicited-node groups of the addresses in the table, each once.
    pub(crate) fn groups(&self) -> Vec<Ipv6Addr> {
        let mut groups: Vec<_> = self.v6().map(solicited_node).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The first link-local IPv6 address that may be used.
    pub(crate) fn link_local(&self) -> Option<Ipv6Addr> {
        let usable = |address: &Ipv6Addr| self.is_usable(IpAddr::V6(*address));
        self.v6()
            .filter(Ipv6Addr::is_unicast_link_local)
            .find(usable)
    }

    /// Whether there is an IPv6 address, held or asked for.
    pub(crate) fn has_v6(&self) -> bool {
        self.v6().next().is_some()
    }

    /// The IPv6 addresses, held and asked for.
    fn v6(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.cidr.address {
                IpAddr::V6(address) => Some(address),
                IpAddr::V4(_) => None,
            })
    }

    fn push(&mut self, address: Address) -> bool {
        let room = self.entries.len() < ADDRESSES_MAX;
        if room {
            self.entries.push(address);
        }
        room
    }

    fn find_mut(&mut self, address: IpAddr) -> Option<&mut Address> {
        self.entries
            .iter_mut()
            .find(|entry| entry.cidr.address == address)
    }
}

#[cfg(test)]
mod tests;
