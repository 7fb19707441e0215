//! `--live` and `handfast watch` in a terminal of 80 columns and 24 rows, as a user sees them; and
//! away from one.
//!
//! `script` of util-linux gives the terminal, `vt100` reads what is drawn on it.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use common::{handfast, is_skipped, scratch};
use rustix::process::{Pid, Signal, kill_process};
use vt100::Parser;

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
const BINARY: &str = env!("CARGO_BIN_EXE_handfast");
/// What a terminal is told when it is taken, and when it is given back.
const TAKEN: &[u8] = b"\x1b[?1049h";
const GIVEN_BACK: &[u8] = b"\x1b[?1049l";
/// A transfer of some seconds, in virtual time that passes as ours.
const SLOW: &str = "get --lab memory --live http://web.lab/bytes/400000 --impair \
                    rate=1mbit,delay=5ms,loss=5% --seed 3";

/// A command in a terminal of its own.
struct Typed {
    child: Child,
    keys: ChildStdin,
    screen: Parser,
    bytes: Vec<u8>,
}

impl Typed {
    fn new(line: &str, runtime: &PathBuf) -> Self {
        let shell = format!(
            "stty rows {ROWS} cols {COLUMNS}; {BINARY} {line}; code=$?; stty -a | tr ' ;' '\\n' | \
             grep -x -e icanon -e echo -e isig | tr '\\n' ' '; echo ended with $code"
        );
        let mut child = Command::new("script")
            .args(["-qec", &shell, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("XDG_RUNTIME_DIR", runtime)
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        Self {
            child,
            keys,
            screen: Parser::new(
                NonZero::new(ROWS).unwrap(),
                NonZero::new(COLUMNS).unwrap(),
                200,
            ),
            bytes: Vec::new(),
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Reads on until the screen shows all of these words.
    fn until(&mut self, words: &[&str]) -> String {
        let mut piece = [0; 4_096];
        loop {
            let text = self.screen.screen().contents();
            if words.iter().all(|word| text.contains(word)) {
                return text;
            }
            let len = self
                .child
                .stdout
                .as_mut()
                .unwrap()
                .read(&mut piece)
                .unwrap();
            assert!(len > 0, "{words:?} never came:\n{text}");
            self.screen.process(&piece[..len]);
            self.bytes.extend_from_slice(&piece[..len]);
        }
    }

    /// The terminal is as it was: lines are edited, the first screen is back, the cursor is there.
    fn is_given_back(&mut self, code: u8) -> String {
        let text = self.until(&[&format!("ended with {code}")]);
        assert!(text.contains("isig icanon echo"), "{text}");
        let screen = self.screen.screen();
        assert!(
            !screen.hide_cursor() && !screen.alternate_screen(),
            "{text}"
        );
        let has = |wanted: &[u8]| {
            self.bytes
                .windows(wanted.len())
                .any(|found| found == wanted)
        };
        assert!(has(TAKEN) && has(GIVEN_BACK));
        text
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn runtime(name: &str) -> PathBuf {
    let path = scratch(name);
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700).recursive(true).create(&path).unwrap();
    path
}

#[test]
fn a_transfer_is_seen_and_its_last_picture_stays() {
    let mut typed = Typed::new(SLOW, &runtime("live-seen"));
    typed.until(&[
        "[ESTABLISHED]",
        "cwnd",
        "in flight",
        "receive window",
        "RTT",
        "q quit",
    ]);
    typed.until(&["out of order: kept aside"]);
    typed.press("?");
    typed.until(&["Any key leads back."]);
    typed.press("x");
    typed.until(&["[ESTABLISHED]"]);
    let text = typed.is_given_back(0);
    assert!(text.contains("closed in order"), "{text}");
    typed.screen.screen_mut().set_scrollback(100);
    let before = typed.screen.screen().contents();
    assert!(
        before.contains("CLOSED") && !before.contains("q quit"),
        "{before}"
    );
}

#[test]
fn q_closes_the_view_and_the_command_goes_on() {
    let mut typed = Typed::new(SLOW, &runtime("live-q"));
    typed.until(&["[ESTABLISHED]"]);
    typed.press("q");
    let text = typed.is_given_back(0);
    assert!(text.contains("closed in order"), "{text}");
}

#[test]
fn ctrl_c_ends_it_and_gives_the_terminal_back() {
    let mut typed = Typed::new(SLOW, &runtime("live-interrupt"));
    typed.until(&["[ESTABLISHED]"]);
    typed.press("\u{3}");
    typed.is_given_back(130);
}

#[test]
fn watch_shows_another_process_with_its_events_and_outlives_it() {
    if is_skipped(&handfast("get --lab -s -o /dev/null")) {
        return;
    }
    let runtime = runtime("live-other");
    let line = "get --lab http://web.lab/bytes/300000 --repeat 1000 --impair rate=4mbit -s";
    let mut command = common::command(line);
    let command = command.env("XDG_RUNTIME_DIR", &runtime);
    let fetch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut fetch = fetch.unwrap();
    let mut typed = Typed::new("watch", &runtime);
    typed.until(&[
        "[ESTABLISHED]",
        "203.0.113.29:80",
        "cubic",
        "in flight",
        "q quit",
    ]);
    typed.until(&["from SYN-SENT to ESTABLISHED", "RFC 9293 3.3.2"]);
    typed.press("/established");
    typed.until(&["filter: established", "type what a line must have"]);
    typed.press("\r\r");
    typed.until(&["details"]);
    let interrupted = Pid::from_raw(i32::try_from(fetch.id()).unwrap()).unwrap();
    kill_process(interrupted, Signal::INT).unwrap();
    fetch.wait().unwrap();
    typed.press("\u{1b}");
    typed.until(&[" 0 connections"]);
    typed.press("q");
    typed.is_given_back(0);
}

#[test]
fn watch_waits_for_processes_and_quits() {
    let mut typed = Typed::new("watch", &runtime("live-watch"));
    typed.until(&["no process of this user can be asked", "q quit"]);
    typed.press("q");
    typed.is_given_back(0);
}

#[test]
fn away_from_a_terminal_there_are_lines_and_the_same_ones_each_time() {
    let line = SLOW.replace("rate=1mbit,delay=5ms,loss=5%", "delay=5ms,loss=6%");
    let [first, second] = [&line, &line].map(|line| handfast(&format!("{line} -o /dev/null")));
    first.expect(0, "closed in order");
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains(" > "));
        lines.map(str::to_owned).collect()
    };
    let told = lines(&first.stderr);
    assert_eq!(told, lines(&second.stderr));
    let has = |words: &str| told.iter().any(|line| line.contains(words));
    for words in [
        "the connection begins in SYN-SENT",
        "from SYN-SENT to ESTABLISHED (RFC 9293 3.3.2)",
        "out of order: kept aside (RFC 5681 4.2)",
        "closed normally by both sides",
    ] {
        assert!(has(words), "{words}: {told:#?}");
    }
    assert!(!first.stderr.contains('\u{1b}'));
}

#[test]
fn what_is_not_there_is_said() {
    let mut command = common::command("watch --pid 1");
    command.env("XDG_RUNTIME_DIR", runtime("live-nobody"));
    let run = common::Run::of(command.output().unwrap());
    run.expect(1, "there is no process 1 of this user");
}
