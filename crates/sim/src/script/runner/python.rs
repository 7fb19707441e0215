//! The little Python of `%{ }%` blocks: assertions about integers, assignments, `print`.
//!
//! Messages of assertions are passed over. What is not known is an error that says so.

use std::collections::BTreeMap;

/// How deep parentheses may lie in each other.
pub const CODE_DEPTH_MAX: u32 = 32;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An assertion does not hold: its text, and the names in it with their values.
    Fails(String),
    /// Something that is not known here.
    Unknown(String),
}

/// Runs a block. `lookup` gives the values of names that the script did not assign itself.
pub(super) fn run(
    code: &str,
    variables: &mut BTreeMap<String, i64>,
    lookup: &mut dyn FnMut(&str) -> Option<i64>,
) -> Result<(), Trouble> {
    for statement in statements(code) {
        let mut parser = Parser {
            tokens: tokens(&statement)?,
            at: 0,
            depth: 0,
            variables,
            lookup,
            used: Vec::new(),
        };
        parser.statement(&statement)?;
    }
    Ok(())
}

/// Statements end at semicolons and at the ends of lines outside of brackets.
fn statements(code: &str) -> Vec<String> {
    let code = code.replace("\\\n", " ");
    let mut statements = vec![String::new()];
    let (mut depth, mut quote, mut comment) = (0_u32, None, false);
    for c in code.chars() {
        if comment && c != '\n' {
            continue;
        }
        comment = false;
        match (quote, c) {
            (None, '#') => {
                comment = true;
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ';') | (None, '\n') if depth == 0 => {
                statements.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = statements.last_mut() {
            last.push(c);
        }
    }
    let trimmed = statements.iter().map(|text| text.trim().to_owned());
    trimmed.filter(|text| !text.is_empty()).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Number(i64),
    Name(String),
    Text,
    Sign(&'static str),
}

const SIGNS: &[&str] = &[
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+=", "-=", "*=", "+", "-", "*", "/", "%", "&",
    "|", "^", "~", "<", ">", "=", "(", ")", ",", ".", "[", "]",
];

fn tokens(text: &str) -> Result<Vec<Token>, Trouble> {
    let unknown = |rest: &str| Trouble::Unknown(format!("code `{rest}`"));
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if first.is_ascii_digit() {
            let len = run_of(rest, |c| c.is_ascii_alphanumeric());
            let word = &rest[..len];
            let number = match word.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16),
                None => word.parse(),
            };
            tokens.push(Token::Number(number.map_err(|_| unknown(rest))?));
            len
        } else if first.is_ascii_alphabetic() || first == '_' {
            let len = run_of(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            tokens.push(Token::Name(rest[..len].to_owned()));
            len
        } else if first == '\'' || first == '"' {
            let end = rest[1..].find(first).ok_or_else(|| unknown(rest))?;
            tokens.push(Token::Text);
            end + 2
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| unknown(rest))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}

fn run_of(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    variables: &'a mut BTreeMap<String, i64>,
    lookup: &'a mut dyn FnMut(&str) -> Option<i64>,
    /// Names whose values were asked for.
    used: Vec<(String, i64)>,
}

type Outcome = Result<i64, Trouble>;

impl Parser<'_> {
    fn statement(&mut self, text: &str) -> Result<(), Trouble> {
        if self.eat_name("print") || self.eat_name("pass") {
            return Ok(());
        }
        if self.eat_name("assert") {
            let holds = self.expression()? != 0;
            if !self.at_end() && !self.eat(",") {
                return Err(self.unknown());
            }
            if holds {
                return Ok(());
            }
            let values: Vec<String> = self
                .used
                .iter()
                .map(|(name, value)| format!("{name} is {value}"))
                .collect();
            return Err(Trouble::Fails(format!("{text}: {}", values.join(", "))));
        }
        if let [Token::Name(name), Token::Sign(sign), ..] = self.tokens.as_slice()
            && ["=", "+=", "-=", "*="].contains(sign)
        {
            let (name, sign) = (name.clone(), *sign);
            self.at = 2;
            let value = self.expression()?;
            let old = self.variables.get(&name).copied();
            let new = match (sign, old) {
                ("=", _) => Some(value),
                ("+=", Some(old)) => old.checked_add(value),
                ("-=", Some(old)) => old.checked_sub(value),
                ("*=", Some(old)) => old.checked_mul(value),
                _ => None,
            };
            let new = new.ok_or_else(|| self.unknown())?;
            self.variables.insert(name, new);
            return if self.at_end() {
                Ok(())
            } else {
                Err(self.unknown())
            };
        }
        Err(self.unknown())
    }

    fn expression(&mut self) -> Outcome {
        self.depth += 1;
        if self.depth > CODE_DEPTH_MAX {
            return Err(Trouble::Unknown("code that lies too deep".to_owned()));
        }
        let mut value = self.conjunction()?;
        while self.eat_name("or") {
            let other = self.conjunction()?;
            value = if value == 0 { other } else { value };
        }
        self.depth -= 1;
        Ok(value)
    }

    fn conjunction(&mut self) -> Outcome {
        let mut value = self.negation()?;
        while self.eat_name("and") {
            let other = self.negation()?;
            value = if value == 0 { value } else { other };
        }
        Ok(value)
    }

    fn negation(&mut self) -> Outcome {
        let mut negations = 0;
        while self.eat_name("not") {
            negations += 1;
        }
        let value = self.comparison()?;
        Ok(match negations {
            0 => value,
            odd if odd % 2 == 1 => i64::from(value == 0),
            _ => i64::from(value != 0),
        })
    }

    /// Comparisons chain: `a <= b <= c` holds when both do.
    fn comparison(&mut self) -> Outcome {
        let mut left = self.binary(0)?;
        let mut result = None;
        loop {
            let sign = ["==", "!=", "<=", ">=", "<", ">"]
                .into_iter()
                .find(|sign| self.eat(sign));
            let Some(sign) = sign else {
                return Ok(result.map_or(left, i64::from));
            };
            let right = self.binary(0)?;
            let holds = match sign {
                "==" => left == right,
                "!=" => left != right,
                "<=" => left <= right,
                ">=" => left >= right,
                "<" => left < right,
                _ => left > right,
            };
            result = Some(result.unwrap_or(true) && holds);
            left = right;
        }
    }

    /// Operators of two values, from the weakest (0) to the strongest.
    fn binary(&mut self, level: usize) -> Outcome {
        const LEVELS: &[&[&str]] = &[
            &["|"],
            &["^"],
            &["&"],
            &["<<", ">>"],
            &["+", "-"],
            &["*", "//", "/", "%"],
        ];
        let Some(signs) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let Some(sign) = signs.iter().find(|sign| self.eat(sign)) else {
                return Ok(left);
            };
            let right = self.binary(level + 1)?;
            left = calculate(left, sign, right).ok_or_else(|| self.unknown())?;
        }
    }

    fn unary(&mut self) -> Outcome {
        let mut negative = false;
        loop {
            if self.eat("-") {
                negative = !negative;
            } else if !self.eat("+") {
                break;
            }
        }
        let value = if self.eat("~") {
            !self.primary()?
        } else {
            self.primary()?
        };
        Ok(if negative {
            value.checked_neg().ok_or_else(|| self.unknown())?
        } else {
            value
        })
    }

    fn primary(&mut self) -> Outcome {
        if self.eat("(") {
            let value = self.expression()?;
            return if self.eat(")") {
                Ok(value)
            } else {
                Err(self.unknown())
            };
        }
        let value = match self.tokens.get(self.at) {
            Some(Token::Number(number)) => *number,
            Some(Token::Name(name)) => match name.as_str() {
                "True" => 1,
                "False" => 0,
                name => {
                    let own = self.variables.get(name).copied();
                    let value = own.or_else(|| (self.lookup)(name));
                    let value = value.ok_or_else(|| Trouble::Unknown(format!("name {name}")))?;
                    self.used.push((name.to_owned(), value));
                    value
                }
            },
            _ => return Err(self.unknown()),
        };
        self.at += 1;
        Ok(value)
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let seen = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(seen);
        seen
    }

    fn eat_name(&mut self, wanted: &str) -> bool {
        let seen = matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == wanted);
        self.at += usize::from(seen);
        seen
    }

    fn at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn unknown(&self) -> Trouble {
        let rest = self.tokens.get(self.at);
        Trouble::Unknown(match rest {
            Some(token) => format!("code at {token:?}"),
            None => "code that ends too early".to_owned(),
        })
    }
}

fn calculate(left: i64, sign: &str, right: i64) -> Option<i64> {
    match sign {
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "&" => Some(left & right),
        "<<" => left.checked_shl(u32::try_from(right).ok()?),
        ">>" => left.checked_shr(u32::try_from(right).ok()?),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "//" => left.checked_div_euclid(right),
        // Fractions are not known here.
        "/" => (left.checked_rem(right)? == 0).then(|| left / right),
        _ => left.checked_rem_euclid(right),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run_with(code: &str, variables: &mut BTreeMap<String, i64>) -> Result<(), Trouble> {
        run(code, variables, &mut |name| {
            (name == "tcpi_snd_cwnd").then_some(10)
        })
    }

    #[test]
    fn assertions_hold_or_tell_the_values_they_saw() {
        let mut variables = BTreeMap::new();
        for code in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "print(tcpi_snd_cwnd); c = 4; c += 6; assert tcpi_snd_cwnd == c",
            "assert 9 <= tcpi_snd_cwnd <= 10, 'cwnd=%d; no' % tcpi_snd_cwnd",
            "assert (tcpi_snd_cwnd & 2) != 0 and not 1 > 2\n\nassert 1 or 0 # why",
            "assert tcpi_snd_cwnd == 1500 - 1490, \\\n tcpi_snd_cwnd",
            "assert 1 + 2 * 3 == 7 and -2 + 3 == 1 and 7 // 2 == 3 and 1 << 4 == 16",
        ] {
            assert_eq!(run_with(code, &mut variables), Ok(()), "{code}");
        }
        let failed = run_with("assert tcpi_snd_cwnd == 11, 'x'", &mut variables);
        let Err(Trouble::Fails(text)) = failed else {
            panic!("{failed:?}");
        };
        assert!(text.ends_with("tcpi_snd_cwnd is 10"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_no_success() {
        for code in [
            "assert tcpi_mood == 1",
            "import os",
            "assert 1 ==",
            "assert 3 / 2 == 1",
            "x += 1",
            "assert 1 2",
            "assert 'a'",
            "x = 1 if y else 2",
        ] {
            let result = run_with(code, &mut BTreeMap::new());
            assert!(matches!(result, Err(Trouble::Unknown(_))), "{code}");
        }
        let deep = format!("assert {}1", "(".repeat(10_000));
        assert!(run_with(&deep, &mut BTreeMap::new()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_code_runs_or_is_refused(code in "[-a-z0-9 ()<=>+*/%&|~^'\"#;,\\\\\\n]{0,60}") {
            let _ = run_with(&code, &mut BTreeMap::new());
        }
    }
}
