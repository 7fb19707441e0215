//! A peer by hand: one stack on a medium of bare IP packets, and whoever the test plays at the
//! other end. Numbers count from both SYNs, so a test reads like the RFC.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ip::{Cidr, Protocol};
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::tcp::{
    CHECKSUM_OFFSET, SeqNumber, TcpFlags, TcpHeader, TcpOptions, verify_checksum,
};
use handfast_stack::{Config, Connect, Event, Listen, ListenerId, Stack, TcpId, TcpSocket};
use handfast_tcp::{Event as TcpEvent, ReadError, State};

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const FIN: TcpFlags = TcpFlags::FIN;
pub(crate) const RST: TcpFlags = TcpFlags::RST;
pub(crate) const PSH: TcpFlags = TcpFlags::PSH;
pub(crate) const URG: TcpFlags = TcpFlags::URG;
pub(crate) const SYN_ACK: TcpFlags = SYN.union(ACK);
pub(crate) const FIN_ACK: TcpFlags = FIN.union(ACK);
/// The port that the stack listens on or connects to.
pub(crate) const PORT: u16 = 80;
/// The link of the stack.
pub(crate) const MTU: u16 = 1_500;
/// The peer's ISS: its numbers wrap soon.
pub(crate) const ISS: u32 = u32::MAX - 99;
/// Nothing that these tests do takes so many turns.
const TURNS_MAX: usize = 1_000_000;

/// IP version of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Makes two tests of each function: `name::v4` and `name::v6`.
macro_rules! both_families {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn v4() {
                super::$name(crate::peer::Family::V4);
            }

            #[test]
            fn v6() {
                super::$name(crate::peer::Family::V6);
            }
        }
    )+ };
}
pub(crate) use both_families;

impl Family {
    /// An address of the test network; the stack has number 1, the peer 2.
    pub(crate) fn address(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => [192, 0, 2, host].into(),
            Self::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(),
        }
    }

    /// Bytes of the fixed headers of IP and TCP.
    pub(crate) fn headers(self) -> u16 {
        match self {
            Self::V4 => 40,
            Self::V6 => 60,
        }
    }
}

/// A TCP segment that the stack sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) header: TcpHeader,
    pub(crate) payload: Vec<u8>,
    /// The IP packet.
    pub(crate) packet: Vec<u8>,
    /// When it left.
    pub(crate) at: Instant,
}

impl Sent {
    pub(crate) fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }

    /// The TCP segment, header and text.
    pub(crate) fn segment(&self) -> &[u8] {
        let ip = if self.source.is_ipv4() { 20 } else { 40 };
        &self.packet[ip..]
    }

    /// The bytes of its options.
    pub(crate) fn options(&self) -> &[u8] {
        let segment = self.segment();
        &segment[20..usize::from(segment[12] >> 4) * 4]
    }
}

pub(crate) struct Peer {
    pub(crate) family: Family,
    pub(crate) now: Instant,
    pub(crate) stack: Stack,
    /// What the stack sent and the test has not looked at.
    pub(crate) inbox: VecDeque<Sent>,
    /// Everything that the stack sent.
    pub(crate) log: Vec<Sent>,
    pub(crate) events: Vec<Event>,
    /// The stack's end and the peer's.
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The stack's ISS, from its last SYN.
    pub(crate) irs: u32,
    /// The window of all that the peer sends.
    pub(crate) window: u16,
    /// Packets that wait to be taken in together.
    waiting: Vec<Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(family: Family) -> Self {
        Self::with(family, |_| {})
    }

    /// A stack with a changed configuration.
    pub(crate) fn with(family: Family, change: impl Fn(&mut Config)) -> Self {
        Self::on_device(family, 0, change)
    }

    /// The same on a device that cuts super-segments of so many bytes.
    pub(crate) fn on_device(family: Family, max_gso: u32, change: impl Fn(&mut Config)) -> Self {
        let mut config = Config {
            seed: 5,
            ..Config::default()
        };
        change(&mut config);
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: MTU,
            max_gso,
            tx_checksum: max_gso > 0,
        };
        let mut stack = Stack::new(config, capabilities);
        let len = if family == Family::V4 { 24 } else { 64 };
        stack
            .add_address(Cidr::new(family.address(1), len).unwrap())
            .unwrap();
        Self {
            family,
            now: Instant::from_secs(10_000),
            stack,
            inbox: VecDeque::new(),
            log: Vec::new(),
            events: Vec::new(),
            local: SocketAddr::new(family.address(1), PORT),
            remote: SocketAddr::new(family.address(2), 4_000),
            irs: 0,
            window: 60_000,
            waiting: Vec::new(),
        }
    }

    /// A connection that the peer has opened. Its SYN offered an MSS as large as the link's and
    /// nothing else.
    pub(crate) fn established(family: Family) -> (Self, TcpId) {
        Self::established_with(family, |_| {})
    }

    pub(crate) fn established_with(family: Family, change: impl Fn(&mut Config)) -> (Self, TcpId) {
        let mut peer = Self::with(family, change);
        let options = TcpOptions {
            mss: Some(MTU - family.headers()),
            ..TcpOptions::default()
        };
        let id = peer.open(options);
        (peer, id)
    }

    /// The handshake of a connection that the peer opens with these options.
    pub(crate) fn open(&mut self, options: TcpOptions) -> TcpId {
        let listener = self.listen();
        self.send_with(SYN, (0, 0), b"", |header| header.options = options);
        let answer = self.next();
        assert!(answer.has(SYN_ACK), "{answer:?}");
        self.send_with(ACK, (1, 1), b"", |header| {
            header.options.timestamps = options.timestamps;
        });
        self.stack.accept(listener).expect("it is open")
    }

    pub(crate) fn listen(&mut self) -> ListenerId {
        self.stack.listen(self.local, Listen::default()).unwrap()
    }

    /// The stack opens a connection to the peer, whose SYN is in the inbox.
    pub(crate) fn connect(&mut self) -> TcpId {
        self.connect_from(None)
    }

    pub(crate) fn connect_from(&mut self, local_port: Option<u16>) -> TcpId {
        let options = Connect {
            local_port,
            ..Connect::default()
        };
        let id = self.stack.connect(self.now, self.remote, options).unwrap();
        let local = self.tcp(id).local();
        self.local = local;
        self.turn();
        id
    }

    /// A connection that the stack has opened; the peer's SYN had these options.
    pub(crate) fn connected(family: Family, options: TcpOptions) -> (Self, TcpId) {
        let mut peer = Self::new(family);
        let id = peer.connect();
        assert!(peer.next().has(SYN));
        peer.send_with(SYN_ACK, (0, 1), b"", |header| header.options = options);
        assert_eq!(peer.state(id), State::Established);
        peer.inbox.clear();
        (peer, id)
    }

    pub(crate) fn tcp(&mut self, id: TcpId) -> TcpSocket<'_> {
        self.stack.tcp(self.now, id).expect("nobody released it")
    }

    pub(crate) fn state(&mut self, id: TcpId) -> State {
        self.tcp(id).state()
    }

    /// The peer sends a segment: `seq` and `ack` count from the SYNs.
    pub(crate) fn send(&mut self, flags: TcpFlags, numbers: (u32, u32), text: &[u8]) {
        self.send_with(flags, numbers, text, |_| {});
    }

    pub(crate) fn send_with(
        &mut self,
        flags: TcpFlags,
        numbers: (u32, u32),
        text: &[u8],
        change: impl FnOnce(&mut TcpHeader),
    ) {
        let packet = self.packet(flags, numbers, text, change);
        self.deliver(packet);
    }

    /// Like [`Self::send`], but the stack takes it in together with the next.
    pub(crate) fn send_soon(&mut self, flags: TcpFlags, numbers: (u32, u32), text: &[u8]) {
        let packet = self.packet(flags, numbers, text, |_| {});
        self.deliver_soon(packet);
    }

    /// The stack takes this packet in together with the next.
    pub(crate) fn deliver_soon(&mut self, packet: Vec<u8>) {
        self.waiting.push(packet);
    }

    /// A segment of the peer as a packet.
    pub(crate) fn packet(
        &self,
        flags: TcpFlags,
        (seq, ack): (u32, u32),
        text: &[u8],
        change: impl FnOnce(&mut TcpHeader),
    ) -> Vec<u8> {
        let mut header = TcpHeader {
            source: self.remote.port(),
            destination: self.local.port(),
            seq: SeqNumber(ISS.wrapping_add(seq)),
            ack: SeqNumber(if flags.contains(ACK) {
                self.irs.wrapping_add(ack)
            } else {
                0
            }),
            flags,
            window: self.window,
            ..TcpHeader::default()
        };
        change(&mut header);
        let mut bytes = vec![0; header.header_len()];
        header.write(&mut bytes);
        bytes.extend_from_slice(text);
        tcp_packet(self.remote.ip(), self.local.ip(), &mut bytes)
    }

    /// The peer sends a segment whose options are these bytes, a multiple of four.
    pub(crate) fn send_raw(
        &mut self,
        flags: TcpFlags,
        numbers: (u32, u32),
        options: &[u8],
        text: &[u8],
    ) {
        assert!(options.len().is_multiple_of(4));
        let ip = usize::from(self.family.headers()) - 20;
        let packet = self.packet(flags, numbers, b"", |_| {});
        let mut bytes = packet[ip..].to_vec();
        bytes[12] = u8::try_from((20 + options.len()) / 4).unwrap() << 4;
        bytes.extend_from_slice(options);
        bytes.extend_from_slice(text);
        let packet = tcp_packet(self.remote.ip(), self.local.ip(), &mut bytes);
        self.deliver(packet);
    }

    /// The stack takes in a packet, and what waits with it.
    pub(crate) fn deliver(&mut self, packet: Vec<u8>) {
        self.waiting.push(packet);
        self.turn();
    }

    /// The stack's turn, as a driver takes it.
    pub(crate) fn turn(&mut self) {
        let mut batch = RxBatch::new();
        for packet in self.waiting.drain(..) {
            batch.push(RxFrame {
                data: Chunk::from(packet),
                received_at: self.now,
                checksum: RxChecksum::Unknown,
                gso: None,
            });
        }
        self.stack.receive(self.now, &mut batch);
        if self.stack.next_timeout().is_some_and(|due| due <= self.now) {
            self.stack.on_timeout(self.now);
        }
        let mut batch = TxBatch::new();
        loop {
            let more = self.stack.poll_transmit(self.now, &mut batch);
            while let Some(frame) = batch.pop() {
                self.note(&frame.to_vec(), frame.checksum_at.is_none());
            }
            if !more {
                break;
            }
        }
        while let Some(event) = self.stack.poll_event() {
            self.events.push(event);
        }
    }

    fn note(&mut self, packet: &[u8], complete: bool) {
        let Some(sent) = parse(packet, (self.now, complete)) else {
            return;
        };
        if sent.has(SYN) {
            self.irs = sent.header.seq.0;
        }
        self.log.push(sent.clone());
        self.inbox.push_back(sent);
    }

    /// Time passes; the stack acts whenever it wants to.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..TURNS_MAX {
            self.turn();
            let due = self.stack.next_timeout().filter(|&due| due <= end);
            let Some(due) = due else {
                self.now = end;
                return self.turn();
            };
            self.now = self.now.max(due);
        }
        panic!("the stack never comes to rest");
    }

    /// The next segment that the stack sent.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Sent {
        self.inbox.pop_front().expect("the stack sent a segment")
    }

    /// The stack sent nothing that the test has not looked at.
    #[track_caller]
    pub(crate) fn silent(&self) {
        assert!(self.inbox.is_empty(), "{:?}", self.inbox);
    }

    /// SEG.SEQ and SEG.ACK, counted from the SYNs.
    pub(crate) fn numbers(&self, sent: &Sent) -> (u32, u32) {
        let ack = sent.header.ack.0.wrapping_sub(ISS);
        (
            sent.header.seq.0.wrapping_sub(self.irs),
            if sent.has(ACK) { ack } else { 0 },
        )
    }

    /// The peer acknowledges what the stack sends until all `len` bytes from number 1 on have
    /// come; they are returned.
    pub(crate) fn take_all(&mut self, len: usize) -> Vec<u8> {
        self.take_all_from(0, len)
    }

    /// The same when `had` bytes have been acknowledged already: those behind them.
    pub(crate) fn take_all_from(&mut self, had: usize, len: usize) -> Vec<u8> {
        let mut text = vec![None; len];
        text[..had].fill(Some(0));
        for _ in 0..TURNS_MAX {
            while let Some(sent) = self.inbox.pop_front() {
                let (seq, _) = self.numbers(&sent);
                let at = usize::try_from(seq).unwrap().wrapping_sub(1);
                for (n, byte) in sent.payload.iter().enumerate() {
                    text[at + n] = Some(*byte);
                }
            }
            let got = text.iter().position(Option::is_none).unwrap_or(len);
            self.send(ACK, (1, u32::try_from(got).unwrap() + 1), b"");
            if got == len && self.inbox.is_empty() {
                return text.split_off(had).into_iter().flatten().collect();
            }
            if self.inbox.is_empty() {
                self.pass(Duration::from_millis(50));
            }
        }
        panic!("the text never arrives");
    }

    #[track_caller]
    pub(crate) fn write(&mut self, id: TcpId, bytes: &[u8]) {
        assert_eq!(self.tcp(id).write(bytes), Ok(bytes.len()));
        self.turn();
    }

    /// Everything that can be read now.
    pub(crate) fn read(&mut self, id: TcpId) -> Vec<u8> {
        let (mut socket, mut bytes, mut buffer) = (self.tcp(id), Vec::new(), [0; 4_096]);
        loop {
            match socket.read(&mut buffer) {
                Ok(0) | Err(ReadError::WouldBlock | ReadError::Closed(_)) => return bytes,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Whether the application was told this about a connection.
    pub(crate) fn told(&self, id: TcpId, event: TcpEvent) -> bool {
        self.events.contains(&Event::Tcp(id, event))
    }
}

/// A TCP segment with a good checksum in an IP packet.
pub(crate) fn tcp_packet(source: IpAddr, destination: IpAddr, segment: &mut [u8]) -> Vec<u8> {
    segment[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].fill(0);
    let len = u32::try_from(segment.len()).unwrap();
    let sum = pseudo_header(source, destination, Protocol::TCP, len);
    let sum = sum.add(segment).finish();
    segment[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2].copy_from_slice(&sum.to_be_bytes());
    ip_packet(source, destination, Protocol::TCP, segment)
}

/// An IP packet.
pub(crate) fn ip_packet(
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    payload: &[u8],
) -> Vec<u8> {
    let payload_len = u16::try_from(payload.len()).unwrap();
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                source,
                destination,
                protocol,
                ttl: 64,
                payload_len,
                ..Ipv4Header::default()
            };
            let mut bytes = vec![0; Ipv4Header::LEN];
            header.write(&mut bytes);
            bytes
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                source,
                destination,
                next_header: protocol,
                hop_limit: 64,
                payload_len,
                ..Ipv6Header::default()
            };
            let mut bytes = vec![0; Ipv6Header::LEN];
            header.write(&mut bytes);
            bytes
        }
        _ => panic!("one packet has one family"),
    };
    packet.extend_from_slice(payload);
    packet
}

/// The TCP segment in a packet; `None` when it carries something else.
fn parse(packet: &[u8], (at, complete): (Instant, bool)) -> Option<Sent> {
    let (source, destination, protocol, payload): (IpAddr, IpAddr, _, _) = match packet[0] >> 4 {
        4 => {
            let (header, payload) = Ipv4Header::parse(packet).unwrap();
            (
                header.source.into(),
                header.destination.into(),
                header.protocol,
                payload,
            )
        }
        _ => {
            let (header, payload) = Ipv6Header::parse(packet).unwrap();
            (
                header.source.into(),
                header.destination.into(),
                header.next_header,
                payload,
            )
        }
    };
    if protocol != Protocol::TCP {
        return None;
    }
    let (header, len) = TcpHeader::parse(payload).unwrap();
    assert!(
        !complete || verify_checksum(source, destination, payload),
        "MUST-2"
    );
    Some(Sent {
        source: SocketAddr::new(source, header.source),
        destination: SocketAddr::new(destination, header.destination),
        header,
        payload: payload[len..].to_vec(),
        packet: packet.to_vec(),
        at,
    })
}

/// Bytes that differ from each other by position.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|n| u8::try_from(n * 31 % 251).unwrap())
        .collect()
}
