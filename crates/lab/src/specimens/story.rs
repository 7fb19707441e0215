//! What happens between the two kernels of a specimen.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{Timespec, poll};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::content;
use crate::matrix::scene::{FAR, NEAR, socket};
use crate::namespace::Namespace;

const PORT: u16 = 5001;
/// Where nobody listens.
const CLOSED_PORT: u16 = 5002;
/// The port from which connections come that use one again.
const OWN_PORT: u16 = 40_001;
/// Bytes written or read at once.
const PIECE_LEN: usize = 16 * 1024;
/// How long a call may wait before the story is given up.
const STALL_MAX: Duration = Duration::from_secs(60);

/// What the two ends do. The near one connects; the capture is made there.
#[derive(Clone, Copy, Debug)]
pub enum Story {
    /// The near end sends so many bytes.
    Upload(u64),
    /// The far end sends so many bytes.
    Download(u64),
    /// Both send so many bytes at the same time.
    BothWays(u64),
    /// The near end sends to a receiver with a small buffer.
    SmallWindow {
        /// Bytes to send.
        bytes: u64,
        /// What the receiver asks for as its buffer.
        buffer: usize,
    },
    /// The sender is the far end when `download`, and its reader rests several times.
    Rests {
        /// Bytes to send.
        bytes: u64,
        /// How long each rest is.
        rest: Duration,
        /// Who sends.
        download: bool,
    },
    /// Questions and answers.
    Exchange {
        /// How many.
        count: u32,
        /// Bytes of each answer; a question has 100.
        answer: u64,
    },
    /// The near end sends, and aborts after so many bytes.
    Abort(u64),
    /// The far end sends, and the near one closes without having read all.
    Unread(u64),
    /// Nobody listens.
    Refused,
    /// Several connections send so many bytes each at the same time.
    Parallel {
        /// How many.
        connections: u32,
        /// Bytes of each.
        bytes: u64,
    },
    /// A connection rests while keep-alives are sent.
    KeepAlive,
    /// The same ports make one connection after the other.
    PortsReused(u32),
    /// The near end closes its direction first, and then the far end sends.
    HalfClosed(u64),
}

impl Story {
    /// Makes it happen.
    pub(super) fn tell(self, near: &Namespace, far: &Namespace) -> io::Result<()> {
        if let Self::Refused = self {
            let refused = near.run(|| TcpStream::connect(socket(FAR, CLOSED_PORT)));
            return match refused {
                Err(_) => Ok(()),
                Ok(_) => Err(io::Error::other("somebody listens where nobody should")),
            };
        }
        let buffer = match self {
            Self::SmallWindow { buffer, .. } => Some(buffer),
            Self::Rests {
                download: false, ..
            } => Some(48 * 1024),
            _ => None,
        };
        let listener = far.run(|| listen(buffer))?;
        let server = far.spawn(move || self.serve(&listener))?;
        let client = near.run(|| self.connect_all());
        let served = server.join().expect("a server does not panic");
        client.and(served)
    }

    fn connections(self) -> u32 {
        match self {
            Self::Parallel { connections, .. } | Self::PortsReused(connections) => connections,
            _ => 1,
        }
    }

    /// The far end.
    fn serve(self, listener: &TcpListener) -> io::Result<()> {
        std::thread::scope(|scope| {
            let serving: Vec<_> = (0..self.connections())
                .map(|_| {
                    let (stream, _) = listener.accept()?;
                    Ok(scope.spawn(move || self.far(stream)))
                })
                .collect::<io::Result<_>>()?;
            serving
                .into_iter()
                .try_for_each(|one| one.join().expect("a server does not panic"))
        })
    }

    /// The near end.
    fn connect_all(self) -> io::Result<()> {
        let buffer = matches!(self, Self::Rests { download: true, .. }).then_some(48 * 1024);
        if let Self::Parallel { connections, .. } = self {
            let streams: Vec<_> = (0..connections)
                .map(|_| connect(None, buffer))
                .collect::<io::Result<_>>()?;
            return std::thread::scope(|scope| {
                let near: Vec<_> = streams
                    .into_iter()
                    .map(|stream| scope.spawn(move || self.near(stream)))
                    .collect();
                near.into_iter()
                    .try_for_each(|one| one.join().expect("a client does not panic"))
            });
        }
        for _ in 0..self.connections() {
            let port = matches!(self, Self::PortsReused(_)).then_some(OWN_PORT);
            self.near(connect(port, buffer)?)?;
        }
        Ok(())
    }

    fn far(self, mut stream: TcpStream) -> io::Result<()> {
        set_limits(&stream)?;
        match self {
            Self::Upload(_) | Self::SmallWindow { .. } | Self::Parallel { .. } => {
                read_all(&mut stream)
            }
            Self::Abort(_) => {
                // It ends with the reset.
                let _ = read_all(&mut stream);
                Ok(())
            }
            Self::Unread(bytes) => {
                let _ = write(&mut stream, bytes);
                let _ = read_all(&mut stream);
                Ok(())
            }
            Self::Download(bytes)
            | Self::Rests {
                bytes,
                download: true,
                ..
            } => {
                write(&mut stream, bytes)?;
                finish(&mut stream)
            }
            Self::Rests { rest, .. } => read_resting(&mut stream, rest),
            Self::BothWays(bytes) => both_ways(stream, bytes),
            Self::Exchange { count, answer } => {
                let mut question = [0; 100];
                for _ in 0..count {
                    stream.read_exact(&mut question)?;
                    write(&mut stream, answer)?;
                }
                read_all(&mut stream)
            }
            Self::KeepAlive | Self::PortsReused(_) => {
                let mut question = [0; 100];
                stream.read_exact(&mut question)?;
                write(&mut stream, 1_000)?;
                // One that is used again ends with a reset.
                let _ = read_all(&mut stream);
                Ok(())
            }
            Self::HalfClosed(bytes) => {
                read_all(&mut stream)?;
                write(&mut stream, bytes)
            }
            Self::Refused => Ok(()),
        }
    }

    fn near(self, mut stream: TcpStream) -> io::Result<()> {
        set_limits(&stream)?;
        match self {
            Self::Upload(bytes)
            | Self::SmallWindow { bytes, .. }
            | Self::Parallel { bytes, .. }
            | Self::Rests {
                bytes,
                download: false,
                ..
            } => {
                write(&mut stream, bytes)?;
                finish(&mut stream)
            }
            Self::Download(_) => read_all(&mut stream),
            Self::Rests { rest, .. } => read_resting(&mut stream, rest),
            Self::BothWays(bytes) => both_ways(stream, bytes),
            Self::Exchange { count, answer } => {
                for _ in 0..count {
                    write(&mut stream, 100)?;
                    read_some(&mut stream, answer)?;
                }
                finish(&mut stream)
            }
            Self::Abort(bytes) => {
                write(&mut stream, bytes)?;
                sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
                Ok(())
            }
            Self::Unread(bytes) => read_some(&mut stream, bytes / 2),
            Self::KeepAlive => {
                sockopt::set_socket_keepalive(&stream, true)?;
                sockopt::set_tcp_keepidle(&stream, Duration::from_secs(1))?;
                sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(1))?;
                write(&mut stream, 100)?;
                read_some(&mut stream, 1_000)?;
                pause(Duration::from_millis(3_500));
                finish(&mut stream)
            }
            Self::PortsReused(_) => {
                write(&mut stream, 100)?;
                read_some(&mut stream, 1_000)?;
                // A reset leaves no TIME-WAIT behind that would hold the port.
                sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
                Ok(())
            }
            Self::HalfClosed(_) => {
                write(&mut stream, 2_000)?;
                finish(&mut stream)
            }
            Self::Refused => Ok(()),
        }
    }
}

/// Waits without looking at anything.
pub(super) fn pause(time: Duration) {
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

fn listen(buffer: Option<usize>) -> io::Result<TcpListener> {
    let socket_fd = tcp_socket(buffer)?;
    sockopt::set_socket_timeout(&socket_fd, sockopt::Timeout::Recv, Some(STALL_MAX))?;
    net::bind(&socket_fd, &socket(FAR, PORT))?;
    net::listen(&socket_fd, 64)?;
    Ok(socket_fd.into())
}

fn connect(port: Option<u16>, buffer: Option<usize>) -> io::Result<TcpStream> {
    let socket_fd = tcp_socket(buffer)?;
    if let Some(port) = port {
        let own: SocketAddr = socket(NEAR, port);
        net::bind(&socket_fd, &own)?;
    }
    net::connect(&socket_fd, &socket(FAR, PORT))?;
    Ok(socket_fd.into())
}

fn set_limits(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL_MAX))?;
    stream.set_write_timeout(Some(STALL_MAX))
}

fn write(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    let mut pieces = content::Pieces::new(bytes, PIECE_LEN);
    while let Some((_, piece)) = pieces.next_piece() {
        stream.write_all(piece)?;
    }
    Ok(())
}

/// Says that nothing more comes, and waits until the other side has said so.
fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    read_all(stream)
}

fn read_all(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; PIECE_LEN];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

fn read_some(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    io::copy(&mut stream.take(bytes), &mut io::sink())?;
    Ok(())
}

/// Reads a part, rests, and so on; then to the end.
fn read_resting(stream: &mut TcpStream, rest: Duration) -> io::Result<()> {
    for _ in 0..3 {
        read_some(stream, 40_000)?;
        pause(rest);
    }
    read_all(stream)
}

fn both_ways(stream: TcpStream, bytes: u64) -> io::Result<()> {
    let mut reader = stream.try_clone()?;
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(&mut reader));
        let mut stream = stream;
        write(&mut stream, bytes)?;
        stream.shutdown(Shutdown::Write)?;
        reading.join().expect("a reader does not panic")
    })
}
