//! Flows over a bottleneck in virtual time: the path, the two hosts, their applications, and what
//! is measured. The tables are `main`'s and `utilisation`'s.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::{self, Algorithm, Info};
use handfast::{Config, Connect, EthernetAddress, Host, Listen, TcpStream};
use handfast_device::{Impair, ImpairSpec, ImpairWatch};
use handfast_packet::buf::{Capabilities, Medium};
use handfast_sim::{World, link};

/// Text and frame of a full segment with timestamps: what of the rate can carry text.
const TEXT: f64 = 1_448.0;
const FRAME: f64 = 1_514.0;
/// Round trips that count as start-up.
pub(crate) const START_UP: u32 = 20;

/// The way between the hosts.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    /// Mbit/s of the bottleneck.
    pub(crate) rate: u32,
    /// Milliseconds without a queue.
    pub(crate) rtt: u32,
    /// Lost on the way out, in percent.
    pub(crate) loss: &'static str,
    /// Bytes that the queue takes; `None` for one product of rate and round trip.
    pub(crate) queue: Option<u32>,
    /// Lost on the way back as well.
    pub(crate) both_ways: bool,
    /// Held back, both ways: so many in a hundred, by one in so many parts of the round trip.
    pub(crate) reorder: Option<(u32, u32)>,
}

/// One sender.
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) tcp: tcp::Config,
    /// The peer's choices.
    pub(crate) peer: tcp::Config,
    pub(crate) begins: Duration,
}

/// What became of a flow.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Text bytes that the peer's application read in the measured part.
    pub(crate) read: f64,
    /// The same in the second half of that part.
    pub(crate) read_late: f64,
    pub(crate) info: Info,
    /// Mean of the smoothed round trip in the measured part, in milliseconds.
    pub(crate) rtt: f64,
    /// Most bytes in flight, and segments sent again, in the first [`START_UP`] round trips.
    pub(crate) peak: u64,
    pub(crate) resent_early: u64,
    /// Segments that the path lost until the end, of all flows.
    pub(crate) lost: u64,
}

impl Path {
    /// With a queue of one product of rate and round trip.
    pub(crate) fn new(rate: u32, rtt: u32, loss: &'static str) -> Self {
        Self {
            rate,
            rtt,
            loss,
            queue: None,
            both_ways: false,
            reorder: None,
        }
    }

    /// Bytes that fill the way without a queue.
    pub(crate) fn bdp(self) -> u32 {
        self.rate * 125 * self.rtt
    }

    fn spec(self) -> ImpairSpec {
        let Self {
            rate, rtt, loss, ..
        } = self;
        let (queue, delay) = (self.queue.unwrap_or(self.bdp()), rtt * 500);
        let mut text =
            format!("out.rate={rate}mbit,out.queue={queue}B,delay={delay}us,out.loss={loss}%");
        if self.both_ways {
            text += &format!(",in.rate={rate}mbit,in.queue={queue}B,in.loss={loss}%");
        }
        if let Some((percent, part)) = self.reorder {
            text += &format!(",reorder={percent}%:{}us", rtt * 1_000 / part);
        }
        text.parse().expect("our own words")
    }

    /// Mbit/s of text that the bottleneck can carry.
    pub(crate) fn text_rate(self) -> f64 {
        f64::from(self.rate) * TEXT / FRAME
    }

    /// Percent of the text that the bottleneck could carry in `time`.
    pub(crate) fn used(self, read: f64, time: Duration) -> f64 {
        100.0 * read / (self.text_rate() * 125_000.0 * time.as_secs_f64())
    }
}

impl Flow {
    pub(crate) fn of(congestion: Algorithm) -> Self {
        let tcp = tcp::Config {
            congestion,
            ..tcp::Config::default()
        };
        Self {
            tcp,
            peer: tcp::Config::default(),
            begins: Duration::ZERO,
        }
    }
}

/// Runs all flows over one path until the end of `part`, and measures in that part.
pub(crate) fn run<const N: usize>(
    path: Path,
    seed: u64,
    flows: [Flow; N],
    part: std::ops::Range<Duration>,
) -> [Outcome; N] {
    let (mut world, client, peer, link) = world(path, seed);
    let mut port = 80;
    let outcomes = flows.map(|flow| {
        port += 1;
        let server = SocketAddr::from(([192, 0, 2, 2], port));
        let slot = Rc::new(Cell::new(Outcome::default()));
        let read = Rc::new(Cell::new(0.0));
        world.spawn(receive(&peer, server, flow.peer, Rc::clone(&read)));
        let watched = Watched {
            path,
            part: part.clone(),
            read,
            link: link.clone(),
            slot: Rc::clone(&slot),
        };
        let sleep = world.sleeper();
        let spawner = world.spawner();
        let client = client.clone();
        world.spawn(async move {
            sleep(flow.begins).await;
            let options = Connect {
                tcp: Some(flow.tcp),
                ..Connect::default()
            };
            let stream = client.connect(server, options).expect("an address of ours");
            let stream = Rc::new(stream);
            spawner.spawn(send(Rc::clone(&stream)));
            let sleep = move |time: Duration| sleep(time);
            watched.watch(&stream, flow.begins, sleep).await;
        });
        slot
    });
    // A little longer, so that the watchers have come to their end.
    let end = world.sleep(part.end + Duration::from_millis(u64::from(path.rtt)));
    let limit = part.end * 2;
    world.run_until(limit, end).expect("time passes");
    outcomes.map(|slot| slot.get())
}

fn world(path: Path, seed: u64) -> (World, Host, Host, ImpairWatch) {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 65_000,
        tx_checksum: true,
    };
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let (a, b) = link(capabilities, addresses);
    let mut world = World::new();
    let config = |seed| Config {
        seed,
        ..Config::default()
    };
    let mut device = Impair::new(a, path.spec(), seed);
    let link = device.watch();
    let client = world.add(device, config(2 * seed));
    let peer = world.add(b, config(2 * seed + 1));
    for (host, address) in [(&client, "192.0.2.1/24"), (&peer, "192.0.2.2/24")] {
        let address = address.parse().expect("an address");
        host.add_address(address).expect("the first address");
    }
    (world, client, peer, link)
}

/// The peer's application: reads all that comes.
fn receive(
    peer: &Host,
    at: SocketAddr,
    tcp: tcp::Config,
    read: Rc<Cell<f64>>,
) -> impl Future<Output = ()> + use<> {
    let options = Listen {
        tcp: Some(tcp),
        ..Listen::default()
    };
    let listener = peer.listen(at, options).expect("a free port");
    async move {
        let accepted = poll_fn(|cx| listener.poll_accept(cx)).await;
        let (stream, _) = accepted.expect("the listener stays");
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await {
            let count = u32::try_from(count).expect("a buffer of 64 KiB");
            read.set(read.get() + f64::from(count));
        }
    }
}

/// Our application: there is always more to write.
async fn send(stream: Rc<TcpStream>) {
    let bytes = vec![7; 65_536];
    let connected = poll_fn(|cx| stream.poll_connected(cx)).await;
    connected.expect("the peer listens");
    while poll_fn(|cx| stream.poll_write(cx, &bytes)).await.is_ok() {}
}

/// Looks at a flow ten times in a round trip.
struct Watched {
    path: Path,
    part: std::ops::Range<Duration>,
    read: Rc<Cell<f64>>,
    link: ImpairWatch,
    slot: Rc<Cell<Outcome>>,
}

impl Watched {
    async fn watch<S: Future<Output = ()>>(
        self,
        stream: &TcpStream,
        begins: Duration,
        sleep: impl Fn(Duration) -> S,
    ) {
        let step = Duration::from_micros(u64::from(self.path.rtt) * 100);
        let start_up = begins + step * START_UP * 10;
        let middle = (self.part.start + self.part.end) / 2;
        let (mut now, mut before, mut half, mut rtt) = (begins, 0.0, 0.0, (0.0, 0.0));
        let mut outcome = Outcome::default();
        while now < self.part.end {
            sleep(step).await;
            now += step;
            let info = stream.info();
            if now <= start_up {
                outcome.peak = outcome.peak.max(info.in_flight);
                outcome.resent_early = info.retransmissions;
            }
            if now <= self.part.start {
                before = self.read.get();
            } else if let Some(srtt) = info.srtt {
                rtt = (rtt.0 + srtt.as_secs_f64() * 1_000.0, rtt.1 + 1.0);
            }
            if now <= middle {
                half = self.read.get();
            }
            outcome.info = info;
        }
        outcome.read = self.read.get() - before;
        outcome.read_late = self.read.get() - half;
        outcome.rtt = rtt.0 / rtt.1;
        let out = self.link.statistics().outbound;
        outcome.lost = out.lost + out.overflowed;
        self.slot.set(outcome);
    }
}
