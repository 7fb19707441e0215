//! The host under test: its stack, its listeners, what its applications hold, and what must hold
//! whatever comes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::ip::Cidr;
use handfast_stack::{
    Config, Connect, FastOpenConnect, FastOpenListen, Listen, ListenerId, Stack, SynCookies, TcpId,
};

use super::peer::{HARDWARE, Peer, address};
use crate::bytes::Bytes;

const CONNECTIONS_MAX: usize = 8;
const TIME_WAIT_MAX: usize = 4;
/// No host sends more frames than this at one moment beside the text of its applications: more
/// means that `poll_transmit` never ends.
const BURST_MAX: u64 = 5_000;
/// The least text of a full segment, whatever MSS a peer announces (`Config::send_mss_min`).
const TEXT_MIN: u64 = 48;
/// Nothing that happens here has so many moments.
const MOMENTS_MAX: usize = 50_000;
/// Most calls of the timers at one moment.
const ROUNDS_MAX: usize = 4;
/// All timeouts are shorter, in sum too.
const END: Duration = Duration::from_secs(600);

/// What an application does.
#[derive(Clone, Copy)]
pub(super) enum Call {
    Connect,
    Accept,
    Write,
    Read,
    Shutdown,
    Abort,
    Release,
}

/// How much may be sent, and how much was.
#[derive(Default)]
struct Balance {
    frames_earned: u64,
    frames_sent: u64,
    bytes_earned: u64,
    bytes_sent: u64,
    /// Bytes of text: what an ACK lets go has been paid for by the application.
    written: u64,
}

/// The host.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) peer: Peer,
    stack: Stack,
    listeners: Vec<ListenerId>,
    held: Vec<TcpId>,
    balance: Balance,
}

impl World {
    pub(super) fn new(kind: u8) -> Self {
        let capabilities = Capabilities {
            medium: if kind & 1 == 0 {
                Medium::Ethernet
            } else {
                Medium::Ip
            },
            mtu: 1_500,
            max_gso: if kind & 2 == 0 { 0 } else { 65_536 },
            tx_checksum: kind & 4 != 0,
        };
        let mut config = Config {
            seed: 7,
            hardware: HARDWARE[0],
            connections_max: CONNECTIONS_MAX,
            time_wait_max: TIME_WAIT_MAX,
            ..Config::default()
        };
        config.tcp.user_timeout = Some(Duration::from_secs(30));
        config.tcp.connect_timeout = Duration::from_secs(30);
        config.tcp.keep_alive = (kind & 8 != 0).then_some(Duration::from_secs(20));
        let mut stack = Stack::new(config, capabilities);
        for (family, len) in [(0, 24), (1, 64)] {
            let cidr = Cidr::new(address(family, 0), len).expect("a length of this family");
            stack.add_address(cidr).expect("there is room");
        }
        let mut world = Self {
            now: Instant::from_secs(1_000),
            peer: Peer::new(capabilities.medium, kind & 16 != 0),
            stack,
            listeners: Vec::new(),
            held: Vec::new(),
            balance: Balance::default(),
        };
        world.listen();
        world.poll();
        world
    }

    fn listen(&mut self) {
        let plain = Listen {
            backlog: 3,
            half_open: 3,
            ..Listen::default()
        };
        let cookies = Listen {
            cookies: SynCookies::Always,
            ..plain
        };
        let early = FastOpenListen {
            pending: 2,
            cookieless: true,
        };
        let early = Listen {
            fast_open: Some(early),
            ..plain
        };
        for family in [0, 1] {
            for (port, options) in [(80, plain), (81, cookies), (82, early)] {
                let local = SocketAddr::new(address(family, 0), port);
                let listener = self.stack.listen(local, options);
                self.listeners.push(listener.expect("the port is free"));
            }
        }
    }

    /// A frame arrives; `verified` says that the device has looked at its transport checksum.
    pub(super) fn receive(&mut self, frame: Vec<u8>, verified: bool) {
        self.take_in(frame, verified);
        self.poll();
    }

    fn take_in(&mut self, frame: Vec<u8>, verified: bool) {
        self.balance.frames_earned += 2;
        self.balance.bytes_earned += 3 * u64::try_from(frame.len().max(60)).expect("short");
        let mut batch = RxBatch::new();
        batch.push(RxFrame {
            data: Chunk::from(frame),
            received_at: self.now,
            checksum: if verified {
                RxChecksum::Verified
            } else {
                RxChecksum::Unknown
            },
            gso: None,
        });
        self.stack.receive(self.now, &mut batch);
    }

    /// Time passes; timers run out when they are due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MOMENTS_MAX {
            let Some(due) = self.stack.next_timeout().filter(|&due| due <= end) else {
                self.now = self.now.max(end);
                return;
            };
            self.now = self.now.max(due);
            // What one timer has sent may want another at once: a neighbour to be asked again.
            let rests = (0..ROUNDS_MAX).any(|_| {
                self.expire();
                self.stack.next_timeout().is_none_or(|due| due > self.now)
            });
            assert!(rests, "a timer spins");
        }
        panic!("the timers do not come to rest");
    }

    fn expire(&mut self) {
        // Each connection, each neighbour and each reassembly may have something to say.
        self.balance.frames_earned += 64;
        self.balance.bytes_earned += 64 * 1_600;
        self.stack.on_timeout(self.now);
        self.poll();
    }

    pub(super) fn call(&mut self, call: Call, bytes: &mut Bytes<'_>) {
        let (now, choice) = (self.now, bytes.u8());
        self.balance.frames_earned += 4;
        self.balance.bytes_earned += 4 * 1_600;
        match call {
            Call::Connect => {
                let fast_open = if choice & 4 == 0 {
                    FastOpenConnect::Off
                } else {
                    FastOpenConnect::Now
                };
                let remote = SocketAddr::new(address(choice & 1, 1 + (choice >> 1 & 1)), 4_000);
                let options = Connect {
                    fast_open,
                    ..Connect::default()
                };
                self.held.extend(self.stack.connect(now, remote, options));
            }
            Call::Accept => {
                let listener = self.listeners[usize::from(choice) % self.listeners.len()];
                self.held.extend(self.stack.accept(listener));
            }
            _ if self.held.is_empty() => {}
            _ => {
                let which = usize::from(choice) % self.held.len();
                self.call_held(call, which, bytes);
            }
        }
        self.poll();
    }

    fn call_held(&mut self, call: Call, which: usize, bytes: &mut Bytes<'_>) {
        let (now, id) = (self.now, self.held[which]);
        if let Call::Release = call {
            self.held.swap_remove(which);
            self.stack.release_tcp(now, id);
            assert!(self.stack.tcp(now, id).is_none(), "it was let go");
            return;
        }
        let mut socket = self.stack.tcp(now, id).expect("it is held");
        match call {
            Call::Write => {
                let text = vec![b'x'; usize::from(bytes.u16())];
                let taken = socket.write(&text).unwrap_or_default();
                self.balance.written += u64::try_from(taken).expect("short");
            }
            Call::Read => drop(socket.read_chunk(usize::from(bytes.u16()) + 1)),
            Call::Shutdown => socket.shutdown(),
            _ => socket.abort(),
        }
    }

    /// Takes everything that is to be sent; neighbours answer at once.
    fn poll(&mut self) {
        for _ in 0..MOMENTS_MAX {
            self.poll_once();
            let answers = self.peer.take_answers();
            if answers.is_empty() {
                return;
            }
            for answer in answers {
                self.take_in(answer, true);
            }
        }
        panic!("questions do not come to an end");
    }

    fn poll_once(&mut self) {
        let mut batch = TxBatch::new();
        let before = self.balance.frames_sent;
        // A window that has grown lets all the text go at one moment, in the smallest segments.
        let most = BURST_MAX + self.balance.written / TEXT_MIN;
        loop {
            let more = self.stack.poll_transmit(self.now, &mut batch);
            while let Some(frame) = batch.pop() {
                self.balance.frames_sent += 1;
                self.balance.bytes_sent += u64::try_from(frame.len()).expect("short");
                self.peer.see(&frame);
            }
            let sent = self.balance.frames_sent - before;
            assert!(sent < most, "poll_transmit does not come to an end");
            if !more {
                break;
            }
        }
        for count in 0.. {
            assert!(count < MOMENTS_MAX, "events do not come to an end");
            if self.stack.poll_event().is_none() {
                break;
            }
        }
        self.check();
    }

    fn check(&self) {
        let balance = &self.balance;
        if balance.written == 0 {
            let (sent, earned) = (balance.frames_sent, balance.frames_earned);
            assert!(sent <= earned, "{sent} frames sent, {earned} earned");
            let (sent, earned) = (balance.bytes_sent, balance.bytes_earned);
            assert!(sent <= earned, "{sent} bytes sent, {earned} earned");
        }
        assert!(
            self.stack.tcp_count() <= CONNECTIONS_MAX,
            "too many connections"
        );
        assert!(
            self.stack.time_wait_count() <= TIME_WAIT_MAX,
            "too many in TIME-WAIT"
        );
    }

    #[cfg(test)]
    pub(super) fn acceptable(&self) -> usize {
        let waiting = self.listeners.iter().map(|it| self.stack.acceptable(*it));
        waiting.sum()
    }

    #[cfg(test)]
    pub(super) fn established(&self) -> usize {
        self.stack.tcp_count_in(handfast_tcp::State::Established)
    }

    /// All applications let go of everything, and much time passes: nothing is left.
    pub(super) fn end(mut self) {
        for id in core::mem::take(&mut self.held) {
            self.stack.release_tcp(self.now, id);
        }
        for listener in core::mem::take(&mut self.listeners) {
            self.stack.close_listener(self.now, listener);
        }
        self.poll();
        self.pass(END);
        let left = (self.stack.tcp_count(), self.stack.time_wait_count());
        assert_eq!(left, (0, 0), "something is left");
    }
}

/// Whether an address belongs to the host.
pub(super) fn is_host(ip: IpAddr) -> bool {
    ip == address(0, 0) || ip == address(1, 0)
}
