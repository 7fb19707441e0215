//! Runs the command and looks at what it did.

use std::path::PathBuf;
use std::process::{Command, Output};

/// What a run of the command left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the command was not killed"),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The JSON summary in the last line of standard output.
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = self.text();
        let line = text.lines().last().expect("the summary is the last line");
        serde_json::from_str(line).expect("the summary is JSON")
    }

    /// Fails unless the exit code is `code` and standard error says `words`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &str) {
        assert!(
            self.code == code && self.stderr.contains(words),
            "expected exit code {code} and {words:?}, got {} and:\n{}",
            self.code,
            self.stderr
        );
    }
}

/// The command with these words, not yet run.
pub(crate) fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handfast"));
    command.args(line.split_whitespace());
    command
}

/// Runs the command with these words.
pub(crate) fn handfast(line: &str) -> Run {
    Run::of(command(line).output().expect("the command can be started"))
}

/// A file name of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    directory.join(format!("{}-{name}", std::process::id()))
}

/// Whether a run failed because this machine allows no namespaces. Says so, and fails where CI=true
/// allows no skip.
pub(crate) fn is_skipped(run: &Run) -> bool {
    let is_refused = run.code == 1 && run.stderr.contains("was refused");
    if is_refused {
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(!in_ci, "CI=true allows no skip: {}", run.stderr);
        println!("skipped: {}", run.stderr);
    }
    is_refused
}
