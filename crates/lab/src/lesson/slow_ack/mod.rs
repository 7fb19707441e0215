//! The defeat of the article's program, with its true cause found by experiment: not the slow
//! ACKs, but a capture buffer that overflows in front of a receiver that says nothing about holes,
//! and a server application that does not wait for ever. The receiver is in `receiver`.

mod receiver;

use std::io::{self, Write};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

pub use self::receiver::{CAPTURE_BUFFER, Crippled, PER_PACKET};
use self::receiver::{Received, receive};
use super::drawing::{Drawing, excerpt};
use super::telling::{Context, step};
use super::words::{Said, Words, decimal, slow_ack as words, words as both};
use super::{Lesson, LessonError, LessonOptions, Telling, in_time};
use crate::content::Verifier;
use crate::counters::Counters;
use crate::guest::Guest;
use crate::lab::{Lab, LabOptions};
use crate::server::{ConnectionEnd, ServerOptions, Service};

pub(super) static LESSON: Lesson = Lesson {
    name: "slow-ack",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// Bytes of the transfer: enough for the window to outgrow the capture buffer while the server's
/// application still has something to write.
const TRANSFER_LEN: u64 = 320 * 1024;
/// How long the server's application waits while the kernel takes no more of its bytes.
const PATIENCE: Duration = Duration::from_secs(2);
/// The server's send buffer in bytes, as asked for: more than a window, less than the transfer.
const SEND_BUFFER: usize = 128 * 1024;
/// A capture buffer that holds any window without scaling.
const ROOMY_BUFFER: usize = 4 * 1024 * 1024;
/// What the receiver of the broken lesson spends on a packet: the transfer is over in seconds.
const PER_PACKET_BROKEN: Duration = Duration::from_millis(4);
/// Resends that slow ACKs alone may bring: the server's timeout needs a packet or two to adapt.
const ADAPTING_RESENDS: i64 = 2;
/// Resends that a fast receiver may see though nothing was lost: on two processors the interfaces of
/// the lab may swap super-segments when the machine is busy, and the server sends one again.
const SWAPPED_RESENDS: i64 = 45;
/// Lines of the ladder from the beginning and from the end that are worth reading.
const LADDER_SHOWN: (usize, usize) = (16, 24);
/// Lines that the ladder of the crippled transfer may have before it is cut.
const LADDER_MAX: usize = 4_096;
/// Bytes that Handfast reads at once.
const PIECE_LEN: usize = 64 * 1024;
/// How long the server may take to report after the receiver has ended.
const REPORT_MAX: Duration = Duration::from_secs(3);

/// One transfer of the lesson: who receives it, and how patient the server's application is.
#[derive(Clone, Copy, Debug)]
struct Experiment {
    name: Words,
    crippled: Crippled,
    patience: Option<Duration>,
}

const ARTICLE: Crippled = Crippled {
    per_packet: PER_PACKET,
    capture_buffer: CAPTURE_BUFFER,
    no_dupack: true,
};
const EXPERIMENTS: [Experiment; 6] = [
    Experiment {
        name: words::EXPERIMENTS[0],
        crippled: ARTICLE,
        patience: Some(PATIENCE),
    },
    Experiment {
        name: words::EXPERIMENTS[1],
        crippled: ARTICLE,
        patience: None,
    },
    Experiment {
        name: words::EXPERIMENTS[2],
        crippled: Crippled {
            per_packet: Duration::ZERO,
            ..ARTICLE
        },
        patience: Some(PATIENCE),
    },
    Experiment {
        name: words::EXPERIMENTS[3],
        crippled: Crippled {
            capture_buffer: ROOMY_BUFFER,
            ..ARTICLE
        },
        patience: Some(PATIENCE),
    },
    Experiment {
        name: words::EXPERIMENTS[4],
        crippled: Crippled {
            no_dupack: false,
            ..ARTICLE
        },
        patience: None,
    },
    Experiment {
        name: words::EXPERIMENTS[5],
        crippled: Crippled {
            capture_buffer: ROOMY_BUFFER,
            no_dupack: false,
            ..ARTICLE
        },
        patience: Some(PATIENCE),
    },
];

/// What came of one transfer, from both sides.
#[derive(Clone, Debug)]
struct Outcome {
    received: Received,
    /// Segments that the server's kernel resent (its own counter).
    resends: i64,
    /// Times that the server's kernel waited in vain for an ACK.
    timeouts: i64,
    /// RSTs that the server's kernel sent.
    resets: i64,
    /// The server's application gave up.
    patience_ran_out: bool,
}

/// A row of the table: a name, and what came of a transfer.
fn row(name: Words, outcome: &Outcome) -> Said {
    let Received {
        bytes,
        overflowed,
        out_of_order,
        took,
        ..
    } = &outcome.received;
    let in_language = |name: &str, reset: &str, seconds: String| {
        format!(
            "  {name:<36} {overflowed:>6} {out_of_order:>7} {:>8} {:>9} {reset:>6} {:>6} {seconds:>9}\n",
            outcome.resends,
            outcome.timeouts,
            bytes / 1024,
        )
    };
    let reset = Said::from(outcome.patience_ran_out);
    let seconds = decimal(took.as_secs_f64(), both("s", "с"));
    Said {
        english: in_language(name.english, &reset.english, seconds.english),
        russian: in_language(name.russian, &reset.russian, seconds.russian),
    }
}

/// The heading of a table of outcomes.
fn heading() -> Said {
    let columns = |names: [&str; 7]| {
        let [lost, behind, resends, timeouts, reset, size, time] = names;
        format!(
            "  {:<36} {lost:>6} {behind:>7} {resends:>8} {timeouts:>9} {reset:>6} {size:>6} {time:>9}\n",
            ""
        )
    };
    Said {
        english: columns(words::COLUMNS.map(|column| column.english)),
        russian: columns(words::COLUMNS.map(|column| column.russian)),
    }
}

/// A table of these outcomes.
fn table<'a>(rows: impl Iterator<Item = (Words, &'a Outcome)>) -> Said {
    rows.fold(heading(), |mut table, (name, outcome)| {
        let row = row(name, outcome);
        table.english.push_str(&row.english);
        table.russian.push_str(&row.russian);
        table
    })
}

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    if context.is_broken() {
        return roomy(context);
    }
    context.say(words::STORY)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let outcomes = step(words::TRANSFERS, run_all(&drawing))?;
    context.say(words::WIRE)?;
    context.show(excerpt(&drawing.take_text(), LADDER_SHOWN))?;

    let handfast = step(words::BY_HANDFAST, by_handfast(context))?;
    let rows = EXPERIMENTS
        .iter()
        .map(|experiment| experiment.name)
        .zip(&outcomes)
        .chain([(both("Handfast", "Handfast"), &handfast)]);
    context.show(table(rows))?;
    context.say(words::LEGEND)?;
    figures(context, &outcomes, &handfast);
    judge(context, &outcomes, &handfast)?;
    context.say(words::VERDICT)
}

/// The broken lesson: with a buffer that holds everything, the other two weaknesses do no harm.
fn roomy(context: &mut Context<'_>) -> Result<(), LessonError> {
    context.say(words::STORY_ROOMY)?;
    let drawing = context.drawing_of(LADDER_MAX);
    let experiment = Experiment {
        name: words::ROOMY,
        crippled: Crippled {
            per_packet: PER_PACKET_BROKEN,
            capture_buffer: ROOMY_BUFFER,
            no_dupack: true,
        },
        patience: Some(PATIENCE),
    };
    let outcome = single(context, &experiment, &drawing)?;
    let received = &outcome.received;
    let is_unhurt = received.overflowed == 0 && received.is_complete;
    let is_calm = outcome.resends <= ADAPTING_RESENDS && !outcome.patience_ran_out;
    context.expect(is_unhurt && is_calm, words::NOT_UNHURT)?;
    context.say(words::VERDICT_ROOMY)
}

/// Runs one transfer with switches of one's own choice and tells what came of it to `out`.
///
/// # Errors
/// When there is no lab or the story cannot be written; whatever the transfer does is no error.
pub fn run_with(
    out: &mut dyn Write,
    options: LessonOptions,
    crippled: Crippled,
    patience: Option<Duration>,
) -> Result<Telling, LessonError> {
    let mut context = Context::new(out, options);
    let drawing = context.drawing_of(LADDER_MAX);
    let experiment = Experiment {
        name: words::YOURS,
        crippled,
        patience,
    };
    single(&mut context, &experiment, &drawing)?;
    context.finish()?;
    Ok(context.telling)
}

/// One transfer with its ladder, its row and its figures.
fn single(
    context: &mut Context<'_>,
    experiment: &Experiment,
    drawing: &Drawing,
) -> Result<Outcome, LessonError> {
    let outcome = step(words::TRANSFER, transfer(experiment, Some(drawing)))?;
    context.show(excerpt(&drawing.take_text(), LADDER_SHOWN))?;
    context.show(table([(experiment.name, &outcome)].into_iter()))?;
    context.figure("resends", words::RESENDS, outcome.resends);
    context.figure("resets", words::RESETS, outcome.resets);
    context.figure("lost", words::LOST, outcome.received.overflowed);
    Ok(outcome)
}

/// A lab whose server sends the content at once, without super-segments: each is a packet to wait
/// for.
fn lab(patience: Option<Duration>) -> io::Result<Lab> {
    let server = ServerOptions {
        service: Service::Source(TRANSFER_LEN),
        patience,
        send_buffer: Some(SEND_BUFFER),
        ..ServerOptions::default()
    };
    let options = LabOptions {
        super_segments: false,
        server,
        ..LabOptions::default()
    };
    Lab::start(options).map_err(io::Error::other)
}

/// All experiments at the same time; they mostly wait. The first one is drawn.
fn run_all(drawing: &Drawing) -> io::Result<Vec<Outcome>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = EXPERIMENTS
            .iter()
            .enumerate()
            .map(|(index, experiment)| {
                let drawing = (index == 0).then(|| drawing.clone());
                scope.spawn(move || transfer(experiment, drawing.as_ref()))
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, io::Result<Outcome>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(join).collect()
    })
}

fn transfer(experiment: &Experiment, drawing: Option<&Drawing>) -> io::Result<Outcome> {
    let lab = lab(experiment.patience)?;
    let received = receive(&lab, experiment.crippled, lab.server().port(), drawing)?;
    outcome(&lab, received)
}

fn outcome(lab: &Lab, received: Received) -> io::Result<Outcome> {
    let report = lab.server().wait_for_end(1, REPORT_MAX);
    let counters = Counters::of(lab.web())?;
    Ok(Outcome {
        received,
        resends: counters.get("Tcp.RetransSegs"),
        timeouts: counters.get("TcpExt.TCPTimeouts"),
        resets: counters.get("Tcp.OutRsts"),
        patience_ran_out: report.is_some_and(|r| r.end == ConnectionEnd::PatienceRanOut),
    })
}

/// Fails unless every experiment came out as the verdict says.
fn judge(
    context: &Context<'_>,
    outcomes: &[Outcome],
    handfast: &Outcome,
) -> Result<(), LessonError> {
    let [all, patient, fast, roomy, dupacks, slow] = outcomes else {
        unreachable!("one outcome per experiment");
    };
    let is_defeated = all.patience_ran_out && all.resets > 0 && all.received.was_reset;
    context.expect(is_defeated, words::NOT_DEFEATED)?;
    context.expect(all.received.overflowed > 0, words::NO_OVERFLOW)?;
    let flood = i64::from(patient.received.overflowed) * 2;
    let is_flood = patient.resends > flood && !patient.patience_ran_out;
    context.expect(is_flood, words::NO_FLOOD)?;
    context.expect(!fast.patience_ran_out, words::FAST_WAS_RESET)?;
    for unhurt in [roomy, slow] {
        let is_unhurt = unhurt.received.is_complete
            && unhurt.resends <= ADAPTING_RESENDS
            && !unhurt.patience_ran_out;
        context.expect(is_unhurt, words::WAS_HURT)?;
    }
    let few = dupacks.resends * 2 < patient.resends && !dupacks.patience_ran_out;
    context.expect(few, words::NOT_FEWER)?;
    for complete in [patient, fast, roomy, dupacks, slow, handfast] {
        let received = &complete.received;
        let is_whole = received.bytes == TRANSFER_LEN && received.mismatch.is_none();
        context.expect(is_whole, words::NOT_WHOLE)?;
    }
    let calm = handfast.resends <= SWAPPED_RESENDS && handfast.timeouts == 0;
    context.expect(calm && handfast.resets == 0, words::NOT_CALM)
}

fn figures(context: &mut Context<'_>, outcomes: &[Outcome], handfast: &Outcome) {
    let [all, patient, _, _, dupacks, slow] = outcomes else {
        unreachable!("one outcome per experiment");
    };
    context.figure("all_resets", words::ALL_RESETS, all.resets);
    context.figure("overflowed", words::OVERFLOWED, patient.received.overflowed);
    context.figure("patient", words::PATIENT, patient.resends);
    context.figure("dupacks", words::DUPACKS, dupacks.resends);
    context.figure("slow", words::SLOW, slow.resends);
    let ours = Said::same(handfast.resends).and(handfast.resets);
    context.figure("handfast", words::HANDFAST, ours);
    let took = handfast.received.took;
    context.figure("took", words::TOOK, took);
    let ratio = slow.received.took.as_secs_f64() / took.as_secs_f64().max(f64::MIN_POSITIVE);
    let ratio = Said {
        english: format!("{ratio:.0} times"),
        russian: format!("в {ratio:.0} раз"),
    };
    context.figure("ratio", words::RATIO, ratio);
}

/// The same transfer by Handfast: the same server, as impatient as in the first experiment.
fn by_handfast(context: &Context<'_>) -> io::Result<Outcome> {
    let lab = lab(Some(PATIENCE))?;
    // Watched like all the rest, and drawn nowhere.
    let options = context.guest(&context.drawing());
    let received = in_time(async {
        let guest = Guest::start(&lab, options).await?;
        let start = Instant::now();
        let mut stream = guest.net().connect(lab.web_socket()).await?;
        let (mut piece, mut verifier) = (vec![0; PIECE_LEN], Verifier::new());
        loop {
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            verifier.update(&piece[..read]);
        }
        let took = start.elapsed();
        drop(stream);
        guest.stop().await;
        Ok(Received {
            bytes: verifier.len(),
            mismatch: verifier.mismatch(),
            is_complete: true,
            took,
            ..Received::default()
        })
    })?;
    outcome(&lab, received)
}
