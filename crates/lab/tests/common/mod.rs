//! A test harness for tests that live in namespaces: the process must still have one thread when
//! it enters them, which the standard harness does not offer. Cases run one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use handfast_lab::LabError;

/// Whether a case of this name is to be run: the arguments of the program say so, all are without one.
pub(crate) fn is_chosen(name: &str) -> bool {
    let mut filters = std::env::args().skip(1).filter(|a| !a.starts_with('-'));
    let is_one = |filter: String| name.contains(&filter);
    filters
        .next()
        .is_none_or(|first| is_one(first) || filters.any(is_one))
}

/// Runs the cases that are chosen.
pub(crate) fn run_named<C: FnOnce()>(cases: impl Iterator<Item = (&'static str, C)>) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in cases.filter(|(name, _)| is_chosen(name)) {
        // The panic's message was printed by the panic hook.
        if catch_unwind(AssertUnwindSafe(case)).is_ok() {
            println!("test {name} ... ok");
            passed += 1;
        } else {
            println!("test {name} ... FAILED");
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A machine that forbids namespaces skips these tests aloud; a CI machine must not.
pub(crate) fn no_lab(error: &LabError) -> ExitCode {
    println!("{error}");
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if error.is_not_permitted() && !in_ci {
        println!("skipped: this system does not allow the namespaces that these tests need");
        return ExitCode::SUCCESS;
    }
    println!(
        "FAILED: no lab{}",
        if in_ci {
            " (CI=true allows no skip)"
        } else {
            ""
        }
    );
    ExitCode::FAILURE
}
