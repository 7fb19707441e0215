//! Runs exactly the tests that the table cites, and looks whether each was seen to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::source::{self, Coverage};
use super::table::{Citation, Proof, Row};

/// The test that runs all scripts of our own, and where they lie.
const SCRIPT_TEST: (&str, &str) = (
    "crates/sim/tests/drill.rs",
    "every_script_of_our_own_passes",
);
const SCRIPTS: &str = "crates/sim/drill/scripts";

/// Where test binaries come from: the folder of the package, the kind of target, and its name (none for
/// all of them).
type Source = (String, &'static str, Option<String>);

/// A test binary that cargo has built.
struct Binary {
    folder: PathBuf,
    kinds: Vec<String>,
    name: String,
    path: PathBuf,
}

/// Runs the cited tests; how many there are.
pub(crate) fn run(root: &Path, rows: &[Row]) -> Result<usize, String> {
    let mut sources: BTreeMap<Source, BTreeSet<&Citation>> = BTreeMap::new();
    let cited = rows.iter().filter_map(|row| match &row.proof {
        Proof::Tests(citations) => Some(citations),
        _ => None,
    });
    let cited: BTreeSet<Citation> = cited.flatten().map(by_test).collect::<Result<_, _>>()?;
    for citation in &cited {
        let source = source_of(root, &citation.path)?;
        sources.entry(source).or_default().insert(citation);
    }
    let binaries = build(root)?;
    let (mut count, mut unseen) = (0, Vec::new());
    for (source, citations) in &sources {
        let log = output(root, &binaries, source, citations)?;
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

/// Which binaries have the tests of a file.
fn source_of(root: &Path, path: &Path) -> Result<Source, String> {
    let strange = || format!("{} is no file with tests of the workspace", path.display());
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let (folder, rest) = match parts[..] {
        ["crates", name, ..] => (format!("crates/{name}"), &parts[2..]),
        ["xtask", ..] => ("xtask".to_owned(), &parts[1..]),
        _ => return Err(strange()),
    };
    let (kind, name) = match rest {
        ["tests", file, ..] => ("test", Some(file.trim_end_matches(".rs").to_owned())),
        ["src", ..] if root.join(&folder).join("src/lib.rs").exists() => ("lib", None),
        ["src", ..] => ("bin", None),
        _ => return Err(strange()),
    };
    Ok((folder, kind, name))
}

/// Builds the tests of the whole workspace, as `cargo test` does that: a package alone would have other
/// features, and everything below it would be built again.
fn build(root: &Path) -> Result<Vec<Binary>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).stderr(Stdio::inherit()).args([
        "test",
        "--workspace",
        "--no-run",
        "--quiet",
        "--message-format=json",
    ]);
    let output = command
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests cannot be built".to_owned());
    }
    let log = String::from_utf8_lossy(&output.stdout);
    Ok(log.lines().filter_map(binary).collect())
}

/// The test binary of which a message of cargo tells.
fn binary(message: &str) -> Option<Binary> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |value: &Value| Some(value.as_str()?.to_owned());
    message["profile"]["test"].as_bool().filter(|&is| is)?;
    let kinds = message["target"]["kind"].as_array()?;
    Some(Binary {
        folder: Path::new(message["manifest_path"].as_str()?)
            .parent()?
            .into(),
        kinds: kinds.iter().filter_map(text).collect(),
        name: text(&message["target"]["name"])?,
        path: text(&message["executable"])?.into(),
    })
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

/// What the binaries of `source` print when they run the tests of these citations.
fn output(
    root: &Path,
    binaries: &[Binary],
    (folder, kind, name): &Source,
    citations: &BTreeSet<&Citation>,
) -> Result<String, String> {
    let folder = root.join(folder);
    let is_one = |binary: &&Binary| {
        let is_kind = binary.kinds.iter().any(|one| one == kind);
        let is_named = name.as_ref().is_none_or(|name| *name == binary.name);
        binary.folder == folder && is_kind && is_named
    };
    let names: Vec<&str> = citations
        .iter()
        .filter_map(|citation| citation.name.as_deref())
        .collect();
    let mut log = String::new();
    for binary in binaries.iter().filter(is_one) {
        let output = Command::new(&binary.path)
            .current_dir(&folder)
            .env("CARGO_MANIFEST_DIR", &folder)
            .args(&names)
            .output()
            .map_err(|error| format!("cannot start {}: {error}", binary.path.display()))?;
        log += &String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            print!("{log}");
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            return Err(format!("tests of {} failed", binary.path.display()));
        }
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
