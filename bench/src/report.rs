//! What a contest showed: as a row of a table, as JSON.

use serde_json::{Value, json};

use crate::measure::Sample;
use crate::pairs::{Contest, Unit};

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

    fn json(&self) -> Value {
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
    pub reach: Option<f64>,
    /// Rate of ours to that of the peer, of each pair.
    pub ratio: Spread,
    /// Processor time of ours for each unit of work to that of the peer, of each pair.
    pub cost_ratio: Spread,
    /// Rates and costs of ours, and of the peer.
    pub sides: [(Spread, Spread); 2],
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
        }
    }

    /// The head of the table.
    pub fn head() -> &'static str {
        "| name | work | peer | ours | peer's | ratio | wanted | processor: ours | peer's | ratio |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    }

    /// Its row.
    pub fn row(&self) -> String {
        let [ours, theirs] = &self.sides;
        let wanted = self
            .reach
            .map_or("-".to_owned(), |reach| format!("{reach}"));
        format!(
            "| {} | {} | {} | {} | {} | **{:.2}** ({:.2} to {:.2}) | {wanted} | {} | {} | {:.2} |",
            self.name,
            self.what,
            self.peer,
            self.unit.rate(ours.0.median),
            self.unit.rate(theirs.0.median),
            self.ratio.median,
            self.ratio.least,
            self.ratio.most,
            self.unit.cost(ours.1.median),
            self.unit.cost(theirs.1.median),
            self.cost_ratio.median,
        )
    }

    /// All of it, in units of work and seconds.
    pub fn json(&self) -> Value {
        let side = |(rate, cost): &(Spread, Spread)| json!({ "per_second": rate.json(), "processor_seconds_each": cost.json() });
        json!({
            "name": self.name,
            "work": self.what,
            "peer": self.peer,
            "wanted": self.reach,
            "ratio": self.ratio.json(),
            "processor_ratio": self.cost_ratio.json(),
            "ours": side(&self.sides[0]),
            "theirs": side(&self.sides[1]),
        })
    }
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
        };
        // The first turn does not count, and the machine is slower from pair to pair.
        let mut ours = [9, 1, 2, 3, 4, 5].into_iter();
        let mut theirs = [1, 2, 4, 6, 8, 10].into_iter();
        let mut contest = Contest {
            name: "a",
            what: "nothing".to_owned(),
            peer: "nobody",
            unit: Unit::Bytes,
            reach: Some(1.5),
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
}
