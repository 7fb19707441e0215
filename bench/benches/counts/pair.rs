//! Two stacks in memory, and the frames between them, which can be held back and replayed.

use core::net::IpAddr;
use core::time::Duration;

use handfast_bench::Failure;
use handfast_device::convey;
use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Medium, Pool, PoolLimits, RxBatch, RxFrame, TxBatch};
use handfast_stack::{Config, Connect, Listen, ListenerId, Stack, TcpId, TcpSocket};
use handfast_tcp as tcp;

use super::counted;

/// Turns of both sides after which they are to be silent.
const TURNS_MAX: usize = 10_000;
const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
const PORT: u16 = 80;

/// The side that connects, and in most paths the one that sends.
pub(super) const CLIENT: usize = 0;
/// The side that listens.
pub(super) const SERVER: usize = 1;

/// What the devices of both sides can do.
#[derive(Clone, Copy)]
pub(super) struct Wire {
    /// Text of a super-segment; 0 where there are none.
    pub(super) super_segment: u32,
    /// Checksums are made and verified.
    pub(super) checksums: bool,
}

/// Both ends, and the way between them.
pub(super) struct Pair {
    pub(super) stacks: [Stack; 2],
    pub(super) now: Instant,
    capabilities: Capabilities,
    pool: Pool,
    listener: ListenerId,
    /// Reused, as a driver does.
    arrived: RxBatch,
    sent: TxBatch,
}

impl Wire {
    /// Segments of 1448 bytes, without checksums.
    pub(super) const SEGMENTS: Self = Self {
        super_segment: 0,
        checksums: false,
    };
    /// Super-segments of up to 64,000 bytes, without checksums.
    pub(super) const SUPER: Self = Self {
        super_segment: 64_000,
        checksums: false,
    };
    /// Segments of 1448 bytes with checksums.
    pub(super) const CHECKED: Self = Self {
        super_segment: 0,
        checksums: true,
    };
}

impl Pair {
    pub(super) fn new(wire: Wire) -> Result<Self, Failure> {
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: 1_500,
            max_gso: wire.super_segment,
            tx_checksum: !wire.checksums,
        };
        let stack = |index: usize| -> Result<Stack, Failure> {
            // ACKs as on a connection that has been in use for a while; and whoever writes means it.
            let tcp = tcp::Config {
                quick_acks: 0,
                nagle: false,
                ..tcp::Config::default()
            };
            let config = Config {
                seed: index as u64,
                tcp,
                ..Config::default()
            };
            let mut stack = Stack::new(config, capabilities);
            let address = IpAddr::from(ADDRESSES[index]);
            stack.add_address(format!("{address}/24").parse()?)?;
            Ok(stack)
        };
        let mut stacks = [stack(CLIENT)?, stack(SERVER)?];
        let listen = Listen {
            backlog: 128,
            ..Listen::default()
        };
        let listener = stacks[SERVER].listen((ADDRESSES[SERVER], PORT).into(), listen)?;
        Ok(Self {
            stacks,
            now: Instant::from_secs(1),
            capabilities,
            pool: Pool::new(PoolLimits::default()),
            listener,
            arrived: RxBatch::new(),
            sent: TxBatch::new(),
        })
    }

    /// A pair with one connection, over which `text` bytes went to the server: its window is open.
    pub(super) fn warm(wire: Wire, text: usize) -> Result<(Self, [TcpId; 2]), Failure> {
        let mut pair = Self::new(wire)?;
        let ends = pair.open()?;
        let mut left = text;
        while left > 0 {
            let before = left;
            left -= pair.write(ends, left)?;
            pair.settle(ends)?;
            if before == left {
                return Err("the transfer stands still".into());
            }
        }
        Ok((pair, ends))
    }

    /// A connection: its end at the client, its end at the server.
    pub(super) fn open(&mut self) -> Result<[TcpId; 2], Failure> {
        let client = self.connect()?;
        for side in [CLIENT, SERVER, CLIENT] {
            self.carry(side);
        }
        Ok([client, self.accept()?])
    }

    /// Begins a connection.
    pub(super) fn connect(&mut self) -> Result<TcpId, Failure> {
        let server = (ADDRESSES[SERVER], PORT).into();
        Ok(self.stacks[CLIENT].connect(self.now, server, Connect::default())?)
    }

    /// Takes the connection that the listener has.
    pub(super) fn accept(&mut self) -> Result<TcpId, Failure> {
        let accepted = self.stacks[SERVER].accept(self.listener);
        accepted.ok_or_else(|| "the handshake did not end".into())
    }

    pub(super) fn socket(&mut self, side: usize, id: TcpId) -> Result<TcpSocket<'_>, Failure> {
        let socket = self.stacks[side].tcp(self.now, id);
        socket.ok_or_else(|| "the connection is gone".into())
    }

    /// The client writes at most `len` bytes; returns how many there was room for.
    pub(super) fn write(&mut self, ends: [TcpId; 2], len: usize) -> Result<usize, Failure> {
        let mut socket = self.socket(CLIENT, ends[CLIENT])?;
        match socket.writable() {
            0 => Ok(0),
            room => Ok(socket.write(&vec![0x5a; len.min(room)])?),
        }
    }

    /// The server reads all that there is.
    pub(super) fn read(&mut self, ends: [TcpId; 2]) -> Result<usize, Failure> {
        let mut socket = self.socket(SERVER, ends[SERVER])?;
        match socket.readable() {
            0 => Ok(0),
            readable => Ok(socket.read(&mut vec![0; readable])?),
        }
    }

    /// What `side` has to send now, as it arrives at the other one.
    pub(super) fn frames(&mut self, side: usize) -> Vec<RxFrame> {
        let mut frames = Vec::new();
        self.tick();
        loop {
            let more = self.stacks[side].poll_transmit(self.now, &mut self.sent);
            self.convey(&mut frames);
            if !more {
                return frames;
            }
        }
    }

    /// As [`Pair::frames`] of one batch, counted.
    pub(super) fn transmit(&mut self, side: usize) -> Vec<RxFrame> {
        let mut frames = Vec::new();
        self.tick();
        let stack = &mut self.stacks[side];
        counted(&mut || {
            stack.poll_transmit(self.now, &mut self.sent);
        });
        self.convey(&mut frames);
        frames
    }

    /// `frames` arrive at `side`, in batches of at most 64.
    pub(super) fn deliver(&mut self, side: usize, frames: Vec<RxFrame>) {
        self.tick();
        for frame in frames {
            self.arrived.push(frame);
            if self.arrived.room() == 0 {
                self.stacks[side].receive(self.now, &mut self.arrived);
            }
        }
        self.stacks[side].receive(self.now, &mut self.arrived);
    }

    /// `frames`, one batch, arrive at `side`: counted.
    pub(super) fn receive(&mut self, side: usize, frames: Vec<RxFrame>) {
        self.tick();
        for frame in frames {
            self.arrived.push(frame);
        }
        let stack = &mut self.stacks[side];
        counted(&mut || stack.receive(self.now, &mut self.arrived));
    }

    /// Everything that is due by now at `side`, and what a driver asks for besides: counted.
    pub(super) fn on_timeout(&mut self, side: usize) {
        let stack = &mut self.stacks[side];
        counted(&mut || {
            if stack.next_timeout().is_some_and(|at| at <= self.now) {
                stack.on_timeout(self.now);
            }
            while stack.poll_event().is_some() {}
        });
    }

    /// What `side` has to send arrives at the other one.
    pub(super) fn carry(&mut self, side: usize) -> bool {
        let frames = self.frames(side);
        let any = !frames.is_empty();
        self.deliver(1 - side, frames);
        any
    }

    /// Until both have nothing to say.
    pub(super) fn settle(&mut self, ends: [TcpId; 2]) -> Result<(), Failure> {
        for _ in 0..TURNS_MAX {
            let mut any = self.carry(CLIENT);
            any |= self.read(ends)? > 0;
            any |= self.carry(SERVER);
            if !any {
                return Ok(());
            }
        }
        Err("the two never fall silent".into())
    }

    /// Ten microseconds go by.
    pub(super) fn tick(&mut self) {
        self.now += Duration::from_micros(10);
        for stack in &mut self.stacks {
            if stack.next_timeout().is_some_and(|at| at <= self.now) {
                stack.on_timeout(self.now);
            }
            while stack.poll_event().is_some() {}
        }
    }

    fn convey(&mut self, frames: &mut Vec<RxFrame>) {
        while let Some(frame) = self.sent.pop() {
            if let Some(mut frame) = convey(&frame, &self.capabilities, &mut self.pool) {
                frame.received_at = self.now;
                frames.push(frame);
            }
        }
    }
}
