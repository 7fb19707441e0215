//! Neighbour discovery for IPv6 (RFC 4861): solicitations, advertisements, and their options.
//!
//! All of them are ICMPv6 messages: they turn into an [`Icmpv6::Other`] with a body, and back.
//! That the hop limit is 255 is for the caller to check (RFC 4861 7.1).

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use smallvec::SmallVec;

use crate::error::ParseError;
use crate::ethernet::EthernetAddress;
use crate::icmpv6::Icmpv6;

/// Most prefixes taken from one router advertisement; more are ignored.
pub const PREFIXES_MAX: usize = 8;
/// Most options looked at in one message; more are ignored. No sender needs a third of them.
pub const OPTIONS_MAX: usize = 32;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;

const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;
const NONCE: u8 = 14;

/// A neighbour discovery message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "parsing must not allocate, and messages live for one call"
)]
pub enum Ndp {
    /// Who routes here?
    RouterSolicitation {
        /// Hardware address of the sender.
        source_link: Option<EthernetAddress>,
    },
    /// A router tells what it offers.
    RouterAdvertisement(RouterAdvertisement),
    /// Who has this address?
    NeighborSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// Hardware address of the sender; absent in duplicate address detection.
        source_link: Option<EthernetAddress>,
        /// To recognise our own solicitation when the link loops it back (RFC 7527).
        nonce: Option<[u8; 6]>,
    },
    /// An address and who has it.
    NeighborAdvertisement {
        /// The address.
        target: Ipv6Addr,
        /// Hardware address of its holder.
        target_link: Option<EthernetAddress>,
        /// The sender is a router.
        router: bool,
        /// In answer to a solicitation.
        solicited: bool,
        /// Replaces what is cached.
        override_flag: bool,
    },
}

/// A router advertisement (RFC 4861 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouterAdvertisement {
    /// Hop limit to use; 0 for no opinion.
    pub hop_limit: u8,
    /// M flag: addresses by DHCPv6.
    pub managed: bool,
    /// O flag: other settings by DHCPv6.
    pub other: bool,
    /// How long it is a default router, in seconds; 0 for not at all.
    pub lifetime: u16,
    /// Reachable time in milliseconds; 0 for no opinion.
    pub reachable_time: u32,
    /// Retransmission time in milliseconds; 0 for no opinion.
    pub retransmit_time: u32,
    /// Hardware address of the router.
    pub source_link: Option<EthernetAddress>,
    /// MTU of the link.
    pub mtu: Option<u32>,
    /// Prefixes of the link; a parser gives at most [`PREFIXES_MAX`], which take no allocation.
    pub prefixes: SmallVec<[PrefixInformation; PREFIXES_MAX]>,
}

/// A prefix option (RFC 4861 4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrefixInformation {
    /// The prefix; bits behind its length are to be ignored.
    pub prefix: Ipv6Addr,
    /// Its length in bits, at most 128.
    pub prefix_len: u8,
    /// L flag: addresses with this prefix are on the link.
    pub on_link: bool,
    /// A flag: may be used to make addresses.
    pub autonomous: bool,
    /// How long it is on the link, in seconds.
    pub valid: u32,
    /// How long addresses made from it are preferred, in seconds.
    pub preferred: u32,
}

/// The group of all nodes.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The group of all routers.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The solicited-node group of an address (RFC 4291 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., g, h] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (g & 0xff), h)
}

impl Ndp {
    /// The message in an ICMPv6 message, whose checksum was verified; `None` when it is of
    /// another kind.
    ///
    /// # Errors
    /// When it is cut short or an option is malformed (RFC 4861 6.1 and 7.1 ask to discard it).
    pub fn parse(message: &Icmpv6, body: &[u8]) -> Option<Result<Self, ParseError>> {
        let &Icmpv6::Other {
            kind,
            code: 0,
            rest,
        } = message
        else {
            return None;
        };
        match kind {
            ROUTER_SOLICITATION => {
                Some(
                    Options::parse(body).map(|options| Self::RouterSolicitation {
                        source_link: options.source_link,
                    }),
                )
            }
            ROUTER_ADVERTISEMENT => Some(parse_router_advertisement(rest, body)),
            NEIGHBOR_SOLICITATION => Some(target_and_options(body).map(|(target, options)| {
                let (source_link, nonce) = (options.source_link, options.nonce);
                Self::NeighborSolicitation {
                    target,
                    source_link,
                    nonce,
                }
            })),
            NEIGHBOR_ADVERTISEMENT => Some(target_and_options(body).map(|(target, options)| {
                Self::NeighborAdvertisement {
                    target,
                    target_link: options.target_link,
                    router: rest[0] & 0x80 != 0,
                    solicited: rest[0] & 0x40 != 0,
                    override_flag: rest[0] & 0x20 != 0,
                }
            })),
            _ => None,
        }
    }

    /// The bytes of the ICMPv6 message, checksum included.
    pub fn to_vec(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let mut body = Vec::new();
        let (kind, rest) = match self {
            Self::RouterSolicitation { source_link } => {
                link_option(&mut body, SOURCE_LINK_ADDRESS, *source_link);
                (ROUTER_SOLICITATION, [0; 4])
            }
            Self::RouterAdvertisement(router) => (ROUTER_ADVERTISEMENT, router.write(&mut body)),
            Self::NeighborSolicitation {
                target,
                source_link,
                nonce,
            } => {
                body.extend_from_slice(&target.octets());
                link_option(&mut body, SOURCE_LINK_ADDRESS, *source_link);
                if let Some(nonce) = nonce {
                    body.extend_from_slice(&[NONCE, 1]);
                    body.extend_from_slice(nonce);
                }
                (NEIGHBOR_SOLICITATION, [0; 4])
            }
            Self::NeighborAdvertisement {
                target,
                target_link,
                router,
                solicited,
                override_flag,
            } => {
                body.extend_from_slice(&target.octets());
                link_option(&mut body, TARGET_LINK_ADDRESS, *target_link);
                let flags = u8::from(*router) << 7
                    | u8::from(*solicited) << 6
                    | u8::from(*override_flag) << 5;
                (NEIGHBOR_ADVERTISEMENT, [flags, 0, 0, 0])
            }
        };
        Icmpv6::Other {
            kind,
            code: 0,
            rest,
        }
        .to_vec(&body, source, destination)
    }
}

impl RouterAdvertisement {
    /// Adds the body; returns bytes 4 to 7 of the message.
    fn write(&self, body: &mut Vec<u8>) -> [u8; 4] {
        body.extend_from_slice(&self.reachable_time.to_be_bytes());
        body.extend_from_slice(&self.retransmit_time.to_be_bytes());
        link_option(body, SOURCE_LINK_ADDRESS, self.source_link);
        if let Some(mtu) = self.mtu {
            body.extend_from_slice(&[MTU, 1, 0, 0]);
            body.extend_from_slice(&mtu.to_be_bytes());
        }
        for prefix in &self.prefixes {
            let flags = u8::from(prefix.on_link) << 7 | u8::from(prefix.autonomous) << 6;
            body.extend_from_slice(&[PREFIX_INFORMATION, 4, prefix.prefix_len, flags]);
            body.extend_from_slice(&prefix.valid.to_be_bytes());
            body.extend_from_slice(&prefix.preferred.to_be_bytes());
            body.extend_from_slice(&[0; 4]);
            body.extend_from_slice(&prefix.prefix.octets());
        }
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6;
        let [l0, l1] = self.lifetime.to_be_bytes();
        [self.hop_limit, flags, l0, l1]
    }
}

fn parse_router_advertisement(rest: [u8; 4], body: &[u8]) -> Result<Ndp, ParseError> {
    ParseError::check_len(body, 8)?;
    let word = |at: usize| {
        u32::from_be_bytes(body[at..at + 4].try_into().expect("the length was checked"))
    };
    let options = Options::parse(&body[8..])?;
    Ok(Ndp::RouterAdvertisement(RouterAdvertisement {
        hop_limit: rest[0],
        managed: rest[1] & 0x80 != 0,
        other: rest[1] & 0x40 != 0,
        lifetime: u16::from_be_bytes([rest[2], rest[3]]),
        reachable_time: word(0),
        retransmit_time: word(4),
        source_link: options.source_link,
        mtu: options.mtu,
        prefixes: options.prefixes,
    }))
}

/// The target address in front of the options.
fn target_and_options(body: &[u8]) -> Result<(Ipv6Addr, Options), ParseError> {
    let truncated = ParseError::Truncated {
        needed: 16,
        have: body.len(),
    };
    let (target, rest) = body.split_first_chunk::<16>().ok_or(truncated)?;
    Ok((Ipv6Addr::from(*target), Options::parse(rest)?))
}

fn link_option(body: &mut Vec<u8>, kind: u8, address: Option<EthernetAddress>) {
    if let Some(address) = address {
        body.extend_from_slice(&[kind, 1]);
        body.extend_from_slice(&address.0);
    }
}

/// The options that anybody acts upon.
#[derive(Default)]
struct Options {
    source_link: Option<EthernetAddress>,
    target_link: Option<EthernetAddress>,
    nonce: Option<[u8; 6]>,
    mtu: Option<u32>,
    prefixes: SmallVec<[PrefixInformation; PREFIXES_MAX]>,
}

impl Options {
    fn parse(mut bytes: &[u8]) -> Result<Self, ParseError> {
        let mut options = Self::default();
        for _ in 0..OPTIONS_MAX {
            if bytes.is_empty() {
                break;
            }
            ParseError::check_len(bytes, 2)?;
            let [kind, units] = [bytes[0], bytes[1]];
            let len = usize::from(units) * 8;
            // RFC 4861 4.6: a length of zero spoils the whole message.
            if len == 0 {
                return Err(ParseError::Length);
            }
            ParseError::check_len(bytes, len)?;
            let (option, rest) = bytes.split_at(len);
            options.take(kind, &option[2..]);
            bytes = rest;
        }
        Ok(options)
    }

    fn take(&mut self, kind: u8, value: &[u8]) {
        let six = value
            .first_chunk::<6>()
            .copied()
            .filter(|_| value.len() == 6);
        match kind {
            SOURCE_LINK_ADDRESS => self.source_link = six.map(EthernetAddress),
            TARGET_LINK_ADDRESS => self.target_link = six.map(EthernetAddress),
            NONCE => self.nonce = six,
            MTU => self.mtu = six.map(|[_, _, a, b, c, d]| u32::from_be_bytes([a, b, c, d])),
            PREFIX_INFORMATION if self.prefixes.len() < PREFIXES_MAX => {
                self.prefixes.extend(PrefixInformation::parse(value));
            }
            _ => {}
        }
    }
}

impl PrefixInformation {
    fn parse(value: &[u8]) -> Option<Self> {
        let value = value.first_chunk::<30>()?;
        let word = |at: usize| {
            u32::from_be_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]])
        };
        let prefix: [u8; 16] = value[14..30].try_into().expect("sixteen bytes");
        (value[0] <= 128).then(|| Self {
            prefix: Ipv6Addr::from(prefix),
            prefix_len: value[0],
            on_link: value[1] & 0x80 != 0,
            autonomous: value[1] & 0x40 != 0,
            valid: word(2),
            preferred: word(6),
        })
    }
}
