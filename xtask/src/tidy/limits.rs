//! Every limit of the product, a constant whose name ends in `_MAX`, stands in `docs/limits.md`,
//! and nothing stands there that does not exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::source::Source;

/// Compares the constants of the crates with the first column of the table.
pub(crate) fn check(
    root: &Path,
    sources: &[Source],
    offences: &mut Vec<String>,
) -> Result<(), String> {
    let page = root.join("docs/limits.md");
    let text = fs::read_to_string(&page)
        .map_err(|error| format!("cannot read {}: {error}", page.display()))?;
    let listed: BTreeSet<&str> = text.lines().filter_map(name_in_row).collect();
    let is_product = |source: &&Source| {
        source.name.starts_with("crates") && source.name.components().any(|c| c.as_os_str() == "src")
    };
    let mut existing = BTreeSet::new();
    for source in sources.iter().filter(is_product) {
        for constant in source.constants.iter().filter(|name| name.ends_with("_MAX")) {
            existing.insert(constant.as_str());
            if !listed.contains(constant.as_str()) {
                let name = source.name.display();
                offences.push(format!("{name}: {constant} is not listed in docs/limits.md"));
            }
        }
    }
    for name in listed.difference(&existing) {
        offences.push(format!("docs/limits.md: {name} does not exist any more"));
    }
    Ok(())
}

/// The name in a row such as "| `FRAMES_MAX` | 64 | ... |".
fn name_in_row(line: &str) -> Option<&str> {
    let name = line.strip_prefix("| `")?.split('`').next()?;
    name.ends_with("_MAX").then_some(name)
}
