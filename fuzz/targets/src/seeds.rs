//! Recorded inputs: one file for each target, in which every input stands behind its length (four
//! bytes, big-endian). `cargo fuzz` wants one file for each input in `fuzz/corpus`; the program of
//! this crate converts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// `fuzz/`.
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The recorded inputs of a target; none when there is no file.
///
/// # Errors
/// When the file cannot be read or is cut short.
pub fn load(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let path = file(target);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = fs::read(path)?;
    let (mut inputs, mut rest) = (Vec::new(), &bytes[..]);
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(io::Error::other)?;
        let cut_short = || io::Error::other(format!("the seeds of {target} are cut short"));
        let (input, behind) = behind.split_at_checked(len).ok_or_else(cut_short)?;
        inputs.push(input.to_vec());
        rest = behind;
    }
    Ok(inputs)
}

/// Writes the recorded inputs as files into `fuzz/corpus/TARGET`; returns how many.
///
/// # Errors
/// When a file cannot be read or written.
pub fn unpack(target: &str) -> io::Result<usize> {
    let folder = corpus(target);
    fs::create_dir_all(&folder)?;
    let inputs = load(target)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), input)?;
    }
    Ok(inputs.len())
}

/// Records the files in `fuzz/corpus/TARGET`, the shortest first, up to `bytes_max` in sum; the
/// order does not depend on their names. Returns how many.
///
/// # Errors
/// When a file cannot be read or written.
pub fn pack(target: &str, bytes_max: usize) -> io::Result<usize> {
    let mut inputs = BTreeSet::new();
    for entry in fs::read_dir(corpus(target))? {
        let input = fs::read(entry?.path())?;
        inputs.insert((input.len(), input));
    }
    let (mut bytes, mut count) = (Vec::new(), 0);
    for (len, input) in inputs {
        if bytes.len() + 4 + len > bytes_max {
            break;
        }
        let len = u32::try_from(len).map_err(io::Error::other)?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&input);
        count += 1;
    }
    fs::create_dir_all(home().join("seeds"))?;
    fs::write(file(target), bytes)?;
    Ok(count)
}

fn file(target: &str) -> PathBuf {
    home().join("seeds").join(target)
}

fn corpus(target: &str) -> PathBuf {
    home().join("corpus").join(target)
}
