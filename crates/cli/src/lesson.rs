//! `handfast lab`: lists the lessons, or runs one.

use std::io;

use handfast_lab::lesson::{Context, LESSONS, Lesson};

use crate::args::LabArgs;
use crate::failure::code;

/// Runs the command; gives its exit code.
pub(crate) fn run(args: &LabArgs) -> u8 {
    let Some(name) = &args.name else {
        println!("Lessons, each run by `handfast lab NAME`:\n\n{}", list());
        return 0;
    };
    let Some(lesson) = Lesson::find(name) else {
        eprintln!("handfast: there is no lesson {name}; there are:\n\n{}", list());
        return code::USAGE;
    };
    let mut out = io::stdout().lock();
    match lesson.run(&mut Context { out: &mut out, seed: args.seed }) {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("handfast: {error}");
            code::FAILED
        }
    }
}

fn list() -> String {
    let lines = LESSONS.iter().map(|lesson| format!("  {:<14}{}", lesson.name, lesson.summary));
    lines.collect::<Vec<_>>().join("\n")
}
