//! House rules, held by reading the sources: file and function length, a header in every file, no
//! banned words, a core without `std`, every limit on its page.

mod limits;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// Longest file in lines.
const FILE_LINES_MAX: usize = 600;
/// Longest function in lines, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// The crates that know neither clock nor system.
const CORE: [&str; 3] = ["crates/packet", "crates/tcp", "crates/stack"];
/// Words that no source may contain, and why.
const BANNED: [(&str, &str); 4] = [
    ("todo!(", "a stub is not done"),
    ("unimplemented!(", "a stub is not done"),
    ("dbg!(", "left over from a search"),
    (
        "#[allow(",
        "write #[expect(lint, reason = \"...\")] instead",
    ),
];
/// Words that the core may not contain either; its integration tests may.
const BANNED_IN_CORE: [(&str, &str); 4] = [
    ("std::time", "time is an argument"),
    ("std::net::Tcp", "the core knows no sockets of the host"),
    ("RandomState", "hashes are keyed by the seed"),
    ("unsafe {", "the core forbids unsafe"),
];

/// Writes `docs/limits.md` from the sources.
pub(crate) fn write_limits(root: &Path) -> Result<(), String> {
    let (sources, _) = read(root)?;
    limits::write(root, &sources)
}

/// Checks the whole tree and reports every offence.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let (sources, mut offences) = read(root)?;
    for source in &sources {
        check_source(source, &mut offences);
    }
    for folder in CORE {
        let lib = Path::new(folder).join("src/lib.rs");
        let source = sources.iter().find(|source| source.name == lib);
        let text = source.map_or("", |source| source.text.as_str());
        for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !text.contains(attribute) {
                offences.push(format!("{}: lacks {attribute}", lib.display()));
            }
        }
    }
    limits::check(root, &sources, &mut offences);
    if offences.is_empty() {
        println!("tidy: {} files are in order", sources.len());
        return Ok(());
    }
    for offence in &offences {
        eprintln!("tidy: {offence}");
    }
    Err(format!("{} house rules broken", offences.len()))
}

/// All sources that can be parsed, and the offences of those that cannot.
fn read(root: &Path) -> Result<(Vec<Source>, Vec<String>), String> {
    let (mut sources, mut offences) = (Vec::new(), Vec::new());
    for folder in ["crates", "bench", "xtask", "fuzz/targets"] {
        for path in rust_files(&root.join(folder))? {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
            match Source::parse(name, text) {
                Ok(source) => sources.push(source),
                Err(offence) => offences.push(offence),
            }
        }
    }
    Ok((sources, offences))
}

fn check_source(source: &Source, offences: &mut Vec<String>) {
    let name = source.name.display();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        offences.push(format!(
            "{name}: {lines} lines, at most {FILE_LINES_MAX}; split it"
        ));
    }
    if !source.text.starts_with("//!") {
        offences.push(format!(
            "{name}: does not open with //! (what lives here, what does not)"
        ));
    }
    for function in &source.functions {
        if function.lines > FUNCTION_LINES_MAX {
            let (line, function, lines) = (function.line, &function.name, function.lines);
            offences.push(format!(
                "{name}:{line}: fn {function} has {lines} lines, at most {FUNCTION_LINES_MAX}"
            ));
        }
    }
    if source.name.starts_with("xtask") {
        return;
    }
    let in_core = CORE
        .iter()
        .any(|folder| source.name.starts_with(Path::new(folder).join("src")));
    let core_words = if in_core { &BANNED_IN_CORE[..] } else { &[] };
    for (number, line) in source.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for (word, why) in BANNED.iter().chain(core_words) {
            if code.contains(word) {
                offences.push(format!("{name}:{}: {word} is banned: {why}", number + 1));
            }
        }
    }
}

/// All `.rs` files below `folder`, in the order of their names.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
