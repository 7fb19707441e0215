//! The times of steps: `1.5`, `+.1`, `*`, `1~2`, `+.1~+.2`.

use std::time::Duration;

use crate::script::ast::When;
use crate::script::lexer::{Lexer, ParseError};

const WHAT: &str = "the time of a step";

/// The time with which a step begins.
pub(super) fn when(lexer: &mut Lexer<'_>) -> Result<When, ParseError> {
    if lexer.eat("*") {
        return Ok(When::Any);
    }
    let relative = lexer.eat("+");
    let first = seconds(lexer)?;
    if !lexer.eat("~") {
        return Ok(if relative {
            When::After(first)
        } else {
            When::At(first)
        });
    }
    let second_relative = lexer.eat("+");
    let last = seconds(lexer)?;
    if relative != second_relative || last < first {
        return Err(lexer.error(WHAT, "a range of two times of one kind, the earlier first,"));
    }
    Ok(if relative {
        When::AfterBetween(first, last)
    } else {
        When::Between(first, last)
    })
}

/// Seconds with a fraction, exact to the nanosecond; digits beyond are cut off.
pub(super) fn seconds(lexer: &mut Lexer<'_>) -> Result<Duration, ParseError> {
    let whole = lexer.take(|byte| byte.is_ascii_digit());
    let mut fraction = "";
    let mut ahead = lexer.clone();
    if ahead.eat_here(".") {
        let digits = ahead.take_here(|byte| byte.is_ascii_digit());
        if !digits.is_empty() {
            fraction = digits;
            *lexer = ahead;
        }
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(lexer.error(WHAT, "a number of seconds"));
    }
    let whole: u32 = if whole.is_empty() {
        0
    } else {
        let number = whole.parse();
        number.map_err(|_| lexer.error(WHAT, "a number of seconds below 2^32"))?
    };
    let nanos = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Ok(Duration::new(u64::from(whole), nanos))
}
