//! The rules of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{self, Coverage};
use super::table::{Citation, Families, Level, Proof, Row};

/// The labels of RFC 9293 by kind and number; `U` are its requirements without a label.
const LABELS: [(&str, usize); 5] = [
    ("MUST", 69),
    ("SHLD", 31),
    ("MAY", 18),
    ("REC", 1),
    ("U", 7),
];

/// A file's text by its path from the root.
type Tree<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// What is wrong with the rows, seen against a tree of sources.
pub(crate) fn offences(rows: &[Row], tree: Tree<'_>) -> Vec<String> {
    let mut offences = Vec::new();
    let mut ids = BTreeSet::new();
    let mut sources = Sources {
        tree,
        read: BTreeMap::new(),
    };
    for row in rows {
        let mut faults = Vec::new();
        if !ids.insert(row.id.as_str()) {
            faults.push("stands twice".to_owned());
        }
        for path in &row.obeyed_in {
            if (sources.tree)(path).is_none() {
                faults.push(format!("{} does not exist", path.display()));
            }
        }
        match &row.proof {
            Proof::Tests(citations) => proved(row, citations, &mut sources, &mut faults),
            Proof::Waiver => {}
            Proof::Missing(_) if row.level == Level::Must => {
                faults.push("a MUST has neither a test nor a waiver".to_owned());
            }
            Proof::Missing(_) => {}
        }
        let place = format!("line {}: {}", row.line, row.id);
        offences.extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
    }
    offences
}

/// The labels of RFC 9293 that have no row.
pub(crate) fn missing_labels(rows: &[Row]) -> Vec<String> {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let labels = LABELS
        .into_iter()
        .flat_map(|(kind, count)| (1..=count).map(move |n| format!("{kind}-{n}")));
    labels
        .filter(|label| !ids.contains(label.as_str()))
        .map(|label| format!("{label} of RFC 9293 has no row"))
        .collect()
}

fn proved(row: &Row, citations: &[Citation], sources: &mut Sources<'_>, faults: &mut Vec<String>) {
    if row.obeyed_in.is_empty() {
        faults.push("has tests and no file that obeys it".to_owned());
    }
    let (mut tests, mut both) = (0, false);
    for citation in citations {
        let path = citation.path.display();
        let Some(name) = &citation.name else {
            if (sources.tree)(&citation.path).is_none() {
                faults.push(format!("the script {path} does not exist"));
            }
            continue;
        };
        match sources.tests(&citation.path) {
            None => faults.push(format!("{path} does not exist or cannot be parsed")),
            Some(found) => match found.get(name) {
                None => faults.push(format!("{path} has no test {name}")),
                Some(coverage) => {
                    tests += 1;
                    both |= *coverage != Coverage::One;
                }
            },
        }
    }
    let must = row.level == Level::Must;
    if must && tests == 0 && faults.is_empty() {
        faults.push(
            "a MUST has scripts only, which the tests of the workspace may not run".to_owned(),
        );
    }
    if must && row.rfc == "9293" && row.families != Families::Both {
        faults.push("a MUST of RFC 9293 is shown on IPv4 and IPv6".to_owned());
    }
    if must && row.families == Families::Both && tests > 0 && !both {
        faults.push("no test of it runs on both versions of IP".to_owned());
    }
}

/// The files that were parsed already.
struct Sources<'a> {
    tree: Tree<'a>,
    read: BTreeMap<PathBuf, Option<BTreeMap<String, Coverage>>>,
}

impl Sources<'_> {
    fn tests(&mut self, path: &Path) -> Option<&BTreeMap<String, Coverage>> {
        if !self.read.contains_key(path) {
            let tests = (self.tree)(path).and_then(|text| source::tests(&text));
            self.read.insert(path.to_path_buf(), tests);
        }
        self.read.get(path)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    /// A tree of two files.
    fn tree(path: &Path) -> Option<String> {
        match path.to_str() {
            Some("src/lib.rs") => Some(String::new()),
            Some("tests/all.rs") => Some(
                "both_families!(pair); #[test] fn one() {} fn helper() {}
                 #[test] fn turns() { for family in FAMILIES {} }"
                    .to_owned(),
            ),
            Some("scripts/probe.pkt") => Some("not a test".to_owned()),
            _ => None,
        }
    }

    fn faults(row: &str) -> Vec<String> {
        let head = "id\tlevel\trfc\tsection\trequirement\tobeyed-in\ttest\tfamilies\n";
        let (rows, mut offences) = table::parse(&format!("{head}{row}"));
        offences.extend(super::offences(&rows, &tree));
        offences
    }

    #[test]
    fn a_good_row_passes() {
        for row in [
            "MUST-1\tMUST\t9293\t3.1\twords\tsrc/lib.rs\ttests/all.rs::pair\t46",
            "MUST-1\tMUST\t9293\t3.1\twords\tsrc/lib.rs\ttests/all.rs::one, tests/all.rs::turns\t46",
            "MUST-1\tMUST\t9293\t3.1\twords\t-\twaiver: nobody has this\t-",
            "SHLD-1\tSHOULD\t9293\t3.1\twords\t-\tmissing: comes next\t-",
            "X\tMUST\t1191\t3\twords\tsrc/lib.rs\ttests/all.rs::one, scripts/probe.pkt\t4",
        ] {
            assert_eq!(faults(row), [""; 0], "{row}");
        }
    }

    /// Rows with a fault each, and what is said of it.
    const FAULTY: &[(&str, &str)] = &[
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\ttests/all.rs::gone\t46",
            "has no test gone",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\ttests/all.rs::helper\t46",
            "has no test helper",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\ttests/gone.rs::one\t46",
            "does not exist",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/gone.rs\ttests/all.rs::pair\t46",
            "does not exist",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\t-\ttests/all.rs::pair\t46",
            "no file that obeys",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\ttests/all.rs::one\t46",
            "both versions",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\ttests/all.rs::pair\t4",
            "IPv4 and IPv6",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\tscripts/probe.pkt\t46",
            "scripts only",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\t-\tmissing: later\t-",
            "neither a test nor a waiver",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\t-\twaiver:\t-",
            "lacks its reason",
        ),
        (
            "MUST-1\tMUST\t9293\t3.1\tw\tsrc/lib.rs\t\t46",
            "neither a test",
        ),
        (
            "X\tMAY\t1191\t3\tw\tsrc/lib.rs\tscripts/gone.pkt\t4",
            "does not exist",
        ),
        (
            "X\tOUGHT\t1191\t3\tw\tsrc/lib.rs\ttests/all.rs::one\t4",
            "is no level",
        ),
        (
            "X\tMAY\t1191\t3\tw\tsrc/lib.rs\ttests/all.rs::one\t5",
            "no families",
        ),
        (
            "X\tMAY\t1191\t3\tw\tsrc/lib.rs\ttests/all.rs::one",
            "7 columns",
        ),
    ];

    /// Each of these must be found, or the table proves nothing.
    #[test]
    fn every_fault_is_found() {
        for (row, fault) in FAULTY {
            let found = faults(row).join("; ");
            assert!(found.contains(fault), "{row}: {found:?}");
        }
        let twice = "X\tMAY\t1191\t3\tw\tsrc/lib.rs\ttests/all.rs::one\t4";
        assert!(
            faults(&format!("{twice}\n{twice}"))
                .join("")
                .contains("stands twice")
        );
    }

    #[test]
    fn every_label_of_rfc_9293_needs_a_row() {
        assert_eq!(missing_labels(&[]).len(), 119 + 7);
    }
}
