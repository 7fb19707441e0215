//! Two stacks joined by a wire in virtual time.
//!
//! The wire takes a millisecond. It hands super-frames on as they are, as a memory device does,
//! and keeps a copy of every frame.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use handfast_packet::Instant;
use handfast_packet::buf::{
    Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ethernet::EthernetAddress;
use handfast_stack::{Config, Connect, Event, Listen, ListenerId, Stack, TcpId};
use handfast_tcp::{ReadError, State, WriteError};

/// One way of the wire.
pub(crate) const LATENCY: Duration = Duration::from_millis(1);
/// Nothing that these tests do takes so many steps.
const STEPS_MAX: usize = 2_000_000;

/// IP version of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The devices that the stacks are tried on: without any help, and with all of it.
pub(crate) const DEVICES: [Capabilities; 2] = [
    Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 0,
        tx_checksum: false,
    },
    Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 65_536,
        tx_checksum: true,
    },
];

pub(crate) const PLAIN: Capabilities = DEVICES[0];

impl Family {
    /// The address of stack 0 or 1, or of somebody else on the link.
    pub(crate) fn address(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => [192, 0, 2, host + 1].into(),
            Self::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host) + 1].into(),
        }
    }

    pub(crate) fn end(self, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(host), port)
    }

    pub(crate) fn prefix_len(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }
}

pub(crate) fn hardware(host: usize) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, u8::try_from(host).unwrap() + 1])
}

/// What the wire does with a frame.
pub(crate) type Filter = Box<dyn FnMut(usize, &TxFrame) -> bool>;

pub(crate) struct Wire {
    pub(crate) now: Instant,
    pub(crate) stacks: [Stack; 2],
    /// Frames under way to stack 0 and 1.
    pub(crate) under_way: [VecDeque<RxFrame>; 2],
    /// All frames with the stack that sent them.
    pub(crate) log: Vec<(usize, Vec<u8>)>,
    /// All events of each stack, oldest first.
    pub(crate) events: [Vec<Event>; 2],
    /// Says whether a frame is let through; sees the sender.
    pub(crate) filter: Option<Filter>,
}

impl Wire {
    pub(crate) fn new(capabilities: Capabilities) -> Self {
        Self::with(capabilities, |_, _| {})
    }

    /// A wire between stacks with changed configurations.
    pub(crate) fn with(capabilities: Capabilities, change: impl Fn(usize, &mut Config)) -> Self {
        let stack = |host: usize| {
            let mut config = Config {
                seed: 7 + host as u64,
                hardware: hardware(host),
                ..Config::default()
            };
            change(host, &mut config);
            let mut stack = Stack::new(config, capabilities);
            for family in FAMILIES {
                let address = family.address(u8::try_from(host).unwrap());
                let cidr = handfast_packet::ip::Cidr::new(address, family.prefix_len()).unwrap();
                stack.add_address(cidr).unwrap();
            }
            stack
        };
        Self {
            now: Instant::from_secs(1_000),
            stacks: [stack(0), stack(1)],
            under_way: Default::default(),
            log: Vec::new(),
            events: Default::default(),
            filter: None,
        }
    }

    /// A millisecond passes: what is under way arrives, and the stacks react.
    pub(crate) fn step(&mut self) {
        self.now += LATENCY;
        for host in 0..2 {
            self.turn(host);
        }
    }

    /// Steps until nothing is under way.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            self.step();
            if self.under_way.iter().all(VecDeque::is_empty) {
                return;
            }
        }
        panic!("the stacks never fall silent");
    }

    /// Lets time pass, jumping over the parts in which nothing happens.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..STEPS_MAX {
            self.settle();
            let due = self.stacks.iter().filter_map(Stack::next_timeout).min();
            match due.filter(|&due| due < end) {
                // `step` adds the latency again.
                Some(due) if due > self.now + LATENCY => {
                    self.now = Instant::from_nanos(due.as_nanos());
                }
                Some(_) => {}
                None => {
                    self.now = self.now.max(end);
                    return self.step();
                }
            }
        }
        panic!("the stacks never come to rest");
    }

    /// Steps until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("it never happened");
    }

    /// Puts a frame before stack `host` as if the wire had brought it.
    pub(crate) fn inject(&mut self, host: usize, bytes: Vec<u8>) {
        let frame = RxFrame {
            data: Chunk::from(bytes),
            received_at: self.now,
            checksum: RxChecksum::Unknown,
            gso: None,
        };
        self.under_way[host].push_back(frame);
    }

    pub(crate) fn listen(&mut self, host: usize, local: SocketAddr) -> ListenerId {
        self.stacks[host].listen(local, Listen::default()).unwrap()
    }

    pub(crate) fn connect(&mut self, host: usize, remote: SocketAddr) -> TcpId {
        self.stacks[host]
            .connect(self.now, remote, Connect::default())
            .unwrap()
    }

    /// A connection from stack 0 to port 80 of stack 1: its two ends.
    #[track_caller]
    pub(crate) fn establish(&mut self, family: Family) -> (TcpId, TcpId) {
        let listener = self.listen(1, family.end(1, 80));
        let client = self.connect(0, family.end(1, 80));
        self.settle();
        let server = self.stacks[1]
            .accept(listener)
            .expect("the handshake is complete");
        assert_eq!(self.state(0, client), Some(State::Established));
        (client, server)
    }

    pub(crate) fn state(&mut self, host: usize, id: TcpId) -> Option<State> {
        self.stacks[host]
            .tcp(self.now, id)
            .map(|socket| socket.state())
    }

    /// Sends `bytes` from one end to the other while time passes, and compares.
    #[track_caller]
    pub(crate) fn transfer(&mut self, from: (usize, TcpId), to: (usize, TcpId), bytes: &[u8]) {
        let (mut written, mut received) = (0, Vec::new());
        self.until(|wire| {
            let now = wire.now;
            if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                match wire.stacks[from.0].tcp(now, from.1).unwrap().write(rest) {
                    Ok(count) => written += count,
                    Err(error) => assert_eq!(error, WriteError::WouldBlock),
                }
            }
            received.extend(wire.read(to.0, to.1));
            wire.transmit(from.0);
            received.len() >= bytes.len()
        });
        assert!(
            received == bytes,
            "the bytes that arrive are those that were sent"
        );
    }

    /// Everything that can be read now.
    #[track_caller]
    pub(crate) fn read(&mut self, host: usize, id: TcpId) -> Vec<u8> {
        let mut socket = self.stacks[host].tcp(self.now, id).unwrap();
        let (mut received, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            match socket.read(&mut buffer) {
                Ok(0) | Err(ReadError::WouldBlock) => return received,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether the end of the stream was reached.
    pub(crate) fn at_end(&mut self, host: usize, id: TcpId) -> bool {
        self.stacks[host]
            .tcp(self.now, id)
            .unwrap()
            .read(&mut [0; 16])
            == Ok(0)
    }

    /// One stack's turn, as a driver takes it.
    fn turn(&mut self, host: usize) {
        let mut batch = RxBatch::new();
        while let Some(mut frame) = self.under_way[host].pop_front() {
            frame.received_at = self.now;
            if batch.room() == 0 {
                self.stacks[host].receive(self.now, &mut batch);
            }
            batch.push(frame);
        }
        self.stacks[host].receive(self.now, &mut batch);
        if self.stacks[host]
            .next_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.stacks[host].on_timeout(self.now);
        }
        self.transmit(host);
        while let Some(event) = self.stacks[host].poll_event() {
            self.events[host].push(event);
        }
    }

    /// Puts on the wire what a stack wants to send.
    pub(crate) fn transmit(&mut self, host: usize) {
        let mut batch = TxBatch::new();
        loop {
            let more = self.stacks[host].poll_transmit(self.now, &mut batch);
            while let Some(frame) = batch.pop() {
                self.log.push((host, frame.to_vec()));
                if self
                    .filter
                    .as_mut()
                    .is_none_or(|filter| filter(host, &frame))
                {
                    self.under_way[1 - host].push_back(arriving(&frame, self.now));
                }
            }
            if !more {
                return;
            }
        }
    }
}

fn arriving(frame: &TxFrame, now: Instant) -> RxFrame {
    let checksum = if frame.checksum_at.is_some() {
        RxChecksum::Partial
    } else {
        RxChecksum::Unknown
    };
    RxFrame {
        data: Chunk::from(frame.to_vec()),
        received_at: now,
        checksum,
        gso: frame.gso,
    }
}

/// Bytes that differ from each other by position.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|n| u8::try_from(n * 31 % 251).unwrap())
        .collect()
}
