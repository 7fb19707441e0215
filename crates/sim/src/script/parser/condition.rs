//! `#ifdef NAME`, `#ifndef NAME`, `#else` and `#endif`: parts of a script that stand there for
//! some systems only.
//!
//! Lines that do not count are emptied, so that all others keep their numbers.

use crate::script::lexer::{ParseError, Position};

/// How deep conditions may lie in each other.
pub const CONDITION_DEPTH_MAX: usize = 16;

/// The text with the lines emptied that do not count when just `defined` is defined.
pub(super) fn choose(text: &str, defined: &[&str]) -> Result<String, ParseError> {
    let mut chosen = String::with_capacity(text.len());
    let mut conditions: Vec<bool> = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let error = |why: &str| ParseError {
            at: Position {
                line: number,
                column: 1,
            },
            what: "a condition",
            why: why.to_owned(),
        };
        let mut words = line.split_whitespace();
        let (word, name) = (words.next().unwrap_or_default(), words.next());
        let holds = name.is_some_and(|name| defined.contains(&name));
        match word {
            "#ifdef" | "#ifndef" if conditions.len() == CONDITION_DEPTH_MAX => {
                return Err(error("too many conditions lie in each other"));
            }
            "#ifdef" => conditions.push(holds),
            "#ifndef" => conditions.push(!holds),
            "#else" => match conditions.last_mut() {
                Some(holds) => *holds = !*holds,
                None => return Err(error("there is nothing to which this is the alternative")),
            },
            "#endif" => {
                let open = conditions.pop();
                open.ok_or_else(|| error("there is nothing to end"))?;
            }
            _ if conditions.iter().all(|holds| *holds) => {
                chosen.push_str(line);
                continue;
            }
            _ => {}
        }
        chosen.push('\n');
    }
    Ok(chosen)
}
