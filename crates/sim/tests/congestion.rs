//! The congestion controllers over a bottleneck in virtual time, with all of the stack around them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::{self, Algorithm, Info, Pacing};
use handfast::{Config, Connect, EthernetAddress, Host, Listen, TcpStream};
use handfast_device::{Impair, ImpairSpec, Record};
use handfast_packet::buf::{Capabilities, Medium};
use handfast_sim::referee::Referee;
use handfast_sim::{World, link};

const MINUTES: Duration = Duration::from_secs(600);
/// 20 Mbit/s in bytes per second.
const RATE: u64 = 2_500_000;

fn server() -> SocketAddr {
    "192.0.2.2:80".parse().unwrap()
}

fn world(spec: &str) -> (World, Host, Host, Referee) {
    let capabilities = Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso: 65_000,
        tx_checksum: true,
    };
    let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let (a, b) = link(capabilities, addresses);
    let spec: ImpairSpec = spec.parse().unwrap();
    let mut world = World::new();
    let config = |seed| Config {
        seed,
        ..Config::default()
    };
    let referee = Referee::new();
    let client = Record::new(Impair::new(a, spec, 5), referee.wire(0));
    let client = world.add(client, config(5));
    let peer = world.add(Record::new(b, referee.wire(1)), config(6));
    client.add_address("192.0.2.1/24".parse().unwrap()).unwrap();
    peer.add_address("192.0.2.2/24".parse().unwrap()).unwrap();
    (world, client, peer, referee)
}

async fn read_to_end(stream: &TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; 65_536]);
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut buffer))
            .await
            .unwrap()
        {
            0 => return total,
            count => total += count,
        }
    }
}

/// Sends `len` bytes through the bottleneck; the percentage of it that was used, and the figures.
fn upload(tcp: tcp::Config, spec: &str, len: usize) -> (u64, Info) {
    let (time, info) = upload_to(tcp::Config::default(), tcp, spec, len);
    let micros = u64::try_from(time.as_micros()).unwrap();
    let share = u64::try_from(len).unwrap() * 100_000_000 / (RATE * micros);
    (share, info)
}

/// How long it takes to a peer with `peers` choices, and the sender's figures.
fn upload_to(peers: tcp::Config, tcp: tcp::Config, spec: &str, len: usize) -> (Duration, Info) {
    let (mut world, client, peer, referee) = world(spec);
    let options = Listen {
        tcp: Some(peers),
        ..Listen::default()
    };
    let listener = peer.listen(server(), options).unwrap();
    world.spawn(async move {
        let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_eq!(read_to_end(&stream).await, len);
        poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
    });
    let start = world.now();
    let info = world.run_until(MINUTES, async move {
        let options = Connect {
            tcp: Some(tcp),
            ..Connect::default()
        };
        let stream = client.connect(server(), options).unwrap();
        poll_fn(|cx| stream.poll_connected(cx)).await.unwrap();
        let bytes = vec![7; 100_000];
        let mut left = len;
        while left > 0 {
            let piece = &bytes[..left.min(bytes.len())];
            left -= poll_fn(|cx| stream.poll_write(cx, piece)).await.unwrap();
        }
        poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
        let info = stream.info();
        assert_eq!(read_to_end(&stream).await, 0);
        info
    });
    assert_eq!(referee.violation(), None, "{spec}");
    (world.now() - start, info.unwrap())
}

fn config(congestion: Algorithm) -> tcp::Config {
    tcp::Config {
        congestion,
        ..tcp::Config::default()
    }
}

/// Headers and ACKs cost a twentieth; a queue of a product of rate and round trip is enough for all.
#[test]
fn all_fill_a_clean_bottleneck() {
    let spec = "out.rate=20mbit,out.queue=128KiB,delay=20ms";
    for congestion in [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr] {
        for pacing in [Pacing::Auto, Pacing::On] {
            let config = tcp::Config {
                pacing,
                ..config(congestion)
            };
            let (share, info) = upload(config, spec, 25_000_000);
            let what = format!("{congestion:?} {pacing:?}: {share} %, {info:?}");
            assert!(share >= 85, "{what}");
            let waits = info.srtt.unwrap() > Duration::from_millis(60);
            assert_eq!(waits, congestion != Algorithm::Bbr, "who queues: {what}");
        }
    }
}

/// One segment in a hundred is lost at random: a model of the path knows better than to slow down.
#[test]
fn bbr_does_not_mind_random_losses() {
    let spec = "out.rate=20mbit,out.queue=128KiB,delay=20ms,out.loss=1%";
    let (bbr, info) = upload(config(Algorithm::Bbr), spec, 25_000_000);
    assert!(bbr >= 88, "{bbr} %, {info:?}");
    assert_eq!(info.timeouts, 0, "{info:?}");
    let spec = "out.rate=20mbit,out.queue=256KiB,delay=50ms,out.loss=3%";
    let (bbr, info) = upload(config(Algorithm::Bbr), spec, 25_000_000);
    assert!(
        bbr >= 70,
        "more than the draft's threshold: {bbr} %, {info:?}"
    );
    let (cubic, info) = upload(config(Algorithm::Cubic), spec, 5_000_000);
    assert!(cubic <= 40, "{cubic} %, {info:?}");
}

/// The window begins small, for the sake of short queues, and grows ahead of a sender in slow start.
#[test]
fn the_first_window_does_not_hold_back_slow_start() {
    const ROUND_TRIP: Duration = Duration::from_millis(100);
    for (congestion, timestamps) in [
        (Algorithm::Cubic, true),
        (Algorithm::Cubic, false),
        (Algorithm::Bbr, true),
    ] {
        let sender = tcp::Config {
            timestamps,
            ..config(congestion)
        };
        let open = tcp::Config {
            receive_buffer: tcp::Config::default().receive_buffer_max,
            ..tcp::Config::default()
        };
        let spec = "out.rate=1000mbit,out.queue=12500000B,delay=50ms";
        for len in [200_000, 1_000_000, 5_000_000] {
            let (time, _) = upload_to(tcp::Config::default(), sender, spec, len);
            let (least, _) = upload_to(open, sender, spec, len);
            let what = format!("{congestion:?} {timestamps} {len}: {time:?}, {least:?}");
            assert!(time < least + ROUND_TRIP / 10, "{what}");
        }
    }
}

/// A send buffer that is smaller than the path holds the sender back, so that no round is a measure
/// of growth: losses in a short queue end Startup all the same.
#[test]
fn bbr_leaves_start_up_where_its_buffer_holds_it_back() {
    let tcp = tcp::Config {
        send_buffer: 1 << 20,
        send_buffer_max: 1 << 20,
        ..config(Algorithm::Bbr)
    };
    let spec = "out.rate=1000mbit,out.queue=250000B,delay=10ms";
    let (_, info) = upload(tcp, spec, 60_000_000);
    assert!(info.retransmissions < 2_000, "{info:?}");
}

/// RFC 9743 5.1.4 and 5.2.1: two flows at one bottleneck. Jain's index in percent of what they had
/// delivered after half a minute.
fn jain(spec: &str, algorithms: [Algorithm; 2]) -> (u64, [Info; 2]) {
    let (mut world, client, peer, referee) = world(spec);
    let listener = peer.listen(server(), Listen::default()).unwrap();
    let spawner = world.spawner();
    world.spawn(async move {
        loop {
            let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            spawner.spawn(async move {
                read_to_end(&stream).await;
            });
        }
    });
    let streams = algorithms.map(|algorithm| {
        let options = Connect {
            tcp: Some(config(algorithm)),
            ..Connect::default()
        };
        Rc::new(client.connect(server(), options).unwrap())
    });
    for stream in &streams {
        let stream = Rc::clone(stream);
        world.spawn(async move {
            poll_fn(|cx| stream.poll_connected(cx)).await.unwrap();
            let bytes = vec![7; 100_000];
            loop {
                poll_fn(|cx| stream.poll_write(cx, &bytes)).await.unwrap();
            }
        });
    }
    let end = world.sleep(Duration::from_secs(30));
    world.run_until(MINUTES, end).unwrap();
    assert_eq!(referee.violation(), None, "{algorithms:?}");
    let infos = streams.map(|stream| stream.info());
    let [a, b] = [infos[0].bytes_acked, infos[1].bytes_acked].map(u128::from);
    let jain = 100 * (a + b) * (a + b) / (2 * (a * a + b * b));
    (u64::try_from(jain).unwrap(), infos)
}

/// RFC 9743: nobody starves beside its like or beside the default, and what is lost in the queue is
/// found without timeouts.
#[test]
fn two_flows_share_a_bottleneck_rfc_9743() {
    for (algorithms, least) in [
        ([Algorithm::Reno, Algorithm::Reno], 95),
        ([Algorithm::Cubic, Algorithm::Cubic], 95),
        ([Algorithm::Bbr, Algorithm::Bbr], 90),
        ([Algorithm::Cubic, Algorithm::Reno], 75),
        ([Algorithm::Cubic, Algorithm::Bbr], 75),
    ] {
        let spec = "out.rate=20mbit,out.queue=100KiB,delay=20ms";
        let (jain, infos) = jain(spec, algorithms);
        assert!(jain >= least, "{algorithms:?}: {jain} %, {infos:?}");
        let timeouts = infos.map(|info| info.timeouts);
        assert_eq!(timeouts, [0, 0], "{algorithms:?}: {infos:?}");
    }
}

/// What lies behind a hole comes to light at once when the peer knows no SACK: BBR neither takes that
/// for a fast path nor goes on in Startup.
#[test]
fn bbr_finds_the_rate_of_the_path_without_sack() {
    for (spec, least) in [
        ("out.rate=20mbit,out.queue=100KiB,delay=20ms", 80),
        ("out.rate=100mbit,out.queue=250000B,delay=10ms", 5 * 25),
    ] {
        let tcp = tcp::Config {
            sack: false,
            ..config(Algorithm::Bbr)
        };
        let (share, info) = upload(tcp, spec, 25_000_000);
        assert!(share >= least, "{spec}: {share} % of 20 Mbit/s, {info:?}");
    }
}

/// A buffer that is much smaller than the path: no queue is ever seen, and one segment in ten is lost.
/// What was sent beside the losses did not wait, so that the rate stays.
#[test]
fn bbr_keeps_its_rate_where_no_queue_is_ever_seen() {
    let tcp = tcp::Config {
        send_buffer: 1 << 20,
        send_buffer_max: 1 << 20,
        ..config(Algorithm::Bbr)
    };
    let spec = "out.rate=1000mbit,out.queue=12500000B,delay=50ms,out.loss=10%";
    let (share, info) = upload(tcp, spec, 20_000_000);
    assert!(share >= 65, "{share} % of 20 Mbit/s, {info:?}");
}

/// A queue of a tenth of the product of rate and round trip is too short to be seen, and its losses
/// are those of who sends too much: BBR must not take them for those of a bad link.
#[test]
fn bbr_leaves_room_in_a_queue_that_it_cannot_see() {
    for algorithms in [
        [Algorithm::Cubic, Algorithm::Bbr],
        [Algorithm::Bbr, Algorithm::Cubic],
        [Algorithm::Bbr, Algorithm::Bbr],
    ] {
        let spec = "out.rate=20mbit,out.queue=10KiB,delay=20ms";
        let (jain, infos) = jain(spec, algorithms);
        assert!(jain >= 80, "{algorithms:?}: {jain} %, {infos:?}");
    }
}

/// Where the queue is too short to be seen and a bad link loses more than the draft's threshold, a
/// probe goes on as long as sending more does not lose more.
#[test]
fn bbr_probes_beyond_the_losses_of_a_bad_link() {
    let spec = "out.rate=20mbit,out.queue=10KiB,delay=20ms,out.loss=3%";
    let (share, info) = upload(config(Algorithm::Bbr), spec, 25_000_000);
    assert!(share >= 50, "{share} %, {info:?}");
}

/// RFC 9743 5.1.1: of three segments in ten nothing arrives, and everybody backs off; most gaps
/// wait for the timer, and that doubles.
#[test]
fn heavy_losses_slow_everybody_down_rfc_9743() {
    for congestion in [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr] {
        let spec = "out.rate=20mbit,delay=50ms,out.loss=30%";
        let (share, info) = upload(config(congestion), spec, 150_000);
        assert!(share <= 10, "{congestion:?}: {share} %, {info:?}");
        assert!(info.timeouts > 0, "{congestion:?}: {info:?}");
    }
}

/// When a copy arrives, about ten segments are late by up to 25 ms. Their timestamps are older than
/// the clock was when the copy left: if the copy showed that clock, PAWS (RFC 7323 5.3) would drop
/// them, and their copies would do the same to the next ten.
#[test]
fn the_copy_of_a_lost_segment_costs_none_that_is_late() {
    let spec = "out.rate=100mbit,out.queue=4MB,delay=50ms,out.reorder=5%:25ms,out.loss=0.3%";
    for sack in [true, false] {
        let [without, with] = [false, true].map(|timestamps| {
            let config = tcp::Config {
                timestamps,
                sack,
                ..config(Algorithm::Cubic)
            };
            let (_, info) = upload(config, spec, 80_000_000);
            info.retransmissions
        });
        // The dice of the link are the same for both, and its queue is too long to overflow.
        assert!(without > 100, "{without}");
        let what = format!("SACK {sack}: {with}, without timestamps {without}");
        assert!(4 * with <= 5 * without, "{what}");
    }
}
