//! Why a user-space stack cannot simply borrow the host's address: the kernel answers too. And two
//! ways to silence it, each with its price.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;

use super::by_hand::{Hand, Talk};
use super::drawing::{Drawing, Segment};
use super::telling::{Context, step};
use super::words::{READING_COUNTERS, Said, kernel_reset as words};
use super::{Lesson, LessonError, REPORT_MAX, lab};
use crate::counters::Counters;
use crate::http;
use crate::lab::{Lab, WEB_NAME};
use crate::quiet_port::QuietPort;
use crate::server::ConnectionEnd;
use crate::topology::HOME_HOST_V4;
use crate::veth::Links;

pub(super) static LESSON: Lesson = Lesson {
    name: "kernel-reset",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// The kernel answers while it still handles the frame; this is a thousand times as long.
const REFLEX_MAX: Duration = Duration::from_millis(20);
/// Our ports in the attempts; the kernel gives these to nobody by itself.
const PORTS: [u16; 4] = [20_001, 20_002, 20_003, 20_004];

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    if context.is_broken() {
        return let_go(context, &lab);
    }
    context.say(words::STORY_BORROW)?;
    borrow(context, &lab)?;
    context.say(words::STORY_FILTER)?;
    filter(context, &lab)?;
    context.say(words::STORY_HOLD)?;
    hold(context, &lab)?;
    context.say(words::VERDICT)
}

/// What came of one connection from the host's address.
struct Attempt {
    drawing: Drawing,
    /// The server's SYN-ACK.
    answer: Segment,
    /// The page; `None` when the server had no connection any more.
    page: Option<Vec<u8>>,
    /// RSTs that the host's kernel made, whether or not they got anywhere.
    resets_made: i64,
    /// RSTs that went out on the wire.
    resets_sent: usize,
}

fn attempt(context: &mut Context<'_>, lab: &Lab, port: u16) -> Result<Attempt, LessonError> {
    let drawing = context.drawing();
    let outcome = (|| -> io::Result<Attempt> {
        let before = Counters::of(lab.home())?;
        let mut hand = Hand::at_home(lab, HOME_HOST_V4, None, Some(&drawing))?;
        let mut talk = Talk::new(&mut hand, (port, lab.server().port()))?;
        let answer = talk.open(&mut hand)?;
        let page = talk.fetch(&mut hand, &http::get("/", WEB_NAME))?;
        hand.listen_in()?;
        let growth = Counters::of(lab.home())?.since(&before);
        let resets_made = growth.get("Tcp.OutRsts");
        let resets_sent = drawing.resets(Direction::Out);
        Ok(Attempt {
            drawing: drawing.clone(),
            answer,
            page,
            resets_made,
            resets_sent,
        })
    })();
    context.draw(&drawing)?;
    step(words::BY_HAND, outcome)
}

fn borrow(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    let bare = attempt(context, lab, PORTS[0])?;
    let segments = bare.drawing.segments();
    let is_first = |s: &&Segment| s.direction == Direction::Out && s.has(TcpFlags::RST);
    let reset = segments.iter().find(is_first);
    context.figure("made", words::MADE, bare.resets_made);
    context.figure("sent", words::SENT, bare.resets_sent);
    let from_server = bare.drawing.resets(Direction::In);
    context.figure("from_server", words::FROM_SERVER, from_server);
    let reflex = reset.map(|reset| reset.at.duration_since(bare.answer.at));
    context.expect(reflex.is_some(), words::NO_RESET)?;
    let reflex = reflex.unwrap_or_default();
    context.figure("reflex", words::REFLEX, reflex);
    context.expect(reflex < REFLEX_MAX, words::NOT_A_REFLEX)?;
    context.expect(
        bare.page.is_none() && from_server > 0,
        words::STILL_CONNECTED,
    )?;
    context.expect(
        bare.resets_made > 0 && bare.resets_sent > 0,
        words::NO_RESET,
    )
}

fn filter(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    let silenced = lab
        .home()
        .block_on(|| async { Links::open()?.silence_port(HOME_HOST_V4, PORTS[1]).await });
    if silenced.is_err() {
        // Rules need a kernel with policy routing; the other way needs nothing.
        context.figure("filtered", words::FILTERED, words::NOT_TRIED);
        return context.say(words::NO_RULES);
    }
    let filtered = attempt(context, lab, PORTS[1])?;
    let counts = Said::same(filtered.resets_made).and(filtered.resets_sent);
    context.figure("filtered", words::FILTERED, counts);
    context.expect(filtered.resets_made > 0, words::NONE_TO_FILTER)?;
    is_silent(context, &filtered)
}

fn hold(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    let held = step(words::HOLDING, hold_port(lab, PORTS[2]))?;
    let quiet = attempt(context, lab, PORTS[2])?;
    drop(held);
    let counts = Said::same(quiet.resets_made).and(quiet.resets_sent);
    context.figure("held", words::HELD, counts);
    context.expect(quiet.resets_made == 0, words::MADE_ALL_THE_SAME)?;
    is_silent(context, &quiet)
}

/// The kernel was silenced: the page came and no RST went out.
fn is_silent(context: &Context<'_>, attempt: &Attempt) -> Result<(), LessonError> {
    context.expect(attempt.resets_sent == 0, words::NOT_SILENT)?;
    let is_page = |page: &Vec<u8>| page.starts_with(b"HTTP/1.1 200 ");
    context.expect(attempt.page.as_ref().is_some_and(is_page), words::NO_PAGE)
}

/// The broken lesson: the port that keeps the kernel quiet is let go in the middle of the
/// connection.
fn let_go(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_BROKEN)?;
    let before = step(READING_COUNTERS, Counters::of(lab.home()))?;
    let held = step(words::HOLDING, hold_port(lab, PORTS[3]))?;
    let drawing = context.drawing();
    let outcome = (|| -> io::Result<i64> {
        let mut hand = Hand::at_home(lab, HOME_HOST_V4, None, Some(&drawing))?;
        let mut talk = Talk::new(&mut hand, (PORTS[3], lab.server().port()))?;
        talk.open(&mut hand)?;
        hand.send(&talk.packet(&hand, talk.ack_segment()))?;
        let quiet = Counters::of(lab.home())?.since(&before).get("Tcp.OutRsts");
        drop(held);
        let request = http::get("/", WEB_NAME);
        let ask = talk.packet(&hand, talk.ack_segment().push()) / request.as_str();
        hand.send(&ask)?;
        // The server's kernel acknowledges, the host's answers that with a RST.
        let ended = lab.server().wait_for_end(1, REPORT_MAX);
        hand.listen_in()?;
        let is_reset = ended.is_some_and(|ended| ended.end == ConnectionEnd::ResetByPeer);
        is_reset
            .then_some(quiet)
            .ok_or_else(|| io::ErrorKind::TimedOut.into())
    })();
    context.draw(&drawing)?;
    let quiet = step(words::LETTING_GO, outcome)?;
    let made = context
        .counters(lab.home())?
        .since(&before)
        .get("Tcp.OutRsts");
    context.figure("quiet", words::QUIET, quiet);
    context.figure("loud", words::LOUD, made - quiet);
    context.expect(quiet == 0 && made > 0, words::NOT_BROKEN)?;
    context.say(words::VERDICT_BROKEN)
}

fn hold_port(lab: &Lab, port: u16) -> io::Result<QuietPort> {
    let address = SocketAddr::from((HOME_HOST_V4, port));
    lab.home().run(|| QuietPort::hold(address))
}
