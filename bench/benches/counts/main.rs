//! How many instructions the hot paths take, by callgrind: the same in each run, so that what a
//! change costs shows at once, however busy the machine is.
//!
//! ```text
//! cargo xtask counts                 # measures and prints, beside what is stored
//! cargo xtask counts ack batch       # those whose name begins so
//! cargo xtask counts --write         # stores all, in bench/counts.tsv
//! cargo xtask counts --check         # fails when one is more than 3 % worse than stored
//! cargo xtask counts --profile ack   # which functions of a path take them, and who copies
//! ```
//! This program runs itself under valgrind, once for each path. Only what happens inside of
//! [`counted`] counts. The environment is empty there, but for the word to the C library not to copy
//! with `rep movsb`, which counts as an instruction for each byte.

mod pair;
mod paths;
mod profile;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use handfast_bench::{Counts, Failure};
use paths::PATHS;
use profile::Profile;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.tsv");
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x10000000";

/// What is counted. No other symbol begins so: callgrind would stop counting there.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// What the command line asks for.
enum Choice {
    Show(Vec<String>),
    Write,
    Check,
    Profile(String),
    /// Under valgrind: do it.
    Path(String),
}

fn main() -> ExitCode {
    match choice().and_then(|choice| run(&choice)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("counts: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn choice() -> Result<Choice, Failure> {
    // Cargo says `--bench` to every benchmark.
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let words: Vec<String> = words.collect();
    let [option, names @ ..] = &words[..] else {
        return Ok(Choice::Show(words));
    };
    match (option.as_str(), names) {
        ("--write", []) => Ok(Choice::Write),
        ("--check", []) => Ok(Choice::Check),
        ("--profile", [name]) => Ok(Choice::Profile(name.clone())),
        ("--path", [name]) => Ok(Choice::Path(name.clone())),
        (option, _) if option.starts_with('-') => {
            Err("usage: counts [NAME]... | --write | --check | --profile NAME".into())
        }
        _ => Ok(Choice::Show(words)),
    }
}

/// False when the check failed.
fn run(choice: &Choice) -> Result<bool, Failure> {
    if let Choice::Path(name) = choice {
        println!("{}", (find(name)?.work)()?);
        return Ok(true);
    }
    let Some(tools) = tools() else {
        if matches!(choice, Choice::Check) {
            println!("counts: valgrind is not at hand, so nothing was counted");
            return Ok(true);
        }
        return Err("valgrind is not at hand".into());
    };
    let stored = Counts::parse(&std::fs::read_to_string(TABLE).unwrap_or_default())?;
    let names = match choice {
        Choice::Show(names) => &names[..],
        Choice::Profile(name) => return explain(name),
        _ => &[],
    };
    let chosen = |name: &str| {
        names.is_empty() || names.iter().any(|prefix| name.starts_with(prefix.as_str()))
    };
    let mut measured = Counts::new(tools);
    for path in PATHS.iter().filter(|path| chosen(path.name)) {
        let (instructions, times) = count(path, &file(path.name))?;
        measured.add(path.name, (instructions + times / 2) / times, path.what);
        println!("{}", measured.last_beside(&stored));
    }
    match choice {
        Choice::Write => {
            std::fs::write(TABLE, measured.text())?;
            Ok(true)
        }
        Choice::Check => {
            let verdict = measured.against(&stored);
            print!("{verdict}");
            Ok(verdict.holds())
        }
        _ => Ok(true),
    }
}

fn find(name: &str) -> Result<&'static paths::Path, Failure> {
    let found = PATHS.iter().find(|path| path.name == name);
    found.ok_or_else(|| format!("no path is called {name}").into())
}

/// What a figure depends upon beside the sources; `None` where there is no valgrind.
fn tools() -> Option<String> {
    let valgrind = answer("valgrind", &["--version"])?;
    let rustc = answer("rustc", &["--version"])?;
    let libc = answer("getconf", &["GNU_LIBC_VERSION"])?;
    #[cfg(target_arch = "x86_64")]
    let avx2 = match std::is_x86_feature_detected!("avx2") {
        true => " with avx2",
        false => "",
    };
    #[cfg(not(target_arch = "x86_64"))]
    let avx2 = "";
    let arch = std::env::consts::ARCH;
    Some(format!("{rustc}, {valgrind}, {libc}, {arch}{avx2}"))
}

/// What a program prints; `None` when it is not there or fails.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Where callgrind leaves what it saw of a path.
fn file(name: &str) -> PathBuf {
    let name = format!("handfast-counts-{}-{name}", std::process::id());
    std::env::temp_dir().join(name)
}

/// The instructions of a path, and how often it was done. Removes `out` unless it is to be kept.
fn count(path: &paths::Path, out: &Path) -> Result<(u64, u64), Failure> {
    let counted = observe(path, out).and_then(|times| {
        let text = std::fs::read_to_string(out)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total: u64 = total.ok_or("callgrind says no sum")?.trim().parse()?;
        match total {
            0 => Err("nothing was counted: is there a symbol for `counted`?".into()),
            _ => Ok((total, times)),
        }
    });
    // It may be missing, when valgrind failed.
    let _ = std::fs::remove_file(out);
    counted.map_err(|failure| format!("{}: {failure}", path.name).into())
}

/// Does a path under callgrind, which leaves `out`; returns how often it was done.
fn observe(path: &paths::Path, out: &Path) -> Result<u64, Failure> {
    let program = std::env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .arg("--toggle-collect=counts::counted*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--path", path.name])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("GLIBC_TUNABLES", TUNABLES)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Prints where the instructions of a path go.
fn explain(name: &str) -> Result<bool, Failure> {
    let out = file(name);
    let times = observe(find(name)?, &out)?;
    let profile = Profile::parse(&std::fs::read_to_string(&out)?)?;
    print!("{}", profile.text(times));
    println!("\nMore: callgrind_annotate --auto=yes {}", out.display());
    Ok(true)
}
