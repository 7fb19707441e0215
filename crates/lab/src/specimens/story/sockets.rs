//! The kernels' sockets of a story, and what is done with them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{Timespec, poll};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::content;
use crate::matrix::scene::{FAR, NEAR, socket};

const PORT: u16 = 5001;
/// Bytes written or read at once.
const PIECE_LEN: usize = 16 * 1024;
/// How long a call may wait before the story is given up.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Waits without looking at anything.
pub(in crate::specimens) fn pause(time: Duration) {
    let time = Timespec::try_from(time).expect("rests are short");
    let _ = poll(&mut [], Some(&time));
}

fn tcp_socket(buffer: Option<usize>) -> io::Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if let Some(buffer) = buffer {
        sockopt::set_socket_recv_buffer_size(&socket, buffer)?;
    }
    Ok(socket)
}

pub(super) fn listen(buffer: Option<usize>) -> io::Result<TcpListener> {
    let socket_fd = tcp_socket(buffer)?;
    sockopt::set_socket_timeout(&socket_fd, sockopt::Timeout::Recv, Some(STALL_MAX))?;
    net::bind(&socket_fd, &socket(FAR, PORT))?;
    net::listen(&socket_fd, 64)?;
    Ok(socket_fd.into())
}

pub(super) fn connect(port: Option<u16>, buffer: Option<usize>) -> io::Result<TcpStream> {
    let socket_fd = tcp_socket(buffer)?;
    if let Some(port) = port {
        let own: SocketAddr = socket(NEAR, port);
        net::bind(&socket_fd, &own)?;
    }
    net::connect(&socket_fd, &socket(FAR, PORT))?;
    Ok(socket_fd.into())
}

/// Asks for a connection, and not for longer than `limit`.
pub(super) fn connect_in_time(to: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&to, limit)
}

/// Closing is a reset from now on.
pub(super) fn abort(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    Ok(())
}

pub(super) fn set_limits(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL_MAX))?;
    stream.set_write_timeout(Some(STALL_MAX))
}

pub(super) fn write(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    let mut pieces = content::Pieces::new(bytes, PIECE_LEN);
    while let Some((_, piece)) = pieces.next_piece() {
        stream.write_all(piece)?;
    }
    Ok(())
}

/// Writes until nothing was taken for so long.
pub(super) fn write_impatiently(
    stream: &mut TcpStream,
    bytes: u64,
    patience: Duration,
) -> io::Result<()> {
    stream.set_write_timeout(Some(patience))?;
    match write(stream, bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(io::Error::other("all was taken")),
    }
}

/// Says that nothing more comes, and waits until the other side has said so.
pub(super) fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    read_all(stream)
}

pub(super) fn read_all(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; PIECE_LEN];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

pub(super) fn read_some(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    io::copy(&mut stream.take(bytes), &mut io::sink())?;
    Ok(())
}

/// Reads a part, rests, and so on; then to the end.
pub(super) fn read_resting(stream: &mut TcpStream, rest: Duration) -> io::Result<()> {
    for _ in 0..3 {
        read_some(stream, 40_000)?;
        pause(rest);
    }
    read_all(stream)
}

pub(super) fn both_ways(stream: TcpStream, bytes: u64) -> io::Result<()> {
    let mut reader = stream.try_clone()?;
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(&mut reader));
        let mut stream = stream;
        write(&mut stream, bytes)?;
        stream.shutdown(Shutdown::Write)?;
        reading.join().expect("a reader does not panic")
    })
}
