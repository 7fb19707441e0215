//! The congestion controllers measured over a bottleneck in virtual time, printed as tables in
//! Markdown: the figures of `docs/congestion-evaluation.md` (RFC 9743). Same program, same tables.
//!
//! One host sends to another as fast as the controller lets it, through the whole of both stacks,
//! a drop-tail queue of one product of rate and round trip, and random losses on the way out.

use std::cell::Cell;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::{self, Algorithm, Info, Pacing};
use handfast::{Config, Connect, EthernetAddress, Host, Listen, TcpStream};
use handfast_device::{Impair, ImpairSpec, ImpairWatch};
use handfast_packet::buf::{Capabilities, Medium};
use handfast_sim::{World, link};

const CONTROLLERS: [Algorithm; 3] = [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr];
const SEEDS: [u64; 3] = [1, 2, 3];
/// Text and frame of a full segment with timestamps: what of the rate can carry text.
const TEXT: f64 = 1_448.0;
const FRAME: f64 = 1_514.0;
/// How long a flow alone is measured, from its SYN on.
const ALONE: Duration = Duration::from_secs(20);
/// Two flows: when the second begins, and which part of the run is compared.
const SECOND: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(20);
const TOGETHER: Duration = Duration::from_secs(60);
/// Round trips that count as start-up.
const START_UP: u32 = 20;

/// The way between the hosts.
#[derive(Clone, Copy)]
struct Path {
    /// Mbit/s of the bottleneck.
    rate: u32,
    /// Milliseconds without a queue.
    rtt: u32,
    /// Lost on the way out, in percent.
    loss: &'static str,
}

/// One sender.
#[derive(Clone, Copy)]
struct Flow {
    tcp: tcp::Config,
    /// The peer's choices.
    peer: tcp::Config,
    begins: Duration,
}

/// What became of a flow.
#[derive(Clone, Copy, Default)]
struct Outcome {
    /// Text bytes that the peer's application read in the measured part.
    read: f64,
    info: Info,
    /// Mean of the smoothed round trip in the measured part, in milliseconds.
    rtt: f64,
    /// Most bytes in flight, and segments sent again, in the first [`START_UP`] round trips.
    peak: u64,
    resent_early: u64,
    /// Segments that the path lost until the end, of all flows.
    lost: u64,
}

impl Path {
    /// Bytes that fill the way without a queue; the queue holds as many.
    fn bdp(self) -> u32 {
        self.rate * 125 * self.rtt
    }

    fn spec(self) -> ImpairSpec {
        let Self { rate, rtt, loss } = self;
        let (queue, delay) = (self.bdp(), rtt * 500);
        let text =
            format!("out.rate={rate}mbit,out.queue={queue}B,delay={delay}us,out.loss={loss}%");
        text.parse().expect("our own words")
    }

    /// Percent of the text that the bottleneck could carry in `time`.
    fn used(self, read: f64, time: Duration) -> f64 {
        let bytes = f64::from(self.rate) * 125_000.0 * time.as_secs_f64();
        100.0 * read / (bytes * TEXT / FRAME)
    }
}

impl Flow {
    fn of(congestion: Algorithm) -> Self {
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

fn main() {
    println!("{}", alone());
    println!("{}", start_up());
    println!("{}", heavy_loss());
    println!("{}", together());
    println!("{}", receive_buffers());
}

/// One flow on each path: utilisation, queueing, repairs.
fn alone() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | loss | controller | used | least | mean RTT | lost | resent | timeouts |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20), (100, 100)] {
        for loss in ["0", "0.1", "1"] {
            let path = Path { rate, rtt, loss };
            for congestion in CONTROLLERS {
                let runs = SEEDS.map(|seed| run_one(path, seed, Flow::of(congestion)));
                let used = runs.map(|run| path.used(run.read, ALONE));
                let least = used.into_iter().fold(f64::INFINITY, f64::min);
                let lost = runs.iter().map(|run| run.lost).sum::<u64>() / 3;
                let resent = runs.map(|run| run.info.retransmissions);
                let timeouts: u64 = runs.iter().map(|run| run.info.timeouts).sum();
                let (used, waits) = (mean(&used), mean(&runs.map(|run| run.rtt)));
                let resent = resent.iter().sum::<u64>() / 3;
                row(
                    &mut table,
                    format_args!(
                        "{rate} | {rtt} ms | {loss} % | {congestion:?} | {used:.1} % | {least:.1} % | {waits:.0} ms | {lost} | {resent} | {timeouts}"
                    ),
                );
            }
        }
    }
    table
}

/// The first round trips with and without HyStart++ (BBR knows no HyStart++ and always paces).
fn start_up() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | controller | HyStart++ | paced | most in flight | resent | used in the first 20 RTT |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20), (100, 100)] {
        let path = Path {
            rate,
            rtt,
            loss: "0",
        };
        for (congestion, hystart, paced) in [
            (Algorithm::Reno, false, false),
            (Algorithm::Reno, true, false),
            (Algorithm::Reno, true, true),
            (Algorithm::Cubic, false, false),
            (Algorithm::Cubic, true, false),
            (Algorithm::Cubic, true, true),
            (Algorithm::Bbr, false, true),
        ] {
            let mut flow = Flow::of(congestion);
            flow.tcp.hystart = hystart;
            flow.tcp.pacing = if paced { Pacing::On } else { Pacing::Auto };
            let until = START_UP * Duration::from_millis(rtt.into());
            let [one] = run(path, SEEDS[0], [flow], Duration::ZERO..until);
            let peak = one.peak * 100 / u64::from(path.bdp());
            let used = path.used(one.read, until);
            let word = |is| if is { "on" } else { "off" };
            let (hystart, paced, resent) = (word(hystart), word(paced), one.resent_early);
            row(
                &mut table,
                format_args!(
                    "{rate} | {rtt} ms | {congestion:?} | {hystart} | {paced} | {peak} % of BDP | {resent} | {used:.0} %"
                ),
            );
        }
    }
    table
}

/// So much is lost that nobody should send much.
fn heavy_loss() -> String {
    let mut table = String::from(
        "| loss | controller | segments sent in 20 s | of them again | timeouts | kbit/s read |\n\
         |---|---|---|---|---|---|\n",
    );
    for loss in ["10", "30", "60"] {
        let path = Path {
            rate: 20,
            rtt: 100,
            loss,
        };
        for congestion in CONTROLLERS {
            let runs = SEEDS.map(|seed| run_one(path, seed, Flow::of(congestion)));
            let sum = |figure: fn(&Info) -> u64| {
                runs.iter().map(|run| figure(&run.info)).sum::<u64>() / 3
            };
            let sent = sum(|info| info.segments_sent);
            let resent = sum(|info| info.retransmissions);
            let timeouts = sum(|info| info.timeouts);
            let read = mean(&runs.map(|run| run.read)) / ALONE.as_secs_f64() / 125.0;
            row(
                &mut table,
                format_args!(
                    "{loss} % | {congestion:?} | {sent} | {resent} | {timeouts} | {read:.0}"
                ),
            );
        }
    }
    table
}

/// Two flows at one bottleneck.
fn together() -> String {
    let mut table = String::from(
        "| Mbit/s | RTT | first | second | share of the first | Jain | used | timeouts |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let pairs = [
        (Algorithm::Reno, Algorithm::Reno),
        (Algorithm::Cubic, Algorithm::Cubic),
        (Algorithm::Bbr, Algorithm::Bbr),
        (Algorithm::Cubic, Algorithm::Reno),
        (Algorithm::Reno, Algorithm::Cubic),
        (Algorithm::Cubic, Algorithm::Bbr),
        (Algorithm::Bbr, Algorithm::Cubic),
    ];
    for (rate, rtt) in [(20, 20), (20, 100), (100, 20)] {
        let path = Path {
            rate,
            rtt,
            loss: "0",
        };
        for (first, second) in pairs {
            let runs = SEEDS.map(|seed| run_two(path, seed, [first, second]));
            let share = mean(&runs.map(|[a, b]| 100.0 * a.read / (a.read + b.read)));
            let jain = mean(&runs.map(|[a, b]| {
                (a.read + b.read).powi(2) / (2.0 * (a.read.powi(2) + b.read.powi(2)))
            }));
            let used = mean(&runs.map(|[a, b]| path.used(a.read + b.read, TOGETHER - SETTLED)));
            let timeouts: u64 = runs.iter().flatten().map(|flow| flow.info.timeouts).sum();
            row(
                &mut table,
                format_args!(
                    "{rate} | {rtt} ms | {first:?} | {second:?} | {share:.0} % | {jain:.2} | {used:.0} % | {timeouts}"
                ),
            );
        }
    }
    table
}

/// How much the peer's receive buffer has to do with what BBR reaches under random loss.
fn receive_buffers() -> String {
    let mut table = String::from(
        "| peer's receive buffer | seed 1 | seed 2 | seed 3 |\n\
         |---|---|---|---|\n",
    );
    let path = Path {
        rate: 100,
        rtt: 100,
        loss: "1",
    };
    let tuned = tcp::Config::default();
    for (name, receive_buffer) in [
        ("tunes itself", tuned.receive_buffer),
        ("15 MiB from the start", tuned.receive_buffer_max),
    ] {
        let mut flow = Flow::of(Algorithm::Bbr);
        flow.peer.receive_buffer = receive_buffer;
        let [a, b, c] = SEEDS.map(|seed| path.used(run_one(path, seed, flow).read, ALONE));
        row(
            &mut table,
            format_args!("{name} | {a:.1} % | {b:.1} % | {c:.1} %"),
        );
    }
    table
}

fn row(table: &mut String, cells: std::fmt::Arguments<'_>) {
    writeln!(table, "| {cells} |").expect("a String takes everything");
}

fn mean(values: &[f64]) -> f64 {
    let count = u32::try_from(values.len()).expect("a few runs");
    values.iter().sum::<f64>() / f64::from(count)
}

fn run_one(path: Path, seed: u64, flow: Flow) -> Outcome {
    let [outcome] = run(path, seed, [flow], Duration::ZERO..ALONE);
    outcome
}

fn run_two(path: Path, seed: u64, controllers: [Algorithm; 2]) -> [Outcome; 2] {
    let [first, mut second] = controllers.map(Flow::of);
    // Without losses the seeds would otherwise differ in nothing for Reno and CUBIC.
    second.begins = SECOND + Duration::from_millis(137 * seed);
    run(path, seed, [first, second], SETTLED..TOGETHER)
}

/// Runs all flows over one path until the end of `part`, and measures in that part.
fn run<const N: usize>(
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
        let (mut now, mut before, mut rtt) = (begins, 0.0, (0.0, 0.0));
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
            outcome.info = info;
        }
        outcome.read = self.read.get() - before;
        outcome.rtt = rtt.0 / rtt.1;
        let out = self.link.statistics().outbound;
        outcome.lost = out.lost + out.overflowed;
        self.slot.set(outcome);
    }
}
