//! `TcpStream` in the manner of `std::net`.

mod options;

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use handfast_tcp::{Info, State, TcpInfo};

use super::net::zero_timeout;
use super::wait::wait;

/// One connection, as `Read` and `Write`, also by reference. One thread may read while another
/// writes.
///
/// Dropping the last clone is as with the kernel: what was written is still delivered, what was
/// received and not read makes it a reset.
#[derive(Debug)]
pub struct TcpStream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: crate::TcpStream,
    /// Nanoseconds; 0 for none.
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    /// `shutdown(Shutdown::Read)` was called.
    read_shut: AtomicBool,
}

impl TcpStream {
    /// Another handle to the same connection, timeouts included.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    /// Ends one direction or both. `Write` sends a FIN behind the last byte; `Read` sends nothing
    /// and makes every read from now on report the end of the stream.
    ///
    /// # Errors
    /// `NotConnected` when the connection is over, and not by FINs of both sides.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.0.read_shut.store(true, Ordering::Release);
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            let cx = Context::from_waker(Waker::noop());
            if let std::task::Poll::Ready(result) = self.0.stream.poll_shutdown(&cx) {
                return result;
            }
        }
        Ok(())
    }

    /// How long a read waits before it fails with `WouldBlock`; `None` waits for ever.
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of 0.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        set(&self.0.read_timeout, timeout)
    }

    /// How long a write waits before it fails with `WouldBlock`; `None` waits for ever.
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of 0.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        set(&self.0.write_timeout, timeout)
    }

    /// What [`TcpStream::set_read_timeout`] has set.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(get(&self.0.read_timeout))
    }

    /// What [`TcpStream::set_write_timeout`] has set.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(get(&self.0.write_timeout))
    }

    /// The peer's end.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.stream.peer_addr())
    }

    /// Our end.
    ///
    /// # Errors
    /// None; the signature is that of `std::net`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.stream.local_addr())
    }

    /// Turns Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.stream.set_nodelay(nodelay)
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.stream.nodelay()
    }

    /// Ends the connection at once; the peer gets a RST.
    pub fn abort(&self) {
        self.0.stream.abort();
    }

    /// The state by its RFC name.
    pub fn state(&self) -> State {
        self.0.stream.state()
    }

    /// Figures.
    pub fn info(&self) -> Info {
        self.0.stream.info()
    }

    /// The figures of Linux' `tcp_info`, by their names and in their units.
    pub fn tcp_info(&self) -> TcpInfo {
        self.0.stream.tcp_info()
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Inner {
            stream,
            read_timeout,
            read_shut,
            ..
        } = &*self.0;
        if read_shut.load(Ordering::Acquire) {
            return Ok(0);
        }
        wait(stream.host(), get(read_timeout), |cx| {
            stream.poll_read(cx, buffer)
        })
        .unwrap_or_else(|| Err(too_late("read from", stream.peer_addr())))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Inner {
            stream,
            write_timeout,
            ..
        } = &*self.0;
        wait(stream.host(), get(write_timeout), |cx| {
            stream.poll_write(cx, bytes)
        })
        .unwrap_or_else(|| Err(too_late("write to", stream.peer_addr())))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let Inner {
            stream,
            write_timeout,
            ..
        } = &*self.0;
        wait(stream.host(), get(write_timeout), |cx| {
            stream.poll_write_vectored(cx, buffers)
        })
        .unwrap_or_else(|| Err(too_late("write to", stream.peer_addr())))
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

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(stream: crate::TcpStream) -> Self {
        Self(Arc::new(Inner {
            stream,
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            read_shut: AtomicBool::new(false),
        }))
    }
}

fn set(cell: &AtomicU64, timeout: Option<Duration>) -> io::Result<()> {
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(zero_timeout());
    }
    let nanos = timeout.map_or(0, |timeout| {
        u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)
    });
    cell.store(nanos, Ordering::Relaxed);
    Ok(())
}

fn get(cell: &AtomicU64) -> Option<Duration> {
    match cell.load(Ordering::Relaxed) {
        0 => None,
        nanos => Some(Duration::from_nanos(nanos)),
    }
}

/// The kind that `std` gives on Unix when SO_RCVTIMEO or SO_SNDTIMEO has run out.
fn too_late(what: &str, peer: SocketAddr) -> io::Error {
    io::Error::new(
        io::ErrorKind::WouldBlock,
        format!("could not {what} {peer} within the timeout; try again or allow more time"),
    )
}
