//! What happens when segments get lost: the hole is reported, sent again, and closed, and nobody
//! above TCP notices.

use std::io;

use handfast_packet::record::Direction;

use super::drawing::{Drawing, LINES_MAX};
use super::{Context, Lesson, LessonError, LessonReport, REPORT_MAX, expect, in_time, step};
use crate::guest::{Guest, GuestOptions};
use crate::http::Answer;
use crate::lab::{Lab, LabOptions};
use crate::server::ConnectionReport;

pub(super) const LESSON: Lesson = Lesson {
    name: "lost-segment",
    summary: "segments are lost on purpose; the hole closes and the page is intact",
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

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let options = LabOptions {
        super_segments: false,
        ..LabOptions::default()
    };
    let lab = Lab::start(options)?;
    let mut report = LessonReport::default();
    context.say(
        "The link loses the 5th, 9th and 10th segment with data on their way to us. What comes\n\
         behind the hole makes us repeat our ACK and name what we have (SACK); the server resends\n\
         what is missing, and the hole closes.\n",
    )?;
    download(context, &lab, &mut report)?;
    context.say(
        "\nThe same the other way round: we send, and the link loses our 4th and 8th segment with\n\
         data. The server's kernel says what it has, and we resend the rest.\n",
    )?;
    upload(context, &lab, &mut report)?;
    Ok(report)
}

fn download(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    let drawing = Drawing::new(LINES_MAX);
    let path = format!("/bytes/{PAGE_LEN}");
    let page = in_time(async {
        let guest = Guest::start(lab, options(DROPS_IN.0, &drawing, context.seed)?).await?;
        let page = guest.get(lab.web_socket(), &path).await;
        guest.stop().await;
        page
    });
    context.say(drawing.take_text().trim_end())?;
    let page = step("the download", page)?;
    let ended = ended(lab, 1)?;
    let resends = u64::from(ended.retransmissions());
    let sacks = drawing
        .count(|s| s.direction == Direction::Out && !s.header.options.sack.as_slice().is_empty());
    report.add("download: segments lost", DROPS_IN.1);
    report.add("download: ACKs with SACK that reported a hole", sacks);
    report.add("download: resends by the server's kernel", resends);
    report.add("download: bytes, first wrong one", intact(&page));

    expect(page.len == PAGE_LEN && page.mismatch.is_none(), || {
        format!("the page is not intact: {}", intact(&page))
    })?;
    expect(sacks > 0, || {
        "expected duplicate ACKs with SACK, saw none".to_owned()
    })?;
    expect_resends(resends, DROPS_IN.1)
}

fn upload(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    let drawing = Drawing::new(LINES_MAX);
    let sent = in_time(async {
        let guest = Guest::start(lab, options(DROPS_OUT.0, &drawing, context.seed)?).await?;
        let sent = guest.upload(lab.web_socket(), PAGE_LEN).await;
        guest.stop().await;
        sent
    });
    context.say(drawing.take_text().trim_end())?;
    let (answer, info) = step("the upload", sent)?;
    let ended = ended(lab, 2)?;
    report.add("upload: segments lost", DROPS_OUT.1);
    report.add(
        "upload: duplicate ACKs of the server's kernel",
        info.duplicate_acks,
    );
    report.add("upload: resends by Handfast", info.retransmissions);
    report.add(
        "upload: out of order for the server's kernel",
        ended.info.received_out_of_order,
    );
    report.add("upload: the server's verdict", answer.text().trim_end());

    expect(answer.text().ends_with(": ok\n"), || {
        format!("the server said {:?}", answer.text())
    })?;
    expect(ended.info.received_out_of_order > 0, || {
        "the server's kernel saw nothing out of order".to_owned()
    })?;
    expect_resends(info.retransmissions, DROPS_OUT.1)
}

/// At least one resend for each loss, and not more than twice as many.
fn expect_resends(resends: u64, drops: u64) -> Result<(), LessonError> {
    let most = drops * RESENDS_PER_DROP_MAX;
    expect((drops..=most).contains(&resends), || {
        format!("{resends} resends for {drops} lost segments, expected {drops} to {most}")
    })
}

fn options(spec: &str, drawing: &Drawing, seed: u64) -> io::Result<GuestOptions> {
    Ok(GuestOptions {
        impair: Some(spec.parse().map_err(io::Error::other)?),
        recorder: Some(drawing.recorder()),
        super_segments: false,
        seed,
        ..GuestOptions::default()
    })
}

fn ended(lab: &Lab, count: u64) -> Result<ConnectionReport, LessonError> {
    let ended = lab.server().wait_for_end(count, REPORT_MAX);
    ended
        .ok_or_else(|| LessonError::NotSeen("the connection never ended for the server".to_owned()))
}

fn intact(answer: &Answer) -> String {
    let wrong = answer
        .mismatch
        .map_or_else(|| "none".to_owned(), |at| at.to_string());
    format!("{}, {wrong}", answer.len)
}
