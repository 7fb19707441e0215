//! The last segment of a flight is lost, and nothing behind it tells. A tail loss probe asks early;
//! when the probe is lost as well, the retransmission timer does, and doubles.

use std::io;
use std::time::Duration;

use futures::future::try_join;
use handfast::tcp::{Config, Info, MtuProbing};
use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::drawing::Segment;
use super::far_end::FarEnd;
use super::sending::{FULL, caused, sender};
use super::telling::{Context, step};
use super::words::tail_loss as words;
use super::{Lesson, LessonError, in_time, lab_of_segments};
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;

pub(super) static LESSON: Lesson = Lesson {
    name: "rto-and-tail-loss-probe",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// A flight of ten segments, of which the path loses the last two. A greeting goes before it, so that
/// the round trip of a small segment is known, 30 ms; a full one takes 3 ms longer, and so the probe
/// does: a copy that is answered sooner than anything before it is not believed (RFC 8985 6.2, step 2).
const SEGMENTS: usize = 10;
const GREETING: usize = 100;
const LOSES_TAIL: &str = "delay=15ms,out.rate=4mbit,out.drop=10+11";
/// The probe is lost, too, and the first copy by the timer.
const LOSES_COPIES: &str = "delay=15ms,out.rate=4mbit,out.drop=10+11+12+13";
/// Bytes that the server answers when it has all.
const ANSWER: usize = 100;
const PORT: u16 = 10;

/// What a transfer showed.
struct Seen {
    info: Info,
    probes: usize,
    log: Vec<Segment>,
}

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab_of_segments()?;
    if context.is_broken() {
        return broken(context, &lab);
    }
    probe(context, &lab)?;
    timer(context, &lab)
}

fn probe(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_PROBE)?;
    let seen = transfer(context, lab, LOSES_TAIL, true)?;
    context.figure("probes", words::PROBES, seen.probes);
    context.figure("timeouts", words::TIMEOUTS, seen.info.timeouts);
    context.figure(
        "probe_wait",
        words::PROBE_WAIT,
        between(seen.flight(), seen.when(is_probe)),
    );
    context.figure("rto", words::RTO, seen.info.rto);
    context.expect(seen.probes > 0 && seen.info.timeouts == 0, words::NO_PROBE)?;
    context.say(words::VERDICT_PROBE)
}

fn timer(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_TIMER)?;
    let seen = transfer(context, lab, LOSES_COPIES, true)?;
    let by_timer = |number| seen.when(|cause| cause == Cause::TimeoutRetransmit(number));
    let (first, second) = (by_timer(1), by_timer(2));
    context.figure("expiries", words::EXPIRIES, seen.info.timeouts);
    let probe = seen.when(is_probe);
    let waits = [(seen.flight(), probe), (probe, first), (first, second)]
        .map(|(from, to)| between(from, to));
    context.figure("wait_probe", words::WAIT_PROBE, waits[0]);
    context.figure("wait_first", words::WAIT_FIRST, waits[1]);
    context.figure("wait_second", words::WAIT_SECOND, waits[2]);
    context.expect(seen.info.timeouts >= 2, words::NO_TIMER)?;
    // The timer is armed anew when the probe leaves, and doubles when it has run out.
    context.expect(waits[2] > waits[1], words::NOT_LONGER)?;
    context.say(words::VERDICT_TIMER)
}

fn broken(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_BROKEN)?;
    let seen = transfer(context, lab, LOSES_TAIL, false)?;
    context.figure("probes", words::PROBES, seen.probes);
    context.figure("timeouts", words::TIMEOUTS, seen.info.timeouts);
    let copy = seen.when(|cause| matches!(cause, Cause::TimeoutRetransmit(_)));
    let waited = between(seen.flight(), copy);
    context.figure("timer_wait", words::TIMER_WAIT, waited);
    let is_slow = waited >= Config::default().rto_min;
    context.expect(
        seen.probes == 0 && seen.info.timeouts > 0 && is_slow,
        words::NOT_BROKEN,
    )?;
    context.say(words::VERDICT_BROKEN)
}

impl Seen {
    /// When the flight left.
    fn flight(&self) -> Option<Instant> {
        let full = |segment: &&Segment| segment.is_our_data() && segment.payload_len >= FULL;
        self.log.iter().find(full).map(|segment| segment.at)
    }

    /// When the first segment left for such a reason.
    fn when(&self, is: impl Fn(Cause) -> bool) -> Option<Instant> {
        let mut ours = self.log.iter().filter(|segment| segment.is_our_data());
        let found = ours.find(|segment| is(segment.cause));
        found.map(|segment| segment.at)
    }
}

fn is_probe(cause: Cause) -> bool {
    cause == Cause::LossProbe
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Duration {
    match (from, to) {
        (Some(from), Some(to)) => to.duration_since(from),
        _ => Duration::ZERO,
    }
}

fn transfer(
    context: &mut Context<'_>,
    lab: &Lab,
    link: &str,
    tail_loss_probe: bool,
) -> Result<Seen, LessonError> {
    let drawing = context.drawing();
    let tcp = Config {
        tail_loss_probe,
        // Two expiries would make it look for a black hole; that has a lesson of its own.
        mtu_probing: MtuProbing::Off,
        ..Config::default()
    };
    let options = sender(context, &drawing, link, tcp);
    let info = in_time(ask_and_hear(lab, options));
    context.draw(&drawing)?;
    let log = drawing.segments();
    Ok(Seen {
        info: step(words::SENDING, info)?,
        probes: caused(&log, is_probe),
        log,
    })
}

/// Sends the flight, and closes only when the server has answered: a FIN behind the hole would show
/// it.
async fn ask_and_hear(lab: &Lab, options: GuestOptions) -> io::Result<Info> {
    let far = FarEnd::listen(lab, PORT)?;
    let guest = Guest::start(lab, options).await?;
    let mut stream = guest.net().connect(far.address()).await?;
    let server = far.accept().await?;
    let talk = async {
        for len in [GREETING, SEGMENTS * FULL] {
            stream.write_all(&vec![b'x'; len]).await?;
            stream.read_exact(&mut [0; ANSWER]).await?;
        }
        let info = stream.info();
        stream.shutdown().await?;
        io::Result::Ok(info)
    };
    let serve = async {
        server.serve(1, GREETING, ANSWER).await?;
        server.serve(1, SEGMENTS * FULL, ANSWER).await
    };
    let (info, ()) = try_join(talk, serve).await?;
    drop(server);
    guest.stop().await;
    Ok(info)
}
