//! The same on sockets for tokio: two hosts and all tasks on one thread, joined by devices in memory.
//! The clock is the real one, so that work is counted in pieces and not in seconds, and how much waits
//! at once differs from run to run: a new peak takes new blocks, which an allocation for each piece of
//! work exceeds by far.

use core::time::Duration;
use std::net::SocketAddr;

use futures::future::join;
use handfast::device::memory_pair;
use handfast::tokio::{Net, TcpListener, TcpStream};
use handfast::{Capabilities, Config, EthernetAddress, Medium};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use crate::counter::count;
use crate::{MESSAGE, PIECE, expect_at_most};

/// Pieces of a transfer, messages, and connections; the first so many are for the warm-up.
const PIECES: [usize; 2] = [1_000, 5_000];
const MESSAGES: [usize; 2] = [1_000, 5_000];
const CONNECTIONS: [usize; 2] = [500, 1_000];
/// One allocation for so many of them is none for each.
const RARELY: usize = 10;

struct Sockets {
    runtime: Runtime,
    client: Net,
    listener: TcpListener,
    server: SocketAddr,
    _peer: Net,
}

impl Sockets {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let capabilities = Capabilities {
            medium: Medium::Ethernet,
            mtu: 1_500,
            max_gso: 65_000,
            tx_checksum: true,
        };
        let addresses = [1, 2].map(|last| EthernetAddress([2, 0, 0, 0, 0, last]));
        // TIME-WAIT ends within the warm-up.
        let mut config = Config::default();
        config.tcp.time_wait = Duration::from_millis(1);
        // Buffers that grow by the clock would go on taking blocks.
        config.tcp.send_buffer_max = config.tcp.send_buffer;
        config.tcp.receive_buffer_max = config.tcp.receive_buffer;
        let (ours, theirs) = memory_pair(capabilities, addresses);
        let server = "192.0.2.2:80".parse().unwrap();
        let (client, peer, listener) = runtime.block_on(async {
            let client = Net::start(ours, config.clone()).unwrap();
            let peer = Net::start(theirs, config).unwrap();
            client
                .host()
                .add_address("192.0.2.1/24".parse().unwrap())
                .unwrap();
            peer.host()
                .add_address("192.0.2.2/24".parse().unwrap())
                .unwrap();
            let listener = peer.bind(server).await.unwrap();
            (client, peer, listener)
        });
        Self {
            runtime,
            client,
            listener,
            server,
            _peer: peer,
        }
    }

    async fn open(&self) -> (TcpStream, TcpStream) {
        let (ours, theirs) = join(self.client.connect(self.server), self.listener.accept()).await;
        (ours.unwrap(), theirs.unwrap().0)
    }

    /// Expects `work`, which is done so many times, to allocate rarely once it was done before.
    fn expect_almost_none(&self, times: [usize; 2], mut work: impl AsyncFnMut(usize)) {
        self.runtime.block_on(work(times[0]));
        let counted = count(|| self.runtime.block_on(work(times[1])));
        let most = u64::try_from(times[1] / RARELY).unwrap();
        expect_at_most(most, counted);
    }
}

#[test]
fn a_stream_allocates_almost_nothing() {
    let sockets = Sockets::new();
    let (mut ours, mut theirs) = sockets.runtime.block_on(sockets.open());
    let (written, mut read) = (vec![7; PIECE], vec![0; PIECE]);
    sockets.expect_almost_none(PIECES, async |times| {
        let write = async {
            for _ in 0..times {
                ours.write_all(&written).await.unwrap();
            }
        };
        let read = async {
            for _ in 0..times {
                theirs.read_exact(&mut read).await.unwrap();
            }
        };
        join(write, read).await;
    });
}

#[test]
fn words_there_and_back_allocate_almost_nothing() {
    let sockets = Sockets::new();
    let (mut ours, mut theirs) = sockets.runtime.block_on(sockets.open());
    sockets.expect_almost_none(MESSAGES, async |times| {
        let ask = async {
            let mut message = [1; MESSAGE];
            for _ in 0..times {
                ours.write_all(&message).await.unwrap();
                ours.read_exact(&mut message).await.unwrap();
            }
        };
        let answer = async {
            let mut message = [0; MESSAGE];
            for _ in 0..times {
                theirs.read_exact(&mut message).await.unwrap();
                theirs.write_all(&message).await.unwrap();
            }
        };
        join(ask, answer).await;
    });
}

#[test]
fn streams_that_come_and_go_allocate_almost_nothing() {
    let sockets = Sockets::new();
    sockets.expect_almost_none(CONNECTIONS, async |times| {
        let mut message = [1; MESSAGE];
        for _ in 0..times {
            let (mut ours, mut theirs) = sockets.open().await;
            ours.write_all(&message).await.unwrap();
            theirs.read_exact(&mut message).await.unwrap();
            theirs.write_all(&message).await.unwrap();
            ours.read_exact(&mut message).await.unwrap();
            ours.shutdown().await.unwrap();
            assert_eq!(theirs.read(&mut message).await.unwrap(), 0);
        }
    });
}
