//! What the far ends and the twins on the kernel's sockets have in common.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use handfast_lab::{FAR_V4, Namespace};
use rustix::net::sockopt;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Longest silence before a turn fails.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(20);

/// A listener at [`FAR_V4`], on which the kernel chooses a port.
pub(crate) fn listen(
    namespace: &Namespace,
    controller: &str,
) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = namespace.run(|| {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // Connections inherit it.
        sockopt::set_tcp_congestion(&listener, controller)?;
        Ok::<_, io::Error>(listener)
    })?;
    let address = SocketAddr::from((FAR_V4, listener.local_addr()?.port()));
    Ok((listener, address))
}

/// A turn that hangs is to fail.
pub(crate) fn limit_silence(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL_MAX))?;
    stream.set_write_timeout(Some(STALL_MAX))
}

/// Keeps this thread, and all that it starts from now on, on one processor, counted from 0.
pub(crate) fn stay_on(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
