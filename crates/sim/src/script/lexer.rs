//! A cursor over a script's text: blanks and comments, words, numbers, quoted text, positions.
//!
//! The same characters mean different things in different places (`.` is a flag, a fraction, the
//! beginning of `...`), so there is no list of tokens: the parser asks for the kind it expects.

use std::fmt;

/// A place in a script, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The byte in the line.
    pub column: u32,
}

/// Why a script cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where.
    pub at: Position,
    /// What was being read.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}: {}",
            self.at.line, self.at.column, self.what, self.why
        )
    }
}

impl std::error::Error for ParseError {}

/// The text and how far it was read.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// Where the next thing that is not blank begins.
    pub(crate) fn position(&mut self) -> Position {
        self.skip_blank();
        let column = self.at - self.line_start + 1;
        Position {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// An error at the next thing that is not blank.
    pub(crate) fn error(&mut self, what: &'static str, expected: &str) -> ParseError {
        let at = self.position();
        let found: String = self.rest().chars().take_while(|c| *c != '\n').collect();
        let found: String = found.chars().take(24).collect();
        let why = if found.is_empty() {
            format!("{expected} is missing at the end")
        } else {
            format!("{expected} is missing before `{found}`")
        };
        ParseError { at, what, why }
    }

    /// Skips blanks and comments.
    pub(crate) fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            if blank > 0 {
                self.advance(blank);
            } else if rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.advance(rest.find("*/").map_or(rest.len(), |end| end + 2));
            } else {
                return;
            }
        }
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_blank();
        self.rest().is_empty()
    }

    /// Whether `wanted` comes next.
    pub(crate) fn sees(&mut self, wanted: &str) -> bool {
        self.skip_blank();
        self.rest().starts_with(wanted)
    }

    /// The next character that is not blank.
    pub(crate) fn peek(&mut self) -> Option<char> {
        self.skip_blank();
        self.rest().chars().next()
    }

    /// Takes `wanted` if it comes next.
    pub(crate) fn eat(&mut self, wanted: &str) -> bool {
        let seen = self.sees(wanted);
        if seen {
            self.advance(wanted.len());
        }
        seen
    }

    /// Takes `wanted` if it comes next, without a blank before it.
    pub(crate) fn eat_here(&mut self, wanted: &str) -> bool {
        self.rest().starts_with(wanted) && self.eat(wanted)
    }

    /// Takes the whole word `wanted` if it comes next.
    pub(crate) fn eat_word(&mut self, wanted: &str) -> bool {
        let mut ahead = self.clone();
        let seen = ahead.word() == Some(wanted);
        if seen {
            *self = ahead;
        }
        seen
    }

    /// Takes `wanted` or tells that it is missing.
    pub(crate) fn expect(&mut self, wanted: &str, what: &'static str) -> Result<(), ParseError> {
        if self.eat(wanted) {
            return Ok(());
        }
        Err(self.error(what, &format!("`{wanted}`")))
    }

    /// Takes the characters for which `wanted` holds, which are all ASCII; may be none.
    pub(crate) fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        self.skip_blank();
        self.take_here(wanted)
    }

    /// As `take`, without skipping blanks before.
    pub(crate) fn take_here(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest
            .bytes()
            .position(|byte| !byte.is_ascii() || !wanted(byte))
            .unwrap_or(rest.len());
        self.advance(len);
        &rest[..len]
    }

    /// A word of letters, digits and underscores that does not begin with a digit.
    pub(crate) fn word(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        if !(first.is_ascii_alphabetic() || first == '_') {
            return None;
        }
        Some(self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    }

    /// A whole number, decimal or hexadecimal, perhaps negative; untouched if there is none.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let mut ahead = self.clone();
        let negative = ahead.eat("-");
        let magnitude = if ahead.eat("0x") || ahead.eat("0X") {
            i64::from_str_radix(ahead.take_here(|byte| byte.is_ascii_hexdigit()), 16)
        } else {
            ahead.take(|byte| byte.is_ascii_digit()).parse::<i64>()
        };
        let magnitude = magnitude.ok()?;
        *self = ahead;
        Some(if negative { -magnitude } else { magnitude })
    }

    /// A number that fits into `T`.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, ParseError> {
        let mut ahead = self.clone();
        let fits = ahead
            .integer()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.error(what, "a number that fits"))?;
        *self = ahead;
        Ok(fits)
    }

    /// Everything up to `end`, which is taken too; `None` when it does not come.
    pub(crate) fn until(&mut self, end: &str) -> Option<&'a str> {
        let rest = self.rest();
        let len = rest.find(end)?;
        self.advance(len + end.len());
        Some(&rest[..len])
    }

    /// The rest of this line.
    pub(crate) fn rest_of_line(&mut self) -> &'a str {
        let rest = self.rest();
        let len = rest.find('\n').unwrap_or(rest.len());
        self.advance(len);
        &rest[..len]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, count: usize) {
        let passed = &self.text[self.at..self.at + count];
        if let Some(last) = passed.rfind('\n') {
            let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
            self.line = self
                .line
                .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            self.line_start = self.at + last + 1;
        }
        self.at += count;
    }
}
