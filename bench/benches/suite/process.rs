//! Programs of others, as child processes. What they say is read in `handfast_bench`.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};

use handfast_bench::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::kernel::STALL_MAX;

/// Most bytes that such a program may say.
const SAID_MAX: usize = 64 * 1_024;

/// Fails where there is no such program, with a word on how to get it.
pub(crate) fn need(program: &str) -> Result<(), Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        true => Ok(()),
        false => Err(format!("no {program}: apt-get install {program}").into()),
    }
}

/// One of them. It does not outlive this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    output: ChildStdout,
    said: Vec<u8>,
}

impl Process {
    /// Starts it in the namespace of this thread. What it has against it stands in our own errors.
    pub(crate) fn start(name: &'static str, words: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(name);
        command.args(words).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().expect("it was asked for");
        Ok(Self {
            name,
            child,
            output,
            said: Vec::new(),
        })
    }

    /// Waits until it has said `words`.
    pub(crate) fn hear(&mut self, words: &str) -> Result<(), Failure> {
        while !String::from_utf8_lossy(&self.said).contains(words) {
            if !self.listen()? {
                return Err(format!("{} ended without a word of {words:?}", self.name).into());
            }
        }
        Ok(())
    }

    /// Waits for its end, which is that of what it says; all that it has said.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        while self.listen()? {}
        let status = self.child.wait()?;
        let said = String::from_utf8_lossy(&self.said).into_owned();
        if status.success() {
            return Ok(said);
        }
        Err(format!("{}: {status} {said}", self.name).into())
    }

    /// Waits for a piece of what it says; whether there was one.
    fn listen(&mut self) -> Result<bool, Failure> {
        let limit = Timespec::try_from(STALL_MAX)?;
        let mut ready = [PollFd::new(&self.output, PollFlags::IN)];
        if poll(&mut ready, Some(&limit))? == 0 {
            return Err(format!("{} has said nothing for {STALL_MAX:?}", self.name).into());
        }
        let mut piece = [0; 4_096];
        let read = self.output.read(&mut piece)?;
        self.said.extend_from_slice(&piece[..read]);
        if self.said.len() > SAID_MAX {
            return Err(format!("{} has said more than {SAID_MAX} bytes", self.name).into());
        }
        Ok(read > 0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing to a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
