//! Reads a condition of a metric far enough to say whether a text is one.
//!
//! In: a text in the language expr, which Argo Rollouts uses. Out: why it is none, and names that it does not know.
//! Holds: depth and length are bounded. Never: types; whether `result` is a list is known only when it is measured.
//! Source: the language definition of expr-lang.

mod token;

use token::Token;

use crate::check::Findings;
use crate::check::findings::code;

/// Deepest nesting.
const DEPTH: usize = 64;
/// Longest text.
const LENGTH: usize = 16 * 1024;
/// What a condition can speak of.
const KNOWN: [&str; 4] = ["result", "true", "false", "nil"];

pub(super) fn check(text: &str, findings: &mut Findings) {
    const FIX: &str = "write a condition such as result[0] >= 0.95";
    match parse(text) {
        Err(why) => findings.error(why, FIX),
        Ok(names) => {
            for name in names {
                let what = format!("speaks of {name:?}, and only `result` is known");
                findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, FIX);
            }
        }
    }
}

/// The names that it speaks of without knowing them, or why it is no condition.
fn parse(text: &str) -> Result<Vec<String>, String> {
    if text.len() > LENGTH {
        return Err(format!("is longer than {LENGTH} characters"));
    }
    let text = filled(text);
    let tokens = token::all(&text)?;
    // Inside of a predicate bare names are fields of the element.
    let open = text.contains(['{', '#']) || tokens.contains(&Token::Name("let".to_owned()));
    let mut parser = Parser { tokens, at: 0, depth: 0, names: Vec::new() };
    parser.expression()?;
    match parser.tokens.get(parser.at) {
        None if open => Ok(Vec::new()),
        None => Ok(parser.names),
        Some(token) => Err(format!("has {token} where an operator or the end should be")),
    }
}

/// The text with something in the place of each `{{args.NAME}}`.
fn filled(text: &str) -> String {
    let mut parts = text.split("{{");
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("}}") {
            Some((_, rest)) => {
                found.push('1');
                found.push_str(rest);
            }
            None => {
                found.push_str("{{");
                found.push_str(part);
            }
        }
    }
    found
}

const SYMBOLS: &[&str] = &[
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "**", "*", "/", "%", "^", "..", "??",
    "|",
];
const WORDS: &[&str] = &["and", "or", "in", "matches", "contains", "startsWith", "endsWith"];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    names: Vec<String>,
}

impl Parser {
    fn symbol(&self) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Symbol(symbol)) => Some(symbol),
            Some(Token::Name(_) | Token::Literal) | None => None,
        }
    }

    fn word(&self, words: &[&str]) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Name(name)) if words.contains(&name.as_str()))
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.symbol() == Some(symbol);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.word(&[word]);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(format!("misses {symbol:?}")) }
    }

    fn expression(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("is nested deeper than {DEPTH} levels"));
        }
        while self.take_word("let") {
            self.name()?;
            self.expect("=")?;
            self.operands()?;
            self.expect(";")?;
        }
        self.operands()?;
        if self.take("?") {
            self.expression()?;
            self.expect(":")?;
            self.expression()?;
        } else if self.take("?:") {
            self.expression()?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Operands with operators between them; which binds tighter does not matter here.
    fn operands(&mut self) -> Result<(), String> {
        loop {
            while self.take("!") || self.take("-") || self.take("+") || self.take_word("not") {}
            self.primary()?;
            self.postfix()?;
            let negated = self.take_word("not");
            if self.word(WORDS) || self.symbol().is_some_and(|s| SYMBOLS.contains(&s)) {
                self.at += 1;
            } else if negated {
                return Err("has `not` without an operator behind it".to_owned());
            } else {
                return Ok(());
            }
        }
    }

    fn primary(&mut self) -> Result<(), String> {
        if self.take("(") {
            self.expression()?;
            return self.expect(")");
        }
        if self.take("[") {
            return self.list("]");
        }
        if self.take("{") {
            return self.braces();
        }
        if self.take("#") {
            return Ok(());
        }
        if self.take(".") {
            return self.name();
        }
        match self.tokens.get(self.at) {
            Some(Token::Literal) => {
                self.at += 1;
                Ok(())
            }
            Some(Token::Name(name)) if !WORDS.contains(&name.as_str()) => {
                let (name, next) = (name.clone(), self.tokens.get(self.at + 1));
                if next != Some(&Token::Symbol("(")) && !KNOWN.contains(&name.as_str()) {
                    self.names.push(name);
                }
                self.at += 1;
                Ok(())
            }
            Some(token) => Err(format!("has {token} where a value should be")),
            None => Err("ends where a value should be".to_owned()),
        }
    }

    fn postfix(&mut self) -> Result<(), String> {
        loop {
            let optional = self.take("?.");
            if optional && self.symbol() != Some("[") || self.take(".") {
                self.name()?;
            } else if self.take("(") {
                self.list(")")?;
            } else if self.take("[") {
                self.index()?;
            } else {
                return Ok(());
            }
        }
    }

    /// An index, or a slice such as `[1:]`.
    fn index(&mut self) -> Result<(), String> {
        if self.symbol() != Some(":") {
            self.expression()?;
        }
        if self.take(":") && self.symbol() != Some("]") {
            self.expression()?;
        }
        self.expect("]")
    }

    /// A map, or a predicate.
    fn braces(&mut self) -> Result<(), String> {
        while !self.take("}") {
            self.expression()?;
            if self.take(":") {
                self.expression()?;
            }
            if !self.take(",") {
                return self.expect("}");
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(), String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(_)) => {
                self.at += 1;
                Ok(())
            }
            Some(token) => Err(format!("has {token} where a name should be")),
            None => Err("ends where a name should be".to_owned()),
        }
    }

    fn list(&mut self, end: &str) -> Result<(), String> {
        while !self.take(end) {
            self.expression()?;
            if !self.take(",") {
                return self.expect(end);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn conditions_are_told_from_other_texts() {
        for text in [
            "result[0] >= 0.95",
            "result == 'ok' && len(result) > 0",
            "default(result, 0) < 0.05 or isNaN(result)",
            "all(result, {# > 1}) and not any(result, # < 0)",
            "result.data.ok?.value ?? 1 > {{args.limit}}",
            "\"{{ args.name }}\" in result.names",
            "result matches '^a.*' ? true : false",
            "let x = result[0]; x > 1 and x <= 1e3",
            "result[1:] | filter(.ok) | count() > 0",
            "{a: 1, \"b\": [1, 2]}.a == 1",
            "asFloat(result) not in [1.5, 2]",
            "result[0] <= 200",
        ] {
            assert_eq!(parse(text), Ok(Vec::new()), "{text}");
        }
        for text in [
            "",
            "result[0",
            "result >",
            "result = 1",
            "(result > 1",
            "result > 1)",
            "'open",
            "a b",
            "result[0] >== 1",
            "result not 1",
            "§",
            "result > > 1",
            "result[0] >= 95%",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn names_that_nobody_knows_are_told() {
        assert_eq!(parse("results[0] > 1"), Ok(vec!["results".to_owned()]));
    }
}
