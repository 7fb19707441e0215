//! Where the instructions of a path go, read from what callgrind wrote: by function, by source file,
//! and who called the functions of libraries.
//!
//! A function has in it what was inlined; the table by source file says where that comes from.

use std::collections::HashMap;
use std::fmt::Write as _;

use handfast_bench::Failure;

/// Rows of a table.
const ROWS_MAX: usize = 30;
/// Calls below a part in so many of all are not shown.
const SHARE_LEAST: u64 = 300;

/// Instructions by whatever name.
type Sums = HashMap<String, u64>;

#[derive(Default)]
pub(super) struct Profile {
    /// Of the functions themselves.
    own: Sums,
    /// With what they call; a function that calls itself has more than is true.
    whole: Sums,
    /// By source file.
    files: Sums,
    /// From function to function.
    calls: HashMap<(String, String), u64>,
    /// Names that were written out once, and then stand as numbers: `(7) name`, `(7)`.
    functions: HashMap<String, String>,
    sources: HashMap<String, String>,
}

impl Profile {
    /// Reads a file of callgrind.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut profile = Self::default();
        let (mut function, mut source, mut callee) = Default::default();
        // The line behind `calls=` is the sum of a call, all others are a function's own.
        let mut is_call = false;
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=') {
                match key {
                    "fn" => function = resolve(&mut profile.functions, value),
                    "cfn" => callee = resolve(&mut profile.functions, value),
                    "fl" | "fi" | "fe" => source = resolve(&mut profile.sources, value),
                    "cfl" | "cfi" => _ = resolve(&mut profile.sources, value),
                    "calls" => is_call = true,
                    _ => {}
                }
                continue;
            }
            if !line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                continue;
            }
            // Lines without a cost were not counted.
            let cost: u64 = line.split(' ').nth(1).unwrap_or("0").parse()?;
            *profile.whole.entry(function.clone()).or_default() += cost;
            if std::mem::take(&mut is_call) {
                let edge = (function.clone(), callee.clone());
                *profile.calls.entry(edge).or_default() += cost;
            } else {
                *profile.own.entry(function.clone()).or_default() += cost;
                *profile.files.entry(source.clone()).or_default() += cost;
            }
        }
        Ok(profile)
    }

    /// The tables, for each of `times`.
    pub(super) fn text(&self, times: u64) -> String {
        let all: u64 = self.own.values().sum();
        let each = |sum: u64| sum as f64 / times as f64;
        let share = |sum: u64| sum as f64 / all as f64 * 100.0;
        let mut text = String::from("    each       %    whole  function\n");
        for (name, sum) in largest(&self.own) {
            let (own, whole) = (each(sum), each(self.whole[name]));
            let (share, name) = (share(sum), short(name));
            _ = writeln!(text, "{own:>8.1} {share:>6.1} {whole:>9.1}  {name}");
        }
        text += "\n    each       %  source\n";
        for (name, sum) in largest(&self.files) {
            let (own, share, name) = (each(sum), share(sum), short(name));
            _ = writeln!(text, "{own:>8.1} {share:>6.1}  {name}");
        }
        text += "\n    each       %  copies and allocations\n";
        for ((caller, callee), sum) in sorted(&self.calls) {
            let library = ["mem", "alloc", "free"].map(|word| callee.contains(word));
            if library.contains(&true) && !callee.contains("::") && sum * SHARE_LEAST > all {
                let (own, share, caller) = (each(sum), share(sum), short(caller));
                _ = writeln!(text, "{own:>8.1} {share:>6.1}  {caller} calls {callee}");
            }
        }
        text
    }
}

/// What `value` stands for, `(7) name` or `(7)`.
fn resolve(names: &mut HashMap<String, String>, value: &str) -> String {
    match value.split_once(' ') {
        Some((number, name)) => {
            names.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => names.get(value).cloned().unwrap_or_default(),
    }
}

/// Largest first, and then by name.
fn sorted<K: Ord>(sums: &HashMap<K, u64>) -> Vec<(&K, u64)> {
    let mut rows: Vec<_> = sums.iter().map(|(key, sum)| (key, *sum)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    rows
}

fn largest(sums: &Sums) -> impl Iterator<Item = (&String, u64)> {
    sorted(sums).into_iter().take(ROWS_MAX)
}

/// A name without what all names have.
fn short(name: &str) -> String {
    let name = name
        .replace("handfast_", "")
        .replace("alloc::collections::", "");
    let name = match name.split_once("/registry/src/") {
        // Behind the name of the registry.
        Some((_, path)) => path.split_once('/').map_or(path, |(_, path)| path),
        None => ["/crates/", "/library/"]
            .iter()
            .find_map(|folder| Some(name.split_once(folder)?.1))
            .unwrap_or(&name),
    };
    name.chars().take(120).collect()
}
