//! Calls of the application: `name(values) = value ERRNO (note)`.

use super::unsupported;
use crate::script::ast::{Action, Call, Field, Value};
use crate::script::lexer::{Lexer, ParseError};

/// How deep values may lie in each other: the deepest structure of sockets has 5.
pub const VALUE_DEPTH_MAX: u32 = 16;

const WHAT: &str = "a call";

pub(super) fn call(lexer: &mut Lexer<'_>) -> Result<Action, ParseError> {
    let end = if lexer.eat("...") {
        lexer.eat("+");
        Some(super::time::seconds(lexer)?)
    } else {
        None
    };
    let Some(name) = lexer.word() else {
        return Err(lexer.error("a step", "a packet, a call, a command or code"));
    };
    if !lexer.sees("(") {
        return Ok(unsupported(
            lexer,
            format!("a step that begins with `{name}`"),
        ));
    }
    let arguments = list(lexer, ("(", ")"), 1)?;
    lexer.expect("=", WHAT)?;
    let result = value(lexer, 0)?;
    let errno = error_name(lexer);
    if lexer.eat("(") {
        note(lexer)?;
    }
    Ok(Action::Call(Call {
        name: name.to_owned(),
        arguments,
        end,
        result,
        errno,
    }))
}

/// A word behind the result is the name of an error.
fn error_name(lexer: &mut Lexer<'_>) -> Option<String> {
    lexer.word().map(str::to_owned)
}

/// The text between parentheses, one pair deep in itself.
fn note(lexer: &mut Lexer<'_>) -> Result<(), ParseError> {
    let missing = |lexer: &mut Lexer<'_>| lexer.error("a note", "its closing `)`");
    let text = lexer.until(")").ok_or_else(|| missing(lexer))?;
    if text.contains('(') {
        lexer.until(")").ok_or_else(|| missing(lexer))?;
    }
    Ok(())
}

/// Values between a pair of brackets, separated by commas.
fn list(
    lexer: &mut Lexer<'_>,
    (open, close): (&str, &str),
    depth: u32,
) -> Result<Vec<Value>, ParseError> {
    lexer.expect(open, WHAT)?;
    let mut values = Vec::new();
    while !lexer.eat(close) {
        if !values.is_empty() {
            lexer.expect(",", WHAT)?;
            // A comma may stand before the bracket.
            if lexer.eat(close) {
                break;
            }
        }
        values.push(value(lexer, depth)?);
    }
    Ok(values)
}

/// A value with what is joined to it.
fn value(lexer: &mut Lexer<'_>, depth: u32) -> Result<Value, ParseError> {
    let first = term(lexer, depth)?;
    let Some(operator) = ["|", "<<", "+", "*"].into_iter().find(|op| lexer.sees(op)) else {
        return Ok(first);
    };
    // What follows a result on the next line is the time of the next step.
    if matches!(operator, "+" | "*") && depth == 0 {
        return Ok(first);
    }
    let mut parts = vec![first];
    while lexer.eat(operator) {
        parts.push(term(lexer, depth)?);
    }
    let sign = operator.chars().next().expect("no operator is empty");
    Ok(Value::Joined(sign, parts))
}

fn term(lexer: &mut Lexer<'_>, depth: u32) -> Result<Value, ParseError> {
    if depth > VALUE_DEPTH_MAX {
        return Err(lexer.error("a value", "an end of all the brackets"));
    }
    if lexer.eat("...") {
        return Ok(Value::Any);
    }
    if let Some(number) = lexer.integer() {
        return Ok(Value::Integer(number));
    }
    if let Some(word) = lexer.word() {
        // Behind a result that is a name, parentheses hold a note and no arguments.
        let name = word.to_owned();
        return Ok(if depth > 0 && lexer.sees("(") {
            Value::Apply(name, list(lexer, ("(", ")"), depth + 1)?)
        } else {
            Value::Name(name)
        });
    }
    match lexer.peek() {
        Some('[') => Ok(Value::List(list(lexer, ("[", "]"), depth + 1)?)),
        Some('{') => structure(lexer, depth + 1),
        Some('(') => {
            lexer.expect("(", WHAT)?;
            let inner = value(lexer, depth + 1)?;
            lexer.expect(")", WHAT)?;
            Ok(inner)
        }
        Some('"') => {
            lexer.expect("\"", WHAT)?;
            let text = lexer.until("\"");
            let text = text.ok_or_else(|| lexer.error("text", "its closing quote"))?;
            Ok(Value::Text(text.to_owned()))
        }
        _ => Err(lexer.error("a value", "a number, a name, text, a list or a structure")),
    }
}

fn structure(lexer: &mut Lexer<'_>, depth: u32) -> Result<Value, ParseError> {
    lexer.expect("{", WHAT)?;
    let mut fields = Vec::new();
    while !lexer.eat("}") {
        if !fields.is_empty() {
            lexer.expect(",", WHAT)?;
            if lexer.eat("}") {
                break;
            }
        }
        fields.push(field(lexer, depth)?);
    }
    Ok(Value::Struct(fields))
}

/// `name=value`, `name(count)=value` or a value alone.
fn field(lexer: &mut Lexer<'_>, depth: u32) -> Result<Field, ParseError> {
    let mut ahead = lexer.clone();
    if let Some(name) = ahead.word() {
        if ahead.eat("(") {
            ahead.take(|byte| byte.is_ascii_digit() || byte == b'.');
            ahead.eat(")");
        }
        if ahead.eat("=") {
            *lexer = ahead;
            return Ok(Field {
                name: name.to_owned(),
                value: value(lexer, depth)?,
            });
        }
    }
    Ok(Field {
        name: String::new(),
        value: value(lexer, depth)?,
    })
}
