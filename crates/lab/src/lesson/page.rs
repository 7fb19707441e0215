//! One page over Handfast's own TCP, from the first ARP packet to the last FIN.

use std::io;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;

use super::drawing::{Drawing, LINES_MAX};
use super::{Context, Lesson, LessonError, LessonReport, REPORT_MAX, expect, in_time, lab, step};
use crate::counters::Counters;
use crate::guest::{Guest, GuestOptions};
use crate::http::Answer;
use crate::lab::Lab;
use crate::server::ConnectionEnd;

pub(super) const LESSON: Lesson = Lesson {
    name: "page",
    summary: "GET / from the first ARP packet to the last FIN",
    run,
};

/// What the page must contain.
const HEADLINE: &str = "<h1>It works!</h1>";

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let lab = lab()?;
    context.say(
        "Handfast claims 192.168.0.129, asks who has the gateway, opens a connection to the web\n\
         server, sends a request, takes the answer, and closes. The server runs on the kernel's TCP.\n",
    )?;
    let drawing = Drawing::new(LINES_MAX);
    let before = step("reading counters", Counters::of(lab.home()))?;
    let page = in_time(fetch(&lab, &drawing, context.seed));
    context.say(drawing.take_text().trim_end())?;
    let page = step("fetching the page", page)?;

    let ended = lab.server().wait_for_end(1, REPORT_MAX);
    let host = step("reading counters", Counters::of(lab.home()))?.since(&before);
    let fins = |direction| drawing.count(|s| s.direction == direction && s.has(TcpFlags::FIN));
    let resets = drawing.resets(Direction::In) + drawing.resets(Direction::Out);
    let resends = ended.as_ref().map_or(0, |ended| ended.retransmissions());
    let mut report = LessonReport::default();
    report.add(
        "status, bytes of the page",
        format_args!("{}, {}", page.status, page.len),
    );
    report.add("TCP segments in the ladder", drawing.count(|_| true));
    report.add("of them with data", drawing.count(|s| s.payload_len > 0));
    report.add("resends by the server's kernel", resends);
    report.add("RSTs, by anybody", resets);
    report.add("RSTs made by the host's kernel", host.get("Tcp.OutRsts"));
    let end = ended.as_ref().map(|ended| ended.end);
    report.add("how it ended for the server", format_args!("{end:?}"));

    expect(page.status == 200 && page.text().contains(HEADLINE), || {
        format!(
            "status {}, and the page says {:?}",
            page.status,
            page.text()
        )
    })?;
    expect(fins(Direction::In) > 0 && fins(Direction::Out) > 0, || {
        "expected a FIN from either side".to_owned()
    })?;
    expect(end == Some(ConnectionEnd::Closed), || {
        format!("for the server it ended as {end:?}")
    })?;
    expect(resets == 0 && host.get("Tcp.OutRsts") == 0, || {
        format!("{resets} RSTs, expected none")
    })?;
    expect(resends == 0, || {
        format!("{resends} resends on a perfect link, expected none")
    })?;
    Ok(report)
}

async fn fetch(lab: &Lab, drawing: &Drawing, seed: u64) -> io::Result<Answer> {
    let options = GuestOptions {
        recorder: Some(drawing.recorder()),
        seed,
        ..GuestOptions::default()
    };
    let guest = Guest::start(lab, options).await?;
    let page = guest.get(lab.web_socket(), "/").await;
    guest.stop().await;
    page
}
