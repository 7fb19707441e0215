//! `shutdown` and `close`, with and without lingering.

use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::TcpId;
use handfast_tcp::State;

use super::call::{Fd, Progress, Value};
use super::errno::Errno;
use super::files::File;
use super::socket::{Role, Socket};
use super::{Attempt, Sockets, Stop};

impl Sockets {
    pub(super) fn shutdown(&mut self, now: Instant, fd: Fd, how: i64) -> Attempt {
        let (reading, writing) = match how {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => return Err(Errno::EINVAL.into()),
        };
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        match &socket.role {
            Role::Idle => return Err(Errno::ENOTCONN.into()),
            Role::Listener(_) if reading => self.become_idle(now, key),
            Role::Listener(_) => {}
            Role::Stream(stream) if stream.ended => return Err(Errno::ENOTCONN.into()),
            Role::Stream(_) => {
                socket.read_shut |= reading;
                socket.write_shut |= writing;
                let state = socket.state(&mut self.stack, now);
                if state == State::SynSent {
                    self.become_idle(now, key);
                } else if writing && let Some(mut tcp) = socket.tcp(&mut self.stack, now) {
                    tcp.shutdown();
                }
            }
        }
        Ok(0.into())
    }

    pub(super) fn close(&mut self, (now, progress): (Instant, &mut Progress), fd: Fd) -> Attempt {
        if let Some(id) = progress.lingering {
            return self.linger(now, progress, id);
        }
        self.forget_interest(fd);
        match self.files.close(fd)? {
            None | Some(File::Epoll(_)) => Ok(0.into()),
            Some(File::Socket(socket)) => self.close_socket((now, progress), *socket),
        }
    }

    fn close_socket(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        socket: Socket,
    ) -> Attempt {
        let stream = match socket.role {
            Role::Idle => return Ok(0.into()),
            Role::Listener(listeners) => {
                for id in listeners {
                    self.stack.close_listener(now, id);
                }
                return Ok(0.into());
            }
            Role::Stream(stream) => stream,
        };
        let Some(mut tcp) = self.stack.tcp(now, stream.id) else {
            return Ok(0.into());
        };
        match socket.choices.linger {
            Some(Duration::ZERO) => {
                tcp.abort();
                drop(tcp);
            }
            Some(time) if !stream.ended && tcp.readable() == 0 && !socket.nonblocking => {
                tcp.shutdown();
                drop(tcp);
                progress.deadline = Some(now + time);
                progress.lingering = Some(stream.id);
                return self.linger(now, progress, stream.id);
            }
            _ => drop(tcp),
        }
        self.stack.release_tcp(now, stream.id);
        Ok(0.into())
    }

    /// A `close` with `SO_LINGER` waits until everything is acknowledged, the FIN too, or its time
    /// is over.
    fn linger(&mut self, now: Instant, progress: &Progress, id: TcpId) -> Attempt {
        let over = progress.deadline.is_none_or(|deadline| deadline <= now);
        let state = self.stack.tcp(now, id).map(|tcp| tcp.state());
        let unsettled = matches!(
            state,
            Some(State::FinWait1 | State::Closing | State::LastAck | State::SynReceived)
        );
        if unsettled && !over {
            return Err(Stop::Block);
        }
        self.stack.release_tcp(now, id);
        Ok(Value::from(0))
    }
}
