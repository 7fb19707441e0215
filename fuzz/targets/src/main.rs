//! Converts between the recorded inputs (`fuzz/seeds`) and what `cargo fuzz` works on
//! (`fuzz/corpus`), and runs a target on files.

use std::process::ExitCode;
use std::{fs, io};

use handfast_fuzz::{TARGETS, seeds};

/// Most bytes that are recorded of one target.
const SEEDS_MAX: usize = 256 << 10;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match command(&words) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn command(words: &[&str]) -> io::Result<String> {
    let unknown = |name: &str| io::Error::other(format!("there is no target {name}"));
    match words {
        ["list"] => {
            let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
            Ok(names.join("\n"))
        }
        [verb, name, files @ ..] => {
            let target = TARGETS.iter().find(|(known, _)| known == name);
            let (name, run) = target.ok_or_else(|| unknown(name))?;
            match *verb {
                "unpack" => Ok(format!("{name}: {} inputs", seeds::unpack(name)?)),
                "pack" => Ok(format!("{name}: {} inputs", seeds::pack(name, SEEDS_MAX)?)),
                "run" => {
                    for file in files {
                        run(&fs::read(file)?);
                    }
                    Ok(format!("{name}: {} files", files.len()))
                }
                _ => Err(io::Error::other(USAGE)),
            }
        }
        _ => Err(io::Error::other(USAGE)),
    }
}

const USAGE: &str = "handfast-fuzz list | unpack TARGET | pack TARGET | run TARGET FILE…";
