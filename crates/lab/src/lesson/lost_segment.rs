//! What happens when segments get lost: the hole is reported, sent again, and closed, and nobody
//! above TCP notices.

use std::io;
use std::time::Duration;

use handfast::tcp::{Config, MtuProbing};
use handfast_packet::cause::Cause;
use handfast_packet::record::Direction;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::drawing::Drawing;
use super::sending::{FULL, SINK, caused, sender, sink, waits};
use super::telling::{Context, step};
use super::words::{Said, lost_segment as words};
use super::{Lesson, LessonError, REPORT_MAX, in_time, lab_of_segments};
use crate::guest::{Guest, GuestOptions};
use crate::http::Answer;
use crate::lab::Lab;
use crate::server::ConnectionReport;

pub(super) static LESSON: Lesson = Lesson {
    name: "lost-segment",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// The segments with data that the link loses on the way in, counted from 1, and their number.
const DROPS_IN: (&str, u64) = ("in.drop=5+9+10", 3);
/// The same on the way out.
const DROPS_OUT: (&str, u64) = ("out.drop=4+8", 2);
/// Length of the page and of the upload in bytes.
const PAGE_LEN: u64 = 40_000;
/// Times that a lost segment may be sent again.
const RESENDS_PER_DROP_MAX: u64 = 2;

/// In the broken lesson the cable is cut behind the third segment: whatever carries data is lost
/// from there on.
const CUT_FROM: u64 = 4;
const CUT_TO: u64 = 64;
/// How long the broken lesson tries.
const GIVE_UP: Duration = Duration::from_secs(2);

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab_of_segments()?;
    if context.is_broken() {
        return cut(context, &lab);
    }
    context.say(words::STORY_DOWNLOAD)?;
    download(context, &lab)?;
    context.say(words::STORY_UPLOAD)?;
    upload(context, &lab)
}

fn download(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    let drawing = context.drawing();
    let path = format!("/bytes/{PAGE_LEN}");
    let options = options(context, &drawing, DROPS_IN.0);
    let page = in_time(async {
        let guest = Guest::start(lab, options).await?;
        let page = guest.get(lab.web_socket(), &path).await;
        guest.stop().await;
        page
    });
    context.draw(&drawing)?;
    let page = step(words::DOWNLOADING, page)?;
    let ended = ended(lab, 1)?;
    let resends = u64::from(ended.retransmissions());
    let sacks = drawing
        .count(|s| s.direction == Direction::Out && !s.header.options.sack.as_slice().is_empty());
    context.figure("in_lost", words::IN_LOST, DROPS_IN.1);
    context.figure("in_sacks", words::IN_SACKS, sacks);
    context.figure("in_resends", words::IN_RESENDS, resends);
    context.figure("in_bytes", words::IN_BYTES, intact(&page));

    let is_whole = page.len == PAGE_LEN && page.mismatch.is_none();
    context.expect(is_whole, words::NOT_INTACT)?;
    context.expect(sacks > 0, words::NO_SACKS)?;
    context.expect(is_fair(resends, DROPS_IN.1), words::IN_NOT_FAIR)
}

fn upload(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    let drawing = context.drawing();
    let options = options(context, &drawing, DROPS_OUT.0);
    let sent = in_time(async {
        let guest = Guest::start(lab, options).await?;
        let sent = guest.upload(lab.web_socket(), PAGE_LEN).await;
        guest.stop().await;
        sent
    });
    context.draw(&drawing)?;
    let (answer, info) = step(words::UPLOADING, sent)?;
    let ended = ended(lab, 2)?;
    context.figure("out_lost", words::OUT_LOST, DROPS_OUT.1);
    context.figure("duplicates", words::DUPLICATES, info.duplicate_acks);
    context.figure("out_resends", words::OUT_RESENDS, info.retransmissions);
    let late = ended.info.received_out_of_order;
    context.figure("late", words::LATE, late);
    context.figure("verdict", words::VERDICT, answer.text().trim_end());

    context.expect(answer.text().ends_with(": ok\n"), words::NOT_OK)?;
    context.expect(late > 0, words::NOT_LATE)?;
    let is_fair = is_fair(info.retransmissions, DROPS_OUT.1);
    context.expect(is_fair, words::OUT_NOT_FAIR)
}

/// The broken lesson: copies are lost as well, for ever.
fn cut(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_CUT)?;
    let sink = sink(lab)?;
    let drawing = context.drawing();
    let numbers: Vec<String> = (CUT_FROM..=CUT_TO)
        .map(|number| number.to_string())
        .collect();
    let link = format!("out.drop={}", numbers.join("+"));
    let tcp = Config {
        user_timeout: Some(GIVE_UP),
        // A cut cable is no black hole for large packets, and is not to look like one.
        mtu_probing: MtuProbing::Off,
        ..Config::default()
    };
    let options = sender(context, &drawing, &link, tcp);
    let ended = in_time(send_until_it_fails(lab, options));
    context.draw(&drawing)?;
    drop(sink);
    let kind = step(words::UPLOADING, ended)?;
    let log = drawing.segments();
    let copies = caused(&log, |cause| matches!(cause, Cause::TimeoutRetransmit(_)));
    let waits = waits_of_timer(&log);
    context.figure("copies", words::COPIES, copies);
    let listed = waits.iter().map(|&wait| Said::from(wait));
    let listed = listed.reduce(|all, wait| all.and(wait));
    context.figure("waits", words::WAITS, listed.unwrap_or_default());
    let is_timeout = kind == Some(io::ErrorKind::TimedOut);
    context.figure("timed_out", words::TIMED_OUT, is_timeout);
    let is_doubling = waits.windows(2).all(|two| two[1] > two[0]);
    context.expect(waits.len() >= 2 && is_doubling, words::NOT_DOUBLING)?;
    context.expect(is_timeout, words::NOT_TIMED_OUT)?;
    context.say(words::VERDICT_CUT)
}

/// The times between the copies that the timer sent.
fn waits_of_timer(log: &[super::drawing::Segment]) -> Vec<Duration> {
    let is_copy = |s: &&super::drawing::Segment| matches!(s.cause, Cause::TimeoutRetransmit(_));
    let copies: Vec<_> = log.iter().filter(is_copy).cloned().collect();
    waits(&copies)
}

/// How the connection failed; `None` when it did not.
async fn send_until_it_fails(
    lab: &Lab,
    options: GuestOptions,
) -> io::Result<Option<io::ErrorKind>> {
    let guest = Guest::start(lab, options).await?;
    let mut stream = guest.net().connect(SINK).await?;
    stream.write_all(&vec![b'x'; 10 * FULL]).await?;
    let outcome = stream.read_to_end(&mut Vec::new()).await;
    drop(stream);
    guest.stop().await;
    Ok(outcome.err().map(|error| error.kind()))
}

/// At least one resend for each loss, and not more than twice as many.
fn is_fair(resends: u64, drops: u64) -> bool {
    (drops..=drops * RESENDS_PER_DROP_MAX).contains(&resends)
}

fn options(context: &Context<'_>, drawing: &Drawing, spec: &str) -> GuestOptions {
    let mut options = context.guest(drawing);
    options.impair = Some(spec.parse().expect("the lesson's own link is well-formed"));
    options.super_segments = false;
    options
}

fn ended(lab: &Lab, count: u64) -> Result<ConnectionReport, LessonError> {
    let ended = lab.server().wait_for_end(count, REPORT_MAX);
    ended.ok_or_else(|| LessonError::NotSeen(words::NEVER_ENDED.into()))
}

/// How many bytes came, and the first wrong one.
fn intact(answer: &Answer) -> Said {
    let wrong = answer.mismatch.map_or(words::NONE.into(), Said::same);
    Said::same(answer.len).and(wrong)
}
