//! Segments that reach no connection: the rules of CLOSED and LISTEN (RFC 9293 3.10.7.1, 3.10.7.2).

use crate::segment::{Segment, Transmit};

/// What a listener does with a segment.
#[derive(Debug)]
pub enum ListenVerdict {
    /// Nothing.
    Ignore,
    /// Send this reset.
    Reply(Transmit),
    /// Make a connection with [`crate::Connection::accept`].
    Accept,
}

/// The answer to a segment for which there is neither connection nor listener.
pub fn on_closed(segment: &Segment) -> Option<Transmit> {
    let _ = segment;
    todo!()
}

/// What a listener does with a segment for which there is no connection.
pub fn on_listen(segment: &Segment) -> ListenVerdict {
    let _ = segment;
    todo!()
}
