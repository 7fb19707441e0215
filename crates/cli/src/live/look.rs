//! Looking at processes: what they answer, asked for again and again on a thread of its own, so that
//! one that is slow to answer holds up no display.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use handfast::Clock;
use handfast::control::{self, Answer};

use crate::failure::{Failure, code};

/// The time between two looks.
const AGAIN: Duration = Duration::from_millis(200);
/// After a look that took long, so many times its length pass until the next: whoever has very
/// many connections spends little of its time on telling of them.
const REST: u32 = 4;
/// Most looks that wait for somebody to take them.
const LOOKS_MAX: usize = 1;

/// What all answered.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) answers: Vec<Answer>,
    /// Processes that do not answer, and why.
    pub(crate) silent: Vec<(u32, String)>,
}

/// Whom to ask.
pub(crate) struct Asker {
    folder: PathBuf,
    pid: Option<u32>,
    /// The facts that each process has told, by their numbers.
    told: BTreeMap<u32, u64>,
}

impl Asker {
    /// One that asks those with sockets in `folder`, or of them the one with this number.
    pub(crate) fn new(folder: PathBuf, pid: Option<u32>) -> Self {
        Self {
            folder,
            pid,
            told: BTreeMap::new(),
        }
    }

    /// Asks all of them, one after the other.
    pub(crate) fn look(&mut self) -> Result<Look, Failure> {
        let processes = control::processes(&self.folder).map_err(|error| {
            Failure::new(code::FAILED, format!("cannot look for processes: {error}"))
        })?;
        let mut look = Look::default();
        let wanted = |pid| self.pid.is_none_or(|only| only == pid);
        for process in processes.iter().filter(|process| wanted(process.pid)) {
            let after = self.told.get(&process.pid).copied().unwrap_or_default();
            match control::ask_with_facts(process, after) {
                Ok(answer) => look.answers.extend(answer),
                Err(error) => look.silent.push((process.pid, error.to_string())),
            }
        }
        // Those that have ended are forgotten.
        let known = std::mem::take(&mut self.told);
        for (pid, _) in &look.silent {
            let next = known.get(pid).map(|next| (*pid, *next));
            self.told.extend(next);
        }
        for answer in &look.answers {
            let next = answer.facts.as_ref().map(|facts| (answer.pid, facts.next));
            self.told.extend(next);
        }
        Ok(look)
    }

    /// Looks again and again on a thread, until the other end of the channel is dropped.
    pub(crate) fn start(mut self) -> Result<Looks, Failure> {
        let (sender, looks) = mpsc::sync_channel(LOOKS_MAX);
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("looks".to_owned());
        let started = thread.spawn(move || self.run(&sender, &stopped));
        started.map_err(|error| {
            Failure::new(
                code::FAILED,
                format!("the system refuses a thread: {error}"),
            )
        })?;
        Ok(Looks { looks, _stop: stop })
    }

    fn run(&mut self, looks: &SyncSender<Result<Look, Failure>>, stopped: &Receiver<()>) {
        let clock = Clock::system();
        loop {
            let began = clock.now();
            let look = self.look();
            let pause = AGAIN.max(clock.now().duration_since(began) * REST);
            let is_over = look.is_err();
            if looks.send(look).is_err() || is_over {
                return;
            }
            if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}

/// The looks of a thread, which ends when this is dropped.
pub(crate) struct Looks {
    looks: Receiver<Result<Look, Failure>>,
    _stop: mpsc::Sender<()>,
}

impl Looks {
    /// The next one, waited for; an error is the last.
    pub(crate) fn next(&self) -> Result<Look, Failure> {
        let next = self.looks.recv();
        next.unwrap_or_else(|_| Err(Failure::new(code::FAILED, "nobody looks any more")))
    }

    /// The next one, if it is there.
    pub(crate) fn try_next(&self) -> Result<Option<Look>, Failure> {
        self.looks.try_recv().ok().transpose()
    }
}

/// What to say when there is nobody to look at.
pub(crate) fn nobody(pid: Option<u32>) -> String {
    let served = "`handfast get` can be asked while it runs, other programs when they serve \
                  handfast::control";
    match pid {
        Some(pid) => format!("there is no process {pid} of this user that can be asked; {served}"),
        None => format!("no process of this user can be asked; {served}"),
    }
}
