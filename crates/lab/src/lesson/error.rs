//! Why a lesson fails, in each language.

use std::fmt;
use std::io;

use handfast_trace::Language;

use super::words::{Said, Words};
use crate::error::LabError;

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
        step: Words,
        /// What went wrong.
        source: io::Error,
    },
    /// The phenomenon did not happen: what was expected, with what was measured.
    NotSeen(Said),
}

impl LessonError {
    /// What went wrong, in `language`; what the system says is in the system's words.
    pub fn say(&self, language: Language) -> String {
        match self {
            Self::Lab(error) => error.to_string(),
            Self::Output(error) => {
                let what = language.of("cannot write the lesson", "не удаётся вывести урок");
                format!("{what}: {error}")
            }
            Self::Step { step, source } => {
                let failed = language.of("failed", "не удалось");
                format!("{} {failed}: {source}", step.of(language))
            }
            Self::NotSeen(what) => {
                let failed = language.of("the lesson failed", "урок не удался");
                format!("{failed}: {}", what.of(language).replace("**", ""))
            }
        }
    }
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::English))
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
