//! What connections did and why, as files for programs: JSON lines (`json`, described in
//! `docs/events.md` and `docs/events.schema.json`) and qlog (`qlog`).
//!
//! The facts come from the journal of a stack, and nothing is worked out here: a writer has the
//! shape of an observer of `handfast` and is told by one. The same facts give the same bytes.

mod json;
mod qlog;
mod segment;

use std::io::{self, Write};

use handfast_packet::Instant;
use handfast_tcp::Entry;
use serde::Serialize;

/// The version of the format of JSON lines: what their header says, and what `docs/events.md`
/// describes. It is another one when a field or a name changes or goes; new ones may come.
pub const EVENTS_VERSION: u32 = 1;

/// How facts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventsFormat {
    /// One JSON object in each line.
    JsonLines,
    /// qlog in JSON text sequences (draft-ietf-quic-qlog-main-schema-13, RFC 7464).
    Qlog,
}

/// Writes each fact to a file.
#[derive(Debug)]
pub struct EventsWriter<W> {
    out: W,
    format: EventsFormat,
    /// The first failure; nothing is written after it.
    failure: Option<io::Error>,
    record: Vec<u8>,
}

impl<W: Write> EventsWriter<W> {
    /// Begins a file. `out` should be buffered: each fact is one write.
    ///
    /// What the clock of the facts shows plus `clock_offset` is nanoseconds since 1970; 0 for a
    /// virtual clock.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn new(out: W, format: EventsFormat, clock_offset: u64) -> io::Result<Self> {
        let mut writer = Self {
            out,
            format,
            failure: None,
            record: Vec::new(),
        };
        match format {
            EventsFormat::JsonLines => writer.put(&json::Header { clock_offset })?,
            EventsFormat::Qlog => writer.put(&qlog::Header { clock_offset })?,
        }
        Ok(writer)
    }

    /// Writes down `facts`, and before them that so many as `lost` says are missing.
    pub fn write(&mut self, facts: &[Entry], lost: u64) {
        if self.failure.is_none() {
            self.failure = self.try_write(facts, lost).err();
        }
    }

    /// Makes sure that everything is written.
    ///
    /// # Errors
    /// The first failure since the file was begun.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// The writer behind.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    fn try_write(&mut self, facts: &[Entry], lost: u64) -> io::Result<()> {
        if lost > 0 {
            let before = facts.first().map_or(Instant::ZERO, |entry| entry.at);
            match self.format {
                EventsFormat::JsonLines => self.put(&json::Missing { before, lost })?,
                EventsFormat::Qlog => self.put(&qlog::Missing { before, lost })?,
            }
        }
        facts.iter().try_for_each(|entry| match self.format {
            EventsFormat::JsonLines => self.put(&json::Line(entry)),
            EventsFormat::Qlog => self.put(&qlog::Event(entry)),
        })
    }

    fn put(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.record.clear();
        if self.format == EventsFormat::Qlog {
            self.record.push(qlog::RECORD_SEPARATOR);
        }
        serde_json::to_writer(&mut self.record, record)?;
        self.record.push(b'\n');
        self.out.write_all(&self.record)
    }
}
