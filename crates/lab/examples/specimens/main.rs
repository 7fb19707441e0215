//! Captures of transfers between two kernels under impairment, and what three programs say about them:
//! ours, tshark and tcptrace. Ends without success when a difference has no known reason.
//!
//! ```text
//! cargo run --release -p handfast-lab --example specimens -- --folder /tmp/specimens
//! cargo run --release -p handfast-lab --example specimens -- --folder /tmp/specimens --only reorder
//! cargo run --release -p handfast-lab --example specimens -- --folder /tmp/specimens --compare
//! ```
//! Needs namespaces and TUN interfaces to make captures, and the programs `tshark` and `tcptrace` to
//! compare (Debian: `apt-get install tshark tcptrace`). `--compare` makes none and compares those that
//! are there; `--record` makes them and compares nothing. `--frames` prints each frame that differs.
//! `--shrink FOLDER` also puts copies without text there, small enough for tests. `--causes FILE` holds the kinds of retransmission in one of our own captures against their causes.

#[cfg(target_os = "linux")]
mod causes;
#[cfg(target_os = "linux")]
mod compare;
#[cfg(target_os = "linux")]
mod shrink;
#[cfg(target_os = "linux")]
mod tcptrace;
#[cfg(target_os = "linux")]
mod tshark;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match linux::main() {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("specimens: there are differences without a known reason");
            std::process::ExitCode::FAILURE
        }
        Err(wrong) => {
            eprintln!("specimens: {wrong}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the lab needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::fs;
    use std::path::{Path, PathBuf};

    use handfast_lab::specimens::{SPECIMENS, Specimen, record};

    use super::shrink::shrink;
    use super::{causes, compare};

    pub(super) fn main() -> Result<bool, Box<dyn Error>> {
        let (mut folder, mut only) = (PathBuf::from("target/specimens"), String::new());
        let (mut records, mut compares, mut frames) = (true, true, false);
        let mut small = None;
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--folder" => folder = value()?.into(),
                "--only" => only = value()?,
                "--compare" => records = false,
                "--record" => compares = false,
                "--frames" => frames = true,
                "--shrink" => small = Some(PathBuf::from(value()?)),
                "--causes" => return causes::print(Path::new(&value()?)).map(|()| true),
                _ => return Err(format!("{word} is no option").into()),
            }
        }
        let chosen = SPECIMENS.iter().filter(|one| one.name.contains(&only));
        let chosen: Vec<&Specimen> = chosen.collect();
        fs::create_dir_all(&folder)?;
        if records {
            make(&folder, &chosen)?;
        }
        if let Some(small) = &small {
            for name in chosen.iter().map(|one| one.name) {
                let from = folder.join(format!("{name}.pcapng"));
                shrink(&from, &small.join(format!("{name}.pcap")))?;
            }
        }
        if !compares {
            return Ok(true);
        }
        let mut table = compare::Table::new(frames);
        for specimen in chosen {
            table.add(specimen, &folder.join(format!("{}.pcapng", specimen.name)))?;
        }
        println!("{table}");
        Ok(table.is_explained())
    }

    fn make(folder: &Path, chosen: &[&Specimen]) -> Result<(), Box<dyn Error>> {
        handfast_lab::enter()?;
        handfast_lab::matrix::check()?;
        for specimen in chosen {
            let file = folder.join(format!("{}.pcapng", specimen.name));
            record(specimen, &file).map_err(|error| format!("{}: {error}", specimen.name))?;
            eprintln!("{}", file.display());
        }
        Ok(())
    }
}
