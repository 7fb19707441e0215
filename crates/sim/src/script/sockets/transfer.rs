//! Reading and writing, and what `ioctl` tells about both.

use std::net::SocketAddr;

use handfast_packet::Instant;
use handfast_stack::FastOpenConnect;
use handfast_tcp::{ReadError, WriteError};

use super::call::{Detail, Fd, Progress, Value};
use super::constants::{
    MSG_DONTWAIT, MSG_FASTOPEN, MSG_MORE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL,
};
use super::errno::Errno;
use super::files::FileKey;
use super::open::wait;
use super::settings::Kernel;
use super::socket::Role;
use super::{Attempt, Sockets, Stop};

/// Bytes of text that are made at a time.
const PIECE: usize = 64 * 1_024;

/// The byte at a place of a stream that a machine sends. The period is prime, so that no two
/// segments of usual sizes look alike.
pub(super) fn pattern(at: u64) -> u8 {
    u8::try_from(at % 251).expect("below 251")
}

impl Sockets {
    pub(super) fn read(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        fd: Fd,
        len: usize,
        flags: i64,
    ) -> Attempt {
        let known = MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_TRUNC | MSG_NOSIGNAL | MSG_OOB;
        if flags & !known != 0 {
            return Err(unknown_flags(flags & !known));
        }
        let key = self.files.socket_key(fd)?;
        if flags & MSG_OOB != 0 {
            return self.read_urgent(now, key);
        }
        let socket = self.files.socket(key);
        let nonblocking = socket.nonblocking || flags & MSG_DONTWAIT != 0;
        let timeout = socket.choices.receive_timeout;
        let target = match flags & MSG_WAITALL {
            0 => socket.choices.receive_low_water.min(len),
            _ => len,
        };
        let Some(mut tcp) = socket.tcp(&mut self.stack, now) else {
            return self.read_without_connection(key);
        };
        // A read ends before the mark, so that the program can ask whether it is there.
        let before_mark = tcp.urgent().map_or(0, |left| left - 1);
        let before_mark = match usize::try_from(before_mark) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(count) => count,
        };
        let available = tcp.readable().min(len - progress.moved).min(before_mark);
        let mut text = vec![0; available];
        let outcome = match (available, flags & MSG_PEEK) {
            (0, _) if len > 0 => tcp.read(&mut [0]),
            (0, _) => return Ok(0.into()),
            (_, 0) => tcp.read(&mut text),
            (_, _) => tcp.peek(&mut text),
        };
        let left = tcp.readable();
        drop(tcp);
        if let Ok(count @ 1..) = outcome {
            progress.moved += count;
            if progress.moved < target && flags & MSG_PEEK == 0 {
                match wait(now, progress, nonblocking, timeout) {
                    Stop::Block => return Err(Stop::Block),
                    _ => return Ok(self.received(key, progress.moved, left)),
                }
            }
            return Ok(self.received(key, progress.moved, left));
        }
        if progress.moved > 0 && !matches!(outcome, Err(ReadError::WouldBlock)) {
            return Ok(self.received(key, progress.moved, left));
        }
        let socket = self.files.socket(key);
        socket.take_error()?;
        match outcome {
            _ if socket.read_shut => Ok(0.into()),
            Err(ReadError::WouldBlock) => match wait(now, progress, nonblocking, timeout) {
                Stop::Error(_) if progress.moved > 0 => {
                    Ok(self.received(key, progress.moved, left))
                }
                stop => Err(stop),
            },
            // The error was told before.
            Ok(_) | Err(ReadError::Closed(_)) => Ok(0.into()),
        }
    }

    pub(super) fn write(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        fd: Fd,
        (len, flags): (usize, i64),
        to: Option<SocketAddr>,
    ) -> Attempt {
        let known = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_MORE;
        let key = self.files.socket_key(fd)?;
        let implied = self.settings.kernel == Kernel::FreeBsd || flags & MSG_FASTOPEN != 0;
        if let (Some(to), true, false) = (to, implied, progress.begun) {
            let stop = self.connect_and_write((now, progress), key, (len, flags), to)?;
            if let Some(value) = stop {
                return Ok(value);
            }
        }
        let flags = flags & !MSG_FASTOPEN;
        if flags & !known != 0 {
            return Err(unknown_flags(flags & !known));
        }
        let socket = self.files.socket(key);
        let nonblocking = socket.nonblocking || flags & MSG_DONTWAIT != 0;
        let timeout = socket.choices.send_timeout;
        let Some(stream) = socket.stream() else {
            socket.take_error()?;
            return Err(match (self.settings.kernel, &socket.role) {
                (Kernel::FreeBsd, _) => Errno::ENOTCONN.into(),
                (Kernel::Linux, _) => Errno::EPIPE.into(),
            });
        };
        let (opening, ended) = (stream.opening, stream.ended);
        if let (true, Some(errno)) = (progress.moved == 0, socket.error) {
            socket.error = None;
            return Err(errno.into());
        }
        if socket.write_shut || ended {
            return partial(progress.moved, Errno::EPIPE.into());
        }
        if opening && (to.is_some() || !self.may_write_early(now, key)) {
            return Err(wait(now, progress, nonblocking, timeout));
        }
        match self.write_text(now, key, (len - progress.moved, flags)) {
            Ok(count) => progress.moved += count,
            Err(WriteError::WouldBlock) => {}
            Err(WriteError::ShutDown | WriteError::Closed(_)) => {
                return partial(progress.moved, Errno::EPIPE.into());
            }
        }
        if progress.moved == len {
            return Ok(count_of(len));
        }
        match wait(now, progress, nonblocking, timeout) {
            stop @ Stop::Error(_) => partial(progress.moved, stop),
            stop => Err(stop),
        }
    }

    /// Whether the SYN still waits for text (`TCP_FASTOPEN_CONNECT`).
    fn may_write_early(&mut self, now: Instant, key: FileKey) -> bool {
        let tcp = self.files.socket(key).tcp(&mut self.stack, now);
        tcp.is_some_and(|tcp| tcp.fast_open_room() > 0)
    }

    /// A `sendto` that connects first: with `MSG_FASTOPEN` (RFC 7413), and on FreeBSD always.
    /// `None` lets the usual way of writing go on.
    fn connect_and_write(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        key: FileKey,
        (len, flags): (usize, i64),
        to: SocketAddr,
    ) -> Attempt<Option<Value>> {
        let (kernel, allowed) = (self.settings.kernel, self.settings.fast_open.client);
        let socket = self.files.socket(key);
        match (&socket.role, kernel) {
            (Role::Idle, _) => {}
            (_, Kernel::FreeBsd) => return Ok(None),
            (Role::Stream(stream), _) if stream.ended => return Ok(None),
            (Role::Stream(stream), _) if stream.opening => return Err(Errno::EALREADY.into()),
            (_, Kernel::Linux) => return Err(Errno::EISCONN.into()),
        }
        let nonblocking = socket.nonblocking || flags & MSG_DONTWAIT != 0;
        let timeout = socket.choices.send_timeout;
        let fast_open = match kernel {
            Kernel::Linux if !allowed => return Err(Errno::EOPNOTSUPP.into()),
            Kernel::FreeBsd if !allowed || socket.choices.fast_open.is_none() => {
                FastOpenConnect::Off
            }
            _ => FastOpenConnect::Now,
        };
        self.begin(now, key, to, Some(fast_open))?;
        let socket = self.files.socket(key);
        let fits = socket.tcp(&mut self.stack, now);
        let fits = fits.map_or(0, |tcp| tcp.fast_open_room());
        let room = match kernel {
            // FreeBSD buffers what does not fit into the SYN; Linux waits with it.
            Kernel::FreeBsd => len,
            Kernel::Linux => fits,
        };
        if let Ok(count) = self.write_text(now, key, (len.min(room), 0)) {
            progress.moved = count;
        }
        match (kernel, progress.moved) {
            (Kernel::FreeBsd, moved) => Ok(Some(count_of(moved))),
            (Kernel::Linux, 0) if nonblocking => Err(Errno::EINPROGRESS.into()),
            (Kernel::Linux, moved) if nonblocking => Ok(Some(count_of(moved))),
            // The rest goes the usual way once the handshake is done.
            (Kernel::Linux, _) => Err(wait(now, progress, false, timeout)),
        }
    }

    pub(super) fn control(
        &mut self,
        now: Instant,
        fd: Fd,
        request: &str,
        argument: i64,
    ) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        if request == "FIONBIO" {
            socket.nonblocking = argument != 0;
            return Ok(0.into());
        }
        if matches!(socket.role, Role::Listener(_)) {
            return Err(Errno::EINVAL.into());
        }
        let number = match (request, socket.tcp(&mut self.stack, now)) {
            (
                "SIOCINQ" | "FIONREAD" | "SIOCOUTQ" | "TIOCOUTQ" | "SIOCOUTQNSD" | "FIONWRITE"
                | "SIOCATMARK",
                None,
            ) => 0,
            ("SIOCINQ" | "FIONREAD", Some(tcp)) => tcp.readable() as u64,
            ("SIOCOUTQ" | "TIOCOUTQ" | "FIONWRITE", Some(tcp)) => tcp.unacknowledged(),
            ("SIOCOUTQNSD", Some(tcp)) => tcp.unsent(),
            ("SIOCATMARK", Some(tcp)) => u64::from(tcp.at_mark()),
            (other, _) => return Err(Stop::Unsupported(format!("ioctl {other}"))),
        };
        Ok(Value {
            result: 0,
            detail: Detail::Number(i64::try_from(number).unwrap_or(i64::MAX)),
        })
    }

    /// `MSG_OOB`: the octet before the urgent pointer.
    fn read_urgent(&mut self, now: Instant, key: FileKey) -> Attempt {
        let socket = self.files.socket(key);
        let inline = socket.choices.urgent_inline;
        let Some(mut tcp) = socket.tcp(&mut self.stack, now) else {
            return self.read_without_connection(key);
        };
        match tcp.read_urgent() {
            _ if inline => Err(Errno::EINVAL.into()),
            Ok(Some(_)) => Ok(1.into()),
            Ok(None) => Err(Errno::EINVAL.into()),
            Err(ReadError::WouldBlock) => Err(Errno::EAGAIN.into()),
            Err(ReadError::Closed(_)) => Ok(0.into()),
        }
    }

    fn read_without_connection(&mut self, key: FileKey) -> Attempt {
        let socket = self.files.socket(key);
        socket.take_error()?;
        Err(Errno::ENOTCONN.into())
    }

    /// Writes until there is no more room.
    fn write_text(
        &mut self,
        now: Instant,
        key: FileKey,
        (len, flags): (usize, i64),
    ) -> Result<usize, WriteError> {
        let socket = self.files.socket(key);
        let first = socket.written;
        let Some(mut tcp) = socket.tcp(&mut self.stack, now) else {
            return Err(WriteError::ShutDown);
        };
        let mut done = 0;
        while done < len {
            let start = first + done as u64;
            let piece = (len - done).min(PIECE) as u64;
            let text: Vec<u8> = (start..start + piece).map(pattern).collect();
            let taken = match (flags & MSG_OOB, flags & MSG_MORE) {
                (0, 0) => tcp.write(&text),
                (0, _) => tcp.write_more(&text),
                (_, _) => tcp.write_urgent(&text),
            };
            match taken {
                Ok(count) => done += count,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        drop(tcp);
        self.files.socket(key).written += done as u64;
        Ok(done)
    }

    fn received(&mut self, key: FileKey, count: usize, left: usize) -> Value {
        let tells_left = self.files.socket(key).choices.tells_left;
        let left = tells_left.then(|| i64::try_from(left).unwrap_or(i64::MAX));
        Value {
            result: i64::try_from(count).unwrap_or(i64::MAX),
            detail: Detail::Message { flags: 0, left },
        }
    }
}

/// What was moved before something stood in the way counts first.
fn partial(moved: usize, stop: Stop) -> Attempt {
    match moved {
        0 => Err(stop),
        _ => Ok(count_of(moved)),
    }
}

fn count_of(moved: usize) -> Value {
    Value::from(i64::try_from(moved).unwrap_or(i64::MAX))
}

fn unknown_flags(flags: i64) -> Stop {
    Stop::Unsupported(format!("flags {flags:#x} of send or recv"))
}
