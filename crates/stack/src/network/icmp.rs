//! ICMP for both versions of IP: echo answered, errors sent and errors believed.

use core::net::{IpAddr, Ipv6Addr};

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::cause::Cause;
use handfast_packet::error::ParseError;
use handfast_packet::icmpv4::{self, Icmpv4};
use handfast_packet::icmpv6::{self, Icmpv6};
use handfast_packet::ip::Protocol;
use handfast_packet::ndp::Ndp;

use super::egress::Message;
use super::ingress::Arrived;
use super::{IcmpReport, Inbound, Network};
use crate::ip::icmp::{IcmpKind, QUOTE_V4_MAX, QUOTE_V6_MAX, Quoted, meaning_v4, meaning_v6};
use crate::ip::is_host;
use crate::ip::pmtu;
use crate::ip::reassembly::{Key, Whole};

/// What we have to say about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Nobody has the port.
    PortUnreachable,
    /// Nobody speaks the protocol.
    ProtocolUnreachable,
    /// Some fragments did not come in time.
    ReassemblyTimeExceeded,
    /// A header cannot stand where it stands (IPv6).
    UnknownNextHeader { pointer: u32 },
    /// An option that must be understood is not (IPv6).
    UnknownOption { pointer: u32, even_multicast: bool },
    /// A field has a value that cannot be obeyed (IPv6).
    BadField { pointer: u32 },
}

impl Network {
    /// An ICMP message in an IPv4 packet.
    pub(super) fn on_icmpv4(&mut self, now: Instant, arrived: &Arrived) -> Option<Inbound> {
        let bytes = &arrived.packet[arrived.payload_at..];
        let (message, body) = match Icmpv4::parse(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return self.unreadable_message(error),
        };
        if let Icmpv4::EchoRequest {
            identifier,
            sequence,
        } = message
        {
            let reply = Icmpv4::EchoReply {
                identifier,
                sequence,
            }
            .to_vec(body);
            self.reply_echo(now, arrived, Chunk::from(reply));
            return None;
        }
        if !message.is_error() {
            return None;
        }
        let quoted = Quoted::parse_v4(body);
        let kind = quoted.and_then(|quoted| meaning_v4(&message, quoted.len));
        self.report(quoted, kind)
    }

    /// An ICMP message in an IPv6 packet.
    pub(super) fn on_icmpv6(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        source: Ipv6Addr,
    ) -> Option<Inbound> {
        let IpAddr::V6(destination) = arrived.destination else {
            unreachable!("both ends of a packet are of one family");
        };
        let bytes = &arrived.packet[arrived.payload_at..];
        let (message, body) = match Icmpv6::parse(bytes, source, destination) {
            Ok(parsed) => parsed,
            Err(error) => return self.unreadable_message(error),
        };
        match Ndp::parse(&message, body) {
            None => {}
            Some(Err(_)) => return self.malformed(),
            Some(Ok(ndp)) => {
                self.on_ndp(now, arrived, (source, destination), &ndp);
                return None;
            }
        }
        if self.on_query(now, arrived, (&message, body)) {
            return None;
        }
        // Neither a group nor somebody without an address can ask for an answer or be believed.
        if destination.is_multicast() || source.is_unspecified() {
            return None;
        }
        if let Icmpv6::EchoRequest {
            identifier,
            sequence,
        } = message
        {
            let reply = Icmpv6::EchoReply {
                identifier,
                sequence,
            };
            let reply = reply.to_vec(body, destination, source);
            self.reply_echo(now, arrived, Chunk::from(reply));
            return None;
        }
        if !message.is_error() {
            return None;
        }
        self.report(Quoted::parse_v6(body), meaning_v6(&message))
    }

    /// Tells the sender of a packet what is wrong with it, if that may be told and the rate
    /// allows it (RFC 1122 3.2.2, RFC 4443 2.4).
    pub(super) fn complain(&mut self, now: Instant, about: &Arrived, complaint: Complaint) {
        let even_multicast = matches!(
            complaint,
            Complaint::UnknownOption {
                even_multicast: true,
                ..
            }
        );
        let to_group = about.destination.is_multicast() && !even_multicast;
        if to_group || !is_host(about.source) || about.is_icmp_error() {
            return;
        }
        let source = match about.destination.is_multicast() {
            true => self.source_for(about.source),
            false => Some(about.destination),
        };
        let bytes = source.and_then(|source| complaint.to_bytes(about, source));
        let (Some(source), Some(bytes)) = (source, bytes) else {
            return;
        };
        if !self.error_limit.take(now) {
            self.counters.icmp_errors_limited += 1;
            return;
        }
        let sent = self.send_message(
            now,
            Message {
                source,
                destination: about.source,
                protocol: icmp_of(source),
                bytes,
                cause: Cause::IcmpError,
            },
        );
        self.counters.icmp_errors_sent += u64::from(sent);
    }

    /// Fragments of a datagram did not come in time. Its sender is told when the first one did,
    /// as only that one shows what it was (RFC 1122 3.3.2, RFC 8200 4.5).
    pub(super) fn on_reassembly_timeout(&mut self, now: Instant, key: &Key, part: Option<Whole>) {
        self.counters.reassembly_timeouts += 1;
        if let Some(part) = part
            && self.is_local(key.destination)
        {
            let about = Arrived::partial(key, part);
            self.complain(now, &about, Complaint::ReassemblyTimeExceeded);
        }
    }

    fn reply_echo(&mut self, now: Instant, request: &Arrived, bytes: Chunk) {
        if !self.answer_echo {
            return;
        }
        let sent = self.send_message(
            now,
            Message {
                source: request.destination,
                destination: request.source,
                protocol: icmp_of(request.source),
                bytes,
                cause: Cause::EchoReply,
            },
        );
        self.counters.echo_replies += u64::from(sent);
    }

    /// Hands an error on when it quotes a TCP segment that could be ours (RFC 5927 section 4),
    /// and when it tells something new.
    fn report(&mut self, quoted: Option<Quoted>, kind: Option<IcmpKind>) -> Option<Inbound> {
        let ours = quoted
            .filter(|quoted| quoted.protocol == Protocol::TCP && self.is_local(quoted.source));
        let credible = ours.zip(kind).and_then(|(quoted, kind)| match kind {
            IcmpKind::TooBig { mtu } => {
                let mtu = self.news(&quoted, mtu)?;
                Some((quoted, IcmpKind::TooBig { mtu }))
            }
            IcmpKind::Soft | IcmpKind::Hard => Some((quoted, kind)),
        });
        let Some((quoted, kind)) = credible else {
            self.counters.icmp_errors_ignored += 1;
            return None;
        };
        self.counters.icmp_errors_received += 1;
        Some(Inbound::IcmpError(IcmpReport {
            local: quoted.source,
            remote: quoted.destination,
            kind,
            quoted: quoted.transport,
        }))
    }

    /// What a router's word about a packet makes of the path, if it is credible and would make
    /// the path narrower than we know it to be. A packet that would have passed is no reason to
    /// complain (RFC 5927 section 7).
    fn news(&self, quoted: &Quoted, mtu: u16) -> Option<u16> {
        let known = self.mtu_for(quoted.destination);
        pmtu::credible(quoted.destination, mtu).filter(|&worth| mtu < quoted.len && worth < known)
    }

    fn unreadable_message(&mut self, error: ParseError) -> Option<Inbound> {
        if error != ParseError::Checksum {
            return self.malformed();
        }
        self.counters.bad_checksums += 1;
        None
    }
}

impl Complaint {
    /// The message about a packet, from `source`; `None` when ICMP of that family has no words
    /// for it.
    fn to_bytes(self, about: &Arrived, source: IpAddr) -> Option<Chunk> {
        let packet = &about.packet;
        let bytes = match (source, about.source) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let quote = &packet[..packet.len().min(QUOTE_V6_MAX)];
                self.in_v6(about)?.to_vec(quote, source, destination)
            }
            _ => self
                .in_v4()?
                .to_vec(&packet[..packet.len().min(QUOTE_V4_MAX)]),
        };
        Some(Chunk::from(bytes))
    }

    fn in_v4(self) -> Option<Icmpv4> {
        let unreachable = |code| Icmpv4::Unreachable {
            code,
            next_hop_mtu: 0,
        };
        match self {
            Self::PortUnreachable => Some(unreachable(icmpv4::unreachable::PORT)),
            Self::ProtocolUnreachable => Some(unreachable(icmpv4::unreachable::PROTOCOL)),
            Self::ReassemblyTimeExceeded => Some(Icmpv4::TimeExceeded { code: 1 }),
            _ => None,
        }
    }

    fn in_v6(self, about: &Arrived) -> Option<Icmpv6> {
        use icmpv6::parameter;
        let problem = |code, pointer| Some(Icmpv6::ParameterProblem { code, pointer });
        match self {
            Self::PortUnreachable => Some(Icmpv6::Unreachable {
                code: icmpv6::unreachable::PORT,
            }),
            // The place of a header in a datagram that came in pieces is in none of them.
            Self::ProtocolUnreachable if about.fragmented => None,
            Self::ProtocolUnreachable => {
                problem(parameter::NEXT_HEADER, u32::try_from(about.named_at).ok()?)
            }
            Self::ReassemblyTimeExceeded => Some(Icmpv6::TimeExceeded { code: 1 }),
            Self::UnknownNextHeader { pointer } => problem(parameter::NEXT_HEADER, pointer),
            Self::UnknownOption { pointer, .. } => problem(parameter::OPTION, pointer),
            Self::BadField { pointer } => problem(parameter::FIELD, pointer),
        }
    }
}

impl Arrived {
    /// Whether this is an ICMP error, which is never answered with another.
    fn is_icmp_error(&self) -> bool {
        let kind = self.packet.get(self.payload_at).copied();
        match self.protocol {
            // All but echo, timestamps and what else only asks or answers (RFC 1122 3.2.2).
            Protocol::ICMP => matches!(kind, None | Some(3 | 4 | 5 | 11 | 12)),
            // Errors have types below 128; redirects count as such (RFC 4443 2.4 (e)).
            Protocol::ICMPV6 => kind.is_none_or(|kind| kind < 128 || kind == 137),
            _ => false,
        }
    }
}

/// The ICMP that goes with an address.
const fn icmp_of(address: IpAddr) -> Protocol {
    match address {
        IpAddr::V4(_) => Protocol::ICMP,
        IpAddr::V6(_) => Protocol::ICMPV6,
    }
}
