//! What `enter` says where a system forbids it: the setting, and the way out. The system is made
//! to forbid it inside namespaces of our own, whose limits we may set.

mod common;

use std::fs;
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::thread;

use handfast_lab::LabError;

/// Tells the program that it is the one to be refused.
const REFUSED: &str = "be-refused";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == REFUSED) {
        return match handfast_lab::enter() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    if let Err(error) = handfast_lab::enter() {
        return common::no_lab(&error);
    }
    let cases: [(&'static str, fn()); 2] = [
        ("a_limit_is_named_with_the_way_out", a_limit_is_named),
        ("a_process_with_threads_is_told_so", threads_are_in_the_way),
    ];
    common::run_named(cases.into_iter())
}

fn a_limit_is_named() {
    for limit in ["max_user_namespaces", "max_net_namespaces"] {
        fs::write(format!("/proc/sys/user/{limit}"), "0").expect("our namespace has limits");
    }
    let program = std::env::current_exe().expect("the system knows what it runs");
    let output = Command::new(program)
        .arg(REFUSED)
        .output()
        .expect("it ran once already");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "it was allowed: {said}");
    for word in [
        "cannot build the lab",
        "user.max_user_namespaces",
        "sysctl -w",
        "--lab memory",
    ] {
        assert!(said.contains(word), "no {word:?} in {said:?}");
    }
}

fn threads_are_in_the_way() {
    thread::scope(|scope| {
        let (hold, held) = mpsc::channel::<()>();
        scope.spawn(move || held.recv());
        let outcome = handfast_lab::enter();
        assert!(matches!(outcome, Err(LabError::ManyThreads)), "{outcome:?}");
        drop(hold);
    });
}
