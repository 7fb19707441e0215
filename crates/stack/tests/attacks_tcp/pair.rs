//! Two stacks joined by a link of IP packets that takes a millisecond, each with a clock of its
//! own, so that the first numbers of both can be chosen.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use handfast_packet::Instant;
use handfast_packet::buf::{
    Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ip::Cidr;
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_stack::{Config, Connect, Listen, Stack, TcpId};
use handfast_tcp::{ReadError, WriteError};

use crate::peer::{Family, MTU, PORT};

const LATENCY: Duration = Duration::from_millis(1);
/// The text repeats after so many bytes, a prime number.
const PERIOD: usize = 65_521;
/// How much of it is written at once.
const PART: usize = 64 << 10;

pub(crate) struct Pair {
    pub(crate) family: Family,
    pub(crate) stacks: [Stack; 2],
    /// What the clock of each shows.
    pub(crate) now: [Instant; 2],
    /// The number of each one's last SYN.
    pub(crate) syns: [u32; 2],
    under_way: [VecDeque<RxFrame>; 2],
    text: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(family: Family, change: impl Fn(&mut Config)) -> Self {
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: MTU,
            max_gso: 65_536,
            tx_checksum: true,
        };
        let len = if family == Family::V4 { 24 } else { 64 };
        let stacks = [1, 2].map(|host| {
            let mut config = Config {
                seed: host.into(),
                ..Config::default()
            };
            change(&mut config);
            let mut stack = Stack::new(config, capabilities);
            stack
                .add_address(Cidr::new(family.address(host), len).unwrap())
                .unwrap();
            stack
        });
        let text = (0..PERIOD + PART).map(|n| u8::try_from(n % PERIOD * 31 % 251).unwrap());
        Self {
            family,
            stacks,
            now: [Instant::from_secs(1_000); 2],
            syns: [0; 2],
            under_way: Default::default(),
            text: text.collect(),
        }
    }

    /// Connects stack 0 to stack 1 from a port; both ends.
    pub(crate) fn connect(&mut self, local_port: u16) -> (TcpId, TcpId) {
        let server = SocketAddr::new(self.family.address(2), PORT);
        let listener = self.stacks[1].listen(server, Listen::default()).unwrap();
        let options = Connect {
            local_port: Some(local_port),
            ..Connect::default()
        };
        let client = self.stacks[0]
            .connect(self.now[0], server, options)
            .unwrap();
        for _ in 0..4 {
            self.step();
        }
        let accepted = self.stacks[1].accept(listener).expect("it is open");
        (client, accepted)
    }

    /// A millisecond passes.
    pub(crate) fn step(&mut self) {
        for host in 0..2 {
            self.now[host] += LATENCY;
            let now = self.now[host];
            let mut batch = RxBatch::new();
            while let Some(mut frame) = self.under_way[host].pop_front() {
                frame.received_at = now;
                if batch.room() == 0 {
                    self.stacks[host].receive(now, &mut batch);
                }
                batch.push(frame);
            }
            self.stacks[host].receive(now, &mut batch);
            self.stacks[host].on_timeout(now);
            while self.stacks[host].poll_event().is_some() {}
            let mut batch = TxBatch::new();
            loop {
                let more = self.stacks[host].poll_transmit(now, &mut batch);
                while let Some(frame) = batch.pop() {
                    let frame = arriving(&frame, now);
                    self.note_syn(host, &frame.data);
                    self.under_way[1 - host].push_back(frame);
                }
                if !more {
                    break;
                }
            }
        }
    }

    fn note_syn(&mut self, host: usize, packet: &[u8]) {
        let ip = usize::from(self.family.headers()) - 20;
        let (header, _) = TcpHeader::parse(&packet[ip..]).unwrap();
        if header.flags.contains(TcpFlags::SYN) {
            self.syns[host] = header.seq.0;
        }
    }

    /// Sends `len` bytes from one host to the other, and compares each.
    pub(crate) fn transfer(&mut self, from: (usize, TcpId), to: (usize, TcpId), len: u64) {
        let (mut written, mut read) = (0, 0);
        for _ in 0..1_000_000 {
            written += self.write(from, written, len);
            self.step();
            read += self.read(to, read);
            if read == len {
                return;
            }
        }
        panic!("the text never arrives");
    }

    fn write(&mut self, (host, id): (usize, TcpId), mut at: u64, len: u64) -> u64 {
        let (before, now) = (at, self.now[host]);
        let mut socket = self.stacks[host].tcp(now, id).unwrap();
        while at < len {
            let part = usize::try_from((len - at).min(PART as u64)).unwrap();
            match socket.write(&self.text[place(at)..][..part]) {
                Ok(count) => at += count as u64,
                Err(error) => {
                    assert_eq!(error, WriteError::WouldBlock);
                    break;
                }
            }
        }
        at - before
    }

    fn read(&mut self, (host, id): (usize, TcpId), mut at: u64) -> u64 {
        let (before, now) = (at, self.now[host]);
        let mut socket = self.stacks[host].tcp(now, id).unwrap();
        loop {
            match socket.read_chunk(PART) {
                Ok(Some(chunk)) => {
                    assert!(
                        chunk[..] == self.text[place(at)..][..chunk.len()],
                        "at {at}"
                    );
                    at += chunk.len() as u64;
                }
                Err(ReadError::WouldBlock) => return at - before,
                other => panic!("{other:?} at {at}"),
            }
        }
    }
}

/// Where the byte at a position stands in the text.
fn place(at: u64) -> usize {
    usize::try_from(at % PERIOD as u64).unwrap()
}

fn arriving(frame: &TxFrame, now: Instant) -> RxFrame {
    RxFrame {
        data: Chunk::from(frame.to_vec()),
        received_at: now,
        checksum: match frame.checksum_at {
            Some(_) => RxChecksum::Partial,
            None => RxChecksum::Unknown,
        },
        gso: frame.gso,
    }
}
