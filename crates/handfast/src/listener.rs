//! `TcpListener`: connections that others open, for any runtime or none.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use handfast_stack::ListenerId;

use crate::error::{self, Down};
use crate::host::Host;
use crate::stream::TcpStream;

/// A port that takes connections. Any number of tasks may accept from it.
///
/// Dropping it resets the connections that nobody has accepted.
#[derive(Debug)]
pub struct TcpListener {
    host: Host,
    id: ListenerId,
    local: SocketAddr,
}

impl TcpListener {
    pub(crate) const fn new(host: Host, id: ListenerId, local: SocketAddr) -> Self {
        Self { host, id, local }
    }

    /// The oldest connection that is open and not accepted, and its peer.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down or on its way there.
    pub fn poll_accept(&self, cx: &Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self.host.call(|shard, now| {
            shard.check_up()?;
            let Some(waiters) = shard.listeners.get_mut(&self.id) else {
                return Poll::Ready(Err(error::down(&Down::OnRequest)));
            };
            let Some(id) = shard.stack.accept(self.id) else {
                waiters.add(cx.waker(), &mut shard.due);
                return Poll::Pending;
            };
            shard.streams.insert(id, Default::default());
            let socket = shard.stack.tcp(now, id).expect("accepted just now");
            Poll::Ready(Ok((id, socket.local(), socket.remote())))
        });
        accepted
            .map_ok(|(id, local, peer)| (TcpStream::new(self.host.clone(), id, local, peer), peer))
    }

    /// The host that it belongs to.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The address and port that it listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let _stale = self.host.call(|shard, now| {
            if !shard.is_down() {
                shard.stack.close_listener(now, self.id);
                shard.called = true;
            }
            shard.listeners.remove(&self.id)
        });
    }
}
