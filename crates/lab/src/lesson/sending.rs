//! Handfast sends to a server of the lab, and what can be read off the log of that: flights, waits,
//! copies. The lessons about the sender share it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use handfast::tcp::{Config, Info};
use handfast_packet::cause::Cause;
use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::LessonError;
use super::drawing::{Drawing, Segment};
use super::telling::Context;
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;
use crate::server::{Server, ServerOptions, Service};
use crate::topology::WEB_V4;

/// Where the server listens that counts what it receives.
const SINK_PORT: u16 = 9;
/// The same with its address.
pub(super) const SINK: SocketAddr = SocketAddr::new(IpAddr::V4(WEB_V4), SINK_PORT);
/// Bytes of text in a full segment here: an MSS of 1,460 less the timestamps.
pub(super) const FULL: usize = 1_448;

/// What came of sending.
pub(super) struct Sent {
    /// What the server said, having read all.
    pub(super) answer: String,
    /// The figures of the connection at the end.
    pub(super) info: Info,
}

/// A server that counts what it gets.
pub(super) fn sink(lab: &Lab) -> Result<Server, LessonError> {
    let options = ServerOptions {
        port: SINK_PORT,
        service: Service::Sink,
        ..ServerOptions::default()
    };
    Ok(lab.serve(options)?)
}

/// Handfast behind a link as `impair` says, with `tcp` for its connections. It claims nothing: that
/// has a lesson of its own.
pub(super) fn sender(
    context: &Context<'_>,
    drawing: &Drawing,
    impair: &str,
    tcp: Config,
) -> GuestOptions {
    let mut options = context.guest(drawing);
    options.claim = false;
    options.impair = Some(
        impair
            .parse()
            .expect("the lesson's own link is well-formed"),
    );
    options.config.tcp = tcp;
    options
}

/// Sends `len` bytes to the sink, closes, and waits for its answer.
pub(super) async fn send(lab: &Lab, options: GuestOptions, len: usize) -> io::Result<Sent> {
    let guest = Guest::start(lab, options).await?;
    let sent = send_by(&guest, len).await;
    guest.stop().await;
    sent
}

async fn send_by(guest: &Guest, len: usize) -> io::Result<Sent> {
    let mut stream = guest.net().connect(SINK).await?;
    stream.write_all(&vec![b'x'; len]).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let info = stream.info();
    Ok(Sent { answer, info })
}

/// Whether the server has got all of them.
pub(super) fn is_whole(sent: &Sent, len: usize) -> bool {
    sent.answer == format!("received {len} bytes\n")
}

/// How many bytes were sent in each round trip: a round ends when the first byte that left in it is
/// acknowledged.
pub(super) fn rounds(log: &[Segment]) -> Vec<usize> {
    let mut rounds = Vec::new();
    let mut first_of_round = None;
    for segment in log {
        if segment.is_our_data() {
            let seq = segment.header.seq.0;
            if first_of_round.is_none() {
                first_of_round = Some(seq);
                rounds.push(0);
            }
            if let Some(round) = rounds.last_mut() {
                *round += segment.payload_len;
            }
        } else if segment.direction == Direction::In
            && first_of_round.is_some_and(|first| is_behind(segment.header.ack.0, first))
        {
            first_of_round = None;
        }
    }
    rounds
}

/// When the same byte left, again and again: the times between, for the first byte that was sent
/// more than once.
pub(super) fn waits(log: &[Segment]) -> Vec<Duration> {
    let ours: Vec<&Segment> = log.iter().filter(|segment| segment.is_our_data()).collect();
    let is_copy = |index: usize| {
        let seq = ours[index].header.seq.0;
        ours[..index].iter().any(|earlier| covers(earlier, seq))
    };
    let Some(copy) = (0..ours.len()).find(|&index| is_copy(index)) else {
        return Vec::new();
    };
    let seq = ours[copy].header.seq.0;
    let all = ours.iter().filter(|segment| covers(segment, seq));
    let times: Vec<_> = all.map(|segment| segment.at).collect();
    let gaps = times.windows(2).map(|two| two[1].duration_since(two[0]));
    gaps.collect()
}

/// From our SYN to the answer.
pub(super) fn round_trip(log: &[Segment]) -> Duration {
    let syn = |direction| {
        let mut found = log.iter().filter(|s| s.direction == direction);
        found.find(|segment| segment.has(TcpFlags::SYN))
    };
    match (syn(Direction::Out), syn(Direction::In)) {
        (Some(ours), Some(theirs)) => theirs.at.duration_since(ours.at),
        _ => Duration::ZERO,
    }
}

/// How many segments with data of ours left for a reason like this.
pub(super) fn caused(log: &[Segment], is: impl Fn(Cause) -> bool) -> usize {
    let ours = log.iter().filter(|segment| segment.is_our_data());
    ours.filter(|segment| is(segment.cause)).count()
}

/// Whether the byte of this number is in the segment.
fn covers(segment: &Segment, seq: u32) -> bool {
    let at = seq.wrapping_sub(segment.header.seq.0);
    usize::try_from(at).is_ok_and(|at| at < segment.payload_len)
}

/// Whether number `one` lies behind `other`, on a circle.
fn is_behind(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead > 0 && ahead < 1 << 31
}
