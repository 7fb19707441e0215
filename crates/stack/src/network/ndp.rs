//! Neighbour discovery (RFC 4861), duplicate address detection (RFC 4862 5.4), and of router
//! advertisements the default router and the link's MTU.
//!
//! Not here: router solicitations (routes are given to us, advertisements may add to them),
//! address autoconfiguration, redirects.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{Chunk, Medium};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::{Cidr, Protocol};
use handfast_packet::ndp::{ALL_NODES, Ndp, RouterAdvertisement, solicited_node};

use super::Network;
use super::egress::Message;
use super::ingress::Arrived;
use crate::ip::pmtu::MTU_MIN_V6;
use crate::ip::route::Route;
use crate::link::neighbor::Evidence;

/// Hop limit of neighbour discovery: proof that no router forwarded it (RFC 4861 section 4).
const HOP_LIMIT: u8 = 255;
/// Where everything is that no other route knows.
const DEFAULT: Cidr = Cidr {
    address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    prefix_len: 0,
};

impl Network {
    /// Takes in a message of neighbour discovery. It must come from our own link, which the hop
    /// limit proves (RFC 4861 7.1), and in one piece (RFC 6980).
    pub(super) fn on_ndp(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        message: &Ndp,
    ) {
        let from_link = arrived.hop_limit == HOP_LIMIT && self.medium == Medium::Ethernet;
        if !from_link || arrived.fragmented {
            self.counters.malformed += 1;
            return;
        }
        // Whoever speaks from an address of ours is heard only when he says that it is his.
        let is_advertisement = matches!(message, Ndp::NeighborAdvertisement { .. });
        if self.addresses.contains(source.into()) && !is_advertisement {
            return;
        }
        let by = arrived.frame.link_source;
        match *message {
            Ndp::NeighborSolicitation {
                target,
                source_link: None,
                nonce,
            } if source.is_unspecified() => {
                let loops = by == self.hardware || nonce == Some(self.nonce);
                if destination == solicited_node(target) && !loops {
                    self.on_probe_ndp(now, target, by);
                }
            }
            Ndp::NeighborSolicitation {
                target,
                source_link,
                ..
            } => {
                let link = source_link.unwrap_or(by);
                self.on_question_ndp(now, target, (source, link));
            }
            Ndp::NeighborAdvertisement {
                solicited: true, ..
            } if destination.is_multicast() => {
                self.counters.malformed += 1;
            }
            Ndp::NeighborAdvertisement {
                target,
                target_link,
                ..
            } if self.addresses.contains(target.into()) => {
                let by = target_link.unwrap_or(by);
                if by != self.hardware {
                    self.on_conflict(now, target.into(), by);
                }
            }
            Ndp::NeighborAdvertisement { .. } => self.on_advertisement(now, message),
            Ndp::RouterAdvertisement(ref router) => self.on_router(now, source, router),
            Ndp::RouterSolicitation { .. } => {}
        }
    }

    /// Asks whether somebody uses an address (RFC 4862 5.4.2), from no address at all. The nonce
    /// tells our own question when the link brings it back (RFC 7527).
    pub(super) fn probe_ndp(&mut self, address: Ipv6Addr) {
        let nonce = Some(self.nonce);
        let probe = Ndp::NeighborSolicitation {
            target: address,
            source_link: None,
            nonce,
        };
        let ends = (Ipv6Addr::UNSPECIFIED, solicited_node(address));
        self.send_to_link(None, ends, &probe, Cause::AddressProbe);
    }

    /// Tells everybody that an address is ours (RFC 4861 7.2.6).
    pub(super) fn announce_ndp(&mut self, address: Ipv6Addr, cause: Cause) {
        self.advertise(None, (address, ALL_NODES), false, cause);
    }

    /// Asks for a neighbour: its group, or itself whether it is still there.
    pub(super) fn solicit_ndp(
        &mut self,
        source: Ipv6Addr,
        target: Ipv6Addr,
        to: Option<EthernetAddress>,
    ) {
        let source_link = Some(self.hardware);
        let question = Ndp::NeighborSolicitation {
            target,
            source_link,
            nonce: None,
        };
        let destination = if to.is_some() {
            target
        } else {
            solicited_node(target)
        };
        self.send_to_link(to, (source, destination), &question, Cause::Resolve);
    }

    /// Somebody asks whether he may have an address.
    fn on_probe_ndp(&mut self, now: Instant, target: Ipv6Addr, by: EthernetAddress) {
        let address = IpAddr::V6(target);
        if self.addresses.is_tentative(address) {
            self.on_conflict(now, address, by);
        } else if self.is_local(address) {
            self.advertise(None, (target, ALL_NODES), false, Cause::ResolveReply);
        }
    }

    /// A neighbour asks for an address of ours, and so tells its own. Whoever asks for an address
    /// that is not ours yet gets no answer (RFC 4862 5.4.3).
    fn on_question_ndp(
        &mut self,
        now: Instant,
        target: Ipv6Addr,
        (source, link): (Ipv6Addr, EthernetAddress),
    ) {
        let (target_address, asker) = (IpAddr::V6(target), IpAddr::V6(source));
        if !self.is_local(target_address) || source.is_unspecified() || link.is_multicast() {
            return;
        }
        if self.next_hop(asker) == Some(asker) {
            let evidence = Evidence::Question(target_address);
            let waiting = self.neighbors.learn(now, asker, link, evidence);
            self.release_waiting(link, waiting);
        }
        self.advertise(Some(link), (target, source), true, Cause::ResolveReply);
    }

    /// A neighbour tells its link address (RFC 4861 7.2.5).
    fn on_advertisement(&mut self, now: Instant, message: &Ndp) {
        let &Ndp::NeighborAdvertisement {
            target,
            target_link,
            router,
            solicited,
            override_flag,
        } = message
        else {
            return;
        };
        let address = IpAddr::V6(target);
        if !router {
            self.routes.withdraw(DEFAULT, Some(address));
        }
        let known = self.neighbors.get(address);
        // Without the option it can only confirm what we know.
        let link = target_link.or(known);
        let Some(link) = link.filter(|link| !link.is_multicast()) else {
            return;
        };
        if known.is_some_and(|known| known != link) && !override_flag {
            return self.neighbors.doubt(address);
        }
        let evidence = if solicited {
            Evidence::Answer
        } else {
            Evidence::Overheard
        };
        let waiting = self.neighbors.learn(now, address, link, evidence);
        self.release_waiting(link, waiting);
    }

    /// A router offers itself. Routes that were given to us go first.
    fn on_router(&mut self, now: Instant, source: Ipv6Addr, router: &RouterAdvertisement) {
        if !source.is_unicast_link_local() || !self.addresses.has_v6() {
            return;
        }
        let gateway = Some(IpAddr::V6(source));
        if router.lifetime == 0 {
            self.routes.withdraw(DEFAULT, gateway);
        } else {
            let expires = Some(now + Duration::from_secs(router.lifetime.into()));
            // A table that is full has better routes already.
            let _ = self.routes.add(Route {
                destination: DEFAULT,
                gateway,
                expires,
            });
        }
        let mtu = router.mtu.and_then(|mtu| u16::try_from(mtu).ok());
        if let Some(mtu) = mtu.filter(|&mtu| mtu >= MTU_MIN_V6) {
            self.mtu_v6 = mtu.min(self.mtu);
        }
    }

    /// Says that `address` is ours.
    fn advertise(
        &mut self,
        link: Option<EthernetAddress>,
        (address, to): (Ipv6Addr, Ipv6Addr),
        solicited: bool,
        cause: Cause,
    ) {
        let advertisement = Ndp::NeighborAdvertisement {
            target: address,
            target_link: Some(self.hardware),
            router: false,
            solicited,
            override_flag: true,
        };
        self.send_to_link(link, (address, to), &advertisement, cause);
    }

    /// Sends a message to a link address, or to that of the group.
    fn send_to_link(
        &mut self,
        link: Option<EthernetAddress>,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        message: &Ndp,
        cause: Cause,
    ) {
        let bytes = Chunk::from(message.to_vec(source, destination));
        let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
        let link = link.unwrap_or_else(|| EthernetAddress::multicast(destination));
        let protocol = Protocol::ICMPV6;
        self.send_on_link(
            link,
            HOP_LIMIT,
            Message {
                source,
                destination,
                protocol,
                bytes,
                cause,
            },
        );
    }
}
