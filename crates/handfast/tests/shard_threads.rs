//! Shards on threads of their own, over a device that spreads flows otherwise than they do: what one
//! receives for another wakes the other.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use common::{address, capabilities, config, pattern, server};
use handfast::{Clock, Driver, EthernetAddress, Host, Steering, blocking, tokio as async_io};
use handfast_device::{MemoryDevice, SoftwareOffload, memory_queues_with_descriptors};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOSTS: Steering = Steering::new(2, 0x5EED);
const OTHERWISE: Steering = Steering::new(2, 0x0DD);
/// Connections of each shard.
const EACH: usize = 16;
const TEXT: usize = 100_000;

type Shard = (Host, Driver<SoftwareOffload<MemoryDevice>>);

/// A client and a server of two shards each.
fn hosts() -> [Vec<Shard>; 2] {
    let links = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
    let ends = memory_queues_with_descriptors(capabilities(), links, [OTHERWISE; 2]);
    let mut seed = 0;
    ends.map(|queues| {
        seed += 1;
        let shards = handfast::shards(queues, HOSTS, config(seed), &Clock::system()).unwrap();
        let last = u8::try_from(seed).unwrap();
        shards[0].0.add_address(address(last)).unwrap();
        shards
    })
}

/// Sends text on several connections, one after the other, and reads it back.
fn ask((host, driver): Shard) -> blocking::Net {
    let net = blocking::Net::drive(host, driver).unwrap();
    for _ in 0..EACH {
        let mut stream = net.connect(server()).unwrap();
        let said = pattern(TEXT);
        let mut heard = vec![0; TEXT];
        stream.write_all(&said).unwrap();
        stream.read_exact(&mut heard).unwrap();
        assert!(heard == said);
    }
    net
}

/// Sends back what comes on each connection.
async fn echo(net: &async_io::Net, meeting: &Arc<Barrier>) {
    let listener = net.bind(server()).await.unwrap();
    meet(meeting).await;
    for _ in 0..EACH {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; TEXT];
        stream.read_exact(&mut text).await.unwrap();
        stream.write_all(&text).await.unwrap();
        // The peer closes first.
        assert_eq!(stream.read(&mut text).await.unwrap(), 0);
    }
}

/// Waits for the others while the driver works on.
async fn meet(meeting: &Arc<Barrier>) {
    let meeting = Arc::clone(meeting);
    tokio::task::spawn_blocking(move || meeting.wait())
        .await
        .unwrap();
}

#[test]
fn each_shard_serves_on_a_runtime_of_its_own() {
    let [clients, servers] = hosts();
    // All shards listen before anybody connects.
    let meeting = &Arc::new(Barrier::new(4));
    let strays = &AtomicU64::new(0);
    thread::scope(|scope| {
        for (host, driver) in servers {
            scope.spawn(move || {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                let runtime = builder.enable_all().build().unwrap();
                runtime.block_on(async {
                    let net = async_io::Net::drive(host, driver).unwrap();
                    echo(&net, meeting).await;
                    let handed_on = net.host().stray_counters().handed_on;
                    strays.fetch_add(handed_on, Ordering::Relaxed);
                    // Until all are done the other may have strays for us, and we for it.
                    meet(meeting).await;
                    net.shutdown().await;
                });
            });
        }
        for client in clients {
            scope.spawn(move || {
                meeting.wait();
                let net = ask(client);
                meeting.wait();
                net.shutdown();
            });
        }
    });
    // ARP alone would be a few.
    assert!(strays.load(Ordering::Relaxed) > 5, "{strays:?}");
}
