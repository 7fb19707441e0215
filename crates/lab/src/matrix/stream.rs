//! Both ends of one stream, on the kernel's TCP or on ours: who writes content for a while, who
//! reads it, and what each saw. The scene around them is in `scene`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use handfast::blocking;
use handfast_packet::time::Instant;
use sha2::{Digest, Sha256};

use super::scene::monotonic;
use crate::content;
use crate::tcp_info::TcpInfo;

/// Bytes written or read at once.
const PIECE_LEN: usize = 64 * 1024;
/// How long a call may wait before the time is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum End {
    Kernel(TcpStream),
    Ours(blocking::TcpStream),
}

macro_rules! on_either {
    ($end:expr, $stream:ident => $work:expr) => {
        match $end {
            End::Kernel($stream) => $work,
            End::Ours($stream) => $work,
        }
    };
}

/// What a sender's TCP says at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Segments sent again.
    pub retransmissions: u64,
    /// Smoothed round-trip time.
    pub round_trip: Duration,
    /// Congestion window in segments.
    pub window: u64,
    /// Expiries of the retransmission timer; from the namespace's counters for the kernel.
    pub timeouts: u64,
}

/// What the sender did.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) bytes: u64,
    pub(crate) hash: [u8; 32],
    pub(crate) figures: Figures,
}

/// What the receiver saw.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) bytes: u64,
    /// How many of them within the time of the run.
    pub(crate) in_time: u64,
    pub(crate) hash: [u8; 32],
    /// The longest time between two reads that brought something.
    pub(crate) silence: Duration,
    /// Whether the end of the stream came.
    pub(crate) ended: bool,
}

/// When the run began: the sender says so, the receiver counts by it.
#[derive(Debug)]
pub(crate) struct Timing {
    began: OnceLock<Instant>,
    span: Duration,
    drain: Duration,
}

impl Timing {
    /// A run of `span`, and at most `drain` for what is under way then.
    pub(crate) fn new(span: Duration, drain: Duration) -> Self {
        Self {
            began: OnceLock::new(),
            span,
            drain,
        }
    }

    fn is_open(&self) -> bool {
        self.elapsed().is_none_or(|time| time < self.span)
    }

    fn is_given_up(&self) -> bool {
        let elapsed = self.elapsed();
        elapsed.is_some_and(|time| time > self.span + self.drain)
    }

    fn elapsed(&self) -> Option<Duration> {
        let began = self.began.get()?;
        Some(monotonic().duration_since(*began))
    }
}

/// Writes content until the time is over, says that it ends, and waits until the peer has done so.
pub(crate) fn send(mut end: End, timing: &Timing) -> io::Result<Sent> {
    end.set_timeouts()?;
    timing.began.get_or_init(monotonic);
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_LEN];
    content::fill(0, &mut piece);
    let mut written = 0;
    while timing.is_open() {
        if written == piece.len() {
            content::fill(bytes, &mut piece);
            written = 0;
        }
        match on_either!(&mut end, stream => stream.write(&piece[written..])) {
            Ok(count) => {
                hasher.update(&piece[written..written + count]);
                written += count;
                bytes += count as u64;
            }
            Err(error) if is_wait(&error) => {}
            Err(error) => return Err(error),
        }
    }
    on_either!(&end, stream => stream.shutdown(Shutdown::Write))?;
    let mut rest = [0; 16];
    while !timing.is_given_up() {
        match on_either!(&mut end, stream => stream.read(&mut rest)) {
            Err(error) if is_wait(&error) => {}
            Ok(_) | Err(_) => break,
        }
    }
    let figures = end.figures();
    if timing.is_given_up() {
        end.abort();
    }
    Ok(Sent {
        bytes,
        hash: hasher.finalize().into(),
        figures,
    })
}

/// Reads to the end of the stream.
pub(crate) fn receive(mut end: End, timing: &Timing) -> io::Result<Received> {
    end.set_timeouts()?;
    let mut buffer = vec![0; PIECE_LEN];
    let mut hasher = Sha256::new();
    let mut last = monotonic();
    let mut seen = Received {
        bytes: 0,
        in_time: 0,
        hash: [0; 32],
        silence: Duration::ZERO,
        ended: false,
    };
    while !seen.ended && !timing.is_given_up() {
        match on_either!(&mut end, stream => stream.read(&mut buffer)) {
            Ok(count) => {
                seen.silence = seen.silence.max(monotonic().duration_since(last));
                last = monotonic();
                hasher.update(&buffer[..count]);
                seen.bytes += count as u64;
                if timing.is_open() {
                    seen.in_time = seen.bytes;
                }
                seen.ended = count == 0;
            }
            Err(error) if is_wait(&error) => {}
            // The sender has given up in the same moment.
            Err(_) if timing.is_given_up() => break,
            Err(error) => return Err(error),
        }
    }
    seen.silence = seen.silence.max(monotonic().duration_since(last));
    seen.hash = hasher.finalize().into();
    Ok(seen)
}

/// The hash of the first `len` bytes of content.
pub(crate) fn content_hash(len: u64) -> [u8; 32] {
    let mut pieces = content::Pieces::new(len, PIECE_LEN);
    let mut hasher = Sha256::new();
    while let Some((_, piece)) = pieces.next_piece() {
        hasher.update(piece);
    }
    hasher.finalize().into()
}

impl End {
    fn set_timeouts(&self) -> io::Result<()> {
        on_either!(self, stream => {
            stream.set_read_timeout(Some(LOOK))?;
            stream.set_write_timeout(Some(LOOK))
        })
    }

    fn figures(&self) -> Figures {
        match self {
            Self::Kernel(stream) => {
                let info = TcpInfo::of(stream).unwrap_or_default();
                Figures {
                    retransmissions: info.retransmissions.into(),
                    round_trip: info.rtt,
                    window: info.congestion_window.into(),
                    timeouts: 0,
                }
            }
            Self::Ours(stream) => {
                let info = stream.info();
                Figures {
                    retransmissions: info.retransmissions,
                    round_trip: info.srtt.unwrap_or_default(),
                    window: info.congestion_window / u64::from(info.effective_mss.max(1)),
                    timeouts: info.timeouts,
                }
            }
        }
    }

    /// Gives up what was not delivered.
    fn abort(self) {
        match self {
            Self::Kernel(stream) => {
                let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
            }
            Self::Ours(stream) => stream.abort(),
        }
    }
}

/// Whether a call only ran out of its time.
fn is_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
