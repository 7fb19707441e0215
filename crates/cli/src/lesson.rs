//! `handfast lab`: lists the lessons, or runs one.

use std::io;
use std::time::Duration;

use handfast_lab::lesson::{Context, Crippled, LESSONS, Lesson, run_crippled};

use crate::args::LabArgs;
use crate::failure::code;

/// The lesson whose receiver can be crippled.
const SLOW_ACK: &str = "slow-ack";
/// A capture buffer that loses nothing, in bytes.
const ROOMY_BUFFER: usize = 4 << 20;
/// How long the server's application waits in vain, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the command; gives its exit code.
pub(crate) fn run(args: &LabArgs) -> u8 {
    let Some(name) = &args.name else {
        println!("Lessons, each run by `handfast lab NAME`:\n\n{}", list());
        return 0;
    };
    let Some(lesson) = Lesson::find(name) else {
        eprintln!(
            "handfast: there is no lesson {name}; there are:\n\n{}",
            list()
        );
        return code::USAGE;
    };
    let mut out = io::stdout().lock();
    let context = &mut Context {
        out: &mut out,
        seed: args.seed,
    };
    let switches = &args.crippled;
    if switches.is_any() && name != SLOW_ACK {
        eprintln!("handfast: these switches are for the lesson {SLOW_ACK}, not for {name}");
        return code::USAGE;
    }
    let outcome = if switches.is_any() {
        let crippled = Crippled {
            per_packet: switches.per_packet.unwrap_or_default(),
            capture_buffer: switches.capture_buffer.unwrap_or(ROOMY_BUFFER),
            no_dupack: switches.no_dupack,
        };
        let patience = switches.patience.unwrap_or(PATIENCE);
        run_crippled(context, crippled, (!patience.is_zero()).then_some(patience))
    } else {
        lesson.run(context)
    };
    match outcome {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("handfast: {error}");
            code::FAILED
        }
    }
}

fn list() -> String {
    let lines = LESSONS
        .iter()
        .map(|lesson| format!("  {:<14}{}", lesson.name, lesson.summary));
    lines.collect::<Vec<_>>().join("\n")
}
