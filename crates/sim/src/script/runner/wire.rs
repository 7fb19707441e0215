//! Packets as bytes: what a script sends is built, what the stack sent is taken apart.

use std::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::build::{Ipv4, Ipv6, Packet, Tcp, Udp};
use handfast_packet::cause::Cause;
use handfast_packet::checksum::{checksum, pseudo_header};
use handfast_packet::ip::Protocol;
use handfast_packet::tcp::{TcpFlags, TcpHeader, verify_checksum};

use super::options;
use crate::script::ast::{Ecn, Flags, IpInfo, TcpOption};

/// A TCP segment with the numbers of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LiveSegment {
    pub(super) flags: Flags,
    pub(super) seq: u32,
    pub(super) len: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: Vec<TcpOption>,
}

/// What the stack sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) cause: Cause,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) traffic_class: u8,
    pub(super) hop_limit: u8,
    pub(super) body: SentBody,
}

/// What an IP packet of the stack carries.
#[derive(Clone, Debug)]
pub(super) enum SentBody {
    Tcp {
        ports: (u16, u16),
        segment: LiveSegment,
    },
    /// Anything else, by its IP protocol number.
    Other(u8),
    /// The bytes make no sense: a defect of the stack.
    Broken(&'static str),
}

impl Sent {
    /// Takes an IP packet apart.
    pub(super) fn new(at: Instant, cause: Cause, bytes: &[u8]) -> Self {
        let mut sent = Self {
            at,
            cause,
            source: IpAddr::from([0; 4]),
            destination: IpAddr::from([0; 4]),
            traffic_class: 0,
            hop_limit: 0,
            body: SentBody::Broken("no IP packet"),
        };
        sent.take_apart(bytes);
        sent
    }

    fn take_apart(&mut self, bytes: &[u8]) {
        let v6 = match bytes.first().map(|byte| byte >> 4) {
            Some(4) => false,
            Some(6) => true,
            _ => return,
        };
        let header_len = if v6 {
            40
        } else {
            usize::from(bytes[0] & 0xf) * 4
        };
        if header_len < 20 || bytes.len() < header_len {
            return;
        }
        let protocol;
        if v6 {
            self.traffic_class = bytes[0] << 4 | bytes[1] >> 4;
            (protocol, self.hop_limit) = (bytes[6], bytes[7]);
            let address = |at: usize| {
                let octets: [u8; 16] = bytes[at..at + 16].try_into().expect("16 bytes");
                IpAddr::from(octets)
            };
            (self.source, self.destination) = (address(8), address(24));
        } else {
            self.traffic_class = bytes[1];
            (self.hop_limit, protocol) = (bytes[8], bytes[9]);
            let address = |at: usize| {
                let octets: [u8; 4] = bytes[at..at + 4].try_into().expect("4 bytes");
                IpAddr::from(octets)
            };
            (self.source, self.destination) = (address(12), address(16));
        }
        self.body = if protocol == 6 {
            self.tcp(&bytes[header_len..])
        } else {
            SentBody::Other(protocol)
        };
    }

    fn tcp(&self, bytes: &[u8]) -> SentBody {
        let Ok((header, len)) = TcpHeader::parse(bytes) else {
            return SentBody::Broken("a TCP header cut short");
        };
        if !verify_checksum(self.source, self.destination, bytes) {
            return SentBody::Broken("a wrong TCP checksum");
        }
        let segment = LiveSegment {
            flags: Flags {
                bits: header.flags.0,
                ace: None,
            },
            seq: header.seq.0,
            len: u32::try_from(bytes.len() - len).unwrap_or(u32::MAX),
            ack: header.ack.0,
            window: header.window,
            urgent: header.urgent,
            options: options::decode(&bytes[TcpHeader::LEN..len]),
        };
        SentBody::Tcp {
            ports: (header.source, header.destination),
            segment,
        }
    }
}

/// The ends of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) ports: (u16, u16),
}

/// The bytes of an incoming segment. Its text is zeros.
///
/// # Errors
/// What cannot be built.
pub(super) fn tcp(ends: Ends, ip: IpInfo, segment: &LiveSegment) -> Result<Vec<u8>, String> {
    let layer = tcp_layer(ends.ports, segment)?;
    let len = usize::try_from(segment.len).unwrap_or(usize::MAX);
    if len > 65_000 {
        return Err(format!("an incoming segment of {len} bytes"));
    }
    let packet = ip_layer(ends) / layer / vec![0; len];
    Ok(with_ip_info(packet.to_vec(), ip))
}

/// The bytes of an incoming UDP datagram.
pub(super) fn udp(ends: Ends, ip: IpInfo, len: usize) -> Vec<u8> {
    let packet = ip_layer(ends) / Udp::new(ends.ports.0, ends.ports.1) / vec![0; len];
    with_ip_info(packet.to_vec(), ip)
}

/// The bytes of an incoming ICMP error that quotes a segment of ours, `quoted` being its ends.
///
/// # Errors
/// When there is no such error in this family, or it is not known here.
pub(super) fn icmp(
    (from, quoted): (IpAddr, Ends),
    segment: &LiveSegment,
    (kind, code, mtu): (&str, Option<&str>, Option<u32>),
) -> Result<Vec<u8>, String> {
    let v6 = from.is_ipv6();
    let (kind, code) = icmp_numbers(v6, kind, code)?;
    let packet = ip_layer(quoted) / tcp_layer(quoted.ports, segment)?;
    let text = usize::try_from(segment.len).unwrap_or_default();
    let mut inner = packet.to_vec();
    // The quote ends behind the header, but the length in it is that of the whole.
    let total = inner.len() + text;
    if v6 {
        set_word(&mut inner, 4, total - 40);
    } else {
        set_word(&mut inner, 2, total);
        renew_checksum(&mut inner);
    }
    let outer = Ends {
        source: from,
        destination: quoted.source,
        ports: (0, 0),
    };
    let mut message = vec![kind, code, 0, 0];
    message.extend(mtu.unwrap_or_default().to_be_bytes());
    message.extend(inner);
    let sum = if v6 {
        let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
        pseudo_header(outer.source, outer.destination, Protocol::ICMPV6, len)
            .add(&message)
            .finish()
    } else {
        checksum(&message)
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    Ok((icmp_ip_layer(outer) / message).to_vec())
}

/// Type and code of an ICMP error (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443).
fn icmp_numbers(v6: bool, kind: &str, code: Option<&str>) -> Result<(u8, u8), String> {
    let codes: &[(&str, u8)] = if v6 {
        &[
            ("no_route", 0),
            ("net_unreachable", 0),
            ("admin_prohibited", 1),
            ("not_neighbour", 2),
            ("addr_unreachable", 3),
            ("address_unreachable", 3),
            ("host_unreachable", 3),
            ("port_unreachable", 4),
        ]
    } else {
        &[
            ("net_unreachable", 0),
            ("host_unreachable", 1),
            ("protocol_unreachable", 2),
            ("port_unreachable", 3),
            ("frag_needed", 4),
            ("source_route_failed", 5),
            ("net_unknown", 6),
            ("host_unknown", 7),
            ("source_host_isolated", 8),
            ("net_prohibited", 9),
            ("host_prohibited", 10),
            ("net_unreachable_for_tos", 11),
            ("host_unreachable_for_tos", 12),
            ("packet_filtered", 13),
            ("precedence_violation", 14),
            ("precedence_cutoff", 15),
        ]
    };
    let number = match code {
        None => 0,
        Some(name) => codes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, number)| number)
            .ok_or_else(|| format!("the ICMP code {name}"))?,
    };
    let kind = match (v6, kind) {
        (false, "unreachable") => 3,
        (false, "source_quench") => 4,
        (false, "time_exceeded") => 11,
        (false, "parameter_problem") => 12,
        (true, "unreachable") => 1,
        (true, "packet_too_big") => 2,
        (true, "time_exceeded") => 3,
        (true, "parameter_problem") => 4,
        _ => return Err(format!("the ICMP type {kind}")),
    };
    Ok((kind, number))
}

fn tcp_layer(ports: (u16, u16), segment: &LiveSegment) -> Result<Tcp, String> {
    let mut tcp = Tcp::new(ports.0, ports.1)
        .seq(segment.seq)
        .window(segment.window)
        .flags(TcpFlags(segment.flags.bits))
        .raw_options(&options::encode(&segment.options)?);
    if segment.flags.has(Flags::ACK) {
        tcp = tcp.ack(segment.ack);
    }
    if segment.flags.has(Flags::URG) {
        tcp = tcp.urgent(segment.urgent);
    }
    Ok(tcp)
}

fn ip_layer(ends: Ends) -> Packet {
    match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Ipv4::new(source, destination).dont_fragment().into()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6::new(source, destination).into(),
        _ => unreachable!("both ends of a flow are of one family"),
    }
}

/// As `ip_layer`, for raw bytes of ICMP behind it.
fn icmp_ip_layer(ends: Ends) -> Packet {
    match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ipv4::new(source, destination)
            .protocol(Protocol::ICMP)
            .into(),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6::new(source, destination)
            .next_header(Protocol::ICMPV6)
            .into(),
        _ => unreachable!("both ends of a flow are of one family"),
    }
}

/// Puts what the script says into the IP header.
fn with_ip_info(mut bytes: Vec<u8>, ip: IpInfo) -> Vec<u8> {
    let v6 = bytes[0] >> 4 == 6;
    let mut class = ip.traffic_class.unwrap_or_default();
    if let Some(ecn) = ip.ecn {
        class = class & !3 | ecn_bits(ecn);
    }
    if v6 {
        bytes[0] = 0x60 | class >> 4;
        bytes[1] = class << 4 | bytes[1] & 0xf;
        bytes[7] = ip.hop_limit.unwrap_or(bytes[7]);
    } else {
        bytes[1] = class;
        bytes[8] = ip.hop_limit.unwrap_or(bytes[8]);
        renew_checksum(&mut bytes);
    }
    bytes
}

/// The bits of an ECN field (RFC 3168 section 5).
pub(super) const fn ecn_bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::Not => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 | Ecn::Ect01 => 2,
        Ecn::Ce => 3,
    }
}

fn renew_checksum(bytes: &mut [u8]) {
    bytes[10..12].fill(0);
    let sum = checksum(&bytes[..20]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
}

fn set_word(bytes: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).unwrap_or(u16::MAX);
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
