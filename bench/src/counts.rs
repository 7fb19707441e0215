//! A table of instruction counts: as text, and one beside another. Who counts is in
//! `benches/counts`.

use std::fmt;

use crate::measure::Failure;

/// How much worse than stored a figure may be, in hundredths; so much better is worth storing.
const TOLERANCE: u64 = 3;

/// Instructions of each path, and what they were counted with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Versions of the tools: other ones make other figures.
    tools: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    name: String,
    instructions: u64,
    what: String,
}

/// What comes of a comparison: a text to print, and whether anything is worse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    text: String,
    holds: bool,
}

impl Counts {
    /// An empty table, for figures that are counted with `tools`.
    pub const fn new(tools: String) -> Self {
        Self {
            tools,
            rows: Vec::new(),
        }
    }

    /// Reads what [`Counts::text`] wrote; nothing is an empty table.
    ///
    /// # Errors
    /// Which line is none of a table.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.starts_with("path\t")) {
            if let Some(tools) = line.strip_prefix("# ") {
                tools.clone_into(&mut counts.tools);
                continue;
            }
            let mut fields = line.split('\t');
            let (Some(name), Some(figure), Some(what)) =
                (fields.next(), fields.next(), fields.next())
            else {
                return Err(format!("no path, figure and words: {line}").into());
            };
            counts.add(name, figure.parse()?, what);
        }
        Ok(counts)
    }

    /// Adds a path with what it takes.
    pub fn add(&mut self, name: &str, instructions: u64, what: &str) {
        self.rows.push(Row {
            name: name.to_owned(),
            instructions,
            what: what.to_owned(),
        });
    }

    /// The table as it is stored.
    pub fn text(&self) -> String {
        let mut text = format!("# {}\npath\tinstructions\tfor each\n", self.tools);
        for row in &self.rows {
            text += &format!("{}\t{}\t{}\n", row.name, row.instructions, row.what);
        }
        text
    }

    /// The row that was added last, beside the stored one.
    ///
    /// # Panics
    /// When there is none.
    pub fn last_beside(&self, stored: &Self) -> String {
        let row = self.rows.last().expect("a row was added");
        let beside = match stored.find(&row.name) {
            Some(old) => format!("{old:>9} {:>8}", change(row.instructions, old)),
            None => format!("{:>9} {:>8}", "-", "new"),
        };
        let (name, now, what) = (&row.name, row.instructions, &row.what);
        format!("{name:<22} {now:>9} {beside}  {what}")
    }

    /// What is worse than `stored`, what is better, and what to do about it.
    pub fn against(&self, stored: &Self) -> Verdict {
        if self.tools != stored.tools {
            let text = format!(
                "counts: these are the figures of {}, and stored are those of {}: not compared. \
                 `cargo xtask counts --write` stores new ones.\n",
                self.tools, stored.tools
            );
            return Verdict { text, holds: true };
        }
        let (mut text, mut holds) = (String::new(), true);
        for Row {
            name, instructions, ..
        } in &self.rows
        {
            let now = *instructions;
            let Some(old) = stored.find(name) else {
                holds = false;
                text += &format!(
                    "counts: {name} is not stored: `cargo xtask counts --write` does it.\n"
                );
                continue;
            };
            let change = change(now, old);
            if now * 100 > old * (100 + TOLERANCE) {
                holds = false;
                text += &format!(
                    "counts: {name} takes {now} instructions instead of {old} ({change}). `cargo \
                     xtask counts --profile {name}` shows where they go. Where that is the price of \
                     something wanted: `cargo xtask counts --write`, and the reason into the commit.\n"
                );
            } else if now * 100 < old * (100 - TOLERANCE) {
                text += &format!(
                    "counts: {name} takes {now} instructions instead of {old} ({change}): `cargo \
                     xtask counts --write` keeps it there.\n"
                );
            }
        }
        for Row { name, .. } in &stored.rows {
            if self.find(name).is_none() {
                holds = false;
                text += &format!("counts: {name} is stored, but no such path exists.\n");
            }
        }
        if text.is_empty() {
            text = format!("counts: {} paths are as they were\n", self.rows.len());
        }
        Verdict { text, holds }
    }

    fn find(&self, name: &str) -> Option<u64> {
        let row = self.rows.iter().find(|row| row.name == name)?;
        Some(row.instructions)
    }
}

impl Verdict {
    /// Whether nothing is worse than it may be.
    pub const fn holds(&self) -> bool {
        self.holds
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// By how much `now` differs from `old`, in words.
fn change(now: u64, old: u64) -> String {
    format!("{:+.1} %", (now as f64 / old as f64 - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(tools: &str, figures: &[(&str, u64)]) -> Counts {
        let mut counts = Counts::new(tools.to_owned());
        for (name, figure) in figures {
            counts.add(name, *figure, "one");
        }
        counts
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let counts = table("rustc 1", &[("ack", 1_000), ("batch", 44)]);
        assert_eq!(Counts::parse(&counts.text()).expect("well-formed"), counts);
        assert_eq!(Counts::parse("").expect("empty"), Counts::default());
        assert!(Counts::parse("ack\tmany\tone\n").is_err());
        assert!(Counts::parse("ack\t7\n").is_err());
    }

    #[test]
    fn three_hundredths_more_hold_and_the_next_instruction_does_not() {
        let stored = table("rustc 1", &[("ack", 1_000)]);
        let verdict = |now| table("rustc 1", &[("ack", now)]).against(&stored);
        assert!(verdict(1_030).holds());
        assert!(!verdict(1_031).holds());
        assert!(verdict(1_031).to_string().contains("--write"));
    }

    #[test]
    fn what_is_better_is_to_be_stored_and_no_failure() {
        let stored = table("rustc 1", &[("ack", 1_000)]);
        let verdict = |now| table("rustc 1", &[("ack", now)]).against(&stored);
        assert!(verdict(969).holds());
        assert!(verdict(969).to_string().contains("--write"));
        assert!(!verdict(970).to_string().contains("--write"));
    }

    #[test]
    fn paths_come_and_go_with_the_table() {
        let stored = table("rustc 1", &[("ack", 1_000)]);
        let more = table("rustc 1", &[("ack", 1_000), ("batch", 1)]);
        assert!(!more.against(&stored).holds());
        assert!(!stored.against(&more).holds());
    }

    #[test]
    fn figures_of_other_tools_are_not_compared() {
        let stored = table("rustc 1", &[("ack", 1_000)]);
        let verdict = table("rustc 2", &[("ack", 9_000)]).against(&stored);
        assert!(verdict.holds());
        assert!(verdict.to_string().contains("not compared"));
    }
}
