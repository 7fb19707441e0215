//! What a stack tells its application.

use handfast_tcp as tcp;

use crate::link::AddressEvent;
use crate::tcp::{ListenerId, TcpId};

/// Something an application may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something happened to a connection. Each kind waits at most once per connection.
    Tcp(TcpId, tcp::Event),
    /// One more connection can be accepted.
    Accept(ListenerId),
    /// Something happened to an address of ours.
    Address(AddressEvent),
}
