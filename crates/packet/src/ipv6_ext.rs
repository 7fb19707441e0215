//! IPv6 extension headers (RFC 8200 section 4): a bounded walk to the transport header.

use core::fmt;

use crate::ip::Protocol;

/// Most extension headers in front of a transport header. Each kind may come once (destination
/// options twice), so more is an attack on our time.
pub const EXTENSIONS_MAX: usize = 8;

/// The fragment header (RFC 8200 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentHeader {
    /// What the reassembled packet begins with.
    pub next_header: Protocol,
    /// Where this fragment belongs, in bytes; a multiple of 8.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
    /// Identification, for reassembly.
    pub identification: u32,
}

impl FragmentHeader {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// Writes the header at the start of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        out[0] = self.next_header.0;
        out[1] = 0;
        let offset = self.offset & !7 | u16::from(self.more);
        out[2..4].copy_from_slice(&offset.to_be_bytes());
        out[4..8].copy_from_slice(&self.identification.to_be_bytes());
    }
}

/// Where a walk over the extension headers ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk<'a> {
    /// What `payload` begins with. Behind a fragment header that is no first fragment, the
    /// protocol that the fragment header names.
    pub protocol: Protocol,
    /// Everything behind the last extension header.
    pub payload: &'a [u8],
    /// The fragment header, if there was one; the walk ends behind it.
    pub fragment: Option<FragmentHeader>,
    /// Offset of `payload` from where the walk began.
    pub offset: usize,
    /// Offset of the byte that names `protocol`, from the start of the IPv6 header (for ICMPv6
    /// parameter problems).
    pub named_at: usize,
}

/// Why a walk did not reach a transport header. The numbers are offsets from the start of the
/// IPv6 header, as an ICMPv6 parameter problem wants them (RFC 4443 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalkError {
    /// The packet ends inside an extension header.
    Truncated,
    /// Hop-by-hop options somewhere else than right behind the IPv6 header.
    Misplaced {
        /// Where it is named.
        pointer: u32,
    },
    /// An option that must be understood is not known (the two high bits of its type ask for an
    /// error).
    UnknownOption {
        /// Where the option is.
        pointer: u32,
        /// The error is wanted even when the destination is a group.
        even_multicast: bool,
    },
    /// An option that is not known asks for silent discard.
    Discard,
    /// A routing header with segments left, of a type that is not known (type 0 is never obeyed,
    /// RFC 5095).
    Routing {
        /// Where its type is.
        pointer: u32,
    },
    /// More than [`EXTENSIONS_MAX`] headers.
    TooMany,
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the packet ends inside an extension header"),
            Self::Misplaced { pointer } => {
                write!(
                    f,
                    "hop-by-hop options are named at byte {pointer}, not first"
                )
            }
            Self::UnknownOption { pointer, .. } => {
                write!(
                    f,
                    "the option at byte {pointer} must be understood and is not known"
                )
            }
            Self::Discard => f.write_str("an option that is not known asks for discard"),
            Self::Routing { pointer } => {
                write!(f, "the routing header at byte {pointer} has segments left")
            }
            Self::TooMany => write!(f, "more than {EXTENSIONS_MAX} extension headers"),
        }
    }
}

impl core::error::Error for WalkError {}

/// Walks from the header `first`, at the start of `bytes` (the payload of the IPv6 header), to
/// the first header that is no extension header.
///
/// # Errors
/// See [`WalkError`].
pub fn walk(first: Protocol, bytes: &[u8]) -> Result<Walk<'_>, WalkError> {
    let (mut protocol, mut offset, mut named_at) = (first, 0, NEXT_HEADER_AT);
    for _ in 0..=EXTENSIONS_MAX {
        let rest = &bytes[offset..];
        match protocol {
            Protocol::HOP_BY_HOP if offset > 0 => {
                return Err(WalkError::Misplaced {
                    pointer: pointer(named_at),
                });
            }
            Protocol::HOP_BY_HOP | Protocol::DESTINATION_OPTIONS => {
                check_options(extension(rest)?, IPV6_LEN + offset)?;
            }
            Protocol::ROUTING => {
                let header = extension(rest)?;
                if header[3] > 0 {
                    return Err(WalkError::Routing {
                        pointer: pointer(IPV6_LEN + offset + 2),
                    });
                }
            }
            Protocol::FRAGMENT => {
                let header = rest.first_chunk::<8>().ok_or(WalkError::Truncated)?;
                let field = u16::from_be_bytes([header[2], header[3]]);
                let fragment = FragmentHeader {
                    next_header: Protocol(header[0]),
                    offset: field & !7,
                    more: field & 1 == 1,
                    identification: u32::from_be_bytes([
                        header[4], header[5], header[6], header[7],
                    ]),
                };
                return Ok(Walk {
                    protocol: fragment.next_header,
                    payload: &rest[FragmentHeader::LEN..],
                    fragment: Some(fragment),
                    offset: offset + FragmentHeader::LEN,
                    named_at: IPV6_LEN + offset,
                });
            }
            _ => {
                return Ok(Walk {
                    protocol,
                    payload: rest,
                    fragment: None,
                    offset,
                    named_at,
                });
            }
        }
        protocol = Protocol(rest[0]);
        named_at = IPV6_LEN + offset;
        offset += extension(rest)?.len();
    }
    Err(WalkError::TooMany)
}

/// Bytes of the IPv6 header.
const IPV6_LEN: usize = 40;
/// Where the IPv6 header names what follows it.
const NEXT_HEADER_AT: usize = 6;

/// The whole extension header at the start of `bytes`.
fn extension(bytes: &[u8]) -> Result<&[u8], WalkError> {
    let len = bytes.get(1).map(|&units| (usize::from(units) + 1) * 8);
    len.and_then(|len| bytes.get(..len))
        .ok_or(WalkError::Truncated)
}

/// Looks for options that must not be skipped (RFC 8200 4.2). `base` is the offset of the header
/// from the start of the IPv6 header.
fn check_options(header: &[u8], base: usize) -> Result<(), WalkError> {
    let mut at = 2;
    while at < header.len() {
        let kind = header[at];
        if kind == 0 {
            at += 1;
            continue;
        }
        match kind >> 6 {
            0 => {}
            1 => return Err(WalkError::Discard),
            action => {
                let even_multicast = action == 2;
                let pointer = pointer(base + at);
                return Err(WalkError::UnknownOption {
                    pointer,
                    even_multicast,
                });
            }
        }
        let len = header.get(at + 1).ok_or(WalkError::Truncated)?;
        at += 2 + usize::from(*len);
    }
    if at == header.len() {
        Ok(())
    } else {
        Err(WalkError::Truncated)
    }
}

fn pointer(at: usize) -> u32 {
    u32::try_from(at).expect("IP packets are below 64 KiB")
}
