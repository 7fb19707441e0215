//! Two good ideas that together make a pause: a sender that holds small segments until what is out
//! is acknowledged, and a receiver that holds its ACK until it has something to say.

use std::io;
use std::time::Duration;

use futures::future::try_join;
use handfast::tcp::Config;
use handfast_packet::record::Direction;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::drawing::{Drawing, Segment};
use super::far_end::FarEnd;
use super::sending::sender;
use super::telling::{Context, step};
use super::words::nagle as words;
use super::{Lesson, LessonError, in_time, lab};
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;

pub(super) static LESSON: Lesson = Lesson {
    name: "nagle-and-delayed-ack",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// How often we ask, each time in two writes of so many bytes; and what is answered.
const ASKED: u32 = 12;
const HALF: usize = 100;
const ANSWER: usize = 50;
/// A round trip of 2 ms.
const LINK: &str = "delay=1ms";
const PORT: u16 = 10;
/// Requests that must have paused; the kernel acknowledges the first ones at once, until it knows
/// that this is a conversation.
const PAUSED_LEAST: usize = 4;
/// The least pause that a delayed ACK of the kernel makes.
const PAUSE: Duration = Duration::from_millis(30);

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    let nagle = !context.is_broken();
    context.say(match nagle {
        true => words::STORY,
        false => words::STORY_BROKEN,
    })?;
    let drawing = context.drawing();
    let tcp = Config {
        nagle,
        ..Config::default()
    };
    let options = sender(context, &drawing, LINK, tcp);
    let times = in_time(converse(&lab, options, &drawing));
    context.draw(&drawing)?;
    let times = step(words::ASKING, times)?;

    let held = held(&drawing.segments());
    let mut sorted = times.clone();
    sorted.sort();
    context.figure("asked", words::ASKED, ASKED);
    context.figure("held", words::HELD, held);
    context.figure("shortest", words::SHORTEST, sorted[0]);
    context.figure("median", words::MEDIAN, sorted[sorted.len() / 2]);
    context.figure("longest", words::LONGEST, sorted[sorted.len() - 1]);
    context.figure("all", words::ALL, times.iter().sum::<Duration>());
    if context.is_broken() {
        context.expect(held == 0, words::STILL_HELD)?;
        return context.say(words::VERDICT_BROKEN);
    }
    let paused = times.iter().filter(|&&time| time >= PAUSE).count();
    context.figure("paused", words::PAUSED, paused);
    context.expect(held >= PAUSED_LEAST, words::NOT_HELD)?;
    context.expect(paused >= PAUSED_LEAST, words::NOT_PAUSED)?;
    context.say(words::VERDICT)
}

/// Asks again and again, each time in two small writes; gives the time of each.
async fn converse(
    lab: &Lab,
    options: GuestOptions,
    drawing: &Drawing,
) -> io::Result<Vec<Duration>> {
    let far = FarEnd::listen(lab, PORT)?;
    let guest = Guest::start(lab, options).await?;
    let mut stream = guest.net().connect(far.address()).await?;
    let server = far.accept().await?;
    server.set_nodelay(true)?;
    let ask = async {
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let began = Instant::now();
            let before = drawing.count(Segment::is_our_data);
            stream.write_all(&[b'?'; HALF]).await?;
            // The first half is to be out before the second is written, or they would be one.
            while drawing.count(Segment::is_our_data) == before {
                yield_now().await;
            }
            stream.write_all(&[b'?'; HALF]).await?;
            stream.read_exact(&mut [0; ANSWER]).await?;
            times.push(began.elapsed());
        }
        stream.shutdown().await?;
        io::Result::Ok(times)
    };
    let (times, ()) = try_join(ask, server.serve(ASKED, 2 * HALF, ANSWER)).await?;
    drop(server);
    guest.stop().await;
    Ok(times)
}

/// How many second halves waited for an ACK of the first: data out, something in, data out, without
/// an answer between.
fn held(log: &[Segment]) -> usize {
    let mut held = 0;
    let mut first_is_out = false;
    let mut bare_ack = false;
    for segment in log {
        match (segment.direction, segment.payload_len) {
            (Direction::Out, 0) => {}
            (Direction::Out, _) => {
                held += usize::from(first_is_out && bare_ack);
                (first_is_out, bare_ack) = (true, false);
            }
            (Direction::In, 0) => bare_ack = true,
            (Direction::In, _) => (first_is_out, bare_ack) = (false, false),
        }
    }
    held
}
