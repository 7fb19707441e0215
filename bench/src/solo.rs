//! Works that no peer does beside ours: their figures stand for themselves, as the middle of some
//! turns.

use serde_json::{Value, json};

use crate::measure::Failure;
use crate::pairs::PAIRS_LEAST;
use crate::report::Spread;

/// Does one turn: a figure for each of [`Solo::figures`].
pub type Turn<'a> = Box<dyn FnMut() -> Result<Vec<f64>, Failure> + 'a>;

/// One work.
pub struct Solo<'a> {
    /// By what it is chosen and found again.
    pub name: &'static str,
    /// What is done, for a reader.
    pub what: String,
    /// What each turn shows.
    pub figures: &'static [Figure],
    /// Does it.
    pub turn: Turn<'a>,
}

/// What a figure is, and what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Its unit, in words: `bytes each`.
    pub unit: &'static str,
    /// How large it should be.
    pub wanted: Option<Wanted>,
}

/// A bound that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Facts {
    name: &'static str,
    what: String,
    figures: Vec<(Figure, Spread)>,
}

/// `turns` of it after one that does not count.
///
/// # Errors
/// Those of a turn.
///
/// # Panics
/// With fewer turns than [`PAIRS_LEAST`].
pub fn repeat(solo: &mut Solo<'_>, turns: usize) -> Result<Facts, Failure> {
    assert!(turns >= PAIRS_LEAST, "{turns} turns say nothing");
    (solo.turn)()?;
    let turns = (0..turns).map(|_| (solo.turn)());
    let turns = turns.collect::<Result<Vec<_>, _>>()?;
    let figures = solo.figures.iter().enumerate().map(|(index, &figure)| {
        let figures = turns.iter().map(|turn| turn[index]);
        (figure, Spread::of(figures.collect()))
    });
    Ok(Facts {
        name: solo.name,
        what: solo.what.clone(),
        figures: figures.collect(),
    })
}

impl Facts {
    /// The head of the table.
    pub const fn head() -> &'static str {
        "| name | work | figure | of | wanted |\n|---|---|---|---|---|"
    }

    /// A row for each figure.
    pub fn rows(&self) -> String {
        let (mut name, mut what) = (self.name, self.what.as_str());
        let mut rows = Vec::new();
        for (figure, spread) in &self.figures {
            let [median, least, most] = [spread.median, spread.least, spread.most].map(number);
            let wanted = figure.wanted.map_or("-".to_owned(), Wanted::text);
            let unit = figure.unit;
            rows.push(format!(
                "| {name} | {what} | **{median}** ({least} to {most}) | {unit} | {wanted} |"
            ));
            (name, what) = ("", "");
        }
        rows.join("\n")
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let figures = self.figures.iter().map(|(figure, spread)| {
            json!({
                "of": figure.unit,
                "figure": spread.json(),
                "wanted": figure.wanted.map(Wanted::text),
            })
        });
        json!({
            "name": self.name,
            "work": self.what,
            "figures": figures.collect::<Vec<_>>(),
        })
    }
}

impl Wanted {
    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {}", number(bound)),
            Self::AtMost(bound) => format!("at most {}", number(bound)),
        }
    }
}

/// With three digits or more, and thousands apart.
fn number(figure: f64) -> String {
    if figure.abs() < 100.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_a_row_and_the_first_turn_does_not_count() {
        const FIGURES: [Figure; 2] = [
            Figure {
                unit: "bytes each",
                wanted: Some(Wanted::AtMost(1_024.0)),
            },
            Figure {
                unit: "us",
                wanted: None,
            },
        ];
        let mut turns = [9_000.0, 1_000.0, 1_001.0, 1_002.0, 1_003.0, 1_234.0].into_iter();
        let mut solo = Solo {
            name: "a",
            what: "nothing".to_owned(),
            figures: &FIGURES,
            turn: Box::new(|| Ok(vec![turns.next().expect("six turns"), 0.5])),
        };
        let facts = repeat(&mut solo, 5).expect("nothing fails");
        assert_eq!(
            facts.rows(),
            "| a | nothing | **1,002** (1,000 to 1,234) | bytes each | at most 1,024 |\n\
             |  |  | **0.50** (0.50 to 0.50) | us | - |"
        );
    }
}
