//! `handfast drill` as a program: verdicts, exit codes, lists of known failures, JSON.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

const PASSES: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";
const FAILS: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = -1 EPERM (no)\n";
const UNKNOWN: &str = "0 `make coffee`\n+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("handfast-drill-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the command; gives its exit code and what it printed.
fn drill(arguments: &[&Path]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_handfast"))
        .arg("drill")
        .args(arguments)
        .output()
        .expect("the program was built");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().expect("nobody kills it"), text)
}

#[test]
fn verdicts_become_a_summary_and_an_exit_code() {
    let folder = Folder::new("verdicts");
    let good = folder.file("good.pkt", PASSES);
    let (code, text) = drill(&[&good]);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("PASS 1 FAIL 0 UNSUPPORTED 0\n"), "{text}");
    folder.file("bad.pkt", FAILS);
    folder.file("unknown.pkt", UNKNOWN);
    folder.file("no-script.txt", "");
    let (code, text) = drill(&[&folder.0]);
    assert_eq!(code, 1, "{text}");
    assert!(text.ends_with("PASS 1 FAIL 1 UNSUPPORTED 1\n"), "{text}");
    assert!(
        text.contains("UNSUPPORTED line 1: the command `make coffee`"),
        "{text}"
    );
    assert!(text.contains("FAIL line 1"), "{text}");
}

#[test]
fn known_failures_must_fail_and_only_they() {
    let folder = Folder::new("known");
    folder.file("good.pkt", PASSES);
    folder.file("bad.pkt", FAILS);
    for (list, code) in [
        ("bad.pkt  it has its reasons\n", 0),
        ("# none\n", 1),
        ("bad.pkt  why\ngood.pkt  it passes by now\n", 1),
        ("bad.pkt  why\ngone.pkt  nobody knows it\n", 1),
        ("bad.pkt\n", 2),
    ] {
        let path = folder.file("list.txt", list);
        let (found, text) = drill(&[&folder.0, Path::new("--expected"), &path]);
        assert_eq!(found, code, "{list}{text}");
    }
}

#[test]
fn usage_errors_have_their_own_code() {
    assert_eq!(drill(&[]).0, 2);
    assert_eq!(drill(&[Path::new("/no/such/script.pkt")]).0, 2);
    let folder = Folder::new("usage");
    let good = folder.file("good.pkt", PASSES);
    for option in ["--end=later", "--ip-version=ipv5", "--strict=1", "-Dx"] {
        assert_eq!(drill(&[&good, Path::new(option)]).0, 2, "{option}");
    }
}

#[test]
fn json_has_an_object_per_script_and_one_with_the_sums() {
    let folder = Folder::new("json");
    folder.file("bad.pkt", FAILS);
    folder.file("good.pkt", PASSES);
    let (code, text) = drill(&[&folder.0, Path::new("--json")]);
    assert_eq!(code, 1, "{text}");
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects[0]["verdict"], "FAIL");
    assert_eq!(objects[0]["line"], 1);
    assert_eq!(objects[1]["verdict"], "PASS");
    assert_eq!(objects[2]["pass"], 1);
    assert_eq!(objects[2]["unexpected"], 1);
}
