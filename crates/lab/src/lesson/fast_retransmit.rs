//! A hole in the middle of a flight: what arrives behind it makes the receiver say so again and
//! again, and the sender repairs it without waiting for its timer. With SACK and without.

use std::time::Duration;

use handfast::tcp::Config;
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::record::Direction;

use super::sending::{FULL, Sent, caused, is_whole, send, sender, sink, waits};
use super::telling::{Context, step};
use super::words::fast_retransmit as words;
use super::{Lesson, LessonError, in_time, lab_of_segments};
use crate::lab::Lab;

pub(super) static LESSON: Lesson = Lesson {
    name: "fast-retransmit",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// The path loses our 5th and our 8th segment with data; a round trip is 30 ms.
const LINK: &str = "delay=15ms,out.drop=5+8";
const LOST: u64 = 2;
/// Segments that are sent: two flights.
const SEGMENTS: usize = 30;
/// In the broken lesson the fifth of six is lost, so that one segment follows.
const LINK_BROKEN: &str = "delay=15ms,out.drop=5";
const SEGMENTS_BROKEN: usize = 6;

/// What a transfer showed.
struct Seen {
    sent: Sent,
    /// ACKs of the kernel with SACK blocks.
    sacks: usize,
    /// Copies that left because something showed the loss, of them by three duplicate ACKs.
    fast: usize,
    by_duplicates: usize,
    /// From the first loss to its copy.
    waited: Duration,
}

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab_of_segments()?;
    let sink = sink(&lab)?;
    if context.is_broken() {
        broken(context, &lab)?;
    } else {
        with_sack(context, &lab)?;
        without_sack(context, &lab)?;
    }
    drop(sink);
    Ok(())
}

fn transfer(
    context: &mut Context<'_>,
    lab: &Lab,
    link: &str,
    (segments, tcp): (usize, Config),
) -> Result<Seen, LessonError> {
    let drawing = context.drawing();
    let options = sender(context, &drawing, link, tcp);
    let len = segments * FULL;
    let sent = in_time(send(lab, options, len));
    context.draw(&drawing)?;
    let sent = step(words::SENDING, sent)?;
    context.expect(is_whole(&sent, len), words::NOT_WHOLE)?;
    let log = drawing.segments();
    let has_sack = |s: &super::drawing::Segment| !s.header.options.sack.as_slice().is_empty();
    Ok(Seen {
        sent,
        sacks: drawing.count(|s| s.direction == Direction::In && has_sack(s)),
        fast: caused(&log, |cause| matches!(cause, Cause::FastRetransmit(_))),
        by_duplicates: caused(&log, |cause| {
            cause == Cause::FastRetransmit(Proof::DuplicateAcks)
        }),
        waited: waits(&log).first().copied().unwrap_or_default(),
    })
}

fn with_sack(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_SACK)?;
    let seen = transfer(context, lab, LINK, (SEGMENTS, Config::default()))?;
    let info = &seen.sent.info;
    context.figure("lost", words::LOST, LOST);
    context.figure("sacks", words::SACKS, seen.sacks);
    context.figure("fast", words::FAST, seen.fast);
    context.figure("timeouts", words::TIMEOUTS, info.timeouts);
    context.figure("waited", words::WAITED, seen.waited);
    context.figure("rto", words::RTO, info.rto);
    context.expect(seen.sacks > 0, words::NO_SACKS)?;
    let repaired = info.retransmissions >= LOST && seen.fast > 0;
    context.expect(repaired && info.timeouts == 0, words::NOT_FAST)?;
    context.say(words::VERDICT_SACK)
}

fn without_sack(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_NO_SACK)?;
    let tcp = Config {
        sack: false,
        ..Config::default()
    };
    let seen = transfer(context, lab, LINK, (SEGMENTS, tcp))?;
    let info = &seen.sent.info;
    context.figure(
        "bare_duplicates",
        words::BARE_DUPLICATES,
        info.duplicate_acks,
    );
    context.figure("bare_sacks", words::BARE_SACKS, seen.sacks);
    context.figure("bare_fast", words::BARE_FAST, seen.fast);
    context.figure("bare_timeouts", words::BARE_TIMEOUTS, info.timeouts);
    context.figure("bare_waited", words::BARE_WAITED, seen.waited);
    context.expect(
        seen.sacks == 0 && info.duplicate_acks >= 3 && seen.by_duplicates > 0,
        words::NO_DUPLICATES,
    )?;
    context.expect(
        info.retransmissions >= LOST && info.timeouts == 0,
        words::BARE_NOT_FAST,
    )?;
    context.say(words::VERDICT_NO_SACK)
}

fn broken(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_BROKEN)?;
    let tcp = Config {
        sack: false,
        rack: false,
        tail_loss_probe: false,
        ..Config::default()
    };
    let seen = transfer(context, lab, LINK_BROKEN, (SEGMENTS_BROKEN, tcp))?;
    let info = &seen.sent.info;
    context.figure(
        "bare_duplicates",
        words::BARE_DUPLICATES,
        info.duplicate_acks,
    );
    context.figure("fast", words::FAST, seen.fast);
    context.figure("timeouts", words::TIMEOUTS, info.timeouts);
    context.figure("waited", words::WAITED, seen.waited);
    context.expect(seen.fast == 0 && info.timeouts > 0, words::NOT_BROKEN)?;
    context.say(words::VERDICT_BROKEN)
}
