//! From text to `Script`: settings first, then steps. Times, packets and calls have their own
//! files.
//!
//! What is a step but says something unknown becomes `Action::Unsupported`, so that everything
//! else of the script can still be listed; text that is no step at all is an error.

mod call;
mod condition;
mod option;
mod packet;
mod time;

pub use call::VALUE_DEPTH_MAX;
pub use condition::CONDITION_DEPTH_MAX;
pub use option::OPTION_CONTENT_MAX;

use super::ast::{Action, Script, Setting, Step, When};
use super::lexer::{Lexer, ParseError, Position};

/// Largest script, in bytes: the largest of the public suites has 20 KiB.
pub const SCRIPT_LEN_MAX: usize = 1 << 20;

/// Reads a script in which nothing is defined for `#ifdef`.
///
/// # Errors
/// Where and why it cannot be read.
pub fn parse(text: &str) -> Result<Script, ParseError> {
    parse_with(text, &[])
}

/// Reads a script in which these names are defined for `#ifdef`.
///
/// # Errors
/// Where and why it cannot be read.
pub fn parse_with(text: &str, defined: &[&str]) -> Result<Script, ParseError> {
    if text.len() > SCRIPT_LEN_MAX {
        return Err(ParseError {
            at: Position { line: 1, column: 1 },
            what: "a script",
            why: format!("it is longer than {SCRIPT_LEN_MAX} bytes"),
        });
    }
    let text = condition::choose(text, defined)?;
    let mut lexer = Lexer::new(&text);
    let mut script = Script::default();
    while lexer.sees("--") {
        script.settings.push(setting(&mut lexer)?);
    }
    while !lexer.is_at_end() {
        script.steps.push(step(&mut lexer)?);
    }
    Ok(script)
}

fn setting(lexer: &mut Lexer<'_>) -> Result<Setting, ParseError> {
    let line = lexer.position().line;
    lexer.expect("--", "a setting")?;
    let name = lexer.take_here(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if name.is_empty() {
        return Err(lexer.error("a setting", "its name"));
    }
    let rest = lexer.rest_of_line();
    let rest = rest.split("//").next().unwrap_or_default().trim();
    let value = match rest.strip_prefix('=') {
        Some(value) => value.trim(),
        None if rest.is_empty() => "",
        None => return Err(lexer.error("a setting", "`=`")),
    };
    Ok(Setting {
        line,
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

fn step(lexer: &mut Lexer<'_>) -> Result<Step, ParseError> {
    let line = lexer.position().line;
    // Commands before and behind the timed steps prepare and clean up.
    let when = if lexer.sees("`") {
        When::After(std::time::Duration::ZERO)
    } else {
        time::when(lexer)?
    };
    let action = match lexer.peek() {
        Some('<' | '>') => packet::packet(lexer)?,
        Some('`') => command(lexer)?,
        Some('%') => code(lexer)?,
        _ => call::call(lexer)?,
    };
    let is_sent = matches!(&action, Action::Packet(packet)
        if packet.direction == super::ast::Direction::Out);
    if !is_sent && !matches!(when, When::At(_) | When::After(_)) {
        let what = "a range of times for something that the script itself does".to_owned();
        let action = Action::Unsupported { what };
        return Ok(Step { line, when, action });
    }
    Ok(Step { line, when, action })
}

fn command(lexer: &mut Lexer<'_>) -> Result<Action, ParseError> {
    lexer.expect("`", "a command")?;
    match lexer.until("`") {
        Some(text) => Ok(Action::Command(text.to_owned())),
        None => Err(lexer.error("a command", "its closing backtick")),
    }
}

fn code(lexer: &mut Lexer<'_>) -> Result<Action, ParseError> {
    lexer.expect("%{", "a block of code")?;
    match lexer.until("}%") {
        Some(text) => Ok(Action::Code(text.to_owned())),
        None => Err(lexer.error("a block of code", "its closing `}%`")),
    }
}

/// Gives up on a step: skips to the line with the next one.
fn unsupported(lexer: &mut Lexer<'_>, what: String) -> Action {
    lexer.rest_of_line();
    loop {
        let mut ahead = lexer.clone();
        if ahead.is_at_end() || ahead.sees("`") || time::when(&mut ahead).is_ok() {
            return Action::Unsupported { what };
        }
        lexer.skip_blank();
        lexer.rest_of_line();
    }
}

#[cfg(test)]
mod tests;
