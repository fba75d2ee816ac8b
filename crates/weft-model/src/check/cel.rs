//! Reads CEL far enough to say whether a text is an expression.
//!
//! In: a text. Out: why it is none. Holds: depth and length are bounded. Never: meaning; names and types are not looked at.
//! Why not a library: the one that parses CEL in Rust takes more stack than a server's thread has.
//! Source: the grammar of the CEL specification.

/// Deepest nesting.
const DEPTH: usize = 64;
/// Longest text.
const LENGTH: usize = 16 * 1024;

/// Whether the text is an expression.
pub(crate) fn parse(text: &str) -> Result<(), String> {
    if text.len() > LENGTH {
        return Err(format!("is longer than {LENGTH} characters"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    parser.expression()?;
    match parser.tokens.get(parser.at) {
        None => Ok(()),
        Some(token) => Err(format!("has {token:?} where an operator or the end should be")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Literal,
    Symbol(&'static str),
}

const SYMBOLS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first)?;
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
        while let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after).trim_start();
        }
    }
    Ok(found)
}

fn token(rest: &str, first: char) -> Result<(Token, usize), String> {
    if let Some(length) = quoted(rest)? {
        return Ok((Token::Literal, length));
    }
    if first.is_ascii_digit() {
        return Ok((Token::Literal, number(rest)));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if word(first) {
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        return Ok((Token::Name(rest.get(..length).unwrap_or_default().to_owned()), length));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(format!("has {first:?}, which CEL does not know")),
    }
}

/// The length of a text literal, when one begins here.
fn quoted(rest: &str) -> Result<Option<usize>, String> {
    let marks = rest.find(|c: char| !matches!(c, 'r' | 'R' | 'b' | 'B')).unwrap_or(rest.len());
    let body = rest.get(marks..).unwrap_or_default();
    let Some(mark) = body.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Ok(None);
    };
    if marks > 2 {
        return Ok(None);
    }
    let raw = rest.get(..marks).unwrap_or_default().contains(['r', 'R']);
    let long = mark.to_string().repeat(3);
    let end = if body.starts_with(&long) { long } else { mark.to_string() };
    let mut at = end.len();
    while let Some(tail) = body.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with(&end) {
            return Ok(Some(marks + at + end.len()));
        }
        let skipped = usize::from(tail.starts_with('\\') && !raw);
        let step: usize = tail.chars().take(1 + skipped).map(char::len_utf8).sum();
        at += step;
    }
    Err("has a text without its closing quote".to_owned())
}

fn number(rest: &str) -> usize {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    let hex = text.starts_with("0x");
    let signed = rest.get(end..).is_some_and(|tail| tail.starts_with(['+', '-']));
    if !hex && signed && text.ends_with(['e', 'E']) {
        let tail = rest.get(end + 1..).unwrap_or_default();
        return end + 1 + tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
    }
    end
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

const BINARY: &[&str] = &["&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%"];

impl Parser {
    fn is(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(format!("misses {symbol:?}")) }
    }

    /// What stands between brackets, or the whole.
    fn expression(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("is nested deeper than {DEPTH} levels"));
        }
        self.operands()?;
        if self.take("?") {
            self.operands()?;
            self.expect(":")?;
            self.expression()?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Operands with operators between them; which binds tighter does not matter here.
    fn operands(&mut self) -> Result<(), String> {
        loop {
            while self.take("!") || self.take("-") {}
            self.operand()?;
            let operator = match self.tokens.get(self.at) {
                Some(Token::Symbol(symbol)) => BINARY.contains(symbol),
                Some(Token::Name(name)) => name == "in",
                Some(Token::Literal) | None => false,
            };
            if !operator {
                return Ok(());
            }
            self.at += 1;
        }
    }

    fn operand(&mut self) -> Result<(), String> {
        self.primary()?;
        loop {
            if self.take(".") {
                self.take("?");
                self.name()?;
            } else if self.take("(") {
                self.list(")")?;
            } else if self.take("[") {
                self.take("?");
                self.expression()?;
                self.expect("]")?;
            } else if self.is("{") {
                self.at += 1;
                self.entries()?;
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
            return self.entries();
        }
        self.take(".");
        if self.tokens.get(self.at) == Some(&Token::Literal) {
            self.at += 1;
            return Ok(());
        }
        self.name()
    }

    fn name(&mut self) -> Result<(), String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) if name != "in" => {
                self.at += 1;
                Ok(())
            }
            Some(Token::Name(name)) => Err(format!("has {name:?} where a value should be")),
            Some(Token::Symbol(symbol)) => Err(format!("has {symbol:?} where a value should be")),
            Some(Token::Literal) => Err("has a literal where a name should be".to_owned()),
            None => Err("ends where a value should be".to_owned()),
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

    fn entries(&mut self) -> Result<(), String> {
        while !self.take("}") {
            self.expression()?;
            self.expect(":")?;
            self.expression()?;
            if !self.take(",") {
                return self.expect("}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn expressions_are_told_from_other_texts() {
        for text in [
            "response.code >= 400",
            "connection.mtls && request.url_path.contains('v1beta3')",
            "!has(request.headers['x-a']) || (a.b == \"x\\\"y\" ? 1 : -2.5e-3) in [1, 2,]",
            "{'a': 1, 'b': Type{field: 2}}.a < r'\\d' // why",
            "xs.all(x, x > 0u)",
        ] {
            assert_eq!(parse(text), Ok(()), "{text}");
        }
        for text in [")++++", "", "a b", "a ==", "'open", "(a", "a[1", "{1}", "a ? b", "§", "in"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
    }
}
