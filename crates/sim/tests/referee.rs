//! The referee over worlds of many kinds: it finds nothing where nothing is wrong, and it finds what
//! a device did to a stream behind its back.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::{self, EcnMode};
use handfast::{
    Config, Connect, EthernetAddress, FastOpenConnect, FastOpenListen, Host, Instant, Listen,
    SynCookies, TcpStream,
};
use handfast_device::{Device, Impair, ImpairSpec, Record};
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, TxBatch, TxFrame};
use handfast_sim::referee::{Received, Referee, Sent, content};
use handfast_sim::{World, link};

const LIMIT: Duration = Duration::from_secs(3_600);

/// A small draw of everything from one number.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn tcp(&mut self) -> tcp::Config {
        let buffers = [600, 4_000, 30_000, 300_000];
        tcp::Config {
            timestamps: self.coin(),
            sack: self.coin(),
            window_scaling: self.coin(),
            announce_mss: self.below(4) > 0,
            nagle: self.coin(),
            receive_buffer: self.of(&buffers),
            receive_buffer_max: self.of(&buffers),
            send_buffer: self.of(&buffers),
            ecn: self.of(&[EcnMode::Off, EcnMode::Classic, EcnMode::Accurate]),
            keep_alive: self.coin().then_some(Duration::from_millis(300)),
            keep_alive_interval: Duration::from_millis(300),
            keep_alive_garbage: self.coin(),
            mss_clamp: self.of(&[None, Some(300), Some(60)]),
            user_timeout_option: self.coin(),
            rack: self.below(4) > 0,
            tail_loss_probe: self.below(4) > 0,
            ..tcp::Config::default()
        }
    }
}

struct Scene {
    world: World,
    hosts: [Host; 2],
    referee: Referee,
    server: SocketAddr,
}

fn scene(spec: &str, seed: u64, dice: &mut Dice) -> Scene {
    let referee = Referee::new();
    let max_gso = dice.of(&[0, 9_000, 65_000]);
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: dice.of(&[1_280, 1_500, 9_000]),
        max_gso,
        tx_checksum: max_gso > 0,
    };
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let (a, b) = link(capabilities, addresses);
    let spec: ImpairSpec = spec.parse().unwrap();
    let mut world = World::new();
    let mut config = |offset| Config {
        seed: seed + offset,
        tcp: dice.tcp(),
        ..Config::default()
    };
    let (first, second) = (config(1), config(2));
    let device = Record::new(Impair::new(a, spec, seed), referee.wire(0));
    let client = world.add(device, first);
    let peer = world.add(Record::new(b, referee.wire(1)), second);
    let [own, other, len] = if dice.coin() {
        ["192.0.2.1", "192.0.2.2", "24"]
    } else {
        ["2001:db8::1", "2001:db8::2", "64"]
    };
    for (host, address) in [(&client, own), (&peer, other)] {
        host.add_address(format!("{address}/{len}").parse().unwrap())
            .unwrap();
    }
    let other: IpAddr = other.parse().unwrap();
    Scene {
        world,
        hosts: [client, peer],
        referee,
        server: SocketAddr::new(other, 80),
    }
}

/// Writes `total` bytes of stream `key` in pieces, and shuts down.
async fn write(stream: &TcpStream, key: u64, total: usize, piece: usize, sent: &Sent) {
    let mut buffer = vec![0; piece];
    let mut at = 0;
    while at < total {
        let len = piece.min(total - at);
        content::fill(key, at as u64, &mut buffer[..len]);
        match poll_fn(|cx| stream.poll_write(cx, &buffer[..len])).await {
            Ok(count) => {
                sent.bytes(&buffer[..count]);
                at += count;
            }
            Err(_) => return sent.aborted(),
        }
    }
    sent.finished();
    let _ = poll_fn(|cx| stream.poll_shutdown(cx)).await;
}

async fn read(stream: &TcpStream, piece: usize, received: &Received) {
    let mut buffer = vec![0; piece];
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await {
            Ok(0) => return received.end(),
            Ok(count) => received.bytes(&buffer[..count]),
            Err(error) => return received.failed(&error),
        }
    }
}

/// Inspects both hosts all the time, for the first two seconds.
fn watch(scene: &Scene) {
    let (sleep, hosts) = (scene.world.sleeper(), scene.hosts.clone());
    let referee = scene.referee.clone();
    scene.world.spawn(async move {
        for _ in 0..3_000 {
            sleep(Duration::from_micros(700)).await;
            for (number, host) in hosts.iter().enumerate() {
                referee.inspect(number, host, host.now());
            }
        }
    });
}

/// What the server writes with, and the ledgers of its two directions, by the client's port.
type Ledgers = Rc<RefCell<BTreeMap<u16, (u64, Received, Sent)>>>;

/// A few connections one after the other, text both ways.
fn talk(seed: u64, spec: &str) -> Referee {
    let mut dice = Dice(seed * 77 + 5);
    let mut scene = scene(spec, seed, &mut dice);
    let [client, peer] = scene.hosts.clone();
    let listen = Listen {
        cookies: dice.of(&[SynCookies::Off, SynCookies::Always]),
        fast_open: dice.coin().then_some(FastOpenListen {
            pending: 10,
            cookieless: false,
        }),
        ..Listen::default()
    };
    let listener = peer.listen(scene.server, listen).unwrap();
    let (total, piece) = (
        dice.of(&[1, 5_000, 60_000, 200_000]),
        dice.of(&[7, 1_000, 30_000]),
    );
    let total = if piece == 7 { total.min(5_000) } else { total };
    let spawner = scene.world.spawner();
    let ledgers: Ledgers = Rc::default();
    let known = Rc::clone(&ledgers);
    scene.world.spawn(async move {
        loop {
            let (stream, remote) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            // A SYN with text that the network duplicated opens one more connection (RFC 7413).
            let Some((key, up, down)) = known.borrow_mut().remove(&remote.port()) else {
                continue;
            };
            spawner.spawn(async move {
                read(&stream, 5_000, &up).await;
                write(&stream, key, total, piece, &down).await;
            });
        }
    });
    let connect = Connect {
        fast_open: dice.of(&[FastOpenConnect::Off, FastOpenConnect::Now]),
        ..Connect::default()
    };
    watch(&scene);
    let (server, referee) = (scene.server, scene.referee.clone());
    let finished = scene.world.run_until(LIMIT, async move {
        for key in [0, 2, 4] {
            let stream = client.connect(server, connect).unwrap();
            let (up, down) = (referee.stream(key), referee.stream(key + 1));
            let port = stream.local_addr().port();
            ledgers.borrow_mut().insert(port, (key + 1, up.1, down.0));
            write(&stream, key, total, piece, &up.0).await;
            read(&stream, 3_000, &down.1).await;
        }
    });
    if finished.is_err() {
        // Small segments and many losses can take hours.
        return scene.referee;
    }
    let end = scene.world.sleep(Duration::from_secs(600));
    scene.world.run_until(LIMIT, end).unwrap();
    for (number, host) in scene.hosts.iter().enumerate() {
        scene.referee.inspect_idle(number, host, host.now());
    }
    scene.referee
}

#[test]
fn worlds_of_many_kinds_break_no_rule() {
    let specs = [
        "delay=1ms",
        "delay=10ms,loss=3%",
        "delay=5ms,jitter=5ms,reorder=10%,duplicate=5%",
        "delay=20ms,corrupt=5%,burst=1%:5",
        "rate=5mbit,queue=20KB,delay=10ms",
        "delay=2ms,loss=20%",
    ];
    let seeds = std::env::var("SEEDS").map_or(120, |n| n.parse().unwrap());
    let mut frames = 0;
    for seed in 0..seeds {
        let spec = specs[usize::try_from(seed).unwrap() % specs.len()];
        let referee = talk(seed, spec);
        assert_eq!(referee.violation(), None, "seed {seed}: {spec}");
        frames += referee.frames();
    }
    assert!(frames > 10_000, "{frames} frames");
}

#[test]
fn the_same_seed_gives_the_same_digest() {
    let spec = "delay=10ms,loss=3%";
    let digest = |seed| talk(seed, spec).digest();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// A host whose TCP is wrong in one way: a device in front of its recorder changes what it sends.
struct Faulty<D> {
    device: D,
    fault: fn(&mut TxFrame),
    /// Segments with text to let pass before.
    patience: u32,
}

impl<D: Device> Device for Faulty<D> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.device.recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let mut changed = TxBatch::new();
        while let Some(mut frame) = batch.pop() {
            if self.patience > 0 {
                self.patience -= u32::from(!frame.body.is_empty());
            } else if frame.head.bytes()[12..14] == [8, 0] {
                (self.fault)(&mut frame);
            }
            changed.push(frame);
        }
        let count = self.device.send(now, &mut changed);
        assert!(changed.is_empty(), "a link takes everything");
        count
    }

    fn next_ready(&self) -> Option<Instant> {
        self.device.next_ready()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.fd()
    }
}

/// Where fields of TCP stand behind Ethernet and IPv4 headers.
const SEQ: usize = 38;
const ACK: usize = 42;
const FLAGS: usize = 47;
const WINDOW: usize = 48;

fn add(frame: &mut TxFrame, at: usize, amount: u32) {
    let field = &mut frame.head.bytes_mut()[at..at + 4];
    let number = u32::from_be_bytes((&*field).try_into().unwrap());
    field.copy_from_slice(&number.wrapping_add(amount).to_be_bytes());
}

/// What the referee says of a download from a server with this fault.
fn verdict(fault: fn(&mut TxFrame)) -> Option<&'static str> {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 0,
        tx_checksum: true,
    };
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let (a, b) = link(capabilities, addresses);
    let referee = Referee::new();
    let mut world = World::new();
    let spec: ImpairSpec = "delay=1ms,in.loss=5%".parse().unwrap();
    let client = world.add(
        Record::new(Impair::new(a, spec, 3), referee.wire(0)),
        Config::default(),
    );
    let faulty = Faulty {
        device: Record::new(b, referee.wire(1)),
        fault,
        patience: 20,
    };
    let peer = world.add(faulty, Config::default());
    client.add_address("192.0.2.1/24".parse().unwrap()).unwrap();
    peer.add_address("192.0.2.2/24".parse().unwrap()).unwrap();
    let server: SocketAddr = "192.0.2.2:80".parse().unwrap();
    let listener = peer.listen(server, Listen::default()).unwrap();
    let (sent, received) = referee.stream(1);
    world.spawn(async move {
        let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        write(&stream, 1, 300_000, 9_000, &sent).await;
    });
    let _ = world.run_until(Duration::from_secs(60), async move {
        let stream = client.connect(server, Connect::default()).unwrap();
        read(&stream, 9_000, &received).await;
    });
    referee.violation().map(|violation| violation.rule)
}

#[test]
fn a_faulty_host_is_found_out() {
    let wrong_text = |frame: &mut TxFrame| {
        let len = frame.body.len();
        if len > 0 {
            frame.body = Chunk::from(vec![0x55; len]).into();
        }
    };
    for (fault, rule) in [
        ((|_| {}) as fn(&mut TxFrame), None),
        (|frame| add(frame, ACK, 1), Some("ack-of-nothing")),
        (|frame| add(frame, ACK, u32::MAX), Some("ack-moved-back")),
        (|frame| add(frame, SEQ, 1 << 20), Some("beyond-the-window")),
        (wrong_text, Some("text-changed")),
    ] {
        assert_eq!(verdict(fault), rule);
    }
    let shut = verdict(|frame| {
        frame.head.bytes_mut()[WINDOW..WINDOW + 2].fill(0);
    });
    assert_eq!(shut, Some("window-moved-back"));
    let reset = verdict(|frame| {
        frame.head.bytes_mut()[FLAGS] |= 4;
    });
    assert_eq!(reset, Some("reset-with-text"));
    let damaged = verdict(|frame| {
        frame.checksum_at = None;
    });
    assert_eq!(damaged, Some("checksum-wrong"));
}
