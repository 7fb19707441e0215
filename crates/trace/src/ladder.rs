//! The ladder: one line per segment or super-segment, with a note in words where something
//! happened. What is said about a segment comes from `flow` and `words`; here it gets its columns.

use std::fmt::Write as _;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use handfast_packet::Instant;
use handfast_packet::buf::Medium;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::TcpFlags;

use crate::flow::{Flows, Note, Step};
use crate::view::{TcpView, View};
use crate::words;

const DIM: Style = Style::new().dimmed();
const OUT: Style = AnsiColor::Cyan.on_default();
const IN: Style = AnsiColor::Green.on_default();
const TROUBLE: Style = AnsiColor::Red.on_default().bold();

/// How a ladder looks.
#[derive(Clone, Debug)]
pub struct LadderOptions {
    /// What the frames begin with.
    pub medium: Medium,
    /// Names to print beside addresses.
    pub names: Vec<(IpAddr, String)>,
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Longest line in characters; what does not fit is cut off, options before notes.
    pub width: usize,
    /// How many lines to draw; one more line then says that the rest is missing. `None` draws
    /// all.
    pub lines_max: Option<usize>,
}

impl Default for LadderOptions {
    /// Ethernet, no names, no colour, 100 characters, all lines.
    fn default() -> Self {
        let medium = Medium::Ethernet;
        Self {
            medium,
            names: Vec::new(),
            color: false,
            width: 100,
            lines_max: None,
        }
    }
}

/// Draws frames as they pass.
pub struct Ladder {
    out: Box<dyn Write + Send>,
    options: LadderOptions,
    flows: Flows,
    /// The first frame is at time 0.
    start: Option<Instant>,
    /// The connection of the line before; a heading tells when it changes.
    current: Option<u64>,
    lines: usize,
    /// Writing failed, or there were enough lines: nothing more is drawn.
    is_done: bool,
}

impl Ladder {
    /// A ladder that is drawn to `out`, each line in one write.
    pub fn new(out: Box<dyn Write + Send>, options: LadderOptions) -> Self {
        let flows = Flows::new(options.medium);
        Self {
            out,
            options,
            flows,
            start: None,
            current: None,
            lines: 0,
            is_done: false,
        }
    }

    /// The connections that were drawn.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    fn tcp(&mut self, frame: &FrameRecord<'_>, tcp: &TcpView) {
        let (number, step) = self.flows.observe(frame, tcp);
        if self.is_done {
            return;
        }
        if self.current != Some(number) {
            self.current = Some(number);
            self.heading(frame.direction, tcp);
        }
        let segments = frame.gso.map_or(1, |gso| gso.segments.get());
        let len = match (tcp.payload_len, segments) {
            (len, 1) => len.to_string(),
            (len, segments) => format!("{len}×{segments}"),
        };
        let is_reset = tcp.header.flags.contains(TcpFlags::RST);
        let window = if is_reset {
            String::new()
        } else {
            words::window(step.window)
        };
        let text = format!(
            "{:<7} {:>8} {:>8} {len:>9} {window:>6}",
            words::flags(tcp.header.flags),
            step.seq,
            step.ack.map(|ack| ack.to_string()).unwrap_or_default(),
        );
        let options = words::options(&tcp.header, &step);
        let line = Line {
            text: &text,
            note: &note(frame.cause, &step),
            is_trouble: is_trouble(frame.cause, &step),
            details: &options,
        };
        self.line(frame, &line);
    }

    /// Who talks to whom from the next line on.
    fn heading(&mut self, direction: Direction, tcp: &TcpView) {
        let (local, remote) = match direction {
            Direction::Out => (tcp.source, tcp.destination),
            Direction::In => (tcp.destination, tcp.source),
        };
        let mut line = format!("{} <-> {}", self.name(local), self.name(remote));
        if line.chars().count() > self.options.width {
            line = cut(&line, self.options.width);
        }
        self.put(&format!("{}", Styled(self.style(DIM.bold()), &line)));
        let columns = format!(
            "{:>9}   {:<7} {:>8} {:>8} {:>9} {:>6}",
            "time", "flags", "seq", "ack", "len", "win"
        );
        self.put(&format!("{}", Styled(self.style(DIM), &columns)));
    }

    /// One line: the time, the arrow, and what fits of the rest.
    fn line(&mut self, frame: &FrameRecord<'_>, line: &Line<'_>) {
        let start = *self.start.get_or_insert(frame.at);
        let (arrow, style) = match frame.direction {
            Direction::Out => ("→", OUT),
            Direction::In => ("←", IN),
        };
        let time = Seconds(frame.at.duration_since(start)).to_string();
        let mut body = format!(" {arrow} {}", line.text);
        let room = self
            .options
            .width
            .saturating_sub(time.len() + body.chars().count());
        let mut note = match line.note {
            "" => String::new(),
            note => format!("  {note}"),
        };
        if note.chars().count() > room {
            note = cut(&note, room);
        }
        let room = room - note.chars().count();
        if !line.details.is_empty() && line.details.chars().count() + 2 <= room {
            note.push_str("  ");
            note.push_str(line.details);
        }
        if note.is_empty() {
            body.truncate(body.trim_end().len());
        }
        let body_max = self.options.width.saturating_sub(time.len());
        if body.chars().count() > body_max {
            body = cut(&body, body_max);
        }
        let note_style = if line.is_trouble {
            TROUBLE
        } else {
            Style::new()
        };
        let body = Styled(self.style(style), &body);
        let note = Styled(self.style(note_style), &note);
        let line = format!("{time}{body}{note}");
        self.put(&line);
    }

    /// Writes one line and counts it.
    fn put(&mut self, line: &str) {
        if self.is_done {
            return;
        }
        let is_last = self.options.lines_max.is_some_and(|max| self.lines == max);
        let line = if is_last {
            "... and so on: the ladder ends here"
        } else {
            line
        };
        self.lines += 1;
        // Nobody can be told about a failure here; a ladder is not worth a connection.
        let is_broken = self.out.write_all(format!("{line}\n").as_bytes()).is_err();
        self.is_done = is_last || is_broken;
    }

    fn style(&self, style: Style) -> Style {
        if self.options.color {
            style
        } else {
            Style::new()
        }
    }

    fn name(&self, end: SocketAddr) -> String {
        let known = self
            .options
            .names
            .iter()
            .find(|(address, _)| *address == end.ip());
        match known {
            Some((_, name)) => format!("{end} ({name})"),
            None => end.to_string(),
        }
    }
}

impl Recorder for Ladder {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        match View::of(frame, self.options.medium) {
            View::Tcp(tcp) => self.tcp(frame, &tcp),
            _ if self.is_done => {}
            other => {
                let (protocol, text) = words::say(&other);
                let text = format!("{protocol:<7} {text}");
                let note = frame.cause.to_string();
                let line = Line {
                    text: &text,
                    note: &note,
                    is_trouble: false,
                    details: "",
                };
                self.line(frame, &line);
            }
        }
    }
}

/// What stands on a line behind the time and the arrow.
struct Line<'a> {
    text: &'a str,
    note: &'a str,
    is_trouble: bool,
    /// Left out when there is no room.
    details: &'a str,
}

/// The cause of a sent frame and what a bystander adds, in one phrase.
pub(crate) fn note(cause: Cause, step: &Step) -> String {
    let mut note = cause.to_string();
    for remark in &step.notes {
        if !note.is_empty() {
            note.push_str("; ");
        }
        write!(note, "{remark}").expect("a String takes any text");
    }
    note
}

/// Whether a line deserves the warning colour.
pub(crate) fn is_trouble(cause: Cause, step: &Step) -> bool {
    let is_bad_cause = matches!(
        cause,
        Cause::DuplicateAck
            | Cause::DuplicateData
            | Cause::ChallengeAck
            | Cause::LossProbe
            | Cause::FastRetransmit(_)
            | Cause::TimeoutRetransmit(_)
            | Cause::Resend
            | Cause::WindowProbe(_)
            | Cause::Abort
            | Cause::NoConnection
            | Cause::ProtocolError
            | Cause::DataAfterClose
    );
    is_bad_cause || step.notes.iter().any(|note: &Note| note.is_trouble())
}

/// The first `width` characters, the last of which says that there were more.
fn cut(text: &str, width: usize) -> String {
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

/// Seconds and microseconds in nine characters up to 99 seconds.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>2}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// Text in a style; without one, the text alone.
struct Styled<'a>(Style, &'a str);

impl std::fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.1.is_empty() {
            return Ok(());
        }
        write!(f, "{}{}{:#}", self.0, self.1, self.0)
    }
}
