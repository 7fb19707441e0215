//! What waits in the two buffers of a connection: looked at, not taken.

use crate::connection::Connection;
use crate::error::ReadError;
use crate::seq::Offset;

impl Connection {
    /// Copies bytes in order into `buffer` as [`Self::read`] does, and leaves them unread.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.rcv.data.peek(buffer) {
            0 => self.end_of_stream().map(|()| 0),
            count => Ok(count),
        }
    }

    /// Bytes written that the peer has not acknowledged, sent or not; Linux' `SIOCOUTQ`.
    pub fn unacknowledged(&self) -> u64 {
        let una = self.snd.una.max(Offset::FIRST);
        self.snd.buffer.end().saturating_sub(una)
    }

    /// Bytes written that were never sent; Linux' `SIOCOUTQNSD`.
    pub fn unsent(&self) -> u64 {
        let nxt = self.snd.nxt.max(Offset::FIRST);
        self.snd.buffer.end().saturating_sub(nxt)
    }
}
