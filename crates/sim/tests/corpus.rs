//! The public suites of scripts, where they are at hand: beside the repository, never in it.

use std::fs;
use std::path::{Path, PathBuf};

use handfast_sim::script::{Action, parse};

/// Every `.pkt` file below `directory`.
fn scripts(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "pkt") {
            found.push(path);
        }
    }
}

#[test]
fn every_script_of_the_public_suites_can_be_read() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/packetdrill");
    let mut paths = Vec::new();
    scripts(&corpus, &mut paths);
    if paths.is_empty() {
        println!("the public suites are not at hand: nothing to read");
        return;
    }
    let (mut unsupported, mut refused) = (0, 0);
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let Ok(script) = parse(&text).inspect_err(|error| println!("{}: {error}", path.display()))
        else {
            refused += 1;
            continue;
        };
        for step in &script.steps {
            if let Action::Unsupported { what } = &step.action {
                println!("{}:{}: {what}", path.display(), step.line);
                unsupported += 1;
            }
        }
    }
    println!(
        "{} scripts, {refused} refused, {unsupported} steps not understood",
        paths.len()
    );
    assert!(refused <= 1, "one script begins with a stray letter");
    assert!(unsupported <= 8, "only TCP inside of UDP is not understood");
}
