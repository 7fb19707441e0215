//! `handfast report`: what happened in a capture file of ours or of anybody: findings in words and a
//! table for people, or all of it as JSON. What the figures mean is in `handfast_trace::analysis` and
//! `docs/analysis.md`; how findings come about, in `handfast_trace::findings` and `docs/findings.md`.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use handfast_trace::Language;
use handfast_trace::analysis::{Analysis, Connection, JsonOptions, Mark, Sent, Side};
use handfast_trace::capture::CaptureError;
use handfast_trace::findings::{self, Finding};
use handfast_trace::report::{Report, Run};

use crate::failure::{Failure, code};
use crate::report_file;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The capture: pcap or pcapng, also of tcpdump and Wireshark.
    #[arg(value_name = "FILE.pcap[ng]")]
    pub(crate) file: PathBuf,
    /// A second one, which is compared with the first; with -o.
    #[arg(value_name = "OTHER.pcap[ng]", requires = "output")]
    pub(crate) other: Option<PathBuf>,
    /// Write the report as one HTML file, for any browser and without a network.
    #[arg(short = 'o', long, value_name = "FILE.html", conflicts_with = "json")]
    pub(crate) output: Option<PathBuf>,
    /// The language of the findings, and of the page.
    #[arg(long, value_name = "en|ru", default_value_t)]
    pub(crate) lang: Language,
    /// Print everything as one JSON object: findings, figures, events with their frames, resets,
    /// silences.
    #[arg(long)]
    pub(crate) json: bool,
    /// With --json: each segment and each sample of the round trip, too.
    #[arg(long, requires = "json")]
    pub(crate) segments: bool,
}

/// The heads of the columns, but for the last: how it ended.
const HEADS: [&str; 19] = [
    "#", "start", "time", "sender", "bytes", "goodput", "RTT min", "median", "max", "resent",
    "fast", "RTO", "TLP", "other", "vain", "late", "dup ACK", "zero win", "RST",
];

/// How paragraphs are set.
const INDENT: &str = "   ";
const LINE_LEN: usize = 96;

/// Runs the command; gives its exit code.
pub(crate) fn run(args: &ReportArgs) -> u8 {
    let outcome = match &args.output {
        Some(path) => page(args, path),
        None => read(&args.file).and_then(|analysis| print(args, &analysis)),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("handfast: {failure}");
            failure.code
        }
    }
}

/// Writes the page.
fn page(args: &ReportArgs, path: &Path) -> Result<(), Failure> {
    let files = [Some(&args.file), args.other.as_ref()];
    let files: Vec<&PathBuf> = files.into_iter().flatten().collect();
    let names: Vec<String> = files.iter().map(|file| report_file::name(file)).collect();
    let runs = files.into_iter().zip(&names).map(|(file, name)| {
        Ok(Run {
            name: name.clone(),
            analysis: read(file)?,
            told: None,
            losses: Vec::new(),
            clock_offset: None,
        })
    });
    let report = Report {
        title: names.join(" / "),
        language: args.lang,
        runs: runs.collect::<Result<_, Failure>>()?,
    };
    report_file::write(&report, path)
}

fn read(file: &Path) -> Result<Analysis, Failure> {
    let path = file.display();
    let file = File::open(file)
        .map_err(|error| Failure::new(code::READ, format!("cannot open {path}: {error}")))?;
    Analysis::of(BufReader::new(file)).map_err(|error| match error {
        CaptureError::Unknown => Failure::new(
            code::READ,
            format!("{path}: {error}; write captures with tcpdump -w or handfast get -w"),
        ),
        _ => Failure::new(code::READ, format!("cannot read {path}: {error}")),
    })
}

fn print(args: &ReportArgs, analysis: &Analysis) -> Result<(), Failure> {
    let found = findings::find(analysis, args.lang);
    let text = if args.json {
        let options = JsonOptions {
            segments: args.segments,
        };
        let mut json = analysis.to_json(options);
        json["findings"] = found.iter().map(Finding::to_json).collect();
        format!("{json}\n")
    } else {
        format!("{}{}", told(&found, args.lang), table(analysis))
    };
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::new(code::WRITE, format!("cannot write: {error}")))
}

/// The findings as paragraphs, the worst first.
fn told(found: &[Finding], language: Language) -> String {
    let mut text = String::new();
    for (number, finding) in (1..).zip(found) {
        text += &format!("{number}. {}", finding.title);
        if let Some(index) = finding.connection {
            let connection = language.of("connection", "соединение");
            text += &format!(" [{connection} {}]", index + 1);
        }
        text += &format!("\n{}\n", wrapped(&finding.text));
        if let Some(advice) = &finding.advice {
            text += &format!("{}\n", wrapped(&format!("-> {advice}")));
        }
        let frame = language.of("frame", "кадр");
        let evidence = finding.evidence.iter();
        let evidence: Vec<String> = evidence
            .map(|one| format!("{frame} {}: {}", one.frame, one.text))
            .collect();
        if !evidence.is_empty() {
            text += &format!("{}\n", wrapped(&evidence.join("; ")));
        }
        if let Some(rule) = finding.rule {
            text += &format!("{INDENT}{rule}\n");
        }
        text.push('\n');
    }
    text
}

/// Indented, in lines that are easy to read.
fn wrapped(text: &str) -> String {
    let mut lines = vec![INDENT.to_owned()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always one");
        let len = last.chars().count() + word.chars().count();
        if len > LINE_LEN && last != INDENT {
            lines.push(format!("{INDENT}{word} "));
        } else {
            last.push_str(word);
            last.push(' ');
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

/// Two rows for each connection, one for what each side sent, and below what there is to add.
fn table(analysis: &Analysis) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    let first = analysis.connections.first().map(|one| one.began);
    for (number, one) in analysis.connections.iter().enumerate() {
        let start = first.map_or(Duration::ZERO, |first| one.began.duration_since(first));
        for side in Side::BOTH {
            let mut row = row(one, side);
            if side == Side::A {
                row[0] = (number + 1).to_string();
                row[1] = format!("{:.3} s", start.as_secs_f64());
                row[2] = format!("{:.3} s", one.duration().as_secs_f64());
            }
            rows.push(row);
        }
    }
    let widths: [usize; HEADS.len()] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                3 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        let end = match index {
            0 => "end".to_owned(),
            _ if index % 2 == 1 => end(&analysis.connections[index / 2]),
            _ => String::new(),
        };
        text += format!("{}  {end}", cells.join("  ")).trim_end();
        text.push('\n');
    }
    let Analysis {
        frames,
        other_frames,
        fragments,
        ..
    } = analysis;
    text += &format!(
        "connections: {}, frames: {frames}, of them no TCP: {other_frames}, fragments: {fragments}\n",
        analysis.connections.len()
    );
    for word in &analysis.incomplete {
        text += &format!("incomplete: {word}\n");
    }
    text
}

fn row(one: &Connection, side: Side) -> [String; HEADS.len()] {
    let sent: &Sent = one.sent(side);
    let count = |mark| none_for_zero(sent.count(mark));
    let empty = String::new;
    [
        empty(),
        empty(),
        empty(),
        one.ends[usize::from(side == Side::B)].to_string(),
        sent.unique_bytes.to_string(),
        one.goodput(side).map_or_else(empty, rate),
        sent.rtt.min().map_or_else(empty, time),
        sent.rtt.median().map_or_else(empty, time),
        sent.rtt.max().map_or_else(empty, time),
        none_for_zero(sent.retransmissions),
        count(Mark::FastRetransmission),
        count(Mark::TimeoutRetransmission),
        count(Mark::TailLossProbe),
        count(Mark::OtherRetransmission),
        count(Mark::Spurious),
        count(Mark::OutOfOrder),
        count(Mark::DuplicateAck),
        count(Mark::ZeroWindow),
        none_for_zero(sent.resets),
    ]
}

/// How a connection closed, and by whom.
fn end(one: &Connection) -> String {
    let by = one.close.side().map(|side| match side {
        Side::A => " by the first",
        Side::B => " by the second",
    });
    format!("{}{}", one.close.word(), by.unwrap_or_default())
}

fn none_for_zero(count: u64) -> String {
    if count == 0 {
        "-".to_owned()
    } else {
        count.to_string()
    }
}

/// In milliseconds, as ping prints them.
fn time(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

fn rate(bits: u64) -> String {
    match bits {
        0..1_000_000 => format!("{:.2} kbit/s", bits as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} Mbit/s", bits as f64 / 1e6),
        _ => format!("{:.2} Gbit/s", bits as f64 / 1e9),
    }
}
