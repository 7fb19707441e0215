//! `Network`: everything below TCP as one thing to talk to. Packets go in and come out; which
//! link address, which gateway and which MTU apply is decided here.
//!
//! The tables are in `link` and `ip`. Here they are joined: `ingress` takes frames apart,
//! `egress` puts them together, `arp`, `ndp`, `mld` and `icmp` speak those protocols. Answers never
//! leave during input: they wait in the outbox until [`Network::poll_transmit`].

mod arp;
mod egress;
mod error;
mod icmp;
mod ingress;
mod mld;
mod ndp;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Gso, Medium, RxChecksum, TxBatch, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::{Cidr, Ecn, Protocol};

pub use error::{AddressError, RouteError};

pub(crate) use crate::ip::icmp::IcmpKind;

use crate::config::Config;
use crate::ip::address::{ADDRESSES_MAX, Addresses};
use crate::ip::icmp::{ErrorLimit, QUOTED_TRANSPORT};
use crate::ip::pmtu::PathMtus;
use crate::ip::reassembly::Reassembly;
use crate::ip::route::{ROUTES_MAX, Route, Routes};
use crate::ip::{NetworkCounters, ReassemblyUse, is_host, source};
use crate::link::AddressEvent;
use crate::link::claim::{Conflict, Step};
use crate::link::neighbor::{Due, Neighbors};
use crate::rng::SeedRng;

/// Most answers (ARP, NDP, ICMP) that wait to be sent; more are dropped. Four batches of strangers'
/// questions fit.
pub(crate) const OUTBOX_MAX: usize = 256;
/// Most destinations that were found unreachable and not reported yet; for more of them, timeouts
/// must do. Reports are fetched after every batch.
pub(crate) const UNREACHABLE_MAX: usize = 256;

/// Everything below TCP.
#[derive(Debug)]
pub(crate) struct Network {
    hardware: EthernetAddress,
    medium: Medium,
    /// Largest packet on our link.
    mtu: u16,
    /// Largest IPv6 packet on our link, as routers advertise it.
    mtu_v6: u16,
    answer_echo: bool,
    addresses: Addresses,
    routes: Routes,
    paths: PathMtus,
    neighbors: Neighbors,
    reassembly: Reassembly,
    error_limit: ErrorLimit,
    /// Frames that are ready to leave.
    outbox: VecDeque<TxFrame>,
    events: VecDeque<NetworkEvent>,
    /// When a query about our multicast groups is to be answered.
    report_at: Option<Instant>,
    random: SeedRng,
    flow_label_key: [u8; 16],
    /// Marks our own probes in IPv6.
    nonce: [u8; 6],
    counters: NetworkCounters,
}

/// What a received frame had in it for the layers above.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A TCP segment for an address of ours, from a host that is not us.
    Tcp(Datagram),
    /// An ICMP error about a TCP segment that bears an address of ours as its source. Anybody can
    /// forge one: the sequence number in the quotation is to be checked.
    IcmpError(IcmpReport),
}

/// The payload of an IP packet, whole.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// The sender; always a unicast address, never ours.
    pub(crate) source: IpAddr,
    /// A usable address of ours.
    pub(crate) destination: IpAddr,
    /// The ECN field of the IP header (RFC 3168).
    pub(crate) ecn: Ecn,
    /// Transport header and all behind it.
    pub(crate) payload: Chunk,
    /// When the device received the frame (the last one, if it came in fragments).
    pub(crate) received_at: Instant,
    /// What the device knows about the transport checksum.
    pub(crate) checksum: RxChecksum,
    /// Set when it stands for several wire segments.
    pub(crate) gso: Option<Gso>,
}

/// What an ICMP error told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpReport {
    /// Source of the quoted packet: an address of ours.
    pub(crate) local: IpAddr,
    /// Destination of the quoted packet.
    pub(crate) remote: IpAddr,
    /// What it means. After `TooBig` was found to be genuine, [`Network::confirm_too_big`] is due.
    pub(crate) kind: IcmpKind,
    /// The first bytes of the quoted TCP header: ports and sequence number.
    pub(crate) quoted: [u8; QUOTED_TRANSPORT],
}

/// What the IP header of a packet to send says. The rest of the packet is a frame that begins with
/// the transport header, from which the field of its checksum counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading {
    /// An address of ours.
    pub(crate) source: IpAddr,
    /// Of the same family.
    pub(crate) destination: IpAddr,
    /// What is in it.
    pub(crate) protocol: Protocol,
    /// For the IP header.
    pub(crate) ecn: Ecn,
    /// Differentiated services codepoint.
    pub(crate) dscp: u8,
    /// TTL or hop limit.
    pub(crate) hop_limit: u8,
}

/// Something that the layers above must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkEvent {
    /// Something happened to an address of ours. After `Lost` it is ours no more.
    Address(AddressEvent),
    /// What was known about the MTU of the way to `destination` is too old.
    PathForgotten { destination: IpAddr },
    /// A packet to `destination` was dropped: there is no route, or the neighbour is silent.
    Unreachable { destination: IpAddr },
}

impl Network {
    /// A network without addresses.
    pub(crate) fn new(config: &Config, capabilities: Capabilities, random: &mut SeedRng) -> Self {
        let [nonce @ .., _, _] = random.next_u64().to_be_bytes();
        Self {
            hardware: config.hardware,
            medium: capabilities.medium,
            mtu: capabilities.mtu,
            mtu_v6: capabilities.mtu,
            answer_echo: config.answer_echo,
            addresses: Addresses::new(config.claim),
            routes: Routes::default(),
            paths: PathMtus::default(),
            neighbors: Neighbors::default(),
            reassembly: Reassembly::default(),
            error_limit: ErrorLimit::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            report_at: None,
            random: SeedRng::new(random.next_u64()),
            flow_label_key: random.key(),
            nonce,
            counters: NetworkCounters::default(),
        }
    }

    /// Makes an address ours at once, without asking the network. For an address that is being
    /// claimed this ends the claim; a held one gets the new prefix.
    pub(crate) fn add_address(&mut self, cidr: Cidr) -> Result<(), AddressError> {
        check_address(cidr)?;
        if !self.addresses.add(cidr) {
            return Err(AddressError::TooMany(ADDRESSES_MAX));
        }
        Ok(())
    }

    /// Begins to ask whether somebody has the address. Where there is no link to ask on, it is
    /// ours at once.
    pub(crate) fn claim(&mut self, now: Instant, cidr: Cidr) -> Result<(), AddressError> {
        check_address(cidr)?;
        if self.addresses.contains(cidr.address) {
            return Err(AddressError::Held(cidr.address));
        }
        let room = match self.medium {
            Medium::Ethernet => self.addresses.claim(now, cidr, &mut self.random),
            Medium::Ip => self.addresses.add(cidr),
        };
        if !room {
            return Err(AddressError::TooMany(ADDRESSES_MAX));
        }
        if self.medium == Medium::Ip {
            let claimed = AddressEvent::Claimed(cidr.address);
            self.events.push_back(NetworkEvent::Address(claimed));
        }
        Ok(())
    }

    /// Gives an address up, held or not; harmless when we do not have it.
    pub(crate) fn release(&mut self, address: IpAddr) {
        if self.addresses.remove(address) {
            self.neighbors.forget_source(address);
        }
    }

    /// Adds a route; without a gateway, the destinations are on our link. An older route to the
    /// same destination by the same gateway stays as it is.
    pub(crate) fn add_route(
        &mut self,
        destination: Cidr,
        gateway: Option<IpAddr>,
    ) -> Result<(), RouteError> {
        if let Some(gateway) = gateway {
            if gateway.is_ipv4() != destination.address.is_ipv4() {
                return Err(RouteError::MixedFamilies {
                    destination,
                    gateway,
                });
            }
            if !is_host(gateway) || self.addresses.contains(gateway) {
                return Err(RouteError::InvalidGateway(gateway));
            }
        }
        let route = Route {
            destination,
            gateway,
            expires: None,
        };
        if !self.routes.add(route) {
            return Err(RouteError::TooMany(ROUTES_MAX));
        }
        Ok(())
    }

    /// Does what has become due. Harmless when nothing has.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        for (address, step) in self.addresses.on_timeout(now, &mut self.random) {
            match step {
                Step::Probe => self.probe(address),
                Step::Announce => self.announce(address, Cause::AddressAnnounce),
                Step::Claimed => {
                    let claimed = AddressEvent::Claimed(address);
                    self.events.push_back(NetworkEvent::Address(claimed));
                    if let IpAddr::V6(address) = address {
                        self.join(address);
                    }
                    self.announce(address, Cause::AddressAnnounce);
                }
            }
        }
        let Due {
            solicits,
            unreachable,
        } = self.neighbors.on_timeout(now);
        for solicit in solicits {
            self.solicit(solicit);
        }
        for destination in unreachable {
            self.report_unreachable(destination);
        }
        for (key, part) in self.reassembly.on_timeout(now) {
            self.on_reassembly_timeout(now, &key, part);
        }
        self.on_report_timeout(now);
        self.routes.on_timeout(now);
        for destination in self.paths.on_timeout(now) {
            self.events
                .push_back(NetworkEvent::PathForgotten { destination });
        }
    }

    /// A router says, and a connection has found it credible, that packets to `destination` may
    /// have at most `mtu` bytes. [`Self::mtu_for`] tells what came of it.
    pub(crate) fn confirm_too_big(&mut self, now: Instant, destination: IpAddr, mtu: u16) {
        self.paths.learn(now, destination, mtu);
    }

    /// Nothing that is sent to `destination` is answered: looks whether the next hop is still where
    /// we think it is (RFC 1122 3.3.1.4, 2.3.2.1).
    pub(crate) fn suspect(&mut self, now: Instant, destination: IpAddr) {
        if let Some(next_hop) = self.next_hop(destination) {
            self.neighbors.suspect(now, next_hop);
        }
    }

    /// Adds what waits to `batch` until it is full; returns whether more waits.
    pub(crate) fn poll_transmit(&mut self, _now: Instant, batch: &mut TxBatch) -> bool {
        while batch.room() > 0
            && let Some(frame) = self.outbox.pop_front()
        {
            batch.push(frame);
        }
        !self.outbox.is_empty()
    }

    /// What happened, one event at a time.
    pub(crate) fn poll_event(&mut self) -> Option<NetworkEvent> {
        self.events.pop_front()
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let timers = [
            self.addresses.next_timeout(),
            self.neighbors.next_timeout(),
            self.reassembly.next_timeout(),
            self.routes.next_timeout(),
            self.paths.next_timeout(),
            self.report_at,
        ];
        timers.into_iter().flatten().min()
    }

    /// Whether `address` is ours and may be used.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        self.addresses.is_usable(address)
    }

    /// Whether `address` stands for all hosts of a link of ours.
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(v4) if self.addresses.is_broadcast(v4))
    }

    /// The address of ours from which packets to `destination` leave; `None` when we have none of
    /// its family, or no route to it.
    pub(crate) fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        self.next_hop(destination)?;
        source::choose(destination, self.addresses.usable())
    }

    /// The largest packet that reaches `destination` in one piece, as far as we know.
    pub(crate) fn mtu_for(&self, destination: IpAddr) -> u16 {
        let link = self.link_mtu(destination);
        self.paths
            .get(destination)
            .map_or(link, |path| path.min(link))
    }

    /// The largest packet on our link, of the family of `address`. What paths carry in the other
    /// direction is unknown, so this is what we may receive (RFC 9293 MUST-67).
    pub(crate) fn link_mtu(&self, address: IpAddr) -> u16 {
        if address.is_ipv6() {
            self.mtu_v6
        } else {
            self.mtu
        }
    }

    /// What waits for missing fragments.
    pub(crate) fn reassembly_use(&self) -> ReassemblyUse {
        self.reassembly.in_use()
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> NetworkCounters {
        NetworkCounters {
            neighbor_drops: self.neighbors.dropped(),
            ..self.counters
        }
    }

    /// Asks whether somebody uses an address.
    fn probe(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.probe_arp(address),
            IpAddr::V6(address) => {
                self.join(address);
                self.probe_ndp(address);
            }
        }
    }

    /// Tells everybody that an address is ours.
    fn announce(&mut self, address: IpAddr, cause: Cause) {
        match address {
            IpAddr::V4(address) => self.announce_arp(address, cause),
            IpAddr::V6(address) => self.announce_ndp(address, cause),
        }
    }

    /// Somebody at `by` uses `address`, which is in our table, or asks for it as we do.
    fn on_conflict(&mut self, now: Instant, address: IpAddr, by: EthernetAddress) {
        let Some(verdict) = self.addresses.on_conflict(now, address) else {
            return;
        };
        self.counters.address_conflicts += 1;
        let event = match verdict {
            Conflict::Taken => AddressEvent::Taken { address, by },
            Conflict::Defend => {
                self.announce(address, Cause::AddressDefend);
                AddressEvent::Defended { address, by }
            }
            Conflict::Lost => {
                self.neighbors.forget_source(address);
                AddressEvent::Lost { address, by }
            }
        };
        self.events.push_back(NetworkEvent::Address(event));
    }

    /// Tells the layers above, once however often it happens before they ask.
    fn report_unreachable(&mut self, destination: IpAddr) {
        let event = NetworkEvent::Unreachable { destination };
        if self.events.len() < UNREACHABLE_MAX && !self.events.contains(&event) {
            self.events.push_back(event);
        }
    }
}

/// Whether a host can have this address on a link with this prefix.
fn check_address(cidr: Cidr) -> Result<(), AddressError> {
    let names_all = match cidr.address {
        // A prefix of 31 bits has two hosts and nothing else (RFC 3021).
        IpAddr::V4(v4) if cidr.prefix_len < 31 => {
            cidr.broadcast() == Some(v4) || cidr.network().address == cidr.address
        }
        _ => false,
    };
    if names_all || !is_host(cidr.address) {
        return Err(AddressError::Invalid(cidr));
    }
    Ok(())
}
