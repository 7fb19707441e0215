//! A link that carries smaller packets than the ends believe. A router that says so costs a round
//! trip; one that says nothing makes full segments vanish, until the sender tries smaller ones.

use std::io;
use std::time::Duration;

use handfast::tcp::{Config, MtuProbing};
use handfast_packet::record::Direction;

use super::drawing::{Drawing, fold};
use super::sending::{SINK, Sent, is_whole, send, sender, sink, waits};
use super::telling::{Context, step};
use super::words::black_hole_mtu as words;
use super::{Lesson, LessonError, in_time, lab_of_segments};
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;
use crate::topology::ROUTER_WEB_INTERFACE;
use crate::veth::Links;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(super) static LESSON: Lesson = Lesson {
    name: "black-hole-mtu",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// What the narrow link carries: IP packets of so many bytes. Both ends have links of 1,500.
const MTU: u16 = 1_200;
/// The same said by nobody.
const SILENT: &str = "delay=2ms,out.mtu=1200";
const NOTHING: &str = "delay=2ms";
/// What is sent.
const LEN: usize = 60_000;
/// What is sent where sizes are to be found by trying: that takes new text for each try.
const LEN_SILENT: usize = 200_000;
/// Lines of the ladder that may be drawn, before ACKs that only say one more number are left out.
const LADDER_MAX: usize = 1_024;
/// How long the broken lesson tries.
const GIVE_UP: Duration = Duration::from_secs(2);
/// IP and TCP headers with timestamps.
const HEADERS: u16 = 52;

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab_of_segments()?;
    let sink = sink(&lab)?;
    if context.is_broken() {
        broken(context, &lab)?;
    } else {
        silent(context, &lab)?;
        told(context, &lab)?;
    }
    drop(sink);
    Ok(())
}

fn silent(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_SILENT)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let sent = transfer(context, lab, (SILENT, LEN_SILENT), &drawing)?;
    let largest = largest(&drawing);
    context.figure("largest", words::LARGEST, largest);
    context.figure("timeouts", words::TIMEOUTS, sent.info.timeouts);
    context.figure("too_big", words::TOO_BIG, drawing.too_big());
    context.figure("found", words::FOUND, sent.info.effective_mss + HEADERS);
    let waited = waits(&drawing.segments()).iter().sum::<Duration>();
    context.figure("waited", words::WAITED, waited);
    context.expect(largest > usize::from(MTU), words::NOT_LARGE)?;
    context.expect(
        sent.info.timeouts >= 2 && drawing.too_big() == 0,
        words::NOT_SILENT,
    )?;
    context.expect(sent.info.effective_mss + HEADERS <= MTU, words::NOT_FOUND)?;
    context.say(words::VERDICT_SILENT)
}

fn told(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_TOLD)?;
    let narrow = lab.router().block_on(|| async {
        let links = Links::open()?;
        links.set_mtu(ROUTER_WEB_INTERFACE, u32::from(MTU)).await
    });
    step(words::NARROWING, narrow)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let sent = transfer(context, lab, (NOTHING, LEN), &drawing)?;
    context.figure("told_too_big", words::TOLD_TOO_BIG, drawing.too_big());
    context.figure("told_timeouts", words::TOLD_TIMEOUTS, sent.info.timeouts);
    let found = sent.info.effective_mss + HEADERS;
    context.figure("told_found", words::TOLD_FOUND, found);
    let waited = waits(&drawing.segments()).first().copied();
    context.figure(
        "told_waited",
        words::TOLD_WAITED,
        waited.unwrap_or_default(),
    );
    context.expect(
        drawing.too_big() > 0 && sent.info.timeouts == 0,
        words::NOT_TOLD,
    )?;
    context.expect(found == MTU, words::NOT_FOUND_TOLD)?;
    context.say(words::VERDICT_TOLD)
}

fn broken(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_BROKEN)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let tcp = Config {
        mtu_probing: MtuProbing::Off,
        user_timeout: Some(GIVE_UP),
        ..Config::default()
    };
    let options = sender(context, &drawing, SILENT, tcp);
    let ended = in_time(try_to_send(lab, options));
    context.draw(&drawing)?;
    let ended = step(words::SENDING, ended)?;
    let log = drawing.segments();
    let waits = waits(&log);
    context.figure("largest", words::LARGEST, largest(&drawing));
    context.figure("copies", words::COPIES, waits.len());
    context.figure("too_big", words::TOO_BIG, drawing.too_big());
    let passed = acknowledged(&drawing);
    context.figure("passed", words::PASSED, passed);
    let words_of_end = ended.map_or_else(|| "-".to_owned(), |kind| kind.to_string());
    context.figure("ended", words::ENDED, words_of_end);
    context.expect(passed == 0 && waits.len() >= 3, words::NOT_STUCK)?;
    context.expect(ended == Some(io::ErrorKind::TimedOut), words::NOT_GIVEN_UP)?;
    context.say(words::VERDICT_BROKEN)
}

fn transfer(
    context: &mut Context<'_>,
    lab: &Lab,
    (link, len): (&str, usize),
    drawing: &Drawing,
) -> Result<Sent, LessonError> {
    let options = sender(context, drawing, link, Config::default());
    let sent = in_time(send(lab, options, len));
    context.show(fold(&drawing.take_text()))?;
    let sent = step(words::SENDING, sent)?;
    context.expect(is_whole(&sent, len), words::NOT_WHOLE)?;
    Ok(sent)
}

/// How the connection failed; `None` when it did not.
async fn try_to_send(lab: &Lab, options: GuestOptions) -> io::Result<Option<io::ErrorKind>> {
    let guest = Guest::start(lab, options).await?;
    let mut stream = guest.net().connect(SINK).await?;
    stream.write_all(&vec![b'x'; LEN]).await?;
    let outcome = stream.read_to_end(&mut Vec::new()).await;
    drop(stream);
    guest.stop().await;
    Ok(outcome.err().map(|error| error.kind()))
}

/// The largest IP packet that we sent.
fn largest(drawing: &Drawing) -> usize {
    let ours = drawing.segments();
    let payloads = ours.iter().filter(|s| s.is_our_data());
    payloads.map(|s| s.wire_len).max().unwrap_or_default() + usize::from(HEADERS)
}

/// How many bytes the kernel has acknowledged.
fn acknowledged(drawing: &Drawing) -> u32 {
    let log = drawing.segments();
    let first = log.iter().find(|s| s.is_our_data());
    let theirs = log.iter().rev().find(|s| s.direction == Direction::In);
    match (first, theirs) {
        (Some(first), Some(last)) => last.header.ack.0.wrapping_sub(first.header.seq.0),
        _ => 0,
    }
}
