//! The lessons: each makes one phenomenon of TCP happen in a lab of its own, tells the story,
//! draws the ladder, prints the figures, asks the reader, and fails if the phenomenon did not
//! happen. Broken on purpose, it shows what happens instead, and fails if that did not happen. One
//! file per lesson, what it says in `words`; what several of them need is in `telling` (the story),
//! `markdown` (the same as a page), `by_hand` (frames made without any stack), `far_end` (a kernel's
//! socket that is read when the lesson says so), `drawing` (the ladder) and [`crate::guest`]
//! (Handfast in the lab).

mod black_hole_mtu;
mod bufferbloat;
mod by_hand;
mod claim;
mod close;
mod drawing;
mod error;
mod far_end;
mod fast_retransmit;
mod handshake;
mod kernel_reset;
mod lost_segment;
mod markdown;
mod nagle;
mod page;
mod sending;
mod slow_ack;
mod slow_start;
mod tail_loss;
mod telling;
mod watchers;
mod words;
mod zero_window;

pub use self::error::LessonError;
pub use self::markdown::{Run, index, page, shape};
pub use self::slow_ack::{CAPTURE_BUFFER, Crippled, PER_PACKET, run_with as run_crippled};
pub use self::telling::{Figure, Telling};
pub use self::watchers::SharedObserver;
pub use self::words::{Said, Words};

use std::io::{self, Write};
use std::time::Duration;

use handfast_trace::{Language, Shared, Tee};

use self::telling::Context;
use self::words::Question;
use crate::lab::{Lab, LabOptions};

/// One lesson.
#[derive(Debug)]
pub struct Lesson {
    /// The word that chooses it.
    pub name: &'static str,
    /// What it shows, in one line.
    pub summary: Words,
    /// What breaks when it is broken on purpose, in one line.
    pub breaks: Words,
    questions: &'static [Question],
    run: fn(&mut Context<'_>) -> Result<(), LessonError>,
}

/// All lessons, in the order in which they build on each other.
pub static LESSONS: &[&Lesson] = &[
    &kernel_reset::LESSON,
    &claim::LESSON,
    &handshake::LESSON,
    &page::LESSON,
    &close::LESSON,
    &slow_ack::LESSON,
    &lost_segment::LESSON,
    &fast_retransmit::LESSON,
    &tail_loss::LESSON,
    &slow_start::LESSON,
    &bufferbloat::LESSON,
    &zero_window::LESSON,
    &nagle::LESSON,
    &black_hole_mtu::LESSON,
];

impl Lesson {
    /// The lesson of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LESSONS.iter().copied().find(|lesson| lesson.name == name)
    }

    /// Runs it, and tells it to `out` meanwhile. Call [`enter`](crate::enter) first.
    ///
    /// # Errors
    /// When there is no lab, when the story cannot be written, and above all when the phenomenon
    /// did not happen.
    ///
    /// # Panics
    /// When the calling thread runs a tokio runtime already: lessons start their own.
    pub fn run(&self, out: &mut dyn Write, options: LessonOptions) -> Result<Telling, LessonError> {
        let mut context = Context::new(out, options);
        let outcome = (self.run)(&mut context);
        if outcome.is_ok() && !context.is_broken() {
            let figures = &context.telling.figures;
            let fill = |one: &Question| (one.ask.fill(figures), one.answer.fill(figures));
            context.telling.questions = self.questions.iter().map(fill).collect();
        }
        // What was measured helps to see why it failed, too.
        context.finish()?;
        outcome.map(|()| context.telling)
    }
}

/// How to run a lesson.
#[derive(Clone, Default)]
pub struct LessonOptions {
    /// Seed of the stacks: ports and sequence numbers follow from it.
    pub seed: u64,
    /// In which language it is told.
    pub language: Language,
    /// Whether to break it on purpose; [`Lesson::breaks`] says what that is.
    pub is_broken: bool,
    /// Whether questions get their answers.
    pub answers: bool,
    /// Sees each frame that is drawn, the whole lesson through, with times from its beginning.
    pub recorder: Option<Shared<Tee>>,
    /// Is told what Handfast's connections do and why, where Handfast acts.
    pub observer: Option<SharedObserver>,
}

/// A lab of the lesson's own; it goes with the value.
fn lab() -> Result<Lab, LessonError> {
    Ok(Lab::start(LabOptions::default())?)
}

/// A lab whose kernels send no super-segments: where single segments matter.
fn lab_of_segments() -> Result<Lab, LessonError> {
    let options = LabOptions {
        super_segments: false,
        ..LabOptions::default()
    };
    Ok(Lab::start(options)?)
}

/// How long a server may take to report a connection after its end.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// How long anything that Handfast does in a lesson may take: reached only when it hangs.
const GUEST_MAX: Duration = Duration::from_secs(20);

/// Between two looks at something that is to become so.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until something is so; the lesson's own limit ends it otherwise.
async fn until(is: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(LOOK);
    while !is() {
        looks.tick().await;
    }
}

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names of the figures that a text refers to.
    fn keys(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts
            .map(|part| part.split('}').next().unwrap_or_default())
            .collect()
    }

    #[test]
    fn each_lesson_asks_two_to_four_questions_in_both_languages() {
        let mut names = BTreeSet::new();
        for lesson in LESSONS {
            assert!(names.insert(lesson.name), "{} comes twice", lesson.name);
            assert!((2..=4).contains(&lesson.questions.len()), "{}", lesson.name);
            let asked = lesson
                .questions
                .iter()
                .flat_map(|one| [one.ask, one.answer]);
            for words in asked.chain([lesson.summary, lesson.breaks]) {
                assert_eq!(keys(words.english), keys(words.russian), "{words:?}");
                let is_russian = |letter: char| ('а'..='я').contains(&letter);
                assert!(words.russian.contains(is_russian), "{words:?}");
                assert!(!words.english.contains(is_russian), "{words:?}");
            }
        }
        assert_eq!(names.len(), 14);
    }

    #[test]
    fn answers_refer_to_what_was_measured() {
        for lesson in LESSONS {
            let answers = lesson.questions.iter().map(|one| keys(one.answer.english));
            let measured = answers.filter(|keys| !keys.is_empty()).count();
            assert!(measured > 0, "{}", lesson.name);
        }
    }
}
