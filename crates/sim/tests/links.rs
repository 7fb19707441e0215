//! Whole transfers over links that change, over queues that mark, and over a switch.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::{self, EcnMode, Info};
use handfast::{Config, Connect, EthernetAddress, Host, Listen, TcpStream};
use handfast_device::{Device, Impair};
use handfast_packet::buf::{Capabilities, Medium};
use handfast_sim::{World, switch};

const MINUTES: Duration = Duration::from_secs(600);

fn capabilities(medium: Medium) -> Capabilities {
    Capabilities {
        medium,
        mtu: 1_500,
        max_gso: 65_000,
        tx_checksum: true,
    }
}

fn addresses(count: u8) -> Vec<EthernetAddress> {
    (1..=count)
        .map(|last| EthernetAddress([2, 0, 0, 0, 0, last]))
        .collect()
}

fn add(world: &mut World, device: impl Device + 'static, last: u8, v6: bool) -> Host {
    let config = Config {
        seed: u64::from(last),
        ..Config::default()
    };
    let host = world.add(device, config);
    let address = if v6 {
        format!("fd00::{last}/64")
    } else {
        format!("192.0.2.{last}/24")
    };
    host.add_address(address.parse().unwrap()).unwrap();
    host
}

fn server(last: u8, v6: bool) -> SocketAddr {
    let text = if v6 {
        format!("[fd00::{last}]:80")
    } else {
        format!("192.0.2.{last}:80")
    };
    text.parse().unwrap()
}

async fn read_to_end(stream: &TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; 65_536]);
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) => panic!("after {total} bytes: {error}"),
        }
    }
}

/// Connects, writes `len` bytes, and waits for the end of the other side.
async fn upload(host: Host, to: SocketAddr, tcp: tcp::Config, len: usize) -> Info {
    let options = Connect {
        tcp: Some(tcp),
        ..Connect::default()
    };
    let stream = host.connect(to, options).unwrap();
    poll_fn(|cx| stream.poll_connected(cx)).await.unwrap();
    let bytes = vec![7; 100_000];
    let mut left = len;
    while left > 0 {
        let piece = &bytes[..left.min(bytes.len())];
        left -= poll_fn(|cx| stream.poll_write(cx, piece)).await.unwrap();
    }
    poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
    assert_eq!(read_to_end(&stream).await, 0);
    stream.info()
}

/// Takes `count` connections that each bring `len` bytes.
fn serve(world: &World, host: &Host, at: SocketAddr, count: u32, len: usize) {
    let listener = host.listen(at, Listen::default()).unwrap();
    let spawner = world.spawner();
    world.spawn(async move {
        for _ in 0..count {
            let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            spawner.spawn(async move {
                assert_eq!(read_to_end(&stream).await, len);
                poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
            });
        }
        std::future::pending::<()>().await;
    });
}

/// One upload over one link; the time that it took, and the sender's figures.
fn run(spec: &str, v6: bool, tcp: tcp::Config, len: usize) -> (Duration, Info) {
    let mut ports = switch(capabilities(Medium::Ethernet), &addresses(2)).into_iter();
    let mut world = World::new();
    let link = Impair::new(ports.next().unwrap(), spec.parse().unwrap(), 5);
    let client = add(&mut world, link, 1, v6);
    let peer = add(&mut world, ports.next().unwrap(), 2, v6);
    // Duplicate address detection is over then.
    let ready = world.sleep(Duration::from_secs(2));
    world.run_until(MINUTES, ready).unwrap();
    serve(&world, &peer, server(2, v6), 1, len);
    let start = world.now();
    let info = world.run_until(MINUTES, upload(client, server(2, v6), tcp, len));
    (world.now() - start, info.unwrap())
}

#[test]
fn a_path_that_becomes_narrow_is_learnt_from_its_router() {
    for v6 in [false, true] {
        // A path that has carried more is not believed to be narrow before a timeout (RFC 5927
        // section 7.2).
        for (mtu, timeouts) in [("1300:icmp", 0), ("1300@3s:icmp", 1)] {
            let spec = format!("rate=20mbit,delay=10ms,mtu={mtu}");
            let (time, info) = run(&spec, v6, tcp::Config::default(), 5_000_000);
            // Two seconds at this rate.
            assert!(time < Duration::from_millis(3_100), "{time:?}, {info:?}");
            assert_eq!(info.timeouts, timeouts, "{spec}: {info:?}");
            assert!(info.effective_mss <= 1_260, "{info:?}");
        }
    }
}

#[test]
fn a_path_that_becomes_narrow_without_a_word_is_probed() {
    for v6 in [false, true] {
        let spec = "rate=20mbit,delay=10ms,mtu=1300@3s";
        let (time, info) = run(spec, v6, tcp::Config::default(), 5_000_000);
        assert!(time < Duration::from_secs(30), "{time:?}, {info:?}");
        assert!(info.effective_mss <= 1_260, "{info:?}");
    }
}

#[test]
fn a_transfer_outlives_a_link_that_is_down() {
    let spec = "rate=20mbit,delay=10ms,down=3s..8s";
    let (time, info) = run(spec, false, tcp::Config::default(), 5_000_000);
    // Two seconds of sending, five of silence, and as long again until the timer has tried.
    assert!((7_000..13_000).contains(&time.as_millis()), "{time:?}");
    assert!(info.timeouts > 0, "{info:?}");
}

#[test]
fn when_faults_end_a_transfer_comes_to_its_end() {
    let spec = "loss=30%,corrupt=10%,reorder=20%,jitter=4ms,duplicate=10%,delay=10ms,until=20s";
    let (time, _) = run(spec, false, tcp::Config::default(), 5_000_000);
    assert!((18_000..60_000).contains(&time.as_millis()), "{time:?}");
}

/// A queue that marks keeps itself short without losing anything.
#[test]
fn marks_take_the_place_of_losses() {
    for queue in ["mark=30KB", "red=10KB:100KB:10%:ecn"] {
        let spec = format!("out.rate=20mbit,out.queue=300KB,delay=10ms,out.{queue}");
        for ecn in [EcnMode::Classic, EcnMode::Accurate] {
            let tcp = tcp::Config {
                ecn,
                ..tcp::Config::default()
            };
            let (time, info) = run(&spec, false, tcp, 5_000_000);
            let what = format!("{queue} {ecn:?}: {time:?}, {info:?}");
            assert!(time < Duration::from_millis(3_100), "{what}");
            assert_eq!(info.retransmissions, 0, "{what}");
        }
    }
}

/// Three hosts send to a fourth, whose port is the bottleneck of them all.
#[test]
fn a_port_of_a_switch_is_a_bottleneck_for_all_who_send_to_it() {
    let len = 2_000_000;
    let together = || {
        let mut ports = switch(capabilities(Medium::Ethernet), &addresses(4));
        let watch = ports[3].watch();
        let spec = "in.rate=20mbit,in.queue=50KB,delay=5ms".parse().unwrap();
        let mut world = World::new();
        let peer = add(
            &mut world,
            Impair::new(ports.pop().unwrap(), spec, 5),
            4,
            false,
        );
        serve(&world, &peer, server(4, false), 3, len);
        let done = Rc::new(Cell::new(0));
        for (last, port) in (1..).zip(ports) {
            let host = add(&mut world, port, last, false);
            let done = Rc::clone(&done);
            world.spawn(async move {
                upload(host, server(4, false), tcp::Config::default(), len).await;
                done.set(done.get() + 1);
            });
        }
        let sleep = world.sleeper();
        let end = async move {
            while done.get() < 3 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        world.run_until(MINUTES, end).unwrap();
        (world.now(), watch.statistics())
    };
    let (time, figures) = together();
    // 6 MB at 20 Mbit/s take 2.4 s.
    assert!((2_400..3_400).contains(&time.as_millis()), "{time:?}");
    assert_eq!(figures.dropped, 0);
    assert_eq!(together(), (time, figures), "the same again");
}

#[test]
fn two_hosts_without_a_link_layer_reach_each_other() {
    let mut ports = switch(capabilities(Medium::Ip), &[EthernetAddress::ZERO; 2]);
    let mut world = World::new();
    let spec = "delay=5ms,rate=20mbit,loss=1%".parse().unwrap();
    let peer = add(
        &mut world,
        Impair::new(ports.pop().unwrap(), spec, 5),
        2,
        false,
    );
    let client = add(&mut world, ports.pop().unwrap(), 1, false);
    serve(&world, &peer, server(2, false), 1, 1_000_000);
    let tcp = tcp::Config::default();
    let upload = upload(client, server(2, false), tcp, 1_000_000);
    world.run_until(MINUTES, upload).unwrap();
}
