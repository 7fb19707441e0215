//! Where the body of an answer goes, and the progress bar.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use handfast_lab::content::Verifier;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::GetArgs;
use crate::failure::{Failure, code};
use crate::target::Target;

/// Shorter bodies get no progress bar: it would be gone before it is seen.
const PROGRESS_MIN: u64 = 8 << 20;

/// Where bodies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    StandardOutput,
    File(PathBuf),
    /// Counted and thrown away.
    Nowhere,
}

impl Destination {
    pub(crate) fn new(args: &GetArgs, target: &Target) -> Result<Self, Failure> {
        if let Some(path) = &args.output.output {
            return Ok(Self::File(path.clone()));
        }
        if args.output.remote_name {
            let name = target.file_name().ok_or_else(|| {
                Failure::usage("-O: the URL ends with no file name; choose one with -o FILE")
            })?;
            return Ok(Self::File(PathBuf::from(name)));
        }
        let is_measured = args.measure.plan().0 > 1 || args.measure.verify;
        // It would be written across the picture.
        let is_in_the_way = args.output.live && io::stdout().is_terminal();
        Ok(if is_measured || is_in_the_way {
            Self::Nowhere
        } else {
            Self::StandardOutput
        })
    }

    /// Whether standard output is free for other things.
    pub(crate) fn leaves_stdout(&self) -> bool {
        *self != Self::StandardOutput
    }
}

/// The body of one answer as it comes.
pub(crate) struct Sink {
    out: Out,
    verifier: Option<Verifier>,
    len: u64,
    progress: Option<ProgressBar>,
}

enum Out {
    StandardOutput(io::Stdout),
    File(PathBuf, Option<File>),
    Nowhere,
}

impl Sink {
    pub(crate) fn new(destination: &Destination, verify: bool) -> Self {
        let out = match destination {
            Destination::StandardOutput => Out::StandardOutput(io::stdout()),
            Destination::File(path) => Out::File(path.clone(), None),
            Destination::Nowhere => Out::Nowhere,
        };
        Self {
            out,
            verifier: verify.then(Verifier::new),
            len: 0,
            progress: None,
        }
    }

    /// The header has come; now the body begins. Creates the file.
    pub(crate) fn begin(
        &mut self,
        promised: Option<u64>,
        show_progress: bool,
    ) -> Result<(), Failure> {
        if let Out::File(path, file) = &mut self.out {
            let created = File::create(&*path);
            *file = Some(created.map_err(|error| {
                let path = path.display();
                Failure::new(code::WRITE, format!("cannot create {path}: {error}"))
            })?);
        }
        let is_seen = io::stderr().is_terminal() && show_progress;
        let is_alone = match self.out {
            Out::StandardOutput(_) => !io::stdout().is_terminal(),
            Out::File(..) | Out::Nowhere => true,
        };
        if is_seen && is_alone && promised.is_some_and(|len| len >= PROGRESS_MIN) {
            let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style).expect("the template is well-formed");
            self.progress = promised.map(|len| ProgressBar::new(len).with_style(style));
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.out {
            Out::StandardOutput(out) => out.write_all(bytes),
            Out::File(_, Some(file)) => file.write_all(bytes),
            Out::File(_, None) | Out::Nowhere => Ok(()),
        };
        written.map_err(|error| {
            let message =
                format!("cannot write the body: {error}; is there room, is it still read?");
            Failure::new(code::WRITE, message)
        })?;
        if let Some(verifier) = &mut self.verifier {
            verifier.update(bytes);
        }
        self.len += u64::try_from(bytes.len()).expect("a piece is small");
        if let Some(progress) = &self.progress {
            progress.set_position(self.len);
        }
        Ok(())
    }

    /// The body is complete.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if let Some(progress) = self.progress.take() {
            progress.finish_and_clear();
        }
        if let Out::StandardOutput(out) = &mut self.out {
            let flushed = out.flush();
            flushed.map_err(|error| Failure::new(code::WRITE, format!("cannot write: {error}")))?;
        }
        let Some(at) = self.verifier.as_ref().and_then(Verifier::mismatch) else {
            return Ok(());
        };
        Err(Failure::new(
            code::FAILED,
            format!(
                "the body is not the lab's verifiable content: byte {at} is the first wrong one; \
                 --verify suits /bytes/N of the lab only"
            ),
        ))
    }

    /// How many bytes have come.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.abandon();
        }
    }
}
