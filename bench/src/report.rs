//! What a contest showed: as a row of a table, as JSON.

use serde_json::{Value, json};

use crate::latency::Latency;
use crate::measure::Sample;
use crate::pairs::{Contest, Reach, Unit};

/// GiB.
const GIBIBYTE: f64 = 1_073_741_824.0;

/// The middle of some figures, the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// Of `figures`, in any order.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let (first, last) = (figures.first(), figures.last());
        let middle = figures.len() / 2;
        let median = match figures.len() % 2 {
            0 => f64::midpoint(figures[middle - 1], figures[middle]),
            _ => figures[middle],
        };
        Self {
            median,
            least: *first.expect("there are figures"),
            most: *last.expect("there are figures"),
        }
    }

    /// A ratio, for a reader.
    fn text(&self) -> String {
        let Self {
            median,
            least,
            most,
        } = self;
        format!("**{median:.2}** ({least:.2} to {most:.2})")
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "median": self.median, "least": self.least, "most": self.most })
    }
}

/// What came out of a contest.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// What was done.
    pub what: String,
    /// By whom else.
    pub peer: &'static str,
    /// What was counted.
    pub unit: Unit,
    /// The ratio that is wanted.
    pub reach: Option<Reach>,
    /// Rate of ours to that of the peer, of each pair.
    pub ratio: Spread,
    /// Processor time of ours for each unit of work to that of the peer, of each pair.
    pub cost_ratio: Spread,
    /// Rates and costs of ours, and of the peer.
    pub sides: [(Spread, Spread); 2],
    /// How long each piece of the work took, where that is what counts.
    pub latency: Option<Latencies>,
}

/// Points of the distributions of both sides, in seconds.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Median of ours to that of the peer, of each pair: less is better.
    pub ratio: Spread,
    /// Of ours and of the peer: p50, p99, p99.9.
    pub sides: [[Spread; 3]; 2],
}

impl Report {
    /// Of `samples`, each a pair of ours and theirs.
    pub(crate) fn new(contest: &Contest<'_>, samples: &[(Sample, Sample)]) -> Self {
        let spread = |figure: &dyn Fn(&(Sample, Sample)) -> f64| {
            Spread::of(samples.iter().map(figure).collect())
        };
        Self {
            name: contest.name,
            what: contest.what.clone(),
            peer: contest.peer,
            unit: contest.unit,
            reach: contest.reach,
            ratio: spread(&|(ours, theirs)| ours.rate() / theirs.rate()),
            cost_ratio: spread(&|(ours, theirs)| ours.cost() / theirs.cost()),
            sides: [
                (spread(&|pair| pair.0.rate()), spread(&|pair| pair.0.cost())),
                (spread(&|pair| pair.1.rate()), spread(&|pair| pair.1.cost())),
            ],
            latency: Latencies::of(samples),
        }
    }

    /// The head of the table. Works whose latency counts have other columns than those whose rate
    /// does, so a table has either.
    pub const fn head(&self) -> &'static str {
        match self.latency {
            None => {
                "| name | work | peer | ours | peer's | ratio | wanted | processor: ours | peer's | ratio |\n\
                 |---|---|---|---|---|---|---|---|---|---|"
            }
            Some(_) => {
                "| name | work | peer | p50: ours | peer's | ratio (less is better) | p99: ours | peer's \
                 | p99.9: ours | peer's | rate: ours | peer's | ratio | wanted | processor: ours | peer's |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
            }
        }
    }

    /// Its row.
    pub fn row(&self) -> String {
        let (name, what, peer) = (self.name, &self.what, self.peer);
        let wanted = self.reach.map_or("-".to_owned(), Reach::text);
        let [ours, theirs] = &self.sides;
        let rates = [ours, theirs].map(|side| self.unit.rate(side.0.median));
        let costs = [ours, theirs].map(|side| self.unit.cost(side.1.median));
        let ([our_rate, their_rate], [our_cost, their_cost]) = (rates, costs);
        let ratio = self.ratio.text();
        match &self.latency {
            None => format!(
                "| {name} | {what} | {peer} | {our_rate} | {their_rate} | {ratio} | {wanted} \
                 | {our_cost} | {their_cost} | {:.2} |",
                self.cost_ratio.median,
            ),
            Some(latency) => format!(
                "| {name} | {what} | {peer} | {} | {our_rate} | {their_rate} | {ratio} | {wanted} \
                 | {our_cost} | {their_cost} |",
                latency.text(),
            ),
        }
    }

    /// All of it, in units of work and seconds.
    pub fn json(&self) -> Value {
        let side = |(rate, cost): &(Spread, Spread)| json!({ "per_second": rate.json(), "processor_seconds_each": cost.json() });
        json!({
            "name": self.name,
            "work": self.what,
            "peer": self.peer,
            "wanted": self.reach.map(Reach::text),
            "ratio": self.ratio.json(),
            "processor_ratio": self.cost_ratio.json(),
            "ours": side(&self.sides[0]),
            "theirs": side(&self.sides[1]),
            "latency": self.latency.as_ref().map(Latencies::json),
        })
    }
}

impl Latencies {
    /// Of `samples`, where they have it.
    fn of(samples: &[(Sample, Sample)]) -> Option<Self> {
        let pairs = samples.iter().map(|(a, b)| Some([a.latency?, b.latency?]));
        let pairs: Vec<[Latency; 2]> = pairs.collect::<Option<_>>()?;
        let points = |side: usize| {
            [
                |latency: &Latency| latency.p50,
                |latency: &Latency| latency.p99,
                |latency: &Latency| latency.p999,
            ]
            .map(|point| {
                Spread::of(
                    pairs
                        .iter()
                        .map(|p| point(&p[side]).as_secs_f64())
                        .collect(),
                )
            })
        };
        let ratio = |[ours, theirs]: &[Latency; 2]| ours.p50.div_duration_f64(theirs.p50);
        Some(Self {
            ratio: Spread::of(pairs.iter().map(ratio).collect()),
            sides: [points(0), points(1)],
        })
    }

    /// Its columns.
    fn text(&self) -> String {
        let micros =
            |side: usize, point: usize| format!("{:.1} us", self.sides[side][point].median * 1e6);
        let [p99, p999] =
            [1, 2].map(|point| format!("{} | {}", micros(0, point), micros(1, point)));
        let (ours, theirs, ratio) = (micros(0, 0), micros(1, 0), self.ratio.text());
        format!("{ours} | {theirs} | {ratio} | {p99} | {p999}")
    }

    fn json(&self) -> Value {
        let side = |points: &[Spread; 3]| json!({ "p50": points[0].json(), "p99": points[1].json(), "p999": points[2].json() });
        json!({
            "p50_ratio": self.ratio.json(),
            "ours": side(&self.sides[0]),
            "theirs": side(&self.sides[1]),
        })
    }
}

impl Reach {
    /// For a reader, with the direction only where it is not that of most tables.
    fn text(self) -> String {
        match self {
            Self::Rate(ratio) => short(ratio),
            Self::P50(ratio) => format!("p50 at most {}", short(ratio)),
        }
    }
}

/// With two digits behind the point at most.
fn short(ratio: f64) -> String {
    let text = format!("{ratio:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Unit {
    /// A rate, for a reader.
    pub fn rate(self, rate: f64) -> String {
        match self {
            Self::Bytes => format!("{:.1} Gbit/s", rate * 8.0 / 1e9),
            Self::Things(name) => format!("{:.1} k {name}/s", rate / 1e3),
        }
    }

    /// What of a processor it took, for a reader.
    pub fn cost(self, cost: f64) -> String {
        match self {
            Self::Bytes => format!("{:.3} s/GiB", cost * GIBIBYTE),
            Self::Things(_) => format!("{:.2} us", cost * 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run;

    #[test]
    fn the_median_is_in_the_middle() {
        for (figures, median) in [
            (vec![3.0], 3.0),
            (vec![5.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 9.0], 3.0),
        ] {
            assert_eq!(Spread::of(figures.clone()).median, median, "{figures:?}");
        }
    }

    /// Each pair has a ratio of its own: a slow minute slows both.
    #[test]
    fn ratios_are_those_of_pairs() {
        let turn = |work: f64, seconds: u64| Sample {
            work,
            wall: Duration::from_secs(seconds),
            cpu: Duration::from_secs(1),
            latency: None,
        };
        // The first turn does not count, and the machine is slower from pair to pair.
        let mut ours = [9, 1, 2, 3, 4, 5].into_iter();
        let mut theirs = [1, 2, 4, 6, 8, 10].into_iter();
        let mut contest = Contest {
            name: "a",
            what: "nothing".to_owned(),
            peer: "nobody",
            unit: Unit::Bytes,
            reach: Some(Reach::Rate(1.5)),
            ours: Box::new(|| Ok(turn(2.0 * GIBIBYTE, ours.next().expect("six turns")))),
            theirs: Box::new(|| Ok(turn(GIBIBYTE, theirs.next().expect("six turns")))),
        };
        let report = run(&mut contest, 5).expect("nothing fails");
        let same = Spread {
            median: 4.0,
            least: 4.0,
            most: 4.0,
        };
        assert_eq!(report.ratio, same);
        assert_eq!(report.cost_ratio.median, 0.5);
        assert_eq!(
            report.row(),
            "| a | nothing | nobody | 5.7 Gbit/s | 1.4 Gbit/s | **4.00** (4.00 to 4.00) | 1.5 \
             | 0.500 s/GiB | 1.000 s/GiB | 0.50 |"
        );
    }
    #[test]
    fn where_latency_counts_the_medians_are_compared() {
        let turn = |micros: u64| Sample {
            work: 1_000.0,
            wall: Duration::from_secs(1),
            cpu: Duration::from_secs(1),
            latency: Some(Latency {
                p50: Duration::from_micros(micros),
                p99: Duration::from_micros(2 * micros),
                p999: Duration::from_micros(9 * micros),
            }),
        };
        let mut contest = Contest {
            name: "a",
            what: "nothing".to_owned(),
            peer: "nobody",
            unit: Unit::Things("requests"),
            reach: Some(Reach::P50(0.8)),
            ours: Box::new(|| Ok(turn(6))),
            theirs: Box::new(|| Ok(turn(8))),
        };
        let report = run(&mut contest, 5).expect("nothing fails");
        let columns = |line: &str| line.matches('|').count();
        assert!(
            report
                .head()
                .lines()
                .all(|line| columns(line) == columns(&report.row()))
        );
        assert_eq!(
            report.row(),
            "| a | nothing | nobody | 6.0 us | 8.0 us | **0.75** (0.75 to 0.75) | 12.0 us | 16.0 us \
             | 54.0 us | 72.0 us | 1.0 k requests/s | 1.0 k requests/s | **1.00** (1.00 to 1.00) \
             | p50 at most 0.8 | 1000.00 us | 1000.00 us |"
        );
    }
}
