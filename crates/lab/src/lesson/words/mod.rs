//! What the lessons say, in each language: a file for each lesson, and here what such texts are.
//! What happens meanwhile is in the file of the same name one floor up; no lesson knows in which
//! language it is told.

pub(crate) mod black_hole_mtu;
pub(crate) mod bufferbloat;
pub(crate) mod claim;
pub(crate) mod close;
pub(crate) mod fast_retransmit;
pub(crate) mod handshake;
pub(crate) mod kernel_reset;
pub(crate) mod lost_segment;
pub(crate) mod nagle;
pub(crate) mod page;
pub(crate) mod slow_ack;
pub(crate) mod slow_start;
pub(crate) mod tail_loss;
pub(crate) mod zero_window;

use std::time::Duration;

use handfast_trace::Language;

use super::Figure;

/// A text as it was written, in both languages. `{key}` stands for the value of that figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// In English.
    pub english: &'static str,
    /// In Russian.
    pub russian: &'static str,
}

/// The same text twice, English first.
pub(super) const fn words(english: &'static str, russian: &'static str) -> Words {
    Words { english, russian }
}

impl Words {
    /// In one language.
    pub fn of(&self, language: Language) -> &'static str {
        language.of(self.english, self.russian)
    }

    /// With the values of figures in their places, each between two pairs of asterisks: whoever
    /// renders the text makes them bold or takes them off.
    pub(super) fn fill(&self, figures: &[Figure]) -> Said {
        let fill = |language: Language| {
            let text = self.of(language).to_owned();
            figures.iter().fold(text, |text, figure| {
                let value = format!("**{}**", figure.value.of(language));
                text.replace(&format!("{{{}}}", figure.key), &value)
            })
        };
        Said {
            english: fill(Language::English),
            russian: fill(Language::Russian),
        }
    }
}

/// A question to the reader, and its answer, which refers to figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) ask: Words,
    pub(super) answer: Words,
}

/// A question and its answer, each English first.
pub(super) const fn question(ask: Words, answer: Words) -> Question {
    Question { ask, answer }
}

/// A text as it is said, in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// In English.
    pub english: String,
    /// In Russian.
    pub russian: String,
}

impl Said {
    /// In one language.
    pub fn of(&self, language: Language) -> &str {
        language.of(&self.english, &self.russian)
    }

    /// What is the same in all languages.
    pub(super) fn same(text: impl std::fmt::Display) -> Self {
        let english = text.to_string();
        Self {
            russian: english.clone(),
            english,
        }
    }

    /// This, then a comma and that.
    pub(super) fn and(&self, other: impl Into<Self>) -> Self {
        let other = other.into();
        Self {
            english: format!("{}, {}", self.english, other.english),
            russian: format!("{}, {}", self.russian, other.russian),
        }
    }
}

impl From<Words> for Said {
    fn from(words: Words) -> Self {
        Self {
            english: words.english.to_owned(),
            russian: words.russian.to_owned(),
        }
    }
}

impl From<bool> for Said {
    fn from(is: bool) -> Self {
        match is {
            true => words("yes", "да").into(),
            false => words("no", "нет").into(),
        }
    }
}

macro_rules! same {
    ($($of:ty),*) => {
        $(impl From<$of> for Said {
            fn from(value: $of) -> Self {
                Self::same(value)
            }
        })*
    };
}

same!(u16, u32, u64, usize, i64, &str, String);

impl From<Duration> for Said {
    /// In microseconds below a millisecond, and in tenths of milliseconds from there.
    fn from(time: Duration) -> Self {
        match time.as_micros() {
            micros @ 0..1_000 => Self {
                english: format!("{micros} us"),
                russian: format!("{micros} мкс"),
            },
            _ => decimal(time.as_secs_f64() * 1_000.0, words("ms", "мс")),
        }
    }
}

/// A number with one digit behind the point, and its unit.
pub(super) fn decimal(number: f64, unit: Words) -> Said {
    let english = format!("{number:.1}");
    Said {
        russian: format!("{} {}", english.replace('.', ","), unit.russian),
        english: format!("{english} {}", unit.english),
    }
}

/// Steps that several lessons take.
pub(super) const READING_COUNTERS: Words = words("reading counters", "чтение счётчиков");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_find_their_places_in_both_languages() {
        let figure = Figure {
            key: "waited",
            name: words("wait", "ожидание"),
            value: Duration::from_micros(40_200).into(),
        };
        let said = words("It took {waited}, {waited}.", "Прошло {waited}.").fill(&[figure]);
        assert_eq!(said.english, "It took **40.2 ms**, **40.2 ms**.");
        assert_eq!(said.russian, "Прошло **40,2 мс**.");
    }

    #[test]
    fn values_are_in_words_of_the_language() {
        let both = |said: Said| (said.english, said.russian);
        let own = |english: &str, russian: &str| (english.to_owned(), russian.to_owned());
        assert_eq!(both(true.into()), own("yes", "да"));
        assert_eq!(both(7_u64.into()), own("7", "7"));
        assert_eq!(
            both(Duration::from_micros(999).into()),
            own("999 us", "999 мкс")
        );
        let joined = Said::same(1).and(false);
        assert_eq!(both(joined), own("1, no", "1, нет"));
    }
}
