//! What findings say. Each language has a table of its own; how figures are written is in `numerals`.

mod english;
mod numerals;
mod russian;

pub(super) use self::numerals::Names;
use super::kind::FindingKind;
use super::raw::{Figure, Shows};
use crate::language::Language;

/// What is said of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts {
    /// Of which kind: a test holds that each stands at its place.
    pub(super) kind: FindingKind,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// Empty where there is nothing to do.
    pub(super) advice: &'static str,
}

const fn texts(
    kind: FindingKind,
    title: &'static str,
    text: &'static str,
    advice: &'static str,
) -> Texts {
    Texts {
        kind,
        title,
        text,
        advice,
    }
}

/// What is said of `kind`.
pub(super) fn of(kind: FindingKind, language: Language) -> Texts {
    let texts = language.of(&english::TEXTS, &russian::TEXTS)[usize::from(kind as u8)];
    debug_assert_eq!(texts.kind, kind, "tables are in the order of the kinds");
    texts
}

/// What is added when the same was found elsewhere, and when that cost time.
pub(super) fn more(language: Language) -> (&'static str, &'static str) {
    language.of(
        (english::MORE, english::MORE_COST),
        (russian::MORE, russian::MORE_COST),
    )
}

/// What a frame shows.
pub(super) fn shows(
    shows: Shows,
    figure: Option<Figure>,
    (language, names): (Language, &Names),
) -> String {
    let table = language.of(english::SHOWS, russian::SHOWS);
    let found = table.iter().find(|(known, _)| *known == shows);
    let text = found.map_or("", |(_, text)| *text);
    let figure = figure.map(|figure| ("figure", figure));
    fill(text, figure.as_slice(), (language, names))
}

/// `text` with its figures: in braces stands a name, and behind a colon the forms of its noun.
pub(super) fn fill(
    text: &str,
    figures: &[(&'static str, Figure)],
    (language, names): (Language, &Names),
) -> String {
    let mut filled = String::with_capacity(2 * text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (place, behind) = behind.split_once('}').unwrap_or((behind, ""));
        let (name, forms) = place.split_once(':').unwrap_or((place, ""));
        filled.push_str(before);
        let figure = figures.iter().rev().find(|(known, _)| *known == name);
        match figure {
            Some((_, figure)) => {
                filled += &numerals::write(*figure, forms, language, names);
            }
            None => filled.push('?'),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_in_both_languages() {
        for (kind, word) in FindingKind::ALL {
            for language in Language::ALL {
                let texts = of(kind, language);
                assert_eq!(texts.kind, kind, "{word} stands elsewhere");
                assert!(
                    !texts.title.is_empty() && texts.text.ends_with('.'),
                    "{word}"
                );
                for text in [texts.title, texts.text, texts.advice] {
                    assert_eq!(
                        text.matches('{').count(),
                        text.matches('}').count(),
                        "{word}"
                    );
                }
            }
            let [english, russian] = Language::ALL.map(|language| places(of(kind, language).text));
            assert_eq!(english, russian, "{word} has the same figures in both");
        }
        assert_eq!(english::SHOWS.len(), russian::SHOWS.len());
        for ((one, _), (other, _)) in english::SHOWS.iter().zip(russian::SHOWS) {
            assert_eq!(one, other);
        }
    }

    /// The names of the figures in a text, sorted.
    fn places(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1);
        let mut names: Vec<&str> = parts
            .filter_map(|part| part.split(['}', ':']).next())
            .filter(|name| !["side", "other"].contains(name))
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn counts_have_their_nouns() {
        let names = Names::default();
        let told = |count, text, language| {
            fill(text, &[("count", Figure::Count(count))], (language, &names))
        };
        let english = "{count:segment|segments}";
        assert_eq!(told(1, english, Language::English), "1 segment");
        assert_eq!(told(1_200, english, Language::English), "1,200 segments");
        let russian = "{count:сегмент|сегмента|сегментов}";
        let all =
            [1, 2, 5, 11, 21, 112, 1_200].map(|count| told(count, russian, Language::Russian));
        let expected = [
            "1 сегмент",
            "2 сегмента",
            "5 сегментов",
            "11 сегментов",
            "21 сегмент",
            "112 сегментов",
            "1200 сегментов",
        ];
        assert_eq!(all, expected);
        assert_eq!(told(1, "{time}", Language::English), "?");
    }
}
