//! One host of several stacks, turn by turn on a clock that stands still (ADR 0031): connections live
//! on the shard that owns them, strays find it, and the host speaks with one voice.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{address, capabilities, config, pattern, server};
use handfast::{
    Connect, Driver, EthernetAddress, Host, Listen, ManualClock, STRAYS_MAX, Steering, TcpListener,
    TcpStream, Wait,
};
use handfast_device::{Device, MEMORY_QUEUE_MAX, MemoryDevice, SoftwareOffload, memory_queues};
use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::{Chunk, Payload, RxBatch, TxBatch, TxFrame};
use handfast_packet::build::{Ipv4, Tcp};
use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::ip::Protocol;

const HOSTS: Steering = Steering::new(2, 0x5EED);
/// A device that spreads flows otherwise than the hosts do.
const OTHERWISE: Steering = Steering::new(2, 0x0DD);
const ROUNDS: usize = 20_000;

fn links() -> [EthernetAddress; 2] {
    [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]))
}

/// One host of two shards.
struct Sharded {
    hosts: Vec<Host>,
    drivers: Vec<Option<Driver<SoftwareOffload<MemoryDevice>>>>,
}

impl Sharded {
    fn new(queues: Vec<MemoryDevice>, seed: u64, clock: &ManualClock) -> Self {
        let shards = handfast::shards(queues, HOSTS, config(seed), &clock.clock()).unwrap();
        let (hosts, drivers) = shards.into_iter().unzip();
        let drivers = Vec::into_iter(drivers).map(Some).collect();
        Self { hosts, drivers }
    }

    fn turn(&mut self, clock: &ManualClock) {
        for slot in &mut self.drivers {
            if let Some(driver) = slot
                && driver.turn(clock.now()).unwrap() == Wait::Over
            {
                *slot = None;
            }
        }
    }

    fn handed_on(&self) -> u64 {
        let of = |host: &Host| host.stray_counters().handed_on;
        self.hosts.iter().map(of).sum()
    }

    /// All shards listen at the server's end.
    fn listen(&self) -> Vec<TcpListener> {
        let listen = |host: &Host| host.listen(server(), Listen::default()).unwrap();
        self.hosts.iter().map(listen).collect()
    }
}

/// Two of them, joined by a device that spreads flows by `device`.
struct Two {
    clock: ManualClock,
    ends: [Sharded; 2],
}

impl Two {
    fn new(device: Steering) -> Self {
        let clock = ManualClock::new();
        let [left, right] = memory_queues(capabilities(), links(), [device; 2]);
        let ends = [
            Sharded::new(left, 1, &clock),
            Sharded::new(right, 2, &clock),
        ];
        // Whichever shard is told, all know.
        ends[0].hosts[1].add_address(address(1)).unwrap();
        ends[1].hosts[0].add_address(address(2)).unwrap();
        Self { clock, ends }
    }

    fn until<T>(&mut self, mut wish: impl FnMut(&Context<'_>) -> Poll<T>) -> T {
        for _ in 0..ROUNDS {
            if let Poll::Ready(value) = wish(&Context::from_waker(Waker::noop())) {
                return value;
            }
            self.ends.iter_mut().for_each(|end| end.turn(&self.clock));
        }
        panic!("nothing came of it");
    }

    /// Connections of each shard of the left end, with their other ends and the shards of those.
    fn connect(&mut self, each: usize) -> Vec<(TcpStream, TcpStream, usize)> {
        let listeners = self.ends[1].listen();
        let mut all = Vec::new();
        for shard in (0..2).cycle().take(2 * each) {
            let host = &self.ends[0].hosts[shard];
            let ours = host.connect(server(), Connect::default()).unwrap();
            self.until(|cx| ours.poll_connected(cx)).unwrap();
            let (at, theirs) = self.until(|cx| {
                for (at, listener) in listeners.iter().enumerate() {
                    if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                        return Poll::Ready((at, accepted.unwrap().0));
                    }
                }
                Poll::Pending
            });
            assert_eq!(theirs.peer_addr(), ours.local_addr());
            assert_eq!(at, shard, "a hash that is the same from either side");
            all.push((ours, theirs, at));
        }
        all
    }

    fn transfer(&mut self, from: &TcpStream, to: &TcpStream, bytes: &[u8]) {
        let (mut sent, mut received, mut buffer) = (0, Vec::new(), vec![0; 100_000]);
        self.until(|cx| {
            if sent < bytes.len()
                && let Poll::Ready(count) = from.poll_write(cx, &bytes[sent..])
            {
                sent += count.unwrap();
            }
            if let Poll::Ready(count) = to.poll_read(cx, &mut buffer) {
                received.extend_from_slice(&buffer[..count.unwrap()]);
            }
            match received.len() == bytes.len() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        assert!(received == bytes);
    }
}

#[test]
fn answers_come_home_to_the_shard_that_asked() {
    let mut two = Two::new(HOSTS);
    let all = two.connect(20);
    for end in &two.ends {
        assert!(end.hosts.iter().all(|host| host.tcp_count() == 20));
    }
    // What all shards were told of neighbours, and no segment.
    let before = two.ends.each_ref().map(Sharded::handed_on);
    for (ours, theirs, _) in &all {
        two.transfer(ours, theirs, &pattern(100_000));
    }
    assert_eq!(two.ends.each_ref().map(Sharded::handed_on), before);
    assert_eq!(two.ends[0].hosts[0].stray_counters().dropped, 0);
}

#[test]
fn strays_find_the_shard_that_owns_them() {
    let mut two = Two::new(OTHERWISE);
    let all = two.connect(10);
    for (ours, theirs, _) in &all {
        two.transfer(ours, theirs, &pattern(300_000));
        two.transfer(theirs, ours, &pattern(3_000));
    }
    let counters = |end: &Sharded| {
        end.hosts
            .iter()
            .map(Host::stray_counters)
            .collect::<Vec<_>>()
    };
    for end in &two.ends {
        let counters = counters(end);
        assert!(
            counters.iter().all(|shard| shard.handed_on > 10),
            "{counters:?}"
        );
        assert!(
            counters.iter().all(|shard| shard.taken_in > 10),
            "{counters:?}"
        );
        assert!(
            counters.iter().all(|shard| shard.dropped == 0),
            "{counters:?}"
        );
    }
}

#[test]
fn a_port_of_another_shard_is_refused_there_and_taken_here() {
    let two = Two::new(HOSTS);
    let from = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let port = (1_024..)
        .find(|&port| HOSTS.owner(from(port), server()) == 1)
        .unwrap();
    let options = Connect {
        local_port: Some(port),
        ..Connect::default()
    };
    let [here, there] = [1, 0].map(|shard: usize| &two.ends[0].hosts[shard]);
    let error = there.connect(server(), options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    assert!(error.to_string().contains("another shard"), "{error}");
    here.connect(server(), options).unwrap();
}

/// Our end is a host of two shards, the other one is this test with frames of its own.
struct Bare {
    clock: ManualClock,
    end: Sharded,
    far: Vec<MemoryDevice>,
}

impl Bare {
    fn new() -> Self {
        let clock = ManualClock::new();
        let [left, far] = memory_queues(capabilities(), links(), [OTHERWISE; 2]);
        let end = Sharded::new(left, 1, &clock);
        Self { clock, end, far }
    }

    fn send(&mut self, kind: EtherType, packet: &[u8]) {
        let mut frame = vec![0; EthernetHeader::LEN];
        frame[..6].copy_from_slice(&links()[0].0);
        frame[6..12].copy_from_slice(&links()[1].0);
        frame[12..].copy_from_slice(&kind.0.to_be_bytes());
        frame.extend_from_slice(packet);
        let mut batch = TxBatch::new();
        batch.push(TxFrame {
            body: Payload::from(Chunk::from(frame)),
            ..TxFrame::default()
        });
        self.far[0].send(self.clock.now(), &mut batch).unwrap();
    }

    fn arp(&mut self, sender: [u8; 4]) {
        let mut question = [0; ArpPacket::LEN];
        ArpPacket {
            operation: ArpOperation::REQUEST,
            sender_hardware: links()[1],
            sender_protocol: sender.into(),
            target_hardware: EthernetAddress::ZERO,
            target_protocol: Ipv4Addr::new(192, 0, 2, 1),
        }
        .write(&mut question);
        self.send(EtherType::ARP, &question);
    }

    /// The frames that came out since the last call.
    fn received(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for device in &mut self.far {
            let mut batch = RxBatch::new();
            while device.recv(self.clock.now(), &mut batch).unwrap() > 0 {
                while let Some(frame) = batch.pop() {
                    frames.push(frame.data.to_vec());
                }
            }
        }
        frames
    }
}

#[test]
fn a_question_to_all_shards_has_one_answer() {
    let mut bare = Bare::new();
    bare.end.hosts[0].add_address(address(1)).unwrap();
    bare.arp([192, 0, 2, 9]);
    (0..4).for_each(|_| bare.end.turn(&bare.clock));
    let answers = bare.received();
    assert_eq!(answers.len(), 1, "{answers:02x?}");
    assert_eq!(bare.end.hosts[1].stray_counters().taken_in, 1);
    // The second shard has learnt from it who asked, too: its SYN needs no question.
    let far: SocketAddr = "192.0.2.9:80".parse().unwrap();
    let _stream = bare.end.hosts[1].connect(far, Connect::default()).unwrap();
    bare.end.turn(&bare.clock);
    let frames = bare.received();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][12..14], [8, 0]);
}

#[test]
fn what_comes_in_pieces_goes_to_all_and_its_owner_alone_answers() {
    let mut bare = Bare::new();
    bare.end.hosts[0].add_address(address(1)).unwrap();
    bare.arp([192, 0, 2, 9]);
    (0..4).for_each(|_| bare.end.turn(&bare.clock));
    bare.received();
    for port in 4_000..4_010 {
        let ip = || Ipv4::new([192, 0, 2, 9], [192, 0, 2, 1]);
        let whole = (ip() / Tcp::new(port, 81).seq(1).syn()).to_vec();
        let piece = |offset, more, bytes: &[u8]| {
            let ip = ip().identification(port).protocol(Protocol::TCP);
            (ip.fragment(offset, more) / bytes.to_vec()).to_vec()
        };
        bare.send(EtherType::IPV4, &piece(0, true, &whole[20..36]));
        bare.send(EtherType::IPV4, &piece(16, false, &whole[36..]));
        (0..4).for_each(|_| bare.end.turn(&bare.clock));
        // Nobody listens there, which one of the two says.
        assert_eq!(bare.received().len(), 1, "{port}");
    }
}

#[test]
fn an_address_that_any_shard_claims_is_asked_for_once_and_is_everybodys() {
    let mut bare = Bare::new();
    let claimed = address(1);
    bare.end.hosts[1].start_claim(claimed).unwrap();
    let cx = &Context::from_waker(Waker::noop());
    let mut frames = Vec::new();
    let ip: IpAddr = claimed.address;
    let outcome = loop {
        bare.end.turn(&bare.clock);
        frames.extend(bare.received());
        assert!(!bare.end.hosts[1].is_local(ip));
        match bare.end.hosts[1].poll_claim(cx, ip) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => bare
                .clock
                .advance_to(bare.clock.now() + Duration::from_millis(1)),
        }
        assert!(bare.clock.now() < handfast::Instant::from_secs(60));
    };
    outcome.unwrap();
    assert!(bare.end.hosts.iter().all(|host| host.is_local(ip)));
    let probes = frames
        .iter()
        .filter(|frame| frame[28..32] == [0; 4])
        .count();
    assert!((1..=3).contains(&probes), "{probes}");
    bare.end.hosts[0].release(ip);
    assert!(!bare.end.hosts.iter().any(|host| host.is_local(ip)));
}

#[test]
fn a_full_ring_drops_and_counts() {
    let mut bare = Bare::new();
    bare.end.hosts[0].add_address(address(1)).unwrap();
    let to = SocketAddr::from(([192, 0, 2, 1], 80));
    let from = |port| SocketAddr::from(([192, 0, 2, 9], port));
    let is_stray =
        |&port: &u16| HOSTS.owner(from(port), to) == 1 && OTHERWISE.owner(from(port), to) == 0;
    let port = (1_024..).find(is_stray).unwrap();
    let mut segment = vec![0; 40];
    segment[0] = 0x45;
    segment[2..4].copy_from_slice(&40_u16.to_be_bytes());
    segment[9] = 6;
    segment[12..20].copy_from_slice(&[192, 0, 2, 9, 192, 0, 2, 1]);
    segment[20..22].copy_from_slice(&port.to_be_bytes());
    segment[22..24].copy_from_slice(&80_u16.to_be_bytes());
    let beyond = 100;
    // The second shard does nothing meanwhile.
    let second = bare.end.drivers[1].take();
    for sent in 1..=STRAYS_MAX + beyond {
        bare.send(EtherType::IPV4, &segment);
        if sent % (MEMORY_QUEUE_MAX / 2) == 0 {
            (0..MEMORY_QUEUE_MAX / 64).for_each(|_| bare.end.turn(&bare.clock));
        }
    }
    (0..MEMORY_QUEUE_MAX / 64).for_each(|_| bare.end.turn(&bare.clock));
    let counters = bare.end.hosts[0].stray_counters();
    assert_eq!(
        (counters.handed_on, counters.dropped),
        (
            u64::try_from(STRAYS_MAX).unwrap(),
            beyond.try_into().unwrap()
        )
    );
    // Back at work it takes them in, a part of a batch each time, and says so until all are.
    bare.end.drivers[1] = second;
    let driver = bare.end.drivers[1].as_mut().unwrap();
    assert!(driver.is_called());
    while driver.turn(bare.clock.now()).unwrap() == Wait::Now {}
    assert_eq!(
        bare.end.hosts[1].stray_counters().taken_in,
        counters.handed_on
    );
}

#[test]
fn a_shard_that_is_over_takes_none_of_the_others_with_it() {
    let mut two = Two::new(OTHERWISE);
    let mut all = two.connect(5);
    all.retain(|(ours, theirs, shard)| {
        *shard == 0 && OTHERWISE.owner(ours.local_addr(), theirs.local_addr()) == 0
    });
    let gone = two.ends[1].hosts.pop().unwrap();
    drop(gone);
    for _ in 0..1_000 {
        two.ends.iter_mut().for_each(|end| end.turn(&two.clock));
        let now = two.clock.now();
        two.clock.advance_to(now + Duration::from_millis(200));
    }
    assert!(two.ends[1].drivers[1].is_none());
    let (ours, theirs, _) = &all[0];
    // Only what the device gives to the first shard itself arrives now.
    two.transfer(ours, theirs, &pattern(10_000));
    let lost = two.ends[0].hosts[1]
        .connect(server(), Connect::default())
        .unwrap();
    for _ in 0..50 {
        two.ends.iter_mut().for_each(|end| end.turn(&two.clock));
    }
    let cx = &Context::from_waker(Waker::noop());
    assert!(lost.poll_connected(cx).is_pending());
}

#[test]
fn shards_want_a_queue_each() {
    let [mut left, _] = memory_queues(capabilities(), links(), [HOSTS; 2]);
    left.pop();
    let clock = ManualClock::new();
    let error = handfast::shards(left, HOSTS, config(1), &clock.clock()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let none = Vec::<MemoryDevice>::new();
    assert!(handfast::shards(none, HOSTS, config(1), &clock.clock()).is_err());
}
