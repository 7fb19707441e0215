//! Where a packet goes next: the table of routes, longest prefix first.
//!
//! Prefixes of our own addresses are not in it; `ip/address.rs` knows them.

use alloc::vec::Vec;
use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::ip::Cidr;

/// Most routes, given and learnt together.
pub(crate) const ROUTES_MAX: usize = 64;
/// Most routes that router advertisements may add; routers are strangers, too.
pub(crate) const LEARNT_ROUTES_MAX: usize = 16;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) destination: Cidr,
    /// `None`: the destinations are on our link.
    pub(crate) gateway: Option<IpAddr>,
    /// When a learnt route ends; `None` for a route that was given.
    pub(crate) expires: Option<Instant>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Longest prefix first; among equals, what was given before what was learnt, old before new.
    routes: Vec<Route>,
}

impl Routes {
    /// Adds a route, or renews the one with the same destination and gateway. Returns false when
    /// the table is full. A given route is never turned into a learnt one.
    pub(crate) fn add(&mut self, route: Route) -> bool {
        let same = |old: &&mut Route| {
            old.destination.prefix_len == route.destination.prefix_len
                && old.destination.contains(route.destination.address)
                && old.gateway == route.gateway
        };
        if let Some(old) = self.routes.iter_mut().find(same) {
            old.expires = old.expires.and(route.expires);
            return true;
        }
        let learnt = self.routes.iter().filter(|old| old.expires.is_some()).count();
        let full = route.expires.is_some() && learnt == LEARNT_ROUTES_MAX;
        if full || self.routes.len() == ROUTES_MAX {
            return false;
        }
        let weight = |route: &Route| (route.destination.prefix_len, route.expires.is_none());
        let place = self.routes.partition_point(|old| weight(old) >= weight(&route));
        self.routes.insert(place, route);
        true
    }

    /// Takes a learnt route back at once.
    pub(crate) fn withdraw(&mut self, destination: Cidr, gateway: Option<IpAddr>) {
        self.routes.retain(|route| {
            route.expires.is_none() || route.destination != destination || route.gateway != gateway
        });
    }

    /// The route with the longest prefix that contains `destination`.
    pub(crate) fn lookup(&self, destination: IpAddr) -> Option<&Route> {
        self.routes.iter().find(|route| route.destination.contains(destination))
    }

    /// The gateways, each as often as it is named.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.routes.iter().filter_map(|route| route.gateway)
    }

    /// Forgets learnt routes whose time is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.routes.retain(|route| route.expires.is_none_or(|at| now < at));
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.routes.iter().filter_map(|route| route.expires).min()
    }
}
