//! `--live`: the view of a command's own connections, while it runs; on a thread of its own, which
//! never holds up the stack: it looks when it has time, and what is too much is counted and left out.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use handfast::control::{Answer, Lookout};
use handfast::{Clock, Host, Instant};

use super::keys::Wish;
use super::look::Look;
use super::plain::Plain;
use super::render::still;
use super::screen::{OnInterrupt, Screen, Stream, heed_signals, interrupt};
use super::theme::Theme;
use super::view::View;
use crate::failure::{Failure, code};

/// The time between two looks where lines are written.
const TICK: Duration = Duration::from_millis(100);

/// What is to be shown.
pub(crate) struct Subject<'a> {
    /// All hosts of the command that are its own.
    pub(crate) hosts: &'a [Host],
    pub(crate) title: String,
    pub(crate) on_interrupt: OnInterrupt,
}

/// The view of a command that runs.
pub(crate) struct Live {
    /// Dropped when all is over.
    running: Option<mpsc::Sender<()>>,
    /// Says no word; it is cut off when the view is closed.
    shown: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    is_screen: bool,
}

impl Live {
    /// Begins to show `subject`: on the terminal of standard error, or in lines where that is none.
    pub(crate) fn start(subject: Subject<'_>) -> Result<Self, Failure> {
        let start = subject.hosts.first().map_or(Instant::ZERO, Host::now);
        let lookout = Lookout::new(subject.hosts);
        let (running, ended) = mpsc::channel();
        let (showing, shown) = mpsc::channel();
        let mut look = Looking {
            lookout,
            told: 0,
            ended,
        };
        let screen = match Stream::Error.can_show() {
            true => {
                heed_signals(subject.on_interrupt);
                Screen::take(Stream::Error, Theme::of_environment()).ok()
            }
            false => None,
        };
        let is_screen = screen.is_some();
        let title = subject.title;
        let thread = std::thread::Builder::new().name("live".to_owned());
        let thread = thread.spawn(move || {
            match screen {
                Some(screen) => look.show(screen, View::new(title, start)),
                None => look.print(start),
            }
            drop(showing);
        });
        let thread = thread.map_err(|error| {
            Failure::new(
                code::FAILED,
                format!("the system refuses a thread: {error}"),
            )
        })?;
        Ok(Self {
            running: Some(running),
            shown,
            thread: Some(thread),
            is_screen,
        })
    }

    /// Waits until so much time has passed for the user, too, as long as there is a view: for worlds
    /// whose time is not ours and would be over at once.
    pub(crate) fn pace(&self, until_then: Duration) {
        if self.is_screen {
            // Its end cuts the waiting short.
            let _ = self.shown.recv_timeout(until_then);
        }
    }
}

impl Drop for Live {
    /// All is over: shows the last of it, and waits until the terminal is given back.
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been told.
            let _ = thread.join();
        }
    }
}

/// What the thread looks with.
struct Looking {
    lookout: Lookout,
    /// The facts that were taken over, by their numbers.
    told: u64,
    /// Cut off when all is over.
    ended: Receiver<()>,
}

impl Looking {
    fn look(&mut self) -> Look {
        let answer = self.lookout.look(self.told);
        self.told = next(&answer);
        Look {
            answers: vec![answer],
            silent: Vec::new(),
        }
    }

    fn is_over(&self) -> bool {
        self.ended.try_recv() == Err(mpsc::TryRecvError::Disconnected)
    }

    fn show(&mut self, mut screen: Screen, mut view: View) {
        let width = screen.width();
        let wish = screen.run(&mut view, |view, now| {
            if self.is_over() {
                return Ok(false);
            }
            if view.is_paused() {
                return Ok(true);
            }
            view.take(&self.look(), now);
            Ok(true)
        });
        drop(screen);
        match wish {
            Ok(Wish::Stay) => {
                view.take(&self.look(), Clock::system().now());
                eprint!("{}", still(&view, Theme::of_environment(), width));
            }
            Ok(Wish::Interrupt) => interrupt(),
            Ok(Wish::Quit) | Err(_) => {}
        }
    }

    fn print(&mut self, start: Instant) {
        let mut plain = Plain::new(io::stderr(), start, false);
        loop {
            let is_over = self.ended.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout);
            // Who reads no more needs no lines.
            let is_read = plain.take(&self.look(), Clock::system().now()).is_ok();
            if is_over || !is_read {
                return;
            }
        }
    }
}

fn next(answer: &Answer) -> u64 {
    answer.facts.as_ref().map_or(0, |facts| facts.next)
}
