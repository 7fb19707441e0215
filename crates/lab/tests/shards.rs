//! A host of two shards against the kernel's TCP, both as server and as client, over packet sockets
//! among which the kernel spreads frames by our hash, and over the queues of a TAP, where it follows
//! what we send.
#![cfg(target_os = "linux")]

mod common;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use handfast::blocking::Net;
use handfast::{Clock, Config, Steering, StrayCounters};
use handfast_device::{Device, PacketOptions, PacketSocket};
use handfast_lab::{
    CABLE_INTERFACE, CABLE_PREFIX_LEN, Cable, CableOptions, FAR_V4, Namespace, OURS_V4,
};
use handfast_packet::ip::Cidr;

const STEERING: Steering = Steering::new(2, 0x5EED);
/// Connections each way.
const STREAMS: usize = 16;
const TEXT: usize = 100_000;
/// A limit for things that take milliseconds: reached only when they never happen.
const LONG: Duration = Duration::from_secs(20);
const CABLE: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: true,
};

fn main() -> ExitCode {
    if let Err(error) = handfast_lab::enter() {
        return common::no_lab(&error);
    }
    let cases: [(_, fn()); 2] = [
        ("packet_sockets_let_nothing_stray", packet_sockets),
        ("a_tap_lets_stray_what_others_begin", tap),
    ];
    common::run_named(cases.into_iter())
}

fn packet_sockets() {
    let cable = Cable::lay(&CABLE, false).expect("a cable");
    let open = || PacketSocket::open_queues(CABLE_INTERFACE, &PacketOptions::default(), STEERING);
    let queues = cable.near.run(open).expect("packet sockets");
    let counters = serve_and_ask(queues, &cable.far);
    // Only what is for all: the kernel's ARP, a frame or two for each question.
    let handed_on: u64 = counters.iter().map(|shard| shard.handed_on).sum();
    assert!(handed_on < 10, "{counters:?}");
    assert!(counters[1].handed_on == 0, "{counters:?}");
}

fn tap() {
    let (far, queues) = match Cable::tap_queues(&CABLE, STEERING.shards()) {
        Ok(cable) => cable,
        Err(error) if error.is_not_permitted() => return println!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let counters = serve_and_ask(queues, &far);
    assert!(
        counters.iter().all(|shard| shard.dropped == 0),
        "{counters:?}"
    );
}

/// Kernel clients on our two listeners, then clients of both shards on the kernel's.
fn serve_and_ask<D: Device + Send + 'static>(
    queues: Vec<D>,
    far: &Namespace,
) -> Vec<StrayCounters> {
    let config = Config::default();
    let shards = handfast::shards(queues, STEERING, config, &Clock::system()).expect("shards");
    let nets: Vec<_> = shards
        .into_iter()
        .map(|(host, driver)| Net::drive(host, driver).expect("a thread"))
        .collect();
    let address = Cidr::new(IpAddr::V4(OURS_V4), CABLE_PREFIX_LEN);
    let address = address.expect("24 bits fit into an IPv4 address");
    nets[1].host().add_address(address).expect("an address");
    let served = serve(&nets, far);
    assert_eq!(served.iter().sum::<usize>(), STREAMS);
    // By chance one time in 30,000 it is otherwise; the kernel chooses the ports.
    assert!(served.iter().all(|&count| count > 0), "{served:?}");
    ask(&nets, far);
    let counters = nets.iter().map(|net| net.host().stray_counters()).collect();
    nets.iter().for_each(Net::shutdown);
    counters
}

/// How many connections each shard got.
fn serve(nets: &[Net], far: &Namespace) -> Vec<usize> {
    let ours = SocketAddr::from((OURS_V4, 7));
    for net in nets {
        let listener = net.bind(ours).expect("a port");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                thread::spawn(move || {
                    let mut text = vec![0; TEXT];
                    stream.read_exact(&mut text).expect("the text");
                    stream.write_all(&text).expect("taken");
                    // The kernel closes first.
                    assert_eq!(stream.read(&mut text).expect("the end"), 0);
                });
            }
        });
    }
    let open = || TcpStream::connect_timeout(&ours, LONG);
    let mut streams: Vec<_> = (0..STREAMS)
        .map(|_| far.run(open).expect("a connection"))
        .collect();
    let counts = nets.iter().map(|net| net.host().tcp_count()).collect();
    for stream in &mut streams {
        exchange(stream);
    }
    counts
}

/// Connections from each shard to the kernel.
fn ask(nets: &[Net], far: &Namespace) {
    let listen = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0));
    let listener = far.run(listen).expect("a port");
    let theirs = SocketAddr::from((FAR_V4, listener.local_addr().expect("it is bound").port()));
    let echo = thread::spawn(move || {
        for _ in 0..STREAMS {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.set_read_timeout(Some(LONG)).expect("a timeout");
            let mut text = vec![0; TEXT];
            stream.read_exact(&mut text).expect("the text");
            stream.write_all(&text).expect("taken");
        }
    });
    for net in nets.iter().cycle().take(STREAMS) {
        let mut stream = net.connect_timeout(theirs, LONG).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a timeout");
        exchange(&mut stream);
    }
    echo.join().expect("it does not panic");
}

fn exchange(stream: &mut (impl Read + Write)) {
    let text: Vec<u8> = (0..TEXT).map(|at| at.to_le_bytes()[0]).collect();
    let mut back = vec![0; TEXT];
    stream.write_all(&text).expect("taken");
    stream.read_exact(&mut back).expect("the echo");
    assert!(back == text);
}
