//! A device that can neither cut super-segments nor complete checksums: what leaves through it are
//! wire segments with true checksums, whatever the stack makes.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

use common::{address, config, devices, pattern, server};
use handfast::{EthernetAddress, Instant, blocking};
use handfast_device::{Device, MemoryDevice};
use handfast_packet::buf::{Capabilities, RxBatch, TxBatch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LEN: usize = 300_000;

/// Lengths of the frames that were sent.
type Lengths = Arc<Mutex<Vec<usize>>>;

/// A device that says that it can do nothing.
struct Plain {
    device: MemoryDevice,
    lengths: Lengths,
}

impl Device for Plain {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_gso: 0,
            tx_checksum: false,
            ..self.device.capabilities()
        }
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.device.recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        for frame in batch.iter() {
            assert_eq!((frame.gso, frame.checksum_at), (None, None));
            self.lengths.lock().unwrap().push(frame.len());
        }
        self.device.send(now, batch)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.fd()
    }
}

fn plain() -> ([Plain; 2], Lengths) {
    let lengths = Lengths::default();
    let (a, b) = devices();
    let ends = [a, b].map(|device| Plain {
        device,
        lengths: Arc::clone(&lengths),
    });
    (ends, lengths)
}

fn assert_wire_segments(lengths: &Lengths) {
    let lengths = lengths.lock().unwrap();
    let full = lengths.iter().filter(|&&len| len == 1_514).count();
    assert!(full >= LEN / 1_448, "{full} full segments");
    assert!(lengths.iter().all(|&len| len <= 1_514));
}

#[tokio::test]
async fn a_plain_device_gets_wire_segments_from_tokios_sockets() {
    let ([a, b], lengths) = plain();
    let client = handfast::tokio::Net::start(a, config(1)).unwrap();
    let peer = handfast::tokio::Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    peer.host().add_address(address(2)).unwrap();
    let listener = peer.bind(server()).await.unwrap();
    let reader = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.unwrap();
        text
    });
    let mut stream = client.connect(server()).await.unwrap();
    stream.write_all(&pattern(LEN)).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(reader.await.unwrap() == pattern(LEN));
    assert_wire_segments(&lengths);
}

#[test]
fn a_plain_device_gets_wire_segments_from_blocking_sockets() {
    let ([a, b], lengths) = plain();
    let client = blocking::Net::start(a, config(1)).unwrap();
    let peer = blocking::Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    peer.host().add_address(address(2)).unwrap();
    let listener = peer.bind(server()).unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        text
    });
    let mut stream = client.connect(server()).unwrap();
    stream.write_all(&pattern(LEN)).unwrap();
    drop(stream);
    assert!(reader.join().unwrap() == pattern(LEN));
    assert_wire_segments(&lengths);
}
