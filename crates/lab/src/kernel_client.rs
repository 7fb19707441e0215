//! A client on the kernel's TCP, for comparison: the same transfers that Handfast makes, and the
//! means to run an external program (curl) inside a namespace. The bit of HTTP is in `http`.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use crate::content::Pieces;
use crate::http::{self, Answer, FetchError, broken};
use crate::namespace::Namespace;
use crate::tcp_info::TcpInfo;

/// Bytes read or written at once.
const PIECE_LEN: usize = 256 * 1024;
/// How long a read or write may stall before the transfer fails.
const STALL_MAX: Duration = Duration::from_secs(60);

/// A complete answer and what the client's kernel says of the connection that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The answer.
    pub answer: Answer,
    /// The client kernel's figures at the end.
    pub info: TcpInfo,
}

/// Gets `path` from `server` with the TCP of the namespace's kernel.
///
/// # Errors
/// Refused, reset, silent for a minute, cut short, or not HTTP.
pub fn fetch(from: &Namespace, server: SocketAddr, path: &str) -> Result<Fetched, FetchError> {
    from.run(|| {
        let mut stream = connect(server)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .map_err(|source| broken(0, source))?;
        receive(stream)
    })
}

/// Puts `len` bytes of content to `/upload`; the answer says whether they arrived intact.
///
/// # Errors
/// As for [`fetch`].
pub fn upload(from: &Namespace, server: SocketAddr, len: u64) -> Result<Fetched, FetchError> {
    from.run(|| {
        let mut stream = connect(server)?;
        let header = http::put("/upload", &server.to_string(), len);
        stream
            .write_all(header.as_bytes())
            .map_err(|source| broken(0, source))?;
        let mut pieces = Pieces::new(len, PIECE_LEN);
        while let Some((position, piece)) = pieces.next_piece() {
            stream
                .write_all(piece)
                .map_err(|source| broken(position, source))?;
        }
        receive(stream)
    })
}

/// Runs an external program inside the namespace and collects what it says.
///
/// # Errors
/// When the program cannot be started.
pub fn run_command(inside: &Namespace, command: &mut Command) -> io::Result<Output> {
    // A child inherits the namespace of the thread that starts it.
    inside.run(|| command.output())
}

fn connect(server: SocketAddr) -> Result<TcpStream, FetchError> {
    let stream = TcpStream::connect(server).map_err(FetchError::Connect)?;
    let set = || {
        stream.set_read_timeout(Some(STALL_MAX))?;
        stream.set_write_timeout(Some(STALL_MAX))
    };
    set().map_err(FetchError::Connect)?;
    Ok(stream)
}

fn receive(mut stream: TcpStream) -> Result<Fetched, FetchError> {
    let answer = Answer::read(&mut stream)?;
    let info = TcpInfo::of(&stream).map_err(FetchError::Connect)?;
    Ok(Fetched { answer, info })
}
