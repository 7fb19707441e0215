//! What tcptrace says about each connection of a capture.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// Its figures of one connection by their names, for both directions.
pub(crate) type Figures = BTreeMap<String, [f64; 2]>;

/// The figures of all connections; `None` when it cannot read the file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<Figures>>, Box<dyn Error>> {
    let output = Command::new("tcptrace")
        .args(["-n", "-l", "-r"])
        .arg(path)
        .output();
    let output = output.map_err(|error| format!("tcptrace (apt-get install tcptrace): {error}"))?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut connections: Vec<Figures> = Vec::new();
    for line in text.lines() {
        // Before the first one stands `TCP connection info:`.
        if line.starts_with("TCP connection ") && !line.contains("info") {
            connections.push(Figures::new());
        }
        let Some(figures) = connections.last_mut() else {
            continue;
        };
        // `name: value unit   name: value unit`, the same name for both directions.
        let words: Vec<&str> = line.split(':').collect();
        let [name, left, right] = words.as_slice() else {
            continue;
        };
        let number = |text: &str| {
            let word = text.split_whitespace().next()?;
            word.parse::<f64>().ok()
        };
        if let (Some(left), Some(right)) = (number(left), number(right)) {
            figures.insert(name.trim().to_owned(), [left, right]);
        }
    }
    Ok(Some(connections))
}
