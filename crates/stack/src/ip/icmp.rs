//! What ICMP may say and what may be believed: errors that we send are rationed, errors that we
//! receive are weighed by the packet that they quote.
//!
//! Formats are in crate `packet`; whether a connection acts on an error is decided there.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;

/// Most ICMP errors sent at once (RFC 4443 2.4 (f): the depth of the token bucket). A traceroute
/// asks 16 times at once by default, and two of them shall fit.
pub(crate) const ICMP_BURST_MAX: u32 = 32;
/// Most ICMP errors sent in a second on average: enough for people and tools, and next to nothing
/// for whom a forged source might hit.
pub(crate) const ICMP_RATE_MAX: u32 = 100;
/// Most bytes of an IPv4 packet that an error quotes, so that the whole fits into the 576 bytes
/// that everybody takes (RFC 1812 4.3.2.3).
pub(crate) const QUOTE_V4_MAX: usize = 576 - 20 - 8;
/// The same for IPv6: the error must not exceed the minimum MTU (RFC 4443 2.4 (c)).
pub(crate) const QUOTE_V6_MAX: usize = 1_280 - 40 - 8;

/// Bytes behind the IP header that every error must quote (RFC 792); all that TCP needs.
pub(crate) const QUOTED_TRANSPORT: usize = 8;

/// MTUs that exist in practice, for routers that do not name theirs (RFC 1191 section 7.1).
const PLATEAUS: [u16; 9] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296];

/// The bucket of tokens for errors.
#[derive(Debug)]
pub(crate) struct ErrorLimit {
    tokens: u32,
    /// The time up to which tokens have been filled in.
    filled_at: Instant,
}

impl ErrorLimit {
    /// A full bucket.
    pub(crate) const fn new() -> Self {
        Self {
            tokens: ICMP_BURST_MAX,
            filled_at: Instant::ZERO,
        }
    }

    /// Takes the right to send one error; false when there is none left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let interval = Duration::from_secs(1) / ICMP_RATE_MAX;
        let elapsed = now - self.filled_at;
        let earned = elapsed.as_nanos() / interval.as_nanos();
        match u32::try_from(earned) {
            Ok(earned) if earned < ICMP_BURST_MAX => {
                self.tokens = (self.tokens + earned).min(ICMP_BURST_MAX);
                self.filled_at += interval * earned;
            }
            _ => {
                self.tokens = ICMP_BURST_MAX;
                self.filled_at = now;
            }
        }
        let some = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        some
    }
}

/// What an ICMP error means for whoever sent the packet that it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IcmpKind {
    /// It may pass: nothing is to be given up for it (RFC 1122 4.2.3.9, RFC 9293 MUST-56).
    Soft,
    /// Nobody is there to talk to, or nobody may (RFC 9293 SHLD-26).
    Hard,
    /// The packet is larger than `mtu`, which the next link takes.
    TooBig {
        /// In bytes, of the IP packet.
        mtu: u16,
    },
}

/// The meaning of an ICMPv4 message about a packet of `quoted_len` bytes; `None` when it is no
/// error, or one that must be ignored (source quench: RFC 6633; redirects are not followed).
pub(crate) fn meaning_v4(message: &Icmpv4, quoted_len: u16) -> Option<IcmpKind> {
    match *message {
        Icmpv4::Unreachable {
            code: 4,
            next_hop_mtu: 0,
        } => {
            let mtu = PLATEAUS.into_iter().find(|&mtu| mtu < quoted_len)?;
            Some(IcmpKind::TooBig { mtu })
        }
        Icmpv4::Unreachable {
            code: 4,
            next_hop_mtu,
        } => Some(IcmpKind::TooBig { mtu: next_hop_mtu }),
        // Protocol or port unreachable; network, host or all communication prohibited.
        Icmpv4::Unreachable {
            code: 2 | 3 | 9 | 10 | 13,
            ..
        } => Some(IcmpKind::Hard),
        Icmpv4::Unreachable { .. }
        | Icmpv4::TimeExceeded { .. }
        | Icmpv4::ParameterProblem { .. } => Some(IcmpKind::Soft),
        _ => None,
    }
}

/// The same for ICMPv6.
pub(crate) fn meaning_v6(message: &Icmpv6) -> Option<IcmpKind> {
    match *message {
        Icmpv6::PacketTooBig { mtu } => Some(IcmpKind::TooBig {
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
        }),
        // Administratively prohibited, port unreachable, failed policy, rejected route.
        Icmpv6::Unreachable {
            code: 1 | 4 | 5 | 6,
        } => Some(IcmpKind::Hard),
        Icmpv6::Unreachable { .. }
        | Icmpv6::TimeExceeded { .. }
        | Icmpv6::ParameterProblem { .. } => Some(IcmpKind::Soft),
        _ => None,
    }
}

/// The beginning of a packet as an ICMP error quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: Protocol,
    /// Length of the whole packet as its header tells.
    pub(crate) len: u16,
    /// The first bytes behind the IP header.
    pub(crate) transport: [u8; QUOTED_TRANSPORT],
}

impl Quoted {
    /// Reads an IPv4 packet that is cut short. Its checksum is not looked at: routers on the way
    /// have changed the header, and some quote it without mending the checksum. `None` when there
    /// is too little of it, or when it is not the first fragment.
    pub(crate) fn parse_v4(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<20>()?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
        if header[0] >> 4 != 4 || header_len < 20 || fragment != 0 {
            return None;
        }
        let address = |at: usize| -> IpAddr {
            Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]).into()
        };
        Some(Self {
            source: address(12),
            destination: address(16),
            protocol: Protocol(header[9]),
            len: u16::from_be_bytes([header[2], header[3]]),
            transport: *bytes.get(header_len..)?.first_chunk()?,
        })
    }

    /// Reads an IPv6 packet that is cut short. We send no extension headers, so what quotes some
    /// is not about a packet of ours and fails at the protocol.
    pub(crate) fn parse_v6(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<40>()?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let source: [u8; 16] = *header[8..].first_chunk()?;
        let destination: [u8; 16] = *header[24..].first_chunk()?;
        Some(Self {
            source: Ipv6Addr::from(source).into(),
            destination: Ipv6Addr::from(destination).into(),
            protocol: Protocol(header[6]),
            len: u16::from_be_bytes([header[4], header[5]]).saturating_add(40),
            transport: *bytes[40..].first_chunk()?,
        })
    }
}

#[cfg(test)]
mod tests;
