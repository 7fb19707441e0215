//! Findings as JSON values, as reports have them.

use serde_json::{Value, json};

use super::{Evidence, Finding};
use crate::analysis::Side;

impl Finding {
    /// All of it; times are seconds, what is not known is null.
    pub fn to_json(&self) -> Value {
        let evidence = self.evidence.iter().map(Evidence::to_json);
        json!({
            "kind": self.kind.word(),
            "title": self.title,
            "text": self.text,
            "connection": self.connection,
            "side": self.side.map(Side::word),
            "cost": self.cost.map(|cost| cost.as_secs_f64()),
            "rule": self.rule.map(|rule| rule.to_string()),
            "advice": self.advice,
            "evidence": evidence.collect::<Vec<_>>(),
        })
    }
}

impl Evidence {
    fn to_json(&self) -> Value {
        json!({ "frame": self.frame, "text": self.text })
    }
}
