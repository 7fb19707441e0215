//! The lab itself, tried with the kernel's TCP at both ends: the scene, every page, the figures.
//! What Handfast does in it is tested by the lessons.
#![cfg(target_os = "linux")]

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use handfast::Config;
use handfast::tokio::Net;
use handfast_device::{Device, PacketOptions, PacketSocket};
use handfast_lab::content::Verifier;
use handfast_lab::guest::{Guest, GuestOptions, window_for};
use handfast_lab::http::{self, Answer, FetchError};
use handfast_lab::kernel_client::{fetch, run_command, upload};
use handfast_lab::server::{ConnectionEnd, Service};
use handfast_lab::{
    CABLE_INTERFACE, Cable, CableOptions, Counters, FAR_V4, GATEWAY_V4, HANDFAST_V4, HANDFAST_V6,
    HOME_HOST_V4, HOME_INTERFACE, Lab, LabOptions, PREFIX_LEN_V4, QuietPort, Server, ServerOptions,
    WEB_NAME, WEB_V6,
};
use handfast_packet::buf::{Capabilities, RxBatch, RxChecksum, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use handfast_packet::time::Instant;

/// A limit for things that take milliseconds: reached only when they never happen.
const LONG: Duration = Duration::from_secs(20);

/// A named test on the running lab.
type Case = (&'static str, fn(&Lab));

fn main() -> ExitCode {
    let lab = match handfast_lab::enter().and_then(|()| Lab::start(LabOptions::default())) {
        Ok(lab) => lab,
        Err(error) => return common::no_lab(&error),
    };
    let lab = &lab;
    common::run_named(CASES.iter().map(|&(name, case)| (name, move || case(lab))))
}

const CASES: &[Case] = &[
    ("the_index_is_a_small_page", the_index_is_a_small_page),
    (
        "content_arrives_verified_over_both_families",
        content_over_both_families,
    ),
    (
        "a_small_capture_buffer_is_not_overrun",
        small_capture_buffer,
    ),
    ("packets_are_numbered", packets_are_numbered),
    ("uploads_are_verified", uploads_are_verified),
    (
        "reset_resets_without_an_answer",
        reset_resets_without_an_answer,
    ),
    ("a_bad_server_is_bad_in_the_way_asked_for", bad_servers),
    ("slow_dribbles_its_lines", slow_dribbles_its_lines),
    ("statuses_and_unknown_pages", statuses_and_unknown_pages),
    (
        "the_route_sets_the_congestion_control",
        the_route_sets_the_congestion_control,
    ),
    (
        "a_socket_may_have_its_own_congestion_control",
        own_congestion_control,
    ),
    ("a_half_closed_client_gets_its_answer", half_close),
    ("sink_echo_and_source", sink_echo_and_source),
    (
        "patience_runs_out_with_a_reset",
        patience_runs_out_with_a_reset,
    ),
    (
        "a_port_without_a_server_refuses",
        a_port_without_a_server_refuses,
    ),
    (
        "a_quiet_port_is_silent_as_long_as_it_is_held",
        a_quiet_port_is_silent,
    ),
    ("counters_count", counters_count),
    (
        "a_cable_without_offloads_carries_whole_segments",
        cable_without_offloads,
    ),
    ("commands_run_inside", commands_run_inside),
    ("names_resolve", names_resolve),
    (
        "handfast_lives_in_the_lab_on_both_families",
        handfast_lives_in_the_lab,
    ),
];

fn get(lab: &Lab, path: &str) -> Answer {
    let fetched = fetch(lab.home(), lab.web_socket(), path);
    fetched
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .answer
}

fn the_index_is_a_small_page(lab: &Lab) {
    let page = get(lab, "/");
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("<h1>It works!</h1>"),
        "{}",
        page.text()
    );
}

fn content_over_both_families(lab: &Lab) {
    assert_eq!(
        lab.web_addresses().len(),
        if lab.has_ipv6() { 2 } else { 1 }
    );
    let server = own_server(lab);
    for (count, address) in (1..).zip(lab.web_addresses()) {
        let socket = SocketAddr::new(address, server.port());
        let fetched = fetch(lab.home(), socket, "/bytes/5000001").expect("the server answers");
        let content = fetched.answer;
        assert_eq!(
            (content.len, content.mismatch),
            (5_000_001, None),
            "{address}"
        );

        let report = server.wait_for_end(count, LONG).expect("it closed");
        assert_eq!(report.end, ConnectionEnd::Closed, "{report:?}");
        assert_eq!(report.peer.is_ipv6(), address.is_ipv6());
        assert!(
            report.bytes_written > 5_000_001 && report.bytes_read > 0,
            "{report:?}"
        );
        assert!(report.info.bytes_acknowledged > 5_000_001, "{report:?}");
    }
}

fn packets_are_numbered(lab: &Lab) {
    let page = get(lab, "/packets/40");
    assert_eq!(page.len, 40 * 1_448);
    for (index, block) in page.start.chunks(1_448).enumerate() {
        let label = format!("packet {} of 40\n", index + 1);
        assert!(block.starts_with(label.as_bytes()), "block {index}");
    }
}

fn uploads_are_verified(lab: &Lab) {
    let sent = upload(lab.home(), lab.web_socket(), 3_000_001).expect("the server answers");
    let answer = sent.answer;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "received 3000001 bytes: ok\n".to_owned())
    );

    let request = "POST /upload HTTP/1.1\r\nHost: web.lab\r\nConnection: close\r\n\
                   Content-Length: 5\r\n\r\n\0\0\0x\0";
    let answer = exchange(lab, 80, request.as_bytes());
    assert!(
        answer.ends_with("received 5 bytes: first mismatch at 3\n"),
        "{answer}"
    );
}

fn reset_resets_without_an_answer(lab: &Lab) {
    let server = own_server(lab);
    let socket = SocketAddr::new(lab.web_addresses()[0], server.port());
    let counters = Counters::of(lab.web()).expect("counters can be read");
    match fetch(lab.home(), socket, "/reset") {
        Err(FetchError::Broken { after: 0, source }) => {
            assert_eq!(source.kind(), ErrorKind::ConnectionReset);
        }
        other => panic!("{other:?}"),
    }
    let report = server.wait_for_end(1, LONG).expect("it closed");
    assert_eq!(report.end, ConnectionEnd::ResetOnRequest);
    assert_eq!(server.totals().resets, 1);
    let growth = Counters::of(lab.web())
        .expect("counters can be read")
        .since(&counters);
    assert_eq!(growth.get("Tcp.OutRsts"), 1, "{growth:?}");
}

fn bad_servers(lab: &Lab) {
    match fetch(lab.home(), lab.web_socket(), "/short") {
        Err(FetchError::Broken { after: 500, source }) => {
            assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
        }
        other => panic!("{other:?}"),
    }
    let malformed = fetch(lab.home(), lab.web_socket(), "/malformed");
    assert!(
        matches!(malformed, Err(FetchError::Malformed(_))),
        "{malformed:?}"
    );
}

fn slow_dribbles_its_lines(lab: &Lab) {
    let page = get(lab, "/slow");
    assert_eq!(page.text().lines().count(), 10);
    assert!(page.text().ends_with("line  10 of  10\n"));
}

fn statuses_and_unknown_pages(lab: &Lab) {
    for (path, status) in [
        ("/status/404", 404),
        ("/status/503", 503),
        ("/nothing", 404),
    ] {
        assert_eq!(get(lab, path).status, status, "{path}");
    }
    for path in ["/status/99", "/status/101", "/packets/1000000"] {
        assert_eq!(get(lab, path).status, 400, "{path}");
    }
    let answer = exchange(
        lab,
        80,
        b"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

fn the_route_sets_the_congestion_control(lab: &Lab) {
    let server = own_server(lab);
    for (count, address) in (1..).zip(lab.web_addresses()) {
        fetch(lab.home(), SocketAddr::new(address, server.port()), "/")
            .expect("the server answers");
        let report = server.wait_for_end(count, LONG).expect("it closed");
        assert_eq!(report.congestion, "cubic", "server, {address}");
        let own = lab.home().run(|| {
            let stream = TcpStream::connect((address, 80)).expect("the server listens");
            rustix::net::sockopt::tcp_congestion(&stream).expect("it is a TCP socket")
        });
        assert_eq!(own, "cubic", "client, {address}");
    }
}

fn own_congestion_control(lab: &Lab) {
    let congestion = Some("reno".to_owned());
    let options = ServerOptions {
        port: 81,
        congestion,
        ..ServerOptions::default()
    };
    let server = lab.serve(options).expect("port 81 is free");
    let address = SocketAddr::new(lab.web_addresses()[0], 81);
    fetch(lab.home(), address, "/").expect("the server answers");
    let report = server.wait_for_end(1, LONG).expect("it closed");
    assert_eq!(report.congestion, "reno");
}

fn half_close(lab: &Lab) {
    let answer = exchange(lab, 80, b"GET /status/200 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

fn sink_echo_and_source(lab: &Lab) {
    let serve = |service| {
        lab.serve(ServerOptions {
            port: 81,
            service,
            ..ServerOptions::default()
        })
        .expect("port 81 is free")
    };
    let server = serve(Service::Sink);
    assert_eq!(exchange(lab, 81, &[0; 600]), "received 600 bytes\n");
    assert_eq!(
        server.wait_for_end(1, LONG).expect("it closed").end,
        ConnectionEnd::Closed
    );
    drop(server);

    let server = serve(Service::Echo);
    assert_eq!(exchange(lab, 81, b"hello, hello"), "hello, hello");
    drop(server);

    let server = serve(Service::Source(200_000));
    let mut content = Vec::new();
    lab.home().run(|| {
        let mut stream = connect(lab, 81);
        stream
            .read_to_end(&mut content)
            .expect("the server closes first");
    });
    let mut verifier = Verifier::new();
    verifier.update(&content);
    assert_eq!((verifier.len(), verifier.mismatch()), (200_000, None));
    assert_eq!(
        server.wait_for_end(1, LONG).expect("it closed").end,
        ConnectionEnd::Closed
    );
}

fn patience_runs_out_with_a_reset(lab: &Lab) {
    let patience = Some(Duration::from_millis(50));
    let options = ServerOptions {
        port: 81,
        patience,
        ..ServerOptions::default()
    };
    let server = lab.serve(options).expect("port 81 is free");
    lab.home().run(|| {
        // A client that asks for more than all buffers hold and reads nothing.
        let mut stream = connect(lab, 81);
        stream
            .write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("sent");
        let report = server.wait_for_end(1, LONG).expect("the server gives up");
        assert_eq!(report.end, ConnectionEnd::PatienceRanOut);
        assert!(report.was_reset() && report.bytes_written < 1_000_000_000);
    });
}

fn a_port_without_a_server_refuses(lab: &Lab) {
    let address = SocketAddr::new(lab.web_addresses()[0], 81);
    match fetch(lab.home(), address, "/") {
        Err(FetchError::Connect(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        other => panic!("{other:?}"),
    }
}

fn a_quiet_port_is_silent(lab: &Lab) {
    let port = SocketAddr::from((HOME_HOST_V4, 0));
    let held = lab
        .home()
        .run(|| QuietPort::hold(port))
        .expect("a port is free");
    let address = held.address().expect("it is bound");
    let knock = || {
        lab.web()
            .run(|| TcpStream::connect_timeout(&address, Duration::from_millis(200)))
    };
    assert_eq!(
        knock().expect_err("nobody answers").kind(),
        ErrorKind::TimedOut
    );
    drop(held);
    assert_eq!(
        knock().expect_err("nobody listens").kind(),
        ErrorKind::ConnectionRefused
    );
}

fn counters_count(lab: &Lab) {
    let before = Counters::of(lab.home()).expect("counters can be read");
    get(lab, "/");
    let growth = Counters::of(lab.home())
        .expect("counters can be read")
        .since(&before);
    assert_eq!(growth.get("Tcp.ActiveOpens"), 1, "{growth:?}");
    assert!(growth.get("Tcp.InSegs") >= 3, "{growth:?}");
    // The counters are those of the namespace, not of the machine or of its neighbour.
    assert_eq!(growth.get("Tcp.PassiveOpens"), 0, "{growth:?}");
}

fn commands_run_inside(lab: &Lab) {
    let mut command = Command::new("cat");
    command.arg("/proc/net/tcp6");
    let output = run_command(lab.web(), &mut command).expect("cat runs");
    let sockets = String::from_utf8_lossy(&output.stdout).into_owned();
    // Port 80 in hexadecimal, without a peer; `home` has no listener at all.
    let listener = ":0050 00000000000000000000000000000000:0000 0A ";
    assert!(sockets.contains(listener), "{sockets}");
    let output = run_command(lab.home(), &mut command).expect("cat runs");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(listener));
}

fn names_resolve(lab: &Lab) {
    assert_eq!(lab.resolve("web.lab"), lab.web_addresses());
    assert_eq!(
        lab.resolve("web.lab").contains(&WEB_V6.into()),
        lab.has_ipv6()
    );
    assert!(lab.resolve("elsewhere").is_empty());
}

fn handfast_lives_in_the_lab(lab: &Lab) {
    lab.home().block_on(|| async {
        let ipv6 = lab.has_ipv6().then_some(HANDFAST_V6);
        let guest = Guest::start(
            lab,
            GuestOptions {
                ipv6,
                ..GuestOptions::default()
            },
        );
        let guest = guest.await.expect("both addresses are free");
        for address in lab.web_addresses() {
            let server = SocketAddr::new(address, 80);
            let page = guest
                .get(server, "/bytes/3000001")
                .await
                .expect("the server answers");
            assert_eq!(
                (page.status, page.len, page.mismatch),
                (200, 3_000_001, None),
                "{address}"
            );
            let (answer, info) = guest
                .upload(server, 1_000_001)
                .await
                .expect("the server reads");
            assert_eq!(answer.text(), "received 1000001 bytes: ok\n", "{address}");
            // Not how often it was resent: on a busy machine ACKs take longer than a probe waits.
            let head = http::put("/upload", WEB_NAME, 1_000_001).len();
            let sent = u64::try_from(head).expect("a few lines") + 1_000_001;
            assert_eq!((info.bytes_acked, info.in_flight), (sent, 0), "{address}");
        }
        let error = guest
            .get(SocketAddr::new(lab.web_addresses()[0], 81), "/")
            .await;
        assert_eq!(
            error.expect_err("nobody listens").kind(),
            ErrorKind::ConnectionRefused
        );
        guest.stop().await;
    });
}

/// A web server for one test alone, so that it sees no connection of another test end.
fn own_server(lab: &Lab) -> Server {
    let options = ServerOptions {
        port: 81,
        ..ServerOptions::default()
    };
    lab.serve(options).expect("port 81 is free")
}

fn connect(lab: &Lab, port: u16) -> TcpStream {
    let address = SocketAddr::new(lab.web_addresses()[0], port);
    let stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(LONG))
        .expect("a limit is not zero");
    stream
}

/// Sends `request`, closes the sending side, and reads everything that comes back.
fn exchange(lab: &Lab, port: u16, request: &[u8]) -> String {
    lab.home().run(|| {
        let mut stream = connect(lab, port);
        stream.write_all(request).expect("the server reads");
        stream
            .shutdown(Shutdown::Write)
            .expect("the connection stands");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the server answers and closes");
        answer
    })
}

/// A packet socket that says at its end how many frames the kernel dropped before it. What arrives
/// out of order would not show that: on two processors the interfaces of the lab reorder by
/// themselves.
struct Watched {
    socket: PacketSocket,
    dropped: Arc<AtomicU64>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let dropped = self.socket.statistics().dropped;
        self.dropped.store(dropped, Ordering::SeqCst);
    }
}

impl Device for Watched {
    fn capabilities(&self) -> Capabilities {
        self.socket.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.socket.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.socket.recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        self.socket.send(now, batch)
    }

    fn next_ready(&self) -> Option<Instant> {
        self.socket.next_ready()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.fd()
    }
}

/// Frames as they come out of the far kernel: nothing is merged, and no checksum is missing.
fn cable_without_offloads(_: &Lab) {
    const LEN: usize = 300_000;
    for offloads in [true, false] {
        let options = CableOptions {
            mtu: 1_500,
            offloads,
        };
        let cable = Cable::lay(&options, true).expect("a cable");
        let open = || PacketSocket::open(CABLE_INTERFACE, &PacketOptions::default());
        let mut tap = cable.near.run(open).expect("a packet socket");
        let listen = || TcpListener::bind((FAR_V4, 0));
        let listener = cable.far.run(listen).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let send = move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.write_all(&vec![7; LEN]).expect("written");
        };
        let sender = std::thread::spawn(send);
        let receive = || {
            let mut stream = TcpStream::connect(address).expect("open");
            let mut text = Vec::new();
            stream.read_to_end(&mut text).expect("the end");
            text.len()
        };
        assert_eq!(cable.near.run(receive), LEN);
        sender.join().expect("it does not panic");
        let (mut batch, mut frames, mut whole) = (RxBatch::new(), 0, 0);
        while tap.recv(Instant::ZERO, &mut batch).expect("frames") > 0 {
            while let Some(frame) = batch.pop() {
                frames += 1;
                let left = frame.checksum == RxChecksum::Partial;
                whole += usize::from(frame.gso.is_none() && !left);
            }
        }
        let what = format!("{whole} of {frames}");
        if offloads {
            assert!(whole < frames && frames < LEN / 1_448, "{what}");
        } else {
            assert!(whole == frames && frames >= LEN / 1_448, "{what}");
        }
    }
}

/// What most machines grant without privilege: `net.core.rmem_max` is 208 KiB by default.
fn small_capture_buffer(lab: &Lab) {
    const LEN: u64 = 100_000_000;
    let options = PacketOptions {
        receive_buffer: Some(208 * 1024),
        ..PacketOptions::default()
    };
    let socket = lab
        .home()
        .run(|| PacketSocket::open(HOME_INTERFACE, &options))
        .expect("a packet socket");
    let mut config = Config {
        hardware: socket.hardware_address(),
        ..Config::default()
    };
    config.tcp.receive_buffer_max = window_for(&socket, &config.tcp);
    config.tcp.receive_buffer = config.tcp.receive_buffer_max;
    let dropped = Arc::new(AtomicU64::new(u64::MAX));
    let device = Watched {
        socket,
        dropped: dropped.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let net = Net::start(device, config).expect("a stack");
        let (own, web) = (HANDFAST_V4.into(), lab.web_socket());
        let own = Cidr::new(own, PREFIX_LEN_V4).expect("a prefix");
        net.host().add_address(own).expect("an address");
        let web_net = Cidr::new(web.ip(), 32).expect("a prefix");
        net.host()
            .add_route(web_net, Some(GATEWAY_V4.into()))
            .expect("a route");
        let mut stream = net.connect(web).await.expect("open");
        let request = http::get(&format!("/bytes/{LEN}"), "web.lab");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
            .await
            .expect("written");
        let mut sink = tokio::io::sink();
        let got = tokio::io::copy(&mut stream, &mut sink).await.expect("read");
        assert!(got > LEN, "{got} bytes with the header");
        drop(stream);
        net.shutdown().await;
    });
    drop(runtime);
    assert_eq!(dropped.load(Ordering::SeqCst), 0, "frames were dropped");
}
