//! The report: one HTML file that says what happened on some connections, for whoever opens it in a
//! browser, now or in ten years, with no network. The page itself is made in `web/`, and what it
//! reads is described in `docs/report.md`; here its data is written (`document`, `detail`, `columns`),
//! from analyses of frames and, where a stack of ours was there, from its own facts (`told`). A run
//! that is going on is collected by `live`. Nothing is worked out here.

mod columns;
mod comments;
mod detail;
mod document;
mod happenings;
mod live;
mod told;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec;

pub use self::document::CONNECTIONS_REPORTED_MAX;
pub use self::live::{LOSSES_MAX, LiveRun, Loss};
pub use self::told::{FACTS_KEPT_MAX, TEXTS_MAX, Told};
use crate::Language;
use crate::analysis::Analysis;

/// The version of the data in the page.
const VERSION: u32 = 1;
/// Most segments that a report has in detail, of all connections; of more, only the figures are told.
pub const DETAILED_MAX: usize = 500_000;
/// The page, with a line in it in place of which the data stands.
const PAGE: &str = include_str!("../../web/dist/report.html");
/// That line.
const PLACE: &str = "<!--handfast-report-->";
/// How hard the data is compressed: what is gained above costs more time than it saves.
const COMPRESSION: u8 = 6;

/// One or more runs that are told of in one page.
#[derive(Debug)]
pub struct Report {
    /// Its headline.
    pub title: String,
    /// What it is written in.
    pub language: Language,
    /// The runs: one, or two that are compared.
    pub runs: Vec<Run>,
}

/// What happened at one place in one time: a capture, or what a stack of ours did.
#[derive(Debug)]
pub struct Run {
    /// What it is called.
    pub name: String,
    /// What its frames say.
    pub analysis: Analysis,
    /// What the stack itself said; `None` for a capture.
    pub told: Option<Told>,
    /// The segments that its link is known to have lost, in the order of their times.
    pub losses: Vec<Loss>,
    /// What its clock shows plus this is nanoseconds since 1970; `None` for a virtual clock.
    pub clock_offset: Option<u64>,
}

impl Report {
    /// Writes it as one HTML file.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (head, tail) = PAGE.split_once(PLACE).expect("the page has a place for it");
        let (document, details) = document::of(self);
        // What is a string in JSON must not end the element that it stands in.
        let document = document.to_string().replace('<', "\\u003c");
        let language = format!("<html lang=\"{}\"", self.language.code());
        out.write_all(head.replacen("<html lang=\"en\"", &language, 1).as_bytes())?;
        writeln!(
            out,
            "<script type=\"application/json\" id=\"report\">{document}</script>"
        )?;
        for (id, bytes) in details {
            let text = STANDARD.encode(compress_to_vec(&bytes, COMPRESSION));
            writeln!(
                out,
                "<script type=\"text/plain\" id=\"{id}\">{text}</script>"
            )?;
        }
        out.write_all(tail.as_bytes())
    }
}
