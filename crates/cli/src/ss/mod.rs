//! `handfast ss`: asks this user's processes for their connections, and prints what they answer.

mod table;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use handfast::control::{self, Answer};

use crate::failure::{Failure, code};

/// The time between two looks of `--watch`.
const AGAIN: Duration = Duration::from_secs(1);
/// The version of what `--json` prints.
const JSON_VERSION: u64 = control::VERSION;

#[derive(Debug, Args)]
pub(crate) struct SsArgs {
    /// Ask this process only.
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    /// Ask again every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Print one JSON document in a line; with --watch, one every second.
    #[arg(long)]
    json: bool,
}

/// Runs the command on the sockets in `folder`; gives its exit code.
pub(crate) fn run(args: &SsArgs, folder: &Path) -> u8 {
    let outcome = if args.watch {
        watch(args, folder)
    } else {
        show(args, folder)
    };
    match outcome {
        Ok(true) => 0,
        Ok(false) => code::FAILED,
        Err(failure) => {
            eprintln!("handfast: {failure}");
            failure.code
        }
    }
}

/// Shows everything again and again, until nobody reads it any more.
fn watch(args: &SsArgs, folder: &Path) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
    let clears = io::stdout().is_terminal() && !args.json;
    runtime.block_on(async {
        loop {
            if clears {
                // Home, and nothing below.
                write("\x1b[H\x1b[2J")?;
            }
            show(args, folder)?;
            tokio::time::sleep(AGAIN).await;
        }
    })
}

/// Asks everybody and prints the answers; whether there was one.
fn show(args: &SsArgs, folder: &Path) -> Result<bool, Failure> {
    let answers = ask(args.pid, folder)?;
    if args.json {
        let answers: Vec<_> = answers.iter().map(Answer::to_json).collect();
        let processes = answers.join(",");
        write(&format!(
            "{{\"version\":{JSON_VERSION},\"processes\":[{processes}]}}\n"
        ))?;
        return Ok(!answers.is_empty());
    }
    for answer in &answers {
        write(&table::process(answer))?;
    }
    if answers.is_empty() {
        eprintln!("handfast: {}", nobody(args.pid));
    }
    Ok(!answers.is_empty())
}

fn ask(pid: Option<u32>, folder: &Path) -> Result<Vec<Answer>, Failure> {
    let processes = control::processes(folder).map_err(|error| {
        Failure::new(code::FAILED, format!("cannot look for processes: {error}"))
    })?;
    let mut answers = Vec::new();
    for process in processes {
        if pid.is_some_and(|pid| pid != process.pid) {
            continue;
        }
        match control::ask(&process) {
            Ok(answer) => answers.extend(answer),
            Err(error) => eprintln!("handfast: process {} does not answer: {error}", process.pid),
        }
    }
    Ok(answers)
}

fn nobody(pid: Option<u32>) -> String {
    let served = "`handfast get` can be asked while it runs, other programs when they serve \
                  handfast::control";
    match pid {
        Some(pid) => format!("there is no process {pid} of this user that can be asked; {served}"),
        None => format!("no process of this user can be asked; {served}"),
    }
}

/// Writes at once, so that whoever reads a pipe sees it now.
fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        let message = format!("cannot write to standard output: {error}");
        Failure::new(code::WRITE, message)
    })
}
