//! `docs/limits.md`: every limit of the product, a constant whose name ends in `_MAX`, written
//! from the sources and compared with them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::source::{Constant, Source};

const PAGE: &str = "docs/limits.md";
const HEAD: &str = "\
# Limits

Every queue, table, loop and retry has a limit with a name that ends in `_MAX`. This page is written \
by `cargo xtask limits` from the sources, and `cargo xtask tidy` fails when it is not up to date. \
Timers and sizes that a user may choose are in the `Config` types of `handfast-tcp` and \
`handfast-stack`.
";

/// Writes the page.
pub(crate) fn write(root: &Path, sources: &[Source]) -> Result<(), String> {
    fs::write(root.join(PAGE), page(sources))
        .map_err(|error| format!("cannot write {PAGE}: {error}"))
}

/// Compares the page with the sources.
pub(crate) fn check(root: &Path, sources: &[Source], offences: &mut Vec<String>) {
    for (source, limit) in limits(sources) {
        if limit.doc.is_empty() {
            let name = source.name.display();
            offences.push(format!(
                "{name}: {} does not say why it is what it is",
                limit.name
            ));
        }
    }
    if fs::read_to_string(root.join(PAGE)).unwrap_or_default() != page(sources) {
        offences.push(format!(
            "{PAGE}: is not up to date; run `cargo xtask limits`"
        ));
    }
}

fn page(sources: &[Source]) -> String {
    let mut crates: BTreeMap<String, String> = BTreeMap::new();
    for (source, limit) in limits(sources) {
        let parts: Vec<_> = source
            .name
            .iter()
            .map(|part| part.to_string_lossy())
            .collect();
        let [_, name, rest @ ..] = parts.as_slice() else {
            continue;
        };
        let rows = crates.entry(name.to_string()).or_default();
        let (file, Constant { name, value, doc }) = (rest[1..].join("/"), limit);
        let doc = doc.replace('|', "\\|");
        writeln!(rows, "| `{name}` | `{value}` | `{file}` | {doc} |").expect("strings take all");
    }
    let mut page = HEAD.to_owned();
    for (name, rows) in crates {
        write!(
            page,
            "\n## {name}\n\n| limit | value | in `src/` | why |\n|---|---|---|---|\n{rows}"
        )
        .expect("strings take all");
    }
    page
}

/// The limits of the product, in the order of the files.
fn limits(sources: &[Source]) -> impl Iterator<Item = (&Source, &Constant)> {
    let in_product = |source: &&Source| {
        source.name.starts_with("crates") && source.name.iter().any(|part| part == "src")
    };
    sources.iter().filter(in_product).flat_map(|source| {
        let limits = source
            .constants
            .iter()
            .filter(|constant| constant.name.ends_with("_MAX"));
        limits.map(move |constant| (source, constant))
    })
}
