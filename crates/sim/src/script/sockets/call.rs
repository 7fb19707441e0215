//! The calls of a program, and what comes of them: plain values, nothing is done here.
//!
//! Text is never given, only its length: what is sent is a pattern that follows from its place in
//! the stream. Numbers have the values of Linux (`constants`).

use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::TcpId;

use super::errno::Errno;
use super::options::OptionValue;

/// A file descriptor of the machine: the lowest free number from 3 on.
pub type Fd = i32;

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`; takes IPv4 addresses in their mapped form unless `IPV6_V6ONLY` is set.
    V6,
}

/// One call. `readv`, `writev`, `recvmsg` and `sendmsg` are the plain ones with the lengths added
/// up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `socket`, for TCP.
    Socket {
        /// Of which family.
        family: Family,
        /// With `SOCK_NONBLOCK`.
        nonblocking: bool,
    },
    /// `bind`.
    Bind {
        /// Which socket.
        fd: Fd,
        /// To which address; port 0 chooses one.
        local: SocketAddr,
    },
    /// `listen`.
    Listen {
        /// Which socket.
        fd: Fd,
        /// Most connections that wait; below 1 counts as 1.
        backlog: i64,
    },
    /// `accept` and `accept4`; gives [`Detail::Peer`].
    Accept {
        /// Which listener.
        fd: Fd,
        /// With `SOCK_NONBLOCK`.
        nonblocking: bool,
    },
    /// `connect`.
    Connect {
        /// Which socket.
        fd: Fd,
        /// To which end; `None` is `AF_UNSPEC`, which dissolves the connection.
        remote: Option<SocketAddr>,
    },
    /// `read`, `recv`, `recvfrom`, `recvmsg`.
    Receive {
        /// Which socket.
        fd: Fd,
        /// At most so many bytes.
        len: usize,
        /// `MSG_*`.
        flags: i64,
    },
    /// `write`, `send`, `sendto`, `sendmsg`.
    Send {
        /// Which socket.
        fd: Fd,
        /// So many bytes.
        len: usize,
        /// `MSG_*`.
        flags: i64,
        /// With `MSG_FASTOPEN`: to which end.
        to: Option<SocketAddr>,
    },
    /// `close`.
    Close {
        /// Which file.
        fd: Fd,
    },
    /// `shutdown`.
    Shutdown {
        /// Which socket.
        fd: Fd,
        /// `SHUT_*`.
        how: i64,
    },
    /// `fcntl(F_GETFL)`.
    GetFlags {
        /// Which file.
        fd: Fd,
    },
    /// `fcntl(F_SETFL)`.
    SetFlags {
        /// Which file.
        fd: Fd,
        /// `O_*`.
        flags: i64,
    },
    /// `ioctl`; what asks gives [`Detail::Number`].
    Control {
        /// Which socket.
        fd: Fd,
        /// `SIOCINQ`, `FIONREAD`, `SIOCOUTQ`, `SIOCOUTQNSD`, `SIOCATMARK`, `FIONBIO`.
        request: String,
        /// The argument, for what sets.
        argument: i64,
    },
    /// `poll`; gives [`Detail::Poll`].
    Poll {
        /// The descriptors and what is asked about them.
        entries: Vec<PollEntry>,
        /// At most so long; `None` for ever.
        timeout: Option<Duration>,
    },
    /// `setsockopt`.
    SetOption {
        /// Which socket.
        fd: Fd,
        /// `SOL_SOCKET`, `IPPROTO_TCP`, …
        level: String,
        /// `SO_LINGER`, `TCP_NODELAY`, …
        name: String,
        /// To what.
        value: OptionValue,
    },
    /// `getsockopt`; gives [`Detail::Option`].
    GetOption {
        /// Which socket.
        fd: Fd,
        /// As above.
        level: String,
        /// As above.
        name: String,
    },
    /// `getsockname` and `getpeername`; gives [`Detail::Peer`].
    Name {
        /// Which socket.
        fd: Fd,
        /// The other end.
        peer: bool,
    },
    /// `epoll_create` and `epoll_create1`.
    EpollCreate,
    /// `epoll_ctl`.
    EpollControl {
        /// The epoll file.
        epoll: Fd,
        /// `EPOLL_CTL_*`.
        operation: i64,
        /// About which socket.
        fd: Fd,
        /// `EPOLL*`.
        events: i64,
        /// Given back with each event.
        data: i64,
    },
    /// `epoll_wait`; gives [`Detail::Epoll`].
    EpollWait {
        /// The epoll file.
        epoll: Fd,
        /// At most so many events.
        most: usize,
        /// At most so long; `None` for ever.
        timeout: Option<Duration>,
    },
    /// `dup`.
    Duplicate {
        /// Which file.
        fd: Fd,
    },
}

/// What `poll` asks and answers about one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollEntry {
    /// Which one; a negative number is passed over.
    pub fd: Fd,
    /// `POLL*` that are asked for.
    pub events: i64,
    /// `POLL*` that hold.
    pub revents: i64,
}

/// One event of `epoll_wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpollEvent {
    /// `EPOLL*` that hold.
    pub events: i64,
    /// What `epoll_ctl` gave.
    pub data: i64,
}

/// What a call that succeeded returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The number that the call returns.
    pub result: i64,
    /// What it writes elsewhere.
    pub detail: Detail,
}

/// What a call writes through its pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// An address.
    Peer(SocketAddr),
    /// A number.
    Number(i64),
    /// The value of an option.
    Option(OptionValue),
    /// The entries of `poll`.
    Poll(Vec<PollEntry>),
    /// The events of `epoll_wait`.
    Epoll(Vec<EpollEvent>),
    /// What `recvmsg` tells beside the text.
    Message {
        /// `MSG_*` that came with it.
        flags: i64,
        /// With `TCP_INQ`: bytes that are left to read.
        left: Option<i64>,
    },
}

impl From<i64> for Value {
    fn from(result: i64) -> Self {
        let detail = Detail::None;
        Self { result, detail }
    }
}

/// What comes of a call.
#[derive(Debug)]
pub enum Outcome {
    /// It returned: a value, or -1 with an error number.
    Done(Result<Value, Errno>),
    /// It blocks; try it again with [`super::Sockets::resume`] whenever something has happened,
    /// and at [`Waiting::deadline`].
    WouldBlock(Waiting),
    /// This machine cannot do it, and why. Nothing has changed.
    Unsupported(String),
}

/// A call that blocks.
#[derive(Debug)]
pub struct Waiting {
    pub(super) call: Call,
    pub(super) progress: Progress,
}

/// How far a blocking call has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// It was tried before.
    pub(super) begun: bool,
    /// Bytes moved so far.
    pub(super) moved: usize,
    /// When it ends in any case.
    pub(super) deadline: Option<Instant>,
    /// The connection whose end a `close` waits for.
    pub(super) lingering: Option<TcpId>,
}

impl Waiting {
    /// When the call ends even if nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.progress.deadline
    }

    /// Whether text waits for the end of the handshake, so that it leaves in place of the bare ACK
    /// that would end it.
    pub fn writes_at_once(&self) -> bool {
        matches!(self.call, Call::Send { to: Some(_), .. })
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }
}
