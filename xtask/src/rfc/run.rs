//! Runs exactly the tests that the table cites, and looks whether each was seen to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::source::{self, Coverage};
use super::table::{Citation, Proof, Row};

/// The test that runs all scripts of our own, and where they lie.
const SCRIPT_TEST: (&str, &str) = (
    "crates/sim/tests/drill.rs",
    "every_script_of_our_own_passes",
);
const SCRIPTS: &str = "crates/sim/drill/scripts";

/// A test binary: the package, and what selects the binary in it.
type Binary = (String, Vec<String>);

/// Runs the cited tests; how many there are.
pub(crate) fn run(root: &Path, rows: &[Row]) -> Result<usize, String> {
    let mut binaries: BTreeMap<Binary, BTreeSet<&Citation>> = BTreeMap::new();
    let cited = rows.iter().filter_map(|row| match &row.proof {
        Proof::Tests(citations) => Some(citations),
        _ => None,
    });
    let cited: BTreeSet<Citation> = cited.flatten().map(by_test).collect::<Result<_, _>>()?;
    for citation in &cited {
        let binary = binary(root, &citation.path)?;
        binaries.entry(binary).or_default().insert(citation);
    }
    let (mut count, mut unseen) = (0, Vec::new());
    for (binary, citations) in &binaries {
        let log = output(root, binary, citations)?;
        count += citations.len();
        for citation in citations {
            let name = citation
                .name
                .as_deref()
                .expect("scripts have become their test");
            let prefix = module(&citation.path);
            for suffix in suffixes(root, citation) {
                if !passed(&log, &prefix, &format!("{name}{suffix}")) {
                    unseen.push(format!("{}::{name}{suffix}", citation.path.display()));
                }
            }
        }
    }
    if unseen.is_empty() {
        return Ok(count);
    }
    for test in &unseen {
        eprintln!("rfc: {test} did not run or did not pass");
    }
    Err(format!(
        "{} cited tests were not seen to pass",
        unseen.len()
    ))
}

/// A script passes when the test that runs all of them does.
fn by_test(citation: &Citation) -> Result<Citation, String> {
    if citation.name.is_some() {
        return Ok(citation.clone());
    }
    if !citation.path.starts_with(SCRIPTS) {
        return Err(format!(
            "nothing runs the script {}",
            citation.path.display()
        ));
    }
    let (path, name) = SCRIPT_TEST;
    Ok(Citation {
        path: path.into(),
        name: Some(name.to_owned()),
    })
}

/// The tests that stand for one name.
fn suffixes(root: &Path, citation: &Citation) -> &'static [&'static str] {
    let text = fs::read_to_string(root.join(&citation.path)).unwrap_or_default();
    let tests = source::tests(&text).unwrap_or_default();
    let name = citation.name.as_deref().unwrap_or_default();
    match tests.get(name) {
        Some(Coverage::Two) => &["::v4", "::v6"],
        _ => &[""],
    }
}

/// Which binary has the tests of a file.
fn binary(root: &Path, path: &Path) -> Result<Binary, String> {
    let strange = || format!("{} is no file with tests of the workspace", path.display());
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let (folder, rest) = match parts[..] {
        ["crates", name, ..] => (format!("crates/{name}"), &parts[2..]),
        ["xtask", ..] => ("xtask".to_owned(), &parts[1..]),
        _ => return Err(strange()),
    };
    let manifest = root.join(&folder).join("Cargo.toml");
    let manifest = fs::read_to_string(&manifest)
        .map_err(|error| format!("cannot read {}: {error}", manifest.display()))?;
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "));
    let package = name.ok_or_else(strange)?.trim_matches('"').to_owned();
    let selection = match rest {
        ["tests", file, ..] => vec!["--test".to_owned(), file.trim_end_matches(".rs").to_owned()],
        ["src", ..] if root.join(&folder).join("src/lib.rs").exists() => vec!["--lib".to_owned()],
        ["src", ..] => vec!["--bins".to_owned()],
        _ => return Err(strange()),
    };
    Ok((package, selection))
}

/// The module of a file in its test binary.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let place = |word: &str| parts.iter().position(|part| *part == word);
    // The first folder below `tests` is the binary; below `src` everything is a module.
    let inner = match (place("src"), place("tests")) {
        (Some(src), _) => &parts[src + 1..],
        (None, Some(tests)) => parts.get(tests + 2..).unwrap_or_default(),
        (None, None) => &[],
    };
    let names = inner
        .iter()
        .filter(|name| !matches!(**name, "mod" | "lib" | "main"));
    names.copied().collect::<Vec<_>>().join("::")
}

/// What `cargo test` printed.
fn output(
    root: &Path,
    (package, selection): &Binary,
    citations: &BTreeSet<&Citation>,
) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let names = citations
        .iter()
        .filter_map(|citation| citation.name.as_deref());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["test", "-p", package])
        .args(selection);
    command.arg("--").args(names);
    let output = command
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        print!("{log}");
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(format!("tests of {package} {} failed", selection.join(" ")));
    }
    Ok(log)
}

/// Whether a log has a test of this name in this module (or one below it) that passed.
fn passed(log: &str, module: &str, name: &str) -> bool {
    log.lines().any(|line| {
        let words = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... ok"));
        let path = words.map(|path| path.split(" - ").next().unwrap_or(path));
        path.is_some_and(|path| {
            let inner = match module {
                "" => Some(path),
                module => path
                    .strip_prefix(module)
                    .and_then(|rest| rest.strip_prefix("::")),
            };
            inner.is_some_and(|inner| inner == name || inner.ends_with(&format!("::{name}")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "running 3 tests\ntest rtt::tests::samples ... ok\n\
        test header::pair::v4 ... ok\ntest header::pair::v6 ... FAILED\n\
        test ip::icmp::tests::rationed ... ok\ntest other ... ignored\n";

    #[test]
    fn only_what_was_seen_to_pass_has_passed() {
        for (module, name, expected) in [
            ("rtt", "samples", true),
            ("rt", "samples", false),
            ("rtt", "ples", false),
            ("header", "pair::v4", true),
            ("header", "pair::v6", false),
            ("network::icmp", "rationed", false),
            ("ip::icmp", "rationed", true),
            ("", "samples", true),
            ("", "other", false),
            ("", "absent", false),
        ] {
            assert_eq!(passed(LOG, module, name), expected, "{module}::{name}");
        }
    }

    #[test]
    fn a_script_stands_for_the_test_that_runs_it() {
        let script = |path: &str| Citation {
            path: path.into(),
            name: None,
        };
        let test = by_test(&script("crates/sim/drill/scripts/rack/x.pkt")).unwrap();
        assert_eq!(test.name.as_deref(), Some(SCRIPT_TEST.1));
        assert!(by_test(&script("somewhere/x.pkt")).is_err());
    }

    #[test]
    fn files_have_their_modules() {
        for (path, expected) in [
            ("crates/tcp/src/rtt.rs", "rtt"),
            ("crates/tcp/src/congestion/mod.rs", "congestion"),
            ("crates/stack/src/ip/icmp/tests.rs", "ip::icmp::tests"),
            ("crates/tcp/tests/window.rs", ""),
            ("crates/stack/tests/stack/main.rs", ""),
            ("crates/stack/tests/rfc9293/header.rs", "header"),
        ] {
            assert_eq!(module(Path::new(path)), expected, "{path}");
        }
    }
}
