//! Sockets on tokio: two hosts in one process, joined in memory.

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::tokio::{Net, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A client and a server with addresses.
fn nets() -> (Net, Net) {
    let (a, b) = devices();
    let client = Net::start(a, config(1)).unwrap();
    let server = Net::start(b, config(2)).unwrap();
    client.add_address(address(1)).unwrap();
    server.add_address(address(2)).unwrap();
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

#[tokio::test]
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
    first.release("192.0.2.9".parse().unwrap());
    second.claim(address(9)).await.unwrap();
}

#[tokio::test]
async fn after_shutdown_every_call_says_so() {
    let (client, _peer, _listener, ours, theirs) = pair().await;
    drop((ours, theirs));
    client.shutdown().await;
    // The driver's task ends when it runs next.
    let error = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match client.connect(server()).await {
                Err(error) if error.kind() == ErrorKind::NotConnected => return error,
                _ => tokio::task::yield_now().await,
            }
        }
    });
    assert!(error.await.unwrap().to_string().contains("shut down"));
}
