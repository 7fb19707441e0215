//! The far end: a plain blocking socket of the kernel, with CUBIC.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use handfast_bench::Failure;
use handfast_lab::Namespace;

use super::{Direction, PIECE, Work};
use crate::kernel;

/// It takes the connections and does its part of the work.
pub(super) struct Far {
    pub(super) address: SocketAddr,
    thread: JoinHandle<io::Result<u64>>,
}

impl Far {
    pub(super) fn start(namespace: &Namespace, work: &Work) -> Result<Self, Failure> {
        let (listener, address) = kernel::listen(namespace, "cubic")?;
        let work = *work;
        let serve = move || -> io::Result<u64> {
            let mut threads = Vec::new();
            for _ in 1..work.streams {
                let (stream, _) = listener.accept()?;
                threads.push(thread::spawn(move || pass(&stream, &work)));
            }
            // The last one, and often the only one, needs no thread of its own.
            let (stream, _) = listener.accept()?;
            let mut passed = pass(&stream, &work)?;
            for thread in threads {
                passed += thread.join().expect("a stream does not panic")?;
            }
            Ok(passed)
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

/// One stream; how much passed.
fn pass(stream: &TcpStream, work: &Work) -> io::Result<u64> {
    kernel::limit_silence(stream)?;
    match work.direction {
        Direction::Send => read_all(stream),
        Direction::Receive => write_all(stream, work.share()).map(|()| work.share()),
    }
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
