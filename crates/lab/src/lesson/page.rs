//! One page over Handfast's own TCP, from the first ARP packet to the last FIN.

use std::io;
use std::net::SocketAddr;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;

use super::drawing::Drawing;
use super::telling::{Context, step};
use super::words::{Said, page as words};
use super::{Lesson, LessonError, REPORT_MAX, in_time, lab};
use crate::guest::Guest;
use crate::http::Answer;
use crate::lab::Lab;
use crate::server::ConnectionEnd;
use crate::topology::WEB_V4;

pub(super) static LESSON: Lesson = Lesson {
    name: "page",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// What the page must contain.
const HEADLINE: &str = "<h1>It works!</h1>";
/// Where nobody listens.
const CLOSED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(WEB_V4), 81);

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    if context.is_broken() {
        return refused(context, &lab);
    }
    context.say(words::STORY)?;
    let drawing = context.drawing();
    let before = context.counters(lab.home())?;
    let page = in_time(fetch(context, &lab, &drawing, lab.web_socket()));
    context.draw(&drawing)?;
    let page = step(words::FETCHING, page)?;

    let ended = lab.server().wait_for_end(1, REPORT_MAX);
    let host = context.counters(lab.home())?.since(&before);
    let fins = |direction| drawing.count(|s| s.direction == direction && s.has(TcpFlags::FIN));
    let resets = drawing.resets(Direction::In) + drawing.resets(Direction::Out);
    let resends = ended.as_ref().map_or(0, |ended| ended.retransmissions());
    let made = host.get("Tcp.OutRsts");
    let status = Said::same(page.status).and(page.len);
    context.figure("status", words::STATUS, status);
    context.figure("segments", words::SEGMENTS, drawing.count(|_| true));
    let with_data = drawing.count(|s| s.payload_len > 0);
    context.figure("with_data", words::WITH_DATA, with_data);
    context.figure("resends", words::RESENDS, resends);
    context.figure("resets", words::RESETS, resets);
    context.figure("made", words::MADE, made);
    let fins = [fins(Direction::Out), fins(Direction::In)];
    context.figure("fins", words::FINS, Said::same(fins[0]).and(fins[1]));
    let closed = ended.is_some_and(|ended| ended.end == ConnectionEnd::Closed);
    context.figure("closed", words::IS_CLOSED, closed);

    let is_page = page.status == 200 && page.text().contains(HEADLINE);
    context.expect(is_page, words::NOT_THE_PAGE)?;
    context.expect(fins[0] > 0 && fins[1] > 0, words::NO_FINS)?;
    context.expect(closed, words::NOT_CLOSED)?;
    context.expect(resets == 0 && made == 0, words::WAS_RESET)?;
    context.expect(resends == 0, words::WAS_RESENT)
}

/// The broken lesson: a page of a port where nobody listens.
fn refused(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_REFUSED)?;
    let drawing = context.drawing();
    let page = in_time(async { Ok(fetch(context, lab, &drawing, CLOSED).await) });
    context.draw(&drawing)?;
    let page = step(words::FETCHING, page)?;
    let is_syn = |s: &super::drawing::Segment| s.has(TcpFlags::SYN);
    context.figure("syns", words::SYNS, drawing.count(is_syn));
    let resets = drawing.resets(Direction::In);
    context.figure("resets", words::RESETS, resets);
    let kind = page.err().map(|error| error.kind());
    let is_refused = kind == Some(io::ErrorKind::ConnectionRefused);
    context.figure("refused", words::REFUSED, is_refused);
    context.expect(is_refused && resets == 1, words::NOT_REFUSED)?;
    context.say(words::VERDICT_REFUSED)
}

async fn fetch(
    context: &Context<'_>,
    lab: &Lab,
    drawing: &Drawing,
    server: SocketAddr,
) -> io::Result<Answer> {
    let guest = Guest::start(lab, context.guest(drawing)).await?;
    let page = guest.get(server, "/").await;
    guest.stop().await;
    page
}
