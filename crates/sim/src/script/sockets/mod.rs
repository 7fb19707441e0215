//! The machine under test: one stack with the socket calls of a Unix kernel on top, in virtual
//! time.
//!
//! [`Sockets`] takes calls (`call`) and packets, and gives results and packets. What the calls do
//! follows Linux, error numbers included; [`Kernel::FreeBsd`] differs where FreeBSD does. What
//! does not live here: protocol (that is `handfast_stack`), the syntax of scripts, and the order
//! in which a script's lines run. A call that blocks is handed back to the caller, who tries it
//! again when something has happened.

mod call;
pub mod constants;
mod ending;
mod epoll;
mod errno;
mod files;
mod icmp;
mod open;
mod options;
mod ready;
mod settings;
mod socket;
mod transfer;

use std::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::buf::{
    Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ip::Cidr;
use handfast_stack::{Config, Stack};
use handfast_tcp::State;

pub use call::{Call, Detail, EpollEvent, Family, Fd, Outcome, PollEntry, Value, Waiting};
pub use epoll::INTERESTS_MAX;
pub use errno::Errno;
pub use files::FILES_MAX;
pub use options::OptionValue;
pub use settings::{Applied, Kernel, SettingError, Settings};

use call::Progress;
use files::Files;

/// Most rounds of one [`Sockets::poll_transmit`]: each one empties what the stack has ready.
const EVENTS_MAX: usize = 4_096;

/// Where the machine stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its addresses with their networks; every other address is reached through the one link.
    pub addresses: Vec<Cidr>,
    /// Largest IP packet.
    pub mtu: u16,
    /// Largest text of one outgoing super-segment; 0 for segments as they are on the wire.
    pub max_gso: u32,
    /// Everything random is drawn from it.
    pub seed: u64,
}

/// Why a call does not return a value.
enum Stop {
    /// It fails.
    Error(Errno),
    /// It waits.
    Block,
    /// It is not known here.
    Unsupported(String),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Error(errno)
    }
}

/// What an attempt at a call gives.
type Attempt<T = Value> = Result<T, Stop>;

/// One machine: a stack, its settings, and the files of its one program.
#[derive(Debug)]
pub struct Sockets {
    stack: Stack,
    settings: Settings,
    files: Files,
    outbox: TxBatch,
    mtu: u16,
    /// What the last ICMP error said, for the connection that it ends.
    unreachable: Errno,
}

impl Sockets {
    /// A machine with addresses. Packets begin with their IP header; nobody asks for neighbours.
    ///
    /// # Panics
    /// When the addresses are not those of hosts, or too many.
    pub fn new(settings: Settings, place: &Place) -> Self {
        let config = Config {
            seed: place.seed,
            tcp: settings.tcp(),
            ..settings.stack()
        };
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: place.mtu,
            max_gso: place.max_gso,
            tx_checksum: false,
        };
        let mut stack = Stack::new(config, capabilities);
        for &cidr in &place.addresses {
            stack
                .add_address(cidr)
                .expect("a machine has few addresses, and those of hosts");
        }
        for everything in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
            let everything = Cidr::new(everything, 0).expect("0 is a prefix length");
            stack
                .add_route(everything, None)
                .expect("a new stack has room for routes");
        }
        Self {
            stack,
            settings,
            files: Files::default(),
            outbox: TxBatch::new(),
            mtu: place.mtu,
            unreachable: Errno::EHOSTUNREACH,
        }
    }

    /// The settings in force; changes count for sockets that begin later.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tries a call.
    pub fn call(&mut self, now: Instant, call: Call) -> Outcome {
        self.run(now, call, Progress::default())
    }

    /// Tries a call again that blocked.
    pub fn resume(&mut self, now: Instant, waiting: Waiting) -> Outcome {
        let Waiting { call, progress } = waiting;
        self.run(now, call, progress)
    }

    /// A packet arrived, from the IP header on.
    pub fn receive(&mut self, now: Instant, packet: Vec<u8>) {
        self.receive_frame(
            now,
            RxFrame {
                data: Chunk::from(packet),
                received_at: now,
                checksum: RxChecksum::Unknown,
                gso: None,
            },
        );
    }

    /// A frame arrived, which may stand for several wire segments.
    pub fn receive_frame(&mut self, now: Instant, frame: RxFrame) {
        if let Some(errno) = icmp::unreachable(&frame.data) {
            self.unreachable = errno;
        }
        let mut batch = RxBatch::new();
        batch.push(frame);
        self.stack.receive(now, &mut batch);
        self.note_changes(now);
    }

    /// Lets the stack do what is due.
    pub fn on_timeout(&mut self, now: Instant) {
        self.stack.on_timeout(now);
        self.note_changes(now);
    }

    /// When [`Self::on_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.stack.next_timeout()
    }

    /// The next packet to send, from the IP header on, with the reason for it.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<TxFrame> {
        if self.outbox.is_empty() {
            let _ = self.stack.poll_transmit(now, &mut self.outbox);
            self.note_changes(now);
        }
        self.outbox.pop()
    }

    /// The state of a socket by the RFC's name; `None` when there is no such socket.
    pub fn state(&mut self, now: Instant, fd: Fd) -> Option<State> {
        let key = self.files.socket_key(fd).ok()?;
        let socket = self.files.socket(key);
        Some(socket.state(&mut self.stack, now))
    }

    /// The stack, for what scripts assert beside calls.
    pub fn stack_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }

    fn run(&mut self, now: Instant, call: Call, mut progress: Progress) -> Outcome {
        let outcome = self.attempt(now, &call, &mut progress);
        self.note_changes(now);
        match outcome {
            Ok(value) => Outcome::Done(Ok(value)),
            Err(Stop::Error(errno)) => Outcome::Done(Err(errno)),
            Err(Stop::Unsupported(why)) => Outcome::Unsupported(why),
            Err(Stop::Block) => {
                progress.begun = true;
                Outcome::WouldBlock(Waiting { call, progress })
            }
        }
    }

    fn attempt(&mut self, now: Instant, call: &Call, progress: &mut Progress) -> Attempt {
        match *call {
            Call::Socket {
                family,
                nonblocking,
            } => self.socket(family, nonblocking),
            Call::Bind { fd, local } => self.bind(fd, local),
            Call::Listen { fd, backlog } => self.listen(fd, backlog),
            Call::Accept { fd, nonblocking } => self.accept((now, progress), fd, nonblocking),
            Call::Connect { fd, remote } => match remote {
                Some(remote) => self.connect((now, progress), fd, remote),
                None => self.disconnect(now, fd),
            },
            Call::Receive { fd, len, flags } => self.read((now, progress), fd, len, flags),
            Call::Send { fd, len, flags, to } => self.write((now, progress), fd, (len, flags), to),
            Call::Close { fd } => self.close((now, progress), fd),
            Call::Shutdown { fd, how } => self.shutdown(now, fd, how),
            Call::GetFlags { fd } => self.files.flags(fd).map(Value::from).map_err(Stop::from),
            Call::SetFlags { fd, flags } => {
                self.files.set_flags(fd, flags)?;
                Ok(Value::from(0))
            }
            Call::Control {
                fd,
                ref request,
                argument,
            } => self.control(now, fd, request, argument),
            Call::Poll {
                ref entries,
                timeout,
            } => self.poll((now, progress), entries, timeout),
            Call::SetOption {
                fd,
                ref level,
                ref name,
                ref value,
            } => self.set_option(now, fd, (level, name), value),
            Call::GetOption {
                fd,
                ref level,
                ref name,
            } => self.get_option(now, fd, (level, name)),
            Call::Name { fd, peer } => self.name(now, fd, peer),
            Call::EpollCreate => self.epoll_create(),
            Call::EpollControl { .. } => self.epoll_control(call),
            Call::EpollWait {
                epoll,
                most,
                timeout,
            } => self.epoll_wait((now, progress), epoll, most, timeout),
            Call::Duplicate { fd } => Ok(Value::from(i64::from(self.files.duplicate(fd)?))),
        }
    }

    /// Looks how every socket is now: which connection has ended, and how. Events of the stack
    /// tell no more than that.
    fn note_changes(&mut self, now: Instant) {
        for _ in 0..EVENTS_MAX {
            if self.stack.poll_event().is_none() {
                break;
            }
        }
        let unreachable = match self.settings.kernel {
            Kernel::Linux => self.unreachable,
            Kernel::FreeBsd => Errno::ECONNREFUSED,
        };
        let told = (self.settings.kernel, unreachable);
        for socket in self.files.sockets_mut() {
            socket.note_change(&mut self.stack, now, told);
        }
    }
}

#[cfg(test)]
mod tests;
