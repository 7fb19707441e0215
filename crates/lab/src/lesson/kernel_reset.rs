//! Why a user-space stack cannot simply borrow the host's address: the kernel answers too. And two
//! ways to silence it, each with its price.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;

use super::by_hand::{ANSWER_MAX, Hand, Talk};
use super::drawing::{Drawing, LINES_MAX, Segment};
use super::{Context, Lesson, LessonError, LessonReport, expect, lab, step};
use crate::counters::Counters;
use crate::http;
use crate::lab::{Lab, WEB_NAME};
use crate::quiet_port::QuietPort;
use crate::topology::HOME_HOST_V4;
use crate::veth::Links;

pub(super) const LESSON: Lesson = Lesson {
    name: "kernel-reset",
    summary: "with the host's own address, the host's kernel resets our connection",
    run,
};

/// The kernel answers while it still handles the frame; this is a thousand times as long.
const REFLEX_MAX: Duration = Duration::from_millis(20);
/// Our ports in the three attempts; the kernel gives these to nobody by itself.
const PORTS: [u16; 3] = [20_001, 20_002, 20_003];

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let lab = lab()?;
    let mut report = LessonReport::default();
    context.say(
        "We open a connection by hand from 192.168.0.11, the host's own address. The server's\n\
         answer reaches us and the host's kernel. The kernel knows of no such connection and says\n\
         so with a RST, long before we can send our ACK.\n",
    )?;
    borrow(context, &lab, &mut report)?;
    context.say(
        "\nThe same with a filter: a routing rule throws away what the kernel sends from our port\n\
         (`ip rule add from 192.168.0.11 ipproto tcp sport 20002 blackhole`; a firewall rule that\n\
         drops outgoing RSTs does the same). The RST is made, and goes nowhere.\n",
    )?;
    filter(context, &lab, &mut report)?;
    context.say(
        "\nThe same with a listening kernel socket on our port that discards everything: the kernel\n\
         now knows the port, and makes no RST in the first place.\n",
    )?;
    hold(context, &lab, &mut report)?;
    context.say(
        "\nBoth take something from the host: privilege over its rules, or one of its ports, for\n\
         each connection. An address of our own takes nothing: see the lesson `claim`.",
    )?;
    Ok(report)
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
    let drawing = Drawing::new(LINES_MAX);
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
    context.say(drawing.take_text().trim_end())?;
    step("a connection by hand", outcome)
}

fn borrow(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    let bare = attempt(context, lab, PORTS[0])?;
    let segments = bare.drawing.segments();
    let is_first = |s: &&Segment| s.direction == Direction::Out && s.has(TcpFlags::RST);
    let reset = segments.iter().find(is_first);
    let Some(reset) = reset else {
        return Err(LessonError::NotSeen(
            "expected a RST from the host's kernel on the wire, saw none".to_owned(),
        ));
    };
    let reflex = reset.at.duration_since(bare.answer.at);
    report.add("kernel's RST after the SYN-ACK", format_args!("{reflex:?}"));
    report.add(
        "RSTs made by the host's kernel (Tcp.OutRsts)",
        bare.resets_made,
    );
    report.add("RSTs of it on the wire", bare.resets_sent);
    let from_server = bare.drawing.resets(Direction::In);
    report.add(
        "RSTs of the server to our late ACK and request",
        from_server,
    );
    expect(reflex < REFLEX_MAX, || {
        format!("the kernel's RST took {reflex:?}, expected microseconds")
    })?;
    expect(bare.page.is_none() && from_server > 0, || {
        "the server still had the connection after the kernel's RST".to_owned()
    })?;
    expect(bare.resets_made > 0 && bare.resets_sent > 0, || {
        format!(
            "{} RSTs made, {} sent, expected some",
            bare.resets_made, bare.resets_sent
        )
    })
}

fn filter(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    let silenced = lab
        .home()
        .block_on(|| async { Links::open()?.silence_port(HOME_HOST_V4, PORTS[1]).await });
    if let Err(error) = silenced {
        // Rules need a kernel with policy routing; the other way needs nothing.
        context.say(&format!(
            "This kernel refuses such a rule ({error}), so this part is left out."
        ))?;
        report.add("RSTs that reached the wire past the filter", "not tried");
        return Ok(());
    }
    let filtered = attempt(context, lab, PORTS[1])?;
    report.add(
        "with the filter: RSTs made, RSTs on the wire",
        format_args!("{}, {}", filtered.resets_made, filtered.resets_sent),
    );
    expect(filtered.resets_made > 0, || {
        "the kernel made no RST to filter".to_owned()
    })?;
    silent(&filtered, "the filter")
}

fn hold(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    let address = SocketAddr::from((HOME_HOST_V4, PORTS[2]));
    let held = lab.home().run(|| QuietPort::hold(address));
    let held = step("holding a port", held)?;
    let quiet = attempt(context, lab, PORTS[2])?;
    drop(held);
    report.add(
        "with the port held: RSTs made, RSTs on the wire",
        format_args!("{}, {}", quiet.resets_made, quiet.resets_sent),
    );
    expect(quiet.resets_made == 0, || {
        format!(
            "the kernel made {} RSTs for a port that was held",
            quiet.resets_made
        )
    })?;
    silent(&quiet, "the held port")
}

/// The kernel was silenced: the page came and no RST went out.
fn silent(attempt: &Attempt, how: &str) -> Result<(), LessonError> {
    expect(attempt.resets_sent == 0, || {
        format!("{} RSTs on the wire despite {how}", attempt.resets_sent)
    })?;
    let is_page = |page: &Vec<u8>| page.starts_with(b"HTTP/1.1 200 ");
    expect(attempt.page.as_ref().is_some_and(is_page), || {
        format!("the page did not come despite {how} (waited {ANSWER_MAX:?} for each answer)")
    })
}
