//! The other side, on the kernel's sockets: clients of the measured servers, and the server of the
//! measured clients.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use handfast_bench::{Failure, Tally};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::server::{GREETING, PAGE, REQUEST};
use super::{COUNT, OPENERS, STORM};
use crate::kernel::limit_silence;
use crate::process::Process;

/// [`COUNT`] connections by [`OPENERS`] threads, one after the other: each asks for a page.
pub(super) fn http(server: SocketAddr) -> Result<Tally, Failure> {
    Tally::of(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..OPENERS)
                .map(|_| scope.spawn(|| fetch_many(server, COUNT / OPENERS)))
                .collect();
            let mut outcomes = threads.into_iter().map(|thread| thread.join());
            outcomes.try_for_each(|outcome| outcome.expect("a client does not panic"))
        })?;
        Ok(COUNT as f64)
    })
}

/// As many at a time by `wrk`, for so long.
pub(super) fn wrk(server: SocketAddr) -> Result<Tally, Failure> {
    let [openers, url] = [format!("-c{OPENERS}"), format!("http://{server}/")];
    let words = ["-d3s", "-t1", &openers, "-H", "Connection: close", &url];
    let said = Process::start("wrk", &words)?.finish()?;
    Ok(handfast_bench::wrk(&said)?)
}

fn fetch_many(server: SocketAddr, count: usize) -> Result<(), Failure> {
    let mut answer = String::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server)?;
        limit_silence(&stream)?;
        stream.write_all(REQUEST)?;
        answer.clear();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 200 ") || !answer.ends_with(PAGE) {
            return Err(format!("this is not the page: {answer}").into());
        }
    }
    Ok(())
}

/// One connection, and then all others of [`STORM`] at once; each waits for its greeting. Without
/// the first, most SYNs would be dropped by this kernel while it asks for the server's hardware
/// address.
pub(super) fn storm(server: SocketAddr) -> Result<Tally, Failure> {
    Tally::of(|| {
        greeted(begin(server)?)?;
        let streams = (1..STORM).map(|_| begin(server));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        streams.into_iter().try_for_each(greeted)?;
        Ok(STORM as f64)
    })
}

/// Sends the SYN.
fn begin(server: SocketAddr) -> Result<TcpStream, Failure> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno.into()),
    }
}

fn greeted(mut stream: TcpStream) -> Result<(), Failure> {
    stream.set_nonblocking(false)?;
    limit_silence(&stream)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer == [GREETING] {
        Ok(())
    } else {
        Err(format!("this is no greeting: {answer:?}").into())
    }
}

/// Sends each of [`COUNT`] connections back what it says first, and closes it.
pub(super) fn answer(listener: &TcpListener) -> io::Result<()> {
    let mut message = [0; 256];
    for _ in 0..COUNT / OPENERS * OPENERS {
        let (mut stream, _) = listener.accept()?;
        limit_silence(&stream)?;
        let read = stream.read(&mut message)?;
        stream.write_all(&message[..read])?;
    }
    Ok(())
}
