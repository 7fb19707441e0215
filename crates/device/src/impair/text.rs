//! Impairments as text: `loss=1%,delay=10ms,in.drop=5+9`.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::spec::{
    Burst, DOWNS_MAX, DROPS_MAX, HOLD_DEFAULT, ImpairSpec, LinkSpec, Mtu, Red, Reorder,
};
use super::unit::{self, Probability};

/// A text that is no impairment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    part: String,
    wanted: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no impairment: {}. An example: `loss=1%,delay=10ms,in.drop=5+9`",
            self.part, self.wanted
        )
    }
}

impl std::error::Error for SpecError {}

const KEYS: [&str; 15] = [
    "drop",
    "down",
    "loss",
    "burst",
    "mtu",
    "corrupt",
    "duplicate",
    "rate",
    "queue",
    "red",
    "mark",
    "delay",
    "jitter",
    "reorder",
    "until",
];

impl FromStr for ImpairSpec {
    type Err = SpecError;

    /// Reads `key=value` parts joined by commas. A key alone holds for both directions, with `in.`
    /// or `out.` before it for one; of two parts that say the same thing the later holds. No text
    /// at all is a link without fault.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let wrong = |wanted: String| SpecError {
                part: part.to_owned(),
                wanted,
            };
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| wrong("a part has the form `key=value`".to_owned()))?;
            let (inbound, outbound, key) = match key.split_once('.') {
                Some(("in", key)) => (true, false, key),
                Some(("out", key)) => (false, true, key),
                Some(_) => {
                    return Err(wrong(
                        "only `in.` and `out.` can stand before a key".to_owned(),
                    ));
                }
                None => (true, true, key),
            };
            if !KEYS.contains(&key) {
                return Err(wrong(format!("the keys are {}", KEYS.join(", "))));
            }
            for (wanted, link) in [(inbound, &mut spec.inbound), (outbound, &mut spec.outbound)] {
                if wanted {
                    link.set(key, value)
                        .map_err(|wanted| wrong(format!("`{key}` takes {wanted}")))?;
                }
            }
        }
        Ok(spec)
    }
}

impl fmt::Display for ImpairSpec {
    /// The shortest text that reads as the same impairment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for key in KEYS {
            match (self.inbound.get(key), self.outbound.get(key)) {
                (Some(inbound), Some(outbound)) if inbound == outbound => {
                    parts.push(format!("{key}={inbound}"));
                }
                (inbound, outbound) => {
                    parts.extend(inbound.map(|value| format!("in.{key}={value}")));
                    parts.extend(outbound.map(|value| format!("out.{key}={value}")));
                }
            }
        }
        f.write_str(&parts.join(","))
    }
}

impl LinkSpec {
    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "drop" => self.drop = parse_drops(value)?,
            "down" => self.down = parse_downs(value)?,
            "loss" => self.loss = value.parse()?,
            "burst" => self.burst = Some(parse_burst(value)?),
            "mtu" => self.mtu = Some(parse_mtu(value)?),
            "corrupt" => self.corrupt = value.parse()?,
            "duplicate" => self.duplicate = value.parse()?,
            "rate" => self.rate = Some(unit::parse_rate(value)?),
            "queue" => self.queue = Some(unit::parse_size(value)?),
            "red" => self.red = Some(parse_red(value)?),
            "mark" => self.mark = Some(unit::parse_size(value)?),
            "delay" => self.delay = unit::parse_time(value)?,
            "jitter" => self.jitter = unit::parse_time(value)?,
            "reorder" => self.reorder = Some(parse_reorder(value)?),
            "until" => self.until = Some(unit::parse_time(value)?),
            _ => unreachable!("the caller knows the keys"),
        }
        Ok(())
    }

    /// The value of `key` as text; `None` when it is the default.
    fn get(&self, key: &str) -> Option<String> {
        let probability =
            |value: Probability| (value != Probability::NEVER).then(|| value.to_string());
        let time = |value: Duration| (!value.is_zero()).then(|| unit::time(value).to_string());
        match key {
            "drop" => {
                let numbers: Vec<String> = self.drop.iter().map(u64::to_string).collect();
                (!numbers.is_empty()).then(|| numbers.join("+"))
            }
            "down" => {
                let span = |span: &Range<Duration>| {
                    format!("{}..{}", unit::time(span.start), unit::time(span.end))
                };
                let spans: Vec<String> = self.down.iter().map(span).collect();
                (!spans.is_empty()).then(|| spans.join("+"))
            }
            "loss" => probability(self.loss),
            "burst" => self
                .burst
                .map(|burst| format!("{}:{}", burst.start, burst.mean_len)),
            "mtu" => self.mtu.map(mtu_text),
            "corrupt" => probability(self.corrupt),
            "duplicate" => probability(self.duplicate),
            "rate" => self.rate.map(|rate| unit::rate(rate).to_string()),
            "queue" => self.queue.map(|size| unit::size(size).to_string()),
            "red" => self.red.map(red_text),
            "mark" => self.mark.map(|size| unit::size(size).to_string()),
            "delay" => time(self.delay),
            "jitter" => time(self.jitter),
            "reorder" => self.reorder.map(|reorder| match reorder.hold {
                HOLD_DEFAULT => reorder.probability.to_string(),
                hold => format!("{}:{}", reorder.probability, unit::time(hold)),
            }),
            "until" => self.until.map(|until| unit::time(until).to_string()),
            _ => unreachable!("the caller knows the keys"),
        }
    }
}

fn parse_drops(text: &str) -> Result<Vec<u64>, &'static str> {
    const WANTED: &str = "numbers of data segments from 1, such as `5` or `5+9`";
    let mut drops = Vec::new();
    for number in text.split('+') {
        let number: NonZeroU64 = number.parse().map_err(|_| WANTED)?;
        if drops.len() == DROPS_MAX {
            return Err("at most 1024 numbers");
        }
        drops.push(number.get());
    }
    drops.sort_unstable();
    drops.dedup();
    Ok(drops)
}

fn parse_burst(text: &str) -> Result<Burst, &'static str> {
    const WANTED: &str = "the probability that a burst starts and its mean length, as in `0.1%:4`";
    let (start, mean_len) = text.split_once(':').ok_or(WANTED)?;
    Ok(Burst {
        start: start.parse()?,
        mean_len: mean_len.parse().map_err(|_| WANTED)?,
    })
}

fn parse_reorder(text: &str) -> Result<Reorder, &'static str> {
    let (probability, hold) = match text.split_once(':') {
        Some((probability, hold)) => (probability, unit::parse_time(hold)?),
        None => (text, HOLD_DEFAULT),
    };
    Ok(Reorder {
        probability: probability.parse()?,
        hold,
    })
}

fn parse_downs(text: &str) -> Result<Vec<Range<Duration>>, &'static str> {
    const WANTED: &str = "spans that begin before they end, such as `2s..5s` or `2s..5s+8s..9s`";
    let mut downs = Vec::new();
    for span in text.split('+') {
        let (start, end) = span.split_once("..").ok_or(WANTED)?;
        let span = unit::parse_time(start)?..unit::parse_time(end)?;
        if span.is_empty() {
            return Err(WANTED);
        }
        if downs.len() == DOWNS_MAX {
            return Err("at most 64 spans");
        }
        downs.push(span);
    }
    downs.sort_unstable_by_key(|span| (span.start, span.end));
    Ok(downs)
}

fn parse_red(text: &str) -> Result<Red, &'static str> {
    const WANTED: &str = "two sizes, the smaller first, and a probability, as in \
                          `30KB:90KB:10%`, with `:ecn` to mark instead of drop";
    let (text, ecn) = match text.strip_suffix(":ecn") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (min, rest) = text.split_once(':').ok_or(WANTED)?;
    let (max, probability) = rest.split_once(':').ok_or(WANTED)?;
    let red = Red {
        min: unit::parse_size(min)?,
        max: unit::parse_size(max)?,
        probability: probability.parse()?,
        ecn,
    };
    (red.min < red.max).then_some(red).ok_or(WANTED)
}

fn red_text(red: Red) -> String {
    let (min, max) = (unit::size(red.min), unit::size(red.max));
    let ecn = if red.ecn { ":ecn" } else { "" };
    format!("{min}:{max}:{}{ecn}", red.probability)
}

fn parse_mtu(text: &str) -> Result<Mtu, &'static str> {
    const WANTED: &str = "bytes from 68 to 65535 and, if need be, a time from which on and \
                          `:icmp`, as in `1400`, `1400@3s` or `1400@3s:icmp`";
    let (text, answer) = match text.strip_suffix(":icmp") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (bytes, from) = match text.split_once('@') {
        Some((bytes, from)) => (bytes, unit::parse_time(from)?),
        None => (text, Duration::ZERO),
    };
    let bytes = bytes.parse().map_err(|_| WANTED)?;
    let mtu = Mtu {
        bytes,
        from,
        answer,
    };
    (bytes >= Mtu::MIN).then_some(mtu).ok_or(WANTED)
}

fn mtu_text(mtu: Mtu) -> String {
    let answer = if mtu.answer { ":icmp" } else { "" };
    if mtu.from.is_zero() {
        format!("{}{answer}", mtu.bytes)
    } else {
        format!("{}@{}{answer}", mtu.bytes, unit::time(mtu.from))
    }
}

#[cfg(test)]
mod tests;
