//! Asking: which processes of this user can be asked, and what they answer. Blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use super::place;
use super::server::CLIENT_TIME_MAX;
use super::wire::{self, ANSWER_MAX, Answer, Request};

/// Most processes that are looked for.
pub const PROCESSES_MAX: usize = 1_024;

/// A process that has, or had, a control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    path: PathBuf,
}

/// The processes that have a socket in `folder` (see [`folder`](super::folder)), by their numbers;
/// at most [`PROCESSES_MAX`]. None, when there is no such folder.
///
/// # Errors
/// `PermissionDenied` when the folder is not this user's alone: what answers there may be anybody.
pub fn processes(folder: &Path) -> io::Result<Vec<Process>> {
    match place::check(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        checked => checked?,
    }
    let mut found: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Process::of(entry.ok()?.path()))
        .take(PROCESSES_MAX)
        .collect();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// Asks a process for its sockets. `None` when it has ended; a socket that it could not remove any
/// more is removed.
///
/// # Errors
/// When it does not answer in time, or not what was asked for.
pub fn ask(process: &Process) -> io::Result<Option<Answer>> {
    send(process, Request { facts_after: None })
}

/// Asks a process for its sockets, and for what happened since the fact with the number `after`, 0
/// at first: at most [`ANSWER_FACTS_MAX`](super::ANSWER_FACTS_MAX) facts, the latest. It begins to
/// listen when it is asked first, and goes on for [`LISTEN_MAX`](super::LISTEN_MAX) after each time;
/// so whoever wants to miss nothing asks more often.
///
/// # Errors
/// Those of [`ask`].
pub fn ask_with_facts(process: &Process, after: u64) -> io::Result<Option<Answer>> {
    let facts_after = Some(after);
    send(process, Request { facts_after })
}

fn send(process: &Process, request: Request) -> io::Result<Option<Answer>> {
    let mut stream = match UnixStream::connect(&process.path) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            // Between its first call and its second, a new socket refuses, too.
            if process.is_dead() {
                std::fs::remove_file(&process.path)?;
            }
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(CLIENT_TIME_MAX))?;
    stream.set_write_timeout(Some(CLIENT_TIME_MAX))?;
    stream.write_all(request.line().as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    wire::answer(&bytes).map(Some)
}

impl Process {
    fn of(path: PathBuf) -> Option<Self> {
        let pid = path.file_name()?.to_str()?.strip_suffix(".sock")?;
        let pid = pid.parse().ok()?;
        Some(Self { pid, path })
    }

    /// Whether no process has this number.
    fn is_dead(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    }
}
