//! A slow link with a large queue in front of it, filled by two controllers at the same time, each
//! with a link of its own: CUBIC fills the queue, BBR does not.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use handfast::tcp::{Algorithm, Config, Info};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::drawing::{Drawing, excerpt};
use super::sending::{SINK, round_trip, sender, sink};
use super::telling::{Context, step};
use super::words::{Said, bufferbloat as words, decimal, words as both};
use super::{Lesson, LessonError, in_time, lab};
use crate::guest::{Guest, GuestOptions};

pub(super) static LESSON: Lesson = Lesson {
    name: "bufferbloat",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// 20 Mbit/s and a round trip of 20 ms, with a queue for 200 ms in front; and with one of a tenth.
const LINK: &str = "delay=10ms,out.rate=20mbit,out.queue=500KB";
const LINK_BROKEN: &str = "delay=10ms,out.rate=20mbit,out.queue=50KB";
/// Round trips that are at least so long are bloated: four times the path, or twice what the short
/// queue can make of it.
const BLOATED: Duration = Duration::from_millis(80);
/// How long each sends, and how often it is looked at.
const TIME: Duration = Duration::from_secs(4);
const LOOKS: u32 = 8;
/// Bytes written at once.
const PIECE_LEN: usize = 64 * 1024;
/// Lines of a ladder that may be drawn, and those of its beginning and its end that are shown.
const LADDER_MAX: usize = 16_384;
const SHOWN: (usize, usize) = (12, 8);

/// A controller at one moment.
#[derive(Clone, Copy)]
struct Look {
    rtt: Duration,
    /// Since the look before.
    mbit: f64,
}

/// What a controller did.
struct Seen {
    picture: Said,
    base: Duration,
    looks: Vec<Look>,
    info: Info,
}

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let (story, link) = match context.is_broken() {
        false => (words::STORY, LINK),
        true => (words::STORY_BROKEN, LINK_BROKEN),
    };
    context.say(story)?;
    let drawings = [(); 2].map(|()| context.drawing_of(LADDER_MAX));
    let options = [
        (Algorithm::Cubic, &drawings[0]),
        (Algorithm::Bbr, &drawings[1]),
    ]
    .map(|(congestion, drawing)| {
        let tcp = Config {
            congestion,
            ..Config::default()
        };
        (sender(context, drawing, link, tcp), drawing.clone())
    });
    let [cubic, bbr] = both_at_once(options)?;
    for (seen, heading) in [(&cubic, words::CUBIC), (&bbr, words::BBR)] {
        context.say(heading)?;
        context.show(seen.picture.clone())?;
    }
    context.say(words::SIDE_BY_SIDE)?;
    context.show(table(&cubic, &bbr))?;
    figures(context, &cubic, &bbr);
    judge(context, &cubic, &bbr)
}

fn figures(context: &mut Context<'_>, cubic: &Seen, bbr: &Seen) {
    context.figure("base", words::BASE, cubic.base.min(bbr.base));
    context.figure("cubic_rtt", words::CUBIC_RTT, cubic.rtt());
    context.figure("bbr_rtt", words::BBR_RTT, bbr.rtt());
    context.figure("cubic_rate", words::CUBIC_RATE, rate(cubic.mbit()));
    context.figure("bbr_rate", words::BBR_RATE, rate(bbr.mbit()));
    let resends = [cubic, bbr].map(|seen| seen.info.retransmissions);
    context.figure("cubic_resends", words::CUBIC_RESENDS, resends[0]);
    context.figure("bbr_resends", words::BBR_RESENDS, resends[1]);
}

fn judge(context: &mut Context<'_>, cubic: &Seen, bbr: &Seen) -> Result<(), LessonError> {
    if context.is_broken() {
        context.expect(cubic.rtt() < BLOATED, words::STILL_BLOATED)?;
        return context.say(words::VERDICT_BROKEN);
    }
    context.expect(cubic.rtt() >= BLOATED, words::NOT_BLOATED)?;
    context.expect(bbr.rtt() * 2 <= cubic.rtt(), words::NOT_SHORT)?;
    context.expect(bbr.mbit() * 2.0 >= cubic.mbit(), words::NOT_LEVEL)?;
    context.say(words::VERDICT)
}

impl Seen {
    /// The median of the second half: the start is over then.
    fn rtt(&self) -> Duration {
        let mut rtts: Vec<_> = self.second_half().iter().map(|look| look.rtt).collect();
        rtts.sort();
        rtts.get(rtts.len() / 2).copied().unwrap_or_default()
    }

    fn mbit(&self) -> f64 {
        let half = self.second_half();
        half.iter().map(|look| look.mbit).sum::<f64>() / half.len() as f64
    }

    fn second_half(&self) -> &[Look] {
        &self.looks[self.looks.len() / 2..]
    }
}

/// Both controllers at the same time, each in a lab of its own.
fn both_at_once(options: [(GuestOptions, Drawing); 2]) -> Result<[Seen; 2], LessonError> {
    std::thread::scope(|scope| {
        let running =
            options.map(|(options, drawing)| scope.spawn(move || load(options, &drawing)));
        let [cubic, bbr] = running.map(|thread| {
            let outcome = thread.join();
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        Ok([cubic?, bbr?])
    })
}

fn load(options: GuestOptions, drawing: &Drawing) -> Result<Seen, LessonError> {
    let lab = lab()?;
    let _sink = sink(&lab)?;
    let seen = in_time(async {
        let guest = Guest::start(&lab, options).await?;
        let mut stream = guest.net().connect(SINK).await?;
        let looks = fill(&mut stream).await?;
        let info = stream.info();
        let picture = excerpt(&drawing.take_text(), SHOWN);
        let base = round_trip(&drawing.segments());
        // What still waits in the queue is of no interest.
        stream.abort();
        drop(stream);
        guest.stop().await;
        Ok(Seen {
            picture,
            base,
            looks,
            info,
        })
    });
    step(words::LOADING, seen)
}

/// Writes as much as the stack takes, and looks at it in even steps.
async fn fill(stream: &mut handfast::tokio::TcpStream) -> io::Result<Vec<Look>> {
    let piece = vec![b'x'; PIECE_LEN];
    let began = Instant::now();
    let mut last = (began, 0);
    let mut looks = Vec::new();
    for number in 1..=LOOKS {
        let until = began + TIME * number / LOOKS;
        let endless = async {
            loop {
                stream.write_all(&piece).await?;
            }
        };
        // The look ends the writing; nothing but a failure does.
        if let Ok(failed) = timeout_at(until, endless).await {
            return failed;
        }
        let (now, info) = (Instant::now(), stream.info());
        let bits = (info.bytes_acked - last.1) as f64 * 8.0;
        looks.push(Look {
            rtt: info.srtt.unwrap_or_default(),
            mbit: bits / (now - last.0).as_secs_f64() / 1e6,
        });
        last = (now, info.bytes_acked);
    }
    Ok(looks)
}

/// Round trips and rates of both, moment by moment.
fn table(cubic: &Seen, bbr: &Seen) -> Said {
    let rows = |heading: &str, number: fn(f64) -> String| {
        let mut text = format!("{heading}\n");
        for (index, (one, other)) in cubic.looks.iter().zip(&bbr.looks).enumerate() {
            let at = TIME.as_secs_f64() * (index + 1) as f64 / f64::from(LOOKS);
            let [one_rtt, other_rtt] = [one, other].map(|look| look.rtt.as_secs_f64() * 1e3);
            writeln!(
                text,
                "{:>7} {:>12} {:>10} {:>12} {:>10}",
                number(at),
                number(one_rtt),
                number(one.mbit),
                number(other_rtt),
                number(other.mbit),
            )
            .expect("a String takes any text");
        }
        text
    };
    Said {
        english: rows(words::HEADING.english, |number| format!("{number:.1}")),
        russian: rows(words::HEADING.russian, |number| {
            format!("{number:.1}").replace('.', ",")
        }),
    }
}

fn rate(mbit: f64) -> Said {
    decimal(mbit, both("Mbit/s", "Мбит/с"))
}
