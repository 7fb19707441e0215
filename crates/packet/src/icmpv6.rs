//! ICMP for IPv6 (RFC 4443): echo and errors. Neighbour discovery is in `ndp`.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use crate::checksum::pseudo_header;
use crate::error::ParseError;
use crate::ip::Protocol;

/// Bytes of the header in front of the body.
pub const HEADER_LEN: usize = 8;

/// Codes of destination unreachable (RFC 4443 3.1).
pub mod unreachable {
    /// No route.
    pub const NO_ROUTE: u8 = 0;
    /// A filter forbids it.
    pub const PROHIBITED: u8 = 1;
    /// Beyond the scope of the source address.
    pub const BEYOND_SCOPE: u8 = 2;
    /// The neighbour does not answer.
    pub const ADDRESS: u8 = 3;
    /// Nobody has the port.
    pub const PORT: u8 = 4;
}

/// Codes of parameter problem (RFC 4443 3.4).
pub mod parameter {
    /// A field of a header is wrong.
    pub const FIELD: u8 = 0;
    /// The next header is not known.
    pub const NEXT_HEADER: u8 = 1;
    /// An option is not known.
    pub const OPTION: u8 = 2;
}

/// An ICMPv6 message; what follows the first eight bytes is its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv6 {
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
    },
    /// Packet too big; the body quotes the packet.
    PacketTooBig {
        /// MTU of the next hop.
        mtu: u32,
    },
    /// Time exceeded: 0 in transit, 1 in reassembly; the body quotes the packet.
    TimeExceeded {
        /// Where the time ran out.
        code: u8,
    },
    /// Parameter problem; the body quotes the packet.
    ParameterProblem {
        /// What kind, see [`parameter`].
        code: u8,
        /// Offset of the problem in the quoted packet.
        pointer: u32,
    },
    /// Anything else: neighbour discovery, group membership, what is not known.
    Other {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes 4 to 7.
        rest: [u8; 4],
    },
}

impl Icmpv6 {
    /// The message and its body. The checksum covers the addresses of the packet.
    ///
    /// # Errors
    /// When it is cut short or its checksum is wrong.
    pub fn parse(
        bytes: &[u8],
        source: Ipv6Addr,
        destination: Ipv6Addr,
    ) -> Result<(Self, &[u8]), ParseError> {
        ParseError::check_len(bytes, HEADER_LEN)?;
        if sum(bytes, source, destination) != 0 {
            return Err(ParseError::Checksum);
        }
        let [kind, code, _, _, a, b, c, d] =
            *bytes.first_chunk::<8>().expect("the length was checked");
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let word = u32::from_be_bytes([a, b, c, d]);
        let message = match (kind, code) {
            (128, 0) => Self::EchoRequest {
                identifier: high,
                sequence: low,
            },
            (129, 0) => Self::EchoReply {
                identifier: high,
                sequence: low,
            },
            (1, _) => Self::Unreachable { code },
            (2, 0) => Self::PacketTooBig { mtu: word },
            (3, _) => Self::TimeExceeded { code },
            (4, _) => Self::ParameterProblem {
                code,
                pointer: word,
            },
            _ => Self::Other {
                kind,
                code,
                rest: [a, b, c, d],
            },
        };
        Ok((message, &bytes[HEADER_LEN..]))
    }

    /// The bytes of the message with `body` behind it, checksum included.
    pub fn to_vec(&self, body: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let (kind, code, rest) = self.parts();
        let mut bytes = vec![0; HEADER_LEN];
        bytes[0] = kind;
        bytes[1] = code;
        bytes[4..8].copy_from_slice(&rest);
        bytes.extend_from_slice(body);
        let sum = sum(&bytes, source, destination);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// Whether this tells of a problem with a packet: types below 128 (RFC 4443 2.1).
    pub const fn is_error(&self) -> bool {
        match self {
            Self::EchoRequest { .. } | Self::EchoReply { .. } => false,
            Self::Other { kind, .. } => *kind < 128,
            _ => true,
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
            } => (128, 0, words(identifier, sequence)),
            Self::EchoReply {
                identifier,
                sequence,
            } => (129, 0, words(identifier, sequence)),
            Self::Unreachable { code } => (1, code, [0; 4]),
            Self::PacketTooBig { mtu } => (2, 0, mtu.to_be_bytes()),
            Self::TimeExceeded { code } => (3, code, [0; 4]),
            Self::ParameterProblem { code, pointer } => (4, code, pointer.to_be_bytes()),
            Self::Other { kind, code, rest } => (kind, code, rest),
        }
    }
}

fn sum(bytes: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    pseudo_header(source, destination, Protocol::ICMPV6, len)
        .add(bytes)
        .finish()
}
