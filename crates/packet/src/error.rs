//! Why bytes are not a packet.

use core::fmt;

/// The reason for which a parser gave up. Nothing about the rest of the bytes is known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes end before the header does.
    Truncated {
        /// How many bytes there must be at least.
        needed: usize,
        /// How many there are.
        have: usize,
    },
    /// A version field that the parser does not know.
    Version(u8),
    /// A length field that contradicts the bytes or the format.
    Length,
    /// The checksum is wrong.
    Checksum,
    /// A field has a value that the format forbids.
    Field,
    /// More headers follow one another than anybody needs.
    TooMany,
}

impl ParseError {
    /// Fails unless there are `needed` bytes.
    pub(crate) fn check_len(bytes: &[u8], needed: usize) -> Result<(), Self> {
        if bytes.len() < needed {
            return Err(Self::Truncated {
                needed,
                have: bytes.len(),
            });
        }
        Ok(())
    }

    /// The first `N` bytes; fails when there are fewer.
    pub(crate) fn first<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], Self> {
        bytes.first_chunk().ok_or(Self::Truncated {
            needed: N,
            have: bytes.len(),
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, have } => {
                write!(f, "cut short: {have} bytes where {needed} are needed")
            }
            Self::Version(version) => write!(f, "version {version} is not known here"),
            Self::Length => f.write_str("a length field contradicts the packet"),
            Self::Checksum => f.write_str("the checksum is wrong"),
            Self::Field => f.write_str("a field has a forbidden value"),
            Self::TooMany => f.write_str("too many headers in a row"),
        }
    }
}

impl core::error::Error for ParseError {}
