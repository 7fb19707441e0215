//! Starts the tests in their namespaces, one after the other, and reports. The tests themselves
//! are in the files beside this one.

use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::process::{Command, ExitCode};

#[cfg(feature = "xdp")]
use crate::xdp;
use crate::{packet, queues, ring, tap};

/// A test: returns why it was skipped, panics when it failed.
pub(crate) type Test = (&'static str, fn() -> Result<(), String>);

/// Set for the process that `unshare` starts: what it is to do there.
const ROLE: &str = "HANDFAST_DEVICE_TEST_ROLE";
/// The role of running all tests, with every privilege over the namespace.
const INSIDE: &str = "inside";
/// The role of running the tests that want privileges over the machine too, as programs for the
/// kernel do.
#[cfg(feature = "xdp")]
const ROOT: &str = "root";
/// The role of running the tests that want no privilege.
const UNPRIVILEGED: &str = "unprivileged";

pub(crate) fn main() -> ExitCode {
    match env::var(ROLE).as_deref() {
        Ok(INSIDE) => return run(&[packet::TESTS, ring::TESTS, tap::TESTS, queues::TESTS].concat()),
        #[cfg(feature = "xdp")]
        Ok(ROOT) => return run(xdp::TESTS),
        #[cfg(feature = "xdp")]
        Ok(UNPRIVILEGED) => return run(&[packet::WITHOUT_PRIVILEGE, xdp::WITHOUT_PRIVILEGE]),
        #[cfg(not(feature = "xdp"))]
        Ok(UNPRIVILEGED) => return run(&[packet::WITHOUT_PRIVILEGE]),
        _ => {}
    }
    if let Some(reason) = obstacle() {
        return skipped(&format!("all tests of this file: {reason}"));
    }
    let inside = start(&["--user", "--map-root-user", "--net"], INSIDE);
    let unprivileged = start(&["--user"], UNPRIVILEGED);
    if inside && unprivileged && root() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs what root alone can; others hear that it was left out, which is no failure anywhere.
fn root() -> bool {
    #[cfg(feature = "xdp")]
    {
        let as_root = Command::new("unshare").args(["--net", "true"]).output();
        if as_root.is_ok_and(|output| output.status.success()) {
            return start(&["--net"], ROOT);
        }
        println!("skipped the tests of XDP sockets: programs for the kernel want root");
    }
    true
}

/// Runs `ip` with the words of `arguments`.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("`ip` was found");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`ip {arguments}` failed: {words}");
}

/// Waits until the kernel reports the interface `name` in service. Without this, a frame sent right
/// after both ends of a cable were brought up is now and then counted as dropped by its interface,
/// with no error to the sender. It is asking about the link that helps, not the time it takes: as
/// many commands that do not ask leave the losses.
pub(crate) fn await_service(name: &str) {
    /// Far more than the few questions that a busy machine needs.
    const QUESTIONS_MAX: usize = 10_000;
    let in_service = |_| {
        let output = Command::new("ip")
            .args(["-oneline", "link", "show", name])
            .output();
        let output = output.expect("`ip` was found");
        let words = String::from_utf8_lossy(&output.stdout);
        words.contains(" state UP ") && !words.contains(" qdisc noop ")
    };
    let asked = (0..QUESTIONS_MAX).position(in_service);
    assert!(
        asked.is_some(),
        "the interface `{name}` does not go into service"
    );
}

/// Why the tests cannot run here; `None` when they can.
fn obstacle() -> Option<String> {
    if let Err(error) = Command::new("ip").arg("-Version").output() {
        return Some(format!(
            "the command `ip` (package iproute2) does not run: {error}"
        ));
    }
    let probe = ["--user", "--map-root-user", "--net", "true"];
    match Command::new("unshare").args(probe).output() {
        Err(error) => Some(format!(
            "the command `unshare` (package util-linux) does not run: {error}"
        )),
        Ok(output) if !output.status.success() => Some(format!(
            "this system allows no user and network namespaces ({}); see `sysctl \
             kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`",
            String::from_utf8_lossy(&output.stderr).trim(),
        )),
        Ok(_) => None,
    }
}

/// Starts this program once more, in the namespaces of `options`.
fn start(options: &[&str], role: &str) -> bool {
    let program = env::current_exe().expect("this program has a path");
    let mut command = Command::new("unshare");
    command
        .args(options)
        .arg(program)
        .args(env::args().skip(1))
        .env(ROLE, role);
    command.status().is_ok_and(|status| status.success())
}

fn run(tests: &[Test]) -> ExitCode {
    // Without this the kernel's own IPv6 packets would mix with those of the tests.
    let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    let filter = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| {
        filter
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
    };
    let mut code = ExitCode::SUCCESS;
    for (name, test) in tests.iter().filter(|(name, _)| wanted(name)) {
        match catch_unwind(test) {
            Ok(Ok(())) => println!("test {name} ... ok"),
            Ok(Err(reason)) => {
                if skipped(&format!("{name}: {reason}")) != ExitCode::SUCCESS {
                    code = ExitCode::FAILURE;
                }
            }
            Err(_) => {
                println!("test {name} ... FAILED");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn skipped(what: &str) -> ExitCode {
    println!("skipped {what}");
    if env::var("CI").is_ok_and(|value| value == "true") {
        println!("with CI=true a skipped test is a failure");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
