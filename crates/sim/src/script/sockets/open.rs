//! `socket`, `bind`, `listen`, `accept`, `connect`, and the names of both ends.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::{BACKLOG_MAX, Connect, ConnectError, FastOpenConnect, Listen, ListenError};

use super::call::{Detail, Family, Fd, Progress, Value};
use super::errno::Errno;
use super::files::{File, FileKey};
use super::options::Choices;
use super::settings::Kernel;
use super::socket::{Role, Socket, Stream};
use super::{Attempt, Sockets, Stop};

impl Sockets {
    pub(super) fn socket(&mut self, family: Family, nonblocking: bool) -> Attempt {
        let choices = Choices::new(&self.settings);
        let socket = Socket::new(family, nonblocking, choices);
        let fd = self.files.open(File::Socket(Box::new(socket)))?;
        Ok(Value::from(i64::from(fd)))
    }

    pub(super) fn bind(&mut self, fd: Fd, local: SocketAddr) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        if socket.bound.is_some() || !matches!(socket.role, Role::Idle) {
            return Err(Errno::EINVAL.into());
        }
        let local = socket.taken(local)?;
        let reuses = socket.choices.reuse_address;
        if !local.ip().is_unspecified() && !self.stack.is_local(local.ip()) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        let taken = self.files.sockets_mut().any(|other| {
            let listens = matches!(other.role, Role::Listener(_));
            let shares = reuses && other.choices.reuse_address && !listens;
            other.bound.is_some_and(|bound| overlap(bound, local)) && !shares
        });
        if taken {
            return Err(Errno::EADDRINUSE.into());
        }
        self.files.socket(key).bound = Some(local);
        Ok(Value::from(0))
    }

    pub(super) fn listen(&mut self, fd: Fd, backlog: i64) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        match &socket.role {
            Role::Idle => {}
            Role::Stream(_) => return Err(Errno::EINVAL.into()),
            Role::Listener(_) => {
                let why = "listen on a listener: its backlog cannot be changed";
                return Err(Stop::Unsupported(why.into()));
            }
        }
        let asked = usize::try_from(backlog).unwrap_or(0).min(BACKLOG_MAX);
        // Both let in more than was asked for.
        socket.backlog = match self.settings.kernel {
            Kernel::Linux => asked + 1,
            Kernel::FreeBsd => asked * 3 / 2 + 1,
        };
        self.start_listening(key)
    }

    /// A listener's choices have changed: it begins anew, unless somebody waits already.
    pub(super) fn listen_anew(&mut self, now: Instant, key: FileKey) -> Attempt<()> {
        let Role::Listener(listeners) = &mut self.files.socket(key).role else {
            return Ok(());
        };
        if listeners.iter().any(|&id| self.stack.acceptable(id) > 0) {
            return Ok(());
        }
        for id in listeners.drain(..) {
            self.stack.close_listener(now, id);
        }
        self.start_listening(key).map(|_| ())
    }

    fn start_listening(&mut self, key: FileKey) -> Attempt {
        let socket = self.files.socket(key);
        let options = Listen {
            backlog: socket.backlog,
            ..socket.choices.listen(&self.settings)
        };
        let local = socket.unbound();
        let both = socket.family == Family::V6 && !socket.choices.only_v6;
        let first = self.stack.listen(local, options).map_err(listen_error)?;
        let local = self.stack.listener_local(first).unwrap_or(local);
        let mut listeners = vec![first];
        if both && local.ip().is_unspecified() && local.is_ipv6() {
            let other = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port());
            listeners.push(self.stack.listen(other, options).map_err(listen_error)?);
        }
        let socket = self.files.socket(key);
        socket.bound = Some(local);
        socket.role = Role::Listener(listeners);
        Ok(Value::from(0))
    }

    pub(super) fn accept(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        fd: Fd,
        nonblocking: bool,
    ) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let listener = self.files.socket(key);
        let Role::Listener(listeners) = &listener.role else {
            return Err(Errno::EINVAL.into());
        };
        let (family, inherits) = (listener.family, listener.nonblocking);
        let Some(id) = listeners.iter().find_map(|&id| self.stack.accept(id)) else {
            let timeout = listener.choices.receive_timeout;
            return Err(wait(now, progress, inherits, timeout));
        };
        let choices = listener.choices.inherited();
        let nonblocking = nonblocking || (inherits && self.settings.kernel == Kernel::FreeBsd);
        let mut socket = Socket::new(family, nonblocking, choices);
        socket.role = Role::Stream(Stream::accepted(id));
        let tcp = self.stack.tcp(now, id).expect("accepted just now");
        let peer = socket.shown(tcp.remote());
        socket.bound = Some(tcp.local());
        drop(tcp);
        socket.bring_into_force(&mut self.stack, now);
        let fd = self.files.open(File::Socket(Box::new(socket)))?;
        Ok(Value {
            result: i64::from(fd),
            detail: Detail::Peer(peer),
        })
    }

    pub(super) fn connect(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        fd: Fd,
        remote: SocketAddr,
    ) -> Attempt {
        let key = self.files.socket_key(fd)?;
        if matches!(self.files.socket(key).role, Role::Idle) {
            let waits_for_text = self.begin(now, key, remote, None)?;
            let socket = self.files.socket(key);
            if waits_for_text && let Role::Stream(stream) = &mut socket.role {
                // The SYN leaves with the first text (RFC 7413).
                stream.announced = true;
                return Ok(Value::from(0));
            }
            if socket.nonblocking {
                return Err(Errno::EINPROGRESS.into());
            }
            return Err(wait(now, progress, false, socket.choices.send_timeout));
        }
        let kernel = self.settings.kernel;
        let socket = self.files.socket(key);
        let Role::Stream(stream) = &mut socket.role else {
            return Err(Errno::EISCONN.into());
        };
        if stream.announced {
            return Err(Errno::EISCONN.into());
        }
        if stream.ended {
            // As on Linux the socket is as new after it has told of the failure.
            let id = stream.id;
            socket.role = Role::Idle;
            self.stack.release_tcp(now, id);
            let told = self.files.socket(key).error.take();
            return Err(told.unwrap_or(Errno::ECONNABORTED).into());
        }
        if stream.opening {
            if socket.nonblocking && !progress.begun {
                return Err(Errno::EALREADY.into());
            }
            let timeout = socket.choices.send_timeout;
            return match wait(now, progress, false, timeout) {
                Stop::Error(_) => Err(Errno::EINPROGRESS.into()),
                stop => Err(stop),
            };
        }
        stream.announced = true;
        if kernel == Kernel::FreeBsd && !progress.begun {
            return Err(Errno::EISCONN.into());
        }
        Ok(Value::from(0))
    }

    /// `connect` to `AF_UNSPEC`: the connection is aborted and the socket as new.
    pub(super) fn disconnect(&mut self, now: Instant, fd: Fd) -> Attempt {
        let key = self.files.socket_key(fd)?;
        self.become_idle(now, key);
        Ok(Value::from(0))
    }

    pub(super) fn name(&mut self, now: Instant, fd: Fd, peer: bool) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        let stream = socket.stream().is_some_and(|stream| !stream.ended);
        let tcp = socket.tcp(&mut self.stack, now).filter(|_| stream);
        let address = match (peer, tcp) {
            (true, None) => return Err(Errno::ENOTCONN.into()),
            (true, Some(tcp)) => tcp.remote(),
            (false, Some(tcp)) => tcp.local(),
            (false, None) => socket.unbound(),
        };
        Ok(Value {
            result: 0,
            detail: Detail::Peer(socket.shown(address)),
        })
    }

    /// Lets go of whatever the socket was: a listener ends, a connection is aborted.
    pub(super) fn become_idle(&mut self, now: Instant, key: FileKey) {
        let socket = self.files.socket(key);
        match std::mem::replace(&mut socket.role, Role::Idle) {
            Role::Idle => {}
            Role::Listener(listeners) => {
                for id in listeners {
                    self.stack.close_listener(now, id);
                }
            }
            Role::Stream(stream) => {
                if let Some(mut tcp) = self.stack.tcp(now, stream.id) {
                    tcp.abort();
                }
                self.stack.release_tcp(now, stream.id);
            }
        }
        let socket = self.files.socket(key);
        (socket.read_shut, socket.write_shut) = (false, false);
        socket.written = 0;
    }

    /// Sends the SYN, or, when `fast_open` says so, lets it wait for text: returns whether it
    /// waits.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        key: FileKey,
        remote: SocketAddr,
        fast_open: Option<FastOpenConnect>,
    ) -> Attempt<bool> {
        let socket = self.files.socket(key);
        socket.take_error()?;
        let remote = socket.taken(remote)?;
        let local = socket.bound.map(|bound| bound.ip());
        let choices = socket.choices.connect(&self.settings);
        let options = Connect {
            local: local.filter(|address| !address.is_unspecified()),
            local_port: socket.bound.map(|bound| bound.port()),
            fast_open: fast_open.unwrap_or(choices.fast_open),
            ..choices
        };
        let id = self
            .stack
            .connect(now, remote, options)
            .map_err(connect_error)?;
        let socket = self.files.socket(key);
        socket.role = Role::Stream(Stream::begin(id));
        (socket.read_shut, socket.write_shut) = (false, false);
        socket.bring_into_force(&mut self.stack, now);
        let waits = options.fast_open == FastOpenConnect::WithFirstWrite;
        let tcp = self.stack.tcp(now, id).expect("made just now");
        Ok(waits && tcp.fast_open_room() > 0)
    }
}

/// What a call does that cannot go on: it fails when it may not wait, or has waited enough.
pub(super) fn wait(
    now: Instant,
    progress: &mut Progress,
    nonblocking: bool,
    timeout: Option<Duration>,
) -> Stop {
    if nonblocking {
        return Errno::EAGAIN.into();
    }
    if !progress.begun {
        progress.deadline = timeout.map(|timeout| now + timeout);
    }
    match progress.deadline {
        Some(deadline) if deadline <= now => Errno::EAGAIN.into(),
        _ => Stop::Block,
    }
}

/// Whether two local ends stand in each other's way.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_family = one.is_ipv4() == other.is_ipv4();
    let (a, b): (IpAddr, IpAddr) = (one.ip(), other.ip());
    let same_address = a == b || a.is_unspecified() || b.is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_family && same_address
}

fn connect_error(error: ConnectError) -> Stop {
    match error {
        ConnectError::Loopback(_) => Stop::Unsupported(error.to_string()),
        ConnectError::InvalidRemote(_)
        | ConnectError::MixedFamilies { .. }
        | ConnectError::NoSource(_) => Errno::ENETUNREACH.into(),
        ConnectError::TooMany(_) => Errno::ENOBUFS.into(),
        _ => Errno::EADDRNOTAVAIL.into(),
    }
}

fn listen_error(error: ListenError) -> Stop {
    match error {
        ListenError::InUse(_) | ListenError::NoPort(_) => Errno::EADDRINUSE.into(),
        ListenError::TooMany(_) => Errno::ENOBUFS.into(),
        _ => Errno::EADDRNOTAVAIL.into(),
    }
}
