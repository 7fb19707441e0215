//! Multicast listener discovery (RFC 3810), as much as a host needs that listens to nothing but
//! solicitations: switches that forward groups by reports must know where our groups are, or
//! nobody behind them could find us or notice that an address is taken (RFC 4862 5.4.2).
//!
//! Not here: sources (we take everybody), version 1, and leaving a group in so many words. A
//! group that nobody reports is forgotten by itself.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ndp::solicited_node;

use super::Network;
use super::egress::Message;
use super::ingress::Arrived;

/// Longest time that an answer to a query is put off; queriers ask for 10 s (RFC 3810 9.3).
const DELAY_MAX: Duration = Duration::from_secs(10);

/// All routers that speak version 2.
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Reports stay on the link.
const HOP_LIMIT: u8 = 1;
/// Hop-by-hop options with a router alert (RFC 2711), in front of ICMPv6: routers must look.
const ROUTER_ALERT: [u8; 8] = [Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0];

const QUERY: u8 = 130;
const REPORT: u8 = 143;

/// What a record in a report says (RFC 3810 5.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Record {
    /// We listen to the group, whoever sends.
    IsExclude = 2,
    /// We have just begun to.
    ToExclude = 4,
}

impl Network {
    /// We listen to the group of `address` from now on. To be said more than once, as reports get
    /// lost (the robustness variable of RFC 3810 9.1).
    pub(super) fn join(&mut self, address: Ipv6Addr) {
        self.send_report(Record::ToExclude, &[solicited_node(address)]);
    }

    /// Takes in what is no neighbour discovery; true when it was a query.
    pub(super) fn on_query(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        (message, body): (&Icmpv6, &[u8]),
    ) -> bool {
        let &Icmpv6::Other {
            kind: QUERY,
            rest: [high, low, ..],
            ..
        } = message
        else {
            return false;
        };
        let from_link = arrived.hop_limit == HOP_LIMIT
            && matches!(arrived.source, IpAddr::V6(source) if source.is_unicast_link_local());
        // Version 1 ends behind the group, version 2 goes on for at least four bytes; what is of
        // another length is no query (RFC 3810 8.1).
        let group = body.first_chunk::<16>().map(|&group| Ipv6Addr::from(group));
        let group = group.filter(|_| body.len() == 16 || body.len() >= 20);
        let groups = self.addresses.groups();
        let concerns_us =
            group.is_some_and(|group| group.is_unspecified() || groups.contains(&group));
        if from_link && concerns_us && !groups.is_empty() {
            // From 32,768 on the code is a floating-point number, far beyond our longest delay.
            let longest = Duration::from_millis(u16::from_be_bytes([high, low]).into());
            let longest = u64::try_from(longest.min(DELAY_MAX).as_nanos()).unwrap_or(u64::MAX);
            let at = now + Duration::from_nanos(self.random.below(longest));
            self.report_at = Some(self.report_at.map_or(at, |earlier| earlier.min(at)));
        }
        true
    }

    /// Answers a query when its time has come.
    pub(super) fn on_report_timeout(&mut self, now: Instant) {
        if self.report_at.take_if(|at| *at <= now).is_some() {
            let groups = self.addresses.groups();
            self.send_report(Record::IsExclude, &groups);
        }
    }

    fn send_report(&mut self, record: Record, groups: &[Ipv6Addr]) {
        let Ok(count) = u16::try_from(groups.len()) else {
            return;
        };
        let mut body = Vec::with_capacity(groups.len() * 20);
        for group in groups {
            body.extend_from_slice(&[record as u8, 0, 0, 0]);
            body.extend_from_slice(&group.octets());
        }
        let [high, low] = count.to_be_bytes();
        let report = Icmpv6::Other {
            kind: REPORT,
            code: 0,
            rest: [0, 0, high, low],
        };
        // Without a link-local address the report has none, and only switches act on it
        // (RFC 3810 5.2.13).
        let own = self.addresses.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
        let mut bytes = ROUTER_ALERT.to_vec();
        bytes.extend_from_slice(&report.to_vec(&body, own, ROUTERS));
        let message = Message {
            source: own.into(),
            destination: ROUTERS.into(),
            protocol: Protocol::HOP_BY_HOP,
            bytes: Chunk::from(bytes),
            cause: Cause::GroupReport,
        };
        self.send_on_link(
            EthernetAddress::multicast(ROUTERS.into()),
            HOP_LIMIT,
            message,
        );
    }
}
