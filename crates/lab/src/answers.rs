//! What the lab's pages answer, whichever TCP serves them: the kernel's in `server`, or Handfast's
//! own in the memory lab of the command. How an answer is sent is theirs.

use std::fmt;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;

use crate::content::Verifier;

/// Length of one numbered block of `/packets/N`: the data of one full segment on Ethernet.
pub const BLOCK_LEN: usize = 1_448;
/// Most blocks that `/packets/N` sends; the page is made in memory.
pub const BLOCKS_MAX: usize = 10_000;
/// What `/malformed` sends instead of HTTP.
pub const MALFORMED: &[u8] = b"this is not the answer you are looking for\r\n\r\n";
/// A promise of 1,000 bytes of which 500 come.
const SHORT_PROMISED: usize = 1_000;
const SHORT_SENT: usize = 500;

/// The service refuses to answer; hyper then drops the connection without a word.
#[derive(Debug)]
pub struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this page gives no answer on purpose")
    }
}

impl std::error::Error for Unanswered {}

/// Status and text of an answer in plain words.
pub type Words = (StatusCode, String);

/// Reads a body of position-keyed content and says whether it is right.
pub async fn upload(mut body: Incoming) -> Words {
    let mut verifier = Verifier::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(bytes) = frame.data_ref() {
                    verifier.update(bytes);
                }
            }
            Err(error) => return (StatusCode::BAD_REQUEST, format!("body: {error}\n")),
        }
    }
    let count = verifier.len();
    match verifier.mismatch() {
        None => (StatusCode::OK, format!("received {count} bytes: ok\n")),
        Some(at) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("received {count} bytes: first mismatch at {at}\n"),
        ),
    }
}

/// The number of blocks that `/packets/N` asks for.
///
/// # Errors
/// The answer to a wish for more than [`BLOCKS_MAX`].
pub fn blocks(count: u64) -> Result<usize, Words> {
    let count = usize::try_from(count).ok();
    count.filter(|&count| count <= BLOCKS_MAX).ok_or_else(|| {
        let words = format!("at most {BLOCKS_MAX} packets\n");
        (StatusCode::BAD_REQUEST, words)
    })
}

/// `/status/N`. An informational status is no final answer, so a client would wait for more.
pub fn status(code: u64) -> Words {
    let status = u16::try_from(code).ok();
    match status.and_then(|code| StatusCode::from_u16(code).ok()) {
        Some(status) if !status.is_informational() => (status, format!("{status}\n")),
        _ => (StatusCode::BAD_REQUEST, format!("{code} is no status\n")),
    }
}

/// `/short`: a header that promises more than comes, and what comes.
pub fn short() -> Vec<u8> {
    let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {SHORT_PROMISED}\r\n\r\n");
    format!("{header}{:.<SHORT_SENT$}", "").into_bytes()
}
