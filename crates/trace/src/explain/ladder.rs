//! A ladder with its explanation: each sentence stands below the segment to which it belongs.
//!
//! Facts are told after the frames of the same turn were recorded, so that the lines of a turn are
//! held until its facts have come. A frame that leaves late (its next hop is asked for first, or the
//! device is full) has its facts before it, and these sentences wait for it.

use std::io::Write;

use anstyle::Style;
use handfast_packet::buf::Medium;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::{SeqNumber, TcpFlags};
use handfast_tcp::{Control, Entry, Fact};

use super::{Explainer, Explanation, words};
use crate::ladder::{Ladder, LadderOptions};
use crate::page::Page;
use crate::view::View;

/// Most lines that wait for their facts; of some segments, as those of strangers, none come.
pub const HELD_MAX: usize = 256;
/// Most segments whose sentences wait for their line.
pub const AHEAD_MAX: usize = 64;

const TEACHING: Style = Style::new().dimmed().italic();
/// In front of a sentence, below the arrows of the ladder.
const MARGIN: &str = "          ╰ ";

/// Draws frames as they pass, and explains them when it is told the facts.
pub struct ExplainedLadder {
    out: Box<dyn Write + Send>,
    /// `None` where only sentences are wanted.
    ladder: Option<Ladder>,
    medium: Medium,
    /// What the ladder draws.
    page: Page,
    explainer: Explainer,
    held: Vec<Held>,
    /// Sentences of segments that have not left yet.
    ahead: Vec<(Mark, String)>,
    /// Longest line of a sentence in characters.
    width: usize,
    style: Style,
}

/// A line of the ladder, perhaps with a heading, that waits for its facts.
struct Held {
    mark: Option<Mark>,
    text: String,
}

/// By what a segment is known: what is merged on the way in ends as its last piece does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    leaves: bool,
    end: u32,
    ack: Option<SeqNumber>,
    control: Control,
}

impl ExplainedLadder {
    /// Draws to `out` as a [`Ladder`] does, with sentences in lines of at most `width` characters.
    pub fn new(out: Box<dyn Write + Send>, options: LadderOptions, width: usize) -> Self {
        let page = Page::default();
        let explained = Self::sentences(out, &options, width);
        Self {
            ladder: Some(Ladder::new(Box::new(page.clone()), options)),
            page,
            ..explained
        }
    }

    /// Writes the sentences alone.
    pub fn sentences(out: Box<dyn Write + Send>, options: &LadderOptions, width: usize) -> Self {
        Self {
            out,
            ladder: None,
            medium: options.medium,
            page: Page::default(),
            explainer: Explainer::new(),
            held: Vec::new(),
            ahead: Vec::new(),
            width,
            style: match options.color {
                true => TEACHING,
                false => Style::new(),
            },
        }
    }

    /// Explains what is new in `facts`, of the frames that were recorded since the last time.
    pub fn observe(&mut self, facts: &[Entry]) {
        let explanation = self.explainer.explain(facts);
        if facts
            .iter()
            .any(|entry| matches!(entry.fact, Fact::Closed(_)))
        {
            // What has not left by the end most likely never will: its words come before the end.
            self.give_up_waiting();
        }
        let mut lines = std::mem::take(&mut self.held);
        let mut rest = String::new();
        if !explanation.sentences.is_empty() {
            rest = self.place(&mut lines, facts, &explanation);
        }
        if explanation.kept_back > 0 {
            let note = words::kept_back(explanation.kept_back);
            rest.push_str(&self.paragraph(&note));
        }
        for line in &lines {
            self.write(&line.text);
        }
        self.write(&rest);
    }

    /// Writes what still waits: nothing more comes.
    pub fn finish(&mut self) {
        self.release();
        self.give_up_waiting();
    }

    fn give_up_waiting(&mut self) {
        for (_, text) in std::mem::take(&mut self.ahead) {
            self.write(&text);
        }
    }

    fn release(&mut self) {
        for line in std::mem::take(&mut self.held) {
            self.write(&line.text);
        }
    }

    /// Puts each sentence below its line; gives those that will have none.
    fn place(&mut self, lines: &mut [Held], facts: &[Entry], explanation: &Explanation) -> String {
        let places = places(lines, facts);
        let mut rest = String::new();
        for sentence in &explanation.sentences {
            let paragraph = self.paragraph(&sentence.text);
            let line = sentence.segment.and_then(|index| places[index]);
            let mark = sentence.segment.map(|index| &facts[index].fact);
            let late = mark.and_then(Mark::of_fact).filter(|mark| mark.leaves);
            match (line, late) {
                (Some(line), _) => lines[line].text.push_str(&paragraph),
                (None, Some(mark)) if self.ladder.is_some() && self.ahead.len() < AHEAD_MAX => {
                    self.ahead.push((mark, paragraph));
                }
                (None, _) => rest.push_str(&paragraph),
            }
        }
        rest
    }

    /// A sentence in lines of its own.
    fn paragraph(&self, text: &str) -> String {
        let margin = MARGIN.chars().count();
        let style = self.style;
        let mut paragraph = String::new();
        for (number, line) in wrap(text, self.width.saturating_sub(margin))
            .iter()
            .enumerate()
        {
            let begin = match number {
                0 => MARGIN,
                _ => &" ".repeat(margin),
            };
            paragraph.push_str(&format!("{style}{begin}{line}{style:#}\n"));
        }
        paragraph
    }

    /// A failure is nobody's to hear of; a ladder is not worth a connection.
    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            let _ = self.out.write_all(text.as_bytes());
        }
    }
}

impl Recorder for ExplainedLadder {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        let Some(ladder) = &mut self.ladder else {
            return;
        };
        ladder.record(frame);
        let mut text = self.page.take();
        let mark = Mark::of_frame(frame, self.medium);
        if let Some(words) = self.explainer.stranger(frame.cause) {
            text.push_str(&self.paragraph(&words));
        }
        self.ahead.retain(|(ahead, words)| {
            let comes = mark == Some(*ahead);
            if comes {
                text.push_str(words);
            }
            !comes
        });
        if mark.is_none() && self.held.is_empty() {
            return self.write(&text);
        }
        if self.held.len() == HELD_MAX {
            self.release();
        }
        self.held.push(Held { mark, text });
    }
}

impl Mark {
    fn of_frame(frame: &FrameRecord<'_>, medium: Medium) -> Option<Self> {
        let View::Tcp(tcp) = View::of(frame, medium) else {
            return None;
        };
        let len = u32::try_from(tcp.payload_len).ok()?;
        let header = &tcp.header;
        Some(Self {
            leaves: frame.direction == Direction::Out,
            end: header.seq.0.wrapping_add(len),
            ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
            control: Control::from_flags(header.flags)?,
        })
    }

    fn of_fact(fact: &Fact) -> Option<Self> {
        Some(match fact {
            Fact::Sent(departure) => Self {
                leaves: true,
                end: departure.seq.0.wrapping_add(departure.text),
                ack: departure.ack,
                control: departure.control,
            },
            Fact::Received(arrival) => Self {
                leaves: false,
                end: arrival.seq.0.wrapping_add(arrival.text),
                ack: arrival.ack,
                control: arrival.control,
            },
            _ => return None,
        })
    }
}

/// The line of each fact that is a segment. Of equal segments the first one comes first.
fn places(lines: &[Held], facts: &[Entry]) -> Vec<Option<usize>> {
    let mut begins = [0, 0];
    let find = |entry: &Entry| {
        let mark = Mark::of_fact(&entry.fact)?;
        let begin = &mut begins[usize::from(mark.leaves)];
        let behind = lines.get(*begin..)?;
        let found = behind.iter().position(|line| line.mark == Some(mark))? + *begin;
        *begin = found + 1;
        Some(found)
    };
    facts.iter().map(find).collect()
}

/// `text` in lines of at most `width` characters, as far as its words allow; the rule at its end is
/// one word.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (words, rule) = text.split_at(text.rfind(" (RFC ").unwrap_or(text.len()));
    let rule = rule.strip_prefix(' ');
    for word in words.split(' ').chain(rule) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
