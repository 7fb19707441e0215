//! One socket: what the program chose, what became of it, and the error that waits for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use handfast_packet::Instant;
use handfast_stack::{ListenerId, Stack, TcpId, TcpSocket};
use handfast_tcp::{CloseReason, State};

use super::call::Family;
use super::errno::Errno;
use super::options::Choices;
use super::settings::Kernel;

/// A TCP socket as its program sees it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) family: Family,
    pub(super) nonblocking: bool,
    pub(super) choices: Choices,
    /// What `bind` said; in the form that the stack uses, never mapped.
    pub(super) bound: Option<SocketAddr>,
    pub(super) role: Role,
    /// What `listen` asked for.
    pub(super) backlog: usize,
    /// `SO_ERROR`: what the next call that looks is told, once.
    pub(super) error: Option<Errno>,
    /// The program will not read any more.
    pub(super) read_shut: bool,
    /// The program will not write any more.
    pub(super) write_shut: bool,
    /// Bytes that were ever written, from which the text follows.
    pub(super) written: u64,
}

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Role {
    /// Nothing yet, or nothing any more.
    Idle,
    /// A listener; one on all addresses of both families is two for the stack.
    Listener(Vec<ListenerId>),
    /// A connection.
    Stream(Stream),
}

/// A connection of a socket.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: TcpId,
    /// A `connect` has returned success, or `accept` made it.
    pub(super) announced: bool,
    /// It was never open.
    pub(super) opening: bool,
    /// It is over.
    pub(super) ended: bool,
    /// The state before the present one.
    state: State,
}

impl Stream {
    /// A connection that `connect` begins.
    pub(super) fn begin(id: TcpId) -> Self {
        Self {
            id,
            announced: false,
            opening: true,
            ended: false,
            state: State::SynSent,
        }
    }

    /// A connection that `accept` hands out.
    pub(super) fn accepted(id: TcpId) -> Self {
        Self {
            announced: true,
            opening: false,
            state: State::Established,
            ..Self::begin(id)
        }
    }
}

impl Socket {
    pub(super) fn new(family: Family, nonblocking: bool, choices: Choices) -> Self {
        Self {
            family,
            nonblocking,
            choices,
            bound: None,
            role: Role::Idle,
            backlog: 0,
            error: None,
            read_shut: false,
            write_shut: false,
            written: 0,
        }
    }

    /// Its connection.
    pub(super) fn stream(&self) -> Option<&Stream> {
        match &self.role {
            Role::Stream(stream) => Some(stream),
            Role::Idle | Role::Listener(_) => None,
        }
    }

    /// Its connection in the stack.
    pub(super) fn tcp<'a>(&self, stack: &'a mut Stack, now: Instant) -> Option<TcpSocket<'a>> {
        let id = self.stream()?.id;
        stack.tcp(now, id)
    }

    /// The state by the RFC's name.
    pub(super) fn state(&self, stack: &mut Stack, now: Instant) -> State {
        match &self.role {
            Role::Idle => State::Closed,
            Role::Listener(_) => State::Listen,
            Role::Stream(_) => self
                .tcp(stack, now)
                .map_or(State::Closed, |tcp| tcp.state()),
        }
    }

    /// Takes the error that waits.
    pub(super) fn take_error(&mut self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Looks what has become of the connection.
    pub(super) fn note_change(&mut self, stack: &mut Stack, now: Instant, told: (Kernel, Errno)) {
        let Role::Stream(stream) = &mut self.role else {
            return;
        };
        if stream.ended {
            return;
        }
        let (state, reason) = match stack.tcp(now, stream.id) {
            Some(tcp) => (tcp.state(), tcp.close_reason()),
            None => (State::Closed, Some(CloseReason::Aborted)),
        };
        if let Some(reason) = reason {
            stream.ended = true;
            let error = error_of(reason, stream, told);
            if error.is_some() {
                self.error = error;
            }
        } else {
            stream.opening &= matches!(state, State::SynSent | State::SynReceived);
            stream.state = state;
        }
    }

    /// An address as this socket's program sees it: mapped when it uses IPv6.
    pub(super) fn shown(&self, address: SocketAddr) -> SocketAddr {
        match (self.family, address.ip()) {
            (Family::V6, IpAddr::V4(v4)) => {
                SocketAddr::new(v4.to_ipv6_mapped().into(), address.port())
            }
            _ => address,
        }
    }

    /// An address of the program as the stack takes it.
    pub(super) fn taken(&self, address: SocketAddr) -> Result<SocketAddr, Errno> {
        let canonical = SocketAddr::new(address.ip().to_canonical(), address.port());
        match (self.family, address.ip(), canonical.ip()) {
            (Family::V4, IpAddr::V4(_), _) => Ok(canonical),
            (Family::V6, IpAddr::V6(_), IpAddr::V4(_)) if self.choices.only_v6 => {
                Err(Errno::ENETUNREACH)
            }
            (Family::V6, IpAddr::V6(_), _) => Ok(canonical),
            (Family::V4, IpAddr::V6(_), _) | (Family::V6, IpAddr::V4(_), _) => {
                Err(Errno::EAFNOSUPPORT)
            }
        }
    }

    /// The local end before there is a connection.
    pub(super) fn unbound(&self) -> SocketAddr {
        self.bound.unwrap_or_else(|| match self.family {
            Family::V4 => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            Family::V6 => SocketAddr::new([0u16; 8].into(), 0),
        })
    }
}

/// What the program is told about the end of a connection; nothing when it ended in good order or
/// by the program itself.
fn error_of(
    reason: CloseReason,
    stream: &Stream,
    (kernel, unreachable): (Kernel, Errno),
) -> Option<Errno> {
    match reason {
        CloseReason::Normal | CloseReason::Aborted => None,
        CloseReason::Refused => Some(Errno::ECONNREFUSED),
        // Linux: the peer had closed in good order, so only writing is broken.
        CloseReason::Reset if stream.state == State::CloseWait && kernel == Kernel::Linux => {
            Some(Errno::EPIPE)
        }
        CloseReason::Reset => Some(Errno::ECONNRESET),
        CloseReason::TimedOut | CloseReason::KeepAliveTimedOut => Some(Errno::ETIMEDOUT),
        CloseReason::Unreachable => Some(unreachable),
    }
}
