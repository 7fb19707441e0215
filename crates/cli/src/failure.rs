//! How the command fails: exit codes as curl has them, and messages that say what happened, why,
//! and what to do.

use std::fmt;
use std::time::Duration;

/// Exit codes; those below 100 mean what they mean for curl, but for [`code::FAILED`].
pub(crate) mod code {
    /// Something that is no transfer failed: a lesson, the lab, a check of content.
    pub(crate) const FAILED: u8 = 1;
    /// The command line makes no sense.
    pub(crate) const USAGE: u8 = 2;
    /// The name could not be resolved.
    pub(crate) const RESOLVE: u8 = 6;
    /// No connection, or no network to make one from.
    pub(crate) const CONNECT: u8 = 7;
    /// The body was cut short.
    pub(crate) const PARTIAL: u8 = 18;
    /// An HTTP status of 400 or more, with `-f`.
    pub(crate) const HTTP: u8 = 22;
    /// The output could not be written.
    pub(crate) const WRITE: u8 = 23;
    /// The file to upload could not be read.
    pub(crate) const READ: u8 = 26;
    /// A time limit was reached.
    pub(crate) const TIMEOUT: u8 = 28;
    /// The server closed without an answer.
    pub(crate) const EMPTY: u8 = 52;
    /// The connection broke, or what came is no HTTP.
    pub(crate) const RECEIVE: u8 = 56;
    /// Ctrl-C.
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// Why the command ends without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(code::USAGE, message)
    }

    /// A limit of the user's was reached while `doing`.
    pub(crate) fn timeout(doing: &str, limit: Duration, advice: &str) -> Self {
        Self::new(
            code::TIMEOUT,
            format!("gave up after {}: {doing}; {advice}", Seconds(limit)),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A duration as the user gave it: seconds, without useless zeros.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}
