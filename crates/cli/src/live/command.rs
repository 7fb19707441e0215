//! `handfast watch`: shows what the processes of this user do.

use std::io;
use std::path::Path;

use clap::Args;
use handfast::Clock;

use super::keys::Wish;
use super::look::{Asker, Looks, nobody};
use super::plain::Plain;
use super::screen::{OnInterrupt, Screen, Stream, heed_signals};
use super::theme::Theme;
use super::view::View;
use crate::failure::{Failure, code};

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Watch this process only, until it ends.
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
}

/// Runs the command on the sockets in `folder`; gives its exit code.
pub(crate) fn run(args: &WatchArgs, folder: &Path) -> u8 {
    match watch(args, folder) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("handfast: {failure}");
            failure.code
        }
    }
}

fn watch(args: &WatchArgs, folder: &Path) -> Result<u8, Failure> {
    let start = Clock::system().now();
    let mut asker = Asker::new(folder.to_owned(), args.pid);
    // The first look is ours: what cannot be looked at is said before a screen is taken over.
    let first = asker.look()?;
    let is_there = !first.answers.is_empty() || !first.silent.is_empty();
    if args.pid.is_some() && !is_there {
        return Err(Failure::new(code::FAILED, nobody(args.pid)));
    }
    let looks = asker.start()?;
    if Stream::Output.can_show() {
        heed_signals(OnInterrupt::End);
        if let Ok(screen) = Screen::take(Stream::Output, Theme::of_environment()) {
            let mut view = View::new("handfast watch".to_owned(), start);
            view.take(&first, start);
            return show(screen, &mut view, args, &looks);
        }
    }
    let mut plain = Plain::new(io::stdout(), start, true);
    if !is_there {
        eprintln!("handfast: {}", nobody(args.pid));
    }
    let mut look = first;
    loop {
        plain.take(&look, Clock::system().now()).map_err(|error| {
            let message = format!("cannot write to standard output: {error}");
            Failure::new(code::WRITE, message)
        })?;
        look = looks.next()?;
        if args.pid.is_some() && look.answers.is_empty() && look.silent.is_empty() {
            return Ok(0);
        }
    }
}

fn show(
    mut screen: Screen,
    view: &mut View,
    args: &WatchArgs,
    looks: &Looks,
) -> Result<u8, Failure> {
    let wish = screen.run(view, |view, now| {
        if view.is_paused() {
            return Ok(true);
        }
        let Some(look) = looks.try_next()? else {
            return Ok(true);
        };
        let is_over = look.answers.is_empty() && look.silent.is_empty();
        if is_over && args.pid.is_some() {
            return Ok(false);
        }
        view.take(&look, now);
        if is_over {
            view.remark(nobody(args.pid));
        }
        Ok(true)
    })?;
    Ok(match wish {
        Wish::Interrupt => code::INTERRUPTED,
        Wish::Stay | Wish::Quit => 0,
    })
}
