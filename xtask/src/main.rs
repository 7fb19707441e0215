//! The project's own checks: `cargo xtask ci` runs all of them, `cargo xtask tidy` the house rules
//! that no tool of the toolchain knows, `cargo xtask limits` writes `docs/limits.md`, `cargo xtask rfc`
//! holds `docs/conformance.tsv` against the sources, `cargo xtask bench` measures and `cargo xtask counts`
//! counts instructions (`bench/`). What each rule is for stands in `CONTRIBUTING.md`.

mod rfc;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask ci [--skip-tests] | tidy | limits | rfc [--run] | bench [NAME]... [--pairs N] | counts [NAME]... [--write | --check | --profile NAME]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["ci"] => ci(true),
        ["ci", "--skip-tests"] => ci(false),
        ["tidy"] => tidy::check(&root()),
        ["limits"] => tidy::write_limits(&root()),
        ["rfc"] => rfc::check(&root()),
        ["rfc", "--run"] => rfc::check_and_run(&root()),
        ["bench", rest @ ..] => bench("suite", rest),
        ["counts", rest @ ..] => bench("counts", rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Every check, the quick ones first.
fn ci(with_tests: bool) -> Result<(), String> {
    cargo("formatting", &["fmt", "--all", "--check"], &[])?;
    step("house rules");
    tidy::check(&root())?;
    step("conformance");
    rfc::check(&root())?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    cargo("lints", &clippy, &[])?;
    let docs = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    cargo("documentation", &docs, &[("RUSTDOCFLAGS", "-D warnings")])?;
    let core = [
        "-p",
        "handfast-packet",
        "-p",
        "handfast-tcp",
        "-p",
        "handfast-stack",
    ];
    cargo("the core alone", &[&["check"], &core[..]].concat(), &[])?;
    let bare = ["check", "-p", "handfast", "--no-default-features"];
    cargo("handfast without tokio", &bare, &[])?;
    let traced = ["-p", "handfast", "--features", "tracing", "--tests"];
    let strict = ["--", "-D", "warnings"];
    let lints = [&["clippy"], &traced[..], &strict].concat();
    cargo("handfast with tracing", &lints, &[])?;
    let tests = [&["test"], &traced[..4], &["--test", "tracing"]].concat();
    cargo("its tests", &tests, &[])?;
    if with_tests {
        cargo("tests", &["test", "--workspace"], &[])?;
    }
    step("the tests that the table of conformance cites");
    rfc::check_and_run(&root())?;
    println!("xtask: all checks passed");
    Ok(())
}

/// Measures; `rest` goes to the program of that name in `bench/benches`.
fn bench(name: &str, rest: &[&str]) -> Result<(), String> {
    let program = ["bench", "-p", "handfast-bench", "--bench", name, "--"];
    cargo("benchmarks", &[&program, rest].concat(), &[])
}

fn cargo(what: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    step(what);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(arguments)
        .envs(environment.iter().copied());
    let status = command
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed: cargo {}", arguments.join(" ")))
    }
}

fn step(what: &str) {
    println!("xtask: {what}");
}

/// The workspace: the folder above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}
