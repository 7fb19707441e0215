//! Judges lines by `docs/events.schema.json`: the part of JSON Schema 2020-12 that it uses. What is
//! used and not known here fails, so that nothing passes unjudged.
//!
//! The tests of `cli` use it, too.

use serde_json::{Map, Value};

/// The schema of the lines of a file of events.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn published() -> Self {
        let text = include_str!("../../../../docs/events.schema.json");
        Self(serde_json::from_str(text).expect("the schema is JSON"))
    }

    /// What is wrong with `line`.
    pub(crate) fn check(&self, line: &str) -> Result<(), String> {
        let value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        self.judge(&self.0, &value)
            .map_err(|wrong| format!("{wrong}\n{line}"))
    }

    /// The part of the schema called `name`.
    pub(crate) fn part(&self, name: &str) -> Option<&Value> {
        self.0["$defs"].get(name)
    }

    fn judge(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let rules = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in rules {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let path = rule.as_str().and_then(|path| path.strip_prefix('#'));
                    let part = path.and_then(|path| self.0.pointer(path));
                    self.judge(part.expect("what is referred to exists"), value)?;
                    true
                }
                "oneOf" => self.one_of(rule, value)?,
                "type" => match rule.as_str().expect("one type") {
                    "object" => value.is_object(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("the type {other} is not known here"),
                },
                "const" => value == rule,
                "enum" => rule.as_array().expect("a list").contains(value),
                "minimum" => value.as_u64() >= rule.as_u64(),
                "maximum" => value.as_u64() <= rule.as_u64(),
                "required" => {
                    let mut names = rule.as_array().expect("a list").iter();
                    names.all(|name| name.as_str().is_some_and(|name| value.get(name).is_some()))
                }
                "properties" => {
                    // Of what is no object `type` says so.
                    let object = value.as_object();
                    object.map_or(Ok(()), |object| self.properties(rules, object))?;
                    true
                }
                // `properties` sees to it.
                "additionalProperties" => rule == &Value::Bool(false),
                other => panic!("the keyword {other} is not known here"),
            };
            if !holds {
                return Err(format!("{value} breaks {keyword}: {rule}"));
            }
        }
        Ok(())
    }

    fn properties(
        &self,
        rules: &Map<String, Value>,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let properties = &rules["properties"];
        for (name, value) in object {
            match properties.get(name) {
                Some(schema) => self
                    .judge(schema, value)
                    .map_err(|wrong| format!("{name}: {wrong}"))?,
                None if rules.contains_key("additionalProperties") => {
                    return Err(format!("{name} is not in the schema"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Whether just one fits. Where none does, says what is wrong with the one for this event.
    fn one_of(&self, rule: &Value, value: &Value) -> Result<bool, String> {
        let schemas = rule.as_array().expect("a list");
        let fits = |schema: &&Value| self.judge(schema, value).is_ok();
        let fitting = schemas.iter().filter(fits).count();
        let event = value["event"].as_str().unwrap_or("header");
        match (fitting, self.part(event)) {
            (0, Some(part)) => self.judge(part, value).map(|()| false),
            (count, _) => Ok(count == 1),
        }
    }
}
