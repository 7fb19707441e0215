//! The far end: a plain blocking socket of the kernel, with CUBIC.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handfast_bench::Failure;
use handfast_lab::{FAR_V4, Namespace};
use rustix::net::sockopt;

use super::{Direction, PIECE, Work};

/// Longest silence before a turn fails.
const STALL_MAX: Duration = Duration::from_secs(20);

/// It takes one connection and does its part of the work.
pub(super) struct Far {
    pub(super) address: SocketAddr,
    thread: JoinHandle<io::Result<u64>>,
}

impl Far {
    pub(super) fn start(namespace: &Namespace, work: &Work) -> Result<Self, Failure> {
        let listener = namespace.run(|| {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            // Connections inherit it.
            sockopt::set_tcp_congestion(&listener, "cubic")?;
            Ok::<_, io::Error>(listener)
        })?;
        let address = SocketAddr::from((FAR_V4, listener.local_addr()?.port()));
        let Work {
            direction, text, ..
        } = *work;
        let serve = move || -> io::Result<u64> {
            let (stream, _) = listener.accept()?;
            limit_silence(&stream)?;
            match direction {
                Direction::Send => read_all(&stream),
                Direction::Receive => write_all(&stream, text).map(|()| text),
            }
        };
        let thread = thread::Builder::new().name("far".into()).spawn(serve)?;
        Ok(Self { address, thread })
    }

    /// Waits for its end; all of the text must have passed.
    pub(super) fn finish(self, work: &Work) -> Result<(), Failure> {
        match self.thread.join().expect("the far end does not panic")? {
            passed if passed == work.text => Ok(()),
            passed => Err(format!("{passed} bytes of {} passed", work.text).into()),
        }
    }
}

/// A turn that hangs is to fail.
pub(super) fn limit_silence(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL_MAX))?;
    stream.set_write_timeout(Some(STALL_MAX))
}

/// Reads to the end; how much there was.
pub(super) fn read_all(mut stream: &TcpStream) -> io::Result<u64> {
    let (mut buffer, mut all) = (vec![0; PIECE], 0);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(all),
            read => all += u64::try_from(read).expect("a piece is small"),
        }
    }
}

/// Writes `text` bytes and the end of the stream.
pub(super) fn write_all(mut stream: &TcpStream, text: u64) -> io::Result<()> {
    let piece = vec![0x5A; PIECE];
    let mut left = text;
    while left > 0 {
        let count = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
        stream.write_all(&piece[..count])?;
        left -= u64::try_from(count).expect("a piece is small");
    }
    stream.shutdown(Shutdown::Write)
}
