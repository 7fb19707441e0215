//! Replays what the fuzzers have found: the recorded inputs of every target, and the inputs that
//! once broke a rule.

use std::fs;

use handfast_fuzz::{TARGETS, seeds};

#[test]
fn recorded_inputs_break_no_rule() {
    for (name, target) in TARGETS {
        let inputs = seeds::load(name).unwrap();
        assert!(!inputs.is_empty(), "{name} has no recorded inputs");
        for input in &inputs {
            target(input);
        }
    }
}

/// Files in `fuzz/found` are named `TARGET.what-it-was`.
#[test]
fn what_once_broke_a_rule_does_not_any_more() {
    for entry in fs::read_dir(seeds::home().join("found")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let (name, _) = file.split_once('.').unwrap();
        let known = TARGETS.iter().find(|(known, _)| *known == name);
        let (_, target) = known.unwrap_or_else(|| panic!("{file} belongs to no target"));
        target(&fs::read(&path).unwrap());
    }
}

/// Every target has its program, and every program its target.
#[test]
fn programs_and_targets_are_the_same() {
    let manifest = fs::read_to_string(seeds::home().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let bin = format!("name = \"{name}\"\npath = \"bins/{name}.rs\"");
        assert!(manifest.contains(&bin), "{name} has no program");
        let program = fs::read_to_string(seeds::home().join(format!("bins/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("handfast_fuzz::{name}(data)")),
            "{name}"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
