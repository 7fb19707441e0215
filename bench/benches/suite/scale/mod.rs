//! Very many connections in memory: what an idle one takes, and what one more packet costs among
//! them. The peer is the same server with few connections: what scales is as good with many.

mod idle;

use std::time::Duration;

use handfast_bench::{Contest, Failure, Reach, Sample, Unit};
use handfast_packet::buf::BATCH_MAX;
use handfast_packet::tcp::TcpFlags;
use handfast_stack::Event;
use handfast_tcp as tcp;

use crate::crowd::Crowd;

pub(crate) use idle::{open, solos};

/// Packets of a turn, at least.
const PACKETS: usize = 500_000;
/// Requests of the one that is active.
const REQUESTS: usize = 200_000;
/// After that all delayed ACKs are due.
const DELAYED_ACK: Duration = Duration::from_millis(50);
/// Two batches: the few that the others are compared with.
const FEW: usize = 128;
/// Larger than any of the numbers of connections, and prime: with this stride each is met once.
const STRIDE: usize = 15_485_863;

const THOUSANDS: usize = 160 * BATCH_MAX;
const MILLION: usize = 15_625 * BATCH_MAX;

pub(crate) fn contests() -> Vec<Contest<'static>> {
    let flat = Some(Reach::Rate(1.0 / 1.5));
    vec![
        packets("scale.packets.10k", THOUSANDS, flat),
        packets("scale.packets.1m", MILLION, flat),
        active("scale.active.10k", THOUSANDS, Some(Reach::Rate(0.9))),
        active("scale.active.1m", MILLION, Some(Reach::Rate(0.9))),
    ]
}

/// Each connection gets a packet in turn.
fn packets(name: &'static str, many: usize, reach: Option<Reach>) -> Contest<'static> {
    let (mut ours, mut theirs) = (None, None);
    Contest {
        name,
        what: format!(
            "1-byte packets, each read and acknowledged, over {many} connections in turn"
        ),
        peer: "Handfast with 128 connections",
        unit: Unit::Things("packets"),
        reach,
        ours: Box::new(move || packet_turn(made(&mut ours, many)?)),
        theirs: Box::new(move || packet_turn(made(&mut theirs, FEW)?)),
    }
}

/// One connection has something to do, the others do not.
fn active(name: &'static str, many: usize, reach: Option<Reach>) -> Contest<'static> {
    let (mut ours, mut theirs) = (None, None);
    Contest {
        name,
        what: format!(
            "1 byte there and 1 back on one connection, {} others idle",
            many - 1
        ),
        peer: "Handfast with this connection alone",
        unit: Unit::Things("requests"),
        reach,
        ours: Box::new(move || active_turn(made(&mut ours, many)?)),
        theirs: Box::new(move || active_turn(made(&mut theirs, 1)?)),
    }
}

/// The crowd stays for all turns.
fn made(crowd: &mut Option<Crowd>, clients: usize) -> Result<&mut Crowd, Failure> {
    if crowd.is_none() {
        let mut fresh = Crowd::new(clients)?;
        fresh.open()?;
        *crowd = Some(fresh);
    }
    Ok(crowd.as_mut().expect("made just now"))
}

fn packet_turn(crowd: &mut Crowd) -> Result<Sample, Failure> {
    crowd.spent = Duration::ZERO;
    let (many, mut read) = (crowd.len(), 0);
    let rounds = PACKETS.div_ceil(many);
    for _ in 0..rounds {
        for first in (0..many).step_by(BATCH_MAX) {
            for number in first..many.min(first + BATCH_MAX) {
                crowd.say(number * STRIDE % many, TcpFlags::ACK | TcpFlags::PSH, b"x");
            }
            crowd.turn(&mut |stack, now, event| {
                let Event::Tcp(id, tcp::Event::Readable) = event else {
                    return;
                };
                let mut socket = stack.tcp(now, id).expect("the connection is open");
                read += socket.read(&mut [0; 16]).unwrap_or(0);
            });
        }
        crowd.pass(DELAYED_ACK)?;
    }
    sample(crowd, rounds * many, read)
}

fn active_turn(crowd: &mut Crowd) -> Result<Sample, Failure> {
    crowd.spent = Duration::ZERO;
    let before = crowd.heard;
    for _ in 0..REQUESTS {
        crowd.say(0, TcpFlags::ACK | TcpFlags::PSH, b"x");
        crowd.turn(&mut echo);
    }
    let heard = usize::try_from(crowd.heard - before)?;
    sample(crowd, REQUESTS, heard)
}

/// The application of the server: what comes goes back.
fn echo(stack: &mut handfast_stack::Stack, now: handfast_packet::Instant, event: Event) {
    let Event::Tcp(id, tcp::Event::Readable) = event else {
        return;
    };
    let mut socket = stack.tcp(now, id).expect("the connection is open");
    let mut text = [0; 16];
    let read = socket.read(&mut text).unwrap_or(0);
    socket
        .write(&text[..read])
        .expect("there is room for a byte");
}

/// What the server took; all of the work must have been done.
fn sample(crowd: &Crowd, wanted: usize, done: usize) -> Result<Sample, Failure> {
    if done != wanted || crowd.resets > 0 {
        return Err(format!("{done} of {wanted} done, {} resets", crowd.resets).into());
    }
    Ok(Sample {
        work: wanted as f64,
        wall: crowd.spent,
        cpu: crowd.spent,
        latency: None,
    })
}
