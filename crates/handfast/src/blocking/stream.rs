//! `TcpStream` for threads.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::{Context, Waker};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_tcp::Info;

use super::wait::wait_until;

/// A TCP connection whose calls block; see [`crate::TcpStream`].
#[derive(Debug)]
pub struct TcpStream {
    inner: crate::TcpStream,
    timeouts: Mutex<Timeouts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Timeouts {
    read: Option<Duration>,
    write: Option<Duration>,
}

impl TcpStream {
    /// Longest time that one `read` may block; `None` (at first) for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.timeouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read = timeout;
    }

    /// Longest time that one `write` may block; `None` (at first) for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.timeouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write = timeout;
    }

    /// Ends one or both directions. Ending the reading side only is not there: TCP has no way to
    /// tell the peer.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] for [`Shutdown::Read`]; otherwise when the connection had
    /// ended before.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how == Shutdown::Read {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "TCP cannot shut down the reading side alone; drop the stream to end both",
            ));
        }
        let mut cx = Context::from_waker(Waker::noop());
        match self.inner.poll_shutdown(&mut cx) {
            std::task::Poll::Ready(outcome) => outcome,
            std::task::Poll::Pending => Ok(()),
        }
    }

    /// Our end.
    ///
    /// # Errors
    /// Never; the signature is that of `std::net`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }

    /// The peer's end.
    ///
    /// # Errors
    /// Never; the signature is that of `std::net`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.peer_addr())
    }

    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    /// Never; the signature is that of `std::net`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_nodelay(nodelay);
        Ok(())
    }

    /// Figures: round-trip time, windows, retransmissions.
    pub fn info(&self) -> Info {
        self.inner.info()
    }

    /// The stream without blocking calls.
    pub fn get_ref(&self) -> &crate::TcpStream {
        &self.inner
    }

    fn deadline(&self, which: impl FnOnce(Timeouts) -> Option<Duration>) -> Option<Instant> {
        let timeouts = *self.timeouts.lock().unwrap_or_else(PoisonError::into_inner);
        which(timeouts).map(|timeout| self.inner.host().now() + timeout)
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(inner: crate::TcpStream) -> Self {
        Self {
            inner,
            timeouts: Mutex::default(),
        }
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = self.deadline(|timeouts| timeouts.read);
        wait_until(deadline, |cx| self.inner.poll_read(cx, buffer))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let deadline = self.deadline(|timeouts| timeouts.write);
        wait_until(deadline, |cx| self.inner.poll_write(cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
