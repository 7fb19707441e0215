//! How the figures of findings are written in each language: counts with their nouns, bytes, times,
//! rates, parts, and the names of the ends.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Figure;
use crate::language::Language;

/// What the capture calls addresses.
#[derive(Clone, Debug, Default)]
pub(in crate::findings) struct Names(pub(in crate::findings) Vec<(IpAddr, String)>);

impl Names {
    fn of(&self, end: SocketAddr) -> String {
        let name = self.0.iter().find(|(address, _)| *address == end.ip());
        match name {
            Some((_, name)) => format!("{name}:{}", end.port()),
            None => end.to_string(),
        }
    }
}

/// One figure; `forms` are those of its noun, apart by `|`.
pub(super) fn write(figure: Figure, forms: &str, language: Language, names: &Names) -> String {
    match figure {
        Figure::Count(count) if forms.is_empty() => number(count, language),
        Figure::Count(count) => {
            format!(
                "{} {}",
                number(count, language),
                noun(count, forms, language)
            )
        }
        Figure::Bytes(bytes) => {
            let forms = language.of("byte|bytes", "байт|байта|байт");
            format!(
                "{} {}",
                number(bytes, language),
                noun(bytes, forms, language)
            )
        }
        Figure::Time(time) => self::time(time, language),
        Figure::Rate(bits) => rate(bits, language),
        Figure::Share(part) => share(part, language),
        Figure::Ratio(ratio) => decimal(ratio, language),
        Figure::End(end) => names.of(end),
        Figure::Limit(limit) => limit.words(language),
    }
}

/// The form of a noun behind a count.
fn noun(count: u64, forms: &str, language: Language) -> &str {
    let mut all = forms.split('|');
    let place = match language {
        Language::English => usize::from(count != 1),
        Language::Russian => match (count % 10, count % 100) {
            (_, 11..=14) => 2,
            (1, _) => 0,
            (2..=4, _) => 1,
            _ => 2,
        },
    };
    all.nth(place).unwrap_or(forms)
}

/// English has a comma before each group of three digits, Russian a space from five digits on.
fn number(number: u64, language: Language) -> String {
    let digits = number.to_string();
    if language == Language::Russian && digits.len() < 5 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(language.of(',', '\u{a0}'));
        }
        text.push(digit);
    }
    text
}

/// Three digits are enough.
fn decimal(value: f64, language: Language) -> String {
    let text = match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    language.of(text.to_owned(), text.replace('.', ","))
}

fn time(time: Duration, language: Language) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        _ if seconds >= 0.9995 => (seconds, language.of("s", "с")),
        _ if seconds >= 0.000_999_5 => (seconds * 1e3, language.of("ms", "мс")),
        _ => (seconds * 1e6, language.of("us", "мкс")),
    };
    format!("{} {unit}", decimal(value, language))
}

fn rate(bits: u64, language: Language) -> String {
    let bits = bits as f64;
    let (value, unit) = match bits {
        _ if bits >= 1e9 => (bits / 1e9, language.of("Gbit/s", "Гбит/с")),
        _ if bits >= 1e6 => (bits / 1e6, language.of("Mbit/s", "Мбит/с")),
        _ => (bits / 1e3, language.of("kbit/s", "кбит/с")),
    };
    format!("{} {unit}", decimal(value, language))
}

fn share(part: f64, language: Language) -> String {
    let percent = part * 100.0;
    match percent {
        _ if percent > 0.0 && percent < 0.1 => language.of("under 0.1 %", "менее 0,1 %").to_owned(),
        _ if percent < 9.95 => {
            let text = format!("{percent:.1} %");
            language.of(text.clone(), text.replace('.', ","))
        }
        _ => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_each_language_does() {
        let both =
            |figure| Language::ALL.map(|language| write(figure, "", language, &Names::default()));
        let time = |micros| both(Figure::Time(Duration::from_micros(micros)));
        assert_eq!(time(63), ["63 us", "63 мкс"]);
        assert_eq!(time(10_240), ["10.2 ms", "10,2 мс"].map(str::to_owned));
        assert_eq!(time(1_500_000), ["1.5 s", "1,5 с"]);
        assert_eq!(
            both(Figure::Rate(2_340_000)),
            ["2.34 Mbit/s", "2,34 Мбит/с"]
        );
        assert_eq!(both(Figure::Share(0.034)), ["3.4 %", "3,4 %"]);
        assert_eq!(both(Figure::Share(0.5)), ["50 %", "50 %"]);
        assert_eq!(
            both(Figure::Bytes(65_535)),
            ["65,535 bytes", "65\u{a0}535 байт"]
        );
        assert_eq!(both(Figure::Ratio(100.0)), ["100", "100"]);
    }
}
