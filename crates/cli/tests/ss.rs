//! `handfast ss`: what one process shows of another one.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{Run, command, is_skipped, scratch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Looks, one each second, until something is wrong.
const LOOKS_MAX: usize = 120;

/// A runtime folder of this test's own.
struct Runtime(PathBuf);

impl Runtime {
    fn new(name: &str) -> Self {
        let path = scratch(name);
        let mut builder = std::fs::DirBuilder::new();
        builder.mode(0o700).create(&path).unwrap();
        Self(path)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = command(line);
        command.env("XDG_RUNTIME_DIR", &self.0);
        command
    }

    fn run(&self, line: &str) -> Run {
        Run::of(self.command(line).output().unwrap())
    }

    fn socket(&self, child: &Child) -> PathBuf {
        self.0.join(format!("handfast/{}.sock", child.id()))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the only process of `ss --json` tells, when there is one.
fn process(line: &str, pid: u32) -> Option<Value> {
    let json: Value = serde_json::from_str(line).unwrap();
    let processes = json["processes"].as_array().unwrap();
    let process = processes.first()?;
    assert_eq!(processes.len(), 1, "{line}");
    assert_eq!(process["pid"], pid, "{line}");
    assert_eq!(process["program"], "handfast", "{line}");
    Some(process.clone())
}

fn sockets(process: &Value) -> &[Value] {
    process["sockets"].as_array().unwrap()
}

fn received(connection: &Value) -> u64 {
    connection["tcp_info"]["bytes_received"].as_u64().unwrap()
}

/// A fetch in the lab that takes very long.
fn fetch(runtime: &Runtime, options: &str) -> Killed {
    let url = "http://web.lab/bytes/100000000";
    let line = format!("get --lab {url} --impair rate=1mbit -s {options}");
    let mut command = runtime.command(&line);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    Killed(command.spawn().unwrap())
}

/// Looks at a fetch that goes on until it was seen `enough`; false when this machine has no lab.
fn watch(runtime: &Runtime, fetch: &mut Child, mut enough: impl FnMut(&Value) -> bool) -> bool {
    let watch = runtime
        .command("ss --watch --json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut watch = Killed(watch.unwrap());
    let looks = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    for line in looks.take(LOOKS_MAX) {
        let process = process(&line.unwrap(), fetch.id());
        if process.is_some_and(|process| enough(&process)) {
            return true;
        }
        if let Some(status) = fetch.try_wait().unwrap() {
            let mut stderr = Vec::new();
            let mut pipe = fetch.stderr.take().unwrap();
            pipe.read_to_end(&mut stderr).unwrap();
            let run = Run::of(Output {
                status,
                stderr,
                stdout: Vec::new(),
            });
            assert!(is_skipped(&run), "the fetch has ended: {}", run.stderr);
            return false;
        }
    }
    panic!("it was not seen in {LOOKS_MAX} looks");
}

#[test]
fn a_slow_fetch_is_seen_to_grow_and_gone_when_it_ends() {
    let runtime = Runtime::new("slow");
    let mut fetch = fetch(&runtime, "-o /dev/null");
    let pid = fetch.0.id();
    let mut seen: Vec<Value> = Vec::new();
    let is_lab = watch(&runtime, &mut fetch.0, |process| {
        assert!(sockets(process).len() <= 1, "{process}");
        let more = sockets(process).iter().filter(|found| received(found) > 0);
        seen.extend(more.cloned());
        seen.len() == 3
    });
    if !is_lab {
        return;
    }
    assert!(
        seen.iter().map(received).is_sorted_by(|a, b| a < b),
        "{seen:?}"
    );
    for found in &seen {
        assert_eq!(found["state"], "ESTABLISHED");
        assert_eq!(found["peer"], "203.0.113.29:80");
        assert_eq!(found["limited_by"], "the application");
    }

    // The same for people, of one process.
    let run = runtime.run(&format!("ss --pid {pid}"));
    run.expect(0, "");
    let text = run.text();
    assert!(
        text.starts_with(&format!("handfast, process {pid}: 1 socket\nState ")),
        "{text}"
    );
    for words in [
        "\nESTAB ",
        " 203.0.113.29:80",
        "\t cubic wscale:",
        " bytes_received:",
    ] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
    runtime
        .run(&format!("ss --pid {}", pid + 1))
        .expect(1, "there is no process");

    let socket = runtime.socket(&fetch.0);
    assert!(socket.exists());
    let id = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    assert_eq!(fetch.0.wait().unwrap().code(), Some(130));
    assert!(!socket.exists(), "the socket goes with its process");
    runtime
        .run("ss")
        .expect(1, "no process of this user can be asked");
}

#[test]
fn the_shards_of_a_host_are_seen_together() {
    let runtime = Runtime::new("shards");
    let mut fetch = fetch(&runtime, "--shards 2 --parallel 4");
    let mut ends = Vec::new();
    let is_lab = watch(&runtime, &mut fetch.0, |process| {
        let found = sockets(process).iter();
        ends = found.map(|found| found["local"].to_string()).collect();
        ends.len() == 4
    });
    ends.sort();
    ends.dedup();
    assert!(!is_lab || ends.len() == 4, "{ends:?}");
}

#[test]
fn nothing_is_served_in_virtual_time_or_when_it_is_switched_off() {
    let runtime = Runtime::new("none");
    runtime.run("get --lab memory").expect(0, "closed in order");
    let run = runtime.run("get --lab --no-control");
    if !is_skipped(&run) {
        run.expect(0, "closed in order");
    }
    let is_empty = |path: &Path| std::fs::read_dir(path).unwrap().next().is_none();
    assert!(is_empty(&runtime.0), "there is no folder for sockets");
}

#[test]
fn nobody_to_ask_is_said_and_has_its_exit_code() {
    let runtime = Runtime::new("nobody");
    runtime
        .run("ss")
        .expect(1, "no process of this user can be asked");
    let run = runtime.run("ss --json");
    run.expect(1, "");
    assert_eq!(run.text(), "{\"version\":1,\"processes\":[]}\n");
}
