//! The command `handfast`: fetches pages over our own TCP, and runs the lessons of the lab.
//!
//! Everything here is about the command: its line, its words, its exit codes. The stack is in
//! `handfast` and below, the pictures are in `trace`, the lab and the lessons in `lab`.
#![forbid(unsafe_code)]

mod args;
mod drill;
mod events;
mod failure;
mod fetch;
mod get;
mod lesson;
mod live;
mod output;
mod plan;
mod report;
mod report_capture;
mod report_file;
mod request;
mod scene;
mod ss;
mod target;
mod told;
mod watch;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Command, CommandLine, SceneKind};
use crate::failure::code;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let wants_lab = match &line.command {
        Command::Get(args) => matches!(args.scene_and_url(), Ok((SceneKind::Lab, _))),
        Command::Lab(args) => args.name.is_some(),
        Command::Ss(_) | Command::Watch(_) | Command::Drill(_) | Command::Report(_) => false,
    };
    // In the lab's namespaces this user has another number.
    let folder = handfast::control::folder();
    // While the process still has one thread: only then the kernel lets it change its namespaces.
    if wants_lab && let Err(error) = handfast_lab::enter() {
        eprintln!("handfast: {error}");
        return ExitCode::from(code::FAILED);
    }
    ExitCode::from(match line.command {
        Command::Get(args) => get::run(*args, folder),
        Command::Ss(args) => ss::run(&args, &folder),
        Command::Watch(args) => live::run(&args, &folder),
        Command::Lab(args) => lesson::run(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Report(args) => report_capture::run(&args),
    })
}
