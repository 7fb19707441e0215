//! Two machines joined in virtual time: what calls return, over IPv4, IPv6 and mapped addresses.

mod connect;
mod ending;
mod names;
mod transfer;
mod waiting;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::constants::value as constant;
use super::*;

/// One way between the machines.
const LATENCY: Duration = Duration::from_millis(5);
/// Nothing here takes so many moments.
const MOMENTS_MAX: usize = 100_000;

/// Which addresses the programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    V4,
    V6,
    Mapped,
}

pub(super) const MODES: [Mode; 3] = [Mode::V4, Mode::V6, Mode::Mapped];

/// A packet under way: when it arrives, at whom, and its bytes.
type UnderWay = (Instant, usize, Vec<u8>);

/// Two machines.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) mode: Mode,
    machines: [Sockets; 2],
    under_way: VecDeque<UnderWay>,
    /// Packets that are sent vanish.
    pub(super) cut: bool,
    /// Packets sent so far.
    pub(super) sent: usize,
}

impl Pair {
    pub(super) fn new(mode: Mode) -> Self {
        Self::with(mode, Settings::packetdrill)
    }

    pub(super) fn with(mode: Mode, settings: impl Fn() -> Settings) -> Self {
        let machine = |host: u8| {
            let v4 = IpAddr::from([192, 0, 2, host + 1]);
            let v6 = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host) + 1]);
            let place = Place {
                addresses: vec![Cidr::new(v4, 24).unwrap(), Cidr::new(v6, 64).unwrap()],
                mtu: 1_500,
                max_gso: 0,
                seed: u64::from(host),
            };
            Sockets::new(settings(), &place)
        };
        Self {
            now: Instant::from_secs(100),
            mode,
            machines: [machine(0), machine(1)],
            under_way: VecDeque::new(),
            cut: false,
            sent: 0,
        }
    }

    /// An end in the form that programs use.
    pub(super) fn end(&self, host: u8, port: u16) -> SocketAddr {
        let v4 = std::net::Ipv4Addr::new(192, 0, 2, host + 1);
        let ip: IpAddr = match self.mode {
            Mode::V4 => v4.into(),
            Mode::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host) + 1].into(),
            Mode::Mapped => v4.to_ipv6_mapped().into(),
        };
        SocketAddr::new(ip, port)
    }

    pub(super) fn family(&self) -> Family {
        match self.mode {
            Mode::V4 => Family::V4,
            Mode::V6 | Mode::Mapped => Family::V6,
        }
    }

    /// A call that does not block.
    #[track_caller]
    pub(super) fn call(&mut self, host: usize, call: Call) -> Result<Value, Errno> {
        let shown = format!("{call:?}");
        match self.machines[host].call(self.now, call) {
            Outcome::Done(result) => {
                self.flush();
                result
            }
            other => panic!("{shown} gives {other:?}"),
        }
    }

    /// The number that a call gives, or its error.
    #[track_caller]
    pub(super) fn number(&mut self, host: usize, call: Call) -> Result<i64, Errno> {
        self.call(host, call).map(|value| value.result)
    }

    /// A call that blocks.
    #[track_caller]
    pub(super) fn block(&mut self, host: usize, call: Call) -> Waiting {
        let shown = format!("{call:?}");
        match self.machines[host].call(self.now, call) {
            Outcome::WouldBlock(waiting) => {
                self.flush();
                waiting
            }
            other => panic!("{shown} gives {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn unsupported(&mut self, host: usize, call: Call) -> String {
        match self.machines[host].call(self.now, call) {
            Outcome::Unsupported(why) => why,
            other => panic!("it gives {other:?}"),
        }
    }

    /// Lets time go on until a call that blocks is done; its result and how long it took.
    #[track_caller]
    pub(super) fn finish(
        &mut self,
        host: usize,
        mut waiting: Waiting,
    ) -> (Result<Value, Errno>, Duration) {
        let since = self.now;
        for _ in 0..MOMENTS_MAX {
            waiting = match self.machines[host].resume(self.now, waiting) {
                Outcome::Done(result) => {
                    self.flush();
                    return (result, self.now - since);
                }
                Outcome::WouldBlock(waiting) => waiting,
                Outcome::Unsupported(why) => panic!("{why}"),
            };
            self.flush();
            let deadline = waiting.deadline();
            assert!(self.step(deadline), "it waits for ever");
        }
        panic!("it takes too many moments");
    }

    /// Lets `time` pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.next().is_some_and(|next| next <= until) {
            self.step(None);
        }
        self.now = until;
    }

    /// Lets a round trip pass.
    pub(super) fn round_trip(&mut self) {
        self.pass(3 * LATENCY);
    }

    pub(super) fn state(&mut self, host: usize, fd: Fd) -> State {
        self.machines[host].state(self.now, fd).unwrap()
    }

    /// A new socket.
    #[track_caller]
    pub(super) fn socket(&mut self, host: usize, nonblocking: bool) -> Fd {
        let family = self.family();
        let call = Call::Socket {
            family,
            nonblocking,
        };
        i32::try_from(self.number(host, call).unwrap()).unwrap()
    }

    /// A listener of machine 1 on port 80.
    #[track_caller]
    pub(super) fn listener(&mut self, nonblocking: bool) -> Fd {
        let fd = self.socket(1, nonblocking);
        let local = self.end(1, 80);
        assert_eq!(self.number(1, Call::Bind { fd, local }), Ok(0));
        assert_eq!(self.number(1, Call::Listen { fd, backlog: 5 }), Ok(0));
        fd
    }

    /// A connection: its descriptors at machine 0 and 1.
    #[track_caller]
    pub(super) fn connected(&mut self) -> (Fd, Fd) {
        let listener = self.listener(false);
        let fd = self.socket(0, false);
        let remote = Some(self.end(1, 80));
        let waiting = self.block(0, Call::Connect { fd, remote });
        assert_eq!(self.finish(0, waiting).0, Ok(Value::from(0)));
        self.round_trip();
        let accepted = self.number(1, accept(listener)).unwrap();
        (fd, i32::try_from(accepted).unwrap())
    }

    #[track_caller]
    pub(super) fn set(
        &mut self,
        host: usize,
        fd: Fd,
        name: &str,
        number: i64,
    ) -> Result<i64, Errno> {
        let value = OptionValue::Number(number);
        self.number(host, set_option(fd, name, value))
    }

    #[track_caller]
    pub(super) fn get(&mut self, host: usize, fd: Fd, name: &str) -> i64 {
        let call = Call::GetOption {
            fd,
            level: level(name).into(),
            name: name.into(),
        };
        match self.call(host, call).unwrap().detail {
            Detail::Option(OptionValue::Number(number)) => number,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn next(&self) -> Option<Instant> {
        let arrival = self.under_way.front().map(|&(at, ..)| at);
        let timeouts = self.machines.iter().map(Sockets::next_timeout);
        timeouts.chain([arrival]).flatten().min()
    }

    /// Goes to the next moment, at most to `until`; false when there is none.
    fn step(&mut self, until: Option<Instant>) -> bool {
        let Some(next) = self.next().into_iter().chain(until).min() else {
            return false;
        };
        self.now = self.now.max(next);
        while self
            .under_way
            .front()
            .is_some_and(|&(at, ..)| at <= self.now)
        {
            let (_, host, bytes) = self.under_way.pop_front().unwrap();
            self.machines[host].receive(self.now, bytes);
        }
        for machine in &mut self.machines {
            machine.on_timeout(self.now);
        }
        self.flush();
        true
    }

    fn flush(&mut self) {
        for host in 0..2 {
            while let Some(frame) = self.machines[host].poll_transmit(self.now) {
                self.sent += 1;
                if !self.cut {
                    let arrival = (self.now + LATENCY, 1 - host, frame.to_vec());
                    self.under_way.push_back(arrival);
                }
            }
        }
    }
}

pub(super) fn accept(fd: Fd) -> Call {
    let nonblocking = false;
    Call::Accept { fd, nonblocking }
}

pub(super) fn read(fd: Fd, len: usize) -> Call {
    Call::Receive { fd, len, flags: 0 }
}

pub(super) fn write(fd: Fd, len: usize) -> Call {
    let (flags, to) = (0, None);
    Call::Send { fd, len, flags, to }
}

pub(super) fn shutdown(fd: Fd, how: &str) -> Call {
    let how = constant(how).unwrap();
    Call::Shutdown { fd, how }
}

pub(super) fn set_option(fd: Fd, name: &str, value: OptionValue) -> Call {
    Call::SetOption {
        fd,
        level: level(name).into(),
        name: name.into(),
        value,
    }
}

pub(super) fn ioctl(fd: Fd, request: &str) -> Call {
    Call::Control {
        fd,
        request: request.into(),
        argument: 0,
    }
}

fn level(name: &str) -> &'static str {
    match name.split_once('_').unwrap().0 {
        "SO" => "SOL_SOCKET",
        "TCP" => "IPPROTO_TCP",
        "IP" => "IPPROTO_IP",
        _ => "IPPROTO_IPV6",
    }
}

pub(super) fn nonblocking(fd: Fd) -> Call {
    let flags = constants::O_RDWR | constants::O_NONBLOCK;
    Call::SetFlags { fd, flags }
}
