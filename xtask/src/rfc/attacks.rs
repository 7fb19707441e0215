//! `docs/attacks.tsv`: each known attack that a row of it names has tests, they exist, and at least
//! one of them runs on IPv4 and on IPv6. Whether they pass is the business of `cargo test`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{self, Coverage};

/// Where the table lies.
pub(crate) const TABLE: &str = "docs/attacks.tsv";
/// The columns, as the first line names them.
const COLUMNS: &str = "id\ttests\twhat is shown\treduced/full";
/// The attacks that need no protocol which this stack does not have yet.
const IDS: [&str; 29] = [
    "A02", "A03", "A04", "A05", "A06", "A07", "A14", "A15", "A16", "A17", "A19", "A20", "A21",
    "A22", "A23", "A24", "A25", "A26", "A30", "A31", "A32", "A35", "A36", "A42", "A43", "A44",
    "A45", "A50", "A53",
];

/// These are not about both versions of IP: the bytes of TCP options, headers of IPv6 alone.
const ONE_VERSION: [&str; 2] = ["A03", "A05"];

/// What is wrong with the table `text`, seen against a tree of sources.
pub(crate) fn offences(text: &str, tree: &dyn Fn(&Path) -> Option<String>) -> Vec<String> {
    let (mut offences, mut ids) = (Vec::new(), Vec::new());
    let mut read: BTreeMap<PathBuf, Option<BTreeMap<String, Coverage>>> = BTreeMap::new();
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS) {
        offences.push(format!("line 1: the columns are not {COLUMNS:?}"));
    }
    for (line, number) in lines.zip(2..) {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [id, tests, shown, size] = fields[..] else {
            offences.push(format!(
                "line {number}: {} columns instead of 4",
                fields.len()
            ));
            continue;
        };
        let mut faults = Vec::new();
        if shown.is_empty() {
            faults.push("does not say what is shown".to_owned());
        }
        if size != "full" && !size.starts_with("reduced: ") {
            faults.push(format!("{size:?} is neither full nor reduced"));
        }
        let mut both = false;
        for citation in tests.split(", ") {
            let Some((path, name)) = citation.split_once("::") else {
                faults.push(format!("{citation:?} names no test"));
                continue;
            };
            let path = PathBuf::from(path);
            let found = read.entry(path.clone()).or_insert_with(|| {
                let text = tree(&path)?;
                source::tests(&text)
            });
            match found.as_ref().and_then(|found| found.get(name)) {
                Some(coverage) => both |= *coverage != Coverage::One,
                None => faults.push(format!("{} has no test {name}", path.display())),
            }
        }
        if !both && faults.is_empty() && !ONE_VERSION.contains(&id) {
            faults.push("no test of it runs on both versions of IP".to_owned());
        }
        offences.extend(
            faults
                .into_iter()
                .map(|fault| format!("line {number}: {id}: {fault}")),
        );
        ids.push(id);
    }
    if !ids.is_sorted_by(|a, b| a < b) {
        offences.push("the rows are not in the order of their ids, each once".to_owned());
    }
    let known: BTreeSet<&str> = ids.into_iter().collect();
    let missing = IDS.into_iter().filter(|id| !known.contains(id));
    offences.extend(missing.map(|id| format!("{id} has no row")));
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &[&str]) -> Vec<String> {
        let tree = |path: &Path| match path.to_str() {
            Some("tests/all.rs") => {
                Some("both_families!(pair); #[test] fn one() {} fn helper() {}".to_owned())
            }
            _ => None,
        };
        let text = format!("{COLUMNS}\n{}", rows.join("\n"));
        offences(&text, &tree)
    }

    /// A row for each attack, and one of them changed.
    fn with(id: &str, row: &str) -> Vec<String> {
        let good =
            |id: &&str| format!("{id}\ttests/all.rs::pair, tests/all.rs::one\tit holds\tfull");
        let mut rows: Vec<String> = IDS.iter().map(good).collect();
        let place = IDS.iter().position(|other| *other == id);
        rows[place.expect("a known attack")] = row.to_owned();
        faults(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn a_good_table_passes() {
        let row = "A14\ttests/all.rs::pair\tit holds\treduced: 100 of 1,000";
        assert_eq!(with("A14", row), [""; 0]);
    }

    #[test]
    fn every_fault_is_found() {
        for (row, fault) in [
            ("A14\ttests/all.rs::gone\tit\tfull", "has no test gone"),
            ("A14\ttests/all.rs::helper\tit\tfull", "has no test helper"),
            ("A14\ttests/gone.rs::pair\tit\tfull", "has no test pair"),
            ("A14\ttests/all.rs::one\tit\tfull", "both versions"),
            ("A14\ttests/all.rs\tit\tfull", "names no test"),
            ("A14\ttests/all.rs::pair\t\tfull", "what is shown"),
            ("A14\ttests/all.rs::pair\tit\tnearly", "neither full nor"),
            ("A14\ttests/all.rs::pair\tit", "3 columns"),
            ("A15\ttests/all.rs::pair\tit\tfull", "A14 has no row"),
            ("A15\ttests/all.rs::pair\tit\tfull", "order"),
        ] {
            let found = with("A14", row).join("; ");
            assert!(found.contains(fault), "{row}: {found}");
        }
    }
}
