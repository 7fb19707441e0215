//! Errors that do not end a connection, for the application to ask for (RFC 9293 MUST-47).

use core::fmt;

use crate::connection::Connection;
use crate::event::{Event, IcmpError};

/// An error that does not end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoftError {
    /// An ICMP error about a segment in flight; hard ones count as soft once the connection is
    /// open (RFC 5461).
    Icmp(IcmpError),
    /// The same data was sent in vain R1 times (RFC 9293 MUST-20).
    NoAnswer,
}

impl fmt::Display for SoftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Icmp(IcmpError::Soft) => "the network reports trouble on the way",
            Self::Icmp(IcmpError::Hard) => "the network reports that the peer takes no segments",
            Self::NoAnswer => "the peer acknowledges nothing for a while",
        })
    }
}

impl core::error::Error for SoftError {}

impl Connection {
    /// The last error that did not end the connection, once. `Event::SoftError` tells of it.
    #[must_use]
    pub fn take_soft_error(&mut self) -> Option<SoftError> {
        self.soft_error.take()
    }

    /// Remembers an error and tells the application, unless it wants to hear of none (SHLD-20).
    pub(crate) fn tell_soft_error(&mut self, error: SoftError) {
        if self.config.soft_errors {
            self.soft_error = Some(error);
            self.events.add(Event::SoftError);
        }
    }
}
