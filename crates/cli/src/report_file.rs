//! The report of a command as an HTML file: collected while it runs, written at its end.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use handfast::Observer;
use handfast::tcp::Entry;
use handfast_packet::buf::Medium;
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_trace::report::{LiveRun, Report};
use handfast_trace::{Language, Shared};

use crate::failure::{Failure, code};
use crate::watch::Subject;

/// A report in the making. Clones are the same report.
#[derive(Clone)]
pub(crate) struct ReportFile {
    path: PathBuf,
    title: String,
    language: Language,
    clock_offset: u64,
    names: Vec<(IpAddr, String)>,
    /// `None` once it is written.
    run: Shared<Option<LiveRun>>,
}

impl ReportFile {
    /// Begins the report that `title` is the headline of. That it can be written is seen now.
    pub(crate) fn begin(
        path: &Path,
        title: &str,
        language: Language,
        subject: &Subject,
    ) -> Result<Self, Failure> {
        File::create(path).map_err(|error| {
            let message = format!("cannot write {}: {error}; check --report", path.display());
            Failure::new(code::WRITE, message)
        })?;
        Ok(Self {
            path: path.to_owned(),
            title: title.to_owned(),
            language,
            clock_offset: subject.clock_offset,
            names: subject.names.clone(),
            run: Shared::new(Some(LiveRun::new(Medium::Ethernet, language))),
        })
    }

    /// Writes it, if that was not done.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let Some(run) = self.run.lock().take() else {
            return Ok(());
        };
        let mut run = run.finish(self.title.clone(), self.clock_offset);
        run.analysis.names.clone_from(&self.names);
        let report = Report {
            title: self.title.clone(),
            language: self.language,
            runs: vec![run],
        };
        write(&report, &self.path)
    }
}

impl Recorder for ReportFile {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        if let Some(run) = &mut *self.run.lock() {
            run.record(frame);
        }
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        if let Some(run) = &mut *self.run.lock() {
            run.record_loss(loss);
        }
    }
}

impl Observer for ReportFile {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        if let Some(run) = &mut *self.run.lock() {
            run.observe(facts, lost);
        }
    }
}

/// Writes a report to a file.
pub(crate) fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        report.write(&mut out)?;
        out.flush()
    });
    written.map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        Failure::new(code::WRITE, message)
    })
}
