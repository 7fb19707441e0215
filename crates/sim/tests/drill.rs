//! Every script of our own under `drill/scripts` passes, and says which rule it proves.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use handfast_sim::script::runner::{End, Options, Verdict, run_text};

/// Fewest scripts: they are the proof of what public suites lack, and may only grow in number.
const SCRIPTS: usize = 249;

fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of scripts can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("drill/scripts");
    let mut found = Vec::new();
    scripts(&root, &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("found below it");
        let name = name.display().to_string();
        (
            name,
            fs::read_to_string(path).expect("a script can be read"),
        )
    };
    found.into_iter().map(read).collect()
}

#[test]
fn every_script_of_our_own_passes() {
    let all = all();
    assert!(all.len() >= SCRIPTS, "{} scripts are left", all.len());
    let mut failures = String::new();
    for (name, text) in &all {
        let report = run_text(text, &strict());
        if report.verdict != Verdict::Pass {
            let (verdict, ladder) = (&report.verdict, &report.ladder);
            writeln!(failures, "{name}: {verdict}\n{ladder}").unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_script_begins_with_the_rule_that_it_proves() {
    for (name, text) in all() {
        let first = text.lines().next().unwrap_or_default();
        let names_a_rule = ["RFC ", "Linux ", "Sockets API", "docs/adr/"];
        let told = names_a_rule.iter().any(|rule| first.contains(rule));
        assert!(
            first.starts_with("// ") && told,
            "{name} begins with {first:?}"
        );
    }
}

/// A script that says what does not happen must fail: what is missing, what is too much, what is
/// different, and what comes at another time.
#[test]
fn a_script_fails_when_a_rule_is_broken() {
    let (_, text) = all()
        .into_iter()
        .find(|(name, _)| name == "close/active.pkt")
        .expect("it is among the scripts");
    for (from, to) in [
        ("+0 > F. 1:1(0) ack 1", ""),
        ("+0 > F. 1:1(0) ack 1", "+0 > F. 1:1(0) ack 2"),
        ("+0 > F. 1:1(0) ack 1", "+0 > . 1:1(0) ack 1"),
        ("+0 > F. 1:1(0) ack 1", "+.1 > F. 1:1(0) ack 1"),
        ("+0 > . 2:2(0) ack 2", ""),
        (
            "+0 > . 2:2(0) ack 2",
            "+0 > . 2:2(0) ack 2\n+0 > . 2:2(0) ack 2",
        ),
        (
            "+0 close(4) = 0",
            "+0 close(4) = -1 EBADF (Bad file descriptor)",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let broken = text.replacen(from, to, 1);
        let report = run_text(&broken, &strict());
        let failed = matches!(report.verdict, Verdict::Fail { .. });
        assert!(failed, "{from:?} as {to:?}: {:?}", report.verdict);
    }
}

/// Our own scripts look at everything to their end.
fn strict() -> Options {
    Options {
        end: End::Strict,
        ..Options::default()
    }
}
