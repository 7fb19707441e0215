//! Two stacks and the way between them, in virtual time: frames take a while, and some get lost or
//! come late. Allocates nothing itself once it has seen the most that is under way.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use handfast_device::convey;
use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Medium, Pool, PoolLimits, RxBatch, RxFrame, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_stack::{Config, Listen, ListenerId, Stack, TcpId, TcpSocket};
use handfast_tcp as tcp;

/// How long a frame takes at least.
pub(crate) const DELAY: Duration = Duration::from_millis(5);
const PORT: u16 = 80;
/// Frames for which there is room on the way from the start.
const ROOM: usize = 4_096;

/// What the way does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) mtu: u16,
    /// Text of a super-segment; 0 where there are none.
    pub(crate) super_segment: u32,
    /// Frames have a link header, and neighbours are asked for their addresses.
    pub(crate) ethernet: bool,
    pub(crate) v6: bool,
    /// Of a thousand frames so many get lost.
    pub(crate) lost: u64,
    /// Of a thousand frames so many take up to a fifth longer.
    pub(crate) late: u64,
}

pub(crate) const PLAIN: Path = Path {
    mtu: 1_500,
    super_segment: 0,
    ethernet: false,
    v6: false,
    lost: 0,
    late: 0,
};

impl Path {
    /// Whether frames arrive, and in order.
    pub(crate) fn is_clean(&self) -> bool {
        self.lost == 0 && self.late == 0
    }

    /// That of the first or second host.
    fn address(&self, index: usize) -> IpAddr {
        let last = u8::try_from(index + 1).unwrap();
        if self.v6 {
            let [a, b] = [0x2001, 0x0db8];
            [a, b, 0, 0, 0, 0, 0, u16::from(last)].into()
        } else {
            [192, 0, 2, last].into()
        }
    }

    fn server(&self) -> SocketAddr {
        (self.address(1), PORT).into()
    }
}

/// Both ends, and what is under way to each.
pub(crate) struct Pair {
    pub(crate) stacks: [Stack; 2],
    pub(crate) now: Instant,
    pub(crate) listener: ListenerId,
    under_way: [VecDeque<(Instant, RxFrame)>; 2],
    pool: Pool,
    pub(crate) path: Path,
    capabilities: Capabilities,
    chance: u64,
    arrived: RxBatch,
    sent: TxBatch,
}

impl Pair {
    pub(crate) fn new(path: Path, config: tcp::Config) -> Self {
        let capabilities = Capabilities {
            medium: if path.ethernet {
                Medium::Ethernet
            } else {
                Medium::Ip
            },
            mtu: path.mtu,
            max_gso: path.super_segment,
            tx_checksum: path.super_segment > 0,
        };
        let [client, mut server] = [0_u8, 1].map(|index| {
            let config = Config {
                seed: u64::from(index),
                hardware: EthernetAddress([2, 0, 0, 0, 0, index]),
                tcp: config,
                // Nobody reads it: it is full, and the oldest facts give way.
                journal: 1_024,
                ..Config::default()
            };
            let mut stack = Stack::new(config, capabilities);
            let address = format!("{}/24", path.address(usize::from(index)));
            let added = stack.add_address(address.parse().unwrap());
            added.unwrap();
            stack
        });
        let listener = server.listen(path.server(), Listen::default()).unwrap();
        Self {
            stacks: [client, server],
            now: Instant::from_secs(1),
            listener,
            under_way: [(); 2].map(|()| VecDeque::with_capacity(ROOM)),
            pool: Pool::new(PoolLimits::default()),
            path,
            capabilities,
            chance: 0x9e37_79b9_7f4a_7c15,
            arrived: RxBatch::new(),
            sent: TxBatch::new(),
        }
    }

    /// A connection from the first to the second.
    pub(crate) fn connect(&mut self) -> TcpId {
        let connect = self.stacks[0].connect(self.now, self.path.server(), <_>::default());
        connect.unwrap()
    }

    pub(crate) fn socket(&mut self, side: usize, id: TcpId) -> TcpSocket<'_> {
        self.stacks[side].tcp(self.now, id).unwrap()
    }

    /// Lets `duration` pass; `work` is what the applications do whenever something may have changed.
    pub(crate) fn run(&mut self, duration: Duration, mut work: impl FnMut(&mut Self)) {
        let end = self.now + duration;
        while self.now < end {
            for side in 0..2 {
                self.receive(side);
                if self.timeout(side).is_some_and(|at| at <= self.now) {
                    self.stacks[side].on_timeout(self.now);
                }
            }
            work(self);
            for side in 0..2 {
                self.transmit(side);
            }
            let arrivals = self.under_way.iter().filter_map(|way| way.front());
            let timeouts = [self.timeout(0), self.timeout(1)];
            let events = arrivals.map(|(at, _)| *at);
            let next = events.chain(timeouts.into_iter().flatten()).min();
            let least = self.now + Duration::from_micros(1);
            self.now = next.unwrap_or(end).max(least).min(end.max(least));
        }
    }

    fn timeout(&self, side: usize) -> Option<Instant> {
        self.stacks[side].next_timeout()
    }

    /// `side` takes in what has arrived.
    fn receive(&mut self, side: usize) {
        let way = &mut self.under_way[side];
        while way.front().is_some_and(|(at, _)| *at <= self.now) {
            while self.arrived.room() > 0
                && let Some((at, frame)) = way.pop_front_if(|(at, _)| *at <= self.now)
            {
                self.arrived.push(RxFrame {
                    received_at: at,
                    ..frame
                });
            }
            self.stacks[side].receive(self.now, &mut self.arrived);
        }
    }

    /// What `side` has to send goes on its way.
    fn transmit(&mut self, side: usize) {
        let mut more = true;
        while more {
            more = self.stacks[side].poll_transmit(self.now, &mut self.sent);
            while let Some(frame) = self.sent.pop() {
                let at = frame.depart_at.unwrap_or(self.now).max(self.now) + DELAY;
                let frame = convey(&frame, &self.capabilities, &mut self.pool);
                if self.draw() < self.path.lost {
                    continue;
                }
                let late = self.draw() < self.path.late;
                let extra = u32::try_from(self.draw()).unwrap();
                let at = if late { at + DELAY * extra / 5_000 } else { at };
                let way = &mut self.under_way[1 - side];
                let index = way.partition_point(|(other, _)| *other <= at);
                way.insert(index, (at, frame.expect("the stack keeps to the MTU")));
            }
        }
    }

    /// A number below a thousand.
    fn draw(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % 1_000
    }
}
