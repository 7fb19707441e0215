//! Why a capture file cannot be read further.

use std::fmt;
use std::io;

/// The reason for which reading ends before the file does.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be read.
    Io(io::Error),
    /// Its first bytes are those of no known format.
    Unknown,
    /// What stands there makes no sense.
    Malformed {
        /// How many bytes of the file had been read.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Unknown => f.write_str("this is neither pcap nor pcapng"),
            Self::Malformed { at, what } => write!(f, "malformed before byte {at}: {what}"),
        }
    }
}

impl std::error::Error for CaptureError {}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
