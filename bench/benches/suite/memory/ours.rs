//! Two stacks of ours.

use core::net::IpAddr;
use core::time::Duration;

use handfast_bench::Failure;
use handfast_device::{Split, complete_checksum, convey};
use handfast_packet::Instant;
use handfast_packet::buf::{
    Capabilities, Medium, PAYLOAD_MAX, Pool, PoolLimits, RxBatch, RxFrame, TxBatch, TxFrame,
};
use handfast_stack::{Config, Connect, Listen, Stack, TcpId};
use handfast_tcp as tcp;

use super::{PIECE, Path, TEXT, until_there};

const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
const PORT: u16 = 80;

/// Of each connection and direction: what is under way fits into the cache of one processor.
const BUFFER: usize = 256 * 1_024;

/// Both ends, and the way between them.
struct Pair {
    stacks: [Stack; 2],
    capabilities: Capabilities,
    /// Where frames lie that are under way.
    pool: Pool,
    now: Instant,
    batch: usize,
    /// What a stack has to send.
    sent: TxBatch,
    /// What the other one answers.
    answers: TxBatch,
    /// What is under way.
    arrived: RxBatch,
    /// And what of answers: they arrive when whoever sends has sent its batch.
    returning: RxBatch,
}

/// Sends [`TEXT`] from one to the other; returns how much arrived.
pub(super) fn transfer(path: Path) -> Result<f64, Failure> {
    let mut pair = Pair::new(path)?;
    let (client, server) = pair.open()?;
    let written = vec![0x5a; PIECE];
    let mut read = vec![0; PIECE];
    let (mut out, mut arrived) = (0_u64, 0_u64);
    until_there(|| {
        while out < TEXT {
            let wanted = usize::try_from(TEXT - out)?.min(PIECE);
            let mut socket = pair.socket(0, client)?;
            match socket.writable() {
                0 => break,
                _ => out += socket.write(&written[..wanted])? as u64,
            }
        }
        pair.carry(0);
        loop {
            let mut socket = pair.socket(1, server)?;
            match socket.read(&mut read) {
                Ok(count) if count > 0 => arrived += count as u64,
                _ => break,
            }
        }
        pair.carry(1);
        pair.read_journals()?;
        Ok((out, arrived))
    })
}

impl Pair {
    fn new(path: Path) -> Result<Self, Failure> {
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: path.mtu,
            max_gso: path.super_segment,
            tx_checksum: !path.checksums,
        };
        let stack = |index: usize| -> Result<Stack, Failure> {
            let config = Config {
                seed: index as u64,
                tcp: tcp::Config {
                    send_buffer: BUFFER,
                    send_buffer_max: BUFFER,
                    receive_buffer: 2 * BUFFER,
                    receive_buffer_max: 2 * BUFFER,
                    pacing: tcp::Pacing::Off,
                    ..tcp::Config::default()
                },
                journal: path.journal,
                ..Config::default()
            };
            // Cut and summed on the way, as by a device that can do neither in hardware.
            let offload = match path.super_segment {
                0 => Capabilities {
                    max_gso: u32::try_from(PAYLOAD_MAX)?,
                    tx_checksum: true,
                    ..capabilities
                },
                _ => capabilities,
            };
            let mut stack = Stack::new(config, offload);
            let address = IpAddr::from(ADDRESSES[index]);
            stack.add_address(format!("{address}/24").parse()?)?;
            Ok(stack)
        };
        Ok(Self {
            stacks: [stack(0)?, stack(1)?],
            capabilities,
            pool: Pool::new(PoolLimits::default()),
            now: Instant::from_secs(1),
            batch: path.batch,
            sent: TxBatch::new(),
            answers: TxBatch::new(),
            arrived: RxBatch::new(),
            returning: RxBatch::new(),
        })
    }

    /// A connection from the first to the second.
    fn open(&mut self) -> Result<(TcpId, TcpId), Failure> {
        let server = (IpAddr::from(ADDRESSES[1]), PORT).into();
        let listener = self.stacks[1].listen(server, Listen::default())?;
        let client = self.stacks[0].connect(self.now, server, Connect::default())?;
        for _ in 0..4 {
            self.carry(0);
            self.carry(1);
        }
        let accepted = self.stacks[1].accept(listener);
        Ok((client, accepted.ok_or("the handshake did not end")?))
    }

    fn socket(&mut self, side: usize, id: TcpId) -> Result<handfast_stack::TcpSocket<'_>, Failure> {
        let socket = self.stacks[side].tcp(self.now, id);
        socket.ok_or_else(|| "the connection is gone".into())
    }

    /// Takes out what was written down, as who listens does; nothing without journals.
    fn read_journals(&mut self) -> Result<(), Failure> {
        for stack in &mut self.stacks {
            while stack.take_fact().is_some() {}
            if stack.facts_lost() > 0 {
                return Err("a turn made more facts than the journal has room for".into());
            }
        }
        Ok(())
    }

    /// Everything that `side` has to send goes to the other one, which answers after each batch.
    fn carry(&mut self, side: usize) {
        self.now += Duration::from_micros(1);
        for stack in &mut self.stacks {
            if stack.next_timeout().is_some_and(|at| at <= self.now) {
                stack.on_timeout(self.now);
            }
        }
        loop {
            let more = self.stacks[side].poll_transmit(self.now, &mut self.sent);
            while let Some(frame) = self.sent.pop() {
                self.convey(frame, 1 - side);
            }
            self.arrive(1 - side);
            self.stacks[side].receive(self.now, &mut self.returning);
            if !more {
                return;
            }
        }
    }

    /// Takes a frame to `side`.
    fn convey(&mut self, frame: TxFrame, side: usize) {
        for piece in pieces(frame, self.capabilities) {
            let piece = self.cross(piece);
            self.arrived.push(piece);
            if self.arrived.len() == self.batch {
                self.arrive(side);
            }
        }
    }

    /// The batch that is under way arrives at `side`, which answers.
    fn arrive(&mut self, side: usize) {
        self.stacks[side].receive(self.now, &mut self.arrived);
        let mut answers = core::mem::take(&mut self.answers);
        self.stacks[side].poll_transmit(self.now, &mut answers);
        while let Some(frame) = answers.pop() {
            for piece in pieces(frame, self.capabilities) {
                if self.returning.room() == 0 {
                    self.stacks[1 - side].receive(self.now, &mut self.returning);
                }
                let piece = self.cross(piece);
                self.returning.push(piece);
            }
        }
        self.answers = answers;
    }

    /// A frame as it arrives: a copy.
    fn cross(&mut self, mut piece: TxFrame) -> RxFrame {
        if !self.capabilities.tx_checksum {
            complete_checksum(&mut piece);
        }
        let frame = convey(&piece, &self.capabilities, &mut self.pool);
        let mut frame = frame.expect("it was cut to what the way carries");
        frame.received_at = self.now;
        frame
    }
}

/// A frame as the way carries it: cut where it carries no super-segments.
fn pieces(frame: TxFrame, way: Capabilities) -> impl Iterator<Item = TxFrame> {
    let (whole, cut) = match way.max_gso {
        0 => (
            None,
            Some(Split::new(frame, way.medium).expect("a stack sends TCP only")),
        ),
        _ => (Some(frame), None),
    };
    whole.into_iter().chain(cut.into_iter().flatten())
}
