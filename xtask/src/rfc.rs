//! `cargo xtask rfc`: does `docs/conformance.tsv` tell the truth? Every file and test that it cites
//! exists, every MUST has a test or a waiver, and the tests of a MUST of RFC 9293 cover IPv4 and
//! IPv6. `docs/attacks.tsv` is held to the same: each attack has tests that exist, on both versions.
//! With `--run`, exactly the cited tests are run, and each must be seen to pass.

mod attacks;
mod check;
mod run;
mod source;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use table::{Level, Proof, Row};

/// Where the table lies.
const TABLE: &str = "docs/conformance.tsv";

/// Checks the table and prints how much of each RFC it covers.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let rows = checked(root)?;
    print!("{}", coverage(&rows));
    Ok(())
}

/// The same, and runs the tests that the table cites.
pub(crate) fn check_and_run(root: &Path) -> Result<(), String> {
    let rows = checked(root)?;
    let ran = run::run(root, &rows)?;
    print!("{}", coverage(&rows));
    println!("rfc: {ran} cited tests ran and passed");
    Ok(())
}

fn checked(root: &Path) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(root.join(TABLE))
        .map_err(|error| format!("cannot read {TABLE}: {error}"))?;
    let (rows, mut offences) = table::parse(&text);
    let tree = |path: &Path| fs::read_to_string(root.join(path)).ok();
    offences.extend(check::offences(&rows, &tree));
    offences.extend(check::missing_labels(&rows));
    let attacks = fs::read_to_string(root.join(attacks::TABLE))
        .map_err(|error| format!("cannot read {}: {error}", attacks::TABLE))?;
    let faults = attacks::offences(&attacks, &tree).into_iter();
    offences.extend(faults.map(|fault| format!("{}: {fault}", attacks::TABLE)));
    if offences.is_empty() {
        return Ok(rows);
    }
    for offence in &offences {
        eprintln!("rfc: {offence}");
    }
    Err(format!(
        "{} faults in {TABLE} and {}",
        offences.len(),
        attacks::TABLE
    ))
}

/// How many requirements there are, and what became of them: by level, then by RFC.
fn coverage(rows: &[Row]) -> String {
    let mut levels: BTreeMap<Level, [usize; 4]> = BTreeMap::new();
    let mut documents: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for row in rows {
        let column = match row.proof {
            Proof::Tests(_) => 1,
            Proof::Waiver => 2,
            Proof::Missing(_) => 3,
        };
        for counts in [
            levels.entry(row.level).or_default(),
            documents.entry(&row.rfc).or_default(),
        ] {
            counts[0] += 1;
            counts[column] += 1;
        }
    }
    let mut text = format!("rfc: {} requirements\n", rows.len());
    let line = |name: &str, [all, tested, waived, missing]: [usize; 4]| {
        format!(
            "  {name:<12} {all:>4}: {tested:>4} tested, {waived:>3} waived, {missing:>3} missing\n"
        )
    };
    for (level, counts) in levels {
        text.push_str(&line(level.name(), counts));
    }
    for (document, counts) in documents {
        text.push_str(&line(&format!("RFC {document}"), counts));
    }
    for row in rows {
        if let Proof::Missing(what) = &row.proof {
            text.push_str(&format!("  missing: {} {what}\n", row.id));
        }
    }
    text
}
