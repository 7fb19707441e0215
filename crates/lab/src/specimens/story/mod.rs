//! What happens between the two kernels of a specimen.

mod sockets;

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::sockopt;

pub(super) use self::sockets::pause;
use self::sockets::{
    abort, both_ways, connect, connect_in_time, finish, listen, read_all, read_resting, read_some,
    set_limits, write, write_impatiently,
};
use crate::matrix::scene::{FAR, socket};
use crate::namespace::Namespace;

/// Where nobody listens.
const CLOSED_PORT: u16 = 5002;
/// The port from which connections come that use one again.
const OWN_PORT: u16 = 40_001;
/// How long whoever asks waits for an answer to its SYN, and a writer for room.
const PATIENCE: Duration = Duration::from_millis(2_500);

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
    /// Nothing answers: the near end asks for a while.
    Unanswered,
    /// The near end sends so many bytes, and aborts when there is no room for a while.
    Impatient(u64),
    /// A connection rests with keep-alives until three were not answered.
    DeadPeer,
    /// The near end closes at once, and then the far end sends.
    TooLate,
    /// Questions that the far end thinks about.
    Thinks {
        /// How many.
        count: u32,
        /// For how long.
        pause: Duration,
    },
    /// The near end asks in two small pieces each time, and waits for the answer.
    InPieces(u32),
    /// The near end sends so many small pieces as soon as it has them.
    Trickle(u32),
    /// The near end sends with a small send buffer.
    SmallBuffer {
        /// Bytes to send.
        bytes: u64,
        /// What the sender asks for as its buffer.
        buffer: usize,
    },
}

impl Story {
    /// Makes it happen.
    pub(super) fn tell(self, near: &Namespace, far: &Namespace) -> io::Result<()> {
        if let Self::Refused | Self::Unanswered = self {
            let refused = near.run(|| connect_in_time(socket(FAR, CLOSED_PORT), PATIENCE));
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
        if let Self::SmallBuffer { buffer, .. } = self {
            let stream = connect(None, None)?;
            sockopt::set_socket_send_buffer_size(&stream, buffer)?;
            return self.near(stream);
        }
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
            Self::Upload(_)
            | Self::SmallWindow { .. }
            | Self::Parallel { .. }
            | Self::Trickle(_)
            | Self::SmallBuffer { .. } => read_all(&mut stream),
            Self::Abort(_) | Self::Impatient(_) => read_to_any_end(stream),
            Self::TooLate => {
                stream.read_exact(&mut [0; 100])?;
                pause(Duration::from_millis(100));
                // It may be reset by then.
                let _ = write(&mut stream, 1_000);
                Ok(())
            }
            Self::Thinks { count, pause: time } => {
                answer_each(&mut stream, (count, 100, 100), || pause(time))
            }
            Self::InPieces(count) => answer_each(&mut stream, (count, 200, 100), || {}),
            Self::Unread(bytes) => {
                let _ = write(&mut stream, bytes);
                read_to_any_end(stream)
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
                answer_each(&mut stream, (count, 100, answer), || {})
            }
            Self::DeadPeer => read_to_any_end(stream),
            Self::KeepAlive | Self::PortsReused(_) => {
                stream.read_exact(&mut [0; 100])?;
                write(&mut stream, 1_000)?;
                // One whose port is used again ends with a reset.
                read_to_any_end(stream)
            }
            Self::HalfClosed(bytes) => {
                read_all(&mut stream)?;
                write(&mut stream, bytes)
            }
            Self::Refused | Self::Unanswered => Ok(()),
        }
    }

    fn near(self, mut stream: TcpStream) -> io::Result<()> {
        set_limits(&stream)?;
        match self {
            Self::Upload(bytes)
            | Self::SmallWindow { bytes, .. }
            | Self::Parallel { bytes, .. }
            | Self::SmallBuffer { bytes, .. }
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
            Self::Exchange { count, answer } => ask_each(&mut stream, count, &[100], answer),
            Self::Thinks { count, .. } => ask_each(&mut stream, count, &[100], 100),
            Self::InPieces(count) => ask_each(&mut stream, count, &[100, 100], 100),
            Self::Abort(bytes) => {
                write(&mut stream, bytes)?;
                abort(&stream)
            }
            Self::Impatient(bytes) => {
                write_impatiently(&mut stream, bytes, PATIENCE)?;
                abort(&stream)
            }
            Self::TooLate => write(&mut stream, 100),
            Self::Trickle(count) => {
                stream.set_nodelay(true)?;
                for _ in 0..count {
                    write(&mut stream, 100)?;
                    pause(Duration::from_millis(1));
                }
                finish(&mut stream)
            }
            Self::DeadPeer => {
                keep_alive(&stream)?;
                sockopt::set_tcp_keepcnt(&stream, 3)?;
                write(&mut stream, 100)?;
                // It ends with an error.
                let _ = read_all(&mut stream);
                Ok(())
            }
            Self::Unread(bytes) => read_some(&mut stream, bytes / 2),
            Self::KeepAlive => {
                keep_alive(&stream)?;
                write(&mut stream, 100)?;
                read_some(&mut stream, 1_000)?;
                pause(Duration::from_millis(3_500));
                finish(&mut stream)
            }
            Self::PortsReused(_) => {
                write(&mut stream, 100)?;
                read_some(&mut stream, 1_000)?;
                // A reset leaves no TIME-WAIT behind that would hold the port.
                abort(&stream)
            }
            Self::HalfClosed(_) => {
                write(&mut stream, 2_000)?;
                finish(&mut stream)
            }
            Self::Refused | Self::Unanswered => Ok(()),
        }
    }
}

/// Sends so many questions, each in pieces of these sizes, and waits for each answer.
fn ask_each(stream: &mut TcpStream, count: u32, pieces: &[u64], answer: u64) -> io::Result<()> {
    for _ in 0..count {
        pieces.iter().try_for_each(|&piece| write(stream, piece))?;
        read_some(stream, answer)?;
    }
    finish(stream)
}

/// Answers so many questions of so many bytes with so many each.
fn answer_each(
    stream: &mut TcpStream,
    (count, question, answer): (u32, usize, u64),
    think: impl Fn(),
) -> io::Result<()> {
    let mut asked = vec![0; question];
    for _ in 0..count {
        stream.read_exact(&mut asked)?;
        think();
        write(stream, answer)?;
    }
    read_all(stream)
}

/// Reads until the other side closes or resets, or is not heard for a while.
fn read_to_any_end(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    // Any end is what the story is about.
    let _ = read_all(&mut stream);
    Ok(())
}

/// Keep-alives from one second of silence on, one each second.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(1))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(1))?;
    Ok(())
}
