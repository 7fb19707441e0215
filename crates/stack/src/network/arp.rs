//! ARP (RFC 826) with the manners of RFC 5227: what we ask, what we answer, whom we believe.

use core::net::{IpAddr, Ipv4Addr};

use handfast_packet::Instant;
use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::TxFrame;
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::{EtherType, EthernetAddress};

use super::Network;
use crate::ip::is_host;
use crate::link::neighbor::Evidence;

impl Network {
    /// Takes in an ARP packet.
    pub(super) fn on_arp(&mut self, now: Instant, bytes: &[u8]) {
        let Ok(arp) = ArpPacket::parse(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        let (by, sender) = (arp.sender_hardware, IpAddr::V4(arp.sender_protocol));
        // What we said ourselves may come back; what claims to come from a group is forged
        // (RFC 1812 3.3.2).
        if by == self.hardware || by.is_multicast() || by == EthernetAddress::ZERO {
            return;
        }
        if self.addresses.contains(sender) {
            return self.on_conflict(now, sender, by);
        }
        let target = IpAddr::V4(arp.target_protocol);
        let is_request = arp.operation == ArpOperation::REQUEST;
        if is_request && arp.sender_protocol.is_unspecified() && self.addresses.is_tentative(target)
        {
            // Somebody probes for the address that we probe for (RFC 5227 2.1.1).
            return self.on_conflict(now, target, by);
        }
        let for_us = self.addresses.is_usable(target);
        let evidence = match (is_request, for_us) {
            (true, true) => Evidence::Question(target),
            (false, true) => Evidence::Answer,
            (_, false) => Evidence::Overheard,
        };
        if is_host(sender) && self.next_hop(sender) == Some(sender) {
            let waiting = self.neighbors.learn(now, sender, by, evidence);
            self.release_waiting(by, waiting);
        }
        if is_request && for_us {
            self.reply_arp(&arp);
        }
    }

    /// Asks whether somebody uses an address (RFC 5227 2.1.1): the sender's address is left out,
    /// so that nobody takes it for ours yet.
    pub(super) fn probe_arp(&mut self, address: Ipv4Addr) {
        let probe = self.question(Ipv4Addr::UNSPECIFIED, address);
        self.send_arp(EthernetAddress::BROADCAST, probe, Cause::AddressProbe);
    }

    /// Says that an address is ours (RFC 5227 2.3), by a question to which nobody has an answer.
    pub(super) fn announce_arp(&mut self, address: Ipv4Addr, cause: Cause) {
        let announcement = self.question(address, address);
        self.send_arp(EthernetAddress::BROADCAST, announcement, cause);
    }

    /// Asks for a neighbour: everybody, or itself whether it is still there (RFC 1122 2.3.2.1).
    pub(super) fn solicit_arp(
        &mut self,
        source: Ipv4Addr,
        target: Ipv4Addr,
        to: Option<EthernetAddress>,
    ) {
        let question = self.question(source, target);
        self.send_arp(
            to.unwrap_or(EthernetAddress::BROADCAST),
            question,
            Cause::Resolve,
        );
    }

    fn reply_arp(&mut self, question: &ArpPacket) {
        let reply = ArpPacket {
            operation: ArpOperation::REPLY,
            sender_hardware: self.hardware,
            sender_protocol: question.target_protocol,
            target_hardware: question.sender_hardware,
            target_protocol: question.sender_protocol,
        };
        self.send_arp(question.sender_hardware, reply, Cause::ResolveReply);
    }

    fn question(&self, sender: Ipv4Addr, target: Ipv4Addr) -> ArpPacket {
        ArpPacket {
            operation: ArpOperation::REQUEST,
            sender_hardware: self.hardware,
            sender_protocol: sender,
            target_hardware: EthernetAddress::ZERO,
            target_protocol: target,
        }
    }

    fn send_arp(&mut self, link: EthernetAddress, packet: ArpPacket, cause: Cause) {
        let mut frame = TxFrame {
            cause,
            ..TxFrame::default()
        };
        packet.write(frame.head.prepend(ArpPacket::LEN));
        self.send_frame(link, EtherType::ARP, frame);
    }
}
