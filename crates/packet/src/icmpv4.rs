//! ICMP for IPv4 (RFC 792): echo, and the errors that matter to a host.

use alloc::vec;
use alloc::vec::Vec;

use crate::checksum;
use crate::error::ParseError;

/// Bytes of every ICMP header.
pub const HEADER_LEN: usize = 8;

/// Codes of destination unreachable (RFC 792, RFC 1122 3.2.2.1).
pub mod unreachable {
    /// No route to the network.
    pub const NETWORK: u8 = 0;
    /// No route to the host.
    pub const HOST: u8 = 1;
    /// The host does not know the protocol.
    pub const PROTOCOL: u8 = 2;
    /// Nobody has the port.
    pub const PORT: u8 = 3;
    /// Too large for a link on the way, and DF is set.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// A filter forbids it.
    pub const PROHIBITED: u8 = 13;
}

/// An ICMP message; what follows the header is its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv4 {
    /// Echo request; the body is any data.
    EchoRequest {
        /// Whose question.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Echo reply; the body is that of the request.
    EchoReply {
        /// Whose question.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Destination unreachable; the body quotes the packet.
    Unreachable {
        /// Why, see [`mod@unreachable`].
        code: u8,
        /// MTU of the next hop with [`unreachable::FRAGMENTATION_NEEDED`] (RFC 1191); else 0.
        next_hop_mtu: u16,
    },
    /// Time exceeded: 0 in transit, 1 in reassembly; the body quotes the packet.
    TimeExceeded {
        /// Where the time ran out.
        code: u8,
    },
    /// Parameter problem; the body quotes the packet.
    ParameterProblem {
        /// 0 when `pointer` says where.
        code: u8,
        /// Offset of the bad byte in the quoted packet.
        pointer: u8,
    },
    /// Anything else.
    Other {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes 4 to 7.
        rest: [u8; 4],
    },
}

impl Icmpv4 {
    /// The message and its body.
    ///
    /// # Errors
    /// When it is cut short or its checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        ParseError::check_len(bytes, HEADER_LEN)?;
        if checksum::checksum(bytes) != 0 {
            return Err(ParseError::Checksum);
        }
        let [kind, code, _, _, a, b, c, d] =
            *bytes.first_chunk::<8>().expect("the length was checked");
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let message = match (kind, code) {
            (8, 0) => Self::EchoRequest {
                identifier: high,
                sequence: low,
            },
            (0, 0) => Self::EchoReply {
                identifier: high,
                sequence: low,
            },
            (3, unreachable::FRAGMENTATION_NEEDED) => Self::Unreachable {
                code,
                next_hop_mtu: low,
            },
            (3, _) => Self::Unreachable {
                code,
                next_hop_mtu: 0,
            },
            (11, _) => Self::TimeExceeded { code },
            (12, _) => Self::ParameterProblem { code, pointer: a },
            _ => Self::Other {
                kind,
                code,
                rest: [a, b, c, d],
            },
        };
        Ok((message, &bytes[HEADER_LEN..]))
    }

    /// The bytes of the message with `body` behind it, checksum included.
    pub fn to_vec(&self, body: &[u8]) -> Vec<u8> {
        let (kind, code, rest) = self.parts();
        let mut bytes = vec![0; HEADER_LEN];
        bytes[0] = kind;
        bytes[1] = code;
        bytes[4..8].copy_from_slice(&rest);
        bytes.extend_from_slice(body);
        let sum = checksum::checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// Whether this tells of a problem with a packet; such a message is never answered with
    /// another (RFC 1122 3.2.2).
    pub const fn is_error(&self) -> bool {
        match self {
            Self::EchoRequest { .. } | Self::EchoReply { .. } => false,
            Self::Unreachable { .. }
            | Self::TimeExceeded { .. }
            | Self::ParameterProblem { .. } => true,
            // Source quench and redirect.
            Self::Other { kind, .. } => matches!(kind, 4 | 5),
        }
    }

    /// Type, code and the four bytes behind the checksum.
    fn parts(&self) -> (u8, u8, [u8; 4]) {
        let words = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            [a, b, c, d]
        };
        match *self {
            Self::EchoRequest {
                identifier,
                sequence,
            } => (8, 0, words(identifier, sequence)),
            Self::EchoReply {
                identifier,
                sequence,
            } => (0, 0, words(identifier, sequence)),
            Self::Unreachable { code, next_hop_mtu } => (3, code, words(0, next_hop_mtu)),
            Self::TimeExceeded { code } => (11, code, [0; 4]),
            Self::ParameterProblem { code, pointer } => (12, code, [pointer, 0, 0, 0]),
            Self::Other { kind, code, rest } => (kind, code, rest),
        }
    }
}
