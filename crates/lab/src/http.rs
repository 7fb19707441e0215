//! Just enough HTTP/1.1 to ask the lab's own server, over any stream: the kernel's or Handfast's.
//! A real client (redirects, chunks, proxies) belongs to the command, not here.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use crate::content::Verifier;

/// Bytes of a body that an [`Answer`] keeps.
pub const KEPT_MAX: usize = 256 * 1024;
/// Longest header that is read, in bytes.
const HEADER_MAX: u64 = 16 * 1024;
/// Bytes read at once.
const PIECE_LEN: usize = 256 * 1024;

/// The request for a page, after which the server closes.
pub fn get(path: &str, host: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// The head of a request that sends `len` bytes, after which the server closes.
pub fn put(path: &str, host: &str, len: u64) -> String {
    format!(
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {len}\r\n\r\n"
    )
}

/// An answer of the lab's server, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Status of the answer.
    pub status: u16,
    /// The first bytes of the body, at most [`KEPT_MAX`].
    pub start: Vec<u8>,
    /// How many bytes the body had.
    pub len: u64,
    /// Position of the first byte that is not the lab's position-keyed content.
    pub mismatch: Option<u64>,
}

impl Answer {
    /// Reads an answer until the server closes.
    ///
    /// # Errors
    /// Broken, cut short, or not HTTP.
    pub fn read(stream: &mut impl Read) -> Result<Self, FetchError> {
        let mut reader = BufReader::with_capacity(PIECE_LEN, stream);
        let (status, promised) = read_header(&mut reader)?;
        let mut verifier = Verifier::new();
        let mut start = Vec::new();
        loop {
            let bytes = reader
                .fill_buf()
                .map_err(|source| broken(verifier.len(), source))?;
            if bytes.is_empty() {
                break;
            }
            let kept = bytes.len().min(KEPT_MAX - start.len());
            start.extend_from_slice(&bytes[..kept]);
            verifier.update(bytes);
            let len = bytes.len();
            reader.consume(len);
        }
        if promised.is_some_and(|promised| verifier.len() < promised) {
            return Err(broken(verifier.len(), io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Self {
            status,
            start,
            len: verifier.len(),
            mismatch: verifier.mismatch(),
        })
    }

    /// The kept bytes as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }
}

/// Why a transfer failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The connection could not be made.
    Connect(io::Error),
    /// It broke, after so many bytes of the body.
    Broken {
        /// Bytes of the body that had come or gone.
        after: u64,
        /// What broke it.
        source: io::Error,
    },
    /// The answer's header made no sense.
    Malformed(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "could not connect: {error}"),
            Self::Broken { after, source } => {
                write!(
                    f,
                    "the connection broke after {after} bytes of the body: {source}"
                )
            }
            Self::Malformed(line) => write!(f, "the answer is not HTTP: {line:?}"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(source) | Self::Broken { source, .. } => Some(source),
            Self::Malformed(_) => None,
        }
    }
}

pub(crate) fn broken(after: u64, source: io::Error) -> FetchError {
    FetchError::Broken { after, source }
}

/// Reads the status and the promised length of the body.
fn read_header(reader: &mut impl BufRead) -> Result<(u16, Option<u64>), FetchError> {
    let mut header = reader.take(HEADER_MAX);
    let mut next_line = || {
        let mut line = String::new();
        header
            .read_line(&mut line)
            .map_err(|source| broken(0, source))
            .map(|_| line)
    };
    let first = next_line()?;
    if first.is_empty() {
        return Err(broken(0, io::ErrorKind::UnexpectedEof.into()));
    }
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok());
    let Some(status) = status else {
        return Err(FetchError::Malformed(first));
    };
    let mut promised = None;
    loop {
        let line = next_line()?;
        if line.trim_end().is_empty() {
            return Ok((status, promised));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            promised = value.trim().parse().ok();
        }
    }
}
