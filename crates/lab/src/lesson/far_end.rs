//! The far end of a connection in the lesson's own hands: a socket of the kernel in the web
//! server's namespace, accepted, read and written when the lesson says so. The servers that act by
//! themselves are in `server`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::lab::Lab;
use crate::topology::WEB_V4;

/// How long the far end waits for anything: reached only when the lesson hangs.
const FAR_END_MAX: Duration = Duration::from_secs(15);

/// A listening socket of the kernel.
pub(super) struct FarEnd {
    listener: TcpListener,
    address: SocketAddr,
}

impl FarEnd {
    pub(super) fn listen(lab: &Lab, port: u16) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let listener = lab.web().run(|| TcpListener::bind(any))?;
        Ok(Self {
            listener,
            address: SocketAddr::from((WEB_V4, port)),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; the caller has opened it already.
    pub(super) async fn accept(&self) -> io::Result<FarStream> {
        let listener = self.listener.try_clone()?;
        aside(move || {
            let (stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(FAR_END_MAX))?;
            stream.set_write_timeout(Some(FAR_END_MAX))?;
            Ok(FarStream(stream))
        })
        .await
    }
}

/// A connection as the kernel's application has it.
pub(super) struct FarStream(TcpStream);

impl FarStream {
    /// Whether small segments wait for the ACK of what is out (Nagle's algorithm); they do unless
    /// this was called with `true`.
    pub(super) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    /// Reads `count` times `ask` bytes, and answers each time with `answer` of them.
    pub(super) async fn serve(&self, count: u32, ask: usize, answer: usize) -> io::Result<()> {
        let mut stream = self.0.try_clone()?;
        aside(move || {
            let mut asked = vec![0; ask];
            for _ in 0..count {
                stream.read_exact(&mut asked)?;
                stream.write_all(&vec![b'a'; answer])?;
            }
            Ok(())
        })
        .await
    }

    /// Reads until the other side has closed; gives the number of bytes.
    pub(super) async fn read_to_end(&self) -> io::Result<u64> {
        let mut stream = self.0.try_clone()?;
        aside(move || io::copy(&mut stream, &mut io::sink())).await
    }
}

/// Runs what blocks on another thread: the stack at the near end lives on this one.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
