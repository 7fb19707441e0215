//! The defeat of the article's program, with its true cause found by experiment: not the slow
//! ACKs, but a capture buffer that overflows in front of a receiver that says nothing about holes,
//! and a server application that does not wait for ever. The receiver is in `receiver`.

mod receiver;

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

pub use self::receiver::{CAPTURE_BUFFER, Crippled, PER_PACKET};
use self::receiver::{Received, receive};
use super::drawing::Drawing;
use super::{Context, Lesson, LessonError, LessonReport, expect, in_time, step};
use crate::content::Verifier;
use crate::counters::Counters;
use crate::guest::{Guest, GuestOptions};
use crate::lab::{Lab, LabOptions};
use crate::server::{ConnectionEnd, ServerOptions, Service};

pub(super) const LESSON: Lesson = Lesson {
    name: "slow-ack",
    summary: "why the article's program was slow, flooded with resends, and reset",
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
/// Resends that slow ACKs alone may bring: the server's timeout needs a packet or two to adapt.
const ADAPTING_RESENDS: i64 = 2;
/// Resends that a fast receiver may see though nothing was lost: on two processors the interfaces of
/// the lab may swap super-segments when the machine is busy, and the server sends one again.
const SWAPPED_RESENDS: i64 = 45;
/// Lines of the ladder from the beginning and from the end that are worth reading.
const LADDER_HEAD: usize = 16;
const LADDER_TAIL: usize = 24;
/// Lines that the ladder of the crippled transfer may have before it is cut.
const LADDER_MAX: usize = 4_096;
/// Bytes that Handfast reads at once.
const PIECE_LEN: usize = 64 * 1024;
/// How long the server may take to report after the receiver has ended.
const REPORT_MAX: Duration = Duration::from_secs(3);

/// One transfer of the lesson: who receives it, and how patient the server's application is.
#[derive(Clone, Copy, Debug)]
struct Experiment {
    name: &'static str,
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
        name: "all three weaknesses",
        crippled: ARTICLE,
        patience: Some(PATIENCE),
    },
    Experiment {
        name: "the same, server patient",
        crippled: ARTICLE,
        patience: None,
    },
    Experiment {
        name: "without slow ACKs",
        crippled: Crippled {
            per_packet: Duration::ZERO,
            ..ARTICLE
        },
        patience: Some(PATIENCE),
    },
    Experiment {
        name: "without the small buffer",
        crippled: Crippled {
            capture_buffer: ROOMY_BUFFER,
            ..ARTICLE
        },
        patience: Some(PATIENCE),
    },
    Experiment {
        name: "with duplicate ACKs, server patient",
        crippled: Crippled {
            no_dupack: false,
            ..ARTICLE
        },
        patience: None,
    },
    Experiment {
        name: "slow ACKs alone",
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

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Received {
            bytes,
            overflowed,
            out_of_order,
            took,
            ..
        } = &self.received;
        write!(
            f,
            "{overflowed:>5} {out_of_order:>6} {:>8} {:>8} {:>5} {:>8} {:>7.2} s",
            self.resends,
            self.timeouts,
            if self.patience_ran_out { "yes" } else { "no" },
            bytes / 1024,
            took.as_secs_f64(),
        )
    }
}

/// The heading of a table of outcomes.
fn heading() -> String {
    format!(
        "  {:<36} {:>5} {:>6} {:>8} {:>8} {:>5} {:>8} {:>9}",
        "", "lost", "behind", "resends", "timeouts", "reset", "KiB", "time"
    )
}

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    context.say(&format!(
        "A server sends {} KiB to a receiver made by hand with the weaknesses of the article's\n\
         program: it spends {PER_PACKET:?} on each packet, captures into a buffer of 64 KiB, and drops\n\
         what comes out of order without a word. The server's application loses patience after\n\
         {PATIENCE:?}. Then each weakness is taken away in turn. (About 25 seconds; the six transfers\n\
         run at the same time, each in a lab of its own.)\n",
        TRANSFER_LEN / 1024,
    ))?;
    let drawing = Drawing::new(LADDER_MAX);
    let outcomes = step("the transfers", run_all(&drawing))?;
    context.say("The wire while all three weaknesses were there, its beginning and its end:\n")?;
    context.say(&excerpt(&drawing.take_text()))?;

    context.say(&heading())?;
    for (experiment, outcome) in EXPERIMENTS.iter().zip(&outcomes) {
        context.say(&format!("  {:<36} {outcome}", experiment.name))?;
    }
    let handfast = step("the same transfer by Handfast", by_handfast(context.seed))?;
    context.say(&format!("  {:<36} {handfast}", "Handfast"))?;
    context.say(
        "\n(lost: frames that found the capture buffer full; behind: segments that came while one\n\
         before them was missing; resends and timeouts: the counters of the server's kernel.)",
    )?;
    context.say(VERDICT)?;
    judge(&outcomes, &handfast)?;
    Ok(figures(&outcomes, &handfast))
}

const VERDICT: &str = "
The cause, by what happens when it is taken away:
- The flood of resends needs both the small buffer, which overflows behind a reader so slow, and
  the silence about holes: what the receiver throws away behind a hole must all be sent again.
  With duplicate ACKs (and what they announce kept) each lost frame costs one resend; with a
  roomy buffer nothing is lost.
- The reset comes from the server's application: nothing is acknowledged while the hole stands,
  and the kernel's timeout, grown to the long round trips, is longer than the application's
  patience. A patient application gets its bytes through, resends and all.
- Slow ACKs alone only cost time: the server's timeout adapts to them.";

/// Runs one transfer with switches of one's own choice and prints what came of it.
///
/// # Errors
/// When there is no lab or the story cannot be written; whatever the transfer does is no error.
pub fn run_with(
    context: &mut Context<'_>,
    crippled: Crippled,
    patience: Option<Duration>,
) -> Result<LessonReport, LessonError> {
    let drawing = Drawing::new(LADDER_MAX);
    let experiment = Experiment {
        name: "your receiver",
        crippled,
        patience,
    };
    let outcome = step("the transfer", transfer(&experiment, Some(&drawing)))?;
    context.say(&excerpt(&drawing.take_text()))?;
    context.say(&heading())?;
    context.say(&format!("  {:<36} {outcome}", experiment.name))?;
    let mut report = LessonReport::default();
    report.add("resends by the server", outcome.resends);
    report.add("resets by the server", outcome.resets);
    report.add("lost in the capture buffer", outcome.received.overflowed);
    Ok(report)
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

/// The first and the last lines of a long ladder.
fn excerpt(ladder: &str) -> String {
    let lines: Vec<&str> = ladder.lines().collect();
    let Some(left_out @ 1..) = lines.len().checked_sub(LADDER_HEAD + LADDER_TAIL) else {
        return format!("{}\n", lines.join("\n"));
    };
    let (head, tail) = (&lines[..LADDER_HEAD], &lines[lines.len() - LADDER_TAIL..]);
    format!(
        "{}\n     ... {left_out} lines ...\n{}\n",
        head.join("\n"),
        tail.join("\n")
    )
}

/// Fails unless every experiment came out as the verdict says.
fn judge(outcomes: &[Outcome], handfast: &Outcome) -> Result<(), LessonError> {
    let [all, patient, fast, roomy, dupacks, slow] = outcomes else {
        unreachable!("one outcome per experiment");
    };
    expect(
        all.patience_ran_out && all.resets > 0 && all.received.was_reset,
        || format!("expected the server's application to lose patience and reset, saw {all:?}"),
    )?;
    expect(all.received.overflowed > 0, || {
        "the capture buffer did not overflow".to_owned()
    })?;
    let flood = i64::from(patient.received.overflowed) * 2;
    expect(patient.resends > flood && !patient.patience_ran_out, || {
        format!("expected a flood of more than {flood} resends and no reset, saw {patient:?}")
    })?;
    expect(!fast.patience_ran_out, || {
        format!("a fast receiver was reset: {fast:?}")
    })?;
    for unhurt in [roomy, slow] {
        let is_unhurt = unhurt.received.is_complete
            && unhurt.resends <= ADAPTING_RESENDS
            && !unhurt.patience_ran_out;
        expect(is_unhurt, || {
            format!(
                "without the small buffer, expected at most {ADAPTING_RESENDS} resends and no reset, saw {unhurt:?}"
            )
        })?;
    }
    expect(
        dupacks.resends * 2 < patient.resends && !dupacks.patience_ran_out,
        || {
            format!(
                "duplicate ACKs left {} of {} resends",
                dupacks.resends, patient.resends
            )
        },
    )?;
    for complete in [patient, fast, roomy, dupacks, slow, handfast] {
        let received = &complete.received;
        let is_whole = received.bytes == TRANSFER_LEN && received.mismatch.is_none();
        expect(is_whole, || {
            format!("a transfer was not complete or not intact: {complete:?}")
        })?;
    }
    let calm = handfast.resends <= SWAPPED_RESENDS && handfast.timeouts == 0;
    expect(calm && handfast.resets == 0, || {
        format!(
            "Handfast needed {} resends, {} timeouts and {} resets",
            handfast.resends, handfast.timeouts, handfast.resets
        )
    })
}

fn figures(outcomes: &[Outcome], handfast: &Outcome) -> LessonReport {
    let mut report = LessonReport::default();
    let [all, patient, _, _, dupacks, slow] = outcomes else {
        unreachable!("one outcome per experiment");
    };
    report.add("all weaknesses: resets by the server", all.resets);
    report.add("all weaknesses, patient server: resends", patient.resends);
    report.add("with duplicate ACKs: resends", dupacks.resends);
    report.add("slow ACKs alone: resends", slow.resends);
    report.add(
        "Handfast: resends, resets",
        format_args!("{}, {}", handfast.resends, handfast.resets),
    );
    let took = handfast.received.took;
    report.add(
        "Handfast: time",
        format_args!("{:.1} ms", took.as_secs_f64() * 1_000.0),
    );
    let ratio = slow.received.took.as_secs_f64() / took.as_secs_f64().max(f64::MIN_POSITIVE);
    report.add(
        "Handfast is faster than slow ACKs alone by",
        format_args!("{ratio:.0} times"),
    );
    report
}

/// The same transfer by Handfast: the same server, as impatient as in the first experiment.
fn by_handfast(seed: u64) -> io::Result<Outcome> {
    let lab = lab(Some(PATIENCE))?;
    let received = in_time(async {
        let guest = Guest::start(
            &lab,
            GuestOptions {
                seed,
                ..GuestOptions::default()
            },
        )
        .await?;
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
