//! `TcpListener`: connections that others open, for any runtime or none.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use handfast_stack::ListenerId;

use crate::error;
use crate::host::{Host, wake};
use crate::shard::Shard;
use crate::stream::TcpStream;
use crate::wakers::AcceptWakers;

/// A listening port. Dropping it resets the connections that nobody has accepted.
pub struct TcpListener {
    host: Host,
    id: ListenerId,
    local: SocketAddr,
}

impl TcpListener {
    pub(crate) fn new(host: &Host, shard: &mut Shard, id: ListenerId) -> Self {
        let local = shard
            .stack
            .listener_local(id)
            .expect("a new listener exists");
        shard.listeners.insert(id, AcceptWakers::default());
        Self {
            host: host.clone(),
            id,
            local,
        }
    }

    /// Waits for the next connection. Any number of tasks may wait.
    ///
    /// # Errors
    /// When the driver has failed.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut due = Vec::new();
        let outcome = self.host.act(|shard, now| {
            if let Some(id) = shard.stack.accept(self.id) {
                let stream = TcpStream::new(&self.host, shard, now, id);
                let peer = stream.peer_addr();
                return Poll::Ready(Ok((stream, peer)));
            }
            shard.check()?;
            match shard.listeners.get_mut(&self.id) {
                Some(wakers) => wakers.add(cx.waker(), &mut due),
                None => return Poll::Ready(Err(error::listener_gone(self.local))),
            }
            Poll::Pending
        });
        wake(due);
        outcome
    }

    /// The address and port it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let wakers = self.host.act(|shard, now| {
            shard.stack.close_listener(now, self.id);
            shard.listeners.remove(&self.id)
        });
        wake(
            wakers
                .into_iter()
                .flat_map(|mut wakers| wakers.take().collect::<Vec<_>>())
                .collect(),
        );
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("local", &self.local)
            .finish()
    }
}
