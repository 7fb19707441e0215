//! How bad a link is to be, as values and as text: `loss=1%,delay=10ms,in.drop=5+9`.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use super::unit::{self, Probability};

/// Most segments that can be chosen for dropping in one direction; a list for people, not a model.
pub const DROPS_MAX: usize = 1_024;
/// Queue before the bottleneck when a rate is given and no queue: about what home routers have.
pub const QUEUE_DEFAULT: u64 = 256 * 1_024;
/// How long a reordered segment is held back when nothing is said: ten segments overtake it at
/// 100 Mbit/s.
pub const HOLD_DEFAULT: Duration = Duration::from_millis(1);

/// What the two directions of a link do to segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImpairSpec {
    /// From the network to us.
    pub inbound: LinkSpec,
    /// From us to the network.
    pub outbound: LinkSpec,
}

/// What one direction of a link does to segments, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSpec {
    /// Data segments to drop, counted from 1 in the order in which they are offered,
    /// retransmissions included; ascending and without repetition.
    pub drop: Vec<u64>,
    /// Each segment is lost by itself with this probability.
    pub loss: Probability,
    /// Segments are lost in a row.
    pub burst: Option<Burst>,
    /// One bit of a segment is flipped with this probability.
    pub corrupt: Probability,
    /// A segment arrives twice with this probability.
    pub duplicate: Probability,
    /// Bits per second of the bottleneck; `None` for no bottleneck.
    pub rate: Option<NonZeroU64>,
    /// Bytes that wait before the bottleneck; what comes beyond is dropped. `None` for
    /// [`QUEUE_DEFAULT`]. Without a rate nothing ever waits.
    pub queue: Option<u64>,
    /// Time on the way.
    pub delay: Duration,
    /// The delay differs by up to this much to either side, evenly distributed. Segments do not
    /// overtake each other by it.
    pub jitter: Duration,
    /// A segment is held back, so that those behind overtake it.
    pub reorder: Option<Reorder>,
}

/// Loss in bursts: the two-state model of Gilbert and Elliott with a bad state that loses all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Probability that a burst begins at a segment.
    pub start: Probability,
    /// Mean number of segments that a burst swallows.
    pub mean_len: NonZeroU32,
}

/// Reordering by holding segments back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// Probability for each segment.
    pub probability: Probability,
    /// How long it is held back.
    pub hold: Duration,
}

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

const KEYS: [&str; 10] = [
    "drop",
    "loss",
    "burst",
    "corrupt",
    "duplicate",
    "rate",
    "queue",
    "delay",
    "jitter",
    "reorder",
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
            "loss" => self.loss = value.parse()?,
            "burst" => self.burst = Some(parse_burst(value)?),
            "corrupt" => self.corrupt = value.parse()?,
            "duplicate" => self.duplicate = value.parse()?,
            "rate" => self.rate = Some(unit::parse_rate(value)?),
            "queue" => self.queue = Some(unit::parse_size(value)?),
            "delay" => self.delay = unit::parse_time(value)?,
            "jitter" => self.jitter = unit::parse_time(value)?,
            "reorder" => self.reorder = Some(parse_reorder(value)?),
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
            "loss" => probability(self.loss),
            "burst" => self
                .burst
                .map(|burst| format!("{}:{}", burst.start, burst.mean_len)),
            "corrupt" => probability(self.corrupt),
            "duplicate" => probability(self.duplicate),
            "rate" => self.rate.map(|rate| unit::rate(rate).to_string()),
            "queue" => self.queue.map(|size| unit::size(size).to_string()),
            "delay" => time(self.delay),
            "jitter" => time(self.jitter),
            "reorder" => self.reorder.map(|reorder| match reorder.hold {
                HOLD_DEFAULT => reorder.probability.to_string(),
                hold => format!("{}:{}", reorder.probability, unit::time(hold)),
            }),
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

#[cfg(test)]
mod tests;
