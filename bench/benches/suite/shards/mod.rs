//! Two shards on two cores against one shard on one: eight streams in memory, whose both ends belong
//! to shards of the same number and so to one thread. Nothing is between the threads but the clock.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::thread;

use handfast::{
    Capabilities, Clock, Config, Connect, Driver, EthernetAddress, Host, Listen, Medium, Steering,
    TcpListener, TcpStream,
};
use handfast_bench::{Contest, Failure, Reach, Sample, Unit, measure};
use handfast_device::{MemoryDevice, SoftwareOffload, memory_queues};

use crate::kernel::stay_on;

/// Of all shards together.
const STREAMS: usize = 8;
/// Text of each in bytes.
const TEXT: usize = 128 << 20;
/// What an application writes and reads at once.
const PIECE: usize = 64 * 1_024;
/// Most turns without progress before a shard is taken for stuck.
const IDLE_MAX: u32 = 50_000_000;

pub(crate) fn contests() -> Vec<Contest<'static>> {
    [
        ("shards.plain", "MTU 1500, checksums", 0),
        ("shards.super", "super-segments, no checksums", 64_000),
    ]
    .into_iter()
    .map(|(name, path, super_segment)| Contest {
        name,
        what: format!("{STREAMS} streams in memory, {path}, two shards on two cores"),
        peer: "one shard on one core",
        unit: Unit::Bytes,
        reach: Some(Reach::Rate(1.6)),
        ours: Box::new(move || turn(2, super_segment)),
        theirs: Box::new(move || turn(1, super_segment)),
    })
    .collect()
}

type Shard = (Host, Driver<SoftwareOffload<MemoryDevice>>);

/// Both ends of the streams of one shard.
struct Pair {
    drivers: [Driver<SoftwareOffload<MemoryDevice>>; 2],
    client: Host,
    listener: TcpListener,
    streams: Vec<[TcpStream; 2]>,
    clock: Clock,
}

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 80))
}

fn turn(shards: u16, super_segment: u32) -> Result<Sample, Failure> {
    let mut pairs = lay(shards, super_segment)?;
    let meeting = &Barrier::new(usize::from(shards) + 1);
    for at in 0..STREAMS {
        open(&mut pairs, at % usize::from(shards))?;
    }
    thread::scope(|scope| {
        let workers: Vec<_> = pairs
            .into_iter()
            .enumerate()
            .map(|(core, mut pair)| {
                scope.spawn(move || {
                    let ready = stay_on(core);
                    meeting.wait();
                    ready?;
                    pair.transfer()
                })
            })
            .collect();
        meeting.wait();
        measure(|| {
            for worker in workers {
                worker.join().expect("a shard does not panic")?;
            }
            Ok((STREAMS * TEXT) as f64)
        })
    })
}

/// Two hosts of so many shards, and those of the same number together.
fn lay(shards: u16, super_segment: u32) -> Result<Vec<Pair>, Failure> {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: super_segment,
        tx_checksum: super_segment > 0,
    };
    let steering = Steering::new(shards, 0x5EED);
    let links = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let clock = Clock::system();
    let host = |queues, last: u8| -> Result<Vec<Shard>, Failure> {
        let config = Config {
            seed: u64::from(last),
            ..Config::default()
        };
        let shards = handfast::shards(queues, steering, config, &clock)?;
        shards[0]
            .0
            .add_address(format!("192.0.2.{last}/24").parse()?)?;
        Ok(shards)
    };
    let [left, right] = memory_queues(capabilities, links, [steering; 2]);
    let (left, right) = (host(left, 1)?, host(right, 2)?);
    left.into_iter()
        .zip(right)
        .map(|((client, ours), (peer, theirs))| {
            Ok(Pair {
                drivers: [ours, theirs],
                listener: peer.listen(server(), Listen::default())?,
                client,
                streams: Vec::new(),
                clock: clock.clone(),
            })
        })
        .collect()
}

/// Opens a stream of one shard. All take their turns: what a shard asks its neighbours is answered
/// through the first.
fn open(pairs: &mut [Pair], shard: usize) -> Result<(), Failure> {
    let cx = Context::from_waker(Waker::noop());
    let ours = pairs[shard].client.connect(server(), Connect::default())?;
    for _ in 0..IDLE_MAX {
        if let Poll::Ready(connected) = ours.poll_connected(&cx) {
            connected?;
            if let Poll::Ready(accepted) = pairs[shard].listener.poll_accept(&cx) {
                pairs[shard].streams.push([ours, accepted?.0]);
                return Ok(());
            }
        }
        pairs.iter_mut().try_for_each(Pair::turn)?;
    }
    Err("a stream does not open".into())
}

impl Pair {
    /// All text of all streams, from one end to the other.
    fn transfer(&mut self) -> Result<(), Failure> {
        let (text, mut buffer) = (vec![0x5A; PIECE], vec![0; PIECE]);
        let mut left = vec![[TEXT; 2]; self.streams.len()];
        self.until(|pair, cx| {
            for ([from, to], [to_write, to_read]) in pair.streams.iter().zip(&mut left) {
                while *to_write > 0
                    && let Poll::Ready(count) = from.poll_write(cx, &text[..PIECE.min(*to_write)])
                {
                    *to_write -= count?;
                }
                while *to_read > 0
                    && let Poll::Ready(count) = to.poll_read(cx, &mut buffer)
                {
                    *to_read -= count?;
                }
            }
            match left.iter().all(|[_, to_read]| *to_read == 0) {
                true => Poll::Ready(Ok::<_, Failure>(())),
                false => Poll::Pending,
            }
        })?
    }

    fn until<T>(
        &mut self,
        mut wish: impl FnMut(&Self, &Context<'_>) -> Poll<T>,
    ) -> Result<T, Failure> {
        let cx = Context::from_waker(Waker::noop());
        for _ in 0..IDLE_MAX {
            if let Poll::Ready(value) = wish(self, &cx) {
                return Ok(value);
            }
            self.turn()?;
        }
        Err("a shard is stuck".into())
    }

    fn turn(&mut self) -> Result<(), Failure> {
        for driver in &mut self.drivers {
            driver.turn(self.clock.now())?;
        }
        Ok(())
    }
}
