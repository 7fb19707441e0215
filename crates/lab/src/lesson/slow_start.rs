//! How a sender finds out what a path carries: it begins with ten segments and sends twice as much
//! in each round trip.

use handfast::tcp::Config;

use super::drawing::fold;
use super::sending::{FULL, is_whole, round_trip, rounds, send, sender, sink};
use super::telling::{Context, step};
use super::words::slow_start as words;
use super::{Lesson, LessonError, in_time, lab};

pub(super) static LESSON: Lesson = Lesson {
    name: "slow-start",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// The path: a round trip of 100 ms, and room for whatever comes.
const LINK: &str = "delay=50ms";
/// What is sent: a first window of ten segments makes five rounds of it.
const SEGMENTS: usize = 240;
/// Segments in the first window (RFC 6928), and in that of the broken lesson.
const FIRST_WINDOW: u16 = 10;
const FIRST_WINDOW_BROKEN: u16 = 1;
/// Rounds that the broken lesson needs at least: 1 + 2 + 4 + ... + 64 are less than 240.
const ROUNDS_BROKEN: usize = 8;
/// Lines of the ladder that may be drawn, before ACKs that only say one more number are left out.
const LADDER_MAX: usize = 4_096;

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    let sink = sink(&lab)?;
    let (story, first_window) = match context.is_broken() {
        false => (words::STORY, FIRST_WINDOW),
        true => (words::STORY_BROKEN, FIRST_WINDOW_BROKEN),
    };
    context.say(story)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let tcp = Config {
        initial_window: first_window,
        // It would leave slow start when a busy machine makes round trips look longer.
        hystart: false,
        ..Config::default()
    };
    let options = sender(context, &drawing, LINK, tcp);
    let len = SEGMENTS * FULL;
    let sent = in_time(send(&lab, options, len));
    context.show(fold(&drawing.take_text()))?;
    let sent = step(words::SENDING, sent)?;
    drop(sink);

    let rounds: Vec<usize> = rounds(&drawing.segments())
        .iter()
        .map(|bytes| bytes.div_ceil(FULL))
        .collect();
    let listed: Vec<String> = rounds.iter().map(usize::to_string).collect();
    context.figure("rounds", words::ROUNDS, rounds.len());
    context.figure("flights", words::FLIGHTS, listed.join(", "));
    let window = sent.info.congestion_window / FULL as u64;
    context.figure("window", words::WINDOW, window);
    context.figure("rtt", words::RTT, round_trip(&drawing.segments()));
    context.figure("resends", words::RESENDS, sent.info.retransmissions);
    context.expect(is_whole(&sent, len), words::NOT_WHOLE)?;
    let first = rounds.first().copied().unwrap_or_default();
    context.expect(first == usize::from(first_window), words::NOT_FIRST)?;
    // By half at least, since the kernel may acknowledge late; and in the first rounds, since its
    // receive window limits later ones.
    let grown = |two: &[usize]| two[1] * 2 >= two[0] * 3;
    let is_grown = rounds.len() > 3 && rounds[..3].windows(2).all(grown);
    context.expect(is_grown, words::NOT_GROWN)?;
    if context.is_broken() {
        context.expect(rounds.len() >= ROUNDS_BROKEN, words::NOT_SLOWER)?;
        return context.say(words::VERDICT_BROKEN);
    }
    context.expect(rounds.len() < ROUNDS_BROKEN, words::NOT_FAST)?;
    context.say(words::VERDICT)
}
