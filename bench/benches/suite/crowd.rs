//! A server on Handfast, in memory, and its many clients, who have no stack: their frames are made by
//! hand, so that only the server's time and memory count.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use handfast_bench::{Failure, taken};
use handfast_packet::Instant;
use handfast_packet::buf::{
    BATCH_MAX, Capabilities, Gso, Medium, Pool, PoolLimits, RxBatch, RxChecksum, RxFrame, TxBatch,
    TxFrame,
};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::tcp::{SeqNumber, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use handfast_stack::{Config, Event, Listen, ListenerId, Stack};
use handfast_tcp as tcp;

/// By the clock of the server, from batch to batch.
const STEP: Duration = Duration::from_micros(1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PORT: u16 = 80;
/// Connections that may wait, and that may be opening.
pub(crate) const BACKLOG: usize = 4_096;
/// Text of a full segment beside timestamps; more of it comes as a super-segment.
const SEGMENT: u16 = 1_448;
/// The first client's address; each address has [`PORTS`] clients.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PORTS: usize = 50_000;
const PORT_FIRST: usize = 10_000;
/// Pairs of readings by which it is found what one takes.
const CLOCK_READINGS: usize = 101;
/// Turns after which what is due must be done.
const TURNS_MAX: usize = 100_000;

/// The server, and what its clients know.
pub(crate) struct Crowd {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
    /// What the server has taken of the processor: nothing else on the machine counts.
    pub(crate) spent: Duration,
    /// What it takes to read that clock, which is a system call.
    clock: Duration,
    /// Text that the clients got, in bytes.
    pub(crate) heard: u64,
    /// Resets that the clients got.
    pub(crate) resets: u64,
    pub(crate) listener: ListenerId,
    clients: Vec<Client>,
    pool: Pool,
    rx: RxBatch,
    tx: TxBatch,
}

/// Where one client is.
#[derive(Clone, Copy)]
struct Client {
    /// SND.NXT.
    seq: u32,
    /// RCV.NXT.
    ack: u32,
    /// The last timestamp of the server.
    echo: u32,
}

/// What the server's application does with an event.
pub(crate) type Application<'a> = &'a mut dyn FnMut(&mut Stack, Instant, Event);

impl Crowd {
    /// A server and so many clients, none of which has said a word.
    pub(crate) fn new(clients: usize) -> Result<Self, Failure> {
        let config = Config {
            // A round of all clients is not to find some of them in a hurry and others not.
            tcp: tcp::Config {
                quick_acks: 0,
                ..tcp::Config::default()
            },
            connections_max: clients + BATCH_MAX,
            ..Config::default()
        };
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: 1_500,
            max_gso: 64_000,
            tx_checksum: true,
        };
        let mut stack = Stack::new(config, capabilities);
        stack.add_address(format!("{SERVER}/24").parse()?)?;
        stack.add_route("10.0.0.0/8".parse()?, None)?;
        let listen = Listen {
            backlog: BACKLOG,
            half_open: BACKLOG,
            ..Listen::default()
        };
        let listener = stack.listen(SocketAddr::from((SERVER, PORT)), listen)?;
        let silent = Client {
            seq: 1,
            ack: 0,
            echo: 0,
        };
        Ok(Self {
            stack,
            now: Instant::from_secs(1),
            spent: Duration::ZERO,
            clock: clock(),
            heard: 0,
            resets: 0,
            listener,
            clients: vec![silent; clients],
            pool: Pool::new(PoolLimits::default()),
            rx: RxBatch::new(),
            tx: TxBatch::new(),
        })
    }

    /// How many clients there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// All clients connect, a batch at a time, and are accepted.
    pub(crate) fn open(&mut self) -> Result<(), Failure> {
        let listener = self.listener;
        for first in (0..self.len()).step_by(BATCH_MAX) {
            let batch = first..self.len().min(first + BATCH_MAX);
            for index in batch.clone() {
                self.say(index, TcpFlags::SYN, b"");
            }
            self.turn(&mut |_, _, _| {});
            for index in batch {
                self.say(index, TcpFlags::ACK, b"");
            }
            self.turn(&mut |stack, _, event| {
                if event == Event::Accept(listener) {
                    stack.accept(listener).expect("it was announced");
                }
            });
        }
        let open = self.stack.tcp_count_in(tcp::State::Established);
        if open == self.len() {
            Ok(())
        } else {
            Err(format!("{open} of {} connections are open", self.len()).into())
        }
    }

    /// A segment of one client joins the batch that arrives with the next turn.
    pub(crate) fn say(&mut self, index: usize, flags: TcpFlags, text: &[u8]) {
        let client = &mut self.clients[index];
        let syn = flags.contains(TcpFlags::SYN);
        let value = u32::try_from(self.now.as_millis()).expect("no bench lasts for weeks");
        let options = TcpOptions {
            mss: syn.then_some(1_460),
            window_scale: syn.then_some(8),
            sack_permitted: syn,
            timestamps: Some(Timestamps {
                value,
                echo: client.echo,
            }),
            ..TcpOptions::default()
        };
        let (address, port) = place(index);
        let header = TcpHeader {
            source: port,
            destination: PORT,
            seq: SeqNumber(client.seq),
            ack: SeqNumber(client.ack),
            flags,
            window: 32_000,
            urgent: 0,
            options,
        };
        client.seq = client.seq.wrapping_add(length(flags, text.len()));
        let frame = self.frame(address, &header, text);
        self.rx.push(frame);
    }

    /// Text that is `ahead` of what the client said last, which stays the last.
    pub(crate) fn say_at(&mut self, index: usize, ahead: usize, text: &[u8]) {
        let ahead = u32::try_from(ahead).expect("less than a window");
        let before = self.clients[index].seq;
        self.clients[index].seq = before.wrapping_add(ahead);
        self.say(index, TcpFlags::ACK | TcpFlags::PSH, text);
        self.clients[index].seq = before;
    }

    /// How many segments may still join the next batch.
    pub(crate) fn room(&self) -> usize {
        self.rx.room()
    }

    /// The client begins anew, beyond all that its last connection has seen.
    pub(crate) fn forget(&mut self, index: usize) {
        let client = &mut self.clients[index];
        *client = Client {
            seq: client.seq.wrapping_add(100_000),
            ack: 0,
            echo: 0,
        };
    }

    fn frame(&mut self, source: Ipv4Addr, header: &TcpHeader, text: &[u8]) -> RxFrame {
        let header_len = header.header_len();
        let payload_len = header_len + text.len();
        let len = Ipv4Header::LEN + payload_len;
        let ip = Ipv4Header {
            source,
            destination: SERVER,
            protocol: Protocol::TCP,
            payload_len: u16::try_from(payload_len).expect("a small segment"),
            ..Ipv4Header::default()
        };
        let mut block = self.pool.take(len);
        let bytes = &mut block.bytes_mut()[..len];
        ip.write(bytes);
        header.write(&mut bytes[Ipv4Header::LEN..][..header_len]);
        bytes[len - text.len()..].copy_from_slice(text);
        RxFrame {
            data: self.pool.freeze(block, 0..len),
            received_at: self.now,
            checksum: RxChecksum::Verified,
            gso: Gso::for_payload(text.len(), SEGMENT),
        }
    }

    /// What was said arrives; the server does what is due, its application learns of it, and the
    /// clients get what it has to say.
    pub(crate) fn turn(&mut self, application: Application<'_>) {
        self.now += STEP;
        let mut begun = taken();
        self.stack.receive(self.now, &mut self.rx);
        if self.stack.next_timeout().is_some_and(|at| at <= self.now) {
            self.stack.on_timeout(self.now);
        }
        while let Some(event) = self.stack.poll_event() {
            application(&mut self.stack, self.now, event);
        }
        loop {
            let more = self.stack.poll_transmit(self.now, &mut self.tx);
            self.spent += (taken() - begun).saturating_sub(self.clock);
            while let Some(frame) = self.tx.pop() {
                self.hear(&frame);
            }
            if !more {
                return;
            }
            begun = taken();
        }
    }

    /// So much time passes, and what is due then is done.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        self.now += time;
        for _ in 0..TURNS_MAX {
            self.turn(&mut |_, _, _| {});
            if self.stack.next_timeout().is_none_or(|at| at > self.now) {
                return Ok(());
            }
        }
        Err("something is due for ever".into())
    }

    /// A frame of the server reaches its client.
    fn hear(&mut self, frame: &TxFrame) {
        let head = frame.head.bytes();
        let octets: [u8; 4] = head[16..20].try_into().expect("an IPv4 header");
        let (header, _) = TcpHeader::parse(&head[Ipv4Header::LEN..]).expect("the stack's own");
        if header.flags.contains(TcpFlags::RST) {
            self.resets += 1;
            return;
        }
        let address = usize::try_from(u32::from_be_bytes(octets) - u32::from(FIRST));
        let address = address.expect("an address of ours");
        let index = address * PORTS + usize::from(header.destination) - PORT_FIRST;
        let client = &mut self.clients[index];
        let text = frame.body.len();
        client.ack = header.seq.0.wrapping_add(length(header.flags, text));
        client.echo = header.options.timestamps.map_or(0, |stamps| stamps.value);
        self.heard += text as u64;
    }
}

/// The middle of what lies between two readings with nothing between them.
fn clock() -> Duration {
    let mut apart = [(); CLOCK_READINGS].map(|()| {
        let before = taken();
        taken() - before
    });
    apart.sort_unstable();
    apart[CLOCK_READINGS / 2]
}

/// What a segment takes of the sequence numbers.
fn length(flags: TcpFlags, text: usize) -> u32 {
    let text = u32::try_from(text).expect("a segment is small");
    text + u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN))
}

fn place(index: usize) -> (Ipv4Addr, u16) {
    let address = u32::from(FIRST) + u32::try_from(index / PORTS).expect("some millions at most");
    let port = u16::try_from(PORT_FIRST + index % PORTS).expect("a port by its making");
    (address.into(), port)
}
