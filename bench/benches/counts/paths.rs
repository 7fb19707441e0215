//! The hot paths: each makes ready what it needs, and does its work inside of `counted`.

use std::hint::black_box;
use std::time::Duration;

use handfast_bench::Failure;
use handfast_packet::buf::{BATCH_MAX, RxFrame};
use handfast_packet::checksum::checksum;
use handfast_stack::{BACKLOG, TcpId};

use super::counted;
use super::pair::{CLIENT, Pair, SERVER, Wire};

/// A path, and how its work is done: that returns how often it was done.
pub(super) struct Path {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// What is counted as one.
    pub(super) what: &'static str,
    pub(super) work: fn() -> Result<u64, Failure>,
}

/// Text of one segment beside timestamps.
const SEGMENT: usize = 1_448;
/// Text of a super-segment: what fits into 64,000 bytes.
const SUPER: usize = 44 * SEGMENT;
/// Text that opens the window of a connection.
const WARM: usize = 4 << 20;
/// What one request or response has.
const MESSAGE: usize = 64;
/// After that all delayed ACKs are due.
const DELAYED_ACK: Duration = Duration::from_millis(45);

pub(super) const PATHS: [Path; 20] = [
    path("ack", "receive: an ACK of two segments", ack),
    path(
        "ack.batch",
        "receive: 22 ACKs of two segments each in one batch",
        ack_batch,
    ),
    path(
        "ack.sack",
        "receive: an ACK with SACK blocks for two more segments",
        ack_sack,
    ),
    path(
        "segment",
        "receive: a segment of 1448 bytes in order",
        segment,
    ),
    path("batch", "receive: 44 segments in order in one batch", batch),
    path(
        "batch.checked",
        "the same, their checksums verified",
        batch_checked,
    ),
    path(
        "super",
        "receive: a super-segment of 63,712 bytes in order",
        super_segment,
    ),
    path(
        "hole",
        "receive: a segment of 1448 bytes behind a new hole",
        hole,
    ),
    path(
        "poll_transmit.ack",
        "poll_transmit: an ACK of two segments",
        transmit_ack,
    ),
    path(
        "poll_transmit.super",
        "poll_transmit: a super-segment of 63,712 bytes",
        transmit_super,
    ),
    path(
        "poll_transmit.checked",
        "poll_transmit: 44 segments with checksums",
        transmit_checked,
    ),
    path(
        "demux.1",
        "receive: 1 byte for the only connection",
        demux_1,
    ),
    path(
        "demux.10000",
        "receive: 1 byte for one of 10,000 connections",
        demux_10_000,
    ),
    path(
        "demux.batch",
        "receive: 1 byte for each of 64 of 2,000 connections in one batch",
        demux_batch,
    ),
    path(
        "request",
        "64 bytes there and 64 back: all of both stacks, with write and read",
        request,
    ),
    path(
        "connection",
        "handshake, and close from both sides: all of both stacks",
        connection,
    ),
    path(
        "syn.cookie",
        "receive and poll_transmit: 44 SYNs in one batch, each answered with a cookie",
        syn_cookie,
    ),
    path(
        "timers",
        "on_timeout: 100 delayed ACKs become due, of 200 connections",
        timers,
    ),
    path("checksum.1448", "checksum of 1448 bytes", checksum_1448),
    path("checksum.65536", "checksum of 64 KiB", checksum_65536),
];

const fn path(name: &'static str, what: &'static str, work: fn() -> Result<u64, Failure>) -> Path {
    Path { name, what, work }
}

/// A pair whose client has a flight of `segments` segments, which have not arrived yet.
fn flight(wire: Wire, segments: usize) -> Result<(Pair, [TcpId; 2], Vec<RxFrame>), Failure> {
    let (mut pair, ends) = Pair::warm(wire, WARM)?;
    let mut frames = Vec::new();
    let mut left = segments * SEGMENT;
    while left > 0 {
        let before = left;
        left -= pair.write(ends, left)?;
        frames.extend(pair.frames(CLIENT));
        if before == left {
            return Err("the window is too small for the flight".into());
        }
    }
    if frames.len() < segments {
        return Err(format!("{} of {segments} segments left", frames.len()).into());
    }
    Ok((pair, ends, frames))
}

fn ack() -> Result<u64, Failure> {
    let (mut pair, _, frames) = flight(Wire::SEGMENTS, 128)?;
    let acks = acks(&mut pair, &frames);
    replay(&mut pair, CLIENT, acks)
}

fn ack_batch() -> Result<u64, Failure> {
    let (mut pair, _, frames) = flight(Wire::SEGMENTS, 44)?;
    let acks = acks(&mut pair, &frames);
    if acks.len() != 22 {
        return Err(format!("{} ACKs, not 22", acks.len()).into());
    }
    pair.receive(CLIENT, acks);
    Ok(1)
}

fn ack_sack() -> Result<u64, Failure> {
    let (mut pair, _, frames) = flight(Wire::SEGMENTS, 128)?;
    let acks = acks(&mut pair, &frames[1..]);
    replay(&mut pair, CLIENT, acks)
}

/// What the server answers to each two of `frames`.
fn acks(pair: &mut Pair, frames: &[RxFrame]) -> Vec<RxFrame> {
    let mut acks = Vec::new();
    for two in frames.chunks(2) {
        pair.deliver(SERVER, two.to_vec());
        acks.extend(pair.frames(SERVER));
    }
    acks
}

fn segment() -> Result<u64, Failure> {
    let (mut pair, _, frames) = flight(Wire::SEGMENTS, 100)?;
    replay(&mut pair, SERVER, frames)
}

fn batch() -> Result<u64, Failure> {
    batches(Wire::SEGMENTS)
}

fn batch_checked() -> Result<u64, Failure> {
    batches(Wire::CHECKED)
}

fn batches(wire: Wire) -> Result<u64, Failure> {
    let (mut pair, ends) = Pair::warm(wire, WARM)?;
    for _ in 0..20 {
        pair.write(ends, 44 * SEGMENT)?;
        let frames = pair.frames(CLIENT);
        if frames.len() != 44 {
            return Err(format!("{} frames, not 44", frames.len()).into());
        }
        pair.receive(SERVER, frames);
        pair.settle(ends)?;
    }
    Ok(20)
}

fn super_segment() -> Result<u64, Failure> {
    let (mut pair, ends) = Pair::warm(Wire::SUPER, WARM)?;
    for _ in 0..20 {
        pair.write(ends, SUPER)?;
        let frames = pair.frames(CLIENT);
        one(frames.len())?;
        pair.receive(SERVER, frames);
        pair.settle(ends)?;
    }
    Ok(20)
}

fn hole() -> Result<u64, Failure> {
    let (mut pair, _, frames) = flight(Wire::SEGMENTS, 128)?;
    let second = frames.into_iter().skip(1).step_by(2).collect();
    replay(&mut pair, SERVER, second)
}

fn transmit_ack() -> Result<u64, Failure> {
    let (mut pair, ends, frames) = flight(Wire::SEGMENTS, 100)?;
    for two in frames.chunks(2) {
        pair.deliver(SERVER, two.to_vec());
        pair.read(ends)?;
        one(pair.transmit(SERVER).len())?;
    }
    Ok(50)
}

fn transmit_super() -> Result<u64, Failure> {
    let (mut pair, ends) = Pair::warm(Wire::SUPER, WARM)?;
    for _ in 0..20 {
        pair.write(ends, SUPER)?;
        let frames = pair.transmit(CLIENT);
        one(frames.len())?;
        pair.deliver(SERVER, frames);
        pair.settle(ends)?;
    }
    Ok(20)
}

fn transmit_checked() -> Result<u64, Failure> {
    let (mut pair, ends) = Pair::warm(Wire::CHECKED, WARM)?;
    for _ in 0..20 {
        pair.write(ends, 44 * SEGMENT)?;
        let frames = pair.transmit(CLIENT);
        if frames.len() != 44 {
            return Err(format!("{} frames, not 44", frames.len()).into());
        }
        pair.deliver(SERVER, frames);
        pair.settle(ends)?;
    }
    Ok(20)
}

fn demux_1() -> Result<u64, Failure> {
    demux(1)
}

fn demux_10_000() -> Result<u64, Failure> {
    demux(10_000)
}

/// Each of 100 segments is for another connection, as far as there are so many.
fn demux(connections: usize) -> Result<u64, Failure> {
    let mut pair = Pair::new(Wire::SEGMENTS)?;
    let mut all = Vec::new();
    for _ in 0..connections {
        all.push(pair.open()?);
    }
    for index in 0..100 {
        let ends = all[index * 37 % connections];
        pair.write(ends, 1)?;
        let frames = pair.frames(CLIENT);
        one(frames.len())?;
        pair.receive(SERVER, frames);
        pair.settle(ends)?;
    }
    Ok(100)
}

fn demux_batch() -> Result<u64, Failure> {
    let mut pair = Pair::new(Wire::SEGMENTS)?;
    let mut all = Vec::new();
    for _ in 0..2_000 {
        all.push(pair.open()?);
    }
    for round in 0..20 {
        let chosen = all.iter().skip(round).step_by(31).take(BATCH_MAX);
        let chosen: Vec<[TcpId; 2]> = chosen.copied().collect();
        for ends in &chosen {
            pair.write(*ends, 1)?;
        }
        let frames = pair.frames(CLIENT);
        if frames.len() != BATCH_MAX {
            return Err(format!("{} frames, not {BATCH_MAX}", frames.len()).into());
        }
        pair.receive(SERVER, frames);
        for ends in chosen {
            pair.settle(ends)?;
        }
    }
    Ok(20)
}

fn request() -> Result<u64, Failure> {
    let (mut pair, ends) = Pair::warm(Wire::SEGMENTS, 64 * MESSAGE)?;
    for _ in 0..100 {
        for side in [CLIENT, SERVER] {
            speak(&mut pair, ends, side)?;
        }
    }
    Ok(100)
}

/// `side` writes, and the other one reads.
fn speak(pair: &mut Pair, ends: [TcpId; 2], side: usize) -> Result<(), Failure> {
    let (mut written, mut read) = (Ok(0), Ok(0));
    let now = pair.now;
    let stack = &mut pair.stacks[side];
    counted(&mut || {
        let socket = stack.tcp(now, ends[side]);
        written = socket.map_or(Ok(0), |mut socket| socket.write(&[0x5a; MESSAGE]));
    });
    let frames = pair.transmit(side);
    one(frames.len())?;
    pair.receive(1 - side, frames);
    pair.on_timeout(1 - side);
    let now = pair.now;
    let stack = &mut pair.stacks[1 - side];
    counted(&mut || {
        let socket = stack.tcp(now, ends[1 - side]);
        read = socket.map_or(Ok(0), |mut socket| socket.read(&mut [0; MESSAGE]));
    });
    match (written?, read?) {
        (MESSAGE, MESSAGE) => Ok(()),
        _ => Err("a message was cut".into()),
    }
}

fn connection() -> Result<u64, Failure> {
    let mut pair = Pair::new(Wire::SEGMENTS)?;
    for _ in 0..8 {
        open_and_close(&mut pair, false)?;
    }
    for _ in 0..20 {
        open_and_close(&mut pair, true)?;
    }
    Ok(20)
}

fn open_and_close(pair: &mut Pair, count: bool) -> Result<(), Failure> {
    let mut client = Err("not tried".into());
    perhaps(count, &mut || client = pair.connect());
    let client = client?;
    carry(pair, CLIENT, count);
    carry(pair, SERVER, count);
    carry(pair, CLIENT, count);
    let mut server = Err("not tried".into());
    perhaps(count, &mut || server = pair.accept());
    let ends = [client, server?];
    for side in [CLIENT, SERVER] {
        let now = pair.now;
        let stack = &mut pair.stacks[side];
        perhaps(count, &mut || stack.release_tcp(now, ends[side]));
        carry(pair, side, count);
    }
    carry(pair, CLIENT, count);
    // The stack that was the last to hear forgets when it is asked for an answer.
    carry(pair, SERVER, count);
    match (
        pair.stacks[CLIENT].tcp_count(),
        pair.stacks[SERVER].tcp_count(),
    ) {
        (0, 0) => Ok(()),
        left => Err(format!("connections are left: {left:?}").into()),
    }
}

fn carry(pair: &mut Pair, side: usize, count: bool) {
    if count {
        let frames = pair.transmit(side);
        pair.receive(1 - side, frames);
    } else {
        pair.carry(side);
    }
}

fn perhaps(count: bool, work: &mut dyn FnMut()) {
    if count {
        counted(work);
    } else {
        work();
    }
}

/// SYNs of strangers whom nobody answers any more: the first ones fill the listener's table.
fn syn_cookie() -> Result<u64, Failure> {
    let mut pair = Pair::new(Wire::SEGMENTS)?;
    for _ in 0..=BACKLOG {
        pair.connect()?;
        let syn = pair.frames(CLIENT);
        pair.deliver(SERVER, syn);
        pair.frames(SERVER);
    }
    for _ in 0..20 {
        for _ in 0..44 {
            pair.connect()?;
        }
        let syns = pair.frames(CLIENT);
        let half_open = pair.stacks[SERVER].tcp_count();
        pair.receive(SERVER, syns);
        let answers = pair.transmit(SERVER).len();
        if (answers, pair.stacks[SERVER].tcp_count()) != (44, half_open) {
            return Err(format!("{answers} of 44 SYNs were answered with a cookie").into());
        }
    }
    Ok(20)
}

/// 100 timers are due at the same time, of 200 connections.
fn timers() -> Result<u64, Failure> {
    let mut pair = Pair::new(Wire::SEGMENTS)?;
    let mut all = Vec::new();
    for _ in 0..200 {
        all.push(pair.open()?);
    }
    for ends in &all {
        pair.write(*ends, 1)?;
        pair.settle(*ends)?;
    }
    // The ACKs of the first bytes.
    pair.now += DELAYED_ACK;
    pair.tick();
    pair.carry(SERVER);
    for round in 0..10 {
        for ends in all.iter().skip(round % 2).step_by(2) {
            pair.write(*ends, 1)?;
            let frames = pair.frames(CLIENT);
            pair.deliver(SERVER, frames);
        }
        // Nobody reads, so that nothing but the timer can send the ACKs.
        if !pair.frames(SERVER).is_empty() {
            return Err("ACKs were not delayed".into());
        }
        pair.now += DELAYED_ACK;
        pair.on_timeout(SERVER);
        let acks = pair.frames(SERVER);
        if acks.len() != 100 {
            return Err(format!("{} ACKs became due, not 100", acks.len()).into());
        }
        pair.deliver(CLIENT, acks);
    }
    Ok(10)
}

fn checksum_1448() -> Result<u64, Failure> {
    Ok(checksums(SEGMENT))
}

fn checksum_65536() -> Result<u64, Failure> {
    Ok(checksums(65_536))
}

fn checksums(len: usize) -> u64 {
    let text = vec![0x5a; len];
    for _ in 0..10 {
        counted(&mut || {
            black_box(checksum(black_box(&text)));
        });
    }
    10
}

/// Each of `frames` arrives at `side`, in a batch of its own.
fn replay(pair: &mut Pair, side: usize, frames: Vec<RxFrame>) -> Result<u64, Failure> {
    let count = u64::try_from(frames.len())?;
    for frame in frames {
        pair.receive(side, vec![frame]);
    }
    Ok(count)
}

fn one(frames: usize) -> Result<(), Failure> {
    match frames {
        1 => Ok(()),
        _ => Err(format!("{frames} frames, not one").into()),
    }
}
