//! `handfast drill`: runs packetdrill scripts against our stack in virtual time, and says which
//! came out as expected. What a script means is in `handfast_sim::script`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use handfast_packet::buf::Medium;
use handfast_sim::script::runner::{End, IpVersion, Mode, Options, Report, Verdict, run_text};
use handfast_trace::Language;
use handfast_trace::report::{LiveRun, Report as Page};
use serde_json::json;

use crate::failure::{Failure, code};
use crate::report_file;

/// Most scripts of one command.
pub(crate) const SCRIPTS_MAX: usize = 100_000;
/// How deep folders are searched for scripts.
pub(crate) const FOLDERS_DEPTH_MAX: u32 = 32;

#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// Scripts, and folders that are searched for `.pkt` files.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print one JSON object per script and one with the sums.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the segments of scripts that pass too, and say what was passed over.
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Compare the PSH flag too.
    #[arg(long)]
    pub(crate) strict_psh: bool,
    /// What may be sent behind the last packet that a script expects: nothing (strict), the ACK or
    /// the FIN that its last step calls for (answers, the default), or anything, as the original
    /// does not look at it (lenient).
    #[arg(long, value_name = "strict|answers|lenient", value_parser = parse_end)]
    pub(crate) end: Option<End>,
    /// Compare options in their order and windows exactly, whatever the script.
    #[arg(long, conflicts_with = "relaxed")]
    pub(crate) strict: bool,
    /// Compare options as a set and windows only as far as they are zero, whatever the script.
    #[arg(long)]
    pub(crate) relaxed: bool,
    /// Which packets scripts are about that do not say so themselves.
    #[arg(long, value_name = "ipv4|ipv6|mapped", value_parser = parse_version)]
    pub(crate) ip_version: Option<IpVersion>,
    /// How far times may be off, in microseconds; else what the script says, or 4000.
    #[arg(long, value_name = "N")]
    pub(crate) tolerance_usecs: Option<u64>,
    /// The value of a name that scripts use, such as a cookie; may be given several times.
    #[arg(short = 'D', long, value_name = "NAME=VALUE", value_parser = parse_definition)]
    pub(crate) define: Vec<(String, String)>,
    /// Write a report of the connections of one script as one HTML file, for any browser and without
    /// a network.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// The language of the report.
    #[arg(long, value_name = "en|ru", default_value_t, requires = "report")]
    pub(crate) lang: Language,
    /// A file with lines `PATH REASON`: scripts that are known not to pass. The command succeeds
    /// when just these do not; may be given several times.
    #[arg(long, value_name = "LIST")]
    pub(crate) expected: Vec<PathBuf>,
}

/// How many came out how.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    pass: usize,
    fail: usize,
    unsupported: usize,
    /// Not as expected.
    surprises: usize,
}

/// Known failures: the end of a path, and the reason.
type Expected = BTreeMap<String, String>;

/// Runs the command; gives its exit code.
pub(crate) fn run(args: &DrillArgs) -> u8 {
    let (scripts, mut expected) = match (scripts(&args.paths), lists(&args.expected)) {
        (Ok(scripts), Ok(expected)) => (scripts, expected),
        (Err(message), _) | (_, Err(message)) => {
            eprintln!("handfast: {message}");
            return code::USAGE;
        }
    };
    if args.report.is_some() && scripts.len() != 1 {
        eprintln!(
            "handfast: --report is of one script, and these are {}",
            scripts.len()
        );
        return code::USAGE;
    }
    let mode = match (args.strict, args.relaxed) {
        (true, _) => Some(Mode::Strict),
        (_, true) => Some(Mode::Relaxed),
        _ => None,
    };
    let options = Options {
        mode,
        strict_psh: args.strict_psh,
        end: args.end.unwrap_or_default(),
        tolerance: args.tolerance_usecs.map(Duration::from_micros),
        version: args.ip_version,
        definitions: args.define.iter().cloned().collect(),
    };
    let mut sums = Sums::default();
    for path in &scripts {
        let report = match fs::read(path) {
            Ok(bytes) => run_text(&String::from_utf8_lossy(&bytes), &options),
            Err(error) => {
                eprintln!("handfast: {}: {error}", path.display());
                return code::USAGE;
            }
        };
        if let Err(failure) = write_report(args, path, &report) {
            eprintln!("handfast: {failure}");
            return failure.code;
        }
        let reason = take_reason(&mut expected, path);
        let passes = report.verdict == Verdict::Pass;
        sums.count(&report.verdict);
        sums.surprises += usize::from(passes == reason.is_some());
        if args.json {
            println!("{}", as_json(path, &report, reason.as_deref()));
        } else {
            tell(args, path, &report, reason.as_deref());
        }
    }
    for path in expected.keys() {
        eprintln!("handfast: no script {path} was run: remove it from the list");
        sums.surprises += 1;
    }
    if args.json {
        let sums = json!({
            "pass": sums.pass, "fail": sums.fail, "unsupported": sums.unsupported,
            "unexpected": sums.surprises,
        });
        println!("{sums}");
    } else {
        println!(
            "PASS {} FAIL {} UNSUPPORTED {}",
            sums.pass, sums.fail, sums.unsupported
        );
    }
    if sums.surprises == 0 { 0 } else { code::FAILED }
}

/// Writes what passed in a script as a page, if that is wanted.
fn write_report(args: &DrillArgs, script: &Path, report: &Report) -> Result<(), Failure> {
    let Some(file) = &args.report else {
        return Ok(());
    };
    let name = script.file_name().unwrap_or(script.as_os_str());
    let name = name.to_string_lossy().into_owned();
    let mut run = LiveRun::new(Medium::Ip, args.lang);
    report.replay(&mut run);
    let mut run = run.finish(name.clone(), 0);
    // A script is told of its packets only.
    run.told = None;
    let page = Page {
        title: name,
        language: args.lang,
        runs: vec![run],
    };
    report_file::write(&page, file)
}

impl Sums {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::Fail { .. } => self.fail += 1,
            Verdict::Unsupported { .. } => self.unsupported += 1,
        }
    }
}

/// One script in words: a line, and more where something is not as expected.
fn tell(args: &DrillArgs, path: &Path, report: &Report, reason: Option<&str>) {
    let path = path.display();
    let verdict = match &report.verdict {
        Verdict::Pass => "PASS".to_owned(),
        Verdict::Fail { line, .. } => format!("FAIL line {line}"),
        Verdict::Unsupported { line, reason } => format!("UNSUPPORTED line {line}: {reason}"),
    };
    match (&report.verdict, reason) {
        (Verdict::Pass, Some(_)) => println!("{path}: {verdict}: remove it from the list"),
        (_, Some(reason)) => println!("{path}: {verdict} (known: {reason})"),
        _ => println!("{path}: {verdict}"),
    }
    if let (
        Verdict::Fail {
            expected, found, ..
        },
        None,
    ) = (&report.verdict, reason)
    {
        println!("    expected {expected}\n    found    {found}");
    }
    let surprises = report.verdict != Verdict::Pass && reason.is_none();
    if args.verbose {
        for note in &report.notes {
            println!("    note: {note}");
        }
    }
    if args.verbose || surprises {
        for line in report.ladder.lines() {
            println!("    {line}");
        }
    }
}

fn as_json(path: &Path, report: &Report, reason: Option<&str>) -> serde_json::Value {
    let mut object = json!({
        "path": path.display().to_string(),
        "notes": report.notes,
    });
    match &report.verdict {
        Verdict::Pass => object["verdict"] = json!("PASS"),
        Verdict::Fail {
            line,
            expected,
            found,
        } => {
            object["verdict"] = json!("FAIL");
            object["line"] = json!(line);
            object["expected"] = json!(expected);
            object["found"] = json!(found);
            object["ladder"] = json!(report.ladder);
        }
        Verdict::Unsupported { line, reason } => {
            object["verdict"] = json!("UNSUPPORTED");
            object["line"] = json!(line);
            object["reason"] = json!(reason);
        }
    }
    if let Some(reason) = reason {
        object["known"] = json!(reason);
    }
    object
}

/// The files that are meant, in the order of their names within each folder.
fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        if path.is_dir() {
            search(path, FOLDERS_DEPTH_MAX, &mut found).map_err(failed)?;
        } else {
            fs::metadata(path).map_err(failed)?;
            found.push(path.clone());
        }
    }
    if found.len() > SCRIPTS_MAX {
        return Err(format!("{} scripts are too many", found.len()));
    }
    Ok(found)
}

fn search(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() && depth > 0 {
            search(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|ending| ending == "pkt") {
            found.push(path);
        }
    }
    Ok(())
}

fn lists(paths: &[PathBuf]) -> Result<Expected, String> {
    let mut expected = Expected::new();
    for path in paths {
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, reason) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| format!("{}: no reason is given for {line}", path.display()))?;
            expected.insert(name.to_owned(), reason.trim().to_owned());
        }
    }
    Ok(expected)
}

/// The reason why a script is known not to pass; each is given once.
fn take_reason(expected: &mut Expected, path: &Path) -> Option<String> {
    let name = expected
        .keys()
        .find(|name| path.ends_with(Path::new(name)))?
        .clone();
    expected.remove(&name)
}

fn parse_definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_end(text: &str) -> Result<End, String> {
    match text {
        "strict" => Ok(End::Strict),
        "answers" => Ok(End::Answers),
        "lenient" => Ok(End::Lenient),
        _ => Err("write strict, answers or lenient".to_owned()),
    }
}

fn parse_version(text: &str) -> Result<IpVersion, String> {
    match text {
        "ipv4" => Ok(IpVersion::V4),
        "ipv6" => Ok(IpVersion::V6),
        "mapped" | "ipv4-mapped-ipv6" => Ok(IpVersion::Mapped),
        _ => Err("write ipv4, ipv6 or mapped".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_the_end_of_a_path_and_each_once() {
        let mut expected = Expected::from([
            ("a/b.pkt".to_owned(), "why".to_owned()),
            ("c.pkt".to_owned(), "because".to_owned()),
        ]);
        let path = Path::new("/x/a/b.pkt");
        assert_eq!(take_reason(&mut expected, Path::new("/x/ba/b.pkt")), None);
        assert_eq!(take_reason(&mut expected, path).as_deref(), Some("why"));
        assert_eq!(take_reason(&mut expected, path), None);
        assert_eq!(expected.len(), 1);
    }
}
