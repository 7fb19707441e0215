//! Sockets on tokio: two hosts in one process, joined in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{address, capabilities, config, devices, pattern, server};
use handfast::tokio::{Net, TcpListener, TcpStream};
use handfast::{EthernetAddress, Listen};
use handfast_device::memory_pair_polled;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client and a server with addresses.
fn nets() -> (Net, Net) {
    let (a, b) = devices();
    let client = Net::start(a, config(1)).unwrap();
    let server = Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    server.host().add_address(address(2)).unwrap();
    (client, server)
}

async fn pair() -> (Net, Net, TcpListener, TcpStream, TcpStream) {
    let (client, peer) = nets();
    let listener = peer.bind(server()).await.unwrap();
    let ours = client.connect(server()).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    (client, peer, listener, ours, theirs)
}

#[tokio::test]
async fn a_word_goes_there_and_back() {
    let (client, _peer, listener, mut ours, mut theirs) = pair().await;
    assert_eq!(listener.local_addr().unwrap(), server());
    assert_eq!(ours.peer_addr().unwrap(), server());
    assert_eq!(theirs.peer_addr().unwrap(), ours.local_addr().unwrap());
    ours.write_all(b"hello").await.unwrap();
    let mut buffer = [0; 5];
    theirs.read_exact(&mut buffer).await.unwrap();
    theirs.write_all(&buffer).await.unwrap();
    ours.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"hello");
    assert_eq!(client.host().tcp_count(), 1);
}

#[tokio::test]
async fn many_megabytes_arrive_as_they_were_sent() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    let bytes = pattern(32 << 20);
    let expected = bytes.clone();
    let writer = tokio::spawn(async move {
        ours.write_all(&bytes).await.unwrap();
        ours.shutdown().await.unwrap();
        // The figures are there until the stream is dropped.
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"thanks");
        ours.info()
    });
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    theirs.write_all(b"thanks").await.unwrap();
    theirs.shutdown().await.unwrap();
    let info = writer.await.unwrap();
    assert_eq!((info.retransmissions, info.bytes_acked), (0, 32 << 20));
}

#[tokio::test]
async fn halves_work_in_different_tasks_and_reunite() {
    let (_client, _peer, _listener, ours, theirs) = pair().await;
    let (mut read, mut write) = theirs.into_split();
    let echo = tokio::spawn(async move { tokio::io::copy(&mut read, &mut write).await.unwrap() });
    let (mut read, mut write) = ours.into_split();
    let bytes = pattern(1 << 20);
    let expected = bytes.clone();
    let sender = tokio::spawn(async move {
        write.write_all(&bytes).await.unwrap();
        write.shutdown().await.unwrap();
        write
    });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    assert_eq!(echo.await.unwrap(), 1 << 20);
    let write = sender.await.unwrap();
    assert!(read.reunite(write).is_ok());
}

#[tokio::test]
async fn dropping_the_writing_half_ends_the_stream_for_the_peer() {
    let (_client, _peer, _listener, ours, mut theirs) = pair().await;
    let (mut read, mut write) = ours.into_split();
    write.write_all(b"last words").await.unwrap();
    drop(write);
    let mut text = String::new();
    theirs.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "last words");
    theirs.write_all(b"heard").await.unwrap();
    drop(theirs);
    text.clear();
    read.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "heard");
}

#[tokio::test]
async fn a_port_without_listener_refuses() {
    let (client, _peer) = nets();
    let error = client.connect(server()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains("192.0.2.2:80"), "{error}");
    client.shutdown().await;
    assert_eq!(client.host().tcp_count(), 0);
}

#[tokio::test]
async fn an_abort_resets_the_peer() {
    let (_client, _peer, _listener, ours, mut theirs) = pair().await;
    ours.abort();
    let error = theirs.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn unread_bytes_make_a_drop_a_reset() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    ours.write_all(b"nobody reads this").await.unwrap();
    // The byte that is read proves that the rest has arrived too.
    theirs.read_u8().await.unwrap();
    drop(theirs);
    let error = ours.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn an_address_nobody_has_is_unreachable() {
    let (client, _peer) = nets();
    let nobody: SocketAddr = "192.0.2.77:80".parse().unwrap();
    let error = client.connect(nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    let far: SocketAddr = "203.0.113.1:80".parse().unwrap();
    let error = client.connect(far).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
}

#[tokio::test]
async fn two_hundred_streams_at_once_and_nothing_left() {
    let (client, peer) = nets();
    let listener = peer.bind(server()).await.unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(&mut stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut stream = client.connect(server()).await.unwrap();
                let bytes = pattern(10_000 + index);
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut received = Vec::new();
                stream.read_to_end(&mut received).await.unwrap();
                assert!(received == bytes);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    client.shutdown().await;
    assert_eq!(client.host().tcp_count(), 0);
}

#[tokio::test]
async fn an_address_is_claimed_once_and_refused_to_the_second() {
    let (a, b) = devices();
    let (first, second) = (
        Net::start(a, config(1)).unwrap(),
        Net::start(b, config(2)).unwrap(),
    );
    first.claim(address(9)).await.unwrap();
    let error = second.claim(address(9)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("02:00:00:00:00:01"), "{error}");
    first.host().release("192.0.2.9".parse().unwrap());
    second.claim(address(9)).await.unwrap();
}

#[tokio::test]
async fn after_shutdown_every_call_says_so() {
    let (client, _peer, _listener, ours, theirs) = pair().await;
    let waiting = tokio::spawn(async move { ours.inner().host().clone() });
    drop(theirs);
    let host = waiting.await.unwrap();
    client.shutdown().await;
    let errors = [
        client.connect(server()).await.map(drop),
        client.bind("192.0.2.1:80".parse().unwrap()).await.map(drop),
        client.claim(address(9)).await,
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkDown);
        assert!(error.to_string().contains("shut down"), "{error}");
    }
    assert_eq!(host.tcp_count(), 0);
    // A second time is no error, and does not wait.
    client.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_resets_what_is_still_open_and_wakes_who_waits() {
    let (client, _peer, _listener, mut ours, mut theirs) = pair().await;
    let clients = client.bind("192.0.2.1:80".parse().unwrap()).await.unwrap();
    let reader = tokio::spawn(async move { ours.read(&mut [0; 1]).await.unwrap_err().kind() });
    let acceptor = tokio::spawn(async move { clients.accept().await.unwrap_err().kind() });
    tokio::task::yield_now().await;
    client.shutdown().await;
    assert_eq!(reader.await.unwrap(), ErrorKind::NetworkDown);
    assert_eq!(acceptor.await.unwrap(), ErrorKind::NetworkDown);
    let error = theirs.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// The driver has no handle of its own: it delivers what is left, and ends.
#[tokio::test]
async fn what_was_written_is_delivered_after_the_last_handle_has_gone() {
    let (client, peer, _listener, mut ours, mut theirs) = pair().await;
    let bytes = pattern(200_000);
    ours.write_all(&bytes).await.unwrap();
    drop((ours, client));
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.unwrap();
    assert!(received == bytes);
    drop(theirs);
    peer.shutdown().await;
    assert_eq!(peer.host().tcp_count(), 0);
}

#[test]
fn a_runtime_that_ends_tells_those_who_wait_elsewhere() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let first = runtime.enable_all().build().unwrap();
    let second = runtime.build().unwrap();
    let (_client, peer, _listener, ours, mut theirs) = first.block_on(pair());
    let reader = second.spawn(async move { theirs.read(&mut [0; 1]).await.unwrap_err() });
    second.block_on(tokio::task::yield_now());
    drop(first);
    let error = second.block_on(reader).unwrap();
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
    assert!(error.to_string().contains("driver"), "{error}");
    drop(ours);
    second.block_on(peer.shutdown());
}

#[tokio::test]
async fn a_writer_waits_for_a_reader_and_goes_on() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    // More than both buffers hold together.
    let bytes = pattern(20 << 20);
    let expected = bytes.clone();
    let writer = tokio::spawn(async move {
        ours.write_all(&bytes).await.unwrap();
        ours
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!writer.is_finished(), "nobody has read yet");
    let mut received = vec![0; expected.len()];
    theirs.read_exact(&mut received).await.unwrap();
    assert!(received == expected);
    drop(writer.await.unwrap());
    assert_eq!(theirs.read(&mut received).await.unwrap(), 0);
    assert_eq!(
        theirs.read(&mut received).await.unwrap(),
        0,
        "an end stays an end"
    );
}

#[tokio::test]
async fn after_its_shutdown_a_side_reads_but_does_not_write() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    ours.shutdown().await.unwrap();
    let error = ours.write_all(b"too late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    theirs.write_all(b"still here").await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still here");
    ours.shutdown()
        .await
        .expect("a second shutdown is no error");
}

#[tokio::test]
async fn several_buffers_are_written_as_one() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    assert!(ours.is_write_vectored());
    let parts = [&b"GET "[..], b"", b"/ HTTP/1.1"].map(IoSlice::new);
    assert_eq!(ours.write_vectored(&parts).await.unwrap(), 14);
    let mut buffer = [0; 14];
    theirs.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"GET / HTTP/1.1");
    assert_eq!(
        ours.info().segments_sent,
        3,
        "SYN, ACK, and one with all of it"
    );
}

#[tokio::test]
async fn any_number_of_tasks_may_accept() {
    let (client, peer) = nets();
    let listener = Arc::new(peer.bind(server()).await.unwrap());
    let acceptors: Vec<_> = (0..10)
        .map(|_| {
            let listener = Arc::clone(&listener);
            tokio::spawn(async move { listener.accept().await.unwrap().1 })
        })
        .collect();
    tokio::task::yield_now().await;
    let mut locals = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..10 {
        let stream = client.connect(server()).await.unwrap();
        locals.push(stream.local_addr().unwrap());
        streams.push(stream);
    }
    let mut peers = Vec::new();
    for acceptor in acceptors {
        peers.push(acceptor.await.unwrap());
    }
    locals.sort();
    peers.sort();
    assert_eq!(locals, peers);
}

/// The runtime's own clock counts, so a test may pause it.
#[tokio::test(start_paused = true)]
async fn a_server_that_drops_every_syn_times_out() {
    let (client, peer) = nets();
    let one = Listen {
        backlog: 1,
        ..Listen::default()
    };
    let _listener = peer.host().listen(server(), one).unwrap();
    let _first = client.connect(server()).await.unwrap();
    let start = tokio::time::Instant::now();
    let error = client.connect(server()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let limit = handfast::tcp::Config::default().connect_timeout;
    assert!(
        (limit..limit * 2).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_any_more_is_forgotten() {
    let (client, peer) = nets();
    let one = Listen {
        backlog: 1,
        ..Listen::default()
    };
    let _listener = peer.host().listen(server(), one).unwrap();
    let _first = client.connect(server()).await.unwrap();
    let late = tokio::time::timeout(Duration::from_millis(10), client.connect(server())).await;
    assert!(late.is_err());
    while client.host().tcp_count() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_claim_that_nobody_waits_for_any_more_is_given_up() {
    let (client, _peer) = nets();
    let claim = tokio::time::timeout(Duration::from_millis(1), client.claim(address(9)));
    assert!(claim.await.is_err());
    client
        .claim(address(9))
        .await
        .expect("it is not being claimed any more");
}

#[tokio::test]
async fn a_device_without_a_descriptor_is_refused() {
    let (device, _) = memory_pair_polled(capabilities(), [EthernetAddress::ZERO; 2]);
    let error = Net::start(device, config(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_threads_move_megabytes() {
    let (_client, _peer, _listener, ours, theirs) = pair().await;
    let (mut read, mut write) = theirs.into_split();
    let echo = tokio::spawn(async move { tokio::io::copy(&mut read, &mut write).await.unwrap() });
    let (mut read, mut write) = ours.into_split();
    let bytes = pattern(16 << 20);
    let expected = bytes.clone();
    let writer = tokio::spawn(async move { write.write_all(&bytes).await.unwrap() });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    writer.await.unwrap();
    echo.await.unwrap();
}

/// Reading what is there already must not keep others from running, as with tokio's own sockets.
#[tokio::test]
async fn a_busy_reader_lets_others_run() {
    let (_client, _peer, _listener, mut ours, mut theirs) = pair().await;
    ours.write_all(&pattern(100_000)).await.unwrap();
    let first = theirs.read_u8().await.unwrap();
    assert_eq!(first, pattern(1)[0]);
    let other = tokio::spawn(async {});
    for _ in 1..10_000 {
        theirs.read_u8().await.unwrap();
    }
    assert!(other.is_finished());
}

#[tokio::test]
async fn ipv6_needs_no_other_words() {
    let (client, peer) = nets();
    client
        .host()
        .add_address("2001:db8::1/64".parse().unwrap())
        .unwrap();
    peer.claim("2001:db8::2/64".parse().unwrap()).await.unwrap();
    let anywhere: SocketAddr = "[::]:0".parse().unwrap();
    let listener = peer.bind(anywhere).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = SocketAddr::new("2001:db8::2".parse().unwrap(), port);
    let mut ours = client.connect(server).await.unwrap();
    let (mut theirs, from) = listener.accept().await.unwrap();
    assert_eq!(from, ours.local_addr().unwrap());
    assert_eq!(theirs.local_addr().unwrap(), server);
    let bytes = pattern(300_000);
    let expected = bytes.clone();
    let writer = tokio::spawn(async move {
        ours.write_all(&bytes).await.unwrap();
        ours.shutdown().await.unwrap();
        ours
    });
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    drop(writer.await.unwrap());
}
