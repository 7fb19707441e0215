//! Every assigned TCP option, one by one, for those who want to see all of them.

use alloc::vec::Vec;
use core::fmt;

use super::header::SeqNumber;
use super::options::{SackBlock, SackBlocks, Timestamps};
use crate::error::ParseError;

/// Most bytes of options in one header: 15 words less the 5 of the header.
pub const OPTIONS_LEN_MAX: usize = 40;
/// The number of the Fast Open experiment, from before kind 34 was assigned (RFC 7413 section 9).
pub const FAST_OPEN_EXPERIMENT: u16 = 0xf989;

/// One TCP option. What is not understood in full is kept as its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// End of options (kind 0).
    End,
    /// Padding (kind 1).
    NoOperation,
    /// Maximum segment size (kind 2).
    Mss(u16),
    /// Window scale shift (kind 3, RFC 7323).
    WindowScale(u8),
    /// SACK permitted (kind 4, RFC 2018).
    SackPermitted,
    /// SACK blocks (kind 5).
    Sack(SackBlocks),
    /// Timestamps (kind 8, RFC 7323).
    Timestamps(Timestamps),
    /// MD5 signature (kind 19, RFC 2385): the digest.
    Md5(&'a [u8]),
    /// User timeout (kind 28, RFC 5482).
    UserTimeout {
        /// The value is in minutes, else in seconds.
        minutes: bool,
        /// 15 bits.
        value: u16,
    },
    /// TCP-AO (kind 29, RFC 5925).
    Authentication {
        /// Which key was used.
        key_id: u8,
        /// Which key is wanted next.
        next_key_id: u8,
        /// The code.
        mac: &'a [u8],
    },
    /// Multipath TCP (kind 30, RFC 8684).
    Mptcp(Mptcp<'a>),
    /// Fast Open (RFC 7413).
    FastOpen {
        /// The cookie, empty in a request for one. Its length is not judged here.
        cookie: &'a [u8],
        /// The experimental kind (253 or 254) under which it came with
        /// [`FAST_OPEN_EXPERIMENT`]; `None` for kind 34.
        experiment: Option<u8>,
    },
    /// AccECN counters (kinds 172 and 174, RFC 9768).
    AccEcn {
        /// Kind 172 has the counters in the order E0B, CEB, E1B; kind 174 in the reverse.
        order: u8,
        /// Up to three counters of three bytes; what follows or is cut short is padding.
        counters: &'a [u8],
    },
    /// An experiment (kinds 253 and 254, RFC 6994).
    Experimental {
        /// 253 or 254.
        kind: u8,
        /// Which experiment.
        identifier: u16,
        /// Its data.
        data: &'a [u8],
    },
    /// Any other kind, as it stands.
    Unknown {
        /// Kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

/// A Multipath TCP option: its subtype and everything behind kind and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mptcp<'a> {
    /// Subtype (RFC 8684 8.2): 0 is MP_CAPABLE, 1 MP_JOIN, 2 DSS.
    pub subtype: u8,
    /// All bytes behind kind and length; the high half of the first is the subtype.
    pub data: &'a [u8],
}

impl TcpOption<'_> {
    /// Adds the option to an option field, without padding. It is written as it stands: a cookie
    /// or a code of impossible length too, and of data beyond what a length can say, all of it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::End => out.push(0),
            Self::NoOperation => out.push(1),
            Self::Mss(mss) => put(out, 2, &[&mss.to_be_bytes()]),
            Self::WindowScale(shift) => put(out, 3, &[&[shift]]),
            Self::SackPermitted => put(out, 4, &[]),
            Self::Sack(blocks) => {
                let len = 2 + 8 * blocks.as_slice().len();
                out.extend_from_slice(&[5, u8::try_from(len).expect("at most four blocks")]);
                for block in blocks.as_slice() {
                    out.extend_from_slice(&block.left.0.to_be_bytes());
                    out.extend_from_slice(&block.right.0.to_be_bytes());
                }
            }
            Self::Timestamps(Timestamps { value, echo }) => {
                put(out, 8, &[&value.to_be_bytes(), &echo.to_be_bytes()]);
            }
            Self::Md5(digest) => put(out, 19, &[digest]),
            Self::UserTimeout { minutes, value } => {
                let field = u16::from(minutes) << 15 | value & 0x7fff;
                put(out, 28, &[&field.to_be_bytes()]);
            }
            Self::Authentication {
                key_id,
                next_key_id,
                mac,
            } => put(out, 29, &[&[key_id, next_key_id], mac]),
            Self::Mptcp(Mptcp { data, .. }) => put(out, 30, &[data]),
            Self::FastOpen { cookie, experiment } => match experiment {
                Some(kind) => put(out, kind, &[&FAST_OPEN_EXPERIMENT.to_be_bytes(), cookie]),
                None => put(out, 34, &[cookie]),
            },
            Self::AccEcn { order, counters } => put(out, order, &[counters]),
            Self::Experimental {
                kind,
                identifier,
                data,
            } => put(out, kind, &[&identifier.to_be_bytes(), data]),
            Self::Unknown { kind, data } => put(out, kind, &[data]),
        }
    }
}

/// Kind, length and the parts of the data.
fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let len = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    out.extend_from_slice(&[kind, u8::try_from(len).unwrap_or(u8::MAX)]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// All options of an option field up to its end or the end-of-options mark. A malformed option
/// gives one error and ends the iteration.
#[inline]
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Result<TcpOption<'_>, ParseError>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = next_option(rest);
        rest = match next {
            Ok((TcpOption::End, _)) | Err(_) => &[],
            Ok((_, rest)) => rest,
        };
        Some(next.map(|(option, _)| option))
    })
}

#[inline]
fn next_option(bytes: &[u8]) -> Result<(TcpOption<'_>, &[u8]), ParseError> {
    match bytes[0] {
        0 => return Ok((TcpOption::End, &[])),
        1 => return Ok((TcpOption::NoOperation, &bytes[1..])),
        _ => {}
    }
    ParseError::check_len(bytes, 2)?;
    let len = usize::from(bytes[1]);
    if len < 2 {
        return Err(ParseError::Length);
    }
    ParseError::check_len(bytes, len)?;
    let option = understand(bytes[0], &bytes[2..len]).ok_or(ParseError::Length)?;
    Ok((option, &bytes[len..]))
}

/// `None` when the length is impossible for the kind.
#[inline]
fn understand(kind: u8, data: &[u8]) -> Option<TcpOption<'_>> {
    Some(match (kind, data) {
        (2, &[a, b]) => TcpOption::Mss(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, _) => TcpOption::Sack(sack_blocks(data)?),
        (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps(Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo: u32::from_be_bytes([e, f, g, h]),
        }),
        (2 | 3 | 4 | 8, _) => return None,
        (19, _) if data.len() == 16 => TcpOption::Md5(data),
        (28, &[a, b]) => TcpOption::UserTimeout {
            minutes: a & 0x80 != 0,
            value: u16::from_be_bytes([a & 0x7f, b]),
        },
        (29, &[key_id, next_key_id, ref mac @ ..]) => TcpOption::Authentication {
            key_id,
            next_key_id,
            mac,
        },
        (30, &[first, ..]) => TcpOption::Mptcp(Mptcp {
            subtype: first >> 4,
            data,
        }),
        (34, _) => TcpOption::FastOpen {
            cookie: data,
            experiment: None,
        },
        (172 | 174, _) => TcpOption::AccEcn {
            order: kind,
            counters: data,
        },
        (253 | 254, &[a, b, ref data @ ..]) => match u16::from_be_bytes([a, b]) {
            FAST_OPEN_EXPERIMENT => TcpOption::FastOpen {
                cookie: data,
                experiment: Some(kind),
            },
            identifier => TcpOption::Experimental {
                kind,
                identifier,
                data,
            },
        },
        _ => TcpOption::Unknown { kind, data },
    })
}

fn sack_blocks(data: &[u8]) -> Option<SackBlocks> {
    if data.is_empty() || !data.len().is_multiple_of(8) {
        return None;
    }
    let mut blocks = SackBlocks::EMPTY;
    for block in data.chunks_exact(8) {
        let [a, b, c, d, e, f, g, h] = *block.first_chunk::<8>()?;
        blocks.push(SackBlock {
            left: SeqNumber(u32::from_be_bytes([a, b, c, d])),
            right: SeqNumber(u32::from_be_bytes([e, f, g, h])),
        });
    }
    Some(blocks)
}

impl fmt::Display for TcpOption<'_> {
    /// In tcpdump's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("eol"),
            Self::NoOperation => f.write_str("nop"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                write!(f, "sack {} ", blocks.as_slice().len())?;
                for block in blocks.as_slice() {
                    write!(f, "{{{}:{}}}", block.left, block.right)?;
                }
                Ok(())
            }
            Self::Timestamps(ts) => write!(f, "TS val {} ecr {}", ts.value, ts.echo),
            Self::Md5(_) => f.write_str("md5"),
            Self::UserTimeout { minutes, value } => {
                write!(f, "uto {value}{}", if *minutes { "m" } else { "s" })
            }
            Self::Authentication { key_id, .. } => write!(f, "tcp-ao keyid {key_id}"),
            Self::Mptcp(mptcp) => write!(f, "mptcp {}", mptcp.subtype),
            Self::FastOpen { cookie, experiment } => {
                f.write_str(if experiment.is_some() {
                    "exp-tfo"
                } else {
                    "tfo"
                })?;
                match cookie {
                    [] => f.write_str(" cookiereq"),
                    cookie => write!(f, " cookie of {} bytes", cookie.len()),
                }
            }
            Self::AccEcn { counters, .. } => write!(f, "accecn of {} bytes", counters.len()),
            Self::Experimental { identifier, .. } => write!(f, "exp-{identifier:04x}"),
            Self::Unknown { kind, .. } => write!(f, "unknown-{kind}"),
        }
    }
}
