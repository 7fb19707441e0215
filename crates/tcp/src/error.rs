//! Errors of the application's verbs.

use core::fmt;

use crate::event::CloseReason;

/// Why nothing could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The send buffer is full: wait for `Event::Writable`.
    WouldBlock,
    /// This side has shut its direction down already.
    ShutDown,
    /// The connection is over.
    Closed(CloseReason),
}

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing has arrived yet: wait for `Event::Readable`.
    WouldBlock,
    /// The connection is over, and not by a FIN. A normal end is `Ok(0)`.
    Closed(CloseReason),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("no room in the send buffer; wait until writable"),
            Self::ShutDown => f.write_str("this side has shut down writing"),
            Self::Closed(reason) => write!(f, "the connection is over: {reason}"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("nothing has arrived; wait until readable"),
            Self::Closed(reason) => write!(f, "the connection is over: {reason}"),
        }
    }
}

impl core::error::Error for WriteError {}
impl core::error::Error for ReadError {}
