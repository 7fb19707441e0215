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
        let learnt = self
            .routes
            .iter()
            .filter(|old| old.expires.is_some())
            .count();
        let full = route.expires.is_some() && learnt == LEARNT_ROUTES_MAX;
        if full || self.routes.len() == ROUTES_MAX {
            return false;
        }
        let weight = |route: &Route| (route.destination.prefix_len, route.expires.is_none());
        let place = self
            .routes
            .partition_point(|old| weight(old) >= weight(&route));
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
        self.routes
            .iter()
            .find(|route| route.destination.contains(destination))
    }

    /// Forgets learnt routes whose time is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.routes
            .retain(|route| route.expires.is_none_or(|at| now < at));
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.routes.iter().filter_map(|route| route.expires).min()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;

    fn route(destination: &str, gateway: Option<&str>, expires: Option<u64>) -> Route {
        Route {
            destination: destination.parse().unwrap(),
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
            expires: expires.map(Instant::from_secs),
        }
    }

    fn gateway(routes: &Routes, destination: &str) -> Option<String> {
        let route = routes.lookup(destination.parse().unwrap())?;
        Some(
            route
                .gateway
                .map_or("on link".to_string(), |gateway| gateway.to_string()),
        )
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let given = [
            route("0.0.0.0/0", Some("192.0.2.1"), None),
            route("10.0.0.0/8", Some("192.0.2.2"), None),
            route("10.1.0.0/16", Some("192.0.2.3"), None),
            route("10.1.2.0/24", None, None),
            route("::/0", Some("fe80::1"), None),
        ];
        for shift in 0..given.len() {
            let mut routes = Routes::default();
            for n in 0..given.len() {
                assert!(routes.add(given[(n + shift) % given.len()]));
            }
            for (destination, expected) in [
                ("203.0.113.29", "192.0.2.1"),
                ("10.9.9.9", "192.0.2.2"),
                ("10.1.9.9", "192.0.2.3"),
                ("10.1.2.9", "on link"),
                ("2001:db8::1", "fe80::1"),
            ] {
                assert_eq!(gateway(&routes, destination).as_deref(), Some(expected));
            }
        }
        assert_eq!(gateway(&Routes::default(), "10.0.0.1"), None);
    }

    #[test]
    fn learnt_routes_end_are_renewed_and_yield_to_given_ones() {
        let mut routes = Routes::default();
        routes.add(route("::/0", Some("fe80::1"), Some(10)));
        routes.add(route("::/0", Some("fe80::1"), Some(20)));
        assert_eq!(routes.next_timeout(), Some(Instant::from_secs(20)));
        routes.add(route("::/0", Some("fe80::2"), None));
        assert_eq!(gateway(&routes, "2001:db8::1").as_deref(), Some("fe80::2"));
        routes.withdraw("::/0".parse().unwrap(), Some("fe80::2".parse().unwrap()));
        assert_eq!(
            gateway(&routes, "2001:db8::1").as_deref(),
            Some("fe80::2"),
            "it was given"
        );
        routes.on_timeout(Instant::from_secs(20));
        assert_eq!(routes.next_timeout(), None);
        assert_eq!(routes.routes.len(), 1);
    }

    #[test]
    fn a_given_route_is_not_made_to_end() {
        let mut routes = Routes::default();
        routes.add(route("::/0", Some("fe80::1"), None));
        routes.add(route("::/0", Some("fe80::1"), Some(10)));
        assert_eq!(routes.next_timeout(), None);
        routes.add(route("::/0", Some("fe80::2"), Some(10)));
        routes.add(route("::/0", Some("fe80::2"), None));
        assert_eq!(
            routes.next_timeout(),
            None,
            "what was learnt has been given since"
        );
    }

    #[test]
    fn the_table_is_bounded() {
        let mut routes = Routes::default();
        let learnt = |n| route("::/0", Some(&format!("fe80::{n:x}")), Some(10));
        let added = (1..=100).filter(|&n| routes.add(learnt(n))).count();
        assert_eq!(added, LEARNT_ROUTES_MAX);
        let given = |n| route(&format!("10.{n}.0.0/16"), None, None);
        let added = (0..200).filter(|&n| routes.add(given(n))).count();
        assert_eq!(added, ROUTES_MAX - LEARNT_ROUTES_MAX);
    }
}
