//! TCP options between `<` and `>`.

use crate::script::ast::{Cookie, EcnCounter, TcpOption};
use crate::script::lexer::{Lexer, ParseError};

/// Most bytes of a cookie or of an unknown option in a script: what a header has room for.
pub const OPTION_CONTENT_MAX: usize = 38;

const WHAT: &str = "a TCP option";

/// The options up to `>`; `None` was `...`. `Err` inside says what is not known.
pub(super) fn options(
    lexer: &mut Lexer<'_>,
) -> Result<Result<Option<Vec<TcpOption>>, String>, ParseError> {
    if lexer.eat("...") {
        lexer.expect(">", "TCP options")?;
        return Ok(Ok(None));
    }
    let mut options = Vec::new();
    while !lexer.eat(">") {
        if !options.is_empty() {
            lexer.expect(",", "TCP options")?;
        }
        match option(lexer)? {
            Ok(option) => options.push(option),
            Err(what) => return Ok(Err(what)),
        }
    }
    Ok(Ok(Some(options)))
}

fn option(lexer: &mut Lexer<'_>) -> Result<Result<TcpOption, String>, ParseError> {
    let Some(name) = lexer.word() else {
        return Err(lexer.error(WHAT, "its name"));
    };
    Ok(Ok(match name {
        "eol" => TcpOption::Eol,
        "nop" => TcpOption::Nop,
        "mss" => TcpOption::Mss(lexer.number(WHAT)?),
        "wscale" => TcpOption::WindowScale(lexer.number(WHAT)?),
        "sackOK" => TcpOption::SackPermitted,
        "sack" => TcpOption::Sack(blocks(lexer)?),
        "TS" => timestamps(lexer)?,
        "FO" => TcpOption::FastOpen(cookie(lexer)?),
        "FOEXP" => TcpOption::FastOpenExperimental(cookie(lexer)?),
        "ECN" => TcpOption::AccEcn(counters(lexer)?),
        "md5" => {
            lexer.take(|byte| byte.is_ascii_hexdigit());
            TcpOption::Md5
        }
        "kind" => unknown(lexer)?,
        name => return Ok(Err(format!("the TCP option `{name}`"))),
    }))
}

fn timestamps(lexer: &mut Lexer<'_>) -> Result<TcpOption, ParseError> {
    lexer.expect("val", WHAT)?;
    let value = lexer.number(WHAT)?;
    lexer.expect("ecr", WHAT)?;
    let echo = lexer.number(WHAT)?;
    Ok(TcpOption::Timestamps { value, echo })
}

fn blocks(lexer: &mut Lexer<'_>) -> Result<Vec<(u32, u32)>, ParseError> {
    let mut blocks = Vec::new();
    while !lexer.sees(",") && !lexer.sees(">") {
        let first = lexer.number("a SACK block")?;
        lexer.expect(":", "a SACK block")?;
        blocks.push((first, lexer.number("a SACK block")?));
        if blocks.len() > 4 {
            return Err(lexer.error(WHAT, "room for another SACK block"));
        }
    }
    Ok(blocks)
}

fn counters(lexer: &mut Lexer<'_>) -> Result<Vec<(EcnCounter, u32)>, ParseError> {
    let mut counters = Vec::new();
    while let Some(name) = lexer.word() {
        let counter = match name {
            "e0b" => EcnCounter::Ect0,
            "ceb" => EcnCounter::Ce,
            "e1b" => EcnCounter::Ect1,
            _ => return Err(lexer.error(WHAT, "one of the counters e0b, ceb and e1b")),
        };
        counters.push((counter, lexer.number(WHAT)?));
        if counters.len() > 3 {
            return Err(lexer.error(WHAT, "an end of the counters"));
        }
    }
    Ok(counters)
}

/// Hexadecimal digits are the cookie itself, any other word is its name, nothing asks for one.
fn cookie(lexer: &mut Lexer<'_>) -> Result<Cookie, ParseError> {
    let text = lexer.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Cookie::Bytes(bytes(lexer, text)?));
    }
    Ok(Cookie::Named(text.to_owned()))
}

fn unknown(lexer: &mut Lexer<'_>) -> Result<TcpOption, ParseError> {
    let kind = lexer.number(WHAT)?;
    lexer.eat("0x");
    let text = lexer.take(|byte| byte.is_ascii_hexdigit());
    let content = bytes(lexer, text)?;
    Ok(TcpOption::Unknown { kind, content })
}

fn bytes(lexer: &mut Lexer<'_>, text: &str) -> Result<Vec<u8>, ParseError> {
    if !text.len().is_multiple_of(2) || text.len() / 2 > OPTION_CONTENT_MAX {
        return Err(lexer.error(WHAT, "an even number of hexadecimal digits, at most 76,"));
    }
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits are a byte")
    };
    Ok(digits.map(byte).collect())
}
