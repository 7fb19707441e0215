//! What a socket is ready for, and `poll`.

use std::time::Duration;

use handfast_packet::Instant;

use super::call::{Detail, Fd, PollEntry, Progress, Value};
use super::constants::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP, POLLRDNORM, POLLWRNORM,
};
use super::epoll::INTERESTS_MAX;
use super::errno::Errno;
use super::open::wait;
use super::socket::{Role, Socket};
use super::{Attempt, Sockets, Stop};

use handfast_stack::Stack;
use handfast_tcp::State;

impl Sockets {
    pub(super) fn poll(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        entries: &[PollEntry],
        timeout: Option<Duration>,
    ) -> Attempt {
        if entries.len() > INTERESTS_MAX {
            return Err(Errno::EINVAL.into());
        }
        let mut answers = entries.to_vec();
        for entry in &mut answers {
            entry.revents = match entry.fd {
                ..0 => 0,
                fd => self.ready(now, fd) & (entry.events | POLLERR | POLLHUP | POLLNVAL),
            };
        }
        let count = answers.iter().filter(|entry| entry.revents != 0).count();
        if count == 0 {
            match wait(now, progress, false, timeout) {
                Stop::Error(_) => {}
                stop => return Err(stop),
            }
        }
        Ok(Value {
            result: i64::try_from(count).expect("few entries"),
            detail: Detail::Poll(answers),
        })
    }

    /// `POLL*` that hold for a descriptor.
    pub(super) fn ready(&mut self, now: Instant, fd: Fd) -> i64 {
        match self.files.socket_key(fd) {
            Ok(key) => self.files.socket(key).ready(&mut self.stack, now),
            Err(Errno::EBADF) => POLLNVAL,
            Err(_) => 0,
        }
    }
}

impl Socket {
    /// `POLL*` that hold, as Linux reckons them.
    pub(super) fn ready(&self, stack: &mut Stack, now: Instant) -> i64 {
        let error = if self.error.is_some() { POLLERR } else { 0 };
        let stream = match &self.role {
            Role::Idle => return error | POLLOUT | POLLWRNORM | POLLHUP,
            Role::Listener(listeners) => {
                let any = listeners.iter().any(|&id| stack.acceptable(id) > 0);
                return if any { POLLIN | POLLRDNORM } else { 0 };
            }
            Role::Stream(stream) => stream,
        };
        let Some(tcp) = stack.tcp(now, stream.id) else {
            return error | POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP | POLLHUP;
        };
        let state = tcp.state();
        let fin = peer_has_closed(state);
        let mut ready = error;
        if stream.ended || ((fin || self.read_shut) && self.write_shut) {
            ready |= POLLHUP;
        }
        if fin || self.read_shut || stream.ended {
            ready |= POLLIN | POLLRDNORM | POLLRDHUP;
        }
        if stream.opening && !stream.ended {
            return ready;
        }
        if tcp.readable() >= self.choices.receive_low_water {
            ready |= POLLIN | POLLRDNORM;
        }
        if stream.ended || self.write_shut || tcp.writable() > 0 {
            ready |= POLLOUT | POLLWRNORM;
        }
        if tcp.urgent().is_some() {
            ready |= POLLPRI;
        }
        ready
    }
}

/// Whether the peer's FIN was taken.
fn peer_has_closed(state: State) -> bool {
    matches!(
        state,
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
    )
}
