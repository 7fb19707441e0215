//! How a lesson is told: pieces of the story, ladders and figures, as they come, in one language;
//! and all of it kept, so that it can be told again in another language or form (`markdown`).

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write};

use handfast_packet::record::Recorder;
use handfast_trace::Language;
use tokio::time::Instant;

use super::drawing::{Drawing, LINES_MAX};
use super::watchers::{SourceClock, Watcher};
use super::words::{READING_COUNTERS, Said, Words};
use super::{LessonError, LessonOptions};
use crate::counters::Counters;
use crate::guest::GuestOptions;
use crate::namespace::Namespace;

/// Longest line of the story in characters; ladders may be a little wider.
const WIDTH: usize = 96;
/// Width of the names of figures.
const NAME_WIDTH: usize = 56;

/// One measured fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// By which texts refer to it.
    pub key: &'static str,
    /// What was measured.
    pub name: Words,
    /// The value with its unit.
    pub value: Said,
}

/// A part of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Paragraphs.
    Said(Said),
    /// A ladder or a table: lines that stay as they are.
    Shown(Said),
}

/// A lesson as it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    pub(super) pieces: Vec<Piece>,
    /// The figures in the order of the story.
    pub figures: Vec<Figure>,
    /// Questions to the reader and their answers; none when the lesson was broken on purpose.
    pub(super) questions: Vec<(Said, Said)>,
}

impl Telling {
    /// The value of a figure in English; `None` when it was not measured.
    pub fn value(&self, key: &str) -> Option<&str> {
        let figure = self.figures.iter().find(|figure| figure.key == key)?;
        Some(&figure.value.english)
    }

    /// All figures, one in each line.
    pub(super) fn figures_text(&self, language: Language) -> String {
        let mut text = String::new();
        for figure in &self.figures {
            let (name, value) = (figure.name.of(language), figure.value.of(language));
            writeln!(text, "  {name:<NAME_WIDTH$} {value}").expect("a String takes any text");
        }
        text
    }

    /// The questions, with or without their answers.
    pub(super) fn questions_text(&self, language: Language, answers: bool) -> String {
        let mut text = String::new();
        for (number, (ask, answer)) in (1..).zip(&self.questions) {
            let ask = wrap(ask.of(language), WIDTH - 3).replace('\n', "\n   ");
            writeln!(text, "{number}. {ask}").expect("a String takes any text");
            if answers {
                let answer = wrap(answer.of(language), WIDTH - 3).replace('\n', "\n   ");
                writeln!(text, "   {answer}").expect("a String takes any text");
            }
        }
        text
    }
}

/// What a lesson works with.
pub(super) struct Context<'a> {
    out: &'a mut dyn Write,
    pub(super) options: LessonOptions,
    pub(super) telling: Telling,
    began: Instant,
    /// How many stacks were let loose.
    stacks: Cell<u64>,
}

impl<'a> Context<'a> {
    pub(super) fn new(out: &'a mut dyn Write, options: LessonOptions) -> Self {
        Self {
            out,
            options,
            telling: Telling::default(),
            began: Instant::now(),
            stacks: Cell::new(0),
        }
    }

    /// Whether the lesson is to be broken on purpose.
    pub(super) fn is_broken(&self) -> bool {
        self.options.is_broken
    }

    /// Tells a piece of the story; figures that it names must have been measured.
    pub(super) fn say(&mut self, words: Words) -> Result<(), LessonError> {
        let said = words.fill(&self.telling.figures);
        let text = wrap(said.of(self.options.language), WIDTH);
        self.telling.pieces.push(Piece::Said(said));
        self.write(&text)
    }

    /// Shows lines as they are.
    pub(super) fn show(&mut self, lines: Said) -> Result<(), LessonError> {
        let text = lines.of(self.options.language).trim_end().to_owned();
        self.telling.pieces.push(Piece::Shown(lines));
        self.write(&text)
    }

    /// Shows what was drawn since the last time.
    pub(super) fn draw(&mut self, drawing: &Drawing) -> Result<(), LessonError> {
        self.show(Said::same(drawing.take_text()))
    }

    /// Writes down what was measured.
    pub(super) fn figure(&mut self, key: &'static str, name: Words, value: impl Into<Said>) {
        let value = value.into();
        self.telling.figures.push(Figure { key, name, value });
    }

    /// Fails the lesson unless `happened`; `words` say what was expected and what was measured.
    pub(super) fn expect(&self, happened: bool, words: Words) -> Result<(), LessonError> {
        match happened {
            true => Ok(()),
            false => Err(LessonError::NotSeen(words.fill(&self.telling.figures))),
        }
    }

    /// A picture of at most [`LINES_MAX`] lines; whoever watches the lesson sees its frames, too.
    pub(super) fn drawing(&self) -> Drawing {
        self.drawing_of(LINES_MAX)
    }

    pub(super) fn drawing_of(&self, lines_max: usize) -> Drawing {
        let recorder = self.options.recorder.clone();
        Drawing::new(lines_max, recorder.map(|recorder| (recorder, self.began)))
    }

    /// How Handfast lives in this lesson: drawn, watched, and with a seed of its own, so that no
    /// connection looks like one of another stack.
    pub(super) fn guest(&self, drawing: &Drawing) -> GuestOptions {
        let stack = self.stacks.get();
        self.stacks.set(stack + 1);
        let clock = SourceClock::new(self.began);
        let recorder = self.options.recorder.clone();
        let watcher = recorder.map(|recorder| Watcher::new(recorder, clock.clone()));
        let observer = self.options.observer.as_ref();
        GuestOptions {
            recorder: Some(drawing.recorder_with(watcher.clone())),
            losses: watcher.map(|watcher| Box::new(watcher) as Box<dyn Recorder>),
            observer: observer.map(|all| all.of_stack(stack, clock)),
            seed: self.options.seed.wrapping_add(stack),
            ..GuestOptions::default()
        }
    }

    /// Looks at the kernel's counters.
    pub(super) fn counters(&self, of: &Namespace) -> Result<Counters, LessonError> {
        step(READING_COUNTERS, Counters::of(of))
    }

    /// Prints figures, and questions if there are any.
    pub(super) fn finish(&mut self) -> Result<(), LessonError> {
        let (language, answers) = (self.options.language, self.options.answers);
        let figures = self.telling.figures_text(language);
        self.write(figures.trim_end())?;
        let questions = self.telling.questions_text(language, answers);
        if questions.is_empty() {
            return Ok(());
        }
        self.write(language.of("Questions", "Вопросы"))?;
        self.write(questions.trim_end())?;
        if !answers {
            let hint = language.of(
                "(--answers gives the answers, with the figures of the run.)",
                "(--answers даёт ответы с числами этого запуска.)",
            );
            self.write(hint)?;
        }
        Ok(())
    }

    /// A block of text and an empty line.
    fn write(&mut self, text: &str) -> Result<(), LessonError> {
        let written = writeln!(self.out, "{text}\n").and_then(|()| self.out.flush());
        written.map_err(LessonError::Output)
    }
}

/// Turns a failed step into the lesson's error.
pub(super) fn step<T>(step: Words, outcome: io::Result<T>) -> Result<T, LessonError> {
    outcome.map_err(|source| LessonError::Step { step, source })
}

/// `text` in lines of at most `width` characters as far as its words allow, without the marks of
/// values. Lines that begin with spaces stay as they are.
fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.replace("**", "").split('\n') {
        if line.starts_with(' ') || line.is_empty() {
            lines.push(line.to_owned());
            continue;
        }
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_and_code_is_not() {
        assert_eq!(
            wrap(
                "one **two** three four\n\n    code stays as long as it is\nend",
                9
            ),
            "one two\nthree\nfour\n\n    code stays as long as it is\nend"
        );
        assert_eq!(
            wrap("окно перегрузки растёт", 15),
            "окно перегрузки\nрастёт"
        );
    }
}
