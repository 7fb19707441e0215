//! The quantities of an impairment as people write them: probabilities, times, rates, sizes.
//!
//! Each is printed in the largest unit that is exact, so that what is printed parses to the same.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

const PPM: u64 = 1_000_000;

/// A probability in steps of one in a million; written in per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(u32);

impl Probability {
    /// Never.
    pub const NEVER: Self = Self(0);

    /// `ppm` in a million; `None` above one million.
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm as u64 <= PPM {
            Some(Self(ppm))
        } else {
            None
        }
    }

    /// `percent` in a hundred; `None` above one hundred.
    pub const fn from_percent(percent: u32) -> Option<Self> {
        if percent <= 100 {
            Some(Self(percent * 10_000))
        } else {
            None
        }
    }

    /// In a million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// Whether an event of this probability happens, given an evenly distributed number.
    pub(crate) const fn happens(self, random: u64) -> bool {
        random % PPM < self.0 as u64
    }
}

impl FromStr for Probability {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a probability such as `1%` or `0.05%`";
        let number = text.strip_suffix('%').ok_or(WANTED)?;
        let ppm = decimal(number, 10_000).ok_or(WANTED)?;
        u32::try_from(ppm)
            .ok()
            .and_then(Self::from_ppm)
            .ok_or("a probability of at most `100%`")
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:04}", self.0 % 10_000);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{point}{fraction}%", self.0 / 10_000)
    }
}

/// Units of time, largest first, in nanoseconds.
const TIMES: [(&str, u64); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
/// Units of rate, largest first, in bits per second.
const RATES: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];
/// Units of size, largest first, in bytes.
const SIZES: [(&str, u64); 6] = [
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Longest time that is accepted: an hour, far beyond any use.
const TIME_MAX: u64 = 3_600 * 1_000_000_000;
/// Largest rate and size that are accepted; products with nanoseconds still fit in 128 bits.
const AMOUNT_MAX: u64 = 1 << 50;

pub(crate) fn parse_time(text: &str) -> Result<Duration, &'static str> {
    let nanos = parse(text, &TIMES, TIME_MAX).ok_or("a time such as `10ms`, `500us` or `1.5s`")?;
    Ok(Duration::from_nanos(nanos))
}

pub(crate) fn parse_rate(text: &str) -> Result<NonZeroU64, &'static str> {
    parse(text, &RATES, AMOUNT_MAX)
        .and_then(NonZeroU64::new)
        .ok_or("a rate above zero such as `100mbit`, `1gbit` or `56kbit`")
}

pub(crate) fn parse_size(text: &str) -> Result<u64, &'static str> {
    parse(text, &SIZES, AMOUNT_MAX).ok_or("a size such as `256KiB`, `1MiB` or `1500B`")
}

/// A time for printing.
pub(crate) fn time(time: Duration) -> impl fmt::Display {
    amount(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), &TIMES)
}

/// A rate for printing.
pub(crate) fn rate(rate: NonZeroU64) -> impl fmt::Display {
    amount(rate.get(), &RATES)
}

/// A size for printing.
pub(crate) fn size(bytes: u64) -> impl fmt::Display {
    amount(bytes, &SIZES)
}

fn amount(value: u64, units: &[(&str, u64)]) -> String {
    let exact = units
        .iter()
        .find(|(_, scale)| value >= *scale && value.is_multiple_of(*scale));
    let (unit, scale) = exact.or(units.last()).expect("there are units");
    format!("{}{unit}", value / scale)
}

fn parse(text: &str, units: &[(&str, u64)], max: u64) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    decimal(number, *scale).filter(|value| *value <= max)
}

/// A decimal number times `scale`, when that is whole: no digit is ever rounded away.
fn decimal(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let whole: u64 = digits(whole)?;
    let fraction_value: u64 = digits(fraction)?;
    let places = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(fraction_value) * u128::from(scale);
    if !part.is_multiple_of(u128::from(places)) {
        return None;
    }
    let part = u64::try_from(part / u128::from(places)).ok()?;
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, ppm) in [
            ("1%", 10_000),
            ("0.05%", 500),
            ("100%", 1_000_000),
            ("0%", 0),
        ] {
            let probability: Probability = text.parse().unwrap();
            assert_eq!(
                (probability.ppm(), probability.to_string()),
                (ppm, text.to_owned())
            );
        }
        for text in [
            "1",
            "%",
            "-1%",
            "101%",
            "0.00001%",
            "1e2%",
            "1.%",
            "+1%",
            "99999999999999%",
        ] {
            assert!(text.parse::<Probability>().is_err(), "{text}");
        }
        assert_eq!(parse_time("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(time(Duration::from_millis(1_500)).to_string(), "1500ms");
        assert_eq!(time(Duration::ZERO).to_string(), "0ns");
        assert!(parse_time("10").is_err() && parse_time("1h").is_err());
        assert_eq!(parse_rate("0.1gbit").unwrap().get(), 100_000_000);
        assert_eq!(
            rate(NonZeroU64::new(100_000_000).unwrap()).to_string(),
            "100mbit"
        );
        assert!(parse_rate("0bit").is_err());
        assert_eq!(parse_size("256KiB"), Ok(262_144));
        assert_eq!(size(262_144).to_string(), "256KiB");
        assert_eq!(size(1_500).to_string(), "1500B");
    }
}
