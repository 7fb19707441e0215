//! The receiver's application does not read: its window shuts, and the sender may only ask, a byte
//! at a time, until it opens again.

use std::io;
use std::time::Duration;

use futures::future::try_join;
use handfast::tcp::{Config, State};
use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;
use tokio::io::AsyncWriteExt;

use super::drawing::{Drawing, Segment, fold};
use super::far_end::FarEnd;
use super::sending::sender;
use super::telling::{Context, step};
use super::words::zero_window as words;
use super::{Lesson, LessonError, in_time, lab, until};
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;

pub(super) static LESSON: Lesson = Lesson {
    name: "zero-window",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// More than the kernel takes for an application that does not read.
const LEN: usize = 300_000;
/// So many probes are sent before the application reads; in the broken lesson it never does.
const PROBES: usize = 2;
const PROBES_BROKEN: usize = 4;
/// A round trip of 2 ms, so that the picture has an order.
const LINK: &str = "delay=1ms";
const PORT: u16 = 10;
/// Lines of the ladder that may be drawn, before ACKs that only say one more number are left out.
const LADDER_MAX: usize = 4_096;

/// What a transfer showed.
struct Seen {
    /// What the application read in the end; `None` when it never did.
    read: Option<u64>,
    /// The state when so many probes had been sent, and what was acknowledged until then.
    state: State,
    acknowledged: u64,
    /// The same before the probes.
    acknowledged_before: u64,
}

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    let (story, probes) = match context.is_broken() {
        false => (words::STORY, PROBES),
        true => (words::STORY_BROKEN, PROBES_BROKEN),
    };
    context.say(story)?;
    let drawing = context.drawing_of(LADDER_MAX);
    // All is written at once, whatever the window is.
    let tcp = Config {
        send_buffer: 2 * LEN,
        // The kernel takes its time when its buffer fills, and that is no loss.
        tail_loss_probe: false,
        ..Config::default()
    };
    let options = sender(context, &drawing, LINK, tcp);
    let reads = !context.is_broken();
    let seen = in_time(fill(&lab, options, &drawing, (probes, reads)));
    context.show(fold(&drawing.take_text()))?;
    let seen = step(words::SENDING, seen)?;

    let log = drawing.segments();
    context.figure("taken", words::TAKEN, seen.acknowledged_before);
    let shut = drawing.count(is_shut);
    context.figure("shut", words::SHUT, shut);
    let probes = probe_times(&log);
    context.figure("probes", words::PROBES, probes.len());
    let gaps: Vec<Duration> = probes
        .windows(2)
        .map(|two| two[1].duration_since(two[0]))
        .collect();
    let (first, last) = (gaps.first().copied(), gaps.last().copied());
    context.figure("first_gap", words::FIRST_GAP, first.unwrap_or_default());
    context.expect(shut > 0, words::NOT_SHUT)?;
    context.expect(!gaps.is_empty(), words::NO_PROBES)?;
    if context.is_broken() {
        context.figure("last_gap", words::LAST_GAP, last.unwrap_or_default());
        let progress = seen.acknowledged - seen.acknowledged_before;
        context.figure("progress", words::PROGRESS, progress);
        context.figure("state", words::STATE, seen.state.to_string());
        context.expect(last > first, words::NOT_LONGER)?;
        context.expect(
            progress == 0 && seen.state == State::Established,
            words::NOT_STUCK,
        )?;
        return context.say(words::VERDICT_BROKEN);
    }
    let opened = times_opened(&log);
    context.figure("opened", words::OPENED, opened);
    let read = seen.read.unwrap_or_default();
    context.figure("read", words::READ, read);
    context.expect(opened > 0, words::NOT_OPENED)?;
    context.expect(usize::try_from(read) == Ok(LEN), words::NOT_WHOLE)?;
    context.say(words::VERDICT)
}

/// Fills the kernel's buffer, waits for so many probes, and lets the application read or not.
async fn fill(
    lab: &Lab,
    options: GuestOptions,
    drawing: &Drawing,
    (probes, reads): (usize, bool),
) -> io::Result<Seen> {
    let far = FarEnd::listen(lab, PORT)?;
    let guest = Guest::start(lab, options).await?;
    let mut stream = guest.net().connect(far.address()).await?;
    let server = far.accept().await?;
    stream.write_all(&vec![b'x'; LEN]).await?;
    until(|| drawing.count(is_probe) > 0).await;
    let acknowledged_before = stream.info().bytes_acked;
    until(|| drawing.count(is_probe) >= probes).await;
    let mut seen = Seen {
        read: None,
        state: stream.state(),
        acknowledged: stream.info().bytes_acked,
        acknowledged_before,
    };
    if reads {
        let (read, ()) = try_join(server.read_to_end(), stream.shutdown()).await?;
        seen.read = Some(read);
    } else {
        stream.abort();
    }
    drop((stream, server));
    guest.stop().await;
    Ok(seen)
}

fn is_probe(segment: &Segment) -> bool {
    matches!(segment.cause, Cause::WindowProbe(_))
}

/// When probes left.
fn probe_times(log: &[Segment]) -> Vec<Instant> {
    let probes = log.iter().filter(|segment| is_probe(segment));
    probes.map(|segment| segment.at).collect()
}

/// Whether the kernel says that its window is shut.
fn is_shut(segment: &Segment) -> bool {
    let is_ack = segment.direction == Direction::In && !segment.has(TcpFlags::RST);
    is_ack && segment.header.window == 0
}

/// How often the kernel said that its window is open, after it was shut.
fn times_opened(log: &[Segment]) -> usize {
    let theirs = log.iter().filter(|s| s.direction == Direction::In);
    let shut: Vec<bool> = theirs.map(is_shut).collect();
    shut.windows(2).filter(|two| two[0] && !two[1]).count()
}
