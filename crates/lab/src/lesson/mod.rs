//! The lessons: each makes one phenomenon of TCP happen in a lab of its own, tells the story,
//! draws the ladder, prints the figures, and fails if the phenomenon did not happen. One file per
//! lesson; what several of them need is in `by_hand` (frames made without any stack), `drawing` (the
//! ladder) and [`crate::guest`] (Handfast in the lab).

mod by_hand;
mod claim;
mod close;
mod drawing;
mod handshake;
mod kernel_reset;
mod lost_segment;
mod page;
mod slow_ack;

pub use self::slow_ack::{CAPTURE_BUFFER, Crippled, PER_PACKET, run_with as run_crippled};

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use crate::error::LabError;
use crate::lab::{Lab, LabOptions};

/// One lesson.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// The word that chooses it.
    pub name: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    run: fn(&mut Context<'_>) -> Result<LessonReport, LessonError>,
}

/// All lessons, in the order in which they build on each other.
pub const LESSONS: &[Lesson] = &[
    kernel_reset::LESSON,
    claim::LESSON,
    handshake::LESSON,
    page::LESSON,
    slow_ack::LESSON,
    lost_segment::LESSON,
    close::LESSON,
];

impl Lesson {
    /// The lesson of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LESSONS.iter().find(|lesson| lesson.name == name)
    }

    /// Runs it. Call [`enter`](crate::enter) first.
    ///
    /// # Errors
    /// When there is no lab, when the story cannot be written, and above all when the phenomenon
    /// did not happen.
    ///
    /// # Panics
    /// When the calling thread runs a tokio runtime already: lessons start their own.
    pub fn run(&self, context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
        let report = (self.run)(context)?;
        context.say("")?;
        for figure in &report.figures {
            context.say(&format!("  {figure}"))?;
        }
        Ok(report)
    }
}

/// What a lesson works with.
pub struct Context<'a> {
    /// Where the story, the ladder and the figures go.
    pub out: &'a mut dyn Write,
    /// Seed of the stacks: ports and sequence numbers follow from it.
    pub seed: u64,
}

impl Context<'_> {
    /// Tells a piece of the story.
    fn say(&mut self, text: &str) -> Result<(), LessonError> {
        writeln!(self.out, "{text}").map_err(LessonError::Output)
    }
}

/// What a lesson found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonReport {
    /// The figures in the order of the story.
    pub figures: Vec<Figure>,
}

impl LessonReport {
    fn add(&mut self, name: &'static str, value: impl fmt::Display) {
        self.figures.push(Figure {
            name,
            value: value.to_string(),
        });
    }
}

/// One measured fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// The value with its unit.
    pub value: String,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<48} {}", self.name, self.value)
    }
}

/// Why a lesson failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum LessonError {
    /// There is no lab.
    Lab(LabError),
    /// The story could not be written.
    Output(io::Error),
    /// A step that is only the way to the phenomenon failed.
    Step {
        /// What was being done.
        step: &'static str,
        /// What went wrong.
        source: io::Error,
    },
    /// The phenomenon did not happen: what was expected and what was seen.
    NotSeen(String),
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lab(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot write the lesson: {error}"),
            Self::Step { step, source } => write!(f, "{step} failed: {source}"),
            Self::NotSeen(what) => write!(f, "the lesson failed: {what}"),
        }
    }
}

impl std::error::Error for LessonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lab(error) => Some(error),
            Self::Output(source) | Self::Step { source, .. } => Some(source),
            Self::NotSeen(_) => None,
        }
    }
}

impl From<LabError> for LessonError {
    fn from(error: LabError) -> Self {
        Self::Lab(error)
    }
}

/// Fails the lesson unless `happened`; `what` says what was expected and what was seen.
fn expect(happened: bool, what: impl FnOnce() -> String) -> Result<(), LessonError> {
    if happened {
        Ok(())
    } else {
        Err(LessonError::NotSeen(what()))
    }
}

/// Turns a failed step into the lesson's error.
fn step<T>(step: &'static str, outcome: io::Result<T>) -> Result<T, LessonError> {
    outcome.map_err(|source| LessonError::Step { step, source })
}

/// A lab of the lesson's own; it goes with the value.
fn lab() -> Result<Lab, LessonError> {
    Ok(Lab::start(LabOptions::default())?)
}

/// How long a server may take to report a connection after its end.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// How long anything that Handfast does in a lesson may take: reached only when it hangs.
const GUEST_MAX: Duration = Duration::from_secs(20);

/// Runs what Handfast does on a tokio runtime of its own in this thread, for a limited time.
fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let outcome = tokio::time::timeout(GUEST_MAX, work).await;
        outcome.unwrap_or_else(|_| {
            let text = format!("it did not come to an end within {GUEST_MAX:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    })
}
