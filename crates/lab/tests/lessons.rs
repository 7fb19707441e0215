//! Runs each lesson of the lab in this process, one after the other; each fails by itself when its
//! phenomenon does not happen. Without an argument all of them run.

mod common;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use handfast_lab::lesson::{Context, Crippled, LESSONS, LessonError, LessonReport, run_crippled};

/// Seed of the stacks in the lessons.
const SEED: u64 = 7;

fn main() -> ExitCode {
    if let Err(error) = handfast_lab::enter() {
        return common::no_lab(&error);
    }
    let lessons = LESSONS.iter().map(|lesson| {
        let run: Box<dyn Fn()> = Box::new(move || tell(|context| lesson.run(context)));
        (lesson.name, run)
    });
    let crippled: Box<dyn Fn()> = Box::new(a_roomy_buffer_saves_a_crippled_receiver);
    common::run_named(lessons.chain([("crippled-receiver", crippled)]))
}

/// Prints what a lesson says, and fails when the lesson did or when it left something behind.
fn tell(lesson: impl FnOnce(&mut Context<'_>) -> Result<LessonReport, LessonError>) {
    // The first runtime of a process leaves descriptors behind that belong to the process (those
    // of tokio's signal handling, if any crate of the build asks for it).
    drop(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
    );
    let before = open_descriptors();
    let mut story = Vec::new();
    let outcome = lesson(&mut Context {
        out: &mut story,
        seed: SEED,
    });
    println!("{}", String::from_utf8_lossy(&story));
    let report = outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(!report.figures.is_empty(), "a lesson measures something");
    assert_eq!(
        open_descriptors(),
        before,
        "namespaces live as long as descriptors"
    );
}

/// The switches of the crippled receiver are for the reader too.
fn a_roomy_buffer_saves_a_crippled_receiver() {
    let crippled = Crippled {
        per_packet: Duration::from_millis(1),
        capture_buffer: 4 << 20,
        no_dupack: true,
    };
    tell(|context| {
        let report = run_crippled(context, crippled, Some(Duration::from_secs(2)))?;
        let resets = report
            .figures
            .iter()
            .find(|figure| figure.name == "resets by the server");
        assert_eq!(resets.map(|figure| figure.value.as_str()), Some("0"));
        Ok(report)
    });
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("every process has a table of descriptors")
        .count()
}
