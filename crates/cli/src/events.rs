//! Files of events: what the connections did and why.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use handfast::Observer;
use handfast::tcp::Entry;
use handfast_trace::{EventsFormat, EventsWriter, Shared};

use crate::args::OutputArgs;
use crate::failure::{Failure, code};

/// The file name that means standard output.
const STDOUT: &str = "-";

/// A file of events. Clones are the same file.
#[derive(Clone)]
pub(crate) struct EventsFile {
    path: PathBuf,
    writer: Shared<EventsWriter<BufWriter<Box<dyn Write + Send>>>>,
}

impl EventsFile {
    /// Begins those files that the command line asks for.
    pub(crate) fn begin(args: &OutputArgs, clock_offset: u64) -> Result<Vec<Self>, Failure> {
        let files = [
            (&args.events, EventsFormat::JsonLines, "--events"),
            (&args.qlog, EventsFormat::Qlog, "--qlog"),
        ];
        let wanted = files.into_iter().filter_map(|(path, format, option)| {
            let path = path.as_ref()?;
            Some(Self::open(path, format, clock_offset).map_err(|error| {
                let message = format!("cannot write {}: {error}; check {option}", path.display());
                Failure::new(code::WRITE, message)
            }))
        });
        wanted.collect()
    }

    fn open(path: &Path, format: EventsFormat, clock_offset: u64) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = if is_stdout(path) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path)?)
        };
        let writer = EventsWriter::new(BufWriter::new(out), format, clock_offset)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Shared::new(writer),
        })
    }

    /// Completes the file.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.writer.lock().finish().map_err(|error| {
            let message = format!("cannot write {}: {error}", self.path.display());
            Failure::new(code::WRITE, message)
        })
    }
}

impl Observer for EventsFile {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        self.writer.lock().write(facts, lost);
    }
}

/// Whether `path` means standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new(STDOUT)
}
