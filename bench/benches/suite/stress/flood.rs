//! A flood of SYNs beside one stream, in memory, and clients that mean it. The flood brings a million
//! SYNs for each second that the server works; the peer is the same server without it.

use std::time::Duration;

use handfast_bench::{Contest, Failure, Reach, Sample, Unit};
use handfast_packet::Instant;
use handfast_packet::tcp::TcpFlags;
use handfast_stack::{Event, ListenerId, Stack};
use handfast_tcp as tcp;

use crate::crowd::{BACKLOG, Crowd};

/// SYNs for each second of the server's.
const FLOOD: f64 = 1e6;
/// Text of a turn in bytes.
const TEXT: u64 = 4 << 30;
/// What the sender of the stream sends at once: 44 segments of 1448 bytes.
const PIECE: usize = 44 * 1_448;
/// The clients that mean it, and how many pieces pass between two of them.
const HONEST: usize = 1_000;
const PAUSE: usize = 64;
/// Sources of the flood.
const FORGED: usize = 1_000_000;
/// Who sends the stream.
const SENDER: usize = 0;

pub(super) fn contest() -> Contest<'static> {
    Contest {
        name: "stress.flood",
        what: "receive in memory, super-segments, beside 1 M SYN/s; 1,000 others connect"
            .to_owned(),
        peer: "Handfast without the flood",
        unit: Unit::Bytes,
        reach: Some(Reach::Rate(0.7)),
        ours: Box::new(|| turn(FLOOD)),
        theirs: Box::new(|| turn(0.0)),
    }
}

fn turn(flood: f64) -> Result<Sample, Failure> {
    let mut crowd = Crowd::new(1 + HONEST + FORGED)?;
    let began = crowd.now;
    let listener = crowd.listener;
    let mut server = Server {
        listener,
        read: 0,
        buffer: vec![0; PIECE],
    };
    for flags in [TcpFlags::SYN, TcpFlags::ACK] {
        crowd.say(SENDER, flags, b"");
        crowd.turn(&mut |stack, now, event| server.on_event(stack, now, event));
    }
    crowd.spent = Duration::ZERO;
    let text = vec![0x5A; PIECE];
    let (mut forged, mut honest, mut pieces) = (0, 0, 0_usize);
    while server.read < TEXT {
        crowd.say(SENDER, TcpFlags::ACK, &text);
        pieces += 1;
        let (client, step) = (1 + pieces / PAUSE, pieces % PAUSE);
        match step {
            // Its SYN-ACK comes with the turn of its SYN, a cookie while there is a flood.
            0 if client <= HONEST => crowd.say(client, TcpFlags::SYN, b""),
            1 if client <= HONEST && pieces > PAUSE => {
                crowd.say(client, TcpFlags::ACK | TcpFlags::PSH, b"x");
                honest += 1;
            }
            2 if client <= HONEST && pieces > PAUSE => crowd.say(client, TcpFlags::ACK, b""),
            _ => {}
        }
        let due = crowd.spent.as_secs_f64() * flood;
        while (forged as f64) < due && crowd.room() > 0 {
            let client = 1 + HONEST + forged % FORGED;
            crowd.forget(client);
            crowd.say(client, TcpFlags::SYN, b"");
            forged += 1;
        }
        crowd.now = crowd.now.max(began + crowd.spent);
        crowd.turn(&mut |stack, now, event| server.on_event(stack, now, event));
    }
    let (open, answered) = (crowd.stack.tcp_count(), crowd.heard);
    if answered != honest || open > 1 + HONEST + BACKLOG {
        return Err(format!("{answered} of {honest} were answered, {open} are open").into());
    }
    Ok(Sample {
        work: server.read as f64,
        wall: crowd.spent,
        cpu: crowd.spent,
        latency: None,
    })
}

/// The application: it reads the stream, and sends a single byte back.
struct Server {
    listener: ListenerId,
    read: u64,
    buffer: Vec<u8>,
}

impl Server {
    fn on_event(&mut self, stack: &mut Stack, now: Instant, event: Event) {
        match event {
            Event::Accept(_) => {
                stack.accept(self.listener).expect("it was announced");
            }
            Event::Tcp(id, tcp::Event::Readable) => {
                let mut socket = stack.tcp(now, id).expect("nobody closes");
                let read = socket.read(&mut self.buffer).unwrap_or(0);
                self.read += read as u64;
                if read == 1 {
                    socket.write(b"x").expect("there is room for a byte");
                }
            }
            _ => {}
        }
    }
}
